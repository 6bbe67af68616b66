//! One JSON tokenizer (RFC 8259) for all of `detect`: no tree, no recursion, bounded memory.
//!
//! [`Scanner`] knows the grammar and where tokens begin and end. [`Lexer`] keeps what inspection needs of each token when
//! a body arrives in pieces. `dlp` drives the scanner itself, because it needs places in a text that it has whole.

mod escape;
mod lexer;
mod scanner;

pub use escape::{escaped, raw_range, unescaped};
pub use lexer::{Lexer, TOKEN_MAX_BYTES, Text, Token};
pub use scanner::{DEPTH_MAX, Dialect, Event, Kind, Part, Scanner, Stop};
