//! The members of a message that matter, by where they stand.

use crate::detect::json::Text;
use crate::detect::mcp;

/// The container of a message in which the lexer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Position {
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

/// A member's name; everything that does not matter is `Other`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
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
    Role,
    Content,
    Model,
    Code,
    Data,
    Supported,
    Other,
}

impl Key {
    /// The key at this position, and whether it is spelt so that only a careless parser takes it.
    pub(super) fn read(position: Option<Position>, key: Text<'_>) -> (Self, bool) {
        if matches!(position, None | Some(Position::Elsewhere)) {
            return (Self::Other, false);
        }
        let text = key.text();
        let exact = Self::exact(position, &text);
        if exact != Self::Other || position != Some(Position::Message) {
            return (exact, false);
        }
        // Careless parsers fold case and stop at NUL; such keys are read like the proper ones.
        if text.bytes().all(|b| b.is_ascii_graphic() && !b.is_ascii_uppercase()) {
            return (Self::Other, false);
        }
        let folded =
            text.trim_end_matches('\0').to_lowercase().replace('\u{17f}', "s").replace('\u{212a}', "k");
        let careless = Self::exact(position, &folded);
        (careless, careless != Self::Other)
    }

    fn exact(position: Option<Position>, text: &str) -> Self {
        match (position, text) {
            (Some(Position::Message), "jsonrpc") => Self::JsonRpc,
            (Some(Position::Message), "method") => Self::Method,
            (Some(Position::Message | Position::Params), "id") => Self::Id,
            (Some(Position::Message), "params") => Self::Params,
            (Some(Position::Message), "result") => Self::Result,
            (Some(Position::Message), "error") => Self::Error,
            (Some(Position::Params | Position::Result), "_meta") => Self::Meta,
            (Some(Position::Params | Position::Result), "protocolVersion") => Self::Version,
            (Some(Position::Params), "clientInfo") => Self::ClientInfo,
            (Some(Position::Result), "serverInfo") => Self::ServerInfo,
            (Some(Position::Params | Position::Result), "capabilities") => Self::Capabilities,
            (Some(Position::Params | Position::ClientInfo | Position::ServerInfo), "name") => Self::Name,
            (Some(Position::Params), "uri") => Self::Uri,
            (Some(Position::Params), "arguments") => Self::Arguments,
            (Some(Position::Params), "taskId") => Self::TaskId,
            (Some(Position::Params), "inputResponses" | "requestState") => Self::RetryState,
            (Some(Position::Result), "supportedVersions") => Self::Versions,
            (Some(Position::Result), "tools") => Self::Tools,
            (Some(Position::Tool), "inputSchema") => Self::InputSchema,
            (Some(Position::Result), "resultType") => Self::ResultType,
            (Some(Position::Result), "roots") => Self::Roots,
            (Some(Position::Result), "action") => Self::Action,
            (Some(Position::Result), "role") => Self::Role,
            (Some(Position::Result), "content") => Self::Content,
            (Some(Position::Result), "model") => Self::Model,
            (Some(Position::Error), "code") => Self::Code,
            (Some(Position::Error), "data") => Self::Data,
            (Some(Position::ErrorData), "supported" | "requiredCapabilities") => Self::Supported,
            (Some(Position::Meta), _) => Self::meta(text),
            _ => Self::Other,
        }
    }

    fn meta(text: &str) -> Self {
        match text.strip_prefix(mcp::META_PREFIX) {
            Some("protocolVersion") => Self::MetaVersion,
            Some("clientInfo") => Self::MetaClient,
            Some("serverInfo") => Self::MetaServer,
            Some(_) => Self::MetaOther,
            None => Self::Other,
        }
    }
}
