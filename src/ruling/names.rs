//! What the rules make of a tunnel's names, before any request.

use std::sync::Arc;

use super::in_force::Ruling;
use crate::detect::rules::{Named, Names};
use crate::host::Destination;
use crate::identity::Person;
use crate::policy::Action;

/// What is known of a tunnel before its first request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TunnelNames<'a> {
    /// Who asked for it.
    pub person: &'a Person,
    /// The name that its requests must use: the hello's server name, or the target where it has none.
    pub host: &'a Destination,
    /// Server name of the client's TLS hello.
    pub sni: Option<&'a str>,
}

/// What a ruling makes of a tunnel's names: the start of every judgement of an exchange in it.
#[derive(Debug)]
pub(crate) struct NamesJudged {
    pub(super) ruling: Arc<Ruling>,
    pub(super) named: Named,
    pub(super) approved: Option<Arc<str>>,
}

impl NamesJudged {
    /// Evaluates the rules that can tell from names.
    pub(crate) fn new(ruling: &Arc<Ruling>, names: &TunnelNames<'_>) -> Arc<Self> {
        let approved = ruling.policy.approved(&names.host.host).cloned();
        let facts = Names {
            host: &names.host.host,
            port: names.host.port,
            sni: names.sni,
            user: names.person.user.as_ref().map(|user| user.name.as_ref()),
            groups: names.person.user.as_ref().map(|user| user.groups.as_ref()).unwrap_or_default(),
            client_ip: names.person.ip,
            approved: approved.is_some(),
        };
        let named = ruling.rules.names(&facts);
        Arc::new(Self { ruling: Arc::clone(ruling), named, approved })
    }

    /// The decision that names alone lead to.
    pub(crate) fn action(&self) -> Action {
        self.ruling.policy.judge(&self.named.matches(), self.approved.as_ref())
    }

    /// True while the ruling is this one.
    pub(crate) fn is_of(&self, ruling: &Arc<Ruling>) -> bool {
        Arc::ptr_eq(&self.ruling, ruling)
    }
}
