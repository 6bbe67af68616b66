//! A connection to the proxy port: CONNECT, a request in absolute form, or one in origin form (which gets the set-up pages).

mod absolute;
mod connect;
mod parts;
mod refuse;
mod splice;

use std::convert::Infallible;
use std::future::pending;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::{Method, Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tracing::{Instrument as _, field};

use self::connect::Connect;
use super::tunnel::Tunnel;
use crate::host::Destination;
use crate::identity::Person;
use crate::inlet::{self, Cause};
use crate::wire::http::{Body, serve};
use crate::wire::listener::{Accepted, ConnectionPermit};

pub(crate) use parts::{Front, FrontLimits};

/// One connection to the proxy port.
#[derive(Debug)]
struct Visit {
    front: Arc<Front>,
    /// Who, before any login.
    person: Person,
    permit: Arc<ConnectionPermit>,
    led: Mutex<Led>,
}

/// What the requests of a connection have led to so far.
#[derive(Debug, Default)]
enum Led {
    /// Nothing that is kept.
    #[default]
    Nowhere,
    /// An `http://` host; its tunnel is kept as long as requests name the same host.
    Host(Arc<Tunnel>),
    /// A CONNECT that was answered with 200; no request follows it.
    Connect(Box<Connect>),
}

/// Serves one connection to its end.
pub(crate) async fn serve(front: Arc<Front>, accepted: Accepted) {
    let Accepted { stream, peer, permit } = accepted;
    let person = Person { ip: peer.ip(), local: stream.local_addr().ok(), user: None };
    let visit = Arc::new(Visit { front, person, permit, led: Mutex::default() });
    let span = tracing::debug_span!("connection", client = %peer, event_id = field::Empty, to = field::Empty);
    let serving = async {
        tracing::debug!("accepted");
        // Each step is boxed, so that a connection that falls idle holds only the step it is in.
        if let Some(connect) = Box::pin(visit.serve_requests(stream)).await
            && let Some(decrypting) = Box::pin(connect.decide(&visit.front)).await
        {
            Box::pin(Arc::clone(&visit.front.intercept).serve(decrypting)).await;
        }
        tracing::debug!("closed");
    };
    serving.instrument(span).await;
}

impl Visit {
    /// Serves requests until the connection ends, or becomes a tunnel.
    async fn serve_requests(self: &Arc<Self>, stream: TcpStream) -> Option<Box<Connect>> {
        let front = &self.front;
        let service = service_fn(|request| {
            let visit = Arc::clone(self);
            async move { Ok::<_, Infallible>(Box::pin(visit.serve_request(request)).await) }
        });
        let connection =
            serve::http1(&front.limits.http).serve_connection(TokioIo::new(stream), service).with_upgrades();
        let connection = pin!(connection);
        let finish = http1::UpgradeableConnection::graceful_shutdown;
        let ran = serve::run(connection, finish, pending(), &front.tasks).await;
        if let Err(error) = ran {
            front.unreadable(&self.person, &error);
        }
        match std::mem::take(&mut *self.led()) {
            Led::Connect(connect) => Some(connect),
            Led::Nowhere | Led::Host(_) => None,
        }
    }

    async fn serve_request(self: Arc<Self>, mut request: Request<Incoming>) -> Response<Body> {
        let front = &self.front;
        let is_absolute = request.uri().authority().is_some();
        if request.method() != Method::CONNECT && !is_absolute {
            return front.set_up(self.person.clone(), request, Cause::Direct).await;
        }
        let person = match front.identify(&self.person, request.headers()).await {
            Ok(person) => person,
            Err(answer) => return *answer,
        };
        if request.method() != Method::CONNECT {
            return self.serve_absolute(person, request).await;
        }
        let upgrade = hyper::upgrade::on(&mut request);
        match front.connect(person, &request, upgrade, Arc::clone(&self.permit)).await {
            Ok(connect) => {
                *self.led() = Led::Connect(connect);
                Response::new(Body::Empty)
            }
            Err(answer) => *answer,
        }
    }

    async fn serve_absolute(&self, person: Person, request: Request<Incoming>) -> Response<Body> {
        let front = &self.front;
        let destination = match front.absolute_target(&person, &request) {
            Ok(destination) => destination,
            Err(answer) => return *answer,
        };
        if inlet::names_gateway(&destination.host) {
            return front.set_up(person, request, Cause::OwnName).await;
        }
        let tunnel = self.tunnel_to(person, destination);
        front.exchanges.serve(&tunnel, request).await
    }

    /// The tunnel of the request before, when that was for the same host and from the same user.
    fn tunnel_to(&self, person: Person, destination: Destination) -> Arc<Tunnel> {
        let mut led = self.led();
        if let Led::Host(tunnel) = &*led
            && tunnel.connection.destination == destination
            && tunnel.connection.person.user == person.user
        {
            return Arc::clone(tunnel);
        }
        let tunnel = self.front.plain_tunnel(person, destination, Arc::clone(&self.permit));
        *led = Led::Host(Arc::clone(&tunnel));
        tunnel
    }

    fn led(&self) -> MutexGuard<'_, Led> {
        self.led.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
