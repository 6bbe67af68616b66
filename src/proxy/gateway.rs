//! What every connection shares.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use aws_lc_rs::hmac;

use super::streams::Streams;
use crate::budget::HoldBudget;
use crate::detect::rules::RuleSet;
use crate::identity::Users;
use crate::policy::Policy;
use crate::setup::{Onboarding, Pac};
use crate::store::journal::Journal;
use crate::telemetry::Metrics;
use crate::wire::http::origin::Origins;
use crate::wire::http::serve;
use crate::wire::tasks::Tasks;
use crate::wire::tls::ClientSide;

/// Which exchanges are recorded.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, serde::Serialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Record {
    /// Every exchange.
    #[default]
    All,
    /// Only detections and failures of tunnels.
    Detections,
}

/// Limits on one client's connection.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// HTTP limits.
    pub http: serve::Limits,
    /// Time for the client's first bytes after CONNECT and for its TLS hello.
    pub hello: Duration,
    /// Time for the client's TLS handshake.
    pub client_tls: Duration,
    /// Time a spliced or upgraded connection may be silent.
    pub splice_idle: Duration,
    /// Body bytes held for a verdict.
    pub hold_bytes: usize,
    /// Time a body is held for a verdict.
    pub hold: Duration,
    /// Bytes of an MCP payload kept with an event.
    pub payload_bytes: usize,
}

/// What a reload replaces; swapped whole.
#[derive(Debug)]
pub struct Ruling {
    /// The rule set.
    pub rules: Arc<RuleSet>,
    /// The policy.
    pub policy: Policy,
    /// True when a rule asks for payloads.
    pub keeps_payloads: bool,
    /// The PAC file.
    pub pac: Pac,
    /// What is recorded.
    pub record: Record,
    /// Who may use the proxy.
    pub users: Users,
}

/// The shared parts of a gateway.
#[derive(Debug)]
pub struct Gateway {
    /// This gateway's name in events.
    pub name: Arc<str>,
    /// Rules, policy and what else a reload replaces.
    pub ruling: ArcSwap<Ruling>,
    /// Opens origins.
    pub origins: Arc<Origins>,
    /// The client's side of TLS.
    pub client_side: ClientSide,
    /// Ports that CONNECT may name, inclusive ranges.
    pub connect_ports: Vec<(u16, u16)>,
    /// Where events go.
    pub journal: Journal,
    /// Metrics.
    pub metrics: Arc<Metrics>,
    /// Pages for people who set up a machine.
    pub onboarding: Onboarding,
    /// Limits.
    pub limits: Limits,
    /// Body bytes that wait for verdicts, over all connections.
    pub held: HoldBudget,
    /// Event streams that refused posts are answered on.
    pub streams: Streams,
    /// Tasks.
    pub tasks: Tasks,
    /// Hashes session ids.
    pub session_key: hmac::Key,
}

impl Gateway {
    /// A keyed hash of an MCP session id: joins events of one session, opens nothing.
    pub fn session_hash(&self, session: &str) -> String {
        let tag = hmac::sign(&self.session_key, session.as_bytes());
        tag.as_ref().iter().take(8).map(|b| format!("{b:02x}")).collect()
    }

    /// True when CONNECT may name this port.
    pub fn allows_port(&self, port: u16) -> bool {
        self.connect_ports.iter().any(|&(low, high)| (low..=high).contains(&port))
    }
}
