//! Every limit that traffic can reach: what happens, and that it is counted under its name.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use crate::faults::say;
use crate::support::{Gateway, Origin, SOON, TOOLS_CALL, curl, eventually, gateway};

/// Waits until a limit was counted.
fn counted(gateway: &Gateway, limit: &str) {
    let metric = if limit.starts_with("hold_") { "inspect_truncated_total" } else { "limit_hits_total" };
    let line = format!("{metric}{{limit=\"{limit}\"}} ");
    eventually(SOON, &format!("{limit} is counted"), || gateway.metrics().contains(&line));
}

/// A tunnel to `to`, open for bytes.
fn tunnel(gateway: &Gateway, to: &str) -> TcpStream {
    let mut stream = TcpStream::connect(&gateway.proxy).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    write!(stream, "CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n\r\n").unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    assert!(head.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&head));
    stream
}

fn ends(mut stream: TcpStream) {
    drop(stream.read_to_end(&mut Vec::new()));
}

#[test]
fn a_client_that_keeps_the_gateway_waiting_is_let_go() {
    let gateway = gateway().config("limits: { hello_ms: 200, tls_ms: 200, idle_ms: 200 }").start();
    ends(tunnel(&gateway, "localhost:1"));
    counted(&gateway, "hello_ms");
    let mut flood = tunnel(&gateway, "localhost:1");
    // It is cut off before everything was sent.
    drop(flood.write_all(&[&[0x16, 3, 1, 0x40, 0], vec![1; 70_000].as_slice()].concat()));
    ends(flood);
    counted(&gateway, "hello_bytes");
    let mut half = TcpStream::connect(&gateway.proxy).unwrap();
    half.write_all(b"GET / HTTP/1.1\r\nHos").unwrap();
    ends(half);
    counted(&gateway, "idle_ms");
    gateway.event("half a request", |e| e["error"].as_str().is_some_and(|why| why.contains("header")));
    // A hello, then silence.
    let roots = rustls::RootCertStore::empty();
    let config = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let name = "daylight.internal".try_into().unwrap();
    let mut client = rustls::ClientConnection::new(Arc::new(config), name).unwrap();
    let mut stream = tunnel(&gateway, "daylight.internal:443");
    client.write_tls(&mut stream).unwrap();
    ends(stream);
    counted(&gateway, "tls_ms");
}

#[test]
fn an_origin_that_keeps_the_client_waiting_is_given_up() {
    let gateway =
        gateway().config("limits: { dial_ms: 300, tls_ms: 300, response_head_ms: 300, splice_idle_ms: 300 }");
    let gateway = gateway.config("bypass: [ { host: localhost, reason: test } ]").start();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let answer = curl(&gateway, &[&format!("http://127.0.0.1:{port}/")]);
    assert_eq!((answer.status, answer.head.contains("http_response_timeout")), (504, true), "{answer:?}");
    counted(&gateway, "response_head_ms");
    assert_eq!(curl(&gateway, &[&format!("https://127.0.0.1:{port}/")]).status, 504);
    counted(&gateway, "tls_ms");
    let mut spliced = tunnel(&gateway, &format!("localhost:{port}"));
    spliced.write_all(b"SSH-2.0-client\r\n").unwrap();
    ends(spliced);
    counted(&gateway, "splice_idle_ms");
    let event = gateway.event("idle", |e| e["verdict"] == "bypass");
    assert!(event["error"].as_str().unwrap().contains("limits.splice_idle_ms"), "{event}");
    // A queue that is full answers no further connection.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _inside = runtime.enter();
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let full = socket.listen(1).unwrap();
    let address: SocketAddr = full.local_addr().unwrap();
    let held: Vec<_> = (0..4)
        .filter_map(|_| TcpStream::connect_timeout(&address, Duration::from_millis(200)).ok())
        .collect();
    let answer = curl(&gateway, &[&format!("http://{address}/")]);
    assert_eq!((answer.status, answer.head.contains("connection_timeout")), (504, true), "{answer:?}");
    counted(&gateway, "dial_ms");
    drop(held);
}

#[test]
fn a_head_that_is_too_large_is_refused() {
    let gateway = gateway().config("limits: { head_bytes: 16KiB, head_fields: 20 }").start();
    let long = format!("GET / HTTP/1.1\r\nHost: x.example\r\nX-Long: {}\r\n\r\n", "a".repeat(20_000));
    assert!(say(&gateway.proxy, long.as_bytes()).starts_with("HTTP/1.1 431"));
    counted(&gateway, "head_bytes");
    gateway.event("the long head", |e| e["status"] == 431);
    let many: String = (0..30).map(|n| format!("X-{n}: 1\r\n")).collect();
    let many = format!("GET / HTTP/1.1\r\nHost: x.example\r\n{many}\r\n");
    assert!(say(&gateway.proxy, many.as_bytes()).starts_with("HTTP/1.1 431"));
}

