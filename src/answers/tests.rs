use http::HeaderMap;
use http::header::ACCEPT;

use super::*;
use crate::detect::inspect::signals::Call;

const HOSTILE: &str = "<script>alert(1)</script>\"\\\r\nX-Evil: 1";

fn shadow<'a>(redirect: bool, portal: Option<&'a str>) -> Refusal<'a> {
    Refusal {
        redirect,
        host: "mcp.vendor.example",
        rule_id: Some("shadow-mcp-call"),
        reason: "rule shadow-mcp-call: MCP call to a server that is not approved",
        event_id: "0198".into(),
        portal,
    }
}

fn asks(ids: &[&str], batch: bool) -> Asker {
    Asker::Mcp(Expected { ids: ids.iter().map(ToString::to_string).collect(), batch, inline: true })
}

/// What a request with these calls gets, after a head that gave MCP away.
fn answer_to(method: &Method, accept: &'static str, ids: &[Option<&str>]) -> Response<Bytes> {
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static(accept));
    let call = |id: &Option<&str>| Call { method: "tools/list".into(), name: None, id: id.map(Into::into) };
    let evidence = vec![&crate::detect::inspect::evidence::SESSION_HEADER];
    let signals = Signals { evidence, calls: ids.iter().map(call).collect(), ..Signals::default() };
    refusal(&Asker::of(method, Accepts::of(&headers), &signals), &shadow(false, None))
}

fn rpc(answer: &Response<Bytes>) -> Value {
    serde_json::from_slice(answer.body()).unwrap()
}

#[test]
fn an_mcp_client_gets_its_own_id_back_and_learns_the_portal() {
    for id in ["7", "\"a-b\"", "-1"] {
        let asker = asks(&[id], false);
        let answer = refusal(&asker, &shadow(true, Some("https://mcp.corp.example/mcp")));
        let body = rpc(&answer);
        assert_eq!(body["id"].to_string(), id);
        assert_eq!(body["error"]["data"]["portal"], "https://mcp.corp.example/mcp");
        assert!(body["error"]["message"].as_str().unwrap().contains("https://mcp.corp.example/mcp"));
        assert_eq!(body["error"]["data"]["rule"], "shadow-mcp-call");
    }
}

