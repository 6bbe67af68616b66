//! Open event streams of the HTTP+SSE transport (2024-11-05), where the answers to a client's posts travel.
//!
//! A refused post is answered on its stream, too: the official Python client reads no other answer and would wait for one
//! until its own timeout, if it has any.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use hyper::body::Incoming;
use tokio::sync::mpsc::{self, Receiver, Sender};

use super::download::Download;
use crate::answers::{self, Asker};
use crate::audit::Record;
use crate::detect::inspect::head::stream_session;
use crate::host::Destination;
use crate::wire::http::Body;
use crate::wire::http::body::{BodyEnd, Observer, Tap};

/// Streams that can be answered on at once.
const STREAMS_MAX: usize = 16_384;
/// Answers that wait until a stream takes them.
const WAITING_MAX: usize = 16;

/// A server and one of its sessions. The session id opens what it names, so it is as secret as that.
type Address = (Destination, Box<str>);

/// The streams that are open.
#[derive(Debug, Default)]
pub(crate) struct Streams {
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

    /// Takes an ended stream off the list; a later stream of the same session stays.
    fn leave(&self, address: &Address) {
        let mut open = self.lock();
        if open.get(address).is_some_and(Sender::is_closed) {
            open.remove(address);
        }
    }

    /// Repeats an answer to a post on the stream that its client reads, if there is one.
    pub(super) fn repeat(&self, record: &Record, asker: &Asker, answer: &[u8]) {
        let Some(session) = stream_session(record.query()) else { return };
        let Some(events) = answers::events(asker, answer) else { return };
        let address = (record.connection().destination.clone(), session.into());
        if let Some(stream) = self.lock().get(&address) {
            // When the stream takes nothing more, its client does not read.
            drop(stream.try_send(events));
        }
    }
}

/// The body of a response; one that is a stream of events can be answered on.
pub(super) fn body(
    streams: &Arc<Streams>,
    headers: &HeaderMap,
    incoming: Incoming,
    download: Download,
) -> Body {
    let media = headers.get(CONTENT_TYPE).map(|media| media.as_bytes()).unwrap_or_default();
    let is_stream = media.get(..17).is_some_and(|start| start.eq_ignore_ascii_case(b"text/event-stream"));
    if is_stream && !headers.contains_key(CONTENT_ENCODING) && !headers.contains_key(CONTENT_LENGTH) {
        let seat = Seat::Unknown(Arc::clone(streams));
        let events = EventStream { download, seat, tail: Vec::new() };
        return Body::Stream(Box::pin(Tap::new(incoming, events)));
    }
    Body::Stream(Box::pin(Tap::new(incoming, download)))
}

/// A stream of events into which answers are put, between two events.
struct EventStream {
    download: Download,
    seat: Seat,
    /// The last bytes that passed.
    tail: Vec<u8>,
}

/// Whether a stream is among those that can be answered on.
enum Seat {
    /// No session has been named so far.
    Unknown(Arc<Streams>),
    /// There are too many streams already.
    Full,
    Taken(Taken),
}

/// A seat among the open streams.
struct Taken {
    streams: Arc<Streams>,
    address: Address,
    answers: Receiver<Bytes>,
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.answers.close();
        self.streams.leave(&self.address);
    }
}

impl EventStream {
    /// Long enough for two line ends.
    const TAIL_BYTES: usize = 4;

    fn remember_tail(&mut self, data: &[u8]) {
        let kept = data.len().min(Self::TAIL_BYTES);
        self.tail.extend_from_slice(data.get(data.len() - kept..).unwrap_or_default());
        let surplus = self.tail.len().saturating_sub(Self::TAIL_BYTES);
        self.tail.drain(..surplus);
    }

    fn take_seat(&mut self) {
        let Seat::Unknown(streams) = &self.seat else { return };
        let Some((record, session)) = self.download.stream_session() else { return };
        let address: Address = (record.connection().destination.clone(), session.into());
        self.seat = match streams.join(address.clone()) {
            Some(answers) => Seat::Taken(Taken { streams: Arc::clone(streams), address, answers }),
            None => {
                record.reached("event_streams");
                Seat::Full
            }
        };
    }

    /// True when the last line that passed is empty: an event is over, the next one has not begun.
    fn is_between_events(&self) -> bool {
        let tail = self.tail.as_slice();
        let line_ends: [&[u8]; 3] = [b"\r\n", b"\n", b"\r"];
        let rest = line_ends.iter().find_map(|end| tail.strip_suffix(*end));
        rest.and_then(<[u8]>::last).is_some_and(|last| matches!(last, b'\r' | b'\n'))
    }
}

impl Observer for EventStream {
    fn data(&mut self, bytes: &Bytes) {
        self.download.data(bytes);
        self.remember_tail(bytes);
        self.take_seat();
    }

    fn end(&mut self, end: BodyEnd<'_>) {
        self.download.end(end);
    }

    fn poll_insert(&mut self, cx: &mut Context<'_>) -> Poll<Bytes> {
        if !self.is_between_events() {
            return Poll::Pending;
        }
        let Seat::Taken(taken) = &mut self.seat else { return Poll::Pending };
        match taken.answers.poll_recv(cx) {
            Poll::Ready(Some(answer)) => Poll::Ready(answer),
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }
}
