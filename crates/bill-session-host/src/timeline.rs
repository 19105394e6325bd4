//! The readings of a source of time, as [`Instant`]s that count what the source counts.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How far a source may fall back before its fall is held off: a millisecond.
///
/// A mark that each reading moved would be exact, but a cache line that every thread writes at
/// every reading costs several times the reading itself (120 ns instead of 18 with two threads).
/// This one is written at most a thousand times a second, and the kernels' clocks do not fall.
const SLACK: u64 = 1_000_000;

/// Where time is read: how long ago some fixed moment was.
pub(crate) trait Source: std::fmt::Debug + Send + Sync + 'static {
    fn read(&self) -> Duration;
}

/// A source's readings, translated to `Instant`s from a pair taken once.
///
/// An `Instant` cannot be made from a number: it is the base's instant plus what the source
/// counted since.
#[derive(Debug)]
pub(crate) struct Timeline<S> {
    source: S,
    base_instant: Instant,
    base_reading: Duration,
    /// The highest reading so far, in nanoseconds from the base, give or take [`SLACK`].
    mark: AtomicU64,
}

impl<S: Source> Timeline<S> {
    pub(crate) fn new(source: S) -> Self {
        Self {
            base_instant: Instant::now(),
            base_reading: source.read(),
            source,
            mark: AtomicU64::new(0),
        }
    }

    /// Now, by one reading of the source.
    pub(crate) fn now(&self) -> Instant {
        let elapsed = nanoseconds(self.source.read().saturating_sub(self.base_reading));
        let mark = self.mark.load(Ordering::Relaxed);
        if elapsed > mark.saturating_add(SLACK) {
            self.mark.fetch_max(elapsed, Ordering::Relaxed);
        }
        after(self.base_instant, elapsed.max(mark))
    }
}

/// A length in nanoseconds, at most the 584 years that a `u64` of them holds.
pub(crate) fn nanoseconds(length: Duration) -> u64 {
    // In 64 bits: `as_nanos` counts in 128, which the hot path would feel.
    let seconds = length.as_secs().saturating_mul(1_000_000_000);
    seconds.saturating_add(u64::from(length.subsec_nanos()))
}

/// The instant so many nanoseconds after another.
pub(crate) fn after(base: Instant, nanoseconds: u64) -> Instant {
    // No platform's `Instant` is too narrow for 584 years more; if one were, its clock would stand
    // still rather than panic.
    base.checked_add(Duration::from_nanos(nanoseconds)).unwrap_or(base)
}

/// This machine's clock that counts sleep.
#[derive(Debug)]
pub(crate) struct Machine;

impl Machine {
    /// The one timeline of the process, so that all its clocks agree.
    pub(crate) fn timeline() -> &'static Timeline<Self> {
        static TIMELINE: OnceLock<Timeline<Machine>> = OnceLock::new();
        TIMELINE.get_or_init(|| Timeline::new(Self))
    }
}

