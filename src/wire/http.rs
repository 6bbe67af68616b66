//! HTTP as a gateway needs it: guarded requests, bodies with budgets, one connection to the origin, made-up answers.

pub mod body;
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
