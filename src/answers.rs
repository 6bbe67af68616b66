//! Answers the gateway makes up itself, in the form that the asking program can show to a person.
//!
//! An MCP client gets a JSON-RPC error with its request's id, a browser a page, everything else a sentence; all carry
//! `Proxy-Status` (RFC 9209) and are never cached.

pub(crate) mod origin;
pub(crate) mod page;

use askama::Template;
use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, CONTENT_TYPE, HeaderName, LOCATION, PROXY_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderValue, Method, Response, StatusCode};
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::detect::inspect::head::Accepts;
use crate::detect::inspect::{Signals, Strength};
use page::Page;

const PROXY_STATUS: HeaderName = HeaderName::from_static("proxy-status");

/// JSON-RPC error code of a refusal. The specification keeps -32020..-32099 for itself and leaves codes outside
/// -32768..-32000 to applications (JSON-RPC 2.0, section 5.1).
pub(crate) const REFUSED_CODE: i64 = -31_403;
/// JSON-RPC error code of a failure on the way to the server.
pub(crate) const FAILED_CODE: i64 = -31_502;

/// The kind of program that asks, which decides the form of the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Asker {
    /// An MCP client, or another one that speaks JSON-RPC.
    Mcp(Expected),
    /// A person's browser; `follows` when it asked with a method that may be sent elsewhere.
    Browser {
        /// True for GET and HEAD.
        follows: bool,
    },
    /// Anything else.
    Other,
}

/// The answer that a JSON-RPC client waits for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Expected {
    /// The ids of its calls as JSON text; empty when it sent none that is answered.
    pub ids: Vec<String>,
    /// True when it sent a batch, which is answered with an array.
    pub batch: bool,
    /// True when it reads the answer from the response to its POST: Streamable HTTP. A client of HTTP+SSE reads it from
    /// a stream that it opened before.
    pub inline: bool,
}

impl Expected {
    fn of(method: &Method, accepts: Accepts, signals: &Signals) -> Self {
        let ids: Vec<String> = signals.ids().map(str::to_owned).collect();
        let waits = ids.iter().any(|id| as_sent(id).get() != RawValue::NULL.get());
        let inline = waits && *method == Method::POST && accepts.event_stream;
        Self { ids, batch: signals.batch, inline }
    }

    /// The SDKs show the text of an error that comes with 200. With no call to answer, 200 would say that all is well:
    /// a client that asked for a stream would ask again every second, and one on HTTP+SSE would wait for its answer.
    fn status(&self) -> StatusCode {
        if self.inline { StatusCode::OK } else { StatusCode::FORBIDDEN }
    }
}

impl Asker {
    /// Tells who asks from a request's head and what inspection saw.
    pub(crate) fn of(method: &Method, accepts: Accepts, signals: &Signals) -> Self {
        if signals.ids().next().is_some() || signals.strength() >= Strength::Strong {
            return Self::Mcp(Expected::of(method, accepts, signals));
        }
        if accepts.navigates || accepts.html {
            return Self::Browser { follows: matches!(*method, Method::GET | Method::HEAD) };
        }
        Self::Other
    }
}

/// A decision that is answered in place of the origin.
#[derive(Clone, Debug)]
pub(crate) struct Refusal<'a> {
    /// True for `redirect`, false for `block`.
    pub redirect: bool,
    /// The host that was asked for.
    pub host: &'a str,
    /// The rule that decided.
    pub rule_id: Option<&'a str>,
    /// The rule's reason.
    pub reason: &'a str,
    /// The event's id, to quote to the people in charge.
    pub event_id: String,
    /// Where to go instead.
    pub portal: Option<&'a str>,
}

impl Refusal<'_> {
    /// What a person reads in an MCP client.
    fn sentence(&self) -> String {
        let Self { host, reason, event_id, .. } = self;
        let stopped = format!("Your company's gateway did not let this call to {host} through ({reason}).");
        // No rule decided: the body could not be read, and the portal would not help with that.
        match self.portal.filter(|_| self.rule_id.is_some()) {
            Some(portal) => format!("{stopped} Connect to the approved portal instead: {portal}"),
            None => format!("{stopped} Ask your security team and quote event {event_id}."),
        }
    }
}

