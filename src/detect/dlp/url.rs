//! Secrets in paths, queries and URIs (RFC 3986).

use std::ops::Range;

use super::edits::Edits;
use super::{REDACTED, credential, key, opaque, percent, text};

/// Notes the secrets of a URI or of a plain name.
pub(super) fn uri(edits: &mut Edits<'_>, uri: &str) {
    let path_end = uri.find(['?', '#']).unwrap_or(uri.len());
    path(edits, uri, 0..path_end);
    for part in pieces(uri, path_end..uri.len(), '?').flat_map(|part| pieces(uri, part, '#')) {
        query(edits, uri, part);
    }
}

/// Notes the secrets of a path: opaque segments, matrix parameters, the user information of a URL in it.
pub(super) fn path(edits: &mut Edits<'_>, text: &str, path: Range<usize>) {
    let mut before = "";
    for segment in pieces(text, path.clone(), '/') {
        let mut parts = pieces(text, segment, ';');
        let Some(name) = parts.next() else { continue };
        let segment = text.get(name.clone()).unwrap_or_default();
        let key = credential::opens_with_uuid(before) && opaque::is_uuid(&percent::decode(segment));
        if key || holds_secret(segment) {
            edits.replace(name, REDACTED);
        }
        parts.for_each(|parameter| pair(edits, text, parameter));
        before = segment;
    }
    let scheme_end = text.get(path.clone()).and_then(|path| path.find("://"));
    if let Some(user_info) = scheme_end.and_then(|end| text::user_info(text, path.start + end)) {
        edits.replace(user_info, REDACTED);
    }
}

/// Notes the secrets of a query, or of a fragment that is written like one.
pub(super) fn query(edits: &mut Edits<'_>, text: &str, query: Range<usize>) {
    pieces(text, query, '&').for_each(|parameter| pair(edits, text, parameter));
}

fn pair(edits: &mut Edits<'_>, text: &str, range: Range<usize>) {
    let pair = text.get(range.clone()).unwrap_or_default();
    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
    let named =
        key::secret(&percent::decode(name)).is_some_and(|secret| secret.covers(&percent::decode(value)));
    if holds_secret(name) {
        edits.replace(range, REDACTED);
    } else if named || holds_secret(value) {
        edits.replace(range.end - value.len()..range.end, REDACTED);
    }
}

fn holds_secret(part: &str) -> bool {
    // A form writes a space as `+`, base64 means it.
    text::holds_secret(part) || part.contains('+') && text::holds_secret(&part.replace('+', " "))
}

/// The parts of `range` between separators.
fn pieces(text: &str, range: Range<usize>, separator: char) -> impl Iterator<Item = Range<usize>> {
    let mut start = range.start;
    text.get(range).unwrap_or_default().split(separator).map(move |piece| {
        let from = start;
        start += piece.len() + separator.len_utf8();
        from..from + piece.len()
    })
}
