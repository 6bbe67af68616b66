//! What is configured about the journal.

use std::path::PathBuf;

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
