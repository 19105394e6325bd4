//! The principal that signs in, its version, and what BILL refused; shared by organisations.

use std::cmp::Reverse;
use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use zeroize::{Zeroize, Zeroizing};

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
    /// Of the key and of every principal: few, and kept as long as the client lives. The longest
    /// comes first, since one can begin with another.
    credentials: Vec<Spelling>,
    session_ids: VecDeque<Vec<Spelling>>,
}

impl Secrets {
    /// Session ids come first: nothing that a person chose contains one.
    fn all(&self) -> impl Iterator<Item = &Spelling> {
        self.session_ids.iter().flatten().chain(&self.credentials)
    }
}

impl Held {
    /// More than a key's sign-ins in five hours; a session is dead long before its id drops out.
    const SESSION_IDS: usize = 1024;

    pub(crate) fn add_credential(&self, secret: &Secret) {
        let mut held = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for spelling in spellings(secret) {
            if !held.credentials.iter().any(|known| known.text() == spelling.text()) {
                held.credentials.push(spelling);
            }
        }
        held.credentials.sort_by_key(|spelling| Reverse(spelling.text().len()));
    }

    pub(crate) fn add_session_id(&self, session_id: &Secret) {
        let mut held = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if held.session_ids.len() >= Self::SESSION_IDS {
            held.session_ids.pop_front();
        }
        held.session_ids.push_back(spellings(session_id));
    }

    /// Whether `text` is a secret or contains one.
    pub(crate) fn found_in(&self, text: &str) -> bool {
        let held = self.0.read().unwrap_or_else(PoisonError::into_inner);
        held.all().any(|secret| {
            text == secret.text() || (!secret.is_short() && text.contains(secret.text()))
        })
    }

    /// What a server sent, fit for people to read: without control characters, no longer than a
    /// message should be, and with every secret in it blanked out.
    pub(crate) fn printable(&self, text: &str) -> String {
        const LONGEST: usize = 300;
        // Before and after: control characters can hide a secret, and a secret can hold some.
        let scrubbed = self.scrub(start_of(text));
        let shown = |c: &char| !c.is_control() && !is_text_direction(*c);
        let plain: String = scrubbed.chars().filter(shown).collect();
        self.scrub(&plain).chars().take(LONGEST).collect()
    }

    fn scrub(&self, text: &str) -> String {
        let mut text = text.to_owned();
        let held = self.0.read().unwrap_or_else(PoisonError::into_inner);
        for secret in held.all() {
            if text.contains(secret.text()) {
                text = secret.blanked_in(&text);
            }
        }
        text
    }
}

/// The start of a server's text: as much as a message can need, and an end that no secret is cut by.
fn start_of(text: &str) -> &str {
    const MOST: usize = 16 << 10;
    const LONGEST_SECRET: usize = 1 << 10;
    if text.len() <= MOST {
        return text;
    }
    let mut end = MOST - LONGEST_SECRET;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// One way in which a secret may be spelled in a text.
struct Spelling(Zeroizing<String>);

impl Spelling {
    /// What is shorter is looked for as a word only: it would be found in innocent ones.
    const SHORTEST_PART: usize = 6;

    fn text(&self) -> &str {
        &self.0
    }

    fn is_short(&self) -> bool {
        self.0.len() < Self::SHORTEST_PART
    }

    fn blanked_in(&self, text: &str) -> String {
        const BLANK: &str = "[redacted]";
        if !self.is_short() {
            return text.replace(self.text(), BLANK);
        }
        let mut blanked = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find(self.text()) {
            let (before, behind) = (&rest[..at], &rest[at + self.0.len()..]);
            let word = !before.ends_with(char::is_alphanumeric)
                && !behind.starts_with(char::is_alphanumeric);
            blanked.push_str(before);
            blanked.push_str(if word { BLANK } else { self.text() });
            rest = behind;
        }
        blanked.push_str(rest);
        blanked
    }
}

impl fmt::Debug for Spelling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// A secret as it is, in a form, escaped, and without its control characters.
fn spellings(secret: &Secret) -> Vec<Spelling> {
    let secret = secret.expose();
    let mut json = serde_json::to_string(secret).unwrap_or_default();
    let escaped = json.trim_matches('"').to_owned();
    json.zeroize();
    let mut found: Vec<Spelling> = Vec::new();
    for text in [
        secret.to_owned(),
        form_urlencoded::byte_serialize(secret.as_bytes()).collect(),
        escaped,
        secret.escape_debug().to_string(),
        secret.chars().filter(|c| !c.is_control()).collect(),
    ] {
        let text = Zeroizing::new(text);
        if !text.is_empty() && !found.iter().any(|known| known.text() == text.as_str()) {
            found.push(Spelling(text));
        }
    }
    found
}

/// Marks that reorder what a terminal shows.
fn is_text_direction(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
