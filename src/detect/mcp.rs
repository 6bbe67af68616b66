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

/// What a method name says on its own. Ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Telling {
    /// Half the JSON-RPC world uses it.
    Common,
    /// Other protocols use it too; parameters tell them apart.
    Shared,
    /// Nobody else uses this name.
    Own,
}

/// Every method of every revision and official extension.
pub const METHODS: [(&str, Telling); 39] = [
    ("initialize", Telling::Common),
    ("ping", Telling::Common),
    ("server/discover", Telling::Own),
    ("subscriptions/listen", Telling::Own),
    ("tools/list", Telling::Own),
    ("tools/call", Telling::Own),
    ("resources/list", Telling::Own),
    ("resources/templates/list", Telling::Own),
    ("resources/read", Telling::Own),
    ("resources/subscribe", Telling::Own),
    ("resources/unsubscribe", Telling::Own),
    ("resources/directory/read", Telling::Own),
    ("prompts/list", Telling::Own),
    ("prompts/get", Telling::Own),
    ("completion/complete", Telling::Own),
    ("logging/setLevel", Telling::Own),
    ("sampling/createMessage", Telling::Own),
    ("roots/list", Telling::Own),
    ("elicitation/create", Telling::Shared),
    ("tasks/get", Telling::Shared),
    ("tasks/result", Telling::Shared),
    ("tasks/cancel", Telling::Shared),
    ("tasks/list", Telling::Shared),
    ("tasks/update", Telling::Shared),
    ("skills/list", Telling::Own),
    ("skills/get", Telling::Own),
    ("notifications/initialized", Telling::Shared),
    ("notifications/cancelled", Telling::Own),
    ("notifications/progress", Telling::Own),
    ("notifications/message", Telling::Shared),
    ("notifications/resources/updated", Telling::Own),
    ("notifications/resources/list_changed", Telling::Own),
    ("notifications/tools/list_changed", Telling::Own),
    ("notifications/prompts/list_changed", Telling::Own),
    ("notifications/roots/list_changed", Telling::Own),
    ("notifications/tasks", Telling::Own),
    ("notifications/tasks/status", Telling::Own),
    ("notifications/elicitation/complete", Telling::Own),
    ("notifications/subscriptions/acknowledged", Telling::Own),
];

/// What a method name says, if MCP knows it.
pub fn telling(method: &str) -> Option<Telling> {
    METHODS.iter().find(|(name, _)| *name == method).map(|(_, telling)| *telling)
}

/// The method as this list spells it, so that a peer cannot make up words for a metric.
pub fn known(method: &str) -> Option<&'static str> {
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
