//! Limits the number of connections: of all clients together, and of each.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::metrics::gauge::Gauge;

/// Counts connections against two limits.
#[derive(Debug)]
pub struct Budget {
    total_max: usize,
    client_max: usize,
    held: Mutex<Taken>,
    active: Gauge,
}

#[derive(Debug, Default)]
struct Taken {
    total: usize,
    clients: HashMap<IpAddr, usize>,
}

/// Which limit refused a connection; the word of the metric `limit_hits`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// All connections (`limits.connections`).
    Total,
    /// The connections of this client's address (`limits.connections_per_client`).
    Client,
}

impl Refusal {
    /// The name of the limit in configuration and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Total => "connections",
            Self::Client => "connections_per_client",
        }
    }
}

/// One connection's permit, kept by all that lives on for it; given back when the last of them is dropped.
#[derive(Debug)]
pub struct ConnectionPermit {
    budget: Arc<Budget>,
    client: IpAddr,
}

impl Budget {
    /// A budget of `total_max` connections, at most `client_max` of them from one address. The gauge `active` follows
    /// it.
    pub fn new(total_max: usize, client_max: usize, active: Gauge) -> Arc<Self> {
        Arc::new(Self { total_max, client_max, held: Mutex::default(), active })
    }

    /// Takes a permit for a client.
    pub fn take(self: &Arc<Self>, client: IpAddr) -> Result<Arc<ConnectionPermit>, Refusal> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.total >= self.total_max {
            return Err(Refusal::Total);
        }
        let of_client = held.clients.entry(client).or_insert(0);
        if *of_client >= self.client_max {
            return Err(Refusal::Client);
        }
        *of_client += 1;
        held.total += 1;
        self.active.inc();
        Ok(Arc::new(ConnectionPermit { budget: Arc::clone(self), client }))
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        let mut held = self.budget.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.total = held.total.saturating_sub(1);
        self.budget.active.dec();
        if let Some(count) = held.clients.get_mut(&self.client) {
            *count -= 1;
            if *count == 0 {
                held.clients.remove(&self.client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permits_are_limited_per_client_and_in_all_and_come_back() {
        let active = Gauge::default();
        let budget = Budget::new(3, 2, active.clone());
        let (a, b): (IpAddr, IpAddr) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        let first = budget.take(a).unwrap();
        let _second = budget.take(a).unwrap();
        assert_eq!(budget.take(a).unwrap_err(), Refusal::Client);
        let _third = budget.take(b).unwrap();
        assert_eq!(budget.take(b).unwrap_err(), Refusal::Total);
        let upgraded = Arc::clone(&first);
        drop(first);
        assert_eq!(active.get(), 3, "what the connection became still holds its permit");
        drop(upgraded);
        assert_eq!(active.get(), 2);
        assert!(budget.take(a).is_ok());
    }
}