/// The answer to a blocked or redirected exchange.
pub(crate) fn refusal(asker: &Asker, refusal: &Refusal<'_>) -> Response<Bytes> {
    let detail = format!("rule={}; event={}", refusal.rule_id.unwrap_or("policy"), refusal.event_id);
    match asker {
        Asker::Mcp(expected) => {
            let data = json!({
                "verdict": if refusal.redirect { "redirect" } else { "block" },
                "rule": refusal.rule_id,
                "portal": refusal.portal,
                "event": refusal.event_id,
            });
            let body = rpc_error(expected, REFUSED_CODE, &refusal.sentence(), &data);
            finish(expected.status(), "application/json", body, "http_request_denied", &detail)
        }
        Asker::Browser { follows: true } if refusal.redirect && refusal.portal.is_some() => {
            let portal = refusal.portal.unwrap_or_default();
            let mut answer = finish(
                StatusCode::TEMPORARY_REDIRECT,
                "text/plain; charset=utf-8",
                format!("{}\n", refusal.sentence()),
                "http_request_denied",
                &detail,
            );
            if let Ok(location) = HeaderValue::from_str(portal) {
                answer.headers_mut().insert(LOCATION, location);
            }
            answer
        }
        Asker::Browser { .. } => {
            let page = Page {
                title: "This request was stopped",
                lead: "The gateway of your company did not let it through.",
                host: refusal.host,
                reason: refusal.reason,
                rule: refusal.rule_id,
                event: Some(&refusal.event_id),
                portal: refusal.portal,
                advice: "If you need this for your work, ask your security team and quote the event number.",
            };
            html(StatusCode::FORBIDDEN, &page, "http_request_denied", &detail)
        }
        Asker::Other => finish(
            StatusCode::FORBIDDEN,
            "text/plain; charset=utf-8",
            format!("{}\n", refusal.sentence()),
            "http_request_denied",
            &detail,
        ),
    }
}

/// What went wrong on the way, and whose fault it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault<'a> {
    /// Status for the client.
    pub status: StatusCode,
    /// Error type of RFC 9209, section 2.3.
    pub kind: &'static str,
    /// What happened, as a sentence.
    pub sentence: String,
    /// What to do about it.
    pub advice: &'static str,
    /// The host that was asked for.
    pub host: &'a str,
}

/// The answer to an exchange that failed.
pub(crate) fn fault(asker: &Asker, fault: &Fault<'_>) -> Response<Bytes> {
    match asker {
        Asker::Mcp(expected) => {
            let message = format!("{} cannot be reached: {}. {}", fault.host, fault.sentence, fault.advice);
            let data = json!({ "error": fault.kind, "host": fault.host });
            let body = rpc_error(expected, FAILED_CODE, &message, &data);
            finish(fault.status, "application/json", body, fault.kind, &fault.sentence)
        }
        Asker::Browser { .. } => {
            let page = Page {
                title: "This page cannot be reached",
                lead: "The gateway of your company tried, and this is what happened.",
                host: fault.host,
                reason: &fault.sentence,
                rule: None,
                event: None,
                portal: None,
                advice: fault.advice,
            };
            html(fault.status, &page, fault.kind, &fault.sentence)
        }
        Asker::Other => {
            let body = format!("daylight: {}: {}. {}\n", fault.host, fault.sentence, fault.advice);
            finish(fault.status, "text/plain; charset=utf-8", body, fault.kind, &fault.sentence)
        }
    }
}

