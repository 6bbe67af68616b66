//! A decrypted tunnel: the origin first, then the client's handshake with the origin's protocol, then exchanges.

use std::convert::Infallible;
use std::future::pending;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Instant;

use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use super::exchange::exchange;
use super::gateway::Gateway;
use super::greet::Greeted;
use super::splice::tunnel_event;
use super::{Handshake, Target, Tunnel, reply};
use crate::host::Destination;
use crate::setup;
use crate::store::event::{Event, Failure, Mode};
use crate::telemetry::labels::{Decision, Reason, Side};
use crate::verdict::Blame;
use crate::wire::http::{Origin, OriginFault, serve};
use crate::wire::net::Prefixed;
use crate::wire::tls::upstream::Offer;
use crate::wire::tls::{Alpn, version_word};

/// A client whose TLS ends here, and the tunnel it is served from.
struct Intercepted {
    stream: Box<TlsStream<Prefixed<TcpStream>>>,
    alpn: Alpn,
    tunnel: Arc<Tunnel>,
}

/// Decrypts and serves a tunnel; `host` is the name its requests must use.
///
/// Each step is boxed, so that a connection that falls idle holds only the step it is in.
pub async fn intercept(gateway: Arc<Gateway>, greeted: Box<Greeted>, host: Destination) {
    if greeted.hello.is_none() {
        return Box::pin(plain(gateway, *greeted)).await;
    }
    let Some(Intercepted { stream, alpn, tunnel }) = Box::pin(begin(gateway, *greeted, host)).await else {
        return;
    };
    match alpn {
        Alpn::Http2 => Box::pin(serve_http2(stream, tunnel)).await,
        Alpn::Http1 | Alpn::None => Box::pin(serve_http1(stream, tunnel)).await,
    }
}

/// The handshake, or the event of a handshake that failed.
async fn begin(gateway: Arc<Gateway>, greeted: Greeted, host: Destination) -> Option<Intercepted> {
    let (client, destination, at_us) = (greeted.client.clone(), greeted.destination.clone(), greeted.at_us);
    let error = match handshake(&gateway, greeted, host).await {
        Ok(intercepted) => return Some(intercepted),
        Err(error) => error,
    };
    let (reason, sentence) = client_failure(&error);
    if reason == "timeout" {
        gateway.metrics.limit("tls_ms");
    }
    gateway.metrics.client_handshake_failures.get_or_create(&Reason { reason }).inc();
    let event = tunnel_event(&gateway, &client, &destination, at_us);
    let failure = Some(Failure::new(Blame::Client, format_args!("the TLS handshake failed: {sentence}")));
    gateway.journal.append(Event { reason: "the tunnel never became an exchange".into(), failure, ..event });
    None
}

/// Opens the origin (unless names alone decide against it), then answers the client's hello in kind.
async fn handshake(gateway: &Arc<Gateway>, greeted: Greeted, host: Destination) -> io::Result<Intercepted> {
    let Greeted { stream, said, hello, client, destination, .. } = greeted;
    let hello = hello.unwrap_or_default();
    let offers = |protocol: &[u8]| hello.alpn.iter().any(|offered| offered == protocol);
    let offer = Offer { http2: offers(b"h2"), http1: offers(b"http/1.1") };
    let origins = Arc::clone(&gateway.origins);
    let origin = Origin::new(origins, destination.clone(), Some(Arc::clone(&host.host)), offer);
    let facts =
        Handshake { sni: hello.sni.map(Into::into), ja4: Some(hello.ja4.into()), ..Handshake::default() };
    let target = Target { mode: Mode::Intercept, destination: host, scheme: "https" };
    let mut tunnel = Tunnel::new(Arc::clone(gateway), client, target, facts, origin);
    let alpn = match open(&tunnel).await {
        Some(alpn) => alpn,
        None if offer.http2 => Alpn::Http2,
        None if offer.http1 => Alpn::Http1,
        None => Alpn::None,
    };
    let unnamed = tunnel.handshake.sni.is_none().then_some(&tunnel.destination.host);
    let acceptor = gateway.client_side.acceptor(alpn, unnamed).map_err(io::Error::other)?;
    let started = Instant::now();
    let accepting = acceptor.accept(Prefixed::new(said, stream));
    let stream = Box::new(tokio::time::timeout(gateway.limits.client_tls, accepting).await??);
    gateway
        .metrics
        .handshake
        .get_or_create(&Side { side: "client" })
        .observe(started.elapsed().as_secs_f64());
    tunnel.handshake.client_tls = version_word(stream.get_ref().1.protocol_version());
    tunnel.handshake.client_alpn = alpn.as_str();
    Ok(Intercepted { stream, alpn, tunnel: Arc::new(tunnel) })
}

