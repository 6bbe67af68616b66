//! From bytes to what rules say about them. Pure: no clock, socket or lock (`rules` reads its files and shares scratch
//! memory).

pub mod dlp;
pub mod inspect;
pub mod json;
pub mod mcp;
pub mod rules;
