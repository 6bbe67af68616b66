//! Refuses requests whose meaning two parsers could read differently, and requests for another host than the tunnel's.

use http::header::HOST;
use http::request::Parts;
use http::{Method, Request};

use super::fields;
use crate::host::Destination;
use crate::host::destination::normal_host;

/// Why a request was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Ambiguous {
    /// No `Host`, several, or one that is not a host.
    #[error("the request does not name exactly one host")]
    Host,
    /// A target that is neither a path nor `*`.
    #[error("the request target is malformed")]
    Target,
    /// The authority is not the tunnel's (RFC 9110, section 15.5.20).
    #[error("the request is for another host than this connection")]
    Misdirected,
}

impl Ambiguous {
    /// The word of metrics and events.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Target => "target",
            Self::Misdirected => "misdirected",
        }
    }
}

/// A request that every parser reads alike and that is for the tunnel's host. Only [`check`] makes it, and nothing else is
/// forwarded.
#[derive(Debug)]
pub struct Guarded<B> {
    parts: Parts,
    body: B,
}

impl<B> Guarded<B> {
    /// The request's head.
    pub fn parts(&self) -> &Parts {
        &self.parts
    }

    /// Takes the body out for inspection.
    pub fn split(self) -> (Guarded<()>, B) {
        (Guarded { parts: self.parts, body: () }, self.body)
    }
}

impl Guarded<()> {
    /// Puts a body in, for example the inspected one.
    pub fn with_body<B>(self, body: B) -> Guarded<B> {
        Guarded { parts: self.parts, body }
    }
}

impl<B> Guarded<B> {
    /// The request for the origin, without the fields that concern the client's connection only.
    pub(super) fn into_outbound(mut self) -> Request<B> {
        fields::strip_request(&mut self.parts.headers);
        Request::from_parts(self.parts, self.body)
    }
}

/// Admits a request that came through a tunnel to `tunnel`, or gives it back with what is wrong. A request for another host
/// is refused (RFC 9110, section 15.5.20), so that no host can be a front for one that policy forbids.
pub fn check<B>(
    request: Request<B>,
    tunnel: &Destination,
) -> Result<Guarded<B>, Box<(Request<B>, Ambiguous)>> {
    if let Err(ambiguous) = look(&request, tunnel) {
        return Err(Box::new((request, ambiguous)));
    }
    let (parts, body) = request.into_parts();
    Ok(Guarded { parts, body })
}

fn look<B>(request: &Request<B>, tunnel: &Destination) -> Result<(), Ambiguous> {
    target(request)?;
    let authority = authority(request)?;
    // The common case compares bytes; only a differing spelling is taken apart.
    if is_spelled_alike(authority, tunnel) {
        return Ok(());
    }
    let asked = Destination::parse(authority, Some(tunnel.port)).map_err(|_bad| Ambiguous::Host)?;
    if asked == *tunnel { Ok(()) } else { Err(Ambiguous::Misdirected) }
}

/// `Content-Length` beside `Transfer-Encoding` needs no check: hyper drops the length, as RFC 9112, section 6.3, asks.
fn target<B>(request: &Request<B>) -> Result<(), Ambiguous> {
    let path = request.uri().path();
    let star = path == "*" && *request.method() == Method::OPTIONS;
    if path.starts_with('/') || star || path.is_empty() { Ok(()) } else { Err(Ambiguous::Target) }
}

/// The request's authority: `:authority` of HTTP/2, the target in absolute form, or `Host`. Where there are two, they
/// must agree.
fn authority<B>(request: &Request<B>) -> Result<&str, Ambiguous> {
    let mut hosts = request.headers().get_all(HOST).iter();
    let (host, more) = (hosts.next(), hosts.next());
    if more.is_some() {
        return Err(Ambiguous::Host);
    }
    let host = host.map(|h| h.to_str().map_err(|_not_ascii| Ambiguous::Host)).transpose()?;
    match (request.uri().authority(), host) {
        (Some(target), None) => Ok(target.as_str()),
        (Some(target), Some(host)) if same(target.as_str(), host) => Ok(target.as_str()),
        (Some(_), Some(_)) => Err(Ambiguous::Host),
        (None, Some(host)) => Ok(host),
        (None, None) => Err(Ambiguous::Host),
    }
}

fn is_spelled_alike(authority: &str, tunnel: &Destination) -> bool {
    let Some(rest) = authority.strip_prefix(&*tunnel.host) else { return false };
    // An address of IPv6 without brackets may end in what looks like a port.
    let port = rest.strip_prefix(':').filter(|_| !tunnel.host.contains(':'));
    rest.is_empty() || port.is_some_and(|port| port.parse() == Ok(tunnel.port))
}

fn same(a: &str, b: &str) -> bool {
    a.eq_ignore_ascii_case(b) || normal_host(a).is_ok_and(|a| normal_host(b).is_ok_and(|b| a == b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tunnel() -> Destination {
        Destination::parse("mcp.vendor.example:443", None).unwrap()
    }

    fn checked(uri: &str, hosts: &[&str]) -> Result<(), Ambiguous> {
        let mut request = Request::builder().uri(uri);
        for host in hosts {
            request = request.header(HOST, *host);
        }
        check(request.body(()).unwrap(), &tunnel()).map(drop).map_err(|refused| refused.1)
    }

    #[test]
    fn the_tunnels_own_host_passes_in_every_spelling() {
        for host in
            ["mcp.vendor.example", "MCP.vendor.example", "mcp.vendor.example:443", "mcp.vendor.example."]
        {
            assert_eq!(checked("/mcp", &[host]), Ok(()), "{host}");
        }
        assert_eq!(checked("https://mcp.vendor.example/mcp", &[]), Ok(()));
        assert_eq!(checked("https://mcp.vendor.example/mcp", &["mcp.vendor.example"]), Ok(()));
    }

    #[test]
    fn another_host_is_misdirected_and_two_hosts_are_ambiguous() {
        assert_eq!(checked("/mcp", &["other.example"]), Err(Ambiguous::Misdirected));
        assert_eq!(checked("/mcp", &["mcp.vendor.example:8443"]), Err(Ambiguous::Misdirected));
        assert_eq!(checked("/mcp", &["mcp.vendor.example", "mcp.vendor.example"]), Err(Ambiguous::Host));
        assert_eq!(checked("https://mcp.vendor.example/", &["other.example"]), Err(Ambiguous::Host));
        assert_eq!(checked("/mcp", &[]), Err(Ambiguous::Host));
    }
}
