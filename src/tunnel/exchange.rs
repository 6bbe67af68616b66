//! One request to its answer: guard, inspect, judge, then forward or answer, and record.

use std::sync::Arc;
use std::time::Instant;

use http::request::Parts;
use http::{Request, Response, Uri};
use http_body::Body as _;
use hyper::body::Incoming;
use uuid::Uuid;

use super::hold::{self, Outcome, Readers};
use super::record::Seen;
use super::watch::{Open, Watched};
use super::{Judged, Tunnel, reply, upgrade};
use crate::event::Verdict;
use crate::http::{Body, Outgoing, fields, guard};
use crate::inspect::{self, ResponseScan};
use crate::journal::Receipt;
use crate::rules;
use crate::telemetry::labels::{Direction, Limit, Reason};

/// Serves one request.
pub async fn exchange(tunnel: Arc<Tunnel>, mut request: Request<Incoming>) -> Response<Body> {
    let mut seen = Seen::start(&request);
    if let Err(ambiguous) = guard::check(&request, &tunnel.destination) {
        let reason = Reason { reason: ambiguous.as_str() };
        tunnel.gateway.metrics.framing_refused.get_or_create(&reason).inc();
        seen.error = Some(format!("client: {ambiguous}"));
        return reply::ambiguous(&tunnel, seen, &request, ambiguous);
    }
    if !tunnel.gateway.journal.accepts() {
        return reply::unrecorded(&tunnel, seen, request.headers());
    }
    let upgrading = fields::upgrade_of(request.headers()).map(|_| hyper::upgrade::on(&mut request));
    let (parts, incoming) = request.into_parts();
    let mut judged = tunnel.judged();
    let body = inspect_request(&tunnel, &mut judged, &mut seen, &parts, incoming).await;
    if seen.action.answers() {
        return reply::refuse(&tunnel, seen, &parts).await;
    }
    if let Some(client) = upgrading {
        return upgrade::forward(tunnel, seen, parts, client).await;
    }
    forward(tunnel, judged, seen, parts, body).await
}

/// Looks at head and body as far as a rule could need them, and judges.
async fn inspect_request(
    tunnel: &Tunnel,
    judged: &mut Judged,
    seen: &mut Seen,
    parts: &Parts,
    incoming: Incoming,
) -> Outgoing {
    let Judged { ruling, evaluation, approved } = judged;
    let (path, query) = (parts.uri.path(), parts.uri.query());
    let host = tunnel.destination.host.as_ref();
    let (method, headers) = (&parts.method, &parts.headers);
    seen.signals = inspect::head::read(&inspect::head::Head { method, host, path, query, headers });
    ruling.rules.head(evaluation, &rules::Head { method, path, query, headers });
    if incoming.is_end_stream() {
        ruling.rules.mcp(evaluation, &seen.signals, true);
        ruling.rules.body(evaluation, &[], true);
        seen.action = ruling.policy.judge(&ruling.rules.matches(evaluation), approved.as_ref());
        return Outgoing::empty();
    }
    ruling.rules.mcp(evaluation, &seen.signals, false);
    seen.action = ruling.policy.judge(&ruling.rules.matches(evaluation), approved.as_ref());
    let wants = ruling.rules.wants(evaluation);
    // What the head gives away still lacks the method, the tool and the id that an answer must carry.
    let suspected = approved.is_none() && !seen.signals.seen.is_empty();
    let needed = wants.body || wants.mcp || suspected;
    if !needed || fields::upgrade_of(headers).is_some() {
        if seen.action.answers() {
            return Outgoing::empty();
        }
        let (body, late) = hold::stream(incoming, headers, &seen.signals);
        seen.late = Some(late);
        return body;
    }
    let readers = Readers { rules: &ruling.rules, evaluation, signals: &mut seen.signals };
    let since = Instant::now();
    let held = hold::hold(incoming, headers, &tunnel.gateway.limits, readers).await;
    seen.hold_us = Some(hold::held_us(since));
    (seen.held_bytes, seen.payload, seen.late) = (held.bytes, held.payload, held.rest);
    let direction = Direction { direction: "request" };
    tunnel.gateway.metrics.inspected.get_or_create(&direction).inc_by(held.bytes);
    ruling.rules.mcp(evaluation, &seen.signals, true);
    seen.action = ruling.policy.judge(&ruling.rules.matches(evaluation), approved.as_ref());
    match held.outcome {
        Outcome::Inspected => {}
        Outcome::Broken => seen.error = Some("client: the request's body broke off".to_owned()),
        Outcome::Uninspectable(obstacle) => {
            tunnel.gateway.metrics.truncated.get_or_create(&Limit { limit: obstacle.word }).inc();
            if approved.is_none() {
                let so_far = seen.action.clone();
                seen.action = ruling.policy.judge_uninspectable(so_far, obstacle.sentence);
            }
        }
    }
    held.body
}

