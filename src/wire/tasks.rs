//! The tasks that serve connections. A drain asks them all to finish, waits for them, and cuts them at its deadline.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Poll, Waker};
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Spawns tasks and drains them; cheap to clone. Also the executor of hyper's HTTP/2.
#[derive(Clone, Debug, Default)]
pub struct Tasks {
    tracker: TaskTracker,
    closing: CancellationToken,
    /// Set before `closing` is cancelled.
    closes: Arc<AtomicBool>,
    cutting: CancellationToken,
}

/// Futures of hyper that are larger are boxed before they are spawned.
const MOVED_MAX_BYTES: usize = 512;
/// Time that a task has to record its end after it was cut.
const CUT: Duration = Duration::from_secs(1);

impl Tasks {
    /// Runs a future in its own task.
    pub fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) {
        self.tracker.spawn(future);
    }

    /// Resolves when the gateway starts to close; connections then finish the requests in progress.
    ///
    /// Every connection polls this whenever it is polled itself, several times for each request. The token's own future
    /// takes one lock of all connections for that: 230 instructions, and 53 ns with two busy cores. Here only the first
    /// poll by a task takes it; any other costs 45 instructions and 13 ns (callgrind, and wall time of a loop of polls).
    pub async fn closing(&self) {
        let mut cancelled = pin!(self.closing.cancelled());
        let mut known: Option<Waker> = None;
        poll_fn(|cx| {
            let waits = known.as_ref().is_some_and(|waker| waker.will_wake(cx.waker()));
            if waits && !self.is_closing() {
                return Poll::Pending;
            }
            known = Some(cx.waker().clone());
            cancelled.as_mut().poll(cx)
        })
        .await;
    }

    /// True from the moment the gateway starts to close.
    pub fn is_closing(&self) -> bool {
        self.closes.load(Ordering::Acquire)
    }

    /// Resolves when the drain deadline has passed; connections then end at once.
    pub async fn cutting(&self) {
        self.cutting.cancelled().await;
    }

    /// True from the moment the drain deadline has passed.
    pub fn is_cutting(&self) -> bool {
        self.cutting.is_cancelled()
    }

    /// Asks every task to finish and waits for all. False when the deadline passed first, so that the rest was cut.
    pub async fn drain(&self, deadline: Duration) -> bool {
        self.closes.store(true, Ordering::Release);
        self.closing.cancel();
        self.tracker.close();
        if tokio::time::timeout(deadline, self.tracker.wait()).await.is_ok() {
            return true;
        }
        self.cutting.cancel();
        if tokio::time::timeout(CUT, self.tracker.wait()).await.is_err() {
            tracing::debug!(tasks = self.running(), "not everything could be cut in time");
        }
        false
    }

    /// The number of tasks that have not ended.
    pub fn running(&self) -> usize {
        self.tracker.len()
    }
}

impl<F> hyper::rt::Executor<F> for Tasks
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, future: F) {
        // hyper's future of one request is as large as that of a whole connection, and spawning moves it several times.
        if size_of::<F>() > MOVED_MAX_BYTES {
            self.tracker.spawn(Box::pin(future));
        } else {
            self.tracker.spawn(future);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::Context;

    use super::*;

    #[tokio::test]
    async fn a_task_that_has_asked_before_learns_of_the_end() {
        let tasks = Tasks::default();
        let mut closing = Box::pin({
            let tasks = tasks.clone();
            async move { tasks.closing().await }
        });
        // Twice by somebody else, then by the task that waits.
        for _ in 0..2 {
            assert!(closing.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        }
        let waiting = tokio::spawn(closing);
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        assert!(tasks.drain(Duration::from_secs(5)).await);
        waiting.await.unwrap();
    }
}
