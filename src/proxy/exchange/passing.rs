//! The part of a request's body that streams by after the verdict: counted, and read when there is memory for that.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_ENCODING;
use hyper::body::Incoming;

use crate::audit::record::Passing;
use crate::budget::{HoldBudget, Share};
use crate::detect::inspect::{BodyVerdict, RequestBody, Signals};
use crate::wire::http::Outgoing;
use crate::wire::http::body::{BodyEnd, Observer, Tap};

/// Largest window of a zstd decoder. (gzip needs 32 KiB; brotli up to 16 MiB, but only for bodies as large as that.)
const WINDOW_BYTES: usize = 8 * 1024 * 1024;

/// A reader with the memory that its decoders may need.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) reader: RequestBody,
    _windows: Share,
}

impl Reading {
    /// Prepares to read a body. None when the budget does not have the memory for one more.
    pub(super) fn start(headers: &HeaderMap, budget: &HoldBudget) -> Option<Self> {
        let mut windows = budget.share();
        let encodings = headers.get_all(CONTENT_ENCODING).iter();
        let layers: usize = encodings.map(|value| value.as_bytes().split(|b| *b == b',').count()).sum();
        let is_enough = layers == 0 || windows.take(layers.saturating_mul(WINDOW_BYTES));
        is_enough.then(|| Self { reader: RequestBody::new(headers), _windows: windows })
    }
}

/// What is learned and counted while a body streams by; shared by the body and the exchange's record.
#[derive(Debug)]
pub(super) struct Rest(Mutex<State>);

#[derive(Debug)]
struct State {
    bytes: u64,
    signals: Signals,
    progress: Progress,
}

/// How far the body was read.
#[derive(Debug)]
enum Progress {
    /// It is still read.
    Reading(Box<Reading>),
    /// Nothing more can be learned of it.
    Read,
    /// There was no memory to read it.
    Unread,
}

impl State {
    /// Moves the reading on by one step; what was read before a reader fails counts.
    fn read(&mut self, step: impl FnOnce(&mut RequestBody, &mut Signals) -> BodyVerdict) {
        let Progress::Reading(reading) = &mut self.progress else { return };
        match step(&mut reading.reader, &mut self.signals) {
            BodyVerdict::Undecided => return,
            BodyVerdict::Settled => {}
            BodyVerdict::Uninspectable(_) => reading.reader.so_far(&mut self.signals),
        }
        self.progress = Progress::Read;
    }

    /// Ends the reading; what was read so far counts.
    fn stop(&mut self) {
        if let Progress::Reading(reading) = &mut self.progress {
            reading.reader.so_far(&mut self.signals);
            self.progress = Progress::Read;
        }
    }
}

impl Rest {
    /// Goes on with a reading, or only counts.
    pub(super) fn new(reading: Option<Reading>, signals: Signals) -> Arc<Self> {
        let progress = reading.map_or(Progress::Unread, |reading| Progress::Reading(Box::new(reading)));
        Arc::new(Self(Mutex::new(State { bytes: 0, signals, progress })))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Passing for Rest {
    fn bytes(&self) -> u64 {
        self.lock().bytes
    }

    fn signals(&self) -> Option<Signals> {
        let state = self.lock();
        matches!(state.progress, Progress::Read).then(|| state.signals.clone())
    }
}

/// The body's end of a [`Rest`].
pub(super) struct RestReader(pub(super) Arc<Rest>);

impl Observer for RestReader {
    fn data(&mut self, bytes: &Bytes) {
        let mut state = self.0.lock();
        state.bytes += bytes.len() as u64;
        state.read(|reader, signals| reader.feed(bytes, signals));
    }

    fn end(&mut self, end: BodyEnd<'_>) {
        let mut state = self.0.lock();
        match end {
            BodyEnd::Broken(_) => state.stop(),
            BodyEnd::Whole => {
                state.read(RequestBody::finish);
                state.stop();
            }
        }
    }
}

/// A body that nobody holds, and what the record learns of it.
pub(super) fn stream(
    incoming: Incoming,
    headers: &HeaderMap,
    signals: &Signals,
    budget: &HoldBudget,
) -> (Outgoing, Arc<Rest>) {
    let stream = Rest::new(Reading::start(headers, budget), signals.clone());
    (Outgoing::streaming(Box::pin(Tap::new(incoming, RestReader(Arc::clone(&stream))))), stream)
}
