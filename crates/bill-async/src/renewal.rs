//! The tasks that renew an idle session, for clients that ask for it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use bill_session_core::{Call, Error, Finished, Renewal};
use serde::de::IgnoredAny;
use tokio::runtime::{Handle, Id};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::drive::run;
use crate::group::Hold;

/// Which runtimes have a renewal task, and how to rouse them.
///
/// Each runtime that uses the client has one, since any of them may be left alone; that no two
/// renew at once is the core's word.
pub(crate) struct Renewer {
    runtimes: Arc<Runtimes>,
    roused: watch::Sender<()>,
}

#[derive(Default)]
struct Runtimes(Mutex<Vec<Id>>);

impl Runtimes {
    fn lock(&self) -> MutexGuard<'_, Vec<Id>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Renewer {
    /// Nothing when nothing is renewed before a call needs it.
    pub(crate) fn new(renewal: Renewal) -> Option<Self> {
        let roused = || watch::Sender::new(());
        (renewal != Renewal::OnDemand).then(|| Self { runtimes: Arc::default(), roused: roused() })
    }

    /// Something has changed: when to renew, or whether anybody is left to renew for.
    pub(crate) fn look_again(&self) {
        self.roused.send_replace(());
    }

    /// Starts a task on this runtime with the first call that comes from it.
    pub(crate) fn ensure(&self, hold: &Arc<Hold>) {
        let Ok(runtime) = Handle::try_current() else { return };
        let mut runtimes = self.runtimes.lock();
        if !runtimes.contains(&runtime.id()) {
            runtimes.push(runtime.id());
            let alive = Alive { runtimes: Arc::clone(&self.runtimes), id: runtime.id() };
            // A runtime that is shutting down drops the task at once, and the task wants this lock.
            drop(runtimes);
            runtime.spawn(renew(Arc::downgrade(hold), self.roused.subscribe(), alive));
        }
    }
}

/// Renews whenever the session says so, until nobody holds a client any more.
async fn renew(hold: Weak<Hold>, mut roused: watch::Receiver<()>, _alive: Alive) {
    while let Some(shared) = hold.upgrade().map(|hold| Arc::clone(&hold.shared)) {
        let now = shared.now();
        let (nap, renewal) = {
            let session = shared.lock();
            (session.renew_in(now), Call::renewal(&session))
        };
        if nap.is_zero() {
            let renewed: Result<Finished<IgnoredAny>, Error> = run(&shared, renewal).await;
            if let Err(error) = renewed {
                log::info!("the session was not renewed: {error}");
            }
        } else {
            drop(shared);
            // Being roused and the nap being over lead to the same second look; so does that
            // nobody is left who could rouse.
            let _ = timeout(nap, roused.changed()).await;
        }
    }
}

struct Alive {
    runtimes: Arc<Runtimes>,
    id: Id,
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.runtimes.lock().retain(|id| *id != self.id);
    }
}
