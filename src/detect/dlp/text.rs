//! Secrets in any text: JSON that is broken or quoted inside prose, forms, headers, URLs, command lines.
//!
//! The text is read word by word, so that a stray quote shifts nothing. A word is judged by itself and by what it says
//! about what follows it.

use std::borrow::Cow;
use std::ops::Range;

use super::edits::Edits;
use super::key::{self, Secret};
use super::{REDACTED, credential, json, percent, value};

/// Layers of quoting that are undone: JSON or percent-encoding inside a string inside JSON.
const LAYERS_MAX: u8 = 4;
/// User information that holds `/`, `?` or `#` is looked for in this many bytes.
const USER_INFO_MAX_BYTES: usize = 128;
/// `Bearer` is followed by these in prose.
const NO_TOKENS: [&str; 14] = [
    "and",
    "auth",
    "authentication",
    "authorization",
    "for",
    "format",
    "header",
    "in",
    "is",
    "of",
    "or",
    "scheme",
    "token",
    "tokens",
];
/// Starts a key or certificate in text (RFC 7468).
const PEM_BEGIN: &str = "-----BEGIN";
/// Shortest `user:password` in base64 after `Basic`.
const BASIC_MIN_BYTES: usize = 6;

/// The text with its secrets replaced; `layer` counts what it was unquoted from.
pub(super) fn redact(text: &str, layer: u8) -> Cow<'_, str> {
    let mut edits = Edits::new(text);
    redact_from(&mut edits, text, 0, layer);
    edits.finish()
}

/// The same for a string that may be a JSON document.
pub(super) fn redact_string(text: &str, layer: u8) -> Cow<'_, str> {
    if !json::is_container(text) {
        redact(text, layer)
    } else if layer < LAYERS_MAX {
        json::redact(text, layer + 1)
    } else {
        Cow::Owned(REDACTED.into())
    }
}

/// True when there is a secret in `text`.
pub(super) fn holds_secret(text: &str) -> bool {
    matches!(redact(text, 0), Cow::Owned(_))
}

/// Notes the secrets of `text` from byte `from` on.
pub(super) fn redact_from(edits: &mut Edits<'_>, text: &str, from: usize, layer: u8) {
    let mut at = from;
    while let Some(word) = next_word(text, at) {
        at = word.end;
        let secret = after(text, &word).or_else(|| user_info(text, word.end));
        judge(edits, text, word, layer);
        if let Some(secret) = secret {
            at = secret.end.max(at);
            edits.replace(secret, REDACTED);
        }
    }
}

/// Notes what in a word is a secret by itself.
fn judge(edits: &mut Edits<'_>, text: &str, range: Range<usize>, layer: u8) {
    let word = text.get(range.clone()).unwrap_or_default();
    if word.contains('%') && percent::is_encoded(word) {
        let decoded = percent::decode(word);
        if layer >= LAYERS_MAX || matches!(redact_string(&decoded, layer + 1), Cow::Owned(_)) {
            edits.replace(range, REDACTED);
        }
        return;
    }
    credential::find(word, |part| edits.replace(range.start + part.start..range.start + part.end, REDACTED));
}

/// The secret that a word announces.
fn after(text: &str, word: &Range<usize>) -> Option<Range<usize>> {
    let spoken = text.get(word.clone()).unwrap_or_default();
    if spoken.len() >= PEM_BEGIN.len() && spoken.contains(PEM_BEGIN) {
        return Some(word.start..value::after_pem(text, word.end));
    }
    after_scheme(text, spoken, word.end)
        .or_else(|| assigned(text, word))
        .or_else(|| after_flag(text, spoken, word.end))
}

/// What follows `Bearer` or `Basic` (RFC 6750, RFC 7617).
fn after_scheme(text: &str, scheme: &str, end: usize) -> Option<Range<usize>> {
    let (bearer, basic) = (scheme.eq_ignore_ascii_case("bearer"), scheme.eq_ignore_ascii_case("basic"));
    if !bearer && !basic {
        return None;
    }
    let start = value::skip_blanks(text, end);
    let secret = start..value::word_end(text, start);
    let word = text.get(secret.clone()).filter(|word| start > end && !word.is_empty())?;
    let coded = |b: u8| b.is_ascii_digit() || b.is_ascii_uppercase();
    let told = if bearer {
        !NO_TOKENS.iter().any(|no_token| no_token.eq_ignore_ascii_case(word))
    } else {
        word.len() >= BASIC_MIN_BYTES && word.bytes().skip(1).any(coded)
    };
    told.then_some(secret)
}

