//! The structure of JSON-RPC and MCP over the lexer's tokens: what a message is, wherever its members stand.

use super::Signals;
use super::evidence as e;
use super::json::Token;
use super::signals::MAX_METHODS;
use crate::mcp::{self, Telling};

/// Longest JSON-RPC id that is given back.
const ID_MAX_BYTES: usize = 256;

/// Reads one body: a message, or a batch of messages.
#[derive(Debug, Default)]
pub struct Messages {
    places: Vec<Place>,
    key: Option<Key>,
    facts: Facts,
    batch: bool,
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

/// The members that matter; everything else is `Other`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Key {
    JsonRpc,
    Method,
    Id,
    Params,
    Result,
    Error,
    Meta,
    MetaVersion,
    MetaClient,
    MetaServer,
    MetaOther,
    Version,
    ClientInfo,
    ServerInfo,
    Capabilities,
    Name,
    Uri,
    Arguments,
    TaskId,
    RetryState,
    Versions,
    Tools,
    InputSchema,
    ResultType,
    Roots,
    Action,
    Code,
    Data,
    Supported,
    Other,
}

/// What one message holds.
#[derive(Clone, Debug, Default)]
struct Facts {
    json_rpc: bool,
    methods: Vec<String>,
    id: Option<String>,
    params: bool,
    result: bool,
    meta: bool,
    version: Option<String>,
    client: bool,
    server: bool,
    capabilities: bool,
    name: Option<String>,
    arguments: bool,
    task_id: bool,
    plain_id: bool,
    retry: bool,
    versions: bool,
    input_schema: bool,
    result_type: bool,
    client_answer: bool,
    code: Option<i64>,
    data_supported: bool,
    odd: bool,
}

impl Messages {
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
            Token::Key(text) => self.key = Some(self.read_key(text)),
            Token::Text { text, .. } => self.value(text, true, signals),
            Token::Plain(text) => self.value(text, false, signals),
        }
    }

    /// Notes what an unfinished message has shown so far.
    pub fn so_far(&mut self, signals: &mut Signals) {
        if self.places.contains(&Place::Message) {
            self.judge(signals);
        }
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
            (Some(Place::Params | Place::Result), Key::Capabilities) => facts.capabilities = true,
            (Some(Place::Params), Key::Arguments) => facts.arguments = true,
            (Some(Place::Params), Key::RetryState) => facts.retry = true,
            (Some(Place::Meta), Key::MetaVersion | Key::MetaClient | Key::MetaServer | Key::MetaOther) => {
                facts.meta = true
            }
            (Some(Place::Tool), Key::InputSchema) => facts.input_schema = true,
            (Some(Place::Result), Key::Roots) => facts.client_answer = true,
            (Some(Place::ErrorData), Key::Supported) => facts.data_supported = true,
            _ => {}
        }
    }

    fn value(&mut self, text: &str, quoted: bool, signals: &mut Signals) {
        let key = self.key.take().unwrap_or(Key::Other);
        let facts = &mut self.facts;
        match (self.places.last(), key) {
            (Some(Place::Message), Key::JsonRpc) => facts.json_rpc |= quoted && text == "2.0",
            (Some(Place::Message), Key::Method) if quoted => {
                facts.odd |= !facts.methods.is_empty();
                if facts.methods.len() < MAX_METHODS {
                    facts.methods.push(text.to_owned());
                }
            }
            (Some(Place::Message), Key::Id) if text.len() <= ID_MAX_BYTES => {
                let raw = if quoted { serde_json::Value::from(text).to_string() } else { text.to_owned() };
                facts.id = Some(raw);
            }
            (Some(Place::Params | Place::Result), Key::Version) if quoted && mcp::is_version(text) => {
                facts.version = Some(text.to_owned());
            }
            (Some(Place::Meta), Key::MetaVersion) if quoted => {
                facts.meta = true;
                facts.version = Some(text.to_owned());
            }
            (Some(Place::Meta), Key::MetaOther | Key::MetaClient | Key::MetaServer) => facts.meta = true,
            (Some(Place::ClientInfo), Key::Name) if quoted => {
                facts.client = true;
                signals.client.get_or_insert_with(|| text.to_owned());
            }
            (Some(Place::ServerInfo), Key::Name) if quoted => {
                facts.server = true;
                signals.server.get_or_insert_with(|| text.to_owned());
            }
            (Some(Place::Params), Key::Name | Key::Uri) if quoted => facts.name = Some(text.to_owned()),
            (Some(Place::Params), Key::TaskId) => facts.task_id = true,
            (Some(Place::Params), Key::Id) => facts.plain_id = true,
            (Some(Place::Params), Key::RetryState) => facts.retry = true,
            (Some(Place::Versions), _) => facts.versions |= quoted && mcp::is_version(text),
            (Some(Place::Result), Key::ResultType) => {
                facts.result_type |= quoted && matches!(text, "complete" | "input_required" | "task");
            }
            (Some(Place::Result), Key::Action) => {
                facts.client_answer |= quoted && matches!(text, "accept" | "decline" | "cancel");
            }
            (Some(Place::Error), Key::Code) => facts.code = text.parse().ok(),
            _ => {}
        }
        if self.places.last() == Some(&Place::Message) && matches!(key, Key::JsonRpc | Key::Method) {
            self.judge(signals);
        }
    }

    /// Careless parsers fold case and stop at NUL; such keys are read like the proper ones and noted.
    fn read_key(&mut self, text: &str) -> Key {
        let place = self.place();
        let exact = key_of(place, text);
        if exact != Key::Other || place != Some(Place::Message) {
            return exact;
        }
        let folded =
            text.trim_end_matches('\0').to_lowercase().replace('\u{17f}', "s").replace('\u{212a}', "k");
        let careless = key_of(place, &folded);
        self.facts.odd |= careless != Key::Other;
        careless
    }

    /// Adds what the message's facts prove to the signals.
    fn judge(&mut self, signals: &mut Signals) {
        let facts = &self.facts;
        if !facts.json_rpc {
            return;
        }
        let before = signals.seen.len();
        request(facts, signals);
        response(facts, signals);
        if facts.id.is_some() && signals.request_id.is_none() && !facts.methods.is_empty() {
            signals.request_id.clone_from(&facts.id);
        }
        if signals.seen.len() > before {
            if self.batch {
                signals.note(&e::BATCH);
            }
            if facts.odd {
                signals.note(&e::ODD_KEYS);
            }
        }
        if !signals.seen.is_empty() {
            remember(facts, signals);
        }
    }
}

