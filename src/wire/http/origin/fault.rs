//! Why an origin gave no answer.

use http::Request;
use hyper::client::conn::TrySendError;

use crate::wire::connect::ConnectError;
use crate::wire::http::Outgoing;
use crate::wire::net::DialError;
use crate::wire::tls::VerifyError;

/// Why an origin gave no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OriginFault {
    /// The origin was not reached, or must not be.
    #[error("{0}")]
    Dial(#[from] DialError),
    /// The origin's TLS cannot be trusted or used.
    #[error("{0}")]
    Tls(#[from] VerifyError),
    /// The origin broke the protocol.
    #[error("the origin's HTTP failed: {0}")]
    Http(String),
    /// The connection ended before the response's head.
    #[error("the origin closed the connection before it answered: {0}")]
    Incomplete(String),
    /// No response head came in time.
    #[error("the origin did not answer in time")]
    Silent,
    /// The client's own body broke off.
    #[error("the request's body ended early: {0}")]
    RequestBody(String),
}

impl From<ConnectError> for OriginFault {
    fn from(error: ConnectError) -> Self {
        match error {
            ConnectError::Dial(error) => Self::Dial(error),
            ConnectError::Tls(error) => Self::Tls(error),
        }
    }
}

/// What went wrong, and the request when nothing of it was sent.
pub(super) fn of_sending(
    mut error: TrySendError<Request<Outgoing>>,
) -> (Option<Request<Outgoing>>, OriginFault) {
    match error.take_message() {
        Some(request) => (Some(request), OriginFault::Incomplete("it closes every connection".into())),
        None => (None, by_blame(&error.into_error())),
    }
}

/// hyper's error by whose fault it is.
fn by_blame(error: &hyper::Error) -> OriginFault {
    let cause = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    let text = if cause.is_empty() { error.to_string() } else { format!("{error}: {cause}") };
    if error.is_user() {
        OriginFault::RequestBody(text)
    } else if error.is_parse() {
        OriginFault::Http(text)
    } else {
        OriginFault::Incomplete(text)
    }
}
