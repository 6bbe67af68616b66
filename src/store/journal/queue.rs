//! What waits for the writer's thread, and how much of it.

use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::oneshot;

use super::marks::Mark;
use super::open::{OpenRows, Receipt};
use super::settings::WhenFull;
use super::stats::Stats;
use crate::store::event::Event;

/// Longest time a plain event waits before it is written.
pub const PLAIN_WAIT: Duration = Duration::from_millis(50);
/// Most plain events and endings that wait, those that are being written included. Further ones are counted as lost.
pub(super) const QUEUE_MAX: usize = 65_536;
/// Above this, `block` refuses new exchanges; the remaining quarter is kept for those in progress.
pub(super) const QUEUE_HIGH: usize = QUEUE_MAX / 4 * 3;
/// So many plain events are written at once, without waiting for [`PLAIN_WAIT`].
pub(super) const QUEUE_WAKE: usize = 4096;

/// The store cannot take events and the policy says `block`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the event journal cannot store events (disk full?)")]
pub struct NotStored;

/// What the handles of a journal share with its writer.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) queue: Mutex<Queue>,
    pub(super) wake: Condvar,
    pub(super) stats: Arc<Stats>,
    pub(super) when_full: WhenFull,
    pub(super) open: OpenRows,
    pub(super) thread: Mutex<Option<JoinHandle<()>>>,
}

/// What waits for the writer's thread.
#[derive(Debug, Default)]
pub(super) struct Queue {
    /// Events that may wait for [`PLAIN_WAIT`].
    pub(super) plain: Vec<Row>,
    /// Events whose senders wait until they are on disk.
    pub(super) durable: Vec<(Row, oneshot::Sender<Result<(), NotStored>>)>,
    /// Later versions of events that were stored before.
    pub(super) endings: Vec<(Receipt, Event)>,
    /// Steps of delivery whose senders wait until they are on disk.
    pub(super) marks: Vec<(Mark, oneshot::Sender<Result<(), String>>)>,
    /// Plain events and endings that the thread is writing, and puts back when it cannot.
    pub(super) taken: usize,
    pub(super) closing: bool,
}

/// An event on its way into a row.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) event: Event,
    pub(super) receipt: Option<Receipt>,
}

impl Queue {
    pub(super) fn is_urgent(&self) -> bool {
        !self.durable.is_empty() || !self.marks.is_empty() || self.closing || self.plain.len() >= QUEUE_WAKE
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows().next().is_none() && self.endings.is_empty() && self.marks.is_empty()
    }

    pub(super) fn waiting(&self) -> usize {
        self.plain.len() + self.endings.len() + self.taken
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = &Row> {
        self.plain.iter().chain(self.durable.iter().map(|(row, _)| row))
    }

    pub(super) fn receipts(&self) -> impl Iterator<Item = &Receipt> {
        self.rows().filter_map(|row| row.receipt.as_ref())
    }
}
