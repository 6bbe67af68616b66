//! Watches a response's body in passing; the exchange's record is closed when it ends, however it ends.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::body::Incoming;

use super::Tunnel;
use super::record::Seen;
use crate::detect::inspect::ResponseScan;
use crate::detect::inspect::evidence::ENDPOINT_EVENT;
use crate::store::event::Failure;
use crate::verdict::Blame;
use crate::wire::http::body::BodyError;

/// A response body on its way to the client.
pub struct Watched {
    incoming: Incoming,
    open: Option<Box<Open>>,
}

/// The record that is still open, and what reads the body for it.
struct Open {
    seen: Box<Seen>,
    scan: Option<ResponseScan>,
}

impl Watched {
    /// Watches a body; `scan` reads it in passing.
    pub fn new(incoming: Incoming, seen: Box<Seen>, scan: Option<ResponseScan>) -> Self {
        Self { incoming, open: Some(Box::new(Open { seen, scan })) }
    }

    /// The tunnel, and the session of an HTTP+SSE stream once its first event has named it.
    pub fn session(&self) -> Option<(&Arc<Tunnel>, &str)> {
        let seen = &self.open.as_ref()?.seen;
        let named = seen.signals.evidence.iter().any(|signal| signal.id == ENDPOINT_EVENT.id);
        seen.signals.session.as_deref().filter(|_| named).map(|session| (&seen.tunnel, session))
    }

    fn close(&mut self, failure: Option<Failure>) {
        let Some(mut open) = self.open.take() else { return };
        if open.seen.failure.is_none() {
            open.seen.failure = failure;
        }
        open.seen.close();
    }
}

impl Open {
    fn take(&mut self, data: &[u8]) {
        self.seen.bytes_down += data.len() as u64;
        let Some(scan) = &mut self.scan else { return };
        let known = self.seen.signals.evidence.len();
        self.seen.gateway().metrics.inspected_down.inc_by(data.len() as u64);
        if !scan.feed(data, &mut self.seen.signals) {
            self.scan = None;
        }
        if self.seen.signals.evidence.len() > known {
            self.seen.reconsider();
        }
    }
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let frame = ready!(Pin::new(&mut self.incoming).poll_frame(cx));
        match &frame {
            Some(Ok(frame)) => {
                if let (Some(data), Some(open)) = (frame.data_ref(), &mut self.open) {
                    open.take(data);
                }
                if self.incoming.is_end_stream() {
                    self.close(None);
                }
            }
            Some(Err(error)) => {
                let what = format_args!("the response's body broke off: {error}");
                self.close(Some(Failure::new(Blame::Origin, what)));
            }
            None => self.close(None),
        }
        Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

impl Drop for Watched {
    /// A body that was sent to its end but not asked once more has ended in order.
    fn drop(&mut self) {
        if self.incoming.is_end_stream() {
            self.close(None);
        }
    }
}
