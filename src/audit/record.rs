//! The record of one exchange, from its request's head to the row that it leaves.

use std::cell::OnceCell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::header::{CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Request, Uri};
use tracing::Span;
use uuid::Uuid;

use super::{Audit, ClientConnection, copy_failure};
use crate::clock::now_us;
use crate::detect::dlp;
use crate::detect::inspect::Signals;
use crate::detect::mcp;
use crate::ruling::{Judgement, Recording};
use crate::store::event::Failure;
use crate::store::journal::{NotStored, Receipt};
use crate::telemetry::labels::{McpCall, RuleLabel};
use crate::verdict::Blame;
use crate::wire::http::origin::Connected;
use crate::wire::net::splice::{Copied, Ended};

/// What is written of one exchange; cheap until a row is wanted.
///
/// Every exchange leaves its row: one that is dropped before it was closed (the client went away, the gateway shut down)
/// closes itself.
#[derive(Debug)]
pub(crate) struct Record {
    pub(super) audit: Arc<Audit>,
    pub(super) connection: Arc<ClientConnection>,
    /// What the rules make of the exchange.
    pub judgement: Judgement,
    /// Where the exchange stands in the log, by the id of its row.
    pub span: Span,
    id: OnceCell<Uuid>,
    clock: Clock,
    pub(super) request: RequestFacts,
    /// What was seen of the request's body.
    pub upload: Upload,
    /// What came back.
    pub(super) response: ResponseFacts,
    pub(super) failure: Option<Failure>,
    row: Row,
}

/// When an exchange began and ended.
#[derive(Debug)]
struct Clock {
    at_us: i64,
    started: Instant,
    ended: Option<Instant>,
}

/// The parts of a request's head that rows show.
#[derive(Debug)]
pub(super) struct RequestFacts {
    pub(super) method: Method,
    pub(super) uri: Uri,
    pub(super) user_agent: Option<HeaderValue>,
    pub(super) content_type: Option<HeaderValue>,
}

/// What was seen of a request's body.
#[derive(Debug, Default)]
pub(crate) struct Upload {
    /// Time the body was held for a verdict, in microseconds; absent when it was not held.
    pub hold_us: Option<u64>,
    /// Bytes that came before the rest streamed by.
    pub bytes: u64,
    /// The start of the body, decoded, for a rule that keeps payloads.
    pub payload: Vec<u8>,
    /// What streams by after the verdict.
    pub passing: Option<Arc<dyn Passing>>,
}

/// A body that streams by after the verdict; its reader learns from it until the record is closed.
pub(crate) trait Passing: std::fmt::Debug + Send + Sync {
    /// Bytes that streamed by so far.
    fn bytes(&self) -> u64;
    /// All signals of the request, with what the streamed part added; none while the reader is not done.
    fn signals(&self) -> Option<Signals>;
}

/// What came back.
#[derive(Debug, Default)]
pub(super) struct ResponseFacts {
    pub(super) connected: Option<Connected>,
    pub(super) status: Option<u16>,
    pub(super) content_type: Option<HeaderValue>,
    pub(super) first_byte_us: Option<u64>,
    pub(super) bytes: u64,
}

/// How far the row of an exchange is.
#[derive(Debug)]
enum Row {
    /// Nothing was written.
    None,
    /// The journal has it and has not answered yet: from here on it is on its way, even when nobody waits for it.
    Sent,
    /// The journal would not take it; the exchange was refused for it.
    NotStored,
    /// It is stored; a later version takes its place when the exchange ends.
    Stored(Receipt),
    /// It is written to its end, or is not wanted.
    Closed,
}

impl Record {
    /// Starts the clock. Boxed: it travels from step to step to the end of the response's body.
    pub(crate) fn open<B>(
        audit: Arc<Audit>,
        connection: Arc<ClientConnection>,
        judgement: Judgement,
        request: &Request<B>,
    ) -> Box<Self> {
        let clock = Clock { at_us: now_us(), started: Instant::now(), ended: None };
        let header = |name| request.headers().get(name).cloned();
        let request = RequestFacts {
            method: request.method().clone(),
            uri: request.uri().clone(),
            user_agent: header(USER_AGENT),
            content_type: header(CONTENT_TYPE),
        };
        let mut record = Box::new(Self {
            audit,
            connection,
            judgement,
            span: Span::none(),
            id: OnceCell::new(),
            clock,
            request,
            upload: Upload::default(),
            response: ResponseFacts::default(),
            failure: None,
            row: Row::None,
        });
        record.span = record.new_span();
        record
    }

