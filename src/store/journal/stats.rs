//! What the journal counts about itself.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;

use crate::telemetry::labels::Reason;
use crate::telemetry::metrics::{Measured, Registry, seconds};

/// Counters and gauges.
#[derive(Debug)]
pub struct Stats {
    rows_written: Counter,
    commit: Histogram,
    dropped: Family<Reason, Counter>,
    late_endings: Counter,
    lost_endings: Counter,
    retired: Counter,
    retired_undelivered: Counter,
    bytes: Gauge,
    rows: Gauge,
    oldest_seconds: Gauge,
    failing: AtomicBool,
    failing_gauge: Gauge,
}

impl Default for Stats {
    fn default() -> Self {
        Self {
            rows_written: Counter::default(),
            commit: seconds(),
            dropped: Family::default(),
            late_endings: Counter::default(),
            lost_endings: Counter::default(),
            retired: Counter::default(),
            retired_undelivered: Counter::default(),
            bytes: Gauge::default(),
            rows: Gauge::default(),
            oldest_seconds: Gauge::default(),
            failing: AtomicBool::default(),
            failing_gauge: Gauge::default(),
        }
    }
}

/// What the store holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) bytes: u64,
    pub(super) rows: u64,
    pub(super) oldest_seconds: u64,
}

impl Stats {
    pub(super) fn committed(&self, rows: u64, took: Duration) {
        self.rows_written.inc_by(rows);
        self.commit.observe(took.as_secs_f64());
    }

    pub(super) fn dropped(&self, reason: &'static str, rows: u64) {
        self.dropped.get_or_create(&Reason { reason }).inc_by(rows);
    }

    pub(super) fn late_ending(&self) {
        self.late_endings.inc();
    }

    pub(super) fn lost_endings(&self, endings: u64) {
        self.lost_endings.inc_by(endings);
    }

    pub(super) fn retired(&self, rows: u64, undelivered: u64) {
        self.retired.inc_by(rows);
        self.retired_undelivered.inc_by(undelivered);
    }

    pub(super) fn size(&self, size: Size) {
        let number = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        self.bytes.set(number(size.bytes));
        self.rows.set(number(size.rows));
        self.oldest_seconds.set(number(size.oldest_seconds));
    }

    pub(super) fn set_failing(&self, failing: bool) {
        self.failing.store(failing, Ordering::Relaxed);
        self.failing_gauge.set(failing.into());
    }

    /// True while the store cannot be written.
    pub fn failing(&self) -> bool {
        self.failing.load(Ordering::Relaxed)
    }

    /// Events that were not recorded.
    pub fn lost(&self) -> u64 {
        ["queue", "full"].iter().map(|reason| self.dropped.get_or_create(&Reason { reason }).get()).sum()
    }

    /// Endings that came after their row was sealed, and those that were not recorded.
    pub fn endings(&self) -> (u64, u64) {
        (self.late_endings.get(), self.lost_endings.get())
    }

    /// Rows deleted by retention, and how many of them had not been delivered.
    pub fn retired_rows(&self) -> (u64, u64) {
        (self.retired.get(), self.retired_undelivered.get())
    }
}

impl Measured for Stats {
    fn register(&self, r: &mut Registry) {
        r.register("journal_rows_written", "Events written since the start", self.rows_written.clone());
        r.register("journal_commit_duration_seconds", "Commits of the event store", self.commit.clone());
        let help = "Events not recorded, by reason: the queue was full, or the store failed (full)";
        r.register("journal_dropped", help, self.dropped.clone());
        let help = "Endings that came after their row was sealed for delivery: the store has them, the sink does not";
        r.register("journal_late_endings", help, self.late_endings.clone());
        let help = "Endings not recorded because too many waited or the store failed";
        r.register("journal_lost_endings", help, self.lost_endings.clone());
        r.register("journal_retired", "Events deleted by retention", self.retired.clone());
        let help = "Events deleted by the size limit before they were delivered";
        r.register("journal_retired_undelivered", help, self.retired_undelivered.clone());
        r.register("journal_bytes", "Size of the store", self.bytes.clone());
        r.register("journal_rows", "Events in the store, by row numbers", self.rows.clone());
        r.register("journal_oldest_seconds", "Age of the oldest event", self.oldest_seconds.clone());
        let help = "1 while the store cannot be written";
        r.register("journal_failing", help, self.failing_gauge.clone());
    }
}
