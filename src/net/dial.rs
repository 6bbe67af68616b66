//! Connects to an origin: resolve, refuse what is forbidden, try each address in turn, all under one deadline.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use super::resolve::{ResolveError, Resolver};
use super::{Destination, Forbidden};

/// Time given to one address while others are still untried.
const ATTEMPT: Duration = Duration::from_secs(3);

/// Dials origins.
#[derive(Debug)]
pub struct Dialer {
    resolver: Resolver,
    forbidden: Forbidden,
    deadline: Duration,
}

/// A connected origin.
#[derive(Debug)]
pub struct Dialled {
    /// The connection, `TCP_NODELAY` set.
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
    pub fn new(forbidden: Forbidden, deadline: Duration) -> Self {
        Self { resolver: Resolver::new(deadline), forbidden, deadline }
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
                Ok(stream) => return Ok(Dialled { stream, ip }),
                Err(e) => failure = e,
            }
        }
        Err(failure)
    }
}

async fn connect(address: SocketAddr, limit: Duration) -> Result<TcpStream, DialError> {
    let attempt =
        timeout(limit, TcpStream::connect(address)).await.map_err(|_elapsed| DialError::TimedOut)?;
    let stream = attempt.map_err(|e| classify(&e))?;
    stream.set_nodelay(true).map_err(|e| classify(&e))?;
    Ok(stream)
}

fn classify(error: &io::Error) -> DialError {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => DialError::Refused,
        io::ErrorKind::TimedOut => DialError::TimedOut,
        _ => DialError::Network(error.to_string()),
    }
}
