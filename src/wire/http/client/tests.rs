use std::convert::Infallible;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use http::StatusCode;
use http::header::HOST;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use time::OffsetDateTime;
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::telemetry::Metrics;
use crate::telemetry::labels::Info;
use crate::wire::connect::{ConnectError, Connector, Outbound};
use crate::wire::net::forbidden::Class;
use crate::wire::net::resolve::{Hosts, Resolver};
use crate::wire::net::{DialError, Dialer, Forbidden};
use crate::wire::tls::upstream::{self, Offer};
use crate::wire::tls::{Alpn, Authority, ClientSide, Leafs, UpstreamTls, VerifyError};

const SOON: Duration = Duration::from_secs(5);
const NAME: &str = "service.example";

/// A client in the making, and what it counts.
struct Given {
    forbidden: Vec<Class>,
    roots: Vec<std::path::PathBuf>,
    limits: Limits,
    outbound: Arc<Outbound>,
}

impl Given {
    fn new() -> Self {
        let limits = Limits { deadline: SOON, answer_max_bytes: 1024, idle: SOON };
        Self { forbidden: Vec::new(), roots: Vec::new(), limits, outbound: Arc::default() }
    }

    fn client(&self) -> Client {
        let here: IpAddr = IpAddr::from([127, 0, 0, 1]);
        let resolver = Resolver::new(Hosts::from([(NAME.into(), Arc::from([here]))]), SOON);
        let dialer = Dialer::new(resolver, Forbidden(self.forbidden.clone()), Vec::new(), SOON);
        let tls = UpstreamTls::new(upstream::roots(&self.roots).unwrap(), SOON).unwrap();
        let connector = Connector::new(dialer, tls, "test", Arc::clone(&self.outbound));
        let connector = PoolConnector::new(Arc::new(connector), Offer { http2: true, http1: true });
        Client::new(connector, self.limits, &Tasks::default())
    }

    /// The samples of this client, without what stands in front of their labels.
    fn counted(&self) -> Vec<String> {
        let info = Info { version: "1", engine: "pure" };
        let text = Metrics::new(info, &[&*self.outbound]).render();
        let mut samples: Vec<String> = text
            .lines()
            .filter_map(|line| Some(line.split_once(r#"client="test",outcome="#)?.1.into()))
            .collect();
        samples.sort();
        samples
    }
}

fn get(uri: String) -> Request<Full<Bytes>> {
    Request::get(uri).body(Full::default()).unwrap()
}

/// Answers with the request's host and version; with as many bytes as `/bytes/N` asks for; never, to `/never`.
async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    if request.uri().path() == "/never" {
        std::future::pending::<()>().await;
    }
    if let Some(count) = request.uri().path().strip_prefix("/bytes/") {
        return Ok(Response::new(vec![b'x'; count.parse().unwrap()].into()));
    }
    let host = request.headers().get(HOST).map(|host| host.to_str().unwrap().to_owned());
    let text = format!("{:?} {}", request.version(), host.unwrap_or_default());
    Ok(Response::builder().status(StatusCode::IM_A_TEAPOT).body(text.into()).unwrap())
}

/// A service without TLS; gives its port.
async fn serve() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let http = hyper::server::conn::http1::Builder::new();
            tokio::spawn(http.serve_connection(TokioIo::new(stream), service_fn(answer)));
        }
    });
    port
}

/// A service that speaks HTTP/2 over TLS, with a certificate of the authority in `dir`.
async fn serve_tls(dir: &Path) -> u16 {
    let now = OffsetDateTime::now_utc();
    let leafs = Leafs::new(Authority::init(dir, now).unwrap(), now).unwrap();
    let acceptor = ClientSide::new(Arc::new(leafs)).unwrap().acceptor(Alpn::Http2, None).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let greet = move |stream: TcpStream| {
        let acceptor = acceptor.clone();
        async move {
            let Ok(stream) = acceptor.accept(stream).await else { return };
            let http = hyper::server::conn::http2::Builder::new(Tasks::default());
            http.serve_connection(TokioIo::new(stream), service_fn(answer)).await.unwrap();
        }
    };
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(greet(stream));
        }
    });
    port
}

