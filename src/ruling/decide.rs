//! Decides on names alone what happens to a tunnel. Pure: the time is an argument.

use std::sync::Arc;

use super::in_force::Ruling;
use super::names::{NamesJudged, TunnelNames};
use crate::host::Destination;
use crate::inlet;
use crate::verdict::Verdict;

/// What happens to a tunnel.
#[derive(Debug)]
pub enum Decided {
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
    },
    /// It is decrypted, and its requests go to the origin if they may.
    Intercept {
        /// What the rules make of the names.
        judged: Arc<NamesJudged>,
    },
}

/// What a tunnel is answered with that leads to no origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answering {
    /// The gateway's own pages.
    OwnPages,
    /// A refusal: redirect or block.
    Refusal(Verdict),
}

/// The reason why a tunnel to `target` would be bypassed, before the client has said anything.
pub fn bypassed(ruling: &Ruling, target: &Destination, now_s: i64) -> Option<Arc<str>> {
    ruling.policy.bypass(&target.host, now_s).map(|entry| Arc::clone(&entry.reason))
}

/// Decides about a tunnel to `target`. `bypassable` is the reason with which its bypass was prepared, if it was.
///
/// A tunnel is bypassed only when the target and the server name are both on the list: a name on the list must not carry
/// a hello for another host. A tunnel whose bypass was not prepared is decrypted: its target came onto the list between
/// CONNECT and hello, and the next CONNECT to it is bypassed.
pub fn decide(
    ruling: &Arc<Ruling>,
    names: &TunnelNames<'_>,
    bypassable: Option<&Destination>,
    now_s: i64,
) -> Decided {
    if let Some(target) = bypassable
        && bypassed(ruling, target, now_s).is_some()
        && let Some(reason) = bypassed(ruling, names.host, now_s)
    {
        return Decided::Bypass { reason };
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
