//! How threads share a session.

use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread::yield_now;

/// How often others are let run before a thread is put to sleep.
const TRIES: u32 = 24;

/// Locks what is held for some tens of nanoseconds at a time, poisoned or not.
///
/// To be put to sleep and woken again takes far longer than any holder needs, so a thread
/// lets others run and tries again a few times before that. To try again at once does worse: the lock
/// then goes from core to core after each of its uses.
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
        match mutex.try_lock() {
            Ok(guard) => return guard,
            Err(TryLockError::Poisoned(poisoned)) => return poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => {}
        }
    }
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
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
