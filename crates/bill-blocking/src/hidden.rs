//! Keeps the session's headers out of the HTTP library's own log.
//!
//! ureq-proto logs the head of every request at TRACE, and v3's has the session and the key in it.
//! No setting turns that off. So ureq is given a random word in place of each sensitive value, and the
//! connection puts the value back just before the bytes leave.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bill_session_host::seed;
use http::{HeaderMap, HeaderValue};
use zeroize::Zeroizing;

/// What every word begins with, so that one look through a head finds them all.
const PREFIX: &[u8] = b"~hidden-";

/// How many digits come behind that.
const DIGITS: usize = 32;

/// The values that are hidden at present, by the words in their place.
#[derive(Clone, Default)]
pub(crate) struct Hidden(Arc<Mutex<HashMap<u128, HeaderValue>>>);

/// A word in what is sent: where it stands, and what belongs there.
struct Found {
    at: usize,
    value: HeaderValue,
}

impl Hidden {
    /// Puts a word in the place of every sensitive value, for as long as the guard lives.
    pub(crate) fn hide(&self, headers: &mut HeaderMap) -> HiddenHere {
        let mut words = Vec::new();
        for value in headers.values_mut().filter(|value| value.is_sensitive()) {
            // As random as a word needs to be that must not come about by chance.
            let word = u128::from(seed()) << 64 | u128::from(seed());
            let shown = format!("{}{word:0DIGITS$x}", PREFIX.escape_ascii());
            if let Ok(placeholder) = HeaderValue::try_from(shown) {
                let secret = std::mem::replace(value, placeholder);
                self.lock().insert(word, secret);
                words.push(word);
            }
        }
        HiddenHere { hidden: self.clone(), words }
    }

    /// The bytes with the values in the place of their words; nothing when there are none.
    pub(crate) fn reveal(&self, bytes: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let found = self.found_in(bytes);
        if found.is_empty() {
            return None;
        }
        let values: usize = found.iter().map(|found| found.value.len()).sum();
        // One buffer of the right size: a growing one would leave values behind.
        let mut revealed = Zeroizing::new(Vec::with_capacity(bytes.len() + values));
        let mut from = 0;
        for Found { at, value } in found {
            revealed.extend_from_slice(&bytes[from..at]);
            revealed.extend_from_slice(value.as_bytes());
            from = at + PREFIX.len() + DIGITS;
        }
        revealed.extend_from_slice(&bytes[from..]);
        Some(revealed)
    }

    /// The words in the order in which they stand there.
    fn found_in(&self, bytes: &[u8]) -> Vec<Found> {
        let mut found = Vec::new();
        let mut from = 0;
        while let Some(next) = bytes[from..].iter().position(|byte| *byte == PREFIX[0]) {
            let at = from + next;
            let word = bytes[at..].strip_prefix(PREFIX).and_then(word_in);
            let value = word.and_then(|word| self.lock().get(&word).cloned());
            from = match value {
                Some(value) => {
                    found.push(Found { at, value });
                    at + PREFIX.len() + DIGITS
                }
                None => at + 1,
            };
        }
        found
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u128, HeaderValue>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The word whose digits come here.
fn word_in(digits: &[u8]) -> Option<u128> {
    let digits = std::str::from_utf8(digits.get(..DIGITS)?).ok()?;
    u128::from_str_radix(digits, 16).ok()
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hidden").finish_non_exhaustive()
    }
}

/// The values of one request, hidden until this is dropped.
pub(crate) struct HiddenHere {
    hidden: Hidden,
    words: Vec<u128>,
}

impl Drop for HiddenHere {
    fn drop(&mut self) {
        let mut hidden = self.hidden.lock();
        for word in &self.words {
            hidden.remove(word);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Hidden;
    use http::{HeaderMap, HeaderValue};

    fn headers() -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in [("sessionid", "a-session"), ("devkey", "a-key")] {
            let mut value = HeaderValue::from_static(value);
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        headers.insert("accept", HeaderValue::from_static("application/json"));
        headers
    }

    fn head(headers: &HeaderMap) -> String {
        let line = |(name, value): (&http::HeaderName, &HeaderValue)| {
            format!("{name}: {}\r\n", value.to_str().unwrap())
        };
        headers.iter().map(line).collect()
    }

    #[test]
    fn what_is_hidden_is_no_secret_and_is_revealed_as_it_was() {
        let hidden = Hidden::default();
        let mut masked = headers();
        let _here = hidden.hide(&mut masked);
        let shown = head(&masked);
        assert!(!shown.contains("a-session") && !shown.contains("a-key"), "{shown}");
        assert!(shown.contains("application/json"));
        let revealed = hidden.reveal(shown.as_bytes()).unwrap();
        assert_eq!(std::str::from_utf8(&revealed).unwrap(), head(&headers()));
    }

    #[test]
    fn requests_at_the_same_time_reveal_their_own() {
        let hidden = Hidden::default();
        let (mut one, mut other) = (headers(), headers());
        other.insert("sessionid", {
            let mut value = HeaderValue::from_static("another");
            value.set_sensitive(true);
            value
        });
        let expected = head(&other);
        let (_one, here) = (hidden.hide(&mut one), hidden.hide(&mut other));
        let revealed = hidden.reveal(head(&other).as_bytes()).unwrap();
        assert_eq!(std::str::from_utf8(&revealed).unwrap(), expected);
        drop(here);
        assert!(hidden.reveal(head(&other).as_bytes()).is_none(), "it is over");
    }

    #[test]
    fn what_has_nothing_hidden_stays_as_it_is() {
        assert!(Hidden::default().reveal(b"POST / HTTP/1.1\r\n\r\n").is_none());
    }

    #[test]
    fn what_only_looks_like_a_word_stays_as_it_is() {
        let hidden = Hidden::default();
        let mut masked = headers();
        let _here = hidden.hide(&mut masked);
        let nobodys = format!("~hidden-{:032x}", 7);
        for alike in ["~", "~hidden-", "~hidden-0123", "~~hidden-\u{20ac}", &nobodys] {
            let around = |headers: &HeaderMap| format!("{alike}{}{alike}", head(headers));
            let revealed = hidden.reveal(around(&masked).as_bytes()).unwrap();
            assert_eq!(std::str::from_utf8(&revealed).unwrap(), around(&headers()));
            assert!(hidden.reveal(alike.as_bytes()).is_none(), "{alike}");
        }
    }
}
