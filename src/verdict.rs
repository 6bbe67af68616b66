//! The words that rule files, decisions and rows share: what was done, how much it matters, whose fault it was.

/// What was done with an exchange. Ordered: the most severe verdict of all matching rules wins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// Spliced without decryption because a `bypass` entry names the host.
    Bypass,
    /// Passed; no rule asked for more.
    #[default]
    Allow,
    /// Passed; a rule asked for a detection.
    Log,
    /// Passed; the MCP payload, redacted and capped, is kept with the detection.
    Inspect,
    /// Answered with the portal's address.
    Redirect,
    /// Refused.
    Block,
}

impl Verdict {
    /// The word used in rules, events and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bypass => "bypass",
            Self::Allow => "allow",
            Self::Log => "log",
            Self::Inspect => "inspect",
            Self::Redirect => "redirect",
            Self::Block => "block",
        }
    }

    /// True when the exchange is a detection: somebody has to be able to find it later.
    pub fn is_detection(self) -> bool {
        self >= Self::Log
    }
}

/// How much a finding matters. Ordered.
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
    serde::Serialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// For the record.
    #[default]
    Info,
    /// Worth a look in a weekly review.
    Low,
    /// Worth a look today.
    Medium,
    /// Somebody should act.
    High,
    /// Somebody should act now.
    Critical,
}

impl Severity {
    /// The word used in rules, events and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// Whose fault a failure is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Blame {
    /// The program that asked, or the machine it runs on.
    Client,
    /// This gateway.
    Gateway,
    /// The server that was asked, or the network in front of it.
    Origin,
    /// Nobody: a decision of whoever configured the gateway.
    Policy,
}

impl Blame {
    /// The word used in events.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Gateway => "gateway",
            Self::Origin => "origin",
            Self::Policy => "policy",
        }
    }
}
