//! Sends a request that may pass to its origin, and the response back.

use http::Response;
use http_body::Body as _;

use super::download::Download;
use super::judge::{Forwarding, Passed};
use super::parts::Exchanges;
use super::steps::{Answered, Broken, Refused, Unread};
use super::streams;
use crate::detect::inspect::ResponseScan;
use crate::proxy::tunnel::Tunnel;
use crate::wire::http::{Body, fields};

impl Exchanges {
    /// Forwards a request and gives the response to send to the client.
    pub(super) async fn forward(&self, tunnel: &Tunnel, passed: Passed) -> Response<Body> {
        let Forwarding { request, mut record, asker, .. } = passed.forward();
        record.leaves();
        let sent = tunnel.origin.send(request).await;
        record.connected(tunnel.origin.connected());
        let response = match sent {
            Ok(response) => response,
            Err(fault) => {
                return Box::pin(self.answer_broken(Box::new(Broken { record, asker, fault }))).await;
            }
        };
        let (mut head, body) = response.into_parts();
        fields::strip_response(&mut head.headers);
        tracing::debug!(status = head.status.as_u16(), "the origin has answered");
        record.answered(head.status.as_u16(), &head.headers);
        self.deliver(Answered { head, body, record, asker }).await
    }

    /// Judges a response by its head, then lets its body pass and watches it.
    async fn deliver(&self, answered: Answered) -> Response<Body> {
        let Answered { head, body, mut record, asker } = answered;
        let known = record.judgement.signals.evidence.len();
        let scan = ResponseScan::new(head.status, &head.headers, &mut record.judgement.signals);
        if record.judgement.signals.evidence.len() > known {
            record.rejudge();
            if record.judgement.action().answers() {
                drop(body);
                let refused = Box::new(Refused { record, asker, unread: Unread::None });
                return Box::pin(self.answer_refused(refused)).await;
            }
        }
        if record.store().await.is_err() {
            return self.answer_unstored(record, &asker);
        }
        if body.is_end_stream() {
            record.close();
            return Response::from_parts(head, Body::Empty);
        }
        let download = Download::new(record, scan);
        let body = streams::body(&self.streams, &head.headers, body, download);
        Response::from_parts(head, body)
    }
}
