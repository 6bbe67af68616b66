//! Bodies on their way through: to the client and to the origin.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::sync::OwnedSemaphorePermit;

/// Bytes of a refused body that are taken in before the answer.
const DRAIN_MAX_BYTES: usize = 1024 * 1024;
/// Time for that.
const DRAIN_MAX: Duration = Duration::from_secs(1);

/// Any failure while a body streams.
pub type BodyError = Box<dyn std::error::Error + Send + Sync>;

/// A body that streams from elsewhere.
pub type Streaming = Pin<Box<dyn HttpBody<Data = Bytes, Error = BodyError> + Send>>;

/// A response's body.
///
/// By hand: with `http_body_util::Either` in its place, the compiler cannot show any more that a connection's future is
/// `Send` (its error has to turn into itself for every lifetime).
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

/// Sees a body go by.
pub trait Observer {
    /// A piece has come and goes on at once.
    fn data(&mut self, bytes: &Bytes);

    /// The body is over; called once. A body that is dropped before its end has none.
    fn end(&mut self, end: BodyEnd<'_>);

    /// A piece that is to go out before the next one of the body; pending when there is none at the moment.
    fn poll_insert(&mut self, _cx: &mut Context<'_>) -> Poll<Bytes> {
        Poll::Pending
    }
}

/// How a body ended.
#[derive(Clone, Copy, Debug)]
pub enum BodyEnd<'a> {
    /// All of it came.
    Whole,
    /// Its sender broke off.
    Broken(&'a hyper::Error),
}

/// A body of hyper's that somebody observes on its way.
#[derive(Debug)]
pub struct Tap<O: Observer> {
    incoming: Incoming,
    observer: O,
    over: bool,
}

impl<O: Observer> Tap<O> {
    /// Observes a body.
    pub fn new(incoming: Incoming, observer: O) -> Self {
        Self { incoming, observer, over: false }
    }

    fn end(&mut self, end: BodyEnd<'_>) {
        if !std::mem::replace(&mut self.over, true) {
            self.observer.end(end);
        }
    }
}

impl<O: Observer + Unpin> HttpBody for Tap<O> {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if let Poll::Ready(piece) = self.observer.poll_insert(cx) {
            return Poll::Ready(Some(Ok(Frame::data(piece))));
        }
        let frame = ready!(Pin::new(&mut self.incoming).poll_frame(cx));
        match &frame {
            Some(Ok(frame)) => {
                if let Some(data) = frame.data_ref() {
                    self.observer.data(data);
                }
                if self.incoming.is_end_stream() {
                    self.end(BodyEnd::Whole);
                }
            }
            Some(Err(error)) => self.end(BodyEnd::Broken(error)),
            None => self.end(BodyEnd::Whole),
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

impl<O: Observer> Drop for Tap<O> {
    /// A body that was taken to its end but not asked once more has ended in order.
    fn drop(&mut self) {
        if self.incoming.is_end_stream() {
            self.end(BodyEnd::Whole);
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
    held: HeldFrames,
    rest: Option<Streaming>,
    /// Frames that the origin's connection took.
    progress: Arc<AtomicU64>,
}

/// The start of a body that waited for a verdict.
#[derive(Default)]
pub struct HeldFrames {
    /// What came, in order.
    pub frames: VecDeque<Bytes>,
    /// What came behind it, when the body has ended.
    pub trailers: Option<HeaderMap>,
    /// What it takes of the budget, until it is sent.
    pub share: Option<OwnedSemaphorePermit>,
}

impl std::fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let held = self.0.as_ref().map_or(0, |parts| parts.held.frames.len());
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
        Self::held(HeldFrames::default(), Some(rest))
    }

    /// What was held, then the rest (absent when the body has ended).
    pub fn held(held: HeldFrames, rest: Option<Streaming>) -> Self {
        Self(Some(Box::new(Parts { held, rest, progress: Arc::default() })))
    }

    /// Takes in what is still coming and throws it away, within `DRAIN_MAX_BYTES` and `DRAIN_MAX`: many clients do not
    /// read an answer while they are still sending, or take the end of their upload for a failure.
    pub async fn drain(mut self) {
        let mut left = DRAIN_MAX_BYTES;
        let all = async {
            while let Some(Ok(frame)) = self.frame().await {
                let bytes = frame.data_ref().map_or(0, Bytes::len);
                match left.checked_sub(bytes) {
                    Some(rest) => left = rest,
                    None => return,
                }
            }
        };
        if tokio::time::timeout(DRAIN_MAX, all).await.is_err() {
            tracing::debug!("a refused body did not come to its end");
        }
    }

    /// Counts the frames that the origin's connection has taken so far; none for an empty body.
    pub fn progress(&self) -> Option<Arc<AtomicU64>> {
        self.0.as_ref().map(|parts| Arc::clone(&parts.progress))
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
        if let Some(bytes) = parts.held.frames.pop_front() {
            parts.progress.fetch_add(1, Ordering::Relaxed);
            return Poll::Ready(Some(Ok(Frame::data(bytes))));
        }
        parts.held.share = None;
        if let Some(rest) = &mut parts.rest {
            let frame = ready!(rest.as_mut().poll_frame(cx));
            parts.progress.fetch_add(1, Ordering::Relaxed);
            return Poll::Ready(frame);
        }
        Poll::Ready(parts.held.trailers.take().map(|trailers| Ok(Frame::trailers(trailers))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.as_ref().is_none_or(|parts| {
            parts.held.frames.is_empty()
                && parts.held.trailers.is_none()
                && parts.rest.as_ref().is_none_or(|rest| rest.is_end_stream())
        })
    }

    fn size_hint(&self) -> SizeHint {
        let Some(parts) = &self.0 else { return SizeHint::with_exact(0) };
        let held: u64 = parts.held.frames.iter().map(|bytes| bytes.len() as u64).sum();
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends pieces for ever, or stays silent.
    struct Endless(bool);

    impl HttpBody for Endless {
        type Data = Bytes;
        type Error = BodyError;

        fn poll_frame(
            self: Pin<&mut Self>,
            _cx: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
            if self.0 {
                Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&[0; 4096])))))
            } else {
                Poll::Pending
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_refused_body_is_taken_in_only_so_far_and_so_long() {
        let started = tokio::time::Instant::now();
        Outgoing::streaming(Box::pin(Body::Full("all of it".into()))).drain().await;
        Outgoing::streaming(Box::pin(Endless(true))).drain().await;
        assert!(started.elapsed().is_zero());
        Outgoing::streaming(Box::pin(Endless(false))).drain().await;
        assert_eq!(started.elapsed(), DRAIN_MAX);
    }
}
