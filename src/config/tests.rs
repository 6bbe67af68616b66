use super::*;

fn read(text: &str) -> Result<Config, Located> {
    let source = Source { file: "daylight.yaml".into(), text: text.into() };
    let raw: Raw = if text.is_empty() { Raw::default() } else { source.parse()? };
    Config::mean(&raw, &source)
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
    ] {
        let error = read(text).expect_err(text).to_string();
        let before = &text[..text.rfind(wrong).unwrap()];
        let line = before.matches('\n').count() + 1;
        let column = before.len() - before.rfind('\n').map_or(0, |at| at + 1) + 1;
        let place = format!("daylight.yaml:{line}:{column}: ");
        assert!(error.starts_with(&place) && error.contains(says), "{text}: {error}");
    }
}

#[test]
fn the_environment_overrides_the_file() {
    let variables = |name: &str| match name {
        "DAYLIGHT_LISTEN_PROXY" => Some("127.0.0.1:0".to_owned()),
        "DAYLIGHT_POSTURE_SHADOW" => Some("block".to_owned()),
        "DAYLIGHT_CLICKHOUSE_URL" => Some("http://ch.example:8123".to_owned()),
        _ => None,
    };
    let config = Config::load(None, &variables).unwrap();
    assert_eq!(config.proxy.port(), 0);
    assert_eq!(config.policy.shadow, Verdict::Block);
    assert!(config.clickhouse.is_some());
    let bad = |name: &str| (name == "DAYLIGHT_RECORD").then(|| "some".to_owned());
    assert!(Config::load(None, &bad).unwrap_err().to_string().starts_with("DAYLIGHT_RECORD:1:1:"));
}
