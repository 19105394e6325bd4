//! Who signs in, what they ask, and what BILL answers; every secret in it holds one word.
#![allow(clippy::expect_used, reason = "the values of the model are right")]

use std::io::{Error as IoError, ErrorKind};
use std::sync::Arc;
use std::time::Instant;

use bill_session_core::{
    Account, Call, Credentials, DevKey, Environment, KeyLimits, MfaCode, OrgId, Principal,
    RememberedDevice, Repeatable, SignInWith, TransportError,
};
use bytes::Bytes;
use http::header::{DATE, RETRY_AFTER};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use serde_json::{Value, json};

use super::action::{Operation, Reply, Setup};
use super::caller::Task;

/// The name of every device.
pub const DEVICE: &str = "a-device";

const CODE: &str = "canary-code";

fn org_id(organization: usize) -> OrgId {
    OrgId::new(format!("0080000000000000000{organization}")).expect("a good organisation")
}

pub fn principal(version: usize, token: bool) -> Principal {
    let name = format!("canary-user-{version}");
    let proof = format!("canary-proof-{version}");
    let principal = match token {
        true => Principal::token(name, proof),
        false => Principal::password(name, proof),
    };
    principal.expect("a good principal")
}

/// The account of the first organisation.
pub fn first_account(setup: &Setup, now: Instant) -> Arc<Account> {
    let credentials = Credentials::new(
        principal(0, setup.token),
        org_id(0),
        DevKey::new("canary-key").expect("a good key"),
    );
    let key = Arc::new(KeyLimits::with(setup.limits.sign_ins, setup.limits.calls, now));
    let api = if setup.v3 { SignInWith::V3 } else { SignInWith::V2 };
    Arc::new(Account::new(Environment::Stage, credentials, key).sign_in_with(api))
}

/// The account of another organisation, which shares principal and key with the first.
pub fn another_account(first: &Account, organization: usize) -> Arc<Account> {
    let account = first.for_organization(org_id(organization));
    Arc::new(account.expect("an account of an organisation"))
}

pub fn call(account: &Account, operation: Operation) -> Call {
    let data = json!({"max": 999});
    let call = match operation {
        Operation::List => account.v2("List/Vendor", &data),
        Operation::Create => account.v2("Crud/Create/Bill", &data),
        Operation::Get => account.v3(Method::GET, "/v3/vendors").call(account),
        Operation::Post => account.v3(Method::POST, "/v3/bills").json(&data).call(account),
    };
    call.expect("a good call")
}

/// An upload; those that can be sent only once go to v3.
pub fn upload(account: &Account, once: bool) -> Call {
    let upload = match once {
        true => account.upload("/v3/documents/bills/1", &[], Repeatable::Once),
        false => account.upload_attachment("1", "a.pdf", Repeatable::Yes, 7),
    };
    upload.expect("a good upload")
}

pub fn mfa_code() -> MfaCode {
    MfaCode::new(CODE).expect("a good code")
}

/// What BILL remembers a device by.
pub fn device_id(device: usize) -> String {
    format!("canary-device-{device}-end")
}

pub fn device(device: usize) -> RememberedDevice {
    RememberedDevice::new(device_id(device), DEVICE).expect("a good device")
}

/// The id of the session that is named after the nth sign-in of an organisation.
pub fn session_id(organization: usize, sign_in: usize) -> String {
    format!("canary-session-{organization}-{sign_in}-end")
}

/// The id of the session that a request carries.
pub fn carried_session(request: &Request<Bytes>) -> Option<String> {
    let header = request.headers().get("sessionid").and_then(|value| value.to_str().ok());
    let text = header.or_else(|| std::str::from_utf8(request.body()).ok())?;
    let from = text.find("canary-session-")?;
    let len = text[from..].find("-end")?;
    Some(text[from..from + len + 4].to_owned())
}

/// The value of a field of a request's body, a form or a JSON document, unless it has none.
pub fn field(request: &Request<Bytes>, name: &str) -> Option<String> {
    let body = std::str::from_utf8(request.body()).ok()?;
    if let Ok(document) = serde_json::from_str::<Value>(body) {
        return Some(document.get(name)?.as_str()?.to_owned());
    }
    let mut pairs = body.split('&').filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.find(|(key, _)| *key == name)?;
    Some(value.to_owned())
}

/// What a sign-in carries: the user's name, the organisation, and a remembered device's id.
pub fn signs_in(request: &Request<Bytes>) -> [Option<String>; 3] {
    let either = |v2: &str, v3: &str| field(request, v2).or_else(|| field(request, v3));
    [
        either("userName", "username"),
        either("orgId", "organizationId"),
        either("mfaId", "rememberMeId"),
    ]
}

