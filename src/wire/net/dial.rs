//! Connects to a host: resolves its name, refuses forbidden addresses, and tries the others in turn, all within one
//! deadline.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use super::resolve::{ResolveError, Resolver};
use super::{Forbidden, alive};
use crate::host::Destination;

/// Longest wait for one address while others have not been tried.
const ATTEMPT: Duration = Duration::from_secs(3);

/// Connects to hosts, except to forbidden addresses and to this gateway itself.
#[derive(Debug)]
pub struct Dialer {
    resolver: Resolver,
    forbidden: Forbidden,
    /// Ports that this gateway listens on.
    own_ports: Vec<u16>,
    deadline: Duration,
}

/// A connection to a host.
#[derive(Debug)]
pub struct Dialled {
    /// The connection, with keepalive on and Nagle's algorithm off.
    pub stream: TcpStream,
    /// The address that answered.
    pub ip: IpAddr,
}

/// Why a host cannot be reached.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DialError {
    /// The name has no address, or none was found in time.
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
    /// The destination is this gateway, under whatever address. Its clients must not reach its admin port through it.
    #[error("the gateway itself listens there")]
    Own,
    /// The host refused the connection.
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
    /// A dialer that gives up on a connection when `deadline` has passed since it was asked for.
    pub fn new(resolver: Resolver, forbidden: Forbidden, own_ports: Vec<u16>, deadline: Duration) -> Self {
        Self { resolver, forbidden, own_ports, deadline }
    }

    /// Connects to the first of the destination's addresses that is allowed and answers. The error is that of the last
    /// address tried.
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
    /// True for a connection from this machine to itself on a port that the gateway listens on.
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
