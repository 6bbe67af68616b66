//! Elementary facts by number, the stage at which each becomes known, and the set of those that are proven.

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
pub(super) struct Proven(Vec<u64>);

impl Proven {
    /// None of `facts` facts is proven.
    pub(super) fn none(facts: usize) -> Self {
        Self(vec![0; facts.div_ceil(64)])
    }

    /// Notes that a fact is proven.
    pub(super) fn set(&mut self, atom: Atom) {
        if let Some(word) = self.0.get_mut(atom / 64) {
            *word |= 1 << (atom % 64);
        }
    }

    /// True when the fact is proven.
    pub(super) fn holds(&self, atom: Atom) -> bool {
        self.0.get(atom / 64).is_some_and(|word| word >> (atom % 64) & 1 == 1)
    }

    /// The proven facts in ascending order.
    pub(super) fn iter(&self) -> impl Iterator<Item = Atom> + '_ {
        self.0.iter().enumerate().flat_map(|(word, bits)| ones(*bits).map(move |bit| word * 64 + bit))
    }
}

/// Where the ones of a word are.
fn ones(mut word: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let lowest = word.trailing_zeros();
        word &= word.wrapping_sub(1);
        (lowest < u64::BITS).then_some(lowest as usize)
    })
}
