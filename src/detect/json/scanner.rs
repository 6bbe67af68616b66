//! Where the tokens of a JSON text begin and end.

use memchr::memchr2;

/// Deepest nesting that can be followed.
pub const DEPTH_MAX: usize = 128;
/// Bytes of a string that are looked at together.
const BLOCK_BYTES: usize = 16;

/// What else than JSON is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dialect {
    /// One value of RFC 8259, and `NaN` and `Infinity`: Python's parser takes them, so a body with them reaches its
    /// server. The text may arrive in pieces.
    #[default]
    Strict,
    /// Texts that people and programs write or cut carelessly, given whole: also one document after another, a comma
    /// before the end of a container, form feeds and byte order marks between tokens, any byte and any escape in a
    /// string, any digits and signs as a number. A string or number may end with the text.
    Tolerant,
}

/// What the scanner met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// `{`
    BeginObject,
    /// `[`
    BeginArray,
    /// `}` or `]`
    End,
    /// A key, string, number or literal, or a part of one.
    Part(Part<'a>),
}

/// The bytes of a token that stand in the piece at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part<'a> {
    /// What the token is.
    pub kind: Kind,
    /// As written, escapes included, without quotes.
    pub bytes: &'a [u8],
    /// The token ends here. Otherwise the next part continues it.
    pub ended: bool,
    /// There is a backslash among the bytes.
    pub escaped: bool,
}

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A member's name.
    Key,
    /// A string.
    Text,
    /// A number, `true`, `false` or `null`.
    Plain,
}

/// Why scanning stopped. The bytes at hand then start with the token that is in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Not JSON.
    Syntax,
    /// Nested deeper than is allowed.
    TooDeep,
}

/// The state between events.
#[derive(Debug)]
pub struct Scanner {
    dialect: Dialect,
    depth_max: usize,
    /// One bit a level: set for objects.
    objects: u128,
    depth: usize,
    expect: Expect,
    within: Within,
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
    /// After a backslash.
    Escape,
    /// After `\u` and this many digits.
    Unicode(u8),
    Number,
    Literal(Missing),
}

/// What is still to come of a literal; `None` when it is none.
type Missing = Option<&'static [u8]>;

impl Default for Scanner {
    fn default() -> Self {
        Self::new(Dialect::default(), DEPTH_MAX)
    }
}

impl Scanner {
    /// A scanner that refuses to nest deeper than `depth_max`, which is at most [`DEPTH_MAX`].
    pub fn new(dialect: Dialect, depth_max: usize) -> Self {
        Self {
            dialect,
            depth_max: depth_max.min(DEPTH_MAX),
            objects: 0,
            depth: 0,
            expect: Expect::default(),
            within: Within::default(),
            done: false,
        }
    }

    /// True when one whole value was read. Never in the tolerant dialect, where another one may follow.
    pub fn is_done(&self) -> bool {
        self.done
    }

    /// True behind a number or literal at the top level, which only the end of the text can end.
    pub fn ends_with_text(&self) -> bool {
        self.depth == 0 && matches!(self.within, Within::Number | Within::Literal(Some([])))
    }

    /// The caller has passed over the container that was too deep, and the bytes go on behind it.
    pub fn skipped_value(&mut self) {
        self.after_value();
    }

