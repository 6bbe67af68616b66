//! Header fields that concern one connection only (RFC 9110, section 7.6.1) stop at the gateway.

use http::header::{
    CONNECTION, CONTENT_LENGTH, COOKIE, EXPECT, HOST, HeaderName, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION,
    TE, TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, HeaderValue, Method};

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");

/// Removes the fields that must not be forwarded with a request. An upgrade stays, as does `TE: trailers`.
pub fn strip_request(headers: &mut HeaderMap) {
    if !headers.keys().any(may_stop) {
        return;
    }
    let upgrade = upgrade_of(headers);
    let trailers = headers.get(TE).is_some_and(|te| te.as_bytes().eq_ignore_ascii_case(b"trailers"));
    strip_connection(headers);
    headers.remove(PROXY_AUTHORIZATION);
    // hyper answers `100 Continue` itself as soon as the gateway reads the body.
    headers.remove(EXPECT);
    if trailers {
        headers.insert(TE, HeaderValue::from_static("trailers"));
    }
    if let Some(protocol) = upgrade {
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(UPGRADE, protocol);
    }
}

/// Removes the fields that must not be forwarded with a response.
pub fn strip_response(headers: &mut HeaderMap) {
    if !headers.keys().any(may_stop) {
        return;
    }
    strip_connection(headers);
    headers.remove(PROXY_AUTHENTICATE);
}

/// The protocol a message upgrades to (RFC 9110, section 7.8).
pub fn upgrade_of(headers: &HeaderMap) -> Option<HeaderValue> {
    let value = headers.get(UPGRADE)?;
    let named = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|v| v.to_str().ok())
        .flat_map(|v| v.split(','))
        .any(|token| token.trim().eq_ignore_ascii_case("upgrade"));
    named.then(|| value.clone())
}

/// True for methods that change nothing on the server, so that a request may be sent again (RFC 9110, section 9.2.1).
pub fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// Joins the `Cookie` fields of HTTP/2 into the one that HTTP/1.1 allows (RFC 9113, section 8.2.3).
pub fn join_cookies(headers: &mut HeaderMap) {
    let mut cookies = headers.get_all(COOKIE).iter();
    if cookies.next().is_none() || cookies.next().is_none() {
        return;
    }
    let all: Vec<&[u8]> = headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if let Ok(joined) = HeaderValue::from_bytes(&all.join(&b"; "[..])) {
        headers.insert(COOKIE, joined);
    }
}

/// True for every field that may have to be removed. Few messages have one, and one pass over all names costs less than
/// a look-up of each of these.
fn may_stop(name: &HeaderName) -> bool {
    matches!(
        name.as_str(),
        "connection"
            | "expect"
            | "keep-alive"
            | "proxy-authenticate"
            | "proxy-authorization"
            | "proxy-connection"
            | "te"
            | "transfer-encoding"
            | "upgrade"
    )
}

fn strip_connection(headers: &mut HeaderMap) {
    if headers.contains_key(CONNECTION) {
        let named: Vec<HeaderName> = headers
            .get_all(CONNECTION)
            .iter()
            .filter_map(|v| v.to_str().ok())
            .flat_map(|v| v.split(','))
            .filter_map(|token| token.trim().parse().ok())
            // The gateway has checked these two, so a client cannot have them removed.
            .filter(|name| ![HOST, CONTENT_LENGTH].contains(name))
            .collect();
        for name in named {
            headers.remove(name);
        }
        headers.remove(CONNECTION);
    }
    for name in [KEEP_ALIVE, PROXY_CONNECTION, TE, TRANSFER_ENCODING, UPGRADE] {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(n, v)| (HeaderName::from_static(n), HeaderValue::from_static(v))).collect()
    }

    #[test]
    fn fields_named_by_connection_do_not_travel() {
        let mut headers = map(&[
            ("connection", "close, X-Secret"),
            ("x-secret", "1"),
            ("keep-alive", "5"),
            ("accept", "a"),
        ]);
        headers.insert(PROXY_AUTHORIZATION, HeaderValue::from_static("Basic x"));
        strip_request(&mut headers);
        assert_eq!(headers, map(&[("accept", "a")]));
    }

    #[test]
    fn each_field_is_removed_when_it_is_the_only_one() {
        let alone = |name: &'static str| map(&[(name, "x"), ("accept", "a")]);
        let both = ["connection", "keep-alive", "proxy-connection", "te", "transfer-encoding", "upgrade"];
        for name in both.into_iter().chain(["expect", "proxy-authorization"]) {
            let mut request = alone(name);
            strip_request(&mut request);
            assert_eq!(request, map(&[("accept", "a")]), "{name}");
        }
        for name in both.into_iter().chain(["proxy-authenticate"]) {
            let mut response = alone(name);
            strip_response(&mut response);
            assert_eq!(response, map(&[("accept", "a")]), "{name}");
        }
    }

    #[test]
    fn a_host_that_connection_names_stays() {
        let mut headers = map(&[("connection", "host, close"), ("host", "a.example")]);
        strip_request(&mut headers);
        assert_eq!(headers, map(&[("host", "a.example")]));
    }

    #[test]
    fn split_cookies_become_one() {
        let mut headers = HeaderMap::new();
        for cookie in ["a=1", "b=2; c=3"] {
            headers.append(COOKIE, HeaderValue::from_static(cookie));
        }
        join_cookies(&mut headers);
        assert_eq!(headers.get_all(COOKIE).iter().collect::<Vec<_>>(), ["a=1; b=2; c=3"]);
    }

    #[test]
    fn an_upgrade_and_te_trailers_survive() {
        let mut headers =
            map(&[("connection", "keep-alive, Upgrade"), ("upgrade", "websocket"), ("te", "trailers")]);
        strip_request(&mut headers);
        assert_eq!(headers, map(&[("connection", "Upgrade"), ("upgrade", "websocket"), ("te", "trailers")]));
        let mut lone = map(&[("upgrade", "h2c")]);
        strip_request(&mut lone);
        assert!(lone.is_empty());
    }
}