/// The value after `key=`, `"key":`, `key: ` and the like, when the key is a secret's name.
fn assigned(text: &str, word: &Range<usize>) -> Option<Range<usize>> {
    let assignment = value::assignment(text, word)?;
    let secret = key::secret(&key_of(text, word)).filter(|secret| secret.certain || assignment.formal)?;
    let value = value::extent(text, &assignment, secret);
    text.get(value.clone()).is_some_and(|value| secret.covers(value)).then_some(value)
}

/// The value of `--password hunter2`.
fn after_flag(text: &str, flag: &str, end: usize) -> Option<Range<usize>> {
    let secret = secret_flag(flag)?;
    let start = value::skip_blanks(text, end);
    if start == end || text.get(start..)?.trim_start_matches(['\\', '"', '\'']).starts_with('-') {
        return None;
    }
    let value = value::quoted(text, start).unwrap_or_else(|| start..value::word_end(text, start));
    text.get(value.clone()).is_some_and(|value| secret.covers(value)).then_some(value)
}

/// What a command-line flag says about the word after it.
pub(super) fn secret_flag(flag: &str) -> Option<Secret> {
    if flag.starts_with('-') { key::secret(flag) } else { None }
}

/// The last name in a word: `api_key` in `//h/mcp?api_key`. `API key` is one name.
fn key_of<'t>(text: &'t str, word: &Range<usize>) -> Cow<'t, str> {
    let spoken = text.get(word.clone()).unwrap_or_default();
    if spoken.eq_ignore_ascii_case("key") {
        let before = word.start.saturating_sub("private ".len());
        return Cow::Borrowed(text.get(before..word.end).unwrap_or(spoken));
    }
    let name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '%');
    percent::decode(spoken.rsplit(|c: char| !name(c)).next().unwrap_or_default())
}

/// The user information of the authority after the `://` at `at` (RFC 3986, section 3.2.1).
pub(super) fn user_info(text: &str, at: usize) -> Option<Range<usize>> {
    let start = at + "://".len();
    let rest = text.get(at..)?.strip_prefix("://")?;
    let ends = |b: u8| b.is_ascii_whitespace() || matches!(b, b'"' | b'\'' | b'`' | b'<' | b'>' | b'\\');
    let end = rest.bytes().position(|b| ends(b) || matches!(b, b'/' | b'?' | b'#')).unwrap_or(rest.len());
    let authority = rest.get(..end).unwrap_or_default();
    if let Some(end) = authority.rfind('@') {
        return (end > 0).then_some(start..start + end);
    }
    // A password with an unescaped `/`: what follows the colon is no port.
    let (host, port) = authority.split_once(':')?;
    if host.starts_with('[') || port.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let near = rest.as_bytes().get(..rest.len().min(USER_INFO_MAX_BYTES)).unwrap_or_default();
    let at = near.iter().rposition(|&b| b == b'@')?;
    let together = near.iter().take(at).all(|&b| !ends(b));
    together.then_some(start..start + at)
}

/// The next run without boundaries.
fn next_word(text: &str, from: usize) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let start = from + bytes.get(from..)?.iter().position(|&b| !is_boundary(b))?;
    let end = bytes.get(start..)?.iter().position(|&b| is_boundary(b)).map_or(bytes.len(), |len| start + len);
    Some(start..end)
}

fn is_boundary(b: u8) -> bool {
    b.is_ascii_whitespace()
        || matches!(
            b,
            b'"' | b'\''
                | b'`'
                | b'\\'
                | b','
                | b';'
                | b'='
                | b'&'
                | b'('
                | b')'
                | b'{'
                | b'}'
                | b'['
                | b']'
                | b'<'
                | b'>'
                | b':'
                | b'|'
        )
}
