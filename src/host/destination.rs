//! Where a client wants to go: a host and a port.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

/// A host name or address with a port, as a client asked for it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Destination {
    /// Lower case, without brackets and without the root dot.
    pub host: Arc<str>,
    /// TCP port.
    pub port: u16,
}

/// Longest DNS name (RFC 1035, section 2.3.4).
const NAME_MAX_BYTES: usize = 253;

/// Why an authority cannot be a destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadDestination {
    /// No host, or a host that is neither a DNS name nor an address.
    #[error("the host is neither a DNS name nor an IP address")]
    Host,
    /// A port that is missing where one is required, or out of range.
    #[error("the port is missing or not between 1 and 65535")]
    Port,
}

impl Destination {
    /// Reads `host:port`, `[v6]:port` or, with a default port, a bare host.
    pub fn parse(authority: &str, default_port: Option<u16>) -> Result<Self, BadDestination> {
        let (host, port) = split(authority)?;
        let port = match port {
            Some(text) => text.parse().ok().filter(|&p| p != 0),
            None => default_port,
        };
        Ok(Self { host: normal_host(host)?, port: port.ok_or(BadDestination::Port)? })
    }

    /// The host as an address, when it is one.
    pub fn ip(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }

    /// The form for a `Host` header: no port when it is the scheme's own.
    pub fn authority(&self, default_port: u16) -> String {
        let bracketed =
            if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.to_string() };
        if self.port == default_port { bracketed } else { format!("{bracketed}:{}", self.port) }
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.authority(0))
    }
}

fn split(authority: &str) -> Result<(&str, Option<&str>), BadDestination> {
    if let Some(rest) = authority.strip_prefix('[') {
        let (host, after) = rest.split_once(']').ok_or(BadDestination::Host)?;
        host.parse::<Ipv6Addr>().map_err(|_not_v6| BadDestination::Host)?;
        return match after {
            "" => Ok((host, None)),
            _ => Ok((host, Some(after.strip_prefix(':').ok_or(BadDestination::Port)?))),
        };
    }
    match authority.rsplit_once(':') {
        Some((host, _)) if host.contains(':') => Err(BadDestination::Host),
        Some((host, port)) => Ok((host, Some(port))),
        None => Ok((authority, None)),
    }
}

/// Lower case, no root dot, letters that a DNS name or an address may hold.
pub fn normal_host(host: &str) -> Result<Arc<str>, BadDestination> {
    let host = host.strip_suffix('.').unwrap_or(host);
    if host.is_empty() || host.len() > NAME_MAX_BYTES {
        return Err(BadDestination::Host);
    }
    if let Ok(ip) = host.parse::<IpAddr>() {
        return Ok(ip.to_string().into());
    }
    let name_letter = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_' || b == b'.';
    if !host.bytes().all(name_letter) || host.split('.').any(str::is_empty) {
        return Err(BadDestination::Host);
    }
    Ok(host.to_ascii_lowercase().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn authorities_become_destinations() {
        let of = |a| Destination::parse(a, Some(443)).map(|d| d.to_string());
        assert_eq!(of("MCP.Stripe.Example.:8443").unwrap(), "mcp.stripe.example:8443");
        assert_eq!(of("[2001:DB8::1]").unwrap(), "[2001:db8::1]:443");
        assert_eq!(of("192.0.2.7:80").unwrap(), "192.0.2.7:80");
    }

    #[test]
    fn hostile_authorities_are_refused() {
        for bad in
            ["", ":443", "a..b:1", "a b:1", "::1:443", "[::1", "[x]:1", "a:0", "a:65536", "a:-1", "a\u{e9}:1"]
        {
            assert!(Destination::parse(bad, Some(443)).is_err(), "{bad:?}");
        }
        assert_eq!(Destination::parse("host.example", None), Err(BadDestination::Port));
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_a_destination_or_not_and_what_is_one_stays_the_same(text in "\\PC{0,40}|[a-z.:\\[\\]0-9]{0,40}") {
            if let Ok(to) = Destination::parse(&text, Some(443)) {
                proptest::prop_assert_eq!(Destination::parse(&to.to_string(), None), Ok(to));
            }
        }
    }
}
