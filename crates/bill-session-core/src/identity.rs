//! The principal that signs in, its version, and what BILL refused; shared by organisations.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use crate::cause::Cause;
use crate::credentials::{Principal, Secret};

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
            current: Mutex::new(Current { principal: Arc::new(principal), refusal: None }),
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
pub(crate) struct Held(RwLock<Secrets>);

#[derive(Debug, Default)]
struct Secrets {
    /// The key and every principal: few, and kept as long as the client lives.
    credentials: Vec<Secret>,
    session_ids: VecDeque<Secret>,
}

impl Secrets {
    fn all(&self) -> impl Iterator<Item = &str> {
        self.credentials.iter().chain(&self.session_ids).map(Secret::expose)
    }
}

impl Held {
    /// More than a key's sign-ins in five hours; a session is dead long before its id drops out.
    const SESSION_IDS: usize = 1024;
    /// What is shorter is looked for as a whole only: it would be found in innocent words.
    const SHORTEST_PART: usize = 6;

    pub(crate) fn add_credential(&self, secret: &Secret) {
        let mut held = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if !held.credentials.iter().any(|known| known.expose() == secret.expose()) {
            held.credentials.push(secret.clone());
        }
    }

    pub(crate) fn add_session_id(&self, session_id: &Secret) {
        let mut held = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if held.session_ids.len() >= Self::SESSION_IDS {
            held.session_ids.pop_front();
        }
        held.session_ids.push_back(session_id.clone());
    }

    /// Whether `text` is a secret or contains one.
    pub(crate) fn found_in(&self, text: &str) -> bool {
        let held = self.0.read().unwrap_or_else(PoisonError::into_inner);
        held.all().any(|secret| Self::holds(text, secret))
    }

    /// What a server sent, fit for people to read: without control characters, no longer than a
    /// message should be, and with every secret in it blanked out.
    pub(crate) fn printable(&self, text: &str) -> String {
        const LONGEST: usize = 300;
        // Before and after: control characters can hide a secret, and a secret can hold some.
        let scrubbed = self.scrub(text);
        let shown = |c: &char| !c.is_control() && !is_text_direction(*c);
        let plain: String = scrubbed.chars().filter(shown).collect();
        self.scrub(&plain).chars().take(LONGEST).collect()
    }

    fn scrub(&self, text: &str) -> String {
        let mut text = text.to_owned();
        let held = self.0.read().unwrap_or_else(PoisonError::into_inner);
        for secret in held.all() {
            for form in forms(secret) {
                if Self::holds(&text, &form) {
                    text = text.replace(&form, "[redacted]");
                }
            }
        }
        text
    }

    fn holds(text: &str, secret: &str) -> bool {
        text == secret || (secret.len() >= Self::SHORTEST_PART && text.contains(secret))
    }
}

/// How a secret may be spelled in a message: as it is, in a form, escaped, without its controls.
fn forms(secret: &str) -> [String; 5] {
    let json = serde_json::to_string(secret).unwrap_or_default();
    [
        secret.to_owned(),
        form_urlencoded::byte_serialize(secret.as_bytes()).collect(),
        json.trim_matches('"').to_owned(),
        secret.escape_debug().to_string(),
        secret.chars().filter(|c| !c.is_control()).collect(),
    ]
}

/// Marks that reorder what a terminal shows.
fn is_text_direction(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
