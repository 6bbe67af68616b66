//! Matches many patterns over one text in one pass: with Hyperscan where `build.rs` finds libhs, in pure Rust otherwise.
//!
//! Both engines have the same semantics: patterns are over bytes, `.` matches every byte, and a pattern that matches the
//! empty text is refused. `docs/engines.md` has the measurements behind the choice.

pub(crate) mod glob;
#[cfg(libhs)]
mod hs;
mod pieces;
#[cfg(any(test, not(libhs)))]
mod pure;
mod syntax;

#[cfg(libhs)]
pub(crate) use hs::{Scan, Set};
#[cfg(not(libhs))]
pub(crate) use pure::{Scan, Set};

pub(crate) use glob::Glob;
pub(crate) use syntax::check;

/// The engine's name, as `daylight check` and the metrics show it.
pub const ENGINE: &str = if cfg!(libhs) { "hyperscan" } else { "pure" };

#[cfg(test)]
mod tests;
