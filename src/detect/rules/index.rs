//! Which rules are worth a look: a rule can only hold when one of the facts it cannot do without is proven, so ten
//! thousand rules cost a request no more than the few that its facts lead to.

use std::collections::HashSet;

use super::evaluate::Stage;
use super::expression::{Atom, Expression};

/// The stages, for [`Index::open`].
const STAGES: [Stage; 4] = [Stage::Names, Stage::Head, Stage::Mcp, Stage::Body];

/// Rules by the facts they need; a rule is its position in the rule set.
#[derive(Clone, Debug, Default)]
pub struct Index {
    /// Rules that can hold with no fact proven.
    always: Vec<usize>,
    /// By fact, the rules that need it or one of a few others.
    by_atom: Vec<Vec<usize>>,
    /// By stage, the rules that need a fact of it or one of a few others.
    by_stage: [Vec<usize>; STAGES.len()],
}

impl Index {
    /// `stages` gives each fact's stage; `common` are facts that many requests prove, so that they tell rules apart badly.
    pub fn new<'a>(
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
            for (stage, waiting) in STAGES.iter().zip(&mut index.by_stage) {
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

    /// Rules that could hold now, in their order; `bits` has one bit for each fact, set when it is proven.
    pub fn provable(&self, bits: &[u64]) -> Vec<usize> {
        let mut found = self.always.clone();
        for (word, bits) in bits.iter().enumerate() {
            for bit in ones(*bits) {
                found.extend_from_slice(self.by_atom.get(word * 64 + bit).map_or(&[], Vec::as_slice));
            }
        }
        in_order(found)
    }

    /// Rules that could hold now or when more is known: `over` says which stages can prove no more.
    pub fn open(&self, bits: &[u64], over: impl Fn(Stage) -> bool) -> Vec<usize> {
        let mut found = self.provable(bits);
        let open = STAGES.iter().zip(&self.by_stage).filter(|(stage, _)| !over(**stage));
        found.extend(open.flat_map(|(_, rules)| rules));
        in_order(found)
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
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::super::evaluate::{Evaluation, Facts, Field};
    use super::super::matcher::Set;
    use super::super::{Ask, Rule, RuleSet};
    use super::*;

    /// Facts in these tests; fact `n` is of stage `n % 4`.
    const FACTS: usize = 12;

    #[test]
    fn a_rule_is_filed_under_the_fact_that_fewest_rules_share() {
        let (method, paths) = (0, [1, 2, 3]);
        let rules = paths.map(|path| Expression::All(vec![Expression::Atom(method), Expression::Atom(path)]));
        let index = Index::new(rules.iter(), &[Stage::Head; 4], &HashSet::new());
        assert_eq!(index.provable(&[1 << method]), [0_usize; 0]);
        assert_eq!(index.provable(&[1 << method | 1 << paths[1]]), [1]);
    }

    #[test]
    fn a_common_fact_is_no_key_where_there_is_another() {
        let (method, path) = (0, 1);
        let rules =
            [Expression::All(vec![Expression::Atom(method), Expression::Atom(path)]), Expression::Atom(path)];
        let provable = |common| Index::new(rules.iter(), &[Stage::Head; 2], &common).provable(&[1 << method]);
        assert_eq!(provable(HashSet::new()), [0]);
        assert_eq!(provable(HashSet::from([method])), [0_usize; 0]);
    }

    fn expression() -> impl Strategy<Value = Expression> {
        (0..FACTS).prop_map(Expression::Atom).prop_recursive(3, 16, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Expression::All),
                prop::collection::vec(inner.clone(), 0..4).prop_map(Expression::Any),
                inner.prop_map(|inner| Expression::Not(Box::new(inner))),
            ]
        })
    }

    fn evaluation() -> impl Strategy<Value = Evaluation> {
        let known = prop::sample::select(&STAGES[..3]);
        (0_u64..1 << FACTS, known, any::<bool>()).prop_map(|(bits, known, body_ended)| Evaluation {
            bits: vec![bits],
            approved: false,
            known: Some(known),
            body: None,
            body_ended,
        })
    }

    /// A set with these rules that looks at the rules the index names.
    fn set(expressions: &[Expression], index: fn(&[Expression], &[Stage]) -> Index) -> RuleSet {
        let stages: Vec<Stage> = STAGES.into_iter().cycle().take(FACTS).collect();
        let rule = |(id, expression): (usize, &Expression)| {
            let (id, title, file) = (id.to_string().into(), "t".into(), "r.yaml".into());
            let (ask, severity, tags) = (Ask::Log, Default::default(), Vec::new());
            (Arc::new(Rule { id, title, ask, severity, on_approved: false, tags, file }), expression.clone())
        };
        let body = Field { set: Some(Set::new(&["a".into()]).unwrap()), ..Field::default() };
        RuleSet {
            index: index(expressions, &stages),
            rules: expressions.iter().enumerate().map(rule).collect(),
            facts: Facts { stages, body, ..Facts::default() },
            ..RuleSet::default()
        }
    }

    proptest! {
        #[test]
        fn the_index_leaves_out_no_rule_that_matters(
            expressions in prop::collection::vec(expression(), 1..6),
            evaluation in evaluation(),
        ) {
            let indexed = set(&expressions, |rules, stages| Index::new(rules.iter(), stages, &HashSet::from([1, 5])));
            let every = set(&expressions, |rules, _| Index {
                always: (0..rules.len()).collect(),
                ..Index::default()
            });
            let ids = |set: &RuleSet| -> Vec<String> {
                set.matches(&evaluation).iter().map(|rule| rule.id.to_string()).collect()
            };
            prop_assert_eq!(ids(&indexed), ids(&every));
            prop_assert_eq!(indexed.wants(&evaluation), every.wants(&evaluation));
        }
    }
}