/// The same answer for the stream that a client of HTTP+SSE (2024-11-05) reads: an event for each call that waits.
pub(crate) fn events(asker: &Asker, answer: &[u8]) -> Option<Bytes> {
    let Asker::Mcp(Expected { ids, batch, inline: false }) = asker else { return None };
    if ids.is_empty() {
        return None;
    }
    let one = |body| serde_json::from_slice::<&RawValue>(body).map(|message| vec![message]);
    let messages = if *batch { serde_json::from_slice(answer) } else { one(answer) };
    // JSON text without white space has no line ends.
    let event = |message: &RawValue| format!("event: message\ndata: {}\n\n", message.get());
    messages.ok().map(|messages| messages.into_iter().map(event).collect::<String>().into())
}

/// The answer while nothing can be recorded and so nothing may pass.
pub(crate) fn unrecorded(asker: &Asker, host: &str) -> Response<Bytes> {
    let refused = Fault {
        status: StatusCode::SERVICE_UNAVAILABLE,
        kind: "proxy_internal_error",
        sentence: "the gateway cannot record traffic at the moment and lets none pass".into(),
        advice: "Tell the administrator: the disk of the gateway's event journal is full or broken.",
        host,
    };
    fault(asker, &refused)
}

/// Asks for proxy credentials (RFC 9110, section 15.5.8).
pub(crate) fn log_in(asker: &Asker) -> Response<Bytes> {
    let mut answer = fault(
        asker,
        &Fault {
            status: StatusCode::PROXY_AUTHENTICATION_REQUIRED,
            kind: "http_request_denied",
            sentence: "this gateway needs a user name and password".into(),
            advice: "Put them into the proxy setting: http://USER:PASSWORD@gateway:8080.",
            host: "the gateway",
        },
    );
    let challenge = HeaderValue::from_static("Basic realm=\"daylight\", charset=\"UTF-8\"");
    answer.headers_mut().insert(PROXY_AUTHENTICATE, challenge);
    answer
}

/// A JSON-RPC error response (JSON-RPC 2.0, section 5). MCP leaves the id out where there is no call to answer.
#[derive(Serialize)]
struct RpcError<'a> {
    jsonrpc: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a RawValue>,
    error: &'a Value,
}

fn rpc_error(expected: &Expected, code: i64, message: &str, data: &Value) -> String {
    let error = json!({ "code": code, "message": message, "data": data });
    let answer = |id| RpcError { jsonrpc: "2.0", id, error: &error };
    let mut ids = expected.ids.iter().map(|id| as_sent(id));
    let body = if expected.batch && !expected.ids.is_empty() {
        serde_json::to_string(&ids.map(|id| answer(Some(id))).collect::<Vec<_>>())
    } else {
        serde_json::to_string(&answer(ids.next()))
    };
    // Strings and checked JSON text always serialise.
    body.unwrap_or_default()
}

/// An id as the text in which it came: a large number must not turn into another one.
fn as_sent(id: &str) -> &RawValue {
    serde_json::from_str(id).unwrap_or(RawValue::NULL)
}

fn html(status: StatusCode, page: &Page<'_>, kind: &'static str, detail: &str) -> Response<Bytes> {
    // Rendering into a string only fails when a filter does, and the page has none.
    let body = page.render().unwrap_or_default();
    let mut answer = finish(status, "text/html; charset=utf-8", body, kind, detail);
    let policy = HeaderValue::from_static(page::CONTENT_SECURITY_POLICY);
    answer.headers_mut().insert("content-security-policy", policy);
    answer
}

fn finish(
    status: StatusCode,
    media: &'static str,
    body: String,
    kind: &'static str,
    detail: &str,
) -> Response<Bytes> {
    let mut answer = Response::new(Bytes::from(body));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let proxy_status = format!("daylight; error={kind}; details=\"{}\"", sf_string(detail));
    if let Ok(value) = HeaderValue::from_str(&proxy_status) {
        headers.insert(PROXY_STATUS, value);
    }
    answer
}

/// Text for a structured-field string (RFC 8941, section 3.3.3): printable ASCII, quotes and backslashes escaped.
fn sf_string(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars().take(200) {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            ' '..='~' => out.push(c),
            _ => out.push('?'),
        }
    }
    out
}

#[cfg(test)]
mod tests;
