//! A JSON lexer (RFC 8259) for bytes that arrive in pieces: no tree, no recursion, bounded tokens.

use std::borrow::Cow;

/// Deepest nesting that is followed.
pub const DEPTH_MAX: usize = 128;
/// Longest part of a string or number that is kept; the rest is skipped.
pub const TOKEN_MAX_BYTES: usize = 2048;
/// Bytes of a string that are looked at together.
const BLOCK_BYTES: usize = 16;

/// What the lexer met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token<'a> {
    /// `{`
    BeginObject,
    /// `[`
    BeginArray,
    /// `}` or `]`
    End,
    /// A member's name, escapes undone, at most [`TOKEN_MAX_BYTES`] of it.
    Key(&'a str),
    /// A string, at most [`TOKEN_MAX_BYTES`] of it.
    Text {
        /// Escapes undone.
        text: &'a str,
        /// As it was written, without the quotes.
        raw: &'a str,
    },
    /// A number or a literal as it was written, at most [`TOKEN_MAX_BYTES`] of it.
    Plain(&'a str),
}

/// Why lexing stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Not JSON.
    Syntax,
    /// Nested deeper than [`DEPTH_MAX`].
    TooDeep,
}

/// The state between pieces.
#[derive(Debug, Default)]
pub struct Lexer {
    /// One bit a level: set for objects.
    objects: u128,
    depth: usize,
    expect: Expect,
    within: Within,
    token: Vec<u8>,
    /// The string as it was written; kept beside `token` from the first escape on.
    raw: Vec<u8>,
    escaped: bool,
    high: Option<u16>,
    done: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Expect {
    #[default]
    Value,
    /// After `[`: a value or `]`.
    ValueOrEnd,
    /// After `{`: a key or `}`.
    KeyOrEnd,
    Key,
    Colon,
    CommaOrEnd,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Within {
    #[default]
    Nothing,
    Text,
    Escape,
    /// `\u` with this many digits seen and their value.
    Unicode(u8, u16),
    Plain,
}

impl Lexer {
    /// True when one whole value was read.
    pub fn is_done(&self) -> bool {
        self.done
    }

    /// Reads the next bytes; `sink` gets every token.
    pub fn feed(&mut self, bytes: &[u8], sink: &mut dyn FnMut(Token<'_>)) -> Result<(), Stop> {
        let mut rest = bytes;
        while let Some((&byte, after)) = rest.split_first() {
            if self.done {
                return Ok(());
            }
            rest = match self.within {
                Within::Nothing => {
                    self.structure(byte, sink)?;
                    after
                }
                Within::Text => self.text(rest, sink)?,
                Within::Escape => {
                    self.escape(byte)?;
                    after
                }
                Within::Unicode(seen, value) => {
                    self.unicode(byte, seen, value)?;
                    after
                }
                Within::Plain => self.plain(rest, sink)?,
            };
        }
        Ok(())
    }

    /// The bytes have ended: a number at the top level is complete now.
    pub fn finish(&mut self, sink: &mut dyn FnMut(Token<'_>)) {
        if self.within == Within::Plain && self.depth == 0 {
            self.end_plain(sink);
        }
    }

    fn structure(&mut self, byte: u8, sink: &mut dyn FnMut(Token<'_>)) -> Result<(), Stop> {
        if matches!(byte, b' ' | b'\t' | b'\r' | b'\n') {
            return Ok(());
        }
        match (self.expect, byte) {
            (Expect::Value | Expect::ValueOrEnd, b'{') => self.begin(true, sink),
            (Expect::Value | Expect::ValueOrEnd, b'[') => self.begin(false, sink),
            (Expect::Value | Expect::ValueOrEnd | Expect::Key | Expect::KeyOrEnd, b'"') => {
                self.within = Within::Text;
                Ok(())
            }
            // Python's parser takes `NaN` and `Infinity`, so a body that holds them reaches its server.
            (Expect::Value | Expect::ValueOrEnd, b'-' | b'0'..=b'9' | b't' | b'f' | b'n' | b'N' | b'I') => {
                self.within = Within::Plain;
                self.token.push(byte);
                Ok(())
            }
            (Expect::ValueOrEnd, b']') | (Expect::KeyOrEnd, b'}') => self.end(sink),
            (Expect::CommaOrEnd, b']') if !self.in_object() => self.end(sink),
            (Expect::CommaOrEnd, b'}') if self.in_object() => self.end(sink),
            (Expect::CommaOrEnd, b',') => {
                self.expect = if self.in_object() { Expect::Key } else { Expect::Value };
                Ok(())
            }
            (Expect::Colon, b':') => {
                self.expect = Expect::Value;
                Ok(())
            }
            _ => Err(Stop::Syntax),
        }
    }

    fn in_object(&self) -> bool {
        self.depth > 0 && self.objects >> (self.depth - 1) & 1 == 1
    }

    fn begin(&mut self, object: bool, sink: &mut dyn FnMut(Token<'_>)) -> Result<(), Stop> {
        if self.depth == DEPTH_MAX {
            return Err(Stop::TooDeep);
        }
        let bit = 1_u128 << self.depth;
        self.objects = if object { self.objects | bit } else { self.objects & !bit };
        self.depth += 1;
        self.expect = if object { Expect::KeyOrEnd } else { Expect::ValueOrEnd };
        sink(if object { Token::BeginObject } else { Token::BeginArray });
        Ok(())
    }

    fn end(&mut self, sink: &mut dyn FnMut(Token<'_>)) -> Result<(), Stop> {
        self.depth = self.depth.checked_sub(1).ok_or(Stop::Syntax)?;
        sink(Token::End);
        self.after_value();
        Ok(())
    }

    fn after_value(&mut self) {
        self.expect = Expect::CommaOrEnd;
        self.done = self.depth == 0;
    }

    /// Inside a string: runs to the next quote or backslash.
    fn text<'a>(&mut self, bytes: &'a [u8], sink: &mut dyn FnMut(Token<'_>)) -> Result<&'a [u8], Stop> {
        let (run, rest) = bytes.split_at(plain_len(bytes));
        if let Some(after) = rest.strip_prefix(b"\"")
            && self.token.is_empty()
            && !self.escaped
            && run.len() <= TOKEN_MAX_BYTES
        {
            // All in one piece, as nearly always: nothing is copied.
            self.end_text(run, run, sink);
            return Ok(after);
        }
        keep(&mut self.token, run);
        if self.escaped {
            keep(&mut self.raw, run);
        }
        let Some((&byte, after)) = rest.split_first() else { return Ok(rest) };
        match byte {
            b'\\' => self.begin_escape(),
            b'"' => {
                let (token, raw) = (std::mem::take(&mut self.token), std::mem::take(&mut self.raw));
                self.end_text(&token, if self.escaped { &raw } else { &token }, sink);
                self.escaped = false;
                (self.token, self.raw) = (cleared(token), cleared(raw));
            }
            _ => return Err(Stop::Syntax),
        }
        Ok(after)
    }

    fn end_text(&mut self, text: &[u8], raw: &[u8], sink: &mut dyn FnMut(Token<'_>)) {
        self.within = Within::Nothing;
        self.high = None;
        let text = utf8(text);
        if matches!(self.expect, Expect::Key | Expect::KeyOrEnd) {
            sink(Token::Key(&text));
            self.expect = Expect::Colon;
        } else {
            sink(Token::Text { text: &text, raw: &utf8(raw) });
            self.after_value();
        }
    }

    fn begin_escape(&mut self) {
        self.within = Within::Escape;
        if !self.escaped {
            self.escaped = true;
            self.raw.extend_from_slice(&self.token);
        }
        keep(&mut self.raw, b"\\");
    }

    fn escape(&mut self, byte: u8) -> Result<(), Stop> {
        keep(&mut self.raw, &[byte]);
        let plain = match byte {
            b'"' | b'\\' | b'/' => byte,
            b'b' => 0x08,
            b'f' => 0x0c,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => {
                self.within = Within::Unicode(0, 0);
                return Ok(());
            }
            _ => return Err(Stop::Syntax),
        };
        keep(&mut self.token, &[plain]);
        self.within = Within::Text;
        Ok(())
    }

    fn unicode(&mut self, byte: u8, seen: u8, value: u16) -> Result<(), Stop> {
        let digit =
            char::from(byte).to_digit(16).and_then(|digit| u16::try_from(digit).ok()).ok_or(Stop::Syntax)?;
        keep(&mut self.raw, &[byte]);
        let value = value << 4 | digit;
        if seen < 3 {
            self.within = Within::Unicode(seen + 1, value);
            return Ok(());
        }
        self.within = Within::Text;
        let high = self.high.take();
        if high.is_none() && (0xd800..0xdc00).contains(&value) {
            self.high = Some(value);
            return Ok(());
        }
        for decoded in char::decode_utf16(high.into_iter().chain([value])) {
            let mut buffer = [0; 4];
            let text = decoded.unwrap_or(char::REPLACEMENT_CHARACTER).encode_utf8(&mut buffer);
            keep(&mut self.token, text.as_bytes());
        }
        Ok(())
    }

    fn plain<'a>(&mut self, bytes: &'a [u8], sink: &mut dyn FnMut(Token<'_>)) -> Result<&'a [u8], Stop> {
        let belongs = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'+' | b'.');
        let at = bytes.iter().position(|b| !belongs(b)).unwrap_or(bytes.len());
        let (run, rest) = bytes.split_at(at);
        keep(&mut self.token, run);
        if !rest.is_empty() {
            if !is_plain(&self.token) {
                return Err(Stop::Syntax);
            }
            self.end_plain(sink);
        }
        Ok(rest)
    }

    fn end_plain(&mut self, sink: &mut dyn FnMut(Token<'_>)) {
        self.within = Within::Nothing;
        sink(Token::Plain(std::str::from_utf8(&self.token).unwrap_or_default()));
        self.token.clear();
        self.after_value();
    }
}

/// How far a string goes on without a quote, a backslash or a control character.
fn plain_len(bytes: &[u8]) -> usize {
    let ends = |b: u8| (b == b'"') | (b == b'\\') | (b < 0x20);
    // Whole blocks without a branch for each byte, which the compiler turns into vector code.
    let (blocks, _) = bytes.as_chunks::<BLOCK_BYTES>();
    let plain = |block: &&[u8; BLOCK_BYTES]| !block.iter().fold(false, |any, b| any | ends(*b));
    let seen = blocks.iter().take_while(plain).count() * BLOCK_BYTES;
    let rest = bytes.get(seen..).unwrap_or_default();
    rest.iter().position(|b| ends(*b)).map_or(bytes.len(), |at| seen + at)
}

/// Text; what is no UTF-8 is replaced.
fn utf8(bytes: &[u8]) -> Cow<'_, str> {
    // The lossy way alone takes ten times as long.
    std::str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed)
}

fn cleared(mut kept: Vec<u8>) -> Vec<u8> {
    kept.clear();
    kept
}

fn keep(kept: &mut Vec<u8>, bytes: &[u8]) {
    let room = TOKEN_MAX_BYTES.saturating_sub(kept.len()).min(bytes.len());
    kept.extend_from_slice(bytes.get(..room).unwrap_or_default());
}

/// A literal, or something that starts like a number: what a careless parser takes is looked at, too.
fn is_plain(token: &[u8]) -> bool {
    matches!(token, b"true" | b"false" | b"null" | b"NaN" | b"Infinity")
        || token.first().is_some_and(|b| b.is_ascii_digit() || *b == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every token as text, or why lexing stopped.
    fn lex(text: &str, chunk: usize) -> Result<Vec<String>, Stop> {
        let (mut lexer, mut tokens) = (Lexer::default(), Vec::new());
        for piece in text.as_bytes().chunks(chunk) {
            lexer.feed(piece, &mut |token| tokens.push(format!("{token:?}")))?;
        }
        lexer.finish(&mut |token| tokens.push(format!("{token:?}")));
        Ok(tokens)
    }

    #[test]
    fn a_string_is_given_with_its_escapes_undone_and_as_it_was_written() {
        for chunk in [1, 2, 100] {
            let tokens = lex(r#"["plain", "a\b\u0041\ud83d\ude00", "\ud800"]"#, chunk).unwrap();
            assert_eq!(tokens[1], r#"Text { text: "plain", raw: "plain" }"#);
            assert_eq!(tokens[2], r#"Text { text: "a\u{8}A😀", raw: "a\\b\\u0041\\ud83d\\ude00" }"#);
            assert_eq!(tokens[3], r#"Text { text: "", raw: "\\ud800" }"#);
        }
    }

    #[test]
    fn values_that_only_python_accepts_are_taken() {
        let tokens = lex(r#"{"a":NaN,"b":Infinity,"c":[-Infinity]}"#, 1).unwrap();
        for value in ["NaN", "Infinity", "-Infinity"] {
            assert!(tokens.contains(&format!("Plain({value:?})")), "{value}: {tokens:?}");
        }
        assert_eq!(lex("[Nan]", 1), Err(Stop::Syntax));
    }

    #[test]
    fn what_is_kept_of_a_token_is_bounded() {
        let long = format!("[\"{}\\n\",{}]", "x".repeat(5000), "7".repeat(5000));
        let (mut lexer, mut longest) = (Lexer::default(), 0);
        let mut measure = |token: Token<'_>| match token {
            Token::Text { text, raw } => longest = longest.max(text.len()).max(raw.len()),
            Token::Plain(text) => longest = longest.max(text.len()),
            _ => {}
        };
        lexer.feed(long.as_bytes(), &mut measure).unwrap();
        assert_eq!(longest, TOKEN_MAX_BYTES);
    }
}