/// What a sign-in has to carry.
pub fn sign_in_of(
    organization: usize,
    version: usize,
    device: Option<usize>,
) -> [Option<String>; 3] {
    let user = format!("canary-user-{version}");
    let organization = format!("0080000000000000000{organization}");
    [Some(user), Some(organization), device.map(device_id)]
}

/// The answer to the nth exchange, in the form of the API that it went to; a careless server repeats
/// the session's id, or an MFA code, in its message.
pub fn to_call(
    reply: Reply,
    task: Task,
    exchange: usize,
    v3: bool,
    session: &str,
) -> Result<Response<Bytes>, TransportError> {
    let trusted = match reply {
        Reply::Trusted(trusted) => json!(trusted),
        _ => Value::Null,
    };
    let data = match task {
        Task::Challenge => json!({"challengeId": format!("challenge-{exchange}")}),
        Task::Validate { .. } => json!({"mfaId": device_id(exchange)}),
        Task::StepUp => json!({"trusted": trusted}),
        Task::KeepAlive => json!({"mfaStatus": match reply {
            Reply::Trusted(true) => "COMPLETE",
            Reply::Trusted(false) => "CHALLENGE",
            _ => "UNHEARD_OF",
        }}),
        _ => json!({"results": []}),
    };
    let secret = match task {
        Task::Validate { .. } => CODE,
        _ => session,
    };
    answer(reply, v3, &data, secret)
}

/// The answer to an organisation's sign-in, made with credentials of `version`, which brings the
/// session that is named after its nth.
pub fn to_sign_in(
    reply: Reply,
    v3: bool,
    (organization, brought): (usize, usize),
    version: usize,
) -> Result<Response<Bytes>, TransportError> {
    let session_id = session_id(organization, brought);
    let org_id = org_id(organization);
    let mut data = match v3 {
        true => json!({
            "sessionId": session_id,
            "organizationId": org_id.as_str(),
            "userId": "00600000000000000001",
        }),
        false => json!({
            "sessionId": session_id,
            "orgId": org_id.as_str(),
            "apiEndPoint": "https://api-stage.bill.com/api/v2",
            "usersId": "00600000000000000001",
        }),
    };
    if let Reply::Trusted(trusted) = reply {
        data["trusted"] = json!(trusted);
    }
    answer(reply, v3, &data, &format!("canary-proof-{version}"))
}

fn answer(
    reply: Reply,
    v3: bool,
    data: &Value,
    secret: &str,
) -> Result<Response<Bytes>, TransportError> {
    let envelope = || {
        json!({
            "response_status": 0, "response_message": "Success", "response_data": data,
        })
    };
    let done = if v3 { data.to_string() } else { envelope().to_string() };
    Ok(match reply {
        Reply::Done | Reply::Trusted(_) | Reply::Again => Response::new(Bytes::from(done)),
        Reply::Code(code, after) => with_retry_after(refusal(code, v3, secret), after),
        Reply::HourSpent(left) => {
            let mut answer = refusal(1144, v3, secret);
            if let Some(left) = left {
                let (minute, second) = ((3_600 - left) / 60, (3_600 - left) % 60);
                let date = format!("Sun, 06 Nov 1994 08:{minute:02}:{second:02} GMT");
                let date = HeaderValue::try_from(date).expect("a good date");
                answer.headers_mut().insert(DATE, date);
            }
            answer
        }
        Reply::Trouble(after) => {
            let mut answer = refusal(9999, v3, secret);
            *answer.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            with_retry_after(answer, after)
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
        Reply::Torn => Response::new(Bytes::from(done[..done.len() - 2].to_owned())),
        Reply::TooLong => return Err(TransportError::too_large()),
        Reply::Lost => {
            return Err(TransportError::timeout(IoError::from(ErrorKind::TimedOut)));
        }
    })
}

/// v2 refuses in its envelope with status 200, v3 in an array with one of its own.
fn refusal(code: u16, v3: bool, secret: &str) -> Response<Bytes> {
    let (code, message) = (format!("BDC_{code}"), format!("no: {secret}, canary-key"));
    let body = match v3 {
        true => json!([{"timestamp": "now", "code": code, "message": message}]),
        false => json!({
            "response_status": 1,
            "response_message": "Error",
            "response_data": {"error_code": code, "error_message": message},
        }),
    };
    let mut answer = Response::new(Bytes::from(body.to_string()));
    if v3 {
        *answer.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    }
    answer
}

fn with_retry_after(mut answer: Response<Bytes>, after: Option<u16>) -> Response<Bytes> {
    if let Some(seconds) = after {
        answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    answer
}
