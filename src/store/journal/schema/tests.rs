use std::path::Path;

use rusqlite::Connection;
use serde_json::Value;

use super::super::files::FILE;
use super::super::marks::{self, Position};
use super::super::read::{Filter, Found, Reader, Table};
use super::super::{Journal, Settings, WhenFull};
use super::{VERSION, migrate};
use crate::store::event::{Event, Failure};
use crate::store::sink::clickhouse::encode;
use crate::verdict::{Blame, Verdict};

/// A store as the first builds wrote it.
const SCHEMA_1: &str = include_str!("../../../../tests/stores/schema-1.sql");
const VIEWS: [&str; 5] = [
    "SELECT seq, host FROM detections",
    "SELECT seq, host FROM shadow_detections",
    "SELECT * FROM shadow_servers ORDER BY host",
    "SELECT * FROM detections_per_rule ORDER BY rule_id",
    "SELECT * FROM users_by_shadow_server ORDER BY host",
];

fn old_store() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    Connection::open(dir.path().join(FILE)).unwrap().execute_batch(SCHEMA_1).unwrap();
    dir
}

fn open(dir: &Path) -> Result<Journal, String> {
    let (when_full, deliver) = (WhenFull::Block, false);
    Journal::open(Settings { dir: dir.into(), max_age_days: 100_000, max_bytes: 1 << 30, when_full, deliver })
}

fn all(dir: &Path) -> Vec<Found> {
    Reader::open(dir).unwrap().events(&Filter { limit: 1000, ..Filter::default() }).unwrap()
}

fn views(dir: &Path) -> Vec<Table> {
    let mut reader = Reader::open(dir).unwrap();
    VIEWS.iter().map(|sql| reader.sql(sql).unwrap()).collect()
}

