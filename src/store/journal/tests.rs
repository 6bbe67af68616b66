use std::time::Duration;

use super::files::FILE;
use super::read::{Filter, Reader};
use serde_json::Value;

use super::*;
use crate::verdict::Verdict;

fn settings(dir: &std::path::Path) -> Settings {
    Settings {
        dir: dir.into(),
        max_age_days: 90,
        max_bytes: 1 << 30,
        when_full: WhenFull::Block,
        deliver: false,
    }
}

fn event(host: &str, verdict: Verdict) -> Event {
    let time_us = i64::try_from(uuid::Uuid::now_v7().as_u128() >> 80).unwrap() * 1000;
    let is_mcp = "strong";
    Event { time_us, id: uuid::Uuid::now_v7(), host: host.into(), verdict, is_mcp, ..Event::default() }
}

fn all(dir: &std::path::Path) -> Vec<read::Found> {
    Reader::open(dir).unwrap().events(&Filter { limit: 1_000_000, ..Filter::default() }).unwrap()
}

#[tokio::test]
async fn a_detection_can_be_read_as_soon_as_it_has_its_receipt() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(settings(dir.path())).unwrap();
    let mut detected = event("mcp.vendor.example", Verdict::Block);
    detected.rule_ids = vec!["a".into(), "b".into()];
    journal.append_durable(detected).await.unwrap();
    let found = all(dir.path());
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].fields["host"], "mcp.vendor.example");
    assert_eq!(found[0].fields["rule_ids"], serde_json::json!(["a", "b"]));
    assert_eq!(found[0].fields["user"], Value::Null);
    journal.close().await;
}

#[tokio::test]
async fn a_plain_event_can_be_read_within_a_tenth_of_a_second() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(settings(dir.path())).unwrap();
    let mut waits: Vec<Duration> = (1..=9)
        .map(|count| {
            let started = std::time::Instant::now();
            journal.append(event("a.example", Verdict::Allow));
            while all(dir.path()).len() < count {}
            started.elapsed()
        })
        .collect();
    journal.close().await;
    // The machine may be busy for a moment; the median is what the journal does.
    waits.sort();
    assert!(waits[4] < Duration::from_millis(100), "{waits:?}");
}

#[tokio::test]
async fn a_row_keeps_nothing_of_the_row_before_it() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(settings(dir.path())).unwrap();
    let status = |status| Event { status, ..event("a.example", Verdict::Allow) };
    let path = |path: &str| Event { path: Some(path.into()), ..status(Some(404)) };
    for event in [path("/a"), path("/a"), status(None), path("/b"), status(Some(7))] {
        journal.append(event);
    }
    journal.close().await;
    let column = |name: &str| all(dir.path()).iter().map(|row| row.fields[name].clone()).collect::<Vec<_>>();
    let null = Value::Null;
    let paths: [Value; 5] = ["/a".into(), "/a".into(), null.clone(), "/b".into(), null.clone()];
    let statuses: [Value; 5] = [404.into(), 404.into(), null, 404.into(), 7.into()];
    assert_eq!((column("path"), column("status")), (paths.to_vec(), statuses.to_vec()));
}

#[tokio::test]
async fn nobody_else_can_read_the_store() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("a/data");
    let journal = Journal::open(settings(&data)).unwrap();
    journal.append_durable(event("a.example", Verdict::Block)).await.unwrap();
    let mode = |path: &std::path::Path| {
        std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(path).unwrap().permissions()) & 0o777
    };
    assert_eq!(mode(&data), 0o700);
    let files = std::fs::read_dir(&data).unwrap().map(|entry| entry.unwrap().path());
    let modes: std::collections::BTreeMap<String, u32> =
        files.map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), mode(&path))).collect();
    let expected = ["daylight.db", "daylight.db-shm", "daylight.db-wal", "lock"];
    assert_eq!(modes, expected.map(|name| (name.to_owned(), 0o600)).into());
    journal.close().await;
}

#[tokio::test]
async fn plain_events_are_written_when_the_journal_closes_and_numbers_go_on_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        let journal = Journal::open(settings(dir.path())).unwrap();
        (0..100).for_each(|_| journal.append(event("a.example", Verdict::Allow)));
        journal.close().await;
    }
    let numbers: Vec<i64> = all(dir.path()).iter().map(|found| found.seq).collect();
    assert_eq!(numbers, (1..=200).collect::<Vec<i64>>());
}

