//! Holds a request's body while a rule could still need it: bounded in bytes and time, then lets it go.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;

use super::gateway::Limits;
use crate::http::Outgoing;
use crate::http::body::BodyError;
use crate::inspect::obstacle::{HOLD_BYTES, HOLD_TIME};
use crate::inspect::{BodyVerdict, Obstacle, RequestBody, Signals};
use crate::rules::{Evaluation, RuleSet};

/// How holding ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Everything that rules could need was seen.
    Inspected,
    /// It cannot be inspected (to the end), because of this.
    Uninspectable(&'static Obstacle),
    /// The client broke off.
    Broken,
}

/// A held body.
#[derive(Debug)]
pub struct Held {
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
    reader: Option<RequestBody>,
    signals: Signals,
    settled: bool,
}

impl Late {
    /// Body bytes that streamed by so far.
    pub fn bytes(&self) -> u64 {
        self.lock().bytes
    }

    /// All signals, with what the streamed part added; none when it could not be read.
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
        let Some(mut reader) = state.reader.take() else { return };
        match reader.feed(bytes, &mut state.signals) {
            BodyVerdict::Undecided => state.reader = Some(reader),
            BodyVerdict::Settled => state.settled = true,
            BodyVerdict::Uninspectable(_) => {}
        }
    }

    fn end(&self) {
        let mut state = self.lock();
        if let Some(mut reader) = state.reader.take() {
            state.settled = reader.finish(&mut state.signals) == BodyVerdict::Settled;
        }
    }
}

/// What reads a body while it is held.
pub struct Readers<'a> {
    /// The rules in force.
    pub rules: &'a RuleSet,
    /// Their state.
    pub evaluation: &'a mut Evaluation,
    /// What was seen so far.
    pub signals: &'a mut Signals,
}

/// Holds until nothing more can change a rule's mind, or a limit is reached.
pub async fn hold(
    mut incoming: Incoming,
    headers: &HeaderMap,
    limits: &Limits,
    readers: Readers<'_>,
) -> Held {
    let Readers { rules, evaluation, signals } = readers;
    let mut holding = Holding::new(headers, limits);
    let deadline = tokio::time::Instant::now() + limits.hold;
    let outcome = loop {
        if let Some(outcome) = holding.over(limits, rules, evaluation) {
            break outcome;
        }
        let frame = match tokio::time::timeout_at(deadline, incoming.frame()).await {
            Err(_elapsed) => break Outcome::Uninspectable(&HOLD_TIME),
            Ok(Some(Err(_broken))) => break Outcome::Broken,
            Ok(Some(Ok(frame))) => frame,
            Ok(None) => {
                holding.ended = true;
                break holding.finish(rules, evaluation, signals);
            }
        };
        match frame.into_data() {
            Ok(data) => holding.take(data, rules, evaluation, signals),
            Err(frame) => holding.trailers = frame.into_trailers().ok(),
        }
    };
    holding.release(incoming, outcome, signals)
}

struct Holding {
    frames: VecDeque<Bytes>,
    bytes: usize,
    payload: Vec<u8>,
    payload_max: usize,
    reader: RequestBody,
    verdict: BodyVerdict,
    trailers: Option<HeaderMap>,
    ended: bool,
}

impl Holding {
    fn new(headers: &HeaderMap, limits: &Limits) -> Self {
        Self {
            frames: VecDeque::new(),
            bytes: 0,
            payload: Vec::new(),
            payload_max: limits.payload_bytes,
            reader: RequestBody::new(headers),
            verdict: BodyVerdict::Undecided,
            trailers: None,
            ended: false,
        }
    }

    fn over(&self, limits: &Limits, rules: &RuleSet, evaluation: &Evaluation) -> Option<Outcome> {
        match self.verdict {
            BodyVerdict::Uninspectable(why) => return Some(Outcome::Uninspectable(why)),
            BodyVerdict::Settled if !rules.wants(evaluation).body => return Some(Outcome::Inspected),
            BodyVerdict::Settled | BodyVerdict::Undecided => {}
        }
        (self.bytes >= limits.hold_bytes).then_some(Outcome::Uninspectable(&HOLD_BYTES))
    }

    fn take(&mut self, data: Bytes, rules: &RuleSet, evaluation: &mut Evaluation, signals: &mut Signals) {
        self.bytes += data.len();
        let (payload, payload_max) = (&mut self.payload, self.payload_max);
        let verdict = self.reader.feed_with(&data, signals, &mut |decoded| {
            keep(payload, payload_max, decoded);
            rules.body(evaluation, decoded, false);
        });
        if self.verdict == BodyVerdict::Undecided {
            self.verdict = verdict;
        }
        self.frames.push_back(data);
    }

    fn finish(&mut self, rules: &RuleSet, evaluation: &mut Evaluation, signals: &mut Signals) -> Outcome {
        let (payload, payload_max) = (&mut self.payload, self.payload_max);
        let verdict = self.reader.finish_with(signals, &mut |decoded| {
            keep(payload, payload_max, decoded);
            rules.body(evaluation, decoded, false);
        });
        rules.body(evaluation, &[], true);
        match verdict {
            BodyVerdict::Uninspectable(why) if self.verdict != BodyVerdict::Settled => {
                Outcome::Uninspectable(why)
            }
            _ => Outcome::Inspected,
        }
    }

    fn release(self, incoming: Incoming, outcome: Outcome, signals: &Signals) -> Held {
        let bytes = self.bytes as u64;
        if self.ended {
            let body = Outgoing::held(self.frames, None, self.trailers);
            return Held { body, outcome, bytes, payload: self.payload, rest: None };
        }
        let reader = matches!(self.verdict, BodyVerdict::Undecided).then_some(self.reader);
        let state = LateState { bytes: 0, reader, signals: signals.clone(), settled: false };
        let late = Arc::new(Late { state: Mutex::new(state) });
        let rest = Box::pin(Counted { incoming, late: Arc::clone(&late) });
        let body = Outgoing::held(self.frames, Some(rest), None);
        Held { body, outcome, bytes, payload: self.payload, rest: Some(late) }
    }
}

fn keep(payload: &mut Vec<u8>, max: usize, decoded: &[u8]) {
    let room = max.saturating_sub(payload.len()).min(decoded.len());
    payload.extend_from_slice(decoded.get(..room).unwrap_or_default());
}

/// A body that nobody holds: counted and read as it streams.
pub fn stream(incoming: Incoming, headers: &HeaderMap, signals: &Signals) -> (Outgoing, Arc<Late>) {
    let reader = Some(RequestBody::new(headers));
    let state = LateState { reader, signals: signals.clone(), ..LateState::default() };
    let late = Arc::new(Late { state: Mutex::new(state) });
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
            Some(Err(_)) => {}
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
