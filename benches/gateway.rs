//! The costs of one exchange: matching, classifying, minting, storing. `cargo bench`.

#![expect(clippy::expect_used, reason = "a bench fails by panicking")]

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use daylight::detect::dlp;
use daylight::detect::inspect::head::{self, Accepts, Head};
use daylight::detect::inspect::{RequestBody, Signals};
use daylight::detect::rules::{self, Names};
use daylight::store::event::Event;
use daylight::store::journal::{Journal, Settings, WhenFull};
use daylight::verdict::Verdict;
use daylight::wire::tls::{Authority, Leafs};
use http::{HeaderMap, HeaderValue, Method};
use time::OffsetDateTime;

fn headers() -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("host", "api.vendor.example"),
        ("user-agent", "Mozilla/5.0 (X11; Linux x86_64)"),
        ("accept", "*/*"),
        ("accept-encoding", "gzip, br"),
        ("accept-language", "en"),
        ("cookie", "a=b; c=d"),
        ("referer", "https://x.example/"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers
}

fn matcher(c: &mut Criterion) {
    let set = rules::load(&[PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/rules"))])
        .expect("the shipped rules");
    let names = Names {
        host: "api.vendor.example",
        port: 443,
        sni: Some("api.vendor.example"),
        user: None,
        groups: &[],
        client_ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
        approved: false,
    };
    let tunnel = set.names(&names);
    let (headers, path) = (headers(), "/v1/things/42");
    c.bench_function("matcher: names of a tunnel", |b| b.iter(|| set.names(black_box(&names))));
    c.bench_function("matcher: a GET that matches nothing", |b| {
        b.iter(|| {
            let mut evaluation = tunnel.exchange();
            evaluation.head(&rules::Head { method: &Method::GET, path, query: None, headers: &headers });
            evaluation.end(&Signals::default());
            black_box(evaluation.matches())
        });
    });
}

fn classifier(c: &mut Criterion) {
    let headers = headers();
    let get = Head {
        method: &Method::GET,
        host: "api.vendor.example",
        path: "/v1/things/42",
        query: None,
        headers: &headers,
        accepts: Accepts::of(&headers),
    };
    c.bench_function("classifier: head of a GET", |b| {
        b.iter(|| head::read(&Head { accepts: Accepts::of(black_box(&headers)), ..*black_box(&get) }));
    });
    let note = "a".repeat(400);
    let json = format!(r#"{{"jsonrpc":"2.0","id":7,"method":"orders/submit","params":{{"note":"{note}"}}}}"#);
    let call = format!(
        r#"{{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{{"name":"echo","arguments":{{"text":"{}"}}}}}}"#,
        "b".repeat(920)
    );
    let large = format!("[{}]", vec![r#"{"name":"a","values":[1,2,3],"nested":{"k":"v"}}"#; 2000].join(","));
    for (name, body) in
        [("a 460-byte JSON body", json), ("a 1 KiB MCP call", call), ("a 100 KiB JSON body", large)]
    {
        c.bench_function(&format!("classifier: {name}"), |b| {
            b.iter(|| {
                let (mut reader, mut signals) = (RequestBody::new(&headers), Signals::default());
                reader.feed(black_box(body.as_bytes()), &mut signals);
                reader.finish(&mut signals);
                signals
            });
        });
    }
}

fn redaction(c: &mut Criterion) {
    let call = format!(
        r#"{{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{{"name":"echo","arguments":{{"text":"{}"}}}}}}"#,
        "a few words and ".repeat(57)
    );
    c.bench_function("redaction: a 1 KiB MCP call", |b| b.iter(|| dlp::redact_json(black_box(&call), 16384)));
    for (name, path) in [
        ("a short path", "/v1/things/42"),
        ("a long path", "/a-rather-long-path-of-words/and-more-words-2026"),
    ] {
        c.bench_function(&format!("redaction: {name}"), |b| b.iter(|| dlp::redact_path(black_box(path))));
    }
    let query = "q=how+to+write+a+parser&sort=-created_at&token=abc";
    c.bench_function("redaction: a query", |b| b.iter(|| dlp::redact_query(black_box(query))));
}

fn minting(c: &mut Criterion) {
    let (dir, now) = (tempfile::tempdir().expect("a folder"), OffsetDateTime::now_utc());
    let leafs = Leafs::new(Authority::init(dir.path(), now).expect("a CA"), now).expect("a leaf key");
    let mut count = 0_u64;
    c.bench_function("minting: a new name", |b| {
        b.iter(|| {
            count += 1;
            leafs.get(&Arc::from(format!("host-{count}.example")), now)
        });
    });
    let known: Arc<str> = "known.example".into();
    c.bench_function("minting: a known name", |b| b.iter(|| leafs.get(black_box(&known), now)));
}

fn journal(c: &mut Criterion) {
    let dir = tempfile::tempdir().expect("a folder");
    let settings = |name: &str| Settings {
        dir: dir.path().join(name),
        max_age_days: 90,
        max_bytes: 1 << 34,
        when_full: WhenFull::Block,
        deliver: false,
    };
    let event = Event {
        id: uuid::Uuid::now_v7(),
        gateway: "gw".into(),
        client_ip: Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        host: "api.vendor.example".into(),
        port: 443,
        method: Some("GET".into()),
        path: Some("/v1/things/42".into()),
        status: Some(200),
        user_agent: Some("Mozilla/5.0".into()),
        ja4: Some("t13d1516h2_8daaf6152771_e5627efa2ab1".into()),
        reason: "no rule matched".into(),
        verdict: Verdict::Allow,
        is_mcp: "none",
        ..Event::default()
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let mut round = 0;
    c.bench_function("journal: 10,000 plain events to disk", |b| {
        b.iter(|| {
            round += 1;
            let journal = Journal::open(settings(&round.to_string())).expect("a journal");
            (0..10_000).for_each(|_| journal.append(event.clone()));
            runtime.block_on(journal.close());
        });
    });
    let journal = Journal::open(settings("durable")).expect("a journal");
    c.bench_function("journal: a durable event", |b| {
        b.iter(|| runtime.block_on(journal.append_durable(event.clone())))
    });
    runtime.block_on(journal.close());
}

criterion_group!(benches, matcher, classifier, redaction, minting, journal);
criterion_main!(benches);
