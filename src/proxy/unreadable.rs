//! Connections that end because a request on them could not be read.

use crate::telemetry::Metrics;

/// Why a request could not be read. Idle connections that end are no failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// It breaks the grammar of HTTP.
    Malformed,
    /// Half a head came; hyper closes without an answer.
    TimedOut,
    /// Its head is larger than `limits.head_bytes`.
    TooLarge,
}

impl Unreadable {
    /// What hyper's error says about the request.
    pub(super) fn of(error: &hyper::Error) -> Option<Self> {
        if error.is_timeout() {
            Some(Self::TimedOut)
        } else if error.is_parse_too_large() {
            Some(Self::TooLarge)
        } else {
            error.is_parse().then_some(Self::Malformed)
        }
    }

    /// The word used in metrics.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::TimedOut => "timeout",
            Self::TooLarge => "too_large",
        }
    }

    /// The status that hyper has answered with.
    pub(super) fn status(self) -> Option<u16> {
        match self {
            Self::Malformed => Some(400),
            Self::TimedOut => None,
            Self::TooLarge => Some(431),
        }
    }

    /// Counts the limit that was reached, if one was.
    pub(super) fn count(self, metrics: &Metrics) {
        match self {
            Self::Malformed => {}
            Self::TimedOut => metrics.limit("idle_ms"),
            Self::TooLarge => metrics.limit("head_bytes"),
        }
    }
}
