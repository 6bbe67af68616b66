//! The client's side of an intercepted connection.

use std::sync::Arc;

use rustls::crypto::aws_lc_rs as provider;
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ServerConfig, version};
use time::OffsetDateTime;
use tokio_rustls::TlsAcceptor;

use super::{Alpn, Leafs};
use crate::host::destination::normal_host;

/// Hands out acceptors, one shared configuration per ALPN protocol, so that resumption works across tunnels.
#[derive(Debug)]
pub struct ClientSide {
    leafs: Arc<Leafs>,
    none: Arc<ServerConfig>,
    http1: Arc<ServerConfig>,
    http2: Arc<ServerConfig>,
}

/// Picks the leaf by the name in the hello.
#[derive(Debug)]
struct BySni(Arc<Leafs>);

impl ResolvesServerCert for BySni {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = normal_host(hello.server_name()?).ok()?;
        self.0.get(&name, OffsetDateTime::now_utc()).ok()
    }
}

/// One leaf for a client that sends no name.
#[derive(Debug)]
struct Fixed(Arc<CertifiedKey>);

impl ResolvesServerCert for Fixed {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

impl ClientSide {
    /// Prepares the configurations.
    pub fn new(leafs: Arc<Leafs>) -> Result<Self, rustls::Error> {
        let base = base(Arc::new(BySni(Arc::clone(&leafs))))?;
        let with = |alpn: Alpn| {
            let mut config = base.clone();
            config.alpn_protocols = alpn.protocols();
            Arc::new(config)
        };
        Ok(Self { none: with(Alpn::None), http1: with(Alpn::Http1), http2: with(Alpn::Http2), leafs })
    }

    /// An acceptor that speaks `alpn`; `unnamed` is the destination when the hello carries no server name.
    pub fn acceptor(
        &self,
        alpn: Alpn,
        unnamed: Option<&Arc<str>>,
    ) -> Result<TlsAcceptor, super::leaf::MintError> {
        let shared = match alpn {
            Alpn::None => &self.none,
            Alpn::Http1 => &self.http1,
            Alpn::Http2 => &self.http2,
        };
        let Some(host) = unnamed else { return Ok(TlsAcceptor::from(Arc::clone(shared))) };
        let mut config = ServerConfig::clone(shared);
        config.cert_resolver = Arc::new(Fixed(self.leafs.get(host, OffsetDateTime::now_utc())?));
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

/// Stateless tickets instead of a session store: thousands of laptops resume without memory on this side.
fn base(resolver: Arc<dyn ResolvesServerCert>) -> Result<ServerConfig, rustls::Error> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(provider::default_provider()))
        .with_protocol_versions(&[&version::TLS13, &version::TLS12])?
        .with_no_client_auth()
        .with_cert_resolver(resolver);
    config.ticketer = provider::Ticketer::new()?;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 1;
    Ok(config)
}
