//! Secrets in JSON, whole or cut anywhere. Where the text stops being JSON it is read as any text.

use std::borrow::Cow;
use std::ops::Range;

use super::finding::{self, Collector, Confidence, Findings, REDACTED, Spot};
use super::key::{self, Secret};
use super::nesting::Nesting;
use super::words::{NAME_KEYS, VALUE_KEYS};
use super::{text, value};
use crate::detect::json::{Dialect, Event, Kind, Part, Scanner, Stop, unescaped};

/// Containers deeper than this are replaced whole.
const DEPTH_MAX: usize = 64;
/// Longest pointer of a finding.
const POINTER_MAX_BYTES: usize = 256;
/// Stands for half a surrogate pair in a string that is searched.
const LONE_HALF: Option<char> = Some(char::REPLACEMENT_CHARACTER);

/// True when `text` starts like an object, an array or a string.
pub(super) fn is_document(text: &str) -> bool {
    text.trim_start_matches(is_skipped).starts_with(['{', '[', '"'])
}

/// True when `text` starts like an object or an array.
pub(super) fn is_container(text: &str) -> bool {
    text.trim_start_matches(is_skipped).starts_with(['{', '['])
}

/// The secrets of a document.
pub(super) fn find(text: &str, nesting: Nesting) -> Findings {
    let scanner = Scanner::new(Dialect::Tolerant, DEPTH_MAX);
    let found = Collector::default();
    let mut reader = Reader { text, rest: text.as_bytes(), scanner, nesting, open: Vec::new(), found };
    loop {
        match reader.scanner.next(&mut reader.rest) {
            Ok(Some(event)) => reader.take(event),
            Ok(None) => break,
            Err(Stop::TooDeep) => reader.pass_over_container(),
            Err(Stop::Syntax) => {
                reader.read_rest_as_text();
                break;
            }
        }
    }
    while let Some(container) = reader.open.pop() {
        reader.decide_doubtful(container.doubtful);
    }
    reader.found.finish(text)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    /// The value names the value beside it.
    Name,
    /// The value belongs to the name beside it.
    Value,
    Other,
}

/// The content of a string that may be a secret, which one, and where it stands.
type Doubtful = (Range<usize>, Secret, Spot);

/// An object or array that is not closed yet.
struct Container {
    start: usize,
    is_object: bool,
    /// The content of the last key; `None` when it holds a secret itself.
    key: Option<Range<usize>>,
    /// Values of an array that ended.
    index: usize,
    /// All values inside are secrets.
    inherited: Option<Secret>,
    /// The value to come is a secret: its key says so, or the flag before it.
    announced: Option<Secret>,
    /// What the last key makes of its value.
    role: Role,
    /// What the value of a name key says about the value beside it.
    named: Option<Secret>,
    /// The value of a value key, before there is a name; and that key.
    unnamed: Option<(Range<usize>, Option<Range<usize>>)>,
    /// The value of `key` when it reads like a name: a name if there is a value beside it, a secret otherwise.
    doubtful: Option<Box<Doubtful>>,
}

