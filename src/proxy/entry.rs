//! A connection to the proxy port: CONNECT, absolute form, or origin form (which gets the onboarding pages).

use std::convert::Infallible;
use std::future::pending;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use http::{HeaderMap, Method, Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::upgrade::{OnUpgrade, Parts};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::decide::{Decided, bypassed, decide};
use super::exchange::exchange;
use super::gateway::Gateway;
use super::greet::{Entered, Greeted, greet};
use super::intercept::intercept;
use super::splice::{Spliced, tunnel_event};
use super::{Client, Handshake, Target, Tunnel, reply};
use crate::clock::{now_s, now_us};
use crate::host::Destination;
use crate::setup;
use crate::store::event::{Event, Failure, Mode};
use crate::wire::http::{Body, Origin, OriginFault, serve};
use crate::wire::listener::Accepted;
use crate::wire::tls::upstream::Offer;

/// Serves one connection to the proxy port, to its end.
pub async fn serve(gateway: Arc<Gateway>, accepted: Accepted) {
    let Accepted { stream, peer, place } = accepted;
    let client = Client { ip: peer.ip(), local: stream.local_addr().ok(), user: None, place };
    let front = Arc::new(Front { gateway: Arc::clone(&gateway), client, next: Mutex::default() });
    if let Some(connect) = Box::pin(serve_front(&front, stream)).await
        && let Some((greeted, host)) = Box::pin(tunnel(&gateway, connect)).await
    {
        Box::pin(intercept(Arc::clone(&gateway), greeted, host)).await;
    }
}

/// One connection before it becomes a tunnel.
struct Front {
    gateway: Arc<Gateway>,
    /// Who, before any login.
    client: Client,
    next: Mutex<Next>,
}

/// What the requests of the connection lead to.
#[derive(Default)]
struct Next {
    connect: Option<Connect>,
    /// The last absolute-form destination, whose origin connection is kept.
    absolute: Option<Arc<Tunnel>>,
}

/// A CONNECT that was answered with 200.
struct Connect {
    upgrade: OnUpgrade,
    client: Client,
    destination: Destination,
    at_us: i64,
    /// Dialled before the 200, when the target is bypassed.
    bypass: Option<(Arc<str>, TcpStream, u64)>,
}

async fn serve_front(front: &Arc<Front>, stream: TcpStream) -> Option<Connect> {
    let gateway = &front.gateway;
    let service = service_fn(|request| {
        let front = Arc::clone(front);
        async move { Ok::<_, Infallible>(Box::pin(enter(front, request)).await) }
    });
    let connection =
        serve::http1(&gateway.limits.http).serve_connection(TokioIo::new(stream), service).with_upgrades();
    let connection = pin!(connection);
    let finish = http1::UpgradeableConnection::graceful_shutdown;
    let ran = serve::run(connection, finish, pending(), &gateway.tasks).await;
    if let Err(error) = ran {
        reply::front_failed(gateway, &front.client, &error);
    }
    front.next.lock().unwrap_or_else(PoisonError::into_inner).connect.take()
}

async fn enter(front: Arc<Front>, mut request: Request<Incoming>) -> Response<Body> {
    let gateway = &front.gateway;
    let absolute = request.uri().authority().is_some();
    if request.method() != Method::CONNECT && !absolute {
        return reply::onboarding(gateway, &front.client, &request, setup::Reached::Direct);
    }
    let client = match identify(gateway, &front.client, request.headers()).await {
        Ok(client) => client,
        Err(answer) => return answer,
    };
    if request.method() == Method::CONNECT {
        let upgrade = hyper::upgrade::on(&mut request);
        return match connect(gateway, client, &request, upgrade).await {
            Ok(connect) => {
                front.next.lock().unwrap_or_else(PoisonError::into_inner).connect = Some(connect);
                Response::new(Body::Empty)
            }
            Err(answer) => *answer,
        };
    }
    forward_absolute(&front, client, request).await
}

async fn identify(gateway: &Gateway, client: &Client, headers: &HeaderMap) -> Result<Client, Response<Body>> {
    let ruling = gateway.ruling.load_full();
    if !ruling.users.required() {
        return Ok(client.clone());
    }
    let error = match ruling.users.identify(headers, client.ip).await {
        Ok(user) => return Ok(Client { user: Some(user), ..client.clone() }),
        Err(error) => error,
    };
    gateway.metrics.auth_failures.inc();
    Err(reply::log_in(gateway, client, headers, error))
}

/// Checks a CONNECT; a bypassed target is dialled now, so that a failure can be said honestly.
async fn connect(
    gateway: &Arc<Gateway>,
    client: Client,
    request: &Request<Incoming>,
    upgrade: OnUpgrade,
) -> Result<Connect, Box<Response<Body>>> {
    let at_us = now_us();
    let authority = request.uri().authority().map(http::uri::Authority::as_str).unwrap_or_default();
    let destination = Destination::parse(authority, None)
        .map_err(|bad| Box::new(reply::bad_target(gateway, &client, request.headers(), bad)))?;
    if !gateway.allows_port(destination.port) {
        return Err(Box::new(reply::port_denied(gateway, &client, &destination, request.headers())));
    }
    if !gateway.journal.accepts() {
        return Err(Box::new(reply::closed_for_recording(gateway, request.headers())));
    }
    let mut bypass = None;
    if let Some(reason) = bypassed(gateway, &destination, now_s()) {
        let started = Instant::now();
        let dialled = gateway.origins.connector.dial(&destination).await;
        let dialled = dialled.map_err(|error| {
            let fault = OriginFault::Dial(error);
            Box::new(reply::dial_failed(gateway, &client, &destination, request.headers(), &fault))
        })?;
        let dial_us = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
        bypass = Some((reason, dialled.stream, dial_us));
    }
    Ok(Connect { upgrade, client, destination, at_us, bypass })
}

/// The tunnel after its 200: spliced here to its end, or handed back to be intercepted under the host's name.
async fn tunnel(gateway: &Arc<Gateway>, connect: Connect) -> Option<(Box<Greeted>, Destination)> {
    let Connect { upgrade, client, destination, at_us, bypass } = connect;
    let upgraded = upgrade.await.ok()?;
    let Parts { io, read_buf, .. } = upgraded.downcast::<TokioIo<TcpStream>>().ok()?;
    let entered = Entered { stream: io.into_inner(), already: read_buf, client, destination, at_us };
    let greeted = match greet(entered, gateway).await {
        Ok(greeted) => greeted,
        Err(silent) => {
            never_spoke(gateway, silent.0, bypass, silent.1).await;
            return None;
        }
    };
    let decided = decide(gateway, &greeted, now_s());
    match (decided, bypass) {
        (Decided::Bypass { reason }, Some((_, origin_stream, dial_us))) => {
            spliced(greeted, reason, origin_stream, dial_us).run(gateway).await;
            None
        }
        (Decided::Bypass { .. }, None) => {
            // The list changed between CONNECT and hello; the next CONNECT will be bypassed.
            let host = greeted.destination.clone();
            Some((Box::new(greeted), host))
        }
        (Decided::Intercept { host }, _) => Some((Box::new(greeted), host)),
    }
}

fn spliced(greeted: Greeted, reason: Arc<str>, origin_stream: TcpStream, dial_us: u64) -> Spliced {
    let (sni, ja4) = greeted.hello.map(|hello| (hello.sni, Some(hello.ja4))).unwrap_or_default();
    let Greeted { stream, said, client, destination, at_us, .. } = greeted;
    Spliced {
        client_stream: stream,
        said,
        origin_stream,
        client,
        destination,
        sni,
        ja4,
        reason,
        at_us,
        dial_us,
    }
}

/// A bypassed origin may be the one that speaks first; every other silent tunnel ends here.
async fn never_spoke(
    gateway: &Arc<Gateway>,
    entered: Entered,
    bypass: Option<(Arc<str>, TcpStream, u64)>,
    why: Failure,
) {
    let Entered { stream, client, destination, at_us, already } = entered;
    // What a client has said must have been checked against the list.
    if let Some((reason, origin_stream, dial_us)) = bypass.filter(|_| already.is_empty()) {
        let greeted = Greeted { stream, said: already, hello: None, client, destination, at_us };
        return spliced(greeted, reason, origin_stream, dial_us).run(gateway).await;
    }
    let event = tunnel_event(gateway, &client, &destination, at_us);
    let reason = "the tunnel never became an exchange".into();
    gateway.journal.append(Event { reason, failure: Some(why), ..event });
}

/// A plain `http://` request; the origin's connection is kept while the client stays with one host.
async fn forward_absolute(front: &Arc<Front>, client: Client, request: Request<Incoming>) -> Response<Body> {
    let gateway = &front.gateway;
    if request.uri().scheme_str() != Some("http") {
        return reply::bad_scheme(gateway, &client, request.headers());
    }
    let authority = request.uri().authority().map(http::uri::Authority::as_str).unwrap_or_default();
    let destination = match Destination::parse(authority, Some(80)) {
        Ok(destination) => destination,
        Err(bad) => return reply::bad_target(gateway, &client, request.headers(), bad),
    };
    if setup::is_ours(&destination.host) {
        return reply::onboarding(gateway, &client, &request, setup::Reached::Proxied);
    }
    let kept = front.next.lock().unwrap_or_else(PoisonError::into_inner).absolute.clone();
    let same = |tunnel: &Arc<Tunnel>| tunnel.destination == destination && tunnel.client.user == client.user;
    let tunnel = match kept.filter(same) {
        Some(tunnel) => tunnel,
        None => {
            let origins = Arc::clone(&gateway.origins);
            let origin = Origin::new(origins, destination.clone(), None, Offer::default());
            let target = Target { mode: Mode::Absolute, destination, scheme: "http" };
            let fresh =
                Arc::new(Tunnel::new(Arc::clone(gateway), client, target, Handshake::default(), origin));
            front.next.lock().unwrap_or_else(PoisonError::into_inner).absolute = Some(Arc::clone(&fresh));
            fresh
        }
    };
    exchange(tunnel, request).await
}
