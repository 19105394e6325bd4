//! Any `Date` and any `Retry-After`.

use std::time::{Duration, Instant, UNIX_EPOCH};

use bytes::Bytes;
use http::header::{DATE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Response, StatusCode};

use super::answers::name;
use super::canary;
use super::flows::{answer_to_a_call, answer_to_a_sign_in};
use super::input::Input;
use crate::account::Api;
use crate::environment::Environment;
use crate::settings::SignInWith;
use crate::wire::{Verdict, date, left_of_hour, retry_after, v2};

const HOUR: Duration = Duration::from_secs(3600);

/// The last second that HTTP can write.
const LAST_SECOND: u64 = 253_402_300_799;

const CODES: [&str; 6] = ["BDC_1144", "BDC_1322", "BDC_1109", "BDC_1101", "BDC_1361", ""];

/// Any two headers, on an answer that asks to wait.
pub fn dates(data: &[u8], now: Instant) {
    let mut input = Input::new(data);
    let code = input.pick(&CODES);
    let status = input.pick(&[200, 429, 503]);
    let mut headers = HeaderMap::new();
    let seen = header(&mut input);
    let asked = header(&mut input);
    for (name, value) in [(DATE, &seen), (RETRY_AFTER, &asked)] {
        if let Ok(value) = HeaderValue::from_bytes(value) {
            headers.insert(name, value);
        }
    }
    check_date(&headers);
    check_retry_after(&headers);
    let body = match code {
        "" => "a page".to_owned(),
        code => format!(
            r#"{{"response_status":1,"response_data":{{"error_code":"{code}","error_message":"m"}}}}"#
        ),
    };
    let mut answer = Response::new(Bytes::from(body));
    *answer.status_mut() = StatusCode::from_u16(status).unwrap_or_default();
    *answer.headers_mut() = headers;
    let account = canary::account(Environment::Stage, SignInWith::V2, now);
    let verdict = v2::read::<()>(&answer, &name, &account.held).verdict(answer.headers());
    match verdict {
        Verdict::Contended { retry_after: after } => {
            assert_eq!(after, retry_after(answer.headers()))
        }
        Verdict::HourSpent { left } => assert_eq!(left, left_of_hour(answer.headers())),
        _ => {}
    }
    answer_to_a_call(&answer, Api::V2, verdict, now);
    answer_to_a_sign_in(&answer, Environment::Stage, SignInWith::V2, now);
}

/// Bytes as they are, a date of HTTP's, or a number: fuzzers find it hard to guess a date.
fn header(input: &mut Input<'_>) -> Vec<u8> {
    match input.pick(&['a', 'd', 'n']) {
        'd' => {
            let second = input.number(5).min(LAST_SECOND);
            httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(second)).into_bytes()
        }
        'n' => input.number(8).to_string().into_bytes(),
        _ => input.line().to_vec(),
    }
}

fn check_date(headers: &HeaderMap) {
    let left = left_of_hour(headers);
    assert!(left > Duration::ZERO && left <= HOUR, "{left:?} are left of an hour");
    let Some(date) = date(headers) else {
        assert_eq!(left, HOUR, "a whole hour, when nobody knows better");
        return;
    };
    let Ok(since) = date.duration_since(UNIX_EPOCH) else { return };
    let end = since + left;
    assert_eq!(end.as_secs() % 3600, 0, "an hour ends with its last second");
    if since.as_secs() <= LAST_SECOND {
        let again = httpdate::parse_http_date(&httpdate::fmt_http_date(date));
        assert_eq!(again.ok(), Some(date));
    }
}

fn check_retry_after(headers: &HeaderMap) {
    let after = retry_after(headers);
    assert!(after.is_none_or(|after| after <= HOUR), "{after:?}");
    let Some(asked) = headers.get(RETRY_AFTER).map(HeaderValue::as_bytes) else {
        return assert_eq!(after, None);
    };
    let number = std::str::from_utf8(asked).ok().map(str::trim).filter(|text| {
        !text.is_empty() && text.len() < 19 && text.bytes().all(|byte| byte.is_ascii_digit())
    });
    if let Some(number) = number.and_then(|number| number.parse().ok()) {
        assert_eq!(after, Some(Duration::from_secs(number).min(HOUR)));
        return;
    }
    let (from, until) = (date(headers), asked_for(asked));
    if let (Some(from), Some(until)) = (from, until) {
        // A date that has passed asks for no wait at all.
        assert_eq!(after, Some(until.duration_since(from).unwrap_or_default().min(HOUR)));
    }
}

fn asked_for(asked: &[u8]) -> Option<std::time::SystemTime> {
    let text = std::str::from_utf8(asked).ok()?;
    text.is_ascii().then(|| httpdate::parse_http_date(text.trim()).ok())?
}
