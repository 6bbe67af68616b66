//! HTTP as a gateway needs it: guarded requests, bodies with budgets, one connection to the origin, made-up answers.

pub mod body;
pub mod fields;
pub mod guard;
pub mod origin;
pub mod serve;
pub mod timers;

pub use body::{Body, Outgoing};
pub use origin::{Origin, OriginFault};