/// Keeps the words of a message that has something to do with MCP.
fn remember(facts: &Facts, signals: &mut Signals) {
    let from_header = signals.seen.iter().any(|signal| signal.id == e::METHOD_HEADER.id);
    for method in &facts.methods {
        if from_header && !signals.methods.contains(method) {
            signals.note(&e::METHOD_MISMATCH);
        }
        if signals.methods.len() < MAX_METHODS && !signals.methods.contains(method) {
            signals.methods.push(method.clone());
        }
    }
    if facts.name.is_some() {
        signals.tool.clone_from(&facts.name);
    }
    if facts.version.is_some() {
        signals.protocol_version.clone_from(&facts.version);
    }
}

fn request(facts: &Facts, signals: &mut Signals) {
    if facts.meta && !facts.methods.is_empty() {
        signals.note(&e::MODERN_ENVELOPE);
    }
    if facts.retry && facts.meta {
        signals.note(&e::RETRY);
    }
    for method in &facts.methods {
        match mcp::telling(method) {
            Some(Telling::Own) => signals.note(&e::OWN_METHOD),
            Some(Telling::Shared) if facts.task_id => signals.note(&e::OWN_METHOD),
            // A2A names its tasks with a plain `id`.
            Some(Telling::Shared) if method.starts_with("tasks/") => {}
            Some(Telling::Shared) => signals.note(&e::SHARED_METHOD),
            Some(Telling::Common)
                if method == "initialize"
                    && facts.version.is_some()
                    && facts.client
                    && facts.capabilities =>
            {
                signals.note(&e::INITIALIZE);
            }
            Some(Telling::Common) => signals.note(&e::COMMON_METHOD),
            None if facts.name.is_some() && facts.arguments && !facts.plain_id => {
                signals.note(&e::TOOL_CALL_FORM)
            }
            None => {}
        }
    }
    if facts.methods.is_empty() && facts.client_answer {
        signals.note(&e::CLIENT_RESPONSE);
    }
}

fn response(facts: &Facts, signals: &mut Signals) {
    if facts.result && facts.server && facts.version.is_some() && facts.capabilities {
        signals.note(&e::INITIALIZE_RESULT);
    }
    if facts.result && (facts.versions || (facts.server && facts.meta)) {
        signals.note(&e::DISCOVER_RESULT);
    }
    if facts.result && facts.input_schema {
        signals.note(&e::TOOL_LIST);
    }
    if facts.result && facts.result_type {
        signals.note(&e::RESULT_TYPE);
    }
    if matches!(facts.code, Some(-32_022..=-32_020)) && facts.data_supported {
        signals.note(&e::MCP_ERROR);
    }
}

fn key_of(place: Option<Place>, text: &str) -> Key {
    match (place, text) {
        (Some(Place::Message), "jsonrpc") => Key::JsonRpc,
        (Some(Place::Message), "method") => Key::Method,
        (Some(Place::Message | Place::Params), "id") => Key::Id,
        (Some(Place::Message), "params") => Key::Params,
        (Some(Place::Message), "result") => Key::Result,
        (Some(Place::Message), "error") => Key::Error,
        (Some(Place::Params | Place::Result), "_meta") => Key::Meta,
        (Some(Place::Params | Place::Result), "protocolVersion") => Key::Version,
        (Some(Place::Params), "clientInfo") => Key::ClientInfo,
        (Some(Place::Result), "serverInfo") => Key::ServerInfo,
        (Some(Place::Params | Place::Result), "capabilities") => Key::Capabilities,
        (Some(Place::Params | Place::ClientInfo | Place::ServerInfo), "name") => Key::Name,
        (Some(Place::Params), "uri") => Key::Uri,
        (Some(Place::Params), "arguments") => Key::Arguments,
        (Some(Place::Params), "taskId") => Key::TaskId,
        (Some(Place::Params), "inputResponses" | "requestState") => Key::RetryState,
        (Some(Place::Result), "supportedVersions") => Key::Versions,
        (Some(Place::Result), "tools") => Key::Tools,
        (Some(Place::Tool), "inputSchema") => Key::InputSchema,
        (Some(Place::Result), "resultType") => Key::ResultType,
        (Some(Place::Result), "roots") => Key::Roots,
        (Some(Place::Result), "action") => Key::Action,
        (Some(Place::Error), "code") => Key::Code,
        (Some(Place::Error), "data") => Key::Data,
        (Some(Place::ErrorData), "supported" | "requiredCapabilities") => Key::Supported,
        (Some(Place::Meta), _) => meta_key(text),
        _ => Key::Other,
    }
}

fn meta_key(text: &str) -> Key {
    match text.strip_prefix(mcp::META_PREFIX) {
        Some("protocolVersion") => Key::MetaVersion,
        Some("clientInfo") => Key::MetaClient,
        Some("serverInfo") => Key::MetaServer,
        Some(_) => Key::MetaOther,
        None => Key::Other,
    }
}
