//! What threads meet by: std's own, or shuttle's when the schedules are explored.
//!
//! Shuttle runs the threads of a test in turns, and chooses at each lock, park and wake who is next
//! (`drive/schedules.rs`). Only this package's own tests use it: what other flags a program is built
//! with changes nothing. There is no time in it: a timed wait ends when it is woken, or for no reason.

#[cfg(not(all(test, shuttle)))]
pub(crate) use {
    bill_session_host::{lock, seed},
    std::sync::atomic::AtomicBool,
    std::sync::{Condvar, Mutex, MutexGuard},
    std::thread::{self, Thread},
};

#[cfg(all(test, shuttle))]
pub(crate) use {
    explored::{lock, seed},
    shuttle::sync::atomic::AtomicBool,
    shuttle::sync::{Condvar, Mutex, MutexGuard},
    shuttle::thread::{self, Thread},
};

use std::sync::{Arc, Weak};

/// What others hold, if they still do. They may let go of it from now on at any moment.
pub(crate) fn upgrade<T>(weak: &Weak<T>) -> Option<Arc<T>> {
    let held = weak.upgrade();
    #[cfg(all(test, shuttle))]
    explored::let_others_run();
    held
}

#[cfg(all(test, shuttle))]
mod explored {
    use std::sync::PoisonError;
    use std::time::Duration;

    use shuttle::rand::{RngCore, thread_rng};
    use shuttle::sync::{Mutex, MutexGuard};
    use shuttle::thread;

    /// How often a lock is tried first is nothing to a schedule; `bill-session-host` explores that.
    pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
        mutex.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The same in each run of a schedule.
    pub(crate) fn seed() -> u64 {
        thread_rng().next_u64()
    }

    /// Shuttle does not see that a count of holders is shared by threads.
    pub(super) fn let_others_run() {
        thread::sleep(Duration::ZERO);
    }
}
