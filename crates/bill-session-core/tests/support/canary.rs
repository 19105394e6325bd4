//! Secrets that are looked for in every form that a text could show them in.

use std::fmt::{Debug, Display, Write};

/// A text found out: which secret, and in which form.
#[derive(Debug, PartialEq, Eq)]
pub struct Found {
    pub secret: &'static str,
    pub form: &'static str,
}

/// Every secret that `text` shows, in whichever form.
pub fn shown_in(secrets: &[&'static str], text: &str) -> Vec<Found> {
    let mut found = Vec::new();
    for secret in secrets {
        for (form, shown) in forms(secret) {
            if text.contains(&shown) {
                found.push(Found { secret, form });
            }
        }
    }
    found
}

/// Asserts that neither `Debug` form of a value shows a secret.
pub fn keeps_in_debug(secrets: &[&'static str], value: &impl Debug) {
    keeps(secrets, &format!("{value:?}"));
    keeps(secrets, &format!("{value:#?}"));
}

/// Asserts that the `Display` form of a value shows no secret.
pub fn keeps_in_display(secrets: &[&'static str], value: &impl Display) {
    keeps(secrets, &value.to_string());
}

pub fn keeps(secrets: &[&'static str], text: &str) {
    let found = shown_in(secrets, text);
    assert!(found.is_empty(), "{found:?} in {text}");
}

/// The forms of a secret, each under its name.
pub fn forms(secret: &str) -> Vec<(&'static str, String)> {
    let bytes = secret.as_bytes();
    let json = serde_json::Value::from(secret).to_string();
    let debug = format!("{secret:?}");
    let mut forms = vec![
        ("raw", secret.to_owned()),
        ("form-encoded", form_urlencoded::byte_serialize(bytes).collect()),
        ("percent-encoded", percent(bytes, false)),
        ("percent-encoded in small letters", percent(bytes, true)),
        ("escaped by JSON", json[1..json.len() - 1].to_owned()),
        ("escaped by ASCII JSON", ascii_json(secret)),
        ("escaped by Debug", debug[1..debug.len() - 1].to_owned()),
        ("in hex", hex(bytes, false)),
        ("in big hex", hex(bytes, true)),
        ("as a list of bytes", list(bytes, ", ")),
        ("as a tall list of bytes", list(bytes, ",\n    ")),
    ];
    for shift in 0..3 {
        let text = base64_at(bytes, shift);
        forms.push(("in the URL's base64", text.replace('+', "-").replace('/', "_")));
        forms.push(("in base64", text));
    }
    forms
}

fn percent(bytes: &[u8], small: bool) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                text.push(char::from(*byte));
            }
            _ if small => write!(text, "%{byte:02x}").unwrap(),
            _ => write!(text, "%{byte:02X}").unwrap(),
        }
        text
    })
}

fn ascii_json(text: &str) -> String {
    let json = serde_json::Value::from(text).to_string();
    json[1..json.len() - 1].chars().fold(String::new(), |mut escaped, c| {
        if c.is_ascii() {
            escaped.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(escaped, "\\u{unit:04x}").unwrap();
            }
        }
        escaped
    })
}

fn hex(bytes: &[u8], big: bool) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        if big {
            write!(text, "{byte:02X}").unwrap();
        } else {
            write!(text, "{byte:02x}").unwrap();
        }
        text
    })
}

fn list(bytes: &[u8], separator: &str) -> String {
    bytes.iter().map(u8::to_string).collect::<Vec<_>>().join(separator)
}

/// What the base64 of a longer text shows of `bytes` when `shift` bytes (of a group of three) come
/// before them: without the letters that depend on what stands beside them.
fn base64_at(bytes: &[u8], shift: usize) -> String {
    let mut shifted = vec![0; shift];
    shifted.extend(bytes);
    let whole = shifted.len() / 3 * 3;
    let text = base64(&shifted[..whole]);
    text[shift.div_ceil(3) * 4..].to_owned()
}

/// The base64 of whole groups of three bytes.
pub fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let number = group.iter().fold(0_usize, |number, byte| number << 8 | usize::from(*byte));
        for shift in [18, 12, 6, 0] {
            text.push(char::from(LETTERS[number >> shift & 63]));
        }
    }
    text
}
