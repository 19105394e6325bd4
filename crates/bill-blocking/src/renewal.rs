//! The thread that renews an idle session, for clients that ask for one.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError, Weak};
use std::time::Duration;

use bill_session_core::{Call, Error, Finished, Renewal};
use serde::de::IgnoredAny;

use crate::drive::run;
use crate::group::Hold;
use crate::sync::{AtomicBool, Condvar, Mutex, thread, upgrade};

/// Whether there is a renewal thread, and how to rouse it.
pub(crate) struct Renewer {
    running: Arc<AtomicBool>,
    bell: Arc<Bell>,
}

impl Renewer {
    /// Nothing when nothing is renewed before a call needs it.
    pub(crate) fn new(renewal: Renewal) -> Option<Self> {
        (renewal != Renewal::OnDemand)
            .then(|| Self { running: Arc::default(), bell: Arc::default() })
    }

    /// Something has changed: when to renew, or whether anybody is left to renew for.
    pub(crate) fn look_again(&self) {
        self.bell.ring();
    }

    /// Starts the thread, unless it lives: with the first call.
    pub(crate) fn ensure(&self, hold: &Arc<Hold>) {
        if self.running.swap(true, Ordering::AcqRel) {
            return;
        }
        let alive = Alive(Arc::clone(&self.running));
        let (hold, bell) = (Arc::downgrade(hold), Arc::clone(&self.bell));
        let renewer = thread::Builder::new().name("bill-renewal".to_owned());
        if let Err(error) = renewer.spawn(move || renew(&hold, &bell, &alive)) {
            // The session is still renewed on demand, and the next call tries again.
            log::warn!("no thread to renew the session with: {error}");
        }
    }
}

/// Renews whenever the session says so, until nobody holds a client any more.
fn renew(hold: &Weak<Hold>, bell: &Bell, _alive: &Alive) {
    while let Some(shared) = upgrade(hold).map(|hold| Arc::clone(&hold.shared)) {
        let now = shared.now();
        let (nap, renewal) = {
            let session = shared.lock();
            (session.renew_in(now), Call::renewal(&session))
        };
        if nap.is_zero() {
            let renewed: Result<Finished<IgnoredAny>, Error> = run(&shared, renewal);
            if let Err(error) = renewed {
                log::info!("the session was not renewed: {error}");
            }
        } else {
            drop(shared);
            bell.wait(nap);
        }
    }
}

/// Something to sleep by.
#[derive(Default)]
struct Bell {
    rung: Mutex<bool>,
    changed: Condvar,
}

impl Bell {
    fn ring(&self) {
        *self.rung.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_one();
    }

    /// Waits until it rings, or has rung since the last wait, or `nap` is over.
    fn wait(&self, nap: Duration) {
        let rung = self.rung.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.changed.wait_timeout_while(rung, nap, |rung| !*rung);
        *waited.unwrap_or_else(PoisonError::into_inner).0 = false;
    }
}

struct Alive(Arc<AtomicBool>);

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}
