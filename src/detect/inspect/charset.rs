//! Character encodings to UTF-8, while a body streams: byte order marks, then the NUL pattern of RFC 4627, section 3,
//! then the charset that the sender names.

use http::HeaderMap;
use http::header::CONTENT_TYPE;

use super::obstacle::{Obstacle, UNKNOWN_CHARSET};

/// Charsets in which the characters that structure is made of have their ASCII codes, by name; no name means none.
///
/// In the second byte of a character, Shift JIS, GBK, GB 18030 and Big5 also use the codes of backslash and brackets. A
/// backslash read there can hide the end of a string, no more: what was read before counts, and the error in syntax that
/// follows ends the reading with what it has shown. That is worth more than giving up on every body in these charsets.
const READABLE: [&str; 24] = [
    "",
    "utf-8",
    "utf8",
    "us-ascii",
    "ascii",
    "latin1",
    "latin-1",
    "l1",
    "shift_jis",
    "shift-jis",
    "sjis",
    "x-sjis",
    "ms_kanji",
    "gbk",
    "gb2312",
    "gb_2312-80",
    "gb18030",
    "big5",
    "big5-hkscs",
    "cp932",
    "cp936",
    "cp949",
    "cp950",
    "tis-620",
];
/// Starts of more such names, and of the wide encodings of Unicode, which are recognised by their bytes.
const READABLE_STARTS: [&str; 9] =
    ["iso-8859-", "iso8859-", "windows-", "cp125", "koi8-", "euc-", "utf-16", "utf-32", "ucs-"];

fn is_readable(charset: &str) -> bool {
    let is = |name: &str| charset.eq_ignore_ascii_case(name);
    let starts = |with: &str| charset.get(..with.len()).is_some_and(|start| start.eq_ignore_ascii_case(with));
    READABLE.into_iter().any(is) || READABLE_STARTS.into_iter().any(starts)
}

/// Transcodes a stream of bytes.
#[derive(Debug, Default)]
pub struct Transcoder {
    form: Form,
    carry: Vec<u8>,
    high: Option<u16>,
    named: Named,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Form {
    #[default]
    Unknown,
    Utf8,
    Utf16 {
        big: bool,
    },
    Utf32 {
        big: bool,
    },
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Named {
    #[default]
    None,
    Readable,
    Unreadable,
}

impl Transcoder {
    /// Reads the charset that the sender names.
    pub fn new(headers: &HeaderMap) -> Self {
        let text = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let parameters = text.split_once(';').map(|(_, parameters)| parameters.split(';'));
        let charset = parameters.into_iter().flatten().find_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            name.trim().eq_ignore_ascii_case("charset").then(|| value.trim().trim_matches('"'))
        });
        let named = match charset {
            None => Named::None,
            Some(name) if is_readable(name) => Named::Readable,
            Some(_) => Named::Unreadable,
        };
        Self { named, ..Self::default() }
    }

