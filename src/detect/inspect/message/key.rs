//! The members of a message that matter, by where they stand.

use super::Place;
use crate::detect::mcp;

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
    /// The key at this place, and whether it is spelt so that only a careless parser takes it.
    pub(super) fn read(place: Option<Place>, text: &str) -> (Self, bool) {
        let exact = Self::exact(place, text);
        if exact != Self::Other || place != Some(Place::Message) {
            return (exact, false);
        }
        // Careless parsers fold case and stop at NUL; such keys are read like the proper ones.
        let folded =
            text.trim_end_matches('\0').to_lowercase().replace('\u{17f}', "s").replace('\u{212a}', "k");
        let careless = Self::exact(place, &folded);
        (careless, careless != Self::Other)
    }

    fn exact(place: Option<Place>, text: &str) -> Self {
        match (place, text) {
            (Some(Place::Message), "jsonrpc") => Self::JsonRpc,
            (Some(Place::Message), "method") => Self::Method,
            (Some(Place::Message | Place::Params), "id") => Self::Id,
            (Some(Place::Message), "params") => Self::Params,
            (Some(Place::Message), "result") => Self::Result,
            (Some(Place::Message), "error") => Self::Error,
            (Some(Place::Params | Place::Result), "_meta") => Self::Meta,
            (Some(Place::Params | Place::Result), "protocolVersion") => Self::Version,
            (Some(Place::Params), "clientInfo") => Self::ClientInfo,
            (Some(Place::Result), "serverInfo") => Self::ServerInfo,
            (Some(Place::Params | Place::Result), "capabilities") => Self::Capabilities,
            (Some(Place::Params | Place::ClientInfo | Place::ServerInfo), "name") => Self::Name,
            (Some(Place::Params), "uri") => Self::Uri,
            (Some(Place::Params), "arguments") => Self::Arguments,
            (Some(Place::Params), "taskId") => Self::TaskId,
            (Some(Place::Params), "inputResponses" | "requestState") => Self::RetryState,
            (Some(Place::Result), "supportedVersions") => Self::Versions,
            (Some(Place::Result), "tools") => Self::Tools,
            (Some(Place::Tool), "inputSchema") => Self::InputSchema,
            (Some(Place::Result), "resultType") => Self::ResultType,
            (Some(Place::Result), "roots") => Self::Roots,
            (Some(Place::Result), "action") => Self::Action,
            (Some(Place::Result), "role") => Self::Role,
            (Some(Place::Result), "content") => Self::Content,
            (Some(Place::Result), "model") => Self::Model,
            (Some(Place::Error), "code") => Self::Code,
            (Some(Place::Error), "data") => Self::Data,
            (Some(Place::ErrorData), "supported" | "requiredCapabilities") => Self::Supported,
            (Some(Place::Meta), _) => Self::meta(text),
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
