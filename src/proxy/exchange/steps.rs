//! The types between the steps of an exchange.

use http::response::Parts;
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;

use crate::answers::Asker;
use crate::audit::Record;
use crate::wire::http::guard::Guarded;
use crate::wire::http::{OriginFault, Outgoing};

/// A guarded request whose record is open.
#[derive(Debug)]
pub(super) struct Recorded {
    pub(super) request: Guarded<Incoming>,
    pub(super) record: Box<Record>,
    /// The client's half of a WebSocket's upgrade.
    pub(super) upgrade: Option<OnUpgrade>,
}

/// A request that is answered in the origin's place; its record says with what.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) record: Box<Record>,
    pub(super) asker: Asker,
    /// What is still to come of the request's body.
    pub(super) unread: Unread,
}

/// What is still to come of the body of a request that is answered in the origin's place.
#[derive(Debug)]
pub(super) enum Unread {
    /// Nothing.
    None,
    /// It comes, and has to be taken in before the answer.
    Coming(Outgoing),
    /// The client waits with it until it gets `100 Continue`. It is kept until the answer is there: dropping it would close
    /// the connection at once.
    Waiting(Outgoing),
}

/// A request whose own body broke off.
#[derive(Debug)]
pub(super) struct Broken {
    pub(super) record: Box<Record>,
    pub(super) asker: Asker,
    pub(super) fault: OriginFault,
}

/// A response's head from the origin, with the body that is still to come.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) head: Parts,
    pub(super) body: Incoming,
    pub(super) record: Box<Record>,
    pub(super) asker: Asker,
}
