//! A session that is signed in without any I/O.

use std::error::Error;
use std::sync::Arc;
use std::time::Instant;

use bill_session_core::{
    Account, Call, Credentials, DevKey, Environment, InvalidField, KeyLimits, OrgId, Principal,
    Session, Settings, Step,
};
use bytes::Bytes;
use http::Response;

/// What BILL answers to a sign-in, whatever the organisation: one that it named would be compared.
pub(crate) const WELCOME: &[u8] = br#"{"response_status":0,"response_message":"Success",
    "response_data":{"sessionId":"a-session-id-of-36-characters-in-all"}}"#;

/// Credentials that look like real ones.
///
/// # Errors
///
/// [`InvalidField`] never: the values are constants.
pub fn credentials() -> Result<Credentials, InvalidField> {
    Ok(Credentials::new(
        Principal::password("bench@example.com", "bench-password")?,
        OrgId::new("00800000000000000001")?,
        DevKey::new("bench-dev-key")?,
    ))
}

/// An account with those credentials, and budgets that no benchmark reaches.
///
/// # Errors
///
/// [`InvalidField`] never: the values are constants.
pub fn account(now: Instant) -> Result<Account, InvalidField> {
    let key = Arc::new(KeyLimits::with(u32::MAX, u32::MAX, now));
    Ok(Account::new(Environment::Stage, credentials()?, key))
}

/// A session of `account` that is signed in as of `now`, with so many slots for calls.
///
/// # Errors
///
/// The sign-in did not come to a session.
pub fn session(
    account: Arc<Account>,
    max_in_flight: usize,
    now: Instant,
) -> Result<Session<()>, Box<dyn Error>> {
    let mut settings = Settings::default();
    settings.max_in_flight = max_in_flight;
    let mut session = Session::new(account, settings, now);
    sign_in(&mut session, now)?;
    Ok(session)
}

/// Signs a session in that is not.
///
/// # Errors
///
/// The sign-in did not come to a session.
pub fn sign_in(session: &mut Session<()>, now: Instant) -> Result<(), Box<dyn Error>> {
    let (step, _nobody) = Call::sign_in().step(session, || (), now);
    let Step::SignIn(sign_in, call, _) = step else {
        return Err(format!("no sign-in: {step:?}").into());
    };
    let answer = Response::new(Bytes::from_static(WELCOME));
    let (_stored, _woken) = sign_in.read(Ok(answer)).settle(session, now);
    match call.step(session, || (), now).0 {
        Step::Ready(_) => Ok(()),
        other => Err(format!("not signed in: {other:?}").into()),
    }
}
