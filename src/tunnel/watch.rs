//! Watches a response's body in passing and closes the exchange's record when it ends, however it ends.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::body::Incoming;
use uuid::Uuid;

use super::Tunnel;
use super::exchange::reconsider;
use super::record::Seen;
use crate::http::body::BodyError;
use crate::inspect::ResponseScan;
use crate::journal::Receipt;
use crate::telemetry::labels::Direction;

/// The open record of an exchange.
#[derive(Debug)]
pub struct Open {
    /// The tunnel.
    pub tunnel: Arc<Tunnel>,
    /// What was seen.
    pub seen: Seen,
    /// The event's id.
    pub id: Uuid,
    /// Where the event was stored already.
    pub receipt: Option<Receipt>,
    /// Reads the body in passing.
    pub scan: Option<ResponseScan>,
}

impl Open {
    /// Closes the record: completes the stored event, or stores it now if it is wanted.
    pub fn close(mut self, bytes_down: u64) {
        self.late_signals();
        self.seen.count(&self.tunnel);
        let journal = &self.tunnel.gateway.journal;
        if let Some(receipt) = self.receipt {
            journal.complete(receipt, self.seen.ending(bytes_down));
        } else if self.seen.wanted(&self.tunnel.gateway) {
            journal.append(self.seen.event(&self.tunnel, self.id, bytes_down));
        }
    }

    /// What the rest of a long request body showed after it was let go.
    fn late_signals(&mut self) {
        let Some(signals) = self.seen.late.as_ref().and_then(|late| late.signals()) else { return };
        let known = std::mem::replace(&mut self.seen.signals, signals);
        known.seen.into_iter().for_each(|signal| self.seen.signals.note(signal));
        self.seen.signals.server = self.seen.signals.server.take().or(known.server);
        self.seen.signals.session = self.seen.signals.session.take().or(known.session);
        if self.receipt.is_none() {
            reconsider(&self.tunnel, &mut self.seen);
        }
    }

    fn scan(&mut self, data: &[u8]) {
        let Some(scan) = &mut self.scan else { return };
        let before = self.seen.signals.seen.len();
        self.tunnel
            .gateway
            .metrics
            .inspected
            .get_or_create(&Direction { direction: "response" })
            .inc_by(data.len() as u64);
        if !scan.feed(data, &mut self.seen.signals) {
            self.scan = None;
        }
        if self.seen.signals.seen.len() > before && self.receipt.is_none() {
            reconsider(&self.tunnel, &mut self.seen);
        }
    }
}

/// A response body on its way to the client.
pub struct Watched {
    incoming: Incoming,
    bytes: u64,
    open: Option<Box<Open>>,
}

impl Watched {
    /// Watches a body.
    pub fn new(incoming: Incoming, open: Open) -> Self {
        Self { incoming, bytes: 0, open: Some(Box::new(open)) }
    }

    fn close(&mut self, error: Option<String>) {
        let Some(mut open) = self.open.take() else { return };
        if open.seen.error.is_none() {
            open.seen.error = error;
        }
        open.close(self.bytes);
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
                if let Some(data) = frame.data_ref() {
                    self.bytes += data.len() as u64;
                    if let Some(open) = &mut self.open {
                        open.scan(data);
                    }
                }
                if self.incoming.is_end_stream() {
                    self.close(None);
                }
            }
            Some(Err(error)) => {
                let error = format!("origin: the response's body broke off: {error}");
                self.close(Some(error));
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
    fn drop(&mut self) {
        let cut = self.open.as_ref().is_some_and(|open| open.tunnel.gateway.tasks.is_cutting());
        let why = if cut {
            "gateway: it is shutting down"
        } else {
            "client: it went away before the response's end"
        };
        self.close((!self.incoming.is_end_stream()).then(|| why.to_owned()));
    }
}
