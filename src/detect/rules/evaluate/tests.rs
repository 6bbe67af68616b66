use std::collections::HashSet;

use proptest::prelude::*;

use super::super::facts::{Facts, Field};
use super::super::index::Index;
use super::super::load::from_sources;
use super::super::matcher::Set;
use super::super::rule::{Rule, RuleAction};
use super::*;
use crate::yaml::Source;

/// Facts in the property test; fact `n` is of stage `n % 4`.
const FACTS: usize = 12;

fn expression() -> impl Strategy<Value = Expression> {
    (0..FACTS).prop_map(Expression::Atom).prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Expression::All),
            prop::collection::vec(inner.clone(), 0..4).prop_map(Expression::Any),
            inner.prop_map(|inner| Expression::Not(Box::new(inner))),
        ]
    })
}

fn known() -> impl Strategy<Value = Known> {
    let over = any::<[bool; 3]>().prop_map(|[head, mcp, body]| Over { head, mcp, body });
    let atoms = prop::collection::vec(0..FACTS, 0..FACTS);
    (atoms, over).prop_map(|(atoms, over)| {
        let mut proven = Proven::none(FACTS);
        atoms.into_iter().for_each(|atom| proven.set(atom));
        Known { proven, over, approved: false }
    })
}

/// A set with these rules that evaluates the rules the index names.
fn set(expressions: &[Expression], index: fn(&[Expression], &[Stage]) -> Index) -> RuleSet {
    let stages: Vec<Stage> = Stage::ALL.into_iter().cycle().take(FACTS).collect();
    let rule = |(id, expression): (usize, &Expression)| {
        let (id, title, file) = (id.to_string().into(), "t".into(), "r.yaml".into());
        let (action, severity, tags) = (RuleAction::Log, Default::default(), Vec::new());
        (Arc::new(Rule { id, title, action, severity, on_approved: false, tags, file }), expression.clone())
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
        known in known(),
    ) {
        let indexed = set(&expressions, |rules, stages| Index::new(rules.iter(), stages, &HashSet::from([1, 5])));
        let every = set(&expressions, |rules, _| Index::of_all(rules.len()));
        let ids = |set: &RuleSet| -> Vec<String> {
            known.matches(set).iter().map(|rule| rule.id.to_string()).collect()
        };
        prop_assert_eq!(ids(&indexed), ids(&every));
        prop_assert_eq!(known.wants(&indexed), known.wants(&every));
    }
}

/// A tunnel's names, evaluated over one rule with this condition.
fn named(condition: &str) -> Named {
    let text = format!("rules:\n  - {{id: a, title: t, action: log, match: {condition}}}\n");
    let rules = from_sources(vec![Source { file: "r.yaml".into(), text }]).unwrap();
    rules.names(&Names {
        host: "x.example",
        port: 443,
        sni: None,
        user: None,
        groups: &[],
        client_ip: [192, 0, 2, 1].into(),
        approved: false,
    })
}

/// An exchange after its head, evaluated over one rule with this condition.
fn exchange(condition: &str) -> Evaluation {
    posted(&named(condition))
}

fn posted(named: &Named) -> Evaluation {
    let mut evaluation = named.exchange();
    let headers = http::HeaderMap::new();
    evaluation.head(&Head { method: &http::Method::POST, path: "/", query: None, headers: &headers });
    evaluation
}

fn matched(evaluation: &Evaluation) -> bool {
    !evaluation.matches().is_empty()
}

#[test]
fn a_body_pattern_is_found_across_chunks_and_before_the_end() {
    let mut evaluation = exchange("{ body_regex: secret }");
    evaluation.chunk(b"a sec");
    assert!(!matched(&evaluation) && evaluation.wants_body());
    evaluation.chunk(b"ret");
    evaluation.end(&Signals::default());
    assert!(matched(&evaluation) && !evaluation.wants_body());
}

#[test]
fn the_absence_of_a_body_pattern_is_known_at_the_end_and_not_where_inspection_stops() {
    let condition = "{ port: [443], not: { body_regex: secret } }";
    let (mut stopped, mut ended) = (exchange(condition), exchange(condition));
    for evaluation in [&mut stopped, &mut ended] {
        evaluation.chunk(b"plain");
    }
    stopped.stop(&Signals::default());
    ended.end(&Signals::default());
    assert_eq!((matched(&stopped), matched(&ended)), (false, true));
    ended.chunk(b"secret");
    assert!(matched(&ended), "a chunk after the end changes nothing");
}

#[test]
fn the_absence_of_mcp_is_known_where_inspection_stops_and_not_before() {
    let mut evaluation = exchange("{ port: [443], not: { mcp: { is_mcp: weak } } }");
    evaluation.learn(&Signals::default());
    assert!(!matched(&evaluation) && evaluation.wants().mcp);
    evaluation.stop(&Signals::default());
    assert!(matched(&evaluation) && !evaluation.wants().mcp);
}

#[test]
fn signals_that_come_after_the_verdict_still_match() {
    let mut evaluation = exchange("{ mcp: { signal: [SR1] } }");
    evaluation.end(&Signals::default());
    assert!(!matched(&evaluation));
    let mut signals = Signals::default();
    signals.note(&crate::detect::inspect::evidence::SESSION_RESPONSE);
    evaluation.stop(&signals);
    assert!(matched(&evaluation));
}

#[test]
fn exchanges_of_one_tunnel_share_its_names_and_nothing_else() {
    let named = named("{ port: [443], path: [/] }");
    assert!(matched(&posted(&named)));
    assert!(named.matches().is_empty() && !matched(&named.exchange()));
}
