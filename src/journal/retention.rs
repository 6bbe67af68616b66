//! Deletes what is too old or too much, a little at a time.

use std::time::{Duration, Instant};

use rusqlite::{Connection, OptionalExtension};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::stats::Size;
use super::{Settings, Stats, marks};
use crate::event::fields::time_text;

/// Rows deleted in one statement.
const CHUNK: i64 = 1000;
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
}

impl Retention {
    pub(super) fn new(settings: &Settings) -> Self {
        let Settings { max_age_days, max_bytes, deliver, .. } = *settings;
        Self { max_age_days, max_bytes, deliver, last: None }
    }

    /// Does a turn when one is due.
    pub(super) fn tick(&mut self, connection: &Connection, stats: &Stats, next_seq: i64) {
        if self.last.is_some_and(|last| last.elapsed() < EVERY) {
            return;
        }
        self.last = Some(Instant::now());
        let cutoff = time_text(now_us() - i64::from(self.max_age_days) * DAY_US);
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
        let delivered = marks::position(connection)?.delivered;
        let mut deleted = false;
        for _ in 0..CHUNKS {
            let bytes = size(connection)?;
            let Some((first, time)) = first(connection)? else {
                stats.size(Size { bytes, ..Size::default() });
                break;
            };
            let rows = u64::try_from(next_seq - first).unwrap_or_default();
            stats.size(Size { bytes, rows, oldest_seconds: age_seconds(&time) });
            let last = first + CHUNK - 1;
            let too_big = bytes > self.max_bytes;
            let too_old = older(connection, last, cutoff)? && !(self.deliver && last > delivered);
            if !too_big && !too_old {
                break;
            }
            let rows = delete(connection, last)?;
            deleted = true;
            let undelivered = if self.deliver { (last - delivered).clamp(0, CHUNK) } else { 0 };
            stats.retired(rows, u64::try_from(undelivered).unwrap_or_default());
        }
        if deleted {
            connection.execute_batch(&format!("PRAGMA incremental_vacuum({VACUUM_PAGES})"))?;
        }
        Ok(())
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

/// Rows are written nearly in the order of their time, so the last row of a chunk speaks for it.
fn older(connection: &Connection, seq: i64, cutoff: &str) -> rusqlite::Result<bool> {
    let sql = "SELECT time FROM events WHERE seq <= ?1 ORDER BY seq DESC LIMIT 1";
    let time: Option<String> =
        connection.prepare_cached(sql)?.query_row([seq], |row| row.get(0)).optional()?;
    Ok(time.is_some_and(|time| time.as_str() < cutoff))
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

fn now_us() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}
