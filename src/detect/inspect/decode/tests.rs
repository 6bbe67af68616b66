use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;

use super::*;

fn decode(encoding: &'static str, body: &[u8], chunk: usize) -> Result<Vec<u8>, &'static Obstacle> {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
    let mut decoder = Decoder::new(&headers)?;
    let mut out = Vec::new();
    for piece in body.chunks(chunk) {
        out.extend(decoder.feed(piece)?);
    }
    out.extend(decoder.finish()?);
    Ok(out)
}

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

fn zstd(body: &[u8]) -> Vec<u8> {
    zstd::stream::encode_all(body, 3).unwrap()
}

/// Bits of a brotli stream, least significant first.
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    used: usize,
}

impl Bits {
    fn put(&mut self, value: u32, count: usize) {
        for bit in 0..count {
            if self.used.is_multiple_of(8) {
                self.bytes.push(0);
            }
            *self.bytes.last_mut().unwrap() |= u8::from(value >> bit & 1 == 1) << (self.used % 8);
            self.used += 1;
        }
    }

    /// A prefix code of one symbol, which then takes no bits (RFC 7932, section 3.4).
    fn only(&mut self, symbol: u32, alphabet_bits: usize) {
        self.put(1, 2);
        self.put(0, 2);
        self.put(symbol, alphabet_bits);
    }
}

/// 16 MiB of blanks in a handful of bytes: one literal, then one copy of it (RFC 7932, section 9.2).
fn brotli_bomb() -> Vec<u8> {
    const LENGTH: u32 = 16 << 20;
    const COPY_CODE_23_BASE: u32 = 2118;
    let mut bits = Bits::default();
    bits.put(0, 1); // A window of 64 KiB.
    bits.put(0b01, 2); // The last meta-block, not empty.
    bits.put(2, 2); // Six nibbles of length.
    bits.put(LENGTH - 1, 24);
    bits.put(0, 3); // One block type each for literals, commands, distances.
    bits.put(0, 2 + 4 + 2); // No postfix, no direct distances, context mode 0.
    bits.put(0, 2); // One tree each for literals and distances.
    bits.only(u32::from(b' '), 8);
    bits.only(384 + 8 + 7, 10); // Insert 1, copy code 23.
    bits.only(16, 6); // Distance 1 or 2.
    bits.put(LENGTH - 1 - COPY_CODE_23_BASE, 24);
    bits.put(0, 1);
    bits.bytes
}

#[test]
fn brotli_of_a_real_encoder_is_decoded_whatever_the_cuts() {
    // Made by Node's zlib.brotliCompressSync.
    let body = STANDARD
        .decode("G2AAAI3TFfOihHUfodKJf2+pXzZMEQPlN1Nf6rD0OeXAKQnD+vYtPBi/QqYGhUoyilOf/w5Wn1KX3VgCCAc7ErUEaXRf8ZQAMAF/5Qc=")
        .unwrap();
    let call = r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"echo","arguments":{"text":"hi"}}}"#;
    for chunk in [1, 7, 4096] {
        assert_eq!(decode("br", &body, chunk).unwrap(), call.as_bytes());
    }
    assert_eq!(decode("br", &body[..20], 7), Err(&BROKEN_ENCODING));
}

#[test]
fn a_brotli_window_beyond_the_standard_is_refused_before_it_is_allocated() {
    // The start of what Node makes with BROTLI_PARAM_LARGE_WINDOW and a window of 1 GiB.
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_ENCODING, HeaderValue::from_static("br"));
    let mut decoder = Decoder::new(&headers).unwrap();
    assert_eq!(decoder.feed(&[0x11, 0x5e, 0x80, 0x01]), Err(&BROKEN_ENCODING));
    assert!(matches!(decoder.layers[0], Layer::BrotliStart(_)));
}

#[test]
fn a_body_that_expands_beyond_all_measure_is_refused_in_every_encoding() {
    let blanks = vec![b' '; 12 << 20];
    for (encoding, bomb) in [
        ("gzip", gzip(&blanks)),
        ("zstd", zstd(&blanks)),
        ("br", brotli_bomb()),
        ("gzip, gzip", gzip(&gzip(&blanks))),
    ] {
        assert!(bomb.len() < blanks.len() / RATIO_MAX, "{encoding}: {}", bomb.len());
        for chunk in [1, 1460, usize::MAX] {
            assert_eq!(decode(encoding, &bomb, chunk), Err(&TOO_LARGE), "{encoding} {chunk}");
        }
    }
}

#[test]
fn an_ordinary_body_may_expand_to_the_limit_and_a_small_one_as_it_likes() {
    let small = vec![b' '; RATIO_FREE_BYTES];
    assert_eq!(decode("gzip", &gzip(&small), 100).map(|out| out.len()), Ok(RATIO_FREE_BYTES));
    let log: String =
        (0..120_000).map(|n: u32| format!("{n} {:x}\n", n.wrapping_mul(2_654_435_761))).collect();
    for (encoding, body) in [("gzip", gzip(log.as_bytes())), ("zstd", zstd(log.as_bytes()))] {
        assert_eq!(decode(encoding, &body, 1460).map(|out| out.len()), Ok(log.len()), "{encoding}");
    }
}

#[test]
fn the_framing_of_amazons_uploads_is_no_obstacle() {
    assert_eq!(decode("aws-chunked", b"0;chunk-signature=00\r\n", 5).unwrap(), b"0;chunk-signature=00\r\n");
    assert_eq!(decode("amz-1.0", b"{}", 5).unwrap(), b"{}");
}

#[test]
fn what_came_before_an_error_is_saved_whether_it_came_in_one_piece_or_many() {
    // Found by fuzzing: a call in zlib's format with one byte changed.
    let broken = "eJwdyUEKgCAQRuG7/GupaBN4m8GGLNQRnSAI797Q7vG+F1eX0mqAxzotcDh3+M0hs0axhIqkPgdKyStSo9zhXxTKbMohin1qx5256E/Kj\
        xrFE2OMD8+fH1s=";
    let broken = STANDARD.decode(broken).unwrap();
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_ENCODING, HeaderValue::from_static("deflate"));
    let saved = [1, 3, broken.len()].map(|piece_bytes| {
        let mut decoder = Decoder::new(&headers).unwrap();
        let mut pieces = broken.chunks(piece_bytes);
        let mut save = |piece| decoder.feed(piece).unwrap_or_else(|_broken| decoder.salvage());
        pieces.by_ref().flat_map(&mut save).collect::<Vec<u8>>()
    });
    assert!(saved[0].starts_with(br#"{"jsonrpc":"2.0""#), "{}", String::from_utf8_lossy(&saved[0]));
    assert_eq!(saved[0], saved[2]);
    assert_eq!(saved[0], saved[1]);
}
