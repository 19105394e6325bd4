//! The clocks that an adapter can be given.

use crate::timeline::{Machine, Timeline, after, nanoseconds};
use std::fmt::Debug;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

/// What an adapter takes the time from.
///
/// Its instants are compared with one another only: a clock may be ahead of
/// [`Instant::now`], as [`SystemClock`] is once the machine has slept.
///
/// An adapter that waits until an instant of this clock sleeps for the difference, by its own
/// means; since a clock that jumps makes that difference wrong, it asks to be told of jumps.
///
/// ```
/// use bill_session_host::{Clock, SystemClock};
/// use std::time::{Duration, Instant};
///
/// /// A clock that is an hour ahead.
/// #[derive(Debug)]
/// struct Ahead(SystemClock);
///
/// impl Clock for Ahead {
///     fn now(&self) -> Instant {
///         self.0.now() + Duration::from_secs(3_600)
///     }
/// }
///
/// assert!(Ahead(SystemClock::new()).now() > SystemClock::new().now());
/// ```
pub trait Clock: Debug + Send + Sync + 'static {
    /// The present instant.
    fn now(&self) -> Instant;

    /// Asks that `alarm` be rung each time this clock jumps.
    ///
    /// The clock keeps no more than the `Weak`: an alarm is forgotten once nobody else holds it.
    /// Ask first and read [`now`](Clock::now) afterwards, and no jump is missed: one that the
    /// alarm does not tell of is in what was read.
    ///
    /// By default, a clock that never jumps: the alarm is never rung.
    fn on_jump(&self, alarm: Weak<dyn Alarm>) {
        let _ = alarm;
    }
}

/// What a clock rings after it jumped.
///
/// ```
/// use bill_session_host::{Alarm, Clock, ManualClock};
/// use std::sync::mpsc::{SyncSender, sync_channel};
/// use std::sync::{Arc, Weak};
/// use std::time::Duration;
///
/// /// Wakes whoever receives at the other end.
/// struct Bell(SyncSender<()>);
///
/// impl Alarm for Bell {
///     fn ring(&self) {
///         // A bell that was rung and not yet heard need not be rung twice.
///         let _ = self.0.try_send(());
///     }
/// }
///
/// let (sender, receiver) = sync_channel(1);
/// let bell: Arc<dyn Alarm> = Arc::new(Bell(sender));
/// let clock = ManualClock::new();
/// clock.on_jump(Arc::downgrade(&bell));
///
/// clock.advance(Duration::from_secs(1));
/// assert_eq!(receiver.try_recv(), Ok(()));
/// ```
pub trait Alarm: Send + Sync {
    /// Called after each jump, on the thread that moved the clock and with none of its locks held.
    ///
    /// Those who moved it wait meanwhile, so wake somebody and return.
    fn ring(&self);
}

/// The machine's clock, which counts the time that the machine sleeps.
///
/// | System | Clock | Counts sleep |
/// |---|---|---|
/// | Linux, Android | `CLOCK_BOOTTIME` | yes |
/// | macOS, iOS and their like | `CLOCK_MONOTONIC` | yes |
/// | Windows | [`Instant::now`] | yes, as `QueryPerformanceCounter` does |
/// | others | [`Instant::now`] | as the system's monotonic clock does: often not |
///
/// [`now`](Clock::now) is one reading of that clock, which no setting of the wall clock moves. All
/// the `SystemClock`s of a process agree. Should the machine's clock fall back, they wait until it
/// has caught up, to within a millisecond; they never jump, so no alarm is rung.
///
/// ```
/// use bill_session_host::{Clock, SystemClock};
///
/// let clock = SystemClock::new();
/// let sent = clock.now();
/// let idle = clock.now().saturating_duration_since(sent);
/// assert!(idle.as_secs() < 60);
/// ```
#[derive(Clone, Debug)]
pub struct SystemClock {
    timeline: &'static Timeline<Machine>,
}

