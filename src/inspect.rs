//! Bytes to [`Signals`]: recognises MCP in heads and in streaming bodies. Pure, incremental and bounded.

pub mod body;
pub mod head;
pub mod response;
pub mod signals;

pub use body::{BodyVerdict, RequestBody};
pub use response::ResponseScan;
pub use signals::{Signal, Signals, Strength};
