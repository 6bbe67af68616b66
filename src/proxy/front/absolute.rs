//! Plain `http://` requests in absolute form (RFC 9112, section 3.2.2).

use std::sync::Arc;

use http::{Request, Response};

use super::parts::Front;
use crate::audit::ClientConnection;
use crate::host::Destination;
use crate::identity::Person;
use crate::proxy::tunnel::Tunnel;
use crate::store::event::Mode;
use crate::wire::http::{Body, Origin};
use crate::wire::listener::ConnectionPermit;
use crate::wire::tls::upstream::Offer;

impl Front {
    /// The host that a request names, or the answer to one that names none that can be fetched.
    pub(super) fn absolute_target<B>(
        &self,
        person: &Person,
        request: &Request<B>,
    ) -> Result<Destination, Box<Response<Body>>> {
        if request.uri().scheme_str() != Some("http") {
            return Err(Box::new(self.refuse_scheme(person, request.headers())));
        }
        let authority = request.uri().authority().map(http::uri::Authority::as_str).unwrap_or_default();
        Destination::parse(authority, Some(80))
            .map_err(|bad| Box::new(self.refuse_target(person, request.headers(), bad)))
    }

    /// A tunnel without TLS, whose connection to the origin serves one request after the other.
    pub(super) fn plain_tunnel(
        &self,
        person: Person,
        destination: Destination,
        permit: Arc<ConnectionPermit>,
    ) -> Arc<Tunnel> {
        let origins = Arc::clone(&self.origins);
        let origin = Origin::new(origins, destination.clone(), None, Offer::default());
        let connection = ClientConnection::plain(person, Mode::Absolute, destination, permit);
        Tunnel::new(connection, origin, Arc::clone(&self.in_force), None)
    }
}
