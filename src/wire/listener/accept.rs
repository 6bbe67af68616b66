//! Binds a listening socket and accepts connections from it.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};

use super::{Budget, ConnectionPermit};
use crate::telemetry::Metrics;
use crate::telemetry::labels::Accept;
use crate::wire::net::alive;
use crate::wire::tasks::Tasks;

/// Pause after an accept error such as a full file table, so that the loop does not spin.
const ERROR_PAUSE: Duration = Duration::from_millis(50);

/// A listening socket.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    name: &'static str,
}

/// A client's connection that has a permit in the budget.
#[derive(Debug)]
pub struct Accepted {
    /// The connection, with keepalive on and Nagle's algorithm off.
    pub stream: TcpStream,
    /// The client's address; never an IPv4 address mapped into IPv6.
    pub peer: SocketAddr,
    /// Kept as long as the connection lives, whatever it becomes.
    pub permit: Arc<ConnectionPermit>,
}

impl Listener {
    /// Binds an address. The error names the address, the key of the configuration (`listen.name`) and what to do.
    pub async fn bind(name: &'static str, address: SocketAddr) -> Result<Self, String> {
        let socket = TcpListener::bind(address).await.map_err(|e| {
            let advice = match e.kind() {
                io::ErrorKind::AddrInUse => "another program listens there; stop it or choose another port",
                io::ErrorKind::PermissionDenied => "ports below 1024 need CAP_NET_BIND_SERVICE",
                io::ErrorKind::AddrNotAvailable => "this machine has no such address",
                _ => "check the address",
            };
            format!("cannot listen on {address} (listen.{name}): {e}: {advice}")
        })?;
        Ok(Self { socket, name })
    }

    /// The address that was bound: with port 0 in the configuration, the port that the system chose.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// The socket, for a server with an accept loop of its own.
    pub fn into_socket(self) -> TcpListener {
        self.socket
    }

    /// Accepts until the tasks are closing, and runs `serve` in a task of its own for each connection.
    pub async fn run<S, F>(self, budget: Arc<Budget>, tasks: Tasks, metrics: Arc<Metrics>, serve: S)
    where
        S: Fn(Accepted) -> F,
        F: Future<Output = ()> + Send + 'static,
    {
        loop {
            let accepted = tokio::select! {
                biased;
                () = tasks.closing() => return,
                accepted = self.socket.accept() => accepted,
            };
            let count =
                |outcome| metrics.connections.get_or_create(&Accept { listener: self.name, outcome }).inc();
            let (stream, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    count("failed");
                    tracing::warn!(%error, listener = self.name, "accept failed");
                    tokio::time::sleep(ERROR_PAUSE).await;
                    continue;
                }
            };
            match budget.take(plain(peer).ip()) {
                Ok(permit) if alive::prepare(&stream).is_ok() => {
                    count("accepted");
                    tasks.spawn(serve(Accepted { stream, peer: plain(peer), permit }));
                }
                Ok(_gone) => {
                    count("gone");
                }
                Err(refusal) => {
                    count("refused");
                    metrics.limit(refusal.as_str());
                }
            }
        }
    }
}

/// A wildcard IPv6 listener shows IPv4 clients as mapped addresses; rules and events know them as IPv4.
fn plain(peer: SocketAddr) -> SocketAddr {
    SocketAddr::new(peer.ip().to_canonical(), peer.port())
}
