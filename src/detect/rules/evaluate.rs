//! Evaluates a rule set over an exchange, step by step.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;

use http::header::{CONTENT_TYPE, HeaderName, USER_AGENT};
use http::{HeaderMap, Method};
use ipnet::IpNet;

use super::expression::{Atom, Expression};
use super::file::Entry;
use super::index::Index;
use super::matcher::{Pieces, Scan, Set};
use super::{Matches, Rule};
use crate::detect::inspect::{Signals, Strength};

/// What is known before a request: the tunnel's names.
#[derive(Clone, Copy, Debug)]
pub struct Names<'a> {
    /// Host, lower case, no port, no trailing dot.
    pub host: &'a str,
    /// Port.
    pub port: u16,
    /// Server name of the TLS hello.
    pub sni: Option<&'a str>,
    /// Authenticated user.
    pub user: Option<&'a str>,
    /// The user's groups.
    pub groups: &'a [String],
    /// The client's address.
    pub client_ip: IpAddr,
    /// True when the host is an approved server.
    pub approved: bool,
}

/// What the request's head adds.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    /// Request method.
    pub method: &'a Method,
    /// Path without the query.
    pub path: &'a str,
    /// Query without the question mark.
    pub query: Option<&'a str>,
    /// Request headers.
    pub headers: &'a HeaderMap,
}

/// What could still change the outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wants {
    /// Some undecided rule depends on MCP facts of the body.
    pub mcp: bool,
    /// Some undecided rule has a regex over the body.
    pub body: bool,
}

/// When a fact becomes known. Ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// With the tunnel's names.
    Names,
    /// With the request's head.
    Head,
    /// When inspection is done with the body.
    Mcp,
    /// When the body has ended.
    Body,
}

/// Patterns over one field; `atoms` gives the fact of each pattern.
#[derive(Clone, Debug, Default)]
pub struct Field {
    pub(super) globs: Vec<(Pieces, Atom)>,
    pub(super) set: Option<Set>,
    pub(super) atoms: Vec<Atom>,
}

impl Field {
    fn scan(&self, text: Option<&[u8]>, evaluation: &mut Evaluation) {
        let Some(text) = text else { return };
        for (glob, atom) in &self.globs {
            if glob.matches(text) {
                evaluation.set(*atom);
            }
        }
        let Some(set) = &self.set else { return };
        set.scan(text, &mut |pattern| {
            if let Some(atom) = self.atoms.get(pattern) {
                evaluation.set(*atom);
            }
        });
    }
}

/// Hosts by name and by suffix; each leads to the facts it proves.
#[derive(Clone, Debug, Default)]
pub struct Hosts {
    pub(super) exact: HashMap<Box<str>, Vec<Atom>>,
    pub(super) suffix: HashMap<Box<str>, Vec<Atom>>,
    pub(super) patterns: Field,
}

impl Hosts {
    fn scan(&self, host: &str, evaluation: &mut Evaluation) {
        self.exact.get(host).into_iter().flatten().for_each(|atom| evaluation.set(*atom));
        let mut rest = host;
        while let Some((_, parent)) = rest.split_once('.') {
            self.suffix.get(parent).into_iter().flatten().for_each(|atom| evaluation.set(*atom));
            rest = parent;
        }
        self.patterns.scan(Some(host.as_bytes()), evaluation);
    }
}

/// Every elementary fact, by the field that proves it.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    pub(super) stages: Vec<Stage>,
    pub(super) host: Hosts,
    pub(super) sni: Hosts,
    pub(super) ports: BTreeMap<u16, Atom>,
    pub(super) users: BTreeMap<String, Atom>,
    pub(super) groups: BTreeMap<String, Atom>,
    pub(super) networks: BTreeMap<IpNet, Atom>,
    pub(super) approved: Option<Atom>,
    pub(super) methods: BTreeMap<String, Atom>,
    pub(super) path: Field,
    pub(super) query: Field,
    pub(super) content_type: Field,
    pub(super) user_agent: Field,
    pub(super) headers: Vec<(HeaderName, Atom, Field)>,
    pub(super) strengths: Vec<(Strength, Atom)>,
    pub(super) mcp_signal: Field,
    pub(super) mcp_method: Field,
    pub(super) mcp_version: Field,
    pub(super) mcp_tool: Field,
    pub(super) mcp_client: Field,
    pub(super) body: Field,
}

