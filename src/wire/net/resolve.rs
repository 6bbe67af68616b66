//! Resolves names with the system's resolver, within a deadline, and remembers the answers for a short time.

use std::collections::HashMap;
use std::net::{IpAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::{Duration, Instant};

use quick_cache::sync::Cache;
use tokio::sync::Semaphore;

/// Most names that are remembered.
const NAMES_MAX: usize = 4096;
/// How long an address is remembered; the system's resolver gives no TTL.
const BELIEVED: Duration = Duration::from_secs(10);
/// Most addresses of one name that are kept.
const ADDRESSES_MAX: usize = 16;
/// Most look-ups at once. Each occupies a thread until the system's resolver gives up, however long that takes.
const LOOKUPS_MAX: usize = 64;
/// How long a failure is remembered.
const FAILURE_BELIEVED: Duration = Duration::from_secs(2);

/// Names whose addresses the configuration gives (`destinations.hosts`).
pub type Hosts = HashMap<Arc<str>, Arc<[IpAddr]>>;

/// Resolves names; the configuration's own first.
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
    /// The system's resolver found no address.
    #[error("the name does not resolve: {0}")]
    Failed(String),
    /// The system's resolver did not answer in time.
    #[error("the name server did not answer in time")]
    TimedOut,
}

impl Resolver {
    /// A resolver that knows the addresses of its `own` names and gives up on others after `deadline`.
    pub fn new(own: Hosts, deadline: Duration) -> Self {
        let lookups = Arc::new(Semaphore::new(LOOKUPS_MAX));
        Self { own, known: Cache::new(NAMES_MAX), lookups, deadline }
    }

    /// Resolves a name to at least one address. Callers that ask for the same name at once wait for one look-up.
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
