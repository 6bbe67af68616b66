//! JSON as a stream: what serde_json understands the lexer understands too, and how the bytes were cut changes nothing. A
//! redacted payload stays within its bound.
#![no_main]

use daylight::detect::dlp;
use daylight::detect::json::Lexer;
use daylight_fuzz::pieces;
use libfuzzer_sys::fuzz_target;

const PAYLOAD_MAX_BYTES: usize = 512;

fuzz_target!(|input: (u8, &[u8])| {
    let (sizes, bytes) = input;
    assert_eq!(read([bytes].into_iter()), read(pieces(sizes, bytes)));
    if let Ok(text) = str::from_utf8(bytes) {
        assert!(dlp::redact_json(text, PAYLOAD_MAX_BYTES).len() <= PAYLOAD_MAX_BYTES);
    }
});

fn read<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> (String, bool) {
    let (mut lexer, mut tokens, mut whole) = (Lexer::default(), String::new(), true);
    for piece in pieces {
        whole &= lexer.feed(piece, &mut |token| tokens += &format!("{token:?}")).is_ok();
        if !whole {
            break;
        }
    }
    if whole {
        lexer.finish(&mut |token| tokens += &format!("{token:?}"));
    }
    (tokens, whole)
}
