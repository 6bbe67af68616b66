//! The delivery loop: seal, send until accepted, mark.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use bytes::Bytes;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;

use super::Settings;
use super::client::{DeliveryError, Server};
use super::encode::{self, End, Range};
use super::migrate::migrate;
use crate::store::journal::Journal;
use crate::store::journal::marks::{self, Mark, Position};
use crate::store::journal::read::Reader;
use crate::telemetry::labels::Kind;
use crate::telemetry::metrics::{Measured, Registry};

/// Wait after a range that was not full, so that rows gather: a quiet gateway makes one insert a second, not one for each
/// row. After a full range the next one is sent at once.
const LINGER: Duration = Duration::from_secs(1);
/// Waits after failures: doubled from one to the next, and each made up to twice as long at random, so that gateways do not
/// come back all at once. The longest is half a minute.
const WAITS: ExponentialBuilder = ExponentialBuilder::new()
    .with_min_delay(Duration::from_millis(100))
    .with_max_delay(Duration::from_secs(15))
    .with_factor(2.0)
    .without_max_times()
    .with_jitter();

/// With these, ClickHouse makes one block of an insert, checks its token, and refuses a column that it does not know.
const INSERT_SETTINGS: [(&str, &str); 4] = [
    ("async_insert", "0"),
    ("insert_deduplicate", "1"),
    ("input_format_parallel_parsing", "0"),
    ("input_format_skip_unknown_fields", "0"),
];

/// What delivery counts.
#[derive(Debug, Default)]
pub struct Stats {
    rows: Counter,
    inserts: Counter,
    errors: Family<Kind, Counter>,
    backlog: Gauge,
}

impl Measured for Stats {
    fn register(&self, r: &mut Registry) {
        r.register("sink_rows", "Rows that ClickHouse has accepted since the start", self.rows.clone());
        r.register(
            "sink_inserts",
            "Inserts that ClickHouse has accepted since the start",
            self.inserts.clone(),
        );
        let help = "Deliveries that failed, by kind: store (the embedded store was not read), secret (the password file was not \
                    read), transport (ClickHouse was not reached or did not answer) or refused";
        r.register("sink_errors", help, self.errors.clone());
        r.register("sink_backlog_rows", "Rows that wait for delivery", self.backlog.clone());
    }
}

/// Delivers a journal to ClickHouse.
#[derive(Debug)]
pub struct Delivery {
    settings: Settings,
    server: Server,
    journal: Journal,
    dir: PathBuf,
    stats: Arc<Stats>,
}

impl Delivery {
    /// Prepares delivery from the journal in `dir`. `http` opens the connections; URL, user and password are those of the
    /// settings. The error is about `clickhouse.url`.
    pub fn new(
        settings: Settings,
        http: clickhouse::Client,
        journal: &Journal,
        dir: &Path,
    ) -> Result<Self, String> {
        let server = Server::new(http, settings.clone())?;
        Ok(Self { settings, server, journal: journal.clone(), dir: dir.into(), stats: Arc::default() })
    }

    /// What was counted.
    pub fn stats(&self) -> &Arc<Stats> {
        &self.stats
    }

    /// Delivers until `closing` is done.
    pub async fn run(self, closing: impl Future<Output = ()>) {
        tokio::select! {
            () = closing => {}
            () = self.forever() => {}
        }
    }

    async fn forever(&self) {
        let mut waits = WAITS.build();
        let mut migrated = false;
        loop {
            let step = if migrated {
                self.step().await
            } else {
                migrate(&self.server, &self.settings).await.map(|()| true)
            };
            match step {
                Ok(more) => {
                    (waits, migrated) = (WAITS.build(), true);
                    if !more {
                        tokio::time::sleep(LINGER).await;
                    }
                }
                Err(failure) => {
                    migrated &= !failure.blames_the_schema();
                    self.stats.errors.get_or_create(&Kind { kind: failure.kind() }).inc();
                    let wait = waits.next().unwrap_or(LINGER);
                    let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
                    let kind = failure.kind();
                    tracing::warn!(kind, error = %failure, wait_ms, "{}", failure.headline());
                    tokio::time::sleep(wait).await;
                }
            }
        }
    }

    /// Delivers one range; true when more rows may wait.
    async fn step(&self) -> Result<bool, DeliveryError> {
        let Some(Sealed { position, full }) = self.seal().await? else { return Ok(false) };
        let (after, last) = (position.delivered, position.sealed);
        let range = self.read(move |reader| encode::range(reader.connection(), after, last)).await?;
        let rows = range.rows as u64;
        // The size limit may have deleted all rows of a sealed range; then there is nothing to send.
        if rows > 0 {
            self.send(&position, range).await?;
        }
        self.mark(Mark::Delivered(last)).await?;
        self.stats.rows.inc_by(rows);
        self.stats.inserts.inc_by((rows > 0).into());
        Ok(full)
    }

    /// Seals the next range, or gives the sealed one that is not delivered yet; none when there is nothing to deliver.
    ///
    /// Rows that may still be completed are left for a later range. A range is read only after it was sealed, because from
    /// then on no ending can change it.
    async fn seal(&self) -> Result<Option<Sealed>, DeliveryError> {
        let journal = self.journal.clone();
        let choose = move |reader: &Reader| {
            let position = marks::position(reader.connection())?;
            // In this order, because a row is noted as open before it becomes readable.
            let last = reader.last()?;
            let until = journal.first_open().map_or(last, |open| last.min(open - 1));
            let under_way = position.sealed > position.delivered;
            let end =
                if under_way { None } else { encode::end(reader.connection(), position.delivered, until)? };
            Ok((position, last, end))
        };
        let (position, last, end) = self.read(choose).await?;
        self.stats.backlog.set((last - position.delivered).max(0));
        if position.sealed > position.delivered {
            return Ok(Some(Sealed { position, full: true }));
        }
        let Some(End { last, full }) = end else { return Ok(None) };
        self.mark(Mark::Sealed(last)).await?;
        Ok(Some(Sealed { position: Position { sealed: last, ..position }, full }))
    }

