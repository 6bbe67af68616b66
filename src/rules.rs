//! Rule files to a [`RuleSet`]; a `RuleSet` and what is known of an exchange to [`Matches`]. Pure but for reading files.
//!
//! Conditions are three-valued: a rule over the body is *unknown* until the body was read, so the same rule set
//! answers at the tunnel (names), at the request's head, and when the body has been seen.

pub mod evaluate;
pub mod load;

pub use evaluate::{Evaluation, Head, Names, RuleSet, Wants};
pub use load::{LoadError, load};

use crate::event::Severity;

/// What a rule asks for. Ordered by severity, `Allow` apart: it exempts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

/// One rule that matched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// The rule's stable id.
    pub id: std::sync::Arc<str>,
    /// The rule's title, for people.
    pub title: std::sync::Arc<str>,
    /// What it asks for.
    pub ask: Ask,
    /// How much it matters.
    pub severity: Severity,
}

/// All rules that matched.
pub type Matches = Vec<Hit>;