#[test]
fn a_body_is_held_only_so_long_and_only_so_much() {
    let origin = Origin::start();
    let gateway = gateway()
        .trusting(&origin)
        .config(
            "posture: { shadow: block }\ninspect: { hold_bytes: 4KiB, hold_ms: 300, uninspectable: block }",
        )
        .start();
    let json = ["-H", "content-type: application/json"];
    // Could still turn out to be JSON-RPC when the limit is reached.
    let large = format!("{{\"params\":\"{}\",\"jsonrpc\":\"2.0\"}}", "a".repeat(100_000));
    let url = origin.url("/echo");
    let answer = curl(&gateway, &[&json[..], &["-d", &large, &url]].concat());
    assert_eq!((answer.status, answer.body.contains("inspect.hold_bytes")), (403, true), "{answer:?}");
    counted(&gateway, "hold_bytes");
    // A body that never comes to its end.
    let proxy = format!("http://{}", gateway.proxy);
    let mut slow = Command::new("curl")
        .args(["-s", "-i", "-m", "20", "-x", &proxy, "--cacert"])
        .arg(gateway.dir.path().join("certs/ca.pem"))
        .args([json[0], json[1], "-T", "-", "-X", "POST", &url])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = slow.stdin.take().unwrap();
    stdin.write_all(b"{\"jsonrpc\":").unwrap();
    counted(&gateway, "hold_ms");
    drop(stdin);
    let said = String::from_utf8(slow.wait_with_output().unwrap().stdout).unwrap();
    assert!(said.contains("inspect.hold_ms"), "{said}");
}

#[test]
fn the_kept_payload_is_capped() {
    let origin = Origin::start();
    let own = "rules:\n  - {id: look, title: t, action: inspect, match: {mcp: {method: [tools/call]}}}\n";
    let gateway = gateway()
        .trusting(&origin)
        .config("rules: [ ./own.yaml ]\ninspect: { payload_bytes: 1KiB }")
        .start_with("own.yaml", own);
    let call = TOOLS_CALL.replace("\"hi\"", &format!("\"{}\"", "hi ".repeat(2000)));
    curl(&gateway, &["-d", &call, &origin.url("/echo")]);
    let event = gateway.event("inspected", |e| e["verdict"] == "inspect");
    let kept = event["payload"].as_str().unwrap().len();
    assert!((900..1200).contains(&kept), "{kept} bytes kept");
}

#[test]
fn connections_and_streams_have_a_number() {
    let gateway = gateway().config("limits: { connections: 2, streams: 7 }").start();
    let held: Vec<TcpStream> = (0..2).map(|_| TcpStream::connect(&gateway.proxy).unwrap()).collect();
    ends(TcpStream::connect(&gateway.proxy).unwrap());
    drop(held);
    counted(&gateway, "connections");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut roots = rustls::RootCertStore::empty();
    let pem = std::fs::read(gateway.dir.path().join("certs/ca.pem")).unwrap();
    let ca = rustls::pki_types::pem::PemObject::from_pem_slice(&pem).unwrap();
    roots.add(ca).unwrap();
    let mut config = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let stream = tunnel(&gateway, "daylight.internal:443");
    let streams = runtime.block_on(async {
        stream.set_nonblocking(true).unwrap();
        let stream = tokio::net::TcpStream::from_std(stream).unwrap();
        let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
        let tls = connector.connect("daylight.internal".try_into().unwrap(), stream).await.unwrap();
        let (mut sender, mut connection) = h2::client::handshake(tls).await.unwrap();
        let request = http::Request::get("https://daylight.internal/check").body(()).unwrap();
        let (answer, _) = sender.send_request(request, true).unwrap();
        tokio::select! {
            answer = answer => assert_eq!(answer.unwrap().status(), 200),
            ended = &mut connection => panic!("{ended:?}"),
        }
        connection.max_concurrent_send_streams()
    });
    assert_eq!(streams, 7);
}

#[test]
fn draining_waits_for_what_is_open_and_cuts_it_at_the_deadline_or_when_told_again() {
    for (deadline_ms, second, signals) in [(20_000, true, 1), (300, false, 1), (600_000, false, 2)] {
        let origin = Origin::start();
        let gateway =
            gateway().trusting(&origin).config(&format!("limits: {{ drain_ms: {deadline_ms} }}")).start();
        let mut stream = Command::new("curl")
            .args(["-s", "-N", "-m", "20", "-x", &format!("http://{}", gateway.proxy), "--cacert"])
            .arg(gateway.dir.path().join("certs/ca.pem"))
            .arg(origin.url("/sse"))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut out = stream.stdout.take().unwrap();
        let mut first = [0; 13];
        out.read_exact(&mut first).unwrap();
        let direct =
            |path: &str| Command::new("curl").args(["-s", "-k", &origin.url(path)]).output().unwrap().stdout;
        let pid = gateway.pid().to_string();
        for _ in 0..signals {
            Command::new("kill").args(["-TERM", &pid]).status().unwrap();
            // Two of one kind that come at once are one.
            eventually(SOON, "nothing more is accepted", || TcpStream::connect(&gateway.proxy).is_err());
        }
        if second {
            assert_eq!(direct("/release"), b"released");
        }
        let mut rest = String::new();
        out.read_to_string(&mut rest).unwrap();
        assert_eq!(rest == "data: second\n\n", second, "{rest}");
        stream.wait().unwrap();
        eventually(SOON, "the gateway has stopped", || gateway.log().contains("\"stopped\""));
        let event = gateway.events().into_iter().find(|event| event["path"] == "/sse").unwrap();
        let expected = if second { serde_json::Value::Null } else { "gateway: it is shutting down".into() };
        assert_eq!(event["error"], expected, "{event}");
    }
}
