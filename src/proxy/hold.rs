//! Holds a request's body while a rule could still need it: bounded in bytes and time, then lets it go.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_ENCODING;
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;

use super::gateway::{Gateway, Limits};
use crate::budget::{HoldBudget, Share};
use crate::detect::inspect::obstacle::{HOLD_BYTES, HOLD_TIME, HOLD_TOTAL};
use crate::detect::inspect::{BodyVerdict, Obstacle, RequestBody, Signals};
use crate::detect::rules::Evaluation;
use crate::wire::http::Outgoing;
use crate::wire::http::body::{BodyError, Held};

/// How holding ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Everything that rules could need was seen.
    Inspected,
    /// It cannot be inspected (to the end), because of this.
    Uninspectable(&'static Obstacle),
    /// The client broke off.
    Broken(String),
}

/// A held body.
#[derive(Debug)]
pub struct HeldBody {
    /// What to send on.
    pub body: Outgoing,
    /// How holding ended.
    pub outcome: Outcome,
    /// Bytes held.
    pub bytes: u64,
    /// Decoded bytes for the payload of an event, capped.
    pub payload: Vec<u8>,
    /// Counts what streams after the hold; absent when the body has ended.
    pub rest: Option<Arc<Late>>,
}

/// What is learned and counted while the rest of a body streams by.
#[derive(Debug, Default)]
pub struct Late {
    state: Mutex<LateState>,
}

#[derive(Debug, Default)]
struct LateState {
    bytes: u64,
    reading: Option<Reading>,
    signals: Signals,
    settled: bool,
}

impl LateState {
    /// Nothing more can be read; what was read so far counts.
    fn cut(&mut self, mut reading: Reading) {
        reading.reader.so_far(&mut self.signals);
        self.settled = true;
    }
}

/// A reader with the memory that its decoders may need.
#[derive(Debug)]
struct Reading {
    reader: RequestBody,
    _windows: Share,
}

/// Largest window of a decoder (zstd and gzip; brotli's is twice that, but only for bodies that are as large).
const WINDOW_BYTES: usize = 8 * 1024 * 1024;

impl Reading {
    /// None when the budget does not have the memory for one more.
    fn start(headers: &HeaderMap, budget: &HoldBudget) -> Option<Self> {
        let mut windows = budget.share();
        let encodings = headers.get_all(CONTENT_ENCODING).iter();
        let layers: usize = encodings.map(|value| value.as_bytes().split(|b| *b == b',').count()).sum();
        let enough = layers == 0 || windows.take(layers.saturating_mul(WINDOW_BYTES));
        enough.then(|| Self { reader: RequestBody::new(headers), _windows: windows })
    }
}

impl Late {
    fn new(reading: Option<Reading>, signals: Signals) -> Arc<Self> {
        let state = LateState { reading, signals, ..LateState::default() };
        Arc::new(Self { state: Mutex::new(state) })
    }

    /// Body bytes that streamed by so far.
    pub fn bytes(&self) -> u64 {
        self.lock().bytes
    }

    /// All signals, with what the streamed part added; none while it is still read.
    pub fn signals(&self) -> Option<Signals> {
        let state = self.lock();
        state.settled.then(|| state.signals.clone())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, LateState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn see(&self, bytes: &[u8]) {
        let mut state = self.lock();
        state.bytes += bytes.len() as u64;
        let Some(mut reading) = state.reading.take() else { return };
        match reading.reader.feed(bytes, &mut state.signals) {
            BodyVerdict::Undecided => state.reading = Some(reading),
            BodyVerdict::Settled => state.settled = true,
            BodyVerdict::Uninspectable(_) => state.cut(reading),
        }
    }

    fn end(&self) {
        let mut state = self.lock();
        let Some(mut reading) = state.reading.take() else { return };
        match reading.reader.finish(&mut state.signals) {
            BodyVerdict::Uninspectable(_) => state.cut(reading),
            BodyVerdict::Undecided | BodyVerdict::Settled => state.settled = true,
        }
    }

    fn broke_off(&self) {
        let mut state = self.lock();
        if let Some(reading) = state.reading.take() {
            state.cut(reading);
        }
    }
}

/// What reads a body while it is held.
pub struct Readers<'a> {
    /// What the rules know so far.
    pub evaluation: &'a mut Evaluation,
    /// What was seen so far.
    pub signals: &'a mut Signals,
    /// True when a rule could ask for the payload.
    pub payload: bool,
}

/// Holds until nothing more can change a rule's mind, or a limit is reached.
pub async fn hold(
    mut incoming: Incoming,
    headers: &HeaderMap,
    gateway: &Gateway,
    readers: Readers<'_>,
) -> HeldBody {
    let Readers { evaluation, signals, payload } = readers;
    let limits = &gateway.limits;
    let Some(reading) = Reading::start(headers, &gateway.held) else {
        evaluation.stop(signals);
        let late = Late::new(None, signals.clone());
        let rest = Some(Arc::clone(&late));
        let body = Outgoing::streaming(Box::pin(Counted { incoming, late }));
        let outcome = Outcome::Uninspectable(&HOLD_TOTAL);
        return HeldBody { body, outcome, bytes: 0, payload: Vec::new(), rest };
    };
    let mut holding = Holding::new(reading, gateway, payload);
    let deadline = tokio::time::Instant::now() + limits.hold;
    let outcome = loop {
        if let Some(outcome) = holding.over(limits, evaluation) {
            break outcome;
        }
        let frame = match tokio::time::timeout_at(deadline, incoming.frame()).await {
            Err(_elapsed) => break Outcome::Uninspectable(&HOLD_TIME),
            Ok(Some(Err(broken))) => break Outcome::Broken(broken.to_string()),
            Ok(Some(Ok(frame))) => frame,
            Ok(None) => break holding.finish(evaluation, signals),
        };
        match frame.into_data() {
            Ok(data) => holding.take(data, evaluation, signals),
            Err(frame) => holding.trailers = frame.into_trailers().ok(),
        }
        if incoming.is_end_stream() {
            break holding.finish(evaluation, signals);
        }
    };
    holding.release(incoming, outcome, evaluation, signals)
}

