//! What the benchmarks share: a session that is signed in without any I/O.

use std::sync::Arc;
use std::time::Instant;

use bill_session_core::{
    Account, Call, Credentials, DevKey, Environment, InvalidField, KeyLimits, OrgId, Principal,
    Session, Settings, Step,
};
use bytes::Bytes;
use http::Response;

const WELCOME: &[u8] = br#"{"response_status":0,"response_message":"Success","response_data":
    {"sessionId":"bench-session","orgId":"00800000000000000001"}}"#;

/// A session that is signed in as of `now`, with limits that no benchmark reaches.
///
/// # Errors
///
/// [`InvalidField`] never: the values are constants.
pub fn signed_in(max_in_flight: usize, now: Instant) -> Result<Session<()>, InvalidField> {
    let credentials = Credentials::new(
        Principal::password("bench@example.com", "bench-password")?,
        OrgId::new("00800000000000000001")?,
        DevKey::new("bench-dev-key")?,
    );
    let key = Arc::new(KeyLimits::with(200, u32::MAX, now));
    let account = Arc::new(Account::new(Environment::Stage, credentials, key));
    let mut settings = Settings::default();
    settings.max_in_flight = max_in_flight;
    let mut session = Session::new(account, settings, now);
    let (step, _nobody) = Call::sign_in().step(&mut session, || (), now);
    if let Step::SignIn(sign_in, call, _) = step {
        let answer = Response::new(Bytes::from_static(WELCOME));
        let (_stored, _woken) = sign_in.read(Ok(answer)).settle(&mut session, now);
        let (_ready, _nobody) = call.step(&mut session, || (), now);
    }
    Ok(session)
}