/// The same event as it was when it ended.
fn ended(event: &Event) -> Event {
    Event { bytes_down: 7, mcp_server: Some("srv".into()), verdict: Verdict::Log, ..event.clone() }
}

#[tokio::test]
async fn a_completed_row_has_every_column_of_the_later_event() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(settings(dir.path())).unwrap();
    let durable = Event { path: Some("/a".into()), ..event("a.example", Verdict::Inspect) };
    let early = event("b.example", Verdict::Allow);
    let receipt = journal.append_durable(durable.clone()).await.unwrap();
    journal.complete(&receipt, Event { path: None, ..ended(&durable) });
    let receipt = journal.append_early(early.clone());
    journal.complete(&receipt, ended(&early));
    journal.close().await;
    let found = all(dir.path());
    assert_eq!(found.len(), 2);
    for row in &found {
        assert_eq!((&row.fields["bytes_down"], &row.fields["mcp_server"]), (&7.into(), &"srv".into()));
        assert_eq!((&row.fields["verdict"], &row.fields["path"]), (&"log".into(), &Value::Null));
    }
    assert_eq!(found[1].fields["id"], early.id.to_string(), "still the same event");
}

#[tokio::test]
async fn a_row_is_open_while_somebody_holds_its_receipt() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(settings(dir.path())).unwrap();
    journal.append(event("a.example", Verdict::Allow));
    let first = journal.append_durable(event("b.example", Verdict::Log)).await.unwrap();
    let second = journal.append_durable(event("c.example", Verdict::Block)).await.unwrap();
    assert_eq!(journal.first_open(), Some(first.seq()));
    let held = first.clone();
    drop(first);
    assert_eq!(journal.first_open(), Some(held.seq()));
    drop(held);
    assert_eq!(journal.first_open(), Some(second.seq()));
    drop(second);
    assert_eq!(journal.first_open(), None);
    journal.close().await;
}

#[tokio::test]
async fn an_ending_for_a_sealed_row_waits_until_the_row_is_delivered() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(settings(dir.path())).unwrap();
    let slow = event("a.example", Verdict::Log);
    let receipt = journal.append_durable(slow.clone()).await.unwrap();
    journal.mark(Mark::Sealed(receipt.seq())).await.unwrap();
    journal.complete(&receipt, ended(&slow));
    // A later mark is written after the ending was taken.
    journal.mark(Mark::Sealed(receipt.seq())).await.unwrap();
    assert_eq!(all(dir.path())[0].fields["bytes_down"], 0, "as it was sent");
    journal.mark(Mark::Delivered(receipt.seq())).await.unwrap();
    assert_eq!(all(dir.path())[0].fields["bytes_down"], 7);
    assert_eq!(journal.stats().endings(), (1, 0), "late, not lost");
    journal.complete(&receipt, Event { bytes_down: 8, ..slow });
    journal.close().await;
    assert_eq!(all(dir.path())[0].fields["bytes_down"], 8, "later still");
}

#[tokio::test]
async fn endings_that_wait_are_bounded_and_counted() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(settings(dir.path())).unwrap();
    let mut receipts: Vec<Receipt> = Vec::new();
    for _ in 0..=store::DEFERRED_MAX {
        receipts.push(journal.append_early(event("a.example", Verdict::Log)));
    }
    journal.mark(Mark::Sealed(i64::try_from(receipts.len()).unwrap())).await.unwrap();
    receipts.iter().for_each(|receipt| journal.complete(receipt, event("a.example", Verdict::Log)));
    journal.close().await;
    assert_eq!(journal.stats().endings(), (receipts.len() as u64, 1));
}

#[tokio::test]
async fn two_journals_cannot_share_a_folder() {
    let dir = tempfile::tempdir().unwrap();
    let first = Journal::open(settings(dir.path())).unwrap();
    assert!(Journal::open(settings(dir.path())).unwrap_err().contains("another gateway"));
    first.close().await;
    Journal::open(settings(dir.path())).unwrap().close().await;
}

