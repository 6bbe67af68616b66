//! What the exchanges of one connection with one host share.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::audit::ClientConnection;
use crate::ruling::{InForce, Judgement, NamesJudged, TunnelNames};
use crate::wire::http::Origin;

/// A client's connection with one host, and the way to its origin.
#[derive(Debug)]
pub(super) struct Tunnel {
    pub(super) connection: Arc<ClientConnection>,
    pub(super) origin: Origin,
    in_force: Arc<InForce>,
    judged: Mutex<Option<Arc<NamesJudged>>>,
    requests: AtomicU64,
}

impl Tunnel {
    /// Joins the parts; `judged` is what the rules made of the names when the tunnel was decided about.
    pub(super) fn new(
        connection: ClientConnection,
        origin: Origin,
        in_force: Arc<InForce>,
        judged: Option<Arc<NamesJudged>>,
    ) -> Arc<Self> {
        Arc::new(Self {
            connection: Arc::new(connection),
            origin,
            in_force,
            judged: Mutex::new(judged),
            requests: AtomicU64::new(0),
        })
    }

    /// Counts a request.
    pub(super) fn count_request(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    /// Requests so far.
    pub(super) fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Starts the judgement of an exchange by the rules in force: a long tunnel sees a reload at once.
    pub(super) fn judgement(&self) -> Judgement {
        let current = self.in_force.load();
        let mut kept = self.judged.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(judged) = kept.as_ref().filter(|judged| judged.is_of(&current)) {
            return Judgement::new(Arc::clone(judged));
        }
        let ClientConnection { person, destination, handshake, .. } = &*self.connection;
        let names = TunnelNames { person, host: destination, sni: handshake.sni.as_deref() };
        let judged = NamesJudged::new(&current, &names);
        *kept = Some(Arc::clone(&judged));
        Judgement::new(judged)
    }
}
