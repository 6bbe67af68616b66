//! The thread that writes: takes all that waits, commits it at once, answers.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use super::lock::lock_or_inner;
use super::queue::{NotStored, PLAIN_WAIT, Queue, Shared};
use super::retention::Retention;
use super::settings::{Settings, WhenFull};
use super::store::Store;

/// Pause before a failed write is tried again.
const RETRY: Duration = Duration::from_millis(500);

/// Runs until the journal is closed and everything is written (or can no longer be).
pub(super) fn run(store: Store, shared: Arc<Shared>, settings: &Settings) {
    let ending = Ending(shared);
    write_all(store, &ending.0, settings);
}

/// When the thread ends, for whatever reason, this drops what is queued, which answers everybody who waits for it.
struct Ending(Arc<Shared>);

impl Drop for Ending {
    fn drop(&mut self) {
        if std::thread::panicking() {
            tracing::error!("the journal's thread broke off; restart the gateway");
            self.0.stats.set_failing(true);
        }
        let waiting = std::mem::replace(
            &mut *lock_or_inner(&self.0.queue),
            Queue { closing: true, ..Queue::default() },
        );
        self.0.stats.dropped("full", waiting.plain.len() as u64);
    }
}

fn write_all(mut store: Store, shared: &Shared, settings: &Settings) {
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
    let waited = shared.wake.wait_timeout_while(queue, PLAIN_WAIT, |queue| !queue.is_urgent());
    let (mut queue, _timed_out) = waited.unwrap_or_else(std::sync::PoisonError::into_inner);
    // The next queue begins with the room that this one needed: rows are large, and growing would copy them repeatedly.
    let plain = Vec::with_capacity(queue.plain.len());
    let (taken, closing) = (queue.waiting(), queue.closing);
    std::mem::replace(&mut *queue, Queue { plain, taken, closing, ..Queue::default() })
}

/// Writes a batch and answers its senders. A store that failed counts as failing until it has also taken a probe.
fn commit(store: &mut Store, shared: &Shared, batch: &mut Queue) -> rusqlite::Result<()> {
    if !batch.is_empty() {
        store.write(batch, &shared.open)?;
    }
    let Queue { plain, durable, endings, marks, .. } = std::mem::take(batch);
    drop((plain, endings));
    for (row, reply) in durable {
        // Dropped before the answer: from then on only the sender holds the receipt.
        drop(row);
        answer(reply, Ok(()));
    }
    for (_, reply) in marks {
        answer(reply, Ok(()));
    }
    if store.stats.failing() {
        store.probe()?;
        tracing::info!("the event journal can be written again");
        store.stats.set_failing(false);
    }
    Ok(())
}

/// Under `block`, plain events wait until the store has recovered; under `drop`, they are counted as lost.
fn fail(shared: &Shared, batch: Queue, error: &rusqlite::Error, closing: bool) {
    if !shared.stats.failing() {
        tracing::error!(%error, "the event journal cannot be written");
    }
    shared.stats.set_failing(true);
    let refused = batch.durable.len() as u64;
    for (_, reply) in batch.durable {
        answer(reply, if shared.when_full == WhenFull::Drop { Ok(()) } else { Err(NotStored) });
    }
    for (_, reply) in batch.marks {
        answer(reply, Err(error.to_string()));
    }
    if shared.when_full == WhenFull::Drop || closing {
        shared.stats.lost_endings(batch.endings.len() as u64);
        return shared.stats.dropped("full", batch.plain.len() as u64 + refused);
    }
    let mut queue = lock_or_inner(&shared.queue);
    put_back(&mut queue.plain, batch.plain);
    put_back(&mut queue.endings, batch.endings);
}

/// Puts what was not written in front of what came since. There is room for it, because it was counted as waiting.
fn put_back<T>(queue: &mut Vec<T>, mut kept: Vec<T>) {
    kept.append(queue);
    *queue = kept;
}

/// Answers a sender, which may have gone away in the meantime.
fn answer<T>(reply: oneshot::Sender<T>, result: T) {
    if reply.send(result).is_err() {
        tracing::trace!("nobody waits for the journal's answer");
    }
}
