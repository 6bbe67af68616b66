//! Secrets in JSON, whole or cut anywhere. Where the text stops being JSON it is read as any text.

use std::borrow::Cow;
use std::ops::Range;

use super::edits::Edits;
use super::key::{self, Secret};
use super::{REDACTED, text, value};
use crate::detect::json::{escaped, unescaped};

/// [`REDACTED`] in place of a value that is no string.
const REDACTED_VALUE: &str = "\"[redacted]\"";
/// Containers deeper than this are replaced whole.
const DEPTH_MAX: usize = 64;
/// Keys whose value names the value beside it: `{"name":"Authorization","value":"..."}`.
const NAME_KEYS: [&str; 5] = ["field", "header", "k", "key", "name"];
/// Keys of the value beside a name.
const VALUE_KEYS: [&str; 3] = ["v", "value", "values"];

/// True when `text` starts like an object, an array or a string.
pub(super) fn is_document(text: &str) -> bool {
    text.trim_start_matches(is_skipped).starts_with(['{', '[', '"'])
}

/// True when `text` starts like an object or an array.
pub(super) fn is_container(text: &str) -> bool {
    text.trim_start_matches(is_skipped).starts_with(['{', '['])
}

/// The document with its secrets replaced; `layer` counts what it was unquoted from.
pub(super) fn redact(text: &str, layer: u8) -> Cow<'_, str> {
    let mut reader =
        Reader { text, at: 0, layer, expect: Expect::Value, open: Vec::new(), edits: Edits::new(text) };
    while let Some(next) = reader.peek() {
        let from = reader.at;
        if !reader.step(next) {
            reader.rest(from);
            break;
        }
    }
    while let Some(container) = reader.open.pop() {
        reader.settle(&container);
    }
    reader.edits.finish()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Expect {
    Value,
    Key,
    Colon,
    Next,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Name,
    Value,
    Other,
}

/// An object or array that is not closed yet.
struct Container {
    start: usize,
    is_object: bool,
    /// All leaves are secrets.
    inherited: Option<Secret>,
    /// The value to come is a secret: its key says so, or the flag before it.
    announced: Option<Secret>,
    /// What the last key makes of its value.
    role: Role,
    /// What the value of a name key says about the value beside it.
    named: Option<Secret>,
    /// The value of a value key, before there is a name.
    unnamed: Option<Range<usize>>,
    /// The value of `key` when it reads like a name: a name if there is a value beside it, a secret otherwise.
    doubtful: Option<Range<usize>>,
}

impl Container {
    fn new(start: usize, is_object: bool, inherited: Option<Secret>) -> Self {
        Self {
            start,
            is_object,
            inherited,
            announced: None,
            role: Role::Other,
            named: None,
            unnamed: None,
            doubtful: None,
        }
    }

    fn secret(&self) -> Option<Secret> {
        let named = self.named.filter(|_| self.role == Role::Value);
        self.inherited.or(self.announced).or(named)
    }
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
    layer: u8,
    expect: Expect,
    open: Vec<Container>,
    edits: Edits<'t>,
}

impl<'t> Reader<'t> {
    fn peek(&mut self) -> Option<u8> {
        let rest = self.text.get(self.at..)?;
        self.at = self.text.len() - rest.trim_start_matches(is_skipped).len();
        self.text.as_bytes().get(self.at).copied()
    }

    /// Reads one token; false when it is not JSON.
    fn step(&mut self, next: u8) -> bool {
        let in_object = self.open.last().map(|container| container.is_object);
        if self.expect == Expect::Next && in_object.is_none() {
            // One document after another.
            self.expect = Expect::Value;
        }
        match (self.expect, next, in_object) {
            (Expect::Value, b'{' | b'[', _) => self.open(next == b'{'),
            (Expect::Value, b'"', _) => self.string(),
            (Expect::Key, b'"', _) => self.key(),
            (Expect::Colon, b':', _) => self.pass(Expect::Value),
            (Expect::Next, b',', Some(true)) => self.pass(Expect::Key),
            (Expect::Next, b',', Some(false)) => self.pass(Expect::Value),
            (Expect::Key | Expect::Next, b'}', Some(true))
            | (Expect::Value | Expect::Next, b']', Some(false)) => {
                self.close();
            }
            (Expect::Value, _, _) => return self.literal(),
            _ => return false,
        }
        true
    }

    fn pass(&mut self, expect: Expect) {
        self.at += 1;
        self.expect = expect;
    }

    fn secret(&self) -> Option<Secret> {
        self.open.last().and_then(Container::secret)
    }

