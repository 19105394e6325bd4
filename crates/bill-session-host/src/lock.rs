//! How threads share a session.

use std::hint::spin_loop;
use std::sync::{PoisonError, TryLockError};
#[cfg(not(all(test, shuttle)))]
use std::{
    sync::{Mutex, MutexGuard},
    thread::yield_now,
};

#[cfg(all(test, shuttle))]
use shuttle::{
    sync::{Mutex, MutexGuard},
    thread::yield_now,
};

/// How often others are let run before a thread is put to sleep.
const TRIES: u32 = 24;

/// For how many of the processor's own pauses a thread leaves the lock alone before it tries again.
const PAUSES: u32 = 256;

/// Locks what is held for some tens of nanoseconds at a time, poisoned or not.
///
/// To be put to sleep and woken again takes far longer than any holder needs, so a thread
/// lets others run and tries again a few times before that, some microseconds apart. To try again at
/// once does worse: the lock, and all that it guards, then goes from core to core after each of its
/// uses, which takes longer than the uses themselves (docs/performance.md has the figures).
///
/// A panic of another holder is nothing to the next: use it where nothing is left half done by one.
///
/// ```
/// use bill_session_host::lock;
/// use std::sync::Mutex;
///
/// let counted = Mutex::new(0);
/// std::thread::scope(|scope| {
///     for _ in 0..8 {
///         scope.spawn(|| *lock(&counted) += 1);
///     }
/// });
/// assert_eq!(*lock(&counted), 8);
/// ```
#[inline]
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.try_lock().unwrap_or_else(|error| lock_patiently(mutex, error))
}

#[cold]
fn lock_patiently<'a, T>(
    mutex: &'a Mutex<T>,
    found: TryLockError<MutexGuard<'a, T>>,
) -> MutexGuard<'a, T> {
    if let TryLockError::Poisoned(poisoned) = found {
        return poisoned.into_inner();
    }
    for _ in 0..TRIES {
        yield_now();
        for _ in 0..PAUSES {
            spin_loop();
        }
        match mutex.try_lock() {
            Ok(guard) => return guard,
            Err(TryLockError::Poisoned(poisoned)) => return poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => {}
        }
    }
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(all(test, shuttle))]
mod schedules {
    //! The lock under the schedules that shuttle tries out: `cargo xtask schedules` runs this.

    use super::{TRIES, lock};
    use shuttle::sync::Mutex;
    use shuttle::thread;
    use std::sync::Arc;

    #[test]
    fn under_any_schedule_one_thread_at_a_time_holds_it_and_each_gets_it() {
        let number =
            std::env::var("BILL_SCHEDULES").map_or(1_000, |number| number.parse().unwrap());
        let seed = crate::seed();
        println!("lock: {number} schedules, seed {seed}");
        shuttle::check_random_with_seed(
            || {
                let mutex = Arc::new(Mutex::new((0, 0_u32)));
                let adds = |mutex: Arc<Mutex<(i32, u32)>>| {
                    // Longer than any of the others tries.
                    let mut held = lock(&mutex);
                    held.0 += 1;
                    for _ in 0..2 * TRIES {
                        held.1 += 1;
                        thread::yield_now();
                    }
                    held.0 -= 1;
                    assert_eq!(held.0, 0);
                };
                let adding: Vec<_> = (0..3)
                    .map(|_| {
                        let mutex = Arc::clone(&mutex);
                        thread::spawn(move || adds(mutex))
                    })
                    .collect();
                for thread in adding {
                    thread.join().unwrap();
                }
                assert_eq!(*lock(&mutex), (0, 3 * 2 * TRIES));
            },
            seed,
            number,
        );
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::lock;
    use std::sync::Mutex;
    use std::thread;

    #[test]
    fn whoever_waits_longer_than_it_tries_gets_it_all_the_same() {
        let mutex = &Mutex::new(Vec::new());
        thread::scope(|scope| {
            let held = lock(mutex);
            let waiting: Vec<_> =
                (0..4).map(|n| scope.spawn(move || lock(mutex).push(n))).collect();
            // Held for longer than all tries together take: the others are asleep by then.
            for _ in 0..100_000 {
                thread::yield_now();
            }
            assert!(held.is_empty());
            drop(held);
            for waiting in waiting {
                assert!(waiting.join().is_ok());
            }
        });
        assert_eq!(lock(mutex).len(), 4);
    }

    #[test]
    fn a_panic_of_one_holder_is_nothing_to_the_next() {
        let mutex = Mutex::new(1);
        let panicked = thread::scope(|scope| {
            scope
                .spawn(|| {
                    let _held = lock(&mutex);
                    std::panic::resume_unwind(Box::new("on purpose"));
                })
                .join()
        });
        assert!(panicked.is_err() && mutex.is_poisoned());
        assert_eq!(*lock(&mutex), 1);
    }
}
