//! A number that differs from one call and one process to the next.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};

/// A seed for jitter: a number that differs from one call, and one process, to the next.
///
/// It spreads the retries of many programs over time. It is **not cryptographic** and no secret
/// may be made from it: it is what std's hash maps seed themselves with, which needs no dependency.
///
/// ```
/// assert_ne!(bill_session_host::seed(), bill_session_host::seed());
/// ```
#[must_use]
pub fn seed() -> u64 {
    // Each `RandomState` has keys of its own; the hash of nothing under them is a function of the
    // keys alone.
    RandomState::new().build_hasher().finish()
}

#[cfg(test)]
mod tests {
    use super::seed;
    use std::collections::HashSet;
    use std::thread;

    #[test]
    fn seeds_differ_within_a_thread_and_between_threads() {
        let draw = || (0..100).map(|_| seed()).collect::<Vec<_>>();
        let elsewhere = thread::spawn(draw).join().unwrap();
        let all: HashSet<u64> = draw().into_iter().chain(elsewhere).collect();
        assert_eq!(all.len(), 200);
    }
}
