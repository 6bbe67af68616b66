//! The answers of the proxy port itself, each with its row and its counters.

use bytes::Bytes;
use http::{HeaderMap, Method, Response, StatusCode};

use super::parts::Front;
use crate::answers::{self, Asker, Fault, origin};
use crate::audit::Beginning;
use crate::detect::inspect::Signals;
use crate::detect::inspect::head::Accepts;
use crate::host::Destination;
use crate::host::destination::BadDestination;
use crate::identity::{LoginError, Person};
use crate::proxy::unreadable::Unreadable;
use crate::store::event::{Event, Failure};
use crate::telemetry::labels::{Kind, Reason};
use crate::verdict::{Blame, Verdict};
use crate::wire::http::{Body, OriginFault};

/// What stands in answers where the host is not known or not to blame.
const NO_HOST: &str = "the gateway";

impl Front {
    /// Asks for proxy credentials. Wrong ones leave a row; missing ones do not, because many clients first try without.
    pub(super) fn refuse_login(
        &self,
        person: &Person,
        headers: &HeaderMap,
        error: LoginError,
    ) -> Response<Body> {
        self.audit.metrics.auth_failures.inc();
        tracing::debug!(%error, "the login is refused");
        let answer = answers::log_in(&asker(headers));
        if error == LoginError::TooMany {
            self.audit.metrics.limit("failed_logins");
        }
        if error != LoginError::Missing {
            self.audit.write(Event {
                status: Some(answer.status().as_u16()),
                verdict: Verdict::Block,
                reason: "the proxy login was refused".into(),
                failure: Some(Failure::new(Blame::Client, error)),
                ..self.audit.tunnel(person, None, Beginning::now())
            });
        }
        answer.map(Body::from)
    }

    /// Refuses a target that is not a destination.
    pub(super) fn refuse_target(
        &self,
        person: &Person,
        headers: &HeaderMap,
        bad: BadDestination,
    ) -> Response<Body> {
        let fault = Fault {
            status: StatusCode::BAD_REQUEST,
            kind: "http_request_error",
            sentence: bad.to_string(),
            advice: "A proxy request names a host and, after CONNECT, a port.",
            host: NO_HOST,
        };
        self.refuse(person, None, headers, &fault)
    }

    /// Refuses a scheme that the gateway does not fetch.
    pub(super) fn refuse_scheme(&self, person: &Person, headers: &HeaderMap) -> Response<Body> {
        let fault = Fault {
            status: StatusCode::BAD_REQUEST,
            kind: "http_request_error",
            sentence: "only http:// targets are fetched; https:// goes through CONNECT".into(),
            advice: "Set the proxy as an HTTP proxy for both http and https.",
            host: NO_HOST,
        };
        self.refuse(person, None, headers, &fault)
    }

    /// Refuses a CONNECT to a port that is not on the list.
    pub(super) fn refuse_port(
        &self,
        person: &Person,
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
        self.refuse(person, Some(to), headers, &fault)
    }

    /// Refuses a CONNECT while nothing can be recorded.
    pub(super) fn refuse_unrecorded(&self, headers: &HeaderMap) -> Response<Body> {
        self.audit.metrics.limit("journal");
        answers::unrecorded(&asker(headers), NO_HOST).map(Body::from)
    }

    /// Answers a CONNECT whose origin could not be dialled.
    pub(super) fn dial_failed(
        &self,
        person: &Person,
        to: &Destination,
        headers: &HeaderMap,
        failed: &OriginFault,
    ) -> Response<Body> {
        tracing::debug!(%to, error = %failed, "the bypass cannot be dialled");
        if let Some(limit) = origin::limit(failed) {
            self.audit.metrics.limit(limit);
        }
        self.refuse(person, Some(to), headers, &origin::describe(failed, &to.host))
    }

    fn refuse(
        &self,
        person: &Person,
        to: Option<&Destination>,
        headers: &HeaderMap,
        fault: &Fault<'_>,
    ) -> Response<Body> {
        let began = Beginning::now();
        tracing::debug!(event_id = %began.id, status = fault.status.as_u16(), reason = fault.sentence, "refused");
        self.audit.metrics.faults.get_or_create(&Kind { kind: fault.kind }).inc();
        let answer: Response<Bytes> = answers::fault(&asker(headers), fault);
        let is_denied = fault.status == StatusCode::FORBIDDEN;
        let blame = match (is_denied, fault.status.is_server_error()) {
            (true, _) => Blame::Policy,
            (false, true) => Blame::Origin,
            (false, false) => Blame::Client,
        };
        self.audit.write(Event {
            status: Some(fault.status.as_u16()),
            verdict: if is_denied { Verdict::Block } else { Verdict::Allow },
            reason: fault.sentence.clone().into(),
            failure: Some(Failure::named_after(Blame::Client, Some(blame), &fault.sentence)),
            ..self.audit.tunnel(person, to, began)
        });
        answer.map(Body::from)
    }

    /// Records a connection that broke the protocol on the proxy port; hyper has answered 400 or 431 already.
    pub(super) fn unreadable(&self, person: &Person, error: &hyper::Error) {
        let Some(unreadable) = Unreadable::of(error) else { return };
        unreadable.count(&self.audit.metrics);
        let word = unreadable.as_str();
        self.audit.metrics.framing_refused.get_or_create(&Reason { reason: word }).inc();
        self.audit.write(Event {
            method: None,
            status: unreadable.status(),
            reason: "the request could not be read".into(),
            failure: Some(Failure::new(Blame::Client, error)),
            ..self.audit.tunnel(person, None, Beginning::now())
        });
    }
}

/// Who asks, as far as a head of the proxy port tells.
fn asker(headers: &HeaderMap) -> Asker {
    Asker::of(&Method::CONNECT, Accepts::of(headers), &Signals::default())
}
