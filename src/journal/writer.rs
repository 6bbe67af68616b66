//! The thread that writes: takes all that waits, commits it at once, answers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::{Connection, Statement};
use tokio::sync::oneshot;

use super::marks::{self, Mark};
use super::retention::Retention;
use super::{
    FILE, PLAIN_WAIT, QUEUE_MAX, Queue, Receipt, Refused, Settings, Shared, Stats, WhenFull, lock_or_inner,
    schema,
};
use crate::event::fields::{self, FIELDS, Value};
use crate::event::{Ending, Event, Verdict};

/// Pause before a failed write is tried again.
const RETRY: Duration = Duration::from_millis(500);
/// Statements kept prepared.
const STATEMENTS: usize = 16;

/// The open store.
pub(super) struct Store {
    connection: Connection,
    next_seq: i64,
    sealed: i64,
    synced: bool,
    pub(super) stats: Arc<Stats>,
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
        let connection = Connection::open(&path).map_err(fail)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        connection
            .execute_batch(
                "PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; \
                 PRAGMA journal_size_limit = 67108864; PRAGMA cache_size = -16384; PRAGMA busy_timeout = 5000;",
            )
            .map_err(fail)?;
        schema::migrate(&connection)?;
        let start = || -> rusqlite::Result<(i64, i64)> {
            marks::ensure_instance(&connection)?;
            let last: Option<i64> =
                connection.query_row("SELECT max(seq) FROM events", [], |row| row.get(0))?;
            let retired = marks::number(&connection, marks::RETIRED)?;
            let position = marks::position(&connection)?;
            Ok((last.unwrap_or(0).max(retired).max(position.sealed) + 1, position.sealed))
        };
        let (next_seq, sealed) = start().map_err(fail)?;
        Ok(Self { connection, next_seq, sealed, synced: false, stats: Arc::default() })
    }

    /// Detections survive a power cut, so their commit is synced; for the rest, a crash of the process is enough.
    fn sync(&mut self, wanted: bool) -> rusqlite::Result<()> {
        if self.synced != wanted {
            self.connection.pragma_update(None, "synchronous", if wanted { "FULL" } else { "NORMAL" })?;
            self.synced = wanted;
        }
        Ok(())
    }

    /// Writes a batch in one transaction; on an error nothing of it was written.
    fn write(&mut self, batch: &Batch) -> rusqlite::Result<Written> {
        self.sync(!batch.durable.is_empty() || !batch.marks.is_empty())?;
        let transaction = self.connection.unchecked_transaction()?;
        let mut written = Written { next_seq: self.next_seq, sealed: self.sealed, ..Written::default() };
        {
            let mut insert = self.connection.prepare_cached(&insert_sql())?;
            for event in &batch.plain {
                insert_row(&mut insert, written.next_seq, event)?;
                written.next_seq += 1;
            }
            for (event, _) in &batch.durable {
                insert_row(&mut insert, written.next_seq, event)?;
                written.receipts.push(Receipt { seq: written.next_seq });
                written.next_seq += 1;
            }
        }
        for (mark, _) in &batch.marks {
            marks::apply(&self.connection, *mark)?;
            if let Mark::Sealed(seq) = mark {
                written.sealed = written.sealed.max(*seq);
            }
        }
        for (receipt, ending) in &batch.endings {
            if receipt.seq <= written.sealed {
                written.late += 1;
            } else {
                complete(&self.connection, *receipt, ending)?;
            }
        }
        transaction.commit()?;
        Ok(written)
    }
}

#[derive(Default)]
struct Written {
    next_seq: i64,
    sealed: i64,
    receipts: Vec<Receipt>,
    late: u64,
}

type Durable = (Event, oneshot::Sender<Result<Receipt, Refused>>);

#[derive(Default)]
struct Batch {
    plain: Vec<Event>,
    durable: Vec<Durable>,
    endings: Vec<(Receipt, Ending)>,
    marks: Vec<(Mark, oneshot::Sender<Result<(), String>>)>,
    closing: bool,
}

/// Runs until the journal is closed and everything is written (or can no longer be).
pub(super) fn run(mut store: Store, shared: &Shared, settings: &Settings) {
    let mut retention = Retention::new(settings);
    loop {
        let mut batch = take(shared);
        let closing = batch.closing;
        if let Err(error) = commit(&mut store, shared, &mut batch) {
            fail(shared, batch, &error, closing);
            if closing {
                return;
            }
            std::thread::park_timeout(RETRY);
            continue;
        }
        if closing {
            return close(&store);
        }
        retention.tick(&store.connection, &store.stats, store.next_seq);
    }
}

/// Waits for something urgent, or for the time that plain events may wait.
fn take(shared: &Shared) -> Batch {
    let queue = lock_or_inner(&shared.queue);
    let waited = shared.wake.wait_timeout_while(queue, PLAIN_WAIT, |queue| !queue.urgent());
    let (mut queue, _timed_out) = waited.unwrap_or_else(std::sync::PoisonError::into_inner);
    let Queue { plain, durable, endings, marks, closing } = std::mem::take(&mut *queue);
    queue.closing = closing;
    Batch { plain, durable, endings, marks, closing }
}

