//! No secret is told by accident: not in a log line of ours or of a library's, not in a `Debug`, a
//! `Display` or an error's chain, not in a panic's message, not in a URL.
//!
//! Every channel first proves itself: a canary that was planted there on purpose is found, in each
//! form that a secret could take.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test fails by panicking, and says what it covered"
)]

#[path = "secrets/canary.rs"]
mod canary;
#[path = "secrets/run.rs"]
mod run;

use std::collections::BTreeMap;
use std::error::Error as StdError;
use std::fmt::{Debug, Display};
use std::net::TcpListener;
use std::panic;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

use bill_conformance::{
    Adapter, Carried, Client, Op, Pattern, Recorder, Silent, Upload, World, post, read_request,
};
use bill_sandbox::{DEMO_MFA_CODE, DEMO_ORG, DEMO_USER, ErrorEntry, Fault, FaultKind, Sandbox};
use bill_session_core::{
    AppKey, Credentials, DevKey, Environment, Error, MfaCode, OrgId, Principal, Remember,
    RememberedDevice, Renewal, Retry, SignInWith,
};
use bytes::Bytes;
use canary::{Canaries, forms};
use http::{Method, Request};
use log::{LevelFilter, Log, Metadata, Record};
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

// Each with what its encodings change: a space, a quote, a plus, a slash, a letter beyond ASCII.
const USER: &str = "canary user+name@exämple.com";
const PASSWORD: &str = "canary \"pass/word\"+é&=%";
const TOKEN_NAME: &str = "canary token+name/é";
const TOKEN_VALUE: &str = "canary \"token/value\"+é&=%";
const DEV_KEY: &str = "canary-dev/key+\"é\"";
// v3 puts keys into headers, which hold no letters beyond ASCII.
const V3_DEV_KEY: &str = "canary-v3-dev/key+\"=&%";
const APP_KEY: &str = "canary-app/key+\"=&%";
const PARTNER: &str = "canary partner+name@exämple.com";
const PARTNER_PASSWORD: &str = "canary \"partner/word\"+é&=%";
const CONSOLE_TOKEN: &str = "canary \"console/token\"+é&=%";
/// A wrong one, since the sandbox's right one is found in innocent numbers.
const MFA_CODE: &str = "canary \"mfa/code\"+é&=%";
const DEVICE_ID: &str = "canary \"device/id\"+é&=%";

/// Everything that was logged, by any thread of this process.
#[derive(Debug, Default)]
struct Collector(Mutex<Vec<(String, String)>>);

impl Log for Collector {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        let line = format!("{} {}", record.target(), record.args());
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.push((record.target().to_owned(), line));
    }

    fn flush(&self) {}
}

fn collector() -> &'static Collector {
    static COLLECTOR: OnceLock<Collector> = OnceLock::new();
    static INSTALLED: OnceLock<()> = OnceLock::new();
    let collector = COLLECTOR.get_or_init(Collector::default);
    INSTALLED.get_or_init(|| {
        log::set_logger(collector).unwrap();
        log::set_max_level(LevelFilter::Trace);
    });
    collector
}

fn logged() -> Vec<(String, String)> {
    let lines = collector().0.lock();
    lines.unwrap_or_else(PoisonError::into_inner).clone()
}

/// A world whose every secret is a canary.
struct Cage {
    sandbox: Sandbox,
    client: Client,
    canaries: Canaries,
    /// What the async client runs on; dropped last.
    _runtime: Option<tokio::runtime::Runtime>,
}

impl Cage {
    fn new(adapter: Adapter, principal: Principal) -> Self {
        Self::with(adapter, credentials(principal), SignInWith::V2)
    }

    /// One that signs in with v3.
    fn v3(adapter: Adapter, principal: Principal) -> Self {
        Self::with(adapter, v3_credentials(principal), SignInWith::V3)
    }

    fn with(adapter: Adapter, credentials: Credentials, api: SignInWith) -> Self {
        let sandbox = Sandbox::builder()
            .frozen_clock()
            .vendors(3)
            .user(USER, PASSWORD)
            .token(TOKEN_NAME, TOKEN_VALUE)
            .console_token(USER, CONSOLE_TOKEN)
            .partner(PARTNER, PARTNER_PASSWORD)
            .dev_key(DEV_KEY)
            .dev_key(V3_DEV_KEY)
            .app_key(APP_KEY)
            .start()
            .unwrap();
        let (client, runtime) = client_with(adapter, &sandbox.origin(), credentials, api);
        Self {
            sandbox,
            client,
            canaries: Canaries::new([
                USER,
                PASSWORD,
                TOKEN_NAME,
                TOKEN_VALUE,
                DEV_KEY,
                V3_DEV_KEY,
                APP_KEY,
                PARTNER,
                PARTNER_PASSWORD,
                CONSOLE_TOKEN,
                MFA_CODE,
                DEVICE_ID,
            ]),
            _runtime: runtime,
        }
    }

