//! `journal`: how the event store keeps and drops events.

use std::path::PathBuf;

use crate::config::section::section;
use crate::config::size::{GIB, MIB, Size};
use crate::config::within::Days;
use crate::store::journal::{Settings, WhenFull};

/// A smaller event store would delete events as soon as they are written.
const MAX_BYTES_LEAST: u64 = 16 * MIB;

section! {
    JournalSection {
        /// Older events are deleted.
        max_age_days: Days = const { Days::of(90) },
        /// The store is kept below this size, at least `16MiB`; the oldest events go first.
        max_bytes: Size<MAX_BYTES_LEAST> = const { Size::of(10 * GIB) },
        /// What happens while events cannot be stored: `block` traffic, or `drop` events.
        when_full: WhenFull = WhenFull::Block,
    }
}

impl JournalSection {
    /// The settings of the store in `dir`; `deliver` is true when ClickHouse gets its rows.
    pub(crate) fn resolve(self, dir: PathBuf, deliver: bool) -> Settings {
        let Self { max_age_days, max_bytes, when_full } = self;
        Settings { dir, max_age_days: max_age_days.short(), max_bytes: max_bytes.bytes(), when_full, deliver }
    }
}
