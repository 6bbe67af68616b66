//! Percent-encoding (RFC 3986, section 2.1).

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// `text` without one layer of percent-encoding; `None` when it holds no escape. What is not an escape stays.
pub(super) fn decoded(text: &str) -> Option<String> {
    // Most words hold no percent sign; looking for one is cheaper than the decoder.
    if !text.as_bytes().contains(&b'%') {
        return None;
    }
    match Cow::<[u8]>::from(percent_decode_str(text)) {
        Cow::Borrowed(_) => None,
        Cow::Owned(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
    }
}
