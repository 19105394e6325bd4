//! A session on a clock that the test moves, and the answers that BILL would give.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its own part")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on ends"
)]
#![allow(clippy::disallowed_methods, reason = "a test needs a first instant, and then moves it")]

pub mod canary;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bill_session_core::{
    Account, AppKey, Call, CallId, Cause, Credentials, DevKey, Environment, Error, Event, InFlight,
    KeyLimits, Lease, Listener, MfaOutcome, OrgId, Outcome, Phase, Principal, Retry, Session,
    Settings, SignIn, SignInEnded, SignInId, SignInWith, Step, TransportError, Wake,
};
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use serde::de::IgnoredAny;
use serde_json::{Value, json};

pub const ORG: &str = "00800000000000000001";

/// One organisation's session, and the time as its callers know it.
pub struct World {
    pub session: Session<usize>,
    pub now: Instant,
    /// The tokens that were woken since they were last looked at.
    pub woken: Vec<usize>,
    sessions_made: usize,
}

pub fn password() -> Principal {
    Principal::password("demo@example.com", "demo-password").unwrap()
}

pub fn token() -> Principal {
    Principal::token("demo-token", "demo-token-value").unwrap()
}

pub fn account(principal: Principal, now: Instant) -> Arc<Account> {
    account_under(principal, KeyLimits::new(now))
}

/// An account under budgets of its own.
pub fn account_under(principal: Principal, key: KeyLimits) -> Arc<Account> {
    let credentials =
        Credentials::new(principal, OrgId::new(ORG).unwrap(), DevKey::new("demo-dev-key").unwrap());
    Arc::new(Account::new(Environment::Stage, credentials, Arc::new(key)))
}

/// An account that signs in with v3.
pub fn v3_account(principal: Principal, now: Instant) -> Arc<Account> {
    v3_account_under(principal, KeyLimits::new(now))
}

pub fn v3_account_under(principal: Principal, key: KeyLimits) -> Arc<Account> {
    let credentials =
        Credentials::new(principal, OrgId::new(ORG).unwrap(), DevKey::new("demo-dev-key").unwrap());
    let account = Account::new(Environment::Stage, credentials, Arc::new(key));
    Arc::new(account.sign_in_with(SignInWith::V3))
}

pub fn partner_account(now: Instant) -> Arc<Account> {
    let credentials = Credentials::partner(password(), AppKey::new("demo-app-key").unwrap());
    Arc::new(Account::new(Environment::Stage, credentials, Arc::new(KeyLimits::new(now))))
}

/// A test's first instant.
pub fn first_instant() -> Instant {
    Instant::now()
}

impl World {
    /// A world that signs in with v3.
    pub fn v3() -> Self {
        Self::v3_with(settings(|_| ()))
    }

    pub fn v3_with(settings: Settings) -> Self {
        let now = first_instant();
        Self::of(v3_account(password(), now), settings, now)
    }

    pub fn v3_signed_in() -> Self {
        let mut world = Self::v3();
        world.sign_in();
        world
    }

    /// Signed in with either API.
    pub fn signed_in_by(api: SignInWith) -> Self {
        match api {
            SignInWith::V3 => Self::v3_signed_in(),
            _ => Self::signed_in(),
        }
    }

    pub fn partner() -> Self {
        let now = first_instant();
        Self::of(partner_account(now), settings(|_| ()), now)
    }

    /// A v3 call, whose outcome is told even if it is lost.
    pub fn v3_call(&self, method: Method, path: &str) -> Call {
        let account = self.session.account();
        account.v3(method, path).retry(Retry::NEVER).call(account).unwrap()
    }

    /// A v3 list that is asked for.
    pub fn vendors(&self) -> Call {
        self.v3_call(Method::GET, "/v3/vendors")
    }

    /// Sends an MFA call, and has it answered so.
    pub fn mfa(&mut self, call: Call, answer: Response<Bytes>) -> MfaOutcome {
        let in_flight = self.send(call);
        match self.answer(in_flight, Ok(answer)) {
            Outcome::Mfa(outcome) => outcome,
            other => panic!("expected the end of an MFA call, got {other:?}"),
        }
    }

    /// Sends a call, and has it answered with an error.
    pub fn error_of(
        &mut self,
        call: Call,
        answer: Result<Response<Bytes>, TransportError>,
    ) -> Error {
        let in_flight = self.send(call);
        self.fails(in_flight, answer)
    }