/// Dials and verifies the origin; none when nothing was dialled or nothing answered, which the exchange will say.
async fn open(tunnel: &Tunnel) -> Option<Alpn> {
    if setup::is_ours(&tunnel.destination.host) {
        return None;
    }
    let judged = tunnel.judged();
    let names_decide = judged.named.matches();
    let metrics = &tunnel.gateway.metrics;
    if judged.ruling.policy.judge(&names_decide, judged.approved.as_ref()).answers() {
        metrics.tunnels.get_or_create(&Decision { decision: "block" }).inc();
        return None;
    }
    metrics.tunnels.get_or_create(&Decision { decision: "inspect" }).inc();
    match tunnel.origin.open().await {
        Ok(connected) => {
            metrics
                .handshake
                .get_or_create(&Side { side: "origin" })
                .observe(connected.handshake.as_secs_f64());
            Some(connected.alpn)
        }
        Err(fault) => {
            if let OriginFault::Tls(error) = &fault {
                metrics.verify_failures.get_or_create(&Reason { reason: reply::verify_word(error) }).inc();
            }
            None
        }
    }
}

/// Plain HTTP inside CONNECT (`ws://` and old clients); anything else gets a 400 from the parser.
async fn plain(gateway: Arc<Gateway>, greeted: Greeted) {
    gateway.metrics.tunnels.get_or_create(&Decision { decision: "inspect" }).inc();
    let Greeted { stream, said, client, destination, .. } = greeted;
    let origins = Arc::clone(&gateway.origins);
    let origin = Origin::new(origins, destination.clone(), None, Offer::default());
    let target = Target { mode: Mode::ConnectPlain, destination, scheme: "http" };
    let tunnel = Arc::new(Tunnel::new(gateway, client, target, Handshake::default(), origin));
    serve_http1(Prefixed::new(said, stream), tunnel).await;
}

async fn serve_http1<S>(stream: S, tunnel: Arc<Tunnel>)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let gateway = Arc::clone(&tunnel.gateway);
    let service = service_fn(|request| Box::pin(serve_one(Arc::clone(&tunnel), request)));
    let connection =
        serve::http1(&gateway.limits.http).serve_connection(TokioIo::new(stream), service).with_upgrades();
    let connection = pin!(connection);
    // The parser's own time for a head covers the idle time before it.
    let finish = http1::UpgradeableConnection::graceful_shutdown;
    let ran = serve::run(connection, finish, pending(), &gateway.tasks).await;
    if let Err(error) = ran {
        reply::connection_failed(&tunnel, &error);
    }
}

async fn serve_http2<S>(stream: S, tunnel: Arc<Tunnel>)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let gateway = Arc::clone(&tunnel.gateway);
    let of_tunnel = Arc::clone(&tunnel);
    // Boxed: a stream's task moves its future from stage to stage.
    let service = service_fn(move |request| Box::pin(serve_one(Arc::clone(&of_tunnel), request)));
    let builder = serve::http2(&gateway.limits.http, gateway.tasks.clone());
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    let connection = pin!(connection);
    // Every exchange keeps the tunnel, its response's body included.
    let quiet = Arc::strong_count(&tunnel);
    let idle = async {
        let activity = || (Arc::strong_count(&tunnel) <= quiet).then(|| tunnel.asked());
        serve::idle(gateway.limits.http.idle, activity).await;
        gateway.metrics.limit("idle_ms");
    };
    let ran = serve::run(connection, http2::Connection::graceful_shutdown, idle, &gateway.tasks).await;
    if let Err(error) = ran {
        reply::connection_failed(&tunnel, &error);
    }
}

async fn serve_one(
    tunnel: Arc<Tunnel>,
    request: Request<Incoming>,
) -> Result<http::Response<crate::wire::http::Body>, Infallible> {
    tunnel.ask();
    if setup::is_ours(&tunnel.destination.host) {
        let reached = if tunnel.mode == Mode::Intercept {
            setup::Reached::Intercepted
        } else {
            setup::Reached::Proxied
        };
        return Ok(reply::onboarding(&tunnel.gateway, &tunnel.client, &request, reached));
    }
    Ok(exchange(tunnel, request).await)
}

/// Why a client broke off: an untrusted CA is the first thing an admin wants to know.
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
