//! Accepts the connections of clients within a budget and hands each to a task of its own.

pub mod accept;
pub mod budget;

pub use accept::{Accepted, Listener};
pub use budget::{Budget, ConnectionPermit};