    /// Whether the session is trusted, as far as BILL has said.
    pub fn trusted(&self) -> Option<bool> {
        match self.session.phase(self.now) {
            Phase::SignedIn { trusted, .. } => trusted,
            other => panic!("expected a session, got {other:?}"),
        }
    }

    /// Everything that there is to hear.
    pub fn heard(&mut self, listener: &mut Listener) -> Vec<Event> {
        std::iter::from_fn(|| self.session.try_hear(listener)).collect()
    }

    /// Has a call refused with 1109, so that the session, which proved itself before, is gone.
    pub fn lose_session(&mut self) {
        self.use_session();
        let call = self.call();
        let in_flight = self.send(call);
        let call = self.again(in_flight, refusal("BDC_1109"));
        self.cancel(call.id().unwrap());
        assert!(!matches!(self.session.phase(self.now), Phase::SignedIn { .. }));
    }

    /// Steps a call until it is sent, moving the time to where it is to be stepped.
    pub fn send_in_time(&mut self, mut call: Call) -> InFlight {
        for _ in 0..10_000 {
            match self.step(call, 0) {
                Step::Exchange(in_flight) => return in_flight,
                Step::Wait(waits, until) => {
                    assert!(until > self.now, "a wait that is over at once");
                    self.now = until;
                    call = waits;
                }
                other => panic!("expected an exchange, got {other:?}"),
            }
        }
        panic!("it waits for ever")
    }

    pub fn new() -> Self {
        Self::with(Settings::default())
    }

    pub fn with(settings: Settings) -> Self {
        let now = Instant::now();
        Self::of(account(password(), now), settings, now)
    }

    pub fn of(account: Arc<Account>, settings: Settings, now: Instant) -> Self {
        let session = Session::new(account, settings, now);
        Self { session, now, woken: Vec::new(), sessions_made: 0 }
    }

    /// A world whose session is signed in, the sign-in sent and answered now.
    pub fn signed_in() -> Self {
        Self::signed_in_with(Settings::default())
    }

    pub fn signed_in_with(settings: Settings) -> Self {
        let mut world = Self::with(settings);
        world.sign_in();
        world
    }

    pub fn pass(&mut self, time: Duration) {
        self.now += time;
    }

    /// A call whose outcome is told, even if it is lost: repetitions are a matter of `replays.rs`.
    pub fn call(&self) -> Call {
        let call = self.session.account().v2("List/Vendor", &json!({})).unwrap();
        call.retry(Retry::NEVER)
    }

    pub fn heed(&mut self, wake: Wake<usize>) {
        self.woken.extend(wake);
    }

    /// Steps a call of the caller with this token.
    pub fn step(&mut self, call: Call, token: usize) -> Step {
        let (step, wake) = call.step(&mut self.session, || token, self.now);
        self.heed(wake);
        step
    }

    /// Steps a call that is expected to be sent.
    pub fn send(&mut self, call: Call) -> InFlight {
        match self.step(call, 0) {
            Step::Exchange(in_flight) => in_flight,
            other => panic!("expected an exchange, got {other:?}"),
        }
    }

    /// Steps a call that is expected to begin a sign-in.
    pub fn begin(&mut self, call: Call, token: usize) -> (SignIn, Call) {
        match self.step(call, token) {
            Step::SignIn(sign_in, call, _) => (sign_in, call),
            other => panic!("expected a sign-in, got {other:?}"),
        }
    }

    /// Steps a call that is expected to wait.
    pub fn wait(&mut self, call: Call, token: usize) -> Call {
        match self.step(call, token) {
            Step::Wait(call, until) => {
                assert!(until > self.now, "a wait that is over at once");
                assert!(until <= self.now + Duration::from_secs(1), "a wait of over a second");
                call
            }
            other => panic!("expected a wait, got {other:?}"),
        }
    }

    /// Steps a call that is expected to be refused.
    pub fn refused(&mut self, call: Call) -> Error {
        match self.step(call, 0) {
            Step::Refuse(error) => error,
            other => panic!("expected a refusal, got {other:?}"),
        }
    }

    /// Steps a waiting call, which is expected to be refused for want of a session.
    pub fn no_session(&mut self, call: Call) -> Arc<Cause> {
        match self.refused(call) {
            Error::NoSession { cause, .. } => cause,
            other => panic!("expected a missing session, got {other:?}"),
        }
    }