impl Facts {
    /// Facts that many requests prove whatever they are about.
    pub(super) fn common(&self) -> HashSet<Atom> {
        let media_types = self.content_type.globs.iter().map(|(_, atom)| atom);
        self.methods.values().chain(media_types).chain(&self.content_type.atoms).copied().collect()
    }
}

/// A compiled rule set; shared, immutable, swapped whole.
#[derive(Debug, Default)]
pub struct RuleSet {
    /// Content hash over all rule files and the lists of hosts they name, hex.
    pub hash: Arc<str>,
    pub(super) rules: Vec<(Arc<Rule>, Expression)>,
    pub(super) facts: Facts,
    pub(super) index: Index,
    pub(super) entries: Vec<Entry>,
}

/// What a rule set knows so far about one exchange.
#[derive(Clone, Debug)]
pub struct Evaluation {
    pub(super) bits: Vec<u64>,
    pub(super) approved: bool,
    pub(super) known: Option<Stage>,
    pub(super) body: Option<Scan>,
    pub(super) body_ended: bool,
}

impl Evaluation {
    fn set(&mut self, atom: Atom) {
        if let Some(word) = self.bits.get_mut(atom / 64) {
            *word |= 1 << (atom % 64);
        }
    }

    /// True when the stage can prove no more.
    fn over(&self, stage: Stage) -> bool {
        match stage {
            Stage::Body => self.body_ended,
            stage => self.known >= Some(stage),
        }
    }

    fn holds(&self, atom: Atom) -> bool {
        self.bits.get(atom / 64).is_some_and(|word| word >> (atom % 64) & 1 == 1)
    }
}

