//! Where a value begins and ends in a text that follows no one grammar. In doubt it ends later.

use std::ops::Range;

use super::key::Secret;
use super::words::SCHEMES;

/// What stands between a name and its value.
pub(super) struct Assignment {
    /// First byte of the value, quotes included.
    start: usize,
    /// The name is quoted, a tag, or followed by `=`, which it is not in prose.
    pub(super) formal: bool,
    /// The name is an XML tag.
    tag: bool,
}

/// The assignment to the name that ends `word`, if there is one: `a=1`, `"a": 1`, `a: 1`, `a[b]=1`, `'a' => 1`, `<a>1</a>`.
pub(super) fn assignment(text: &str, word: &Range<usize>) -> Option<Assignment> {
    let bytes = text.as_bytes();
    let byte = |at: usize| bytes.get(at).copied();
    let before = word.start.checked_sub(1).and_then(byte);
    if byte(word.end) == Some(b'>') && before == Some(b'<') {
        return Some(Assignment { start: word.end + 1, formal: true, tag: true });
    }
    let closed = skip(bytes, word.end, |b| matches!(b, b'\\' | b'"' | b'\'' | b'`' | b']'));
    let quoted = closed > word.end;
    let blank = |b: u8| matches!(b, b' ' | b'\t') || quoted && b.is_ascii_whitespace();
    let sign = skip(bytes, closed, blank);
    let end = skip(bytes, sign, |b| matches!(b, b':' | b'=' | b'>'));
    let equals = match bytes.get(sign..end)? {
        // A path of names in Rust or C++.
        [b':', b':', ..] => return None,
        [b':', rest @ ..] => rest.contains(&b'='),
        [b'=', ..] => true,
        _ => return None,
    };
    Some(Assignment { start: skip(bytes, end, blank), formal: quoted || equals, tag: false })
}

/// The value of an assignment to a secret's name, without its quotes.
pub(super) fn extent(text: &str, assignment: &Assignment, secret: Secret) -> Range<usize> {
    let start = assignment.start;
    let bytes = text.as_bytes();
    if assignment.tag {
        return start..skip(bytes, start, |b| b != b'<');
    }
    if let Some(value) = quoted(text, start) {
        return value;
    }
    if matches!(bytes.get(start), Some(b'{' | b'[')) {
        return start..after_container(text, start);
    }
    if secret.header {
        return start..skip(bytes, start, |b| !matches!(b, b'\n' | b'\r' | b'"' | b'\'' | b'`'));
    }
    let end = word_end(text, start);
    let next = skip_blanks(text, end);
    let scheme = text.get(start..end).is_some_and(is_scheme);
    match bytes.get(next) {
        // `password: str = "x"`
        Some(b'=') if !assignment.formal => {
            let value = skip_blanks(text, next + 1);
            start..quoted(text, value).map_or_else(|| word_end(text, value), |value| value.end)
        }
        Some(_) if scheme => start..word_end(text, next),
        _ => start..end,
    }
}

fn is_scheme(word: &str) -> bool {
    SCHEMES.iter().any(|scheme| scheme.eq_ignore_ascii_case(word))
}

/// The content of the string that starts at `at` with a quote, escaped or not.
pub(super) fn quoted(text: &str, at: usize) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let open = skip(bytes, at, |b| b == b'\\');
    let quote = bytes.get(open).copied().filter(|b| matches!(b, b'"' | b'\'' | b'`'))?;
    let close = closing(text, open + 1, quote, open - at);
    Some(open + 1..close.start)
}

/// The quote that closes a string whose opening quote had `escapes` backslashes before it, with its backslashes; the end
/// of the text when it was cut.
pub(super) fn closing(text: &str, from: usize, quote: u8, escapes: usize) -> Range<usize> {
    let mut backslashes = 0;
    for (at, &b) in text.as_bytes().iter().enumerate().skip(from) {
        let closes = if escapes == 0 { backslashes % 2 == 0 } else { backslashes <= escapes };
        if b == quote && closes {
            let own = if escapes == 0 { 0 } else { backslashes };
            return at - own..at + 1;
        }
        backslashes = if b == b'\\' { backslashes + 1 } else { 0 };
    }
    text.len()..text.len()
}

/// The end of the object or array that starts at `at`.
pub(super) fn after_container(text: &str, at: usize) -> usize {
    let bytes = text.as_bytes();
    let (mut at, mut depth, mut escapes) = (at, 0usize, 0);
    while let Some(&b) = bytes.get(at) {
        at += 1;
        match b {
            b'"' => at = closing(text, at, b, escapes).end,
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        escapes = if b == b'\\' { escapes + 1 } else { 0 };
        if depth == 0 {
            break;
        }
    }
    at
}

/// The end of the key whose `-----BEGIN` (RFC 7468) is before `from`.
pub(super) fn after_pem(text: &str, from: usize) -> usize {
    let find = |from: usize, mark: &str| Some(from + text.get(from..)?.find(mark)? + mark.len());
    find(from, "-----END").and_then(|end| find(end, "-----")).unwrap_or(text.len())
}

/// The end of an unquoted value.
pub(super) fn word_end(text: &str, from: usize) -> usize {
    skip(text.as_bytes(), from, |b| {
        !b.is_ascii_whitespace() && !matches!(b, b'"' | b'\'' | b'`' | b'&' | b';' | b'<' | b'>')
    })
}

/// The first byte that is neither space nor tab.
pub(super) fn skip_blanks(text: &str, from: usize) -> usize {
    skip(text.as_bytes(), from, |b| matches!(b, b' ' | b'\t'))
}

fn skip(bytes: &[u8], from: usize, passed: impl Fn(u8) -> bool) -> usize {
    let rest = bytes.get(from..).unwrap_or_default();
    rest.iter().position(|&b| !passed(b)).map_or(bytes.len(), |len| from + len)
}