    fn call(&self) -> Result<Value, Error> {
        self.client.run(&Op::read())
    }

    /// The cheapest call of either API.
    fn call_either(&self, v3: bool) -> Result<Value, Error> {
        if v3 { self.client.run(&Op::get("/v3/login/session")) } else { self.call() }
    }

    /// The present session's id is a canary, too.
    fn learn_session(&mut self) -> String {
        let lease = self.client.lease_for(Duration::ZERO).unwrap();
        let session = lease.session_id().to_owned();
        self.canaries.add(&session);
        session
    }
}

fn credentials(principal: Principal) -> Credentials {
    Credentials::new(principal, OrgId::new(DEMO_ORG).unwrap(), DevKey::new(DEV_KEY).unwrap())
}

fn v3_credentials(principal: Principal) -> Credentials {
    Credentials::new(principal, OrgId::new(DEMO_ORG).unwrap(), DevKey::new(V3_DEV_KEY).unwrap())
}

fn partner_credentials() -> Credentials {
    let principal = Principal::password(PARTNER, PARTNER_PASSWORD).unwrap();
    Credentials::partner(principal, AppKey::new(APP_KEY).unwrap())
}

fn client(
    adapter: Adapter,
    origin: &str,
    principal: Principal,
) -> (Client, Option<tokio::runtime::Runtime>) {
    client_with(adapter, origin, credentials(principal), SignInWith::V2)
}

fn client_with(
    adapter: Adapter,
    origin: &str,
    credentials: Credentials,
    api: SignInWith,
) -> (Client, Option<tokio::runtime::Runtime>) {
    let environment = Environment::custom(origin).unwrap();
    match adapter {
        Adapter::Async => {
            let runtime = World::new_runtime();
            let client = bill_async::Client::builder(environment, credentials)
                .sign_in_with(api)
                .retry(Retry::NEVER)
                // The one setting of reqwest's that prints whole requests: it is overridden.
                .reqwest(|builder| builder.connection_verbose(true))
                .build();
            (Client::Async(client, runtime.handle().clone()), Some(runtime))
        }
        Adapter::Blocking => {
            let builder = bill_blocking::Client::builder(environment, credentials);
            (Client::Blocking(builder.sign_in_with(api).retry(Retry::NEVER).build()), None)
        }
    }
}

fn user() -> Principal {
    Principal::password(USER, PASSWORD).unwrap()
}

fn token() -> Principal {
    Principal::token(TOKEN_NAME, TOKEN_VALUE).unwrap()
}

/// An answer that repeats what it was sent, as it is and as a form, as a careless proxy's may.
fn echo(code: &str, session: &str) -> FaultKind {
    echo_of(code, &[USER, PASSWORD, DEV_KEY, session])
}

fn echo_of(code: &str, held: &[&str]) -> FaultKind {
    let mut told = String::new();
    for secret in held {
        let form: String = form_urlencoded::byte_serialize(secret.as_bytes()).collect();
        told.push_str(&format!("{secret} {form} "));
    }
    let data = json!({"error_code": code, "error_message": told});
    FaultKind::Body {
        status: 200,
        content_type: "application/json".to_owned(),
        body: json!({"response_status": 1, "response_data": data}).to_string(),
    }
}

/// Uses a client in every way, faults included, and gives the errors on the way.
fn exercise(cage: &mut Cage) -> Vec<Error> {
    let mut errors = Vec::new();
    let mut failed = |answer: Result<Value, Error>| errors.push(answer.unwrap_err());
    // Our own log line: a warning that names the host of a foreign address, and nothing else of it.
    let url = format!("https://elsewhere.example.com/{PASSWORD}");
    let foreign = Fault::new(FaultKind::ForeignApiEndPoint { url });
    cage.sandbox.fault(foreign.on("Login"));
    cage.call().unwrap();
    let session = cage.learn_session();
    cage.client.run(&Op::list("Vendor")).unwrap();
    let faults = [
        FaultKind::TornJson,
        FaultKind::Html { status: 503 },
        FaultKind::ResetBeforeAnswer,
        FaultKind::ResetMidAnswer,
        FaultKind::code("BDC_1361"),
        FaultKind::Redirect {
            status: 307,
            location: format!("{}/?password={PASSWORD}", cage.sandbox.origin()).replace(' ', "+"),
        },
        echo("BDC_1234", &session),
    ];
    for kind in faults {
        cage.sandbox.fault(Fault::new(kind).on("GetSessionInfo"));
        failed(cage.call());
    }
    for path in ["List/Vendor?password=x", PASSWORD, DEV_KEY] {
        failed(cage.client.run(&Op::call(path, Value::Null)));
    }
    // The session is lost, a new one is made, and that one is a secret as well.
    cage.sandbox.lose_sessions();
    cage.call().unwrap();
    cage.learn_session();
    cage.client.run(&Op::SignOut).unwrap();
    let echoes = ["BDC_1101", "BDC_1234"].map(|code| echo(code, &session));
    for kind in [FaultKind::TornJson].into_iter().chain(echoes) {
        cage.client.replace_credentials(user());
        cage.sandbox.fault(Fault::new(kind).on("Login"));
        failed(cage.call());
        cage.canaries.assert_absent(&format!("{:?}", cage.client.phase()));
    }
    cage.client.replace_credentials(token());
    cage.call().unwrap();
    cage.learn_session();
    errors
}

