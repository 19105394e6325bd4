//! An answer, taken the whole way: to a call, and to a sign-in.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Method, Request, Response};
use serde_json::Value;

use super::canary::{self, is_discreet, is_discreet_within, shows_nothing};
use crate::account::{Account, Api};
use crate::call::{Call, Step};
use crate::environment::Environment;
use crate::error::{Error, Misuse};
use crate::exchange::{InFlight, Outcome};
use crate::pump::Session;
use crate::session::Phase;
use crate::settings::{Settings, SignInWith};
use crate::sign_in::{SignIn, SignInEnded};
use crate::wire::Verdict;

const HOUR: Duration = Duration::from_secs(3600);

/// The longest wait between two sign-ins that fail.
const LONGEST_BACK_OFF: Duration = Duration::from_secs(120);

pub(crate) fn session(account: &Arc<Account>, now: Instant) -> Session<()> {
    Session::new(Arc::clone(account), Settings::default(), now)
}

/// A healthy answer to a sign-in with this API.
pub(crate) fn welcome(api: SignInWith, session_id: &str) -> Response<Bytes> {
    let body = match api {
        SignInWith::V2 => {
            format!(r#"{{"response_status":0,"response_data":{{"sessionId":"{session_id}"}}}}"#)
        }
        SignInWith::V3 => format!(r#"{{"sessionId":"{session_id}"}}"#),
    };
    Response::new(body.into())
}

/// The sign-in that a call begins when there is no session.
pub(crate) fn begin_sign_in(session: &mut Session<()>, now: Instant) -> (SignIn, Call) {
    let (step, _) = Call::sign_in().step(session, || (), now);
    let Step::SignIn(sign_in, call, until) = step else {
        unreachable!("nobody is signed in, and nothing is in the way: {step:?}")
    };
    assert!(until > now);
    (sign_in, call)
}

/// A session that is signed in.
pub(crate) fn signed_in(account: &Arc<Account>, api: SignInWith, now: Instant) -> Session<()> {
    let mut session = session(account, now);
    let (sign_in, call) = begin_sign_in(&mut session, now);
    let answer = welcome(api, canary::SESSION_ID);
    let (ended, _) = sign_in.read(Ok(answer)).settle(&mut session, now);
    assert!(matches!(ended, SignInEnded::Stored { .. }), "{ended:?}");
    let (step, _) = call.step(&mut session, || (), now);
    assert!(matches!(step, Step::Ready(_)), "{step:?}");
    session
}

/// What the next call of this session is sent as.
pub(crate) fn send(call: Call, session: &mut Session<()>, now: Instant) -> InFlight {
    let (step, _) = call.step(session, || (), now);
    let Step::Exchange(in_flight) = step else { unreachable!("nothing is in its way: {step:?}") };
    is_discreet_within(&in_flight);
    goes_to_bill(&in_flight.request());
    in_flight
}

/// Where a request goes is no secret, and what it is shown as shows none.
#[track_caller]
pub(crate) fn goes_to_bill(request: &Request<Bytes>) {
    shows_nothing(&request.uri().to_string());
    shows_nothing(&format!("{:?}", request.headers()));
}

/// One answer to a call that reads, and to one that writes: what it says of the session, and what
/// becomes of the call.
pub(crate) fn answer_to_a_call(answer: &Response<Bytes>, api: Api, verdict: Verdict, now: Instant) {
    for writes in [false, true] {
        let account = canary::account(Environment::Stage, SignInWith::V2, now);
        let mut session = signed_in(&account, SignInWith::V2, now);
        let call = call(&account, api, writes);
        let Ok(call) = call else { unreachable!("the call is a good one") };
        let in_flight = send(call, &mut session, now);
        let heard = in_flight.read::<Value>(Ok(answer.clone()));
        let shown = format!("{heard:?}");
        let (outcome, wake) = heard.settle(&mut session, now);
        assert!(wake.is_empty(), "nobody waits");
        assert_eq!(session.in_flight(), 0, "its slot is free");
        let lives = session.api().is_some();
        assert_eq!(lives, verdict != Verdict::Invalid, "one verdict alone ends a session");
        if !matches!(outcome, Outcome::Done(_)) {
            // What was asked for is the program's own, and is shown as it is.
            shows_nothing(&shown);
        }
        let refused = matches!(verdict, Verdict::Invalid | Verdict::Contended { .. });
        match outcome {
            Outcome::Again(call) => {
                assert!(refused || !writes, "a call that may change something is sent again");
                assert!(refused || verdict == Verdict::Unknown, "{verdict:?} is sent again");
                is_discreet_within(&call);
                assert_eq!(session.waiting(), 1, "it stands in line");
            }
            Outcome::Done(_) => assert!(!refused, "{verdict:?} is taken for success"),
            Outcome::Failed(error) => failed(&error),
            Outcome::Mfa(_) => unreachable!("it was no MFA call"),
        }
        is_discreet_within(&session);
    }
}

fn call(account: &Account, api: Api, writes: bool) -> Result<Call, Misuse> {
    match (api, writes) {
        (Api::V2, false) => account.v2("List/Vendor", &()),
        (Api::V2, true) => account.v2("Crud/Create/Bill", &()),
        (Api::V3, false) => account.v3(Method::GET, "/v3/vendors").call(account),
        (Api::V3, true) => account.v3(Method::POST, "/v3/bills").call(account),
    }
}

/// What a program is told, and all that can be asked of it.
pub(crate) fn failed(error: &Error) {
    is_discreet(error);
    if let Error::Limited { retry_after, .. } = error {
        assert!(*retry_after <= HOUR, "{retry_after:?}");
    }
    if let Error::Api(api) | Error::Untrusted(api) | Error::MfaCode(api) = error {
        assert!(api.message().chars().count() <= 300, "{} characters", api.message().len());
        assert_eq!(api.code(), error.code());
    }
    let _blame = error.blame();
}

/// One answer to a sign-in.
pub(crate) fn answer_to_a_sign_in(
    answer: &Response<Bytes>,
    environment: Environment,
    api: SignInWith,
    now: Instant,
) {
    let account = canary::account_with_a_past(environment, api, now);
    let mut session = session(&account, now);
    let mut listener = session.listen();
    let (sign_in, call) = begin_sign_in(&mut session, now);
    goes_to_bill(&sign_in.request());
    let heard = sign_in.read(Ok(answer.clone()));
    is_discreet_within(&heard);
    let (ended, wake) = heard.settle(&mut session, now);
    is_discreet_within(&ended);
    assert_eq!(wake.into_iter().count(), 1, "whoever asked for it is told");
    assert_eq!(session.in_flight(), 0, "its slot is free");
    let phase = session.phase(now);
    match ended {
        SignInEnded::Stored { not_followed } => {
            assert!(matches!(phase, Phase::SignedIn { .. }), "{phase:?}");
            if let Some(not_followed) = not_followed {
                is_discreet(&not_followed);
            }
            a_new_session(&mut session, &account, now);
        }
        SignInEnded::Failed => match &phase {
            Phase::Refused { cause } => {
                let code = cause.code().and_then(|code| code.number());
                assert!(matches!(code, Some(1101 | 1102 | 1105 | 1107)), "{code:?} is for good");
                is_discreet(&**cause);
            }
            Phase::Failed { cause, retry_in } => {
                assert!(*retry_in > Duration::ZERO, "it is tried again at once");
                assert!(*retry_in <= HOUR.max(LONGEST_BACK_OFF), "{retry_in:?}");
                assert!(!cause.is_permanent(), "what fails for ever is tried again");
                is_discreet(&**cause);
            }
            other => unreachable!("it failed, and this is how it looks: {other:?}"),
        },
        other => unreachable!("nobody signed out, and nothing took its place: {other:?}"),
    }
    is_discreet_within(&phase);
    is_discreet_within(&session);
    let (step, _) = call.step(&mut session, || (), now);
    match step {
        Step::Ready(lease) => is_discreet_within(&lease),
        Step::Refuse(error) => failed(&error),
        other => unreachable!("it makes one attempt, and is told of its end: {other:?}"),
    }
    while let Some(event) = session.try_hear(&mut listener) {
        is_discreet_within(&event);
    }
}

/// A session that any answer has brought can be used, and is kept to itself.
fn a_new_session(session: &mut Session<()>, account: &Arc<Account>, now: Instant) {
    let (step, _) = Call::lease(Duration::ZERO).step(session, || (), now);
    let Step::Ready(lease) = step else { unreachable!("there is a session: {step:?}") };
    let id = lease.session_id().expose_secret().to_owned();
    assert!(!id.is_empty() && !id.chars().any(char::is_control), "{id:?} is used");
    for api in [Api::V2, Api::V3] {
        let Ok(call) = call(account, api, false) else { unreachable!("the call is a good one") };
        let in_flight = send(call, session, now);
        let request = in_flight.request();
        let carries = match api {
            Api::V2 => form_urlencoded::parse(request.body())
                .any(|(name, value)| name == "sessionId" && value == id.as_str()),
            Api::V3 => request
                .headers()
                .get("sessionid")
                .is_some_and(|value| value.as_bytes() == id.as_bytes() && value.is_sensitive()),
        };
        assert!(carries, "a call of {api:?} goes out without its session");
        // Ids that could be words of ours are not looked for.
        if id.starts_with("canary") && id.len() >= 12 {
            let shown = format!("{in_flight:?} {session:?} {:?}", request.headers());
            assert!(!shown.contains(&id), "the session's id is shown in: {shown}");
            assert!(!request.uri().to_string().contains(&id));
        }
        let (outcome, _) = in_flight.observed(Verdict::Alive).settle(session, now);
        assert!(matches!(outcome, Outcome::Done(())), "{outcome:?}");
    }
}
