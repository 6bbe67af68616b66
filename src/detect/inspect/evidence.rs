//! Every signal with its id and its word; `docs/signals.md` describes them for analysts.

use super::signals::{Class, Signal, Strength};

macro_rules! signals {
    ($($(#[$doc:meta])* $name:ident = $id:literal, $word:literal, $strength:ident, $class:ident;)+) => {
        $($(#[$doc])* pub static $name: Signal =
            Signal { id: $id, word: $word, strength: Strength::$strength, class: Class::$class };)+

        /// All of them.
        pub static ALL: &[&Signal] = &[$(&$name),+];
    };
}

/// The signal with this id (`RB2`) or word (`own-method`).
pub fn find(typed: &str) -> Option<&'static Signal> {
    ALL.iter().copied().find(|signal| signal.id == typed || signal.word == typed)
}

signals! {
    /// `Mcp-Method` names a method of the protocol.
    METHOD_HEADER = "RH1", "method-header", Definitive, Header;
    /// `MCP-Protocol-Version` is a version.
    VERSION_HEADER = "RH2", "version-header", Definitive, Header;
    /// `Mcp-Session-Id` is there.
    SESSION_HEADER = "RH3", "session-header", Definitive, Header;
    /// `Mcp-Name` or `Mcp-Param-*` is there.
    NAME_HEADER = "RH4", "name-header", Definitive, Header;
    /// A JSON POST accepts JSON and event streams.
    ACCEPT_PAIR = "RH5", "accept-pair", Strong, Header;
    /// A GET for an event stream at a path that ends in `/sse`.
    SSE_PATH = "RH6", "sse-path", Weak, Name;
    /// A POST to a message endpoint that carries a session in its query.
    MESSAGE_ENDPOINT = "RH7", "message-endpoint", Strong, Name;
    /// A path segment is `mcp`.
    MCP_PATH = "RH8", "mcp-path", Weak, Name;
    /// A JSON POST (or a GET for an event stream) to a path with the segment `mcp`.
    MCP_PATH_CALL = "RH8C", "mcp-path-call", Strong, Name;
    /// A label of the host is `mcp`.
    MCP_HOST = "RH9", "mcp-host", Weak, Name;
    /// A JSON POST (or a GET for an event stream) to a host with the label `mcp`.
    MCP_HOST_CALL = "RH9C", "mcp-host-call", Strong, Name;
    /// A header that MCP clients of a vendor add.
    VENDOR_HEADER = "RH10", "vendor-header", Strong, Header;
    /// A user agent of an MCP client.
    USER_AGENT = "RH11", "user-agent", Weak, Header;
    /// A WebSocket with the sub-protocol `mcp`.
    WEBSOCKET = "RH12", "websocket", Definitive, Header;
    /// `Accept` asks for an MCP server card.
    SERVER_CARD = "RH13", "server-card", Definitive, Header;
    /// `Mcp-Method` differs from a method of the request's body.
    METHOD_MISMATCH = "RH15", "method-mismatch", Weak, Header;
    /// An MCP client reads OAuth metadata: `MCP-Protocol-Version` on a request for a well-known document.
    OAUTH_METADATA = "OA1", "oauth-metadata", Weak, Header;
    /// JSON-RPC with MCP keys in `_meta`.
    MODERN_ENVELOPE = "RB1", "modern-envelope", Definitive, Body;
    /// JSON-RPC with a method that only MCP has.
    OWN_METHOD = "RB2", "own-method", Definitive, Body;
    /// JSON-RPC with a method that MCP shares with another protocol.
    SHARED_METHOD = "RB2S", "shared-method", Strong, Body;
    /// `initialize` with a dated version, a client and capabilities.
    INITIALIZE = "RB3", "initialize", Definitive, Body;
    /// JSON-RPC of an unknown method whose parameters have the form of a tool call.
    TOOL_CALL_FORM = "RB5", "tool-call-form", Strong, Body;
    /// JSON-RPC batch that holds MCP.
    BATCH = "RB6", "batch", Weak, Body;
    /// JSON-RPC response from the client to a request of the server.
    CLIENT_RESPONSE = "RB7", "client-response", Strong, Body;
    /// A retry with `inputResponses` or `requestState`.
    RETRY = "RB8", "retry", Definitive, Body;
    /// JSON-RPC with a method that everybody uses.
    COMMON_METHOD = "RB9", "common-method", Weak, Body;
    /// A key was repeated, or spelt so that only a careless parser takes it.
    ODD_KEYS = "RB11", "odd-keys", Weak, Body;
    /// The response carries `Mcp-Session-Id`.
    SESSION_RESPONSE = "SR1", "session-response", Definitive, Response;
    /// The result of `initialize`.
    INITIALIZE_RESULT = "SR2", "initialize-result", Definitive, Response;
    /// The result of `server/discover`, or a server that names itself in `_meta`.
    DISCOVER_RESULT = "SR3", "discover-result", Definitive, Response;
    /// A list of tools with `inputSchema`.
    TOOL_LIST = "SR4", "tool-list", Definitive, Response;
    /// A result with `resultType`.
    RESULT_TYPE = "SR5", "result-type", Strong, Response;
    /// An error with one of MCP's codes and data.
    MCP_ERROR = "SR6", "mcp-error", Definitive, Response;
    /// The first event of a stream names the message endpoint.
    ENDPOINT_EVENT = "SR7", "endpoint-event", Definitive, Response;
    /// `WWW-Authenticate` points to protected-resource metadata.
    RESOURCE_METADATA = "SR9", "resource-metadata", Strong, Response;
    /// CORS headers name MCP's headers.
    CORS_HEADERS = "SR12", "cors-headers", Definitive, Response;
}
