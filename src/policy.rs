//! From who asks for which host, and the rules that matched, to an [`Action`] with its reason. Pure.
//!
//! All rules are evaluated and the most severe wins: block > redirect > inspect > log > allow. A bypassed host is not
//! decrypted, an approved server and a rule with `action: allow` exempt explicitly; there is no first-match order.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;

use crate::detect::rules::{Matches, Rule, RuleAction};
use crate::host::HostPatterns;
use crate::verdict::{Severity, Verdict};

/// One `bypass` entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bypass {
    /// Why the host is not decrypted; goes on the event.
    pub reason: Arc<str>,
    /// Unix time (seconds) at which the entry stops to apply.
    pub until: Option<i64>,
}

/// What to do with bodies that cannot be inspected (`inspect.uninspectable`).
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, serde::Serialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Uninspectable {
    /// Pass and record a detection.
    #[default]
    Log,
    /// Refuse.
    Block,
    /// Pass.
    Allow,
}

/// The configured decisions.
#[derive(Debug)]
pub struct Policy {
    /// What the shipped rules do to MCP that is not approved (`posture.shadow`).
    pub shadow: Verdict,
    /// Approved servers with the reason.
    pub approved: HostPatterns<Arc<str>>,
    /// Hosts that are not decrypted.
    pub bypass: HostPatterns<Bypass>,
    /// Where people are sent.
    pub portal: Option<Arc<str>>,
    /// What to do with bodies that cannot be inspected.
    pub uninspectable: Uninspectable,
}

/// What to do with an exchange, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    /// What is done.
    pub verdict: Verdict,
    /// Why, in a sentence.
    pub reason: Cow<'static, str>,
    /// The rule that decided.
    pub decisive: Option<Arc<str>>,
    /// All rules that matched.
    pub rule_ids: Vec<Arc<str>>,
    /// Their tags, each once.
    pub rule_tags: Vec<Arc<str>>,
    /// The highest severity among them.
    pub severity: Option<Severity>,
}

impl Action {
    /// Nothing matched.
    pub fn pass() -> Self {
        Self::because(Verdict::Allow, "no rule matched")
    }

    /// A decision that no rule made.
    pub fn because(verdict: Verdict, reason: impl Into<Cow<'static, str>>) -> Self {
        Self {
            verdict,
            reason: reason.into(),
            decisive: None,
            rule_ids: Vec::new(),
            rule_tags: Vec::new(),
            severity: None,
        }
    }

    /// True when the gateway answers in the origin's place: redirect and block.
    pub fn answers(&self) -> bool {
        self.verdict >= Verdict::Redirect
    }

    /// Joins this action with a later one about the same exchange. The more severe one decides; on a tie the earlier one
    /// does, unless the later one is the first to exempt. Every rule is named once, and the highest severity stays.
    pub fn join(mut self, mut later: Self) -> Self {
        let rule_ids = union(std::mem::take(&mut self.rule_ids), std::mem::take(&mut later.rule_ids));
        let rule_tags = union(std::mem::take(&mut self.rule_tags), std::mem::take(&mut later.rule_tags));
        let severity = self.severity.max(later.severity);
        let passed = self.verdict == Verdict::Allow && self.decisive.is_none();
        let decides = if later.verdict > self.verdict || passed && later.exempts() { later } else { self };
        Self { rule_ids, rule_tags, severity, ..decides }
    }

    /// True when an `allow` rule decided.
    fn exempts(&self) -> bool {
        self.verdict == Verdict::Allow && self.decisive.is_some()
    }
}

/// Every word once, in the order in which they came.
fn union(mut words: Vec<Arc<str>>, more: impl IntoIterator<Item = Arc<str>>) -> Vec<Arc<str>> {
    let mut known: HashSet<Arc<str>> = words.iter().cloned().collect();
    words.extend(more.into_iter().filter(|word| known.insert(Arc::clone(word))));
    words
}

impl Policy {
    /// The reason why a host is approved, if it is.
    pub fn approved(&self, host: &str) -> Option<&Arc<str>> {
        if self.approved.is_empty() { None } else { self.approved.get(host) }
    }

    /// The bypass entry of a host that is still valid at `now` (Unix seconds).
    pub fn bypass(&self, host: &str, now: i64) -> Option<&Bypass> {
        if self.bypass.is_empty() {
            return None;
        }
        self.bypass.get(host).filter(|entry| entry.until.is_none_or(|until| now < until))
    }

