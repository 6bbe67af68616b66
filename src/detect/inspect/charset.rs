//! Character encodings to UTF-8, while a body streams: byte order marks, then the NUL pattern of RFC 4627, section 3,
//! then the charset that the sender names.

use encoding_rs::{Encoding, UTF_16BE, UTF_16LE};
use http::HeaderMap;
use http::header::CONTENT_TYPE;

use super::obstacle::{Obstacle, UNKNOWN_CHARSET};

/// Names of readable charsets that the Encoding Standard, and so `encoding_rs`, does not list. No name means no charset.
const MORE_READABLE: [&str; 6] = ["", "latin-1", "cp932", "cp936", "cp949", "cp950"];
/// Starts of more such names: rare members of families, and the wide encodings of Unicode, which are recognised by their
/// bytes.
const MORE_READABLE_STARTS: [&str; 9] =
    ["iso-8859-", "iso8859-", "windows-", "cp125", "koi8-", "euc-", "utf-16", "utf-32", "ucs-"];

/// True for a charset in which the characters that structure is made of have their ASCII codes, and for UTF-16 and UTF-32.
///
/// Bodies in such a charset are read as they are. They are not decoded, because most servers take JSON for UTF-8 whatever
/// charset is named. In the second byte of a character, Shift JIS, GBK, GB 18030 and Big5 also use the codes of backslash
/// and brackets. A backslash read there can hide the end of a string, no more: what was read before counts, and the error
/// in syntax that follows ends the reading with what it has shown. That is worth more than giving up on every body in
/// these charsets.
fn is_readable(charset: &str) -> bool {
    let is = |name: &str| charset.eq_ignore_ascii_case(name);
    let starts = |with: &str| charset.get(..with.len()).is_some_and(|start| start.eq_ignore_ascii_case(with));
    Encoding::for_label(charset.as_bytes()).is_some_and(Encoding::is_ascii_compatible)
        || MORE_READABLE.into_iter().any(is)
        || MORE_READABLE_STARTS.into_iter().any(starts)
}

/// Bytes by which the encoding is told.
const START_BYTES: usize = 4;

/// Transcodes a stream of bytes.
#[derive(Default)]
pub struct Transcoder {
    encoded: Encoded,
    /// Bytes before the encoding is known, or the start of a character of UTF-32.
    carry: Vec<u8>,
    named: Named,
}

