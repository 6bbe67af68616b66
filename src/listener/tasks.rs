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
}

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

    /// Tells every task to finish and waits; false when the deadline passed first.
    pub async fn drain(&self, deadline: Duration) -> bool {
        self.closing.cancel();
        self.tracker.close();
        tokio::time::timeout(deadline, self.tracker.wait()).await.is_ok()
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
