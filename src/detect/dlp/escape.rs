//! Escapes in JSON strings (RFC 8259, section 7).

use std::borrow::Cow;

use serde_json::Value;

/// The text that the content of a string stands for; a string may be cut, and what is no escape stays.
pub(super) fn undo(content: &str) -> Cow<'_, str> {
    if !content.contains('\\') {
        return Cow::Borrowed(content);
    }
    let mut out = String::with_capacity(content.len());
    let mut rest = content;
    while let Some((before, after)) = rest.split_once('\\') {
        out.push_str(before);
        rest = unescaped(after, &mut out);
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// The content of a string that stands for `text`.
pub(super) fn escaped(text: &str) -> String {
    let quoted = Value::from(text).to_string();
    quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default().to_owned()
}

/// Writes the character that starts with `after`, which follows a backslash; gives what comes then.
fn unescaped<'t>(after: &'t str, out: &mut String) -> &'t str {
    let mut rest = after.chars();
    match rest.next() {
        None => {}
        Some('b') => out.push('\u{8}'),
        Some('f') => out.push('\u{c}'),
        Some('n') => out.push('\n'),
        Some('r') => out.push('\r'),
        Some('t') => out.push('\t'),
        Some('u') => return unicode(rest.as_str(), out),
        Some(c) => out.push(c),
    }
    rest.as_str()
}

fn unicode<'t>(digits: &'t str, out: &mut String) -> &'t str {
    let Some(first) = unit(digits) else { return digits };
    let rest = digits.get(4..).unwrap_or_default();
    let second = rest.strip_prefix("\\u").and_then(unit);
    let units = [Some(first), second];
    let pair = char::decode_utf16(units.into_iter().flatten()).next().and_then(Result::ok);
    out.push(pair.unwrap_or(char::REPLACEMENT_CHARACTER));
    let is_pair = pair.is_some_and(|c| c.len_utf16() == 2);
    if is_pair { rest.get("\\uXXXX".len()..).unwrap_or_default() } else { rest }
}

fn unit(digits: &str) -> Option<u16> {
    digits.get(..4).and_then(|digits| u16::from_str_radix(digits, 16).ok())
}