fn console() -> Principal {
    Principal::console(USER, CONSOLE_TOKEN).unwrap()
}

/// The same in each of the forms that v3's answers can have.
fn v3_echoes(code: &str, session: &str, held: &[&str]) -> Vec<FaultKind> {
    let mut told = String::new();
    for secret in [session].iter().chain(held) {
        let form: String = form_urlencoded::byte_serialize(secret.as_bytes()).collect();
        told.push_str(&format!("{secret} {form} "));
    }
    let body = |status: u16, body: Value| FaultKind::Body {
        status,
        content_type: "application/json".to_owned(),
        body: body.to_string(),
    };
    vec![
        FaultKind::Errors {
            status: 422,
            errors: vec![
                ErrorEntry::new(code).message(told.clone()).detail(told.clone()),
                ErrorEntry::without_code().message(told.clone()),
                ErrorEntry::new(session).message("a code that is a secret"),
            ],
        },
        body(422, json!({"code": code, "message": told})),
        // A gateway's, and a success of another form: what does not fit must not be repeated.
        body(403, json!({"message": told})),
        body(200, json!({"sessionId": told, "trusted": session, "challengeId": {"a": told}})),
    ]
}

/// Uses a client of v3 in every way, faults included, and gives the errors on the way.
fn exercise_v3(cage: &mut Cage) -> Vec<Error> {
    let look = Op::get("/v3/login/session");
    let held = [USER, PASSWORD, V3_DEV_KEY];
    let mut errors = Vec::new();
    let mut failed = |answer: Result<Value, Error>| errors.push(answer.unwrap_err());
    cage.client.run(&look).unwrap();
    let session = cage.learn_session();
    cage.client.run(&Op::v3_list("/v3/vendors").query("max", 2)).unwrap();
    cage.client.run(&Op::v3_json(Method::POST, "/v3/vendors", json!({"name": "x"}))).unwrap();
    let location = format!("{}/?password={PASSWORD}", cage.sandbox.origin()).replace(' ', "+");
    let mut faults = vec![
        FaultKind::TornJson,
        FaultKind::Html { status: 503 },
        FaultKind::ResetBeforeAnswer,
        FaultKind::ResetMidAnswer,
        FaultKind::code("BDC_1361"),
        FaultKind::Redirect { status: 307, location },
    ];
    let told = v3_echoes("BDC_1234", &session, &held);
    faults.extend(told.into_iter().take(3));
    for kind in faults {
        cage.sandbox.fault(Fault::new(kind).on("v3/GetSession"));
        failed(cage.client.run(&look));
    }
    for secret in [PASSWORD, V3_DEV_KEY, &session] {
        for op in [
            Op::get("/v3/vendors").query("name", secret),
            Op::get("/v3/vendors").query(secret, "x"),
            Op::get(&format!("/v3/vendors/{secret}")),
            Op::get("/v3/vendors").query("password", secret),
        ] {
            failed(cage.client.run(&op));
        }
    }
    // Uploads: what a server says of them, and what their content says of itself.
    let document = |carried| {
        let path = "/v3/documents/bills/00n01000000000000001";
        Op::Upload(Upload::document(path, "a.pdf", carried))
    };
    cage.client.run(&document(Carried::Bytes(b"x".to_vec()))).unwrap();
    failed(cage.client.run(&document(Carried::Path("/no/such/file".into()))));
    failed(cage.client.run(&document(Carried::Reader(Pattern::of(3), Some(4)))));
    for kind in v3_echoes("BDC_1234", &session, &held).into_iter().take(3) {
        cage.sandbox.fault(Fault::new(kind).on("v3/Upload/bills"));
        failed(cage.client.run(&document(Carried::Bytes(b"x".to_vec()))));
    }
    // The session is lost, a new one is made, and that one is a secret as well.
    cage.sandbox.lose_sessions();
    cage.client.run(&look).unwrap();
    cage.learn_session();
    errors
}

