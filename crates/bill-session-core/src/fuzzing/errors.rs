//! Errors in BILL's form, with codes and messages that try to show a secret.

use std::time::Instant;

use bytes::Bytes;
use http::{Response, StatusCode};
use serde_json::{Map, Value, json};

use super::answers::{is_judged, name};
use super::canary::{self, SECRETS, is_discreet, spellings};
use super::flows::{answer_to_a_call, answer_to_a_sign_in};
use super::input::Input;
use crate::account::Api;
use crate::environment::Environment;
use crate::settings::SignInWith;
use crate::wire::{Parsed, v2, v3};

const CODES: [&str; 14] = [
    "BDC_1109",
    "BDC_1101",
    "BDC_1102",
    "BDC_1105",
    "BDC_1107",
    "BDC_1144",
    "BDC_1322",
    "BDC_1361",
    "BDC_1356",
    "BDC_1358",
    "BDC_1121",
    "BDC_1197",
    "",
    "an odd one",
];

const STATUSES: [u16; 8] = [200, 400, 401, 403, 422, 429, 500, 503];

/// What hides in a text without being seen, and what pads it.
const HIDDEN: [&str; 6] = ["\u{0}", "\n", "\u{202e}", "\u{1b}[2J", " ", "0123456789abcdef"];

/// Entries of an error, made of texts and of secrets in every spelling.
pub fn error_bodies(data: &[u8], now: Instant) {
    let mut input = Input::new(data);
    let api = input.pick(&[Api::V2, Api::V3]);
    let status = input.pick(&STATUSES);
    let shape = input.pick(&['a', 'o', 'g']);
    let mut entries = Vec::new();
    while !input.is_empty() && entries.len() < 40 {
        entries.push((code(&mut input), message(&mut input)));
    }
    let mut answer = Response::new(body(api, shape, &entries));
    *answer.status_mut() = StatusCode::from_u16(status).unwrap_or_default();
    let environment = Environment::Stage;
    let with = if api == Api::V2 { SignInWith::V2 } else { SignInWith::V3 };
    let account = canary::account_with_a_past(environment.clone(), with, now);
    let parsed = match api {
        Api::V2 => v2::read::<Value>(&answer, &name, &account.held),
        Api::V3 => v3::read::<Value>(&answer, &name, &account.held),
    };
    let verdict = parsed.verdict(answer.headers());
    match &parsed {
        Parsed::Error(error) => {
            is_discreet(&**error);
            is_judged(verdict, error, answer.status());
            for other in error.others() {
                assert!(other.message.chars().count() <= 300);
            }
            if api == Api::V3 {
                let told = if shape == 'o' { &entries[..1] } else { &entries };
                what_matters_most_speaks_for_all(told, error.code().and_then(|c| c.number()));
            }
        }
        Parsed::Foreign(foreign) => is_discreet(&**foreign),
        Parsed::Mismatch(error) => is_discreet(&**error),
        Parsed::Success(_) => assert!(api == Api::V3 && answer.status().is_success()),
    }
    answer_to_a_call(&answer, api, verdict, now);
    answer_to_a_sign_in(&answer, environment, with, now);
}

fn what_matters_most_speaks_for_all(entries: &[(String, String)], told: Option<u32>) {
    const MATTERS: [u32; 10] = [1101, 1102, 1105, 1107, 1109, 1144, 1322, 1356, 1358, 1361];
    let number = |code: &str| code.strip_prefix("BDC_")?.parse::<u32>().ok();
    let matters = |code: Option<u32>| code.is_some_and(|number| MATTERS.contains(&number));
    let first = entries.iter().map(|(code, _)| number(code)).find(|code| matters(*code));
    if let Some(first) = first {
        assert_eq!(told, first, "an entry about the session is passed over");
    }
}

fn body(api: Api, shape: char, entries: &[(String, String)]) -> Bytes {
    let texts = |(code, message): &(String, String)| (code.clone(), message.clone());
    let document = match (api, shape, entries.first().map(texts)) {
        (_, 'g', first) => json!({"message": first.map(|(_, message)| message)}),
        (Api::V2, _, first) => {
            let (code, message) = first.unwrap_or_default();
            let data = json!({"error_code": code, "error_message": message});
            json!({"response_status": 1, "response_message": "Error", "response_data": data})
        }
        (Api::V3, 'o', Some(first)) => entry(&first),
        (Api::V3, _, _) => Value::Array(entries.iter().map(entry).collect()),
    };
    document.to_string().into()
}

fn entry((code, message): &(String, String)) -> Value {
    let mut object = Map::new();
    // What BILL really sends has entries without a code.
    if !code.is_empty() {
        object.insert("code".to_owned(), Value::from(code.as_str()));
    }
    object.insert("message".to_owned(), Value::from(message.as_str()));
    Value::Object(object)
}

/// One of BILL's codes, or a secret that could pass for one.
fn code(input: &mut Input<'_>) -> String {
    match input.byte() {
        b's' => input.pick(&SECRETS).to_owned(),
        byte => CODES[usize::from(byte.wrapping_sub(b'0')) % CODES.len()].to_owned(),
    }
}

/// A text of pieces, up to the end of the line.
fn message(input: &mut Input<'_>) -> String {
    let mut pieces = Input::new(input.line());
    let mut message = String::new();
    while !pieces.is_empty() {
        match pieces.byte() {
            // A secret in one of its spellings.
            b'!' => {
                let spellings = spellings(pieces.pick(&SECRETS));
                message.push_str(&spellings[usize::from(pieces.byte()) % spellings.len()]);
            }
            // A secret with something hidden in its middle.
            b'#' => {
                let secret = pieces.pick(&SECRETS);
                let (hidden, at) = (pieces.pick(&HIDDEN), pieces.byte());
                let mut at = usize::from(at) % secret.len();
                while !secret.is_char_boundary(at) {
                    at -= 1;
                }
                message.push_str(&secret[..at]);
                message.push_str(hidden);
                message.push_str(&secret[at..]);
            }
            // Padding, so that what follows stands at a cut.
            b'*' => {
                let times = usize::from(pieces.byte());
                message.push_str(&pieces.pick(&HIDDEN).repeat(times));
            }
            byte => message.push(char::from(byte)),
        }
    }
    message
}
