//! What the writer's thread does to the tables, one transaction for each batch.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};
use std::time::Instant;

use rusqlite::types::Null;
use rusqlite::{Connection, Statement};

use super::files::{self, FILE};
use super::marks::{self, Mark};
use super::open::OpenRows;
use super::queue::Queue;
use super::schema;
use super::settings::Settings;
use super::stats::Stats;
use crate::store::event::{COLUMNS, Event, Row, Value};

/// Statements kept prepared.
const STATEMENTS: usize = 16;
/// Bytes that a store must take before it counts as working again: more than the events that come between two trials.
const PROBE_BYTES: i64 = 1024 * 1024;
/// Most endings that wait until their sealed row is delivered. Further ones are counted as lost.
pub(super) const DEFERRED_MAX: usize = 1024;

/// The open store.
pub(super) struct Store {
    pub(super) connection: Connection,
    pub(super) next_seq: i64,
    pub(super) stats: Arc<Stats>,
    sealed: i64,
    delivered: i64,
    synced: bool,
    /// Endings of rows that are sealed and not delivered yet, by row number. A retry must find the rows as they were sent, so
    /// these are written after the delivery.
    deferred: BTreeMap<i64, Event>,
}

impl Store {
    pub(super) fn open(settings: &Settings) -> Result<Self, String> {
        let path = settings.dir.join(FILE);
        let fail = |e: rusqlite::Error| {
            format!(
                "cannot open the event store {}: {e}: check the folder `data` and its disk",
                path.display()
            )
        };
        drop(files::file(&path)?);
        let connection = Connection::open(&path).map_err(fail)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        connection
            .execute_batch(
                "PRAGMA page_size = 8192; PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; \
                 PRAGMA journal_size_limit = 67108864; PRAGMA cache_size = -16384; PRAGMA busy_timeout = 5000;",
            )
            .map_err(fail)?;
        schema::migrate(&connection)?;
        let start = || -> rusqlite::Result<(i64, marks::Position)> {
            marks::ensure_instance(&connection)?;
            let last: Option<i64> =
                connection.query_row("SELECT max(seq) FROM events", [], |row| row.get(0))?;
            let retired = marks::number(&connection, marks::RETIRED)?;
            let position = marks::position(&connection)?;
            Ok((last.unwrap_or(0).max(retired).max(position.sealed) + 1, position))
        };
        let (next_seq, marks::Position { sealed, delivered, .. }) = start().map_err(fail)?;
        let (stats, deferred) = (Arc::default(), BTreeMap::new());
        Ok(Self { connection, next_seq, stats, sealed, delivered, synced: false, deferred })
    }

    /// Writes a batch in one transaction; on an error nothing of it was written.
    pub(super) fn write(&mut self, batch: &Queue, open: &OpenRows) -> rusqlite::Result<()> {
        let started = Instant::now();
        let (sealed, delivered) = self.transact(batch, open).inspect_err(|_| {
            open.leave(self.next_seq);
            batch.receipts().for_each(|receipt| receipt.fill(0));
        })?;
        let rows = batch.rows().count();
        self.next_seq += i64::try_from(rows).unwrap_or_default();
        self.stats.committed(rows as u64, started.elapsed());
        self.deferred = self.deferred.split_off(&(delivered + 1));
        for (seq, event) in endings_of_sealed(batch, self.sealed) {
            self.stats.late_ending();
            if seq > delivered {
                self.defer(seq, event);
            }
        }
        (self.sealed, self.delivered) = (sealed, delivered);
        Ok(())
    }

    /// Writes the batch and gives the last sealed and the last delivered row afterwards.
    fn transact(&mut self, batch: &Queue, open: &OpenRows) -> rusqlite::Result<(i64, i64)> {
        self.sync(!batch.durable.is_empty() || !batch.marks.is_empty())?;
        let transaction = self.connection.unchecked_transaction()?;
        let mut insert = self.connection.prepare_cached(&INSERT)?;
        let mut before = None;
        for (row, seq) in batch.rows().zip(self.next_seq..) {
            put(&mut insert, seq, &row.event, &mut before)?;
            row.receipt.iter().for_each(|receipt| receipt.fill(seq));
        }
        let mut update = self.connection.prepare_cached(&UPDATE)?;
        let mut before = None;
        for (receipt, event) in batch.endings.iter().filter(|(receipt, _)| receipt.seq() > self.sealed) {
            put(&mut update, receipt.seq(), event, &mut before)?;
        }
        let (mut sealed, mut delivered) = (self.sealed, self.delivered);
        for (mark, _) in &batch.marks {
            marks::apply(&self.connection, *mark)?;
            match *mark {
                Mark::Sealed(seq) => sealed = seq,
                Mark::Delivered(seq) => delivered = seq,
            }
        }
        let deferred = self.deferred.range(..=delivered).map(|(seq, event)| (*seq, event));
        let of_delivered = endings_of_sealed(batch, self.sealed).filter(|(seq, _)| *seq <= delivered);
        for (seq, event) in deferred.chain(of_delivered) {
            put(&mut update, seq, event, &mut before)?;
        }
        open.enter(batch.receipts());
        transaction.commit()?;
        Ok((sealed, delivered))
    }

