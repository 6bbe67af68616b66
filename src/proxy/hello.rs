//! Peeks at what a client says first inside a CONNECT tunnel.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::net::TcpStream;

use crate::audit::Beginning;
use crate::host::Destination;
use crate::identity::Person;
use crate::telemetry::Metrics;
use crate::wire::listener::ConnectionPermit;
use crate::wire::tls::hello::{self, Hello, HelloError, Opening};

/// What a client asked for with CONNECT.
#[derive(Clone, Debug)]
pub(super) struct ConnectRequest {
    /// The person, with the login where one is asked for.
    pub(super) person: Person,
    /// The host and port that CONNECT named.
    pub(super) target: Destination,
    /// When it came. Its id is that of the row that it leaves unless it becomes exchanges.
    pub(super) began: Beginning,
    /// Keeps the client's connection counted.
    pub(super) permit: Arc<ConnectionPermit>,
}

/// A CONNECT that was answered with 200; the client may speak.
#[derive(Debug)]
pub(super) struct Entered {
    pub(super) stream: TcpStream,
    /// Bytes that came with the CONNECT.
    pub(super) already: Bytes,
    pub(super) asked: ConnectRequest,
}

/// A client that has spoken; every byte it sent is still in front of the stream.
#[derive(Debug)]
pub(super) struct Greeted {
    pub(super) stream: TcpStream,
    /// What the client sent so far.
    pub(super) said: Bytes,
    /// Its TLS hello; absent when it speaks something else.
    pub(super) hello: Option<Hello>,
    pub(super) asked: ConnectRequest,
}

/// A tunnel whose client sent nothing that can be read, and a sentence on why.
#[derive(Debug)]
pub(super) struct Ungreeted {
    pub(super) entered: Entered,
    pub(super) sentence: String,
}

impl Entered {
    /// Waits for the client's first words, `limit` (`limits.hello_ms`) at most.
    pub(super) async fn greet(self, limit: Duration, metrics: &Metrics) -> Result<Greeted, Box<Ungreeted>> {
        let Self { mut stream, already, asked } = self;
        let (said, opening) = hello::peek(&mut stream, already, limit).await;
        let sentence = match opening {
            Ok(Opening::Tls(hello)) => return Ok(Greeted { stream, said, hello: Some(hello), asked }),
            Ok(Opening::Other) => return Ok(Greeted { stream, said, hello: None, asked }),
            Ok(Opening::Closed) => "the tunnel was closed before anything was said".to_owned(),
            Err(error) => {
                match error {
                    HelloError::TooLarge => metrics.limit("hello_bytes"),
                    HelloError::TimedOut => metrics.limit("hello_ms"),
                    HelloError::Malformed | HelloError::CutShort => {}
                }
                error.to_string()
            }
        };
        let entered = Self { stream, already: said, asked };
        Err(Box::new(Ungreeted { entered, sentence }))
    }

    /// A client that lets the server speak first.
    pub(super) fn unheard(self) -> Greeted {
        let Self { stream, already, asked } = self;
        Greeted { stream, said: already, hello: None, asked }
    }
}
