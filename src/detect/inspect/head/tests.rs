use http::header::HeaderName;
use http::{HeaderMap, StatusCode};

use super::*;
use crate::detect::inspect::{ResponseScan, Strength};

fn read_head(method: &Method, path: &str, headers: &[(&'static str, &'static str)]) -> Signals {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
    read(&Head { method, host: "login.example", path, query, headers: &map, accepts: Accepts::of(&map) })
}

fn ids(signals: &Signals) -> Vec<&str> {
    signals.evidence.iter().map(|signal| signal.id).collect()
}

const VERSION: (&str, &str) = (mcp::HEADER_VERSION, "2025-11-25");

#[test]
fn reading_oauth_metadata_is_weak_wherever_the_path_stands() {
    for path in [
        "/.well-known/oauth-protected-resource",
        "/.well-known/oauth-protected-resource/v1/tools",
        "/.well-known/oauth-authorization-server",
        "/.well-known/oauth-authorization-server/tenant",
        "/.well-known/openid-configuration",
        "/.well-known/openid-configuration/tenant",
        "/tenant/a/.well-known/openid-configuration",
    ] {
        let signals = read_head(&Method::GET, path, &[VERSION, ("accept", "*/*")]);
        assert_eq!((ids(&signals), signals.strength()), (vec!["OA1"], Strength::Weak), "{path}");
    }
}

#[test]
fn only_reading_metadata_is_excused() {
    let metadata = "/.well-known/openid-configuration";
    for signals in [
        read_head(&Method::POST, metadata, &[VERSION]),
        read_head(&Method::GET, metadata, &[VERSION, ("accept", "text/event-stream")]),
        read_head(&Method::GET, "/a/.well-known/openid-configuration/b", &[VERSION]),
        read_head(&Method::GET, "/.well-known/other", &[VERSION]),
    ] {
        assert_eq!((ids(&signals)[0], signals.strength()), ("RH2", Strength::Definitive));
    }
    assert_eq!(ids(&read_head(&Method::GET, metadata, &[("accept", "*/*")])), Vec::<&str>::new());
}

#[test]
fn a_browser_that_asks_before_it_reads_metadata_makes_no_mcp_server_of_the_one_that_lets_it() {
    let asks = [("access-control-request-headers", "authorization, mcp-protocol-version")];
    let mut signals = read_head(&Method::OPTIONS, "/.well-known/oauth-authorization-server", &asks);
    let mut answer = HeaderMap::new();
    answer.insert("access-control-allow-headers", HeaderValue::from_static("mcp-protocol-version"));
    ResponseScan::new(StatusCode::OK, &answer, &mut signals);
    assert_eq!(ids(&signals), ["OA1"]);
    let mut elsewhere = read_head(&Method::OPTIONS, "/rpc", &asks);
    ResponseScan::new(StatusCode::OK, &answer, &mut elsewhere);
    assert_eq!(ids(&elsewhere), ["SR12"]);
}

#[test]
fn vendors_headers_are_strong() {
    for name in VENDOR_HEADERS {
        assert_eq!(ids(&read_head(&Method::POST, "/", &[(name, "x")])), ["RH10"], "{name}");
    }
}

#[test]
fn nothing_is_kept_of_an_ordinary_request() {
    let signals = read_head(
        &Method::GET,
        "/page?id=1",
        &[("accept", "text/html,*/*;q=0.8"), ("user-agent", "Mozilla/5.0"), ("cookie", "a=b"), ("x-id", "1")],
    );
    assert_eq!((signals.evidence.capacity(), signals.calls.capacity()), (0, 0));
    assert_eq!(signals, Signals::default());
}