#[tokio::test]
async fn retention_keeps_the_store_small_and_never_uses_a_number_twice() {
    let dir = tempfile::tempdir().unwrap();
    let mut small = settings(dir.path());
    small.max_bytes = 300_000;
    let journal = Journal::open(small.clone()).unwrap();
    for _ in 0..3000 {
        journal.append(event("a-host-with-a-rather-long-name.example", Verdict::Allow));
    }
    while journal.stats().retired_rows().0 == 0 {
        tokio::task::yield_now().await;
        journal.append_durable(event("b.example", Verdict::Block)).await.unwrap();
    }
    journal.close().await;
    let highest = all(dir.path()).last().unwrap().seq;
    let mut empty = rusqlite::Connection::open(dir.path().join(FILE)).unwrap();
    let cleared = empty.transaction().unwrap();
    cleared.execute("DELETE FROM events", []).unwrap();
    cleared.execute("INSERT OR REPLACE INTO meta VALUES ('retired_seq', ?1)", [highest.to_string()]).unwrap();
    cleared.commit().unwrap();
    let journal = Journal::open(small).unwrap();
    let receipt = journal.append_durable(event("c.example", Verdict::Block)).await.unwrap();
    assert!(receipt.seq() > highest);
    journal.close().await;
}

/// A store whose rows began so many days ago, with rows of this size.
async fn aged(dir: &std::path::Path, ages_days: &[i64], bytes: usize) {
    // Nothing is deleted yet.
    let journal = Journal::open(Settings { max_age_days: 10_000, ..settings(dir) }).unwrap();
    for age in ages_days {
        let now = event("a.example", Verdict::Allow);
        let reason = "x".repeat(bytes);
        journal.append(Event { time_us: now.time_us - age * 86_400_000_000, reason: reason.into(), ..now });
    }
    journal.close().await;
}

#[tokio::test]
async fn old_rows_of_a_small_store_go_and_their_neighbours_stay() {
    let dir = tempfile::tempdir().unwrap();
    // The fourth and the last were stored when a long exchange ended.
    aged(dir.path(), &[100, 95, 1, 100, 0, 200], 1).await;
    let journal = Journal::open(settings(dir.path())).unwrap();
    while journal.stats().retired_rows().0 == 0 {
        tokio::task::yield_now().await;
    }
    journal.close().await;
    let left: Vec<i64> = all(dir.path()).iter().map(|found| found.seq).collect();
    assert_eq!(left, [3, 4, 5, 6]);
}

#[tokio::test]
async fn rows_that_are_not_delivered_do_not_go_by_age() {
    let dir = tempfile::tempdir().unwrap();
    aged(dir.path(), &[100; 10], 1).await;
    let journal = Journal::open(Settings { deliver: true, ..settings(dir.path()) }).unwrap();
    journal.mark(Mark::Delivered(4)).await.unwrap();
    while journal.stats().retired_rows().0 == 0 {
        tokio::task::yield_now().await;
    }
    journal.close().await;
    assert_eq!(journal.stats().retired_rows(), (4, 0));
    assert_eq!(all(dir.path()).len(), 6);
}

#[tokio::test]
async fn what_was_deleted_gives_its_room_back() {
    let dir = tempfile::tempdir().unwrap();
    aged(dir.path(), &[100; 900], 2000).await;
    let size = || std::fs::metadata(dir.path().join(FILE)).unwrap().len();
    assert!(size() > 1_800_000);
    let journal = Journal::open(settings(dir.path())).unwrap();
    while journal.stats().retired_rows().0 == 0 {
        tokio::task::yield_now().await;
    }
    journal.close().await;
    assert!(size() < 200_000, "{}", size());
}

#[tokio::test]
async fn the_size_limit_does_not_empty_a_store_of_few_large_rows() {
    let dir = tempfile::tempdir().unwrap();
    aged(dir.path(), &[0; 100], 10_000).await;
    let journal = Journal::open(Settings { max_bytes: 900_000, ..settings(dir.path()) }).unwrap();
    while journal.stats().retired_rows().0 == 0 {
        tokio::task::yield_now().await;
    }
    journal.close().await;
    assert!((50..100).contains(&all(dir.path()).len()), "{}", all(dir.path()).len());
}

#[test]
fn the_reader_cannot_write_and_says_what_is_wrong() {
    let dir = tempfile::tempdir().unwrap();
    assert!(Reader::open(dir.path()).unwrap_err().contains("start the gateway once"));
    let connection = rusqlite::Connection::open(dir.path().join(FILE)).unwrap();
    schema::migrate(&connection).unwrap();
    let mut reader = Reader::open(dir.path()).unwrap();
    assert!(reader.sql("DELETE FROM events").unwrap_err().contains("readonly"));
    assert!(reader.sql("SELEC 1").unwrap_err().contains("syntax error"));
    assert_eq!(reader.sql("SELECT 1 AS one").unwrap().columns, ["one"]);
    let views = "SELECT name FROM sqlite_schema WHERE type = 'view'";
    let views = reader.sql(views).unwrap().rows;
    assert_eq!(views.len(), 5);
    for view in views.iter().filter_map(|row| row[0].as_str()) {
        assert!(reader.sql(&format!("SELECT * FROM {view}")).unwrap().rows.is_empty());
    }
}

