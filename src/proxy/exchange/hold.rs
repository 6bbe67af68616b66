//! Holds a request's body while a rule could still need it: bounded in bytes and time, then lets it go.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use http::HeaderMap;
use http_body::Body as _;
use http_body_util::BodyExt;
use hyper::body::Incoming;

use super::parts::{Exchanges, HoldLimits};
use super::passing::{Reading, Rest, RestReader};
use crate::budget::Share;
use crate::detect::inspect::obstacle::{HOLD_BYTES, HOLD_TIME, HOLD_TOTAL};
use crate::detect::inspect::{BodyVerdict, Obstacle};
use crate::ruling::Judgement;
use crate::wire::http::Outgoing;
use crate::wire::http::body::{HeldFrames, Tap};

/// How holding ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum HoldEnd {
    /// Everything that rules could need was seen.
    Inspected,
    /// It cannot be inspected (to its end), because of this.
    Uninspectable(&'static Obstacle),
    /// The client broke off, in the words of the HTTP parser.
    Broken(String),
}

/// A body that was held.
#[derive(Debug)]
pub(super) struct HeldBody {
    /// What to send on.
    pub(super) body: Outgoing,
    pub(super) end: HoldEnd,
    /// Bytes that were held.
    pub(super) bytes: u64,
    /// The start of the body, decoded, for the payload of a row.
    pub(super) payload: Vec<u8>,
    /// What is learned of the rest; absent when the body has ended.
    pub(super) passing: Option<Arc<dyn crate::audit::record::Passing>>,
}

/// A body that is being held.
pub(super) struct Holding {
    limits: HoldLimits,
    share: Share,
    frames: VecDeque<Bytes>,
    bytes: usize,
    trailers: Option<HeaderMap>,
    payload: Payload,
    /// Absent when there was no memory to read the body.
    reading: Option<Reading>,
    verdict: BodyVerdict,
    has_ended: bool,
}

/// The start of a body, decoded.
struct Payload {
    kept: Vec<u8>,
    max_bytes: usize,
}

impl Payload {
    fn keep(&mut self, decoded: &[u8]) {
        let room = self.max_bytes.saturating_sub(self.kept.len()).min(decoded.len());
        self.kept.extend_from_slice(decoded.get(..room).unwrap_or_default());
    }
}

impl Holding {
    /// Prepares to hold a body, and to keep the first `payload_max_bytes` of its decoded text for the payload of a row.
    pub(super) fn new(exchanges: &Exchanges, headers: &HeaderMap, payload_max_bytes: usize) -> Self {
        let reading = Reading::start(headers, &exchanges.held);
        let verdict = match reading {
            Some(_) => BodyVerdict::Undecided,
            None => BodyVerdict::Uninspectable(&HOLD_TOTAL),
        };
        Self {
            limits: exchanges.hold,
            share: exchanges.held.share(),
            frames: VecDeque::new(),
            bytes: 0,
            trailers: None,
            payload: Payload { kept: Vec::new(), max_bytes: payload_max_bytes },
            reading,
            verdict,
            has_ended: false,
        }
    }

    /// Holds until nothing more can change a rule's mind, or a limit is reached.
    pub(super) async fn hold(mut self, mut incoming: Incoming, judgement: &mut Judgement) -> HeldBody {
        let deadline = tokio::time::Instant::now() + self.limits.time;
        let end = loop {
            if let Some(end) = self.is_over(judgement) {
                break end;
            }
            let frame = match tokio::time::timeout_at(deadline, incoming.frame()).await {
                Err(_elapsed) => break HoldEnd::Uninspectable(&HOLD_TIME),
                Ok(Some(Err(broken))) => break HoldEnd::Broken(broken.to_string()),
                Ok(Some(Ok(frame))) => frame,
                Ok(None) => break self.finish(judgement),
            };
            match frame.into_data() {
                Ok(data) => self.take(data, judgement),
                Err(frame) => self.trailers = frame.into_trailers().ok(),
            }
            if incoming.is_end_stream() {
                break self.finish(judgement);
            }
        };
        self.release(incoming, end, judgement)
    }

    fn is_over(&self, judgement: &Judgement) -> Option<HoldEnd> {
        match self.verdict {
            BodyVerdict::Uninspectable(obstacle) => return Some(HoldEnd::Uninspectable(obstacle)),
            BodyVerdict::Settled if !judgement.wants_raw_body() => return Some(HoldEnd::Inspected),
            BodyVerdict::Settled | BodyVerdict::Undecided => {}
        }
        (self.bytes >= self.limits.bytes).then_some(HoldEnd::Uninspectable(&HOLD_BYTES))
    }

    fn take(&mut self, data: Bytes, judgement: &mut Judgement) {
        self.bytes += data.len();
        if !self.share.take(data.len()) {
            self.verdict = BodyVerdict::Uninspectable(&HOLD_TOTAL);
        }
        if let Some(reading) = &mut self.reading {
            let payload = &mut self.payload;
            let verdict =
                judgement.read_body(&mut reading.reader, &data, &mut |decoded| payload.keep(decoded));
            if self.verdict == BodyVerdict::Undecided {
                self.verdict = verdict;
            }
        }
        self.frames.push_back(data);
    }

    /// The body has ended.
    fn finish(&mut self, judgement: &mut Judgement) -> HoldEnd {
        self.has_ended = true;
        let Some(reading) = &mut self.reading else { return HoldEnd::Uninspectable(&HOLD_TOTAL) };
        if let BodyVerdict::Uninspectable(obstacle) = self.verdict {
            reading.reader.so_far(&mut judgement.signals);
            return HoldEnd::Uninspectable(obstacle);
        }
        let payload = &mut self.payload;
        let verdict = judgement.end_body(&mut reading.reader, &mut |decoded| payload.keep(decoded));
        match verdict {
            BodyVerdict::Uninspectable(obstacle) if self.verdict != BodyVerdict::Settled => {
                HoldEnd::Uninspectable(obstacle)
            }
            _ => HoldEnd::Inspected,
        }
    }

    fn release(mut self, incoming: Incoming, end: HoldEnd, judgement: &mut Judgement) -> HeldBody {
        let (bytes, payload) = (self.bytes as u64, self.payload.kept);
        let frames =
            HeldFrames { frames: self.frames, trailers: self.trailers, share: self.share.into_permit() };
        if self.has_ended {
            return HeldBody { body: Outgoing::held(frames, None), end, bytes, payload, passing: None };
        }
        if let Some(reading) = &mut self.reading {
            reading.reader.so_far(&mut judgement.signals);
        }
        let reading = self.reading.filter(|_| matches!(self.verdict, BodyVerdict::Undecided));
        let stream = Rest::new(reading, judgement.signals.clone());
        let rest = Box::pin(Tap::new(incoming, RestReader(Arc::clone(&stream))));
        HeldBody { body: Outgoing::held(frames, Some(rest)), end, bytes, payload, passing: Some(stream) }
    }
}
