//! What the proxy port is made of.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use http::{HeaderMap, Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;

use crate::audit::Audit;
use crate::identity::{Person, Users};
use crate::inlet::{Admitted, Cause, Inlet};
use crate::proxy::exchange::Exchanges;
use crate::proxy::intercept::Intercept;
use crate::ruling::InForce;
use crate::wire::http::origin::Origins;
use crate::wire::http::{Body, Outgoing, serve};
use crate::wire::tasks::Tasks;

/// What connections to the proxy port need before they are tunnels.
#[derive(Debug)]
pub(crate) struct Front {
    /// Rules and policy.
    pub in_force: Arc<InForce>,
    /// Who may use the proxy; a reload replaces it.
    pub users: Arc<ArcSwap<Users>>,
    /// Ports that CONNECT may name, inclusive ranges.
    pub connect_ports: Vec<(u16, u16)>,
    /// Dials origins.
    pub origins: Arc<Origins>,
    /// The set-up pages.
    pub pages: Arc<dyn Inlet>,
    /// Where rows go.
    pub audit: Arc<Audit>,
    /// Decrypts tunnels.
    pub intercept: Arc<Intercept>,
    /// Serves requests.
    pub exchanges: Arc<Exchanges>,
    /// Limits on one connection.
    pub limits: FrontLimits,
    /// The tasks that serve connections.
    pub tasks: Tasks,
}

/// Limits on a connection before it is a tunnel, and while it is a spliced one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FrontLimits {
    /// HTTP limits.
    pub http: serve::Limits,
    /// Time for the client's first bytes after CONNECT and for its TLS hello (`limits.hello_ms`).
    pub hello: Duration,
    /// Time that a spliced tunnel may be silent (`limits.splice_idle_ms`).
    pub splice_idle: Duration,
}

impl Front {
    /// Hands a request to the set-up pages.
    pub(super) async fn set_up(
        &self,
        person: Person,
        request: Request<Incoming>,
        cause: Cause,
    ) -> Response<Body> {
        let request = request.map(|body| Outgoing::streaming(Box::pin(body.map_err(Into::into))));
        self.pages.serve(Admitted::new(request), person, cause).await
    }

    /// Who asks, or the answer that asks for a login.
    pub(super) async fn identify(
        &self,
        person: &Person,
        headers: &HeaderMap,
    ) -> Result<Person, Box<Response<Body>>> {
        let users = self.users.load_full();
        if !users.required() {
            return Ok(person.clone());
        }
        match users.identify(headers, person.ip).await {
            Ok(user) => Ok(Person { user: Some(user), ..person.clone() }),
            Err(error) => Err(Box::new(self.refuse_login(person, headers, error))),
        }
    }
}
