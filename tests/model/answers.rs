//! Who signs in, and what BILL answers; every secret in it holds one word.
#![allow(clippy::expect_used, reason = "the values of the model are right")]

use std::io::{Error as IoError, ErrorKind};
use std::sync::Arc;
use std::time::Instant;

use bill_session_core::{
    Account, Credentials, DevKey, Environment, KeyLimits, OrgId, Principal, TransportError,
};
use bytes::Bytes;
use http::header::{DATE, RETRY_AFTER};
use http::{HeaderValue, Request, Response, StatusCode};
use serde_json::{Value, json};

use super::action::{Reply, Setup};

const ORG: &str = "00800000000000000001";

pub fn principal(version: usize, token: bool) -> Principal {
    let name = format!("canary-user-{version}");
    let proof = format!("canary-proof-{version}");
    let principal = match token {
        true => Principal::token(name, proof),
        false => Principal::password(name, proof),
    };
    principal.expect("a good principal")
}

pub fn account(setup: &Setup, now: Instant) -> Arc<Account> {
    let credentials = Credentials::new(
        principal(0, setup.token),
        OrgId::new(ORG).expect("a good organisation"),
        DevKey::new("canary-key").expect("a good key"),
    );
    let key = Arc::new(KeyLimits::with(setup.limits.sign_ins, setup.limits.calls, now));
    Arc::new(Account::new(Environment::Stage, credentials, key))
}

/// The id of the session that the nth sign-in brings.
pub fn session_id(sign_in: usize) -> String {
    format!("canary-session-{sign_in}-end")
}

/// The value of a field of a request's form body, unless it has none.
pub fn field(request: &Request<Bytes>, name: &str) -> Option<String> {
    let body = std::str::from_utf8(request.body()).ok()?;
    let mut pairs = body.split('&').filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.find(|(key, _)| *key == name)?;
    Some(value.to_owned())
}

/// The answer to a call that left with `session`, which a careless server repeats in its message.
pub fn to_call(reply: Reply, session: usize) -> Result<Response<Bytes>, TransportError> {
    answer(reply, &json!([]), &session_id(session))
}

/// The answer to the nth sign-in, made with credentials of `version`.
pub fn to_sign_in(
    reply: Reply,
    sign_in: usize,
    version: usize,
) -> Result<Response<Bytes>, TransportError> {
    let data = json!({
        "sessionId": session_id(sign_in),
        "orgId": ORG,
        "apiEndPoint": "https://api-stage.bill.com/api/v2",
        "usersId": "00600000000000000001",
    });
    answer(reply, &data, &format!("canary-proof-{version}"))
}

fn answer(reply: Reply, data: &Value, secret: &str) -> Result<Response<Bytes>, TransportError> {
    let done = json!({
        "response_status": 0, "response_message": "Success", "response_data": data,
    });
    Ok(match reply {
        Reply::Done => Response::new(Bytes::from(done.to_string())),
        Reply::Code(code, after) => with_retry_after(refusal(code, secret), after),
        Reply::HourSpent(left) => {
            let mut answer = refusal(1144, secret);
            if let Some(left) = left {
                let (minute, second) = ((3_600 - left) / 60, (3_600 - left) % 60);
                let date = format!("Sun, 06 Nov 1994 08:{minute:02}:{second:02} GMT");
                let date = HeaderValue::try_from(date).expect("a good date");
                answer.headers_mut().insert(DATE, date);
            }
            answer
        }
        Reply::Page503(after) => {
            let mut answer = Response::new(Bytes::from(format!("<html>{secret}</html>")));
            *answer.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
            with_retry_after(answer, after)
        }
        Reply::Redirect => {
            let mut answer = Response::new(Bytes::new());
            *answer.status_mut() = StatusCode::FOUND;
            answer
        }
        Reply::Torn => {
            let whole = done.to_string();
            Response::new(Bytes::from(whole[..whole.len() - 2].to_owned()))
        }
        Reply::Lost => {
            return Err(TransportError::timeout(IoError::from(ErrorKind::TimedOut)));
        }
    })
}

fn refusal(code: u16, secret: &str) -> Response<Bytes> {
    let body = json!({
        "response_status": 1,
        "response_message": "Error",
        "response_data": {
            "error_code": format!("BDC_{code}"),
            "error_message": format!("no: {secret}, canary-key"),
        },
    });
    Response::new(Bytes::from(body.to_string()))
}

fn with_retry_after(mut answer: Response<Bytes>, after: Option<u16>) -> Response<Bytes> {
    if let Some(seconds) = after {
        answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    answer
}
