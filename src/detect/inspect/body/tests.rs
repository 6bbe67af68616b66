use std::io::Write as _;

use http::HeaderValue;
use proptest::prelude::*;

use super::*;
use crate::detect::inspect::Strength;
use crate::detect::mcp::{Exclusivity, METHODS};

fn read(body: &[u8], headers: &HeaderMap, chunk: usize) -> (Signals, BodyVerdict) {
    let (mut reader, mut signals) = (RequestBody::new(headers), Signals::default());
    for piece in body.chunks(chunk.max(1)) {
        if let BodyVerdict::Uninspectable(why) = reader.feed(piece, &mut signals) {
            return (signals, BodyVerdict::Uninspectable(why));
        }
    }
    let verdict = reader.finish(&mut signals);
    (signals, verdict)
}

fn signals_of(body: &str) -> Signals {
    read(body.as_bytes(), &HeaderMap::new(), usize::MAX).0
}

fn ids(signals: &Signals) -> Vec<&str> {
    signals.ids().collect()
}

const CALL: &str =
    r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"echo","arguments":{"text":"hi"}}}"#;

fn with(name: &'static str, value: &'static str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(name, HeaderValue::from_static(value));
    headers
}

#[test]
fn every_method_of_every_revision_is_recognised() {
    for (method, exclusivity) in METHODS {
        let legacy = signals_of(&format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{{}}}}"#));
        if exclusivity == Exclusivity::McpOnly {
            assert_eq!(legacy.strength(), Strength::Definitive, "{method}");
            assert_eq!(legacy.method(), Some(method));
        }
        let modern = signals_of(&format!(
            r#"{{"method":"{method}","params":{{"_meta":{{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}},"jsonrpc":"2.0"}}"#
        ));
        assert_eq!(modern.strength(), Strength::Definitive, "{method}");
        assert_eq!(modern.protocol_version.as_deref(), Some("2026-07-28"));
    }
}

