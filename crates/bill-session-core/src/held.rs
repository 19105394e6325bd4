//! The secrets that a client holds or held, kept out of paths and messages.
//!
//! Credentials are few, and looked for one by one. Session ids are as many as there are
//! organisations, so that they are looked for all at once: each stretch of a text that is as long as
//! one of them is hashed, and its hash looked up. What this costs grows with the text and with how
//! many lengths the ids have, which are few, and not with how many ids there are.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::ops::Range;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use zeroize::Zeroizing;

use crate::code::Code;
use crate::credentials::{Principal, Secret};

/// A session's id is no longer than this: a longer one is not used at all.
pub(crate) const LONGEST_SESSION_ID: usize = 1 << 10;

/// What is shorter is looked for as a word only: it would be found in innocent ones.
const SHORTEST_PART: usize = 6;

/// The secrets of a client and of all its organisations.
#[derive(Default)]
pub(crate) struct Held(RwLock<Secrets>);

#[derive(Default)]
struct Secrets {
    /// Of the key and of every principal: few, and kept as long as the client lives.
    credentials: Vec<Credential>,
    session_ids: SessionIds,
    /// Secrets of one exchange, such as an MFA code, while its answer is read. They are too short
    /// to be looked for in paths.
    passing: Vec<Vec<Spelling>>,
}

struct Credential {
    spelling: Spelling,
    /// Whether it is kept out of paths and queries as well as out of messages.
    in_paths: bool,
}

impl Held {
    pub(crate) fn add_credential(&self, secret: &Secret) {
        self.add(secret, true);
    }

    pub(crate) fn add_principal(&self, principal: &Principal) {
        // A token is called as people call things: by a word that stands in innocent paths too.
        let name = principal.name.expose();
        let is_letters = name.bytes().all(|byte| byte.is_ascii_alphabetic());
        let is_word = principal.is_token() && (is_letters || name.len() < SHORTEST_PART);
        self.add(&principal.name, !is_word);
        self.add_credential(&principal.proof);
        if let Some(device) = &principal.device {
            self.add_credential(&device.id);
        }
    }

    fn add(&self, secret: &Secret, in_paths: bool) {
        let mut held = self.write();
        for spelling in spellings(secret) {
            match held.credentials.iter_mut().find(|known| known.spelling.0 == spelling.0) {
                Some(known) => known.in_paths |= in_paths,
                None => held.credentials.push(Credential { spelling, in_paths }),
            }
        }
    }

    /// A session with this id lives from now on.
    pub(crate) fn hold_session_id(&self, session_id: &Secret) {
        let needles = needles(session_id);
        self.write().session_ids.hold(&needles);
    }

    /// It lives no longer; its id is held on until some others have died.
    pub(crate) fn release_session_id(&self, session_id: &Secret) {
        let needles = needles(session_id);
        if !needles.is_empty() {
            self.write().session_ids.release(needles);
        }
    }

    /// Reads an answer that may repeat `secret`, which is kept out of all that is read.
    pub(crate) fn while_passing<R>(&self, secret: &Secret, read: impl FnOnce() -> R) -> R {
        let passing = spellings(secret);
        let first = passing.first().map(|spelling| spelling.0.clone());
        self.write().passing.push(passing);
        let result = read();
        let mut held = self.write();
        let same =
            |other: &Vec<Spelling>| other.first().map(|spelling| &spelling.0) == first.as_ref();
        if let Some(at) = held.passing.iter().position(same) {
            held.passing.swap_remove(at);
        }
        result
    }

    /// A code of BILL's, unless it shows a secret.
    pub(crate) fn code(&self, text: &str) -> Option<Code> {
        Code::new(text).filter(|_| self.read().scrub(text) == text)
    }

    /// Whether a path or a query would show a secret: in any part of `text`, or as a part of its own
    /// when the secret is short.
    pub(crate) fn found_in(&self, text: &str) -> bool {
        self.read().found_in(text)
    }

    /// What a server sent, fit for people to read: without control characters, no longer than a
    /// message should be, and with every secret in it blanked out.
    pub(crate) fn printable(&self, text: &str) -> String {
        const LONGEST: usize = 300;
        const READ: usize = 2 << 10;
        let held = self.read();
        let longest = held.longest();
        let start = start_of(text, READ + longest);
        // Before and after: control characters can hide a secret, and a secret can hold some.
        let scrubbed = held.scrub(start);
        let shown = |c: &char| !c.is_control() && !is_text_direction(*c);
        let plain: String = scrubbed.chars().filter(shown).collect();
        let plain = held.scrub(&plain);
        let plain = match start.len() < text.len() {
            // The end of what was read may be the beginning of a secret.
            true => start_of(&plain, plain.len().saturating_sub(longest)),
            false => &plain,
        };
        plain.chars().take(LONGEST).collect()
    }

