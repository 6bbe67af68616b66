//! Rows whose exchange is not over yet: a later version of their event may still come.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use super::lock::lock_or_inner;

/// After this time a row is sealed for delivery even when somebody still holds its receipt.
pub(super) const COMPLETION_WAIT: Duration = Duration::from_secs(5);

/// Where an event was stored. Whoever holds the receipt may complete the event, and its row is not sealed for delivery as
/// long as somebody holds it: drop it as soon as nothing is left to add.
#[derive(Clone, Debug, Default)]
pub struct Receipt {
    seq: Arc<AtomicI64>,
}

impl Receipt {
    /// Row number in the journal; 0 while the event is not stored.
    pub fn seq(&self) -> i64 {
        self.seq.load(Ordering::Acquire)
    }

    pub(super) fn fill(&self, seq: i64) {
        self.seq.store(seq, Ordering::Release);
    }
}

/// The rows whose receipts are held, in the order of their numbers.
#[derive(Debug, Default)]
pub(super) struct OpenRows {
    rows: Mutex<VecDeque<OpenRow>>,
}

#[derive(Debug)]
struct OpenRow {
    seq: i64,
    holders: Weak<AtomicI64>,
    since: Instant,
}

impl OpenRow {
    fn is_finished(&self) -> bool {
        self.holders.strong_count() == 0 || self.since.elapsed() >= COMPLETION_WAIT
    }
}

impl OpenRows {
    /// Notes rows as open. Called before their commit, so that no row can be read that is not noted yet.
    pub(super) fn enter<'a>(&self, receipts: impl Iterator<Item = &'a Receipt>) {
        let mut rows = lock_or_inner(&self.rows);
        let since = Instant::now();
        rows.extend(receipts.map(|receipt| OpenRow {
            seq: receipt.seq(),
            holders: Arc::downgrade(&receipt.seq),
            since,
        }));
        prune(&mut rows);
    }

    /// Takes back the rows from this one on, whose commit failed.
    pub(super) fn leave(&self, first_seq: i64) {
        lock_or_inner(&self.rows).retain(|row| row.seq < first_seq);
    }

    /// The first row that is open.
    pub(super) fn first(&self) -> Option<i64> {
        let mut rows = lock_or_inner(&self.rows);
        prune(&mut rows);
        rows.front().map(|row| row.seq)
    }
}

/// Removes finished rows from the front. A finished row behind an open one is removed together with it, at the latest after
/// [`COMPLETION_WAIT`].
fn prune(rows: &mut VecDeque<OpenRow>) {
    while rows.front().is_some_and(OpenRow::is_finished) {
        rows.pop_front();
    }
}
