//! What is in force (rules, policy, what is recorded), and what it makes of a tunnel's names and of an exchange.

pub mod decide;
pub mod in_force;
pub mod judgement;
pub mod names;

pub use decide::Decided;
pub use in_force::{InForce, Recording, Ruling};
pub use judgement::Judgement;
pub use names::{NamesJudged, TunnelNames};
