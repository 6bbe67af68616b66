//! The Hyperscan engine: block mode for short fields, streaming mode for bodies.

use std::sync::{Arc, Mutex, PoisonError};

use hyperscan::prelude::*;
use hyperscan::{BlockMode, PatternFlags, ScratchRef, StreamingMode};

/// Scratch spaces kept for reuse; one scan needs one for its time.
const SCRATCH_MAX: usize = 64;

/// Compiled patterns. A hit is reported as the pattern's position in the list that the set was made from.
#[derive(Clone)]
pub(crate) struct Set {
    inner: Arc<Inner>,
}

struct Inner {
    block: BlockDatabase,
    streaming: StreamingDatabase,
    scratches: Mutex<Vec<Scratch>>,
}

impl std::fmt::Debug for Set {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Set")
    }
}

impl std::fmt::Debug for Scan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Scan")
    }
}

/// A text that is read in pieces. It keeps its database alive, and closes its stream when it is dropped.
pub(crate) struct Scan {
    set: Set,
    stream: Option<Stream>,
}

impl Drop for Scan {
    fn drop(&mut self) {
        let Some(stream) = self.stream.take() else { return };
        self.set.with_scratch(|scratch| stream.close(scratch, |_, _, _, _| Matching::Continue));
    }
}

impl Set {
    /// Compiles patterns that `check` accepted; the error is the engine's reason.
    pub(crate) fn new(patterns: &[String]) -> Result<Self, String> {
        let compiled: Result<Vec<Pattern>, String> = patterns
            .iter()
            .enumerate()
            .map(|(id, text)| {
                let flags = PatternFlags::DOTALL | PatternFlags::SINGLEMATCH;
                let mut pattern = Pattern::with_flags(text.as_str(), flags).map_err(|e| e.to_string())?;
                pattern.id = Some(id);
                Ok(pattern)
            })
            .collect();
        let compiled = Patterns(compiled?);
        let block: BlockDatabase = compiled.build::<BlockMode>().map_err(|e| e.to_string())?;
        let streaming: StreamingDatabase = compiled.build::<StreamingMode>().map_err(|e| e.to_string())?;
        let mut scratch = block.alloc_scratch().map_err(|e| e.to_string())?;
        streaming.realloc_scratch(&mut scratch).map_err(|e| e.to_string())?;
        Ok(Self { inner: Arc::new(Inner { block, streaming, scratches: Mutex::new(vec![scratch]) }) })
    }

    /// Calls `hit` with every pattern that matches somewhere in the text.
    pub(crate) fn scan(&self, text: &[u8], hit: &mut dyn FnMut(usize)) {
        self.with_scratch(|scratch| {
            self.inner.block.scan(text, scratch, |id: u32, _: u64, _: u64, _: u32| {
                hit(usize::try_from(id).unwrap_or(usize::MAX));
                Matching::Continue
            })
        });
    }

    /// Starts a text that comes in pieces.
    pub(crate) fn start(&self) -> Scan {
        Scan { set: self.clone(), stream: self.inner.streaming.open_stream().ok() }
    }

    /// Reads the next piece.
    pub(crate) fn feed(&self, scan: &mut Scan, piece: &[u8], hit: &mut dyn FnMut(usize)) {
        let Some(stream) = &scan.stream else { return };
        self.with_scratch(|scratch| {
            stream.scan(piece, scratch, |id: u32, _: u64, _: u64, _: u32| {
                hit(usize::try_from(id).unwrap_or(usize::MAX));
                Matching::Continue
            })
        });
    }

    /// Ends the text: patterns that are anchored at its end match now.
    pub(crate) fn finish(&self, scan: &mut Scan, hit: &mut dyn FnMut(usize)) {
        let Some(stream) = scan.stream.take() else { return };
        self.with_scratch(|scratch| {
            stream.close(scratch, |id: u32, _: u64, _: u64, _: u32| {
                hit(usize::try_from(id).unwrap_or(usize::MAX));
                Matching::Continue
            })
        });
    }

    /// Runs a scan with a scratch space that no other scan uses at the time.
    fn with_scratch(&self, work: impl FnOnce(&ScratchRef) -> hyperscan::Result<()>) {
        let kept = &self.inner.scratches;
        let reused = kept.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let scratch = match reused {
            Some(scratch) => scratch,
            None => match self.fresh() {
                Ok(scratch) => scratch,
                Err(error) => return tracing::error!(%error, "no memory for matching"),
            },
        };
        if let Err(error) = work(&scratch) {
            tracing::error!(%error, "matching failed");
        }
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < SCRATCH_MAX {
            kept.push(scratch);
        }
    }

    fn fresh(&self) -> hyperscan::Result<Scratch> {
        let mut scratch = self.inner.block.alloc_scratch()?;
        self.inner.streaming.realloc_scratch(&mut scratch)?;
        Ok(scratch)
    }
}
