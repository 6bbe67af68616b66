//! A pool of connections to services that the configuration names, opened by a [`Connector`].
//!
//! [`PoolConnector`] is what hyper-util's pool, and every library that takes such a pool, opens connections with.
//! ClickHouse's client, for example, is made in `app` and handed to the store, which then needs nothing of this module:
//!
//! ```ignore
//! let dialer = Dialer::new(resolver, Forbidden::default(), own_ports, CONNECT);
//! let connector = Connector::new(dialer, tls, "clickhouse", outbound);
//! let connector = PoolConnector::new(Arc::new(connector), Offer { http2: false, http1: true });
//! let client = clickhouse::Client::with_http_client(pool(connector, IDLE, &tasks));
//! ```
//!
//! An empty `Forbidden` allows loopback: an administrator configured the address, no client of the proxy did.
//!
//! hyper-util's newer `client::pool` pieces are not used: their types cannot be named, and they neither limit idle
//! connections by time nor send a request again that a closed connection did not take.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use http::uri::{Authority, Scheme};
use http_body::Body;
use hyper_util::client::legacy::{self, connect};
use hyper_util::rt::TokioIo;
use tower_service::Service;

use super::bounded::Bounded;
use super::handshake;
use crate::host::Destination;
use crate::host::destination::BadDestination;
use crate::wire::connect::{ConnectError, Connector, Stream};
use crate::wire::tasks::Tasks;
use crate::wire::tls::Alpn;
use crate::wire::tls::upstream::Offer;

/// Idle connections that are kept for one host.
const IDLE_PER_HOST_MAX: usize = 8;

/// Opens the connections of a pool: `https` URIs with TLS, `http` URIs without. Cheap to clone.
#[derive(Clone, Debug)]
pub struct PoolConnector {
    connector: Arc<Connector>,
    offer: Offer,
    answer_max_bytes: usize,
}

/// Why a pool has no connection for a URI.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PoolError {
    /// Neither `http` nor `https`.
    #[error("the URL is neither http nor https")]
    Scheme,
    /// The URL's host or port is missing or malformed.
    #[error("{0}")]
    Target(#[from] BadDestination),
    /// The host was not reached or not trusted.
    #[error("{0}")]
    Connect(#[from] ConnectError),
}

impl PoolConnector {
    /// A connector whose TLS offers these protocols. The [`Connector`] decides which addresses are forbidden.
    pub fn new(connector: Arc<Connector>, offer: Offer) -> Self {
        Self { connector, offer, answer_max_bytes: usize::MAX }
    }

    /// The same, for libraries that read an answer without a limit: over HTTP/1.1 the connection fails when an answer has
    /// more bytes than this.
    pub fn with_answers_of_at_most(self, answer_max_bytes: usize) -> Self {
        Self { answer_max_bytes, ..self }
    }

    /// What opens the connections.
    pub(super) fn connector(&self) -> &Arc<Connector> {
        &self.connector
    }

    async fn open(&self, uri: &Uri) -> Result<TokioIo<Bounded<Stream>>, PoolError> {
        let tls = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTPS => true,
            Some(scheme) if *scheme == Scheme::HTTP => false,
            _ => return Err(PoolError::Scheme),
        };
        let authority = uri.authority().map(Authority::as_str).unwrap_or_default();
        let host = authority.rsplit('@').next().unwrap_or_default();
        let to = Destination::parse(host, Some(if tls { 443 } else { 80 }))?;
        let connection = self.connector.connect(&to, tls.then_some(&*to.host), self.offer).await?;
        Ok(TokioIo::new(Bounded::new(connection.stream, self.answer_max_bytes)))
    }
}

impl Service<Uri> for PoolConnector {
    type Response = TokioIo<Bounded<Stream>>;
    type Error = PoolError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, PoolError>> + Send>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), PoolError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let this = self.clone();
        Box::pin(async move { this.open(&uri).await })
    }
}

/// Whether a connection has answered a request before; hyper-util adds it to every response of that connection.
#[derive(Clone, Debug, Default)]
pub(super) struct Used(pub(super) Arc<AtomicBool>);

impl connect::Connection for Bounded<Stream> {
    fn connected(&self) -> connect::Connected {
        let connected = connect::Connected::new().extra(Used::default());
        if self.get_ref().alpn() == Alpn::Http2 { connected.negotiated_h2() } else { connected }
    }
}

/// A pool of connections, of which an idle one is closed after `idle`: choose less than the service's own limit, so
/// that a request seldom meets a connection that is just being closed. `tasks` run the connections.
///
/// Only opening a connection has a deadline: whoever sends a request sets one for the whole of it, as
/// [`Client`](super::client::Client) does.
pub fn pool<B>(connector: PoolConnector, idle: Duration, tasks: &Tasks) -> legacy::Client<PoolConnector, B>
where
    B: Body<Data: Send> + Send,
{
    handshake::pool(tasks).pool_idle_timeout(idle).pool_max_idle_per_host(IDLE_PER_HOST_MAX).build(connector)
}
