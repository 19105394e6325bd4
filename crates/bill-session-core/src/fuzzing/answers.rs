//! Any answer to a call or a sign-in: status, headers and body.

use std::fmt::{self, Debug};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, DATE, LOCATION, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;

use super::canary::{self, is_discreet, is_discreet_within};
use super::flows::{answer_to_a_call, answer_to_a_sign_in};
use super::input::Input;
use crate::account::Api;
use crate::code::Code;
use crate::environment::Environment;
use crate::error::ApiError;
use crate::held::Held;
use crate::settings::SignInWith;
use crate::wire::{Parsed, Verdict, v2, v3};

const STATUSES: [u16; 16] =
    [200, 201, 204, 301, 302, 307, 400, 401, 403, 404, 409, 429, 500, 502, 503, 599];

const CONTENT_TYPES: [Option<&str>; 4] =
    [Some("application/json"), Some("text/html"), Some("application/problem+json"), None];

/// A status, three headers and a body.
fn answer(input: &mut Input<'_>) -> Response<Bytes> {
    let status = input.pick(&STATUSES);
    let content_type = input.pick(&CONTENT_TYPES);
    let has_headers = input.flag();
    let mut headers = HeaderMap::new();
    if let Some(content_type) = content_type {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    }
    if has_headers {
        for name in [DATE, RETRY_AFTER, LOCATION] {
            if let Ok(value) = HeaderValue::from_bytes(input.line()) {
                headers.insert(name, value);
            }
        }
    }
    let mut answer = Response::new(Bytes::copy_from_slice(input.rest()));
    *answer.status_mut() = StatusCode::from_u16(status).unwrap_or_default();
    *answer.headers_mut() = headers;
    answer
}

/// Any answer to a v2 call, and to a v2 sign-in.
pub fn v2_answer(data: &[u8], now: Instant) {
    let answer = answer(&mut Input::new(data));
    let account = canary::account_with_a_past(Environment::Stage, SignInWith::V2, now);
    let any = agreed(&answer, v2::read::<IgnoredAny>, &account.held);
    same(&any, &v2::read::<Value>(&answer, &name, &account.held), &answer);
    same(&any, &v2::read::<Vec<String>>(&answer, &name, &account.held), &answer);
    same(&any, &v2::read::<()>(&answer, &name, &account.held), &answer);
    if let Some(expected) = expected_of_v2(&answer, &account.held) {
        is_as_expected(&any, &expected);
    }
    let verdict = any.verdict(answer.headers());
    judged(verdict, &any, answer.status());
    answer_to_a_call(&answer, Api::V2, verdict, now);
    answer_to_a_sign_in(&answer, Environment::Stage, SignInWith::V2, now);
}

/// Any answer to a v3 call, and to a v3 sign-in.
pub fn v3_answer(data: &[u8], now: Instant) {
    let answer = answer(&mut Input::new(data));
    let account = canary::account_with_a_past(Environment::Stage, SignInWith::V3, now);
    let any = agreed(&answer, v3::read::<IgnoredAny>, &account.held);
    same(&any, &v3::read::<Value>(&answer, &name, &account.held), &answer);
    same(&any, &v3::read::<Vec<String>>(&answer, &name, &account.held), &answer);
    same(&any, &v3::read::<()>(&answer, &name, &account.held), &answer);
    if let Some(expected) = expected_of_v3(&answer) {
        is_as_expected(&any, &expected);
    }
    let verdict = any.verdict(answer.headers());
    judged(verdict, &any, answer.status());
    answer_to_a_call(&answer, Api::V3, verdict, now);
    answer_to_a_sign_in(&answer, Environment::Stage, SignInWith::V3, now);
}

pub(crate) fn name() -> Arc<str> {
    "List/Vendor".into()
}

type Read<T> = fn(&Response<Bytes>, &dyn Fn() -> Arc<str>, &Held) -> Parsed<T>;

/// What an answer is by the fastest reading, which is the same the second time.
fn agreed(answer: &Response<Bytes>, read: Read<IgnoredAny>, held: &Held) -> Parsed<IgnoredAny> {
    let first = read(answer, &name, held);
    same(&first, &read(answer, &name, held), answer);
    match &first {
        Parsed::Success(_) | Parsed::Mismatch(_) => {
            assert!(!answer.status().is_redirection(), "a redirect is taken for BILL's word");
        }
        Parsed::Error(error) => {
            is_discreet(&**error);
            assert!(error.message().chars().count() <= 300);
            assert!(error.others().len() < 16, "{} entries", error.others().len());
        }
        Parsed::Foreign(foreign) => {
            is_discreet(&**foreign);
            assert_eq!(foreign.status, answer.status());
        }
    }
    first
}

/// Whatever type a caller asks for, the answer says the same of the session.
fn same<T: Debug>(any: &Parsed<IgnoredAny>, typed: &Parsed<T>, answer: &Response<Bytes>) {
    let headers = answer.headers();
    assert_eq!(any.verdict(headers), typed.verdict(headers));
    match (any, typed) {
        (Parsed::Success(_) | Parsed::Mismatch(_), Parsed::Success(_)) => {}
        (Parsed::Success(_) | Parsed::Mismatch(_), Parsed::Mismatch(error)) => {
            is_discreet(&**error);
        }
        (Parsed::Error(one), Parsed::Error(other)) => assert_eq!(one, other),
        (Parsed::Foreign(one), Parsed::Foreign(other)) => assert_eq!(one, other),
        (any, typed) => unreachable!("the same answer is {any:?} and {typed:?}"),
    }
    is_discreet_within(&any);
}

