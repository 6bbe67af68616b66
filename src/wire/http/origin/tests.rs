use http_body_util::{BodyExt, Channel};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::head_deadline::CHECKS;
use super::sender::IDLE_MIN;
use http::Request;

use super::*;
use crate::wire::net::resolve::{Hosts, Resolver};
use crate::wire::net::{DialError, Dialer, Forbidden};
use crate::wire::tls::{UpstreamTls, upstream};

fn origin(port: u16, response_head: Duration) -> Origin {
    let limit = Duration::from_secs(5);
    let resolver = Resolver::new(Hosts::new(), limit);
    let dialer = Dialer::new(resolver, Forbidden::default(), Vec::new(), limit);
    let roots = upstream::roots(&[]).unwrap();
    let tls = UpstreamTls::new(roots, Duration::from_secs(5)).unwrap();
    let connector = Connector::new(dialer, tls, "origin", Arc::default());
    let origins = Arc::new(Origins { connector, tasks: Tasks::default(), response_head });
    let to = Destination::parse(&format!("127.0.0.1:{port}"), None).unwrap();
    Origin::new(origins, to, None, Offer::default())
}

/// As a tunnel to the request's host would admit it.
fn guarded(request: Request<Outgoing>) -> Guarded<Outgoing> {
    let host = Destination::parse("a.example:80", None).unwrap();
    crate::wire::http::guard::check(request, &host).unwrap()
}

fn get() -> Request<Outgoing> {
    let mut request = Request::new(Outgoing::empty());
    *request.uri_mut() = "http://a.example/".parse().unwrap();
    request
}

/// Answers every request on every connection, but not the `nth` of a connection: there it closes.
async fn serve(listener: TcpListener, nth: usize) {
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        tokio::spawn(async move {
            let mut bytes = [0; 4096];
            for count in 1.. {
                if stream.read(&mut bytes).await.unwrap_or(0) == 0 || count == nth {
                    return;
                }
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.unwrap();
            }
        });
    }
}

#[tokio::test]
async fn a_failure_to_open_is_told_once_and_then_tried_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let origin = origin(address.port(), Duration::from_secs(5));
    let refused = OriginFault::Dial(DialError::Refused);
    assert_eq!(origin.open().await.unwrap_err(), refused);
    let listener = TcpListener::bind(address).await.unwrap();
    tokio::spawn(serve(listener, 0));
    assert_eq!(
        origin.send(guarded(get())).await.unwrap_err(),
        refused,
        "what the client's handshake was finished with"
    );
    assert_eq!(origin.send(guarded(get())).await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_safe_request_survives_an_origin_that_closes_an_idle_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = origin(listener.local_addr().unwrap().port(), Duration::from_secs(5));
    tokio::spawn(serve(listener, 2));
    for _ in 0..4 {
        if let Slot::Idle(sender, _) = &mut *origin.slot() {
            sender.used = Instant::now().checked_sub(2 * IDLE_MIN);
        }
        let answer = origin.send(guarded(get())).await.unwrap();
        assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "ok");
    }
    let mut post = get();
    *post.method_mut() = http::Method::POST;
    assert!(
        matches!(origin.send(guarded(post)).await, Err(OriginFault::Incomplete(_))),
        "it may have had its effect"
    );
}

#[tokio::test(start_paused = true)]
async fn an_upload_may_take_long_as_long_as_it_moves() {
    let (here, there) = (Duration::from_secs(10), Duration::from_secs(7));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let (mut bytes, mut all) = ([0; 4096], Vec::new());
        while !all.ends_with(b"0\r\n\r\n") {
            let count = stream.read(&mut bytes).await.unwrap();
            all.extend_from_slice(&bytes[..count]);
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
        // Reads on, so that the next request meets silence.
        while stream.read(&mut bytes).await.unwrap_or(0) > 0 {}
    });
    let origin = origin(port, here);
    let (mut pieces, body) = Channel::new(1);
    let mut upload = get();
    *upload.method_mut() = http::Method::PUT;
    *upload.body_mut() = Outgoing::streaming(Box::pin(body));
    let slowly = async {
        for _ in 0..5 {
            pieces.send_data("piece".into()).await.unwrap();
            tokio::time::sleep(there).await;
        }
        drop(pieces);
    };
    let (answer, ()) = tokio::join!(origin.send(guarded(upload)), slowly);
    assert_eq!(answer.unwrap().status(), 200);
    assert_eq!(origin.send(guarded(get())).await.unwrap_err(), OriginFault::Silent);
}

#[tokio::test(start_paused = true)]
async fn a_silent_origin_is_given_up_when_the_request_has_not_moved_for_the_time_of_a_head() {
    let limit = Duration::from_secs(8);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = origin(listener.local_addr().unwrap().port(), limit);
    let mut post = get();
    *post.method_mut() = http::Method::POST;
    *post.body_mut() = Outgoing::streaming(Box::pin(crate::wire::http::Body::Full("all of it".into())));
    for (request, longest) in [(get(), limit), (post, limit + limit / CHECKS)] {
        let started = tokio::time::Instant::now();
        assert_eq!(origin.send(guarded(request)).await.unwrap_err(), OriginFault::Silent);
        let waited = started.elapsed();
        assert!(waited >= limit && waited < longest + Duration::from_millis(50), "{waited:?}");
    }
}
