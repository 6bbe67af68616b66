//! What was seen of MCP in one exchange.

/// How sure we are that an exchange is MCP. Ordered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Deserialize)]
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
    /// Stable id, e.g. `RB2`.
    pub id: &'static str,
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

/// Everything inspection learned about one exchange.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Signals {
    /// Evidence, without repeats, in the order it was met.
    pub seen: Vec<&'static Signal>,
    /// JSON-RPC methods of the request body (several in a batch), at most [`MAX_METHODS`].
    pub methods: Vec<String>,
    /// Tool, prompt or resource name (`params.name` or `params.uri`), or `Mcp-Name`.
    pub tool: Option<String>,
    /// MCP protocol version, from the body or else from the header.
    pub protocol_version: Option<String>,
    /// `clientInfo.name`.
    pub client: Option<String>,
    /// `serverInfo.name`.
    pub server: Option<String>,
    /// The session id (header); hash it before it is stored.
    pub session: Option<String>,
    /// The request's JSON-RPC id as raw JSON text (`7`, `"a"`), for the answer; `None` for a notification.
    pub request_id: Option<String>,
}

/// Methods kept of one batch.
pub const MAX_METHODS: usize = 32;

impl Signals {
    /// Adds one piece of evidence.
    pub fn note(&mut self, signal: &'static Signal) {
        if !self.seen.iter().any(|s| s.id == signal.id) {
            self.seen.push(signal);
        }
    }

    /// The joint strength: the best single signal, or definitive for two strong ones of different classes.
    pub fn strength(&self) -> Strength {
        let mut strong = self.seen.iter().filter(|s| s.strength == Strength::Strong);
        let two_classes = strong.next().is_some_and(|first| strong.any(|s| s.class != first.class));
        let best = self.seen.iter().map(|s| s.strength).max().unwrap_or_default();
        if two_classes { Strength::Definitive } else { best }
    }
}
