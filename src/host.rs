//! Names of hosts: their normal form, a host with a port, and patterns over them. Pure.

pub mod destination;
pub mod patterns;

pub use destination::Destination;
pub use patterns::HostPatterns;
