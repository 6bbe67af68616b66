//! The pure-Rust engine; also the oracle for the other one.

use std::sync::Arc;

use regex::bytes::{RegexSet, RegexSetBuilder};

use super::syntax::SIZE_MAX_BYTES;

/// Bytes of a body that are kept for matching.
pub(crate) const BODY_MAX_BYTES: usize = 1024 * 1024;
/// Compiled patterns; numbers are positions in the list they were made from.
#[derive(Clone, Debug)]
pub(crate) struct Set {
    set: Arc<RegexSet>,
}

/// One text in pieces.
#[derive(Debug, Default)]
pub(crate) struct Scan {
    seen: Vec<u8>,
}

impl Set {
    /// Compiles; patterns were checked before.
    pub(crate) fn new(patterns: &[String]) -> Result<Self, String> {
        let set = RegexSetBuilder::new(patterns)
            .unicode(false)
            .dot_matches_new_line(true)
            .size_limit(SIZE_MAX_BYTES * patterns.len().max(1))
            .build()
            .map_err(|e| e.to_string())?;
        Ok(Self { set: Arc::new(set) })
    }

    /// Calls `hit` with every pattern that matches somewhere in the text.
    pub(crate) fn scan(&self, text: &[u8], hit: &mut dyn FnMut(usize)) {
        self.set.matches(text).into_iter().for_each(hit);
    }

    /// Starts a text in pieces.
    pub(crate) fn start(&self) -> Scan {
        Scan::default()
    }

    /// Reads a piece.
    pub(crate) fn feed(&self, scan: &mut Scan, piece: &[u8], _hit: &mut dyn FnMut(usize)) {
        let room = BODY_MAX_BYTES.saturating_sub(scan.seen.len()).min(piece.len());
        scan.seen.extend_from_slice(piece.get(..room).unwrap_or_default());
    }

    /// The text has ended.
    pub(crate) fn finish(&self, scan: &mut Scan, hit: &mut dyn FnMut(usize)) {
        self.scan(&std::mem::take(&mut scan.seen), hit);
    }
}