fn commit(store: &mut Store, shared: &Shared, batch: &mut Batch) -> rusqlite::Result<()> {
    let idle = batch.plain.is_empty()
        && batch.durable.is_empty()
        && batch.endings.is_empty()
        && batch.marks.is_empty();
    if idle && !store.stats.failing() {
        return Ok(());
    }
    let started = Instant::now();
    let written = store.write(batch)?;
    store.stats.committed((batch.plain.len() + batch.durable.len()) as u64, started.elapsed());
    if store.stats.failing() {
        tracing::info!("the event journal can be written again");
        store.stats.set_failing(false);
    }
    (store.next_seq, store.sealed) = (written.next_seq, written.sealed);
    store.stats.late(written.late);
    let mut open = lock_or_inner(&shared.open);
    for ((event, reply), receipt) in batch.durable.drain(..).zip(written.receipts) {
        // What the gateway answered itself is complete already.
        if event.verdict < Verdict::Redirect {
            open.insert(receipt.seq, Instant::now());
        }
        tell(reply, Ok(receipt));
    }
    for (receipt, _) in &batch.endings {
        open.remove(&receipt.seq);
    }
    drop(open);
    for (_, reply) in batch.marks.drain(..) {
        tell(reply, Ok(()));
    }
    Ok(())
}

/// Under `block` plain events wait for the store to recover; under `drop` they are counted.
fn fail(shared: &Shared, batch: Batch, error: &rusqlite::Error, closing: bool) {
    if !shared.stats.failing() {
        tracing::error!(%error, "the event journal cannot be written");
    }
    shared.stats.set_failing(true);
    let refused = batch.durable.len() as u64;
    for (_, reply) in batch.durable {
        let answer = if shared.when_full == WhenFull::Drop { Ok(Receipt::NOWHERE) } else { Err(Refused) };
        tell(reply, answer);
    }
    for (_, reply) in batch.marks {
        tell(reply, Err(error.to_string()));
    }
    if shared.when_full == WhenFull::Drop || closing {
        return shared.stats.dropped("full", batch.plain.len() as u64 + refused);
    }
    let mut queue = lock_or_inner(&shared.queue);
    let mut kept = batch.plain;
    kept.append(&mut queue.plain);
    let over = kept.len().saturating_sub(QUEUE_MAX);
    kept.truncate(QUEUE_MAX);
    queue.plain = kept;
    let mut endings = batch.endings;
    endings.append(&mut queue.endings);
    endings.truncate(QUEUE_MAX);
    queue.endings = endings;
    shared.stats.dropped("full", over as u64);
}

/// Whoever asked may have gone away in the meantime.
fn tell<T>(reply: oneshot::Sender<T>, answer: T) {
    if reply.send(answer).is_err() {
        tracing::trace!("nobody waits for the journal's answer");
    }
}

fn close(store: &Store) {
    if let Err(error) = store.connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)") {
        tracing::warn!(%error, "the event store could not be checkpointed");
    }
}

fn insert_sql() -> String {
    let names: Vec<String> = FIELDS.iter().map(|field| format!("\"{}\"", field.name)).collect();
    let marks: Vec<String> = (0..=FIELDS.len()).map(|index| format!("?{}", index + 1)).collect();
    format!("INSERT INTO events (seq, {}) VALUES ({})", names.join(", "), marks.join(", "))
}

/// Absent values stay unbound, which SQLite stores as NULL: binding is most of a row's cost.
fn insert_row(insert: &mut Statement<'_>, seq: i64, event: &Event) -> rusqlite::Result<()> {
    insert.clear_bindings();
    insert.raw_bind_parameter(1, seq)?;
    fields::values(event, |index, value| match value {
        Value::Null => Ok(()),
        Value::Text(text) => insert.raw_bind_parameter(index + 2, text.as_ref()),
        Value::Number(number) => {
            insert.raw_bind_parameter(index + 2, i64::try_from(number).unwrap_or(i64::MAX))
        }
    })?;
    insert.raw_execute().map(|_rows| ())
}

fn complete(connection: &Connection, receipt: Receipt, ending: &Ending) -> rusqlite::Result<()> {
    let sql = "UPDATE events SET bytes_up = ?2, bytes_down = ?3, duration_us = ?4, \
               mcp_server = coalesce(mcp_server, ?5), error = coalesce(error, ?6) WHERE seq = ?1";
    let number = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    connection
        .prepare_cached(sql)?
        .execute((
            receipt.seq,
            number(ending.bytes_up),
            number(ending.bytes_down),
            number(ending.duration_us),
            &ending.mcp_server,
            &ending.error,
        ))
        .map(|_rows| ())
}
