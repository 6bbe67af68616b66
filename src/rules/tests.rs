use std::path::PathBuf;

use super::load::from_sources;
use super::*;
use crate::yaml::Source;

fn set(text: &str) -> Result<RuleSet, LoadError> {
    from_sources(&[Source { file: "r.yaml".into(), text: text.into() }])
}

fn shipped() -> RuleSet {
    load(&[PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/rules"))]).unwrap()
}

#[test]
fn the_shipped_rules_pass_their_own_samples() {
    let report = samples::run(&shipped());
    assert!(report.failures.is_empty(), "{}", report.failures.join("\n"));
    assert!(report.samples > 30, "{}", report.samples);
}

#[test]
fn every_condition_can_be_written_and_has_its_effect() {
    let rules = set(include_str!("tests/conditions.yaml")).unwrap();
    let report = samples::run(&rules);
    assert!(report.failures.is_empty(), "{}", report.failures.join("\n"));
}

#[test]
fn a_mistake_points_to_its_place_and_shows_the_line() {
    for (text, place, says) in [
        (
            "rules:\n  - id: a\n    title: t\n    action: log\n    match: { bogus: 1 }\n",
            "r.yaml:5:14:",
            "bogus",
        ),
        ("rules:\n  - id: a\n    title: t\n    action: lgo\n    match: {}\n", "r.yaml:4:13:", "lgo"),
        ("rules:\n  - id: A!\n    title: t\n    action: log\n    match: {}\n", "r.yaml:2:9:", "not an id"),
        (
            "rules:\n  - id: a\n    title: t\n    action: log\n    match: { path_regex: \"(\" }\n",
            "r.yaml:5:26:",
            "`(`",
        ),
        (
            "rules:\n  - id: a\n    title: t\n    action: log\n    match: { host: [\"b c\"] }\n",
            "r.yaml:5:21:",
            "b c",
        ),
    ] {
        let error = set(text).unwrap_err().to_string();
        assert!(error.starts_with(place) && error.contains(says), "{text}\n{error}");
    }
    let twice = "rules:\n  - {id: a, title: t, action: log, match: {}}\n  - {id: a, title: t, action: log, match: {}}\n";
    assert!(set(twice).unwrap_err().to_string().contains("r.yaml:3:10: `a` is also the id"));
}

#[test]
fn a_rule_over_the_body_wants_the_body_only_while_it_could_match() {
    let rules = set(
        "rules:\n  - {id: a, title: t, action: block, match: {path: [/mcp], mcp: {method: [tools/*]}}}\n",
    )
    .unwrap();
    let names = Names {
        host: "x.example",
        port: 443,
        sni: None,
        user: None,
        groups: &[],
        client_ip: [192, 0, 2, 1].into(),
        approved: false,
    };
    let headers = http::HeaderMap::new();
    let at = |path| {
        let mut evaluation = rules.names(&names);
        rules.head(
            &mut evaluation,
            &Head { method: &http::Method::POST, path, query: None, headers: &headers },
        );
        evaluation
    };
    assert!(rules.wants(&at("/mcp")).mcp);
    assert_eq!(rules.wants(&at("/other")), Wants::default());
    assert_eq!(rules.wants(&rules.names(&names)), Wants { mcp: true, body: false });
}

#[test]
fn ten_thousand_hosts_are_looked_up_in_a_map() {
    let hosts: Vec<String> = (0..10_000).map(|n| format!("\"mcp{n}.vendor.example\"")).collect();
    let rules = set(&format!(
        "rules:\n  - {{id: a, title: t, action: log, match: {{host: [{}]}}}}\n",
        hosts.join(", ")
    ))
    .unwrap();
    let names = |host| Names {
        host,
        port: 443,
        sni: None,
        user: None,
        groups: &[],
        client_ip: [192, 0, 2, 1].into(),
        approved: false,
    };
    assert_eq!(rules.matches(&rules.names(&names("mcp9999.vendor.example"))).len(), 1);
    assert!(rules.matches(&rules.names(&names("mcp10000.vendor.example"))).is_empty());
}