    /// While the level is off, the span and the log lines of an exchange cost 9 ns of the 25 us that a small request takes
    /// (three loops of 20 million on a shared AMD EPYC).
    fn new_span(&self) -> Span {
        tracing::debug_span!(
            parent: &self.connection.span,
            "exchange",
            event_id = %self.id(),
            host = %self.connection.destination,
            method = %self.request.method,
            path = %dlp::redact_path(self.request.uri.path()),
        )
    }

    /// The row's id, to quote in an answer.
    pub(crate) fn id(&self) -> Uuid {
        *self.id.get_or_init(Uuid::now_v7)
    }

    /// The connection that the exchange belongs to.
    pub(crate) fn connection(&self) -> &Arc<ClientConnection> {
        &self.connection
    }

    /// The request's query.
    pub(crate) fn query(&self) -> Option<&str> {
        self.request.uri.query()
    }

    /// Notes that the exchange was judged from its request.
    pub(crate) fn judged(&self) {
        self.log_judgement("judged by the request");
        self.audit.metrics.rule_evaluation.observe(self.judgement.took().as_secs_f64());
    }

    /// Tells the log what was decided and why.
    fn log_judgement(&self, message: &'static str) {
        let _in_span = self.span.enter();
        let (action, signals) = (self.judgement.action(), &self.judgement.signals);
        tracing::debug!(
            verdict = action.verdict.as_str(),
            reason = %action.reason,
            rules = ?action.rule_ids,
            is_mcp = signals.strength().as_str(),
            signals = ?signals.evidence.iter().map(|signal| signal.id).collect::<Vec<_>>(),
            method = signals.method(),
            "{message}"
        );
    }

    /// Notes that the request leaves the gateway or is answered by it.
    pub(crate) fn leaves(&mut self) {
        // Once: an answer may come in the place of the response to a request that was sent on.
        let Some(decided_at) = self.judgement.take_decided_at() else { return };
        let overhead = decided_at.duration_since(self.clock.started);
        self.audit.metrics.overhead.observe(overhead.as_secs_f64());
    }

    /// Notes which connection to the origin the request took.
    pub(crate) fn connected(&mut self, connected: Connected) {
        self.response.connected = Some(connected);
    }

    /// Notes the response's head.
    pub(crate) fn answered(&mut self, status: u16, headers: &HeaderMap) {
        self.response.status = Some(status);
        self.response.content_type = headers.get(CONTENT_TYPE).cloned();
        self.response.first_byte_us = Some(self.elapsed_us());
    }

    /// Counts bytes of the response's body.
    pub(crate) fn downloaded(&mut self, bytes: u64) {
        self.response.bytes += bytes;
    }

    /// Notes what went wrong; what went wrong first stays.
    pub(crate) fn failed(&mut self, failure: Failure) {
        self.failure.get_or_insert(failure);
    }

    /// Notes what was copied of an upgraded connection, and how it ended.
    pub(crate) fn copied(&mut self, copied: &Copied, ended: &Ended) {
        self.upload.bytes += copied.up;
        self.response.bytes += copied.down;
        self.failure = self.failure.take().or_else(|| copy_failure(ended));
    }

    /// Counts body bytes of the response that inspection has read.
    pub(crate) fn inspected(&self, bytes: u64) {
        self.audit.metrics.inspected_down.inc_by(bytes);
    }

    /// Counts a named limit that the exchange reached.
    pub(crate) fn reached(&self, limit: &'static str) {
        self.audit.metrics.limit(limit);
    }

    /// Judges again after the response's head added signals.
    pub(crate) fn rejudge(&mut self) {
        self.judgement.rejudge();
        self.log_judgement("judged again by the response");
    }

    /// Judges again while bodies stream by, and writes an early row when that makes the exchange a detection: a stream may
    /// go on for hours after it has given itself away.
    pub(crate) fn rejudge_late(&mut self) {
        self.judgement.rejudge_late();
        self.log_judgement("judged again by the body");
        if self.judgement.action().verdict.is_detection() && matches!(self.row, Row::None) {
            self.row = Row::Stored(self.audit.journal.append_early(self.event()));
        }
    }