struct Holding {
    frames: VecDeque<Bytes>,
    bytes: usize,
    share: Share,
    payload: Vec<u8>,
    payload_max: usize,
    reading: Reading,
    verdict: BodyVerdict,
    trailers: Option<HeaderMap>,
    ended: bool,
}

impl Holding {
    fn new(reading: Reading, gateway: &Gateway, payload: bool) -> Self {
        Self {
            frames: VecDeque::new(),
            bytes: 0,
            share: gateway.held.share(),
            payload: Vec::new(),
            payload_max: if payload { gateway.limits.payload_bytes } else { 0 },
            reading,
            verdict: BodyVerdict::Undecided,
            trailers: None,
            ended: false,
        }
    }

    fn over(&self, limits: &Limits, evaluation: &Evaluation) -> Option<Outcome> {
        match self.verdict {
            BodyVerdict::Uninspectable(why) => return Some(Outcome::Uninspectable(why)),
            BodyVerdict::Settled if !evaluation.wants_body() => {
                return Some(Outcome::Inspected);
            }
            BodyVerdict::Settled | BodyVerdict::Undecided => {}
        }
        (self.bytes >= limits.hold_bytes).then_some(Outcome::Uninspectable(&HOLD_BYTES))
    }

    fn take(&mut self, data: Bytes, evaluation: &mut Evaluation, signals: &mut Signals) {
        self.bytes += data.len();
        if !self.share.take(data.len()) {
            self.verdict = BodyVerdict::Uninspectable(&HOLD_TOTAL);
        }
        let (payload, payload_max) = (&mut self.payload, self.payload_max);
        let verdict = self.reading.reader.feed_with(&data, signals, &mut |decoded| {
            keep(payload, payload_max, decoded);
            evaluation.chunk(decoded);
        });
        if self.verdict == BodyVerdict::Undecided {
            self.verdict = verdict;
        }
        self.frames.push_back(data);
    }

    /// The body has ended.
    fn finish(&mut self, evaluation: &mut Evaluation, signals: &mut Signals) -> Outcome {
        self.ended = true;
        if let BodyVerdict::Uninspectable(why) = self.verdict {
            self.reading.reader.so_far(signals);
            evaluation.stop(signals);
            return Outcome::Uninspectable(why);
        }
        let (payload, payload_max) = (&mut self.payload, self.payload_max);
        let verdict = self.reading.reader.finish_with(signals, &mut |decoded| {
            keep(payload, payload_max, decoded);
            evaluation.chunk(decoded);
        });
        evaluation.end(signals);
        match verdict {
            BodyVerdict::Uninspectable(why) if self.verdict != BodyVerdict::Settled => {
                Outcome::Uninspectable(why)
            }
            _ => Outcome::Inspected,
        }
    }

    fn release(
        mut self,
        incoming: Incoming,
        outcome: Outcome,
        evaluation: &mut Evaluation,
        signals: &mut Signals,
    ) -> HeldBody {
        let (bytes, payload) = (self.bytes as u64, self.payload);
        let held = Held { frames: self.frames, trailers: self.trailers, share: self.share.into_permit() };
        if self.ended {
            return HeldBody { body: Outgoing::held(held, None), outcome, bytes, payload, rest: None };
        }
        self.reading.reader.so_far(signals);
        evaluation.stop(signals);
        let reading = matches!(self.verdict, BodyVerdict::Undecided).then_some(self.reading);
        let late = Late::new(reading, signals.clone());
        let rest = Box::pin(Counted { incoming, late: Arc::clone(&late) });
        HeldBody { body: Outgoing::held(held, Some(rest)), outcome, bytes, payload, rest: Some(late) }
    }
}

fn keep(payload: &mut Vec<u8>, max: usize, decoded: &[u8]) {
    let room = max.saturating_sub(payload.len()).min(decoded.len());
    payload.extend_from_slice(decoded.get(..room).unwrap_or_default());
}

/// A body that nobody holds: counted as it streams, and read when there is memory for that.
pub fn stream(
    incoming: Incoming,
    headers: &HeaderMap,
    signals: &Signals,
    budget: &HoldBudget,
) -> (Outgoing, Arc<Late>) {
    let late = Late::new(Reading::start(headers, budget), signals.clone());
    (Outgoing::streaming(Box::pin(Counted { incoming, late: Arc::clone(&late) })), late)
}

/// Time since holding began, for the event.
pub fn held_us(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX)
}

struct Counted {
    incoming: Incoming,
    late: Arc<Late>,
}

impl HttpBody for Counted {
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
                    self.late.see(data);
                }
            }
            Some(Err(_)) => self.late.broke_off(),
            None => self.late.end(),
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
