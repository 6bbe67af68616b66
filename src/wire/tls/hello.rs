//! The client's TLS hello, read before anything is decided and given back afterwards.

use std::net::IpAddr;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tls_parser::{
    TlsExtension, TlsMessage, TlsMessageHandshake, TlsVersion, parse_tls_extension,
    parse_tls_message_handshake,
};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::{Instant, timeout_at};

/// Most bytes a hello may take; post-quantum key shares need about 2 KiB.
pub const HELLO_MAX_BYTES: usize = 64 * 1024;
/// TLS record header: type, version, length (RFC 8446, section 5.1).
const RECORD_HEADER_BYTES: usize = 5;
/// Handshake header: type and length (RFC 8446, section 4).
const HANDSHAKE_HEADER_BYTES: usize = 4;
/// Extension header: type and length (RFC 8446, section 4.2).
const EXTENSION_HEADER_BYTES: usize = 4;
const CONTENT_HANDSHAKE: u8 = 22;
/// Room for the hello of today's browsers.
const PEEK_BYTES: usize = 2048;

/// The parts of a client's hello that decide anything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hello {
    /// Server name in lower case; none when the hello names no host or an address.
    pub sni: Option<String>,
    /// Application protocols that the client offers, in its order.
    pub alpn: Vec<Vec<u8>>,
    /// JA4 fingerprint of the client's TLS library.
    pub ja4: String,
}

/// The first bytes of a connection, by kind.
#[derive(Debug)]
pub enum Opening {
    /// A TLS hello.
    Tls(Hello),
    /// Something other than TLS.
    Other,
    /// Nothing: the client closed the connection.
    Closed,
}

/// Why a hello cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HelloError {
    /// Larger than [`HELLO_MAX_BYTES`].
    #[error("the TLS hello is larger than 64 KiB")]
    TooLarge,
    /// TLS that is no well-formed hello.
    #[error("the TLS hello is malformed")]
    Malformed,
    /// The hello was not complete in time.
    #[error("nothing was said in time after CONNECT (limits.hello_ms)")]
    TimedOut,
    /// The connection ended before the hello did.
    #[error("the connection ended inside the TLS hello")]
    CutShort,
}

/// Reads until the hello is complete or `limit` is over. `already` are bytes that were read before. Every byte read is
/// given back, whatever the outcome.
pub async fn peek<S: AsyncRead + Unpin>(
    stream: &mut S,
    already: Bytes,
    limit: Duration,
) -> (Bytes, Result<Opening, HelloError>) {
    let deadline = Instant::now() + limit;
    let mut seen = BytesMut::with_capacity(PEEK_BYTES.max(already.len()));
    seen.extend_from_slice(&already);
    let mut needed = 1;
    loop {
        if seen.len() >= needed {
            match examine(&seen) {
                Progress::More(_) if seen.len() >= HELLO_MAX_BYTES => {
                    return (seen.freeze(), Err(HelloError::TooLarge));
                }
                Progress::More(total) => needed = total.min(HELLO_MAX_BYTES),
                Progress::Done(result) => return (seen.freeze(), result),
            }
        }
        match timeout_at(deadline, stream.read_buf(&mut seen)).await {
            Err(_elapsed) => return (seen.freeze(), Err(HelloError::TimedOut)),
            Ok(Ok(0) | Err(_)) if seen.is_empty() => return (seen.freeze(), Ok(Opening::Closed)),
            Ok(Ok(0) | Err(_)) => return (seen.freeze(), Err(HelloError::CutShort)),
            Ok(Ok(_)) => {}
        }
    }
}

/// What the first bytes of a connection say so far.
#[derive(Debug)]
pub enum Progress {
    /// This many bytes in all are needed before another look can say more.
    More(usize),
    /// The bytes are enough.
    Done(Result<Opening, HelloError>),
}