/// What an answer has to be, by another way of reading it.
#[derive(Debug)]
enum Expected {
    Success,
    /// With this code, if the code is told at all.
    Error(Option<Code>),
    Foreign,
}

fn is_as_expected(any: &Parsed<IgnoredAny>, expected: &Expected) {
    match (any, expected) {
        (Parsed::Success(_) | Parsed::Mismatch(_), Expected::Success)
        | (Parsed::Foreign(_), Expected::Foreign) => {}
        (Parsed::Error(error), Expected::Error(code)) => assert_eq!(error.code(), code.as_ref()),
        (any, expected) => unreachable!("this should be {expected:?}: {any:?}"),
    }
}

/// An object's pairs as they stand, repetitions included.
struct Pairs(Vec<(String, Box<RawValue>)>);

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;

        impl<'de> Visitor<'de> for Collect {
            type Value = Pairs;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }

        deserializer.deserialize_map(Collect)
    }
}

impl Pairs {
    /// What stands under a key that may be absent, and must not come twice.
    fn once(&self, key: &str) -> Result<Option<&str>, ComesTwice> {
        let mut values = self.0.iter().filter(|(name, _)| name == key);
        let first = values.next().map(|(_, value)| value.get());
        if values.next().is_some() { Err(ComesTwice) } else { Ok(first) }
    }
}

struct ComesTwice;

/// Nothing for what is no JSON that this other way can read.
fn expected_of_v2(answer: &Response<Bytes>, held: &Held) -> Option<Expected> {
    if answer.status().is_redirection() {
        return Some(Expected::Foreign);
    }
    let pairs = serde_json::from_slice::<Pairs>(answer.body()).ok()?;
    let (Ok(Some(status)), Ok(data)) = (pairs.once("response_status"), pairs.once("response_data"))
    else {
        return Some(Expected::Foreign);
    };
    let Ok(status) = serde_json::from_str::<i64>(status) else { return Some(Expected::Foreign) };
    if status == 0 {
        return Some(Expected::Success);
    }
    let data = data.unwrap_or("null");
    // Fields by their places are nobody's form; whatever is read there is no promise.
    if data.starts_with('[') {
        return None;
    }
    let told = serde_json::from_str::<Pairs>(data).ok().and_then(|pairs| {
        let told = |key| match pairs.once(key) {
            Ok(value) => serde_json::from_str::<Option<String>>(value.unwrap_or("null")).ok(),
            Err(ComesTwice) => None,
        };
        told("error_message").and(told("error_code"))
    });
    Some(Expected::Error(told.flatten().and_then(|code| held.code(&code))))
}

fn expected_of_v3(answer: &Response<Bytes>) -> Option<Expected> {
    let document = serde_json::from_slice::<Value>(answer.body()).ok();
    let status = answer.status();
    if status.is_success() {
        return (document.is_some() || answer.body().is_empty()).then_some(Expected::Success);
    }
    let is_told = |entry: &Value| ["code", "message"].iter().any(|key| entry[*key].is_string());
    let is_bills = !status.is_redirection()
        && document.as_ref().is_some_and(|document| match document {
            Value::Array(entries) => entries.iter().any(is_told),
            object => object["code"].is_string(),
        });
    // Which code speaks for all is another question.
    if is_bills { None } else { Some(Expected::Foreign) }
}

/// The verdict follows from the code, and from the status where there is none.
fn judged(verdict: Verdict, any: &Parsed<IgnoredAny>, status: StatusCode) {
    let hour = Duration::from_secs(3600);
    match verdict {
        Verdict::Contended { retry_after } => {
            assert!(retry_after.is_none_or(|after| after <= hour))
        }
        Verdict::HourSpent { left } => assert!(left > Duration::ZERO && left <= hour),
        _ => {}
    }
    match any {
        Parsed::Success(_) | Parsed::Mismatch(_) => assert_eq!(verdict, Verdict::Alive),
        Parsed::Foreign(_) => assert_eq!(verdict, Verdict::Unknown),
        Parsed::Error(error) => is_judged(verdict, error, status),
    }
}

pub(crate) fn is_judged(verdict: Verdict, error: &ApiError, status: StatusCode) {
    let number = error.code().map(|code| code.number());
    let fits = match (number, verdict) {
        (Some(Some(1109)), verdict) => verdict == Verdict::Invalid,
        (Some(Some(1322)), verdict) => matches!(verdict, Verdict::Contended { .. }),
        (Some(Some(1144)), verdict) => matches!(verdict, Verdict::HourSpent { .. }),
        (Some(Some(1361)), verdict) => verdict == Verdict::Untrusted,
        (Some(_), Verdict::Alive) => true,
        (Some(_), Verdict::Unknown) => status.is_server_error(),
        (Some(_), _) => false,
        (None, Verdict::Invalid) => status == StatusCode::UNAUTHORIZED,
        (None, Verdict::Contended { .. }) => status == StatusCode::TOO_MANY_REQUESTS,
        (None, Verdict::Alive) => !status.is_server_error(),
        (None, Verdict::Unknown) => status.is_server_error(),
        (None, _) => false,
    };
    assert!(fits, "{verdict:?} of {error} with {status}");
}