#[tokio::test]
async fn a_second_request_uses_the_connection_of_the_first() {
    let (given, port) = (Given::new(), serve().await);
    let client = given.client();
    for _ in 0..2 {
        let answer = client.send(get(format!("http://{NAME}:{port}/"))).await.unwrap();
        assert_eq!(answer.status(), StatusCode::IM_A_TEAPOT);
        assert_eq!(*answer.body(), format!("HTTP/1.1 {NAME}:{port}"));
    }
    assert_eq!(given.counted(), [r#""answered"} 2"#, r#""opened"} 1"#, r#""reused"} 1"#]);
}

#[tokio::test]
async fn a_service_behind_tls_is_verified_and_may_speak_http2() {
    let dir = tempfile::tempdir().unwrap();
    let port = serve_tls(dir.path()).await;
    let stranger = Given::new();
    let refused = stranger.client().send(get(format!("https://{NAME}:{port}/"))).await.unwrap_err();
    let ClientError::Unreachable(PoolError::Connect(ConnectError::Tls(cause))) = refused else {
        panic!("{refused}")
    };
    assert!(matches!(cause, VerifyError::Certificate { kind: "unknown_issuer", .. }), "{cause}");
    assert_eq!(stranger.counted(), [r#""tls"} 1"#, r#""unreachable"} 1"#]);
    let given = Given { roots: vec![dir.path().join("ca.pem")], ..Given::new() };
    let answer = given.client().send(get(format!("https://{NAME}:{port}/"))).await.unwrap();
    assert_eq!(*answer.body(), "HTTP/2.0 ");
}

#[tokio::test]
async fn a_forbidden_address_is_not_connected_to_whatever_its_name() {
    let port = serve().await;
    let given = Given { forbidden: vec![Class::Loopback], ..Given::new() };
    for host in [NAME, "127.0.0.1", "[::ffff:127.0.0.1]"] {
        let refused = given.client().send(get(format!("http://{host}:{port}/"))).await.unwrap_err();
        let ClientError::Unreachable(PoolError::Connect(ConnectError::Dial(cause))) = refused else {
            panic!("{host}: {refused}")
        };
        assert!(matches!(cause, DialError::Forbidden { class: "loopback", .. }), "{host}: {cause}");
    }
    let other = given.client().send(get(format!("ftp://{NAME}/"))).await.unwrap_err();
    assert_eq!(other, ClientError::Unreachable(PoolError::Scheme));
}

#[tokio::test]
async fn an_answer_that_is_too_large_or_too_late_is_none() {
    let (mut given, port) = (Given::new(), serve().await);
    let client = given.client();
    let fits = client.send(get(format!("http://{NAME}:{port}/bytes/1024"))).await.unwrap();
    assert_eq!(fits.body().len(), 1024);
    let large = client.send(get(format!("http://{NAME}:{port}/bytes/1025"))).await.unwrap_err();
    assert_eq!(large, ClientError::TooLarge(1024));
    given.limits.deadline = Duration::from_millis(50);
    let late = given.client().send(get(format!("http://{NAME}:{port}/never"))).await.unwrap_err();
    assert_eq!(late, ClientError::TimedOut(given.limits.deadline));
}

#[tokio::test]
async fn a_service_that_does_not_speak_http_broke_the_exchange() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut stream, b"220 mail\r\n\r\n").await.unwrap();
    });
    let given = Given::new();
    let broken = given.client().send(get(format!("http://{NAME}:{port}/"))).await.unwrap_err();
    assert!(matches!(broken, ClientError::Broken(_)), "{broken:?}");
    assert_eq!(given.counted(), [r#""broken"} 1"#, r#""opened"} 1"#]);
}
