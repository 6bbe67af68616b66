//! Upgraded connections (WebSocket over HTTP/1.1): passed through as bytes, counted, recorded at both ends.

use std::sync::Arc;

use http::request::Parts;
use http::{Response, StatusCode};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use uuid::Uuid;

use super::exchange::{outbound, store};
use super::record::Seen;
use super::watch::Open;
use super::{Tunnel, reply};
use crate::http::{Body, Outgoing, fields};
use crate::net::splice::{Ended, splice};

/// Forwards an upgrade; when the origin agrees, the bytes flow in a task of their own.
pub async fn forward(tunnel: Arc<Tunnel>, mut seen: Seen, parts: Parts, client: OnUpgrade) -> Response<Body> {
    let asker = reply::asker(&parts, &seen.signals);
    let sent = tunnel.origin.send(outbound(parts, Outgoing::empty())).await;
    seen.connected = Some(tunnel.origin.connected());
    let mut response = match sent {
        Ok(response) => response,
        Err(fault) => return reply::fault(&tunnel, seen, &asker, &fault).await,
    };
    seen.answered(response.status().as_u16(), response.headers());
    let origin = hyper::upgrade::on(&mut response);
    let id = Uuid::now_v7();
    let receipt = match store(&tunnel, &seen, id).await {
        Ok(receipt) => receipt,
        Err(refused) => return reply::journal_full(&tunnel, seen, &asker, refused),
    };
    let open = Open { tunnel: Arc::clone(&tunnel), seen, id, receipt, scan: None };
    let (mut head, incoming) = response.into_parts();
    if head.status != StatusCode::SWITCHING_PROTOCOLS {
        fields::strip_response(&mut head.headers);
        return Response::from_parts(
            head,
            Body::Stream(Box::pin(super::watch::Watched::new(incoming, open))),
        );
    }
    tunnel.gateway.tasks.spawn(pass(open, client, origin));
    Response::from_parts(head, Body::Empty)
}

async fn pass(mut open: Open, client: OnUpgrade, origin: OnUpgrade) {
    let (client, origin) = match tokio::try_join!(client, origin) {
        Ok(both) => both,
        Err(error) => {
            open.seen.error = Some(format!("client: the upgrade failed: {error}"));
            open.close(0);
            return;
        }
    };
    let idle = open.tunnel.gateway.limits.splice_idle;
    let (mut client, mut origin) = (TokioIo::new(client), TokioIo::new(origin));
    let gateway = Arc::clone(&open.tunnel.gateway);
    let (copied, ended) = splice(&mut client, &mut origin, idle, gateway.tasks.cutting()).await;
    if matches!(ended, Ended::Idle) {
        gateway.metrics.limit("splice_idle_ms");
    }
    open.seen.error = ended.error();
    open.seen.held_bytes += copied.up;
    open.close(copied.down);
}
