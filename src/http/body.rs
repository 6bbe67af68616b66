//! Bodies on their way through: to the client and to the origin.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body as HttpBody, Frame, SizeHint};

/// Any failure while a body streams.
pub type BodyError = Box<dyn std::error::Error + Send + Sync>;

/// A body that streams from elsewhere.
pub type Streaming = Pin<Box<dyn HttpBody<Data = Bytes, Error = BodyError> + Send>>;

/// A response's body.
pub enum Body {
    /// Nothing.
    Empty,
    /// An answer of our own.
    Full(Bytes),
    /// What the origin sends, as it comes.
    Stream(Streaming),
}

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Empty => "Empty",
            Self::Full(_) => "Full",
            Self::Stream(_) => "Stream",
        })
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        if bytes.is_empty() { Self::Empty } else { Self::Full(bytes) }
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match &mut *self {
            Self::Empty => Poll::Ready(None),
            Self::Full(bytes) => {
                let bytes = std::mem::take(bytes);
                *self = Self::Empty;
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            Self::Stream(stream) => stream.as_mut().poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Full(_) => false,
            Self::Stream(stream) => stream.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Stream(stream) => stream.size_hint(),
        }
    }
}

/// A request's body: what was held for a verdict, then whatever is still to come.
///
/// One pointer wide: hyper keeps room for 32 requests in the queue of every connection to an origin.
#[derive(Default)]
pub struct Outgoing(Option<Box<Parts>>);

#[derive(Default)]
struct Parts {
    held: VecDeque<Bytes>,
    rest: Option<Streaming>,
    trailers: Option<HeaderMap>,
}

impl std::fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let held = self.0.as_ref().map_or(0, |parts| parts.held.len());
        let rest = self.0.as_ref().is_some_and(|parts| parts.rest.is_some());
        f.debug_struct("Outgoing").field("held", &held).field("rest", &rest).finish()
    }
}

impl Outgoing {
    /// No body.
    pub fn empty() -> Self {
        Self::default()
    }

    /// A body that nobody held.
    pub fn streaming(rest: Streaming) -> Self {
        Self::held(VecDeque::new(), Some(rest), None)
    }

    /// What was held, then the rest (absent when the body has ended), then trailers.
    pub fn held(held: VecDeque<Bytes>, rest: Option<Streaming>, trailers: Option<HeaderMap>) -> Self {
        Self(Some(Box::new(Parts { held, rest, trailers })))
    }
}

impl HttpBody for Outgoing {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let Some(parts) = &mut self.0 else { return Poll::Ready(None) };
        if let Some(bytes) = parts.held.pop_front() {
            return Poll::Ready(Some(Ok(Frame::data(bytes))));
        }
        if let Some(rest) = &mut parts.rest {
            return rest.as_mut().poll_frame(cx);
        }
        Poll::Ready(parts.trailers.take().map(|trailers| Ok(Frame::trailers(trailers))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.as_ref().is_none_or(|parts| {
            parts.held.is_empty()
                && parts.trailers.is_none()
                && parts.rest.as_ref().is_none_or(|rest| rest.is_end_stream())
        })
    }

    fn size_hint(&self) -> SizeHint {
        let Some(parts) = &self.0 else { return SizeHint::with_exact(0) };
        let held: u64 = parts.held.iter().map(|bytes| bytes.len() as u64).sum();
        let Some(rest) = &parts.rest else { return SizeHint::with_exact(held) };
        let rest = rest.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(held.saturating_add(rest.lower()));
        if let Some(upper) = rest.upper().and_then(|upper| upper.checked_add(held)) {
            hint.set_upper(upper);
        }
        hint
    }
}
