//! The official SDKs of both eras and a browser.

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::support::{Gateway, Origin, Peer, gateway, python, root};

const PORTAL: &str = "portal: { url: \"https://mcp.corp.example/mcp\" }";

/// Runs a client through the gateway: what its user gets to see.
fn client(gateway: &Gateway, program: PathBuf, script: &str, arguments: &[&str]) -> Value {
    let ca = gateway.dir.path().join("certs/ca.pem");
    let output = Command::new(program)
        .arg(root().join("tests/peers").join(script))
        .args(arguments)
        .env("HTTPS_PROXY", format!("http://{}", gateway.proxy))
        .env("SSL_CERT_FILE", &ca)
        .env("NODE_EXTRA_CA_CERTS", &ca)
        .env_remove("NO_PROXY")
        .env_remove("no_proxy")
        .output()
        .expect("the client runs");
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().last().unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    serde_json::from_str(line).expect("JSON")
}

fn every_client(gateway: &Gateway, server: &Peer) -> Vec<(&'static str, Value)> {
    let url = format!("https://localhost:{}/mcp", server.port);
    vec![
        ("Python, modern", client(gateway, python(), "mcp_client.py", &[&url, "auto"])),
        ("Python, legacy", client(gateway, python(), "mcp_client.py", &[&url, "legacy"])),
        ("TypeScript, modern", client(gateway, "node".into(), "mcp_client.mjs", &[&url, "modern"])),
        ("TypeScript, legacy", client(gateway, "node".into(), "mcp_client.mjs", &[&url, "legacy"])),
    ]
}

/// HTTP+SSE (2024-11-05): a stream that names the URL to post to, and posts that are answered on the stream.
fn every_old_client(gateway: &Gateway, url: &str) -> Vec<(&'static str, Value)> {
    vec![
        ("Python", client(gateway, python(), "mcp_client.py", &[url, "sse"])),
        ("TypeScript, client", client(gateway, "node".into(), "mcp_client.mjs", &[url, "modern-sse"])),
        ("TypeScript, sdk", client(gateway, "node".into(), "mcp_client.mjs", &[url, "legacy-sse"])),
    ]
}

#[test]
fn the_user_of_every_sdk_reads_why_a_call_was_blocked_and_where_to_go() {
    let server = Peer::mcp_server();
    let gateway = gateway()
        .trusting_file(server.dir.path().join("ca.pem"))
        .config("posture: { shadow: block }")
        .config(PORTAL)
        .start();
    for (who, said) in every_client(&gateway, &server) {
        let error = said["error"].as_str().unwrap_or_else(|| panic!("{who} was let through: {said}"));
        for part in
            ["did not let this call to localhost through", "shadow-mcp-call", "https://mcp.corp.example/mcp"]
        {
            assert!(error.contains(part), "{who}: {error}");
        }
    }
    assert!(gateway.events().iter().all(|event| event["verdict"] == "block"));
}

#[test]
fn logged_calls_work_and_every_row_says_method_tool_and_version() {
    let server = Peer::mcp_server();
    let gateway = gateway().trusting_file(server.dir.path().join("ca.pem")).start();
    for (who, said) in every_client(&gateway, &server) {
        assert_eq!((&said["ok"], &said["text"]), (&true.into(), &"hi".into()), "{who}: {said}");
    }
    let events = gateway.events();
    for version in ["2026-07-28", "2025-11-25"] {
        let call =
            |event: &&Value| event["mcp_method"] == "tools/call" && event["mcp_protocol_version"] == version;
        let call = events.iter().find(call).unwrap_or_else(|| panic!("no call of {version}: {events:#?}"));
        assert_eq!((&call["mcp_tool"], &call["verdict"]), (&"echo".into(), &"log".into()));
    }
    assert!(events.iter().any(|event| event["mcp_server"] == "sample"));
}

#[test]
fn typescript_servers_of_both_eras_answer_every_client() {
    for (era, version) in [("modern", "2026-07-28"), ("legacy", "2025-11-25")] {
        let server = Peer::typescript_server(era);
        let gateway = gateway().trusting_file(server.dir.path().join("ca.pem")).start();
        for (who, said) in every_client(&gateway, &server) {
            assert_eq!((&said["ok"], &said["text"]), (&true.into(), &"hi".into()), "{era}: {who}: {said}");
        }
        let call = gateway.event(era, |e| e["mcp_tool"] == "echo" && e["mcp_protocol_version"] == version);
        assert_eq!(
            (&call["is_mcp"], &call["verdict"], &call["mcp_method"]),
            (&"definitive".into(), &"log".into(), &"tools/call".into())
        );
    }
}

