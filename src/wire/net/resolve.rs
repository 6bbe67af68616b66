//! Names to addresses, through the system's resolver, with a deadline and a short memory.

use std::collections::HashMap;
use std::net::{IpAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::{Duration, Instant};

use quick_cache::sync::Cache;
use tokio::sync::Semaphore;

/// Names remembered at once.
const NAMES_MAX: usize = 4096;
/// How long an answer is believed; the system's resolver gives no TTL.
const BELIEVED: Duration = Duration::from_secs(10);
/// Addresses kept of one name.
const ADDRESSES_MAX: usize = 16;

/// Look-ups at once: each occupies a thread until the system's resolver gives up, however long that is.
const LOOKUPS_MAX: usize = 64;
/// How long a failure is believed.
const FAILURE_BELIEVED: Duration = Duration::from_secs(2);

/// Names with addresses of their own (`destinations.hosts`).
pub type Hosts = HashMap<Arc<str>, Arc<[IpAddr]>>;

/// Resolves names.
#[derive(Debug)]
pub struct Resolver {
    own: Hosts,
    known: Cache<Arc<str>, Known>,
    lookups: Arc<Semaphore>,
    deadline: Duration,
}

#[derive(Clone, Debug)]
struct Known {
    found: Found,
    until: Instant,
}

/// The addresses of a name, at least one.
type Found = Result<Arc<[IpAddr]>, ResolveError>;

/// Why a name has no address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// The resolver says no, or says nothing useful.
    #[error("the name does not resolve: {0}")]
    Failed(String),
    /// No answer in time.
    #[error("the name server did not answer in time")]
    TimedOut,
}

impl Resolver {
    /// A resolver that knows its `own` names and gives up on others after `deadline`.
    pub fn new(own: Hosts, deadline: Duration) -> Self {
        let lookups = Arc::new(Semaphore::new(LOOKUPS_MAX));
        Self { own, known: Cache::new(NAMES_MAX), lookups, deadline }
    }

    /// Resolves a name; all who ask for one at once wait for one look-up.
    pub async fn resolve(&self, name: &Arc<str>) -> Found {
        if let Some(addresses) = self.own.get(name) {
            return Ok(Arc::clone(addresses));
        }
        if let Some(known) = self.known.get(name) {
            if Instant::now() < known.until {
                return known.found;
            }
            self.known.remove(name);
        }
        let guard = match self.known.get_value_or_guard_async(name).await {
            Ok(known) => return known.found,
            Err(guard) => guard,
        };
        let look_up = look_up(Arc::clone(name), Arc::clone(&self.lookups));
        let found = tokio::time::timeout(self.deadline, look_up).await.unwrap_or(Err(ResolveError::TimedOut));
        let believed = if found.is_ok() { BELIEVED } else { FAILURE_BELIEVED };
        let known = Known { found: found.clone(), until: Instant::now() + believed };
        if guard.insert(known).is_err() {
            tracing::trace!(%name, "was resolved twice");
        }
        found
    }
}

async fn look_up(name: Arc<str>, lookups: Arc<Semaphore>) -> Found {
    let failed = |why: String| ResolveError::Failed(why);
    let turn = lookups.acquire_owned().await.map_err(|e| failed(e.to_string()))?;
    let ask = move || {
        let found = (name.as_ref(), 0).to_socket_addrs();
        drop(turn);
        found
    };
    let found = tokio::task::spawn_blocking(ask).await.map_err(|e| failed(e.to_string()))?;
    let mut addresses: Vec<IpAddr> = Vec::new();
    for ip in found.map_err(|e| failed(e.to_string()))?.map(|address| address.ip()) {
        if addresses.len() < ADDRESSES_MAX && !addresses.contains(&ip) {
            addresses.push(ip);
        }
    }
    if addresses.is_empty() { Err(failed("no addresses".into())) } else { Ok(addresses.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn answers_and_failures_are_remembered_for_a_while() {
        let given: IpAddr = "192.0.2.9".parse().unwrap();
        let own = Hosts::from([("app.vendor.example".into(), Arc::from([given]))]);
        let resolver = Resolver::new(own, Duration::from_secs(10));
        assert_eq!(*resolver.resolve(&"app.vendor.example".into()).await.unwrap(), [given]);
        let local: Arc<str> = "localhost".into();
        assert!(resolver.resolve(&local).await.unwrap().iter().all(IpAddr::is_loopback));
        let nowhere: Arc<str> = "nowhere.test".into();
        assert!(matches!(resolver.resolve(&nowhere).await, Err(ResolveError::Failed(_))));
        resolver.lookups.close();
        assert!(resolver.resolve(&local).await.is_ok(), "without another look-up");
        let known = resolver.resolve(&nowhere).await.unwrap_err();
        assert!(!known.to_string().contains("closed"), "{known}");
    }

    #[tokio::test]
    async fn a_look_up_that_finds_no_turn_ends_at_the_deadline() {
        let resolver = Resolver::new(Hosts::new(), Duration::from_millis(50));
        let _all = resolver.lookups.clone().acquire_many_owned(LOOKUPS_MAX as u32).await.unwrap();
        assert_eq!(resolver.resolve(&"localhost".into()).await, Err(ResolveError::TimedOut));
    }
}
