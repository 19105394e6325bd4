//! How long to wait after failures: doubling steps, spread by jitter from an injected seed.

use std::time::{Duration, Instant};

/// Doubling steps from `first` up to `most`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Backoff {
    first: Duration,
    most: Duration,
}

/// Between attempts to sign in that failed.
pub(crate) const FAILED: Backoff =
    Backoff { first: Duration::from_secs(1), most: Duration::from_secs(120) };

/// Between sign-ins that met three other calls of the organisation.
pub(crate) const CONTENDED_SIGN_IN: Backoff =
    Backoff { first: Duration::from_secs(2), most: Duration::from_secs(120) };

/// Before a call that met three others is sent again.
pub(crate) const CONTENDED_CALL: Backoff =
    Backoff { first: Duration::from_millis(500), most: Duration::from_secs(1) };

impl Backoff {
    /// The wait after the `nth` failure in a row: between half of its step and the whole.
    pub(crate) fn after(self, nth: u32, jitter: &mut Jitter) -> Duration {
        let doublings = nth.saturating_sub(1).min(20);
        let step = self.first.saturating_mul(1 << doublings).min(self.most);
        let half = step / 2;
        half + half.mul_f64(jitter.unit())
    }
}

/// 2^64 divided by the golden ratio: its multiples lie far apart.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// The seeds of sessions that are numbered, far apart.
pub(crate) fn spread(number: u64) -> u64 {
    // Not by the generator's own step: one session's jitter would be the next one's, later.
    number.wrapping_mul(GOLDEN).rotate_left(32)
}

/// A small generator of jitter (SplitMix64); its seed is the adapter's.
#[derive(Debug)]
pub(crate) struct Jitter(u64);

impl Jitter {
    /// All that decides what is drawn next.
    #[cfg(feature = "model")]
    pub(crate) fn drawn(&self) -> u64 {
        self.0
    }

    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number from 0 up to 1.
    pub(crate) fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(GOLDEN);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        // The upper 32 bits are exact in a double, and plenty for jitter.
        f64::from((mixed >> 32) as u32) / 4_294_967_296.0
    }
}

/// `now + wait`, or far away when the sum does not exist.
#[inline]
pub(crate) fn later(now: Instant, wait: Duration) -> Instant {
    const FAR: Duration = Duration::from_secs(100 * 365 * 24 * 3600);
    now.checked_add(wait).or_else(|| now.checked_add(FAR)).unwrap_or(now)
}

/// A length of time in nanoseconds, at most the 584 years that 64 bits hold.
#[inline]
pub(crate) fn nanoseconds(length: Duration) -> u64 {
    let seconds = length.as_secs().saturating_mul(1_000_000_000);
    seconds.saturating_add(u64::from(length.subsec_nanos()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Duration;

    use super::{Jitter, nanoseconds, spread};

    #[test]
    fn jitter_is_that_of_split_mix_64() {
        // The upper halves of the numbers that the published generator makes of seed 0.
        let mut jitter = Jitter::new(0);
        for upper in [0xe220_a839_u32, 0x6e78_9e6a, 0x06c4_5d18] {
            assert_eq!(jitter.unit(), f64::from(upper) / 4_294_967_296.0);
        }
    }

    #[test]
    fn numbered_sessions_have_seeds_of_their_own() {
        let seeds: BTreeSet<u64> = (0..1_000).map(spread).collect();
        assert_eq!(seeds.len(), 1_000);
        // The next session's seed is not where this one's generator goes.
        let mut jitter = Jitter::new(spread(1));
        jitter.unit();
        assert_ne!(jitter.0, spread(2));
    }

    #[test]
    fn nanoseconds_are_exact_up_to_what_64_bits_hold() {
        assert_eq!(nanoseconds(Duration::new(2, 5)), 2_000_000_005);
        assert_eq!(nanoseconds(Duration::MAX), u64::MAX);
    }
}