/// Looks at the first bytes of a connection. The first byte tells TLS from the rest; a hello may be spread over several
/// records. Pure, and safe on any input.
pub fn examine(seen: &[u8]) -> Progress {
    match seen.first() {
        None => return Progress::More(1),
        Some(&CONTENT_HANDSHAKE) => {}
        Some(_) => return Progress::Done(Ok(Opening::Other)),
    }
    let mut handshake = Vec::new();
    let mut rest = seen;
    while let Some((header, after)) = rest.split_at_checked(RECORD_HEADER_BYTES) {
        if header[0] != CONTENT_HANDSHAKE || header[1] != 3 {
            return Progress::Done(Err(HelloError::Malformed));
        }
        let length = usize::from(u16::from_be_bytes([header[3], header[4]]));
        if length == 0 {
            return Progress::Done(Err(HelloError::Malformed));
        }
        let Some((body, next)) = after.split_at_checked(length) else {
            return Progress::More(seen.len() - after.len() + length);
        };
        handshake.extend_from_slice(body);
        if let Some(result) = whole(&handshake) {
            return Progress::Done(result);
        }
        rest = next;
    }
    Progress::More(seen.len() - rest.len() + RECORD_HEADER_BYTES)
}

fn whole(handshake: &[u8]) -> Option<Result<Opening, HelloError>> {
    let (header, body) = handshake.split_at_checked(HANDSHAKE_HEADER_BYTES)?;
    if header[0] != 1 {
        return Some(Err(HelloError::Malformed));
    }
    let length = usize::from(header[1]) << 16 | usize::from(header[2]) << 8 | usize::from(header[3]);
    if length > HELLO_MAX_BYTES {
        return Some(Err(HelloError::TooLarge));
    }
    if body.len() < length {
        return None;
    }
    Some(read(handshake).map(Opening::Tls).ok_or(HelloError::Malformed))
}

fn read(handshake: &[u8]) -> Option<Hello> {
    let (_, message) = parse_tls_message_handshake(handshake).ok()?;
    let TlsMessage::Handshake(TlsMessageHandshake::ClientHello(hello)) = message else { return None };
    let mut found = super::ja4::Parts { version: hello.version.0, ..Default::default() };
    found.ciphers = hello.ciphers.iter().map(|c| c.0).collect();
    let (mut sni, mut alpn) = (None, Vec::new());
    let mut rest = hello.ext.unwrap_or_default();
    while !rest.is_empty() {
        let (id, whole, after) = extension(rest)?;
        rest = after;
        found.extensions.push(id);
        // An extension that cannot be parsed still counts by its type.
        let Ok((_, extension)) = parse_tls_extension(whole) else { continue };
        match extension {
            TlsExtension::SNI(names) => sni = names.first().and_then(|(_, name)| host_name(name)),
            TlsExtension::ALPN(protocols) => alpn = protocols.iter().map(|p| p.to_vec()).collect(),
            TlsExtension::SupportedVersions(versions) => {
                found.supported_versions = versions.iter().map(|TlsVersion(v)| *v).collect();
            }
            TlsExtension::SignatureAlgorithms(algorithms) => found.signature_algorithms = algorithms,
            _ => {}
        }
    }
    found.named = sni.is_some();
    found.first_alpn = alpn.first().cloned().unwrap_or_default();
    Some(Hello { sni, alpn, ja4: super::ja4::fingerprint(&found) })
}

/// The next extension: its type, the whole of it, and what follows.
fn extension(raw: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    let (header, _) = raw.split_at_checked(EXTENSION_HEADER_BYTES)?;
    let length = usize::from(u16::from_be_bytes([header[2], header[3]]));
    let (whole, after) = raw.split_at_checked(EXTENSION_HEADER_BYTES + length)?;
    Some((u16::from_be_bytes([header[0], header[1]]), whole, after))
}

