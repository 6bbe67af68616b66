//! What touches a socket: names and dialling, TLS, HTTP, accepted connections and the tasks that serve them.

pub mod connect;
pub mod http;
pub mod listener;
pub mod net;
pub mod tasks;
pub mod tls;
