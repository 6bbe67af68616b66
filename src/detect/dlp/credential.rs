//! Words that are credentials by what they look like.

use std::ops::Range;

use super::finding::{Confidence, Kind};
use super::opaque;
use super::words::{AWS_STARTS, CREDENTIAL_STARTS, SEGMENTS_BEFORE_KEYS};

/// Length of an AWS access key id.
const AWS_ID_BYTES: usize = 20;
/// Shortest credential.
const CREDENTIAL_MIN_BYTES: usize = 15;
/// Shortest run of mixed characters after a well-known start; a word like `sk-learn-2024` has none.
const MIXED_RUN_MIN_BYTES: usize = 12;

/// Calls `found` with each part of `word` that is a credential. `word` has no white space, quotes or brackets.
pub(super) fn find(word: &str, mut found: impl FnMut(Range<usize>, Kind, Confidence)) {
    if word.len() < CREDENTIAL_MIN_BYTES {
        return;
    }
    if opaque::is_opaque_base64(word) {
        return found(0..word.len(), Kind::Random, Confidence::Low);
    }
    let (mut start, mut before) = (0, "");
    for piece in word.split(|c: char| !is_token(c)) {
        let end = start + piece.len();
        if let Some((kind, confidence)) = credential(piece, before) {
            found(start..end, kind, confidence);
        }
        // The separator after a piece may be any character.
        start = end + word.get(end..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
        before = piece;
    }
}

/// True when a UUID after this path segment is the key to what the path names.
pub(super) fn opens_with_uuid(segment: &str) -> bool {
    SEGMENTS_BEFORE_KEYS.iter().any(|known| known.eq_ignore_ascii_case(segment))
}

fn is_token(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '~' | '+')
}

fn credential(piece: &str, before: &str) -> Option<(Kind, Confidence)> {
    if piece.len() < CREDENTIAL_MIN_BYTES {
        return None;
    }
    if let Some(kind) = known_kind(piece) {
        return Some((kind, Confidence::High));
    }
    let random = piece.split('.').any(opaque::is_opaque) || opens_with_uuid(before) && opaque::is_uuid(piece);
    random.then_some((Kind::Random, Confidence::Low))
}

/// The kind of a credential that its issuer marks by how it starts.
fn known_kind(piece: &str) -> Option<Kind> {
    let aws = piece.len() == AWS_ID_BYTES
        && piece.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
        && AWS_STARTS.iter().any(|start| piece.starts_with(start));
    if aws {
        return Some(Kind::AwsKeyId);
    }
    let is_mixed_run = |run: &str| run.len() >= MIXED_RUN_MIN_BYTES && is_mixed(run);
    // Comparing first bytes first spares most of the other comparisons.
    let first = piece.as_bytes().first();
    let known = CREDENTIAL_STARTS.iter().find(|(start, _)| {
        start.as_bytes().first() == first
            && piece
                .strip_prefix(start)
                .is_some_and(|rest| rest.split(['-', '_', '.', '~', '+']).any(is_mixed_run))
    });
    known.map(|(_, kind)| *kind)
}

/// True when a run is neither a word nor a number.
fn is_mixed(run: &str) -> bool {
    let has = |class: fn(&u8) -> bool| run.bytes().any(|b| class(&b));
    let capital_inside = run.bytes().skip(1).any(|b| b.is_ascii_uppercase()) && has(u8::is_ascii_lowercase);
    has(u8::is_ascii_alphabetic) && has(u8::is_ascii_digit) || capital_inside
}
