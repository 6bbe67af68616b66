//! Bytes to [`Signals`]: recognises MCP in heads and in streaming bodies. Pure, incremental and bounded.
//!
//! A body goes through [`decode`] (content encodings), [`charset`] (to UTF-8), the lexer of `detect::json` and [`message`]
//! (the structure of JSON-RPC and MCP). The bytes that are forwarded are the original ones.

pub mod body;
pub mod charset;
pub mod decode;
pub mod evidence;
pub mod head;
pub mod message;
pub mod obstacle;
pub mod response;
pub mod signals;

pub use body::{BodyVerdict, RequestBody};
pub use obstacle::Obstacle;
pub use response::ResponseScan;
pub use signals::{Signal, Signals, Strength};
