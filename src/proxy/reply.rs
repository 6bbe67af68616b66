//! Answers of our own, each with its event and its counters.

use http::{HeaderMap, Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use uuid::Uuid;

use super::record::Seen;
use super::splice::tunnel_event;
use super::{Client, Gateway, Tunnel, streams};
use crate::answers::{self, Asker, Fault, Refusal};
use crate::clock::now_us;
use crate::detect::inspect::Signals;
use crate::detect::inspect::head::Accepts;
use crate::host::Destination;
use crate::host::destination::BadDestination;
use crate::identity::LoginError;
use crate::policy::Action;
use crate::setup::{self, Reached};
use crate::store::event::{Event, Failure};
use crate::store::journal::Refused;
use crate::telemetry::labels::{Kind, Reason};
use crate::verdict::{Blame, Verdict};
use crate::wire::http::guard::Ambiguous;
use crate::wire::http::{Body, OriginFault};
use crate::wire::net::DialError;
use crate::wire::tls::VerifyError;

/// Answers a blocked or redirected request; the detection is stored first.
pub async fn refuse(mut seen: Box<Seen>, asker: &Asker) -> Response<Body> {
    let answer = answers::refusal(
        asker,
        &Refusal {
            redirect: seen.action.verdict == Verdict::Redirect,
            host: &seen.tunnel.destination.host,
            rule_id: seen.action.decisive.as_deref(),
            reason: &seen.action.reason,
            event_id: seen.id().to_string(),
            portal: seen.judged.ruling.policy.portal.as_deref(),
        },
    );
    seen.decided();
    note(&mut seen, &answer);
    match seen.store().await {
        Ok(()) => {
            streams::repeat(&seen, asker, answer.body());
            seen.close();
            answer.map(Body::from)
        }
        Err(refused) => journal_full(seen, asker, refused),
    }
}

/// Answers a request that the origin did not.
pub async fn fault(mut seen: Box<Seen>, asker: &Asker, origin: &OriginFault) -> Response<Body> {
    count_limit(seen.gateway(), origin);
    let fault = describe(origin, &seen.tunnel.destination.host);
    let is_the_clients = matches!(origin, OriginFault::RequestBody(_));
    let blame = if is_the_clients { Blame::Client } else { Blame::Origin };
    seen.failure = Some(Failure::new(blame, &fault.sentence));
    seen.gateway().metrics.faults.get_or_create(&Kind { kind: fault.kind }).inc();
    let answer = answers::fault(asker, &fault);
    note(&mut seen, &answer);
    // A detection that cannot be stored is still an answer that says what happened.
    if seen.store().await.is_err() {
        seen.gateway().metrics.limit("journal");
    }
    seen.close();
    answer.map(Body::from)
}

/// Refuses a request that two parsers could read differently.
pub fn ambiguous(mut seen: Box<Seen>, request: &Request<Incoming>, why: Ambiguous) -> Response<Body> {
    let status = match why {
        Ambiguous::Misdirected => StatusCode::MISDIRECTED_REQUEST,
        Ambiguous::Host | Ambiguous::Target => StatusCode::BAD_REQUEST,
    };
    let fault = Fault {
        status,
        kind: "http_request_error",
        sentence: why.to_string(),
        advice: "The program that sent this request has to send it correctly, on its own connection.",
        host: &seen.tunnel.destination.host,
    };
    let answer = answers::fault(&of_head(request.method(), request.headers()), &fault);
    seen.failure = Some(Failure::new(Blame::Client, why));
    seen.action = Action::because(Verdict::Block, format!("refused: {why}"));
    note(&mut seen, &answer);
    seen.close();
    answer.map(Body::from)
}

/// Refuses traffic while nothing can be recorded.
pub fn unrecorded(seen: Box<Seen>, headers: &HeaderMap) -> Response<Body> {
    journal_full(seen, &of_head(&Method::GET, headers), Refused)
}

/// Refuses an exchange whose detection could not be stored.
pub fn journal_full(seen: Box<Seen>, asker: &Asker, _refused: Refused) -> Response<Body> {
    let answer = closed(seen.gateway(), asker, &seen.tunnel.destination.host);
    seen.discard();
    answer.map(Body::from)
}

/// Refuses a CONNECT while nothing can be recorded.
pub fn closed_for_recording(gateway: &Gateway, headers: &HeaderMap) -> Response<Body> {
    closed(gateway, &of_head(&Method::CONNECT, headers), "the gateway").map(Body::from)
}

/// Asks for proxy credentials; wrong ones are worth a row, missing ones are how many clients begin.
pub fn log_in(gateway: &Gateway, client: &Client, headers: &HeaderMap, error: LoginError) -> Response<Body> {
    let answer = answers::log_in(&of_head(&Method::CONNECT, headers));
    if error == LoginError::TooMany {
        gateway.metrics.limit("failed_logins");
    }
    if error != LoginError::Missing {
        let nowhere = Destination { host: "".into(), port: 0 };
        gateway.journal.append(Event {
            status: Some(answer.status().as_u16()),
            verdict: Verdict::Block,
            reason: "the proxy login was refused".into(),
            failure: Some(Failure::new(Blame::Client, error)),
            ..tunnel_event(gateway, client, &nowhere, now_us())
        });
    }
    answer.map(Body::from)
}

/// Refuses a target that is not a destination.
pub fn bad_target(
    gateway: &Gateway,
    client: &Client,
    headers: &HeaderMap,
    bad: BadDestination,
) -> Response<Body> {
    let fault = Fault {
        status: StatusCode::BAD_REQUEST,
        kind: "http_request_error",
        sentence: bad.to_string(),
        advice: "A proxy request names a host and, after CONNECT, a port.",
        host: "the gateway",
    };
    let nowhere = Destination { host: "".into(), port: 0 };
    entry_failed(gateway, client, &nowhere, headers, &fault)
}

/// Refuses a scheme the gateway does not fetch.
pub fn bad_scheme(gateway: &Gateway, client: &Client, headers: &HeaderMap) -> Response<Body> {
    let fault = Fault {
        status: StatusCode::BAD_REQUEST,
        kind: "http_request_error",
        sentence: "only http:// targets are fetched; https:// goes through CONNECT".into(),
        advice: "Set the proxy as an HTTP proxy for both http and https.",
        host: "the gateway",
    };
    let nowhere = Destination { host: "".into(), port: 0 };
    entry_failed(gateway, client, &nowhere, headers, &fault)
}

/// Refuses a CONNECT to a port that is not on the list.
pub fn port_denied(
    gateway: &Gateway,
    client: &Client,
    to: &Destination,
    headers: &HeaderMap,
) -> Response<Body> {
    let fault = Fault {
        status: StatusCode::FORBIDDEN,
        kind: "http_request_denied",
        sentence: format!("CONNECT to port {} is not allowed", to.port),
        advice: "The administrator lists the allowed ports in destinations.connect_ports.",
        host: &to.host,
    };
    entry_failed(gateway, client, to, headers, &fault)
}

/// Answers a CONNECT whose origin could not be dialled.
pub fn dial_failed(
    gateway: &Gateway,
    client: &Client,
    to: &Destination,
    headers: &HeaderMap,
    origin: &OriginFault,
) -> Response<Body> {
    count_limit(gateway, origin);
    let fault = describe(origin, &to.host);
    entry_failed(gateway, client, to, headers, &fault)
}

fn entry_failed(
    gateway: &Gateway,
    client: &Client,
    to: &Destination,
    headers: &HeaderMap,
    fault: &Fault<'_>,
) -> Response<Body> {
    gateway.metrics.faults.get_or_create(&Kind { kind: fault.kind }).inc();
    let answer = answers::fault(&of_head(&Method::CONNECT, headers), fault);
    gateway.journal.append(Event {
        status: Some(fault.status.as_u16()),
        verdict: if fault.status == StatusCode::FORBIDDEN { Verdict::Block } else { Verdict::Allow },
        reason: fault.sentence.clone().into(),
        failure: Some(Failure::new(Blame::Client, &fault.sentence)),
        ..tunnel_event(gateway, client, to, now_us())
    });
    answer.map(Body::from)
}

/// A page for people who set up a machine.
pub fn onboarding(
    gateway: &Gateway,
    client: &Client,
    request: &Request<Incoming>,
    reached: Reached,
) -> Response<Body> {
    let asked = setup::Asked {
        method: request.method(),
        path: request.uri().path(),
        headers: request.headers(),
        reached,
        local: client.local,
    };
    let ruling = gateway.ruling.load();
    let (pac, portal) = (&ruling.pac, ruling.policy.portal.as_deref());
    let current = setup::Current { pac, portal, now: now_us() / 1_000_000 };
    gateway.onboarding.answer(&asked, &current).map(Body::from)
}

/// Records a connection that broke the protocol inside a tunnel; hyper has answered 400 or 431 already.
pub fn connection_failed(tunnel: &Tunnel, error: &hyper::Error) {
    let Some((status, word)) = broken(&tunnel.gateway, error) else { return };
    tunnel.gateway.metrics.framing_refused.get_or_create(&Reason { reason: word }).inc();
    tunnel.gateway.journal.append(Event {
        time_us: now_us(),
        id: Uuid::now_v7(),
        status,
        reason: "the request could not be read".into(),
        failure: Some(Failure::new(Blame::Client, error)),
        ..tunnel.event()
    });
}

/// Records a connection that broke the protocol on the proxy port.
pub fn front_failed(gateway: &Gateway, client: &Client, error: &hyper::Error) {
    let Some((status, word)) = broken(gateway, error) else { return };
    gateway.metrics.framing_refused.get_or_create(&Reason { reason: word }).inc();
    let nowhere = Destination { host: "".into(), port: 0 };
    gateway.journal.append(Event {
        method: None,
        status,
        reason: "the request could not be read".into(),
        failure: Some(Failure::new(Blame::Client, error)),
        ..tunnel_event(gateway, client, &nowhere, now_us())
    });
}

/// The bounded word of a TLS failure.
pub fn verify_word(error: &VerifyError) -> &'static str {
    match error {
        VerifyError::Certificate { kind, .. } => kind,
        VerifyError::Handshake(_) => "handshake",
        VerifyError::TimedOut => "timeout",
        VerifyError::Name => "name",
    }
}

