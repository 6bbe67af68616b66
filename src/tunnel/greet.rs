//! Peeks at what a client says first inside a CONNECT tunnel.

use bytes::Bytes;
use tokio::net::TcpStream;

use super::Client;
use super::gateway::Gateway;
use crate::net::Destination;
use crate::tls::hello::{self, Hello, Opening};

/// A CONNECT that was answered with 200; the client may speak.
#[derive(Debug)]
pub struct Entered {
    /// The connection.
    pub stream: TcpStream,
    /// Bytes that came with the CONNECT.
    pub already: Bytes,
    /// Who.
    pub client: Client,
    /// Where to.
    pub destination: Destination,
    /// When the CONNECT came, microseconds since the Unix epoch.
    pub at_us: i64,
}

/// A client that has spoken; every byte it sent is still in front of the stream.
#[derive(Debug)]
pub struct Greeted {
    /// The connection.
    pub stream: TcpStream,
    /// What the client sent so far.
    pub said: Bytes,
    /// Its TLS hello, or none when it speaks something else.
    pub hello: Option<Hello>,
    /// Who.
    pub client: Client,
    /// Where to.
    pub destination: Destination,
    /// When the CONNECT came, microseconds since the Unix epoch.
    pub at_us: i64,
}

/// Waits for the client's first words; the error is a sentence for the event.
pub async fn greet(entered: Entered, gateway: &Gateway) -> Result<Greeted, Box<(Entered, &'static str)>> {
    let Entered { mut stream, already, client, destination, at_us } = entered;
    let peeked = tokio::time::timeout(gateway.limits.hello, hello::peek(&mut stream, already)).await;
    let fail = |stream, why| {
        let already = Bytes::new();
        let entered =
            Entered { stream, already, client: client.clone(), destination: destination.clone(), at_us };
        Err(Box::new((entered, why)))
    };
    let (said, opening) = match peeked {
        Ok(peeked) => peeked,
        Err(_elapsed) => {
            gateway.metrics.limit("hello_ms");
            return fail(stream, "client: nothing was said in time after CONNECT (limits.hello_ms)");
        }
    };
    let hello = match opening {
        Ok(Opening::Tls(hello)) => Some(hello),
        Ok(Opening::Other) => None,
        Ok(Opening::Closed) => return fail(stream, "client: the tunnel was closed before anything was said"),
        Err(hello::HelloError::TooLarge) => {
            gateway.metrics.limit("hello_bytes");
            return fail(stream, "client: the TLS hello is larger than 64 KiB");
        }
        Err(hello::HelloError::Malformed) => return fail(stream, "client: the TLS hello is malformed"),
        Err(hello::HelloError::CutShort) => {
            return fail(stream, "client: the connection ended inside the TLS hello");
        }
    };
    Ok(Greeted { stream, said, hello, client, destination, at_us })
}
