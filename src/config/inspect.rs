//! `inspect`: how much of a body is held for a verdict, and what happens to one that cannot be read.

use crate::config::section::section;
use crate::config::size::{KIB, MIB, Size};
use crate::config::within::Millis;
use crate::policy::Uninspectable;

section! {
    InspectSection {
        /// Body bytes that are held for a verdict.
        hold_bytes: Size = const { Size::of(MIB) },
        /// Body bytes that are held at once, over all connections.
        hold_total_bytes: Size = const { Size::of(512 * MIB) },
        /// How long a body is held.
        hold_ms: Millis = const { Millis::of(5000) },
        /// What happens to a body that cannot be read: `log`, `block` or `allow`.
        uninspectable: Uninspectable = Uninspectable::Log,
        /// Bytes of an MCP payload that are kept with the verdict `inspect`.
        payload_bytes: Size = const { Size::of(16 * KIB) },
    }
}
