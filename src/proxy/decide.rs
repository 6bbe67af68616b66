//! Decides on names alone whether a tunnel is decrypted.

use std::sync::Arc;

use super::gateway::Gateway;
use super::greet::Greeted;
use crate::host::Destination;
use crate::host::destination::normal_host;

/// What happens to a tunnel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decided {
    /// Decrypted; `host` is the name that requests must use.
    Intercept {
        /// The SNI, or the CONNECT host.
        host: Destination,
    },
    /// Spliced.
    Bypass {
        /// Why.
        reason: Arc<str>,
    },
}

/// The bypass reason of a CONNECT target, before the client has said anything.
pub fn bypassed(gateway: &Gateway, destination: &Destination, now: i64) -> Option<Arc<str>> {
    let ruling = gateway.ruling.load();
    ruling.policy.bypass(&destination.host, now).map(|entry| Arc::clone(&entry.reason))
}

/// A tunnel is bypassed only when the CONNECT target and the SNI are both on the list: a name on the list must not
/// carry a hello for another host.
pub fn decide(gateway: &Gateway, greeted: &Greeted, now: i64) -> Decided {
    let sni =
        greeted.hello.as_ref().and_then(|hello| hello.sni.as_deref()).and_then(|sni| normal_host(sni).ok());
    let host = match sni {
        Some(sni) => Destination { host: sni, port: greeted.destination.port },
        None => greeted.destination.clone(),
    };
    match (bypassed(gateway, &greeted.destination, now), bypassed(gateway, &host, now)) {
        (Some(_), Some(reason)) => Decided::Bypass { reason },
        _ => Decided::Intercept { host },
    }
}
