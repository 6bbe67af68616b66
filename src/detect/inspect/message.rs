//! The structure of JSON-RPC and MCP over the lexer's tokens: what a message is, wherever its members stand.

mod facts;
mod key;

use self::facts::Facts;
use self::key::Key;
use super::Signals;
use super::json::{TOKEN_MAX_BYTES, Token};
use crate::detect::mcp;

/// Longest JSON-RPC id that is given back, as JSON text.
pub const ID_MAX_BYTES: usize = 1024;
// What is longer has to be told from what was cut.
const _: () = assert!(ID_MAX_BYTES < TOKEN_MAX_BYTES);
/// What stands for an id that cannot be given back (JSON-RPC 2.0, section 5).
const NO_ID: &str = "null";

/// Who wrote the messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Side {
    /// The client: its calls are listed.
    #[default]
    Request,
    /// The server: whatever it calls is evidence, but no call of this exchange's request.
    Response,
}

/// Reads one body: a message, or a batch of messages.
#[derive(Debug, Default)]
pub struct Messages {
    side: Side,
    places: Vec<Place>,
    key: Option<Key>,
    facts: Facts,
    batch: bool,
    too_many: bool,
}

/// Where in a message the lexer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Batch,
    Message,
    Params,
    Meta,
    ClientInfo,
    Result,
    ServerInfo,
    Versions,
    Tools,
    Tool,
    Error,
    ErrorData,
    Elsewhere,
}

/// A value that is no container.
#[derive(Clone, Copy, Debug)]
struct Scalar<'a> {
    text: &'a str,
    raw: &'a str,
    quoted: bool,
}

impl Messages {
    /// A reader of what this side wrote.
    pub fn of(side: Side) -> Self {
        Self { side, ..Self::default() }
    }

    /// Takes the next token.
    pub fn token(&mut self, token: Token<'_>, signals: &mut Signals) {
        match token {
            Token::BeginObject => self.begin(true),
            Token::BeginArray => self.begin(false),
            Token::End => {
                if self.places.pop() == Some(Place::Message) {
                    self.judge(signals);
                    self.facts = Facts::default();
                }
                self.key = None;
            }
            Token::Key(text) => {
                let (key, careless) = Key::read(self.place(), text);
                self.facts.odd |= careless;
                self.key = Some(key);
            }
            Token::Text { text, raw } => self.value(Scalar { text, raw, quoted: true }),
            Token::Plain(text) => self.value(Scalar { text, raw: text, quoted: false }),
        }
    }

    /// The body has ended: notes what an unfinished message has shown.
    pub fn ended(&mut self, signals: &mut Signals) {
        if self.places.contains(&Place::Message) {
            self.judge(signals);
        }
    }

    /// The reading ends here, though the body does not: notes what the message at hand has shown so far. Its `jsonrpc`
    /// may be still to come, as the TypeScript SDK puts it behind the parameters.
    pub fn cut(&mut self, signals: &mut Signals) {
        if self.places.contains(&Place::Message) && (self.facts.json_rpc || self.facts.is_surely_mcp()) {
            self.tell(signals);
        }
    }

    /// True when there were more calls than are kept.
    pub fn too_many(&self) -> bool {
        self.too_many
    }

    fn judge(&mut self, signals: &mut Signals) {
        if self.facts.json_rpc {
            self.tell(signals);
        }
    }

    fn tell(&mut self, signals: &mut Signals) {
        let complete = self.facts.tell(self.side, self.batch, signals);
        self.too_many |= !complete;
    }

    fn place(&self) -> Option<Place> {
        self.places.last().copied()
    }

    fn begin(&mut self, object: bool) {
        let key = self.key.take().unwrap_or(Key::Other);
        let place = match (self.place(), object, key) {
            (None, false, _) => {
                self.batch = true;
                Place::Batch
            }
            (None | Some(Place::Batch), true, _) => Place::Message,
            (Some(Place::Message), true, Key::Params) => {
                self.facts.odd |= std::mem::replace(&mut self.facts.params, true);
                Place::Params
            }
            (Some(Place::Message), true, Key::Result) => {
                self.facts.result = true;
                Place::Result
            }
            (Some(Place::Message), true, Key::Error) => Place::Error,
            (Some(Place::Params | Place::Result), true, Key::Meta) => Place::Meta,
            (Some(Place::Params), true, Key::ClientInfo) | (Some(Place::Meta), true, Key::MetaClient) => {
                Place::ClientInfo
            }
            (Some(Place::Result), true, Key::ServerInfo) | (Some(Place::Meta), true, Key::MetaServer) => {
                Place::ServerInfo
            }
            (Some(Place::Result), false, Key::Versions) => Place::Versions,
            (Some(Place::Result), false, Key::Tools) => Place::Tools,
            (Some(Place::Tools), true, _) => Place::Tool,
            (Some(Place::Error), true, Key::Data) => Place::ErrorData,
            _ => Place::Elsewhere,
        };
        self.opened(key);
        self.places.push(place);
    }

