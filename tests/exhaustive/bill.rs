//! Who signs in, what is asked, and what BILL says.

use std::io::{Error as IoError, ErrorKind};
use std::sync::Arc;
use std::time::Instant;

use bill_session_core::{
    Account, Call, Credentials, DevKey, Environment, KeyLimits, OrgId, Principal, TransportError,
};
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use std::time::Duration;

use super::action::{Kind, Reply, Setup};

const ORGANIZATIONS: [&str; 2] = ["00800000000000000001", "00800000000000000002"];

/// The principal that signs in after so many replacements.
pub fn principal(version: u32) -> Principal {
    Principal::password("demo@example.com", format!("demo-password-{version}")).unwrap()
}

/// The accounts of the organisations, which share a principal and a key.
pub fn accounts(setup: &Setup, now: Instant) -> Vec<Arc<Account>> {
    let org_id = |number: usize| OrgId::new(ORGANIZATIONS[number]).unwrap();
    let credentials =
        Credentials::new(principal(0), org_id(0), DevKey::new("demo-dev-key").unwrap());
    let key = Arc::new(KeyLimits::with(setup.sign_ins, KeyLimits::CALLS_AN_HOUR, now));
    let first = Account::new(Environment::Stage, credentials, key);
    let others = (1..setup.organizations)
        .map(|number| first.for_organization(org_id(number)).unwrap())
        .collect::<Vec<_>>();
    std::iter::once(first).chain(others).map(Arc::new).collect()
}

/// What a caller of this kind begins with.
pub fn call(account: &Account, kind: Kind) -> Call {
    match kind {
        Kind::Read => account.v2("List/Vendor", &()).unwrap(),
        Kind::Write => account.v2("Crud/Create/Vendor", &()).unwrap(),
        Kind::SignIn => Call::sign_in(),
        Kind::Lease => Call::lease(Duration::ZERO),
        Kind::Logout => unreachable!("a logout is what a sign-out leaves"),
    }
}

/// The answer to a call.
pub fn answer(reply: Reply) -> Result<Response<Bytes>, TransportError> {
    match reply {
        Reply::Done => Ok(of(r#"{"response_status":0,"response_data":{}}"#)),
        other => otherwise(other),
    }
}

/// The answer to a sign-in, which brings the nth session of an organisation.
pub fn welcome(
    reply: Reply,
    organization: usize,
    nth: usize,
) -> Result<Response<Bytes>, TransportError> {
    if reply != Reply::Done {
        return otherwise(reply);
    }
    let body = format!(
        r#"{{"response_status":0,"response_data":{{"sessionId":"{organization}-session-{nth}-"}}}}"#
    );
    Ok(Response::new(Bytes::from(body)))
}

/// The session that a request carries: of which organisation, and the how manieth.
pub fn carried(request: &Request<Bytes>) -> Option<(usize, usize)> {
    let body = std::str::from_utf8(request.body()).ok()?;
    let (_, rest) = body.split_once("sessionId=")?;
    session(rest)
}

/// The session that an id, or what begins with one, stands for.
pub fn session(id: &str) -> Option<(usize, usize)> {
    let (organization, rest) = id.split_once("-session-")?;
    let (nth, _) = rest.split_once('-')?;
    Some((organization.parse().ok()?, nth.parse().ok()?))
}

fn otherwise(reply: Reply) -> Result<Response<Bytes>, TransportError> {
    Ok(match reply {
        Reply::Invalid => of(INVALID),
        Reply::Refused => of(REFUSED),
        Reply::Contended => of(CONTENDED),
        Reply::HourSpent => of(HOUR_SPENT),
        Reply::Trouble => {
            let mut answer = of("<html>");
            *answer.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
            answer
        }
        Reply::Done | Reply::Lost => {
            return Err(TransportError::timeout(IoError::from(ErrorKind::TimedOut)));
        }
    })
}

fn of(body: &'static str) -> Response<Bytes> {
    Response::new(Bytes::from_static(body.as_bytes()))
}

const INVALID: &str = r#"{"response_status":1,"response_data":{"error_code":"BDC_1109"}}"#;
const REFUSED: &str = r#"{"response_status":1,"response_data":{"error_code":"BDC_1101"}}"#;
const CONTENDED: &str = r#"{"response_status":1,"response_data":{"error_code":"BDC_1322"}}"#;
const HOUR_SPENT: &str = r#"{"response_status":1,"response_data":{"error_code":"BDC_1144"}}"#;
