//! The pure-Rust engine; also the oracle for the other one.

use std::sync::Arc;

use regex::bytes::{Regex, RegexBuilder, RegexSet, RegexSetBuilder};

/// Bytes of a body that are kept for matching.
pub const BODY_MAX_BYTES: usize = 1024 * 1024;
/// Compiled size of one pattern.
const SIZE_MAX_BYTES: usize = 4 * 1024 * 1024;

/// Compiled patterns; numbers are positions in the list they were made from.
#[derive(Clone, Debug)]
pub struct Set {
    set: Arc<RegexSet>,
}

/// One text in pieces.
#[derive(Clone, Debug, Default)]
pub struct Scan {
    seen: Vec<u8>,
}

/// One pattern.
pub(super) fn compile(pattern: &str) -> Result<Regex, String> {
    RegexBuilder::new(pattern)
        .unicode(false)
        .dot_matches_new_line(true)
        .size_limit(SIZE_MAX_BYTES)
        .build()
        .map_err(|e| e.to_string().lines().last().unwrap_or_default().trim().to_owned())
}

impl Set {
    /// Compiles; patterns were checked before.
    pub fn new(patterns: &[String]) -> Result<Self, String> {
        let set = RegexSetBuilder::new(patterns)
            .unicode(false)
            .dot_matches_new_line(true)
            .size_limit(SIZE_MAX_BYTES * patterns.len().max(1))
            .build()
            .map_err(|e| e.to_string())?;
        Ok(Self { set: Arc::new(set) })
    }

    /// Calls `hit` with every pattern that matches somewhere in the text.
    pub fn scan(&self, text: &[u8], hit: &mut dyn FnMut(usize)) {
        self.set.matches(text).into_iter().for_each(hit);
    }

    /// Starts a text in pieces.
    pub fn start(&self) -> Scan {
        Scan::default()
    }

    /// Reads a piece.
    pub fn feed(&self, scan: &mut Scan, piece: &[u8], _hit: &mut dyn FnMut(usize)) {
        let room = BODY_MAX_BYTES.saturating_sub(scan.seen.len()).min(piece.len());
        scan.seen.extend_from_slice(piece.get(..room).unwrap_or_default());
    }

    /// The text has ended.
    pub fn finish(&self, scan: &mut Scan, hit: &mut dyn FnMut(usize)) {
        self.scan(&std::mem::take(&mut scan.seen), hit);
    }
}
