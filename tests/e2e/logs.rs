//! What the log tells at debug level: each step of a connection and of an exchange, under the id of its row.

use serde_json::Value;

use crate::support::{Gateway, Origin, SOON, TOOLS_CALL, curl, eventually, gateway};

/// The filter that `docs/operate.md` gives as the example.
const FILTER: &str = "info,daylight=debug";
const JSON: &str = "content-type: application/json";

fn lines(gateway: &Gateway) -> Vec<Value> {
    gateway.log().lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// The messages of a span, in their order; `name` is the span's, `id` that of a row.
fn steps(gateway: &Gateway, name: &str, id: &str) -> Vec<String> {
    let is_in = |line: &Value| {
        let spans = line["spans"].as_array().cloned().unwrap_or_default();
        spans.iter().any(|span| span["name"] == name && span["event_id"] == id)
    };
    let message = |line: Value| line["message"].as_str().unwrap_or_default().to_owned();
    lines(gateway).into_iter().filter(is_in).map(message).collect()
}

#[test]
fn the_documented_filter_tells_each_step_of_a_request_and_why_it_was_judged_so() {
    let docs = std::fs::read_to_string(crate::support::root().join("docs/operate.md")).unwrap();
    assert!(docs.contains(&format!("DAYLIGHT_LOG={FILTER}")));
    let origin = Origin::start();
    for version in ["--http1.1", "--http2"] {
        let gateway =
            gateway().trusting(&origin).config("posture: { shadow: block }").logging(FILTER).start();
        assert_eq!(curl(&gateway, &[version, &origin.url("/page?token=s3cr3t")]).status, 200);
        curl(&gateway, &[version, &origin.url("/echo"), "-H", JSON, "-d", TOOLS_CALL]);
        let passed = gateway.event("passed", |event| event["verdict"] == "allow");
        let blocked = gateway.event("blocked", |event| event["verdict"] == "block");
        let id = |event: &Value| event["id"].as_str().unwrap().to_owned();
        let is_ended = |event| steps(&gateway, "exchange", &id(event)).iter().any(|step| step == "ended");
        eventually(SOON, "the log of both exchanges", || is_ended(&passed) && is_ended(&blocked));
        assert_eq!(
            steps(&gateway, "exchange", &id(&passed)),
            ["judged by the request", "the origin has answered", "ended"]
        );
        assert_eq!(
            steps(&gateway, "exchange", &id(&blocked)),
            ["the body was held", "judged by the request", "ended"]
        );
        let judged = |line: &Value| line["message"] == "judged by the request" && line["verdict"] == "block";
        let judged = lines(&gateway).into_iter().find(judged).unwrap();
        assert!(judged["rules"].as_str().unwrap().contains("shadow-mcp-call"), "{judged}");
        assert!(judged["reason"].as_str().unwrap().starts_with("rule shadow-mcp-call"), "{judged}");
        assert!(!gateway.log().contains("s3cr3t"), "a query is not logged");
    }
}

#[test]
fn a_connection_is_logged_under_the_id_of_its_tunnels_row() {
    let origin = Origin::start();
    let bypass = "bypass: [ { host: localhost, reason: pinned } ]";
    let gateway = gateway().config(bypass).logging(FILTER).start();
    curl(&gateway, &["-k", &origin.url("/page")]);
    let event = gateway.event("bypassed", |event| event["verdict"] == "bypass");
    let id = event["id"].as_str().unwrap();
    eventually(SOON, "the end of the connection", || {
        steps(&gateway, "connection", id).iter().any(|step| step == "closed")
    });
    assert_eq!(
        steps(&gateway, "connection", id),
        ["the bypass is dialled", "decided by the names", "closed"]
    );
}

#[test]
fn at_the_usual_level_no_request_is_logged() {
    let origin = Origin::start();
    let gateway = gateway().trusting(&origin).start();
    assert_eq!(curl(&gateway, &[&origin.url("/page")]).status, 200);
    gateway.event("passed", |event| event["verdict"] == "allow");
    assert!(!gateway.log().contains("judged") && !gateway.log().contains("exchange"), "{}", gateway.log());
}
