//! What the rows of one connection have in common.

use std::sync::{Arc, OnceLock};

use prometheus_client::metrics::counter::Counter;
use tracing::Span;

use super::Audit;
use crate::host::Destination;
use crate::identity::Person;
use crate::store::event::{Event, Mode};
use crate::telemetry::Metrics;
use crate::telemetry::labels::Request as RequestLabel;
use crate::verdict::Verdict;
use crate::wire::listener::ConnectionPermit;

/// The TLS facts of a connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct Handshake {
    /// Server name of the client's hello.
    pub sni: Option<Arc<str>>,
    /// JA4 fingerprint of the client's hello.
    pub ja4: Option<Arc<str>>,
    /// TLS version towards the client, as rows name it.
    pub client_tls: Option<&'static str>,
    /// Protocol towards the client, by its registered name.
    pub client_alpn: Option<&'static str>,
}

/// A client's connection with one host; all exchanges in it share this.
#[derive(Debug)]
pub(crate) struct ClientConnection {
    /// The person at its other end.
    pub person: Person,
    /// How the client came.
    pub mode: Mode,
    /// The host that requests must name: the server name of the hello where there is one.
    pub destination: Destination,
    /// `http` or `https`.
    pub scheme: &'static str,
    /// TLS facts.
    pub handshake: Handshake,
    allowed: OnceLock<Counter>,
    /// Counts the connection as one that is open, while anything of it lives: every record keeps it to the end.
    _permit: Arc<ConnectionPermit>,
    /// Where it stands in the log. Exchanges over HTTP/2 run in tasks of their own, which would not know it.
    pub(super) span: Span,
}

impl ClientConnection {
    /// A connection without TLS.
    pub(crate) fn plain(
        person: Person,
        mode: Mode,
        destination: Destination,
        permit: Arc<ConnectionPermit>,
    ) -> Self {
        Self {
            person,
            mode,
            destination,
            scheme: "http",
            handshake: Handshake::default(),
            allowed: OnceLock::new(),
            _permit: permit,
            span: Span::current(),
        }
    }

    /// A connection whose TLS ends at the gateway.
    pub(crate) fn decrypted(
        person: Person,
        destination: Destination,
        handshake: Handshake,
        permit: Arc<ConnectionPermit>,
    ) -> Self {
        let (mode, scheme) = (Mode::Intercept, "https");
        Self { scheme, handshake, ..Self::plain(person, mode, destination, permit) }
    }

    /// The start of a row; the rest comes from the exchange.
    pub(crate) fn row(&self, audit: &Audit) -> Event {
        Event {
            gateway: Arc::clone(&audit.gateway),
            client_ip: Some(self.person.ip),
            user: self.person.user.as_ref().map(|user| Arc::clone(&user.name)),
            groups: self.person.user.as_ref().map(|user| Arc::clone(&user.groups)).unwrap_or_default(),
            mode: self.mode,
            host: Arc::clone(&self.destination.host),
            port: self.destination.port,
            sni: self.handshake.sni.clone(),
            scheme: Some(self.scheme),
            client_tls: self.handshake.client_tls,
            client_alpn: self.handshake.client_alpn,
            ja4: self.handshake.ja4.clone(),
            is_mcp: "none",
            ..Event::default()
        }
    }

    /// Counts a request by its verdict. The counter of nearly all of them, those with `allow`, is looked up once.
    pub(super) fn count(&self, metrics: &Metrics, verdict: Verdict) {
        let label = || {
            let protocol = self.handshake.client_alpn.unwrap_or("http/1.1");
            RequestLabel { protocol, action: verdict.as_str() }
        };
        if verdict == Verdict::Allow {
            self.allowed.get_or_init(|| metrics.requests.get_or_create_owned(&label())).inc();
        } else {
            metrics.requests.get_or_create(&label()).inc();
        }
    }
}
