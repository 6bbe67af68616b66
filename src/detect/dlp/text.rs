//! Secrets in any text: JSON that is broken or quoted inside prose, forms, headers, URLs, command lines.
//!
//! The text is read word by word, so that a stray quote shifts nothing. A word is judged by itself and by what it says
//! about what follows it.

use std::borrow::Cow;
use std::ops::Range;

use super::finding::{Collector, Confidence, Findings, Kind, Spot};
use super::key::{self, Secret};
use super::nesting::Nesting;
use super::words::AFTER_BEARER_IN_PROSE;
use super::{credential, percent, value};

/// User information that holds `/`, `?` or `#` is looked for in this many bytes.
const USER_INFO_MAX_BYTES: usize = 128;
/// Starts a key or certificate in text (RFC 7468).
const PEM_BEGIN: &str = "-----BEGIN";
/// Shortest `user:password` in base64 after `Basic`.
const BASIC_MIN_BYTES: usize = 6;

/// A secret's bytes, and what it is.
type Announced = (Range<usize>, (Kind, Confidence));

/// The secrets of a text.
pub(super) fn find(text: &str, nesting: Nesting) -> Findings {
    let mut found = Collector::default();
    find_from(&mut found, text, 0, nesting);
    found.finish(text)
}

/// Collects the secrets of `text` from byte `from` on.
pub(super) fn find_from(found: &mut Collector, text: &str, from: usize, nesting: Nesting) {
    let mut at = from;
    while let Some(word) = next_word(text, at) {
        at = word.end;
        let secret = announced(text, &word).or_else(|| {
            user_info(text, word.end).map(|bytes| (bytes, (Kind::UrlCredential, Confidence::High)))
        });
        find_in_word(found, text, word, nesting);
        if let Some((bytes, what)) = secret {
            at = bytes.end.max(at);
            found.secret(bytes, what, Spot::TEXT);
        }
    }
}

/// Collects what in a word is a secret by itself.
fn find_in_word(found: &mut Collector, text: &str, range: Range<usize>, nesting: Nesting) {
    let word = text.get(range.clone()).unwrap_or_default();
    let Some(decoded) = percent::decoded(word) else {
        credential::find(word, |part, kind, confidence| {
            let bytes = range.start + part.start..range.start + part.end;
            found.secret(bytes, (kind, confidence), Spot::TEXT);
        });
        return;
    };
    let hidden = match nesting.deeper() {
        Some(deeper) => deeper.search(&decoded).surest(),
        None => Some((Kind::NotRead, Confidence::Low)),
    };
    if let Some(what) = hidden {
        found.secret(range, what, Spot::TEXT);
    }
}

/// The secret behind a word that says one follows.
fn announced(text: &str, word: &Range<usize>) -> Option<Announced> {
    let spoken = text.get(word.clone()).unwrap_or_default();
    if spoken.len() >= PEM_BEGIN.len() && spoken.contains(PEM_BEGIN) {
        let bytes = word.start..value::after_pem(text, word.end);
        return Some((bytes, (Kind::PrivateKey, Confidence::High)));
    }
    after_scheme(text, spoken, word.end)
        .or_else(|| assigned(text, word))
        .or_else(|| after_flag(text, spoken, word.end))
}

/// What follows `Bearer` or `Basic` (RFC 6750, RFC 7617).
fn after_scheme(text: &str, scheme: &str, end: usize) -> Option<Announced> {
    let (bearer, basic) = (scheme.eq_ignore_ascii_case("bearer"), scheme.eq_ignore_ascii_case("basic"));
    if !bearer && !basic {
        return None;
    }
    let start = value::skip_blanks(text, end);
    let secret = start..value::word_end(text, start);
    let word = text.get(secret.clone()).filter(|word| start > end && !word.is_empty())?;
    let coded = |b: u8| b.is_ascii_digit() || b.is_ascii_uppercase();
    let (is_secret, kind) = if bearer {
        let prose = AFTER_BEARER_IN_PROSE.iter().any(|prose| prose.eq_ignore_ascii_case(word));
        (!prose, Kind::Token)
    } else {
        (word.len() >= BASIC_MIN_BYTES && word.bytes().skip(1).any(coded), Kind::Authorization)
    };
    is_secret.then_some((secret, (kind, Confidence::Medium)))
}

/// The value after `key=`, `"key":`, `key: ` and the like, when the key is a secret's name.
fn assigned(text: &str, word: &Range<usize>) -> Option<Announced> {
    let assignment = value::assignment(text, word)?;
    let secret = key::secret(&key_of(text, word)).filter(|secret| secret.certain || assignment.formal)?;
    let value = value::extent(text, &assignment, secret);
    let is_secret = text.get(value.clone()).is_some_and(|value| secret.is_opened_by(value));
    is_secret.then_some((value, secret.what()))
}

/// The value of `--password hunter2`.
fn after_flag(text: &str, flag: &str, end: usize) -> Option<Announced> {
    let secret = secret_flag(flag)?;
    let start = value::skip_blanks(text, end);
    if start == end || text.get(start..)?.trim_start_matches(['\\', '"', '\'']).starts_with('-') {
        return None;
    }
    let value = value::quoted(text, start).unwrap_or_else(|| start..value::word_end(text, start));
    let is_secret = text.get(value.clone()).is_some_and(|value| secret.is_opened_by(value));
    is_secret.then_some((value, secret.what()))
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
    let name = spoken.rsplit(|c: char| !name(c)).next().unwrap_or_default();
    percent::decoded(name).map_or(Cow::Borrowed(name), Cow::Owned)
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
