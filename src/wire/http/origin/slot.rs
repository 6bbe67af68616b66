//! The place of an origin's connection between two requests: a state and its transitions.

use std::time::Instant;

use hyper::client::conn::http2;

use super::fault::OriginFault;
use super::sender::{Exclusive, Sender};
use crate::wire::connect::Connected;
use crate::wire::http::Outgoing;
use crate::wire::tls::Alpn;

/// What the next request finds. Every state but the first two follows a connection, so it has that connection's facts.
#[derive(Debug, Default)]
pub(super) enum Slot {
    /// Nothing is known of the origin yet.
    #[default]
    Untried,
    /// The tunnel could not be opened. The first request gets this fault, the one after it opens a connection again.
    Failed(OriginFault),
    /// A connection of HTTP/1.1 that no request uses.
    Idle(Exclusive, Connected),
    /// A connection of HTTP/2, which all requests use.
    Shared(http2::SendRequest<Outgoing>, Connected),
    /// No connection is here: a request of HTTP/1.1 has it, or it was lost. Another request opens one more.
    Away(Connected),
}

impl Slot {
    /// The open connection for one request, or none; an error is given once.
    pub(super) fn take(&mut self) -> Result<Option<Sender>, OriginFault> {
        match std::mem::take(self) {
            Self::Untried => Ok(None),
            Self::Failed(fault) => Err(fault),
            Self::Idle(sender, facts) => {
                *self = Self::Away(facts);
                Ok(Some(Sender::Http1(sender)).filter(|sender| !sender.is_closed()))
            }
            Self::Shared(sender, facts) if !sender.is_closed() => {
                *self = Self::Shared(sender.clone(), facts);
                Ok(Some(Sender::Http2(sender)))
            }
            Self::Shared(_, facts) | Self::Away(facts) => {
                *self = Self::Away(facts);
                Ok(None)
            }
        }
    }

    /// Keeps a new connection until a request takes it.
    pub(super) fn keep(&mut self, sender: Sender, facts: Connected) {
        *self = match sender {
            Sender::Http1(sender) => Self::Idle(sender, facts),
            Sender::Http2(sender) => Self::Shared(sender, facts),
        };
    }

    /// Notes a new connection that one request takes at once; the others share it when it is HTTP/2.
    pub(super) fn lend(&mut self, sender: &Sender, facts: Connected) {
        *self = match sender {
            Sender::Http1(_) => Self::Away(facts),
            Sender::Http2(shared) => Self::Shared(shared.clone(), facts),
        };
    }

    /// Takes back the connection of a request that was sent at `sent` and has its response's head.
    pub(super) fn give_back(&mut self, sender: Exclusive, sent: Instant) {
        if let Some(facts) = self.facts().cloned() {
            *self = Self::Idle(Exclusive { used: Some(sent), ..sender }, facts);
        }
    }

    /// Forgets the connection, which is closed or seems dead; the next request opens another.
    pub(super) fn lose(&mut self) {
        if let Some(facts) = self.facts().cloned() {
            *self = Self::Away(facts);
        }
    }

    /// Notes that the tunnel could not be opened.
    pub(super) fn fail(&mut self, fault: OriginFault) {
        *self = Self::Failed(fault);
    }

    /// True when the origin spoke the other of HTTP/1.1 and HTTP/2 before.
    pub(super) fn spoke_other_than(&self, alpn: Alpn) -> bool {
        self.facts().is_some_and(|before| (before.alpn == Alpn::Http2) != (alpn == Alpn::Http2))
    }

    /// Facts about the latest connection. Its durations are given to one request only, the one that waited for them.
    pub(super) fn facts_once(&mut self) -> Connected {
        match self {
            Self::Untried | Self::Failed(_) => Connected::default(),
            Self::Idle(_, facts) | Self::Shared(_, facts) | Self::Away(facts) => {
                let rest = facts.without_durations();
                std::mem::replace(facts, rest)
            }
        }
    }

    fn facts(&self) -> Option<&Connected> {
        match self {
            Self::Untried | Self::Failed(_) => None,
            Self::Idle(_, facts) | Self::Shared(_, facts) | Self::Away(facts) => Some(facts),
        }
    }
}
