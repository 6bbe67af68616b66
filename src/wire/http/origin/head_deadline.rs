//! The deadline for a response's head, which an upload puts off as long as it moves.
//!
//! A large upload may take longer than any wait for a head, and an origin usually answers only after it. So the time
//! counts from the last frame of the request's body that the connection took. A frame reads no clock: a timer looks
//! [`CHECKS`] times within the limit whether frames were taken since, and gives up when that many looks in a row saw
//! none. Without a body the wait is exactly the limit; with one it is at most one step longer.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use crate::wire::http::timers::{Timer, Timers};

/// Looks within the limit.
pub(super) const CHECKS: u32 = 8;

/// What is left of the time that one request may wait for its response's head, over all its attempts.
#[derive(Debug)]
pub(super) struct HeadDeadline {
    timer: Timer,
    step: Duration,
    /// Looks in a row that saw nothing move.
    still: u32,
}

/// The deadline has passed.
#[derive(Debug)]
pub(super) struct Passed;

impl HeadDeadline {
    /// A deadline `limit` from now.
    pub(super) fn new(timers: &Timers, limit: Duration) -> Self {
        let step = limit / CHECKS;
        Self { timer: timers.after(step), step, still: 0 }
    }

    /// Waits for `attempt`; `frames` counts the frames of the body that the connection has taken, where there is a
    /// body.
    pub(super) async fn wait<T>(
        &mut self,
        frames: Option<Arc<AtomicU64>>,
        mut attempt: Pin<&mut impl Future<Output = T>>,
    ) -> Result<T, Passed> {
        let taken = || frames.as_ref().map(|frames| frames.load(Ordering::Relaxed));
        let mut before = taken();
        loop {
            let first = poll_fn(|cx| match attempt.as_mut().poll(cx) {
                Poll::Ready(done) => Poll::Ready(Some(done)),
                Poll::Pending => Pin::new(&mut self.timer).poll(cx).map(|()| None),
            });
            if let Some(done) = first.await {
                return Ok(done);
            }
            let now = taken();
            self.still = if now == before { self.still + 1 } else { 0 };
            if self.still >= CHECKS {
                return Err(Passed);
            }
            self.timer.restart(self.step);
            before = now;
        }
    }
}
