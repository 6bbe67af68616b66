//! Elementary facts by number, the stage at which each becomes known, and the set of those that are proven.

use fixedbitset::FixedBitSet;

/// One elementary fact, by number: its position in `Facts::stages`.
pub(super) type Atom = usize;

/// The part of an exchange that proves a fact. Ordered by time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    /// The tunnel's names.
    Names,
    /// The request's head.
    Head,
    /// What inspection finds of MCP.
    Mcp,
    /// The text of the body.
    Body,
}

impl Stage {
    /// All of them, in order.
    pub(super) const ALL: [Self; 4] = [Self::Names, Self::Head, Self::Mcp, Self::Body];
}

/// The facts that are proven: one bit for each.
#[derive(Clone, Debug, Default)]
pub(super) struct Proven(FixedBitSet);

impl Proven {
    /// None of `facts` facts is proven.
    pub(super) fn none(facts: usize) -> Self {
        Self(FixedBitSet::with_capacity(facts))
    }

    /// Notes that a fact is proven.
    pub(super) fn set(&mut self, atom: Atom) {
        self.0.grow_and_insert(atom);
    }

    /// True when the fact is proven.
    pub(super) fn holds(&self, atom: Atom) -> bool {
        self.0.contains(atom)
    }

    /// The proven facts in ascending order.
    pub(super) fn iter(&self) -> impl Iterator<Item = Atom> + '_ {
        self.0.ones()
    }
}
