//! What leaves a row: the only writer to the journal.
//!
//! An exchange's row is kept by a [`Record`]. The rows of tunnels that are bypassed or never become an exchange, and of
//! requests that are refused before they are one, are written by [`Audit::tunnel`] and [`Audit::write`].

pub(crate) mod connection;
pub(crate) mod record;
mod row;

use std::sync::Arc;

use aws_lc_rs::hmac;
use uuid::Uuid;

pub(crate) use connection::{ClientConnection, Handshake};
pub(crate) use record::Record;

use crate::clock::now_us;
use crate::host::Destination;
use crate::identity::Person;
use crate::ruling::{InForce, Recording};
use crate::store::event::{Event, Failure};
use crate::store::journal::Journal;
use crate::telemetry::Metrics;
use crate::verdict::Blame;
use crate::wire::net::splice::Ended;
use crate::wire::tasks::Tasks;

/// Where rows go, and what they all need.
#[derive(Debug)]
pub(crate) struct Audit {
    /// The gateway's metrics.
    pub metrics: Arc<Metrics>,
    journal: Journal,
    gateway: Arc<str>,
    session_key: hmac::Key,
    payload_bytes: usize,
    in_force: Arc<InForce>,
    tasks: Tasks,
}

/// The beginning of something that leaves a row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Beginning {
    /// The row's id, also in logs.
    pub id: Uuid,
    /// Microseconds since the Unix epoch.
    pub at_us: i64,
}

impl Beginning {
    /// Something begins now.
    pub(crate) fn now() -> Self {
        Self { id: Uuid::now_v7(), at_us: now_us() }
    }
}

/// What an [`Audit`] is made from.
#[derive(Debug)]
pub(crate) struct AuditParts {
    /// Where rows go.
    pub journal: Journal,
    /// What is counted beside them.
    pub metrics: Arc<Metrics>,
    /// This gateway's name in rows.
    pub gateway: Arc<str>,
    /// Hashes session ids.
    pub session_key: hmac::Key,
    /// Bytes of an MCP payload kept with a row.
    pub payload_bytes: usize,
    /// Names the rule set of rows that no exchange leaves.
    pub in_force: Arc<InForce>,
    /// Tells that the gateway shuts down.
    pub tasks: Tasks,
}

impl Audit {
    /// Starts to record.
    pub(crate) fn new(parts: AuditParts) -> Self {
        let AuditParts { journal, metrics, gateway, session_key, payload_bytes, in_force, tasks } = parts;
        Self { metrics, journal, gateway, session_key, payload_bytes, in_force, tasks }
    }

    /// False while nothing can be recorded and the configuration lets nothing pass unrecorded.
    pub(crate) fn accepts(&self) -> bool {
        self.journal.accepts()
    }

    /// Bytes of an MCP payload that are worth keeping until the verdict.
    pub(crate) fn payload_bytes(&self) -> usize {
        self.payload_bytes
    }

    /// True when tunnels that went well are recorded, too.
    pub(crate) fn records_all(&self) -> bool {
        self.in_force.load().recording == Recording::All
    }

    /// True while connections are cut because the gateway shuts down.
    fn is_cutting(&self) -> bool {
        self.tasks.is_cutting()
    }

    /// Queues the row of something that is over.
    pub(crate) fn write(&self, event: Event) {
        self.journal.append(event);
    }

    /// Writes what is queued and closes the journal.
    pub(crate) async fn close(&self) {
        self.journal.close().await;
    }

    /// The row of a tunnel that never became an exchange; `to` is absent when it named no destination.
    pub(crate) fn tunnel(&self, person: &Person, to: Option<&Destination>, began: Beginning) -> Event {
        Event {
            time_us: began.at_us,
            id: began.id,
            gateway: Arc::clone(&self.gateway),
            client_ip: Some(person.ip),
            user: person.user.as_ref().map(|user| Arc::clone(&user.name)),
            groups: person.user.as_ref().map(|user| Arc::clone(&user.groups)).unwrap_or_default(),
            host: to.map(|to| Arc::clone(&to.host)).unwrap_or_default(),
            port: to.map(|to| to.port).unwrap_or_default(),
            method: Some("CONNECT".into()),
            rule_set: self.in_force.load().rules.hash.clone(),
            is_mcp: "none",
            duration_us: u64::try_from(now_us().saturating_sub(began.at_us)).ok(),
            ..Event::default()
        }
    }

    /// A keyed hash of an MCP session id: it joins the rows of one session and opens nothing.
    fn session_hash(&self, session: &str) -> String {
        let tag = hmac::sign(&self.session_key, session.as_bytes());
        const_hex::encode(tag.as_ref().get(..8).unwrap_or_default())
    }
}

/// Why a tunnel that was copied ended; an orderly end is no failure. Which of the two peers broke off is not known.
pub(crate) fn copy_failure(ended: &Ended) -> Option<Failure> {
    match ended {
        Ended::Orderly => None,
        Ended::Stopped => Some(Failure::new(Blame::Gateway, ended)),
        Ended::Idle | Ended::Broken(_) => Some(Failure::of_nobody(ended)),
    }
}
