//! What one would write by hand, and what nothing can do without: the references on the path.
//!
//! | Subject | One operation |
//! |---|---|
//! | clock | a reading of the clock that a session reads |
//! | two clocks | two of them, as acquire and observe need |
//! | atomic load | a load of a shared number |
//! | `arc_swap` | load the shared session, read the clock, note the use in it |
//! | std `Mutex` | read the clock, lock, check that the session still lives, note the use |
//! | tokio `RwLock` | lock to read, and copy the session's id out; no clock |

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use bill_bench::measure::{repeat, repeat_with};
use bill_session_host::{Clock, SystemClock};
use tokio::sync::RwLock;

use crate::provider::{LIFETIME, TOKEN};
use crate::subject::{Subject, at_once};

/// All of them, in the order of the table.
pub(crate) fn all() -> Vec<Subject> {
    vec![clock(), two_clocks(), atomic_load(), arc_swap(), std_mutex(), tokio_rw_lock()]
}

fn clock() -> Subject {
    let clock = SystemClock::new();
    Subject::new("clock", move || {
        let clock = clock.clone();
        repeat(move || {
            black_box(clock.now());
        })
    })
}

fn two_clocks() -> Subject {
    let clock = SystemClock::new();
    Subject::new("two clocks", move || {
        let clock = clock.clone();
        repeat(move || {
            black_box(clock.now());
            black_box(clock.now());
        })
    })
}

fn atomic_load() -> Subject {
    let shared = Arc::new(AtomicU64::new(1));
    Subject::new("atomic load", move || {
        let shared = Arc::clone(&shared);
        repeat(move || {
            black_box(shared.load(Ordering::Acquire));
        })
    })
}

fn arc_swap() -> Subject {
    struct Session {
        id: String,
        since: Instant,
        used: AtomicU64,
    }

    let clock = SystemClock::new();
    let session = Session { id: TOKEN.into(), since: clock.now(), used: AtomicU64::new(0) };
    let shared = Arc::new(ArcSwap::from_pointee(session));
    Subject::new("arc_swap", move || {
        let (shared, clock) = (Arc::clone(&shared), clock.clone());
        repeat(move || {
            let session = shared.load();
            let used = clock.now().duration_since(session.since);
            session.used.store(used.as_nanos() as u64, Ordering::Release);
            black_box(session.id.as_str());
        })
    })
}

fn std_mutex() -> Subject {
    struct Session {
        id: Arc<str>,
        used: Instant,
        idle: Duration,
    }

    let clock = SystemClock::new();
    let session = Session { id: TOKEN.into(), used: clock.now(), idle: LIFETIME };
    let shared = Arc::new(Mutex::new(session));
    Subject::new("std Mutex", move || {
        let (shared, clock) = (Arc::clone(&shared), clock.clone());
        repeat(move || {
            let now = clock.now();
            let mut session = shared.lock().unwrap_or_else(PoisonError::into_inner);
            if now.duration_since(session.used) < session.idle {
                session.used = now;
                black_box(&*session.id);
            }
        })
    })
}

fn tokio_rw_lock() -> Subject {
    let shared = Arc::new(RwLock::new(String::from(TOKEN)));
    Subject::new("tokio RwLock", move || {
        let shared = Arc::clone(&shared);
        repeat_with(|| (), move |()| at_once(async { shared.read().await.clone() }))
    })
}