    /// Decides from all matching rules; `approved` is the reason why the host is approved, which exempts it from the rules
    /// that do not name approved servers.
    pub fn judge(&self, matches: &Matches, approved: Option<&Arc<str>>) -> Action {
        let counting: Vec<&Rule> = matches
            .iter()
            .map(AsRef::as_ref)
            .filter(|rule: &&Rule| rule.counts(approved.is_some()))
            .collect();
        if let Some(reason) = approved
            && counting.iter().all(|rule| rule.action == RuleAction::Allow)
        {
            return Action::because(Verdict::Allow, format!("approved server: {reason}"));
        }
        let worst = |rule: &&&Rule| (self.verdict(rule.action), rule.severity);
        let exempt = counting.iter().find(|rule| rule.action == RuleAction::Allow);
        let Some(decisive) = exempt.or_else(|| counting.iter().max_by_key(worst)) else {
            return Action::pass();
        };
        let by = if exempt.is_some() { "exempt by rule" } else { "rule" };
        Action {
            verdict: self.verdict(decisive.action),
            reason: format!("{by} {}: {}", decisive.id, decisive.title).into(),
            decisive: Some(Arc::clone(&decisive.id)),
            rule_ids: counting.iter().map(|rule| Arc::clone(&rule.id)).collect(),
            rule_tags: union(Vec::new(), counting.iter().flat_map(|rule| rule.tags.iter().cloned())),
            severity: counting.iter().map(|rule| rule.severity).max(),
        }
    }

    /// The decision about a body that could not be inspected, on top of what was decided so far. An exemption holds for
    /// such a body too.
    pub fn judge_uninspectable(&self, so_far: Action, why: &str) -> Action {
        let verdict = match self.uninspectable {
            Uninspectable::Allow => return so_far,
            Uninspectable::Log => Verdict::Log,
            Uninspectable::Block => Verdict::Block,
        };
        if so_far.verdict >= verdict || so_far.exempts() {
            return so_far;
        }
        let severity = so_far.severity.max(Some(Severity::Low));
        Action {
            verdict,
            reason: format!("the body could not be inspected: {why}").into(),
            decisive: None,
            rule_ids: so_far.rule_ids,
            rule_tags: so_far.rule_tags,
            severity,
        }
    }

