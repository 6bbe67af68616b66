//! The durable, queryable event store: SQLite, written by one thread with group commit.
//!
//! Plain events wait in memory for at most [`PLAIN_WAIT`]; a detection is committed and synced before its receipt is
//! given. An event that was stored early is completed when it ends. Rows that a sink has sealed for delivery do not
//! change until they are delivered, so that a retry sends the same bytes.

mod clock;
pub(crate) mod files;
mod lock;
pub(crate) mod marks;
mod open;
mod queue;
pub(crate) mod read;
mod retention;
pub(crate) mod schema;
mod settings;
mod stats;
mod store;
mod writer;

use std::sync::{Arc, Condvar, Mutex, MutexGuard};

use tokio::sync::oneshot;

use crate::store::event::Event;
use lock::lock_or_inner;
use marks::Mark;
use open::OpenRows;
pub use open::Receipt;
pub use queue::{NotStored, PLAIN_WAIT};
use queue::{QUEUE_HIGH, QUEUE_MAX, QUEUE_WAKE, Queue, Row, Shared};
pub use settings::{Settings, WhenFull};
pub use stats::Stats;

/// A handle to the store; cheap to clone.
#[derive(Clone, Debug)]
pub struct Journal {
    shared: Arc<Shared>,
}

impl Journal {
    /// Opens the store, makes it or brings it up to date where needed, and starts its thread. The error says what to do.
    pub fn open(settings: Settings) -> Result<Self, String> {
        let lock = files::lock(&settings.dir)?;
        let store = store::Store::open(&settings)?;
        let shared = Arc::new(Shared {
            queue: Mutex::default(),
            wake: Condvar::new(),
            stats: Arc::clone(&store.stats),
            when_full: settings.when_full,
            open: OpenRows::default(),
            thread: Mutex::default(),
        });
        let of_thread = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("journal".into())
            .spawn(move || {
                writer::run(store, of_thread, &settings);
                drop(lock);
            })
            .map_err(|e| format!("cannot start the journal's thread: {e}"))?;
        *lock_or_inner(&shared.thread) = Some(thread);
        Ok(Self { shared })
    }

    /// Queues an event; it is stored within 100 ms. Never waits.
    pub fn append(&self, event: Event) {
        self.push(Row { event, receipt: None });
    }

    /// Queues an event as [`append`](Self::append) does, before its exchange is over: it can be completed later.
    pub fn append_early(&self, event: Event) -> Receipt {
        let receipt = Receipt::default();
        self.push(Row { event, receipt: Some(receipt.clone()) });
        receipt
    }

    /// Stores an event; returns when it is on disk. Under [`WhenFull::Drop`] a store that fails is no error: the event is
    /// counted as lost, and its receipt has the row number 0.
    pub async fn append_durable(&self, event: Event) -> Result<Receipt, NotStored> {
        let receipt = Receipt::default();
        let (reply, stored) = oneshot::channel();
        {
            let mut queue = self.queue();
            if queue.closing {
                return Err(NotStored);
            }
            queue.durable.push((Row { event, receipt: Some(receipt.clone()) }, reply));
        }
        self.shared.wake.notify_one();
        stored.await.unwrap_or(Err(NotStored)).map(|()| receipt)
    }

    /// Replaces a stored event by a later version of it. A row that is sealed for delivery is replaced after its delivery.
    /// Never waits.
    pub fn complete(&self, receipt: &Receipt, event: Event) {
        let mut queue = self.queue();
        if queue.waiting() >= QUEUE_MAX || queue.closing {
            drop(queue);
            return self.shared.stats.lost_endings(1);
        }
        queue.endings.push((receipt.clone(), event));
    }

    /// The first row that must not be sealed yet, because a later version of it may still come. Call
    /// `Reader::last` before this: a row is noted as open before it becomes readable.
    pub fn first_open(&self) -> Option<i64> {
        self.shared.open.first()
    }

    /// False while the policy is `block` and the store cannot take events, or takes them more slowly than they come.
    pub fn accepts(&self) -> bool {
        let stuck = || self.shared.stats.failing() || self.queue().waiting() >= QUEUE_HIGH;
        self.shared.when_full == WhenFull::Drop || !stuck()
    }

    /// Counters and gauges.
    pub fn stats(&self) -> &Arc<Stats> {
        &self.shared.stats
    }

    /// Stores a step of delivery; returns when it is on disk.
    pub(crate) async fn mark(&self, mark: Mark) -> Result<(), String> {
        let (reply, stored) = oneshot::channel();
        {
            let mut queue = self.queue();
            if queue.closing {
                return Err("the journal is closed".to_owned());
            }
            queue.marks.push((mark, reply));
        }
        self.shared.wake.notify_one();
        stored.await.map_err(|_closed| "the journal is closed".to_owned())?
    }

    /// Writes what is queued and closes the store.
    pub async fn close(&self) {
        self.queue().closing = true;
        self.shared.wake.notify_one();
        let thread = lock_or_inner(&self.shared.thread).take();
        let Some(thread) = thread else { return };
        let joined = tokio::task::spawn_blocking(move || thread.join().is_ok()).await;
        if !joined.unwrap_or(false) {
            tracing::error!("the journal was not closed in order");
        }
    }

    fn push(&self, row: Row) {
        let mut queue = self.queue();
        if queue.waiting() >= QUEUE_MAX || queue.closing {
            drop(queue);
            return self.shared.stats.dropped("queue", 1);
        }
        queue.plain.push(row);
        if queue.plain.len() == QUEUE_WAKE {
            self.shared.wake.notify_one();
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        lock_or_inner(&self.shared.queue)
    }
}

#[cfg(test)]
mod tests;
