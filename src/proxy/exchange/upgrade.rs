//! WebSockets over HTTP/1.1: passed through as bytes, counted, recorded at both ends.

use std::time::Duration;

use http::header::UPGRADE;
use http::{Request, Response, StatusCode};
use http_body::Body as _;
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;

use super::download::Download;
use super::judge::{Forwarding, Passed};
use super::parts::Exchanges;
use super::steps::Broken;
use crate::audit::Record;
use crate::proxy::tunnel::Tunnel;
use crate::store::event::Failure;
use crate::verdict::Blame;
use crate::wire::http::body::Tap;
use crate::wire::http::{Body, fields};
use crate::wire::net::splice::{Ended, splice};
use crate::wire::tasks::Tasks;

/// The client's half of an upgrade. Only a WebSocket is one, and only without a body: every other protocol would be a
/// tunnel that nobody can read, so the request goes on without it (RFC 9110, section 7.8, lets a server ignore it).
pub(super) fn take(request: &mut Request<Incoming>) -> Option<OnUpgrade> {
    let protocol = fields::upgrade_of(request.headers())?;
    if protocol.as_bytes().eq_ignore_ascii_case(b"websocket") && request.body().is_end_stream() {
        return Some(hyper::upgrade::on(request));
    }
    request.headers_mut().remove(UPGRADE);
    None
}

impl Exchanges {
    /// Forwards an upgrade; when the origin agrees, the bytes flow in a task of their own.
    pub(super) async fn forward_upgrade(&self, tunnel: &Tunnel, passed: Passed) -> Response<Body> {
        let Forwarding { request, mut record, asker, upgrade } = passed.forward();
        record.leaves();
        let sent = tunnel.origin.send(request).await;
        record.connected(tunnel.origin.connected());
        let mut response = match sent {
            Ok(response) => response,
            Err(fault) => return self.answer_broken(Box::new(Broken { record, asker, fault })).await,
        };
        record.answered(response.status().as_u16(), response.headers());
        let origin = hyper::upgrade::on(&mut response);
        if record.store().await.is_err() {
            return self.answer_unstored(record, &asker);
        }
        let (mut head, incoming) = response.into_parts();
        let agreed = upgrade.filter(|_| head.status == StatusCode::SWITCHING_PROTOCOLS);
        let Some(client) = agreed else {
            fields::strip_response(&mut head.headers);
            let watched = Tap::new(incoming, Download::new(record, None));
            return Response::from_parts(head, Body::Stream(Box::pin(watched)));
        };
        let (tasks, idle) = (self.tasks.clone(), self.upgrade_idle);
        self.tasks.spawn(async move { pass(record, client, origin, idle, tasks).await });
        Response::from_parts(head, Body::Empty)
    }
}

/// Copies both ways until the connection ends or was silent for `idle`.
async fn pass(mut record: Box<Record>, client: OnUpgrade, origin: OnUpgrade, idle: Duration, tasks: Tasks) {
    let (client, origin) = match tokio::try_join!(client, origin) {
        Ok(both) => both,
        Err(error) => {
            let what = format_args!("the upgrade failed: {error}");
            // Either of the two halves may have failed.
            record.failed(Failure::named_after(Blame::Client, None, what));
            return record.close();
        }
    };
    let (mut client, mut origin) = (TokioIo::new(client), TokioIo::new(origin));
    let (copied, ended) = splice(&mut client, &mut origin, idle, tasks.cutting()).await;
    if matches!(ended, Ended::Idle) {
        record.reached("splice_idle_ms");
    }
    record.copied(&copied, &ended);
    record.close();
}
