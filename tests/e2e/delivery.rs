//! Delivery to a real ClickHouse engine, with faults in front of it: every row once.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::support::{Gateway, Origin, Peer, TOOLS_CALL, curl, gateway};

fn delivered(clickhouse: &Peer) -> HashMap<String, u64> {
    // Before the first contact there is no table.
    let rows = clickhouse
        .ask("SELECT toString(id) AS id, count() AS n FROM daylight.events GROUP BY id")
        .unwrap_or_default();
    let count = |row: &serde_json::Value| row["n"].as_u64().or_else(|| row["n"].as_str()?.parse().ok());
    rows.iter().map(|row| (row["id"].as_str().unwrap().to_owned(), count(row).unwrap())).collect()
}

/// Waits until everything in the journal is in ClickHouse, then compares one by one.
fn expect_all_once(gateway: &Gateway, clickhouse: &Peer, rows: usize) {
    let end = Instant::now() + Duration::from_secs(60);
    let mut found = delivered(clickhouse);
    while found.len() < rows && Instant::now() < end {
        found = delivered(clickhouse);
    }
    let events = gateway.events();
    assert_eq!(events.len(), rows, "rows in the journal");
    for event in events {
        let id = event["id"].as_str().unwrap();
        assert_eq!(found.get(id), Some(&1), "row {id} of {} delivered", found.len());
    }
    assert_eq!(found.len(), rows, "nothing else was delivered");
}

fn start(origin: &Origin, clickhouse: &Peer) -> Gateway {
    gateway()
        .trusting(origin)
        .config("posture: { shadow: block }")
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
fn a_lost_schema_is_made_again() {
    let (origin, clickhouse) = (Origin::start(), Peer::clickhouse());
    let gateway = start(&origin, &clickhouse);
    block(&gateway, &origin, 1);
    expect_all_once(&gateway, &clickhouse, 1);
    clickhouse.query("DROP DATABASE daylight");
    block(&gateway, &origin, 2);
    let end = Instant::now() + Duration::from_secs(30);
    let count = || {
        clickhouse
            .query("SELECT count() AS n FROM system.tables WHERE database = 'daylight' AND name = 'events'")
    };
    while count()[0]["n"].to_string().contains('0') {
        assert!(Instant::now() < end, "the schema was not made again");
    }
    while delivered(&clickhouse).len() < 2 {
        assert!(Instant::now() < end, "the rows were not delivered");
    }
}

/// How often the gateway is killed; `DAYLIGHT_KILLS` raises it.
const KILLS: usize = 100;

#[test]
fn nothing_is_lost_and_nothing_twice_over_kills_at_random_moments() {
    let kills = std::env::var("DAYLIGHT_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(KILLS);
    let (origin, clickhouse) = (Origin::start(), Peer::clickhouse());
    let mut gateway = start(&origin, &clickhouse);
    let mut answered = 0;
    for round in 0..kills {
        if round % 3 == 0 {
            clickhouse.fault(["cut_after", "error", "slow"][round / 3 % 3], 1);
        }
        let proxy = gateway.proxy.clone();
        let ca = gateway.dir.path().join("certs/ca.pem");
        let urls: Vec<String> = (0..40).map(|n| origin.url(&format!("/echo?n={n}"))).collect();
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
        while gateway.events().len() < before + moment && load.try_wait().unwrap().is_none() {}
        gateway = gateway.kill_and_restart();
        let output = load.wait_with_output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let seen = text.lines().filter(|line| *line == "200").count();
        let stored = gateway.events().len();
        assert!(stored >= before + seen, "round {round}: {seen} answers, {} rows", stored - before);
        answered = stored;
    }
    expect_all_once(&gateway, &clickhouse, answered);
}
