//! Escapes in JSON strings (RFC 8259, section 7).

use std::borrow::Cow;
use std::ops::Range;

use memchr::memchr;
use serde_json::Value;

/// The text that a string's content stands for. The content may be cut anywhere.
///
/// A backslash before a character that needs none stands for that character. `lone_high` takes the place of the first
/// half of a surrogate pair whose second half does not follow; a second half alone becomes U+FFFD.
pub fn unescaped(content: &str, lone_high: Option<char>) -> Cow<'_, str> {
    let Some(first) = memchr(b'\\', content.as_bytes()) else { return Cow::Borrowed(content) };
    let mut text = String::with_capacity(content.len());
    let (before, mut rest) = content.split_at(first);
    text.push_str(before);
    while !rest.is_empty() {
        let escape = Escape::at_start(rest);
        match escape.meaning {
            Meaning::Character(c) => text.push(c),
            Meaning::LoneHigh => text.extend(lone_high),
            Meaning::Nothing => {}
        }
        rest = rest.get(escape.bytes..).unwrap_or_default();
        let run = rest.len().min(memchr(b'\\', rest.as_bytes()).unwrap_or(rest.len()));
        let (plain, after) = rest.split_at(run);
        text.push_str(plain);
        rest = after;
    }
    Cow::Owned(text)
}

/// The content of a string that stands for `text`.
pub fn escaped(text: &str) -> String {
    let quoted = Value::from(text).to_string();
    quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default().to_owned()
}

/// The bytes of `content` that stand for `range` of the text which [`unescaped`] makes of it with U+FFFD for a lone half.
pub fn raw_range(content: &str, range: &Range<usize>) -> Range<usize> {
    let (mut raw, mut text) = (0, 0);
    let (mut start, mut end) = (None, None);
    while let Some(rest) = content.get(raw..).filter(|rest| !rest.is_empty()) {
        if text >= range.start {
            start.get_or_insert(raw);
        }
        if text >= range.end {
            end.get_or_insert(raw);
            break;
        }
        if rest.starts_with('\\') {
            let escape = Escape::at_start(rest);
            raw += escape.bytes;
            text += match escape.meaning {
                Meaning::Character(c) => c.len_utf8(),
                Meaning::LoneHigh => char::REPLACEMENT_CHARACTER.len_utf8(),
                Meaning::Nothing => 0,
            };
        } else {
            let bytes = rest.chars().next().map_or(1, char::len_utf8);
            (raw, text) = (raw + bytes, text + bytes);
        }
    }
    start.unwrap_or(content.len())..end.unwrap_or(content.len())
}

/// One escape as it stands in a string.
struct Escape {
    meaning: Meaning,
    bytes: usize,
}

enum Meaning {
    Character(char),
    /// The first half of a surrogate pair, alone.
    LoneHigh,
    /// The string was cut, or `\u` stands without its digits.
    Nothing,
}

impl Escape {
    /// Reads the escape at the start of `rest`, which is a backslash.
    fn at_start(rest: &str) -> Self {
        let after = rest.get(1..).unwrap_or_default();
        let (character, bytes) = match after.chars().next() {
            None => return Self { meaning: Meaning::Nothing, bytes: 1 },
            Some('b') => ('\u{8}', 2),
            Some('f') => ('\u{c}', 2),
            Some('n') => ('\n', 2),
            Some('r') => ('\r', 2),
            Some('t') => ('\t', 2),
            Some('u') => return Self::unicode(after.get(1..).unwrap_or_default()),
            Some(c) => (c, 1 + c.len_utf8()),
        };
        Self { meaning: Meaning::Character(character), bytes }
    }

    /// Reads what follows `\u`.
    fn unicode(digits: &str) -> Self {
        let Some(first) = unit(digits) else { return Self { meaning: Meaning::Nothing, bytes: 2 } };
        let second = digits.get(4..).and_then(|rest| rest.strip_prefix("\\u")).and_then(unit);
        let mut decoded = char::decode_utf16([Some(first), second].into_iter().flatten());
        let (meaning, bytes) = match decoded.next() {
            Some(Ok(c)) => (Meaning::Character(c), if c.len_utf16() == 2 { 12 } else { 6 }),
            _ if (0xd800..0xdc00).contains(&first) => (Meaning::LoneHigh, 6),
            _ => (Meaning::Character(char::REPLACEMENT_CHARACTER), 6),
        };
        Self { meaning, bytes }
    }
}

fn unit(digits: &str) -> Option<u16> {
    let digits = digits.get(..4).filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))?;
    u16::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARK: Option<char> = Some(char::REPLACEMENT_CHARACTER);

    #[test]
    fn escapes_are_undone_also_in_a_string_that_was_cut() {
        for (content, text) in [
            (r"a\b\f\n\r\t\/\\\u0041", "a\u{8}\u{c}\n\r\t/\\A"),
            (r"\ud83d\ude00", "😀"),
            (r"\ud83dx\ude00", "\u{fffd}x\u{fffd}"),
            (r"\q\é", "qé"),
            (r"a\", "a"),
            (r"a\u00", "a00"),
        ] {
            assert_eq!(unescaped(content, MARK), text);
        }
        assert_eq!(unescaped(r"tools/call\ud800", None), "tools/call");
    }

    proptest::proptest! {
        #[test]
        fn what_was_escaped_is_undone(text in "\\PC{0,20}[\"\\\\\n\t]{0,3}\\PC{0,9}") {
            let content = escaped(&text);
            proptest::prop_assert_eq!(unescaped(&content, MARK), text.as_str());
        }

        #[test]
        fn a_range_of_the_text_is_found_in_the_content(
            before in "[a\"\n😀]{0,9}", secret in "[b\\\\é]{1,9}", after in "[a\"\n😀]{0,9}",
        ) {
            let content = escaped(&format!("{before}{secret}{after}"));
            let range = raw_range(&content, &(before.len()..before.len() + secret.len()));
            proptest::prop_assert_eq!(&content[range], escaped(&secret));
        }
    }
}
