//! The client's TLS hello, peeked before anything is decided.

use bytes::{Bytes, BytesMut};
use tls_parser::{
    TlsExtension, TlsExtensionType, TlsMessage, TlsMessageHandshake, TlsVersion, parse_tls_extensions,
    parse_tls_message_handshake,
};
use tokio::io::{AsyncRead, AsyncReadExt};

/// Most bytes a hello may take; post-quantum key shares need about 2 KiB.
pub const HELLO_MAX_BYTES: usize = 64 * 1024;
/// TLS record header: type, version, length (RFC 8446, section 5.1).
const RECORD_HEADER_BYTES: usize = 5;
/// Handshake header: type and length (RFC 8446, section 4).
const HANDSHAKE_HEADER_BYTES: usize = 4;
const CONTENT_HANDSHAKE: u8 = 22;

/// What a client's hello says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hello {
    /// Server name, lower case.
    pub sni: Option<String>,
    /// Application protocols offered.
    pub alpn: Vec<Vec<u8>>,
    /// JA4 fingerprint.
    pub ja4: String,
}

/// What came first on a connection.
#[derive(Debug)]
pub enum Opening {
    /// A TLS hello.
    Tls(Hello),
    /// Something else; nothing was consumed beyond the returned bytes.
    Other,
    /// The client closed without a byte.
    Closed,
}

/// Why a hello cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HelloError {
    /// Larger than [`HELLO_MAX_BYTES`].
    #[error("the TLS hello is larger than 64 KiB")]
    TooLarge,
    /// Not a hello.
    #[error("the TLS hello is malformed")]
    Malformed,
    /// The connection broke off inside it.
    #[error("the connection ended inside the TLS hello")]
    CutShort,
}

/// Reads until the hello is whole; gives back every byte read. The caller sets the deadline.
pub async fn peek<S: AsyncRead + Unpin>(
    stream: &mut S,
    already: Bytes,
) -> (Bytes, Result<Opening, HelloError>) {
    let mut seen = BytesMut::from(already);
    loop {
        match examine(&seen) {
            Progress::More if seen.len() >= HELLO_MAX_BYTES => {
                return (seen.freeze(), Err(HelloError::TooLarge));
            }
            Progress::More => {}
            Progress::Done(result) => return (seen.freeze(), result),
        }
        match stream.read_buf(&mut seen).await {
            Ok(0) | Err(_) if seen.is_empty() => return (seen.freeze(), Ok(Opening::Closed)),
            Ok(0) | Err(_) => return (seen.freeze(), Err(HelloError::CutShort)),
            Ok(_) => {}
        }
    }
}

enum Progress {
    More,
    Done(Result<Opening, HelloError>),
}

/// The first byte tells TLS from the rest; a hello may be spread over several records.
fn examine(seen: &[u8]) -> Progress {
    match seen.first() {
        None => return Progress::More,
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
        let Some((body, next)) = after.split_at_checked(length) else { break };
        handshake.extend_from_slice(body);
        if let Some(result) = whole(&handshake) {
            return Progress::Done(result);
        }
        rest = next;
    }
    Progress::More
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
    let extensions =
        hello.ext.and_then(|raw| parse_tls_extensions(raw).ok()).map(|(_, e)| e).unwrap_or_default();
    let mut found = super::ja4::Parts { version: hello.version.0, ..Default::default() };
    found.ciphers = hello.ciphers.iter().map(|c| c.0).collect();
    let (mut sni, mut alpn) = (None, Vec::new());
    for extension in &extensions {
        found.extensions.push(match extension {
            TlsExtension::Grease(id, _) => *id,
            other => TlsExtensionType::from(other).0,
        });
        match extension {
            TlsExtension::SNI(names) => {
                sni = names
                    .first()
                    .and_then(|(_, name)| std::str::from_utf8(name).ok())
                    .map(str::to_ascii_lowercase);
            }
            TlsExtension::ALPN(protocols) => alpn = protocols.iter().map(|p| p.to_vec()).collect(),
            TlsExtension::SupportedVersions(versions) => {
                found.supported_versions = versions.iter().map(|TlsVersion(v)| *v).collect();
            }
            TlsExtension::SignatureAlgorithms(algorithms) => found.signature_algorithms = algorithms.clone(),
            _ => {}
        }
    }
    found.named = sni.is_some();
    found.first_alpn = alpn.first().cloned().unwrap_or_default();
    Some(Hello { sni, alpn, ja4: super::ja4::fingerprint(&found) })
}
