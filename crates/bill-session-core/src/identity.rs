//! The principal that signs in, its version, and what BILL refused; shared by organisations.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use crate::credentials::{Principal, Secret};
use crate::error::Cause;

/// Who signs in at present; every organisation that it signs in to shares one of these.
#[derive(Debug)]
pub(crate) struct Identity {
    version: AtomicU64,
    refused: AtomicBool,
    current: Mutex<Current>,
}

#[derive(Debug)]
struct Current {
    principal: Arc<Principal>,
    refusal: Option<Arc<Cause>>,
}

impl Identity {
    pub(crate) fn new(principal: Principal) -> Self {
        Self {
            version: AtomicU64::new(0),
            refused: AtomicBool::new(false),
            current: Mutex::new(Current {
                principal: Arc::new(principal),
                refusal: None,
            }),
        }
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

    pub(crate) fn replace(&self, principal: Principal) {
        let mut current = self.lock();
        current.principal = Arc::new(principal);
        current.refusal = None;
        self.refused.store(false, Ordering::Release);
        self.version.fetch_add(1, Ordering::AcqRel);
    }

    /// BILL refused the principal of `version` for good; an older one's refusal says nothing.
    pub(crate) fn refuse(&self, version: u64, cause: Arc<Cause>) {
        let mut current = self.lock();
        if self.version() == version {
            current.refusal = Some(cause);
            self.refused.store(true, Ordering::Release);
        }
    }

    pub(crate) fn lift(&self, version: u64) {
        if !self.refused.load(Ordering::Acquire) {
            return;
        }
        let mut current = self.lock();
        if self.version() == version {
            current.refusal = None;
            self.refused.store(false, Ordering::Release);
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

/// The secrets that this client holds or held, to keep them out of paths and messages.
#[derive(Debug, Default)]
pub(crate) struct Held(RwLock<VecDeque<Secret>>);

impl Held {
    /// More than a key's sign-ins in five hours; a session id is dead long before it drops out.
    const MOST: usize = 1024;
    /// What is shorter is looked for as a whole only: it would be found in innocent words.
    const SHORTEST_PART: usize = 6;

    pub(crate) fn add(&self, secret: &Secret) {
        let mut held = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if held.len() >= Self::MOST {
            held.pop_front();
        }
        held.push_back(secret.clone());
    }

    /// Whether `text` is a secret or contains one.
    pub(crate) fn found_in(&self, text: &str) -> bool {
        let held = self.0.read().unwrap_or_else(PoisonError::into_inner);
        held.iter().any(|secret| {
            let secret = secret.expose();
            text == secret || (secret.len() >= Self::SHORTEST_PART && text.contains(secret))
        })
    }

    /// `text` with every secret in it blanked out, as it is or as a form would encode it.
    pub(crate) fn scrub(&self, text: &str) -> String {
        let mut text = text.to_owned();
        let held = self.0.read().unwrap_or_else(PoisonError::into_inner);
        for secret in held.iter().map(Secret::expose) {
            let encoded: String = form_urlencoded::byte_serialize(secret.as_bytes()).collect();
            for form in [secret, encoded.as_str()] {
                if text == form || (form.len() >= Self::SHORTEST_PART && text.contains(form)) {
                    text = text.replace(form, "[redacted]");
                }
            }
        }
        text
    }
}