async fn forward(
    tunnel: Arc<Tunnel>,
    mut judged: Judged,
    mut seen: Seen,
    parts: Parts,
    body: Outgoing,
) -> Response<Body> {
    let asker = reply::asker(&parts, &seen.signals);
    let request = outbound(parts, body);
    let sent = tunnel.origin.send(request).await;
    seen.connected = Some(tunnel.origin.connected());
    let response = match sent {
        Ok(response) => response,
        Err(fault) => return reply::fault(&tunnel, seen, &asker, &fault).await,
    };
    let (mut head, incoming) = response.into_parts();
    fields::strip_response(&mut head.headers);
    seen.answered(head.status.as_u16(), &head.headers);
    let known = seen.signals.seen.len();
    let scan = ResponseScan::new(head.status, &head.headers, &mut seen.signals);
    if seen.signals.seen.len() > known {
        judged.ruling.rules.mcp(&mut judged.evaluation, &seen.signals, true);
        rejudge(&mut judged, &mut seen);
        if seen.action.answers() {
            drop(incoming);
            return reply::refuse_with(&tunnel, seen, &asker).await;
        }
    }
    let id = Uuid::now_v7();
    let receipt = match store(&tunnel, &seen, id).await {
        Ok(receipt) => receipt,
        Err(refused) => return reply::journal_full(&tunnel, seen, &asker, refused),
    };
    let open = Open { tunnel, seen, id, receipt, scan };
    if incoming.is_end_stream() {
        open.close(0);
        return Response::from_parts(head, Body::Empty);
    }
    Response::from_parts(head, Body::Stream(Box::pin(Watched::new(incoming, open))))
}

/// A detection is on disk before the client sees the answer's head.
pub async fn store(
    tunnel: &Tunnel,
    seen: &Seen,
    id: Uuid,
) -> Result<Option<Receipt>, crate::journal::Refused> {
    if !seen.action.verdict.is_detection() {
        return Ok(None);
    }
    tunnel.gateway.journal.append_durable(seen.event(tunnel, id, 0)).await.map(Some)
}

/// The request as the origin gets it: no connection fields, a target that fits the protocol.
pub fn outbound(mut parts: Parts, body: Outgoing) -> Request<Outgoing> {
    fields::strip_request(&mut parts.headers);
    if parts.version <= http::Version::HTTP_11
        && let Some(target) = parts.uri.path_and_query().filter(|_| parts.uri.authority().is_some())
    {
        parts.uri = Uri::from(target.clone());
    }
    Request::from_parts(parts, body)
}

/// Judges again after signals were added while bodies streamed by: too late to answer, in time to record.
pub fn reconsider(tunnel: &Tunnel, seen: &mut Seen) {
    let mut judged = tunnel.judged();
    judged.ruling.rules.mcp(&mut judged.evaluation, &seen.signals, true);
    rejudge(&mut judged, seen);
    if seen.action.answers() {
        let reason = format!("{}; seen only after the exchange had passed", seen.action.reason);
        (seen.action.verdict, seen.action.reason) = (Verdict::Log, reason.into());
    }
}

fn rejudge(judged: &mut Judged, seen: &mut Seen) {
    let matches = judged.ruling.rules.matches(&judged.evaluation);
    let action = judged.ruling.policy.judge(&matches, judged.approved.as_ref());
    if action.verdict > seen.action.verdict {
        seen.action = action;
    }
}
