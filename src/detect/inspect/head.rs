//! Evidence in a request's head.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{ACCESS_CONTROL_REQUEST_HEADERS, CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method};

use super::evidence as e;
use super::signals::Signals;
use crate::detect::mcp;

/// The parts of a request's head that inspection reads.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    /// Request method.
    pub method: &'a Method,
    /// Host of the authority, lower case, no port.
    pub host: &'a str,
    /// Path as sent, without the query.
    pub path: &'a str,
    /// Query without the question mark.
    pub query: Option<&'a str>,
    /// Request headers.
    pub headers: &'a HeaderMap,
    /// What the headers ask to get back.
    pub accepts: Accepts,
}

/// Starts of user agents that only MCP clients (or their MCP parts) send.
const USER_AGENTS: [&str; 8] = [
    "claude-user",
    "claude-code/",
    "openai-mcp/",
    "codex-mcp-client/",
    "notion-mcp-client/",
    "replit-agent-mcp",
    "grok-connectors",
    "mcp-",
];
/// Headers that MCP clients of vendors add.
const VENDOR_HEADERS: [&str; 4] =
    ["x-openai-session", "x-openai-subject", "x-anthropic-client", "x-mcp-proxy-auth"];
/// OAuth metadata that MCP clients read before they log in (RFC 9728, RFC 8414, OpenID Connect Discovery).
const OAUTH_METADATA: [&str; 3] =
    ["oauth-protected-resource", "oauth-authorization-server", "openid-configuration"];

/// Reads a request's head.
pub fn read(head: &Head<'_>) -> Signals {
    let mut signals = Signals::default();
    for (name, value) in head.headers {
        match name.as_str().as_bytes() {
            // Every SDK names its version when it reads metadata, at whatever host the user's accounts are.
            [b'm', ..]
                if name == mcp::HEADER_VERSION && !head.accepts.event_stream && reads_metadata(head) =>
            {
                signals.note(&e::OAUTH_METADATA);
            }
            [b'a', ..] if *name == ACCESS_CONTROL_REQUEST_HEADERS && asks_to_read_metadata(head, value) => {
                signals.note(&e::OAUTH_METADATA);
            }
            [b'm', b'c', b'p', b'-', ..] => mcp_header(name.as_str(), value, &mut signals),
            [b'x', b'-', ..] if VENDOR_HEADERS.contains(&name.as_str()) => signals.note(&e::VENDOR_HEADER),
            [b's', b'e', b'c', b'-', b'w', ..]
                if name == "sec-websocket-protocol"
                    && tokens(value).any(|token| token == mcp::WEBSOCKET_PROTOCOL) =>
            {
                signals.note(&e::WEBSOCKET);
            }
            _ => {}
        }
    }
    let json_post = *head.method == Method::POST && is_json(head.headers.get(CONTENT_TYPE));
    if json_post && head.accepts.json && head.accepts.event_stream {
        signals.note(&e::ACCEPT_PAIR);
    }
    if head.accepts.server_card {
        signals.note(&e::SERVER_CARD);
    }
    let stream_get = *head.method == Method::GET && head.accepts.event_stream && !head.accepts.html;
    note_mcp_names(head, json_post || stream_get, &mut signals);
    if stream_get && (head.path == "/sse" || head.path.ends_with("/sse")) {
        signals.note(&e::SSE_PATH);
    }
    if json_post && is_message_endpoint(head) {
        signals.note(&e::MESSAGE_ENDPOINT);
        let session = stream_session(head.query).map(str::to_owned);
        signals.session = signals.session.take().or(session);
    }
    if head.headers.get(USER_AGENT).is_some_and(|agent| starts_with_any(agent.as_bytes(), &USER_AGENTS)) {
        signals.note(&e::USER_AGENT);
    }
    signals
}

fn mcp_header(name: &str, value: &HeaderValue, signals: &mut Signals) {
    let Ok(text) = value.to_str() else { return };
    match name {
        mcp::HEADER_VERSION if mcp::is_version(text) => {
            signals.note(&e::VERSION_HEADER);
            signals.protocol_version = Some(text.to_owned());
        }
        mcp::HEADER_SESSION if !text.is_empty() => {
            signals.note(&e::SESSION_HEADER);
            signals.session = Some(text.to_owned());
        }
        mcp::HEADER_METHOD if mcp::exclusivity(text).is_some() => {
            signals.note(&e::METHOD_HEADER);
            signals.claimed.method = Some(text.to_owned());
        }
        mcp::HEADER_NAME => {
            signals.note(&e::NAME_HEADER);
            signals.claimed.name = Some(decoded_name(text));
        }
        _ if name.starts_with(mcp::HEADER_PARAM_PREFIX) => signals.note(&e::NAME_HEADER),
        _ => {}
    }
}

fn reads_metadata(head: &Head<'_>) -> bool {
    *head.method == Method::GET && is_oauth_metadata(head.path)
}

