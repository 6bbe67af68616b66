//! An origin's failure as an answer: in the words of RFC 9209.

use http::StatusCode;

use super::Fault;
use crate::wire::http::OriginFault;
use crate::wire::net::DialError;
use crate::wire::net::resolve::ResolveError;
use crate::wire::tls::VerifyError;

/// The answer to a request that the origin did not answer.
pub(crate) fn describe<'a>(failed: &OriginFault, host: &'a str) -> Fault<'a> {
    const ORIGIN: &str = "The server or the network behind the gateway has to be repaired; try again later.";
    const CERTIFICATE: &str =
        "The server's certificate has to be repaired, or its CA added to tls.extra_roots.";
    let (status, kind, advice) = match failed {
        OriginFault::Dial(DialError::Resolve(ResolveError::TimedOut)) => (504, "dns_timeout", ORIGIN),
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
    Fault { status, kind, sentence: failed.to_string(), advice, host }
}

/// The configured limit that the failure reached, if it reached one.
pub(crate) fn limit(failed: &OriginFault) -> Option<&'static str> {
    match failed {
        OriginFault::Dial(DialError::TimedOut | DialError::Resolve(ResolveError::TimedOut)) => {
            Some("dial_ms")
        }
        OriginFault::Tls(VerifyError::TimedOut) => Some("tls_ms"),
        OriginFault::Silent => Some("response_head_ms"),
        _ => None,
    }
}

/// The word that metrics use for a failure of an origin's TLS.
pub(crate) fn verify_word(error: &VerifyError) -> &'static str {
    match error {
        VerifyError::Certificate { kind, .. } => kind,
        VerifyError::Handshake(_) => "handshake",
        VerifyError::TimedOut => "timeout",
        VerifyError::Name => "name",
    }
}
