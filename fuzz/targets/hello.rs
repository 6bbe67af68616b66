//! A client's first bytes: no panic, what was read is given back, and an answer depends on the bytes and not on their pieces.
#![no_main]

use std::time::Duration;

use daylight::wire::tls::hello::{self, HELLO_MAX_BYTES};
use daylight_fuzz::block_on;
use libfuzzer_sys::fuzz_target;

const LIMIT: Duration = Duration::from_secs(60);

fuzz_target!(|bytes: &[u8]| {
    let (seen, whole) = block_on(hello::peek(&mut &*bytes, Default::default(), LIMIT));
    assert!(bytes.starts_with(&seen) && seen.len() <= HELLO_MAX_BYTES.max(bytes.len()));
    let (first, rest) = bytes.split_at(bytes.len() / 2);
    let (_, pieces) = block_on(hello::peek(&mut &*rest, first.to_vec().into(), LIMIT));
    assert_eq!(format!("{whole:?}"), format!("{pieces:?}"));
});
