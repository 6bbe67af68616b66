//! What goes over the wire when clients and origins do what they rarely do; the origin is a plain socket.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::mpsc;

use crate::faults::say;
use crate::support::{Gateway, TOOLS_CALL, gateway};

/// An origin without TLS that hands its connections to the test.
struct Raw {
    listener: TcpListener,
    authority: String,
}

impl Raw {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let authority = format!("localhost:{}", listener.local_addr().unwrap().port());
        Self { listener, authority }
    }

    /// Answers one request in a thread; gives what came, up to `end`.
    fn once(&self, end: &'static str) -> mpsc::Receiver<String> {
        let (listener, (tell, told)) = (self.listener.try_clone().unwrap(), mpsc::channel());
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            tell.send(read_to(&mut stream, end)).unwrap();
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").unwrap();
        });
        told
    }

    fn request(&self, line: &str, fields: &str, body: &str) -> String {
        let Self { authority, .. } = self;
        let (method, path) = line.split_once(' ').unwrap();
        format!("{method} http://{authority}{path} HTTP/1.1\r\nHost: {authority}\r\n{fields}\r\n{body}")
    }
}

fn read_to(stream: &mut TcpStream, end: &str) -> String {
    let (mut all, mut bytes) = (String::new(), [0; 4096]);
    while !all.ends_with(end) {
        let count = stream.read(&mut bytes).unwrap();
        assert!(count > 0, "the connection ended after {all:?}");
        all.push_str(&String::from_utf8_lossy(&bytes[..count]));
    }
    all.to_ascii_lowercase()
}

fn blocking() -> Gateway {
    gateway().config("posture: { shadow: block }").start()
}

#[test]
fn a_call_whose_client_leaves_before_the_answer_is_recorded() {
    let (origin, gateway) = (Raw::start(), gateway().start());
    let fields = format!("Content-Type: application/json\r\nContent-Length: {}\r\n", TOOLS_CALL.len());
    let mut client = TcpStream::connect(&gateway.proxy).unwrap();
    client.write_all(origin.request("POST /mcp", &fields, TOOLS_CALL).as_bytes()).unwrap();
    let (mut asked, _) = origin.listener.accept().unwrap();
    read_to(&mut asked, "}}}");
    drop(client);
    let event = gateway.event("the call", |e| e["mcp_method"] == "tools/call");
    assert_eq!(event["verdict"], "log");
    assert!(event["error"].as_str().unwrap().starts_with("client: it went away"), "{event}");
}

#[test]
fn a_call_that_is_cut_while_its_body_is_held_is_a_detection() {
    let (origin, gateway) = (Raw::start(), gateway().config("limits: { drain_ms: 1 }").start());
    // The gateway says so when it begins to read the body.
    let fields = "Mcp-Method: tools/call\r\nExpect: 100-continue\r\nContent-Length: 100\r\n";
    let mut client = TcpStream::connect(&gateway.proxy).unwrap();
    client.write_all(origin.request("POST /a", fields, "").as_bytes()).unwrap();
    assert!(read_to(&mut client, "\r\n\r\n").contains("100 continue"));
    client.write_all(b"{\"jsonrpc\":").unwrap();
    Command::new("kill").args(["-TERM", &gateway.pid().to_string()]).status().unwrap();
    let event = gateway.event("the call", |e| e["path"] == "/a");
    assert_eq!((&event["verdict"], &event["mcp_method"]), (&"log".into(), &"tools/call".into()), "{event}");
    assert_eq!(event["error"], "gateway: it is shutting down");
}

#[test]
fn an_upgrade_is_no_way_around_inspection() {
    let (origin, gateway) = (Raw::start(), blocking());
    let fields = "Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Type: application/json\r\n";
    let with_length = |body: &str| format!("{fields}Content-Length: {}\r\n", body.len());
    let call = origin.request("POST /", &with_length(TOOLS_CALL), TOOLS_CALL);
    assert!(say(&gateway.proxy, call.as_bytes()).contains("shadow-mcp-call"));
    let came = origin.once("{\"a\":1}");
    let other = origin.request("POST /", &with_length("{\"a\":1}"), "{\"a\":1}");
    assert!(say(&gateway.proxy, other.as_bytes()).ends_with("ok"));
    let came = came.recv().unwrap();
    assert!(came.contains("content-length: 7") && !came.contains("upgrade"), "{came}");
}