/// Only a request that came and could not be read is worth a row; idle connections that end are not.
fn broken(gateway: &Gateway, error: &hyper::Error) -> Option<(Option<u16>, &'static str)> {
    if error.is_timeout() {
        // Half a head: hyper closes without an answer.
        gateway.metrics.limit("idle_ms");
        Some((None, "timeout"))
    } else if error.is_parse_too_large() {
        gateway.metrics.limit("head_bytes");
        Some((Some(431), "too_large"))
    } else if error.is_parse() {
        Some((Some(400), "malformed"))
    } else {
        None
    }
}

fn of_head(method: &Method, headers: &HeaderMap) -> Asker {
    Asker::of(method, Accepts::of(headers), &Signals::default())
}

fn closed(gateway: &Gateway, asker: &Asker, host: &str) -> Response<bytes::Bytes> {
    gateway.metrics.limit("journal");
    let fault = Fault {
        status: StatusCode::SERVICE_UNAVAILABLE,
        kind: "proxy_internal_error",
        sentence: "the gateway cannot record traffic at the moment and lets none pass".into(),
        advice: "Tell the administrator: the disk of the gateway's event journal is full or broken.",
        host,
    };
    answers::fault(asker, &fault)
}

fn note(seen: &mut Seen, answer: &Response<bytes::Bytes>) {
    seen.answered(answer.status().as_u16(), answer.headers());
    seen.bytes_down = answer.body().len() as u64;
}

