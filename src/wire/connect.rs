//! The one way out of the gateway: a checked dial, then a verified TLS handshake where TLS is asked for.
//!
//! Everything that the gateway opens itself goes through a [`Connector`]: connections to origins, to ClickHouse, and
//! whatever comes later. Each has its own forbidden addresses and trusted roots, and all are counted in one
//! [`Outbound`].

mod outbound;
mod stream;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub use self::outbound::Outbound;
pub use self::stream::Stream;
use crate::host::Destination;
use crate::wire::net::{DialError, Dialer, Dialled};
use crate::wire::tls::upstream::Offer;
use crate::wire::tls::{Alpn, UpstreamTls, VerifyError};

/// Opens connections for one of the gateway's clients.
#[derive(Debug)]
pub struct Connector {
    dialer: Dialer,
    tls: UpstreamTls,
    client: &'static str,
    outbound: Arc<Outbound>,
}

/// An open connection.
#[derive(Debug)]
pub struct Connection {
    /// The bytes: TCP, or TLS over it.
    pub stream: Stream,
    /// What is known about it.
    pub facts: Connected,
}

/// Facts about an opened connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Connected {
    /// The address that answered.
    pub ip: Option<IpAddr>,
    /// The application protocol that TLS agreed on.
    pub alpn: Alpn,
    /// TLS version word; absent without TLS.
    pub tls: Option<&'static str>,
    /// Time to resolve the name and to connect.
    pub dial: Duration,
    /// Time of the TLS handshake; zero without TLS.
    pub handshake: Duration,
}

impl Connected {
    /// The same for a request that did not wait for the connection.
    pub(in crate::wire) fn without_durations(&self) -> Self {
        Self { dial: Duration::ZERO, handshake: Duration::ZERO, ..self.clone() }
    }
}

/// Why no connection could be opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConnectError {
    /// The host was not reached, or must not be.
    #[error("{0}")]
    Dial(#[from] DialError),
    /// The host was reached, and its TLS cannot be trusted or used.
    #[error("{0}")]
    Tls(#[from] VerifyError),
}

impl ConnectError {
    /// A bounded word for metrics.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Dial(DialError::Resolve(_)) => "dns",
            Self::Dial(DialError::Forbidden { .. } | DialError::Own) => "forbidden",
            Self::Dial(DialError::Refused) => "refused",
            Self::Dial(DialError::TimedOut) | Self::Tls(VerifyError::TimedOut) => "timed_out",
            Self::Dial(DialError::Network(_)) => "network",
            Self::Tls(_) => "tls",
        }
    }
}

impl Connector {
    /// A connector for the client that metrics call `client`. The dialer's and the handshake's deadlines bound every
    /// call.
    pub fn new(dialer: Dialer, tls: UpstreamTls, client: &'static str, outbound: Arc<Outbound>) -> Self {
        Self { dialer, tls, client, outbound }
    }

    /// Connects without TLS.
    pub async fn dial(&self, to: &Destination) -> Result<Dialled, DialError> {
        let dialled = self.dialer.dial(to).await;
        let failed = dialled.as_ref().err().map(|error| ConnectError::Dial(error.clone()).kind());
        self.count(failed);
        dialled
    }

    /// Connects; with a `tls_name`, also handshakes, and verifies that the certificate is good for this name.
    pub async fn connect(
        &self,
        to: &Destination,
        tls_name: Option<&str>,
        offer: Offer,
    ) -> Result<Connection, ConnectError> {
        let opened = self.open(to, tls_name, offer).await;
        self.count(opened.as_ref().err().map(ConnectError::kind));
        opened
    }

    async fn open(
        &self,
        to: &Destination,
        tls_name: Option<&str>,
        offer: Offer,
    ) -> Result<Connection, ConnectError> {
        let started = Instant::now();
        let Dialled { stream, ip } = self.dialer.dial(to).await?;
        let mut facts = Connected { ip: Some(ip), dial: started.elapsed(), ..Connected::default() };
        let Some(name) = tls_name else { return Ok(Connection { stream: Stream::from(stream), facts }) };
        let started = Instant::now();
        let upstream = self.tls.connect(stream, name, offer).await?;
        facts.handshake = started.elapsed();
        (facts.alpn, facts.tls) = (upstream.alpn, upstream.version);
        Ok(Connection { stream: Stream::from(upstream.stream), facts })
    }

    /// Counts a request that met a connection of a pool which was used before.
    pub(in crate::wire) fn count_reuse(&self) {
        self.outbound.connection(self.client, "reused");
    }

    /// Counts a request by its outcome, a bounded word.
    pub(in crate::wire) fn count_request(&self, outcome: &'static str) {
        self.outbound.request(self.client, outcome);
    }

    fn count(&self, failed: Option<&'static str>) {
        self.outbound.connection(self.client, failed.unwrap_or("opened"));
    }
}
