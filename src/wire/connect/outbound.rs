//! What the gateway's own clients count.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;

use crate::telemetry::labels::Outward;
use crate::telemetry::metrics::{Measured, Registry};

/// Counts connections and requests that the gateway makes itself; one for the whole process.
#[derive(Debug, Default)]
pub struct Outbound {
    connections: Family<Outward, Counter>,
    requests: Family<Outward, Counter>,
}

impl Outbound {
    /// Counts a connection of a client: `opened`, `reused`, or the kind of what was in the way.
    pub(super) fn connection(&self, client: &'static str, outcome: &'static str) {
        self.connections.get_or_create(&Outward { client, outcome }).inc();
    }

    /// Counts a request of a pooled client by its outcome.
    pub(super) fn request(&self, client: &'static str, outcome: &'static str) {
        self.requests.get_or_create(&Outward { client, outcome }).inc();
    }
}

impl Measured for Outbound {
    fn register(&self, r: &mut Registry) {
        let help = "Connections to other hosts by the gateway's client and outcome: opened, reused from a pool, dns, \
                    forbidden, refused, timed_out, network or tls";
        r.register("outbound_connections", help, self.connections.clone());
        let help = "Requests of the gateway's pooled clients by outcome: answered, unreachable, timed_out, too_large or \
                    broken";
        r.register("outbound_requests", help, self.requests.clone());
    }
}