    /// Gives the next bytes as UTF-8 to `sink`; the error says why that is impossible.
    pub fn feed(&mut self, bytes: &[u8], sink: &mut dyn FnMut(&[u8])) -> Result<(), &'static Obstacle> {
        if self.named == Named::Unreadable {
            return Err(&UNKNOWN_CHARSET);
        }
        match self.form {
            Form::Utf8 => sink(bytes),
            Form::Unknown if self.carry.is_empty() && bytes.len() >= 4 => self.decide(bytes, sink),
            Form::Unknown => {
                self.carry.extend_from_slice(bytes);
                if self.carry.len() >= 4 {
                    self.decide_carried(sink);
                }
            }
            Form::Utf16 { .. } | Form::Utf32 { .. } => self.wide(bytes, sink),
        }
        Ok(())
    }

    /// The stream has ended: a body of less than four bytes is decided now.
    pub fn finish(&mut self, sink: &mut dyn FnMut(&[u8])) {
        if self.form == Form::Unknown && !self.carry.is_empty() {
            self.decide_carried(sink);
        }
    }

    fn decide_carried(&mut self, sink: &mut dyn FnMut(&[u8])) {
        let start = std::mem::take(&mut self.carry);
        self.decide(&start, sink);
    }

    fn decide(&mut self, start: &[u8], sink: &mut dyn FnMut(&[u8])) {
        let (form, mark) = match *start {
            [0xef, 0xbb, 0xbf, ..] => (Form::Utf8, 3),
            [0xff, 0xfe, 0, 0, ..] => (Form::Utf32 { big: false }, 4),
            [0, 0, 0xfe, 0xff, ..] => (Form::Utf32 { big: true }, 4),
            [0xff, 0xfe, ..] => (Form::Utf16 { big: false }, 2),
            [0xfe, 0xff, ..] => (Form::Utf16 { big: true }, 2),
            [0, 0, 0, _, ..] => (Form::Utf32 { big: true }, 0),
            [_, 0, 0, 0, ..] => (Form::Utf32 { big: false }, 0),
            [0, _, ..] => (Form::Utf16 { big: true }, 0),
            [_, 0, ..] => (Form::Utf16 { big: false }, 0),
            _ => (Form::Utf8, 0),
        };
        self.form = form;
        let rest = start.get(mark..).unwrap_or_default();
        if form == Form::Utf8 { sink(rest) } else { self.wide(rest, sink) }
    }

    fn wide(&mut self, bytes: &[u8], sink: &mut dyn FnMut(&[u8])) {
        self.carry.extend_from_slice(bytes);
        let carried = std::mem::take(&mut self.carry);
        let mut out = String::with_capacity(carried.len() / 2);
        let rest = match self.form {
            Form::Utf32 { big } => {
                let mut units = carried.chunks_exact(4);
                for unit in &mut units {
                    let unit = [unit[0], unit[1], unit[2], unit[3]];
                    let code = if big { u32::from_be_bytes(unit) } else { u32::from_le_bytes(unit) };
                    out.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
                }
                units.remainder()
            }
            Form::Utf16 { big } => {
                let mut units = carried.chunks_exact(2);
                for unit in &mut units {
                    let unit = [unit[0], unit[1]];
                    self.utf16(
                        if big { u16::from_be_bytes(unit) } else { u16::from_le_bytes(unit) },
                        &mut out,
                    );
                }
                units.remainder()
            }
            Form::Unknown | Form::Utf8 => &[],
        };
        self.carry = rest.to_vec();
        sink(out.as_bytes());
    }

    fn utf16(&mut self, unit: u16, out: &mut String) {
        let high = self.high.take();
        if high.is_none() && (0xd800..0xdc00).contains(&unit) {
            self.high = Some(unit);
            return;
        }
        let pair = high.into_iter().chain([unit]);
        out.extend(char::decode_utf16(pair).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)));
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn read(content_type: &'static str, body: &[u8]) -> Result<String, &'static Obstacle> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        let (mut transcoder, mut text) = (Transcoder::new(&headers), Vec::new());
        transcoder.feed(body, &mut |bytes| text.extend_from_slice(bytes))?;
        transcoder.finish(&mut |bytes| text.extend_from_slice(bytes));
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    #[test]
    fn charsets_that_contain_ascii_are_no_obstacle() {
        for content_type in [
            "application/json",
            "application/json; charset=",
            "application/json; charset=\"UTF-8\"",
            "text/plain; charset=Shift_JIS",
            "text/plain; charset=GBK",
            "text/plain; charset=gb2312",
            "text/plain; charset=gb18030",
            "text/plain; charset=EUC-KR",
            "text/plain; charset=big5",
            "text/plain; charset=latin1",
            "text/plain; charset=koi8-r",
            "text/plain; charset=windows-31j",
            "text/plain; charset=utf-16le",
        ] {
            assert_eq!(read(content_type, b"{\"a\":1}").as_deref(), Ok("{\"a\":1}"), "{content_type}");
        }
    }

    #[test]
    fn charsets_that_write_ascii_otherwise_are_an_obstacle() {
        for content_type in ["a/b; charset=utf-7", "a/b; charset=iso-2022-jp", "a/b; charset=IBM037"] {
            assert_eq!(read(content_type, b"{}"), Err(&UNKNOWN_CHARSET), "{content_type}");
        }
    }

    #[test]
    fn a_pair_of_surrogates_is_one_character_and_half_a_pair_is_replaced() {
        let wide = |text: &[u16]| text.iter().flat_map(|unit| unit.to_be_bytes()).collect::<Vec<u8>>();
        let units: Vec<u16> = "{😀}".encode_utf16().collect();
        assert_eq!(read("a/b", &wide(&units)).as_deref(), Ok("{😀}"));
        assert_eq!(read("a/b", &wide(&[0x7b, 0xd83d, 0x7d])).as_deref(), Ok("{\u{fffd}}"));
    }
}
