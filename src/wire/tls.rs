//! TLS on both sides: the authority that signs leaf certificates, the client's hello and handshake, the origin's
//! handshake.

pub mod authority;
pub mod client;
pub mod hello;
pub mod ja4;
pub mod leaf;
pub mod upstream;

pub use authority::{Authority, AuthorityError};
pub use client::ClientSide;
pub use hello::{Hello, HelloError};
pub use leaf::Leafs;
pub use upstream::{Upstream, UpstreamTls, VerifyError};

/// The application protocols the gateway speaks (RFC 7301), best first.
pub const ALPN: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// The protocol spoken inside a TLS connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Alpn {
    /// Nothing was negotiated; HTTP/1.1 is spoken.
    #[default]
    None,
    /// `http/1.1`.
    Http1,
    /// `h2`.
    Http2,
}

impl Alpn {
    /// The protocol that a handshake negotiated.
    pub fn of(negotiated: Option<&[u8]>) -> Self {
        match negotiated {
            Some(b"h2") => Self::Http2,
            Some(b"http/1.1") => Self::Http1,
            _ => Self::None,
        }
    }

    /// The protocol's registered name.
    pub fn as_str(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Http1 => Some("http/1.1"),
            Self::Http2 => Some("h2"),
        }
    }

    /// The list to offer or to accept so that nothing but this is negotiated.
    pub fn protocols(self) -> Vec<Vec<u8>> {
        self.as_str().map(|p| vec![p.as_bytes().to_vec()]).unwrap_or_default()
    }
}

/// The word of events for a TLS version.
pub fn version_word(version: Option<rustls::ProtocolVersion>) -> Option<&'static str> {
    match version? {
        rustls::ProtocolVersion::TLSv1_3 => Some("1.3"),
        rustls::ProtocolVersion::TLSv1_2 => Some("1.2"),
        _ => Some("other"),
    }
}
