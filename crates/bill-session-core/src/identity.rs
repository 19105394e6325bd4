//! The principal that signs in, its version, and what BILL refused; shared by organisations.

use std::cmp::Reverse;
use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use zeroize::{Zeroize, Zeroizing};

use crate::backoff::later;
use crate::cause::Cause;
use crate::code::Code;
use crate::credentials::{Principal, RememberedDevice, Secret};

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
    probe: Option<Probe>,
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

    /// BILL accepted the principal of `version`.
    pub(crate) fn prove(&self, version: u64, now: Instant) {
        let mut current = self.lock();
        if self.version() == version {
            current.proven_until = Some(later(now, PROOF));
            current.probe = None;
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
            probe: None,
        }
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
    /// Secrets of one exchange, such as an MFA code, while its answer is read. They are too short
    /// to be looked for in paths.
    passing: Vec<Vec<Spelling>>,
}

impl Secrets {
    /// Session ids come first: nothing that a person chose contains one.
    fn all(&self) -> impl Iterator<Item = &Spelling> {
        self.session_ids.iter().flatten().chain(&self.credentials)
    }

    fn with_passing(&self) -> impl Iterator<Item = &Spelling> {
        self.passing.iter().flatten().chain(self.all())
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

    pub(crate) fn add_principal(&self, principal: &Principal) {
        self.add_credential(&principal.name);
        self.add_credential(&principal.proof);
        if let Some(device) = &principal.device {
            self.add_credential(&device.id);
        }
    }

    pub(crate) fn add_session_id(&self, session_id: &Secret) {
        let mut held = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if held.session_ids.len() >= Self::SESSION_IDS {
            held.session_ids.pop_front();
        }
        held.session_ids.push_back(spellings(session_id));
    }

    /// Reads an answer that may repeat `secret`, which is kept out of all that is read.
    pub(crate) fn while_passing<R>(&self, secret: &Secret, read: impl FnOnce() -> R) -> R {
        let passing = spellings(secret);
        let first = passing.first().map(|spelling| spelling.0.clone());
        self.0.write().unwrap_or_else(PoisonError::into_inner).passing.push(passing);
        let result = read();
        let mut held = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let same =
            |other: &Vec<Spelling>| other.first().map(|spelling| &spelling.0) == first.as_ref();
        if let Some(at) = held.passing.iter().position(same) {
            held.passing.swap_remove(at);
        }
        result
    }

    /// A code of BILL's, unless it shows a secret.
    pub(crate) fn code(&self, text: &str) -> Option<Code> {
        Code::new(text).filter(|_| self.scrub(text) == text)
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
        for secret in held.with_passing() {
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

/// A secret as it is, in a form, in a URL, escaped, and without its control characters.
fn spellings(secret: &Secret) -> Vec<Spelling> {
    let secret = secret.expose();
    let mut json = serde_json::to_string(secret).unwrap_or_default();
    let escaped = json.trim_matches('"').to_owned();
    json.zeroize();
    let percent = utf8_percent_encode(secret, UNRESERVED).to_string();
    let mut found: Vec<Spelling> = Vec::new();
    for text in [
        secret.to_owned(),
        form_urlencoded::byte_serialize(secret.as_bytes()).collect(),
        lower_hex(&percent),
        percent,
        escaped,
        secret.escape_debug().to_string(),
        secret.chars().filter(|c| !c.is_control()).collect(),
    ] {
        let text = Zeroizing::new(text);
        if !text.is_empty() && !found.iter().any(|known| known.text() == text.as_str()) {
            found.push(Spelling(text));
        }
    }
    // Most secrets are spelled in one way, and there may be a thousand of them.
    found.shrink_to_fit();
    found
}

/// What is never encoded in a URL: RFC 3986's unreserved characters.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The same encoding with small letters in its escapes.
fn lower_hex(percent: &str) -> String {
    let mut of_escape = 0;
    let lower = |c: char| {
        let inside = of_escape > 0;
        of_escape = if c == '%' { 2 } else { of_escape - i32::from(inside) };
        if inside { c.to_ascii_lowercase() } else { c }
    };
    percent.chars().map(lower).collect()
}

/// Marks that reorder what a terminal shows.
fn is_text_direction(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
