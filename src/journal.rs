//! The durable, queryable event store: SQLite, written by one thread with group commit.

use crate::event::{Ending, Event};

/// How the journal keeps and drops events.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Folder of the store (`data` in the configuration).
    pub dir: std::path::PathBuf,
    /// Events older than this are deleted.
    pub max_age_days: u32,
    /// The store is kept below this size; the oldest events go first.
    pub max_bytes: u64,
    /// What happens when an event cannot be stored.
    pub when_full: WhenFull,
    /// True when a sink delivers from the journal: undelivered rows survive retention.
    pub deliver: bool,
}

/// Policy for a full disk (or a store that fails).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
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
pub struct Journal {}

/// Where a durable event went; lets its ending be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Row number in the journal.
    pub seq: i64,
}

/// The store cannot take events and the policy says `block`.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the event journal cannot store events (disk full?)")]
pub struct Refused;

impl Journal {
    /// Opens (or creates, or migrates) the store and starts its thread.
    pub fn open(_settings: Settings) -> Result<Self, String> {
        Ok(Self {})
    }

    /// Queues an event; it is stored within 100 ms. Never waits.
    pub fn append(&self, _event: Event) {}

    /// Stores an event; returns when it is on disk.
    pub async fn append_durable(&self, _event: Event) -> Result<Receipt, Refused> {
        Ok(Receipt { seq: 0 })
    }

    /// Completes an event stored earlier, unless it was delivered in the meantime.
    pub fn complete(&self, _receipt: Receipt, _ending: Ending) {}

    /// False while the policy is `block` and the store cannot take events.
    pub fn accepts(&self) -> bool {
        true
    }

    /// Writes what is queued and closes the store.
    pub async fn close(&self) {}
}
