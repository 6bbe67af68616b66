//! The requests of a decrypted tunnel, over HTTP/1.1 and HTTP/2.

use std::convert::Infallible;
use std::future::pending;
use std::pin::pin;
use std::sync::Arc;

use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use uuid::Uuid;

use super::Intercept;
use crate::clock::now_us;
use crate::inlet::{self, Admitted, Cause};
use crate::proxy::tunnel::Tunnel;
use crate::proxy::unreadable::Unreadable;
use crate::store::event::{Event, Failure, Mode};
use crate::telemetry::labels::Reason;
use crate::verdict::Blame;
use crate::wire::http::{Body, Outgoing, serve};

impl Intercept {
    pub(super) async fn serve_http1<S>(&self, stream: S, tunnel: Arc<Tunnel>)
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let service = service_fn(|request| Box::pin(self.serve_request(&tunnel, request)));
        let connection =
            serve::http1(&self.limits.http).serve_connection(TokioIo::new(stream), service).with_upgrades();
        let connection = pin!(connection);
        // The parser's own time for a head covers the idle time before it.
        let finish = http1::UpgradeableConnection::graceful_shutdown;
        let ran = serve::run(connection, finish, pending(), &self.tasks).await;
        if let Err(error) = ran {
            self.unreadable(&tunnel, &error);
        }
    }

    pub(super) async fn serve_http2<S>(self: &Arc<Self>, stream: S, tunnel: Arc<Tunnel>)
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let (intercept, of_tunnel) = (Arc::clone(self), Arc::clone(&tunnel));
        // Boxed: a stream's task moves its future from stage to stage.
        let service = service_fn(move |request| {
            let (intercept, tunnel) = (Arc::clone(&intercept), Arc::clone(&of_tunnel));
            Box::pin(async move { intercept.serve_request(&tunnel, request).await })
        });
        let builder = serve::http2(&self.limits.http, self.tasks.clone());
        let connection = builder.serve_connection(TokioIo::new(stream), service);
        let connection = pin!(connection);
        // The record of every exchange keeps the connection, to the end of the response's body.
        let at_rest = Arc::strong_count(&tunnel.connection);
        let idle = async {
            let is_at_rest = || Arc::strong_count(&tunnel.connection) <= at_rest;
            serve::idle(self.limits.http.idle, || is_at_rest().then(|| tunnel.requests())).await;
            self.audit.metrics.limit("idle_ms");
        };
        let ran = serve::run(connection, http2::Connection::graceful_shutdown, idle, &self.tasks).await;
        if let Err(error) = ran {
            self.unreadable(&tunnel, &error);
        }
    }

    async fn serve_request(
        &self,
        tunnel: &Arc<Tunnel>,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, Infallible> {
        tunnel.count_request();
        let connection = &tunnel.connection;
        if inlet::names_gateway(&connection.destination.host) {
            let is_trusted = connection.mode == Mode::Intercept;
            let cause = if is_trusted { Cause::OwnNameTrusted } else { Cause::OwnName };
            let request = request.map(|body| Outgoing::streaming(Box::pin(body.map_err(Into::into))));
            return Ok(self.pages.serve(Admitted::new(request), connection.person.clone(), cause).await);
        }
        Ok(self.exchanges.serve(tunnel, request).await)
    }

    /// Records a connection that broke the protocol inside a tunnel; hyper has answered 400 or 431 already.
    fn unreadable(&self, tunnel: &Tunnel, error: &hyper::Error) {
        let Some(unreadable) = Unreadable::of(error) else { return };
        unreadable.count(&self.audit.metrics);
        let word = unreadable.as_str();
        self.audit.metrics.framing_refused.get_or_create(&Reason { reason: word }).inc();
        self.audit.write(Event {
            time_us: now_us(),
            id: Uuid::now_v7(),
            status: unreadable.status(),
            reason: "the request could not be read".into(),
            failure: Some(Failure::new(Blame::Client, error)),
            rule_set: self.in_force.load().rules.hash.clone(),
            ..tunnel.connection.row(&self.audit)
        });
    }
}
