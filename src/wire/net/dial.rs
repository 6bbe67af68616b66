//! Connects to an origin: resolve, refuse what is forbidden, try each address in turn, all under one deadline.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use super::resolve::{ResolveError, Resolver};
use super::{Forbidden, alive};
use crate::host::Destination;

/// Time given to one address while others are still untried.
const ATTEMPT: Duration = Duration::from_secs(3);

/// Dials origins.
#[derive(Debug)]
pub struct Dialer {
    resolver: Resolver,
    forbidden: Forbidden,
    /// Ports that this gateway listens on itself.
    own_ports: Vec<u16>,
    deadline: Duration,
}

/// A connected origin.
#[derive(Debug)]
pub struct Dialled {
    /// The connection, prepared.
    pub stream: TcpStream,
    /// The address that answered.
    pub ip: IpAddr,
}

/// Why an origin cannot be reached.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DialError {
    /// The name has no address.
    #[error("{0}")]
    Resolve(#[from] ResolveError),
    /// `destinations.deny` forbids every address of the name.
    #[error("{ip} is a {class} address, which the gateway does not connect to (destinations.deny)")]
    Forbidden {
        /// The first forbidden address.
        ip: IpAddr,
        /// The class that forbids it.
        class: &'static str,
    },
    /// The gateway itself, whatever its address is called: its admin port is not for its clients.
    #[error("the gateway itself listens there")]
    Own,
    /// Nothing listens there.
    #[error("the connection was refused")]
    Refused,
    /// No answer in time.
    #[error("the connection timed out")]
    TimedOut,
    /// No route, or another failure of the network.
    #[error("the network failed: {0}")]
    Network(String),
}

impl Dialer {
    /// A dialer with one deadline over everything it does for a connection.
    pub fn new(resolver: Resolver, forbidden: Forbidden, own_ports: Vec<u16>, deadline: Duration) -> Self {
        Self { resolver, forbidden, own_ports, deadline }
    }

    /// Connects to the destination's first address that is allowed and answers.
    pub async fn dial(&self, to: &Destination) -> Result<Dialled, DialError> {
        let end = Instant::now() + self.deadline;
        let addresses: Vec<IpAddr> = match to.ip() {
            Some(ip) => vec![ip],
            None => self.resolver.resolve(&to.host).await?.to_vec(),
        };
        let mut failure = DialError::Network("no address left to try".into());
        for (index, &ip) in addresses.iter().enumerate() {
            if let Some(class) = self.forbidden.class_of(ip) {
                failure = DialError::Forbidden { ip, class: class.as_str() };
                continue;
            }
            let last = index + 1 == addresses.len();
            let left = end.saturating_duration_since(Instant::now());
            let limit = if last { left } else { left.min(ATTEMPT) };
            match connect(SocketAddr::new(ip, to.port), limit).await {
                Ok(stream) if self.is_own(&stream, to.port) => failure = DialError::Own,
                Ok(stream) => return Ok(Dialled { stream, ip }),
                Err(e) => failure = e,
            }
        }
        Err(failure)
    }
}

impl Dialer {
    /// True for a connection of this machine to itself on a port that the gateway listens on.
    fn is_own(&self, stream: &TcpStream, port: u16) -> bool {
        let here = stream.local_addr().ok().map(|address| address.ip());
        let there = stream.peer_addr().ok().map(|address| address.ip());
        self.own_ports.contains(&port) && here == there
    }
}

async fn connect(address: SocketAddr, limit: Duration) -> Result<TcpStream, DialError> {
    let attempt =
        timeout(limit, TcpStream::connect(address)).await.map_err(|_elapsed| DialError::TimedOut)?;
    let stream = attempt.map_err(|e| classify(&e))?;
    alive::prepare(&stream).map_err(|e| classify(&e))?;
    Ok(stream)
}

fn classify(error: &io::Error) -> DialError {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => DialError::Refused,
        io::ErrorKind::TimedOut => DialError::TimedOut,
        _ => DialError::Network(error.to_string()),
    }
}
