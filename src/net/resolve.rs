//! Names to addresses, through the system's resolver, with a deadline and a short memory.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use quick_cache::sync::Cache;

/// Names remembered at once.
const NAMES_MAX: usize = 4096;
/// How long an answer is believed; the system's resolver gives no TTL.
const BELIEVED: Duration = Duration::from_secs(10);
/// Addresses kept of one name.
const ADDRESSES_MAX: usize = 16;

/// Resolves names.
#[derive(Debug)]
pub struct Resolver {
    known: Cache<Arc<str>, Known>,
    deadline: Duration,
}

#[derive(Clone, Debug)]
struct Known {
    addresses: Arc<[IpAddr]>,
    until: Instant,
}

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
    /// A resolver that gives up after `deadline`.
    pub fn new(deadline: Duration) -> Self {
        Self { known: Cache::new(NAMES_MAX), deadline }
    }

    /// The addresses of a name, at least one.
    pub async fn resolve(&self, name: &Arc<str>) -> Result<Arc<[IpAddr]>, ResolveError> {
        if let Some(known) = self.known.get(name).filter(|k| Instant::now() < k.until) {
            return Ok(known.addresses);
        }
        let lookup = tokio::net::lookup_host((name.as_ref(), 0));
        let found = tokio::time::timeout(self.deadline, lookup)
            .await
            .map_err(|_elapsed| ResolveError::TimedOut)?
            .map_err(|e| ResolveError::Failed(e.to_string()))?;
        let mut addresses: Vec<IpAddr> = Vec::new();
        for ip in found.map(|a| a.ip()) {
            if addresses.len() < ADDRESSES_MAX && !addresses.contains(&ip) {
                addresses.push(ip);
            }
        }
        if addresses.is_empty() {
            return Err(ResolveError::Failed("no addresses".into()));
        }
        let addresses: Arc<[IpAddr]> = addresses.into();
        let until = Instant::now() + BELIEVED;
        self.known.insert(Arc::clone(name), Known { addresses: Arc::clone(&addresses), until });
        Ok(addresses)
    }
}
