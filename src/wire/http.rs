//! HTTP as a gateway needs it.
//!
//! Towards clients: [`serve`] with limits, [`guard`] against ambiguous requests. Towards other hosts: [`origin`] for
//! the one connection of a tunnel, [`client`] and [`pool`] for the gateway's own requests. [`body`] and [`fields`] are
//! what passes through.

pub mod body;
mod bounded;
pub mod client;
pub mod fields;
pub mod guard;
mod handshake;
pub mod origin;
pub mod pool;
pub mod serve;
pub mod timers;

pub use body::{Body, Outgoing};
pub use origin::{Origin, OriginFault};
