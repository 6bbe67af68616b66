//! Open event streams of the HTTP+SSE transport (2024-11-05), where the answers to a client's posts travel.
//!
//! A refused post is answered on its stream, too: the official Python client reads no other answer and would wait for one
//! until its own timeout, if it has any.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::sync::mpsc::{self, Receiver, Sender};

use super::Gateway;
use super::record::Seen;
use super::watch::Watched;
use crate::answers::{self, Asker};
use crate::detect::inspect::head::stream_session;
use crate::host::Destination;
use crate::wire::http::Body;
use crate::wire::http::body::BodyError;

/// Streams that can be answered on at once.
const STREAMS_MAX: usize = 16_384;
/// Answers that wait until a stream takes them.
const WAITING_MAX: usize = 16;

/// A server, and one of its sessions; the session is as secret as what it opens.
type Address = (Destination, Box<str>);

/// The streams that are open.
#[derive(Debug, Default)]
pub struct Streams {
    open: Mutex<HashMap<Address, Sender<Bytes>>>,
}

impl Streams {
    fn lock(&self) -> MutexGuard<'_, HashMap<Address, Sender<Bytes>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn join(&self, address: Address) -> Option<Receiver<Bytes>> {
        let mut open = self.lock();
        if open.len() >= STREAMS_MAX {
            return None;
        }
        let (sender, receiver) = mpsc::channel(WAITING_MAX);
        open.insert(address, sender);
        Some(receiver)
    }

    /// A later stream of the same session stays.
    fn leave(&self, address: &Address) {
        let mut open = self.lock();
        if open.get(address).is_some_and(Sender::is_closed) {
            open.remove(address);
        }
    }
}

/// Repeats an answer to a post on the stream that its client reads, if there is one.
pub fn repeat(seen: &Seen, asker: &Asker, answer: &[u8]) {
    let Some(session) = stream_session(seen.query()) else { return };
    let Some(events) = answers::events(asker, answer) else { return };
    let address = (seen.tunnel.destination.clone(), session.into());
    if let Some(stream) = seen.gateway().streams.lock().get(&address) {
        // A stream that takes nothing has a client that reads nothing.
        drop(stream.try_send(events));
    }
}

/// The body of a response; one that is a stream of events can be answered on.
pub fn body(headers: &HeaderMap, watched: Watched) -> Body {
    let media = headers.get(CONTENT_TYPE).map(|media| media.as_bytes()).unwrap_or_default();
    let events = media.get(..17).is_some_and(|start| start.eq_ignore_ascii_case(b"text/event-stream"));
    if events && !headers.contains_key(CONTENT_ENCODING) && !headers.contains_key(CONTENT_LENGTH) {
        return Body::Stream(Box::pin(Events { watched, place: Place::Unknown, tail: Vec::new() }));
    }
    Body::Stream(Box::pin(watched))
}

/// A stream of events into which answers are put, between two events.
struct Events {
    watched: Watched,
    place: Place,
    /// The last bytes that passed.
    tail: Vec<u8>,
}

enum Place {
    /// No session has been named so far.
    Unknown,
    /// There are too many streams already.
    Full,
    Joined(Joined),
}

/// A place among the open streams.
struct Joined {
    gateway: Arc<Gateway>,
    address: Address,
    answers: Receiver<Bytes>,
}

impl Drop for Joined {
    fn drop(&mut self) {
        self.answers.close();
        self.gateway.streams.leave(&self.address);
    }
}

impl Events {
    /// Long enough for two line ends.
    const TAIL_BYTES: usize = 4;

    fn pass(&mut self, data: &[u8]) {
        let kept = data.len().min(Self::TAIL_BYTES);
        self.tail.extend_from_slice(data.get(data.len() - kept..).unwrap_or_default());
        let over = self.tail.len().saturating_sub(Self::TAIL_BYTES);
        self.tail.drain(..over);
        if matches!(self.place, Place::Unknown) {
            self.join();
        }
    }

    fn join(&mut self) {
        let Some((tunnel, session)) = self.watched.session() else { return };
        let address: Address = (tunnel.destination.clone(), session.into());
        let gateway = Arc::clone(&tunnel.gateway);
        self.place = match gateway.streams.join(address.clone()) {
            Some(answers) => Place::Joined(Joined { gateway, address, answers }),
            None => {
                gateway.metrics.limit("event_streams");
                Place::Full
            }
        };
    }

    /// True when the last line that passed is empty: an event is over, the next one has not begun.
    fn between_events(&self) -> bool {
        let tail = self.tail.as_slice();
        let line_ends: [&[u8]; 3] = [b"\r\n", b"\n", b"\r"];
        let rest = line_ends.iter().find_map(|end| tail.strip_suffix(*end));
        rest.and_then(<[u8]>::last).is_some_and(|last| matches!(last, b'\r' | b'\n'))
    }

    fn poll_answer(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        match &mut self.place {
            Place::Joined(joined) => joined.answers.poll_recv(cx),
            Place::Unknown | Place::Full => Poll::Pending,
        }
    }
}

impl HttpBody for Events {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if self.between_events()
            && let Poll::Ready(Some(answer)) = self.poll_answer(cx)
        {
            return Poll::Ready(Some(Ok(Frame::data(answer))));
        }
        let frame = ready!(Pin::new(&mut self.watched).poll_frame(cx));
        if let Some(Ok(frame)) = &frame
            && let Some(data) = frame.data_ref()
        {
            self.pass(data);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.watched.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.watched.size_hint()
    }
}
