//! What proves each elementary fact of a rule set, by the field of the exchange that proves it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::IpAddr;

use http::header::{CONTENT_TYPE, HeaderName, USER_AGENT};
use http::{HeaderMap, Method};
use ipnet::IpNet;

use super::atoms::{Atom, Proven, Stage};
use super::matcher::{Glob, Set};
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

/// Patterns over one field; `atoms` gives the fact of each pattern in `set`.
#[derive(Clone, Debug, Default)]
pub(super) struct Field {
    pub(super) globs: Vec<(Glob, Atom)>,
    pub(super) set: Option<Set>,
    pub(super) atoms: Vec<Atom>,
}

impl Field {
    fn scan(&self, text: Option<&[u8]>, proven: &mut Proven) {
        let Some(text) = text else { return };
        for (glob, atom) in &self.globs {
            if glob.matches(text) {
                proven.set(*atom);
            }
        }
        if let Some(set) = &self.set {
            set.scan(text, &mut |pattern| self.found(pattern, proven));
        }
    }

    /// Notes the fact of a pattern in `set` that matched.
    pub(super) fn found(&self, pattern: usize, proven: &mut Proven) {
        if let Some(atom) = self.atoms.get(pattern) {
            proven.set(*atom);
        }
    }
}

/// Hosts by name and by suffix; each leads to the facts it proves.
#[derive(Clone, Debug, Default)]
pub(super) struct Hosts {
    pub(super) exact: HashMap<Box<str>, Vec<Atom>>,
    pub(super) suffix: HashMap<Box<str>, Vec<Atom>>,
    pub(super) patterns: Field,
}

impl Hosts {
    fn scan(&self, host: &str, proven: &mut Proven) {
        self.exact.get(host).into_iter().flatten().for_each(|atom| proven.set(*atom));
        let mut rest = host;
        while let Some((_, parent)) = rest.split_once('.') {
            self.suffix.get(parent).into_iter().flatten().for_each(|atom| proven.set(*atom));
            rest = parent;
        }
        self.patterns.scan(Some(host.as_bytes()), proven);
    }
}

/// Every elementary fact, by the field that proves it.
#[derive(Clone, Debug, Default)]
pub(super) struct Facts {
    /// The stage of each fact.
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
    /// By the signal's id.
    pub(super) signals: BTreeMap<&'static str, Atom>,
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

    /// What the tunnel's names prove.
    pub(super) fn names(&self, names: &Names<'_>) -> Proven {
        let mut proven = Proven::none(self.stages.len());
        self.host.scan(names.host, &mut proven);
        if let Some(sni) = names.sni {
            self.sni.scan(sni, &mut proven);
        }
        let user = names.user.and_then(|user| self.users.get(user));
        let groups = names.groups.iter().filter_map(|group| self.groups.get(group));
        let networks = self.networks.iter().filter(|(net, _)| net.contains(&names.client_ip));
        let approved = self.approved.as_ref().filter(|_| names.approved);
        let exact = self.ports.get(&names.port).into_iter().chain(user).chain(groups).chain(approved);
        exact.chain(networks.map(|(_, atom)| atom)).for_each(|atom| proven.set(*atom));
        proven
    }

    /// Adds what the request's head proves.
    pub(super) fn head(&self, head: &Head<'_>, proven: &mut Proven) {
        if let Some(atom) = self.methods.get(head.method.as_str()) {
            proven.set(*atom);
        }
        self.path.scan(Some(head.path.as_bytes()), proven);
        self.query.scan(head.query.map(str::as_bytes), proven);
        let value = |name: &HeaderName| head.headers.get(name).map(|value| value.as_bytes().trim_ascii());
        self.content_type.scan(value(&CONTENT_TYPE), proven);
        self.user_agent.scan(value(&USER_AGENT), proven);
        for (name, present, patterns) in &self.headers {
            for value in head.headers.get_all(name) {
                proven.set(*present);
                // White space around a value is no part of it (RFC 9110, section 5.5), but HTTP/2 may carry it.
                patterns.scan(Some(value.as_bytes().trim_ascii()), proven);
            }
        }
    }

    /// Adds what inspection has found.
    pub(super) fn mcp(&self, signals: &Signals, proven: &mut Proven) {
        let strength = signals.strength();
        for (wanted, atom) in &self.strengths {
            if strength >= *wanted {
                proven.set(*atom);
            }
        }
        let found = signals.evidence.iter().filter_map(|signal| self.signals.get(signal.id));
        found.for_each(|atom| proven.set(*atom));
        signals.methods().for_each(|method| self.mcp_method.scan(Some(method.as_bytes()), proven));
        signals.targets().for_each(|name| self.mcp_tool.scan(Some(name.as_bytes()), proven));
        self.mcp_version.scan(signals.protocol_version.as_deref().map(str::as_bytes), proven);
        self.mcp_client.scan(signals.client.as_deref().map(str::as_bytes), proven);
    }
}
