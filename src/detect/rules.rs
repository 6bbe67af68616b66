//! Rule files to a [`RuleSet`]; a `RuleSet` and what is known of an exchange to [`Matches`]. Pure but for reading files.
//!
//! Conditions are three-valued: a rule over the body is *unknown* until the body was read, so the same rule set
//! answers at the tunnel (names), at the request's head, and when the body has been seen.

pub mod compile;
pub mod evaluate;
pub mod expression;
mod fields;
pub mod file;
pub mod given;
pub mod index;
pub mod load;
pub mod matcher;
pub mod samples;

use std::path::PathBuf;
use std::sync::Arc;

pub use evaluate::{Evaluation, Head, Names, RuleSet, Wants};
pub use load::load;
pub use matcher::ENGINE;

use crate::verdict::Severity;

/// What a rule asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ask {
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
    /// Whatever `posture.shadow` in the configuration says (log, redirect or block).
    Posture,
}

impl Ask {
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
    /// Stable id.
    pub id: Arc<str>,
    /// Title, for people.
    pub title: Arc<str>,
    /// What it asks for.
    pub ask: Ask,
    /// How much it matters.
    pub severity: Severity,
    /// True when its condition says `approved: true`.
    pub on_approved: bool,
    /// Free words.
    pub tags: Vec<String>,
    /// Where it was read.
    pub file: PathBuf,
}

impl Rule {
    /// True when it has a say about an exchange: an approved server is exempt from the rules that do not name it, and an
    /// `allow` rule exempts everywhere.
    pub fn counts(&self, approved: bool) -> bool {
        !approved || self.on_approved || self.ask == Ask::Allow
    }
}

/// All rules that matched.
pub type Matches = Vec<Arc<Rule>>;

#[cfg(test)]
mod tests;
