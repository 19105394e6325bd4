//! The task that renews an idle session, for clients that ask for one.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use bill_session_core::{Call, Error, Finished, Renewal};
use serde::de::IgnoredAny;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::drive::{Shared, run};

/// Whether there is a renewal task, and how to rouse it.
pub(crate) struct Renewer {
    wanted: bool,
    running: Arc<AtomicBool>,
    roused: Arc<Notify>,
}

impl Renewer {
    pub(crate) fn new(renewal: Renewal) -> Self {
        Self {
            wanted: renewal != Renewal::OnDemand,
            running: Arc::default(),
            roused: Arc::default(),
        }
    }

    /// Something has changed: when to renew, or whether anybody is left to renew for.
    pub(crate) fn look_again(&self) {
        if self.wanted {
            self.roused.notify_one();
        }
    }

    /// Starts the task on this runtime, unless one lives: with the first call, and again when the
    /// runtime of the last one has gone.
    pub(crate) fn ensure(&self, shared: &Arc<Shared>) {
        if self.wanted
            && Handle::try_current().is_ok()
            && !self.running.swap(true, Ordering::AcqRel)
        {
            let alive = Alive(Arc::clone(&self.running));
            tokio::spawn(renew(Arc::downgrade(shared), Arc::clone(&self.roused), alive));
        }
    }
}

/// Renews whenever the session says so, until nobody holds a client any more.
async fn renew(shared: Weak<Shared>, roused: Arc<Notify>, _alive: Alive) {
    while let Some(strong) = shared.upgrade() {
        let (nap, renewal) = {
            let session = strong.lock();
            (session.renew_in(strong.now()), Call::renewal(&session))
        };
        if nap.is_zero() {
            let renewed: Result<Finished<IgnoredAny>, Error> = run(&strong, renewal).await;
            if let Err(error) = renewed {
                log::info!("the session was not renewed: {error}");
            }
        } else {
            drop(strong);
            // Being roused and the nap being over lead to the same second look.
            let _ = timeout(nap, roused.notified()).await;
        }
    }
}

struct Alive(Arc<AtomicBool>);

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}
