//! A client's connection: entry, hello, decision, origin, exchanges. One file a step, one type between two steps.
//!
//! ```text
//! Accepted -> entry -> Entered -> hello -> Greeted -> decide -> Splice | Intercept
//!   Splice     dial, copy, count, one event
//!   Intercept  dial and verify the origin, finish the client's handshake with the origin's protocol, serve exchanges
//! ```

pub mod decide;
pub mod entry;
pub mod exchange;
pub mod gateway;
pub mod greet;
pub mod hold;
pub mod intercept;
pub mod record;
pub mod reply;
pub mod splice;
pub mod streams;
pub mod upgrade;
pub mod watch;

pub use gateway::{Gateway, Limits, Record, Ruling};

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use prometheus_client::metrics::counter::Counter;

use crate::detect::rules::{Named, Names};
use crate::host::Destination;
use crate::identity::Identified;
use crate::store::event::Mode;
use crate::wire::http::Origin;
use crate::wire::listener::Place;

/// Who is at the other end of a connection.
#[derive(Clone, Debug)]
pub struct Client {
    /// Address.
    pub ip: IpAddr,
    /// The gateway's end of the connection.
    pub local: Option<SocketAddr>,
    /// The user, when the proxy asks for one.
    pub user: Option<Identified>,
    /// The connection's place among all.
    pub place: Arc<Place>,
}

/// The TLS facts of a tunnel.
#[derive(Clone, Debug, Default)]
pub struct Handshake {
    /// Server name of the client's hello.
    pub sni: Option<Arc<str>>,
    /// Fingerprint of the client's hello.
    pub ja4: Option<Arc<str>>,
    /// TLS version towards the client.
    pub client_tls: Option<&'static str>,
    /// Protocol towards the client.
    pub client_alpn: Option<&'static str>,
}

/// Everything that is the same for all exchanges of one connection with one host.
#[derive(Debug)]
pub struct Tunnel {
    /// The shared parts.
    pub gateway: Arc<Gateway>,
    /// Who.
    pub client: Client,
    /// How the client came.
    pub mode: Mode,
    /// The host that requests must name (the SNI where there is one).
    pub destination: Destination,
    /// `http` or `https`.
    pub scheme: &'static str,
    /// TLS facts.
    pub handshake: Handshake,
    /// The origin.
    pub origin: Origin,
    judged: Mutex<Option<Arc<Judged>>>,
    /// Requests so far.
    asked: AtomicU64,
    /// Counts requests with the verdict `allow`.
    passed: OnceLock<Counter>,
}

/// A rule set's view of a tunnel's names, kept until the rule set changes.
#[derive(Debug)]
pub struct Judged {
    /// Rules and policy in force.
    pub ruling: Arc<Ruling>,
    /// What the rules know from the tunnel's names.
    pub named: Named,
    /// Why the host is approved, if it is.
    pub approved: Option<Arc<str>>,
}

impl Tunnel {
    /// Puts a tunnel together.
    pub fn new(
        gateway: Arc<Gateway>,
        client: Client,
        target: Target,
        handshake: Handshake,
        origin: Origin,
    ) -> Self {
        let Target { mode, destination, scheme } = target;
        Self {
            gateway,
            client,
            mode,
            destination,
            scheme,
            handshake,
            origin,
            judged: Mutex::new(None),
            asked: AtomicU64::new(0),
            passed: OnceLock::new(),
        }
    }

    /// Counts a request.
    pub fn ask(&self) {
        self.asked.fetch_add(1, Ordering::Relaxed);
    }

    /// Requests so far.
    pub fn asked(&self) -> u64 {
        self.asked.load(Ordering::Relaxed)
    }

    /// The rules in force with what they make of this tunnel's names; long tunnels see a reload at once.
    pub fn judged(&self) -> Arc<Judged> {
        let current = self.gateway.ruling.load();
        let mut kept = self.judged.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(judged) = kept.as_ref().filter(|judged| Arc::ptr_eq(&judged.ruling, &current)) {
            return Arc::clone(judged);
        }
        let ruling = Arc::clone(&current);
        let approved = ruling.policy.approved(&self.destination.host).cloned();
        let named = ruling.rules.names(&self.names(approved.is_some()));
        let judged = Arc::new(Judged { ruling, named, approved });
        *kept = Some(Arc::clone(&judged));
        judged
    }

    fn names(&self, approved: bool) -> Names<'_> {
        names(&self.client, &self.destination, self.handshake.sni.as_deref(), approved)
    }
}

/// Where a tunnel leads.
#[derive(Clone, Debug)]
pub struct Target {
    /// How the client came.
    pub mode: Mode,
    /// Host and port.
    pub destination: Destination,
    /// `http` or `https`.
    pub scheme: &'static str,
}

/// What rules can see before a request.
pub fn names<'a>(client: &'a Client, to: &'a Destination, sni: Option<&'a str>, approved: bool) -> Names<'a> {
    Names {
        host: &to.host,
        port: to.port,
        sni,
        user: client.user.as_ref().map(|user| user.name.as_ref()),
        groups: client.user.as_ref().map(|user| user.groups.as_ref()).unwrap_or_default(),
        client_ip: client.ip,
        approved,
    }
}
