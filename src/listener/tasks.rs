//! The tasks that serve connections: counted, told to finish, waited for.

use std::future::Future;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Spawns and drains; cheap to clone. Also the executor of hyper's HTTP/2.
#[derive(Clone, Debug, Default)]
pub struct Tasks {
    tracker: TaskTracker,
    closing: CancellationToken,
    cutting: CancellationToken,
}

/// What is cut has this long to record its end.
const CUT: Duration = Duration::from_secs(1);

impl Tasks {
    /// Runs a future in its own task.
    pub fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) {
        self.tracker.spawn(future);
    }

    /// Resolves when the gateway starts to close; connections then finish what they are doing.
    pub async fn closing(&self) {
        self.closing.cancelled().await;
    }

    /// True from the moment the gateway starts to close.
    pub fn is_closing(&self) -> bool {
        self.closing.is_cancelled()
    }

    /// Resolves when the drain deadline has passed; connections then end at once.
    pub async fn cutting(&self) {
        self.cutting.cancelled().await;
    }

    /// True from the moment the drain deadline has passed.
    pub fn is_cutting(&self) -> bool {
        self.cutting.is_cancelled()
    }

    /// Tells every task to finish and waits; false when the deadline passed first and the rest was cut.
    pub async fn drain(&self, deadline: Duration) -> bool {
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

    /// Tasks running now.
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
        self.tracker.spawn(future);
    }
}
