//! What is blocked, redirected, logged and passed, and what each client sees.

use crate::support::{Origin, TOOLS_CALL, curl, gateway};

const PORTAL: &str = "portal: { url: \"https://mcp.corp.example/mcp\" }";
const JSON: &str = "content-type: application/json";

#[test]
fn a_shadow_call_is_blocked_with_its_id_and_the_portal_and_recorded() {
    let origin = Origin::start();
    let gateway = gateway().trusting(&origin).config("posture: { shadow: block }").config(PORTAL).start();
    for version in ["--http1.1", "--http2"] {
        let answer = curl(&gateway, &[version, &origin.url("/echo"), "-H", JSON, "-d", TOOLS_CALL]);
        let body = answer.json();
        assert_eq!(body["id"], 7);
        assert_eq!(body["error"]["data"]["rule"], "shadow-mcp-call");
        assert!(body["error"]["message"].as_str().unwrap().contains("https://mcp.corp.example/mcp"));
        assert!(answer.head.contains("proxy-status: daylight; error=http_request_denied"), "{}", answer.head);
    }
    // Stored before the answer: it is there at once.
    let events = gateway.events();
    assert_eq!(events.len(), 2);
    for event in events {
        assert_eq!(
            (&event["verdict"], &event["mcp_method"], &event["mcp_tool"]),
            (&"block".into(), &"tools/call".into(), &"echo".into())
        );
        assert_eq!(
            (&event["is_mcp"], &event["host"], &event["sni"]),
            (&"definitive".into(), &"localhost".into(), &"localhost".into())
        );
        assert!(event["ja4"].as_str().unwrap().starts_with("t13d"));
    }
}

#[test]
fn the_default_posture_logs_and_lets_the_call_through() {
    let origin = Origin::start();
    let gateway = gateway().trusting(&origin).start();
    let answer = curl(&gateway, &[&origin.url("/echo"), "-H", JSON, "-d", TOOLS_CALL]);
    assert_eq!((answer.status, answer.json()["received"].as_u64()), (200, Some(TOOLS_CALL.len() as u64)));
    let event = gateway.event("completed", |e| e["verdict"] == "log" && e["bytes_down"] != 0);
    assert_eq!((&event["status"], &event["severity"]), (&200.into(), &"high".into()));
}

#[test]
fn tunnels_are_counted_by_what_names_alone_decide() {
    let origin = Origin::start();
    let rule = "rules: [ ./own.yaml ]";
    let own = "rules:\n  - {id: there, title: t, action: redirect, match: {host: [there.example]}}\n  \
               - {id: never, title: t, action: block, match: {host: [never.example]}}\n";
    let gateway = gateway().trusting(&origin).config(PORTAL).config(rule).start_with("own.yaml", own);
    for host in ["there.example", "never.example"] {
        assert_eq!(curl(&gateway, &[&format!("https://{host}/")]).status, 403);
    }
    assert_eq!(curl(&gateway, &[&origin.url("/page")]).status, 200);
    let metrics = gateway.metrics();
    for decision in ["redirect", "block", "inspect"] {
        let line = format!("daylight_tunnels_total{{decision=\"{decision}\"}} 1");
        assert!(metrics.contains(&line), "{line}: {metrics}");
    }
}

#[test]
fn redirect_sends_a_browser_on_and_tells_an_mcp_client_where_to_go() {
    let origin = Origin::start();
    let rule = "rules: [ ./own.yaml ]";
    let gateway = gateway().trusting(&origin).config(PORTAL).config(rule);
    let own = "rules:\n  - {id: to-portal, title: t, action: redirect, match: {host: [localhost], path: [/page, /mcp]}}\n";
    let gateway = gateway.config("").start_with("own.yaml", own);
    let page = curl(&gateway, &[&origin.url("/page"), "-H", "accept: text/html"]);
    assert_eq!(page.status, 307);
    assert!(page.head.contains("location: https://mcp.corp.example/mcp"));
    let call = curl(&gateway, &[&origin.url("/mcp"), "-H", JSON, "-d", TOOLS_CALL]).json();
    assert_eq!((&call["error"]["data"]["verdict"], &call["id"]), (&"redirect".into(), &7.into()));
    let other = curl(&gateway, &[&origin.url("/page")]);
    assert_eq!(other.status, 403);
    assert_eq!(curl(&gateway, &[&origin.url("/other")]).status, 200);
}

