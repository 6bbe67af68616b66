//! The tokens of a body that arrives in pieces, each kept up to a bound.

use std::borrow::Cow;

use super::escape::unescaped;
use super::scanner::{Event, Kind, Part, Scanner, Stop};

/// Longest text of a string, number or literal that is given; the rest is left out.
pub const TOKEN_MAX_BYTES: usize = 2048;
/// Longest string that is kept as it was written. An escape is at most three times as long as the text that it stands
/// for, unless that is ASCII.
const RAW_MAX_BYTES: usize = 3 * TOKEN_MAX_BYTES;

/// A token of JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token<'a> {
    /// `{`
    BeginObject,
    /// `[`
    BeginArray,
    /// `}` or `]`
    End,
    /// A member's name.
    Key(Text<'a>),
    /// A string.
    Text(Text<'a>),
    /// A number, `true`, `false` or `null` as it was written.
    Plain(&'a str),
}

/// The content of a string. It is decoded only when somebody asks: most strings of a body say nothing about MCP.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Text<'a> {
    raw: &'a [u8],
    escaped: bool,
}

impl<'a> Text<'a> {
    /// What the string stands for, at most [`TOKEN_MAX_BYTES`] of it.
    ///
    /// Half a surrogate pair is left out, so that a method cannot be disguised by one.
    pub fn text(self) -> Cow<'a, str> {
        match utf8(self.raw) {
            raw if !self.escaped => cut(raw),
            Cow::Borrowed(raw) => cut(unescaped(raw, None)),
            Cow::Owned(raw) => cut(Cow::Owned(unescaped(&raw, None).into_owned())),
        }
    }

    /// The string as it was written, without quotes, at most three times [`TOKEN_MAX_BYTES`] of it.
    pub fn raw(self) -> Cow<'a, str> {
        utf8(self.raw)
    }
}

impl std::fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} for {:?}", self.raw(), self.text())
    }
}

/// The state between pieces.
#[derive(Debug, Default)]
pub struct Lexer {
    scanner: Scanner,
    /// The token at hand, when it began in an earlier piece.
    kept: Vec<u8>,
    /// There is a backslash in it.
    escaped: bool,
}

impl Lexer {
    /// True when one whole value was read.
    pub fn is_done(&self) -> bool {
        self.scanner.is_done()
    }

    /// Reads the next bytes; `sink` gets every token. What follows the value is not looked at.
    pub fn feed(&mut self, mut bytes: &[u8], sink: &mut impl FnMut(Token<'_>)) -> Result<(), Stop> {
        while let Some(event) = self.scanner.next(&mut bytes)? {
            match event {
                Event::BeginObject => sink(Token::BeginObject),
                Event::BeginArray => sink(Token::BeginArray),
                Event::End => sink(Token::End),
                // All in one piece, as nearly always: nothing is copied.
                Event::Part(part) if part.ended && self.kept.is_empty() => sink(token(&part)),
                Event::Part(part) => self.keep(part, sink),
            }
        }
        Ok(())
    }

    /// The bytes have ended: a number at the top level is complete now.
    pub fn finish(&mut self, sink: &mut impl FnMut(Token<'_>)) {
        if self.scanner.ends_with_text() && !self.kept.is_empty() {
            self.keep(Part { kind: Kind::Plain, bytes: &[], ended: true, escaped: false }, sink);
        }
    }

    fn keep(&mut self, part: Part<'_>, sink: &mut impl FnMut(Token<'_>)) {
        let room = RAW_MAX_BYTES.saturating_sub(self.kept.len()).min(part.bytes.len());
        self.kept.extend_from_slice(part.bytes.get(..room).unwrap_or_default());
        self.escaped |= part.escaped;
        if part.ended {
            sink(token(&Part { bytes: &self.kept, escaped: self.escaped, ..part }));
            self.kept.clear();
            self.escaped = false;
        }
    }
}

fn token<'a>(part: &Part<'a>) -> Token<'a> {
    let first = |max: usize| part.bytes.get(..max).unwrap_or(part.bytes);
    let text = || Text { raw: first(RAW_MAX_BYTES), escaped: part.escaped };
    match part.kind {
        Kind::Key => Token::Key(text()),
        Kind::Text => Token::Text(text()),
        Kind::Plain => Token::Plain(std::str::from_utf8(first(TOKEN_MAX_BYTES)).unwrap_or_default()),
    }
}

/// Text; what is no UTF-8 is replaced.
fn utf8(bytes: &[u8]) -> Cow<'_, str> {
    // The lossy way alone takes ten times as long.
    std::str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed)
}

/// At most [`TOKEN_MAX_BYTES`] of a text.
fn cut(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.len() <= TOKEN_MAX_BYTES {
        return text;
    }
    let end = (0..=TOKEN_MAX_BYTES).rev().find(|&at| text.is_char_boundary(at)).unwrap_or_default();
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.get(..end).unwrap_or_default()),
        Cow::Owned(mut text) => {
            text.truncate(end);
            Cow::Owned(text)
        }
    }
}

#[cfg(test)]
mod tests;
