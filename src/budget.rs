//! One budget for all bytes that wait for verdicts, over all connections.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How many bytes may be held at once (`inspect.hold_total_bytes`).
#[derive(Clone, Debug)]
pub(crate) struct HoldBudget(Arc<Semaphore>);

/// What one exchange has taken of the budget; dropping it gives it back.
#[derive(Debug)]
pub(crate) struct Share {
    budget: Arc<Semaphore>,
    taken: Option<OwnedSemaphorePermit>,
}

impl HoldBudget {
    /// A budget of this many bytes.
    pub(crate) fn new(bytes: usize) -> Self {
        Self(Arc::new(Semaphore::new(bytes.min(Semaphore::MAX_PERMITS))))
    }

    /// A share that holds nothing yet.
    pub(crate) fn share(&self) -> Share {
        Share { budget: Arc::clone(&self.0), taken: None }
    }
}

impl Share {
    /// The permit for what was taken. It is kept beside the bytes until they are sent, and dropping it gives them back.
    pub(crate) fn into_permit(self) -> Option<OwnedSemaphorePermit> {
        self.taken
    }

    /// Takes more; false when that much is not left, and then nothing is taken.
    pub(crate) fn take(&mut self, bytes: usize) -> bool {
        let Ok(count) = u32::try_from(bytes) else { return false };
        let Ok(more) = Arc::clone(&self.budget).try_acquire_many_owned(count) else { return false };
        match &mut self.taken {
            Some(taken) => taken.merge(more),
            None => self.taken = Some(more),
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_come_out_of_one_budget_and_go_back_whole() {
        let budget = HoldBudget::new(100);
        let (mut one, mut other) = (budget.share(), budget.share());
        assert!(one.take(40) && one.take(20) && other.take(40));
        assert!(!other.take(1), "the budget is used up");
        drop(one);
        assert!(other.take(60) && !other.take(1));
        assert!(!budget.share().take(usize::MAX));
    }
}