    async fn send(&self, position: &Position, range: Range) -> Result<(), DeliveryError> {
        let Position { instance, delivered, sealed } = position;
        // Two copies of a store may give the same numbers to different rows; the last row's id tells them apart.
        let token = format!("{instance}-{}-{sealed}-{}", delivered + 1, range.last_id);
        let statement = format!("INSERT INTO {}.events FORMAT JSONEachRow", self.settings.database);
        let mut parameters = vec![("insert_deduplication_token", token.as_str())];
        parameters.extend(INSERT_SETTINGS);
        if self.settings.cluster.is_some() {
            parameters.push(("distributed_foreground_insert", "1"));
        }
        self.server.insert(&statement, &parameters, Bytes::from(range.body)).await
    }

    /// Reads the store on a thread of its own, because SQLite blocks.
    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Reader) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, DeliveryError> {
        let dir = self.dir.clone();
        let read = move || Reader::open(&dir).and_then(|reader| work(&reader).map_err(|e| e.to_string()));
        let done = tokio::task::spawn_blocking(read).await;
        done.map_err(|e| DeliveryError::Store(e.to_string()))?.map_err(DeliveryError::Store)
    }

    async fn mark(&self, mark: Mark) -> Result<(), DeliveryError> {
        self.journal.mark(mark).await.map_err(DeliveryError::Store)
    }
}

/// A range of rows that no longer change: those after `position.delivered`, up to `position.sealed`.
#[derive(Debug)]
struct Sealed {
    position: Position,
    /// True when more rows may wait.
    full: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::event::Event;
    use crate::store::journal;
    use crate::verdict::Verdict;

    fn delivery(dir: &Path) -> (Journal, Delivery) {
        let (max_age_days, max_bytes, when_full) = (90, 1 << 30, journal::WhenFull::Block);
        let settings =
            journal::Settings { dir: dir.into(), max_age_days, max_bytes, when_full, deliver: true };
        let journal = Journal::open(settings).unwrap();
        let settings = Settings {
            url: http::Uri::from_static("http://clickhouse.example:8123"),
            database: "daylight".into(),
            user: "default".into(),
            password_file: None,
            cluster: None,
            extra_roots: Vec::new(),
            ttl_days: 365,
        };
        let delivery = Delivery::new(settings, clickhouse::Client::default(), &journal, dir).unwrap();
        (journal, delivery)
    }

    fn event() -> Event {
        let time_us = time::OffsetDateTime::now_utc().unix_timestamp() * 1_000_000;
        Event { time_us, id: uuid::Uuid::now_v7(), verdict: Verdict::Log, ..Event::default() }
    }

    async fn read(delivery: &Delivery, position: &Position) -> Range {
        let (after, last) = (position.delivered, position.sealed);
        delivery.read(move |reader| encode::range(reader.connection(), after, last)).await.unwrap()
    }

    /// An exchange that lasts as long as it takes to store another one; when it is over, no row is open.
    async fn exchange(journal: &Journal) {
        let event = event();
        let receipt = journal.append_durable(event.clone()).await.unwrap();
        journal.append_durable(self::event()).await.unwrap();
        journal.complete(&receipt, Event { bytes_down: 7, ..event });
        drop(receipt);
        journal.append_durable(self::event()).await.unwrap();
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn no_detection_is_sealed_between_its_commit_and_its_ending() {
        const EXCHANGES: usize = 2000;
        let dir = tempfile::tempdir().unwrap();
        let (journal, delivery) = delivery(dir.path());
        let client = journal.clone();
        let exchanges = tokio::task::spawn(async move {
            for _ in 0..EXCHANGES {
                exchange(&client).await;
            }
        });
        let mut sent = String::new();
        while sent.lines().count() < 3 * EXCHANGES {
            let Some(Sealed { position, .. }) = delivery.seal().await.unwrap() else { continue };
            sent.push_str(std::str::from_utf8(&read(&delivery, &position).await.body).unwrap());
            delivery.mark(Mark::Delivered(position.sealed)).await.unwrap();
        }
        exchanges.await.unwrap();
        journal.close().await;
        let completed = sent.lines().filter(|line| line.contains(r#""bytes_down":7"#)).count();
        assert_eq!(completed, EXCHANGES, "rows sent with their ending");
        let last = Position { delivered: 0, sealed: i64::MAX, ..Position::default() };
        assert!(sent.as_bytes() == read(&delivery, &last).await.body, "what was sent is what is stored");
    }

    #[tokio::test]
    async fn a_sealed_range_is_read_again_byte_for_byte_whatever_ends_meanwhile() {
        let dir = tempfile::tempdir().unwrap();
        let (journal, delivery) = delivery(dir.path());
        let slow = event();
        let receipt = journal.append_durable(slow.clone()).await.unwrap();
        assert!(delivery.seal().await.unwrap().is_none(), "its ending may still come");
        journal.mark(Mark::Sealed(receipt.seq())).await.unwrap();
        let Sealed { position, .. } = delivery.seal().await.unwrap().unwrap();
        let first = read(&delivery, &position).await;
        journal.complete(&receipt, Event { bytes_down: 7, ..slow });
        // Written together with what waited.
        journal.append_durable(event()).await.unwrap();
        assert_eq!(read(&delivery, &position).await, first);
        assert_eq!(
            delivery.seal().await.unwrap().unwrap().position,
            position,
            "the same range until delivered"
        );
        journal.close().await;
    }
}
