//! An error says whose doing it is and tells its whole story once; many waiters can share it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on ends"
)]

mod support;

use std::error::Error as StdError;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bill_session_core::{
    ApiError, Blame, Call, Cause, DecodeError, Error, ErrorEntry, ForeignAnswer,
    InvalidEnvironment, InvalidField, MfaCode, MfaOutcome, Misuse, Page, Principal, Remember,
    Repeatable, TransportError,
};
use http::Method;
use serde_json::json;
use support::{
    World, body, json_answer, page, refusal, silence, success, v3_errors, v3_refusal, with_header,
    with_status,
};

fn io_error(text: &'static str) -> io::Error {
    io::Error::other(text)
}

/// An error of each kind that a call can end with.
fn one_of_each() -> Vec<(Error, Blame)> {
    let of_call = |answer| {
        let mut world = World::signed_in();
        let call = world.call();
        let in_flight = world.send(call);
        let (outcome, _wake) =
            in_flight.read::<Vec<u32>>(answer).settle(&mut world.session, world.now);
        match outcome {
            bill_session_core::Outcome::Failed(error) => error,
            other => panic!("{other:?}"),
        }
    };
    let of_sign_in = |answer| {
        let mut world = World::new();
        let call = world.call();
        let call = world.sign_in_answered(call, answer);
        world.refused(call)
    };
    let mut world = World::signed_in();
    let _flying = world.send_many(3);
    let waits = world.line_up(1, 1).remove(0);
    let late = world.call().deadline(Duration::from_secs(1));
    let late = world.wait(late, 2);
    let _logout = world.sign_out();
    let signed_out = world.refused(waits);
    let _signed_out = world.refused(late);
    let late = world.call().deadline(Duration::ZERO);
    let deadline = world.refused(late);
    vec![
        (of_call(Ok(refusal("BDC_9999"))), Blame::Server),
        (of_call(Ok(refusal("BDC_1361"))), Blame::Server),
        (of_call(Ok(refusal("BDC_1144"))), Blame::Server),
        (of_call(Ok(page(503))), Blame::Server),
        (of_call(Ok(with_status(body(""), 302))), Blame::Server),
        (of_call(Ok(body(r#"{"response_status":0,"response_data":1}"#))), Blame::Caller),
        (of_call(silence()), Blame::Network),
        (of_call(Err(TransportError::connect(io_error("refused")))), Blame::Network),
        (of_call(Err(TransportError::other(io_error("reset")))), Blame::Network),
        (of_call(Err(TransportError::too_large())), Blame::Network),
        (of_sign_in(Ok(refusal("BDC_1101"))), Blame::Server),
        (of_sign_in(Ok(page(200))), Blame::Server),
        (of_sign_in(Ok(refusal("BDC_1144"))), Blame::Server),
        (of_sign_in(Err(TransportError::connect(io_error("unknown issuer")))), Blame::Network),
        (signed_out, Blame::Caller),
        (deadline, Blame::Network),
        (Error::from(Misuse::PathQuery), Blame::Caller),
    ]
}

/// Errors of kinds that came with v3, MFA and uploads, and the names of their calls.
fn one_of_each_newer() -> Vec<(Error, Blame, &'static str)> {
    const ANSWER: &str = "the answer to the MFA challenge";
    let of_v3 = |answer| {
        let mut world = World::v3_signed_in();
        let call = world.vendors();
        world.error_of(call, answer)
    };
    let challenged = |world: &mut World| {
        let answer = success(&json!({"challengeId": "1"}));
        match world.mfa(Call::challenge(false), answer) {
            MfaOutcome::Challenged(challenge) => challenge,
            MfaOutcome::Trusted(_) => panic!("expected a challenge"),
        }
    };
    let answered = |code: &str| {
        let mut world = World::signed_in();
        let challenge = challenged(&mut world);
        let code_of_user = MfaCode::new("271828").unwrap();
        let call = Call::validate(challenge, code_of_user, Remember::No);
        world.error_of(call, Ok(refusal(code)))
    };
    let mut world = World::signed_in();
    let challenge = challenged(&mut world);
    world.lose_session();
    let code_of_user = MfaCode::new("271828").unwrap();
    let changed = world.refused(Call::validate(challenge, code_of_user, Remember::No));
    let account = Arc::clone(world.session.account());
    let mut pages = account.v3(Method::GET, "/v3/vendors").pages();
    let page_of = |next: &str| {
        let text = format!(r#"{{"results":[1],"nextPage":"{next}"}}"#);
        serde_json::from_str::<Page<u32>>(&text).unwrap()
    };
    assert!(pages.page_read(page_of("x")).is_ok());
    let repeated = pages.page_read(page_of("x")).unwrap_err();
    let mut world = World::signed_in();
    let upload = account.upload("/v3/documents", &[], Repeatable::Once).unwrap();
    let content = world.error_of(upload, Err(TransportError::content(io_error("disk"))));
    let mut world = World::signed_in();
    let call = world.call();
    let answer = with_header(refusal("BDC_1144"), "date", "Sun, 06 Nov 1994 08:49:37 GMT");
    let limited = world.error_of(call, Ok(answer));
    let orgs = World::new().session.account().list_orgs().unwrap();
    let listing = World::new().error_of(orgs, Ok(refusal("BDC_1144")));
    vec![
        (of_v3(Ok(v3_refusal(422, "BDC_9999"))), Blame::Server, "GET /v3/vendors"),
        (of_v3(Ok(v3_refusal(403, "BDC_1361"))), Blame::Server, "GET /v3/vendors"),
        (of_v3(Ok(v3_refusal(429, "BDC_1144"))), Blame::Server, "GET /v3/vendors"),
        (of_v3(Ok(v3_errors(422, &json!([{"message": "x"}])))), Blame::Server, "GET /v3/vendors"),
        (
            of_v3(Ok(v3_errors(422, &json!([{"code": "A", "message": "x"}, {"message": "y"}])))),
            Blame::Server,
            "GET /v3/vendors",
        ),
        (
            of_v3(Ok(with_status(json_answer(&json!({"message": "Unauthorized"})), 401))),
            Blame::Server,
            "GET /v3/vendors",
        ),
        (of_v3(silence()), Blame::Network, "GET /v3/vendors"),
        (of_v3(Err(TransportError::lookup(io_error("no such host")))), Blame::Network, "GET /v3"),
        (answered("BDC_1356"), Blame::Server, ANSWER),
        (answered("BDC_1358"), Blame::Server, ANSWER),
        (changed, Blame::Caller, ANSWER),
        (repeated, Blame::Server, "GET /v3/vendors"),
        (content, Blame::Caller, "POST /v3/documents"),
        (limited, Blame::Server, "List/Vendor"),
        (listing, Blame::Server, "ListOrgs"),
    ]
}

#[test]
fn the_newer_errors_are_as_good_as_the_others() {
    for (error, blame, name) in one_of_each_newer() {
        let text = error.to_string();
        assert_eq!(error.blame(), blame, "{text}");
        assert!(text.contains(name), "{text}");
        assert!(!text.contains('\n') && !text.ends_with('.'), "{text}");
        assert!(!text.is_empty() && text == text.trim());
        let mut above = text;
        let mut next = error.source();
        while let Some(source) = next {
            let text = source.to_string();
            assert!(!above.contains(&text), "{text:?} is repeated in {above:?}");
            above = text;
            next = source.source();
        }
        assert_eq!(error.clone().to_string(), error.to_string());
    }
}

#[test]
fn the_code_of_a_newer_error_is_found_as_well() {
    let code = |error: &Error| error.code().and_then(bill_session_core::Code::number);
    let codes: Vec<_> = one_of_each_newer().iter().map(|(error, ..)| code(error)).collect();
    let expected = [9999, 1361, 1144, 0, 0, 0, 0, 0, 1356, 1358, 0, 0, 0, 1144, 1144]
        .map(|number: u32| (number > 0).then_some(number));
    assert_eq!(codes, expected);
}

#[test]
fn what_is_advised_fits_what_went_wrong() {
    for (code, advice) in [
        ("BDC_1356", "another challenge"),
        ("BDC_1358", "wait"),
        ("BDC_1361", "signing in again would not help"),
        ("BDC_1144", "next clock hour"),
        ("BDC_1322", "three calls"),
        ("BDC_1121", "case-sensitive"),
    ] {
        let code = bill_session_core::Code::new(code).unwrap();
        assert!(code.advice().unwrap().contains(advice), "{code}");
    }
}

#[test]
fn an_entry_is_shown_with_what_it_has() {
    let mut world = World::v3_signed_in();
    let call = world.vendors();
    let entries = json!([{"code": "A_1", "message": "one"}, {"code": "B_2", "message": ""},
                         {"message": "three"}]);
    let error = world.error_of(call, Ok(v3_errors(422, &entries)));
    let Error::Api(api) = &error else { panic!("{error:?}") };
    let others: Vec<ErrorEntry> = api.others().to_vec();
    assert_eq!(others.len(), 2);
    let text = error.to_string();
    assert!(text.contains("A_1 (one)"), "{text}");
    assert!(text.contains("B_2") && text.contains("(three)"), "{text}");
    assert!(!text.contains("()"), "an empty message is not shown as one: {text}");
}

#[test]
fn errors_can_be_sent_shared_kept_and_cloned() {
    fn whole<T: Send + Sync + Clone + StdError + 'static>() {}
    whole::<Error>();
    whole::<Cause>();
    whole::<ApiError>();
    whole::<TransportError>();
    whole::<DecodeError>();
    whole::<Misuse>();
    whole::<InvalidField>();
    whole::<InvalidEnvironment>();
    fn plain<T: Send + Sync + Clone + 'static>() {}
    plain::<ForeignAnswer>();
    plain::<Blame>();
}

#[test]
fn what_adapters_move_between_threads_can_be_moved() {
    fn moves<T: Send + 'static>() {}
    moves::<Call>();
    moves::<bill_session_core::Session<usize>>();
    moves::<bill_session_core::Step>();
    moves::<bill_session_core::SignIn>();
    moves::<bill_session_core::HeardSignIn>();
    moves::<bill_session_core::Heard<Vec<u8>>>();
    moves::<bill_session_core::Lease>();
    fn shared<T: Send + Sync + 'static>() {}
    shared::<bill_session_core::Account>();
    shared::<bill_session_core::KeyLimits>();
}

#[test]
fn every_error_knows_whose_doing_it_is() {
    for (error, blame) in one_of_each() {
        assert_eq!(error.blame(), blame, "{error}");
    }
}

#[test]
fn no_error_repeats_what_its_source_says() {
    for (error, _) in one_of_each() {
        let mut above = error.to_string();
        let mut next = error.source();
        while let Some(source) = next {
            let text = source.to_string();
            assert!(!above.contains(&text), "{text:?} is repeated in {above:?}");
            above = text;
            next = source.source();
        }
    }
}

#[test]
fn the_transports_own_error_is_the_source_of_what_it_caused() {
    let mut world = World::new();
    let call = world.call();
    let answer = Err(TransportError::connect(io_error("certificate unknown")));
    let call = world.sign_in_answered(call, answer);
    let error = world.refused(call);
    assert_eq!(error.source().unwrap().to_string(), "certificate unknown");
    assert!(error.source().unwrap().is::<io::Error>());
    let Error::NoSession { cause, .. } = &error else { panic!("{error:?}") };
    assert_eq!(cause.source().unwrap().to_string(), "certificate unknown");
}

#[test]
fn an_error_is_a_fragment_of_one_line_without_a_stop_at_its_end() {
    for (error, _) in one_of_each() {
        let text = error.to_string();
        assert!(!text.contains('\n') && !text.ends_with('.'), "{text}");
        assert!(!text.is_empty() && text == text.trim());
    }
}

#[test]
fn an_error_names_the_call_that_it_ended() {
    for (error, _) in one_of_each() {
        if !matches!(error, Error::Misuse(_)) {
            assert!(error.to_string().contains("List/Vendor"), "{error}");
        }
    }
}

#[test]
fn a_transport_error_tells_a_timeout_from_a_refused_connection_and_an_answer_too_long() {
    let timeout = TransportError::timeout(io_error("x"));
    let connect = TransportError::connect(io_error("x"));
    let too_large = TransportError::too_large();
    assert!(timeout.is_timeout() && !timeout.is_connect() && !timeout.is_too_large());
    assert!(!connect.is_timeout() && connect.is_connect() && !connect.is_too_large());
    assert!(!too_large.is_timeout() && !too_large.is_connect() && too_large.is_too_large());
    let lookup = TransportError::lookup(io_error("x"));
    assert!(lookup.is_lookup() && lookup.is_connect() && !lookup.is_timeout());
    let slow = TransportError::connect_timeout(io_error("x"));
    assert!(slow.is_connect() && slow.is_timeout() && !slow.is_lookup());
    let content = TransportError::content(io_error("x"));
    assert!(content.is_content() && !content.is_connect() && !content.is_timeout());
    assert!(![timeout, connect, too_large, lookup, slow].iter().any(TransportError::is_content));
}

#[test]
fn a_call_that_was_not_sent_says_so_and_one_that_may_have_been_says_that() {
    let mut world = World::signed_in();
    let call = world.call();
    let in_flight = world.send(call);
    let error = world.fails(in_flight, Err(TransportError::connect(io_error("x"))));
    assert!(error.to_string().contains("was not sent"), "{error}");
    let call = world.call();
    let in_flight = world.send(call);
    let error = world.fails(in_flight, silence());
    assert!(error.to_string().contains("its outcome is unknown"), "{error}");
}

#[test]
fn the_code_that_bill_gave_is_found_in_whatever_error_it_led_to() {
    let mut world = World::new();
    let call = world.call();
    let call = world.sign_in_answered(call, Ok(refusal("BDC_1101")));
    assert_eq!(world.refused(call).code().unwrap().as_str(), "BDC_1101");
    let mut world = World::signed_in();
    let call = world.call();
    let in_flight = world.send(call);
    let error = world.fails(in_flight, Ok(refusal("BDC_1144")));
    assert_eq!(error.code().unwrap().as_str(), "BDC_1144");
}

#[test]
fn only_what_new_credentials_or_an_administrator_can_mend_is_permanent() {
    for (code, permanent) in [
        ("BDC_1101", true),
        ("BDC_1102", true),
        ("BDC_1105", true),
        ("BDC_1107", true),
        ("BDC_1109", false),
        ("BDC_1144", false),
        ("BDC_1322", false),
        ("BDC_1361", false),
        ("BDC_9999", false),
    ] {
        let mut world = World::new();
        let call = world.call();
        let call = world.sign_in_answered(call, Ok(refusal(code)));
        let cause = match world.session.phase(world.now) {
            bill_session_core::Phase::Refused { cause }
            | bill_session_core::Phase::Failed { cause, .. } => cause,
            other => panic!("{other:?}"),
        };
        assert_eq!(cause.is_permanent(), permanent, "{code}");
        world.cancel(call.id().unwrap());
    }
}

#[test]
fn a_shared_cause_is_one_and_the_same() {
    let mut world = World::new();
    let call = world.call();
    let (sign_in, first) = world.begin(call, 0);
    let second = world.line_up(1, 1).remove(0);
    let _failed = world.answer_sign_in(sign_in, silence());
    let (one, other) = (world.no_session(first), world.no_session(second));
    assert!(Arc::ptr_eq(&one, &other));
}

#[test]
fn a_wrong_key_says_all_that_it_may_be() {
    let mut world = World::new();
    let call = world.call();
    let call = world.sign_in_answered(call, Ok(refusal("BDC_1102")));
    let text = world.refused(call).to_string();
    for part in ["mistyped", "environment", "enabled", "white space"] {
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn an_invalid_field_is_an_error_like_any_other() {
    let error: Box<dyn StdError> = Principal::password("", "x").unwrap_err().into();
    assert_eq!(error.to_string(), "userName is empty");
    assert!(error.source().is_none());
}