#[test]
fn the_oldest_transport_is_seen_and_can_be_blocked() {
    let (python_server, typescript_server) = (Peer::mcp_server(), Peer::typescript_server("legacy"));
    for server in [&python_server, &typescript_server] {
        let url = format!("https://localhost:{}/sse", server.port);
        for posture in ["log", "block"] {
            let gateway = gateway()
                .trusting_file(server.dir.path().join("ca.pem"))
                .config(&format!("posture: {{ shadow: {posture} }}"))
                .config(PORTAL)
                .start();
            for (who, said) in every_old_client(&gateway, &url) {
                assert_eq!(said["ok"], posture == "log", "{who}: {said}");
            }
            if posture == "log" {
                let call = gateway.event("the call", |e| e["mcp_method"] == "tools/call");
                assert_eq!((&call["mcp_tool"], &call["verdict"]), (&"echo".into(), &"log".into()), "{call}");
                let stream = gateway.event("the stream", |e| e["path"] == "/sse" && e["method"] == "GET");
                assert_eq!((&stream["verdict"], &stream["status"]), (&"log".into(), &200.into()), "{stream}");
            } else {
                assert!(gateway.events().iter().all(|event| event["verdict"] == "block"));
            }
        }
    }
}

#[test]
fn a_refused_post_of_the_oldest_transport_is_answered_where_its_client_reads() {
    for server in [Peer::mcp_server(), Peer::typescript_server("legacy")] {
        let own =
            "rules:\n  - {id: no-calls, title: t, action: block, match: {mcp: {method: [tools/call]}}}\n";
        let gateway = gateway()
            .trusting_file(server.dir.path().join("ca.pem"))
            .config(PORTAL)
            .config("rules: [ ./own.yaml ]")
            .start_with("own.yaml", own);
        let url = format!("https://localhost:{}/sse", server.port);
        for (who, said) in every_old_client(&gateway, &url) {
            assert_eq!(said["tools"][0], "echo", "{who} listed no tools: {said}");
            let error = said["error"].as_str().unwrap_or_else(|| panic!("{who} was let through: {said}"));
            assert!(
                error.contains("did not let this call to localhost through (rule no-calls"),
                "{who}: {error}"
            );
        }
        let stream = gateway.event("the stream", |e| e["path"] == "/sse" && e["bytes_down"] != 0);
        let post = gateway.event("the post", |e| e["mcp_method"] == "tools/call");
        assert_eq!((&stream["verdict"], &stream["status"]), (&"allow".into(), &200.into()), "{stream}");
        assert_eq!((&post["verdict"], &post["status"]), (&"block".into(), &403.into()), "{post}");
        assert!(
            gateway.events().iter().any(|e| e["path"] == "/sse" && e["mcp_session"] == post["mcp_session"])
        );
    }
}

#[test]
fn a_browser_uses_the_pac_file_trusts_the_ca_and_its_shadow_call_is_blocked() {
    let origin = Origin::start();
    let gateway = gateway()
        .trusting(&origin)
        .config("posture: { shadow: block }")
        .config(PORTAL)
        .naming("app.vendor.example")
        .start();
    let ca = gateway.dir.path().join("certs/ca.pem").display().to_string();
    let pac = format!("http://{}/proxy.pac", gateway.proxy);
    let url = format!("https://app.vendor.example:{}/page", origin.address.port());
    let said = client(&gateway, "node".into(), "browser.mjs", &[&pac, &ca, &url]);
    assert_eq!(
        (&said["title"], &said["heading"], &said["page"]),
        (&"Check · Daylight".into(), &"This client is set up".into(), &"a page".into()),
        "{said}"
    );
    let page = gateway.event("the page", |e| e["path"] == "/page");
    assert_eq!((&page["verdict"], &page["client_alpn"]), (&"allow".into(), &"h2".into()), "{page}");
    assert_eq!(said["call"]["error"]["data"]["rule"], "shadow-mcp-call", "{said}");
    let event =
        gateway.event("from the page", |e| e["verdict"] == "block" && e["mcp_method"] == "tools/call");
    assert!(event["user_agent"].as_str().unwrap().contains("Chrome"), "{event}");
}

#[test]
fn a_websocket_passes_and_one_that_speaks_mcp_is_blocked() {
    let server = Peer::websocket_server();
    let gateway = gateway()
        .trusting_file(server.dir.path().join("ca.pem"))
        .config("posture: { shadow: block }")
        .start();
    let url = format!("wss://localhost:{}/", server.port);
    let said = client(&gateway, python(), "websocket_client.py", &[&url]);
    assert_eq!((&said["ok"], &said["text"]), (&true.into(), &"hello".into()), "{said}");
    let said = client(&gateway, python(), "websocket_client.py", &[&url, "mcp"]);
    assert_eq!(said["ok"], false, "{said}");
    let event = gateway.event("blocked upgrade", |e| e["verdict"] == "block");
    assert_eq!(event["mcp_signals"][0], "RH12");
}