    fn read(&self) -> RwLockReadGuard<'_, Secrets> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Secrets> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl Secrets {
    fn found_in(&self, text: &str) -> bool {
        let counts = |place: &Range<usize>| place.len() >= SHORTEST_PART || is_part(text, place);
        let credentials = || self.credentials.iter().filter(|credential| credential.in_paths);
        self.session_ids.places(text).any(|place| counts(&place))
            || credentials()
                .any(|credential| credential.spelling.places(text).any(|place| counts(&place)))
    }

    fn scrub(&self, text: &str) -> String {
        const BLANK: &str = "[redacted]";
        let counts = |place: &Range<usize>| place.len() >= SHORTEST_PART || is_word(text, place);
        let spellings = self.credentials.iter().map(|credential| &credential.spelling);
        let spellings = spellings.chain(self.passing.iter().flatten());
        let places = spellings.flat_map(|spelling| spelling.places(text));
        let mut places: Vec<Range<usize>> =
            self.session_ids.places(text).chain(places).filter(counts).collect();
        places.sort_by_key(|place| place.start);
        let mut blanked = String::with_capacity(text.len());
        let mut end = 0;
        for place in places {
            // One that begins within another is a part of the same blank.
            if place.start >= end {
                blanked.push_str(&text[end..place.start]);
                blanked.push_str(BLANK);
            }
            end = end.max(place.end);
        }
        blanked.push_str(&text[end..]);
        blanked
    }

    /// The length of the longest secret, however it is spelled.
    fn longest(&self) -> usize {
        let spellings = self.credentials.iter().map(|credential| &credential.spelling);
        let spellings = spellings.chain(self.passing.iter().flatten());
        let longest = spellings.map(|spelling| spelling.0.len()).max().unwrap_or_default();
        longest.max(self.session_ids.longest())
    }
}

/// Whether what stands at `place` is a part of a path or a query.
fn is_part(text: &str, place: &Range<usize>) -> bool {
    const BETWEEN: [char; 7] = ['/', '?', '&', '=', '#', ';', ' '];
    let (before, behind) = (&text[..place.start], &text[place.end..]);
    (before.is_empty() || before.ends_with(BETWEEN))
        && (behind.is_empty() || behind.starts_with(BETWEEN))
}

/// Whether what stands at `place` is a word.
fn is_word(text: &str, place: &Range<usize>) -> bool {
    !text[..place.start].ends_with(char::is_alphanumeric)
        && !text[place.end..].starts_with(char::is_alphanumeric)
}