    /// Sends as many calls as there are slots free for.
    pub fn send_many(&mut self, calls: usize) -> Vec<InFlight> {
        (0..calls)
            .map(|_| {
                let call = self.call();
                self.send(call)
            })
            .collect()
    }

    /// Puts as many calls in line, with tokens from `first` on.
    pub fn line_up(&mut self, first: usize, calls: usize) -> Vec<Call> {
        (first..first + calls)
            .map(|token| {
                let call = self.call();
                self.wait(call, token)
            })
            .collect()
    }

    /// Sends a call, and has it answered with data.
    pub fn finish(&mut self, in_flight: InFlight) {
        match self.answer(in_flight, Ok(done())) {
            Outcome::Done(_) => {}
            other => panic!("expected to be done, got {other:?}"),
        }
    }

    /// Steps the waiting call of this token, which is expected to be sent.
    pub fn send_for(&mut self, calls: &mut [Option<Call>], token: usize) -> InFlight {
        let call = calls[token].take().expect("a call that waits");
        match self.step(call, token) {
            Step::Exchange(in_flight) => in_flight,
            other => panic!("expected an exchange, got {other:?}"),
        }
    }

    /// Sends a call that is never answered.
    pub fn lost(&mut self, in_flight: InFlight) {
        let error = self.fails(in_flight, silence());
        assert!(matches!(error, Error::NoAnswer { .. }), "{error:?}");
    }

    /// Begins a sign-in that is answered so at once; returns the call that began it.
    pub fn sign_in_answered(
        &mut self,
        call: Call,
        answer: Result<Response<Bytes>, TransportError>,
    ) -> Call {
        let (sign_in, call) = self.begin(call, 0);
        let ended = self.answer_sign_in(sign_in, answer);
        assert!(matches!(ended, SignInEnded::Failed), "{ended:?}");
        call
    }

    /// How long until another sign-in may be made, by the session's own account.
    pub fn retry_in(&self) -> Duration {
        match self.session.phase(self.now) {
            Phase::Failed { retry_in, .. } => retry_in,
            other => panic!("expected a back-off, got {other:?}"),
        }
    }

    /// Begins a sign-in with this call, or with any other that is in line before it.
    ///
    /// Whoever is first has 250 ms to take its turn up; those who don't are passed over.
    pub fn begin_by_any(&mut self, mut call: Call) -> (SignIn, Call) {
        for _ in 0..10 {
            match self.step(call, 0) {
                Step::SignIn(sign_in, call, _) => return (sign_in, call),
                Step::Wait(waits, _) => call = waits,
                other => panic!("expected a sign-in, got {other:?}"),
            }
            self.pass(Duration::from_millis(250));
        }
        panic!("nobody signs in")
    }

    pub fn cancel_sign_in(&mut self, id: SignInId) {
        let wake = self.session.cancel_sign_in(id, self.now);
        self.heed(wake);
    }

    /// Signs out; the call is the logout, if there was a session.
    pub fn sign_out(&mut self) -> Option<Call> {
        let (logout, wake) = self.session.sign_out(self.now);
        self.heed(wake);
        logout
    }

    /// Replaces the principal, and tells the session.
    pub fn replace(&mut self, principal: Principal) {
        self.session.account().replace_principal(principal);
        let wake = self.session.credentials_replaced(self.now);
        self.heed(wake);
    }

    /// Sends a call and returns the session that it was signed with.
    pub fn session_in_use(&mut self) -> String {
        let call = self.call();
        let in_flight = self.send(call);
        let session = field(&in_flight.request(), "sessionId").expect("a signed call");
        self.finish(in_flight);
        session
    }

    pub fn lease(&mut self, min_left: Duration) -> Lease {
        match self.step(Call::lease(min_left), 0) {
            Step::Ready(lease) => lease,
            other => panic!("expected a lease, got {other:?}"),
        }
    }

    /// Answers a sign-in with a session of its own.
    pub fn welcome(&mut self, sign_in: SignIn) -> SignInEnded {
        self.welcome_so(sign_in, &json!({}))
    }