/// The name in lower case; none for an address, which is no name (RFC 6066, section 3).
fn host_name(name: &[u8]) -> Option<String> {
    let name = std::str::from_utf8(name).ok().filter(|name| name.parse::<IpAddr>().is_err())?;
    Some(name.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rustls::{ClientConfig, ClientConnection, RootCertStore};

    use super::*;

    const SOON: Duration = Duration::from_secs(5);

    fn hello_of(name: &str) -> Vec<u8> {
        let mut config =
            ClientConfig::builder().with_root_certificates(RootCertStore::empty()).with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let name = name.to_owned().try_into().unwrap();
        let mut bytes = Vec::new();
        ClientConnection::new(Arc::new(config), name).unwrap().write_tls(&mut bytes).unwrap();
        bytes
    }

    async fn read(bytes: &[u8]) -> (usize, Result<Opening, HelloError>) {
        let (said, opening) = peek(&mut &bytes[..], Bytes::new(), SOON).await;
        (said.len(), opening)
    }

    #[tokio::test]
    async fn a_hello_is_read_whole_and_given_back() {
        let bytes = hello_of("MCP.Vendor.example");
        let (said, opening) = read(&bytes).await;
        let Ok(Opening::Tls(hello)) = opening else { panic!("{opening:?}") };
        assert_eq!((said, hello.sni.as_deref()), (bytes.len(), Some("mcp.vendor.example")));
        assert_eq!(hello.alpn, [b"h2".to_vec(), b"http/1.1".to_vec()]);
        assert!(hello.ja4.starts_with("t13d"), "{}", hello.ja4);
    }

    #[tokio::test]
    async fn records_of_one_byte_are_put_together() {
        let bytes = hello_of("mcp.vendor.example");
        let split: Vec<u8> = bytes[5..].iter().flat_map(|byte| [22, 3, 1, 0, 1, *byte]).collect();
        let (_, opening) = read(&split).await;
        assert!(matches!(opening, Ok(Opening::Tls(hello)) if hello.sni.is_some()));
    }

    #[tokio::test]
    async fn an_extension_that_cannot_be_read_hides_no_other() {
        let mut bytes = hello_of("mcp.vendor.example");
        // An empty max_fragment_length in front of all others.
        let at = 5 + 4 + 2 + 32 + 1 + 32;
        let ciphers = usize::from(u16::from_be_bytes([bytes[at], bytes[at + 1]]));
        let list = at + 2 + ciphers + 2;
        let length = u16::from_be_bytes([bytes[list], bytes[list + 1]]) + 4;
        bytes.splice(list..list + 2, [length.to_be_bytes(), [0, 1], [0, 0]].concat());
        for place in [3, 7] {
            let length = u16::from_be_bytes([bytes[place], bytes[place + 1]]) + 4;
            bytes.splice(place..place + 2, length.to_be_bytes());
        }
        let (_, opening) = read(&bytes).await;
        let Ok(Opening::Tls(hello)) = opening else { panic!("{opening:?}") };
        assert_eq!(hello.sni.as_deref(), Some("mcp.vendor.example"));
    }

    #[tokio::test]
    async fn what_is_no_hello_is_told_apart() {
        assert!(matches!(read(b"").await.1, Ok(Opening::Closed)));
        assert!(matches!(read(b"GET / HTTP/1.1").await.1, Ok(Opening::Other)));
        assert_eq!(read(&[22, 3, 1, 0, 0]).await.1.unwrap_err(), HelloError::Malformed);
        assert_eq!(read(&hello_of("a.example")[..50]).await.1.unwrap_err(), HelloError::CutShort);
        let mut flood = vec![22, 3, 1, 0x40, 0];
        flood.resize(HELLO_MAX_BYTES + 10, 1);
        assert!(read(&flood).await.1.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_stays_silent_is_not_waited_for() {
        let (mut here, _there) = tokio::io::duplex(64);
        let (said, opening) = peek(&mut here, Bytes::from_static(&[22, 3]), SOON).await;
        assert_eq!((said.len(), opening.unwrap_err()), (2, HelloError::TimedOut));
    }

    proptest::proptest! {
        #[test]
        fn whatever_comes_is_read_to_an_end_and_given_back(
            at in 0_usize..250,
            noise in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..8),
            cut in 0_usize..300,
        ) {
            let mut bytes = hello_of("mcp.vendor.example");
            let at = at.min(bytes.len());
            let end = (at + noise.len()).min(bytes.len());
            bytes.splice(at..end, noise);
            bytes.truncate(cut.max(1));
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
            let (said, _) = runtime.block_on(read(&bytes));
            proptest::prop_assert!(said <= bytes.len());
        }
    }
}
