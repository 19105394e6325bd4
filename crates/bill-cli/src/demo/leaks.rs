//! Listening to the process's own log, and searching texts for secrets in every disguise.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
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
#[derive(Debug, Default)]
pub(crate) struct Search {
    secrets: BTreeMap<String, Vec<String>>,
}

impl Search {
    /// Searches for this one too.
    pub(crate) fn add(&mut self, secret: &str) {
        if !secret.is_empty() && !self.secrets.contains_key(secret) {
            self.secrets.insert(secret.to_owned(), disguises(secret));
        }
    }

    /// How many secrets all of the records hold, each record counted by itself.
    pub(crate) fn found_in_log(&self, log: &[&Heard]) -> u64 {
        let all: String = log.iter().flat_map(|heard| [&heard.text, "\n"]).collect();
        // One long text is searched much faster than many short ones, and mostly there is nothing.
        if self.found_in(&all) == 0 {
            return 0;
        }
        log.iter().map(|heard| self.found_in(&heard.text)).sum()
    }

    /// How many of the secrets the text holds, in whatever form.
    pub(crate) fn found_in(&self, text: &str) -> u64 {
        let spaced = text.replace('+', " ");
        let texts = [
            Cow::Borrowed(text),
            percent_decode_str(text).decode_utf8_lossy(),
            // A form has `+` for a space.
            percent_decode_str(&spaced).decode_utf8_lossy(),
        ];
        let found = self.secrets.iter().filter(|(secret, disguises)| {
            texts.iter().any(|text| text.contains(secret.as_str()))
                || disguises.iter().any(|disguise| text.contains(disguise))
        });
        found.count() as u64
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
    use super::{STANDARD, Search, disguises};
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
    fn a_text_without_the_secret_holds_none() {
        let mut search = Search::default();
        search.add("demo-password");
        assert_eq!(search.found_in("demo-passwort, demo%2Dpass, ZGVtbw=="), 0);
        assert!(disguises("k").iter().all(|form| !form.is_empty() || form.len() < 4));
    }
}