    /// The same, with these fields in its data.
    pub fn welcome_so(&mut self, sign_in: SignIn, changes: &Value) -> SignInEnded {
        self.sessions_made += 1;
        let id = format!("session-{}", self.sessions_made);
        let org_id = self.session.account().org_id().map(|org_id| org_id.as_str().to_owned());
        let is_v3 = sign_in.request().uri().path().starts_with("/connect/");
        let mut data = match (org_id, is_v3) {
            (None, _) => json!({"sessionId": id}),
            (Some(org_id), true) => json!({"sessionId": id, "organizationId": org_id}),
            (Some(org_id), false) => json!({"sessionId": id, "orgId": org_id}),
        };
        for (key, value) in changes.as_object().unwrap() {
            data[key] = value.clone();
        }
        let answer = if is_v3 { json_answer(&data) } else { welcome_with(&data) };
        self.answer_sign_in(sign_in, Ok(answer))
    }

    pub fn answer_sign_in(
        &mut self,
        sign_in: SignIn,
        answer: Result<Response<Bytes>, TransportError>,
    ) -> SignInEnded {
        let (ended, wake) = sign_in.read(answer).settle(&mut self.session, self.now);
        self.heed(wake);
        ended
    }

    /// Answers a call in flight.
    pub fn answer(
        &mut self,
        in_flight: InFlight,
        answer: Result<Response<Bytes>, TransportError>,
    ) -> Outcome<IgnoredAny> {
        let (outcome, wake) = in_flight.read(answer).settle(&mut self.session, self.now);
        self.heed(wake);
        outcome
    }

    /// Answers a call in flight that is expected to be sent again.
    pub fn again(&mut self, in_flight: InFlight, answer: Response<Bytes>) -> Call {
        match self.answer(in_flight, Ok(answer)) {
            Outcome::Again(call) => call,
            other => panic!("expected to be sent again, got {other:?}"),
        }
    }

    /// Answers a call in flight that is expected to fail.
    pub fn fails(
        &mut self,
        in_flight: InFlight,
        answer: Result<Response<Bytes>, TransportError>,
    ) -> Error {
        match self.answer(in_flight, answer) {
            Outcome::Failed(error) => error,
            other => panic!("expected an error, got {other:?}"),
        }
    }

    /// Signs in, with nobody else in line.
    pub fn sign_in(&mut self) {
        let (sign_in, call) = self.begin(Call::sign_in(), 0);
        assert!(matches!(self.welcome(sign_in), SignInEnded::Stored { .. }));
        assert!(matches!(self.step(call, 0), Step::Ready(_)));
        self.woken.clear();
    }

    /// Signs in with a session that is trusted or not, if the answer says so at all.
    pub fn sign_in_trusted(&mut self, trusted: Option<bool>) {
        let (sign_in, call) = self.begin(Call::sign_in(), 0);
        let changes = trusted.map_or(json!({}), |trusted| json!({"trusted": trusted}));
        assert!(matches!(self.welcome_so(sign_in, &changes), SignInEnded::Stored { .. }));
        assert!(matches!(self.step(call, 0), Step::Ready(_)));
        self.woken.clear();
    }

    /// Sends a call now and has it answered at once.
    pub fn use_session(&mut self) {
        let call = self.call();
        let in_flight = self.send(call);
        assert!(matches!(self.answer(in_flight, Ok(done())), Outcome::Done(_)));
    }

    /// What a call begun now would do first.
    pub fn would(&mut self) -> &'static str {
        let call = self.call();
        let (step, id) = match self.step(call, 0) {
            Step::Exchange(in_flight) => ("be sent", in_flight.id()),
            Step::SignIn(sign_in, call, _) => {
                let wake = self.session.cancel_sign_in(sign_in.id(), self.now);
                self.heed(wake);
                ("sign in", call.id().unwrap())
            }
            Step::Wait(call, _) => ("wait", call.id().unwrap()),
            Step::Refuse(_) => return "be refused",
            other => panic!("no step of a call: {other:?}"),
        };
        self.cancel(id);
        step
    }

    pub fn cancel(&mut self, id: CallId) {
        let wake = self.session.cancel(id, self.now);
        self.heed(wake);
    }

    pub fn sign_ins(&self) -> usize {
        self.session.account().key_limits().sign_ins(self.now)
    }

    pub fn take_woken(&mut self) -> Vec<usize> {
        std::mem::take(&mut self.woken)
    }
}