    /// Members whose mere presence as a container says something.
    fn opened(&mut self, key: Key) {
        let facts = &mut self.facts;
        match (self.places.last(), key) {
            (Some(Place::Message), Key::Id) => facts.id = Some(NO_ID.to_owned()),
            (Some(Place::Params | Place::Result), Key::Capabilities) => facts.capabilities = true,
            (Some(Place::Params), Key::Arguments) => facts.arguments = true,
            (Some(Place::Params), Key::RetryState) => facts.retry = true,
            (Some(Place::Meta), Key::MetaVersion | Key::MetaClient | Key::MetaServer | Key::MetaOther) => {
                facts.meta = true;
            }
            (Some(Place::Tool), Key::InputSchema) => facts.input_schema = true,
            (Some(Place::Result), Key::Roots) => facts.client_answer = true,
            (Some(Place::Result), Key::Content) => facts.content = true,
            (Some(Place::ErrorData), Key::Supported) => facts.data_supported = true,
            _ => {}
        }
    }

    fn value(&mut self, value: Scalar<'_>) {
        let key = self.key.take().unwrap_or(Key::Other);
        match self.places.last() {
            Some(Place::Message) => self.member(key, value),
            Some(Place::Params) => self.param(key, value),
            Some(Place::Result) => self.result(key, value),
            Some(Place::Meta) => self.meta(key, value),
            Some(Place::ClientInfo) if key == Key::Name && value.quoted => {
                self.facts.client = Some(value.text.to_owned());
            }
            Some(Place::ServerInfo) if key == Key::Name && value.quoted => {
                self.facts.server = Some(value.text.to_owned());
            }
            Some(Place::Versions) => self.facts.versions |= value.quoted && mcp::is_version(value.text),
            Some(Place::Error) if key == Key::Code => self.facts.code = value.text.parse().ok(),
            _ => {}
        }
    }

    fn member(&mut self, key: Key, value: Scalar<'_>) {
        match key {
            Key::JsonRpc => self.facts.json_rpc |= value.quoted && value.text == "2.0",
            Key::Method if value.quoted => self.facts.add_method(value.text),
            Key::Id => {
                self.facts.odd |= self.facts.id.is_some();
                self.facts.id = Some(value.json().unwrap_or_else(|| NO_ID.to_owned()));
            }
            _ => {}
        }
    }

    fn param(&mut self, key: Key, value: Scalar<'_>) {
        let facts = &mut self.facts;
        match key {
            Key::Version if value.quoted && mcp::is_version(value.text) => {
                facts.version = Some(value.text.to_owned());
            }
            Key::Name if value.quoted => facts.add_name(value.text),
            Key::Uri if value.quoted => facts.uri = Some(value.text.to_owned()),
            Key::TaskId => facts.task_id = true,
            Key::Id => facts.plain_id = true,
            Key::RetryState => facts.retry = true,
            _ => {}
        }
    }

    fn result(&mut self, key: Key, value: Scalar<'_>) {
        let facts = &mut self.facts;
        let is_one_of = |words: &[&str]| value.quoted && words.contains(&value.text);
        match key {
            Key::Version if value.quoted && mcp::is_version(value.text) => {
                facts.version = Some(value.text.to_owned());
            }
            Key::ResultType => facts.result_type |= is_one_of(&["complete", "input_required", "task"]),
            Key::Action => facts.client_answer |= is_one_of(&["accept", "decline", "cancel"]),
            Key::Role => facts.role |= is_one_of(&["assistant", "user"]),
            Key::Content => facts.content = true,
            Key::Model => facts.model |= value.quoted,
            _ => {}
        }
    }

    fn meta(&mut self, key: Key, value: Scalar<'_>) {
        self.facts.meta |= key != Key::Other && (value.quoted || key != Key::MetaVersion);
        if key == Key::MetaVersion && value.quoted {
            self.facts.version = Some(value.text.to_owned());
        }
    }
}

impl Scalar<'_> {
    /// The value as JSON text, exactly as it was sent; none when it is too long to have been kept whole.
    fn json(&self) -> Option<String> {
        let text = if self.quoted { format!("\"{}\"", self.raw) } else { self.raw.to_owned() };
        (text.len() <= ID_MAX_BYTES).then_some(text)
    }
}

#[cfg(test)]
mod tests;
