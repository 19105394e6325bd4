//! The tasks that renew an idle session, for clients that ask for it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use bill_session_core::{Call, Error, Finished, Renewal};
use serde::de::IgnoredAny;
use tokio::runtime::{Handle, Id};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::drive::{Shared, run};

/// Which runtimes have a renewal task, and how to rouse them.
///
/// Each runtime that uses the client has one, since any of them may be left alone; that no two
/// renew at once is the core's word.
pub(crate) struct Renewer {
    wanted: bool,
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
    pub(crate) fn new(renewal: Renewal) -> Self {
        Self {
            wanted: renewal != Renewal::OnDemand,
            runtimes: Arc::default(),
            roused: watch::Sender::new(()),
        }
    }

    /// Something has changed: when to renew, or whether anybody is left to renew for.
    pub(crate) fn look_again(&self) {
        if self.wanted {
            self.roused.send_replace(());
        }
    }

    /// Starts a task on this runtime with the first call that comes from it.
    pub(crate) fn ensure(&self, shared: &Arc<Shared>) {
        if !self.wanted {
            return;
        }
        let Ok(runtime) = Handle::try_current() else { return };
        let mut runtimes = self.runtimes.lock();
        if !runtimes.contains(&runtime.id()) {
            runtimes.push(runtime.id());
            let alive = Alive { runtimes: Arc::clone(&self.runtimes), id: runtime.id() };
            // A runtime that is shutting down drops the task at once, and the task wants this lock.
            drop(runtimes);
            runtime.spawn(renew(Arc::downgrade(shared), self.roused.subscribe(), alive));
        }
    }
}

/// Renews whenever the session says so, until nobody holds a client any more.
async fn renew(shared: Weak<Shared>, mut roused: watch::Receiver<()>, _alive: Alive) {
    while let Some(strong) = shared.upgrade() {
        let now = strong.now();
        let (nap, renewal) = {
            let session = strong.lock();
            (session.renew_in(now), Call::renewal(&session))
        };
        if nap.is_zero() {
            let renewed: Result<Finished<IgnoredAny>, Error> = run(&strong, renewal).await;
            if let Err(error) = renewed {
                log::info!("the session was not renewed: {error}");
            }
        } else {
            drop(strong);
            // Being roused and the nap being over lead to the same second look.
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