/// MFA in every way, in either API, and the errors on the way.
fn exercise_mfa(cage: &mut Cage, names: [&str; 2]) -> Vec<Error> {
    let [sign_in, validate] = names;
    let v3 = sign_in == "v3/Login";
    let device = || Remember::device("till 3");
    cage.client.run(&Op::SignIn).unwrap();
    let session = cage.learn_session();
    let mut errors = Vec::new();
    let challenge = cage.client.challenge().unwrap();
    errors.push(challenge.validate(MFA_CODE, device()).unwrap_err());
    let echoes = if v3 {
        v3_echoes("BDC_1356", &session, &[USER, PASSWORD, V3_DEV_KEY, MFA_CODE])
    } else {
        ["BDC_1356", "BDC_1234"].map(|code| echo_of(code, &[PASSWORD, MFA_CODE])).into()
    };
    for kind in echoes {
        cage.sandbox.fault(Fault::new(kind).on(validate));
        // A success of another form is one: the session is trusted, and nothing is remembered.
        errors.extend(challenge.validate(MFA_CODE, device()).err());
    }
    let kept = challenge.validate(DEMO_MFA_CODE, device()).unwrap().unwrap();
    cage.canaries.add(kept.expose_remember_me_id());
    // From now on the device travels with every sign-in, and may come back.
    let kept = kept.expose_remember_me_id().to_owned();
    cage.sandbox.lose_sessions();
    cage.call_either(v3).unwrap();
    let session = cage.learn_session();
    let operation = if v3 { "v3/GetSession" } else { "GetSessionInfo" };
    let kind = if v3 {
        v3_echoes("BDC_1234", &session, &[PASSWORD, &kept]).remove(0)
    } else {
        echo_of("BDC_1234", &[PASSWORD, &kept])
    };
    cage.sandbox.fault(Fault::new(kind).on(operation));
    errors.push(cage.call_either(v3).unwrap_err());
    let unknown = RememberedDevice::new(DEVICE_ID, "till 4").unwrap();
    for kind in v3_echoes("BDC_1234", &session, &[PASSWORD, DEVICE_ID]) {
        cage.sandbox.fault(Fault::new(kind).on("v3/MFAStepUp"));
        errors.push(cage.client.step_up(unknown.clone()).unwrap_err());
    }
    // The step-up that succeeds, and one that BILL says nothing of.
    let known = cage.sandbox.remember_device(USER, "till 5").unwrap();
    cage.canaries.add(&known);
    cage.client.step_up(RememberedDevice::new(known, "till 5").unwrap()).unwrap();
    cage.sandbox.forget_devices();
    // A sign-in that repeats all that it was sent.
    let echoes = if v3 {
        v3_echoes("BDC_1101", &session, &[PASSWORD, DEVICE_ID, &kept])
    } else {
        vec![echo_of("BDC_1101", &[PASSWORD, DEVICE_ID, &kept])]
    };
    for kind in echoes {
        cage.client.replace_credentials(user().remembered(unknown.clone()));
        cage.sandbox.fault(Fault::new(kind).on(sign_in));
        errors.push(cage.call_either(v3).unwrap_err());
        cage.canaries.assert_absent(&format!("{:?}", cage.client.phase()));
    }
    errors
}

/// Everything, one after the other, in both APIs and as a partner; with the errors of each.
fn exercise_all(adapter: Adapter, mut each: impl FnMut(Cage, Vec<Error>)) {
    let mut cage = Cage::new(adapter, user());
    let errors = exercise(&mut cage);
    assert_eq!(errors.len(), 13);
    each(cage, errors);
    let mut cage = Cage::v3(adapter, user());
    let mut errors = exercise_v3(&mut cage);
    assert_eq!(errors.len(), 9 + 12 + 5);
    cage.client.replace_credentials(console());
    errors.extend(exercise_v3(&mut cage));
    each(cage, errors);
    let mut cage = Cage::v3(adapter, user());
    let errors = exercise_mfa(&mut cage, ["v3/Login", "v3/MFAValidate"]);
    assert!(errors.len() > 12, "{}", errors.len());
    each(cage, errors);
    let mut cage = Cage::new(adapter, user());
    let errors = exercise_mfa_v2(&mut cage);
    each(cage, errors);
    let mut cage = Cage::with(adapter, partner_credentials(), SignInWith::V2);
    let errors = exercise_partner(&mut cage);
    each(cage, errors);
}

