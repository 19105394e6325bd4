//! Holds: requests or answers kept back until a test releases them or enough have come.

use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use thiserror::Error;
use tokio::sync::Notify;

use crate::operation::covers;

/// The longest that a blocking wait lasts, in real time: a test that waits longer is stuck.
pub(crate) const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// What a blocking wait waited for did not happen within 30 real seconds.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("waited 30 s in vain for {awaited}; at the end there was {seen}")]
#[non_exhaustive]
pub struct WaitTimeout {
    /// What was waited for.
    pub awaited: String,
    /// What there was instead.
    pub seen: String,
}

/// Keeps the requests of an operation, or their answers, back until it is released or dropped.
///
/// It is made by [`Sandbox::hold`] and [`Sandbox::hold_requests`].
///
/// [`Sandbox::hold`]: crate::Sandbox::hold
/// [`Sandbox::hold_requests`]: crate::Sandbox::hold_requests
#[must_use = "a hold that is dropped is released"]
pub struct Hold(Arc<Gate>);

/// Whether a hold stands before the work on a request or behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    Request,
    Answer,
}

#[derive(Debug)]
pub(crate) struct Gate {
    operation: String,
    stage: Stage,
    progress: Mutex<Progress>,
    changed: Condvar,
    notify: Notify,
}

#[derive(Debug, Default)]
struct Progress {
    arrived: u64,
    until: Option<u64>,
    open: bool,
}

impl Hold {
    pub(crate) fn new(gate: Arc<Gate>) -> Self {
        Self(gate)
    }

    /// Makes it a barrier: once so many requests have come, all of them pass, and later ones too.
    pub fn until(self, requests: u64) -> Self {
        self.0.change(|progress| progress.until = Some(requests));
        self
    }

    /// How many requests have come to it so far, those included that have left again.
    pub fn arrived(&self) -> u64 {
        self.0.lock().arrived
    }

    /// Blocks until so many requests have come to it.
    ///
    /// # Errors
    ///
    /// Fewer came within 30 real seconds.
    pub fn wait_for(&self, requests: u64) -> Result<(), WaitTimeout> {
        let deadline = Instant::now() + LONGEST_WAIT;
        let mut progress = self.0.lock();
        while progress.arrived < requests {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let awaited = format!("{requests} requests at a hold of `{}`", self.0.operation);
                return Err(WaitTimeout { awaited, seen: progress.arrived.to_string() });
            }
            let waited = self.0.changed.wait_timeout(progress, left);
            progress = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        Ok(())
    }

    /// Waits, in async code of any runtime, until so many requests have come to it.
    pub async fn reached(&self, requests: u64) {
        self.0.until(|progress| progress.arrived >= requests).await;
    }

    /// Lets everyone pass, now and later.
    pub fn release(&self) {
        self.0.change(|progress| progress.open = true);
    }
}

impl fmt::Debug for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Hold").field(&self.0).finish()
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.release();
    }
}

impl Gate {
    pub(crate) fn new(operation: &str, stage: Stage) -> Self {
        Self {
            operation: operation.to_owned(),
            stage,
            progress: Mutex::default(),
            changed: Condvar::new(),
            notify: Notify::new(),
        }
    }

    pub(crate) fn stops(&self, operation: &str, stage: Stage) -> bool {
        self.stage == stage && covers(&self.operation, operation)
    }

    pub(crate) fn is_open(&self) -> bool {
        self.lock().open
    }

    /// Counts a request that has come to it, and waits until it may pass.
    pub(crate) async fn pass(&self) {
        self.change(|progress| progress.arrived += 1);
        self.until(|progress| progress.open).await;
    }

    async fn until(&self, there: impl Fn(&Progress) -> bool) {
        loop {
            // Made before the look, so that a change between the look and the wait is not lost.
            let changed = self.notify.notified();
            if there(&self.lock()) {
                return;
            }
            changed.await;
        }
    }

    fn change(&self, how: impl FnOnce(&mut Progress)) {
        let mut progress = self.lock();
        how(&mut progress);
        progress.open |= progress.until.is_some_and(|until| progress.arrived >= until);
        drop(progress);
        self.changed.notify_all();
        self.notify.notify_waiters();
    }

    fn lock(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
