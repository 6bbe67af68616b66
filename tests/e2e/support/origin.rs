//! A TLS origin with known behaviour: HTTP/1.1 and HTTP/2.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio_rustls::TlsAcceptor;

type Error = Box<dyn std::error::Error + Send + Sync>;
type Reply = Response<UnsyncBoxBody<Bytes, Error>>;

/// What is wrong with the origin's certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Certificate {
    Good,
    Expired,
    OtherName,
}

/// A running origin; ends with its runtime.
#[derive(Debug)]
pub struct Origin {
    pub address: SocketAddr,
    pub ca: PathBuf,
    _dir: TempDir,
    _runtime: tokio::runtime::Runtime,
}

impl Origin {
    pub fn start() -> Self {
        Self::with(Certificate::Good)
    }

    pub fn with(certificate: Certificate) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let (config, ca_pem) = tls(certificate);
        let ca = dir.path().join("origin-ca.pem");
        std::fs::write(&ca, ca_pem).expect("written");
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("runtime");
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("bound");
        let address = listener.local_addr().expect("address");
        runtime.spawn(serve(listener, TlsAcceptor::from(Arc::new(config))));
        Self { address, ca, _dir: dir, _runtime: runtime }
    }

    pub fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.address.port())
    }
}

fn tls(certificate: Certificate) -> (rustls::ServerConfig, String) {
    use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, KeyUsagePurpose};
    let ca_key = KeyPair::generate().expect("key");
    let mut ca = CertificateParams::default();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    ca.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    ca.distinguished_name.push(rcgen::DnType::CommonName, "test origin CA");
    let ca_pem = ca.self_signed(&ca_key).expect("CA").pem();
    let issuer = Issuer::new(ca, ca_key);
    let name = if certificate == Certificate::OtherName { "other.example" } else { "localhost" };
    let names = vec![name.to_owned(), "app.vendor.example".to_owned()];
    let mut leaf = CertificateParams::new(names).expect("params");
    if certificate == Certificate::Expired {
        leaf.not_before = rcgen::date_time_ymd(2020, 1, 1);
        leaf.not_after = rcgen::date_time_ymd(2021, 1, 1);
    }
    let key = KeyPair::generate().expect("key");
    let cert = leaf.signed_by(&key, &issuer).expect("leaf");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(
            vec![cert.der().clone()],
            rustls::pki_types::PrivateKeyDer::Pkcs8(key.serialize_der().into()),
        )
        .expect("certificate");
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    (config, ca_pem)
}

async fn serve(listener: TcpListener, tls: TlsAcceptor) {
    let release = Arc::new(Notify::new());
    loop {
        let Ok((stream, _)) = listener.accept().await else { return };
        let (tls, release) = (tls.clone(), Arc::clone(&release));
        tokio::spawn(async move {
            let Ok(mut stream) = tls.accept(stream).await else { return };
            let h2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
            if stream.get_ref().1.server_name() == Some("cut.localhost") {
                drop(stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf").await);
                return;
            }
            let service = service_fn(move |request| answer(request, Arc::clone(&release)));
            let io = TokioIo::new(stream);
            if h2 {
                drop(http2::Builder::new(TokioExecutor::new()).serve_connection(io, service).await);
            } else {
                drop(http1::Builder::new().serve_connection(io, service).with_upgrades().await);
            }
        });
    }
}

fn full(status: StatusCode, media: &str, body: impl Into<Bytes>) -> Reply {
    let body = Full::new(body.into()).map_err(|never| match never {}).boxed_unsync();
    Response::builder().status(status).header("content-type", media).body(body).expect("a response")
}

async fn answer(mut request: Request<Incoming>, release: Arc<Notify>) -> Result<Reply, Infallible> {
    let path = request.uri().path().to_owned();
    Ok(match path.as_str() {
        "/page" => full(StatusCode::OK, "text/html", "<!doctype html><title>a page</title><p>hello"),
        "/sse" => {
            let events = Events { sent: 0, release: Box::pin(async move { release.notified().await }) };
            Response::builder()
                .header("content-type", "text/event-stream")
                .body(events.boxed_unsync())
                .expect("a response")
        }
        "/release" => {
            release.notify_one();
            full(StatusCode::OK, "text/plain", "released")
        }
        "/cut" => {
            let cut = Cut { polls: 0 };
            Response::builder().header("content-length", "100").body(cut.boxed_unsync()).expect("a response")
        }
        "/session" => {
            let mut reply = full(StatusCode::OK, "application/json", "{}");
            reply.headers_mut().insert("mcp-session-id", http::HeaderValue::from_static("s-1"));
            reply
        }
        "/ws" => upgrade(&mut request),
        _ if path.starts_with("/bytes/") => {
            let count: usize = path.trim_start_matches("/bytes/").parse().unwrap_or(0);
            full(StatusCode::OK, "application/octet-stream", vec![b'x'; count])
        }
        _ => {
            let headers: Vec<String> = request.headers().keys().map(ToString::to_string).collect();
            let length = request.into_body().collect().await.map(|body| body.to_bytes().len()).unwrap_or(0);
            let body = serde_json::json!({ "received": length, "headers": headers }).to_string();
            full(StatusCode::OK, "application/json", body)
        }
    })
}

/// An upgrade that echoes bytes, as a WebSocket server's transport does.
fn upgrade(request: &mut Request<Incoming>) -> Reply {
    let upgraded = hyper::upgrade::on(request);
    tokio::spawn(async move {
        let Ok(upgraded) = upgraded.await else { return };
        let (mut read, mut write) = tokio::io::split(TokioIo::new(upgraded));
        drop(tokio::io::copy(&mut read, &mut write).await);
    });
    let mut reply = full(StatusCode::SWITCHING_PROTOCOLS, "text/plain", "");
    reply.headers_mut().insert("upgrade", http::HeaderValue::from_static("websocket"));
    reply.headers_mut().insert("connection", http::HeaderValue::from_static("Upgrade"));
    reply
}

/// Two events; the second waits for `/release`.
struct Events {
    sent: u8,
    release: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Body for Events {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        self.sent += 1;
        match self.sent {
            1 => Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"data: first\n\n"))))),
            2 => {
                if self.release.as_mut().poll(cx).is_pending() {
                    self.sent = 1;
                    return Poll::Pending;
                }
                Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"data: second\n\n")))))
            }
            _ => Poll::Ready(None),
        }
    }
}

/// Ends in an error halfway.
struct Cut {
    polls: u8,
}

impl Body for Cut {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        self.polls += 1;
        match self.polls {
            1 => Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"half"))))),
            // Gives the connection the turns it needs to send what it has.
            2..8 => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            _ => Poll::Ready(Some(Err("cut".into()))),
        }
    }
}