fn exercise_mfa_v2(cage: &mut Cage) -> Vec<Error> {
    // Its key is in a form, but a step-up goes to v3, where a key is in a header.
    let (client, runtime) = client_with(
        match cage.client {
            Client::Async(..) => Adapter::Async,
            Client::Blocking(_) => Adapter::Blocking,
        },
        &cage.sandbox.origin(),
        v3_credentials(user()),
        SignInWith::V2,
    );
    (cage.client, cage._runtime) = (client, runtime);
    let errors = exercise_mfa(cage, ["Login", "MFAAuthenticate"]);
    assert!(errors.len() > 8, "{}", errors.len());
    errors
}

fn exercise_partner(cage: &mut Cage) -> Vec<Error> {
    let look = Op::get("/v3/login/session");
    cage.client.run(&look).unwrap();
    let session = cage.learn_session();
    let mut errors = Vec::new();
    for kind in
        v3_echoes("BDC_1234", &session, &[PARTNER, PARTNER_PASSWORD, APP_KEY]).into_iter().take(3)
    {
        cage.sandbox.fault(Fault::new(kind).on("v3/GetSession"));
        errors.push(cage.client.run(&look).unwrap_err());
    }
    for secret in [PARTNER, PARTNER_PASSWORD, APP_KEY] {
        errors.push(cage.client.run(&Op::get("/v3/vendors").query("x", secret)).unwrap_err());
    }
    errors.push(cage.call().unwrap_err());
    cage.client.run(&Op::SignOut).unwrap();
    for kind in v3_echoes("BDC_1101", &session, &[PARTNER, PARTNER_PASSWORD, APP_KEY]) {
        let again = Principal::password(PARTNER, PARTNER_PASSWORD).unwrap();
        cage.client.replace_credentials(again);
        cage.sandbox.fault(Fault::new(kind).on("v3/PartnerLogin"));
        errors.push(cage.client.run(&look).unwrap_err());
    }
    errors
}

#[test]
fn no_secret_is_logged_by_us_or_by_any_library_at_trace() {
    collector();
    // The channel proves itself: by the log crate, and by tracing, which hyper-util uses.
    for (number, form) in forms("a planted \"canary\"+é").into_iter().enumerate() {
        log::trace!("planted {number}: {form}");
        tracing::trace!("planted {number}: {form}");
    }
    let planted = Canaries::new(["a planted \"canary\"+é"]);
    let found = logged();
    let found = found.iter().filter(|(_, line)| planted.found_in(line));
    assert_eq!(found.count(), 2 * forms("a planted \"canary\"+é").len());

    let mut canaries = Canaries::new([]);
    for adapter in [Adapter::Async, Adapter::Blocking] {
        exercise_all(adapter, |cage, _| canaries.join(&cage.canaries));
        // TLS has a library of its own, which logs as well; nobody answers its greeting.
        let silent = Silent::start();
        let origin = silent.origin().replace("http:", "https:");
        let (client, _runtime) = client(adapter, &origin, user());
        let caller = thread::spawn({
            let client = client.clone();
            move || client.run(&Op::SignIn).unwrap_err()
        });
        bill_conformance::eventually("the greeting is sent, or cannot be", || {
            silent.connections() > 0 || caller.is_finished()
        });
        while !caller.is_finished() {
            silent.hang_up();
            thread::yield_now();
        }
        caller.join().unwrap();
    }
    let lines = logged();
    let mut targets = BTreeMap::<_, usize>::new();
    for (target, line) in &lines {
        canaries.assert_absent(line);
        *targets.entry(target.split("::").next().unwrap()).or_default() += 1;
    }
    println!("logged by: {targets:?}");
    // Without certificates on this machine, the clients refuse TLS before rustls says anything.
    for crates in ["bill_async", "reqwest", "hyper_util", "bill_blocking", "ureq", "ureq_proto"] {
        assert!(targets.contains_key(crates), "{crates}: {targets:?}");
    }
}

/// Every text that a value gives of itself.
fn texts<T: Debug>(value: &T) -> [String; 2] {
    [format!("{value:?}"), format!("{value:#?}")]
}

fn texts_of_error(error: &impl StdError) -> Vec<String> {
    let mut all = vec![error.to_string()];
    all.extend(texts(error));
    let mut source = error.source();
    while let Some(error) = source {
        all.push(error.to_string());
        all.push(format!("{error:?}"));
        source = error.source();
    }
    all
}

