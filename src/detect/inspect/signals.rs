//! What inspection learned about one exchange.

use crate::detect::mcp;

/// How sure we are that an exchange is MCP. Ordered.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    serde::Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Strength {
    /// Nothing points to MCP.
    #[default]
    None,
    /// Only raises suspicion: a name, a path.
    Weak,
    /// Needs one more independent signal.
    Strong,
    /// One such signal is enough.
    Definitive,
}

impl Strength {
    /// The word used in rules and events.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Weak => "weak",
            Self::Strong => "strong",
            Self::Definitive => "definitive",
        }
    }
}

/// One piece of evidence; a closed set, so that it can be counted and explained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signal {
    /// Stable id, e.g. `RB2`: what events store.
    pub id: &'static str,
    /// The same in words, e.g. `own-method`: rules may use either.
    pub word: &'static str,
    /// What it is worth on its own.
    pub strength: Strength,
    /// Which part of the exchange it was seen in; two strong signals of different classes make a definitive one.
    pub class: Class,
}

/// The part of an exchange a signal was seen in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Host, path, method.
    Name,
    /// Request headers.
    Header,
    /// Request body.
    Body,
    /// Response head or body.
    Response,
}

/// One call in a request's body: a JSON-RPC request or notification.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Call {
    /// Its method.
    pub method: String,
    /// The tool, prompt or resource it is for (`params.name` or `params.uri`).
    pub name: Option<String>,
    /// Its id as JSON text, exactly as it was sent (`7`, `"a"`), or `null` when that cannot be given back; `None` for a
    /// notification.
    pub id: Option<String>,
}

/// What a request's headers say about the call in its body (2026-07-28).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claimed {
    /// `Mcp-Method`.
    pub method: Option<String>,
    /// `Mcp-Name`.
    pub name: Option<String>,
}

/// Everything inspection learned about one exchange.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Signals {
    /// The signals that were found, without repeats, in the order in which they were found.
    pub evidence: Vec<&'static Signal>,
    /// The calls of a JSON-RPC request body, MCP or not, at most [`CALLS_MAX`].
    pub calls: Vec<Call>,
    /// True when the request's body is a batch.
    pub batch: bool,
    /// What the request's headers say about its body.
    pub claimed: Claimed,
    /// MCP protocol version, from the body or else from the header.
    pub protocol_version: Option<String>,
    /// `clientInfo.name`.
    pub client: Option<String>,
    /// `serverInfo.name`.
    pub server: Option<String>,
    /// The session id (header, or of HTTP+SSE the message endpoint's); hash it before it is stored.
    pub session: Option<String>,
}

/// Calls kept of one body.
pub const CALLS_MAX: usize = 32;

impl Signals {
    /// Every method that the request calls or claims to call; none when nothing points to MCP.
    pub fn methods(&self) -> impl Iterator<Item = &str> {
        let calls = self.calls.iter().map(|call| call.method.as_str());
        calls.chain(self.claimed.method.as_deref()).filter(|_| !self.evidence.is_empty())
    }

    /// Every tool, prompt or resource that the request names; none when nothing points to MCP.
    pub fn targets(&self) -> impl Iterator<Item = &str> {
        let calls = self.calls.iter().filter_map(|call| call.name.as_deref());
        calls.chain(self.claimed.name.as_deref()).filter(|_| !self.evidence.is_empty())
    }

    /// The JSON-RPC ids that an answer must carry, as JSON text.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.calls.iter().filter_map(|call| call.id.as_deref())
    }

    /// The method that says most about the exchange; of equals the first one, and the body's before the header's.
    pub fn method(&self) -> Option<&str> {
        self.foremost().0
    }

    /// What the call of [`Self::method`] is for.
    pub fn tool(&self) -> Option<&str> {
        self.foremost().1
    }

    fn foremost(&self) -> (Option<&str>, Option<&str>) {
        let claimed = (self.claimed.method.as_deref(), self.claimed.name.as_deref());
        if self.evidence.is_empty() {
            return claimed;
        }
        // Of equals, `max_by_key` gives the last.
        let call = self.calls.iter().rev().max_by_key(|call| mcp::exclusivity(&call.method));
        match call {
            Some(call) if mcp::exclusivity(&call.method) >= claimed.0.and_then(mcp::exclusivity) => {
                let agreed = claimed.0.is_none_or(|method| method == call.method);
                let name = call.name.as_deref().or_else(|| claimed.1.filter(|_| agreed));
                (Some(&call.method), name)
            }
            _ => claimed,
        }
    }

    /// Adds one piece of evidence.
    pub fn note(&mut self, signal: &'static Signal) {
        if !self.evidence.iter().any(|s| s.id == signal.id) {
            self.evidence.push(signal);
        }
    }

    /// The joint strength: the best single signal, or definitive for two strong ones of different classes.
    pub fn strength(&self) -> Strength {
        let mut strong = self.evidence.iter().filter(|s| s.strength == Strength::Strong);
        let two_classes = strong.next().is_some_and(|first| strong.any(|s| s.class != first.class));
        let best = self.evidence.iter().map(|s| s.strength).max().unwrap_or_default();
        if two_classes { Strength::Definitive } else { best }
    }
}
