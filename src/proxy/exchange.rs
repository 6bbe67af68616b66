//! One request to its answer: guard, inspect, judge, then forward or answer, and record.

use std::sync::Arc;
use std::time::Instant;

use http::header::{CONTENT_TYPE, EXPECT};
use http::request::Parts;
use http::{HeaderMap, Request, Response};
use http_body::Body as _;
use hyper::body::Incoming;

use super::hold::{self, Outcome, Readers};
use super::record::Seen;
use super::watch::Watched;
use super::{Tunnel, reply, streams, upgrade};
use crate::detect::inspect::head::Accepts;
use crate::detect::inspect::{self, Obstacle, ResponseScan};
use crate::detect::rules;
use crate::telemetry::labels::{Limit, Reason};
use crate::wire::http::{Body, OriginFault, Outgoing, fields, guard};

/// Serves one request.
///
/// Steps that few requests take are boxed, so that the others do not carry their room.
pub async fn exchange(tunnel: Arc<Tunnel>, mut request: Request<Incoming>) -> Response<Body> {
    let mut seen = Seen::start(tunnel, &request);
    if let Err(ambiguous) = guard::check(&request, &seen.tunnel.destination) {
        let reason = Reason { reason: ambiguous.as_str() };
        seen.gateway().metrics.framing_refused.get_or_create(&reason).inc();
        return reply::ambiguous(seen, &request, ambiguous);
    }
    if !seen.gateway().journal.accepts() {
        return reply::unrecorded(seen, request.headers());
    }
    let upgrading = upgrade::wanted(&mut request);
    let (parts, incoming) = request.into_parts();
    let body = match inspect_request(&mut seen, &parts, incoming).await {
        Ok(body) => body,
        Err(broken) => {
            let asker = seen.asker();
            return Box::pin(reply::fault(seen, &asker, &broken)).await;
        }
    };
    if seen.action.answers() {
        // Who waits for `100 Continue` sends nothing when it does not come.
        if !parts.headers.contains_key(EXPECT) {
            Box::pin(body.drain()).await;
        }
        let asker = seen.asker();
        return Box::pin(reply::refuse(seen, &asker)).await;
    }
    match upgrading {
        Some(client) => Box::pin(upgrade::forward(seen, parts, client)).await,
        None => forward(seen, parts, body).await,
    }
}

/// Looks at head and body as far as a rule could need them, and judges; the error is a body that broke off.
async fn inspect_request(
    seen: &mut Seen,
    parts: &Parts,
    incoming: Incoming,
) -> Result<Outgoing, OriginFault> {
    look_at_head(seen, parts);
    if incoming.is_end_stream() {
        seen.evaluation.end(&seen.signals);
        seen.judge();
        return Ok(Outgoing::empty());
    }
    seen.evaluation.learn(&seen.signals);
    if wants_body(seen, &parts.headers) {
        return Box::pin(hold_body(seen, &parts.headers, incoming)).await;
    }
    seen.judge();
    let (body, late) = hold::stream(incoming, &parts.headers, &seen.signals, &seen.tunnel.gateway.held);
    seen.late = Some(late);
    Ok(body)
}

fn look_at_head(seen: &mut Seen, parts: &Parts) {
    seen.clock_rules(true);
    let (path, query) = (parts.uri.path(), parts.uri.query());
    let host = seen.tunnel.destination.host.as_ref();
    let (method, headers) = (&parts.method, &parts.headers);
    seen.accepts = Accepts::of(headers);
    let head = inspect::head::Head { method, host, path, query, headers, accepts: seen.accepts };
    seen.signals = inspect::head::read(&head);
    seen.evaluation.head(&rules::Head { method, path, query, headers });
}

/// True when a rule, or the answer to a suspected call, needs something of the body.
fn wants_body(seen: &Seen, headers: &HeaderMap) -> bool {
    let wants = seen.evaluation.wants();
    // What the head gives away still lacks the method, the tool and the id that an answer must carry.
    let suspected = seen.judged.approved.is_none() && !seen.signals.evidence.is_empty();
    wants.body || ((wants.mcp || suspected) && !is_grpc(headers))
}

/// The client of a gRPC stream may wait for the response before it sends anything; its frames are no JSON.
fn is_grpc(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|media| media.as_bytes().starts_with(b"application/grpc"))
}

async fn hold_body(
    seen: &mut Seen,
    headers: &HeaderMap,
    incoming: Incoming,
) -> Result<Outgoing, OriginFault> {
    seen.clock_rules(false);
    let gateway = Arc::clone(&seen.tunnel.gateway);
    let readers = Readers {
        evaluation: &mut seen.evaluation,
        signals: &mut seen.signals,
        payload: seen.judged.ruling.keeps_payloads,
    };
    let since = Instant::now();
    let held = hold::hold(incoming, headers, &gateway, readers).await;
    seen.hold_us = Some(hold::held_us(since));
    seen.clock_rules(true);
    (seen.held_bytes, seen.payload, seen.late) = (held.bytes, held.payload, held.rest);
    gateway.metrics.inspected_up.inc_by(held.bytes);
    seen.judge();
    match held.outcome {
        Outcome::Inspected => Ok(held.body),
        Outcome::Broken(why) => Err(OriginFault::RequestBody(why)),
        Outcome::Uninspectable(obstacle) => {
            uninspectable(seen, obstacle);
            Ok(held.body)
        }
    }
}

fn uninspectable(seen: &mut Seen, obstacle: &'static Obstacle) {
    seen.gateway().metrics.truncated.get_or_create(&Limit { limit: obstacle.word }).inc();
    if seen.judged.approved.is_none() {
        let so_far = seen.action.clone();
        seen.action = seen.judged.ruling.policy.judge_uninspectable(so_far, obstacle.sentence);
    }
}

async fn forward(mut seen: Box<Seen>, parts: Parts, body: Outgoing) -> Response<Body> {
    let asker = seen.asker();
    seen.decided();
    let sent = seen.tunnel.origin.send(outbound(parts, body)).await;
    seen.connected = Some(seen.tunnel.origin.connected());
    let response = match sent {
        Ok(response) => response,
        Err(fault) => return Box::pin(reply::fault(seen, &asker, &fault)).await,
    };
    let (mut head, incoming) = response.into_parts();
    fields::strip_response(&mut head.headers);
    seen.answered(head.status.as_u16(), &head.headers);
    let known = seen.signals.evidence.len();
    let scan = ResponseScan::new(head.status, &head.headers, &mut seen.signals);
    if seen.signals.evidence.len() > known {
        seen.rejudge();
        if seen.action.answers() {
            drop(incoming);
            return Box::pin(reply::refuse(seen, &asker)).await;
        }
    }
    if let Err(refused) = seen.store().await {
        return reply::journal_full(seen, &asker, refused);
    }
    if incoming.is_end_stream() {
        seen.close();
        return Response::from_parts(head, Body::Empty);
    }
    let body = streams::body(&head.headers, Watched::new(incoming, seen, scan));
    Response::from_parts(head, body)
}

/// The request as the origin gets it: no fields that concern the client's connection only.
pub fn outbound(mut parts: Parts, body: Outgoing) -> Request<Outgoing> {
    fields::strip_request(&mut parts.headers);
    Request::from_parts(parts, body)
}
