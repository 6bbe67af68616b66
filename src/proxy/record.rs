//! What was seen of an exchange: from its first byte to the row it leaves.

mod row;

use std::cell::OnceCell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::header::{CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Request, Uri};
use uuid::Uuid;

use super::gateway::Record;
use super::hold::Late;
use super::{Gateway, Judged, Tunnel};
use crate::answers::Asker;
use crate::clock::now_us;
use crate::detect::inspect::Signals;
use crate::detect::inspect::head::Accepts;
use crate::detect::mcp;
use crate::detect::rules::Evaluation;
use crate::policy::Action;
use crate::store::event::Failure;
use crate::store::journal::{Receipt, Refused};
use crate::telemetry::labels::{McpCall, Request as RequestLabel, RuleLabel};
use crate::verdict::{Blame, Verdict};
use crate::wire::http::origin::Connected;

/// What was seen of an exchange; cheap until an event is wanted.
///
/// Every exchange leaves its row: one that is dropped before it was closed (the client went away, the gateway shut down)
/// records itself.
#[derive(Debug)]
pub struct Seen {
    /// The tunnel it belongs to.
    pub tunnel: Arc<Tunnel>,
    /// The rules in force when it came, and what they make of it.
    pub judged: Arc<Judged>,
    /// What the rules know of it so far.
    pub evaluation: Evaluation,
    id: OnceCell<Uuid>,
    at_us: i64,
    started: Instant,
    ended: Option<Instant>,
    method: Method,
    uri: Uri,
    user_agent: Option<HeaderValue>,
    content_type: Option<HeaderValue>,
    /// What the client can read.
    pub accepts: Accepts,
    /// What inspection found.
    pub signals: Signals,
    /// What was decided.
    pub action: Action,
    /// Time the body was held, in microseconds.
    pub hold_us: Option<u64>,
    /// Bytes of the body that were held.
    pub held_bytes: u64,
    /// Counts the rest of the body.
    pub late: Option<Arc<Late>>,
    /// The payload, decoded.
    pub payload: Vec<u8>,
    /// The origin's connection.
    pub connected: Option<Connected>,
    status: Option<u16>,
    answer_type: Option<HeaderValue>,
    first_byte_us: Option<u64>,
    /// Body bytes to the client.
    pub bytes_down: u64,
    /// What went wrong.
    pub failure: Option<Failure>,
    receipt: Option<Receipt>,
    /// True once `action` was judged.
    settled: bool,
    /// When the rules were asked last.
    judged_at: Option<Instant>,
    rules_since: Option<Instant>,
    rules_took: Duration,
    closed: bool,
}

impl Seen {
    /// Starts the clock. Boxed: it travels from step to step to the end of the response's body.
    pub fn start<B>(tunnel: Arc<Tunnel>, request: &Request<B>) -> Box<Self> {
        let started = Instant::now();
        let judged = tunnel.judged();
        Box::new(Self {
            evaluation: judged.named.exchange(),
            judged,
            tunnel,
            id: OnceCell::new(),
            at_us: now_us(),
            started,
            ended: None,
            method: request.method().clone(),
            uri: request.uri().clone(),
            user_agent: request.headers().get(USER_AGENT).cloned(),
            content_type: request.headers().get(CONTENT_TYPE).cloned(),
            accepts: Accepts::default(),
            signals: Signals::default(),
            action: Action::pass(),
            hold_us: None,
            held_bytes: 0,
            late: None,
            payload: Vec::new(),
            connected: None,
            status: None,
            answer_type: None,
            first_byte_us: None,
            bytes_down: 0,
            failure: None,
            receipt: None,
            settled: false,
            judged_at: None,
            rules_since: None,
            rules_took: Duration::ZERO,
            closed: false,
        })
    }

    /// The event's id, to quote in an answer.
    pub fn id(&self) -> Uuid {
        *self.id.get_or_init(Uuid::now_v7)
    }

    /// The request's query.
    pub fn query(&self) -> Option<&str> {
        self.uri.query()
    }

    /// Who asks, as far as it is known now.
    pub fn asker(&self) -> Asker {
        Asker::of(&self.method, self.accepts, &self.signals)
    }

    /// The shared parts.
    pub fn gateway(&self) -> &Gateway {
        &self.tunnel.gateway
    }

    /// Notes that the request leaves the gateway or is answered by it.
    pub fn decided(&mut self) {
        // Once: an answer may come in the place of the response to a request that was sent on.
        let Some(judged_at) = self.judged_at.take() else { return };
        let overhead = judged_at.duration_since(self.started);
        self.gateway().metrics.overhead.observe(overhead.as_secs_f64());
    }

    /// Notes the response's head.
    pub fn answered(&mut self, status: u16, headers: &HeaderMap) {
        self.status = Some(status);
        self.answer_type = headers.get(CONTENT_TYPE).cloned();
        self.first_byte_us = Some(self.elapsed_us());
    }

    /// Notes when a request's way through the rules began, and when it is interrupted.
    pub fn clock_rules(&mut self, running: bool) {
        let now = Instant::now();
        self.judged_at = Some(now);
        let spent = self.rules_since.take().map(|since| now.duration_since(since));
        self.rules_took += spent.unwrap_or_default();
        self.rules_since = running.then_some(now);
    }

    /// Judges from what the rules know so far.
    pub fn judge(&mut self) {
        self.settled = true;
        self.action = self.action_so_far();
        self.clock_rules(false);
        self.gateway().metrics.rule_evaluation.observe(self.rules_took.as_secs_f64());
    }

