//! Watches a response's body on its way to the client, and closes the exchange's record when the body ends in any way.

use bytes::Bytes;

use crate::audit::Record;
use crate::detect::inspect::ResponseScan;
use crate::detect::inspect::evidence::ENDPOINT_EVENT;
use crate::store::event::Failure;
use crate::verdict::Blame;
use crate::wire::http::body::{BodyEnd, Observer};

/// What watches a response's body.
pub(super) struct Download {
    /// Absent once it is closed.
    record: Option<Box<Record>>,
    /// Reads the start of the body; absent when there is nothing more to learn.
    scan: Option<ResponseScan>,
}

impl Download {
    /// Watches a body; `scan` reads it as it goes by.
    pub(super) fn new(record: Box<Record>, scan: Option<ResponseScan>) -> Self {
        Self { record: Some(record), scan }
    }

    /// The exchange with the session of its HTTP+SSE stream, once the stream's first event has named the session.
    pub(super) fn stream_session(&self) -> Option<(&Record, &str)> {
        let record = self.record.as_deref()?;
        let signals = &record.judgement.signals;
        let is_named = signals.evidence.iter().any(|signal| signal.id == ENDPOINT_EVENT.id);
        signals.session.as_deref().filter(|_| is_named).map(|session| (record, session))
    }
}

impl Observer for Download {
    fn data(&mut self, bytes: &Bytes) {
        let Some(record) = &mut self.record else { return };
        record.downloaded(bytes.len() as u64);
        let Some(scan) = &mut self.scan else { return };
        record.inspected(bytes.len() as u64);
        let known = record.judgement.signals.evidence.len();
        if !scan.feed(bytes, &mut record.judgement.signals) {
            self.scan = None;
        }
        if record.judgement.signals.evidence.len() > known {
            record.rejudge_late();
        }
    }

    fn end(&mut self, end: BodyEnd<'_>) {
        let Some(mut record) = self.record.take() else { return };
        if let BodyEnd::Broken(error) = end {
            let what = format_args!("the response's body broke off: {error}");
            record.failed(Failure::new(Blame::Origin, what));
        }
        record.close();
    }
}
