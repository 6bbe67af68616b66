//! The words of the Model Context Protocol: methods, versions and headers of every revision.

pub mod sse;

/// Every protocol revision, oldest first, with the pre-release tag that old SDKs still send.
pub const VERSIONS: [&str; 6] =
    ["2024-10-07", "2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"];

/// The first revision without a handshake: every request carries its own version and client.
pub const FIRST_MODERN: &str = "2026-07-28";

/// Prefix of the keys that MCP reserves in `_meta`.
pub const META_PREFIX: &str = "io.modelcontextprotocol/";

/// Header with the protocol version (2025-06-18 and later).
pub const HEADER_VERSION: &str = "mcp-protocol-version";
/// Header with the session (2025-03-26 to 2025-11-25).
pub const HEADER_SESSION: &str = "mcp-session-id";
/// Header that repeats the body's method (2026-07-28).
pub const HEADER_METHOD: &str = "mcp-method";
/// Header that repeats the name or URI a call is for (2026-07-28).
pub const HEADER_NAME: &str = "mcp-name";
/// Start of headers that repeat tool arguments (2026-07-28).
pub const HEADER_PARAM_PREFIX: &str = "mcp-param-";
/// WebSocket sub-protocol of the first-generation SDKs.
pub const WEBSOCKET_PROTOCOL: &str = "mcp";

/// How far a method's name alone points to MCP. Ordered from least to most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exclusivity {
    /// Many protocols over JSON-RPC have a method of this name.
    Common,
    /// A few other protocols have it; its parameters tell them apart.
    Shared,
    /// Only MCP has it.
    McpOnly,
}

/// Every method of every revision and official extension.
pub const METHODS: [(&str, Exclusivity); 39] = [
    ("initialize", Exclusivity::Common),
    ("ping", Exclusivity::Common),
    ("server/discover", Exclusivity::McpOnly),
    ("subscriptions/listen", Exclusivity::McpOnly),
    ("tools/list", Exclusivity::McpOnly),
    ("tools/call", Exclusivity::McpOnly),
    ("resources/list", Exclusivity::McpOnly),
    ("resources/templates/list", Exclusivity::McpOnly),
    ("resources/read", Exclusivity::McpOnly),
    ("resources/subscribe", Exclusivity::McpOnly),
    ("resources/unsubscribe", Exclusivity::McpOnly),
    ("resources/directory/read", Exclusivity::McpOnly),
    ("prompts/list", Exclusivity::McpOnly),
    ("prompts/get", Exclusivity::McpOnly),
    ("completion/complete", Exclusivity::McpOnly),
    ("logging/setLevel", Exclusivity::McpOnly),
    ("sampling/createMessage", Exclusivity::McpOnly),
    ("roots/list", Exclusivity::McpOnly),
    ("elicitation/create", Exclusivity::Shared),
    ("tasks/get", Exclusivity::Shared),
    ("tasks/result", Exclusivity::Shared),
    ("tasks/cancel", Exclusivity::Shared),
    ("tasks/list", Exclusivity::Shared),
    ("tasks/update", Exclusivity::Shared),
    ("skills/list", Exclusivity::McpOnly),
    ("skills/get", Exclusivity::McpOnly),
    ("notifications/initialized", Exclusivity::Shared),
    ("notifications/cancelled", Exclusivity::McpOnly),
    ("notifications/progress", Exclusivity::McpOnly),
    ("notifications/message", Exclusivity::Shared),
    ("notifications/resources/updated", Exclusivity::McpOnly),
    ("notifications/resources/list_changed", Exclusivity::McpOnly),
    ("notifications/tools/list_changed", Exclusivity::McpOnly),
    ("notifications/prompts/list_changed", Exclusivity::McpOnly),
    ("notifications/roots/list_changed", Exclusivity::McpOnly),
    ("notifications/tasks", Exclusivity::McpOnly),
    ("notifications/tasks/status", Exclusivity::McpOnly),
    ("notifications/elicitation/complete", Exclusivity::McpOnly),
    ("notifications/subscriptions/acknowledged", Exclusivity::McpOnly),
];

/// How far this method's name points to MCP; `None` for a method that MCP does not have.
pub fn exclusivity(method: &str) -> Option<Exclusivity> {
    METHODS.iter().find(|(name, _)| *name == method).map(|(_, exclusivity)| *exclusivity)
}

/// The method as [`METHODS`] spells it, or `None`. A metric label taken from here has a bounded set of values, whatever a
/// peer sends.
pub fn known_method(method: &str) -> Option<&'static str> {
    METHODS.iter().find(|(name, _)| *name == method).map(|(name, _)| *name)
}

/// True for text of the form of a protocol version: a date from 2024 on.
pub fn is_version(text: &str) -> bool {
    let bytes = text.as_bytes();
    let digit = |index: usize| bytes.get(index).is_some_and(u8::is_ascii_digit);
    bytes.len() == 10
        && text.starts_with("20")
        && [2, 3, 5, 6, 8, 9].into_iter().all(digit)
        && bytes.get(4) == Some(&b'-')
        && bytes.get(7) == Some(&b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_revision_has_the_form_of_a_version() {
        assert!(VERSIONS.iter().all(|version| is_version(version)));
        for other in ["1", "2025-6-18", "2025-06-18T00", "1999-01-01", "20250618xx"] {
            assert!(!is_version(other), "{other}");
        }
    }

    #[test]
    fn no_method_is_listed_twice() {
        for (index, (name, _)) in METHODS.iter().enumerate() {
            assert!(METHODS.iter().skip(index + 1).all(|(other, _)| other != name), "{name}");
        }
    }
}