    fn open(&mut self, is_object: bool) {
        if self.open.len() < DEPTH_MAX {
            let inherited = self.secret().map(Secret::of_leaves);
            self.open.push(Container::new(self.at, is_object, inherited));
            return self.pass(if is_object { Expect::Key } else { Expect::Value });
        }
        let whole = self.at..value::after_container(self.text, self.at);
        self.edits.replace(whole.clone(), REDACTED_VALUE);
        self.at = whole.end;
        self.done(whole);
    }

    fn close(&mut self) {
        self.at += 1;
        if let Some(container) = self.open.pop() {
            self.settle(&container);
            self.done(container.start..self.at);
        }
    }

    /// No value came beside a doubtful name.
    fn settle(&mut self, container: &Container) {
        if let Some(doubtful) = container.doubtful.clone() {
            self.edits.replace(doubtful, REDACTED);
        }
    }

    /// A value ended.
    fn done(&mut self, value: Range<usize>) {
        self.expect = Expect::Next;
        if let Some(container) = self.open.last_mut() {
            if container.role == Role::Value && container.named.is_none() {
                container.unnamed = Some(value);
            }
            container.announced = None;
            container.role = Role::Other;
        }
    }

    /// Reads a string up to its closing quote or the end: its content, as it stands.
    fn content(&mut self) -> Range<usize> {
        let start = self.at + 1;
        let close = value::closing(self.text, start, b'"', 0);
        self.at = close.end;
        start..close.start
    }

    fn key(&mut self) {
        let content = self.content();
        let key =
            unescaped(self.text.get(content.clone()).unwrap_or_default(), Some(char::REPLACEMENT_CHARACTER));
        if let Some(container) = self.open.last_mut() {
            container.announced = key::secret(&key);
            container.role = role(&key);
            if container.role == Role::Value {
                container.doubtful = None;
            }
        }
        self.clean(content, &key);
        self.expect = Expect::Colon;
    }

    fn string(&mut self) {
        let start = self.at;
        let content = self.content();
        let text =
            unescaped(self.text.get(content.clone()).unwrap_or_default(), Some(char::REPLACEMENT_CHARACTER));
        let secret = if self.is_name(&text, &content) { None } else { self.secret() };
        if secret.is_some_and(|secret| secret.covers(&text)) {
            self.edits.replace(content, REDACTED);
        } else {
            self.clean(content, &text);
        }
        self.done(start..self.at);
        if let Some(container) = self.open.last_mut().filter(|container| !container.is_object) {
            container.announced = text::secret_flag(&text);
        }
    }

    /// True when a string names the value beside it as a secret.
    fn is_name(&mut self, text: &str, content: &Range<usize>) -> bool {
        let Some(container) = self.open.last_mut() else { return false };
        if container.role != Role::Name || container.inherited.is_some() {
            return false;
        }
        let Some(secret) = key::secret(text) else { return false };
        container.named = Some(secret);
        let valued = container.unnamed.take();
        if container.announced.is_some() && valued.is_none() {
            container.doubtful = Some(content.clone());
        }
        if let Some(value) = valued {
            self.edits.replace(value, REDACTED_VALUE);
        }
        true
    }

    /// Replaces the secrets inside a string.
    fn clean(&mut self, content: Range<usize>, text: &str) {
        if let Cow::Owned(clean) = text::redact_string(text, self.layer) {
            self.edits.replace(content, escaped(&clean));
        }
    }

    /// Reads a number, `true`, `false` or `null`.
    fn literal(&mut self) -> bool {
        let start = self.at;
        let rest = self.text.get(start..).unwrap_or_default();
        let part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
        let literal = rest.get(..rest.find(|c| !part(c)).unwrap_or(rest.len())).unwrap_or_default();
        let number = !literal.is_empty()
            && literal.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.' | b'e' | b'E'));
        if !number && !matches!(literal, "true" | "false" | "null") {
            return false;
        }
        self.at += literal.len();
        if self.secret().is_some_and(|secret| secret.covers(literal)) {
            self.edits.replace(start..self.at, REDACTED_VALUE);
        }
        self.done(start..self.at);
        true
    }

    /// Reads what is not JSON.
    fn rest(&mut self, from: usize) {
        if self.secret().is_some() {
            self.edits.replace(from..self.text.len(), REDACTED);
        } else {
            text::redact_from(&mut self.edits, self.text, from, self.layer);
        }
    }
}

fn role(key: &str) -> Role {
    let is = |name: &&str| name.eq_ignore_ascii_case(key);
    if NAME_KEYS.iter().any(is) {
        Role::Name
    } else if VALUE_KEYS.iter().any(is) {
        Role::Value
    } else {
        Role::Other
    }
}

fn is_skipped(c: char) -> bool {
    // A byte order mark is no JSON, but some write one.
    c.is_ascii_whitespace() || c == '\u{feff}'
}

#[cfg(test)]
mod tests;