#[test]
fn inspect_keeps_the_payload_without_its_secrets() {
    let origin = Origin::start();
    let own = "rules:\n  - {id: look, title: t, action: inspect, match: {mcp: {method: [tools/call]}}}\n";
    let gateway = gateway().trusting(&origin).config("rules: [ ./own.yaml ]").start_with("own.yaml", own);
    let call = TOOLS_CALL.replace("\"text\":\"hi\"", "\"text\":\"hi\",\"password\":\"hunter2\"");
    let call = call.replace("\"echo\"", "\"note://bob:hunter2@h.example/1\"");
    curl(&gateway, &[&origin.url("/echo?api_key=k123"), "-H", JSON, "-d", &call]);
    let event = gateway.event("inspected", |e| e["verdict"] == "inspect");
    let payload = event["payload"].as_str().unwrap();
    assert!(payload.contains("\"hi\"") && !payload.contains("hunter2"), "{payload}");
    assert_eq!(event["query"], "api_key=[redacted]");
    assert_eq!(event["mcp_tool"], "note://[redacted]@h.example/1");
}

#[test]
fn an_approved_server_is_exempt() {
    let origin = Origin::start();
    let gateway = gateway()
        .trusting(&origin)
        .config("posture: { shadow: block }")
        .config("approved: [ { host: localhost, reason: \"our own\" } ]")
        .start();
    assert_eq!(curl(&gateway, &[&origin.url("/echo"), "-H", JSON, "-d", TOOLS_CALL]).status, 200);
    let event = gateway.event("approved", |e| e["is_mcp"] == "definitive");
    assert_eq!((&event["verdict"], &event["reason"]), (&"allow".into(), &"approved server: our own".into()));
}

#[test]
fn a_rule_that_names_approved_servers_blocks_a_call_to_one() {
    let origin = Origin::start();
    let own = "rules:\n  - {id: no-echo, title: t, action: block, match: {approved: true, mcp: {tool: [\"ec*\"]}}}\n";
    let gateway = gateway()
        .trusting(&origin)
        .config("rules: [ ./own.yaml ]\napproved: [ { host: localhost, reason: \"our own\" } ]")
        .start_with("own.yaml", own);
    let other = TOOLS_CALL.replace("\"echo\"", "\"list\"");
    assert_eq!(curl(&gateway, &[&origin.url("/echo"), "-H", JSON, "-d", &other]).status, 200);
    let answer = curl(&gateway, &[&origin.url("/echo"), "-H", JSON, "-d", TOOLS_CALL]);
    assert_eq!(answer.json()["error"]["data"]["rule"], "no-echo");
}

#[test]
fn pages_and_ordinary_calls_pass_unmarked() {
    let origin = Origin::start();
    let gateway = gateway().trusting(&origin).config("posture: { shadow: block }").start();
    assert_eq!(curl(&gateway, &[&origin.url("/docs/mcp"), "-H", "accept: text/html"]).status, 200);
    let quoted = r#"{"messages":[{"content":"{\"jsonrpc\":\"2.0\",\"method\":\"tools/call\"}"}]}"#;
    assert_eq!(curl(&gateway, &[&origin.url("/chat"), "-H", JSON, "-d", quoted]).status, 200);
    let wallet = r#"{"jsonrpc":"2.0","id":1,"method":"eth_call","params":[]}"#;
    assert_eq!(curl(&gateway, &[&origin.url("/rpc"), "-H", JSON, "-d", wallet]).status, 200);
    gateway.event("three rows", |e| e["path"] == "/rpc");
    assert!(gateway.events().iter().all(|e| e["verdict"] == "allow"));
}

#[test]
fn a_response_that_gives_mcp_away_is_a_detection() {
    let origin = Origin::start();
    let gateway = gateway().trusting(&origin).config("record: detections").start();
    curl(&gateway, &[&origin.url("/session")]);
    let event = gateway.event("by response", |e| e["path"] == "/session");
    assert_eq!((&event["verdict"], &event["mcp_signals"][0]), (&"log".into(), &"SR1".into()));
    assert_ne!(event["mcp_session"], "s-1");
}

#[test]
fn a_body_that_cannot_be_read_follows_the_policy() {
    let origin = Origin::start();
    let gateway = gateway().trusting(&origin).config("inspect: { uninspectable: block }").start();
    let answer = curl(
        &gateway,
        &[&origin.url("/echo"), "-H", "content-encoding: bogus", "-H", JSON, "-d", TOOLS_CALL],
    );
    assert_eq!(answer.status, 403);
    let event = gateway.event("uninspectable", |e| e["verdict"] == "block");
    assert!(event["reason"].as_str().unwrap().contains("content encoding is unknown"));
}

