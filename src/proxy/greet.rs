//! Peeks at what a client says first inside a CONNECT tunnel.

use bytes::Bytes;
use tokio::net::TcpStream;

use super::Client;
use super::gateway::Gateway;
use crate::host::Destination;
use crate::store::event::Failure;
use crate::verdict::Blame;
use crate::wire::tls::hello::{self, Hello, HelloError, Opening};

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

/// A tunnel that never became anything, and why.
pub type Silent = Box<(Entered, Failure)>;

/// Waits for the client's first words.
pub async fn greet(entered: Entered, gateway: &Gateway) -> Result<Greeted, Silent> {
    let Entered { mut stream, already, client, destination, at_us } = entered;
    let (said, opening) = hello::peek(&mut stream, already, gateway.limits.hello).await;
    let why = match opening {
        Ok(Opening::Tls(hello)) => {
            return Ok(Greeted { stream, said, hello: Some(hello), client, destination, at_us });
        }
        Ok(Opening::Other) => return Ok(Greeted { stream, said, hello: None, client, destination, at_us }),
        Ok(Opening::Closed) => Failure::new(Blame::Client, "the tunnel was closed before anything was said"),
        Err(error) => {
            match error {
                HelloError::TooLarge => gateway.metrics.limit("hello_bytes"),
                HelloError::TimedOut => gateway.metrics.limit("hello_ms"),
                HelloError::Malformed | HelloError::CutShort => {}
            }
            Failure::new(Blame::Client, error)
        }
    };
    Err(Box::new((Entered { stream, already: said, client, destination, at_us }, why)))
}