#[test]
fn no_secret_is_shown_by_debug_display_or_the_chain_of_an_error() {
    // The channel proves itself: an error whose source has a derived `Debug` that tells.
    #[derive(Debug)]
    #[expect(dead_code, reason = "its `Debug` reads the field")]
    struct Telling(&'static str);
    impl Display for Telling {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("it tells nothing here")
        }
    }
    impl StdError for Telling {}
    #[derive(Debug)]
    #[expect(dead_code, reason = "its `Debug` reads the field")]
    struct Outer(Vec<u8>);
    impl Display for Outer {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("it tells nothing here")
        }
    }
    impl StdError for Outer {
        fn source(&self) -> Option<&(dyn StdError + 'static)> {
            Some(&Telling("planted-in-a-source"))
        }
    }
    let planted = Canaries::new(["planted-in-a-source", "planted-as-bytes"]);
    let seen = texts_of_error(&Outer(b"planted-as-bytes".to_vec()));
    // The bytes, plain and pretty, and the source's `Debug`.
    assert_eq!(seen.iter().filter(|text| planted.found_in(text)).count(), 3);

    for adapter in [Adapter::Async, Adapter::Blocking] {
        let mut cage = Cage::new(adapter, user());
        let mut seen = Vec::new();
        seen.extend(texts(&cage.client));
        seen.extend(texts(&credentials(token())));
        let environment = || Environment::custom(&cage.sandbox.origin()).unwrap();
        seen.extend(texts(&v3_credentials(console())));
        seen.extend(texts(&partner_credentials()));
        seen.extend(texts(&MfaCode::new(MFA_CODE).unwrap()));
        seen.extend(texts_of_error(&MfaCode::new(format!("{MFA_CODE} ")).unwrap_err()));
        let device = RememberedDevice::new(DEVICE_ID, "till 3").unwrap();
        seen.extend(texts(&device));
        seen.extend(texts(&user().remembered(device)));
        seen.extend(texts_of_error(&AppKey::new(format!(" {APP_KEY}")).unwrap_err()));
        let spaced = RememberedDevice::new(format!("{DEVICE_ID}\n"), "till 3");
        seen.extend(texts_of_error(&spaced.unwrap_err()));
        for principal in [user(), token(), console()] {
            let builder =
                bill_async::Client::builder(environment(), credentials(principal.clone()));
            seen.extend(texts(&builder));
            let builder = bill_blocking::Client::builder(environment(), credentials(principal));
            seen.extend(texts(&builder.renewal(Renewal::Ahead)));
        }
        let bad = format!("{PASSWORD}\n");
        seen.extend(texts_of_error(&Principal::password(USER, bad).unwrap_err()));
        seen.extend(texts_of_error(&DevKey::new(format!(" {DEV_KEY}")).unwrap_err()));
        let errors = exercise(&mut cage);
        assert_eq!(errors.len(), 13);
        seen.extend(errors.iter().flat_map(texts_of_error));
        let lease = cage.client.lease_for(Duration::ZERO).unwrap();
        seen.extend(texts(&lease));
        let mut request = Request::post(format!("{}/GetSessionInfo.json", lease.api()))
            .body(Bytes::new())
            .unwrap();
        lease.sign(&mut request).unwrap();
        seen.extend(texts(request.headers()));
        seen.extend(texts(&cage.client));
        seen.extend(texts(&cage.client.phase()));
        match &cage.client {
            Client::Async(client, _) => {
                seen.extend(texts(client.account()));
                seen.extend(texts(&client.v2("List/Vendor", &json!({"start": 0}))));
                seen.extend(texts(&client.list("Vendor").pages::<Value>()));
                let v3 = client.v3(Method::POST, "/v3/vendors").query("x", PASSWORD);
                seen.extend(texts(&v3.json(&json!({"password": PASSWORD}))));
                let list = client.v3(Method::GET, "/v3/vendors").query("x", DEV_KEY);
                seen.extend(texts(&list.pages::<Value>()));
                seen.extend(texts(&client.upload("/v3/documents", PASSWORD.as_bytes().to_vec())));
                seen.extend(texts(&bill_async::Content::path(PASSWORD)));
                seen.extend(texts(&client.mfa()));
                seen.extend(texts(&client.events()));
                seen.extend(texts(&client.session()));
            }
            Client::Blocking(client) => {
                seen.extend(texts(client.account()));
                seen.extend(texts(&client.v2("List/Vendor", &json!({"start": 0}))));
                seen.extend(texts(&client.list("Vendor").pages::<Value>()));
                let v3 = client.v3(Method::POST, "/v3/vendors").query("x", PASSWORD);
                seen.extend(texts(&v3.json(&json!({"password": PASSWORD}))));
                let list = client.v3(Method::GET, "/v3/vendors").query("x", DEV_KEY);
                seen.extend(texts(&list.pages::<Value>()));
                seen.extend(texts(&client.upload("/v3/documents", PASSWORD.as_bytes().to_vec())));
                seen.extend(texts(&bill_blocking::Content::path(PASSWORD)));
                seen.extend(texts(&client.mfa()));
                seen.extend(texts(&client.events()));
                seen.extend(texts(&client.session()));
            }
        }
        for text in &seen {
            cage.canaries.assert_absent(text);
        }
        exercise_all(adapter, |cage, errors| {
            let lease = cage.client.lease_for(Duration::ZERO);
            let seen = errors.iter().flat_map(texts_of_error);
            let seen = seen.chain(texts(&lease)).chain(texts(&cage.client));
            for text in seen.chain(texts(&cage.client.phase())) {
                cage.canaries.assert_absent(&text);
            }
        });
    }
}

