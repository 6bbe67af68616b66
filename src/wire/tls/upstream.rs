//! The handshake with an origin, which verifies it before the client's handshake is finished.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::Resumption;
use rustls::crypto::aws_lc_rs as provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{CertificateError, ClientConfig, Error as TlsError, RootCertStore, version};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::{Alpn, version_word};

/// Most origins whose sessions are remembered, for each offer.
const SESSIONS_MAX: usize = 1024;

/// Handshakes with other hosts. Each offer has a configuration of its own, because sessions resume only within one.
#[derive(Debug)]
pub struct UpstreamTls {
    both: Arc<ClientConfig>,
    http1: Arc<ClientConfig>,
    http2: Arc<ClientConfig>,
    none: Arc<ClientConfig>,
    deadline: Duration,
}

/// A connection whose host was verified.
#[derive(Debug)]
pub struct Upstream {
    /// The encrypted connection.
    pub stream: Box<TlsStream<TcpStream>>,
    /// The protocol that the host chose.
    pub alpn: Alpn,
    /// The word of events for the TLS version.
    pub version: Option<&'static str>,
}

/// Why a host's TLS cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// The certificate is not good for this host.
    #[error("the origin's certificate was refused: {cause}")]
    Certificate {
        /// A bounded word for metrics: `expired`, `unknown_issuer`, `name_mismatch`, ...
        kind: &'static str,
        /// A sentence for people.
        cause: String,
    },
    /// The handshake failed for another reason.
    #[error("the TLS handshake with the origin failed: {0}")]
    Handshake(String),
    /// The handshake was not finished in time.
    #[error("the origin did not finish the TLS handshake in time")]
    TimedOut,
    /// The host cannot be named in a certificate.
    #[error("the host is not a valid server name")]
    Name,
}

/// Why the trusted roots cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {what}: `tls.extra_roots` takes PEM files with CA certificates")]
pub struct RootsError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong.
    pub what: String,
}

/// The platform's trusted roots and those of extra PEM files (`tls.extra_roots`).
pub fn roots(extra: &[PathBuf]) -> Result<RootCertStore, RootsError> {
    let mut store = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::warn!(%error, "a certificate of the platform's trust store cannot be read");
    }
    store.add_parsable_certificates(found.certs);
    for path in extra {
        let bad = |what: String| RootsError { path: path.clone(), what };
        let pem = fs::read(path).map_err(|e| bad(e.to_string()))?;
        let mut count = 0;
        for cert in CertificateDer::pem_slice_iter(&pem) {
            let cert = cert.map_err(|e| bad(e.to_string()))?;
            store.add(cert).map_err(|e| bad(e.to_string()))?;
            count += 1;
        }
        if count == 0 {
            return Err(bad("no certificate found".into()));
        }
    }
    Ok(store)
}

impl UpstreamTls {
    /// Verifies hosts against these roots, and gives up on a handshake after `deadline`. Verification cannot be turned
    /// off.
    pub fn new(roots: RootCertStore, deadline: Duration) -> Result<Self, TlsError> {
        let mut base = ClientConfig::builder_with_provider(Arc::new(provider::default_provider()))
            .with_protocol_versions(&[&version::TLS13, &version::TLS12])?
            .with_root_certificates(roots)
            .with_no_client_auth();
        base.resumption = Resumption::in_memory_sessions(SESSIONS_MAX);
        let with = |protocols: Vec<Vec<u8>>| {
            let mut config = base.clone();
            config.resumption = Resumption::in_memory_sessions(SESSIONS_MAX);
            config.alpn_protocols = protocols;
            Arc::new(config)
        };
        Ok(Self {
            both: with(super::ALPN.iter().map(|p| p.to_vec()).collect()),
            http1: with(Alpn::Http1.protocols()),
            http2: with(Alpn::Http2.protocols()),
            none: with(Vec::new()),
            deadline,
        })
    }

    /// Handshakes over `stream`, offers these protocols, and verifies that the certificate is good for `host`.
    pub async fn connect(
        &self,
        stream: TcpStream,
        host: &str,
        offer: Offer,
    ) -> Result<Upstream, VerifyError> {
        let name = ServerName::try_from(host.to_owned()).map_err(|_invalid| VerifyError::Name)?;
        let config = match (offer.http2, offer.http1) {
            (true, true) => &self.both,
            (true, false) => &self.http2,
            (false, true) => &self.http1,
            (false, false) => &self.none,
        };
        let handshake = TlsConnector::from(Arc::clone(config)).connect(name, stream);
        let stream = tokio::time::timeout(self.deadline, handshake)
            .await
            .map_err(|_elapsed| VerifyError::TimedOut)?
            .map_err(|e| classify(&e))?;
        let session = stream.get_ref().1;
        let (alpn, version) = (Alpn::of(session.alpn_protocol()), version_word(session.protocol_version()));
        Ok(Upstream { alpn, version, stream: Box::new(stream) })
    }
}

/// The protocols to offer in a handshake: for an origin, those that the client offered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Offer {
    /// Offer `h2`.
    pub http2: bool,
    /// Offer `http/1.1`.
    pub http1: bool,
}

fn classify(error: &std::io::Error) -> VerifyError {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<TlsError>()) {
        Some(TlsError::InvalidCertificate(cause)) => {
            let (kind, cause) = certificate(cause);
            VerifyError::Certificate { kind, cause }
        }
        Some(other) => VerifyError::Handshake(other.to_string()),
        None => VerifyError::Handshake(error.to_string()),
    }
}

fn certificate(cause: &CertificateError) -> (&'static str, String) {
    let kind = match cause {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "expired",
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => "not_valid_yet",
        CertificateError::UnknownIssuer => "unknown_issuer",
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "name_mismatch"
        }
        CertificateError::Revoked => "revoked",
        CertificateError::BadSignature => "bad_signature",
        CertificateError::BadEncoding => "bad_encoding",
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => "wrong_purpose",
        _ => "other",
    };
    let text = match kind {
        "unknown_issuer" => "it is not signed by an authority the gateway trusts".to_owned(),
        "bad_encoding" => "it is malformed".to_owned(),
        _ => cause.to_string(),
    };
    (kind, text)
}
