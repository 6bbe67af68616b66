//! Evaluates a rule set over an exchange, step by step.

use std::net::IpAddr;

use http::{HeaderMap, Method};

use super::Matches;
use crate::inspect::Signals;

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

/// A compiled rule set; shared, immutable, swapped whole.
#[derive(Debug, Default)]
pub struct RuleSet {
    /// Content hash over all rule files, hex.
    pub hash: String,
}

/// What a rule set knows so far about one exchange.
#[derive(Clone, Debug, Default)]
pub struct Evaluation {}

impl RuleSet {
    /// Starts from the tunnel's names.
    pub fn names(&self, _names: &Names<'_>) -> Evaluation {
        Evaluation::default()
    }

    /// Adds the request's head.
    pub fn head(&self, _evaluation: &mut Evaluation, _head: &Head<'_>) {}

    /// Adds what inspection has learned. `last`: nothing more will come, unknown MCP facts count as absent.
    pub fn mcp(&self, _evaluation: &mut Evaluation, _signals: &Signals, _last: bool) {}

    /// Feeds body bytes (decoded) to the body regexes. `last`: the body has ended.
    pub fn body(&self, _evaluation: &mut Evaluation, _bytes: &[u8], _last: bool) {}

    /// What could still change the outcome.
    pub fn wants(&self, _evaluation: &Evaluation) -> Wants {
        Wants::default()
    }

    /// The rules that hold for certain so far.
    pub fn matches(&self, _evaluation: &Evaluation) -> Matches {
        Matches::new()
    }
}
