//! Rule files to a [`RuleSet`]; a `RuleSet` and what is known of an exchange to [`Matches`]. Only [`load`] reads files.
//!
//! Conditions are three-valued: a rule over the body is *unknown* until the body was read. So the same rule set answers
//! from a tunnel's names ([`Named`]), from a request's head, and when the body has been seen ([`Evaluation`]).

mod atoms;
mod compile;
mod evaluate;
mod expression;
mod facts;
mod fields;
mod file;
mod given;
mod index;
mod load;
mod matcher;
mod rule;
pub mod samples;
mod set;

pub use evaluate::{Evaluation, Named, Wants};
pub use facts::{Head, Names};
pub use file::schema;
pub use load::load;
pub use matcher::ENGINE;
pub use rule::{Matches, Rule, RuleAction};
pub use set::RuleSet;

#[cfg(test)]
mod tests;
