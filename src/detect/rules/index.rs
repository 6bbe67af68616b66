//! Finds the rules that are worth evaluating. A rule can only hold when one of the facts it cannot do without is proven,
//! so a request costs the few rules that its facts lead to, however many rules there are.

use std::collections::HashSet;

use super::atoms::{Atom, Proven, Stage};
use super::expression::Expression;

/// Rules by the facts they need; a rule is its position in the rule set.
#[derive(Clone, Debug, Default)]
pub(super) struct Index {
    /// Rules that can hold when no fact is proven.
    always: Vec<usize>,
    /// By fact, the rules that need it, or it or one of a few others.
    by_atom: Vec<Vec<usize>>,
    /// By stage, the rules that need a fact of it or one of a few others.
    by_stage: [Vec<usize>; Stage::ALL.len()],
}

impl Index {
    /// Files each rule under the facts that it cannot do without, choosing those that come late and that few rules share.
    ///
    /// `stages` gives the stage of each fact. `common` are facts that many requests prove: they are avoided as keys.
    pub(super) fn new<'a>(
        rules: impl Iterator<Item = &'a Expression> + Clone,
        stages: &[Stage],
        common: &HashSet<Atom>,
    ) -> Self {
        let mut uses = vec![0_usize; stages.len()];
        rules.clone().for_each(|rule| count(rule, &mut uses));
        let cost = |key: &Vec<Atom>| {
            let stage = key.iter().filter_map(|atom| stages.get(*atom)).max().copied();
            let uses = key.iter().filter_map(|atom| uses.get(*atom)).sum::<usize>();
            (stage, key.iter().any(|atom| common.contains(atom)), uses)
        };
        let mut index = Self { by_atom: vec![Vec::new(); stages.len()], ..Self::default() };
        for (position, rule) in rules.enumerate() {
            let Some(key) = key(rule, &cost) else {
                index.always.push(position);
                continue;
            };
            for (stage, waiting) in Stage::ALL.iter().zip(&mut index.by_stage) {
                if key.iter().any(|atom| stages.get(*atom) == Some(stage)) {
                    waiting.push(position);
                }
            }
            for atom in key {
                index.by_atom.get_mut(atom).into_iter().for_each(|rules| rules.push(position));
            }
        }
        index
    }

    /// Leaves no rule out; what [`Self::new`] makes is compared with this.
    #[cfg(test)]
    pub(super) fn of_all(rules: usize) -> Self {
        Self { always: (0..rules).collect(), ..Self::default() }
    }

    /// Rules that could hold with what is proven, in ascending order.
    pub(super) fn provable(&self, proven: &Proven) -> Vec<usize> {
        let mut found = self.always.clone();
        for atom in proven.iter() {
            found.extend_from_slice(self.by_atom.get(atom).map_or(&[], Vec::as_slice));
        }
        in_order(found)
    }

    /// Rules that could hold now or when more is known, in ascending order; `over` says which stages can prove no more.
    pub(super) fn open(&self, proven: &Proven, over: impl Fn(Stage) -> bool) -> Vec<usize> {
        let mut found = self.provable(proven);
        let open = Stage::ALL.iter().zip(&self.by_stage).filter(|(stage, _)| !over(**stage));
        found.extend(open.flat_map(|(_, rules)| rules));
        in_order(found)
    }
}

fn in_order(mut rules: Vec<usize>) -> Vec<usize> {
    rules.sort_unstable();
    rules.dedup();
    rules
}

fn count(expression: &Expression, uses: &mut [usize]) {
    match expression {
        Expression::Atom(atom) => uses.get_mut(*atom).into_iter().for_each(|uses| *uses += 1),
        Expression::Not(inner) => count(inner, uses),
        Expression::All(parts) | Expression::Any(parts) => parts.iter().for_each(|part| count(part, uses)),
    }
}

/// Facts one of which must be proven before the expression can be true, the cheapest such list; none when it can be true
/// without.
fn key<C: Ord>(expression: &Expression, cost: &dyn Fn(&Vec<Atom>) -> C) -> Option<Vec<Atom>> {
    match expression {
        Expression::Atom(atom) => Some(vec![*atom]),
        Expression::Not(_) => None,
        Expression::All(parts) => parts.iter().filter_map(|part| key(part, cost)).min_by_key(cost),
        Expression::Any(parts) => {
            let keys: Option<Vec<_>> = parts.iter().map(|part| key(part, cost)).collect();
            Some(keys?.concat())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proven(atoms: &[Atom]) -> Proven {
        let mut proven = Proven::none(64);
        atoms.iter().for_each(|atom| proven.set(*atom));
        proven
    }

    #[test]
    fn a_rule_is_filed_under_the_fact_that_fewest_rules_share() {
        let (method, paths) = (0, [1, 2, 3]);
        let rules = paths.map(|path| Expression::All(vec![Expression::Atom(method), Expression::Atom(path)]));
        let index = Index::new(rules.iter(), &[Stage::Head; 4], &HashSet::new());
        assert_eq!(index.provable(&proven(&[method])), [0_usize; 0]);
        assert_eq!(index.provable(&proven(&[method, paths[1]])), [1]);
    }

    #[test]
    fn a_common_fact_is_no_key_where_there_is_another() {
        let (method, path) = (0, 1);
        let rules =
            [Expression::All(vec![Expression::Atom(method), Expression::Atom(path)]), Expression::Atom(path)];
        let provable =
            |common| Index::new(rules.iter(), &[Stage::Head; 2], &common).provable(&proven(&[method]));
        assert_eq!(provable(HashSet::new()), [0]);
        assert_eq!(provable(HashSet::from([method])), [0_usize; 0]);
    }
}
