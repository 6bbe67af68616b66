//! How a request passes from one face to another. Faces do not know each other: each takes the inlets it needs, and `app`
//! fills them.

use std::fmt::Debug;
use std::pin::Pin;

use http::{Request, Response};

use crate::identity::Person;
use crate::wire::http::{Body, Outgoing};

/// The name that reaches the gateway's own pages through the proxy.
pub(crate) const OWN_NAME: &str = "daylight.internal";

/// True for [`OWN_NAME`].
pub(crate) fn names_gateway(host: &str) -> bool {
    host == OWN_NAME
}

/// A request that a face has let in: its head is whole, and its sender has logged in where the face asks for it.
#[derive(Debug)]
pub(crate) struct Admitted(Request<Outgoing>);

impl Admitted {
    /// Hands over a request.
    pub(crate) fn new(request: Request<Outgoing>) -> Self {
        Self(request)
    }

    /// The request, whose body has not been read.
    pub(crate) fn into_request(self) -> Request<Outgoing> {
        self.0
    }
}

/// Why a request is handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// It was sent straight to the proxy's port: the client does not use the proxy for it.
    Direct,
    /// It names [`OWN_NAME`], and came through the proxy without TLS.
    OwnName,
    /// It names [`OWN_NAME`], and came inside TLS that the gateway's CA signed: the client trusts the CA.
    OwnNameTrusted,
}

impl Cause {
    /// True when the client uses the proxy.
    pub(crate) fn is_proxied(self) -> bool {
        self != Self::Direct
    }

    /// True when the client has shown that it trusts the gateway's CA.
    pub(crate) fn is_trusted(self) -> bool {
        self == Self::OwnNameTrusted
    }
}

/// A face that serves requests which came in through another one.
pub(crate) trait Inlet: Debug + Send + Sync {
    /// Answers a request; every failure is a response, too.
    fn serve(&self, request: Admitted, person: Person, cause: Cause) -> Serving<'_>;
}

/// A response on its way.
pub(crate) type Serving<'a> = Pin<Box<dyn Future<Output = Response<Body>> + Send + 'a>>;
