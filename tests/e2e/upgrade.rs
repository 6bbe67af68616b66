//! Stores and tables that the first builds wrote, under today's build.

use serde_json::Value;

use crate::delivery::{expect_all_once, expect_the_same_rows};
use crate::support::{Gateway, Origin, Peer, TOOLS_CALL, curl, gateway};

/// An embedded store of nine events: four are delivered, five are sealed and under way.
const STORE: &str = include_str!("../stores/schema-1.sql");
/// The tables in ClickHouse.
const TABLES: &str = include_str!("../stores/clickhouse-1.sql");
/// Longer than this test will be run.
const KEEP: &str = "10000";

fn old_store() -> tempfile::TempDir {
    let data = tempfile::tempdir().unwrap();
    let store = rusqlite::Connection::open(data.path().join("daylight.db")).unwrap();
    store.execute_batch(STORE).unwrap();
    data
}

fn start(origin: &Origin, clickhouse: &Peer, data: &tempfile::TempDir) -> Gateway {
    gateway()
        .trusting(origin)
        .config(&format!("data: {:?}", data.path()))
        .config(&format!("journal: {{ max_age_days: {KEEP} }}"))
        .config(&format!("clickhouse: {{ url: {:?}, ttl_days: {KEEP} }}", clickhouse.url()))
        .start()
}

/// The tables of the first builds, with the rows that the store counts as delivered.
fn old_tables(clickhouse: &Peer, delivered: &[Value]) {
    let tables =
        TABLES.split_once("\n").unwrap().1.replace("INTERVAL 365 DAY", &format!("INTERVAL {KEEP} DAY"));
    for statement in tables.split(";\n").map(str::trim).filter(|statement| !statement.is_empty()) {
        clickhouse.query(statement.trim_end_matches(';'));
    }
    for row in delivered {
        let mut row = row.clone();
        let fields = row.as_object_mut().unwrap();
        assert!(fields.remove("blame").is_some() && fields.remove("rule_tags").is_some());
        fields["time"] = fields["time"].as_str().unwrap().replace('T', " ").replace('Z', "").into();
        clickhouse.query(&format!("INSERT INTO daylight.events FORMAT JSONEachRow {row}"));
    }
}

/// The rows of a stored store as the command line prints them.
fn events(data: &tempfile::TempDir) -> Vec<Value> {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_daylight"));
    let output = command.args(["events", "--json"]).env("DAYLIGHT_DATA", data.path()).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn rows_of_the_first_builds_are_delivered_and_counted_as_before() {
    let (origin, clickhouse, data) = (Origin::start(), Peer::clickhouse(), old_store());
    let before = events(&data);
    assert_eq!(before.len(), 9, "read before a gateway has brought the store up to date");
    old_tables(&clickhouse, &before[..4]);
    let views = ["shadow_servers", "detections_per_rule", "users_by_shadow_server"];
    let count = |view: &str| clickhouse.query(&format!("SELECT * FROM daylight.{view} ORDER BY ALL"));
    let answers = views.map(count);
    let gateway = start(&origin, &clickhouse, &data);
    expect_all_once(&gateway, &clickhouse, 9);
    expect_the_same_rows(&gateway, &clickhouse);
    curl(&gateway, &["-d", TOOLS_CALL, &origin.url("/mcp")]);
    expect_all_once(&gateway, &clickhouse, 10);
    expect_the_same_rows(&gateway, &clickhouse);
    let of_then = "id IN (SELECT id FROM daylight.events ORDER BY time LIMIT 4)";
    let shadow = format!("SELECT host FROM daylight.shadow_detections WHERE {of_then} ORDER BY host");
    let hosts = answers[0].iter().map(|row| serde_json::json!({ "host": row["host"] })).collect::<Vec<_>>();
    assert_eq!(clickhouse.query(&shadow), hosts, "what was shadow is shadow");
    for view in views {
        let output = gateway.verb(&["sql", "--json", &format!("SELECT count(*) AS n FROM {view}")]);
        let embedded: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(count(view).len().to_string(), embedded["n"].to_string(), "{view}");
    }
}