/// A browser asks first whether it may send the header.
fn asks_to_read_metadata(head: &Head<'_>, headers: &HeaderValue) -> bool {
    *head.method == Method::OPTIONS
        && is_oauth_metadata(head.path)
        && tokens(headers).any(|name| name.eq_ignore_ascii_case(mcp::HEADER_VERSION))
}

/// `/.well-known/NAME`, with the path of what it describes behind or, as OpenID Connect has it, before it.
fn is_oauth_metadata(path: &str) -> bool {
    path.split_once("/.well-known/").is_some_and(|(before, after)| {
        let (name, behind) = after.split_once('/').unwrap_or((after, ""));
        OAUTH_METADATA.contains(&name) && (before.is_empty() || behind.is_empty())
    })
}

/// Names that are not plain ASCII travel as `=?base64?...?=` (2026-07-28, Streamable HTTP).
fn decoded_name(text: &str) -> String {
    let encoded = text.strip_prefix("=?base64?").and_then(|rest| rest.strip_suffix("?="));
    let decoded = encoded.and_then(|encoded| String::from_utf8(STANDARD.decode(encoded).ok()?).ok());
    decoded.unwrap_or_else(|| text.to_owned())
}

/// Notes `mcp` in path and host. Alone it is weak evidence, because pages about MCP have it, too; in a request that has
/// the form of a call it is strong.
fn note_mcp_names(head: &Head<'_>, call: bool, signals: &mut Signals) {
    if head.path.as_bytes().windows(3).any(|w| w.eq_ignore_ascii_case(b"mcp"))
        && head.path.split('/').any(|segment| segment.eq_ignore_ascii_case("mcp"))
    {
        signals.note(if call { &e::MCP_PATH_CALL } else { &e::MCP_PATH });
    }
    if head.host.contains("mcp") && head.host.split(['.', '-']).any(|label| label == "mcp") {
        signals.note(if call { &e::MCP_HOST_CALL } else { &e::MCP_HOST });
    }
}

/// The POST endpoints of the two SDKs' HTTP+SSE transport.
fn is_message_endpoint(head: &Head<'_>) -> bool {
    let last = head.path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    matches!(last, "message" | "messages") && stream_session(head.query).is_some()
}

/// The session in a query: by it the posts of the HTTP+SSE transport (2024-11-05) find their stream.
pub fn stream_session(query: Option<&str>) -> Option<&str> {
    query?.split('&').find_map(|pair| {
        let (key, value) = pair.split_once('=')?;
        let is = |name: &str| key.eq_ignore_ascii_case(name);
        ((is("session_id") || is("sessionId")) && !value.is_empty()).then_some(value)
    })
}

/// What a request asks to get back: the media types of its `Accept`, and whether a person is opening a page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Accepts {
    /// `application/json` is accepted.
    pub json: bool,
    /// `text/event-stream` is accepted.
    pub event_stream: bool,
    /// `text/html` is accepted.
    pub html: bool,
    /// `application/mcp-server-card+json`, which describes an MCP server, is accepted.
    pub server_card: bool,
    /// `Sec-Fetch-Mode` is `navigate`: a person opens this address in a browser.
    pub navigates: bool,
}

impl Accepts {
    /// Reads a request's headers.
    pub fn of(headers: &HeaderMap) -> Self {
        let mut accepts = Self::default();
        for (name, value) in headers {
            match name.as_str() {
                "accept" => value.as_bytes().split(|b| *b == b',').for_each(|range| accepts.add(range)),
                "sec-fetch-mode" => accepts.navigates |= value == "navigate",
                _ => {}
            }
        }
        accepts
    }

    fn add(&mut self, range: &[u8]) {
        let media = media_type(range);
        self.json |= media.eq_ignore_ascii_case(b"application/json");
        self.event_stream |= media.eq_ignore_ascii_case(b"text/event-stream");
        self.html |= media.eq_ignore_ascii_case(b"text/html");
        self.server_card |= media.eq_ignore_ascii_case(b"application/mcp-server-card+json");
    }
}

fn tokens(value: &HeaderValue) -> impl Iterator<Item = &str> {
    value.to_str().unwrap_or_default().split(',').map(str::trim)
}

/// A media type or range without its parameters.
fn media_type(value: &[u8]) -> &[u8] {
    let end = value.iter().position(|b| *b == b';').unwrap_or(value.len());
    value.get(..end).unwrap_or_default().trim_ascii()
}

/// True for JSON media types.
pub fn is_json(value: Option<&HeaderValue>) -> bool {
    let media = value.map(|value| media_type(value.as_bytes())).unwrap_or_default();
    let suffix = media.len().checked_sub(5).and_then(|at| media.get(at..));
    media.eq_ignore_ascii_case(b"application/json")
        || media.eq_ignore_ascii_case(b"application/json-rpc")
        || suffix.is_some_and(|suffix| suffix.eq_ignore_ascii_case(b"+json"))
}

fn starts_with_any(text: &[u8], starts: &[&str]) -> bool {
    starts
        .iter()
        .any(|start| text.get(..start.len()).is_some_and(|head| head.eq_ignore_ascii_case(start.as_bytes())))
}

#[cfg(test)]
mod tests;