#[derive(Default)]
enum Encoded {
    #[default]
    Unknown,
    Utf8,
    /// Boxed, because nearly every body is UTF-8 and would carry the room.
    Utf16(Box<encoding_rs::Decoder>),
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

impl std::fmt::Debug for Transcoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transcoder").field("carry", &self.carry.len()).field("named", &self.named).finish()
    }
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
        match &mut self.encoded {
            Encoded::Utf8 => sink(bytes),
            Encoded::Unknown if self.carry.is_empty() && bytes.len() >= START_BYTES => {
                self.begin(bytes, sink)
            }
            Encoded::Unknown => {
                self.carry.extend_from_slice(bytes);
                if self.carry.len() >= START_BYTES {
                    self.begin_with_carry(sink);
                }
            }
            Encoded::Utf16(decoder) => decode_utf16(decoder, bytes, sink),
            Encoded::Utf32 { big } => {
                let big = *big;
                self.utf32(big, bytes, sink);
            }
        }
        Ok(())
    }

    /// The stream has ended: a body of less than four bytes is decided now.
    pub fn finish(&mut self, sink: &mut dyn FnMut(&[u8])) {
        if matches!(self.encoded, Encoded::Unknown) && !self.carry.is_empty() {
            self.begin_with_carry(sink);
        }
    }

    fn begin_with_carry(&mut self, sink: &mut dyn FnMut(&[u8])) {
        let start = std::mem::take(&mut self.carry);
        self.begin(&start, sink);
    }

    /// Tells the encoding by the first bytes, and reads them.
    fn begin(&mut self, start: &[u8], sink: &mut dyn FnMut(&[u8])) {
        let utf16 = |encoding: &'static Encoding| {
            Encoded::Utf16(Box::new(encoding.new_decoder_without_bom_handling()))
        };
        let (encoded, mark) = match *start {
            [0xef, 0xbb, 0xbf, ..] => (Encoded::Utf8, 3),
            [0xff, 0xfe, 0, 0, ..] => (Encoded::Utf32 { big: false }, 4),
            [0, 0, 0xfe, 0xff, ..] => (Encoded::Utf32 { big: true }, 4),
            [0xff, 0xfe, ..] => (utf16(UTF_16LE), 2),
            [0xfe, 0xff, ..] => (utf16(UTF_16BE), 2),
            [0, 0, 0, _, ..] => (Encoded::Utf32 { big: true }, 0),
            [_, 0, 0, 0, ..] => (Encoded::Utf32 { big: false }, 0),
            [0, _, ..] => (utf16(UTF_16BE), 0),
            [_, 0, ..] => (utf16(UTF_16LE), 0),
            _ => (Encoded::Utf8, 0),
        };
        self.encoded = encoded;
        let rest = start.get(mark..).unwrap_or_default();
        match &mut self.encoded {
            Encoded::Utf16(decoder) => decode_utf16(decoder, rest, sink),
            Encoded::Utf32 { big } => {
                let big = *big;
                self.utf32(big, rest, sink);
            }
            Encoded::Unknown | Encoded::Utf8 => sink(rest),
        }
    }

    /// UTF-32 is by hand: the Encoding Standard does not have it.
    fn utf32(&mut self, big: bool, bytes: &[u8], sink: &mut dyn FnMut(&[u8])) {
        self.carry.extend_from_slice(bytes);
        let (units, rest) = self.carry.as_chunks::<4>();
        let decode = |unit: &[u8; 4]| {
            let code = if big { u32::from_be_bytes(*unit) } else { u32::from_le_bytes(*unit) };
            char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)
        };
        let text: String = units.iter().map(decode).collect();
        self.carry = rest.to_vec();
        sink(text.as_bytes());
    }
}

/// Half a surrogate pair becomes U+FFFD.
fn decode_utf16(decoder: &mut encoding_rs::Decoder, bytes: &[u8], sink: &mut dyn FnMut(&[u8])) {
    let room = decoder.max_utf8_buffer_length(bytes.len()).unwrap_or(0);
    let mut text = String::with_capacity(room);
    // With this much room all is decoded at once.
    let _all = decoder.decode_to_string(bytes, &mut text, false);
    sink(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn read(content_type: &str, body: &[u8]) -> Result<String, &'static Obstacle> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_str(content_type).unwrap());
        let (mut transcoder, mut text) = (Transcoder::new(&headers), Vec::new());
        transcoder.feed(body, &mut |bytes| text.extend_from_slice(bytes))?;
        transcoder.finish(&mut |bytes| text.extend_from_slice(bytes));
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    #[test]
    fn charsets_that_contain_ascii_are_no_obstacle() {
        let labels = "utf8 \"UTF-8\" us-ascii ascii latin1 latin-1 l1 Shift_JIS shift-jis sjis x-sjis ms_kanji GBK \
            gb2312 gb_2312-80 gb18030 big5 big5-hkscs cp866 cp932 cp936 cp949 cp950 tis-620 iso-8859-1 ISO8859-15 \
            iso-8859-12 windows-1252 windows-31j cp1251 koi8-r koi8-t EUC-KR euc-tw x-mac-cyrillic utf-16le utf-16 \
            UTF-32 ucs-2";
        for label in labels.split_whitespace().chain([""]) {
            let content_type = format!("text/plain; charset={label}");
            assert_eq!(read(&content_type, b"{\"a\":1}").as_deref(), Ok("{\"a\":1}"), "{content_type}");
        }
        assert_eq!(read("application/json", b"{}").as_deref(), Ok("{}"));
    }

    #[test]
    fn charsets_that_write_ascii_otherwise_are_an_obstacle() {
        for label in ["utf-7", "iso-2022-jp", "iso-2022-kr", "hz-gb-2312", "IBM037", "unheard-of"] {
            let content_type = format!("a/b; charset={label}");
            assert_eq!(read(&content_type, b"{}"), Err(&UNKNOWN_CHARSET), "{content_type}");
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
