//! The thread that writes: takes all that waits, commits it at once, answers.

use std::time::Duration;

use tokio::sync::oneshot;

use super::retention::Retention;
use super::store::Store;
use super::{PLAIN_WAIT, Queue, Refused, Settings, Shared, WhenFull, lock_or_inner};

/// Pause before a failed write is tried again.
const RETRY: Duration = Duration::from_millis(500);

/// Runs until the journal is closed and everything is written (or can no longer be).
pub(super) fn run(mut store: Store, shared: &Shared, settings: &Settings) {
    let mut retention = Retention::new(settings);
    loop {
        let mut batch = take(shared);
        let closing = batch.closing;
        let written = commit(&mut store, shared, &mut batch);
        if let Err(error) = &written {
            fail(shared, batch, error, closing);
        }
        lock_or_inner(&shared.queue).taken = 0;
        match written {
            Ok(()) if closing => return store.close(),
            Err(_) if closing => return,
            // Deleting old events may make room, so it goes on while the store fails.
            _ => retention.tick(&store.connection, &store.stats, store.next_seq),
        }
        if store.stats.failing() {
            std::thread::park_timeout(RETRY);
        }
    }
}

/// Waits for something urgent, or for the time that plain events may wait.
fn take(shared: &Shared) -> Queue {
    let queue = lock_or_inner(&shared.queue);
    let waited = shared.wake.wait_timeout_while(queue, PLAIN_WAIT, |queue| !queue.urgent());
    let (mut queue, _timed_out) = waited.unwrap_or_else(std::sync::PoisonError::into_inner);
    // As much room as was needed this time: rows are large, and growing would copy them again and again.
    let plain = Vec::with_capacity(queue.plain.len());
    let (taken, closing) = (queue.waiting(), queue.closing);
    std::mem::replace(&mut *queue, Queue { plain, taken, closing, ..Queue::default() })
}

/// Writes a batch and answers. A store that failed counts as failing until it has taken a probe, too.
fn commit(store: &mut Store, shared: &Shared, batch: &mut Queue) -> rusqlite::Result<()> {
    if !batch.is_empty() {
        store.write(batch, &shared.open)?;
    }
    let Queue { plain, durable, endings, marks, .. } = std::mem::take(batch);
    drop((plain, endings));
    for (row, reply) in durable {
        // First, so that the receipt is only held by who asked.
        drop(row);
        tell(reply, Ok(()));
    }
    for (_, reply) in marks {
        tell(reply, Ok(()));
    }
    if store.stats.failing() {
        store.probe()?;
        tracing::info!("the event journal can be written again");
        store.stats.set_failing(false);
    }
    Ok(())
}

/// Under `block` plain events wait for the store to recover; under `drop` they are counted.
fn fail(shared: &Shared, batch: Queue, error: &rusqlite::Error, closing: bool) {
    if !shared.stats.failing() {
        tracing::error!(%error, "the event journal cannot be written");
    }
    shared.stats.set_failing(true);
    let refused = batch.durable.len() as u64;
    for (_, reply) in batch.durable {
        tell(reply, if shared.when_full == WhenFull::Drop { Ok(()) } else { Err(Refused) });
    }
    for (_, reply) in batch.marks {
        tell(reply, Err(error.to_string()));
    }
    if shared.when_full == WhenFull::Drop || closing {
        shared.stats.lost_endings(batch.endings.len() as u64);
        return shared.stats.dropped("full", batch.plain.len() as u64 + refused);
    }
    let mut queue = lock_or_inner(&shared.queue);
    put_back(&mut queue.plain, batch.plain);
    put_back(&mut queue.endings, batch.endings);
}

/// Puts what was not written in front of what came since; there is room, because it was counted.
fn put_back<T>(queue: &mut Vec<T>, mut kept: Vec<T>) {
    kept.append(queue);
    *queue = kept;
}

/// Whoever asked may have gone away in the meantime.
fn tell<T>(reply: oneshot::Sender<T>, answer: T) {
    if reply.send(answer).is_err() {
        tracing::trace!("nobody waits for the journal's answer");
    }
}
