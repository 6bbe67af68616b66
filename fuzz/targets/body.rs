//! A request's body under every encoding and charset: no panic, bounded work, and signals that do not depend on how the
//! bytes were cut.
#![no_main]

use daylight::detect::inspect::{BodyVerdict, RequestBody, Signals};
use daylight_fuzz::pieces;
use http::{HeaderMap, HeaderValue};
use libfuzzer_sys::fuzz_target;

const ENCODINGS: [&str; 8] = ["", "gzip", "deflate", "br", "zstd", "gzip, br", "identity", "unknown"];
const TYPES: [&str; 4] = [
    "application/json",
    "application/json; charset=utf-16",
    "text/plain; charset=windows-1252",
    "application/json-rpc; charset=utf-32be",
];

fuzz_target!(|input: (u8, u8, &[u8])| {
    let (kind, sizes, bytes) = input;
    let mut headers = HeaderMap::new();
    let encoding = ENCODINGS[usize::from(kind % 8)];
    if !encoding.is_empty() {
        headers.insert("content-encoding", HeaderValue::from_static(encoding));
    }
    headers.insert("content-type", HeaderValue::from_static(TYPES[usize::from(kind / 8 % 4)]));
    let whole = read(&headers, [bytes].into_iter());
    let cut = read(&headers, pieces(sizes, bytes));
    // What is saved of a body that cannot be decoded depends on the piece that broke it.
    if let (Some(whole), Some(cut)) = (whole, cut) {
        assert_eq!(whole, cut);
    }
});

/// The signals; nothing for a body that cannot be inspected.
fn read<'a>(headers: &HeaderMap, pieces: impl Iterator<Item = &'a [u8]>) -> Option<String> {
    let (mut body, mut signals) = (RequestBody::new(headers), Signals::default());
    let mut verdicts: Vec<BodyVerdict> = pieces.map(|piece| body.feed(piece, &mut signals)).collect();
    verdicts.push(body.finish(&mut signals));
    let is_read = !verdicts.iter().any(|verdict| matches!(verdict, BodyVerdict::Uninspectable(_)));
    is_read.then(|| format!("{signals:?}"))
}
