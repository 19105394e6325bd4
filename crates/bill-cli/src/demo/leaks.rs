//! Listening to the process's own log, and searching texts for secrets in every disguise.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};
use std::thread::{self, ThreadId};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use log::{LevelFilter, Log, Metadata, Record, SetLoggerError};
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
// hyper-util reports through this; linking it with its feature `log` is all that there is to do.
use tracing as _;

static CAPTURE: Capture = Capture { records: Mutex::new(Vec::new()) };

/// A log record: who wrote it, and what.
#[derive(Clone, Debug)]
pub(crate) struct Heard {
    by: String,
    thread: ThreadId,
    pub(crate) text: String,
}

/// A logger that keeps everything, and shows nothing.
struct Capture {
    records: Mutex<Vec<Heard>>,
}

impl Log for Capture {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        let heard = Heard {
            by: record.target().to_owned(),
            thread: thread::current().id(),
            text: record.args().to_string(),
        };
        self.records.lock().unwrap_or_else(PoisonError::into_inner).push(heard);
    }

    fn flush(&self) {}
}

/// Begins to keep what every crate of this process logs, down to the finest level.
pub(crate) fn listen() -> Result<(), SetLoggerError> {
    log::set_logger(&CAPTURE)?;
    log::set_max_level(LevelFilter::Trace);
    Ok(())
}

/// Takes everything that has been logged since the last time.
pub(crate) fn heard() -> Vec<Heard> {
    std::mem::take(&mut *CAPTURE.records.lock().unwrap_or_else(PoisonError::into_inner))
}

/// The records of each crate.
pub(crate) fn by_crate(log: &[Heard]) -> BTreeMap<&str, Vec<&Heard>> {
    let mut records: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for heard in log {
        let name = heard.by.split("::").next().unwrap_or_default();
        records.entry(name).or_default().push(heard);
    }
    records
}

/// What was logged as hexadecimal dumps: the bytes, put together again.
///
/// ureq-proto dumps what it sends and receives in rows of 16 bytes, each a record of its own, so
/// that no record holds a whole secret.
pub(crate) fn dumped(log: &[Heard]) -> Vec<Heard> {
    // Threads write at the same time; the rows of one follow each other.
    let mut streams: HashMap<(&str, ThreadId), Vec<u8>> = HashMap::new();
    for heard in log {
        if let Some(bytes) = dumped_row(&heard.text) {
            let stream = streams.entry((&heard.by, heard.thread));
            stream.or_default().extend(bytes);
        }
    }
    let whole = |((by, thread), bytes): ((&str, _), Vec<u8>)| Heard {
        by: by.to_owned(),
        thread,
        text: String::from_utf8_lossy(&bytes).into_owned(),
    };
    streams.into_iter().map(whole).collect()
}

/// The bytes of one row, such as `7061 7373 ---- ---- ---- ---- ---- ---- pass............`.
fn dumped_row(row: &str) -> Option<Vec<u8>> {
    const GROUPS: usize = 8;
    let groups = row.get(..GROUPS * 5)?.split(' ').take(GROUPS);
    let digits: String = groups.collect();
    let digits = digits.trim_end_matches('-');
    let pairs = (0..digits.len()).step_by(2);
    pairs.map(|at| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok()).collect()
}

/// What is searched for: each secret in all the forms in which it could have been written.
///
/// Some runs have hundreds of secrets and log many megabytes, so that every form is looked for in
/// one pass over a text: by how it begins.
#[derive(Debug)]
pub(crate) struct Search {
    secrets: BTreeSet<String>,
    forms: HashMap<u64, Vec<Form>>,
    /// Whether a form may begin so, by a hash of its beginning: mostly none does.
    begins: Vec<bool>,
}

/// One way to write a secret.
#[derive(Debug)]
struct Form {
    secret: String,
    written: String,
}

/// How many bytes of a form are its beginning, and so the fewest that it can have.
const BEGINNING: usize = 6;
const HASHES: usize = 1 << 16;