impl SystemClock {
    /// The clock of this machine.
    #[must_use]
    pub fn new() -> Self {
        Self { timeline: Machine::timeline() }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Instant {
        self.timeline.now()
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

/// A clock that moves only when it is told to.
///
/// Its clones are one clock: one goes to the client, another moves it. Whoever waits for this clock
/// waits until another thread or task moves it, deadlines included.
///
/// ```
/// use bill_session_host::{Clock, ManualClock};
/// use std::time::Duration;
///
/// let clock = ManualClock::new();
/// let sent = clock.now();
/// assert_eq!(clock.now(), sent);
///
/// clock.clone().advance(Duration::from_secs(35 * 60));
/// assert_eq!(clock.now() - sent, Duration::from_secs(2_100));
/// ```
#[derive(Clone, Debug)]
pub struct ManualClock {
    shared: Arc<Manual>,
}

#[derive(Debug)]
struct Manual {
    base: Instant,
    /// Nanoseconds since the base.
    elapsed: AtomicU64,
    alarms: Mutex<Vec<Weak<dyn Alarm>>>,
}

impl ManualClock {
    /// A clock that stands still, at an instant of no meaning.
    #[must_use]
    pub fn new() -> Self {
        Self {
            shared: Arc::new(Manual {
                base: Instant::now(),
                elapsed: AtomicU64::new(0),
                alarms: Mutex::new(Vec::new()),
            }),
        }
    }

    /// Moves this clock, and its clones, forward; then rings every alarm that is still held.
    ///
    /// It returns when all have been rung. A clock moved by more than 584 years in all stands
    /// still there.
    pub fn advance(&self, by: Duration) {
        self.shared.advance(by);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Instant {
        after(self.shared.base, self.shared.elapsed.load(Ordering::Acquire))
    }

    fn on_jump(&self, alarm: Weak<dyn Alarm>) {
        self.shared.register(alarm);
    }
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Manual {
    fn advance(&self, by: Duration) {
        let by = nanoseconds(by);
        let moved = |elapsed: u64| Some(elapsed.saturating_add(by));
        // The closure is never without an answer, so the result has nothing to tell.
        let _ = self.elapsed.fetch_update(Ordering::AcqRel, Ordering::Acquire, moved);
        // The lock is let go before anything is rung, and moving comes before locking: an alarm
        // may read the clock or register another, and one registered too late for this jump reads
        // a time that includes it.
        for alarm in self.live_alarms() {
            alarm.ring();
        }
    }

    fn live_alarms(&self) -> Vec<Arc<dyn Alarm>> {
        let mut alarms = self.alarms.lock().unwrap_or_else(PoisonError::into_inner);
        let live: Vec<_> = alarms.iter().filter_map(Weak::upgrade).collect();
        alarms.retain(is_held);
        live
    }

    fn register(&self, alarm: Weak<dyn Alarm>) {
        let mut alarms = self.alarms.lock().unwrap_or_else(PoisonError::into_inner);
        // A clock that nobody moves must not keep the dead either; looking for them only when the
        // list would have to grow costs next to nothing.
        if alarms.len() == alarms.capacity() {
            alarms.retain(is_held);
        }
        alarms.push(alarm);
    }
}

fn is_held(alarm: &Weak<dyn Alarm>) -> bool {
    alarm.strong_count() > 0
}

impl<C: Clock + ?Sized> Clock for Arc<C> {
    fn now(&self) -> Instant {
        C::now(self)
    }

    fn on_jump(&self, alarm: Weak<dyn Alarm>) {
        C::on_jump(self, alarm);
    }
}

#[cfg(test)]
mod tests {
    use super::{Alarm, Clock, ManualClock, SystemClock};
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Arc, Mutex, Weak};
    use std::thread;
    use std::time::{Duration, Instant};

    const MINUTE: Duration = Duration::from_secs(60);

    /// Counts how often it was rung.
    #[derive(Default)]
    struct Counter(AtomicUsize);

    impl Counter {
        fn registered_with(clock: &dyn Clock) -> Arc<Self> {
            let counter = Arc::new(Self::default());
            let alarm: Arc<dyn Alarm> = counter.clone();
            clock.on_jump(Arc::downgrade(&alarm));
            counter
        }

        fn rung(&self) -> usize {
            self.0.load(Ordering::Relaxed)
        }
    }

    impl Alarm for Counter {
        fn ring(&self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn registered(clock: &ManualClock) -> usize {
        clock.shared.alarms.lock().unwrap().len()
    }

    #[test]
    fn a_manual_clock_stands_still_until_it_is_moved() {
        let clock = ManualClock::new();
        let start = clock.now();
        assert_eq!(clock.now(), start);
        clock.advance(MINUTE * 34);
        assert_eq!(clock.now(), start + MINUTE * 34);
        clock.advance(Duration::from_nanos(1));
        assert_eq!(clock.now(), start + MINUTE * 34 + Duration::from_nanos(1));
    }

    #[test]
    fn clones_of_a_manual_clock_are_one_clock() {
        let clock = ManualClock::default();
        let other = clock.clone();
        let counter = Counter::registered_with(&other);
        other.advance(MINUTE);
        assert_eq!(clock.now(), other.now());
        clock.advance(MINUTE);
        assert_eq!(clock.now(), other.now());
        assert_eq!(counter.rung(), 2);
    }

    #[test]
    fn a_manual_clock_moved_beyond_all_bounds_saturates_and_does_not_panic() {
        let clock = ManualClock::new();
        let start = clock.now();
        clock.advance(Duration::MAX);
        let far = clock.now();
        clock.advance(Duration::MAX);
        assert!(far > start);
        assert_eq!(clock.now(), far);
    }

    #[test]
    fn every_alarm_is_rung_once_for_each_jump() {
        let clock = ManualClock::new();
        let counters: Vec<_> = (0..3).map(|_| Counter::registered_with(&clock)).collect();
        for jump in 1..=3 {
            clock.advance(MINUTE);
            assert!(counters.iter().all(|counter| counter.rung() == jump));
        }
    }

    #[test]
    fn an_alarm_sees_the_time_after_the_jump() {
        struct Reads(ManualClock, Mutex<Vec<Instant>>);
        impl Alarm for Reads {
            fn ring(&self) {
                self.1.lock().unwrap().push(self.0.now());
            }
        }

        let clock = ManualClock::new();
        let start = clock.now();
        let reads = Arc::new(Reads(clock.clone(), Mutex::default()));
        let alarm: Arc<dyn Alarm> = reads.clone();
        clock.on_jump(Arc::downgrade(&alarm));
        clock.advance(MINUTE);
        assert_eq!(*reads.1.lock().unwrap(), [start + MINUTE]);
    }

    #[test]
    fn an_alarm_may_register_another_and_move_the_clock_again() {
        struct Again(ManualClock, AtomicUsize, Mutex<Vec<Arc<Counter>>>);
        impl Alarm for Again {
            fn ring(&self) {
                self.2.lock().unwrap().push(Counter::registered_with(&self.0));
                if self.1.fetch_add(1, Ordering::Relaxed) == 0 {
                    self.0.advance(MINUTE);
                }
            }
        }

        let clock = ManualClock::new();
        let start = clock.now();
        let again = Arc::new(Again(clock.clone(), AtomicUsize::new(0), Mutex::default()));
        let alarm: Arc<dyn Alarm> = again.clone();
        clock.on_jump(Arc::downgrade(&alarm));
        clock.advance(MINUTE);

        assert_eq!(clock.now(), start + MINUTE * 2);
        assert_eq!(again.1.load(Ordering::Relaxed), 2);
        // The first was registered before the second jump, the other after it.
        let rung: Vec<_> = again.2.lock().unwrap().iter().map(|counter| counter.rung()).collect();
        assert_eq!(rung, [1, 0]);
    }

    #[test]
    fn dead_alarms_are_forgotten_at_the_next_jump() {
        let clock = ManualClock::new();
        let kept = Counter::registered_with(&clock);
        for _ in 0..10 {
            drop(Counter::registered_with(&clock));
        }
        clock.advance(MINUTE);
        assert_eq!(registered(&clock), 1);
        assert_eq!(kept.rung(), 1);
    }

    #[test]
    fn dead_alarms_do_not_accumulate_on_a_clock_that_nobody_moves() {
        let clock = ManualClock::new();
        let kept = Counter::registered_with(&clock);
        for _ in 0..10_000 {
            drop(Counter::registered_with(&clock));
        }
        assert!(registered(&clock) < 16, "{} are kept", registered(&clock));
        clock.advance(MINUTE);
        assert_eq!(kept.rung(), 1);
    }

    #[test]
    fn an_alarm_that_panics_does_not_break_the_clock() {
        struct Breaks;
        impl Alarm for Breaks {
            fn ring(&self) {
                panic!("this alarm is broken");
            }
        }

        let clock = ManualClock::new();
        let breaks: Arc<dyn Alarm> = Arc::new(Breaks);
        clock.on_jump(Arc::downgrade(&breaks));
        let start = clock.now();
        let moved = clock.clone();
        thread::spawn(move || moved.advance(MINUTE)).join().unwrap_err();
        drop(breaks);

        let counter = Counter::registered_with(&clock);
        clock.advance(MINUTE);
        assert_eq!(clock.now(), start + MINUTE * 2);
        assert_eq!(counter.rung(), 1);
    }

    #[test]
    fn whoever_registers_and_then_reads_misses_no_jump() {
        for _ in 0..200 {
            let clock = ManualClock::new();
            let start = clock.now();
            let moved = clock.clone();
            let mover = thread::spawn(move || moved.advance(MINUTE));
            let counter = Counter::registered_with(&clock);
            let read = clock.now();
            mover.join().unwrap();
            assert!(counter.rung() == 1 || read == start + MINUTE);
        }
    }

    #[test]
    fn a_clock_behind_an_arc_is_that_clock() {
        let manual = ManualClock::new();
        let shared: Arc<dyn Clock> = Arc::new(manual.clone());
        let counter = Counter::registered_with(&shared);
        manual.advance(MINUTE);
        assert_eq!(shared.now(), manual.now());
        assert_eq!(counter.rung(), 1);
    }

    #[test]
    fn a_system_clock_takes_an_alarm_and_keeps_nothing() {
        let counter = Counter::registered_with(&SystemClock::new());
        let weak: Weak<Counter> = Arc::downgrade(&counter);
        assert_eq!((counter.rung(), weak.weak_count()), (0, 1));
    }

    #[test]
    fn all_system_clocks_of_a_process_agree() {
        let (one, other) = (SystemClock::new(), SystemClock::default());
        let first = one.now();
        let second = other.now();
        let third = one.clone().now();
        assert!(first <= second && second <= third);
    }
}