#[test]
fn a_call_gives_up_its_tool_and_id_and_initialize_its_client() {
    let call = signals_of(CALL);
    assert_eq!((call.tool(), ids(&call)), (Some("echo"), vec!["7"]));
    let hello = signals_of(
        r#"{"jsonrpc":"2.0","id":"a\"b","method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"claude-code"}}}"#,
    );
    assert_eq!(hello.strength(), Strength::Definitive);
    assert_eq!((hello.client.as_deref(), ids(&hello)), (Some("claude-code"), vec![r#""a\"b""#]));
}

#[test]
fn lookalikes_stay_below_strong() {
    for (what, body) in [
        (
            "LSP",
            r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"processId":1,"clientInfo":{"name":"vscode"},"rootUri":"file:///","capabilities":{}}}"#,
        ),
        (
            "ACP",
            r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":1,"clientInfo":{"name":"zed"},"clientCapabilities":{}}}"#,
        ),
        ("A2A", r#"{"jsonrpc":"2.0","id":1,"method":"tasks/get","params":{"id":"t1"}}"#),
        ("A2A send", r#"{"jsonrpc":"2.0","id":1,"method":"message/send","params":{"message":{}}}"#),
        ("Ethereum", r#"[{"jsonrpc":"2.0","id":1,"method":"eth_call","params":[{}]}]"#),
        ("CDP", r#"{"id":1,"method":"Page.navigate","params":{"url":"x"}}"#),
        ("ping", r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#),
        ("Bitcoin", r#"{"jsonrpc":"1.0","id":1,"method":"getinfo","params":[]}"#),
        ("GraphQL", r#"{"query":"{ tools/call }","variables":{"jsonrpc":"2.0","method":"tools/call"}}"#),
        (
            "a quoted call",
            r#"{"messages":[{"role":"user","content":"{\"jsonrpc\":\"2.0\",\"method\":\"tools/call\"}"}]}"#,
        ),
        ("a nested call", r#"{"events":[{"jsonrpc":"2.0","method":"tools/call"}]}"#),
        ("no JSON-RPC", r#"{"method":"tools/call","params":{"name":"x","arguments":{}}}"#),
    ] {
        assert!(signals_of(body).strength() < Strength::Strong, "{what}: {:?}", signals_of(body));
    }
}

#[test]
fn encodings_that_servers_accept_are_undone() {
    let gzip = |body: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(body).unwrap();
        encoder.finish().unwrap()
    };
    let zlib = |body: &[u8]| {
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(body).unwrap();
        encoder.finish().unwrap()
    };
    let raw = |body: &[u8]| {
        let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(body).unwrap();
        encoder.finish().unwrap()
    };
    let call = CALL.as_bytes();
    let members = [gzip(&call[..20]), gzip(&call[20..])].concat();
    for (encoding, body) in [
        ("gzip", gzip(call)),
        ("X-GZip", gzip(call)),
        ("gzip", members),
        ("deflate", zlib(call)),
        ("deflate", raw(call)),
        ("zstd", zstd::stream::encode_all(call, 3).unwrap()),
        ("gzip, gzip", gzip(&gzip(call))),
        ("identity", call.to_vec()),
    ] {
        for chunk in [1, 7, 1460] {
            let (signals, verdict) = read(&body, &with("content-encoding", encoding), chunk);
            assert_eq!(
                (signals.strength(), verdict),
                (Strength::Definitive, BodyVerdict::Settled),
                "{encoding} {chunk}"
            );
            assert_eq!(signals.tool(), Some("echo"));
        }
    }
    for (encoding, body) in
        [("gzip", call.to_vec()), ("bogus", call.to_vec()), ("gzip,gzip,gzip,gzip,gzip", gzip(call))]
    {
        let verdict = read(&body, &with("content-encoding", encoding), 100).1;
        assert!(matches!(verdict, BodyVerdict::Uninspectable(_)), "{encoding}");
    }
}

#[test]
fn a_bomb_is_uninspectable_and_small_in_memory() {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    for _ in 0..64 {
        encoder.write_all(&[b' '; 1 << 20]).unwrap();
    }
    let bomb = encoder.finish().unwrap();
    let verdict = read(&bomb, &with("content-encoding", "gzip"), usize::MAX).1;
    assert_eq!(verdict, BodyVerdict::Uninspectable(&crate::detect::inspect::obstacle::TOO_LARGE));
}

#[test]
fn charsets_escapes_padding_and_order_do_not_hide_a_call() {
    let utf16 = |big: bool, mark: bool| -> Vec<u8> {
        let units = mark.then_some(0xfeff).into_iter().chain(CALL.encode_utf16());
        units.flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect()
    };
    let utf32 = |big: bool| -> Vec<u8> {
        CALL.chars()
            .flat_map(|c| if big { (c as u32).to_be_bytes() } else { (c as u32).to_le_bytes() })
            .collect()
    };
    let mut variants = vec![
        utf16(true, true),
        utf16(true, false),
        utf16(false, true),
        utf16(false, false),
        utf32(true),
        utf32(false),
        [b"\xef\xbb\xbf", CALL.as_bytes()].concat(),
        format!("{}{CALL}", " ".repeat(90_000)).into_bytes(),
        format!("[{CALL}]").into_bytes(),
    ];
    for body in [
        r#"{"jsonrpc":"2.0","id":7,"\u006dethod":"\u0074ools\/call","params":{"name":"echo"}}"#,
        r#"{"method":"x","jsonrpc":"2.0","method":"tools/call","params":{"name":"echo"}}"#,
        r#"{"method":"tools/call","jsonrpc":"2.0","method":"x","params":{"name":"echo"}}"#,
        "{\"jsonrpc\":\"2.0\",\"Method\":\"tools/call\",\"params\":{\"name\":\"echo\"}}",
        "{\"jsonrpc\" \n\n\t      :      \"2.0\",\"params\":{\"name\":\"echo\"},\"method\"       :\n\"tools/call\"}",
    ] {
        variants.push(body.as_bytes().to_vec());
    }
    let padded = format!(
        r#"{{"pad":"{}","jsonrpc":"2.0","method":"tools/call","params":{{"name":"echo"}}}}"#,
        "x".repeat(200_000)
    );
    variants.push(padded.into_bytes());
    for (index, body) in variants.iter().enumerate() {
        for chunk in [1, 3, 4096] {
            let (signals, _) = read(body, &HeaderMap::new(), chunk);
            assert_eq!(signals.strength(), Strength::Definitive, "variant {index}, chunk {chunk}");
            assert_eq!(signals.tool(), Some("echo"), "variant {index}");
        }
    }
    let verdict = read(CALL.as_bytes(), &with("content-type", "application/json; charset=utf-7"), 100).1;
    assert_eq!(verdict, BodyVerdict::Uninspectable(&crate::detect::inspect::obstacle::UNKNOWN_CHARSET));
}

#[test]
fn what_cannot_be_json_rpc_is_settled_at_once() {
    let (mut reader, mut signals) = (RequestBody::new(&HeaderMap::new()), Signals::default());
    assert_eq!(reader.feed(b"  --boundary\r\n", &mut signals), BodyVerdict::Settled);
    let deep = "[".repeat(1000);
    assert_eq!(read(deep.as_bytes(), &HeaderMap::new(), 10).1, BodyVerdict::Uninspectable(&TOO_DEEP));
}

proptest! {
    #[test]
    fn any_bytes_in_any_pieces_are_survived(body: Vec<u8>, chunk in 1_usize..9) {
        read(&body, &HeaderMap::new(), chunk);
        for encoding in ["gzip", "deflate", "br", "zstd"] {
            read(&body, &with("content-encoding", encoding), chunk);
        }
    }

    #[test]
    fn the_cut_of_the_bytes_does_not_matter(
        method in "[a-z]{1,8}/[a-z]{1,8}", note in "\\PC{0,40}", name in "[a-z]{1,9}", chunk in 1_usize..40
    ) {
        let body = serde_json::json!({
            "note": note, "jsonrpc": "2.0", "id": 1, "method": method, "params": { "arguments": {}, "name": name },
        }).to_string();
        let whole = read(body.as_bytes(), &HeaderMap::new(), usize::MAX);
        prop_assert_eq!(&read(body.as_bytes(), &HeaderMap::new(), chunk), &whole);
        prop_assert_eq!(whole.0.tool(), Some(name.as_str()));
        prop_assert_eq!(whole.0.method(), Some(method.as_str()));
    }
}