/// A beginning, with one more byte behind it and one less before it.
fn moved_on(beginning: u64, byte: u8) -> u64 {
    const KEPT: u64 = (1 << (8 * BEGINNING)) - 1;
    (beginning << 8 | u64::from(byte)) & KEPT
}

fn hashed(beginning: u64) -> usize {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    (beginning.wrapping_mul(ODD) >> 48) as usize
}

impl Default for Search {
    fn default() -> Self {
        let begins = vec![false; HASHES];
        Self { secrets: BTreeSet::new(), forms: HashMap::new(), begins }
    }
}

impl Search {
    /// Searches for this one too.
    pub(crate) fn add(&mut self, secret: &str) {
        if secret.is_empty() || !self.secrets.insert(secret.to_owned()) {
            return;
        }
        for written in [secret.to_owned()].into_iter().chain(disguises(secret)) {
            assert!(written.len() >= BEGINNING, "so short a secret cannot be searched for");
            let beginning = written.bytes().take(BEGINNING).fold(0, moved_on);
            self.begins[hashed(beginning)] = true;
            let form = Form { secret: secret.to_owned(), written };
            self.forms.entry(beginning).or_default().push(form);
        }
    }

    /// How many secrets all of the records hold, each record counted by itself.
    pub(crate) fn found_in_log(&self, log: &[&Heard]) -> u64 {
        log.iter().map(|heard| self.found_in(&heard.text)).sum()
    }

    /// How many of the secrets the text holds, in whatever form.
    pub(crate) fn found_in(&self, text: &str) -> u64 {
        let mut found = BTreeSet::new();
        self.find(text, &mut found);
        if text.contains(['%', '+']) {
            self.find(&percent_decode_str(text).decode_utf8_lossy(), &mut found);
            // A form has `+` for a space.
            let spaced = text.replace('+', " ");
            self.find(&percent_decode_str(&spaced).decode_utf8_lossy(), &mut found);
        }
        found.len() as u64
    }

    fn find<'a>(&'a self, text: &str, found: &mut BTreeSet<&'a str>) {
        let mut beginning = 0;
        for (at, byte) in text.bytes().enumerate() {
            beginning = moved_on(beginning, byte);
            if !self.begins[hashed(beginning)] {
                continue;
            }
            let Some(from) = (at + 1).checked_sub(BEGINNING) else { continue };
            let forms = self.forms.get(&beginning).into_iter().flatten();
            let written = forms.filter(|form| form.is_at(text.as_bytes(), from));
            found.extend(written.map(|form| form.secret.as_str()));
        }
    }
}

impl Form {
    /// Whether it stands in a text at this place.
    ///
    /// A secret of digits alone, such as an MFA code, is not meant by a longer number that holds
    /// it, such as a time in nanoseconds.
    fn is_at(&self, text: &[u8], from: usize) -> bool {
        let (before, at) = text.split_at(from);
        let Some(behind) = at.strip_prefix(self.written.as_bytes()) else { return false };
        let digit = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_digit);
        let is_number = self.written.bytes().all(|byte| byte.is_ascii_digit());
        let is_itself = self.written == self.secret;
        !(is_number && is_itself && (digit(before.last()) || digit(behind.first())))
    }
}

/// The forms of a secret other than itself and percent-encoded; those, the text is decoded for.
fn disguises(secret: &str) -> Vec<String> {
    let bytes = secret.as_bytes();
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let numbers: Vec<_> = bytes.iter().map(u8::to_string).collect();
    let json = serde_json::Value::from(secret).to_string();
    let inner = |quoted: String| quoted[1..quoted.len() - 1].to_owned();
    let mut disguises = vec![
        hex.to_uppercase(),
        hex,
        numbers.join(", "),
        bytes.escape_ascii().to_string(),
        inner(format!("{secret:?}")),
        only_ascii(&json[1..json.len() - 1]),
        inner(json),
    ];
    for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
        disguises.extend((0..3).map(|shift| inside_base64(&engine, bytes, shift)));
    }
    disguises.sort();
    disguises.dedup();
    disguises
}

