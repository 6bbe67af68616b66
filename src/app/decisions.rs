//! What a reload replaces.

use std::sync::Arc;

use arc_swap::ArcSwap;

use super::error::StartError;
use crate::config::Config;
use crate::detect::rules::RuleSet;
use crate::identity::Users;
use crate::ruling::{InForce, Ruling};
use crate::setup::{Current, Pages};

/// The decisions of one configuration.
pub(super) struct Decisions {
    pub(super) ruling: Ruling,
    pub(super) users: Users,
    pub(super) pages: Current,
}

impl Decisions {
    /// Takes what is decided out of a configuration.
    pub(super) fn new(config: Config, rules: Arc<RuleSet>) -> Result<Self, StartError> {
        let Config { policy, pac, record, users, .. } = config;
        let users = Users::new(users).map_err(StartError::resource)?;
        let pages = Current { pac, portal: policy.portal.clone() };
        Ok(Self { ruling: Ruling::new(rules, policy, record), users, pages })
    }
}

/// Where the decisions in force are kept, for those who act on them.
#[derive(Clone, Debug)]
pub(super) struct Replaceable {
    pub(super) in_force: Arc<InForce>,
    pub(super) users: Arc<ArcSwap<Users>>,
    pub(super) pages: Arc<Pages>,
}

impl Replaceable {
    /// Puts other decisions in force, for everything that begins from now on.
    pub(super) fn replace(&self, decisions: Decisions) {
        let Decisions { ruling, users, pages } = decisions;
        self.users.store(Arc::new(users));
        self.pages.replace(pages);
        self.in_force.replace(ruling);
    }
}
