//! From bytes to what they hold and what rules say about that. Pure: no clock, socket or lock (`rules` reads its files and
//! shares scratch memory).
//!
//! `json` is lowest: `inspect` finds MCP in messages with it, `dlp` finds secrets. For fuzzing, each decoder is a plain
//! function of bytes: [`inspect::RequestBody`], [`inspect::decode::Decoder`], [`inspect::charset::Transcoder`],
//! [`json::Lexer`], [`mcp::sse::Parser`], [`dlp::find_in_json`].

pub mod dlp;
pub mod inspect;
pub mod json;
pub mod mcp;
pub mod rules;
