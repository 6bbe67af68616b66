//! Addresses that must not be connected to. They are checked after names were resolved, so that no name hides one.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

/// Addresses of cloud metadata services; a request to one hands out the machine's credentials.
const METADATA: [IpAddr; 6] = [
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)),
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x0254)),
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0x00ce, 0, 0, 0, 0, 0, 0x0254)),
];

/// One entry of `destinations.deny`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// 127.0.0.0/8, ::1 and the unspecified addresses (which most systems route to themselves).
    Loopback,
    /// 169.254.0.0/16 and fe80::/10.
    LinkLocal,
    /// Cloud metadata services.
    Metadata,
    /// RFC 1918, RFC 6598 and RFC 4193 addresses.
    Private,
    /// A network in CIDR notation.
    Net(IpNet),
}

impl Class {
    /// Reads the word of a class or a network; the error says what is allowed.
    pub fn parse(text: &str) -> Result<Self, String> {
        Ok(match text {
            "loopback" => Self::Loopback,
            "link_local" => Self::LinkLocal,
            "metadata" => Self::Metadata,
            "private" => Self::Private,
            _ => Self::Net(text.parse().map_err(|_not_cidr| {
                format!("`{text}` is neither loopback, link_local, metadata, private nor a network such as 10.0.0.0/8")
            })?),
        })
    }

    /// The word of events and pages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Loopback => "loopback",
            Self::LinkLocal => "link_local",
            Self::Metadata => "metadata",
            Self::Private => "private",
            Self::Net(_) => "denied network",
        }
    }

    fn covers(self, ip: IpAddr) -> bool {
        match self {
            Self::Loopback => ip.is_loopback() || ip.is_unspecified(),
            Self::LinkLocal => match ip {
                IpAddr::V4(v4) => v4.is_link_local(),
                IpAddr::V6(v6) => v6.is_unicast_link_local(),
            },
            Self::Metadata => METADATA.contains(&ip),
            Self::Private => match ip {
                IpAddr::V4(v4) => {
                    v4.is_private() || (v4.octets()[0] == 100 && (64..128).contains(&v4.octets()[1]))
                }
                IpAddr::V6(v6) => v6.is_unique_local(),
            },
            Self::Net(net) => net.contains(&ip),
        }
    }
}

/// The classes of `destinations.deny`; empty forbids nothing.
#[derive(Clone, Debug, Default)]
pub struct Forbidden(pub Vec<Class>);

impl Forbidden {
    /// The first class that forbids an address. IPv4 inside IPv6 (mapped, NAT64) counts as IPv4.
    pub fn class_of(&self, ip: IpAddr) -> Option<Class> {
        let ip = plain(ip);
        self.0.iter().copied().find(|class| class.covers(ip))
    }
}

fn plain(ip: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = ip.to_canonical() else { return ip.to_canonical() };
    match v6.segments() {
        // NAT64 (RFC 6052, section 2.1).
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            let [a, b] = high.to_be_bytes();
            let [c, d] = low.to_be_bytes();
            IpAddr::V4(Ipv4Addr::new(a, b, c, d))
        }
        _ => IpAddr::V6(v6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_forbidden_address_is_forbidden() {
        let deny = Forbidden(vec![Class::Loopback, Class::LinkLocal, Class::Metadata]);
        for ip in ["127.0.0.1", "127.9.9.9", "0.0.0.0", "::1", "::", "::ffff:127.0.0.1", "64:ff9b::7f00:1"] {
            assert_eq!(deny.class_of(ip.parse().unwrap()), Some(Class::Loopback), "{ip}");
        }
        for ip in ["169.254.1.1", "fe80::1", "169.254.169.254"] {
            assert_eq!(deny.class_of(ip.parse().unwrap()), Some(Class::LinkLocal), "{ip}");
        }
        for ip in ["fd00:ec2::254", "fd20:ce::254", "168.63.129.16", "100.100.100.200"] {
            assert_eq!(deny.class_of(ip.parse().unwrap()), Some(Class::Metadata), "{ip}");
        }
        for ip in ["192.0.2.1", "10.0.0.1", "2001:db8::1"] {
            assert_eq!(deny.class_of(ip.parse().unwrap()), None, "{ip}");
        }
    }

    #[test]
    fn networks_and_words_are_read() {
        let deny = Forbidden(vec![Class::parse("10.0.0.0/8").unwrap(), Class::parse("private").unwrap()]);
        assert!(deny.class_of("10.1.2.3".parse().unwrap()).is_some());
        assert!(deny.class_of("100.64.0.1".parse().unwrap()).is_some());
        assert!(Class::parse("everything").is_err());
    }
}
