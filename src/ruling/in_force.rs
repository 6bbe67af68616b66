//! One configuration's decisions, and the place where those in force are found.

use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::detect::rules::RuleSet;
use crate::policy::Policy;
use crate::verdict::Verdict;

/// Which exchanges are recorded (`record` in the configuration).
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, serde::Serialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Recording {
    /// Every exchange.
    #[default]
    All,
    /// Only detections, and tunnels that failed.
    Detections,
}

/// Rules, policy and what is recorded: one configuration's decisions, replaced as a whole by a reload.
#[derive(Debug)]
pub(crate) struct Ruling {
    /// The rules.
    pub rules: Arc<RuleSet>,
    /// The policy.
    pub policy: Policy,
    /// Which exchanges are recorded.
    pub recording: Recording,
    /// True when a rule asks for payloads, so that they have to be kept until the verdict.
    pub keeps_payloads: bool,
}

impl Ruling {
    /// Joins the parts of one configuration.
    pub(crate) fn new(rules: Arc<RuleSet>, policy: Policy, recording: Recording) -> Self {
        let keeps_payloads = rules.rules().any(|rule| policy.verdict(rule.action) == Verdict::Inspect);
        Self { rules, policy, recording, keeps_payloads }
    }
}

/// The ruling in force; an exchange keeps the one that it began with.
#[derive(Debug)]
pub(crate) struct InForce(ArcSwap<Ruling>);

impl InForce {
    /// Puts the first ruling in force.
    pub(crate) fn new(ruling: Ruling) -> Self {
        Self(ArcSwap::from_pointee(ruling))
    }

    /// The ruling that counts from now on.
    pub(crate) fn load(&self) -> arc_swap::Guard<Arc<Ruling>> {
        self.0.load()
    }

    /// Puts another ruling in force, for every exchange that begins from now on.
    pub(crate) fn replace(&self, ruling: Ruling) {
        self.0.store(Arc::new(ruling));
    }
}
