//! The durable, queryable event store: SQLite, written by one thread with group commit.
//!
//! Plain events wait in memory for at most [`PLAIN_WAIT`]; a detection is committed and synced before its receipt is
//! given. An event that was stored early is completed when it ends. Rows that a sink has sealed for delivery do not
//! change until they are delivered, so that a retry sends the same bytes.

mod clock;
pub mod files;
pub mod marks;
mod open;
pub mod read;
pub mod retention;
pub mod schema;
pub mod stats;
mod store;
mod writer;

use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::oneshot;

use crate::store::event::Event;
use marks::Mark;
use open::OpenRows;
pub use open::{COMPLETION_WAIT, Receipt};
pub use stats::Stats;

/// Longest time a plain event waits before it is written.
pub const PLAIN_WAIT: Duration = Duration::from_millis(50);
/// Plain events and endings that wait at once, those that are being written included; what comes beyond is counted, not
/// kept.
pub const QUEUE_MAX: usize = 65_536;
/// From here on nothing new is accepted under `block`; the rest is for what is under way.
pub const QUEUE_HIGH: usize = QUEUE_MAX / 4 * 3;
/// A queue of this length is written at once.
const QUEUE_WAKE: usize = 4096;
/// File of the store.
pub const FILE: &str = "daylight.db";

/// How the journal keeps and drops events.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Folder of the store (`data` in the configuration).
    pub dir: PathBuf,
    /// Events older than this are deleted.
    pub max_age_days: u32,
    /// The store is kept below this size; the oldest events go first.
    pub max_bytes: u64,
    /// What happens when an event cannot be stored.
    pub when_full: WhenFull,
    /// True when a sink delivers from the journal: undelivered rows survive retention by age.
    pub deliver: bool,
}

/// Policy for a full disk (or a store that fails).
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, serde::Serialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum WhenFull {
    /// Refuse traffic rather than let it pass unrecorded.
    #[default]
    Block,
    /// Let traffic pass; count what was not recorded.
    Drop,
}

/// A handle to the store; cheap to clone.
#[derive(Clone, Debug)]
pub struct Journal {
    shared: Arc<Shared>,
}

/// The store cannot take events and the policy says `block`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the event journal cannot store events (disk full?)")]
pub struct Refused;

#[derive(Debug)]
struct Shared {
    queue: Mutex<Queue>,
    wake: Condvar,
    stats: Arc<Stats>,
    when_full: WhenFull,
    open: OpenRows,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What waits for the writer's thread.
#[derive(Debug, Default)]
struct Queue {
    plain: Vec<Row>,
    durable: Vec<(Row, oneshot::Sender<Result<(), Refused>>)>,
    endings: Vec<(Receipt, Event)>,
    marks: Vec<(Mark, oneshot::Sender<Result<(), String>>)>,
    /// Plain events and endings that the thread is writing, and puts back when it cannot.
    taken: usize,
    closing: bool,
}

#[derive(Debug)]
struct Row {
    event: Event,
    receipt: Option<Receipt>,
}

impl Queue {
    fn urgent(&self) -> bool {
        !self.durable.is_empty() || !self.marks.is_empty() || self.closing || self.plain.len() >= QUEUE_WAKE
    }

    fn is_empty(&self) -> bool {
        self.rows().next().is_none() && self.endings.is_empty() && self.marks.is_empty()
    }

    fn waiting(&self) -> usize {
        self.plain.len() + self.endings.len() + self.taken
    }

    fn rows(&self) -> impl Iterator<Item = &Row> {
        self.plain.iter().chain(self.durable.iter().map(|(row, _)| row))
    }

    fn receipts(&self) -> impl Iterator<Item = &Receipt> {
        self.rows().filter_map(|row| row.receipt.as_ref())
    }
}

impl Journal {
    /// Opens (or creates, or migrates) the store and starts its thread; the error says what to do.
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
                let gone = Gone(of_thread);
                writer::run(store, &gone.0, &settings);
                drop(gone);
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

    /// Queues an event that is not over, as [`append`](Self::append) does: it can be completed later. Never waits.
    pub fn append_early(&self, event: Event) -> Receipt {
        let receipt = Receipt::default();
        self.push(Row { event, receipt: Some(receipt.clone()) });
        receipt
    }

    /// Stores an event; returns when it is on disk. Under [`WhenFull::Drop`] the receipt of an event that could only be
    /// counted is one of no row.
    pub async fn append_durable(&self, event: Event) -> Result<Receipt, Refused> {
        let receipt = Receipt::default();
        let (reply, stored) = oneshot::channel();
        {
            let mut queue = self.queue();
            if queue.closing {
                return Err(Refused);
            }
            queue.durable.push((Row { event, receipt: Some(receipt.clone()) }, reply));
        }
        self.shared.wake.notify_one();
        stored.await.unwrap_or(Err(Refused)).map(|()| receipt)
    }

    /// Puts a later version of the same event in the place of the one that was stored. A row that is sealed for delivery
    /// gets it after the delivery. Never waits.
    pub fn complete(&self, receipt: &Receipt, event: Event) {
        let mut queue = self.queue();
        if queue.waiting() >= QUEUE_MAX || queue.closing {
            drop(queue);
            return self.shared.stats.lost_endings(1);
        }
        queue.endings.push((receipt.clone(), event));
    }

    /// The first row that may not be sealed yet because a later version of it may still come. Who seals reads the last
    /// row's number first and this second: a row that can be read was noted as open before.
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

/// Whatever ends the writer, nobody waits for it afterwards: dropping what is queued answers those who do.
struct Gone(Arc<Shared>);

impl Drop for Gone {
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

fn lock_or_inner<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
