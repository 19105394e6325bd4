//! No `Debug`, no `Display` and no chain of errors shows a secret, in whatever form.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on ends"
)]

mod support;

use std::error::Error as StdError;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bill_session_core::{
    Account, Call, Cause, Credentials, DevKey, Environment, Error, Finished, KeyLimits, OrgId,
    Outcome, Principal, Step, TransportError,
};
use http::Response;
use serde_json::{Value, json};
use support::canary::{base64, forms, keeps, keeps_in_debug, keeps_in_display, shown_in};
use support::{
    ORG, World, body, done, page, refusal, refusal_with, settings, silence, welcome_with,
    with_header, with_status,
};

const USER: &str = "canary \"user\" é&=+%1";
const PASSWORD: &str = "canary pass\\word é&=+%2";
const NEW_PASSWORD: &str = "canary new/password é&=+%3";
const KEY: &str = "canary \"key\" é&=+%4";
const SESSION: &str = "canary <session> é&=+%5";
const SECRETS: [&str; 5] = [USER, PASSWORD, NEW_PASSWORD, KEY, SESSION];

#[allow(clippy::disallowed_methods, reason = "a test needs a first instant, and then moves it")]
fn first_instant() -> Instant {
    Instant::now()
}

fn credentials() -> Credentials {
    let principal = Principal::password(USER, PASSWORD).unwrap();
    Credentials::new(principal, OrgId::new(ORG).unwrap(), DevKey::new(KEY).unwrap())
}

fn world() -> World {
    let now = first_instant();
    let key = Arc::new(KeyLimits::new(now));
    let account = Account::new(Environment::Stage, credentials(), key);
    World::of(Arc::new(account), settings(|_| ()), now)
}

fn welcome() -> Response<bytes::Bytes> {
    welcome_with(&json!({"sessionId": SESSION}))
}

fn signed_in() -> World {
    let mut world = world();
    let (sign_in, call) = world.begin(Call::sign_in(), 0);
    let _stored = world.answer_sign_in(sign_in, Ok(welcome()));
    assert!(matches!(world.step(call, 0), Step::Ready(_)));
    world
}

