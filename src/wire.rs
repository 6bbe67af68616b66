//! Everything that touches a socket.
//!
//! [`net`] resolves, dials and copies; [`tls`] handshakes on both sides; [`connect`] joins the two into the one way out;
//! [`http`] speaks to clients and to other hosts; [`listener`] accepts within a budget; [`tasks`] run connections and end
//! them in order.

pub mod connect;
pub mod http;
pub mod listener;
pub mod net;
pub mod tasks;
pub mod tls;
