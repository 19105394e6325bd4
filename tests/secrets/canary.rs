//! Secrets that are looked for, in every form that they could be told in.

use std::fmt::Write;

/// Values that must not be told, in all their forms.
#[derive(Debug)]
pub(crate) struct Canaries(Vec<String>);

impl Canaries {
    pub(crate) fn new<const N: usize>(values: [&str; N]) -> Self {
        Self(values.into_iter().flat_map(forms).collect())
    }

    pub(crate) fn add(&mut self, value: &str) {
        self.0.extend(forms(value));
    }

    pub(crate) fn join(&mut self, others: &Self) {
        self.0.extend(others.0.iter().cloned());
    }

    pub(crate) fn found_in(&self, text: &str) -> bool {
        self.form_in(text).is_some()
    }

    pub(crate) fn assert_absent(&self, text: &str) {
        let found = self.form_in(text);
        assert!(found.is_none(), "{found:?} is told in: {text}");
    }

    fn form_in(&self, text: &str) -> Option<&String> {
        // White space aside, so that a pretty-printed list of bytes is found as well.
        let squeezed: String = text.split_whitespace().collect();
        let hit = |form: &&String| {
            let bytes = form.starts_with("[bytes]");
            let squeezed_form = form.trim_start_matches("[bytes]");
            text.contains(form.as_str()) || bytes && squeezed.contains(squeezed_form)
        };
        self.0.iter().find(hit)
    }
}

/// Raw, percent-encoded, JSON-escaped, in base64 at each of its alignments, in hex, and as the
/// list of bytes that a derived `Debug` prints.
pub(crate) fn forms(value: &str) -> Vec<String> {
    let bytes = value.as_bytes();
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let mut forms = vec![value.to_owned()];
    forms.push(percent(bytes, unreserved, false));
    forms.push(percent(bytes, unreserved, true));
    // As a form is encoded, and as a cautious encoder would: every byte that is no letter.
    forms.push(percent(bytes, unreserved, false).replace("%20", "+"));
    forms.push(percent(bytes, |byte| byte.is_ascii_alphanumeric(), false));
    forms.push(json(value, false));
    forms.push(json(value, true));
    forms.push(value.escape_default().to_string());
    for alphabet in [STANDARD, URL_SAFE] {
        for shift in 0..3 {
            forms.push(base64(bytes, shift, alphabet));
        }
    }
    forms.push(bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    }));
    forms.push(forms.last().unwrap().to_ascii_uppercase());
    let list: Vec<_> = bytes.iter().map(u8::to_string).collect();
    forms.push(format!("[bytes]{}", list.join(",")));
    forms
}

fn percent(bytes: &[u8], plain: impl Fn(u8) -> bool, lower: bool) -> String {
    bytes.iter().fold(String::new(), |mut text, &byte| {
        if plain(byte) {
            text.push(char::from(byte));
        } else if lower {
            write!(text, "%{byte:02x}").unwrap();
        } else {
            write!(text, "%{byte:02X}").unwrap();
        }
        text
    })
}

/// The inside of a JSON string; `ascii` escapes every character beyond.
fn json(value: &str, ascii: bool) -> String {
    let text = serde_json::to_string(value).unwrap();
    let inside = &text[1..text.len() - 1];
    let mut units = [0; 2];
    inside.chars().fold(String::new(), |mut text, c| {
        if ascii && !c.is_ascii() {
            for unit in c.encode_utf16(&mut units) {
                write!(text, "\\u{unit:04x}").unwrap();
            }
        } else {
            text.push(c);
        }
        text
    })
}

const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const URL_SAFE: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// The part of the base64 of a longer text that `bytes` alone decide, when they stand `shift`
/// bytes behind a multiple of three.
fn base64(bytes: &[u8], shift: usize, alphabet: &[u8; 64]) -> String {
    let mut padded = vec![0; shift];
    padded.extend_from_slice(bytes);
    let whole = padded.len() / 3 * 3;
    let mut text = String::new();
    for three in padded[..whole].chunks(3) {
        let bits = u32::from(three[0]) << 16 | u32::from(three[1]) << 8 | u32::from(three[2]);
        for shift in [18, 12, 6, 0] {
            text.push(char::from(alphabet[(bits >> shift) as usize & 63]));
        }
    }
    // The first characters mix with what stands before.
    text.split_off([0, 2, 3][shift])
}

#[test]
fn every_form_is_what_its_name_says() {
    let forms = forms("pa ss+é");
    for form in [
        "pa ss+é",
        "pa%20ss%2B%C3%A9",
        "pa%20ss%2b%c3%a9",
        "pa+ss%2B%C3%A9",
        "pa ss+\\u00e9",
        "cGEgc3Mr",
        "70612073732bc3a9",
        "70612073732BC3A9",
        "[bytes]112,97,32,115,115,43,195,169",
    ] {
        assert!(forms.iter().any(|seen| seen == form), "{form}: {forms:?}");
    }
    // One and two bytes further on, as Python's base64 encodes "xpa ss+é" and "xxpa ss+é".
    for form in ["BhIHNzK8Op", "wYSBzcyvD"] {
        assert!(forms.iter().any(|seen| seen == form), "{form}: {forms:?}");
    }
    let pretty = format!("{:#?}", "pa ss+é".as_bytes());
    assert!(Canaries::new(["pa ss+é"]).found_in(&pretty));
}
