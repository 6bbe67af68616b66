//! Accepts client connections within a budget and owns the tasks that serve them.

pub mod accept;
pub mod budget;
pub mod tasks;

pub use accept::{Accepted, Listener};
pub use budget::{Budget, Place};
pub use tasks::Tasks;
