//! What is in force (rules, policy, what is recorded), and what it makes of a tunnel's names and of an exchange.

pub(crate) mod decide;
pub(crate) mod in_force;
pub(crate) mod judgement;
pub(crate) mod names;

pub(crate) use in_force::{InForce, Recording, Ruling};
pub(crate) use judgement::Judgement;
pub(crate) use names::{NamesJudged, TunnelNames};