#[test]
fn no_secret_is_shown_by_an_event() {
    for adapter in [Adapter::Async, Adapter::Blocking] {
        let mut cage = Cage::v3(adapter, user());
        let mut events = cage.client.events();
        exercise_mfa(&mut cage, ["v3/Login", "v3/MFAValidate"]);
        let heard = events.heard();
        assert!(heard.len() >= 6, "{heard:?}");
        texts(&heard).iter().for_each(|text| cage.canaries.assert_absent(text));
    }
}

/// A type that panics in the hands of whoever reads it.
#[derive(Debug)]
struct Explosive;

impl<'de> Deserialize<'de> for Explosive {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        panic!("this type always panics")
    }
}

#[test]
fn no_secret_is_in_the_message_of_a_panic() {
    static MESSAGES: Mutex<Vec<String>> = Mutex::new(Vec::new());
    let messages = || MESSAGES.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let usual = panic::take_hook();
    panic::set_hook(Box::new(move |told| {
        let mut messages = MESSAGES.lock().unwrap_or_else(PoisonError::into_inner);
        messages.push(told.to_string());
        drop(messages);
        usual(told);
    }));
    // The channel proves itself.
    let planted = Canaries::new(["planted-in-a-panic"]);
    thread::spawn(|| panic!("planted-in-a-panic")).join().unwrap_err();
    assert!(messages().iter().any(|message| planted.found_in(message)));

    for adapter in [Adapter::Async, Adapter::Blocking] {
        let mut cage = Cage::new(adapter, user());
        cage.call().unwrap();
        let session = cage.learn_session();
        let client = cage.client.clone();
        let before = messages().len();
        let panicked = match client {
            Client::Async(client, runtime) => {
                let call =
                    async move { client.v2("GetSessionInfo", &()).send::<Explosive>().await };
                runtime.block_on(runtime.spawn(call)).is_err()
            }
            Client::Blocking(client) => {
                let call = move || client.v2("GetSessionInfo", &()).send::<Explosive>().err();
                thread::spawn(call).join().is_err()
            }
        };
        assert!(panicked);
        // What a program writes that unwraps whatever it gets.
        let refused = cage.client.clone();
        let echo = Fault::new(echo("BDC_1234", &session));
        cage.sandbox.fault(echo.on("GetSessionInfo"));
        let unwraps = move || refused.run(&Op::read()).unwrap();
        thread::spawn(unwraps).join().unwrap_err();
        let messages = messages();
        assert!(messages.len() >= before + 2);
        for message in &messages {
            cage.canaries.assert_absent(message);
        }
    }
}

#[test]
fn no_secret_is_in_a_url_that_the_sandbox_receives() {
    for adapter in [Adapter::Async, Adapter::Blocking] {
        exercise_all(adapter, |cage, _| {
            assert_eq!(cage.sandbox.stats().secrets_in_url, 0);
            let violations = cage.sandbox.stats().violations();
            assert!(violations.is_empty(), "{violations:?}");
        });
        let cage = Cage::new(adapter, user());
        // The channel proves itself, afterwards, so that the counter was at zero: a credential by
        // its name, and one by its value under an innocent name.
        let addr = cage.sandbox.addr();
        let by_name = b"POST /api/v2/Login.json?password=x HTTP/1.1\r\nhost: x\r\n\
            connection: close\r\ncontent-length: 0\r\n\r\n";
        bill_conformance::raw_exchange(addr, by_name);
        let value = forms(DEV_KEY).into_iter().find(|form| form.starts_with("canary%2Ddev"));
        let line = format!(
            "POST /api/v2/Login.json?q={} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
             content-length: 0\r\n\r\n",
            value.unwrap()
        );
        bill_conformance::raw_exchange(addr, line.as_bytes());
        assert_eq!(cage.sandbox.stats().secrets_in_url, 2);
    }
}

