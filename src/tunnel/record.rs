//! From what was seen of an exchange to its event.

use std::sync::Arc;
use std::time::Instant;

use http::header::{CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Request, Uri};
use uuid::Uuid;

use super::gateway::{Record, now_us};
use super::hold::Late;
use super::{Gateway, Tunnel};
use crate::dlp;
use crate::event::{Ending, Event, Verdict};
use crate::http::origin::Connected;
use crate::inspect::Signals;
use crate::mcp;
use crate::policy::Action;
use crate::telemetry::labels::{McpCall, Request as RequestLabel, RuleLabel};

/// Longest text of one event field that a peer chooses.
const FIELD_MAX_BYTES: usize = 2048;

/// What was seen of an exchange; cheap until an event is wanted.
#[derive(Debug)]
pub struct Seen {
    at_us: i64,
    started: Instant,
    method: Method,
    uri: Uri,
    user_agent: Option<HeaderValue>,
    content_type: Option<HeaderValue>,
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
    /// Status of the answer.
    pub status: Option<u16>,
    /// Media type of the answer.
    pub answer_type: Option<HeaderValue>,
    /// Time to the response's head, in microseconds.
    pub first_byte_us: Option<u64>,
    /// What went wrong.
    pub error: Option<String>,
}

impl Seen {
    /// Starts the clock.
    pub fn start<B>(request: &Request<B>) -> Self {
        Self {
            at_us: now_us(),
            started: Instant::now(),
            method: request.method().clone(),
            uri: request.uri().clone(),
            user_agent: request.headers().get(USER_AGENT).cloned(),
            content_type: request.headers().get(CONTENT_TYPE).cloned(),
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
            error: None,
        }
    }

