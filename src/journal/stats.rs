//! What the journal counts about itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Counters and gauges; read by the metrics.
#[derive(Debug, Default)]
pub struct Stats {
    rows_written: AtomicU64,
    commits: AtomicU64,
    commit_us: AtomicU64,
    dropped_queue: AtomicU64,
    dropped_full: AtomicU64,
    late_endings: AtomicU64,
    retired: AtomicU64,
    retired_undelivered: AtomicU64,
    bytes: AtomicU64,
    rows: AtomicU64,
    failing: AtomicBool,
}

/// A named value with its description and how to read it.
pub type Gauge = (&'static str, &'static str, Box<dyn Fn() -> i64 + Send + Sync>);

impl Stats {
    pub(super) fn committed(&self, rows: u64, us: u64) {
        self.rows_written.fetch_add(rows, Ordering::Relaxed);
        self.commits.fetch_add(1, Ordering::Relaxed);
        self.commit_us.fetch_add(us, Ordering::Relaxed);
    }

    pub(super) fn dropped(&self, reason: &'static str) {
        self.dropped_many(reason, 1);
    }

    pub(super) fn dropped_many(&self, reason: &'static str, rows: u64) {
        let counter = if reason == "queue" { &self.dropped_queue } else { &self.dropped_full };
        counter.fetch_add(rows, Ordering::Relaxed);
    }

    pub(super) fn late(&self) {
        self.late_endings.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn retired(&self, rows: u64, undelivered: u64) {
        self.retired.fetch_add(rows, Ordering::Relaxed);
        self.retired_undelivered.fetch_add(undelivered, Ordering::Relaxed);
    }

    pub(super) fn size(&self, bytes: u64, rows: u64) {
        self.bytes.store(bytes, Ordering::Relaxed);
        self.rows.store(rows, Ordering::Relaxed);
    }

    pub(super) fn set_failing(&self, failing: bool) {
        self.failing.store(failing, Ordering::Relaxed);
    }

    /// True while the store cannot be written.
    pub fn failing(&self) -> bool {
        self.failing.load(Ordering::Relaxed)
    }

    /// Events that were not recorded.
    pub fn lost(&self) -> u64 {
        self.dropped_queue.load(Ordering::Relaxed) + self.dropped_full.load(Ordering::Relaxed)
    }

    /// Endings that came after their row was sealed.
    pub fn late_endings(&self) -> u64 {
        self.late_endings.load(Ordering::Relaxed)
    }

    /// Rows deleted by retention, and how many of them had not been delivered.
    pub fn retired_rows(&self) -> (u64, u64) {
        (self.retired.load(Ordering::Relaxed), self.retired_undelivered.load(Ordering::Relaxed))
    }

    /// Every value for the metrics.
    pub fn gauges(self: &Arc<Self>) -> Vec<Gauge> {
        let read = |pick: fn(&Self) -> &AtomicU64| {
            let stats = Arc::clone(self);
            let value = move || i64::try_from(pick(&stats).load(Ordering::Relaxed)).unwrap_or(i64::MAX);
            Box::new(value) as Box<dyn Fn() -> i64 + Send + Sync>
        };
        let failing = Arc::clone(self);
        vec![
            ("journal_rows_written_total", "Events written since the start", read(|s| &s.rows_written)),
            ("journal_commits_total", "Commits since the start", read(|s| &s.commits)),
            (
                "journal_commit_microseconds_total",
                "Time spent in commits since the start",
                read(|s| &s.commit_us),
            ),
            (
                "journal_dropped_queue_total",
                "Events not recorded because the queue was full",
                read(|s| &s.dropped_queue),
            ),
            (
                "journal_dropped_full_total",
                "Events not recorded because the store failed",
                read(|s| &s.dropped_full),
            ),
            (
                "journal_late_endings_total",
                "Endings that came after their row was sealed",
                read(|s| &s.late_endings),
            ),
            ("journal_retired_total", "Events deleted by retention", read(|s| &s.retired)),
            (
                "journal_retired_undelivered_total",
                "Events deleted by the size limit before they were delivered",
                read(|s| &s.retired_undelivered),
            ),
            ("journal_bytes", "Size of the store", read(|s| &s.bytes)),
            ("journal_rows", "Events in the store, by row numbers", read(|s| &s.rows)),
            (
                "journal_failing",
                "1 while the store cannot be written",
                Box::new(move || i64::from(failing.failing())),
            ),
        ]
    }
}
