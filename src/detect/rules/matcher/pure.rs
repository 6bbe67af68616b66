//! The pure-Rust engine; the tests compare the other one with it.

use std::sync::Arc;

use regex::bytes::{RegexSet, RegexSetBuilder};

use super::syntax::SIZE_MAX_BYTES;

/// Bytes of a body that are kept for matching at its end.
pub(crate) const BODY_MAX_BYTES: usize = 1024 * 1024;
/// Memory for the lazy DFA of a set, for each thread that scans; more for each pattern. One that does not fit is built
/// again and again: with 2 MiB for 10,000 patterns, 1 KiB of text takes 0.2 s (docs/engines.md).
const CACHE_MIN_BYTES: usize = 2 * 1024 * 1024;
const CACHE_BYTES_PER_PATTERN: usize = 8 * 1024;

/// Compiled patterns. A hit is reported as the pattern's position in the list that the set was made from.
#[derive(Clone, Debug)]
pub(crate) struct Set {
    set: Arc<RegexSet>,
}

/// A text that is read in pieces: its first bytes, at most [`BODY_MAX_BYTES`].
#[derive(Debug, Default)]
pub(crate) struct Scan {
    seen: Vec<u8>,
}

impl Set {
    /// Compiles patterns that `check` accepted; the error is the engine's reason.
    pub(crate) fn new(patterns: &[String]) -> Result<Self, String> {
        let set = RegexSetBuilder::new(patterns)
            .unicode(false)
            .dot_matches_new_line(true)
            .size_limit(SIZE_MAX_BYTES * patterns.len().max(1))
            .dfa_size_limit(CACHE_MIN_BYTES + CACHE_BYTES_PER_PATTERN * patterns.len())
            .build()
            .map_err(|e| e.to_string())?;
        Ok(Self { set: Arc::new(set) })
    }

    /// Calls `hit` with every pattern that matches somewhere in the text.
    pub(crate) fn scan(&self, text: &[u8], hit: &mut dyn FnMut(usize)) {
        self.set.matches(text).into_iter().for_each(hit);
    }

    /// Starts a text that comes in pieces.
    pub(crate) fn start(&self) -> Scan {
        Scan::default()
    }

    /// Keeps the next piece.
    pub(crate) fn feed(&self, scan: &mut Scan, piece: &[u8], _hit: &mut dyn FnMut(usize)) {
        let room = BODY_MAX_BYTES.saturating_sub(scan.seen.len()).min(piece.len());
        scan.seen.extend_from_slice(piece.get(..room).unwrap_or_default());
    }

    /// Ends the text: it is matched now.
    pub(crate) fn finish(&self, scan: &mut Scan, hit: &mut dyn FnMut(usize)) {
        self.scan(&std::mem::take(&mut scan.seen), hit);
    }
}
