//! The half of a connection to an origin that takes requests.

use std::time::{Duration, Instant};

use http::{Request, Response, Version};
use hyper::body::Incoming;
use hyper::client::conn::{TrySendError, http1, http2};
use tokio_util::either::Either;

use super::form;
use crate::wire::http::Outgoing;

/// No origin closes a connection that was idle for less than this.
pub(super) const IDLE_MIN: Duration = Duration::from_millis(500);

/// A connection that takes one request at a time, or many at once.
#[derive(Debug)]
pub(super) enum Sender {
    Http1(Exclusive),
    Http2(http2::SendRequest<Outgoing>),
}

/// A connection of HTTP/1.1.
#[derive(Debug)]
pub(super) struct Exclusive {
    pub(super) requests: http1::SendRequest<Outgoing>,
    /// When the latest request was sent that it answered.
    pub(super) used: Option<Instant>,
}

impl From<http1::SendRequest<Outgoing>> for Sender {
    fn from(requests: http1::SendRequest<Outgoing>) -> Self {
        Self::Http1(Exclusive { requests, used: None })
    }
}

impl Sender {
    pub(super) fn is_closed(&self) -> bool {
        match self {
            Self::Http1(sender) => sender.requests.is_closed(),
            Self::Http2(sender) => sender.is_closed(),
        }
    }

    /// True when the origin may be closing the connection just now: with HTTP/2 at any time (RFC 9113, section 6.8),
    /// with HTTP/1.1 after it was idle.
    pub(super) fn may_be_closing(&self, now: Instant) -> bool {
        match self {
            Self::Http1(sender) => sender.used.is_some_and(|used| now.duration_since(used) > IDLE_MIN),
            Self::Http2(_) => true,
        }
    }

    /// True when the next request can be sent at once.
    pub(super) fn is_ready(&self) -> bool {
        match self {
            Self::Http1(sender) => sender.requests.is_ready(),
            Self::Http2(_) => true,
        }
    }

    /// Waits until the body of the previous response has ended. A connection that broke meanwhile fails when the
    /// request is sent.
    pub(super) async fn ready(&mut self) {
        if let Self::Http1(sender) = self
            && let Err(error) = sender.requests.ready().await
        {
            tracing::debug!(%error, "a connection to an origin ended between two requests");
        }
    }

    /// Sends a request in the form of this connection. Not an async function: its future would hold the request twice.
    pub(super) fn send(
        &mut self,
        mut request: Request<Outgoing>,
    ) -> impl Future<Output = Result<Response<Incoming>, TrySendError<Request<Outgoing>>>> + use<> {
        match self {
            Self::Http1(sender) => {
                form::as_http1(&mut request);
                Either::Left(sender.requests.try_send_request(request))
            }
            Self::Http2(sender) => {
                *request.version_mut() = Version::HTTP_2;
                Either::Right(sender.try_send_request(request))
            }
        }
    }
}
