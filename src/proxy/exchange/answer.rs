//! The gateway's own answers to requests, each with its row and its counters.

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode};

use super::parts::Exchanges;
use super::steps::{Broken, Refused, Unread};
use crate::answers::{self, Asker, Fault, Refusal, origin};
use crate::audit::Record;
use crate::detect::inspect::Signals;
use crate::detect::inspect::head::Accepts;
use crate::store::event::Failure;
use crate::telemetry::labels::Kind;
use crate::verdict::{Blame, Verdict};
use crate::wire::http::guard::Ambiguous;
use crate::wire::http::{Body, OriginFault};

impl Exchanges {
    /// Answers a blocked or redirected request; the detection is stored first.
    pub(super) async fn answer_refused(&self, refused: Box<Refused>) -> Response<Body> {
        let Refused { mut record, asker, unread } = *refused;
        let _waiting = match unread {
            Unread::None => None,
            Unread::Waiting(body) => Some(body),
            Unread::Coming(body) => {
                body.drain().await;
                None
            }
        };
        let answer = refusal(&record, &asker);
        record.leaves();
        note(&mut record, &answer);
        if record.store().await.is_err() {
            return self.answer_unstored(record, &asker);
        }
        self.streams.repeat(&record, &asker, answer.body());
        record.close();
        answer.map(Body::from)
    }

    /// Answers a request that the origin did not, or whose own body broke off.
    pub(super) async fn answer_broken(&self, broken: Box<Broken>) -> Response<Body> {
        let Broken { mut record, asker, fault } = *broken;
        let metrics = &self.audit.metrics;
        if let Some(limit) = origin::limit(&fault) {
            metrics.limit(limit);
        }
        let blame = if matches!(fault, OriginFault::RequestBody(_)) { Blame::Client } else { Blame::Origin };
        let host = record.connection().destination.host.clone();
        let fault = origin::describe(&fault, &host);
        metrics.faults.get_or_create(&Kind { kind: fault.kind }).inc();
        let answer = answers::fault(&asker, &fault);
        let is_denied = fault.status == StatusCode::FORBIDDEN;
        let whose = if is_denied { Blame::Policy } else { blame };
        record.failed(Failure::named_after(blame, Some(whose), &fault.sentence));
        note(&mut record, &answer);
        // A detection that cannot be stored is still an answer that says what happened.
        if record.store().await.is_err() {
            metrics.limit("journal");
        }
        record.close();
        answer.map(Body::from)
    }

    /// Refuses a request while nothing can be recorded.
    pub(super) fn answer_unrecorded(&self, record: Box<Record>, headers: &HeaderMap) -> Response<Body> {
        self.answer_unstored(record, &asker_of_head(&Method::GET, headers))
    }

    /// Refuses an exchange whose detection could not be stored.
    pub(super) fn answer_unstored(&self, record: Box<Record>, asker: &Asker) -> Response<Body> {
        self.audit.metrics.limit("journal");
        let answer = answers::unrecorded(asker, &record.connection().destination.host);
        record.discard();
        answer.map(Body::from)
    }
}

/// Refuses a request that two parsers could read differently.
pub(super) fn ambiguous<B>(mut record: Box<Record>, request: &Request<B>, why: Ambiguous) -> Response<Body> {
    let status = match why {
        Ambiguous::Misdirected => StatusCode::MISDIRECTED_REQUEST,
        Ambiguous::Host | Ambiguous::Target => StatusCode::BAD_REQUEST,
    };
    let fault = Fault {
        status,
        kind: "http_request_error",
        sentence: why.to_string(),
        advice: "The program that sent this request has to send it correctly, on its own connection.",
        host: &record.connection().destination.host,
    };
    let answer = answers::fault(&asker_of_head(request.method(), request.headers()), &fault);
    record.failed(Failure::new(Blame::Client, why));
    record.judgement.refuse(format!("refused: {why}"));
    note(&mut record, &answer);
    record.close();
    answer.map(Body::from)
}

fn refusal(record: &Record, asker: &Asker) -> Response<Bytes> {
    let (action, ruling) = (record.judgement.action(), record.judgement.ruling());
    answers::refusal(
        asker,
        &Refusal {
            redirect: action.verdict == Verdict::Redirect,
            host: &record.connection().destination.host,
            rule_id: action.decisive.as_deref(),
            reason: &action.reason,
            event_id: record.id().to_string(),
            portal: ruling.policy.portal.as_deref(),
        },
    )
}

/// Who asks, as far as a head tells.
fn asker_of_head(method: &Method, headers: &HeaderMap) -> Asker {
    Asker::of(method, Accepts::of(headers), &Signals::default())
}

fn note(record: &mut Record, answer: &Response<Bytes>) {
    record.answered(answer.status().as_u16(), answer.headers());
    record.downloaded(answer.body().len() as u64);
}