    /// Proves that there is room again: an empty transaction succeeds on a full disk, too.
    pub(super) fn probe(&mut self) -> rusqlite::Result<()> {
        self.sync(true)?;
        let fill = "INSERT INTO meta VALUES ('probe', zeroblob(?1)) ON CONFLICT DO UPDATE SET value = excluded.value";
        self.connection.execute(fill, [PROBE_BYTES])?;
        self.connection.execute("DELETE FROM meta WHERE key = 'probe'", []).map(|_rows| ())
    }

    fn defer(&mut self, seq: i64, event: &Event) {
        if self.deferred.len() < DEFERRED_MAX || self.deferred.contains_key(&seq) {
            self.deferred.insert(seq, event.clone());
        } else {
            self.stats.lost_endings(1);
        }
    }

    /// Detections must survive a power cut, so their commit is synced. Everything else must survive only a crash of the
    /// process.
    fn sync(&mut self, wanted: bool) -> rusqlite::Result<()> {
        if self.synced != wanted {
            self.connection.pragma_update(None, "synchronous", if wanted { "FULL" } else { "NORMAL" })?;
            self.synced = wanted;
        }
        Ok(())
    }

    pub(super) fn close(&self) {
        if let Err(error) = self.connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)") {
            tracing::warn!(%error, "the event store could not be checkpointed");
        }
    }
}

/// The endings of rows that were sealed before this batch.
fn endings_of_sealed(batch: &Queue, sealed: i64) -> impl Iterator<Item = (i64, &Event)> {
    let numbered = batch.endings.iter().map(|(receipt, event)| (receipt.seq(), event));
    numbered.filter(move |(seq, _)| (1..=sealed).contains(seq))
}

static INSERT: LazyLock<String> = LazyLock::new(|| {
    let names: Vec<String> = COLUMNS.iter().map(|column| format!("\"{}\"", column.name)).collect();
    let marks: Vec<String> = (0..=COLUMNS.len()).map(|index| format!("?{}", index + 1)).collect();
    format!("INSERT INTO events (seq, {}) VALUES ({})", names.join(", "), marks.join(", "))
});

/// Sets every column that may have changed since the row was inserted.
static UPDATE: LazyLock<String> = LazyLock::new(|| {
    let columns = COLUMNS.iter().enumerate().filter(|(_, column)| !column.is_fixed);
    let sets: Vec<String> =
        columns.map(|(index, column)| format!("\"{}\" = ?{}", column.name, index + 2)).collect();
    format!("UPDATE events SET {} WHERE seq = ?1", sets.join(", "))
});

/// Runs a statement whose parameters are the row number and then the columns in order. `before` is the row that it ran with
/// last: SQLite keeps bound values, so only those that differ are bound again. Rows share most of their values, and binding
/// is most of a row's cost.
fn put<'e>(
    statement: &mut Statement<'_>,
    seq: i64,
    event: &'e Event,
    before: &mut Option<Row<'e>>,
) -> rusqlite::Result<()> {
    if before.is_none() {
        statement.clear_bindings();
    }
    statement.raw_bind_parameter(1, seq)?;
    let row = event.row();
    let unbound = || const { [const { Value::Null }; COLUMNS.len()] };
    for (index, (value, bound)) in row.iter().zip(before.get_or_insert_with(unbound)).enumerate() {
        if is_bound(value, bound) {
            continue;
        }
        match value {
            Value::Null => statement.raw_bind_parameter(index + 2, Null)?,
            Value::Text(text) => statement.raw_bind_parameter(index + 2, text.as_ref())?,
            Value::Number(number) => {
                statement.raw_bind_parameter(index + 2, i64::try_from(*number).unwrap_or(i64::MAX))?;
            }
        }
    }
    *before = Some(row);
    statement.raw_execute().map(|_rows| ())
}

/// True for equal values. Rows of one tunnel share texts in memory, and those need not be compared byte by byte.
fn is_bound(value: &Value<'_>, bound: &Value<'_>) -> bool {
    match (value, bound) {
        (Value::Text(text), Value::Text(other)) => {
            std::ptr::eq::<str>(text.as_ref(), other.as_ref()) || text == other
        }
        _ => value == bound,
    }
}
