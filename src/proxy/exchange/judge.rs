//! Looks at head and body as far as a rule could need them, and judges.

use std::sync::Arc;
use std::time::Instant;

use http::HeaderMap;
use http::header::EXPECT;
use http_body::Body as _;
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;

use super::hold::{self, HeldBody, HoldEnd};
use super::parts::Exchanges;
use super::passing;
use super::steps::{Broken, Recorded, Refused, Unread};
use crate::answers::Asker;
use crate::audit::Record;
use crate::detect::inspect::head::Accepts;
use crate::telemetry::labels::Limit;
use crate::wire::http::guard::Guarded;
use crate::wire::http::{OriginFault, Outgoing};

/// What the judgement of a request leads to.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "nearly every request passes, and a box costs an allocation")]
pub(super) enum Judged {
    /// It goes on to the origin.
    Passed(Passed),
    /// The gateway answers it.
    Refused(Box<Refused>),
    /// Its body broke off while it was held.
    Broken(Box<Broken>),
}

/// A request that may be forwarded. Only the judgement makes one: its fields are private to this file.
#[derive(Debug)]
pub(super) struct Passed {
    request: Guarded<Outgoing>,
    record: Box<Record>,
    asker: Asker,
    upgrade: Option<OnUpgrade>,
}

/// What a [`Passed`] request is forwarded with.
pub(super) struct Forwarding {
    pub(super) request: Guarded<Outgoing>,
    pub(super) record: Box<Record>,
    /// Who asks, should an answer of the gateway's be needed.
    pub(super) asker: Asker,
    pub(super) upgrade: Option<OnUpgrade>,
}

impl Passed {
    /// True when the client asks for a WebSocket.
    pub(super) fn is_upgrade(&self) -> bool {
        self.upgrade.is_some()
    }

    /// Takes the request apart to forward it.
    pub(super) fn forward(self) -> Forwarding {
        let Self { request, record, asker, upgrade } = self;
        Forwarding { request, record, asker, upgrade }
    }
}

impl Exchanges {
    /// Judges a request from its head and, where a rule could need it, its body.
    pub(super) async fn judge(&self, recorded: Recorded) -> Judged {
        let Recorded { request, mut record, upgrade } = recorded;
        let (request, incoming) = request.split();
        let parts = request.parts();
        let accepts = Accepts::of(&parts.headers);
        let host = Arc::clone(&record.connection().destination.host);
        record.judgement.read_head(&host, parts, accepts);
        let body = self.judge_body(&mut record, &parts.headers, incoming).await;
        let asker = Asker::of(&parts.method, accepts, &record.judgement.signals);
        let body = match body {
            Ok(body) => body,
            Err(fault) => return Judged::Broken(Box::new(Broken { record, asker, fault })),
        };
        if record.judgement.action().answers() {
            // A client that sent `Expect: 100-continue` waits with what was not asked for, and will not send it now.
            let is_waiting = parts.headers.contains_key(EXPECT);
            let unread = if is_waiting { Unread::Waiting(body) } else { Unread::Coming(body) };
            return Judged::Refused(Box::new(Refused { record, asker, unread }));
        }
        Judged::Passed(Passed { request: request.with_body(body), record, asker, upgrade })
    }

    /// Gives the body to send on; the error is a body that broke off.
    async fn judge_body(
        &self,
        record: &mut Record,
        headers: &HeaderMap,
        incoming: Incoming,
    ) -> Result<Outgoing, OriginFault> {
        if incoming.is_end_stream() {
            record.judgement.no_more_body();
            record.judgement.decide_finally();
            record.judged();
            return Ok(Outgoing::empty());
        }
        if record.judgement.wants_body(headers) {
            return Box::pin(self.hold_body(record, headers, incoming)).await;
        }
        record.judgement.decide_early();
        record.judged();
        let (body, passing) = passing::stream(incoming, headers, &record.judgement.signals, &self.held);
        record.upload.passing = Some(passing);
        Ok(body)
    }

    async fn hold_body(
        &self,
        record: &mut Record,
        headers: &HeaderMap,
        incoming: Incoming,
    ) -> Result<Outgoing, OriginFault> {
        record.judgement.pause();
        let keeps_payloads = record.judgement.ruling().keeps_payloads;
        let payload_max_bytes = if keeps_payloads { self.audit.payload_bytes() } else { 0 };
        let since = Instant::now();
        let holding = hold::Holding::new(self, headers, payload_max_bytes);
        let HeldBody { body, end, bytes, payload, passing } =
            holding.hold(incoming, &mut record.judgement).await;
        let upload = &mut record.upload;
        upload.hold_us = Some(u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX));
        (upload.bytes, upload.payload, upload.passing) = (bytes, payload, passing);
        tracing::debug!(bytes, end = ?end, "the body was held");
        self.audit.metrics.inspected_up.inc_by(bytes);
        record.judgement.resume();
        record.judgement.decide_finally();
        record.judged();
        match end {
            HoldEnd::Inspected => Ok(body),
            HoldEnd::Broken(sentence) => Err(OriginFault::RequestBody(sentence)),
            HoldEnd::Uninspectable(obstacle) => {
                self.audit.metrics.truncated.get_or_create(&Limit { limit: obstacle.word }).inc();
                record.judgement.decide_uninspectable(obstacle);
                Ok(body)
            }
        }
    }
}
