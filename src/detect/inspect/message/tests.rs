use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, StatusCode};

use super::*;
use crate::detect::inspect::obstacle::TOO_MANY_CALLS;
use crate::detect::inspect::signals::{CALLS_MAX, Claimed};
use crate::detect::inspect::{BodyVerdict, RequestBody, ResponseScan, Strength};

/// Reads a whole request body, after a head that showed this much.
fn after(mut signals: Signals, body: &str) -> (Signals, BodyVerdict) {
    let mut reader = RequestBody::new(&HeaderMap::new());
    let fed = reader.feed(body.as_bytes(), &mut signals);
    let ended = reader.finish(&mut signals);
    (signals, if matches!(fed, BodyVerdict::Uninspectable(_)) { fed } else { ended })
}

fn request(body: &str) -> Signals {
    after(Signals::default(), body).0
}

/// Reads a response body after the signals of its request.
fn response(media: &'static str, body: &str, mut signals: Signals) -> Signals {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media));
    let mut scan = ResponseScan::new(StatusCode::OK, &headers, &mut signals).unwrap();
    scan.feed(body.as_bytes(), &mut signals);
    signals
}

fn has(signals: &Signals, id: &str) -> bool {
    signals.evidence.iter().any(|signal| signal.id == id)
}

fn call(method: &str, params: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#)
}

