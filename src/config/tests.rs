use serde_json::Value;

use super::*;
use crate::verdict::Verdict;
use crate::wire::net::forbidden::Class;

fn read(text: &str) -> Result<Config, Located> {
    let source = Source { file: "daylight.yaml".into(), text: text.into() };
    Config::resolve(super::read(source)?)
}

/// The configuration of the design, whose keys other tools are written against.
const CONTRACT: &str = r#"
listen:       { proxy: 127.0.0.1:8080, web: 127.0.0.1:8081, admin: 127.0.0.1:8082 }
data:         ./data
ca:           { dir: ./certs }
rules:        [ ./rules ]
posture:      { shadow: log }
approved:     [ { host: mcp.corp.example, reason: "the portal" } ]
portal:       { url: "https://mcp.corp.example/mcp" }
record:       all
tls:          { extra_roots: [] }
destinations: { deny: [loopback, link_local, metadata], connect_ports: [443, 1024-65535] }
bypass:       [ { host: "*.bank.example", reason: "pinned", owner: "net team", expires: 2027-06-30 } ]
inspect:      { hold_bytes: 1MiB, hold_ms: 5000, uninspectable: log }
auth:         { users: [ { name: laptop-7, password_hash: "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$4tnHiFmhyXPAOqSoDZbVNmmYTcGKAnj3ABfYzK+bYXw" } ] }
clickhouse:   { url: "http://127.0.0.1:8123", database: daylight, user: default, password_file: null }
"#;

#[test]
fn the_contract_is_accepted_and_means_what_it_says() {
    let config = read(CONTRACT).unwrap();
    assert_eq!(config.connect_ports, [(443, 443), (1024, 65535)]);
    assert_eq!(config.limits.hold_bytes, 1 << 20);
    assert_eq!(config.policy.approved("mcp.corp.example").map(AsRef::as_ref), Some("the portal"));
    assert!(config.policy.bypass("www.bank.example", 0).is_some());
    assert!(config.policy.bypass("www.bank.example", 4_000_000_000).is_none());
    assert_eq!(config.clickhouse.unwrap().database, "daylight");
    assert_eq!(config.users.len(), 1);
}

#[test]
fn nothing_typed_is_a_configuration() {
    let config = read("").unwrap();
    assert_eq!(config.proxy.to_string(), "127.0.0.1:8080");
    assert_eq!(config.policy.shadow, Verdict::Log);
    assert!(config.users.is_empty() && config.clickhouse.is_none());
    assert_eq!(config.forbidden.0, [Class::Loopback, Class::LinkLocal, Class::Metadata]);
}

#[test]
fn every_mistake_points_to_its_line_and_column() {
    for (text, wrong, says) in [
        ("data: ./x\nlisten: { proxy: nowhere }\n", "nowhere", "`nowhere` is not an address"),
        ("posture: { shadow: blok }\n", "blok", "blok"),
        ("bogus: 1\n", "bogus", "unknown field `bogus`"),
        ("approved:\n  - host: \"mcp.*\"\n", "\"mcp.*\"", "not a host pattern"),
        ("destinations:\n  deny: [evil]\n", "evil", "`evil` is neither"),
        ("destinations:\n  connect_ports: [0]\n", "0", "`0` is neither"),
        ("destinations: { hosts: { a.example: [there] } }\n", "there", "`there` is not an IP address"),
        ("bypass: [{host: a.example, expires: soon}]\n", "soon", "`soon` is not a date"),
        ("inspect: { hold_bytes: many }\n", "many", "`many` is not a size"),
        ("auth: {users: [{name: a, password_hash: secret}]}\n", "secret", "PHC"),
        ("portal: { url: \"ftp://x\" }\n", "\"ftp", "not an http or https URL"),
        ("record: all\nrecord: detections\n", "record", "duplicate mapping key: record"),
        ("inspect: { hold_ms: 18446744073709551615 }\n", "18446", "is not between 1 and 604800000"),
        ("limits: { connections: 0 }\n", "0", "0 is not between 1 and 10000000"),
        ("limits: { head_fields: 70000 }\n", "70000", "is not between 8 and 4096"),
        ("journal: { max_age_days: 0 }\n", "0", "0 is not between 1 and 10000"),
        (
            "clickhouse: { url: \"http://c.example\", ttl_days: 100000 }\n",
            "100000",
            "not between 1 and 10000",
        ),
        ("clickhouse: { url: \"x\" }\n", "\"x\"", "not an http or https URL"),
        ("clickhouse: { url: \"http://c.example\", user: \"a b\" }\n", "\"a b\"", "not a user name"),
        ("pac:\n  proxies: [ \"http://p.example:8080\" ]\n", "\"http", "not a proxy such as"),
        ("pac: { proxies: [ p.example ] }\n", "p.example", "the port is missing"),
        ("destinations: { hosts: { a.example: [] } }\n", "[]", "needs at least one address"),
        ("destinations: { hosts: { \"a b\": [192.0.2.7] } }\n", "\"a b\"", "neither a DNS name nor"),
        (
            "auth: {users: [{name: a, password_hash: \"$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$4tnHiFmhyXPAOqSoDZbVNmmYTcGKAnj3ABfYzK+bYXw\"}, {password_hash: \"$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$4tnHiFmhyXPAOqSoDZbVNmmYTcGKAnj3ABfYzK+bYXw\", name: a}]}\n",
            "a}",
            "`a` is listed twice",
        ),
        ("clickhouse: { database: d }\n", "d }", "add `clickhouse.url`"),
        ("clickhouse: { url: \"http://c.example:0\" }\n", "\"http", "the port is missing or not between"),
        ("limits: { head_bytes: 4KiB }\n", "4KiB", "`4KiB` is too small; the least is 8KiB"),
        (
            "listen:\n  proxy: 127.0.0.1:9000\n  admin: 127.0.0.1:9000\n",
            "127",
            "also the address of `listen.proxy`",
        ),
        ("listen: { proxy: 0.0.0.0:8082 }\n", "0.0.0.0", "also the address of `listen.admin`"),
        ("listen: { web: 127.0.0.1:8080 }\n", "127", "also the address of `listen.proxy`"),
        ("listen: { web: here }\n", "here", "`here` is not an address"),
        ("journal: { max_bytes: 15MiB }\n", "15MiB", "the least is 16MiB"),
        ("posture: { shadow: redirect }\n", "redirect", "add `portal: { url:"),
    ] {
        let error = read(text).expect_err(text).to_string();
        let before = &text[..text.rfind(wrong).unwrap()];
        let line = before.matches('\n').count() + 1;
        let column = before.len() - before.rfind('\n').map_or(0, |at| at + 1) + 1;
        let place = format!("daylight.yaml:{line}:{column}: ");
        assert!(error.starts_with(&place) && error.contains(says), "{text}: {error}");
    }
}

