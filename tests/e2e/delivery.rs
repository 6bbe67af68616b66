//! Delivery to a real ClickHouse engine, with faults in front of it: every row once.

use std::collections::{BTreeMap, HashMap};
use std::time::Instant;

use crate::support::{AFTER_RETRIES, Gateway, Origin, Peer, TOOLS_CALL, curl, eventually, gateway, root};

fn delivered(clickhouse: &Peer) -> HashMap<String, u64> {
    // Before the first contact there is no table.
    let rows = clickhouse
        .ask("SELECT toString(id) AS id, count() AS n FROM daylight.events GROUP BY id")
        .unwrap_or_default();
    let count = |row: &serde_json::Value| row["n"].as_u64().or_else(|| row["n"].as_str()?.parse().ok());
    rows.iter().map(|row| (row["id"].as_str().unwrap().to_owned(), count(row).unwrap())).collect()
}

/// Waits until everything in the journal is in ClickHouse, then compares one by one.
pub fn expect_all_once(gateway: &Gateway, clickhouse: &Peer, rows: usize) {
    let mut found = HashMap::new();
    eventually(AFTER_RETRIES, &format!("{rows} rows are delivered"), || {
        found = delivered(clickhouse);
        found.len() >= rows
    });
    let events = gateway.events();
    assert_eq!(events.len(), rows, "rows in the journal");
    for event in events {
        let id = event["id"].as_str().unwrap();
        assert_eq!(found.get(id), Some(&1), "row {id} of {} delivered", found.len());
    }
    assert_eq!(found.len(), rows, "nothing else was delivered");
}

