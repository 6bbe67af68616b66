//! Bad input and bad origins: the right status with a reason, an event, and the process lives.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::support::origin::Certificate;
use crate::support::{Origin, curl, gateway};

/// Writes, then reads until the end or until nothing more comes.
pub fn say(address: &str, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    // An answer that leaves the connection open ends with this.
    stream.set_read_timeout(Some(Duration::from_millis(1500))).unwrap();
    // The gateway may close before everything was sent.
    if stream.write_all(bytes).is_err() {
        return String::new();
    }
    let mut said = Vec::new();
    drop(stream.read_to_end(&mut said));
    String::from_utf8_lossy(&said).into_owned()
}

#[test]
fn a_bad_certificate_gives_a_clear_answer_and_an_event() {
    for (certificate, word) in
        [(Certificate::Expired, "expired"), (Certificate::OtherName, "not valid for name")]
    {
        let origin = Origin::with(certificate);
        let gateway = gateway().trusting(&origin).start();
        let answer = curl(&gateway, &[&origin.url("/")]);
        assert_eq!(answer.status, 502);
        assert!(answer.head.contains("tls_certificate_error") && answer.body.contains(word), "{answer:?}");
        let event = gateway.event("certificate", |e| e["status"] == 502);
        assert!(event["error"].as_str().unwrap().starts_with("origin: the origin's certificate was refused"));
    }
    let origin = Origin::start();
    let gateway = gateway().start();
    let answer = curl(&gateway, &[&origin.url("/"), "-H", "accept: text/html"]);
    assert!(
        answer.head.contains("text/html") && answer.body.contains("not signed by an authority"),
        "{answer:?}"
    );
}

#[test]
fn failures_of_the_network_have_their_status() {
    let gateway = gateway().start();
    for (url, status, kind) in [
        ("http://localhost:1/", 502, "connection_refused"),
        ("https://localhost:1/", 502, "connection_refused"),
        ("http://nowhere.test/", 502, "dns_error"),
        ("https://nowhere.test/", 502, "dns_error"),
    ] {
        let answer = curl(&gateway, &[url]);
        assert_eq!(answer.status, status, "{url}");
        assert!(answer.head.contains(kind), "{url}: {}", answer.head);
    }
    assert_eq!(gateway.event("dns", |e| e["host"] == "nowhere.test")["status"], 502);
}

#[test]
fn whose_fault_it_was_is_a_column_and_the_text_keeps_its_first_word() {
    let gateway = gateway().guarded().start();
    curl(&gateway, &["https://nowhere.test/"]);
    curl(&gateway, &["https://mail.example:25/"]);
    curl(&gateway, &["http://127.0.0.1:9/"]);
    say(&gateway.proxy, b"NONSENSE\r\n\r\n");
    for (blame, text) in [
        ("origin", "origin: the name does not resolve"),
        ("policy", "client: CONNECT to port 25 is not allowed"),
        ("policy", "origin: 127.0.0.1 is a loopback address"),
        ("client", "client: "),
    ] {
        gateway.event(text, |event| {
            event["blame"] == blame && event["error"].as_str().is_some_and(|error| error.starts_with(text))
        });
    }
}

#[test]
fn an_origin_that_says_nothing_times_out() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let gateway = gateway().config("limits: { tls_ms: 300, response_head_ms: 300 }").start();
    assert_eq!(curl(&gateway, &[&format!("https://localhost:{port}/")]).status, 504);
    assert_eq!(curl(&gateway, &[&format!("http://localhost:{port}/")]).status, 504);
}

#[test]
fn an_origin_that_closes_mid_body_ends_the_response_and_is_recorded() {
    let origin = Origin::start();
    let gateway = gateway().trusting(&origin).start();
    let answer = curl(&gateway, &["--http1.1", &origin.url("/cut")]);
    assert_ne!(answer.code, 0, "curl notices the missing bytes");
    let event = gateway.event("cut", |e| e["path"] == "/cut");
    assert!(event["error"].as_str().unwrap().starts_with("origin: the response's body broke off"), "{event}");
}

#[test]
fn garbage_and_monsters_are_answered_and_survived() {
    let gateway = gateway().config("limits: { hello_ms: 300 }").start();
    let address = gateway.proxy.clone();
    assert!(say(&address, b"\x00\x01\x02\xff\xfe garbage\r\n\r\n").starts_with("HTTP/1.1 400"));
    assert!(say(&address, b"CONNECT nonsense HTTP/1.1\r\nHost: x\r\n\r\n").starts_with("HTTP/1.1 400"));
    assert!(
        say(&address, b"GET ftp://x.example/ HTTP/1.1\r\nHost: x.example\r\n\r\n")
            .starts_with("HTTP/1.1 400")
    );
    let mut monster = b"GET / HTTP/1.1\r\nHost: x\r\n".to_vec();
    monster.extend(
        (0..10)
            .flat_map(|n| [format!("X-{n}: ").into_bytes(), vec![b'a'; 1 << 20], b"\r\n".to_vec()].concat()),
    );
    let said = say(&address, &monster);
    assert!(said.is_empty() || said.starts_with("HTTP/1.1 431"), "{said}");
    let tunnel = |inside: &[u8]| {
        say(&address, &[b"CONNECT localhost:1 HTTP/1.1\r\nHost: localhost:1\r\n\r\n", inside].concat())
    };
    assert!(tunnel(b"SSH-2.0-OpenSSH_9.2\r\n").contains("400 Bad Request"));
    tunnel(&[&[0x16, 3, 1, 0xff, 0xff], vec![0; 70_000].as_slice()].concat());
    tunnel(&[0x16, 3, 1, 0, 5, 1, 0, 0, 1, 0]);
    tunnel(b"");
    gateway.event("garbage", |e| e["status"] == 400);
    gateway.event("hello", |e| e["error"].as_str().is_some_and(|s| s.contains("TLS hello is")));
    assert_eq!(curl(&gateway, &["https://daylight.internal/check"]).status, 200, "the process lives");
}

#[test]
fn ambiguous_framing_and_foreign_hosts_are_refused() {
    let origin = Origin::start();
    let gateway = gateway().trusting(&origin).start();
    let fronted = curl(&gateway, &["--http1.1", &origin.url("/"), "-H", "host: other.example"]);
    assert_eq!(fronted.status, 421);
    let fronted = curl(&gateway, &["--http2", &origin.url("/"), "-H", "host: other.example"]);
    assert!(matches!(fronted.status, 400 | 421), "{fronted:?}");
    let two = say(
        &gateway.proxy,
        b"GET http://localhost:1/ HTTP/1.1\r\nHost: localhost:1\r\nHost: localhost:1\r\n\r\n",
    );
    assert!(two.starts_with("HTTP/1.1 400"), "{two}");
}
