//! A decrypted tunnel: the origin first, then the client's handshake with the origin's protocol, then exchanges.

mod serve_http;

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use super::exchange::Exchanges;
use super::hello::{ConnectRequest, Greeted};
use super::tunnel::Tunnel;
use crate::answers::origin::verify_word;
use crate::audit::{Audit, ClientConnection, Handshake};
use crate::host::Destination;
use crate::inlet::Inlet;
use crate::ruling::decide::Answering;
use crate::ruling::{InForce, NamesJudged};
use crate::store::event::{Event, Failure, Mode};
use crate::telemetry::labels::{Reason, Side};
use crate::verdict::Blame;
use crate::wire::http::origin::Origins;
use crate::wire::http::{Origin, OriginFault, serve};
use crate::wire::net::Prefixed;
use crate::wire::tasks::Tasks;
use crate::wire::tls::upstream::Offer;
use crate::wire::tls::{Alpn, ClientSide, version_word};

/// What decrypted tunnels are served with.
#[derive(Debug)]
pub(crate) struct Intercept {
    /// Dials and verifies origins.
    pub origins: Arc<Origins>,
    /// The client's side of TLS.
    pub client_side: ClientSide,
    /// Rules and policy, for the exchanges of a tunnel.
    pub in_force: Arc<InForce>,
    /// Serves requests.
    pub exchanges: Arc<Exchanges>,
    /// The set-up pages, for requests to the gateway's own name.
    pub pages: Arc<dyn Inlet>,
    /// Where rows go.
    pub audit: Arc<Audit>,
    /// Limits on one connection.
    pub limits: InterceptLimits,
    /// The tasks that serve connections.
    pub tasks: Tasks,
}

/// Limits on a decrypted connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct InterceptLimits {
    /// HTTP limits.
    pub http: serve::Limits,
    /// Time for the client's TLS handshake (`limits.tls_ms`).
    pub client_tls: Duration,
}

/// A tunnel that is to be decrypted.
#[derive(Debug)]
pub(super) struct Decrypting {
    pub(super) greeted: Greeted,
    /// The host that requests must name.
    pub(super) host: Destination,
    /// What the rules make of the names.
    pub(super) judged: Arc<NamesJudged>,
    /// What its requests are answered with when they lead to no origin.
    pub(super) answering: Option<Answering>,
}

/// A client whose TLS ends here, and the tunnel it is served from.
struct Intercepted {
    stream: Box<TlsStream<Prefixed<TcpStream>>>,
    alpn: Alpn,
    tunnel: Arc<Tunnel>,
}

impl Intercept {
    /// Decrypts a tunnel and serves its requests.
    ///
    /// Each step is boxed, so that a connection that falls idle holds only the step it is in.
    pub(super) async fn serve(self: Arc<Self>, decrypting: Box<Decrypting>) {
        if decrypting.greeted.hello.is_none() {
            return Box::pin(self.serve_plain(*decrypting)).await;
        }
        let Some(Intercepted { stream, alpn, tunnel }) = Box::pin(self.begin(*decrypting)).await else {
            return;
        };
        match alpn {
            Alpn::Http2 => Box::pin(self.serve_http2(stream, tunnel)).await,
            Alpn::Http1 | Alpn::None => Box::pin(self.serve_http1(stream, tunnel)).await,
        }
    }

    /// The handshake, or the row of a handshake that failed.
    async fn begin(&self, decrypting: Decrypting) -> Option<Intercepted> {
        let asked = decrypting.greeted.asked.clone();
        let error = match self.handshake(decrypting).await {
            Ok(intercepted) => return Some(intercepted),
            Err(error) => error,
        };
        let ConnectRequest { person, target, began, .. } = asked;
        let (reason, sentence) = client_failure(&error);
        tracing::debug!(reason, error = sentence, "the client's handshake failed");
        if reason == "timeout" {
            self.audit.metrics.limit("tls_ms");
        }
        self.audit.metrics.client_handshake_failures.get_or_create(&Reason { reason }).inc();
        self.audit.write(Event {
            reason: "the tunnel never became an exchange".into(),
            failure: Some(Failure::new(Blame::Client, format_args!("the TLS handshake failed: {sentence}"))),
            ..self.audit.tunnel(&person, Some(&target), began)
        });
        None
    }