#[test]
fn the_tool_is_the_name_and_only_without_one_or_for_a_resource_the_uri() {
    let tool = |method, params| request(&call(method, params)).tool().map(str::to_owned);
    assert_eq!(
        tool("tools/call", r#"{"name":"delete_all","arguments":{},"uri":"x"}"#).as_deref(),
        Some("delete_all")
    );
    assert_eq!(
        tool("tools/call", r#"{"uri":"x","name":"delete_all","arguments":{}}"#).as_deref(),
        Some("delete_all")
    );
    assert_eq!(tool("resources/subscribe", r#"{"uri":"file:///a"}"#).as_deref(), Some("file:///a"));
    assert_eq!(tool("resources/read", r#"{"name":"b","uri":"file:///a"}"#).as_deref(), Some("file:///a"));
}

#[test]
fn a_batch_gives_up_every_method_tool_and_id() {
    let batch = r#"[
        {"jsonrpc":"2.0","id":1,"method":"ping"},
        {"jsonrpc":"2.0","method":"notifications/initialized"},
        {"jsonrpc":"2.0","id":"b","method":"tools/call","params":{"name":"echo","arguments":{}}},
        {"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"delete_all","arguments":{}}}
    ]"#;
    let signals = request(batch);
    assert!(signals.batch);
    assert_eq!(
        signals.methods().collect::<Vec<_>>(),
        ["ping", "notifications/initialized", "tools/call", "tools/call"]
    );
    assert_eq!(signals.targets().collect::<Vec<_>>(), ["echo", "delete_all"]);
    assert_eq!(signals.ids().collect::<Vec<_>>(), ["1", "\"b\"", "3"]);
    assert_eq!((signals.method(), signals.tool()), (Some("tools/call"), Some("echo")));
}

#[test]
fn the_most_telling_method_wins_and_the_body_before_the_header() {
    let header = |method: &str, name: &str| {
        let claimed = Claimed { method: Some(method.into()), name: Some(name.into()) };
        Signals {
            claimed,
            evidence: vec![&crate::detect::inspect::evidence::METHOD_HEADER],
            ..Signals::default()
        }
    };
    let lie = after(header("tools/list", "x"), &call("tools/call", r#"{"name":"echo"}"#)).0;
    assert_eq!((lie.method(), lie.tool(), has(&lie, "RH15")), (Some("tools/call"), Some("echo"), true));
    let less = after(header("tools/call", "echo"), &call("ping", "{}")).0;
    assert_eq!((less.method(), less.tool()), (Some("tools/call"), Some("echo")));
    let same = after(header("tools/call", "echo"), &call("tools/call", "{}")).0;
    assert_eq!((same.method(), same.tool(), has(&same, "RH15")), (Some("tools/call"), Some("echo"), false));
}

#[test]
fn every_value_of_a_repeated_key_counts() {
    let signals = request(
        r#"{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call","params":{"name":"echo","name":"delete_all"}}"#,
    );
    assert_eq!(signals.methods().collect::<Vec<_>>(), ["ping", "tools/call"]);
    assert_eq!(signals.targets().collect::<Vec<_>>(), ["echo", "delete_all"]);
    assert_eq!((signals.ids().collect::<Vec<_>>(), has(&signals, "RB11")), (vec!["1"], true));
}

#[test]
fn more_calls_than_are_kept_cannot_be_inspected_unless_they_are_no_mcp() {
    let batch = |method: &str, count: usize| format!("[{}]", vec![call(method, "{}"); count].join(","));
    let (signals, verdict) = after(Signals::default(), &batch("ping", CALLS_MAX));
    assert_eq!((signals.calls.len(), verdict), (CALLS_MAX, BodyVerdict::Settled));
    let (signals, verdict) = after(Signals::default(), &batch("ping", CALLS_MAX + 1));
    assert_eq!((signals.calls.len(), verdict), (CALLS_MAX, BodyVerdict::Uninspectable(&TOO_MANY_CALLS)));
    let (signals, verdict) = after(Signals::default(), &batch("eth_call", 100));
    assert_eq!((signals.calls.len(), verdict), (CALLS_MAX, BodyVerdict::Settled));
    let repeated = r#""method":"tools/call","#.repeat(CALLS_MAX + 1);
    let (_, verdict) = after(Signals::default(), &format!(r#"{{{repeated}"jsonrpc":"2.0"}}"#));
    assert_eq!(verdict, BodyVerdict::Uninspectable(&TOO_MANY_CALLS));
}

#[test]
fn what_the_server_calls_is_evidence_but_no_call_of_the_request() {
    let asked = request(&call("tools/call", r#"{"name":"echo"}"#));
    let stream = "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":{\"name\":\"other\"}}\n\n\
        data: {\"jsonrpc\":\"2.0\",\"id\":9,\"method\":\"sampling/createMessage\",\"params\":{}}\n\n";
    let signals = response("text/event-stream", stream, asked.clone());
    assert_eq!(signals.calls, asked.calls);
    let claimed = Claimed { method: Some("tools/call".into()), name: Some("echo".into()) };
    let signals = response("text/event-stream", stream, Signals { claimed, ..Signals::default() });
    assert!(has(&signals, "RB2") && !has(&signals, "RH15"), "{:?}", signals.evidence);
    assert_eq!((signals.method(), signals.tool()), (Some("tools/call"), Some("echo")));
}

#[test]
fn the_server_names_itself_and_the_version_that_was_agreed() {
    let hello = r#"{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2025-06-18","capabilities":{},"serverInfo":{"name":"s"}}}"#;
    let asked = Signals { protocol_version: Some("2025-11-25".into()), ..Signals::default() };
    let signals = response("application/json", hello, asked);
    assert_eq!(
        (signals.server.as_deref(), signals.protocol_version.as_deref()),
        (Some("s"), Some("2025-06-18"))
    );
}

#[test]
fn ids_are_kept_as_they_were_written_up_to_a_kilobyte() {
    let id = |raw: &str| {
        let signals = request(&format!(r#"{{"jsonrpc":"2.0","method":"tools/list","id":{raw}}}"#));
        signals.ids().map(str::to_owned).collect::<Vec<_>>()
    };
    let long = |bytes: usize| format!("\"{}\"", "x".repeat(bytes - 2));
    for raw in [
        "18446744073709551616",
        "1.50",
        "-0",
        r#""a\/\u0062\ud800""#,
        "null",
        &long(300),
        &long(ID_MAX_BYTES),
    ] {
        assert_eq!(id(raw), [raw]);
    }
    for raw in [&long(ID_MAX_BYTES + 1), &"7".repeat(5000), "{\"a\":1}", "[1]"] {
        assert_eq!(id(raw), ["null"], "{raw}");
    }
}

#[test]
fn a_client_is_named_only_when_something_says_that_it_speaks_mcp() {
    let lsp = r#"{"processId":1,"clientInfo":{"name":"vscode"},"rootUri":"file:///","capabilities":{}}"#;
    assert_eq!(request(&call("initialize", lsp)).client, None);
    let mcp = r#"{"protocolVersion":"2025-06-18","clientInfo":{"name":"vscode"},"capabilities":{}}"#;
    assert_eq!(request(&call("initialize", mcp)).client.as_deref(), Some("vscode"));
    let lsp_server =
        r#"{"jsonrpc":"2.0","id":0,"result":{"capabilities":{},"serverInfo":{"name":"rust-analyzer"}}}"#;
    assert_eq!(response("application/json", lsp_server, Signals::default()).server, None);
}

#[test]
fn answers_of_the_client_to_its_server_are_strong() {
    for result in [
        r#"{"role":"assistant","content":{"type":"text","text":"hi"},"model":"m"}"#,
        r#"{"model":"m","role":"assistant","content":"hi"}"#,
        r#"{"roots":[]}"#,
        r#"{"action":"decline"}"#,
    ] {
        let body = format!(r#"{{"jsonrpc":"2.0","id":1,"result":{result}}}"#);
        assert!(has(&request(&body), "RB7"), "{result}");
        assert!(!has(&response("application/json", &body, Signals::default()), "RB7"), "{result}");
    }
    assert!(!has(
        &request(r#"{"jsonrpc":"2.0","id":1,"result":{"role":"assistant","content":"hi"}}"#),
        "RB7"
    ));
}

#[test]
fn a_list_of_tasks_without_parameters_is_strong() {
    assert_eq!(request(r#"{"jsonrpc":"2.0","id":1,"method":"tasks/list"}"#).strength(), Strength::Strong);
    assert_eq!(request(&call("tasks/list", r#"{"contextId":"c"}"#)).strength(), Strength::None);
}

/// A call whose body is not over; `jsonrpc` stands where the TypeScript SDK puts it, behind the parameters.
const CUT_CALL: &str =
    r#"{"method":"tools/call","params":{"name":"delete_all","arguments":{"note":"xxxxxxxxxxxxxxxxxxxx"#;

#[test]
fn what_was_read_before_a_cut_counts_even_when_jsonrpc_is_still_to_come() {
    let (mut reader, mut signals) = (RequestBody::new(&HeaderMap::new()), Signals::default());
    reader.feed(CUT_CALL.as_bytes(), &mut signals);
    reader.so_far(&mut signals);
    assert_eq!((signals.strength(), signals.tool()), (Strength::Definitive, Some("delete_all")));
    assert_eq!(request(CUT_CALL), Signals::default(), "a body that ends like this is no JSON-RPC");
    let other = CUT_CALL.replace("tools/call", "tasks/get");
    let (mut reader, mut signals) = (RequestBody::new(&HeaderMap::new()), Signals::default());
    reader.feed(other.as_bytes(), &mut signals);
    reader.so_far(&mut signals);
    assert_eq!(signals, Signals::default(), "a method that others have, too, proves nothing yet");
}

#[test]
fn reading_on_after_a_cut_ends_in_the_same_signals() {
    let whole = format!(r#"[{},{CUT_CALL}"}}}},"jsonrpc":"2.0","id":2}}]"#, call("ping", "{}"));
    for cut in 0..whole.len() {
        let (mut reader, mut signals) = (RequestBody::new(&HeaderMap::new()), Signals::default());
        reader.feed(&whole.as_bytes()[..cut], &mut signals);
        reader.so_far(&mut signals);
        reader.feed(&whole.as_bytes()[cut..], &mut signals);
        reader.finish(&mut signals);
        let expected = request(&whole);
        assert_eq!((&signals.calls, signals.strength()), (&expected.calls, Strength::Definitive), "{cut}");
    }
}

#[test]
fn what_was_read_before_an_error_counts() {
    let (signals, verdict) = after(Signals::default(), &format!("{CUT_CALL}\",}}"));
    assert_eq!((signals.tool(), verdict), (Some("delete_all"), BodyVerdict::Settled));
    let deep = format!("{CUT_CALL}\",\"a\":{}", "[".repeat(200));
    assert_eq!(after(Signals::default(), &deep).0.tool(), Some("delete_all"));
}

#[test]
fn what_was_decoded_before_a_limit_counts() {
    use std::io::Write as _;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(CUT_CALL.as_bytes()).unwrap();
    encoder.write_all(&vec![b'x'; 4 << 20]).unwrap();
    let bomb = encoder.finish().unwrap();
    let mut headers = HeaderMap::new();
    headers.insert(http::header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    let (mut reader, mut signals) = (RequestBody::new(&headers), Signals::default());
    let verdict = reader.feed(&bomb, &mut signals);
    reader.so_far(&mut signals);
    assert_eq!(
        (verdict, signals.tool()),
        (BodyVerdict::Uninspectable(&crate::detect::inspect::obstacle::TOO_LARGE), Some("delete_all"))
    );
}

#[test]
fn a_response_that_is_longer_than_what_is_read_counts_as_far_as_it_was_read() {
    let tool = r#"{"name":"echo","inputSchema":{"type":"object"}},"#;
    let list = format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{"tools":[{}"#, tool.repeat(2000));
    for (media, text) in [("application/json", list.clone()), ("text/event-stream", format!("data: {list}"))]
    {
        assert!(has(&response(media, &text, Signals::default()), "SR4"), "{media}");
        assert!(!has(&response(media, &text[..1000], Signals::default()), "SR4"), "{media}");
    }
}
