//! Every piece of evidence, by id; `docs/signals.md` describes them for analysts.

use super::signals::{Class, Signal, Strength};

macro_rules! signals {
    ($($(#[$doc:meta])* $name:ident = $id:literal, $strength:ident, $class:ident;)+) => {
        $($(#[$doc])* pub static $name: Signal =
            Signal { id: $id, strength: Strength::$strength, class: Class::$class };)+

        /// All of them.
        pub static ALL: &[&Signal] = &[$(&$name),+];
    };
}

signals! {
    /// `Mcp-Method` names a method of the protocol.
    METHOD_HEADER = "RH1", Definitive, Header;
    /// `MCP-Protocol-Version` is a version.
    VERSION_HEADER = "RH2", Definitive, Header;
    /// `Mcp-Session-Id` is there.
    SESSION_HEADER = "RH3", Definitive, Header;
    /// `Mcp-Name` or `Mcp-Param-*` is there.
    NAME_HEADER = "RH4", Definitive, Header;
    /// A JSON POST accepts JSON and event streams.
    ACCEPT_PAIR = "RH5", Strong, Header;
    /// A GET for an event stream at a path that ends in `/sse`.
    SSE_PATH = "RH6", Weak, Name;
    /// A POST to a message endpoint that carries a session in its query.
    MESSAGE_ENDPOINT = "RH7", Strong, Name;
    /// A path segment is `mcp`.
    MCP_PATH = "RH8", Weak, Name;
    /// A JSON POST (or a GET for an event stream) to a path with the segment `mcp`.
    MCP_PATH_CALL = "RH8C", Strong, Name;
    /// A label of the host is `mcp`.
    MCP_HOST = "RH9", Weak, Name;
    /// A JSON POST (or a GET for an event stream) to a host with the label `mcp`.
    MCP_HOST_CALL = "RH9C", Strong, Name;
    /// A header that MCP clients of a vendor add.
    VENDOR_HEADER = "RH10", Strong, Header;
    /// A user agent of an MCP client.
    USER_AGENT = "RH11", Weak, Header;
    /// A WebSocket with the sub-protocol `mcp`.
    WEBSOCKET = "RH12", Definitive, Header;
    /// `Accept` asks for an MCP server card.
    SERVER_CARD = "RH13", Definitive, Header;
    /// `Mcp-Method` differs from a method of the request's body.
    METHOD_MISMATCH = "RH15", Weak, Header;
    /// An MCP client reads OAuth metadata: `MCP-Protocol-Version` on a request for a well-known document.
    OAUTH_METADATA = "OA1", Weak, Header;
    /// JSON-RPC with MCP keys in `_meta`.
    MODERN_ENVELOPE = "RB1", Definitive, Body;
    /// JSON-RPC with a method that only MCP has.
    OWN_METHOD = "RB2", Definitive, Body;
    /// JSON-RPC with a method that MCP shares with another protocol.
    SHARED_METHOD = "RB2S", Strong, Body;
    /// `initialize` with a dated version, a client and capabilities.
    INITIALIZE = "RB3", Definitive, Body;
    /// JSON-RPC of an unknown method whose parameters have the form of a tool call.
    TOOL_CALL_FORM = "RB5", Strong, Body;
    /// JSON-RPC batch that holds MCP.
    BATCH = "RB6", Weak, Body;
    /// JSON-RPC response from the client to a request of the server.
    CLIENT_RESPONSE = "RB7", Strong, Body;
    /// A retry with `inputResponses` or `requestState`.
    RETRY = "RB8", Definitive, Body;
    /// JSON-RPC with a method that everybody uses.
    COMMON_METHOD = "RB9", Weak, Body;
    /// A key was repeated, or spelt so that only a careless parser takes it.
    ODD_KEYS = "RB11", Weak, Body;
    /// The response carries `Mcp-Session-Id`.
    SESSION_RESPONSE = "SR1", Definitive, Response;
    /// The result of `initialize`.
    INITIALIZE_RESULT = "SR2", Definitive, Response;
    /// The result of `server/discover`, or a server that names itself in `_meta`.
    DISCOVER_RESULT = "SR3", Definitive, Response;
    /// A list of tools with `inputSchema`.
    TOOL_LIST = "SR4", Definitive, Response;
    /// A result with `resultType`.
    RESULT_TYPE = "SR5", Strong, Response;
    /// An error with one of MCP's codes and data.
    MCP_ERROR = "SR6", Definitive, Response;
    /// The first event of a stream names the message endpoint.
    ENDPOINT_EVENT = "SR7", Definitive, Response;
    /// `WWW-Authenticate` points to protected-resource metadata.
    RESOURCE_METADATA = "SR9", Strong, Response;
    /// CORS headers name MCP's headers.
    CORS_HEADERS = "SR12", Definitive, Response;
}
