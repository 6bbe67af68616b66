//! Evaluates a rule set over a tunnel's names and then over each exchange in the tunnel.
//!
//! Facts can be told in any order and more than once. A proven fact stays proven, a stage that is over stays over, so a
//! rule that matched can be joined by others later (a response or a streamed body adds signals after the verdict).

use std::sync::Arc;

use super::atoms::{Atom, Proven, Stage};
use super::expression::Expression;
use super::facts::{Head, Names};
use super::matcher::Scan;
use super::rule::Matches;
use super::set::RuleSet;
use crate::detect::inspect::Signals;

/// What could still change the outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wants {
    /// Some undecided rule depends on what inspection may still find of MCP.
    pub mcp: bool,
    /// Some undecided rule has a regular expression over the body.
    pub body: bool,
}

/// What a rule set knows from a tunnel's names: the same for all its exchanges.
#[derive(Debug)]
pub struct Named {
    set: Arc<RuleSet>,
    known: Known,
}

impl RuleSet {
    /// Evaluates the set over a tunnel's names.
    pub fn names(self: &Arc<Self>, names: &Names<'_>) -> Named {
        let known =
            Known { proven: self.facts.names(names), over: Over::default(), approved: names.approved };
        Named { set: Arc::clone(self), known }
    }
}

impl Named {
    /// The rules that hold for certain on names alone.
    pub fn matches(&self) -> Matches {
        self.known.matches(&self.set)
    }

    /// Starts the evaluation of one exchange in the tunnel.
    pub fn exchange(&self) -> Evaluation {
        Evaluation { set: Arc::clone(&self.set), known: self.known.clone(), text: Text::Unread }
    }
}

/// What a rule set knows so far about one exchange.
#[derive(Debug)]
pub struct Evaluation {
    set: Arc<RuleSet>,
    known: Known,
    text: Text,
}

/// The body's text on its way through the patterns.
#[derive(Debug)]
enum Text {
    Unread,
    Reading(Scan),
    Ended,
}

impl Evaluation {
    /// Adds the request's head.
    pub fn head(&mut self, head: &Head<'_>) {
        self.set.facts.head(head, &mut self.known.proven);
        self.known.over.head = true;
    }

    /// Adds what inspection has found so far; it may find more.
    pub fn learn(&mut self, signals: &Signals) {
        self.set.facts.mcp(signals, &mut self.known.proven);
    }

    /// Adds a piece of the body's text, decoded; without effect after [`Self::end`].
    pub fn chunk(&mut self, text: &[u8]) {
        let body = &self.set.facts.body;
        let Some(patterns) = &body.set else { return };
        if matches!(self.text, Text::Unread) {
            self.text = Text::Reading(patterns.start());
        }
        if let Text::Reading(scan) = &mut self.text {
            patterns.feed(scan, text, &mut |pattern| body.found(pattern, &mut self.known.proven));
        }
    }

    /// Inspection stops before the body's end: what it has not found of MCP counts as absent. Body patterns that were
    /// not found stay unknown.
    pub fn stop(&mut self, signals: &Signals) {
        self.learn(signals);
        self.known.over.mcp = true;
    }

    /// The body has ended: what was not found in it, of MCP or by body patterns, counts as absent.
    pub fn end(&mut self, signals: &Signals) {
        self.stop(signals);
        let body = &self.set.facts.body;
        // A body that was not read is empty, and no pattern matches the empty text.
        if let (Text::Reading(mut scan), Some(patterns)) =
            (std::mem::replace(&mut self.text, Text::Ended), &body.set)
        {
            patterns.finish(&mut scan, &mut |pattern| body.found(pattern, &mut self.known.proven));
        }
        self.known.over.body = true;
    }

    /// What could still change the outcome.
    pub fn wants(&self) -> Wants {
        self.known.wants(&self.set)
    }

    /// True when a body pattern could still change the outcome; costs nothing when no rule has one.
    pub fn wants_body(&self) -> bool {
        self.set.facts.body.set.is_some() && self.wants().body
    }

    /// The rules that hold for certain so far.
    pub fn matches(&self) -> Matches {
        self.known.matches(&self.set)
    }
}

/// The stages that can prove no more; names are complete from the start.
#[derive(Clone, Copy, Debug, Default)]
struct Over {
    head: bool,
    mcp: bool,
    body: bool,
}

impl Over {
    fn is(self, stage: Stage) -> bool {
        match stage {
            Stage::Names => true,
            Stage::Head => self.head,
            Stage::Mcp => self.mcp,
            Stage::Body => self.body,
        }
    }
}

/// What is proven, and what can still be.
#[derive(Clone, Debug)]
struct Known {
    proven: Proven,
    over: Over,
    approved: bool,
}

impl Known {
    /// A proven fact holds; an unproven one is false only when its stage is over.
    fn fact(&self, stages: &[Stage], atom: Atom) -> Option<bool> {
        if self.proven.holds(atom) {
            return Some(true);
        }
        self.over.is(*stages.get(atom)?).then_some(false)
    }

    fn value(&self, set: &RuleSet, expression: &Expression) -> Option<bool> {
        expression.evaluate(&|atom| self.fact(&set.facts.stages, atom))
    }

    fn matches(&self, set: &RuleSet) -> Matches {
        let provable = set.index.provable(&self.proven).into_iter();
        let rules = provable.filter_map(|position| set.rules.get(position));
        let holding = rules.filter(|(_, expression)| self.value(set, expression) == Some(true));
        holding.map(|(rule, _)| Arc::clone(rule)).collect()
    }

    fn wants(&self, set: &RuleSet) -> Wants {
        let mut wants = Wants::default();
        let most = Wants { mcp: true, body: set.facts.body.set.is_some() };
        for position in set.index.open(&self.proven, |stage| self.over.is(stage)) {
            let Some((rule, expression)) = set.rules.get(position).filter(|_| wants != most) else { break };
            if !rule.counts(self.approved) || self.value(set, expression).is_some() {
                continue;
            }
            let needs = |stage: Stage| {
                let of_stage = |atom: Atom| set.facts.stages.get(atom) == Some(&stage);
                !self.over.is(stage) && expression.depends_on(&of_stage)
            };
            wants.mcp |= needs(Stage::Mcp);
            wants.body |= needs(Stage::Body);
        }
        wants
    }
}

#[cfg(test)]
mod tests;
