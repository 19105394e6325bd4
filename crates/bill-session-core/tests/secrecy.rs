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
