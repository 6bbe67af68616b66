//! Tells the service manager how far the program is (sd_notify(3)): one datagram to the socket that it names.
//!
//! By hand: the crate `sd-notify` (0.5) takes `@name` for a file, so it cannot reach a socket in the abstract name space,
//! which sd_notify(3) allows.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixDatagram;

/// The variable with the socket's path, or `@` and its name in the abstract name space.
const SOCKET: &str = "NOTIFY_SOCKET";

/// Sends a state such as `READY=1`; without a service manager there is nobody to tell.
pub(super) fn tell(state: &str) {
    if let Some(socket) = std::env::var_os(SOCKET)
        && let Err(error) = send(&socket, state)
    {
        tracing::warn!(%error, state, "the service manager could not be told");
    }
}

fn send(socket: &OsStr, state: &str) -> io::Result<()> {
    let from = UnixDatagram::unbound()?;
    match socket.as_bytes().strip_prefix(b"@") {
        None => from.send_to(state.as_bytes(), socket)?,
        #[cfg(target_os = "linux")]
        Some(name) => {
            use std::os::linux::net::SocketAddrExt;
            let address = std::os::unix::net::SocketAddr::from_abstract_name(name)?;
            from.send_to_addr(state.as_bytes(), &address)?
        }
        #[cfg(not(target_os = "linux"))]
        Some(_) => return Err(io::ErrorKind::Unsupported.into()),
    };
    Ok(())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::os::linux::net::SocketAddrExt;

    use super::*;

    #[test]
    fn both_kinds_of_socket_get_the_state() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        let name = format!("daylight-{}", std::process::id());
        let abstract_name = std::os::unix::net::SocketAddr::from_abstract_name(&name).unwrap();
        for (manager, socket) in [
            (UnixDatagram::bind(&path).unwrap(), path.into_os_string()),
            (UnixDatagram::bind_addr(&abstract_name).unwrap(), format!("@{name}").into()),
        ] {
            send(&socket, "READY=1").unwrap();
            let mut got = [0; 64];
            let length = manager.recv(&mut got).unwrap();
            assert_eq!(&got[..length], b"READY=1");
        }
    }
}
