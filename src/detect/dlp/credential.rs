//! Words that are credentials by what they look like.

use std::ops::Range;

use super::opaque;

/// Starts of well-known credentials.
pub(super) const STARTS: [&str; 32] = [
    "sk-",
    "sk_live_",
    "sk_test_",
    "rk_live_",
    "rk_test_",
    "pk_live_",
    "whsec_",
    "ghp_",
    "gho_",
    "ghu_",
    "ghs_",
    "ghr_",
    "github_pat_",
    "glpat-",
    "xoxa-",
    "xoxb-",
    "xoxe-",
    "xoxp-",
    "xapp-",
    "AIza",
    "ya29.",
    "npm_",
    "pypi-",
    "tvly-",
    "ntn_",
    "lin_api_",
    "figd_",
    "sbp_",
    "shpat_",
    "dop_v1_",
    "hvs.",
    "eyJ",
];
/// Starts of AWS access key ids, which are [`AWS_ID_BYTES`] long.
const AWS_STARTS: [&str; 3] = ["AKIA", "ASIA", "AROA"];
const AWS_ID_BYTES: usize = 20;
/// Shortest credential.
const CREDENTIAL_MIN_BYTES: usize = 15;
/// Shortest run of mixed characters after a well-known start; a word like `sk-learn-2024` has none.
const MIXED_RUN_MIN_BYTES: usize = 12;

/// Calls `found` with each part of `word` that is a credential. `word` has no white space, quotes or brackets.
pub(super) fn find(word: &str, mut found: impl FnMut(Range<usize>)) {
    if word.len() < CREDENTIAL_MIN_BYTES {
        return;
    }
    if opaque::is_opaque_base64(word) {
        return found(0..word.len());
    }
    let (mut start, mut before) = (0, "");
    for piece in word.split(|c: char| !is_token(c)) {
        let end = start + piece.len();
        if is_credential(piece) || opaque::is_uuid(piece) && opens_with_uuid(before) {
            found(start..end);
        }
        // The separator after a piece may be any character.
        start = end + word.get(end..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
        before = piece;
    }
}

/// True when a UUID after this path segment is the key to what the path names.
pub(super) fn opens_with_uuid(segment: &str) -> bool {
    segment.eq_ignore_ascii_case("mcp") || segment.eq_ignore_ascii_case("s")
}

fn is_token(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '~' | '+')
}

fn is_credential(piece: &str) -> bool {
    piece.len() >= CREDENTIAL_MIN_BYTES && (is_known(piece) || piece.split('.').any(opaque::is_opaque))
}

fn is_known(piece: &str) -> bool {
    let aws = piece.len() == AWS_ID_BYTES
        && piece.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
        && AWS_STARTS.iter().any(|start| piece.starts_with(start));
    aws || STARTS.iter().filter_map(|start| piece.strip_prefix(start)).any(|rest| {
        rest.split(['-', '_', '.', '~', '+']).any(|run| run.len() >= MIXED_RUN_MIN_BYTES && is_mixed(run))
    })
}

/// True when a run is neither a word nor a number.
fn is_mixed(run: &str) -> bool {
    let has = |class: fn(&u8) -> bool| run.bytes().any(|b| class(&b));
    let capital_inside = run.bytes().skip(1).any(|b| b.is_ascii_uppercase()) && has(u8::is_ascii_lowercase);
    has(u8::is_ascii_alphabetic) && has(u8::is_ascii_digit) || capital_inside
}
