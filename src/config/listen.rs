//! `listen`: where the gateway listens.

use std::net::SocketAddr;
use std::str::FromStr;

use crate::config::section::section;
use crate::config::text::text_value;
use crate::yaml::{Located, Typed};

text_value! {
    /// An IP address with a port.
    Address(SocketAddr),
    { "type": "string", "pattern": "^([0-9.]+|\\[[0-9A-Fa-f:.]+\\]):[0-9]{1,5}$" }
}

/// A text that is no address with a port.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not an address with a port such as 127.0.0.1:8080")]
pub(crate) struct NotAnAddress(String);

impl FromStr for Address {
    type Err = NotAnAddress;

    fn from_str(typed: &str) -> Result<Self, NotAnAddress> {
        typed.parse().map(Self).map_err(|_not_an_address| NotAnAddress(typed.into()))
    }
}

section! {
    ListenSection {
        /// The proxy and its set-up pages.
        proxy: Typed<Address> = loopback(8080),
        /// Reserved for the portal: the address is checked, but nothing listens there yet.
        web: Typed<Address> = loopback(8081),
        /// Metrics, health, `POST /reload`. It has no login, so keep it private.
        admin: Typed<Address> = loopback(8082),
    }
}

fn loopback(port: u16) -> Typed<Address> {
    Typed::default_of(Address(SocketAddr::from(([127, 0, 0, 1], port))))
}

/// The addresses of the listeners.
pub(crate) struct ListenAddresses {
    pub(crate) proxy: SocketAddr,
    pub(crate) admin: SocketAddr,
}

impl ListenSection {
    pub(crate) fn resolve(self) -> Result<ListenAddresses, Located> {
        let Self { proxy, web, admin } = self;
        let mut apart = vec![("listen.proxy", &proxy), ("listen.admin", &admin)];
        // Nothing listens on the default yet, so nobody has to make room for it.
        if !web.is_default() {
            apart.push(("listen.web", &web));
        }
        for (index, later) in apart.iter().enumerate() {
            if let Some(earlier) = apart[..index].iter().find(|earlier| collide(earlier.1, later.1)) {
                // Points to the one that was typed; of two, to the later.
                let (at, other) = if later.1.is_default() { (earlier, later) } else { (later, earlier) };
                let message = format!("`{}` is also the address of `{}`", at.1.value, other.0);
                return Err(at.1.error(message));
            }
        }
        Ok(ListenAddresses { proxy: proxy.value.0, admin: admin.value.0 })
    }
}

/// True when one listener would get the other's connections. Port 0 asks the system for a free port.
fn collide(one: &Typed<Address>, other: &Typed<Address>) -> bool {
    let (one, other) = (one.value.0, other.value.0);
    let overlap = one.ip() == other.ip() || one.ip().is_unspecified() || other.ip().is_unspecified();
    one.port() != 0 && one.port() == other.port() && overlap
}
