//! Decides on names alone what happens to a tunnel. Pure: the time is an argument.

use std::sync::Arc;

use super::in_force::Ruling;
use super::names::{NamesJudged, TunnelNames};
use crate::host::Destination;
use crate::inlet;
use crate::verdict::Verdict;

/// A bypass that was prepared before the client spoke.
#[derive(Debug)]
pub(crate) struct Prepared<'a, Way> {
    /// What CONNECT named.
    pub target: &'a Destination,
    /// The way to it, already open.
    pub way: Way,
}

/// What happens to a tunnel.
#[derive(Debug)]
pub(crate) enum Decided<Way> {
    /// It is decrypted and the gateway answers in it; no origin is dialled.
    Answer {
        /// What the answers will be.
        with: Answering,
        /// What the rules make of the names.
        judged: Arc<NamesJudged>,
    },
    /// It is passed on without being decrypted.
    Bypass {
        /// The reason that the bypass list gives.
        reason: Arc<str>,
        /// The way to the target.
        way: Way,
    },
    /// It is decrypted, and its requests go to the origin if they may.
    Intercept {
        /// What the rules make of the names.
        judged: Arc<NamesJudged>,
    },
}

/// What a tunnel is answered with that leads to no origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answering {
    /// The gateway's own pages.
    OwnPages,
    /// A refusal: redirect or block.
    Refusal(Verdict),
}

impl<Way> Decided<Way> {
    /// The word used in metrics and logs.
    pub(crate) fn as_str(&self) -> &'static str {
        match self {
            Self::Answer { with: Answering::OwnPages, .. } => "own_pages",
            Self::Answer { with: Answering::Refusal(verdict), .. } => verdict.as_str(),
            Self::Bypass { .. } => "bypass",
            Self::Intercept { .. } => "inspect",
        }
    }
}

/// The reason why a tunnel to `target` would be bypassed, before the client has said anything.
pub(crate) fn bypassed(ruling: &Ruling, target: &Destination, now_s: i64) -> Option<Arc<str>> {
    ruling.policy.bypass(&target.host, now_s).map(|entry| Arc::clone(&entry.reason))
}

/// Decides about a tunnel; `prepared` is there when its target was on the bypass list at CONNECT.
///
/// A tunnel is bypassed only when the target and the server name are both on the list: a name on the list must not carry
/// a hello for another host. A target that came onto the list between CONNECT and hello was not prepared for: its
/// tunnel is decrypted, and the next CONNECT to it is bypassed.
pub(crate) fn decide<Way>(
    ruling: &Arc<Ruling>,
    names: &TunnelNames<'_>,
    prepared: Option<Prepared<'_, Way>>,
    now_s: i64,
) -> Decided<Way> {
    if let Some(Prepared { target, way }) = prepared
        && bypassed(ruling, target, now_s).is_some()
        && let Some(reason) = bypassed(ruling, names.host, now_s)
    {
        return Decided::Bypass { reason, way };
    }
    let judged = NamesJudged::new(ruling, names);
    if inlet::names_gateway(&names.host.host) {
        return Decided::Answer { with: Answering::OwnPages, judged };
    }
    let action = judged.action();
    if action.answers() {
        return Decided::Answer { with: Answering::Refusal(action.verdict), judged };
    }
    Decided::Intercept { judged }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::rules::RuleSet;
    use crate::host::HostPatterns;
    use crate::identity::Person;
    use crate::policy::{Bypass, Policy, Uninspectable};
    use crate::ruling::Recording;

    const NOW_S: i64 = 1_800_000_000;

    /// A ruling that bypasses `*.bank.example` and blocks by a rule what `rules` name.
    fn ruling(rules: &str) -> Arc<Ruling> {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("rules.yaml");
        std::fs::write(&file, rules).unwrap();
        let rules: Arc<RuleSet> = crate::detect::rules::load(&[file]).unwrap();
        let mut bypass = HostPatterns::default();
        bypass.insert("*.bank.example", Bypass { reason: "pinned".into(), until: Some(NOW_S) }).unwrap();
        let (approved, portal) = (HostPatterns::default(), None);
        let (shadow, uninspectable) = (Verdict::Log, Uninspectable::Log);
        let policy = Policy { shadow, approved, bypass, portal, uninspectable };
        Arc::new(Ruling::new(rules, policy, Recording::All))
    }

    const NO_RULES: &str = "rules: []";
    const BLOCK_AND_REDIRECT: &str = r#"
rules:
  - { id: blocked, title: t, severity: low, action: block, match: { host: ["bad.example"] },
      samples: { match: [ { host: bad.example } ], no_match: [ { host: other.example } ] } }
  - { id: redirected, title: t, severity: low, action: redirect, match: { host: ["there.example"] },
      samples: { match: [ { host: there.example } ], no_match: [ { host: other.example } ] } }
"#;

    fn decided(ruling: &Arc<Ruling>, target: &str, sni: Option<&str>, now_s: i64) -> String {
        let person = Person { ip: [192, 0, 2, 1].into(), local: None, user: None };
        let at = |name: &str| Destination { host: name.into(), port: 443 };
        let (target, host) = (at(target), at(sni.unwrap_or(target)));
        let names = TunnelNames { person: &person, host: &host, sni };
        let is_listed = bypassed(ruling, &target, NOW_S - 1).is_some();
        let prepared = is_listed.then_some(Prepared { target: &target, way: "open" });
        match decide(ruling, &names, prepared, now_s) {
            Decided::Answer { with: Answering::OwnPages, .. } => "own pages".to_owned(),
            Decided::Answer { with: Answering::Refusal(verdict), .. } => verdict.as_str().to_owned(),
            Decided::Bypass { reason, way } => format!("{way}, {reason}"),
            Decided::Intercept { .. } => "intercept".to_owned(),
        }
    }

    #[test]
    fn a_bypass_needs_target_and_server_name_on_the_list_while_it_lasts() {
        let ruling = ruling(NO_RULES);
        let (listed, other) = ("www.bank.example", "other.example");
        assert_eq!(decided(&ruling, listed, Some(listed), NOW_S - 1), "open, pinned");
        assert_eq!(decided(&ruling, listed, None, NOW_S - 1), "open, pinned");
        assert_eq!(decided(&ruling, listed, Some(other), NOW_S - 1), "intercept", "another host's hello");
        assert_eq!(decided(&ruling, other, Some(listed), NOW_S - 1), "intercept", "nothing was prepared");
        assert_eq!(decided(&ruling, listed, Some(listed), NOW_S), "intercept", "the entry has expired");
    }

    #[test]
    fn names_alone_lead_to_answers_and_a_redirect_is_not_a_block() {
        let ruling = ruling(BLOCK_AND_REDIRECT);
        assert_eq!(decided(&ruling, "bad.example", None, NOW_S), "block");
        assert_eq!(decided(&ruling, "good.example", Some("bad.example"), NOW_S), "block");
        assert_eq!(decided(&ruling, "there.example", None, NOW_S), "redirect");
        assert_eq!(decided(&ruling, inlet::OWN_NAME, None, NOW_S), "own pages");
        assert_eq!(decided(&ruling, "good.example", None, NOW_S), "intercept");
    }
}
