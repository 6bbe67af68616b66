//! From the record of an exchange to its row.

use std::time::Duration;

use http::HeaderValue;

use super::Record;
use crate::detect::dlp;
use crate::store::event::Event;
use crate::verdict::Verdict;

/// Longest text of one field that a peer chooses.
const FIELD_MAX_BYTES: usize = 2048;

impl Record {
    /// The row as it stands.
    pub(super) fn event(&self) -> Event {
        let (request, response) = (&self.request, &self.response);
        let connected = response.connected.clone().unwrap_or_default();
        let spent = |duration: Duration| {
            (!duration.is_zero()).then(|| u64::try_from(duration.as_micros()).unwrap_or(u64::MAX))
        };
        let passed = self.upload.passing.as_ref().map(|passing| passing.bytes()).unwrap_or_default();
        let mut event = Event {
            time_us: self.at_us(),
            id: self.id(),
            method: Some(clip(request.method.as_str())),
            path: Some(clip(&dlp::redact_path(request.uri.path()))),
            query: request.uri.query().map(|query| clip(&dlp::redact_query(query))),
            status: response.status,
            bytes_up: self.upload.bytes + passed,
            bytes_down: response.bytes,
            request_content_type: request.content_type.as_ref().map(header_text),
            response_content_type: response.content_type.as_ref().map(header_text),
            user_agent: request.user_agent.as_ref().map(header_text),
            origin_tls: connected.tls,
            origin_alpn: connected.alpn.as_str(),
            destination_ip: connected.ip,
            dial_us: spent(connected.dial),
            tls_us: spent(connected.handshake),
            hold_us: self.upload.hold_us,
            first_byte_us: response.first_byte_us,
            duration_us: Some(self.elapsed_us()),
            failure: self.failure.clone(),
            rule_set: self.judgement.ruling().rules.hash.clone(),
            ..self.connection.row(&self.audit)
        };
        self.add_decision(&mut event);
        self.add_mcp(&mut event);
        event
    }

    fn add_decision(&self, event: &mut Event) {
        let action = self.judgement.action();
        event.verdict = action.verdict;
        event.reason = action.reason.clone();
        event.rule_ids = action.rule_ids.iter().map(ToString::to_string).collect();
        event.rule_tags = action.rule_tags.iter().map(ToString::to_string).collect();
        event.severity = action.severity;
    }

    fn add_mcp(&self, event: &mut Event) {
        let signals = &self.judgement.signals;
        event.is_mcp = signals.strength().as_str();
        event.mcp_signals = signals.evidence.iter().map(|signal| signal.id.to_owned()).collect();
        event.mcp_method = signals.method().map(clip);
        event.mcp_tool = signals.tool().map(|tool| clip(&dlp::redact_name(tool)));
        event.mcp_protocol_version = signals.protocol_version.as_deref().map(clip);
        event.mcp_client = signals.client.as_deref().map(clip);
        event.mcp_server = signals.server.as_deref().map(clip);
        event.mcp_session = signals.session.as_deref().map(|session| self.audit.session_hash(session));
        if event.verdict == Verdict::Inspect && !self.upload.payload.is_empty() {
            let payload = String::from_utf8_lossy(&self.upload.payload);
            event.payload = Some(dlp::redact_json(&payload, self.audit.payload_bytes));
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

fn header_text(value: &HeaderValue) -> String {
    value.to_str().map_or_else(|_opaque| clip(&String::from_utf8_lossy(value.as_bytes())), clip)
}