/// Reads defaults and these variables.
fn with<const N: usize>(variables: [(&str, &str); N]) -> Result<Config, Located> {
    Config::load(None, &Variables::from(variables))
}

#[test]
fn a_variable_overrides_any_key() {
    let config = with([
        ("DAYLIGHT_LISTEN_PROXY", "127.0.0.1:0"),
        ("DAYLIGHT_POSTURE_SHADOW", "redirect"),
        ("DAYLIGHT_PORTAL_URL", "https://mcp.corp.example/mcp"),
        ("DAYLIGHT_CLICKHOUSE_URL", "http://ch.example:8123"),
        ("DAYLIGHT_CLICKHOUSE_CLUSTER", "main"),
        ("DAYLIGHT_CLICKHOUSE_TTL_DAYS", "30"),
        ("DAYLIGHT_CLICKHOUSE_USER", "daylight-writer"),
        ("DAYLIGHT_PAC_PROXIES", "[ A.example:8080, b.example:8080 ]"),
        ("DAYLIGHT_PAC_DIRECT_ON_FAILURE", "true"),
        ("DAYLIGHT_LIMITS_DRAIN_MS", "7"),
        ("DAYLIGHT_INSPECT_PAYLOAD_BYTES", "1KiB"),
        ("DAYLIGHT_APPROVED", "[ { host: ok.example } ]"),
    ])
    .unwrap();
    assert_eq!((config.proxy.port(), config.policy.shadow), (0, Verdict::Redirect));
    let clickhouse = config.clickhouse.unwrap();
    assert_eq!((clickhouse.cluster.as_deref(), clickhouse.ttl_days), (Some("main"), 30));
    assert_eq!(clickhouse.user, "daylight-writer");
    assert_eq!(config.pac.proxies, ["a.example:8080", "b.example:8080"]);
    assert!(config.pac.direct_on_failure && config.policy.approved("ok.example").is_some());
    assert_eq!((config.totals.drain.as_millis(), config.limits.payload_bytes), (7, 1024));
}

#[test]
fn a_mistake_in_a_variable_points_to_the_variable() {
    for (name, value, place) in [
        ("DAYLIGHT_RECORD", "some", "DAYLIGHT_RECORD:1:1: "),
        ("DAYLIGHT_LISTEN_PROXY", "nowhere", "DAYLIGHT_LISTEN_PROXY:1:1: `nowhere`"),
        ("DAYLIGHT_DESTINATIONS_DENY", "[ loopback,\n  evil ]", "DAYLIGHT_DESTINATIONS_DENY:2:3: `evil`"),
    ] {
        let others = ("DAYLIGHT_DATA", "/tmp/x");
        let error = with([others, (name, value)]).unwrap_err().to_string();
        assert!(error.starts_with(place), "{error}");
    }
}

