use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::load::from_sources;
use super::*;
use crate::detect::inspect::{Signal, Signals, evidence};
use crate::yaml::{Located, Source};

fn set(text: &str) -> Result<Arc<RuleSet>, Located> {
    from_sources(vec![Source { file: "r.yaml".into(), text: text.into() }])
}

/// A rule with this condition; the condition starts in line 5, column 12.
fn rule(condition: &str) -> String {
    format!("rules:\n  - id: a\n    title: t\n    action: log\n    match: {condition}\n")
}

fn mistake(condition: &str) -> String {
    set(&rule(condition)).unwrap_err().to_string()
}

fn names(host: &str) -> Names<'_> {
    Names {
        host,
        port: 443,
        sni: None,
        user: None,
        groups: &[],
        client_ip: [192, 0, 2, 1].into(),
        approved: false,
    }
}

fn failed(outcomes: &[samples::SampleResult]) -> String {
    let failed = outcomes.iter().filter(|outcome| outcome.problem.is_some());
    failed.map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

fn shipped() -> Arc<RuleSet> {
    load(&[PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/rules"))]).unwrap()
}

#[test]
fn the_shipped_rules_pass_their_own_samples() {
    let outcomes = samples::run(&shipped());
    assert_eq!(failed(&outcomes), "");
    assert!(outcomes.len() > 50, "{}", outcomes.len());
}

#[test]
fn every_condition_can_be_written_and_has_its_effect() {
    let rules = set(include_str!("tests/conditions.yaml")).unwrap();
    assert_eq!(failed(&samples::run(&rules)), "");
}

#[test]
fn a_sample_that_fails_is_named_with_its_place_and_the_rules_that_matched() {
    let samples = "    samples:\n      match:\n        - { path: /x }\n        - { path: /y }\n";
    let rules = set(&format!("{}{samples}", rule("{ path: [/x] }"))).unwrap();
    let expected = "r.yaml:9: a: samples.match[1]: matched by []\nr.yaml:2: a: samples.no_match: is missing";
    assert_eq!(failed(&samples::run(&rules)), expected);
}

/// The keys of a condition (and of `mcp` in one), as the refusal of another key lists them.
fn keys(condition: &str) -> Vec<String> {
    let refusal = mistake(condition);
    let (_, list) = refusal.lines().next().unwrap().split_once("expected one of ").unwrap();
    list.split(", ").map(|key| key.trim_matches('`').to_owned()).collect()
}

/// Adds the keys that a condition uses.
fn used(condition: &serde_json::Value, keys: &mut BTreeSet<String>) {
    for (key, value) in condition.as_object().unwrap() {
        keys.insert(key.clone());
        match key.as_str() {
            "all" | "any" => value.as_array().unwrap().iter().for_each(|inner| used(inner, keys)),
            "not" => used(value, keys),
            "mcp" => keys.extend(value.as_object().unwrap().keys().map(|key| format!("mcp.{key}"))),
            _ => {}
        }
    }
}

#[test]
fn every_condition_is_described_and_used_in_the_tests() {
    let text = include_str!("tests/conditions.yaml");
    let file: serde_json::Value = Source { file: "r.yaml".into(), text: text.into() }.parse().unwrap();
    let mut written = BTreeSet::new();
    file["rules"].as_array().unwrap().iter().for_each(|rule| used(&rule["match"], &mut written));
    // A list of hosts is a file of its own, so it has a test of its own.
    written.insert("hosts_file".into());
    let mut every: BTreeSet<String> = keys("{ bogus: 1 }").into_iter().collect();
    every.extend(keys("{ mcp: { bogus: 1 } }").into_iter().map(|key| format!("mcp.{key}")));
    assert_eq!(written, every);
    every.remove("mcp");
    let described = include_str!("../../../docs/rules.md");
    let missing: Vec<_> = every.iter().filter(|key| !described.contains(&format!("`{key}`"))).collect();
    assert!(missing.is_empty(), "docs/rules.md lacks {missing:?}");
}

#[test]
fn a_mistake_in_a_rule_points_to_its_place_and_shows_the_line() {
    for (wrong, place, says) in [
        ("action: lgo", "r.yaml:4:13:", "lgo"),
        ("id: A!", "r.yaml:2:9:", "not an id"),
        ("match: [a]", "r.yaml:5:12:", "keys with values are expected"),
        ("match:", "r.yaml:5:10:", "keys with values are expected"),
    ] {
        let right = rule("{host: [a.example]}");
        let (key, _) = wrong.split_once(':').unwrap();
        let line = right.lines().find(|line| line.contains(&format!("{key}:"))).unwrap();
        let (indent, _) = line.split_once(key).unwrap();
        let error = set(&right.replace(line, &format!("{indent}{wrong}"))).unwrap_err().to_string();
        assert!(error.starts_with(place) && error.contains(says) && error.contains(wrong), "{error}");
    }
    let twice = "rules:\n  - {id: a, title: t, action: log, match: {port: [1]}}\n";
    let twice = format!("{twice}{}", twice.trim_start_matches("rules:\n"));
    assert!(
        set(&twice)
            .unwrap_err()
            .to_string()
            .starts_with("r.yaml:3:10: `a` is also the id of a rule at r.yaml:2")
    );
}

#[test]
fn a_mistake_in_a_condition_points_to_its_place_and_shows_the_line() {
    for (condition, column, says) in [
        ("{ bogus: 1 }", 14, "bogus"),
        ("{ path_regex: \"(\" }", 26, "`(` cannot be used"),
        ("{ path_regex: \"a*\" }", 26, "matches the empty text"),
        ("{ path: [\"a\\0b\"] }", 21, "character 0"),
        ("{ host: [\"b c\"] }", 21, "`b c` is not a host pattern"),
        ("{ host: a.example }", 20, "a list is expected"),
        ("{ client_network: [10.0.0.0/33] }", 31, "not a network"),
        ("{ header: { \"x y\": {} } }", 24, "`x y` is not a header name"),
        (
            "{ mcp: { signal: [RB2, RX9] } }",
            35,
            "`RX9` is not a signal; docs/signals.md describes them: RH1, RH2,",
        ),
        ("{ mcp: { signal: [\"RB*\"] } }", 30, "`RB*` is not a signal"),
        ("{ hosts_file: none.txt }", 26, "none.txt: cannot be read"),
    ] {
        let error = mistake(condition);
        assert!(error.starts_with(&format!("r.yaml:5:{column}: ")), "{condition}\n{error}");
        assert!(
            error.contains(says) && error.ends_with(&format!("match: {condition}")),
            "{condition}\n{error}"
        );
    }
}

#[test]
fn a_signal_is_named_by_its_id_or_by_its_word() {
    let rules =
        set(&rule("{ any: [{ mcp: { signal: [RB2] } }, { mcp: { signal: [own-method] } }] }")).unwrap();
    let mut evaluation = rules.names(&names("x.example")).exchange();
    assert!(evaluation.matches().is_empty());
    let mut signals = Signals::default();
    signals.note(&evidence::OWN_METHOD);
    evaluation.learn(&signals);
    assert_eq!(evaluation.matches().len(), 1);
    let both = rules.explain("a").unwrap();
    assert!(both.contains("Any([Any([Atom(0)]), Any([Atom(0)])])"), "id and word are one fact: {both}");
}

#[test]
fn the_docs_list_every_signal_by_id_and_word() {
    let described = include_str!("../../../docs/signals.md");
    let rows: Vec<String> = described
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.rsplit_once(" | "))
        .map(|(row, _what_was_seen)| row.to_owned())
        .skip(1)
        .collect();
    let class = |signal: &Signal| format!("{:?}", signal.class).to_lowercase();
    let row = |signal: &&Signal| {
        format!("{} | {} | {} | {}", signal.id, signal.word, signal.strength.as_str(), class(signal))
    };
    assert_eq!(rows, evidence::ALL.iter().map(row).collect::<Vec<_>>(), "docs/signals.md");
    let named = include_str!("../../../docs/rules.md").split_whitespace().collect::<Vec<_>>().join(" ");
    let list = evidence::ALL.iter().map(|signal| format!("`{}` ({})", signal.word, signal.id));
    let list = list.collect::<Vec<_>>().join(", ");
    assert!(named.contains(&list), "docs/rules.md must list {list}");
}

#[cfg(libhs)]
#[test]
fn a_pattern_that_only_the_engine_refuses_is_found_among_the_others() {
    let error = mistake("{ path_regex: \"^/a\", all: [{ path_regex: \"(?U)ab+\" }] }");
    assert!(error.starts_with("r.yaml:5:53: this pattern cannot be used: "), "{error}");
}

#[test]
fn a_condition_that_says_nothing_is_refused_because_it_would_match_everything() {
    for (condition, column) in [
        ("{}", 12),
        ("{ host: [] }", 20),
        ("{ port: [] }", 20),
        ("{ any: [] }", 19),
        ("{ all: [] }", 19),
        ("{ all: [{}] }", 20),
        ("{ any: [{ port: [1] }, {}] }", 35),
        ("{ not: {} }", 19),
        ("{ mcp: {} }", 19),
        ("{ mcp: { tool: [] } }", 27),
        ("{ header: {} }", 22),
        ("{ header: { x-a: { glob: [] } } }", 37),
    ] {
        let error = mistake(condition);
        assert!(error.starts_with(&format!("r.yaml:5:{column}: ")), "{condition}\n{error}");
        assert!(error.contains("is empty, so it would match everything"), "{condition}\n{error}");
    }
}

#[test]
fn a_key_without_a_value_is_refused() {
    for key in ["host", "any", "not", "host_regex", "hosts_file", "header", "mcp", "approved"] {
        let error = mistake(&format!("\n      {key}:\n      port: [1]"));
        assert!(error.starts_with("r.yaml:6:"), "{key}: {error}");
    }
}

#[test]
fn conditions_that_are_nested_too_deep_are_refused_at_their_place() {
    let nested =
        |levels: usize| format!("{}{{ port: [1] }}{}", "{ not: ".repeat(levels), " }".repeat(levels));
    assert!(set(&rule(&nested(8))).is_ok());
    let error = mistake(&nested(9));
    assert!(error.starts_with("r.yaml:5:75: conditions are nested deeper than 8"), "{error}");
    let error = mistake(&nested(100_000));
    assert!(error.starts_with("r.yaml:5:") && error.contains("nested deeper than 24"), "{error}");
}

/// A folder with a rule over a list of hosts.
fn listed(hosts: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("r.yaml"), rule("{ hosts_file: hosts.txt }")).unwrap();
    std::fs::write(dir.path().join("hosts.txt"), hosts).unwrap();
    dir
}

fn read(dir: &Path) -> Result<Arc<RuleSet>, Located> {
    load(&[dir.to_owned()])
}

#[test]
fn a_list_of_hosts_is_read_beside_the_rule_file() {
    let dir = listed("# ours\nmcp.a.example # the first\n\n*.b.example\nmcp-*.c.example\n");
    let rules = read(dir.path()).unwrap();
    let found = |host| rules.names(&names(host)).matches().len();
    for (host, expected) in [
        ("mcp.a.example", 1),
        ("x.y.b.example", 1),
        ("mcp-eu.c.example", 1),
        ("b.example", 0),
        ("a.example", 0),
    ] {
        assert_eq!(found(host), expected, "{host}");
    }
}

#[test]
fn a_mistake_in_a_list_of_hosts_points_into_the_list() {
    let dir = listed("mcp.a.example\nmcp.b example\n");
    let error = read(dir.path()).unwrap_err().to_string();
    let list = dir.path().join("hosts.txt");
    assert!(
        error.starts_with(&format!("{}:2:1: `mcp.b example` is not a host pattern", list.display())),
        "{error}"
    );
    assert!(error.ends_with("\n    mcp.b example"), "{error}");
}

#[test]
fn the_hash_of_a_rule_set_covers_the_lists_of_hosts() {
    let dir = listed("mcp.a.example\n");
    let before = Arc::clone(&read(dir.path()).unwrap().hash);
    assert_eq!(read(dir.path()).unwrap().hash, before);
    std::fs::write(dir.path().join("hosts.txt"), "mcp.a.example\nmcp.b.example\n").unwrap();
    assert_ne!(read(dir.path()).unwrap().hash, before);
}

#[test]
fn a_rule_over_the_body_wants_the_body_only_while_it_could_match() {
    let rules = set(
        "rules:\n  - {id: a, title: t, action: block, match: {path: [/mcp], mcp: {method: [tools/*]}}}\n",
    )
    .unwrap();
    let names = names("x.example");
    let headers = http::HeaderMap::new();
    let at = |path| {
        let mut evaluation = rules.names(&names).exchange();
        evaluation.head(&Head { method: &http::Method::POST, path, query: None, headers: &headers });
        evaluation
    };
    assert!(at("/mcp").wants().mcp);
    assert_eq!(at("/other").wants(), Wants::default());
    assert_eq!(rules.names(&names).exchange().wants(), Wants { mcp: true, body: false });
}

#[test]
fn only_a_rule_that_says_approved_true_names_approved_servers() {
    for (condition, expected) in [
        ("{ approved: true, port: [1] }", true),
        ("{ all: [{ port: [1] }, { any: [{ approved: true }, { port: [2] }] }] }", true),
        ("{ approved: false, port: [1] }", false),
        ("{ not: { approved: true } }", false),
        ("{ port: [1] }", false),
    ] {
        let rules = set(&rule(condition)).unwrap();
        assert_eq!(rules.rules().next().unwrap().on_approved, expected, "{condition}");
    }
}

#[test]
fn the_body_of_a_call_to_an_approved_server_is_wanted_only_by_rules_that_name_it() {
    for (condition, expected) in
        [("{ mcp: { tool: [delete_*] } }", false), ("{ approved: true, mcp: { tool: [delete_*] } }", true)]
    {
        let rules = set(&rule(condition)).unwrap();
        let named = rules.names(&Names { approved: true, ..names("x.example") });
        assert_eq!(named.exchange().wants().mcp, expected, "{condition}");
    }
}

#[test]
fn ten_thousand_hosts_are_looked_up_in_a_map() {
    let hosts: Vec<String> = (0..10_000).map(|n| format!("\"mcp{n}.vendor.example\"")).collect();
    let rules = set(&format!(
        "rules:\n  - {{id: a, title: t, action: log, match: {{host: [{}]}}}}\n",
        hosts.join(", ")
    ))
    .unwrap();
    assert_eq!(rules.names(&names("mcp9999.vendor.example")).matches().len(), 1);
    assert!(rules.names(&names("mcp10000.vendor.example")).matches().is_empty());
}