#[test]
fn logging_in_at_an_identity_provider_passes_and_makes_no_shadow_server_of_it() {
    let origin = Origin::start();
    let gateway = gateway().trusting(&origin).config("posture: { shadow: block }").start();
    let version = "mcp-protocol-version: 2025-11-25";
    for path in ["/.well-known/oauth-authorization-server/tenant", "/tenant/.well-known/openid-configuration"]
    {
        assert_eq!(curl(&gateway, &[&origin.url(path), "-H", version]).status, 200);
        let event = gateway.event(path, |e| e["path"] == path);
        assert_eq!((&event["verdict"], &event["is_mcp"]), (&"allow".into(), &"weak".into()), "{event}");
    }
    let other = curl(&gateway, &[&origin.url("/other"), "-H", version]);
    assert_eq!((other.status, &other.json()["error"]["data"]["rule"]), (403, &"shadow-mcp-call".into()));
}

#[test]
fn a_rule_on_a_tool_holds_for_a_body_that_is_longer_than_what_is_held() {
    let origin = Origin::start();
    let own = "rules:\n  - {id: no-delete, title: t, action: block, match: {mcp: {tool: [delete_all]}}}\n";
    let gateway = gateway()
        .trusting(&origin)
        .config("inspect: { hold_bytes: 16KiB }")
        .config("rules: [ ./own.yaml ]")
        .start_with("own.yaml", own);
    // The order of members in the TypeScript SDK.
    let call = |tool: &str| {
        let note = "x".repeat(200_000);
        let params = format!(r#"{{"name":"{tool}","arguments":{{"note":"{note}"}}}}"#);
        format!(r#"{{"method":"tools/call","params":{params},"jsonrpc":"2.0","id":7}}"#)
    };
    for (tool, status) in [("delete_all", 403), ("echo", 200)] {
        let file = gateway.dir.path().join(tool);
        std::fs::write(&file, call(tool)).unwrap();
        let body = format!("@{}", file.display());
        let answer =
            curl(&gateway, &[&origin.url("/echo"), "-H", JSON, "-H", "expect:", "--data-binary", &body]);
        assert_eq!(answer.status, status, "{answer:?}");
    }
    let event = gateway.event("blocked", |e| e["verdict"] == "block");
    assert_eq!((&event["mcp_method"], &event["mcp_tool"]), (&"tools/call".into(), &"delete_all".into()));
}

#[test]
fn a_batch_is_judged_by_every_call_in_it_and_answered_call_by_call() {
    let origin = Origin::start();
    let own = "rules:\n  - {id: no-delete, title: t, action: block, match: {mcp: {tool: [delete_all]}}}\n";
    let gateway = gateway().trusting(&origin).config("rules: [ ./own.yaml ]").start_with("own.yaml", own);
    let delete = TOOLS_CALL.replace("echo", "delete_all").replace("\"id\":7", "\"id\":123456789012345678901");
    let ping = r#"{"jsonrpc":"2.0","id":"p","method":"ping"}"#;
    let done = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
    let send = |batch: &str| {
        let accept = "accept: application/json, text/event-stream";
        curl(&gateway, &[&origin.url("/echo"), "-H", JSON, "-H", accept, "-d", batch])
    };
    assert!(send(&format!("[{ping},{done},{TOOLS_CALL}]")).json()["headers"].is_array());
    let answer = send(&format!("[{ping},{done},{TOOLS_CALL},{delete}]"));
    let ids: Vec<String> =
        answer.json().as_array().unwrap().iter().map(|error| error["id"].to_string()).collect();
    assert_eq!((answer.status, ids.len()), (200, 3));
    assert!(answer.body.contains("\"id\":123456789012345678901,"), "{}", answer.body);
    let event = gateway.event("the batch", |e| e["verdict"] == "block");
    assert_eq!((&event["mcp_method"], &event["mcp_tool"]), (&"tools/call".into(), &"echo".into()));
}

#[test]
fn what_asks_for_a_stream_is_never_told_that_all_is_well() {
    let origin = Origin::start();
    let gateway = gateway().trusting(&origin).config("posture: { shadow: block }").start();
    let (session, stream) = ("mcp-session-id: s-1", "accept: text/event-stream");
    let get = curl(&gateway, &[&origin.url("/mcp"), "-H", session, "-H", stream]);
    let note = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
    let post = curl(&gateway, &[&origin.url("/mcp"), "-H", session, "-H", JSON, "-H", stream, "-d", note]);
    for answer in [get, post] {
        assert_eq!((answer.status, answer.json().get("id")), (403, None), "{answer:?}");
    }
}