#[test]
fn an_id_goes_back_as_the_text_that_came_and_one_that_is_no_json_as_null() {
    for (id, answered) in [
        ("123456789012345678901234567890", "123456789012345678901234567890"),
        ("1e400", "1e400"),
        (r#""\ud800""#, r#""\ud800""#),
        ("null", "null"),
        ("0x1f", "null"),
        ("{\"a\":", "null"),
    ] {
        let answer = refusal(&asks(&[id], false), &shadow(false, None));
        let body = std::str::from_utf8(answer.body()).unwrap();
        assert!(body.starts_with(&format!("{{\"jsonrpc\":\"2.0\",\"id\":{answered},")), "{body}");
    }
}

#[test]
fn a_batch_is_answered_with_an_error_for_each_call_that_waits() {
    let body = rpc(&refusal(&asks(&["1", "\"b\""], true), &shadow(false, None)));
    assert_eq!((&body[0]["id"], &body[1]["id"]), (&json!(1), &json!("b")));
    assert!(body[1]["error"]["message"].as_str().unwrap().contains("mcp.vendor.example"));
    let notifications = rpc(&refusal(&asks(&[], true), &shadow(false, None)));
    assert_eq!((notifications.get("id"), &notifications["error"]["code"]), (None, &json!(REFUSED_CODE)));
}

#[test]
fn only_a_call_whose_answer_is_read_from_its_response_gets_200() {
    const STREAMABLE: &str = "application/json, Text/Event-Stream;q=0.9";
    for (method, accept, ids, status, id) in [
        (Method::POST, STREAMABLE, vec![Some("7")], 200, Some(json!(7))),
        (Method::POST, STREAMABLE, vec![None], 403, None),
        (Method::POST, STREAMABLE, vec![], 403, None),
        (Method::POST, STREAMABLE, vec![Some("null")], 403, Some(Value::Null)),
        (Method::POST, "*/*", vec![Some("7")], 403, Some(json!(7))),
        (Method::GET, "text/event-stream", vec![], 403, None),
        (Method::DELETE, STREAMABLE, vec![], 403, None),
    ] {
        let answer = answer_to(&method, accept, &ids);
        let body = rpc(&answer);
        assert_eq!((answer.status().as_u16(), body.get("id")), (status, id.as_ref()), "{method} {accept}");
        assert_eq!(body["error"]["code"], REFUSED_CODE);
    }
}

#[test]
fn an_answer_for_a_stream_is_an_event_for_each_call_that_waits() {
    let on_stream = |ids: &[&str], batch: bool, inline: bool| {
        let expected = Expected { ids: ids.iter().map(ToString::to_string).collect(), batch, inline };
        let asker = Asker::Mcp(expected);
        let events = events(&asker, refusal(&asker, &shadow(false, None)).body());
        events.map(|events| String::from_utf8(events.to_vec()).unwrap())
    };
    let one = on_stream(&["7"], false, false).unwrap();
    assert!(
        one.starts_with("event: message\ndata: {\"jsonrpc\":\"2.0\",\"id\":7,") && one.ends_with("}\n\n"),
        "{one}"
    );
    let two = on_stream(&["7", "8"], true, false).unwrap();
    assert_eq!(
        (two.matches("event: message\ndata: {").count(), two.matches("\n\n").count()),
        (2, 2),
        "{two}"
    );
    assert_eq!((on_stream(&["7"], false, true), on_stream(&[], false, false)), (None, None));
}

#[test]
fn a_browser_is_sent_to_the_portal_only_when_it_may_follow() {
    let portal = "https://mcp.corp.example/mcp";
    let followed = refusal(&Asker::Browser { follows: true }, &shadow(true, Some(portal)));
    assert_eq!((followed.status().as_u16(), followed.headers()[LOCATION].to_str().unwrap()), (307, portal));
    let stopped = refusal(&Asker::Browser { follows: false }, &shadow(true, Some(portal)));
    assert_eq!(stopped.status(), 403);
    assert!(std::str::from_utf8(stopped.body()).unwrap().contains("shadow-mcp-call"));
}

#[test]
fn others_get_403_and_a_proxy_status_with_the_rule() {
    let answer = refusal(&Asker::Other, &shadow(false, None));
    assert_eq!(answer.status(), 403);
    let status = answer.headers()["proxy-status"].to_str().unwrap();
    assert!(
        status.starts_with("daylight; error=http_request_denied; details=\"rule=shadow-mcp-call"),
        "{status}"
    );
    assert_eq!(answer.headers()[CACHE_CONTROL], "no-store");
}

#[test]
fn hostile_names_are_escaped_everywhere() {
    let mut refusal_of_hostile = shadow(false, None);
    (refusal_of_hostile.host, refusal_of_hostile.reason) = (HOSTILE, HOSTILE);
    let page = refusal(&Asker::Browser { follows: true }, &refusal_of_hostile);
    assert!(!std::str::from_utf8(page.body()).unwrap().contains("<script>"));
    let failure = Fault {
        status: StatusCode::BAD_GATEWAY,
        kind: "dns_error",
        sentence: HOSTILE.into(),
        advice: "Check the name.",
        host: HOSTILE,
    };
    let answer = fault(&Asker::Other, &failure);
    let status = answer.headers()["proxy-status"].to_str().unwrap();
    assert!(!status.contains('\r') && status.contains("\\\""), "{status}");
    assert_eq!(rpc(&fault(&asks(&[], false), &failure))["error"]["data"]["host"], HOSTILE);
}

#[test]
fn who_asks_is_read_from_the_head_and_the_signals() {
    let mut headers = HeaderMap::new();
    assert_eq!(Asker::of(&Method::GET, Accepts::of(&headers), &Signals::default()), Asker::Other);
    headers.insert(ACCEPT, HeaderValue::from_static("text/html,*/*"));
    assert_eq!(
        Asker::of(&Method::GET, Accepts::of(&headers), &Signals::default()),
        Asker::Browser { follows: true }
    );
    let call = Call { method: "eth_call".into(), name: None, id: Some("1".into()) };
    let signals = Signals { calls: vec![call], ..Signals::default() };
    headers.insert(ACCEPT, HeaderValue::from_static("text/event-stream"));
    assert_eq!(Asker::of(&Method::POST, Accepts::of(&headers), &signals), asks(&["1"], false));
}
