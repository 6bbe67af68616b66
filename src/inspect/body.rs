//! Evidence in a request's body, read while it streams.

use http::HeaderMap;

use super::Signals;

/// Whether more of the body could still change what is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyVerdict {
    /// Keep feeding: the body may still turn out to be MCP.
    Undecided,
    /// Nothing that follows can change the signals.
    Settled,
    /// The body cannot be read (unknown or broken encoding, too deep, expands too far).
    Uninspectable(&'static str),
}

/// A streaming reader of one request body.
#[derive(Debug, Default)]
pub struct RequestBody {}

impl RequestBody {
    /// Prepares to read a body with these request headers (content type, encoding, charset).
    pub fn new(_headers: &HeaderMap) -> Self {
        Self {}
    }

    /// Reads the next bytes as they came off the wire.
    pub fn feed(&mut self, _bytes: &[u8], _signals: &mut Signals) -> BodyVerdict {
        BodyVerdict::Settled
    }

    /// [`Self::feed`], and gives decoded bytes to `sink`.
    pub fn feed_with(
        &mut self,
        bytes: &[u8],
        signals: &mut Signals,
        _sink: &mut dyn FnMut(&[u8]),
    ) -> BodyVerdict {
        self.feed(bytes, signals)
    }

    /// [`Self::finish`], and gives decoded bytes to `sink`.
    pub fn finish_with(&mut self, signals: &mut Signals, _sink: &mut dyn FnMut(&[u8])) -> BodyVerdict {
        self.finish(signals)
    }

    /// The body has ended.
    pub fn finish(&mut self, _signals: &mut Signals) -> BodyVerdict {
        BodyVerdict::Settled
    }
}
