//! Locks that outlive a panic: what they guard stays consistent, because no writer leaves it half changed.

use std::sync::{Mutex, MutexGuard, PoisonError};

pub(super) fn lock_or_inner<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
