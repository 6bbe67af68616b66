//! WebSockets over HTTP/1.1: passed through as bytes, counted, recorded at both ends.

use http::header::UPGRADE;
use http::request::Parts;
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use std::sync::Arc;

use super::exchange::outbound;
use super::record::Seen;
use super::reply;
use super::splice::failure;
use super::watch::Watched;
use crate::store::event::Failure;
use crate::verdict::Blame;
use crate::wire::http::{Body, Outgoing, fields};
use crate::wire::net::splice::{Ended, splice};

/// The client's half of an upgrade. Only a WebSocket is one, and only without a body: every other protocol would be a
/// tunnel that nobody can read, so the request goes on without it (RFC 9110, section 7.8, lets a server ignore it).
pub fn wanted(request: &mut Request<Incoming>) -> Option<OnUpgrade> {
    let protocol = fields::upgrade_of(request.headers())?;
    if protocol.as_bytes().eq_ignore_ascii_case(b"websocket")
        && http_body::Body::is_end_stream(request.body())
    {
        return Some(hyper::upgrade::on(request));
    }
    request.headers_mut().remove(UPGRADE);
    None
}

/// Forwards an upgrade; when the origin agrees, the bytes flow in a task of their own.
pub async fn forward(mut seen: Box<Seen>, parts: Parts, client: OnUpgrade) -> Response<Body> {
    let asker = seen.asker();
    seen.decided();
    let sent = seen.tunnel.origin.send(outbound(parts, Outgoing::empty())).await;
    seen.connected = Some(seen.tunnel.origin.connected());
    let mut response = match sent {
        Ok(response) => response,
        Err(fault) => return reply::fault(seen, &asker, &fault).await,
    };
    seen.answered(response.status().as_u16(), response.headers());
    let origin = hyper::upgrade::on(&mut response);
    if let Err(refused) = seen.store().await {
        return reply::journal_full(seen, &asker, refused);
    }
    let (mut head, incoming) = response.into_parts();
    if head.status != StatusCode::SWITCHING_PROTOCOLS {
        fields::strip_response(&mut head.headers);
        return Response::from_parts(head, Body::Stream(Box::pin(Watched::new(incoming, seen, None))));
    }
    let tasks = seen.gateway().tasks.clone();
    tasks.spawn(pass(seen, client, origin));
    Response::from_parts(head, Body::Empty)
}

async fn pass(mut seen: Box<Seen>, client: OnUpgrade, origin: OnUpgrade) {
    let (client, origin) = match tokio::try_join!(client, origin) {
        Ok(both) => both,
        Err(error) => {
            let what = format_args!("the upgrade failed: {error}");
            seen.failure = Some(Failure::new(Blame::Client, what));
            return seen.close();
        }
    };
    let gateway = Arc::clone(&seen.tunnel.gateway);
    let idle = gateway.limits.splice_idle;
    let (mut client, mut origin) = (TokioIo::new(client), TokioIo::new(origin));
    let (copied, ended) = splice(&mut client, &mut origin, idle, gateway.tasks.cutting()).await;
    if matches!(ended, Ended::Idle) {
        gateway.metrics.limit("splice_idle_ms");
    }
    seen.failure = failure(&ended);
    seen.held_bytes += copied.up;
    seen.bytes_down += copied.down;
    seen.close();
}
