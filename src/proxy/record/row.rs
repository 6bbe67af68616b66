//! From what was seen of an exchange to its event.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;

use super::Seen;
use crate::detect::dlp;
use crate::proxy::Tunnel;
use crate::store::event::Event;
use crate::verdict::Verdict;

/// Longest text of one event field that a peer chooses.
const FIELD_MAX_BYTES: usize = 2048;

impl Seen {
    /// The event as it stands.
    pub(super) fn event(&self) -> Event {
        let tunnel = &self.tunnel;
        let connected = self.connected.clone().unwrap_or_default();
        let spent = |duration: Duration| {
            (!duration.is_zero()).then(|| u64::try_from(duration.as_micros()).unwrap_or(u64::MAX))
        };
        let mut event = Event {
            time_us: self.at_us,
            id: self.id(),
            method: Some(clip(self.method.as_str())),
            path: Some(clip(&dlp::redact_path(self.uri.path()))),
            query: self.uri.query().map(|query| clip(&dlp::redact_query(query))),
            status: self.status,
            bytes_up: self.bytes_up(),
            bytes_down: self.bytes_down,
            request_content_type: self.content_type.as_ref().map(text),
            response_content_type: self.answer_type.as_ref().map(text),
            user_agent: self.user_agent.as_ref().map(text),
            origin_tls: connected.tls,
            origin_alpn: connected.alpn.as_str(),
            destination_ip: connected.ip,
            dial_us: spent(connected.dial),
            tls_us: spent(connected.handshake),
            hold_us: self.hold_us,
            first_byte_us: self.first_byte_us,
            duration_us: Some(self.elapsed_us()),
            failure: self.failure.clone(),
            rule_set: self.judged.ruling.rules.hash.clone(),
            ..tunnel.event()
        };
        self.judgement(&mut event);
        self.mcp(&mut event);
        event
    }

    fn judgement(&self, event: &mut Event) {
        event.verdict = self.action.verdict;
        event.reason = self.action.reason.clone();
        event.rule_ids = self.action.rule_ids.iter().map(ToString::to_string).collect();
        event.rule_tags = self.action.rule_tags.iter().map(ToString::to_string).collect();
        event.severity = self.action.severity;
    }

    fn mcp(&self, event: &mut Event) {
        let (signals, gateway) = (&self.signals, self.gateway());
        event.is_mcp = signals.strength().as_str();
        event.mcp_signals = signals.evidence.iter().map(|signal| signal.id.to_owned()).collect();
        event.mcp_method = signals.method().map(clip);
        event.mcp_tool = signals.tool().map(|tool| clip(&dlp::redact_name(tool)));
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
            user: self.client.user.as_ref().map(|user| Arc::clone(&user.name)),
            groups: self.client.user.as_ref().map(|user| Arc::clone(&user.groups)).unwrap_or_default(),
            mode: self.mode,
            host: Arc::clone(&self.destination.host),
            port: self.destination.port,
            sni: self.handshake.sni.clone(),
            scheme: Some(self.scheme),
            client_tls: self.handshake.client_tls,
            client_alpn: self.handshake.client_alpn,
            ja4: self.handshake.ja4.clone(),
            rule_set: self.gateway.ruling.load().rules.hash.clone(),
            is_mcp: "none",
            ..Event::default()
        }
    }
}

/// A field that a peer chose, at a length that keeps rows small.
fn clip(value: &str) -> String {
    if value.len() <= FIELD_MAX_BYTES {
        return value.to_owned();
    }
    let end = (0..=FIELD_MAX_BYTES).rev().find(|&at| value.is_char_boundary(at)).unwrap_or_default();
    value.get(..end).unwrap_or_default().to_owned()
}

fn text(value: &HeaderValue) -> String {
    value.to_str().map_or_else(|_opaque| clip(&String::from_utf8_lossy(value.as_bytes())), clip)
}