/// JSON as careful writers escape it: `\u00e9` for what is not ASCII.
fn only_ascii(json: &str) -> String {
    let mut escaped = String::new();
    for character in json.chars() {
        if character.is_ascii() {
            escaped.push(character);
        } else {
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                escaped.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    escaped
}

/// The part of a base64 text that is the same whatever stands before and behind the secret, which
/// begins at a byte whose position leaves `shift` when divided by three.
fn inside_base64(engine: &impl Engine, secret: &[u8], shift: usize) -> String {
    let mut padded = vec![0; shift];
    padded.extend_from_slice(secret);
    let text = engine.encode(&padded);
    let from = [0, 2, 3][shift];
    let to = if padded.len().is_multiple_of(3) { text.len() } else { text.len() - 1 };
    text.get(from..to).unwrap_or_default().to_owned()
}

/// Plants a made-up secret in the log in each form, and counts the forms, and those found again.
///
/// A search that finds nothing means something only if it would have found it. The planted records
/// are taken out of the log again.
pub(crate) fn prove() -> (u64, u64) {
    const CANARY: &str = "a \"canary\"/7+é&%= in two rows";
    let percent = utf8_percent_encode(CANARY, NON_ALPHANUMERIC).to_string();
    let hex: String = CANARY.bytes().map(|byte| format!("{byte:02X}")).collect();
    let planted = [
        format!("as it is: {CANARY}"),
        format!("in a URL: ?password={percent}"),
        format!("in a form: password={}&more=1", percent.replace("%20", "+")),
        format!("in JSON: {}", serde_json::json!({ "password": CANARY })),
        format!("in base64: {}", STANDARD.encode(format!("user:{CANARY}"))),
        format!("in hexadecimal: {hex}"),
        format!("in bytes: {:?}", CANARY.as_bytes()),
        format!("in a Debug: {:?}", Some(CANARY)),
    ];
    let rows = CANARY.as_bytes().chunks(16).map(row);
    let before = heard();
    for text in planted.iter().chain(&rows.collect::<Vec<_>>()) {
        log::trace!("{text}");
    }
    let mut search = Search::default();
    search.add(CANARY);
    let log = heard();
    let dumped = dumped(&log);
    let heard = log.iter().chain(&dumped);
    let found = heard.filter(|heard| search.found_in(&heard.text) == 1);
    // The rows of the dump are one form.
    let counts = (planted.len() as u64 + 1, found.count() as u64);
    CAPTURE.records.lock().unwrap_or_else(PoisonError::into_inner).extend(before);
    counts
}

/// A row of a dump, as ureq-proto writes it.
fn row(bytes: &[u8]) -> String {
    let digits = |at: usize| bytes.get(at).map_or("--".to_owned(), |byte| format!("{byte:02x}"));
    let groups = (0..16).step_by(2).map(|at| format!("{}{} ", digits(at), digits(at + 1)));
    let text: String = bytes.iter().map(|byte| byte.escape_ascii().to_string()).collect();
    format!("{} {text}", groups.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::{STANDARD, Search};
    use base64::Engine;

    #[test]
    fn a_secret_is_found_at_every_place_of_a_base64_text() {
        let mut search = Search::default();
        search.add("demo-password");
        for before in 0..6 {
            for behind in 0..6 {
                let text = format!("{}demo-password{}", "u".repeat(before), "x".repeat(behind));
                assert_eq!(search.found_in(&STANDARD.encode(text)), 1);
            }
        }
    }

    #[test]
    fn a_code_is_found_as_a_number_of_its_own_and_not_in_a_longer_one() {
        let mut search = Search::default();
        search.add("123456");
        let written =
            ["token=123456&", r#"{"token":"123456"}"#, "MTIzNDU2", "%3123456", "2231323334353622"];
        for text in written {
            assert_eq!(search.found_in(text), 1, "{text}");
        }
        for text in ["idle 12345678ns", "0123456", "12345 6", ""] {
            assert_eq!(search.found_in(text), 0, "{text}");
        }
    }

    #[test]
    fn a_text_without_the_secret_holds_none() {
        let mut search = Search::default();
        search.add("demo-password");
        assert_eq!(search.found_in("demo-passwort, demo%2Dpass, ZGVtbw=="), 0);
    }
}