/// Another connection that keeps the store from being written, as a full disk does.
fn obstruct(dir: &std::path::Path) -> rusqlite::Connection {
    let other = rusqlite::Connection::open(dir.join(FILE)).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    other
}

#[tokio::test]
async fn a_store_that_cannot_be_written_refuses_and_recovers_without_loss() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(settings(dir.path())).unwrap();
    let obstacle = obstruct(dir.path());
    assert_eq!(journal.append_durable(event("a.example", Verdict::Block)).await.unwrap_err(), NotStored);
    assert!(!journal.accepts());
    journal.append(event("b.example", Verdict::Allow));
    obstacle.execute_batch("ROLLBACK").unwrap();
    while !journal.accepts() {
        tokio::task::yield_now().await;
    }
    journal.close().await;
    let hosts: Vec<String> = all(dir.path()).iter().map(|found| found.fields["host"].to_string()).collect();
    assert_eq!(hosts, ["\"b.example\""]);
}

#[tokio::test]
async fn under_the_drop_policy_traffic_passes_and_the_loss_is_counted() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(Settings { when_full: WhenFull::Drop, ..settings(dir.path()) }).unwrap();
    let obstacle = obstruct(dir.path());
    assert!(journal.append_durable(event("a.example", Verdict::Block)).await.is_ok());
    assert!(journal.accepts());
    assert_eq!(journal.stats().lost(), 1);
    obstacle.execute_batch("ROLLBACK").unwrap();
    journal.close().await;
}

#[tokio::test]
async fn a_queue_that_grows_faster_than_it_is_written_closes_the_gateway_before_it_overflows() {
    for when_full in [WhenFull::Block, WhenFull::Drop] {
        let dir = tempfile::tempdir().unwrap();
        let journal = Journal::open(Settings { when_full, ..settings(dir.path()) }).unwrap();
        let obstacle = obstruct(dir.path());
        // The writer takes the first and waits with it for the obstacle.
        journal.append(Event::default());
        while !journal.queue().plain.is_empty() {
            tokio::task::yield_now().await;
        }
        (2..QUEUE_HIGH).for_each(|_| journal.append(Event::default()));
        assert!(journal.accepts(), "below the mark");
        journal.append(Event::default());
        assert_eq!(journal.accepts(), when_full == WhenFull::Drop);
        (QUEUE_HIGH..=QUEUE_MAX).for_each(|_| journal.append(Event::default()));
        obstacle.execute_batch("ROLLBACK").unwrap();
        journal.close().await;
        assert_eq!(journal.stats().lost(), 1, "the one beyond the limit");
    }
}

#[tokio::test]
async fn nobody_waits_for_a_journal_that_is_closed() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(settings(dir.path())).unwrap();
    journal.close().await;
    assert_eq!(journal.append_durable(event("a.example", Verdict::Block)).await.unwrap_err(), NotStored);
    assert!(journal.mark(Mark::Delivered(1)).await.is_err());
    journal.append(event("b.example", Verdict::Allow));
    assert_eq!(journal.stats().lost(), 1, "counted, not kept");
    journal.close().await;
}

#[tokio::test]
async fn after_a_row_the_oldest_come_first_so_that_a_reader_who_follows_misses_none() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(settings(dir.path())).unwrap();
    (0..50).for_each(|_| journal.append(event("a.example", Verdict::Allow)));
    journal.close().await;
    let reader = Reader::open(dir.path()).unwrap();
    let numbers = |after, limit| -> Vec<i64> {
        let filter = Filter { after, limit, ..Filter::default() };
        reader.events(&filter).unwrap().iter().map(|found| found.seq).collect()
    };
    assert_eq!(numbers(None, 3), [48, 49, 50]);
    assert_eq!(numbers(Some(10), 3), [11, 12, 13]);
    assert_eq!(numbers(Some(0), 3), [1, 2, 3]);
}