/// Compares every column of every row; both stores must hold the same rows.
pub fn expect_the_same_rows(gateway: &Gateway, clickhouse: &Peer) {
    // The engine writes times with a space, and some versions write 64-bit numbers as text.
    let plain = |row: &serde_json::Value| -> BTreeMap<String, String> {
        let plain = |value: &serde_json::Value| match value {
            serde_json::Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let mut row: BTreeMap<String, String> =
            row.as_object().unwrap().iter().map(|(name, value)| (name.clone(), plain(value))).collect();
        row.entry("time".into()).and_modify(|time| *time = time.replace([' ', 'T'], "").replace('Z', ""));
        row
    };
    let by_id = |rows: &[serde_json::Value]| -> BTreeMap<String, BTreeMap<String, String>> {
        rows.iter().map(plain).map(|row| (row["id"].clone(), row)).collect()
    };
    let delivered = by_id(&clickhouse.query("SELECT * FROM daylight.events"));
    for (id, row) in by_id(&gateway.events()) {
        assert_eq!(delivered.get(&id), Some(&row));
    }
}

fn start(origin: &Origin, clickhouse: &Peer) -> Gateway {
    start_with(origin, clickhouse, "block")
}

fn start_with(origin: &Origin, clickhouse: &Peer, posture: &str) -> Gateway {
    gateway()
        .trusting(origin)
        .config(&format!("posture: {{ shadow: {posture} }}"))
        .config(&format!("clickhouse: {{ url: {:?} }}", clickhouse.url()))
        .start()
}

fn block(gateway: &Gateway, origin: &Origin, times: usize) {
    let urls: Vec<String> = (0..times).map(|n| origin.url(&format!("/echo?n={n}"))).collect();
    let mut arguments: Vec<&str> = vec!["-d", TOOLS_CALL];
    arguments.extend(urls.iter().map(String::as_str));
    curl(gateway, &arguments);
}

#[test]
fn every_fault_leaves_every_row_exactly_once() {
    let (origin, clickhouse) = (Origin::start(), Peer::clickhouse());
    clickhouse.fault("down", 2);
    let gateway = start(&origin, &clickhouse);
    let mut rows = 0;
    for kind in ["down", "error", "slow", "cut_before", "cut_after", "cut_after"] {
        clickhouse.fault(kind, 2);
        block(&gateway, &origin, 5);
        rows += 5;
        expect_all_once(&gateway, &clickhouse, rows);
    }
    let views = clickhouse.query("SELECT host, tools FROM daylight.shadow_servers");
    assert_eq!(views, [serde_json::json!({"host": "localhost", "tools": "echo"})]);
    for query in crate::readme::saved_queries() {
        let rows = clickhouse.query(&query.replace(" FROM ", " FROM daylight."));
        assert!(!rows.is_empty(), "{query}");
    }
}

#[test]
fn detections_that_pass_are_delivered_with_their_ending() {
    let (origin, clickhouse) = (Origin::start(), Peer::clickhouse());
    let gateway = start_with(&origin, &clickhouse, "log");
    // Slow enough that many ranges are sealed meanwhile.
    let mut arguments = vec!["--rate", "40/s", "-d", TOOLS_CALL];
    let urls: Vec<String> = (0..120).map(|n| origin.url(&format!("/echo?n={n}"))).collect();
    arguments.extend(urls.iter().map(String::as_str));
    let started = Instant::now();
    curl(&gateway, &arguments);
    expect_all_once(&gateway, &clickhouse, 120);
    let inserts = metric(&gateway, "daylight_sink_inserts_total");
    assert!(inserts <= started.elapsed().as_secs() + 2, "{inserts}: one a second at the most");
    let complete = "SELECT count() AS n FROM daylight.events WHERE status = 200 AND bytes_down > 0";
    assert_eq!(clickhouse.query(complete)[0]["n"].to_string().trim_matches('"'), "120");
    expect_the_same_rows(&gateway, &clickhouse);
}

#[test]
fn the_ending_of_a_long_exchange_reaches_the_embedded_store() {
    let (origin, clickhouse) = (Origin::start(), Peer::clickhouse());
    let gateway = start_with(&origin, &clickhouse, "log");
    let call = std::thread::scope(|scope| {
        let call = scope.spawn(|| curl(&gateway, &["-d", TOOLS_CALL, &origin.url("/sse")]));
        expect_all_once(&gateway, &clickhouse, 1);
        curl(&gateway, &[&origin.url("/release")]);
        call.join().unwrap()
    });
    let row = gateway.event("the stream", |event| event["path"] == "/sse" && event["bytes_down"] != 0);
    assert_eq!(row["bytes_down"], call.body.len());
    assert_eq!(metric(&gateway, "daylight_journal_late_endings_total"), 1);
}

#[test]
fn a_lost_schema_is_made_again() {
    let (origin, clickhouse) = (Origin::start(), Peer::clickhouse());
    let gateway = start(&origin, &clickhouse);
    block(&gateway, &origin, 1);
    expect_all_once(&gateway, &clickhouse, 1);
    clickhouse.query("DROP DATABASE daylight");
    block(&gateway, &origin, 2);
    let count = || {
        clickhouse
            .query("SELECT count() AS n FROM system.tables WHERE database = 'daylight' AND name = 'events'")
    };
    eventually(AFTER_RETRIES, "the schema is made again", || !count()[0]["n"].to_string().contains('0'));
    eventually(AFTER_RETRIES, "the rows are delivered", || delivered(&clickhouse).len() >= 2);
}

/// The metric's value, 0 while it is absent.
fn metric(gateway: &Gateway, name: &str) -> u64 {
    let metrics = gateway.metrics();
    let line = metrics.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
    line.unwrap_or(0)
}

#[test]
fn a_wrong_schema_costs_no_row() {
    let (origin, clickhouse) = (Origin::start(), Peer::clickhouse());
    let gateway = start(&origin, &clickhouse);
    block(&gateway, &origin, 2);
    expect_all_once(&gateway, &clickhouse, 2);
    // A column is missing: it is added again, and the row arrives whole.
    clickhouse.query("ALTER TABLE daylight.events DROP COLUMN mcp_tool");
    block(&gateway, &origin, 1);
    expect_all_once(&gateway, &clickhouse, 3);
    let tools = clickhouse.query("SELECT count(mcp_tool) AS n FROM daylight.events");
    assert_eq!(tools[0]["n"].to_string().trim_matches('"'), "1");
    // A table of the same name that is somebody else's: the rows wait until it is out of the way.
    clickhouse.query("RENAME TABLE daylight.events TO daylight.kept");
    clickhouse.query("CREATE TABLE daylight.events (id UUID, time IPv4) ENGINE = MergeTree ORDER BY id");
    block(&gateway, &origin, 2);
    let refused = || metric(&gateway, "daylight_sink_errors_total{kind=\"refused\"}");
    eventually(AFTER_RETRIES, "three refusals are counted", || refused() >= 3);
    clickhouse.query("DROP TABLE daylight.events");
    clickhouse.query("RENAME TABLE daylight.kept TO daylight.events");
    expect_all_once(&gateway, &clickhouse, 5);
}

#[test]
fn a_table_gets_the_time_to_live_and_the_window_that_are_set_now() {
    let (origin, clickhouse) = (Origin::start(), Peer::clickhouse());
    let gateway = start(&origin, &clickhouse);
    block(&gateway, &origin, 1);
    expect_all_once(&gateway, &clickhouse, 1);
    clickhouse.query("ALTER TABLE daylight.events MODIFY TTL toDateTime(time) + INTERVAL 1 YEAR");
    clickhouse.query("ALTER TABLE daylight.events MODIFY SETTING non_replicated_deduplication_window = 100");
    let gateway = gateway.kill_and_restart();
    block(&gateway, &origin, 1);
    expect_all_once(&gateway, &clickhouse, 2);
    let sql = "SELECT engine_full FROM system.tables WHERE database = 'daylight' AND name = 'events'";
    let engine = clickhouse.query(sql)[0]["engine_full"].to_string();
    assert!(engine.contains("toIntervalDay(365)") && engine.contains("window = 100000"), "{engine}");
    let gateway = gateway.kill_and_restart();
    block(&gateway, &origin, 1);
    expect_all_once(&gateway, &clickhouse, 3);
    let mutations = clickhouse.query("SELECT command FROM system.mutations WHERE database = 'daylight'");
    assert_eq!(mutations.len(), 2, "one for the change above, one to undo it, none for the third start");
}

#[test]
fn a_user_who_may_only_insert_delivers_into_a_complete_schema_and_is_told_what_is_missing_otherwise() {
    let (origin, clickhouse) = (Origin::start(), Peer::clickhouse());
    clickhouse.fault("denied", 1_000_000);
    let gateway = start(&origin, &clickhouse);
    block(&gateway, &origin, 1);
    let log = || gateway.log();
    eventually(AFTER_RETRIES, "the log says what is missing", || {
        log().contains("daylight.events does not exist; ")
    });
    assert!(log().contains("it's necessary to have CREATE DATABASE"), "{}", log());
    schema(&[]).iter().for_each(|statement| drop(clickhouse.query(statement)));
    expect_all_once(&gateway, &clickhouse, 1);
}

#[test]
fn delivery_speaks_tls_and_gives_its_password() {
    let (origin, clickhouse) = (Origin::start(), Peer::clickhouse_over_tls("open sesame"));
    let gateway = gateway()
        .trusting(&origin)
        .trusting_file(clickhouse.dir.path().join("ca.pem"))
        .config("posture: { shadow: block }")
        .config(&format!("clickhouse: {{ url: {:?}, password_file: ./password }}", clickhouse.url()))
        .start_with("password", "wrong\n");
    block(&gateway, &origin, 3);
    let refused = || metric(&gateway, "daylight_sink_errors_total{kind=\"refused\"}");
    eventually(AFTER_RETRIES, "the wrong password is refused", || refused() > 0);
    // The file is read for every request: a rotated password needs no restart.
    std::fs::write(gateway.dir.path().join("password"), "open sesame\n").unwrap();
    expect_all_once(&gateway, &clickhouse, 3);
}

#[test]
fn a_password_file_that_cannot_be_read_is_not_blamed_on_clickhouse() {
    let (origin, clickhouse) = (Origin::start(), Peer::clickhouse());
    let gateway = gateway()
        .trusting(&origin)
        .config("posture: { shadow: block }")
        .config(&format!("clickhouse: {{ url: {:?}, password_file: ./password }}", clickhouse.url()))
        .start_with("password", "");
    block(&gateway, &origin, 1);
    expect_all_once(&gateway, &clickhouse, 1);
    let file = gateway.dir.path().join("password");
    std::fs::remove_file(&file).unwrap();
    block(&gateway, &origin, 1);
    eventually(AFTER_RETRIES, "the failure is counted", || {
        metric(&gateway, "daylight_sink_errors_total{kind=\"secret\"}") > 0
    });
    let log = std::fs::read_to_string(gateway.dir.path().join("log")).unwrap();
    assert!(log.contains("the password for ClickHouse could not be read; the rows are kept"), "{log}");
    assert!(log.contains("password: No such file or directory") && !log.contains("did not take"), "{log}");
    std::fs::write(&file, "").unwrap();
    expect_all_once(&gateway, &clickhouse, 2);
}

/// The statements that `daylight schema clickhouse` prints.
fn schema(arguments: &[&str]) -> Vec<String> {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_daylight"));
    let output = command.args(["schema", "clickhouse"]).args(arguments).output().unwrap();
    let ddl = String::from_utf8(output.stdout).unwrap();
    let statements = ddl.split(";\n").map(|text| text.trim().trim_end_matches(';').to_owned());
    statements.filter(|text| !text.is_empty()).collect()
}

#[test]
fn the_engine_understands_every_statement_of_a_clusters_schema() {
    let clickhouse = Peer::clickhouse();
    let statements = schema(&["--cluster", "main"]);
    assert!(statements.len() >= 9, "{statements:?}");
    for statement in statements {
        let tree = clickhouse.query(&format!("EXPLAIN AST {statement}"));
        assert!(!tree.is_empty(), "{statement}");
    }
}

#[test]
fn the_views_in_clickhouse_say_what_the_embedded_ones_say() {
    let (origin, clickhouse) = (Origin::start(), Peer::clickhouse());
    let gateway = start(&origin, &clickhouse);
    block(&gateway, &origin, 3);
    curl(&gateway, &["-d", TOOLS_CALL, &origin.url("/mcp")]);
    // A detection that is not MCP: a request that names two hosts.
    curl(&gateway, &["-H", "host: other.example", &origin.url("/page")]);
    gateway.event("the refusal", |event| event["status"] == 421 && event["verdict"] == "block");
    expect_all_once(&gateway, &clickhouse, 5);
    for (sql, count) in [
        ("SELECT count(*) AS n FROM detections", "5"),
        ("SELECT count(*) AS n FROM shadow_detections", "4"),
        ("SELECT sum(exchanges) AS n FROM shadow_servers", "4"),
        ("SELECT sum(exchanges) AS n FROM users_by_shadow_server", "4"),
    ] {
        let rows = clickhouse.query(&sql.replace("FROM ", "FROM daylight."));
        assert_eq!(rows[0]["n"].to_string().trim_matches('"'), count, "{sql}");
    }
    for (columns, view) in [
        ("host, exchanges, users, methods, tools, stopped, passed", "shadow_servers"),
        ("rule_id, detections, hosts, users", "detections_per_rule"),
        ("host, who, exchanges, tools", "users_by_shadow_server"),
        ("verdict, host, path, mcp_method, mcp_tool", "detections"),
        ("verdict, host, path, mcp_method, mcp_tool", "shadow_detections"),
    ] {
        let sql = |prefix: &str| format!("SELECT {columns} FROM {prefix}{view} ORDER BY {columns}");
        let output = gateway.verb(&["sql", "--json", &sql("")]);
        let embedded: Vec<serde_json::Value> = String::from_utf8(output.stdout)
            .unwrap()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert!(!embedded.is_empty(), "{view}");
        // The engine writes 64-bit numbers as text.
        let plain = |rows: &[serde_json::Value]| serde_json::to_string(rows).unwrap().replace('"', "");
        assert_eq!(plain(&clickhouse.query(&sql("daylight."))), plain(&embedded), "{view}");
    }
}

/// The statement that Grafana's data source makes of a panel's: its two macros over the last hour, in steps of a minute.
fn expanded(panel: &str) -> String {
    let filter = regex::Regex::new(r"\$__timeFilter\((\w+)\)").unwrap();
    let interval = regex::Regex::new(r"\$__timeInterval\((\w+)\)").unwrap();
    let sql = filter.replace_all(panel, "$1 >= toDateTime(now() - 3600) AND $1 <= toDateTime(now() + 60)");
    let sql =
        interval.replace_all(&sql, "toStartOfInterval(toDateTime($1), INTERVAL 60 second)").into_owned();
    assert!(!sql.contains("$__"), "{sql}");
    sql
}

#[test]
fn every_panel_of_the_dashboard_shows_something() {
    let (origin, clickhouse) = (Origin::start(), Peer::clickhouse());
    let gateway = start(&origin, &clickhouse);
    block(&gateway, &origin, 3);
    expect_all_once(&gateway, &clickhouse, 3);
    let file = std::fs::read_to_string(root().join("deploy/grafana/dashboard.json")).unwrap();
    let dashboard: serde_json::Value = serde_json::from_str(&file).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    assert_eq!(panels.len(), 7);
    // As the user that Grafana is, whose client limits the time of every query.
    let reader = std::fs::read_to_string(root().join("deploy/clickhouse/reader.xml")).unwrap();
    let readonly = reader.split_once("<readonly>").unwrap().1.split_once("</readonly>").unwrap().0;
    clickhouse.query(&format!("SET readonly = {readonly}"));
    assert!(clickhouse.ask("DROP VIEW daylight.detections").is_err());
    for panel in panels {
        let sql = expanded(panel["targets"][0]["rawSql"].as_str().unwrap());
        let rows = clickhouse.query(&format!("{sql} SETTINGS max_execution_time = 60"));
        assert!(!rows.is_empty(), "{sql}");
    }
    let servers = clickhouse.query(&expanded(panels[0]["targets"][0]["rawSql"].as_str().unwrap()));
    assert_eq!(servers[0].as_object().unwrap().values().next().unwrap().to_string().trim_matches('"'), "1");
}

/// How often the gateway is killed; `KILLS` raises it.
const KILLS: usize = 100;

#[test]
fn nothing_is_lost_and_nothing_twice_over_kills_at_random_moments() {
    let kills = std::env::var("KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(KILLS);
    let (origin, clickhouse) = (Origin::start(), Peer::clickhouse());
    // Half of the calls are blocked; the other half pass and are completed when they end.
    let rule = "rules:\n  - {id: stop, title: t, action: block, match: {path: [/stop]}}\n";
    let mut gateway = gateway()
        .trusting(&origin)
        .config(&format!("rules: [{:?}, ./stop.yaml]", root().join("rules")))
        .config(&format!("clickhouse: {{ url: {:?} }}", clickhouse.url()))
        .start_with("stop.yaml", rule);
    let (mut answered, mut answers) = (0, 0);
    for round in 0..kills {
        if round % 3 == 0 {
            clickhouse.fault(["cut_after", "error", "slow"][round / 3 % 3], 1);
        }
        let proxy = gateway.proxy.clone();
        let ca = gateway.dir.path().join("certs/ca.pem");
        let path = |n: usize| ["/echo", "/stop"][n % 2];
        let urls: Vec<String> = (0..40).map(|n| origin.url(&format!("{}?n={n}", path(n)))).collect();
        let mut load = std::process::Command::new("curl")
            .args(["-s", "-m", "10", "-x", &proxy, "--cacert"])
            .arg(&ca)
            .args(["-d", TOOLS_CALL, "-o", "/dev/null", "-w", "%{http_code}\n"])
            .args(urls.iter().flat_map(|url| [url.as_str(), "-o", "/dev/null"]))
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        // A moment of this round's own: after so many rows of the journal.
        let moment = usize::from(uuid::Uuid::now_v7().as_bytes()[15]) % 40;
        let before = answered;
        eventually(AFTER_RETRIES, "the moment comes, or the load ends", || {
            gateway.events().len() >= before + moment || load.try_wait().unwrap().is_some()
        });
        gateway = gateway.kill_and_restart();
        let output = load.wait_with_output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let seen = text.lines().filter(|line| ["200", "403"].contains(line)).count();
        let stored = gateway.events().len();
        assert!(stored >= before + seen, "round {round}: {seen} answers, {} rows", stored - before);
        (answered, answers) = (stored, answers + seen);
    }
    assert!(answers > kills, "{answers} answers were seen in {kills} rounds");
    expect_all_once(&gateway, &clickhouse, answered);
    expect_the_same_rows(&gateway, &clickhouse);
    let verdicts = clickhouse.query("SELECT DISTINCT verdict FROM daylight.events ORDER BY verdict");
    assert_eq!(verdicts, [serde_json::json!({"verdict": "block"}), serde_json::json!({"verdict": "log"})]);
}
