//! The delivery loop: seal, send until accepted, mark.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;

use super::Settings;
use super::client::{Client, SendError};
use super::encode::{self, Range};
use super::schema::ddl;
use crate::journal::Journal;
use crate::journal::marks::{self, Mark, Position};
use crate::journal::read::Reader;
use crate::listener::Tasks;
use crate::telemetry::labels::Kind;
use crate::telemetry::metrics::{Measured, Registry};

/// Wait when everything was delivered.
const IDLE: Duration = Duration::from_millis(250);
/// First wait after a failure; doubled up to [`BACKOFF_MAX`].
const BACKOFF_MIN: Duration = Duration::from_millis(200);
/// Longest wait after a failure.
const BACKOFF_MAX: Duration = Duration::from_secs(30);

/// One block for each insert, its token checked, and no column dropped in silence.
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
        let help = "Inserts that failed, by kind: transport (ClickHouse was not reached) or refused";
        r.register("sink_errors", help, self.errors.clone());
        r.register("sink_backlog_rows", "Rows that wait for delivery", self.backlog.clone());
    }
}

/// Delivers a journal to ClickHouse.
#[derive(Debug)]
pub struct Delivery {
    settings: Settings,
    client: Client,
    journal: Journal,
    dir: PathBuf,
    stats: Arc<Stats>,
}

impl Delivery {
    /// Prepares delivery from the journal in `dir`.
    pub fn new(settings: Settings, journal: &Journal, dir: &Path) -> Result<Self, String> {
        let client = Client::new(settings.clone())?;
        Ok(Self { settings, client, journal: journal.clone(), dir: dir.into(), stats: Arc::default() })
    }

    /// What was counted.
    pub fn stats(&self) -> &Arc<Stats> {
        &self.stats
    }

    /// Delivers until the tasks are closing.
    pub async fn run(self, tasks: Tasks) {
        tokio::select! {
            () = tasks.closing() => {}
            () = self.forever() => {}
        }
    }

    async fn forever(&self) {
        let mut backoff = BACKOFF_MIN;
        let mut migrated = false;
        loop {
            let step = if migrated { self.step().await } else { self.migrate().await.map(|()| true) };
            match step {
                Ok(more) => {
                    (backoff, migrated) = (BACKOFF_MIN, true);
                    if !more {
                        tokio::time::sleep(IDLE).await;
                    }
                }
                Err(failure) => {
                    migrated &= !failure.blames_the_schema();
                    self.stats.errors.get_or_create(&Kind { kind: failure.kind() }).inc();
                    let wait = jittered(backoff);
                    let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
                    tracing::warn!(error = %failure, wait_ms, "ClickHouse did not take the rows; they are kept");
                    tokio::time::sleep(wait).await;
                    backoff = (backoff * 2).min(BACKOFF_MAX);
                }
            }
        }
    }

    async fn migrate(&self) -> Result<(), SendError> {
        let Settings { database, cluster, ttl_days, .. } = &self.settings;
        for statement in ddl(database, cluster.as_deref(), *ttl_days) {
            self.client.send(&statement, &[], Bytes::new()).await?;
        }
        Ok(())
    }

    /// Delivers one range; false when there is nothing to deliver.
    async fn step(&self) -> Result<bool, SendError> {
        let (position, range) = self.next().await?;
        if range.rows == 0 {
            // A sealed range whose rows were deleted by the size limit is over.
            if position.sealed > position.delivered {
                self.mark(Mark::Delivered(position.sealed)).await?;
            }
            return Ok(false);
        }
        if position.sealed == position.delivered {
            self.mark(Mark::Sealed(range.last)).await?;
        }
        // The last id tells two copies of a store apart that number different rows alike.
        let Range { last, last_id, .. } = &range;
        let token = format!("{}-{}-{last}-{last_id}", position.instance, position.delivered + 1);
        let statement = format!("INSERT INTO {}.events FORMAT JSONEachRow", self.settings.database);
        let mut parameters = vec![("insert_deduplication_token", token.as_str())];
        parameters.extend(INSERT_SETTINGS);
        if self.settings.cluster.is_some() {
            parameters.push(("distributed_foreground_insert", "1"));
        }
        self.client.send(&statement, &parameters, Bytes::from(range.body)).await?;
        self.mark(Mark::Delivered(range.last)).await?;
        self.stats.rows.inc_by(range.rows as u64);
        self.stats.inserts.inc();
        Ok(true)
    }

    /// The range under way, or the next one; rows that wait for their ending are left for later.
    async fn next(&self) -> Result<(Position, Range), SendError> {
        let (dir, first_open) = (self.dir.clone(), self.journal.first_open());
        let read = move || -> Result<(Position, Range, i64), String> {
            let reader = Reader::open(&dir)?;
            let connection = reader.connection();
            let said = |e: rusqlite::Error| e.to_string();
            let position = marks::position(connection).map_err(said)?;
            let under_way = position.sealed > position.delivered;
            let until = if under_way { position.sealed } else { first_open.map_or(i64::MAX, |seq| seq - 1) };
            let range = encode::range(connection, position.delivered, until).map_err(said)?;
            let last: Option<i64> =
                connection.query_row("SELECT max(seq) FROM events", [], |row| row.get(0)).map_err(said)?;
            Ok((position, range, last.unwrap_or(0)))
        };
        let done =
            tokio::task::spawn_blocking(read).await.map_err(|e| SendError::Transport(e.to_string()))?;
        let (position, range, last) = done.map_err(SendError::Transport)?;
        self.stats.backlog.set((last - position.delivered).max(0));
        Ok((position, range))
    }

    async fn mark(&self, mark: Mark) -> Result<(), SendError> {
        self.journal.mark(mark).await.map_err(SendError::Transport)
    }
}

/// Half to the whole of a wait, so that gateways do not come back all at once.
fn jittered(wait: Duration) -> Duration {
    let mut byte = [0_u8; 1];
    if aws_lc_rs::rand::fill(&mut byte).is_err() {
        return wait;
    }
    wait / 2 + wait * u32::from(byte[0]) / 510
}
