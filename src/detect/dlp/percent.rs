//! Percent-encoding (RFC 3986, section 2.1).

use std::borrow::Cow;

/// `text` without one layer of percent-encoding; what is not an escape stays.
pub(super) fn decode(text: &str) -> Cow<'_, str> {
    if !is_encoded(text) {
        return Cow::Borrowed(text);
    }
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        if let (b'%', Some(byte)) = (first, escaped(after)) {
            out.push(byte);
            rest = after.get(2..).unwrap_or_default();
        } else {
            out.push(first);
            rest = after;
        }
    }
    Cow::Owned(String::from_utf8_lossy(&out).into_owned())
}

/// True when `text` holds an escape.
pub(super) fn is_encoded(text: &str) -> bool {
    text.bytes()
        .enumerate()
        .any(|(at, b)| b == b'%' && text.as_bytes().get(at + 1..).and_then(escaped).is_some())
}

fn escaped(after: &[u8]) -> Option<u8> {
    let digit = |at: usize| after.get(at).and_then(|&b| char::from(b).to_digit(16));
    u8::try_from(digit(0)? * 16 + digit(1)?).ok()
}