/// The first `length` bytes of a text, or a few less.
fn start_of(text: &str, length: usize) -> &str {
    let mut end = length.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// The ids of the sessions that live and of the last that have died: as hashes, by which an id is
/// found again, and which nobody can turn back into one.
#[derive(Default)]
struct SessionIds {
    /// How many are held under each hash.
    hashes: BTreeMap<u64, u32>,
    /// How many are held of each length.
    lengths: BTreeMap<usize, usize>,
    /// The dead, the longest dead first.
    dead: VecDeque<Vec<Needle>>,
}

/// One spelling of an id.
#[derive(Clone, Copy)]
struct Needle {
    hash: u64,
    length: usize,
}

impl SessionIds {
    /// An answer to a call of a session that is gone may still come, and repeat its id.
    const DEAD: usize = 64;

    fn hold(&mut self, needles: &[Needle]) {
        for Needle { hash, length } in needles {
            *self.hashes.entry(*hash).or_default() += 1;
            *self.lengths.entry(*length).or_default() += 1;
        }
    }

    fn release(&mut self, needles: Vec<Needle>) {
        self.dead.push_back(needles);
        if self.dead.len() <= Self::DEAD {
            return;
        }
        for Needle { hash, length } in self.dead.pop_front().into_iter().flatten() {
            if let Some(held) = self.hashes.get_mut(&hash) {
                *held -= 1;
                if *held == 0 {
                    self.hashes.remove(&hash);
                }
            }
            if let Some(held) = self.lengths.get_mut(&length) {
                *held -= 1;
                if *held == 0 {
                    self.lengths.remove(&length);
                }
            }
        }
    }

    /// Where ids stand in a text.
    fn places<'a>(&'a self, text: &'a str) -> impl Iterator<Item = Range<usize>> + 'a {
        let fitting = self.lengths.range(..=text.len()).map(|(length, _)| *length);
        fitting.flat_map(move |length| {
            let held = |(_, hash): &(usize, u64)| self.hashes.contains_key(hash);
            let places = stretches(text.as_bytes(), length).filter(held);
            let places = places.map(move |(start, _)| start..start + length);
            // Two texts can have one hash, once in a very long time.
            places.filter(|place| text.get(place.clone()).is_some())
        })
    }

    fn longest(&self) -> usize {
        self.lengths.last_key_value().map_or(0, |(length, _)| *length)
    }
}

/// The base of the polynomial that is a text's hash: any odd number with its bits well mixed.
const BASE: u64 = 0x9e37_79b9_7f4a_7c15;

/// All stretches of this length with their hashes, each worked out from the one before.
fn stretches(bytes: &[u8], length: usize) -> impl Iterator<Item = (usize, u64)> {
    let leaving = (0..length).fold(1_u64, |power, _| power.wrapping_mul(BASE));
    let mut hash = 0_u64;
    bytes.iter().enumerate().filter_map(move |(at, byte)| {
        hash = hash.wrapping_mul(BASE).wrapping_add(u64::from(*byte));
        if let Some(left) = at.checked_sub(length) {
            hash = hash.wrapping_sub(leaving.wrapping_mul(u64::from(bytes[left])));
        }
        (at + 1).checked_sub(length).map(|start| (start, hash))
    })
}

fn needles(session_id: &Secret) -> Vec<Needle> {
    let needle = |spelling: &Spelling| {
        let (bytes, length) = (spelling.0.as_bytes(), spelling.0.len());
        stretches(bytes, length).next().map(|(_, hash)| Needle { hash, length })
    };
    spellings(session_id).iter().filter_map(needle).collect()
}

/// How many bytes any spelling makes of one, at most: six, as of a control character in JSON.
const LONGEST_SPELLING: usize = 6;

/// One way in which a secret may be spelled in a text.
#[derive(PartialEq, Eq)]
struct Spelling(Zeroizing<String>);

impl Spelling {
    /// Written into one buffer that is large enough: growing would leave parts behind, unwiped.
    fn written<P>(secret: &str, parts: impl IntoIterator<Item = P>) -> Self
    where
        String: Extend<P>,
    {
        let mut text = Zeroizing::new(String::with_capacity(LONGEST_SPELLING * secret.len()));
        text.extend(parts);
        Self(text)
    }

    /// Escaped as JSON has it, without the quotes around it.
    fn json(secret: &str) -> Self {
        let mut json = Zeroizing::new(Vec::with_capacity(LONGEST_SPELLING * secret.len() + 2));
        if serde_json::to_writer(&mut *json, secret).is_err() {
            json.clear();
        }
        let text = std::str::from_utf8(&json).unwrap_or_default();
        Self::written(secret, [text.trim_matches('"')])
    }

    fn places<'a>(&'a self, text: &'a str) -> impl Iterator<Item = Range<usize>> + 'a {
        let fits = self.0.len() <= text.len();
        let found = fits.then(|| text.match_indices(self.0.as_str())).into_iter().flatten();
        found.map(|(start, part)| start..start + part.len())
    }
}

/// A secret as it is, in a form, in a URL, escaped, and without its control characters.
fn spellings(secret: &Secret) -> Vec<Spelling> {
    let secret = secret.expose();
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    if !secret.is_empty() && secret.bytes().all(is_plain) {
        // It is spelled in the same way everywhere.
        return vec![Spelling(Zeroizing::new(secret.to_owned()))];
    }
    let percent = Spelling::written(secret, utf8_percent_encode(secret, UNRESERVED));
    let mut found: Vec<Spelling> = Vec::new();
    for spelling in [
        Spelling::written(secret, [secret]),
        Spelling::written(secret, form_urlencoded::byte_serialize(secret.as_bytes())),
        Spelling::written(secret, lower_hex(&percent.0)),
        percent,
        Spelling::json(secret),
        Spelling::written(secret, secret.escape_debug()),
        Spelling::written(secret, secret.chars().filter(|c| !c.is_control())),
    ] {
        if !spelling.0.is_empty() && !found.contains(&spelling) {
            found.push(spelling);
        }
    }
    found
}

/// What is never encoded in a URL: RFC 3986's unreserved characters.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The same encoding with small letters in its escapes.
fn lower_hex(percent: &str) -> impl Iterator<Item = char> {
    let mut of_escape = 0;
    let lower = move |c: char| {
        let inside = of_escape > 0;
        of_escape = if c == '%' { 2 } else { of_escape - i32::from(inside) };
        if inside { c.to_ascii_lowercase() } else { c }
    };
    percent.chars().map(lower)
}

/// Marks that reorder what a terminal shows.
fn is_text_direction(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