fn count_limit(gateway: &Gateway, origin: &OriginFault) {
    use crate::wire::net::resolve::ResolveError;
    let limit = match origin {
        OriginFault::Dial(DialError::TimedOut | DialError::Resolve(ResolveError::TimedOut)) => "dial_ms",
        OriginFault::Tls(VerifyError::TimedOut) => "tls_ms",
        OriginFault::Silent => "response_head_ms",
        _ => return,
    };
    gateway.metrics.limit(limit);
}

/// An origin's failure in the words of RFC 9209.
fn describe<'a>(origin: &OriginFault, host: &'a str) -> Fault<'a> {
    const ORIGIN: &str = "The server or the network behind the gateway has to be repaired; try again later.";
    const CERTIFICATE: &str =
        "The server's certificate has to be repaired, or its CA added to tls.extra_roots.";
    let (status, kind, advice) = match origin {
        OriginFault::Dial(DialError::Resolve(crate::wire::net::resolve::ResolveError::TimedOut)) => {
            (504, "dns_timeout", ORIGIN)
        }
        OriginFault::Dial(DialError::Resolve(_)) => (502, "dns_error", "Check the name."),
        OriginFault::Dial(DialError::Forbidden { .. }) => {
            (403, "destination_ip_prohibited", "The administrator lists such addresses in destinations.deny.")
        }
        OriginFault::Dial(DialError::Own) => (
            403,
            "destination_ip_prohibited",
            "Ask the gateway's pages at http://daylight.internal/ instead.",
        ),
        OriginFault::Dial(DialError::Refused) => (502, "connection_refused", ORIGIN),
        OriginFault::Dial(DialError::TimedOut) => (504, "connection_timeout", ORIGIN),
        OriginFault::Dial(DialError::Network(_)) => (502, "destination_ip_unroutable", ORIGIN),
        OriginFault::Tls(VerifyError::Certificate { .. } | VerifyError::Name) => {
            (502, "tls_certificate_error", CERTIFICATE)
        }
        OriginFault::Tls(VerifyError::Handshake(_)) => (502, "tls_protocol_error", ORIGIN),
        OriginFault::Tls(VerifyError::TimedOut) => (504, "connection_timeout", ORIGIN),
        OriginFault::Http(_) => (502, "http_protocol_error", ORIGIN),
        OriginFault::Incomplete(_) => (502, "http_response_incomplete", ORIGIN),
        OriginFault::Silent => (504, "http_response_timeout", ORIGIN),
        OriginFault::RequestBody(_) => (400, "http_request_error", "Send the whole request body."),
    };
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
    Fault { status, kind, sentence: origin.to_string(), advice, host }
}