    /// Microseconds since the request's head arrived.
    pub fn elapsed_us(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// Notes the response's head.
    pub fn answered(&mut self, status: u16, headers: &HeaderMap) {
        self.status = Some(status);
        self.answer_type = headers.get(CONTENT_TYPE).cloned();
        self.first_byte_us = Some(self.elapsed_us());
    }

    /// Body bytes from the client so far.
    pub fn bytes_up(&self) -> u64 {
        self.held_bytes + self.late.as_ref().map(|late| late.bytes()).unwrap_or_default()
    }

    /// True when the configuration asks for this event.
    pub fn wanted(&self, gateway: &Gateway) -> bool {
        gateway.record == Record::All || self.action.verdict.is_detection()
    }

    /// Counts the exchange.
    pub fn count(&self, tunnel: &Tunnel) {
        let metrics = &tunnel.gateway.metrics;
        let protocol = tunnel.handshake.client_alpn.unwrap_or("http/1.1");
        metrics
            .requests
            .get_or_create(&RequestLabel { protocol, action: self.action.verdict.as_str() })
            .inc();
        for rule in &self.action.rule_ids {
            metrics.rule_matches.get_or_create(&RuleLabel { rule: rule.to_string() }).inc();
        }
        if let Some(method) = self.signals.methods.iter().find_map(|method| mcp::known(method)) {
            let approved = if tunnel.judged().approved.is_some() { "yes" } else { "no" };
            metrics.mcp_calls.get_or_create(&McpCall { method, approved }).inc();
        }
        if let Some(hold_us) = self.hold_us {
            metrics.hold.observe(seconds(hold_us));
        }
        metrics.request_duration.observe(seconds(self.elapsed_us()));
    }

    /// The event as it stands; `bytes_down` counts the answer's body.
    pub fn event(&self, tunnel: &Tunnel, id: Uuid, bytes_down: u64) -> Event {
        let gateway = &tunnel.gateway;
        let connected = self.connected.clone().unwrap_or_default();
        let spent = |duration: std::time::Duration| {
            (!duration.is_zero()).then(|| u64::try_from(duration.as_micros()).unwrap_or(u64::MAX))
        };
        let mut event = Event {
            time_us: self.at_us,
            id,
            method: Some(clip(self.method.as_str())),
            path: Some(clip(&dlp::redact_path(&tunnel.destination.host, self.uri.path()))),
            query: self.uri.query().map(|query| clip(&dlp::redact_query(query))),
            status: self.status,
            bytes_up: self.bytes_up(),
            bytes_down,
            request_content_type: self.content_type.as_ref().map(text),
            response_content_type: self.answer_type.as_ref().map(text),
            user_agent: self.user_agent.as_ref().map(text),
            origin_tls: connected.tls,
            origin_alpn: connected.alpn.as_str().map(Into::into),
            destination_ip: connected.ip,
            dial_us: spent(connected.dial),
            tls_us: spent(connected.handshake),
            hold_us: self.hold_us,
            first_byte_us: self.first_byte_us,
            duration_us: Some(self.elapsed_us()),
            error: self.error.clone(),
            ..tunnel.event()
        };
        self.judged(&mut event);
        self.mcp(&mut event, gateway);
        event
    }

    /// What is known at the end of an exchange whose event is stored already.
    pub fn ending(&self, bytes_down: u64) -> Ending {
        Ending {
            bytes_up: self.bytes_up(),
            bytes_down,
            duration_us: self.elapsed_us(),
            mcp_server: self.signals.server.as_deref().map(clip),
            error: self.error.clone(),
        }
    }

    fn judged(&self, event: &mut Event) {
        event.verdict = self.action.verdict;
        event.reason = self.action.reason.to_string();
        event.rule_ids = self.action.rule_ids.iter().map(ToString::to_string).collect();
        event.severity = self.action.severity;
    }

    fn mcp(&self, event: &mut Event, gateway: &Gateway) {
        let signals = &self.signals;
        event.is_mcp = signals.strength().as_str();
        event.mcp_signals = signals.seen.iter().map(|signal| signal.id.to_owned()).collect();
        event.mcp_method = signals.methods.first().map(|method| clip(method));
        event.mcp_tool = signals.tool.as_deref().map(clip);
        event.mcp_protocol_version = signals.protocol_version.as_deref().map(clip);
        event.mcp_client = signals.client.as_deref().map(clip);
        event.mcp_server = signals.server.as_deref().map(clip);
        event.mcp_session = signals.session.as_deref().map(|session| gateway.session_hash(session));
        if self.action.verdict == Verdict::Inspect && !self.payload.is_empty() {
            let payload = String::from_utf8_lossy(&self.payload);
            event.payload = Some(dlp::redact_json(&payload, gateway.limits.payload_bytes));
        }
    }
}

impl Tunnel {
    /// The part of an event that is the same for all exchanges of this tunnel.
    pub fn event(&self) -> Event {
        Event {
            gateway: self.gateway.name.clone(),
            client_ip: Some(self.client.ip),
            user: self.client.user.as_ref().map(|user| user.name.to_string()),
            groups: self.client.user.as_ref().map(|user| user.groups.to_vec()).unwrap_or_default(),
            mode: self.mode,
            host: self.destination.host.to_string(),
            port: self.destination.port,
            sni: self.handshake.sni.as_deref().map(Into::into),
            scheme: Some(self.scheme),
            client_tls: self.handshake.client_tls,
            client_alpn: self.handshake.client_alpn.map(Into::into),
            ja4: self.handshake.ja4.as_deref().map(Into::into),
            rule_set: self.gateway.ruling.load().rules.hash.clone(),
            is_mcp: "none",
            ..Event::default()
        }
    }
}

/// A field that a peer chose, at a length that keeps rows small.
pub fn clip(value: &str) -> String {
    if value.len() <= FIELD_MAX_BYTES {
        return value.to_owned();
    }
    let end = (0..=FIELD_MAX_BYTES).rev().find(|&at| value.is_char_boundary(at)).unwrap_or_default();
    value.get(..end).unwrap_or_default().to_owned()
}

fn text(value: &HeaderValue) -> String {
    clip(&String::from_utf8_lossy(value.as_bytes()))
}

fn seconds(us: u64) -> f64 {
    std::time::Duration::from_micros(us).as_secs_f64()
}
