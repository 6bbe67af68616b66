//! A rule, apart from its condition.

use std::path::PathBuf;
use std::sync::Arc;

use crate::verdict::Severity;

/// What a rule asks for: its `action` in the rule file. The policy turns it into a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RuleAction {
    /// Exempt the exchange from every other rule.
    Allow,
    /// Record a detection.
    Log,
    /// Record a detection with its payload.
    Inspect,
    /// Answer with the portal's address.
    Redirect,
    /// Refuse.
    Block,
    /// Do what `posture.shadow` in the configuration says (log, redirect or block).
    Posture,
}

impl RuleAction {
    /// The word used in rule files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Log => "log",
            Self::Inspect => "inspect",
            Self::Redirect => "redirect",
            Self::Block => "block",
            Self::Posture => "posture",
        }
    }
}

/// One rule, apart from its condition.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Stable id, unique in a rule set: lower-case letters, digits and dashes.
    pub id: Arc<str>,
    /// Title, for people.
    pub title: Arc<str>,
    /// What it asks for.
    pub action: RuleAction,
    /// How much a match matters.
    pub severity: Severity,
    /// True when its condition says `approved: true`.
    pub on_approved: bool,
    /// The author's words; they go into the column `rule_tags`, where `shadow` makes a detection one of shadow MCP.
    pub tags: Vec<Arc<str>>,
    /// The file it was read from.
    pub file: PathBuf,
}

impl Rule {
    /// True when the rule applies to an exchange with a host that is (`approved`) or is not an approved server.
    ///
    /// An approved server is exempt from the rules that do not name it; an `allow` rule exempts everywhere.
    pub fn counts(&self, approved: bool) -> bool {
        !approved || self.on_approved || self.action == RuleAction::Allow
    }
}

/// The rules that matched, in the order they were read.
pub type Matches = Vec<Arc<Rule>>;
