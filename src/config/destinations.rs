//! `destinations`: where clients may get to through the gateway.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

use crate::config::section::section;
use crate::config::text::{text_form, text_value};
use crate::host::destination::{BadDestination, normal_host};
use crate::wire::net::forbidden::{Class, Forbidden};

section! {
    DestinationsSection {
        /// Addresses that are never dialled, checked after a name was resolved: `loopback`, `link_local`, `metadata`,
        /// `private`, and networks such as `10.0.0.0/8`.
        deny: Vec<Denied> = [Class::Loopback, Class::LinkLocal, Class::Metadata].map(Denied).into(),
        /// Ports that CONNECT may name.
        connect_ports: Vec<Ports> = vec![Ports(443, 443), Ports(1024, 65535)],
        /// Addresses of names that no name server is asked for: `{ app.corp.example: [192.0.2.7] }`.
        hosts: BTreeMap<HostName, Addresses> = BTreeMap::new(),
    }
}

impl DestinationsSection {
    pub(crate) fn resolve(self) -> Destinations {
        let addresses = |Addresses(addresses): Addresses| addresses.into_iter().map(|Ip(ip)| ip).collect();
        Destinations {
            forbidden: Forbidden(self.deny.into_iter().map(|Denied(class)| class).collect()),
            connect_ports: self.connect_ports.into_iter().map(|Ports(first, last)| (first, last)).collect(),
            hosts: self.hosts.into_iter().map(|(HostName(name), ips)| (name, addresses(ips))).collect(),
        }
    }
}

/// What the dialler and CONNECT are told.
pub(crate) struct Destinations {
    pub(crate) forbidden: Forbidden,
    pub(crate) connect_ports: Vec<(u16, u16)>,
    pub(crate) hosts: HashMap<Arc<str>, Arc<[IpAddr]>>,
}

/// A class of addresses, or a network, that is never dialled.
#[derive(Clone, Debug)]
pub(crate) struct Denied(Class);

text_form!(Denied, {
    "anyOf": [
        { "enum": ["loopback", "link_local", "metadata", "private"] },
        { "type": "string", "pattern": "^[0-9A-Fa-f:.]+/[0-9]{1,3}$" },
    ]
});

/// A text that is neither a class of addresses nor a network.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct NotDeniable(String);

impl FromStr for Denied {
    type Err = NotDeniable;

    fn from_str(typed: &str) -> Result<Self, NotDeniable> {
        Class::parse(typed).map(Self).map_err(|e| NotDeniable(e.to_string()))
    }
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Class::Net(network) => network.fmt(f),
            class => f.write_str(class.as_str()),
        }
    }
}

/// A port, or the first and the last of a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ports(u16, u16);

text_form!(Ports, {
    "type": ["string", "integer"],
    "minimum": 1,
    "maximum": 65535,
    "pattern": "^[0-9]{1,5}( *- *[0-9]{1,5})?$",
});

/// A text that is neither a port nor a range of ports.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is neither a port such as 443 nor a range such as 1024-65535")]
pub(crate) struct NotPorts(String);

impl FromStr for Ports {
    type Err = NotPorts;

    fn from_str(typed: &str) -> Result<Self, NotPorts> {
        let port = |text: &str| text.trim().parse::<u16>().ok().filter(|port| *port > 0);
        let (first, last) = typed.split_once('-').unwrap_or((typed, typed));
        match (port(first), port(last)) {
            (Some(first), Some(last)) if first <= last => Ok(Self(first, last)),
            _ => Err(NotPorts(typed.into())),
        }
    }
}

impl fmt::Display for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(first, last) = self;
        if first == last { write!(f, "{first}") } else { write!(f, "{first}-{last}") }
    }
}

text_value! {
    /// A host's name in its normal form.
    #[derive(PartialOrd, Ord)]
    HostName(Arc<str>),
    { "type": "string", "minLength": 1 }
}

/// A text that is no host's name.
#[derive(Debug, thiserror::Error)]
#[error("`{typed}`: {source}")]
pub(crate) struct NotAHostName {
    typed: String,
    source: BadDestination,
}

impl FromStr for HostName {
    type Err = NotAHostName;

    fn from_str(typed: &str) -> Result<Self, NotAHostName> {
        normal_host(typed).map(Self).map_err(|source| NotAHostName { typed: typed.into(), source })
    }
}

/// The addresses of a name; at least one.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(inline)]
pub(crate) struct Addresses(#[schemars(length(min = 1))] Vec<Ip>);

impl<'de> Deserialize<'de> for Addresses {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let addresses = Vec::deserialize(deserializer)?;
        if addresses.is_empty() {
            return Err(D::Error::custom("a name needs at least one address; or take it out"));
        }
        Ok(Self(addresses))
    }
}

text_value! {
    /// An IP address.
    Ip(IpAddr),
    { "type": "string", "pattern": "^[0-9A-Fa-f:.]+$" }
}

/// A text that is no IP address.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not an IP address")]
pub(crate) struct NotAnIp(String);

impl FromStr for Ip {
    type Err = NotAnIp;

    fn from_str(typed: &str) -> Result<Self, NotAnIp> {
        typed.parse().map(Self).map_err(|_not_ip| NotAnIp(typed.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_and_ranges_are_read_and_nonsense_is_not() {
        assert_eq!("443".parse(), Ok(Ports(443, 443)));
        assert_eq!("1024-65535".parse(), Ok(Ports(1024, 65535)));
        for bad in ["", "0", "70000", "9-1", "a-b", "1-2-3"] {
            assert_eq!(bad.parse::<Ports>(), Err(NotPorts(bad.into())));
        }
    }
}
