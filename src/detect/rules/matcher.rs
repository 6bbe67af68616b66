//! Many patterns over one text at once. Hyperscan's API where libhs is there, pure Rust otherwise; one semantics:
//! bytes, `.` matches everything, a pattern that matches the empty text is refused.

pub(crate) mod glob;
#[cfg(feature = "hyperscan")]
mod hs;
mod pieces;
#[cfg(any(test, not(feature = "hyperscan")))]
mod pure;
mod syntax;

#[cfg(feature = "hyperscan")]
pub(crate) use hs::{Scan, Set};
#[cfg(not(feature = "hyperscan"))]
pub(crate) use pure::{Scan, Set};

pub(crate) use glob::Glob;
pub(crate) use syntax::check;

/// The engine's name, for `daylight check` and the metrics.
pub const ENGINE: &str = if cfg!(feature = "hyperscan") { "hyperscan" } else { "pure" };

#[cfg(test)]
mod tests;
