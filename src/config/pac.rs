//! `pac`: what the PAC file says.

use std::str::FromStr;

use crate::config::section::section;
use crate::config::text::text_value;
use crate::host::Destination;
use crate::host::destination::BadDestination;
use crate::setup::{Direct, Pac};

section! {
    PacSection {
        /// `host:port` of each proxy in failover order; the set-up pages name the first. Empty: the proxy that serves the
        /// file.
        proxies: Vec<ProxyAddress> = Vec::new(),
        /// Lets traffic pass unseen when no proxy answers.
        direct_on_failure: bool = false,
    }
}

text_value! {
    /// A proxy's host and port.
    ProxyAddress(Destination),
    { "type": "string", "pattern": "^[^/]+:[0-9]{1,5}$" }
}

/// A text that is no proxy.
#[derive(Debug, thiserror::Error)]
#[error("`{typed}` is not a proxy such as proxy.corp.example:8080: {source}")]
pub(crate) struct NotAProxy {
    typed: String,
    source: BadDestination,
}

impl FromStr for ProxyAddress {
    type Err = NotAProxy;

    fn from_str(typed: &str) -> Result<Self, NotAProxy> {
        let read = Destination::parse(typed, None);
        read.map(Self).map_err(|source| NotAProxy { typed: typed.into(), source })
    }
}

impl PacSection {
    /// The PAC file; `direct` are the hosts that go around every proxy.
    pub(crate) fn resolve(self, direct: Vec<Direct>) -> Pac {
        let proxies = self.proxies.iter().map(ToString::to_string).collect();
        Pac { proxies, direct, direct_on_failure: self.direct_on_failure }
    }
}
