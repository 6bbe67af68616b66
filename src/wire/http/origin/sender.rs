//! The half of a connection to an origin that takes requests.

use http::{Request, Response, Version};
use hyper::body::Incoming;
use hyper::client::conn::{TrySendError, http1, http2};
use tokio_util::either::Either;

use super::form;
use crate::wire::http::Outgoing;

/// Takes one request at a time, or many at once.
#[derive(Debug)]
pub(super) enum Sender {
    Http1(http1::SendRequest<Outgoing>),
    Http2(http2::SendRequest<Outgoing>),
}

impl Sender {
    pub(super) fn is_closed(&self) -> bool {
        match self {
            Self::Http1(sender) => sender.is_closed(),
            Self::Http2(sender) => sender.is_closed(),
        }
    }

    /// True when the next request can be sent at once.
    pub(super) fn is_ready(&self) -> bool {
        match self {
            Self::Http1(sender) => sender.is_ready(),
            Self::Http2(_) => true,
        }
    }

    /// Waits until the response before is over; what then is wrong, sending tells.
    pub(super) async fn ready(&mut self) {
        if let Self::Http1(sender) = self
            && let Err(error) = sender.ready().await
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
                Either::Left(sender.try_send_request(request))
            }
            Self::Http2(sender) => {
                *request.version_mut() = Version::HTTP_2;
                Either::Right(sender.try_send_request(request))
            }
        }
    }
}