#[test]
fn a_mistake_in_the_file_stays_in_the_file_beside_variables() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("d.yaml");
    std::fs::write(&file, "data: ./x\nposture: { shadow: redirect }\n").unwrap();
    let variables = Variables::from([("DAYLIGHT_RULES", "[ a,\n b,\n c ]")]);
    let error = Config::load(Some(&file), &variables).unwrap_err();
    assert_eq!((error.file, error.line, error.column), (file, 2, 20));
}

#[test]
fn listeners_that_ask_for_a_free_port_or_differ_do_not_collide() {
    for fine in [
        "listen: { proxy: 127.0.0.1:0, admin: 127.0.0.1:0, web: 127.0.0.1:0 }",
        "listen: { proxy: 127.0.0.1:8081 }",
        "listen: { proxy: 192.0.2.1:80, admin: 192.0.2.2:80 }",
        "",
        "# nothing but words\n",
    ] {
        assert!(read(fine).is_ok(), "{fine}");
    }
}

#[test]
fn the_owner_of_a_bypass_is_told_before_and_after_it_ends() {
    let bypass = "bypass:\n  - { host: \"*.bank.example\", owner: net team, expires: 1970-02-10 }\n  - { host: b.example }\n";
    let config = read(bypass).unwrap();
    let note =
        |day: i64| config.notes(day * 24 * 60 * 60).iter().map(ToString::to_string).collect::<String>();
    assert_eq!(note(10), "", "31 days before the end nobody is told");
    let place = "daylight.yaml:2:13: this bypass (owner: net team) ";
    let (soon, last_day, over) = (note(11), note(40), note(41));
    for told in [soon, last_day] {
        assert!(told.starts_with(&format!("{place}ends on 1970-02-10; after that")), "{told}");
    }
    assert!(over.starts_with(&format!("{place}ended on 1970-02-10, so")), "{over}");
}

#[test]
fn a_section_without_keys_says_nothing() {
    for text in ["clickhouse:\n", "clickhouse: null\n", "listen:\ndata: ./x\n"] {
        assert!(read(text).unwrap().clickhouse.is_none(), "{text}");
    }
}

/// The rows of the table in `docs/configuration.md`: key, default, meaning.
fn rows(section: &str, schema: &Value, rows: &mut Vec<String>) {
    let required = schema["required"].as_array().into_iter().flatten().collect::<Vec<_>>();
    for (key, schema) in schema["properties"].as_object().unwrap() {
        if section.is_empty() && schema["properties"].is_object() {
            continue;
        }
        let default = match &schema["default"] {
            _ if required.contains(&&Value::from(key.as_str())) && section.ends_with("[].") => {
                "required".into()
            }
            Value::Null => "none".into(),
            Value::String(text) => format!("`{text}`"),
            Value::Array(list) => {
                let list: Vec<_> = list.iter().map(|item| item.as_str().unwrap()).collect();
                format!("`[{}]`", list.join(", "))
            }
            other => format!("`{other}`"),
        };
        let meaning = schema["description"].as_str().unwrap_or_else(|| panic!("{key} has no comment"));
        rows.push(format!("| `{section}{key}` | {default} | {} |", meaning.replace('\n', " ")));
        if schema["items"]["properties"].is_object() {
            self::rows(&format!("{section}{key}[]."), &schema["items"], rows);
        }
    }
}

#[test]
fn the_documented_table_is_what_the_schema_says() {
    let schema = serde_json::to_value(schema()).unwrap();
    let mut expected = Vec::new();
    rows("", &schema, &mut expected);
    for (section, schema) in schema["properties"].as_object().unwrap() {
        if schema["properties"].is_object() {
            rows(&format!("{section}."), schema, &mut expected);
        }
    }
    let docs = include_str!("../../docs/configuration.md");
    let documented: Vec<_> = docs.lines().filter(|line| line.starts_with("| `")).collect();
    assert!(documented == expected, "docs/configuration.md should have this table:\n{}", expected.join("\n"));
}

#[test]
fn the_defaults_of_the_schema_are_those_of_the_program() {
    let defaults = serde_json::to_value(Document::default()).unwrap();
    let properties = serde_json::to_value(schema()).unwrap()["properties"].clone();
    for (key, value) in defaults.as_object().unwrap() {
        if !properties[key]["properties"].is_object() {
            assert_eq!(&properties[key]["default"], value, "{key}");
            continue;
        }
        for (inner, value) in value.as_object().unwrap() {
            assert_eq!(&properties[key]["properties"][inner]["default"], value, "{key}.{inner}");
        }
    }
}

#[test]
fn every_documented_key_has_a_variable_and_no_other_is_taken() {
    let docs = include_str!("../../docs/configuration.md");
    let mut keys = BTreeSet::new();
    for row in docs.lines().filter(|line| line.starts_with("| `")) {
        let key = row.split('`').nth(1).unwrap();
        // Keys inside a list have no variable: the list has one.
        if !key.contains("[]") {
            keys.insert(format!("DAYLIGHT_{}", key.replace('.', "_")).to_uppercase());
        }
    }
    assert_eq!(keys, variable_names());
}
