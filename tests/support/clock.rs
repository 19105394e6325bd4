//! The client's clock, moved by hand and watched: who reads it tells what the client is doing.

use std::cell::RefCell;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};

use bill_session_host::{Alarm, Clock, ManualClock};

/// A clock that stands still until it is moved, and that counts its readings.
#[derive(Clone, Debug, Default)]
pub struct WatchedClock {
    manual: ManualClock,
    watch: Arc<Watch>,
}

#[derive(Debug, Default)]
struct Watch {
    reads: AtomicU64,
    renewal_threads: AtomicUsize,
}

/// The clock as it is given to a client, who is the only one to hold this.
#[derive(Debug)]
pub(crate) struct Lent {
    clock: WatchedClock,
    _held: Arc<()>,
}

impl WatchedClock {
    /// Moves it forward, and wakes who sleeps by it.
    pub fn advance(&self, by: Duration) {
        self.manual.advance(by);
    }

    /// How often it was read.
    pub fn reads(&self) -> u64 {
        self.watch.reads.load(Ordering::Acquire)
    }

    /// The threads called `bill-renewal` that have read it and have not ended yet.
    pub fn renewal_threads(&self) -> usize {
        self.watch.renewal_threads.load(Ordering::Acquire)
    }

    /// The clock for a client, and what tells when the client has let go of it.
    pub(crate) fn lend(&self) -> (Lent, Weak<()>) {
        let held = Arc::new(());
        let weak = Arc::downgrade(&held);
        let clock = self.clone();
        (Lent { clock, _held: held }, weak)
    }
}

impl Clock for WatchedClock {
    fn now(&self) -> Instant {
        self.watch.reads.fetch_add(1, Ordering::AcqRel);
        CALLER.with_borrow_mut(|caller| {
            if let Some(caller) = caller {
                caller.reads();
            }
        });
        if thread::current().name() == Some("bill-renewal") {
            RENEWAL.with_borrow_mut(|seen| {
                seen.get_or_insert_with(|| Renewal::begins(&self.watch));
            });
        }
        self.manual.now()
    }

    fn on_jump(&self, alarm: Weak<dyn Alarm>) {
        self.manual.on_jump(alarm);
    }
}

impl Clock for Lent {
    fn now(&self) -> Instant {
        self.clock.now()
    }

    fn on_jump(&self, alarm: Weak<dyn Alarm>) {
        self.clock.on_jump(alarm);
    }
}

thread_local! {
    static CALLER: RefCell<Option<Caller>> = const { RefCell::new(None) };
    static RENEWAL: RefCell<Option<Renewal>> = const { RefCell::new(None) };
}

/// A blocking caller on its own thread.
///
/// It reads the clock to step, and again to know how long to park: after its second reading it
/// waits, unless it was sent out, which the sandbox knows.
struct Caller {
    reads: u64,
    waiting: Arc<AtomicUsize>,
}

impl Caller {
    fn reads(&mut self) {
        self.reads += 1;
        if self.reads == 2 {
            self.waiting.fetch_add(1, Ordering::AcqRel);
        }
    }
}

/// This thread is a caller; `waiting` is counted up when it begins to wait.
pub(crate) fn this_thread_calls(waiting: Arc<AtomicUsize>) {
    CALLER.set(Some(Caller { reads: 0, waiting }));
}

/// Ends with its thread, which is what it is for.
struct Renewal(Arc<Watch>);

impl Renewal {
    fn begins(watch: &Arc<Watch>) -> Self {
        watch.renewal_threads.fetch_add(1, Ordering::AcqRel);
        Self(Arc::clone(watch))
    }
}

impl Drop for Renewal {
    fn drop(&mut self) {
        self.0.renewal_threads.fetch_sub(1, Ordering::AcqRel);
    }
}
