//! Server-sent events: an event's data does not depend on how the bytes were cut.
#![no_main]

use daylight::detect::mcp::sse::{Parser, Piece};
use daylight_fuzz::pieces;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u8, &[u8])| {
    let (sizes, bytes) = input;
    assert_eq!(read([bytes].into_iter()), read(pieces(sizes, bytes)));
});

/// The events, data joined.
fn read<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Vec<(Vec<u8>, Vec<u8>)> {
    let (mut parser, mut events) = (Parser::default(), vec![(Vec::new(), Vec::new())]);
    for piece in pieces {
        parser.feed(piece, &mut |piece| {
            let (name, data) = events.last_mut().unwrap();
            match piece {
                Piece::Data(part) => data.extend_from_slice(part),
                Piece::DataLineEnd => data.push(b'\n'),
                Piece::Event(text) => *name = text.to_vec(),
                Piece::Dispatch => events.push((Vec::new(), Vec::new())),
            }
        });
    }
    events
}