#[test]
fn a_get_keeps_its_chunked_body() {
    let (origin, gateway) = (Raw::start(), gateway().start());
    let came = origin.once("0\r\n\r\n");
    let fields = "Transfer-Encoding: chunked\r\nContent-Type: application/json\r\n";
    let query = origin.request("GET /_search", fields, "7\r\n{\"q\":1}\r\n0\r\n\r\n");
    assert!(say(&gateway.proxy, query.as_bytes()).ends_with("ok"));
    assert!(came.recv().unwrap().contains("{\"q\":1}"));
}

#[test]
fn of_two_lengths_only_the_chunks_travel() {
    let (origin, gateway) = (Raw::start(), gateway().start());
    let came = origin.once("0\r\n\r\n");
    let fields = "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n";
    let said = say(&gateway.proxy, origin.request("POST /", fields, "5\r\nhello\r\n0\r\n\r\n").as_bytes());
    assert!(said.ends_with("ok"), "{said}");
    let came = came.recv().unwrap();
    assert!(came.contains("transfer-encoding: chunked") && !came.contains("content-length"), "{came}");
}

#[test]
fn a_body_that_breaks_off_is_not_sent_on_as_a_whole_one() {
    let (origin, gateway) = (Raw::start(), gateway().start());
    let fields = "Transfer-Encoding: chunked\r\nContent-Type: application/json\r\n";
    let mut client = TcpStream::connect(&gateway.proxy).unwrap();
    client.write_all(origin.request("POST /broken", fields, "5\r\n{\"a\":\r\n").as_bytes()).unwrap();
    drop(client);
    let event = gateway.event("the broken body", |e| e["path"] == "/broken");
    assert!(event["error"].as_str().unwrap().starts_with("client: "), "{event}");
    origin.listener.set_nonblocking(true).unwrap();
    if let Ok((mut stream, _)) = origin.listener.accept() {
        let mut came = String::new();
        stream.read_to_string(&mut came).unwrap();
        assert!(!came.contains("0\r\n\r\n"), "{came}");
    }
}

#[test]
fn an_old_request_without_a_host_gets_one() {
    let (origin, gateway) = (Raw::start(), gateway().start());
    let came = origin.once("\r\n\r\n");
    let old = format!("GET http://{}/old HTTP/1.0\r\n\r\n", origin.authority);
    assert!(say(&gateway.proxy, old.as_bytes()).ends_with("ok"));
    assert!(came.recv().unwrap().contains(&format!("host: {}\r\n", origin.authority)));
}

#[test]
fn what_is_held_at_once_is_limited_over_all_connections() {
    let gateway = gateway().config("inspect: { hold_total_bytes: 1KiB, uninspectable: block }").start();
    let origin = Raw::start();
    let open = |length: usize| format!("Content-Type: application/json\r\nContent-Length: {length}\r\n");
    let mut waits = TcpStream::connect(&gateway.proxy).unwrap();
    let half = format!("{{\"a\":\"{}", "x".repeat(600));
    waits.write_all(origin.request("POST /waits", &open(5000), &half).as_bytes()).unwrap();
    let other = format!("{{\"a\":\"{}\"}}", "x".repeat(900));
    // Which of the two comes too late for the budget is a race; that one of them does, is not.
    let said = say(&gateway.proxy, origin.request("POST /", &open(other.len()), &other).as_bytes());
    let event = gateway.event("over the budget", |e| e["verdict"] == "block");
    assert!(event["reason"].as_str().unwrap().contains("inspect.hold_total_bytes"), "{event} {said}");
    let line = "daylight_inspect_truncated_total{limit=\"hold_total_bytes\"}";
    assert!(gateway.metrics().contains(line));
}

#[test]
fn a_stream_that_gives_itself_away_is_on_record_while_it_lasts() {
    let (origin, gateway) = (Raw::start(), gateway().start());
    let mut client = TcpStream::connect(&gateway.proxy).unwrap();
    let ask = origin.request("GET /events", "Accept: text/event-stream\r\n", "");
    client.write_all(ask.as_bytes()).unwrap();
    let (mut asked, _) = origin.listener.accept().unwrap();
    read_to(&mut asked, "\r\n\r\n");
    let event = "event: endpoint\ndata: /messages?session_id=1\n\n";
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n";
    asked.write_all(format!("{head}{event}").as_bytes()).unwrap();
    let open = gateway.event("the open stream", |e| e["path"] == "/events");
    assert_eq!((&open["verdict"], &open["mcp_signals"][0]), (&"log".into(), &"SR7".into()), "{open}");
    asked.write_all(b"data: last\n\n").unwrap();
    drop(asked);
    let closed = gateway.event("the closed stream", |e| e["bytes_down"] == event.len() + 12);
    assert_eq!((&closed["id"], &closed["error"]), (&open["id"], &serde_json::Value::Null), "{closed}");
    assert_eq!(gateway.events().len(), 1);
}
