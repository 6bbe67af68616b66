//! The handshake with the client of an intercepted connection.

use std::sync::Arc;

use rustls::crypto::aws_lc_rs as provider;
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ServerConfig, version};
use time::OffsetDateTime;
use tokio_rustls::TlsAcceptor;

use super::{Alpn, Leafs};
use crate::host::destination::normal_host;

/// Makes acceptors. All tunnels of one ALPN protocol share one configuration, so that sessions resume across tunnels.
#[derive(Debug)]
pub struct ClientSide {
    leafs: Arc<Leafs>,
    none: Arc<ServerConfig>,
    http1: Arc<ServerConfig>,
    http2: Arc<ServerConfig>,
}

/// Presents the leaf of the server name in the hello.
#[derive(Debug)]
struct BySni(Arc<Leafs>);

impl ResolvesServerCert for BySni {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = normal_host(hello.server_name()?).ok()?;
        self.0.get(&name, OffsetDateTime::now_utc()).ok()
    }
}

/// Presents one leaf, for a client that sends no server name.
#[derive(Debug)]
struct Fixed(Arc<CertifiedKey>);

impl ResolvesServerCert for Fixed {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

impl ClientSide {
    /// Prepares the shared configurations. Fails when the system gives no random numbers for the ticket key.
    pub fn new(leafs: Arc<Leafs>) -> Result<Self, rustls::Error> {
        let base = base(Arc::new(BySni(Arc::clone(&leafs))))?;
        let with = |alpn: Alpn| {
            let mut config = base.clone();
            config.alpn_protocols = alpn.protocols();
            Arc::new(config)
        };
        Ok(Self { none: with(Alpn::None), http1: with(Alpn::Http1), http2: with(Alpn::Http2), leafs })
    }

    /// An acceptor that speaks `alpn`. `unnamed` is the tunnel's host when the hello carries no server name.
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

/// Sessions resume by stateless tickets instead of a store, so that thousands of clients need no memory here.
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