#[tokio::test]
async fn a_store_of_the_first_builds_keeps_its_rows_and_its_views_and_takes_new_rows() {
    let dir = old_store();
    let (rows, answers) = (all(dir.path()), views(dir.path()));
    assert_eq!(rows.len(), 9);
    assert!(answers.iter().all(|table| !table.rows.is_empty()), "{answers:?}");
    let journal = open(dir.path()).unwrap();
    assert_eq!(views(dir.path()), answers);
    for (before, mut after) in rows.into_iter().zip(all(dir.path())) {
        let row = after.seq;
        let blame = after.fields.insert("blame".into(), Value::Null).unwrap();
        let error = after.fields["error"].as_str().and_then(|error| error.split_once(": "));
        let is_denied = after.fields["status"] == 403;
        let blame_of = |(named, _)| if is_denied { "policy" } else { named }.into();
        assert_eq!(blame, error.map_or(Value::Null, blame_of), "row {row}");
        let tags = after.fields.insert("rule_tags".into(), Value::Array(Vec::new())).unwrap();
        let by_id = after.fields["rule_ids"].to_string().contains("\"shadow-mcp");
        assert_eq!(tags.to_string(), if by_id { r#"["shadow"]"# } else { "[]" }, "row {row}");
        assert_eq!(before, after, "nothing else changed");
    }
    let failure = Some(Failure::new(Blame::Origin, "it broke off"));
    let event = Event { host: "new.example".into(), verdict: Verdict::Block, failure, ..Event::default() };
    let event = Event { rule_tags: vec!["shadow".into()], is_mcp: "none", ..event };
    let receipt = journal.append_durable(event.clone()).await.unwrap();
    journal.complete(&receipt, Event { rule_ids: vec!["a".into()], ..event });
    journal.close().await;
    let new = all(dir.path()).pop().unwrap();
    assert_eq!(
        (new.seq, &new.fields["blame"], &new.fields["rule_ids"][0]),
        (10, &"origin".into(), &"a".into())
    );
    let shadow = Reader::open(dir.path()).unwrap().sql("SELECT max(seq) FROM shadow_detections").unwrap();
    assert_eq!(shadow.rows, [[Value::from(10)]]);
    open(dir.path()).unwrap().close().await;
}

#[tokio::test]
async fn what_the_first_builds_sealed_is_delivered_with_every_column() {
    let dir = old_store();
    open(dir.path()).unwrap().close().await;
    let reader = Reader::open(dir.path()).unwrap();
    let Position { delivered, sealed, .. } = marks::position(reader.connection()).unwrap();
    assert_eq!((delivered, sealed), (4, 9));
    let range = encode::range(reader.connection(), delivered, sealed).unwrap();
    let body = String::from_utf8(range.body).unwrap();
    let first: Value = serde_json::from_str(body.lines().next().unwrap()).unwrap();
    assert_eq!((range.rows, &first["rule_tags"]), (5, &serde_json::json!(["shadow"])));
}

#[tokio::test]
async fn an_old_store_has_the_columns_of_a_new_one() {
    let columns = |dir: &Path| {
        let connection = Connection::open(dir.join(FILE)).unwrap();
        let sql = "SELECT name, type FROM pragma_table_info('events') ORDER BY name";
        let mut statement = connection.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        rows.collect::<rusqlite::Result<Vec<(String, String)>>>().unwrap()
    };
    let (old, new) = (old_store(), tempfile::tempdir().unwrap());
    open(old.path()).unwrap().close().await;
    open(new.path()).unwrap().close().await;
    assert_eq!(columns(old.path()), columns(new.path()));
}

#[tokio::test]
async fn refusals_in_an_old_store_are_blamed_on_the_policy_as_new_ones_are() {
    let dir = old_store();
    let connection = Connection::open(dir.path().join(FILE)).unwrap();
    let errors = [
        "client: CONNECT to port 25 is not allowed",
        "origin: 127.0.0.1 is a loopback address, which the gateway does not connect to (destinations.deny)",
        "client: the gateway itself listens there",
    ];
    for (seq, error) in (1..).zip(errors) {
        let changed = connection.execute(
            "UPDATE events SET status = 403, error = ?2 WHERE seq = ?1",
            rusqlite::params![seq, error],
        );
        assert_eq!(changed, Ok(1));
    }
    drop(connection);
    open(dir.path()).unwrap().close().await;
    for found in all(dir.path()).iter().filter(|found| (1..=3).contains(&found.seq)) {
        assert_eq!(found.fields["blame"], "policy", "{found:?}");
    }
}

#[test]
fn an_old_store_can_be_read_before_a_gateway_has_brought_it_up_to_date() {
    let dir = old_store();
    let found = all(dir.path());
    assert_eq!((found.len(), &found[5].fields["blame"]), (9, &Value::Null));
    assert!(found[5].fields["error"].as_str().unwrap().starts_with("origin: "));
    assert_eq!(found[1].fields["rule_tags"], serde_json::json!([]));
}

#[test]
fn a_step_that_fails_leaves_the_store_as_it_was() {
    let dir = old_store();
    let connection = Connection::open(dir.path().join(FILE)).unwrap();
    connection.execute_batch("ALTER TABLE events ADD COLUMN rule_tags TEXT").unwrap();
    let error = migrate(&connection).unwrap_err();
    assert!(error.contains("duplicate column name: rule_tags"), "{error}");
    let version: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
    assert_eq!(version, 1);
    assert!(connection.prepare("SELECT blame FROM events").is_err());
}

#[test]
fn the_store_of_a_newer_build_is_refused() {
    let dir = old_store();
    let connection = Connection::open(dir.path().join(FILE)).unwrap();
    connection.pragma_update(None, "user_version", VERSION + 1).unwrap();
    let error = open(dir.path()).unwrap_err();
    assert_eq!(
        error,
        format!(
            "the event store was written by a newer version of this program (schema {}, known {VERSION}): upgrade, or \
             choose another folder (`data`)",
            VERSION + 1
        )
    );
}