impl Container {
    fn new(start: usize, is_object: bool, inherited: Option<Secret>) -> Self {
        Self {
            start,
            is_object,
            key: None,
            index: 0,
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
    rest: &'t [u8],
    scanner: Scanner,
    nesting: Nesting,
    open: Vec<Container>,
    found: Collector,
}

impl<'t> Reader<'t> {
    fn at(&self) -> usize {
        self.text.len() - self.rest.len()
    }

    fn take(&mut self, event: Event<'_>) {
        match event {
            Event::BeginObject => self.begin(true),
            Event::BeginArray => self.begin(false),
            Event::End => {
                if let Some(container) = self.open.pop() {
                    self.decide_doubtful(container.doubtful);
                    self.value_ended(container.start..self.at());
                }
            }
            Event::Part(part) => match part.kind {
                Kind::Key => self.key(&part),
                Kind::Text => self.string(&part),
                Kind::Plain => self.number_or_literal(&part),
            },
        }
    }

    fn begin(&mut self, is_object: bool) {
        let inherited = self.secret().map(Secret::of_leaves);
        self.open.push(Container::new(self.at() - 1, is_object, inherited));
    }

    /// The container that comes next is too deep.
    fn pass_over_container(&mut self) {
        let whole = self.at()..value::after_container(self.text, self.at());
        self.found.value(whole.clone(), (finding::Kind::NotRead, Confidence::Low), self.place());
        self.rest = self.text.as_bytes().get(whole.end..).unwrap_or_default();
        self.scanner.skipped_value();
        self.value_ended(whole);
    }

    fn secret(&self) -> Option<Secret> {
        self.open.last().and_then(Container::secret)
    }

    /// The container ended: no value came beside the doubtful name.
    fn decide_doubtful(&mut self, doubtful: Option<Box<Doubtful>>) {
        if let Some((content, secret, place)) = doubtful.map(|doubtful| *doubtful) {
            self.found.secret(content, secret.what(), place);
        }
    }

    fn value_ended(&mut self, value: Range<usize>) {
        if let Some(container) = self.open.last_mut() {
            if container.role == Role::Value && container.named.is_none() {
                container.unnamed = Some((value, container.key.clone()));
            }
            container.announced = None;
            container.role = Role::Other;
            container.index += 1;
        }
    }

    /// The bytes of a string's content; a string may end with the text.
    fn content(&self, part: &Part<'_>) -> Range<usize> {
        let end = self.at() - usize::from(part.ended);
        end - part.bytes.len()..end
    }

    fn key(&mut self, part: &Part<'_>) {
        let content = self.content(part);
        let key = unescaped(self.text.get(content.clone()).unwrap_or_default(), LONE_HALF);
        let is_secret = self.search(content.clone(), &key, Self::place_of_container);
        if let Some(container) = self.open.last_mut() {
            container.key = (!is_secret).then_some(content);
            container.announced = key::secret(&key);
            container.role = role(&key);
            if container.role == Role::Value {
                container.doubtful = None;
            }
        }
    }

    fn string(&mut self, part: &Part<'_>) {
        let content = self.content(part);
        let value = content.start - 1..self.at();
        let text = unescaped(self.text.get(content.clone()).unwrap_or_default(), LONE_HALF);
        let secret = if self.is_name(&text, &content) { None } else { self.secret() };
        match secret.filter(|secret| secret.is_opened_by(&text)) {
            Some(secret) => {
                self.found.secret(content, secret.what(), self.place());
            }
            None => {
                self.search(content, &text, Self::place);
            }
        }
        self.value_ended(value);
        if let Some(container) = self.open.last_mut().filter(|container| !container.is_object) {
            container.announced = text::secret_flag(&text);
        }
    }

    /// True when a string names the value beside it as a secret.
    fn is_name(&mut self, text: &str, content: &Range<usize>) -> bool {
        let is_named =
            |container: &&mut Container| container.role == Role::Name && container.inherited.is_none();
        let Some(container) = self.open.last_mut().filter(is_named) else { return false };
        let Some(secret) = key::secret(text) else { return false };
        container.named = Some(secret);
        let is_announced = container.announced.is_some();
        match container.unnamed.take() {
            Some((value, key)) => {
                let place = self.place_under(key.as_ref());
                self.found.value(value, secret.what(), place);
            }
            None if is_announced => {
                let place = self.place();
                if let Some(container) = self.open.last_mut() {
                    container.doubtful = Some(Box::new((content.clone(), secret, place)));
                }
            }
            None => {}
        }
        true
    }

    /// Searches the inside of a string; true when there is a secret.
    fn search(&mut self, content: Range<usize>, text: &str, place: impl FnOnce(&Self) -> Spot) -> bool {
        let findings = self.nesting.search(text);
        let is_secret = !findings.is_empty();
        if is_secret {
            let place = place(self);
            self.found.inside(content, text.to_owned(), findings, place);
        }
        is_secret
    }

    /// A number, `true`, `false` or `null`.
    fn number_or_literal(&mut self, part: &Part<'_>) {
        let literal = self.at() - part.bytes.len()..self.at();
        let text = self.text.get(literal.clone()).unwrap_or_default();
        if let Some(secret) = self.secret().filter(|secret| secret.is_opened_by(text)) {
            self.found.value(literal.clone(), secret.what(), self.place());
        }
        self.value_ended(literal);
    }

    fn read_rest_as_text(&mut self) {
        let from = self.at();
        match self.secret() {
            Some(secret) => {
                let rest = from..self.text.len();
                self.found.secret(rest, secret.what(), self.place());
            }
            None => text::find_from(&mut self.found, self.text, from, self.nesting),
        }
    }

    /// Where the value at hand stands.
    fn place(&self) -> Spot {
        match self.open.last() {
            Some(container) if container.is_object => self.place_under(container.key.as_ref()),
            Some(container) => Spot::Pointer(extended(self.pointer(), &container.index.to_string())),
            None => Spot::TEXT,
        }
    }

    /// Where the value of this key of the innermost object stands.
    fn place_under(&self, key: Option<&Range<usize>>) -> Spot {
        Spot::Pointer(extended(self.pointer(), &self.name(key)))
    }

    fn place_of_container(&self) -> Spot {
        Spot::Pointer(self.pointer())
    }

    /// The pointer to the innermost container.
    fn pointer(&self) -> String {
        let around = self.open.split_last().map(|(_, around)| around).unwrap_or_default();
        around.iter().fold(String::new(), |pointer, container| {
            if container.is_object {
                extended(pointer, &self.name(container.key.as_ref()))
            } else {
                extended(pointer, &container.index.to_string())
            }
        })
    }

    fn name(&self, key: Option<&Range<usize>>) -> Cow<'t, str> {
        let content = key.and_then(|key| self.text.get(key.clone()));
        content.map_or(Cow::Borrowed(REDACTED), |content| unescaped(content, LONE_HALF))
    }
}

/// The pointer with one more step (RFC 6901, section 3); without it when that makes it too long.
fn extended(pointer: String, step: &str) -> String {
    let longer = format!("{pointer}/{}", step.replace('~', "~0").replace('/', "~1"));
    if longer.len() > POINTER_MAX_BYTES { pointer } else { longer }
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
