//! What a session adds to every call: acquire a slot and the session, then observe the answer.
//!
//! Beside it, in the same run: two bare reads of the clock that it reads twice, which is the floor.
#![allow(missing_docs, reason = "the entry points are the harness's")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a benchmark that cannot go on ends")]

use std::hint::black_box;
use std::sync::{Mutex, OnceLock};
use std::time::Instant;

use bill_bench::signed_in;
use bill_session_core::{Session, Step, Verdict};
use bill_session_host::{Clock, SystemClock};
use divan::{AllocProfiler, Bencher};

#[global_allocator]
static ALLOCATIONS: AllocProfiler = AllocProfiler::system();

const THREADS: [usize; 2] = [1, 8];

fn main() {
    divan::main();
}

#[divan::bench(threads = THREADS, sample_size = 5_000)]
fn two_clock_reads(bencher: Bencher) {
    let clock = SystemClock::new();
    bencher.bench(|| (black_box(clock.now()), black_box(clock.now())));
}

/// What no design behind a mutex can do without: each reading, and the lock that it is used under.
#[divan::bench(threads = THREADS, sample_size = 5_000)]
fn two_clock_reads_each_under_a_mutex(bencher: Bencher) {
    static LATEST: Mutex<Option<Instant>> = Mutex::new(None);
    let clock = SystemClock::new();
    let touch = || *LATEST.lock().unwrap() = Some(clock.now());
    bencher.bench(|| {
        touch();
        touch();
    });
}

#[divan::bench(threads = THREADS, sample_size = 5_000)]
fn acquire_and_observe(bencher: Bencher) {
    static SESSION: OnceLock<Mutex<Session<()>>> = OnceLock::new();
    let clock = SystemClock::new();
    // One slot for each thread: the price of the path is measured, not the wait for a slot.
    let session = SESSION.get_or_init(|| Mutex::new(signed_in(8, clock.now()).unwrap()));
    // The description of the call is the request's own cost: here it is only shared and let go.
    let call = session.lock().unwrap().account().v2("List/Vendor", &()).unwrap();
    bencher.bench(|| {
        let now = clock.now();
        let (step, woken) = call.afresh().step(&mut session.lock().unwrap(), || (), now);
        drop(woken);
        let Step::Exchange(in_flight) = step else { panic!("no slot") };
        let heard = in_flight.observed(Verdict::Alive);
        let now = clock.now();
        heard.settle(&mut session.lock().unwrap(), now)
    });
}
