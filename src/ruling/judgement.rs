//! What the rules in force make of one exchange, from its head to the end of its response.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::HeaderMap;
use http::request::Parts;

use super::in_force::Ruling;
use super::names::NamesJudged;
use crate::detect::inspect::head::{self, Accepts};
use crate::detect::inspect::{BodyVerdict, Obstacle, RequestBody, Signals};
use crate::detect::rules::{Evaluation, Head};
use crate::policy::Action;
use crate::verdict::Verdict;

/// One exchange before the rules: what was seen of it, and what was decided about it so far.
#[derive(Debug)]
pub(crate) struct Judgement {
    names: Arc<NamesJudged>,
    evaluation: Evaluation,
    /// What inspection found; whoever adds to it judges again.
    pub signals: Signals,
    action: Action,
    state: State,
    stopwatch: Stopwatch,
}

/// How far an exchange was judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing was decided: the exchange passes unless a rule says more.
    Open,
    /// It was decided from the request.
    Decided,
}

/// Measures the time that inspection and rules take, without the time that a body was held.
#[derive(Debug, Default)]
struct Stopwatch {
    running_since: Option<Instant>,
    took: Duration,
    /// When it was stopped or started last.
    touched: Option<Instant>,
}

impl Stopwatch {
    fn start(&mut self) {
        let now = Instant::now();
        self.stop_at(now);
        self.running_since = Some(now);
    }

    fn stop(&mut self) {
        self.stop_at(Instant::now());
    }

    fn stop_at(&mut self, now: Instant) {
        let spent = self.running_since.take().map(|since| now.duration_since(since));
        self.took += spent.unwrap_or_default();
        self.touched = Some(now);
    }
}

impl Judgement {
    /// Starts from what the names say.
    pub(crate) fn new(names: Arc<NamesJudged>) -> Self {
        Self {
            evaluation: names.named.exchange(),
            names,
            signals: Signals::default(),
            action: Action::pass(),
            state: State::Open,
            stopwatch: Stopwatch::default(),
        }
    }

    /// The rules and the policy that judge this exchange.
    pub(crate) fn ruling(&self) -> &Arc<Ruling> {
        &self.names.ruling
    }

    /// What was decided so far.
    pub(crate) fn action(&self) -> &Action {
        &self.action
    }

    /// True when the server is an approved one.
    pub(crate) fn is_approved(&self) -> bool {
        self.names.approved.is_some()
    }

    /// True once the exchange was judged from its request.
    pub(crate) fn is_decided(&self) -> bool {
        self.state == State::Decided
    }

    /// Time that inspection and rules took so far.
    pub(crate) fn took(&self) -> Duration {
        self.stopwatch.took
    }

    /// When the decision was made; given once.
    pub(crate) fn take_decided_at(&mut self) -> Option<Instant> {
        self.stopwatch.touched.take()
    }

    /// Reads the request's head.
    pub(crate) fn read_head(&mut self, host: &str, parts: &Parts, accepts: Accepts) {
        self.stopwatch.start();
        let (path, query) = (parts.uri.path(), parts.uri.query());
        let (method, headers) = (&parts.method, &parts.headers);
        self.signals = head::read(&head::Head { method, host, path, query, headers, accepts });
        self.evaluation.head(&Head { method, path, query, headers });
    }

    /// True when a rule, or the answer to a suspected call, needs something of the body.
    pub(crate) fn wants_body(&mut self, headers: &HeaderMap) -> bool {
        self.evaluation.learn(&self.signals);
        let wants = self.evaluation.wants();
        // What the head gives away still lacks the method, the tool and the id that an answer must carry.
        let suspected = self.names.approved.is_none() && !self.signals.evidence.is_empty();
        wants.body || ((wants.mcp || suspected) && !is_grpc(headers))
    }

    /// True when a rule has a regular expression over the body that could still hold.
    pub(crate) fn wants_raw_body(&self) -> bool {
        self.evaluation.wants_body()
    }

    /// Feeds bytes of the request's body to a reader and to the rules; `keep` gets them decoded.
    pub(crate) fn read_body(
        &mut self,
        reader: &mut RequestBody,
        bytes: &[u8],
        keep: &mut dyn FnMut(&[u8]),
    ) -> BodyVerdict {
        let Self { evaluation, signals, .. } = self;
        reader.feed_with(bytes, signals, &mut |decoded| {
            keep(decoded);
            evaluation.chunk(decoded);
        })
    }

    /// Ends a request's body that came whole.
    pub(crate) fn end_body(&mut self, reader: &mut RequestBody, keep: &mut dyn FnMut(&[u8])) -> BodyVerdict {
        let Self { evaluation, signals, .. } = self;
        let verdict = reader.finish_with(signals, &mut |decoded| {
            keep(decoded);
            evaluation.chunk(decoded);
        });
        self.no_more_body();
        verdict
    }

    /// Notes that the body has ended, or that there is none.
    pub(crate) fn no_more_body(&mut self) {
        self.evaluation.end(&self.signals);
    }

    /// Stops the clock while a body is held.
    pub(crate) fn pause(&mut self) {
        self.stopwatch.stop();
    }

    /// Starts the clock again.
    pub(crate) fn resume(&mut self) {
        self.stopwatch.start();
    }

    /// Decides while the body is still to come: what it could show does not count.
    pub(crate) fn decide_early(&mut self) {
        self.evaluation.learn(&self.signals);
        self.decide();
    }

    /// Decides when nothing more will be read of the body before the verdict.
    pub(crate) fn decide_finally(&mut self) {
        self.evaluation.stop(&self.signals);
        self.decide();
    }

    fn decide(&mut self) {
        self.state = State::Decided;
        self.action = self.verdict_so_far();
        self.stopwatch.stop();
    }

    /// The decision about a body that could not be read to its end, on top of what was decided before.
    pub(crate) fn decide_uninspectable(&mut self, obstacle: &'static Obstacle) {
        if self.names.approved.is_none() {
            let so_far = std::mem::replace(&mut self.action, Action::pass());
            self.action = self.names.ruling.policy.judge_uninspectable(so_far, obstacle.sentence);
        }
    }

    /// Decides against an exchange for a reason that no rule gives.
    pub(crate) fn refuse(&mut self, reason: String) {
        self.action = Action::because(Verdict::Block, reason);
    }

    /// Judges again after the response's head added signals. What was decided before stands, unless this is more severe.
    pub(crate) fn rejudge(&mut self) {
        self.evaluation.stop(&self.signals);
        let later = self.verdict_so_far();
        self.action = std::mem::replace(&mut self.action, Action::pass()).join(later);
    }

    /// Judges again while bodies stream by: it is too late to answer, and in time to record.
    pub(crate) fn rejudge_late(&mut self) {
        let before = self.action.verdict;
        self.rejudge();
        if self.action.answers() && self.action.verdict > before {
            let reason = format!("{}; seen only after the exchange had passed", self.action.reason);
            (self.action.verdict, self.action.reason) = (before.max(Verdict::Log), reason.into());
        }
    }

    fn verdict_so_far(&self) -> Action {
        let NamesJudged { ruling, approved, .. } = &*self.names;
        ruling.policy.judge(&self.evaluation.matches(), approved.as_ref())
    }
}

/// The client of a gRPC stream may wait for the response before it sends anything; its frames are no JSON.
fn is_grpc(headers: &HeaderMap) -> bool {
    let media = headers.get(http::header::CONTENT_TYPE);
    media.is_some_and(|media| media.as_bytes().starts_with(b"application/grpc"))
}