/// The default settings, changed.
pub fn settings(change: impl FnOnce(&mut Settings)) -> Settings {
    let mut settings = Settings::default();
    change(&mut settings);
    settings
}

/// A field of a request's form body, decoded.
pub fn field(request: &Request<Bytes>, name: &str) -> Option<String> {
    form_urlencoded::parse(request.body())
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
}

/// The names of a request's form fields, in order.
pub fn field_names(request: &Request<Bytes>) -> Vec<String> {
    form_urlencoded::parse(request.body()).map(|(key, _)| key.into_owned()).collect()
}

pub fn with_header(
    mut answer: Response<Bytes>,
    name: &'static str,
    value: &str,
) -> Response<Bytes> {
    answer.headers_mut().insert(name, value.parse().unwrap());
    answer
}

pub fn with_status(mut answer: Response<Bytes>, status: u16) -> Response<Bytes> {
    *answer.status_mut() = StatusCode::from_u16(status).unwrap();
    answer
}

pub fn body(text: impl Into<Bytes>) -> Response<Bytes> {
    Response::new(text.into())
}

/// A sign-in's answer with these fields in its data, over the usual ones; null removes one.
pub fn welcome_with(changes: &serde_json::Value) -> Response<Bytes> {
    let mut data = json!({"sessionId": "session-x", "orgId": ORG});
    for (key, value) in changes.as_object().unwrap() {
        if value.is_null() {
            data.as_object_mut().unwrap().remove(key);
        } else {
            data[key] = value.clone();
        }
    }
    json_answer(&json!({
        "response_status": 0, "response_message": "Success", "response_data": data,
    }))
}

pub fn refusal_with(code: &str, message: &str) -> Response<Bytes> {
    json_answer(&json!({
        "response_status": 1,
        "response_message": "Error",
        "response_data": {"error_code": code, "error_message": message},
    }))
}

/// An error of v3's with one entry.
pub fn v3_refusal(status: u16, code: &str) -> Response<Bytes> {
    v3_errors(
        status,
        &json!([{
            "timestamp": "2026-11-25T04:00:00.000+00:00",
            "code": code,
            "severity": "ERROR",
            "category": "REQUEST",
            "message": "a message",
        }]),
    )
}

pub fn v3_errors(status: u16, entries: &Value) -> Response<Bytes> {
    with_status(json_answer(entries), status)
}

/// Whether a request goes to v3.
pub fn is_v3(request: &Request<Bytes>) -> bool {
    request.uri().path().starts_with("/connect/v3/")
}

/// The JSON document in a request's body.
pub fn json_of(request: &Request<Bytes>) -> Value {
    serde_json::from_slice(request.body()).unwrap()
}

/// The `data` of a v2 call.
pub fn data_of(request: &Request<Bytes>) -> Value {
    serde_json::from_str(&field(request, "data").expect("a data field")).unwrap()
}

/// BILL's envelope around this data.
pub fn success(data: &Value) -> Response<Bytes> {
    json_answer(&json!({
        "response_status": 0, "response_message": "Success", "response_data": data,
    }))
}

pub fn json_answer(body: &serde_json::Value) -> Response<Bytes> {
    Response::new(Bytes::from(body.to_string()))
}

pub fn welcome(session_id: &str) -> Response<Bytes> {
    json_answer(&json!({
        "response_status": 0,
        "response_message": "Success",
        "response_data": {
            "sessionId": session_id,
            "orgId": ORG,
            "apiEndPoint": "https://api-stage.bill.com/api/v2",
            "usersId": "00600000000000000001",
        },
    }))
}

pub fn done() -> Response<Bytes> {
    json_answer(&json!({
        "response_status": 0, "response_message": "Success", "response_data": [],
    }))
}

pub fn refusal(code: &str) -> Response<Bytes> {
    json_answer(&json!({
        "response_status": 1,
        "response_message": "Error",
        "response_data": {"error_code": code, "error_message": "a message"},
    }))
}

pub fn page(status: u16) -> Response<Bytes> {
    let mut answer = Response::new(Bytes::from_static(b"<html>503</html>"));
    *answer.status_mut() = StatusCode::from_u16(status).unwrap();
    answer
}

pub fn silence() -> Result<Response<Bytes>, TransportError> {
    Err(TransportError::timeout(std::io::Error::from(std::io::ErrorKind::TimedOut)))
}