#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
impl Source for Machine {
    fn read(&self) -> Duration {
        use rustix::time::{ClockId, clock_gettime};

        #[cfg(any(target_os = "linux", target_os = "android"))]
        const COUNTS_SLEEP: ClockId = ClockId::Boottime;
        // Apple's monotonic clock counts sleep; what stands still, and what std reads, is its
        // `CLOCK_UPTIME_RAW`.
        #[cfg(target_vendor = "apple")]
        const COUNTS_SLEEP: ClockId = ClockId::Monotonic;

        // Neither clock is ever negative: both count from the start of the machine.
        Duration::try_from(clock_gettime(COUNTS_SLEEP)).unwrap_or(Duration::ZERO)
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
impl Source for Machine {
    fn read(&self) -> Duration {
        static START: OnceLock<Instant> = OnceLock::new();
        START.get_or_init(Instant::now).elapsed()
    }
}

#[cfg(test)]
mod tests {
    use super::{Machine, SLACK, Source, Timeline};
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::sync::{Arc, Mutex};
    use std::thread;
    use std::time::{Duration, Instant};

    /// A machine whose clocks a test sets: what `read` counts is uptime and sleep.
    #[derive(Debug, Default)]
    struct Script {
        awake: Mutex<Duration>,
        asleep: Mutex<Duration>,
        wall: Mutex<Duration>,
        reads: AtomicU64,
    }

    impl Script {
        fn set(clock: &Mutex<Duration>, to: Duration) {
            *clock.lock().unwrap() = to;
        }
    }

    impl Source for Arc<Script> {
        fn read(&self) -> Duration {
            self.reads.fetch_add(1, Ordering::Relaxed);
            *self.awake.lock().unwrap() + *self.asleep.lock().unwrap()
        }
    }

    fn scripted(started: Duration) -> (Arc<Script>, Timeline<Arc<Script>>) {
        let script = Arc::new(Script::default());
        Script::set(&script.awake, started);
        (Arc::clone(&script), Timeline::new(script))
    }

    const HOUR: Duration = Duration::from_secs(3_600);

    #[test]
    fn time_passes_as_the_source_counts_it_whatever_it_counted_before() {
        for started in [Duration::ZERO, HOUR, HOUR * 24 * 365 * 50] {
            let (script, timeline) = scripted(started);
            let before = timeline.now();
            Script::set(&script.awake, started + HOUR);
            assert_eq!(timeline.now() - before, HOUR);
        }
    }

    #[test]
    fn the_time_that_the_machine_slept_counts() {
        let (script, timeline) = scripted(HOUR);
        let before = timeline.now();
        Script::set(&script.asleep, HOUR * 8);
        assert_eq!(timeline.now() - before, HOUR * 8);
    }

    #[test]
    fn a_wall_clock_set_forward_or_back_changes_nothing() {
        let (script, timeline) = scripted(HOUR);
        Script::set(&script.wall, HOUR * 24 * 365 * 56);
        let before = timeline.now();
        for wall in [Duration::ZERO, HOUR * 24 * 365 * 100] {
            Script::set(&script.wall, wall);
            assert_eq!(timeline.now(), before);
        }
    }

    #[test]
    fn a_source_that_goes_backwards_does_not_take_now_with_it() {
        let (script, timeline) = scripted(HOUR);
        Script::set(&script.awake, HOUR * 3);
        let before = timeline.now();
        for fallen in [HOUR * 2, HOUR, Duration::ZERO] {
            Script::set(&script.awake, fallen);
            assert_eq!(timeline.now(), before);
        }
        Script::set(&script.awake, HOUR * 4);
        assert_eq!(timeline.now() - before, HOUR);
    }

    #[test]
    fn a_fall_is_seen_by_at_most_a_millisecond_wherever_it_begins() {
        let slack = Duration::from_nanos(SLACK);
        let (script, timeline) = scripted(HOUR);
        let mut latest = timeline.now();
        for step in 1..5_000_u32 {
            let at = HOUR + Duration::from_micros(170) * step;
            let fallen = if step % 3 == 0 { HOUR } else { at };
            Script::set(&script.awake, fallen);
            let now = timeline.now();
            assert!(latest.saturating_duration_since(now) <= slack, "at step {step}");
            latest = latest.max(now);
        }
    }

    #[test]
    fn a_source_below_its_base_reads_as_the_base() {
        let (script, timeline) = scripted(HOUR);
        Script::set(&script.awake, Duration::ZERO);
        assert_eq!(timeline.now(), timeline.base_instant);
    }

    #[test]
    fn a_source_beyond_all_bounds_saturates_and_does_not_panic() {
        let (script, timeline) = scripted(HOUR);
        Script::set(&script.awake, Duration::MAX);
        let far = timeline.now();
        assert!(far > timeline.base_instant + HOUR);
        assert_eq!(timeline.now(), far);
    }

    #[test]
    fn each_now_is_one_reading_of_the_source() {
        let (script, timeline) = scripted(HOUR);
        let base = script.reads.load(Ordering::Relaxed);
        for _ in 0..10 {
            timeline.now();
        }
        assert_eq!(script.reads.load(Ordering::Relaxed) - base, 10);
    }

    #[test]
    fn the_machine_does_not_run_backwards_within_or_between_threads() {
        let latest = Mutex::new(Machine::timeline().now());
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..10_000 {
                        let mut latest = latest.lock().unwrap();
                        let now = Machine::timeline().now();
                        assert!(now >= *latest);
                        *latest = now;
                    }
                });
            }
        });
    }

    #[test]
    fn the_machine_counts_no_less_than_std_does() {
        let timeline = Timeline::new(Machine);
        let start = timeline.now();
        for _ in 0..10_000 {
            let std = Instant::now();
            // The base pair is read one after the other, so the bound gives a little.
            assert!(timeline.now() + Duration::from_millis(1) >= std);
        }
        assert!(timeline.now() > start);
    }
}
