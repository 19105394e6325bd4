//! What a session adds to every call: acquire a slot and the session, sign, observe the answer.

use std::error::Error;
use std::hint::black_box;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bill_session_core::{Call, InFlight, Misuse, Outcome, Session, Step, Verdict};
use bill_session_host::{Clock, SystemClock, lock};
use bytes::Bytes;
use http::Request;

use crate::measure::{Effort, Timer, allocations, repeat, repeat_with};
use crate::row::{Of, Row, counted};
use crate::signed_in::{account, session};

/// How many callers there are at once.
const THREADS: [usize; 3] = [1, 2, 8];

/// How many operations allocations are counted over.
const OPERATIONS: usize = 100_000;

/// A session that is signed in, with a real clock: what an adapter shares between its callers.
#[derive(Debug)]
pub struct Ours {
    session: Mutex<Session<()>>,
    clock: SystemClock,
}

impl Ours {
    /// A session with so many slots: with one for each thread, the price of the path is measured,
    /// and not the wait for a slot.
    ///
    /// # Errors
    ///
    /// Never: all values are constants.
    pub fn signed_in(slots: usize) -> Result<Self, Box<dyn Error>> {
        let clock = SystemClock::new();
        let now = clock.now();
        let session = Mutex::new(session(Arc::new(account(now)?), slots, now)?);
        Ok(Self { session, clock })
    }

    /// The description of a call, which is the request's own cost; [`Call::afresh`] of it is one
    /// call more.
    ///
    /// # Errors
    ///
    /// Never: all values are constants.
    pub fn call(&self) -> Result<Call, Misuse> {
        lock(&self.session).account().v2("List/Vendor", &())
    }

    /// Acquires a slot and the session, and observes that the call was answered, with no data.
    ///
    /// # Panics
    ///
    /// There is no slot: more callers than slots.
    #[inline(always)]
    pub fn round(&self, call: Call) -> Option<()> {
        round(&self.session, &self.clock, call)
    }

    /// The same, with the request signed in between.
    ///
    /// # Panics
    ///
    /// There is no slot: more callers than slots.
    pub fn signed_round(&self, call: Call) -> (Request<Bytes>, Option<()>) {
        let in_flight = acquire(&self.session, &self.clock, call);
        let request = in_flight.request();
        (request, observe(&self.session, &self.clock, in_flight))
    }
}

/// Acquires a slot and the session, and observes that the call was answered.
#[inline(always)]
pub(crate) fn round(session: &Mutex<Session<()>>, clock: &SystemClock, call: Call) -> Option<()> {
    let in_flight = acquire(session, clock, call);
    observe(session, clock, in_flight)
}

#[inline(always)]
fn acquire(session: &Mutex<Session<()>>, clock: &SystemClock, call: Call) -> InFlight {
    let now = clock.now();
    // As the adapters do: nothing is taken apart before the lock is let go.
    let stepped = call.step(&mut lock(session), || (), now);
    let (step, _nobody) = stepped;
    match step {
        Step::Exchange(in_flight) => in_flight,
        #[expect(clippy::panic, reason = "a figure of anything else would be a lie")]
        other => panic!("a call that does not go out: {other:?}"),
    }
}

#[inline(always)]
fn observe(session: &Mutex<Session<()>>, clock: &SystemClock, in_flight: InFlight) -> Option<()> {
    let heard = in_flight.observed(Verdict::Alive);
    let settled = heard.settle_by(&mut lock(session), || clock.now());
    let (outcome, _nobody) = settled;
    match outcome {
        Outcome::Done(data) => Some(data),
        _ => None,
    }
}

/// Measures this section without the rivals: two bare clock readings, and ours.
///
/// The program with the rivals measures the same and more, in one run of its own; see [`crate::rivals`].
///
/// # Errors
///
/// What criterion wrote cannot be read.
pub fn measure(effort: Effort) -> Result<Vec<Row>, Box<dyn Error>> {
    let mut timer = Timer::new("path", effort);
    let clock = SystemClock::new();
    let ours = Ours::signed_in(THREADS.into_iter().max().unwrap_or(1))?;
    let call = ours.call()?;
    let bare = || repeat(|| _ = (black_box(clock.now()), black_box(clock.now())));
    // Each thread has a description of its own, as each caller has.
    let description = || {
        let description = ours.call();
        let call = call.afresh();
        move || description.as_ref().map_or_else(|_| call.afresh(), Call::afresh)
    };
    let plain = || repeat_with(description(), |call| ours.round(call));
    let signed = || repeat_with(description(), |call| ours.signed_round(call));
    let mut rows = Vec::new();
    for threads in THREADS {
        let setting = counted(threads, "thread");
        rows.extend(figures(&mut timer, "two clocks", &setting, threads, bare)?);
        rows.extend(figures(&mut timer, "ours", &setting, threads, plain)?);
        rows.extend(figures(&mut timer, "ours, signed", &setting, threads, signed)?);
    }
    Ok(rows)
}

/// The time that an operation takes, and what it asks the allocator for.
fn figures<F, W>(
    timer: &mut Timer,
    subject: &str,
    setting: &str,
    threads: usize,
    make: F,
) -> Result<[Row; 3], Box<dyn Error>>
where
    F: Fn() -> W + Sync,
    W: FnMut(u64) -> Duration,
{
    let of = Of::new("path", subject).at(setting);
    let time = timer.time(subject, threads, &make)?;
    let mut work = make();
    let allocated = allocations(OPERATIONS, || work(OPERATIONS as u64));
    // What is left of the harness's own few, spread over the operations, is cut off.
    let hundredths = |value: f64| (value * 100.0).round() / 100.0;
    Ok([
        of.samples("time", "ns", &time),
        of.value("allocations", "count", hundredths(allocated.count)),
        of.value("allocated", "bytes", hundredths(allocated.bytes)),
    ])
}
