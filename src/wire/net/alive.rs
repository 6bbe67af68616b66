//! TCP keepalive, which notices that a peer has vanished (RFC 1122, section 4.2.3.6).

use std::io;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;

/// Silence before the first probe.
const IDLE: Duration = Duration::from_secs(60);
/// Time between two probes.
const INTERVAL: Duration = Duration::from_secs(15);
/// Probes without an answer before the connection ends.
const RETRIES: u32 = 4;

/// Turns Nagle's algorithm off, so that small writes leave at once, and keepalive on, so that a laptop that was closed
/// does not hold a connection for ever.
pub fn prepare(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let keepalive = TcpKeepalive::new().with_time(IDLE).with_interval(INTERVAL).with_retries(RETRIES);
    SockRef::from(stream).set_tcp_keepalive(&keepalive)
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn a_prepared_connection_asks_after_its_peer() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        prepare(&stream).unwrap();
        let socket = SockRef::from(&stream);
        assert!(socket.keepalive().unwrap() && stream.nodelay().unwrap());
        assert_eq!(socket.tcp_keepalive_time().unwrap(), IDLE);
    }
}
