//! Evidence in a response, read in passing.

use http::{HeaderMap, StatusCode};

use super::Signals;

/// A streaming reader of one response.
#[derive(Debug, Default)]
pub struct ResponseScan {}

impl ResponseScan {
    /// Reads the response head; `None` when its body is not worth reading.
    pub fn new(_status: StatusCode, _headers: &HeaderMap, _signals: &mut Signals) -> Option<Self> {
        None
    }

    /// Reads the next body bytes; false when nothing more can be learned.
    pub fn feed(&mut self, _bytes: &[u8], _signals: &mut Signals) -> bool {
        false
    }
}
