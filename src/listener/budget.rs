//! How many connections there may be, in all and from one client.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// Counts connections.
#[derive(Debug)]
pub struct Budget {
    total_max: usize,
    client_max: usize,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    total: usize,
    clients: HashMap<IpAddr, usize>,
}

/// Which limit refused a connection; the word of the metric `limit_hits`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// `limits.connections`.
    Total,
    /// `limits.connections_per_client`.
    Client,
}

impl Refusal {
    /// The limit's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Total => "connections",
            Self::Client => "connections_per_client",
        }
    }
}

/// One connection's place; given back when dropped.
#[derive(Debug)]
pub struct Place {
    budget: Arc<Budget>,
    client: IpAddr,
}

impl Budget {
    /// A budget of `total_max` connections, `client_max` from one address.
    pub fn new(total_max: usize, client_max: usize) -> Arc<Self> {
        Arc::new(Self { total_max, client_max, held: Mutex::default() })
    }

    /// Takes a place for a client.
    pub fn take(self: &Arc<Self>, client: IpAddr) -> Result<Place, Refusal> {
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
        Ok(Place { budget: Arc::clone(self), client })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut held = self.budget.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.total = held.total.saturating_sub(1);
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
    fn places_are_limited_per_client_and_in_all_and_come_back() {
        let budget = Budget::new(3, 2);
        let (a, b): (IpAddr, IpAddr) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        let first = budget.take(a).unwrap();
        let _second = budget.take(a).unwrap();
        assert_eq!(budget.take(a).unwrap_err(), Refusal::Client);
        let _third = budget.take(b).unwrap();
        assert_eq!(budget.take(b).unwrap_err(), Refusal::Total);
        drop(first);
        assert!(budget.take(a).is_ok());
    }
}
