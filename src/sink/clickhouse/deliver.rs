//! The delivery loop: seal, send until accepted, mark.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;

use super::Settings;
use super::client::{Client, SendError};
use super::encode::{self, Range};
use super::schema::ddl;
use crate::journal::Journal;
use crate::journal::marks::{self, Mark, Position};
use crate::journal::read::Reader;
use crate::journal::stats::Gauge;
use crate::listener::Tasks;

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
    rows: AtomicU64,
    inserts: AtomicU64,
    failed_transport: AtomicU64,
    failed_refused: AtomicU64,
    backlog: AtomicU64,
}

impl Stats {
    /// Every value for the metrics.
    pub fn gauges(self: &Arc<Self>) -> Vec<Gauge> {
        let read = |pick: fn(&Self) -> &AtomicU64| {
            let stats = Arc::clone(self);
            let value = move || i64::try_from(pick(&stats).load(Ordering::Relaxed)).unwrap_or(i64::MAX);
            Box::new(value) as Box<dyn Fn() -> i64 + Send + Sync>
        };
        vec![
            ("sink_rows_total", "Rows that ClickHouse has accepted since the start", read(|s| &s.rows)),
            (
                "sink_inserts_total",
                "Inserts that ClickHouse has accepted since the start",
                read(|s| &s.inserts),
            ),
            (
                "sink_errors_transport_total",
                "Inserts that did not reach ClickHouse",
                read(|s| &s.failed_transport),
            ),
            ("sink_errors_refused_total", "Inserts that ClickHouse refused", read(|s| &s.failed_refused)),
            ("sink_backlog_rows", "Rows that wait for delivery", read(|s| &s.backlog)),
        ]
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
                    let counter = match &failure {
                        SendError::Transport(_) => &self.stats.failed_transport,
                        SendError::Refused { .. } => &self.stats.failed_refused,
                    };
                    counter.fetch_add(1, Ordering::Relaxed);
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
        self.stats.rows.fetch_add(range.rows as u64, Ordering::Relaxed);
        self.stats.inserts.fetch_add(1, Ordering::Relaxed);
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
        let backlog = u64::try_from(last - position.delivered).unwrap_or_default();
        self.stats.backlog.store(backlog, Ordering::Relaxed);
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