/// Asserts that an error and everything behind it keep the secrets.
fn keeps_in_chain(error: &(dyn StdError + 'static)) {
    let mut next = Some(error);
    while let Some(error) = next {
        keeps(&SECRETS, &format!("{error} {error:?} {error:#?}"));
        next = error.source();
    }
}

mod the_search {
    use super::*;

    #[test]
    fn finds_a_planted_canary_in_each_of_its_forms() {
        for secret in SECRETS {
            for (form, shown) in forms(secret) {
                let planted = format!("x{shown}y");
                let found = shown_in(&SECRETS, &planted);
                assert!(found.iter().any(|found| found.secret == secret), "{form}: {shown}");
            }
        }
    }

    #[test]
    fn finds_what_debug_shows_of_a_string_and_of_bytes() {
        #[derive(Debug)]
        #[allow(dead_code, reason = "only its Debug is looked at")]
        struct Leaks<T> {
            value: T,
        }

        let leaks = Leaks { value: PASSWORD };
        assert!(!shown_in(&SECRETS, &format!("{leaks:?}")).is_empty());
        assert!(!shown_in(&SECRETS, &format!("{leaks:#?}")).is_empty());
        let leaks = PASSWORD.as_bytes();
        assert!(!shown_in(&SECRETS, &format!("{leaks:?}")).is_empty());
        assert!(!shown_in(&SECRETS, &format!("{leaks:#?}")).is_empty());
        let leaks = bytes::Bytes::from_static(PASSWORD.as_bytes());
        let shown = format!("{leaks:?}");
        assert!(shown.contains("canary pass"), "{shown}");
    }

    #[test]
    fn finds_base64_wherever_in_a_longer_text_the_secret_stands() {
        for before in ["", "x", "xy", "xyz", "wxyz"] {
            let text = format!("{before}{KEY}{}", "z".repeat(9));
            let whole = text.len() / 3 * 3;
            let found = shown_in(&SECRETS, &base64(&text.as_bytes()[..whole]));
            assert!(found.iter().any(|found| found.form == "in base64"), "after {before:?}");
        }
        assert_eq!(base64(b"Man"), "TWFu");
        assert_eq!(base64(b"light work. "), "bGlnaHQgd29yay4g");
    }

    #[test]
    fn finds_nothing_in_an_innocent_text() {
        keeps(&SECRETS, "canary, user, password, key: [redacted]");
    }

    #[test]
    fn the_request_itself_does_show_them() {
        // The channel proves itself: the bytes to send are the one place where the secrets are.
        let mut world = world();
        let (sign_in, _call) = world.begin(Call::sign_in(), 0);
        let sent = String::from_utf8(sign_in.request().body().to_vec()).unwrap();
        let found = shown_in(&SECRETS, &sent);
        for secret in [USER, PASSWORD, KEY] {
            assert!(found.iter().any(|found| found.secret == secret), "{sent}");
        }
    }
}

#[test]
fn credentials_and_their_parts_keep_their_secrets() {
    keeps_in_debug(&SECRETS, &credentials());
    keeps_in_debug(&SECRETS, &Principal::password(USER, PASSWORD));
    keeps_in_debug(&SECRETS, &Principal::token(USER, PASSWORD));
    keeps_in_debug(&SECRETS, &DevKey::new(KEY));
    keeps_in_debug(&SECRETS, &credentials().warnings());
}

#[test]
fn errors_of_construction_keep_their_secrets() {
    const LINE: &str = "canary line\n";
    for error in [
        Principal::password(LINE, PASSWORD).unwrap_err(),
        Principal::password(USER, LINE).unwrap_err(),
        Principal::token(LINE, PASSWORD).unwrap_err(),
        Principal::token(USER, LINE).unwrap_err(),
        DevKey::new(LINE).unwrap_err(),
    ] {
        keeps(&["canary line"], &format!("{error} {error:?}"));
        keeps_in_chain(&error);
    }
}

#[test]
fn a_session_keeps_its_secrets_in_each_of_its_states() {
    let mut world = world();
    keeps_in_debug(&SECRETS, &world.session);
    keeps_in_debug(&SECRETS, world.session.account());
    let call = world.call();
    let (sign_in, call) = world.begin(call, 0);
    keeps_in_debug(&SECRETS, &world.session);
    keeps_in_debug(&SECRETS, &world.session.phase(world.now));
    let _stored = world.answer_sign_in(sign_in, Ok(welcome()));
    keeps_in_debug(&SECRETS, &world.session);
    let in_flight = world.send(call);
    keeps_in_debug(&SECRETS, &world.session);
    keeps_in_debug(&SECRETS, &in_flight);
    world.replace(Principal::password(USER, NEW_PASSWORD).unwrap());
    keeps_in_debug(&SECRETS, &world.session);
    let answer = refusal_with("BDC_1101", &format!("{USER} {NEW_PASSWORD} {KEY}"));
    let call = world.call();
    let call = world.sign_in_answered(call, Ok(answer));
    keeps_in_debug(&SECRETS, &world.session);
    keeps_in_debug(&SECRETS, &world.session.phase(world.now));
    keeps_in_chain(&world.refused(call));
}

#[test]
fn calls_steps_and_exchanges_keep_the_secrets() {
    let mut world = world();
    let call = world.call();
    keeps_in_debug(&SECRETS, &call);
    let step = world.step(call, 0);
    keeps_in_debug(&SECRETS, &step);
    let Step::SignIn(sign_in, call, _) = step else { panic!("{step:?}") };
    keeps_in_debug(&SECRETS, &sign_in);
    keeps_in_debug(&SECRETS, &sign_in.id());
    let heard = sign_in.read(Ok(welcome()));
    keeps_in_debug(&SECRETS, &heard);
    let (ended, wake) = heard.settle(&mut world.session, world.now);
    keeps_in_debug(&SECRETS, &ended);
    keeps_in_debug(&SECRETS, &wake);
    world.heed(wake);
    let step = world.step(call, 0);
    keeps_in_debug(&SECRETS, &step);
    let Step::Exchange(in_flight) = step else { panic!("{step:?}") };
    keeps_in_debug(&SECRETS, &in_flight);
    let heard = in_flight.read::<Value>(Ok(done()));
    keeps_in_debug(&SECRETS, &heard);
    let (outcome, wake) = heard.settle(&mut world.session, world.now);
    keeps_in_debug(&SECRETS, &outcome);
    world.heed(wake);
    let lease = world.lease(Duration::ZERO);
    keeps_in_debug(&SECRETS, &lease);
    keeps_in_debug(&SECRETS, lease.session_id());
    keeps_in_debug(&SECRETS, &Finished::<Value>::Ready(lease));
    let step = world.step(Call::sign_in(), 0);
    keeps_in_debug(&SECRETS, &step);
    let logout = world.sign_out().unwrap();
    keeps_in_debug(&SECRETS, &logout);
    let step = world.step(logout, 0);
    keeps_in_debug(&SECRETS, &step);
    keeps_in_debug(&SECRETS, &world.session);
}

#[test]
fn a_sign_in_that_lands_after_a_sign_out_keeps_its_session_id() {
    let mut world = world();
    let (sign_in, _call) = world.begin(Call::sign_in(), 0);
    let _nothing = world.sign_out();
    let ended = world.answer_sign_in(sign_in, Ok(welcome()));
    keeps_in_debug(&SECRETS, &ended);
}

/// Everything that a server, or whoever stands in its place, may echo the secrets in.
fn hostile_answers() -> Vec<Result<Response<bytes::Bytes>, TransportError>> {
    let raw = SECRETS.join(" | ");
    let encoded: Vec<String> = SECRETS
        .iter()
        .map(|secret| form_urlencoded::byte_serialize(secret.as_bytes()).collect())
        .collect();
    let encoded = encoded.join("&");
    let mut answers = vec![silence(), Ok(refusal("BDC_1109"))];
    for text in [&raw, &encoded] {
        for code in ["BDC_9999", "BDC_1361", "BDC_1101", "BDC_1144", "BDC_1322"] {
            answers.push(Ok(refusal_with(code, text)));
        }
        answers.push(Ok(refusal_with(text, "a message")));
        answers.push(Ok(body(format!("<html>{text}</html>"))));
        answers.push(Ok(with_status(body(text.clone()), 500)));
        answers.push(Ok(body(format!("{{\"response_status\":0,\"response_data\":\"{encoded}"))));
        let location = format!("https://evil.example/?{encoded}");
        answers.push(Ok(with_header(with_status(page(200), 302), "location", &location)));
        let data = json!({"response_status": 0, "response_data": {"name": text}});
        answers.push(Ok(support::json_answer(&data)));
        let data = json!({"response_data": text, "response_status": 0});
        answers.push(Ok(support::json_answer(&data)));
        let data = json!({"response_status": 0, "response_data": {text.as_str(): 1}});
        answers.push(Ok(support::json_answer(&data)));
    }
    answers
}

#[test]
fn no_hostile_answer_to_a_call_makes_an_error_show_a_secret() {
    for answer in hostile_answers() {
        let mut world = signed_in();
        world.replace(Principal::password(USER, NEW_PASSWORD).unwrap());
        let (sign_in, call) = world.begin(Call::sign_in(), 0);
        let _stored = world.answer_sign_in(sign_in, Ok(welcome()));
        assert!(matches!(world.step(call, 0), Step::Ready(_)));
        let call = world.call();
        let in_flight = world.send(call);
        let (outcome, wake) =
            in_flight.read::<Vec<u32>>(answer).settle(&mut world.session, world.now);
        world.heed(wake);
        match outcome {
            Outcome::Failed(error) => keeps_in_chain(&error),
            Outcome::Again(call) => keeps_in_debug(&SECRETS, &call),
            Outcome::Done(data) => panic!("{data:?}"),
            Outcome::Mfa(outcome) => panic!("{outcome:?}"),
        }
        keeps_in_debug(&SECRETS, &world.session);
    }
}

#[test]
fn no_hostile_answer_to_a_sign_in_makes_an_error_show_a_secret() {
    for answer in hostile_answers() {
        let mut world = world();
        world.replace(Principal::password(USER, NEW_PASSWORD).unwrap());
        // The session of before is known, and may be echoed too.
        let (sign_in, call) = world.begin(Call::sign_in(), 0);
        let _stored = world.answer_sign_in(sign_in, Ok(welcome()));
        assert!(matches!(world.step(call, 0), Step::Ready(_)));
        world.pass(Duration::from_secs(34 * 60));
        let call = world.call();
        let (sign_in, call) = world.begin(call, 0);
        let heard = sign_in.read(answer);
        keeps_in_debug(&SECRETS, &heard);
        let (ended, wake) = heard.settle(&mut world.session, world.now);
        keeps_in_debug(&SECRETS, &ended);
        world.heed(wake);
        let step = world.step(call, 0);
        keeps_in_debug(&SECRETS, &step);
        if let Step::Refuse(error) = step {
            keeps_in_display(&SECRETS, &error);
            keeps_in_chain(&error);
            if let Error::NoSession { cause, .. } = error {
                keeps_in_chain(&Cause::clone(&cause));
            }
        }
        keeps_in_debug(&SECRETS, &world.session.phase(world.now));
    }
}

#[test]
fn a_welcome_whose_parts_echo_secrets_shows_none() {
    for changes in [
        json!({"sessionId": [SESSION]}),
        json!({"sessionId": SESSION, "orgId": SESSION}),
        json!({"sessionId": SESSION, "orgId": {SESSION: 1}}),
        json!({"sessionId": format!("{SESSION}\n")}),
        json!({"sessionId": SESSION, "apiEndPoint": format!("https://evil.example/{KEY}")}),
    ] {
        let mut world = world();
        let call = world.call();
        let (sign_in, call) = world.begin(call, 0);
        let heard = sign_in.read(Ok(welcome_with(&changes)));
        keeps_in_debug(&SECRETS, &heard);
        let (ended, wake) = heard.settle(&mut world.session, world.now);
        keeps_in_debug(&SECRETS, &ended);
        world.heed(wake);
        keeps_in_debug(&SECRETS, &world.step(call, 0));
    }
}

#[test]
fn the_user_id_that_a_server_sends_shows_no_secret() {
    let mut world = world();
    let (sign_in, _call) = world.begin(Call::sign_in(), 0);
    let answer = welcome_with(&json!({"sessionId": SESSION, "usersId": KEY}));
    let _stored = world.answer_sign_in(sign_in, Ok(answer));
    keeps_in_debug(&SECRETS, &world.session);
}

#[test]
fn a_refused_path_is_not_repeated() {
    let world = signed_in();
    let account = world.session.account();
    for secret in SECRETS {
        let encoded: String = form_urlencoded::byte_serialize(secret.as_bytes()).collect();
        for part in [secret, &encoded] {
            for path in [format!("Crud/{part}"), format!("Crud/X?x={part}")] {
                let error = account.v2(&path, &json!({})).unwrap_err();
                keeps_in_chain(&error);
                keeps_in_chain(&Error::from(error));
            }
        }
    }
}

#[test]
fn the_uris_of_all_requests_show_no_secret() {
    let mut world = world();
    let call = world.call();
    let (sign_in, call) = world.begin(call, 0);
    keeps_in_display(&SECRETS, sign_in.request().uri());
    keeps_in_debug(&SECRETS, sign_in.request().headers());
    let _stored = world.answer_sign_in(sign_in, Ok(welcome()));
    let in_flight = world.send(call);
    keeps_in_display(&SECRETS, in_flight.request().uri());
    keeps_in_debug(&SECRETS, in_flight.request().headers());
    let logout = world.sign_out().unwrap();
    let in_flight = world.send(logout);
    keeps_in_display(&SECRETS, in_flight.request().uri());
}

/// What came with v3, MFA and partners: every secret that a client can hold, all at once.
mod of_v3_mfa_and_partners {
    use bill_session_core::{
        AppKey, Challenge, Event, Listener, MfaCode, MfaOutcome, Remember, RememberedDevice,
        Repeatable, SignInWith, V3Request,
    };
    use bytes::Bytes;
    use http::Method;
    use support::{is_v3, json_answer, success, v3_errors};

    use super::*;

    const APP_KEY: &str = "canary \"app\" é&=+%6";
    const TOKEN: &str = "canary <console> é&=+%7";
    const REMEMBER_ME: &str = "canary \"remember\" é&=+%8";
    const CODE: &str = "canary \"code\" é&=+%9";
    const ALL: [&str; 9] =
        [USER, PASSWORD, NEW_PASSWORD, KEY, SESSION, APP_KEY, TOKEN, REMEMBER_ME, CODE];

    fn device() -> RememberedDevice {
        RememberedDevice::new(REMEMBER_ME, "a-device").unwrap()
    }

    fn code() -> MfaCode {
        MfaCode::new(CODE).unwrap()
    }

    fn of(credentials: Credentials, api: SignInWith) -> World {
        let now = first_instant();
        let key = Arc::new(KeyLimits::new(now));
        let account = Account::new(Environment::Stage, credentials, key).sign_in_with(api);
        World::of(Arc::new(account), settings(|_| ()), now)
    }

    fn to_organization(principal: Principal) -> Credentials {
        Credentials::new(principal, OrgId::new(ORG).unwrap(), DevKey::new(KEY).unwrap())
    }

    fn partner() -> Credentials {
        let principal = Principal::password(USER, PASSWORD).unwrap();
        Credentials::partner(principal, AppKey::new(APP_KEY).unwrap())
    }

    /// Clients of every kind, signed out.
    fn worlds() -> Vec<World> {
        let console = Principal::console(USER, TOKEN).unwrap();
        let remembered = Principal::password(USER, PASSWORD).unwrap().remembered(device());
        vec![
            of(partner(), SignInWith::V3),
            of(to_organization(console), SignInWith::V3),
            of(to_organization(remembered.clone()), SignInWith::V3),
            of(to_organization(remembered), SignInWith::V2),
        ]
    }

    fn sign_in(world: &mut World) {
        let (sign_in, call) = world.begin(Call::sign_in(), 0);
        let answer = if is_v3(&sign_in.request()) {
            json_answer(&json!({"sessionId": SESSION}))
        } else {
            welcome()
        };
        let _stored = world.answer_sign_in(sign_in, Ok(answer));
        assert!(matches!(world.step(call, 0), Step::Ready(_)));
    }

    fn challenge(world: &mut World) -> Challenge {
        let in_flight = world.send(Call::challenge(false));
        let data = json!({"challengeId": "challenge-1"});
        let answer = if is_v3(&in_flight.request()) { json_answer(&data) } else { success(&data) };
        match world.answer(in_flight, Ok(answer)) {
            Outcome::Mfa(MfaOutcome::Challenged(challenge)) => challenge,
            other => panic!("{other:?}"),
        }
    }

    fn v3_post(world: &World) -> V3Request {
        world.session.account().v3(Method::POST, "/v3/partner/x").json(&json!({"a": 1}))
    }

    /// Calls of every kind that this client can make.
    fn calls(world: &mut World) -> Vec<Call> {
        let challenge = challenge(world);
        let account = Arc::clone(world.session.account());
        let mut calls = vec![
            v3_post(world).call(&account).unwrap(),
            account.v3(Method::GET, "/v3/vendors").call(&account).unwrap(),
            account.upload("/v3/documents", &[], Repeatable::Yes).unwrap(),
            Call::challenge(true),
            Call::validate(challenge, code(), Remember::device("a-device")),
            Call::step_up(device()),
        ];
        calls.extend(account.v2("List/Vendor", &json!({})));
        calls.extend(account.list_orgs());
        calls.extend(account.upload_attachment("1", "x.pdf", Repeatable::Once, 1));
        calls
    }

    fn keeps_in_errors(error: &Error) {
        let mut next: Option<&(dyn StdError + 'static)> = Some(error);
        while let Some(error) = next {
            keeps(&ALL, &format!("{error} {error:?} {error:#?}"));
            next = error.source();
        }
    }

    fn keeps_in_events(world: &mut World, listener: &mut Listener) {
        for event in world.heard(listener) {
            keeps_in_debug(&ALL, &event);
            if let Event::Refused { cause, .. } | Event::Waiting { cause, .. } = event {
                keeps(&ALL, &format!("{cause} {cause:?}"));
            }
        }
    }

    #[test]
    fn each_part_keeps_its_secret() {
        keeps_in_debug(&ALL, &AppKey::new(APP_KEY));
        keeps_in_debug(&ALL, &Principal::console(USER, TOKEN));
        keeps_in_debug(&ALL, &device());
        keeps_in_debug(&ALL, &code());
        keeps_in_debug(&ALL, &Principal::password(USER, PASSWORD).unwrap().remembered(device()));
        keeps_in_debug(&ALL, &partner());
        keeps_in_debug(&ALL, &MfaOutcome::Trusted(Some(Arc::new(device()))));
        keeps_in_debug(
            &ALL,
            &Finished::<Value>::Mfa(MfaOutcome::Trusted(Some(Arc::new(device())))),
        );
        keeps_in_debug(&ALL, &Remember::device("a-device"));
    }

    #[test]
    fn errors_of_construction_do_too() {
        const LINE: &str = "canary line\n";
        for error in [
            AppKey::new(LINE).unwrap_err(),
            Principal::console(LINE, TOKEN).unwrap_err(),
            Principal::console(USER, LINE).unwrap_err(),
            RememberedDevice::new(LINE, "a-device").unwrap_err(),
            RememberedDevice::new(REMEMBER_ME, LINE).unwrap_err(),
            MfaCode::new(LINE).unwrap_err(),
        ] {
            keeps(&["canary line"], &format!("{error} {error:?}"));
            keeps(&ALL, &format!("{error} {error:?}"));
        }
    }

    #[test]
    fn the_requests_themselves_do_show_them() {
        let sent_by = |world: &mut World| {
            let (sign_in, _call) = world.begin(Call::sign_in(), 0);
            String::from_utf8(sign_in.request().body().to_vec()).unwrap()
        };
        let secrets: [&[&str]; 4] = [
            &[USER, PASSWORD, APP_KEY],
            &[USER, TOKEN, KEY],
            &[USER, PASSWORD, KEY, REMEMBER_ME],
            &[USER, PASSWORD, KEY, REMEMBER_ME],
        ];
        for (mut world, secrets) in worlds().into_iter().zip(secrets) {
            let sent = sent_by(&mut world);
            let found = shown_in(&ALL, &sent);
            for secret in secrets {
                assert!(found.iter().any(|found| found.secret == *secret), "{secret}: {sent}");
            }
        }
    }

    #[test]
    fn a_session_and_all_that_it_is_walked_through_keeps_them() {
        for mut world in worlds() {
            let mut listener = world.session.listen();
            keeps_in_debug(&ALL, world.session.account());
            keeps_in_debug(&ALL, &world.session);
            let call = Call::sign_in();
            let step = world.step(call, 0);
            keeps_in_debug(&ALL, &step);
            let Step::SignIn(sign_in, call, _) = step else { panic!("{step:?}") };
            keeps_in_debug(&ALL, &sign_in);
            keeps_in_debug(&ALL, sign_in.request().headers());
            keeps_in_display(&ALL, sign_in.request().uri());
            let answer = if is_v3(&sign_in.request()) {
                json_answer(&json!({"sessionId": SESSION, "userId": USER}))
            } else {
                welcome()
            };
            let heard = sign_in.read(Ok(answer));
            keeps_in_debug(&ALL, &heard);
            let (ended, wake) = heard.settle(&mut world.session, world.now);
            keeps_in_debug(&ALL, &ended);
            world.heed(wake);
            let step = world.step(call, 0);
            keeps_in_debug(&ALL, &step);
            for call in calls(&mut world) {
                keeps_in_debug(&ALL, &call);
                let step = world.step(call, 0);
                keeps_in_debug(&ALL, &step);
                let Step::Exchange(in_flight) = step else { panic!("{step:?}") };
                let request = in_flight.request();
                keeps_in_display(&ALL, request.uri());
                keeps_in_debug(&ALL, request.headers());
                let data = json!({
                    "rememberMeId": REMEMBER_ME, "mfaId": REMEMBER_ME, "trusted": true,
                    "challengeId": "challenge-2",
                });
                let answer = if is_v3(&request) { json_answer(&data) } else { success(&data) };
                // Into nothing, since data of the caller's own type is the caller's to show.
                let heard = in_flight.read::<serde::de::IgnoredAny>(Ok(answer));
                keeps_in_debug(&ALL, &heard);
                let (outcome, wake) = heard.settle(&mut world.session, world.now);
                keeps_in_debug(&ALL, &outcome);
                world.heed(wake);
            }
            keeps_in_debug(&ALL, &world.session);
            keeps_in_debug(&ALL, &world.session.status(world.now));
            keeps_in_debug(&ALL, &world.lease(Duration::ZERO));
            let logout = world.sign_out().unwrap();
            keeps_in_debug(&ALL, &logout);
            let in_flight = world.send(logout);
            keeps_in_debug(&ALL, in_flight.request().headers());
            keeps_in_display(&ALL, in_flight.request().uri());
            keeps_in_events(&mut world, &mut listener);
        }
    }

    #[test]
    fn every_header_that_holds_one_is_marked_as_sensitive() {
        for mut world in worlds() {
            sign_in(&mut world);
            for call in calls(&mut world) {
                let in_flight = world.send(call);
                for (name, value) in in_flight.request().headers() {
                    let shown = String::from_utf8_lossy(value.as_bytes());
                    let holds = ALL.iter().any(|secret| shown.contains(secret));
                    assert_eq!(value.is_sensitive(), holds, "{name}");
                }
                world.cancel(in_flight.id());
            }
        }
    }

    /// Whatever a server, or whoever stands in its place, may echo them in.
    fn echoes(text: &str) -> Vec<Response<Bytes>> {
        let entry = |code: &str| json!([{"code": code, "message": text}, {"message": text}]);
        let mut answers = vec![
            v3_errors(422, &json!({"code": "BDC_9999", "message": text})),
            v3_errors(422, &json!([{"code": text, "message": "x"}])),
            with_status(json_answer(&json!({"message": text})), 401),
            with_status(json_answer(&json!({"message": text})), 503),
            with_status(body(text.to_owned()), 500),
            body(format!("<html>{text}</html>")),
            json_answer(&json!(text)),
            json_answer(&json!([text])),
            json_answer(&json!({"results": text, "challengeId": [text], "trusted": text})),
            json_answer(&json!({"sessionId": [text]})),
            json_answer(&json!({"sessionId": text, "organizationId": text})),
            json_answer(&json!({text: 1})),
            body(format!("{{\"a\":\"{text}")),
            success(&json!(text)),
            success(&json!({"challengeId": [text], "trusted": text})),
            refusal_with("BDC_9999", text),
            refusal_with(text, "x"),
        ];
        for code in ["BDC_9999", "BDC_1361", "BDC_1356", "BDC_1101", "BDC_1144", "BDC_1322"] {
            answers.push(v3_errors(422, &entry(code)));
            answers.push(refusal_with(code, text));
        }
        answers.push(v3_errors(500, &entry("BDC_9999")));
        answers
    }

    fn texts() -> Vec<String> {
        let of = |form: fn(&str) -> String| ALL.map(form).join(" | ");
        vec![
            of(str::to_owned),
            of(|secret| form_urlencoded::byte_serialize(secret.as_bytes()).collect()),
            of(|secret| serde_json::Value::from(secret).to_string()),
        ]
    }

    #[test]
    fn no_answer_to_any_call_makes_an_error_show_them() {
        for text in texts() {
            for answer in echoes(&text) {
                for mut world in worlds() {
                    let mut listener = world.session.listen();
                    sign_in(&mut world);
                    if world.session.account().org_id().is_some() {
                        // The one of before is held as well.
                        world.replace(Principal::password(USER, PASSWORD).unwrap());
                        world.replace(Principal::password(USER, NEW_PASSWORD).unwrap());
                        world
                            .replace(Principal::console(USER, TOKEN).unwrap().remembered(device()));
                        sign_in(&mut world);
                    }
                    let held = held_by(&world);
                    for call in calls(&mut world) {
                        let id_of_call = call.name();
                        let Step::Exchange(in_flight) = world.step(call, 0) else { continue };
                        let mut held = held.clone();
                        match &*id_of_call {
                            "the answer to the MFA challenge" => held.push(CODE),
                            "the MFA step-up" => held.push(REMEMBER_ME),
                            _ => {}
                        }
                        let heard = in_flight.read::<Vec<u32>>(Ok(answer.clone()));
                        let shown = format!("{heard:?}");
                        keeps(&held, &shown);
                        let (outcome, wake) = heard.settle(&mut world.session, world.now);
                        world.heed(wake);
                        match outcome {
                            Outcome::Failed(error) => {
                                keeps(&held, &format!("{error} {error:?} {error:#?}"));
                            }
                            Outcome::Again(call) => {
                                keeps_in_debug(&held, &call);
                                world.cancel(call.id().unwrap());
                            }
                            Outcome::Mfa(outcome) => keeps_in_debug(&held, &outcome),
                            Outcome::Done(data) => assert!(data.is_empty(), "{data:?}"),
                        }
                        keeps_in_debug(&held, &world.session.phase(world.now));
                    }
                    for event in world.heard(&mut listener) {
                        keeps_in_debug(&held, &event);
                    }
                }
            }
        }
    }

    /// The secrets that a client of these knows to be such, so that it can keep them out of what a
    /// server says.
    fn held_by(world: &World) -> Vec<&'static str> {
        if world.session.account().org_id().is_some() {
            vec![USER, PASSWORD, NEW_PASSWORD, KEY, SESSION, TOKEN, REMEMBER_ME]
        } else {
            vec![USER, PASSWORD, APP_KEY, SESSION]
        }
    }

    #[test]
    fn no_answer_to_a_sign_in_makes_an_error_show_them() {
        for text in texts() {
            for answer in echoes(&text) {
                for mut world in worlds() {
                    let mut listener = world.session.listen();
                    sign_in(&mut world);
                    world.pass(Duration::from_secs(34 * 60));
                    let held: Vec<&str> =
                        match (world.session.account().org_id(), is_console(&world)) {
                            (None, _) => vec![USER, PASSWORD, APP_KEY, SESSION],
                            (_, true) => vec![USER, TOKEN, KEY, SESSION],
                            (_, false) => vec![USER, PASSWORD, KEY, SESSION, REMEMBER_ME],
                        };
                    let (sign_in, call) = world.begin(Call::sign_in(), 0);
                    let heard = sign_in.read(Ok(answer.clone()));
                    keeps_in_debug(&held, &heard);
                    let (ended, wake) = heard.settle(&mut world.session, world.now);
                    keeps_in_debug(&held, &ended);
                    world.heed(wake);
                    let step = world.step(call, 0);
                    keeps_in_debug(&held, &step);
                    if let Step::Refuse(error) = step {
                        keeps(&held, &format!("{error} {error:?}"));
                    }
                    for event in world.heard(&mut listener) {
                        keeps_in_debug(&held, &event);
                    }
                }
            }
        }
    }

    fn is_console(world: &World) -> bool {
        let account = world.session.account();
        account.remembered_device().is_none() && account.org_id().is_some()
    }

    #[test]
    fn neither_a_path_nor_a_query_takes_them_and_neither_repeats_them() {
        for mut world in worlds() {
            sign_in(&mut world);
            let held = held_by_all(&world);
            let account = Arc::clone(world.session.account());
            for secret in held {
                for (form, text) in forms(secret) {
                    if !matches!(
                        form,
                        "raw"
                            | "form-encoded"
                            | "percent-encoded"
                            | "percent-encoded in small letters"
                    ) {
                        continue;
                    }
                    let made = account.v3(Method::GET, &format!("/v3/x/{text}")).call(&account);
                    keeps_in_errors(&Error::from(made.unwrap_err()));
                    let made = account.v3(Method::GET, "/v3/x").query("q", &text).call(&account);
                    let misuse = made.expect_err(form);
                    keeps_in_errors(&Error::from(misuse));
                    let made = account.v3(Method::GET, "/v3/x").query(&text, "x").call(&account);
                    let misuse = made.expect_err(form);
                    keeps_in_errors(&Error::from(misuse));
                    let query = [(text.clone(), text.clone())];
                    let made = account.upload("/v3/x", &query, Repeatable::Yes);
                    keeps_in_errors(&Error::from(made.unwrap_err()));
                }
            }
        }
    }

    fn held_by_all(world: &World) -> Vec<&'static str> {
        match (world.session.account().org_id(), is_console(world)) {
            (None, _) => vec![USER, PASSWORD, APP_KEY, SESSION],
            (_, true) => vec![USER, TOKEN, KEY, SESSION],
            (_, false) => vec![USER, PASSWORD, KEY, SESSION, REMEMBER_ME],
        }
    }

    #[test]
    fn a_server_that_repeats_them_percent_encoded_is_not_repeated_either() {
        for form in ["percent-encoded", "percent-encoded in small letters"] {
            let mut world = world();
            let (sign_in, call) = world.begin(Call::sign_in(), 0);
            let _stored = world.answer_sign_in(sign_in, Ok(welcome()));
            assert!(matches!(world.step(call, 0), Step::Ready(_)));
            let held = [USER, PASSWORD, KEY, SESSION];
            let echo = |secret: &str| forms(secret).into_iter().find(|(name, _)| *name == form);
            let text = held.map(|secret| echo(secret).unwrap().1).join(" | ");
            let call = world.call();
            let error = world.error_of(call, Ok(refusal_with("BDC_9999", &text)));
            keeps(&held, &format!("{error} {error:?}"));
        }
    }
}