    /// Opens the origin, unless names alone decide against it, then answers the client's hello in kind.
    async fn handshake(&self, decrypting: Decrypting) -> io::Result<Intercepted> {
        let Decrypting { greeted, host, judged, answering } = decrypting;
        let Greeted { stream, said, hello, asked } = greeted;
        let hello = hello.unwrap_or_default();
        let offers = |protocol: &[u8]| hello.alpn.iter().any(|offered| offered == protocol);
        let offer = Offer { http2: offers(b"h2"), http1: offers(b"http/1.1") };
        let name = Some(Arc::clone(&host.host));
        let origin = Origin::new(Arc::clone(&self.origins), asked.target, name, offer);
        let opened = if answering.is_none() { self.open(&origin).await } else { None };
        let alpn = opened.unwrap_or_else(|| best(offer));
        let unnamed = hello.sni.is_none().then_some(&host.host);
        let acceptor = self.client_side.acceptor(alpn, unnamed).map_err(io::Error::other)?;
        let started = Instant::now();
        let accepting = acceptor.accept(Prefixed::new(said, stream));
        let stream = Box::new(tokio::time::timeout(self.limits.client_tls, accepting).await??);
        self.observe_handshake("client", started.elapsed());
        tracing::debug!(alpn = alpn.as_str(), "the client's handshake is done");
        let handshake = Handshake {
            sni: hello.sni.map(Into::into),
            ja4: Some(hello.ja4.into()),
            client_tls: version_word(stream.get_ref().1.protocol_version()),
            client_alpn: alpn.as_str(),
        };
        let connection = ClientConnection::decrypted(asked.person, host, handshake, asked.permit);
        let in_force = Arc::clone(&self.in_force);
        let tunnel = Tunnel::new(connection, origin, in_force, Some(judged));
        Ok(Intercepted { stream, alpn, tunnel })
    }

    /// Dials and verifies the origin. None when that fails; the answer to the first request then says why.
    async fn open(&self, origin: &Origin) -> Option<Alpn> {
        match origin.open().await {
            Ok(connected) => {
                tracing::debug!(ip = ?connected.ip, alpn = connected.alpn.as_str(), "the origin is verified");
                self.observe_handshake("origin", connected.handshake);
                Some(connected.alpn)
            }
            Err(fault) => {
                tracing::debug!(error = %fault, "the origin cannot be opened");
                if let OriginFault::Tls(error) = &fault {
                    let reason = verify_word(error);
                    self.audit.metrics.verify_failures.get_or_create(&Reason { reason }).inc();
                }
                None
            }
        }
    }

    fn observe_handshake(&self, side: &'static str, took: Duration) {
        self.audit.metrics.handshake.get_or_create(&Side { side }).observe(took.as_secs_f64());
    }

    /// Plain HTTP inside CONNECT (`ws://` and old clients); anything else gets a 400 from the parser.
    async fn serve_plain(&self, decrypting: Decrypting) {
        let Decrypting { greeted, host, judged, .. } = decrypting;
        let Greeted { stream, said, asked, .. } = greeted;
        let origin = Origin::new(Arc::clone(&self.origins), asked.target, None, Offer::default());
        let connection = ClientConnection::plain(asked.person, Mode::ConnectPlain, host, asked.permit);
        let in_force = Arc::clone(&self.in_force);
        let tunnel = Tunnel::new(connection, origin, in_force, Some(judged));
        self.serve_http1(Prefixed::new(said, stream), tunnel).await;
    }
}

/// The best protocol that the client offers, where no origin has chosen one.
fn best(offer: Offer) -> Alpn {
    match offer {
        Offer { http2: true, .. } => Alpn::Http2,
        Offer { http1: true, .. } => Alpn::Http1,
        Offer { .. } => Alpn::None,
    }
}

/// Why a client broke off, as a bounded word and a sentence: an untrusted CA is the first thing an admin wants to know.
fn client_failure(error: &io::Error) -> (&'static str, String) {
    use rustls::{AlertDescription, Error};
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
    match inner {
        Some(Error::AlertReceived(
            AlertDescription::UnknownCA
            | AlertDescription::BadCertificate
            | AlertDescription::CertificateUnknown,
        )) => (
            "untrusted_ca",
            "the client does not trust the gateway's CA, or pins its server's certificate".into(),
        ),
        Some(Error::AlertReceived(alert)) => ("alert", format!("the client sent the alert {alert:?}")),
        Some(other) => ("protocol", other.to_string()),
        None if error.kind() == io::ErrorKind::TimedOut => {
            ("timeout", "it took too long (limits.tls_ms)".into())
        }
        None => ("closed", error.to_string()),
    }
}
