//! The time that decides which events are old. Without this check, a clock that jumps ahead would make all events old at
//! once.

use std::time::{Duration, Instant};

/// How far a clock may jump ahead between two looks. Corrections of a running clock are far smaller.
const STEP_MAX_US: i64 = 60 * 1_000_000;
/// A clock that has stayed ahead for this long is trusted.
const TRUST_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

/// The system's clock, checked against time that passes.
#[derive(Debug)]
pub(super) struct Clock {
    believed_us: i64,
    at: Instant,
    ahead_since: Option<Instant>,
}

impl Clock {
    pub(super) fn new(system_us: i64, at: Instant) -> Self {
        Self { believed_us: system_us, at, ahead_since: None }
    }

    /// The time to go by, in microseconds since the Unix epoch, when the system's clock says `system_us`.
    pub(super) fn now_us(&mut self, system_us: i64, at: Instant) -> i64 {
        let passed = at.saturating_duration_since(self.at);
        let expected_us = self.believed_us + i64::try_from(passed.as_micros()).unwrap_or_default();
        let jumped = system_us > expected_us + STEP_MAX_US;
        let ahead_since = jumped.then(|| self.ahead_since.unwrap_or(at));
        let trusted = ahead_since.is_some_and(|since| at.saturating_duration_since(since) >= TRUST_AFTER);
        if jumped && self.ahead_since.is_none() {
            tracing::warn!("the clock jumped ahead; for a day, old events are judged as if it had not");
        }
        let (believed_us, ahead_since) =
            if jumped && !trusted { (expected_us, ahead_since) } else { (system_us, None) };
        *self = Self { believed_us, at, ahead_since };
        believed_us
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND_US: i64 = 1_000_000;
    const YEAR_US: i64 = 365 * 86_400 * SECOND_US;

    #[test]
    fn a_jump_ahead_is_believed_after_a_day_and_a_step_back_at_once() {
        let start = Instant::now();
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        let mut clock = Clock::new(YEAR_US, start);
        assert_eq!(clock.now_us(YEAR_US + 5 * SECOND_US, at(1)), YEAR_US + 5 * SECOND_US, "a correction");
        assert_eq!(clock.now_us(2 * YEAR_US, at(2)), YEAR_US + 6 * SECOND_US, "a jump");
        assert_eq!(clock.now_us(2 * YEAR_US, at(3)), YEAR_US + 7 * SECOND_US, "time passes");
        assert_eq!(clock.now_us(YEAR_US + 8 * SECOND_US, at(4)), YEAR_US + 8 * SECOND_US, "it was a mistake");
        clock.now_us(2 * YEAR_US, at(5));
        assert_eq!(clock.now_us(2 * YEAR_US, at(5 + 86_400)), 2 * YEAR_US, "it was none");
        assert_eq!(clock.now_us(YEAR_US, at(6 + 86_400)), YEAR_US, "deletes less, so it is believed");
    }
}