    /// The next event in `bytes`, which is moved behind it; `None` when more bytes are needed or the value is whole.
    #[inline]
    pub fn next<'a>(&mut self, bytes: &mut &'a [u8]) -> Result<Option<Event<'a>>, Stop> {
        if self.done {
            return Ok(None);
        }
        match self.within {
            Within::Nothing => self.structure(bytes),
            Within::Text | Within::Escape | Within::Unicode(_) => self.string(bytes),
            Within::Number => self.number(bytes),
            Within::Literal(missing) => self.literal(missing, bytes),
        }
    }

    #[inline]
    fn structure<'a>(&mut self, bytes: &mut &'a [u8]) -> Result<Option<Event<'a>>, Stop> {
        while let Some((&byte, after)) = bytes.split_first() {
            let token = std::mem::replace(bytes, after);
            match (self.expect, byte) {
                (_, b' ' | b'\t' | b'\r' | b'\n') => {}
                (Expect::CommaOrEnd, b',') => self.expect = self.after_comma(),
                (Expect::Colon, b':') => self.expect = Expect::Value,
                (Expect::Value | Expect::ValueOrEnd | Expect::Key | Expect::KeyOrEnd, b'"') => {
                    self.within = Within::Text;
                    return self.string(bytes);
                }
                (Expect::Value | Expect::ValueOrEnd, b'{' | b'[') if self.depth < self.depth_max => {
                    return Ok(Some(self.begin(byte == b'{')));
                }
                (Expect::KeyOrEnd, b'}') | (Expect::ValueOrEnd, b']') => return Ok(Some(self.end())),
                (Expect::CommaOrEnd, b'}' | b']') if self.in_object() == (byte == b'}') => {
                    return Ok(Some(self.end()));
                }
                (Expect::Value | Expect::ValueOrEnd, b'{' | b'[') => {
                    *bytes = token;
                    return Err(Stop::TooDeep);
                }
                (Expect::Value | Expect::ValueOrEnd, _) if self.begins_plain(byte) => {
                    *bytes = token;
                    return self.begin_plain(byte, bytes);
                }
                _ => {
                    *bytes = token;
                    let skipped = self.tolerated(token).ok_or(Stop::Syntax)?;
                    *bytes = token.get(skipped..).unwrap_or_default();
                }
            }
        }
        Ok(None)
    }

    fn begins_plain(&self, byte: u8) -> bool {
        match self.dialect {
            Dialect::Strict => matches!(byte, b'-' | b'0'..=b'9' | b't' | b'f' | b'n' | b'N' | b'I'),
            Dialect::Tolerant => belongs_to_plain(byte),
        }
    }

    /// How many bytes at the start of `bytes` are read as white space although they are none.
    fn tolerated(&self, bytes: &[u8]) -> Option<usize> {
        let found = match bytes {
            [b'\x0c', ..] => Some(1),
            [0xef, 0xbb, 0xbf, ..] => Some(3),
            _ => None,
        };
        found.filter(|_| self.dialect == Dialect::Tolerant)
    }

    fn in_object(&self) -> bool {
        self.depth > 0 && self.objects >> (self.depth - 1) & 1 == 1
    }

    fn after_comma(&self) -> Expect {
        match (self.dialect, self.in_object()) {
            (Dialect::Strict, true) => Expect::Key,
            (Dialect::Strict, false) => Expect::Value,
            (Dialect::Tolerant, true) => Expect::KeyOrEnd,
            (Dialect::Tolerant, false) => Expect::ValueOrEnd,
        }
    }

    fn begin<'a>(&mut self, object: bool) -> Event<'a> {
        let bit = 1_u128 << self.depth;
        self.objects = if object { self.objects | bit } else { self.objects & !bit };
        self.depth += 1;
        self.expect = if object { Expect::KeyOrEnd } else { Expect::ValueOrEnd };
        if object { Event::BeginObject } else { Event::BeginArray }
    }

    fn end<'a>(&mut self) -> Event<'a> {
        self.depth = self.depth.saturating_sub(1);
        self.after_value();
        Event::End
    }

    fn after_value(&mut self) {
        self.within = Within::Nothing;
        self.expect = Expect::CommaOrEnd;
        if self.depth == 0 {
            match self.dialect {
                Dialect::Strict => self.done = true,
                Dialect::Tolerant => self.expect = Expect::Value,
            }
        }
    }

    /// Inside a string: runs to its end or to that of the bytes.
    #[inline]
    fn string<'a>(&mut self, bytes: &mut &'a [u8]) -> Result<Option<Event<'a>>, Stop> {
        let (text, mut at, mut escaped) = (*bytes, 0, false);
        while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
            if self.within != Within::Text {
                at += self.escape(rest)?;
                continue;
            }
            at += self.run(rest);
            match text.get(at) {
                None => break,
                Some(b'"') => {
                    let (part, rest) = text.split_at(at);
                    *bytes = rest.get(1..).unwrap_or_default();
                    return Ok(Some(self.string_part(Part {
                        kind: Kind::Text,
                        bytes: part,
                        ended: true,
                        escaped,
                    })));
                }
                Some(b'\\') => (self.within, escaped) = (Within::Escape, true),
                Some(_) => return Err(Stop::Syntax),
            }
            at += 1;
        }
        *bytes = &[];
        let part = Part { kind: Kind::Text, bytes: text, ended: false, escaped };
        Ok((!text.is_empty()).then(|| self.string_part(part)))
    }

    fn string_part<'a>(&mut self, part: Part<'a>) -> Event<'a> {
        let is_key = matches!(self.expect, Expect::Key | Expect::KeyOrEnd);
        if part.ended && is_key {
            self.within = Within::Nothing;
            self.expect = Expect::Colon;
        } else if part.ended {
            self.after_value();
        }
        Event::Part(Part { kind: if is_key { Kind::Key } else { Kind::Text }, ..part })
    }

    /// How far a string goes on without anything that needs a closer look.
    fn run(&self, bytes: &[u8]) -> usize {
        match self.dialect {
            Dialect::Strict => uneventful_len(bytes),
            Dialect::Tolerant => memchr2(b'"', b'\\', bytes).unwrap_or(bytes.len()),
        }
    }

    /// Reads what follows a backslash, as far as it is there; gives its length.
    fn escape(&mut self, rest: &[u8]) -> Result<usize, Stop> {
        let Some(&byte) = rest.first() else { return Ok(0) };
        self.within = match (self.dialect, self.within, byte) {
            (Dialect::Tolerant, ..) => Within::Text,
            (_, Within::Unicode(3), _) if byte.is_ascii_hexdigit() => Within::Text,
            (_, Within::Unicode(seen), _) if byte.is_ascii_hexdigit() => Within::Unicode(seen + 1),
            (_, Within::Escape, b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Within::Text,
            (_, Within::Escape, b'u') => Within::Unicode(0),
            _ => return Err(Stop::Syntax),
        };
        Ok(1)
    }

    /// At the first byte of a number or literal.
    fn begin_plain<'a>(&mut self, first: u8, bytes: &mut &'a [u8]) -> Result<Option<Event<'a>>, Stop> {
        if self.dialect == Dialect::Tolerant {
            return self.tolerant_plain(bytes);
        }
        let literal: &[u8] = match first {
            b't' => b"true",
            b'f' => b"false",
            b'n' => b"null",
            b'N' => b"NaN",
            b'I' => b"Infinity",
            _ => return self.number(bytes),
        };
        self.literal(Some(literal), bytes)
    }

    fn tolerant_plain<'a>(&mut self, bytes: &mut &'a [u8]) -> Result<Option<Event<'a>>, Stop> {
        let (plain, rest) = split_plain(bytes);
        let in_number = |b: &u8| b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.' | b'e' | b'E');
        if !plain.iter().all(in_number) && !matches!(plain, b"true" | b"false" | b"null") {
            return Err(Stop::Syntax);
        }
        *bytes = rest;
        self.after_value();
        Ok(Some(Event::Part(Part { kind: Kind::Plain, bytes: plain, ended: true, escaped: false })))
    }

    /// Inside something that starts like a number: what a careless parser takes is read, too.
    fn number<'a>(&mut self, bytes: &mut &'a [u8]) -> Result<Option<Event<'a>>, Stop> {
        self.within = Within::Number;
        Ok(self.plain_part(bytes))
    }

    /// Inside a literal, of which `missing` is still to come; nothing can make up for `None`.
    fn literal<'a>(&mut self, missing: Missing, bytes: &mut &'a [u8]) -> Result<Option<Event<'a>>, Stop> {
        let (part, rest) = split_plain(bytes);
        let missing = missing.and_then(|missing| missing.strip_prefix(part));
        if !rest.is_empty() && missing != Some(&[]) {
            return Err(Stop::Syntax);
        }
        self.within = Within::Literal(missing);
        Ok(self.plain_part(bytes))
    }

    fn plain_part<'a>(&mut self, bytes: &mut &'a [u8]) -> Option<Event<'a>> {
        let (part, rest) = split_plain(bytes);
        let ended = !rest.is_empty();
        if ended {
            self.after_value();
        }
        *bytes = rest;
        (ended || !part.is_empty()).then_some(Event::Part(Part {
            kind: Kind::Plain,
            bytes: part,
            ended,
            escaped: false,
        }))
    }
}

fn belongs_to_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.')
}

fn split_plain(bytes: &[u8]) -> (&[u8], &[u8]) {
    bytes.split_at(bytes.iter().position(|b| !belongs_to_plain(*b)).unwrap_or(bytes.len()))
}

/// How far a string goes on without a quote, a backslash or a control character.
fn uneventful_len(bytes: &[u8]) -> usize {
    let ends = |b: u8| (b == b'"') | (b == b'\\') | (b < 0x20);
    // Whole blocks without a branch for each byte, which the compiler turns into vector code.
    let (blocks, _) = bytes.as_chunks::<BLOCK_BYTES>();
    let plain = |block: &&[u8; BLOCK_BYTES]| !block.iter().fold(false, |any, b| any | ends(*b));
    let seen = blocks.iter().take_while(plain).count() * BLOCK_BYTES;
    let rest = bytes.get(seen..).unwrap_or_default();
    rest.iter().position(|b| ends(*b)).map_or(bytes.len(), |at| seen + at)
}
