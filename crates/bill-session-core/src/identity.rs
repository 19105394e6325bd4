//! The principal that signs in, its version, and what BILL refused; shared by organisations.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::backoff::later;
use crate::cause::Cause;
use crate::credentials::{Principal, RememberedDevice};

/// Who signs in at present; every organisation that it signs in to shares one of these.
#[derive(Debug)]
pub(crate) struct Identity {
    version: AtomicU64,
    refused: AtomicBool,
    /// Whether there is a probe.
    probing: AtomicBool,
    /// Whether somebody waits for a probe that is not its own.
    awaited: AtomicBool,
    sessions: AtomicU64,
    current: Mutex<Current>,
}

#[derive(Debug)]
struct Current {
    principal: Arc<Principal>,
    device: Option<Arc<RememberedDevice>>,
    refusal: Option<Arc<Cause>>,
    /// Until when it is taken for granted that BILL accepts this principal, as it did lately.
    proven_until: Option<Instant>,
    /// When BILL last accepted it.
    accepted_at: Option<Instant>,
    probe: Option<Probe>,
    /// Why the last probe came to nothing, and when, unless BILL has accepted the principal since.
    probe_failure: Option<(Arc<Cause>, Instant)>,
}

/// How long it is taken for granted that a principal which BILL has accepted is accepted: a password
/// can be changed at BILL while many organisations' sessions idle out.
const PROOF: Duration = Duration::from_secs(10 * 60);

/// The sign-in that tries a principal of which it is not known whether BILL accepts it.
///
/// There is one at a time, for all organisations: a thousand of them would otherwise try a wrong
/// password a thousand times.
#[derive(Clone, Copy, Debug)]
struct Probe {
    session: u64,
    until: Instant,
}

impl Identity {
    pub(crate) fn new(principal: Principal) -> Self {
        Self {
            version: AtomicU64::new(0),
            refused: AtomicBool::new(false),
            probing: AtomicBool::new(false),
            awaited: AtomicBool::new(false),
            sessions: AtomicU64::new(0),
            current: Mutex::new(Current::new(principal)),
        }
    }

    /// A number for a session that signs in as this principal.
    pub(crate) fn next_session(&self) -> u64 {
        self.sessions.fetch_add(1, Ordering::Relaxed)
    }

    /// Counts the principals that there were; a session of an older one is not used any more.
    #[inline]
    pub(crate) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    pub(crate) fn current(&self) -> (Arc<Principal>, u64) {
        let current = self.lock();
        (Arc::clone(&current.principal), self.version())
    }

    /// The device that BILL remembers the principal by.
    pub(crate) fn device(&self) -> Option<Arc<RememberedDevice>> {
        self.lock().device.clone()
    }

    /// BILL remembers the principal of `version` by this device from now on.
    pub(crate) fn remember(&self, version: u64, device: Arc<RememberedDevice>) {
        let mut current = self.lock();
        if self.version() == version {
            current.device = Some(device);
        }
    }

    /// Whether another session tries this principal, so that this one is to wait.
    pub(crate) fn probed_by_another(&self, session: u64, now: Instant) -> bool {
        if !self.probing.load(Ordering::Acquire) {
            return false;
        }
        let current = self.lock();
        let probe = current.probe.filter(|_| !current.is_proven_at(now));
        probe.is_some_and(|probe| self.awaits(probe, session, now))
    }

    /// This session signs in, and is over with it at `until`; not while another tries the principal.
    pub(crate) fn begin_probe(&self, session: u64, until: Instant, now: Instant) -> bool {
        let mut current = self.lock();
        if current.is_proven_at(now) {
            return true;
        }
        if current.probe.is_some_and(|probe| self.awaits(probe, session, now)) {
            return false;
        }
        current.probe = Some(Probe { session, until });
        self.probing.store(true, Ordering::Release);
        true
    }

    fn awaits(&self, probe: Probe, session: u64, now: Instant) -> bool {
        let awaits = probe.session != session && now < probe.until;
        if awaits {
            self.awaited.store(true, Ordering::Release);
        }
        awaits
    }

    /// This session's sign-in is over, however it has ended.
    pub(crate) fn end_probe(&self, session: u64) {
        let mut current = self.lock();
        if current.probe.is_some_and(|probe| probe.session == session) {
            current.probe = None;
            self.probing.store(false, Ordering::Release);
        }
    }

    /// The sign-in of the session that tries the principal has failed with this.
    pub(crate) fn probe_failed(&self, cause: &Arc<Cause>, now: Instant) {
        let mut current = self.lock();
        if current.probe.is_some() {
            current.probe_failure = Some((Arc::clone(cause), now));
        }
    }

    /// Why the last probe came to nothing, if one has lately: what to tell those who waited for the
    /// principal to be tried, and whose time is up.
    pub(crate) fn probe_failure(&self, now: Instant) -> Option<Arc<Cause>> {
        let current = self.lock();
        let (cause, failed_at) = current.probe_failure.as_ref()?;
        let is_recent = now.saturating_duration_since(*failed_at) < PROOF;
        is_recent.then(|| Arc::clone(cause))
    }

    /// Whether BILL has accepted the principal since `begun`.
    pub(crate) fn accepted_since(&self, begun: Instant) -> bool {
        self.lock().accepted_at.is_some_and(|accepted| accepted > begun)
    }

    /// BILL accepted the principal of `version`.
    pub(crate) fn prove(&self, version: u64, now: Instant) {
        let mut current = self.lock();
        if self.version() == version {
            current.proven_until = Some(later(now, PROOF));
            current.accepted_at = current.accepted_at.max(Some(now));
            current.probe = None;
            current.probe_failure = None;
            self.probing.store(false, Ordering::Release);
            current.refusal = None;
            self.refused.store(false, Ordering::Release);
        }
    }

    /// Whether sessions wait for what has become of the principal; asking forgets it.
    pub(crate) fn take_awaited(&self) -> bool {
        self.awaited.load(Ordering::Relaxed) && self.awaited.swap(false, Ordering::AcqRel)
    }

    pub(crate) fn replace(&self, principal: Principal) {
        let mut current = self.lock();
        *current = Current::new(principal);
        self.probing.store(false, Ordering::Release);
        self.refused.store(false, Ordering::Release);
        self.version.fetch_add(1, Ordering::AcqRel);
    }

    /// BILL refused the principal of `version` for good; an older one's refusal says nothing.
    pub(crate) fn refuse(&self, version: u64, cause: Arc<Cause>) {
        let mut current = self.lock();
        if self.version() == version {
            current.refusal = Some(cause);
            current.proven_until = None;
            self.refused.store(true, Ordering::Release);
        }
    }

    pub(crate) fn refusal(&self) -> Option<Arc<Cause>> {
        if !self.refused.load(Ordering::Acquire) {
            return None;
        }
        self.lock().refusal.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Current {
    fn is_proven_at(&self, now: Instant) -> bool {
        self.proven_until.is_some_and(|until| now < until)
    }

    fn new(principal: Principal) -> Self {
        Self {
            device: principal.device.clone().map(Arc::new),
            principal: Arc::new(principal),
            refusal: None,
            proven_until: None,
            accepted_at: None,
            probe: None,
            probe_failure: None,
        }
    }
}

#[cfg(feature = "model")]
#[path = "model/identity.rs"]
mod model;
