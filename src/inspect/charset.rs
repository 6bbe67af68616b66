//! Character encodings to UTF-8, while a body streams: byte order marks, then the NUL pattern of RFC 4627, section 3,
//! then the charset that the sender names.

use http::HeaderMap;
use http::header::CONTENT_TYPE;

use super::obstacle::{Obstacle, UNKNOWN_CHARSET};

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
        let charset = text.split(';').skip(1).find_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            name.trim()
                .eq_ignore_ascii_case("charset")
                .then(|| value.trim().trim_matches('"').to_ascii_lowercase())
        });
        let named = match charset.as_deref() {
            None => Named::None,
            // In these, the characters that structure is made of have their ASCII codes.
            Some(name) if ["utf-8", "utf8", "us-ascii", "ascii"].contains(&name) => Named::Readable,
            Some(name) if name.starts_with("iso-8859-") || name.starts_with("windows-125") => Named::Readable,
            Some(name)
                if name.starts_with("utf-16") || name.starts_with("utf-32") || name.starts_with("ucs-") =>
            {
                Named::Readable
            }
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
            Form::Unknown => {
                self.carry.extend_from_slice(bytes);
                if self.carry.len() >= 4 {
                    self.decide(sink);
                }
            }
            Form::Utf16 { .. } | Form::Utf32 { .. } => self.wide(bytes, sink),
        }
        Ok(())
    }

    /// The stream has ended: a body of less than four bytes is decided now.
    pub fn finish(&mut self, sink: &mut dyn FnMut(&[u8])) {
        if self.form == Form::Unknown && !self.carry.is_empty() {
            self.decide(sink);
        }
    }

    fn decide(&mut self, sink: &mut dyn FnMut(&[u8])) {
        let start = std::mem::take(&mut self.carry);
        let (form, mark) = match *start.as_slice() {
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
        let pair: Vec<u16> = self.high.take().into_iter().chain([unit]).collect();
        if pair.len() == 1 && (0xd800..0xdc00).contains(&unit) {
            self.high = Some(unit);
            return;
        }
        out.extend(char::decode_utf16(pair).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)));
    }
}
