//! A request in the form that its connection needs.

use http::header::{HOST, TRANSFER_ENCODING};
use http::uri::PathAndQuery;
use http::{HeaderValue, Request, Uri, Version};
use http_body::Body as _;

use crate::wire::http::{Outgoing, fields};

/// A copy of a request that may be sent twice: its method is safe (RFC 9110, section 9.2.1) and it has no body.
pub(super) fn repeatable(request: &Request<Outgoing>) -> Option<Box<Request<Outgoing>>> {
    if !request.body().is_end_stream() || !fields::is_safe(request.method()) {
        return None;
    }
    let mut copy = Request::new(Outgoing::empty());
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.version_mut() = request.version();
    *copy.headers_mut() = request.headers().clone();
    Some(Box::new(copy))
}

/// Gives a request the form of HTTP/1.1: a path and a `Host` (RFC 9112, section 3.2), one `Cookie` (RFC 9113, section
/// 8.2.3), and chunks for a body of unknown length, whatever the method.
pub(super) fn as_http1(request: &mut Request<Outgoing>) {
    let version = std::mem::replace(request.version_mut(), Version::HTTP_11);
    if let Some(authority) = request.uri().authority() {
        let host = authority.as_str().rsplit('@').next().unwrap_or_default();
        let host = HeaderValue::from_str(host);
        let path = request.uri().path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
        if let (Ok(host), false) = (host, request.headers().contains_key(HOST)) {
            request.headers_mut().insert(HOST, host);
        }
        *request.uri_mut() = Uri::from(path);
    }
    if version == Version::HTTP_2 {
        fields::join_cookies(request.headers_mut());
    }
    let hint = request.body().size_hint();
    if !request.body().is_end_stream() && hint.exact().is_none() {
        request.headers_mut().insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
    }
}

#[cfg(test)]
mod tests {
    use http::Method;
    use http::header::COOKIE;

    use super::*;

    #[test]
    fn a_path_and_one_host_are_what_http1_has() {
        let mut request = Request::new(Outgoing::empty());
        *request.uri_mut() = "http://bob:secret@a.example:8080/x?y".parse().unwrap();
        as_http1(&mut request);
        assert_eq!(
            (request.uri(), &request.headers()[HOST]),
            (&"/x?y".parse().unwrap(), &"a.example:8080".parse().unwrap())
        );
    }

    #[test]
    fn a_request_of_http2_that_is_sent_again_has_one_cookie_too() {
        let mut request = Request::new(Outgoing::empty());
        *request.version_mut() = Version::HTTP_2;
        for cookie in ["a=1", "b=2"] {
            request.headers_mut().append(COOKIE, HeaderValue::from_static(cookie));
        }
        let mut again = *repeatable(&request).unwrap();
        for request in [&mut request, &mut again] {
            as_http1(request);
            assert_eq!(request.headers().get_all(COOKIE).iter().collect::<Vec<_>>(), ["a=1; b=2"]);
        }
    }

    #[test]
    fn only_safe_requests_without_a_body_may_be_sent_again() {
        let request = |method, body| {
            let mut request = Request::new(body);
            *request.method_mut() = method;
            request
        };
        assert!(repeatable(&request(Method::GET, Outgoing::empty())).is_some());
        assert!(repeatable(&request(Method::POST, Outgoing::empty())).is_none());
        let body = Outgoing::streaming(Box::pin(crate::wire::http::Body::Full("x".into())));
        assert!(repeatable(&request(Method::GET, body)).is_none());
    }
}
