//! Accepts client connections within a budget and hands them to the tasks that serve them.

pub mod accept;
pub mod budget;

pub use accept::{Accepted, Listener};
pub use budget::{Budget, Place};
