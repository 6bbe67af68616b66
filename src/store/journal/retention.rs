//! Deletes what is too old or too much, a little at a time.

use std::time::{Duration, Instant};

use rusqlite::{Connection, OptionalExtension};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::clock::Clock;
use super::marks;
use super::settings::Settings;
use super::stats::{Size, Stats};
use crate::clock::now_us;
use crate::store::event::time_text;

/// Most rows deleted in one statement.
const CHUNK: i64 = 1000;
/// For the size limit, one statement deletes at most one row in so many, so that a small store is not emptied.
const SIZE_SHARE: i64 = 10;
/// Statements in one turn.
const CHUNKS: u32 = 20;
/// Time between turns.
const EVERY: Duration = Duration::from_secs(1);
/// Pages given back to the file system in one turn.
const VACUUM_PAGES: u32 = 1000;
const DAY_US: i64 = 24 * 60 * 60 * 1_000_000;

/// Keeps the store within its limits.
pub(super) struct Retention {
    max_age_days: u32,
    max_bytes: u64,
    deliver: bool,
    last: Option<Instant>,
    clock: Clock,
}

impl Retention {
    pub(super) fn new(settings: &Settings) -> Self {
        let Settings { max_age_days, max_bytes, deliver, .. } = *settings;
        let clock = Clock::new(now_us(), Instant::now());
        Self { max_age_days, max_bytes, deliver, last: None, clock }
    }

    /// Does a turn when one is due.
    pub(super) fn tick(&mut self, connection: &Connection, stats: &Stats, next_seq: i64) {
        let now = Instant::now();
        if self.last.is_some_and(|last| now.duration_since(last) < EVERY) {
            return;
        }
        self.last = Some(now);
        let cutoff = time_text(self.clock.now_us(now_us(), now) - i64::from(self.max_age_days) * DAY_US);
        if let Err(error) = self.turn(connection, stats, next_seq, &cutoff)
            && !stats.failing()
        {
            tracing::warn!(%error, "retention could not delete old events");
        }
    }

    fn turn(
        &self,
        connection: &Connection,
        stats: &Stats,
        next_seq: i64,
        cutoff: &str,
    ) -> rusqlite::Result<()> {
        let delivered = if self.deliver { marks::position(connection)?.delivered } else { i64::MAX };
        let mut deleted = false;
        for _ in 0..CHUNKS {
            let bytes = size(connection)?;
            let Some((first, time)) = first(connection)? else {
                stats.size(Size { bytes, ..Size::default() });
                break;
            };
            let rows = next_seq - first;
            let oldest_seconds = age_seconds(&time);
            stats.size(Size { bytes, rows: u64::try_from(rows).unwrap_or_default(), oldest_seconds });
            let last = if bytes > self.max_bytes {
                Some(first + (rows / SIZE_SHARE).clamp(1, CHUNK) - 1)
            } else {
                last_older(connection, cutoff, delivered)?
            };
            let Some(last) = last else { break };
            let undelivered = u64::try_from(last - delivered.max(first - 1)).unwrap_or_default();
            stats.retired(delete(connection, last)?, undelivered);
            deleted = true;
        }
        if deleted { vacuum(connection) } else { Ok(()) }
    }
}

/// Bytes in use: free pages will be used again.
fn size(connection: &Connection) -> rusqlite::Result<u64> {
    let of = |pragma: &str| connection.query_row(&format!("PRAGMA {pragma}"), [], |row| row.get::<_, i64>(0));
    let pages = of("page_count")? - of("freelist_count")?;
    Ok(u64::try_from(pages * of("page_size")?).unwrap_or_default())
}

/// Number and time of the first row.
fn first(connection: &Connection) -> rusqlite::Result<Option<(i64, String)>> {
    let sql = "SELECT seq, time FROM events ORDER BY seq LIMIT 1";
    connection.prepare_cached(sql)?.query_row([], |row| Ok((row.get(0)?, row.get(1)?))).optional()
}

fn age_seconds(time: &str) -> u64 {
    let Ok(time) = OffsetDateTime::parse(time, &Rfc3339) else { return 0 };
    u64::try_from((OffsetDateTime::now_utc() - time).whole_seconds()).unwrap_or_default()
}

/// The last of the leading rows that are all older than `cutoff` and delivered. Every row is looked at, because rows are in
/// the order in which they were stored, and an exchange may have begun long before that.
fn last_older(connection: &Connection, cutoff: &str, delivered: i64) -> rusqlite::Result<Option<i64>> {
    let sql = format!("SELECT seq, time FROM events WHERE seq <= ?1 ORDER BY seq LIMIT {CHUNK}");
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query([delivered])?;
    let mut last = None;
    while let Some(row) = rows.next()? {
        if row.get_ref(1)?.as_str()? >= cutoff {
            break;
        }
        last = Some(row.get(0)?);
    }
    Ok(last)
}

fn delete(connection: &Connection, last: i64) -> rusqlite::Result<u64> {
    let transaction = connection.unchecked_transaction()?;
    let rows = connection.prepare_cached("DELETE FROM events WHERE seq <= ?1")?.execute([last])?;
    marks::put(
        connection,
        marks::RETIRED,
        &last.max(marks::number(connection, marks::RETIRED)?).to_string(),
    )?;
    transaction.commit()?;
    Ok(rows as u64)
}

/// Gives free pages back to the file system: each step of the statement frees one.
fn vacuum(connection: &Connection) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(&format!("PRAGMA incremental_vacuum({VACUUM_PAGES})"))?;
    let mut pages = statement.query([])?;
    while pages.next()?.is_some() {}
    Ok(())
}
