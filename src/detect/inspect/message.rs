//! The structure of JSON-RPC and MCP over the lexer's tokens: what a message is, wherever its members stand.

mod facts;
mod key;

pub use facts::Side;

use std::borrow::Cow;

use self::facts::MessageFacts;
use self::key::{Key, Position};
use super::signals::Signals;
use crate::detect::json::{TOKEN_MAX_BYTES, Text, Token};
use crate::detect::mcp;

/// Longest JSON-RPC id that is given back, as JSON text.
pub const ID_MAX_BYTES: usize = 1024;
// An id of this length must still be told from one that was cut.
const _: () = assert!(ID_MAX_BYTES < TOKEN_MAX_BYTES);
/// What stands for an id that cannot be given back (JSON-RPC 2.0, section 5).
const NO_ID: &str = "null";

/// Reads one body: a message, or a batch of messages.
#[derive(Debug, Default)]
pub struct Messages {
    side: Side,
    /// One for each open container, outermost first.
    positions: Vec<Position>,
    /// The key whose value comes next.
    key: Option<Key>,
    facts: MessageFacts,
    batch: bool,
    too_many: bool,
}

/// A value that is no container.
#[derive(Clone, Copy, Debug)]
enum Scalar<'a> {
    Text(Text<'a>),
    Plain(&'a str),
}

impl Messages {
    /// A reader of what this side wrote.
    pub fn of(side: Side) -> Self {
        Self { side, ..Self::default() }
    }

    /// Takes the next token of the body.
    pub fn token(&mut self, token: Token<'_>, signals: &mut Signals) {
        match token {
            Token::BeginObject => self.begin(true),
            Token::BeginArray => self.begin(false),
            Token::End => {
                if self.positions.pop() == Some(Position::Message) {
                    self.message_ended(signals);
                    self.facts = MessageFacts::default();
                }
                self.key = None;
            }
            Token::Key(text) => {
                let (key, careless) = Key::read(self.position(), text);
                self.facts.odd_keys |= careless;
                self.key = Some(key);
            }
            Token::Text(text) => self.value(Scalar::Text(text)),
            Token::Plain(text) => self.value(Scalar::Plain(text)),
        }
    }

    /// The body has ended: adds what an unfinished message proves.
    pub fn body_ended(&mut self, signals: &mut Signals) {
        if self.positions.contains(&Position::Message) {
            self.message_ended(signals);
        }
    }

    /// The reading ends here, though the body does not: adds what the message at hand proves so far. Its `jsonrpc` may be
    /// still to come, as the TypeScript SDK puts it behind the parameters.
    pub fn note_unfinished(&mut self, signals: &mut Signals) {
        let is_mcp = self.facts.json_rpc || self.facts.is_surely_mcp();
        if is_mcp && self.positions.contains(&Position::Message) {
            self.add_evidence(signals);
        }
    }

    /// True when there were more calls than are kept.
    pub fn too_many(&self) -> bool {
        self.too_many
    }

    fn message_ended(&mut self, signals: &mut Signals) {
        if self.facts.json_rpc {
            self.add_evidence(signals);
        }
    }

    fn add_evidence(&mut self, signals: &mut Signals) {
        let complete = self.facts.add_evidence(self.side, self.batch, signals);
        self.too_many |= !complete;
    }

    fn position(&self) -> Option<Position> {
        self.positions.last().copied()
    }

    fn begin(&mut self, object: bool) {
        let key = self.key.take().unwrap_or(Key::Other);
        let position = match (self.position(), object, key) {
            (None, false, _) => {
                self.batch = true;
                Position::Batch
            }
            (None | Some(Position::Batch), true, _) => Position::Message,
            (Some(Position::Message), true, Key::Params) => {
                self.facts.odd_keys |= std::mem::replace(&mut self.facts.params, true);
                Position::Params
            }
            (Some(Position::Message), true, Key::Result) => {
                self.facts.result = true;
                Position::Result
            }
            (Some(Position::Message), true, Key::Error) => Position::Error,
            (Some(Position::Params | Position::Result), true, Key::Meta) => Position::Meta,
            (Some(Position::Params), true, Key::ClientInfo)
            | (Some(Position::Meta), true, Key::MetaClient) => Position::ClientInfo,
            (Some(Position::Result), true, Key::ServerInfo)
            | (Some(Position::Meta), true, Key::MetaServer) => Position::ServerInfo,
            (Some(Position::Result), false, Key::Versions) => Position::Versions,
            (Some(Position::Result), false, Key::Tools) => Position::Tools,
            (Some(Position::Tools), true, _) => Position::Tool,
            (Some(Position::Error), true, Key::Data) => Position::ErrorData,
            _ => Position::Elsewhere,
        };
        self.container_opened(key);
        self.positions.push(position);
    }

    /// Members that are evidence because they are an object or array, whatever is in it.
    fn container_opened(&mut self, key: Key) {
        let facts = &mut self.facts;
        match (self.positions.last(), key) {
            (Some(Position::Message), Key::Id) => facts.id = Some(NO_ID.to_owned()),
            (Some(Position::Params | Position::Result), Key::Capabilities) => facts.capabilities = true,
            (Some(Position::Params), Key::Arguments) => facts.arguments = true,
            (Some(Position::Params), Key::RetryState) => facts.retry = true,
            (Some(Position::Meta), Key::MetaVersion | Key::MetaClient | Key::MetaServer | Key::MetaOther) => {
                facts.meta = true;
            }
            (Some(Position::Tool), Key::InputSchema) => facts.input_schema = true,
            (Some(Position::Result), Key::Roots) => facts.client_answer = true,
            (Some(Position::Result), Key::Content) => facts.content = true,
            (Some(Position::ErrorData), Key::Supported) => facts.data_supported = true,
            _ => {}
        }
    }

    fn value(&mut self, value: Scalar<'_>) {
        let key = self.key.take().unwrap_or(Key::Other);
        match self.positions.last() {
            Some(Position::Message) => self.member(key, value),
            Some(Position::Params) => self.param(key, value),
            Some(Position::Result) => self.result(key, value),
            Some(Position::Meta) => self.meta(key, value),
            Some(Position::ClientInfo) if key == Key::Name => value.keep_string(&mut self.facts.client),
            Some(Position::ServerInfo) if key == Key::Name => value.keep_string(&mut self.facts.server),
            Some(Position::Versions) => self.facts.versions |= value.is_version(),
            Some(Position::Error) if key == Key::Code => self.facts.code = value.text().parse().ok(),
            _ => {}
        }
    }

    fn member(&mut self, key: Key, value: Scalar<'_>) {
        match key {
            Key::JsonRpc => self.facts.json_rpc |= value.is_one_of(&["2.0"]),
            Key::Method => {
                if let Some(method) = value.string() {
                    self.facts.add_method(&method);
                }
            }
            Key::Id => {
                self.facts.odd_keys |= self.facts.id.is_some();
                self.facts.id = Some(value.json().unwrap_or_else(|| NO_ID.to_owned()));
            }
            _ => {}
        }
    }

    fn param(&mut self, key: Key, value: Scalar<'_>) {
        let facts = &mut self.facts;
        match key {
            Key::Version if value.is_version() => value.keep_string(&mut facts.version),
            Key::Name => {
                if let Some(name) = value.string() {
                    facts.add_name(&name);
                }
            }
            Key::Uri => value.keep_string(&mut facts.uri),
            Key::TaskId => facts.task_id = true,
            Key::Id => facts.plain_id = true,
            Key::RetryState => facts.retry = true,
            _ => {}
        }
    }

    fn result(&mut self, key: Key, value: Scalar<'_>) {
        let facts = &mut self.facts;
        match key {
            Key::Version if value.is_version() => value.keep_string(&mut facts.version),
            Key::ResultType => facts.result_type |= value.is_one_of(&["complete", "input_required", "task"]),
            Key::Action => facts.client_answer |= value.is_one_of(&["accept", "decline", "cancel"]),
            Key::Role => facts.role |= value.is_one_of(&["assistant", "user"]),
            Key::Content => facts.content = true,
            Key::Model => facts.model |= matches!(value, Scalar::Text(_)),
            _ => {}
        }
    }

    fn meta(&mut self, key: Key, value: Scalar<'_>) {
        let is_string = matches!(value, Scalar::Text(_));
        self.facts.meta |= key != Key::Other && (is_string || key != Key::MetaVersion);
        if key == Key::MetaVersion {
            value.keep_string(&mut self.facts.version);
        }
    }
}

impl<'a> Scalar<'a> {
    /// A string's text, or a number or literal as it was written.
    fn text(self) -> Cow<'a, str> {
        match self {
            Self::Text(text) => text.text(),
            Self::Plain(text) => Cow::Borrowed(text),
        }
    }

    /// The text of a string.
    fn string(self) -> Option<Cow<'a, str>> {
        match self {
            Self::Text(text) => Some(text.text()),
            Self::Plain(_) => None,
        }
    }

    /// Puts the text of a string into `kept`; another value leaves it as it is.
    fn keep_string(self, kept: &mut Option<String>) {
        if let Some(text) = self.string() {
            *kept = Some(text.into_owned());
        }
    }

    /// True for a string that has the form of a protocol version.
    fn is_version(self) -> bool {
        self.string().is_some_and(|text| mcp::is_version(&text))
    }

    fn is_one_of(self, words: &[&str]) -> bool {
        self.string().is_some_and(|text| words.contains(&&*text))
    }

    /// The value as JSON text, exactly as it was sent; `None` when it is longer than [`ID_MAX_BYTES`].
    fn json(self) -> Option<String> {
        let text = match self {
            Self::Text(text) => format!("\"{}\"", text.raw()),
            Self::Plain(text) => text.to_owned(),
        };
        (text.len() <= ID_MAX_BYTES).then_some(text)
    }
}

#[cfg(test)]
mod tests;