    /// Stores a detection: it is on disk before the client sees the answer.
    pub(crate) async fn store(&mut self) -> Result<(), NotStored> {
        if !self.judgement.action().verdict.is_detection() {
            return Ok(());
        }
        let stored = Box::pin(self.audit.journal.append_durable(self.event()));
        self.row = Row::Sent;
        let stored = stored.await.inspect_err(|_not_stored| self.row = Row::NotStored)?;
        self.row = Row::Stored(stored);
        Ok(())
    }

    /// Ends the exchange: completes its row, or writes it now if it is wanted.
    pub(crate) fn close(mut self: Box<Self>) {
        self.end();
    }

    /// Leaves no row: the gateway cannot record at the moment, and says so.
    pub(crate) fn discard(mut self: Box<Self>) {
        self.row = Row::Closed;
    }

    fn end(&mut self) {
        if !matches!(self.row, Row::None | Row::Stored(_)) {
            return;
        }
        self.clock.ended = Some(Instant::now());
        self.learn_from_passing();
        self.count();
        self.log_end();
        let row = std::mem::replace(&mut self.row, Row::Closed);
        match row {
            // What the gateway answered itself was complete when it was stored.
            Row::Stored(_) if self.judgement.action().answers() => {}
            Row::Stored(receipt) => self.audit.journal.complete(&receipt, self.event()),
            _ if self.is_wanted() => self.audit.journal.append(self.event()),
            _ => {}
        }
    }

    fn log_end(&self) {
        let _in_span = self.span.enter();
        tracing::debug!(
            status = self.response.status,
            bytes_up = self.upload.bytes,
            bytes_down = self.response.bytes,
            failure = self.failure.as_ref().map(Failure::text),
            "ended"
        );
    }

    /// Adds what the rest of a long request body showed after its start was let go.
    fn learn_from_passing(&mut self) {
        let Some(signals) = self.upload.passing.as_ref().and_then(|passing| passing.signals()) else {
            return;
        };
        let known = std::mem::replace(&mut self.judgement.signals, signals);
        let signals = &mut self.judgement.signals;
        known.evidence.into_iter().for_each(|signal| signals.note(signal));
        signals.server = signals.server.take().or(known.server);
        signals.session = signals.session.take().or(known.session);
        if !self.judgement.action().answers() {
            self.judgement.rejudge_late();
        }
    }

    /// True when the configuration asks for this row.
    fn is_wanted(&self) -> bool {
        let recording = self.judgement.ruling().recording;
        recording == Recording::All || self.judgement.action().verdict.is_detection()
    }

    fn count(&self) {
        let (metrics, action) = (&self.audit.metrics, self.judgement.action());
        self.connection.count(metrics, action.verdict);
        for rule in &action.rule_ids {
            metrics.rule_matches.get_or_create(&RuleLabel { rule: rule.to_string() }).inc();
        }
        if let Some(method) = self.judgement.signals.method().and_then(mcp::known_method) {
            let approved = if self.judgement.is_approved() { "yes" } else { "no" };
            metrics.mcp_calls.get_or_create(&McpCall { method, approved }).inc();
        }
        if let Some(hold_us) = self.upload.hold_us {
            metrics.hold.observe(Duration::from_micros(hold_us).as_secs_f64());
        }
        metrics.request_duration.observe(Duration::from_micros(self.elapsed_us()).as_secs_f64());
    }

    pub(super) fn at_us(&self) -> i64 {
        self.clock.at_us
    }

    pub(super) fn elapsed_us(&self) -> u64 {
        let until = self.clock.ended.unwrap_or_else(Instant::now);
        u64::try_from(until.duration_since(self.clock.started).as_micros()).unwrap_or(u64::MAX)
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        if !matches!(self.row, Row::None | Row::Stored(_)) {
            return;
        }
        if self.audit.is_cutting() {
            self.failed(Failure::new(Blame::Gateway, "it is shutting down"));
        } else {
            self.failed(Failure::new(Blame::Client, "it went away before the response's end"));
        }
        if !self.judgement.is_decided() {
            // It went away while its body was held: what was seen of it counts, what was still to come does not.
            self.judgement.decide_early();
            self.judged();
        }
        self.end();
    }
}