#[test]
fn no_secret_is_in_the_head_of_a_request_as_it_travels() {
    // The sandbox looks at URLs; a raw listener sees every byte before the body.
    let head_of = |send: &dyn Fn(String)| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let server = thread::spawn(move || read_request(&mut listener.accept().unwrap().0));
        send(origin);
        server.join().unwrap()
    };
    let canaries = Canaries::new([USER, PASSWORD, DEV_KEY]);
    // The channel proves itself: the value stands in the query, percent-encoded.
    let (head, _) = head_of(&|origin| {
        let mut path: Vec<_> = forms(PASSWORD);
        path.retain(|form| form.contains("%22") && !form.contains(' '));
        let addr = origin.strip_prefix("http://").unwrap().parse().unwrap();
        let request = format!("POST /?x={} HTTP/1.1\r\n\r\n", path[0]);
        let mut stream = std::net::TcpStream::connect::<std::net::SocketAddr>(addr).unwrap();
        std::io::Write::write_all(&mut stream, request.as_bytes()).unwrap();
    });
    assert!(canaries.found_in(&head), "{head}");
    for adapter in [Adapter::Async, Adapter::Blocking] {
        let (head, body) = head_of(&|origin| {
            let (client, _runtime) = client(adapter, &origin, user());
            client.run(&Op::SignIn).unwrap_err();
        });
        canaries.assert_absent(&head);
        // In the body they are where they belong.
        assert!(canaries.found_in(&String::from_utf8(body).unwrap()));
    }
}

#[test]
fn the_head_of_a_v3_request_has_secrets_in_two_headers_only() {
    const SESSION: &str = "canary-session/id+\"=&%";
    let canaries = Canaries::new([
        USER,
        PASSWORD,
        V3_DEV_KEY,
        SESSION,
        APP_KEY,
        PARTNER,
        PARTNER_PASSWORD,
        CONSOLE_TOKEN,
        DEVICE_ID,
    ]);
    let device = || RememberedDevice::new(DEVICE_ID, "till 3").unwrap();
    let all = [
        (v3_credentials(user().remembered(device())), ["sessionid", "devkey"]),
        (v3_credentials(console()), ["sessionid", "devkey"]),
        (partner_credentials(), ["sessionid", "appkey"]),
    ];
    for adapter in [Adapter::Async, Adapter::Blocking] {
        for (credentials, own) in all.clone() {
            let signed_in = json!({"sessionId": SESSION}).to_string();
            let answers = [(200, signed_in), (200, "{}".to_owned()), (200, String::new())];
            let recorder = Recorder::start(answers);
            let (client, _runtime) =
                client_with(adapter, &recorder.origin(), credentials, SignInWith::V3);
            let call = Op::v3_json(Method::POST, "/v3/vendors", json!({"name": "x"}));
            client.run(&call.query("a", "b")).unwrap();
            client.run(&Op::SignOut).unwrap();
            let requests = recorder.requests();
            assert_eq!(requests.len(), 3);
            for (number, request) in requests.iter().enumerate() {
                canaries.assert_absent(&request.line);
                for (name, value) in &request.headers {
                    if number == 0 || !own.contains(&name.as_str()) {
                        canaries.assert_absent(&format!("{name}: {value}"));
                    } else {
                        // The channel proves itself.
                        assert!(canaries.found_in(value), "{name}");
                    }
                }
            }
            // The sign-in's are in its body, and a call's body has none.
            assert!(canaries.found_in(std::str::from_utf8(&requests[0].body).unwrap()));
            canaries.assert_absent(std::str::from_utf8(&requests[1].body).unwrap());
        }
    }
}

#[test]
fn the_journal_and_the_counters_of_the_sandbox_hold_no_secret() {
    // A test that fails prints them.
    let planted = Canaries::new([DEMO_USER]);
    assert!(planted.found_in(&format!("{:?}", [DEMO_USER])));
    exercise_all(Adapter::Blocking, |cage, _| {
        cage.canaries.assert_absent(&format!("{:?}", cage.sandbox.journal()));
        cage.canaries.assert_absent(&format!("{:?}", cage.sandbox.stats()));
        cage.canaries.assert_absent(&format!("{:?}", cage.sandbox.uploads()));
        let request = Request::get("/_sandbox/stats").body(Bytes::new()).unwrap();
        let stats = post(cage.sandbox.addr(), &request);
        assert!(stats.contains("secrets_in_url"), "{stats}");
        cage.canaries.assert_absent(&stats);
    });
}