    /// What a rule that asks for this gets.
    pub fn verdict(&self, action: RuleAction) -> Verdict {
        match action {
            RuleAction::Allow => Verdict::Allow,
            RuleAction::Log => Verdict::Log,
            RuleAction::Inspect => Verdict::Inspect,
            RuleAction::Redirect => Verdict::Redirect,
            RuleAction::Block => Verdict::Block,
            RuleAction::Posture => self.shadow,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(shadow: Verdict) -> Policy {
        Policy {
            shadow,
            approved: HostPatterns::default(),
            bypass: HostPatterns::default(),
            portal: None,
            uninspectable: Uninspectable::Log,
        }
    }

    fn hit(id: &str, action: RuleAction, severity: Severity) -> Arc<Rule> {
        let (title, file) = ("a title".into(), "r.yaml".into());
        Arc::new(Rule { id: id.into(), title, action, severity, on_approved: false, tags: Vec::new(), file })
    }

    fn hit_on_approved(id: &str, action: RuleAction) -> Arc<Rule> {
        Arc::new(Rule { on_approved: true, ..(*hit(id, action, Severity::High)).clone() })
    }

    #[test]
    fn the_most_severe_rule_wins_and_every_rule_is_named() {
        let matches = vec![
            hit("a", RuleAction::Log, Severity::High),
            hit("b", RuleAction::Block, Severity::Low),
            hit("c", RuleAction::Inspect, Severity::Info),
        ];
        let action = policy(Verdict::Log).judge(&matches, None);
        assert_eq!((action.verdict, action.decisive.as_deref()), (Verdict::Block, Some("b")));
        assert_eq!(action.rule_ids.len(), 3);
        assert_eq!(action.severity, Some(Severity::High));
    }

    #[test]
    fn the_tags_of_all_rules_that_matched_are_named_once() {
        let tagged = |id: &str, tags: &[&str]| {
            let tags = tags.iter().map(|tag| Arc::from(*tag)).collect();
            Arc::new(Rule { tags, ..(*hit(id, RuleAction::Log, Severity::Low)).clone() })
        };
        let policy = policy(Verdict::Log);
        let head = policy.judge(&vec![tagged("a", &["mcp", "shadow"]), tagged("b", &["mcp"])], None);
        assert_eq!(head.rule_tags, ["mcp".into(), "shadow".into()]);
        let joined = head.join(policy.judge(&vec![tagged("c", &["body", "shadow"])], None));
        assert_eq!(joined.rule_tags, ["mcp".into(), "shadow".into(), "body".into()]);
    }

    #[test]
    fn posture_is_one_line_away_from_enforcing() {
        let matches = vec![hit("shadow-mcp-call", RuleAction::Posture, Severity::High)];
        for verdict in [Verdict::Log, Verdict::Redirect, Verdict::Block] {
            assert_eq!(policy(verdict).judge(&matches, None).verdict, verdict);
        }
    }

    #[test]
    fn an_approved_server_and_an_allow_rule_exempt() {
        let matches =
            vec![hit("a", RuleAction::Block, Severity::High), hit("ok", RuleAction::Allow, Severity::Info)];
        assert_eq!(policy(Verdict::Block).judge(&matches, None).verdict, Verdict::Allow);
        let approved: Arc<str> = "the portal".into();
        let action = policy(Verdict::Block).judge(&matches, Some(&approved));
        assert_eq!((action.verdict, action.reason.as_ref()), (Verdict::Allow, "approved server: the portal"));
    }

    #[test]
    fn a_rule_that_names_approved_servers_judges_them_and_the_others_are_left_out() {
        let approved: Arc<str> = "the portal".into();
        let matches = vec![
            hit("a", RuleAction::Block, Severity::Critical),
            hit_on_approved("no-deletes", RuleAction::Block),
        ];
        let action = policy(Verdict::Block).judge(&matches, Some(&approved));
        assert_eq!((action.verdict, action.reason.as_ref()), (Verdict::Block, "rule no-deletes: a title"));
        assert_eq!((&*action.rule_ids, action.severity), (&["no-deletes".into()][..], Some(Severity::High)));
    }

    #[test]
    fn an_allow_rule_exempts_on_approved_servers_too() {
        let approved: Arc<str> = "the portal".into();
        let matches = vec![
            hit_on_approved("no-deletes", RuleAction::Block),
            hit("ok", RuleAction::Allow, Severity::Info),
        ];
        let action = policy(Verdict::Block).judge(&matches, Some(&approved));
        assert_eq!((action.verdict, action.decisive.as_deref()), (Verdict::Allow, Some("ok")));
    }

    #[test]
    fn a_bypass_ends_when_it_expires() {
        let mut policy = policy(Verdict::Log);
        policy.bypass.insert("*.bank.example", Bypass { reason: "pinned".into(), until: Some(100) }).unwrap();
        assert!(policy.bypass("www.bank.example", 99).is_some());
        assert!(policy.bypass("www.bank.example", 100).is_none());
    }

    #[test]
    fn an_uninspectable_body_never_softens_a_verdict() {
        let mut policy = policy(Verdict::Log);
        let blocked = Action::because(Verdict::Block, "x");
        assert_eq!(policy.judge_uninspectable(blocked.clone(), "too deep"), blocked);
        assert_eq!(policy.judge_uninspectable(Action::pass(), "too deep").verdict, Verdict::Log);
        policy.uninspectable = Uninspectable::Allow;
        assert_eq!(policy.judge_uninspectable(Action::pass(), "too deep").verdict, Verdict::Allow);
    }

    #[test]
    fn an_exempt_exchange_stays_exempt_when_its_body_cannot_be_inspected() {
        let mut policy = policy(Verdict::Log);
        policy.uninspectable = Uninspectable::Block;
        let exempt = policy.judge(&vec![hit("ok", RuleAction::Allow, Severity::Info)], None);
        assert_eq!(policy.judge_uninspectable(exempt.clone(), "too deep"), exempt);
    }

    #[test]
    fn a_body_that_cannot_be_inspected_is_not_blamed_on_a_rule_that_only_logs() {
        let mut policy = policy(Verdict::Log);
        policy.uninspectable = Uninspectable::Block;
        let logged = policy.judge(&vec![hit("a", RuleAction::Log, Severity::High)], None);
        let action = policy.judge_uninspectable(logged, "too deep");
        assert_eq!((action.verdict, action.decisive), (Verdict::Block, None));
        assert_eq!((&*action.rule_ids[0], action.severity), ("a", Some(Severity::High)));
    }

    #[test]
    fn a_joined_action_keeps_every_rule_and_the_highest_severity() {
        let policy = policy(Verdict::Log);
        let head = policy.judge(
            &vec![hit("a", RuleAction::Log, Severity::Low), hit("b", RuleAction::Log, Severity::Info)],
            None,
        );
        let tie = policy.judge(
            &vec![hit("b", RuleAction::Log, Severity::Info), hit("c", RuleAction::Log, Severity::High)],
            None,
        );
        let joined = head.clone().join(tie);
        assert_eq!((joined.decisive.as_deref(), joined.reason), (Some("a"), head.reason.clone()));
        assert_eq!(joined.rule_ids.iter().map(|id| &**id).collect::<Vec<_>>(), ["a", "b", "c"]);
        assert_eq!((joined.verdict, joined.severity), (Verdict::Log, Some(Severity::High)));
        let worse = head.join(policy.judge(&vec![hit("d", RuleAction::Block, Severity::Info)], None));
        assert_eq!((worse.verdict, worse.decisive.as_deref()), (Verdict::Block, Some("d")));
        assert_eq!((worse.rule_ids.len(), worse.severity), (3, Some(Severity::Low)));
    }

    #[test]
    fn an_exemption_that_comes_later_is_said() {
        let exempt = policy(Verdict::Log).judge(&vec![hit("ok", RuleAction::Allow, Severity::Info)], None);
        assert_eq!(Action::pass().join(exempt.clone()), exempt);
    }
}