    fn action_so_far(&self) -> Action {
        self.judged.ruling.policy.judge(&self.evaluation.matches(), self.judged.approved.as_ref())
    }

    /// Judges again after a response added signals; what was decided before stands, unless this is more severe.
    pub fn rejudge(&mut self) {
        self.evaluation.stop(&self.signals);
        let later = self.action_so_far();
        self.action = std::mem::replace(&mut self.action, Action::pass()).join(later);
    }

    /// Judges again while bodies stream by: too late to answer, in time to record.
    pub fn reconsider(&mut self) {
        let before = self.action.verdict;
        self.rejudge();
        if self.action.answers() && self.action.verdict > before {
            let reason = format!("{}; seen only after the exchange had passed", self.action.reason);
            (self.action.verdict, self.action.reason) = (before.max(Verdict::Log), reason.into());
        }
        // A stream may go on for hours after it has given itself away.
        if self.action.verdict.is_detection() && self.receipt.is_none() && !self.closed {
            self.receipt = Some(self.tunnel.gateway.journal.append_early(self.event()));
        }
    }

    /// Stores a detection: it is on disk before the client sees the answer.
    pub async fn store(&mut self) -> Result<(), Refused> {
        if !self.action.verdict.is_detection() {
            return Ok(());
        }
        let stored = Box::pin(self.tunnel.gateway.journal.append_durable(self.event()));
        // From here the row is on its way, even when nobody waits for it any more.
        self.closed = true;
        self.receipt = Some(stored.await?);
        self.closed = false;
        Ok(())
    }

    /// Completes the stored event, or stores it now if it is wanted.
    pub fn close(&mut self) {
        if std::mem::replace(&mut self.closed, true) {
            return;
        }
        self.ended = Some(Instant::now());
        self.late_signals();
        self.count();
        let journal = &self.tunnel.gateway.journal;
        match &self.receipt {
            // What the gateway answered itself was complete when it was stored.
            Some(_) if self.action.answers() => {}
            Some(receipt) => journal.complete(receipt, self.event()),
            None if self.wanted() => journal.append(self.event()),
            None => {}
        }
    }

    /// Leaves no row: the gateway cannot record at the moment, and said so.
    pub fn discard(mut self: Box<Self>) {
        self.closed = true;
    }

    /// What the rest of a long request body showed after it was let go.
    fn late_signals(&mut self) {
        let Some(signals) = self.late.as_ref().and_then(|late| late.signals()) else { return };
        let known = std::mem::replace(&mut self.signals, signals);
        known.evidence.into_iter().for_each(|signal| self.signals.note(signal));
        self.signals.server = self.signals.server.take().or(known.server);
        self.signals.session = self.signals.session.take().or(known.session);
        if !self.action.answers() {
            self.reconsider();
        }
    }

    fn elapsed_us(&self) -> u64 {
        let until = self.ended.unwrap_or_else(Instant::now);
        u64::try_from(until.duration_since(self.started).as_micros()).unwrap_or(u64::MAX)
    }

    fn bytes_up(&self) -> u64 {
        self.held_bytes + self.late.as_ref().map(|late| late.bytes()).unwrap_or_default()
    }

    /// True when the configuration asks for this event.
    fn wanted(&self) -> bool {
        self.judged.ruling.record == Record::All || self.action.verdict.is_detection()
    }

    fn count(&self) {
        let metrics = &self.gateway().metrics;
        self.tunnel.count(self.action.verdict);
        for rule in &self.action.rule_ids {
            metrics.rule_matches.get_or_create(&RuleLabel { rule: rule.to_string() }).inc();
        }
        if let Some(method) = self.signals.method().and_then(mcp::known_method) {
            let approved = if self.judged.approved.is_some() { "yes" } else { "no" };
            metrics.mcp_calls.get_or_create(&McpCall { method, approved }).inc();
        }
        if let Some(hold_us) = self.hold_us {
            metrics.hold.observe(seconds(hold_us));
        }
        metrics.request_duration.observe(seconds(self.elapsed_us()));
    }
}

impl Drop for Seen {
    fn drop(&mut self) {
        if self.closed {
            return;
        }
        let cut = self.gateway().tasks.is_cutting();
        let (blame, what) = if cut {
            (Blame::Gateway, "it is shutting down")
        } else {
            (Blame::Client, "it went away before the response's end")
        };
        self.failure.get_or_insert_with(|| Failure::new(blame, what));
        if !self.settled {
            // It went away while its body was held: what was seen of it counts, what was still to come does not.
            self.evaluation.learn(&self.signals);
            self.judge();
        }
        self.close();
    }
}

impl Tunnel {
    /// Counts a request by its verdict; the counter of nearly all, those with `allow`, is looked up once.
    fn count(&self, verdict: Verdict) {
        let label = || {
            let protocol = self.handshake.client_alpn.unwrap_or("http/1.1");
            RequestLabel { protocol, action: verdict.as_str() }
        };
        let requests = &self.gateway.metrics.requests;
        if verdict == Verdict::Allow {
            self.passed.get_or_init(|| requests.get_or_create_owned(&label())).inc();
        } else {
            requests.get_or_create(&label()).inc();
        }
    }
}

fn seconds(us: u64) -> f64 {
    Duration::from_micros(us).as_secs_f64()
}