impl RuleSet {
    /// The rules in the order they were read.
    pub fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter().map(|(rule, _)| rule.as_ref())
    }

    /// How many rules there are.
    pub fn len(&self) -> usize {
        self.rules.len()
    }

    /// True when there is no rule.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Starts from the tunnel's names.
    pub fn names(&self, names: &Names<'_>) -> Evaluation {
        let facts = &self.facts;
        let bits = vec![0; facts.stages.len().div_ceil(64)];
        let approved = names.approved;
        let known = Some(Stage::Names);
        let mut evaluation = Evaluation { bits, approved, known, body: None, body_ended: false };
        facts.host.scan(names.host, &mut evaluation);
        if let Some(sni) = names.sni {
            facts.sni.scan(sni, &mut evaluation);
        }
        let user = names.user.and_then(|user| facts.users.get(user));
        let groups = names.groups.iter().filter_map(|group| facts.groups.get(group));
        let networks = facts.networks.iter().filter(|(net, _)| net.contains(&names.client_ip));
        let approved = facts.approved.as_ref().filter(|_| names.approved);
        let proven = facts.ports.get(&names.port).into_iter().chain(user).chain(groups).chain(approved);
        proven.chain(networks.map(|(_, atom)| atom)).for_each(|atom| evaluation.set(*atom));
        evaluation
    }

    /// Adds the request's head.
    pub fn head(&self, evaluation: &mut Evaluation, head: &Head<'_>) {
        let facts = &self.facts;
        if let Some(atom) = facts.methods.get(head.method.as_str()) {
            evaluation.set(*atom);
        }
        facts.path.scan(Some(head.path.as_bytes()), evaluation);
        facts.query.scan(head.query.map(str::as_bytes), evaluation);
        let value = |name: &HeaderName| head.headers.get(name).map(|value| value.as_bytes().trim_ascii());
        facts.content_type.scan(value(&CONTENT_TYPE), evaluation);
        facts.user_agent.scan(value(&USER_AGENT), evaluation);
        for (name, present, patterns) in &facts.headers {
            for value in head.headers.get_all(name) {
                evaluation.set(*present);
                // What surrounds a value is no part of it (RFC 9110, section 5.5); HTTP/2 may carry it.
                patterns.scan(Some(value.as_bytes().trim_ascii()), evaluation);
            }
        }
        evaluation.known = Some(Stage::Head);
    }

    /// Adds what inspection has learned. `last`: nothing more will come, unknown MCP facts count as absent.
    pub fn mcp(&self, evaluation: &mut Evaluation, signals: &Signals, last: bool) {
        let facts = &self.facts;
        let strength = signals.strength();
        for (wanted, atom) in &facts.strengths {
            if strength >= *wanted {
                evaluation.set(*atom);
            }
        }
        for signal in &signals.evidence {
            facts.mcp_signal.scan(Some(signal.id.as_bytes()), evaluation);
        }
        signals.methods().for_each(|method| facts.mcp_method.scan(Some(method.as_bytes()), evaluation));
        signals.targets().for_each(|name| facts.mcp_tool.scan(Some(name.as_bytes()), evaluation));
        facts.mcp_version.scan(signals.protocol_version.as_deref().map(str::as_bytes), evaluation);
        facts.mcp_client.scan(signals.client.as_deref().map(str::as_bytes), evaluation);
        if last {
            evaluation.known = evaluation.known.max(Some(Stage::Mcp));
        }
    }

    /// Feeds body bytes (decoded) to the body regexes. `last`: the body has ended.
    pub fn body(&self, evaluation: &mut Evaluation, bytes: &[u8], last: bool) {
        let Some(set) = &self.facts.body.set else { return };
        let mut scan = evaluation.body.take().unwrap_or_else(|| set.start());
        let mut found: Vec<usize> = Vec::new();
        set.feed(&mut scan, bytes, &mut |pattern| found.push(pattern));
        if last {
            set.finish(&mut scan, &mut |pattern| found.push(pattern));
            evaluation.body_ended = true;
        } else {
            evaluation.body = Some(scan);
        }
        for pattern in found {
            if let Some(atom) = self.facts.body.atoms.get(pattern) {
                evaluation.set(*atom);
            }
        }
    }

    /// True when a rule has a regex over the body.
    pub fn reads_bodies(&self) -> bool {
        self.facts.body.set.is_some()
    }

    /// What could still change the outcome.
    pub fn wants(&self, evaluation: &Evaluation) -> Wants {
        let mut wants = Wants::default();
        let most = Wants { mcp: true, body: self.reads_bodies() };
        for position in self.index.open(&evaluation.bits, |stage| evaluation.over(stage)) {
            let Some((rule, expression)) = self.rules.get(position).filter(|_| wants != most) else { break };
            let decided = expression.evaluate(&|atom| self.fact(evaluation, atom)).is_some();
            if decided || !rule.counts(evaluation.approved) {
                continue;
            }
            let needs = |stage: Stage| {
                let of_stage = |atom: Atom| self.facts.stages.get(atom) == Some(&stage);
                !evaluation.over(stage) && expression.depends_on(&of_stage)
            };
            wants.mcp |= needs(Stage::Mcp);
            wants.body |= needs(Stage::Body);
        }
        wants
    }

    /// The rules that hold for certain so far.
    pub fn matches(&self, evaluation: &Evaluation) -> Matches {
        let holds =
            |expression: &Expression| expression.evaluate(&|atom| self.fact(evaluation, atom)) == Some(true);
        let provable = self.index.provable(&evaluation.bits).into_iter();
        let rules = provable.filter_map(|position| self.rules.get(position));
        rules.filter(|(_, expression)| holds(expression)).map(|(rule, _)| Arc::clone(rule)).collect()
    }

    /// A proven fact holds; an unproven one is false only when its stage is over.
    fn fact(&self, evaluation: &Evaluation, atom: Atom) -> Option<bool> {
        if evaluation.holds(atom) {
            return Some(true);
        }
        evaluation.over(*self.facts.stages.get(atom)?).then_some(false)
    }

    /// What a rule was compiled to.
    pub fn explain(&self, id: &str) -> Option<String> {
        let (rule, expression) = self.rules.iter().find(|(rule, _)| &*rule.id == id)?;
        let mut text = format!(
            "{}: {}\nfile      {}\naction    {}\nseverity  {}\nengine    {}\n",
            rule.id,
            rule.title,
            rule.file.display(),
            rule.ask.as_str(),
            rule.severity.as_str(),
            super::ENGINE,
        );
        for (name, stage) in
            [("names", Stage::Names), ("head", Stage::Head), ("mcp", Stage::Mcp), ("body", Stage::Body)]
        {
            if expression.depends_on(&|atom| self.facts.stages.get(atom) == Some(&stage)) {
                text.push_str(&format!("needs     {name}\n"));
            }
        }
        text.push_str(&format!("condition {expression:?}\n"));
        Some(text)
    }
}
