//! Trust belongs to a session, a challenge to the session that asked for it, and the code to nobody else.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on ends"
)]

mod support;

use std::sync::Arc;
use std::time::Duration;

use bill_session_core::{
    Call, Challenge, Error, Event, MfaCode, MfaOutcome, OrgId, Outcome, Phase, Principal, Remember,
    RememberedDevice, Renewal, SignIn, SignInEnded, SignInWith, Step, TransportError, Why,
};
use bytes::Bytes;
use http::{Method, Request, Response};
use serde_json::{Value, json};
use support::{
    World, body, data_of, done, field, field_names, first_instant, json_answer, json_of, page,
    password, refusal, refusal_with, settings, silence, success, v3_account, v3_errors, v3_refusal,
    with_status,
};

const MINUTE: Duration = Duration::from_secs(60);
const CODE: &str = "271828";
const BOTH: [SignInWith; 2] = [SignInWith::V2, SignInWith::V3];

fn code() -> MfaCode {
    MfaCode::new(CODE).unwrap()
}

fn device() -> RememberedDevice {
    RememberedDevice::new("demo-remember-me", "demo-device").unwrap()
}

/// A success with this data, in the form of the API that the request went to.
fn ok(request: &Request<Bytes>, data: &Value) -> Response<Bytes> {
    if is_v3(request) { json_answer(data) } else { success(data) }
}

/// A refusal in the form of the API that the request went to.
fn no(request: &Request<Bytes>, status: u16, code: &str) -> Response<Bytes> {
    if is_v3(request) { v3_refusal(status, code) } else { refusal(code) }
}

fn is_v3(request: &Request<Bytes>) -> bool {
    request.uri().path().starts_with("/connect/v3/")
}

/// Asks for a challenge, and gets it.
fn challenged(world: &mut World) -> Challenge {
    let in_flight = world.send(Call::challenge(false));
    let answer = ok(&in_flight.request(), &json!({"challengeId": "challenge-1"}));
    match world.answer(in_flight, Ok(answer)) {
        Outcome::Mfa(MfaOutcome::Challenged(challenge)) => challenge,
        other => panic!("expected a challenge, got {other:?}"),
    }
}

fn validate(challenge: Challenge) -> Call {
    Call::validate(challenge, code(), Remember::device("demo-device"))
}

/// Answers a challenge so that BILL remembers the device; returns what is remembered.
fn trust(world: &mut World) -> Option<Arc<RememberedDevice>> {
    let challenge = challenged(world);
    let in_flight = world.send(validate(challenge));
    let id = if is_v3(&in_flight.request()) { "rememberMeId" } else { "mfaId" };
    let answer = ok(&in_flight.request(), &json!({id: "demo-remember-me"}));
    match world.answer(in_flight, Ok(answer)) {
        Outcome::Mfa(MfaOutcome::Trusted(device)) => device,
        other => panic!("expected to be trusted, got {other:?}"),
    }
}

/// The remembered device that a sign-in carries: id and name.
fn device_in(sign_in: &SignIn) -> Option<(String, String)> {
    let request = sign_in.request();
    let both = if is_v3(&request) {
        let sent = json_of(&request);
        let text = |key: &str| sent.get(key).map(|value| value.as_str().unwrap().to_owned());
        (text("rememberMeId"), text("device"))
    } else {
        (field(&request, "mfaId"), field(&request, "deviceId"))
    };
    match both {
        (Some(id), Some(device)) => Some((id, device)),
        (None, None) => None,
        half => panic!("half a device: {half:?}"),
    }
}

fn demo_device() -> Option<(String, String)> {
    Some(("demo-remember-me".to_owned(), "demo-device".to_owned()))
}

fn worlds() -> impl Iterator<Item = World> {
    BOTH.into_iter().map(World::signed_in_by)
}

mod trust_of_a_session {
    use super::*;

    #[test]
    fn is_what_a_v3_sign_in_says_and_unknown_when_it_does_not_say() {
        for said in [Some(true), Some(false), None] {
            let mut world = World::v3();
            world.sign_in_trusted(said);
            assert_eq!(world.trusted(), said);
        }
    }

    #[test]
    fn is_unknown_after_a_v2_sign_in_until_bill_says_otherwise() {
        let mut world = World::signed_in();
        assert_eq!(world.trusted(), None);
        world.use_session();
        assert_eq!(world.trusted(), None);
        let _device = trust(&mut world);
        assert_eq!(world.trusted(), Some(true));
        let call = world.call();
        let error = world.error_of(call, Ok(refusal("BDC_1361")));
        assert!(matches!(error, Error::Untrusted(_)), "{error:?}");
        assert_eq!(world.trusted(), Some(false));
    }

    #[test]
    fn is_lost_by_a_1361_which_makes_no_sign_in_and_leaves_the_session_in_use() {
        for mut world in worlds() {
            let _device = trust(&mut world);
            let call = world.vendors();
            let error = world.error_of(call, Ok(v3_refusal(403, "BDC_1361")));
            assert!(matches!(error, Error::Untrusted(_)), "{error:?}");
            assert_eq!(world.trusted(), Some(false));
            assert_eq!(world.session_in_use(), "session-1");
            assert_eq!(world.sign_ins(), 1);
        }
    }

    #[test]
    fn is_not_handed_on_to_the_next_session() {
        for mut world in worlds() {
            let _device = trust(&mut world);
            world.lose_session();
            world.sign_in();
            assert_eq!(world.trusted(), None, "nobody has said so of this one");
        }
    }

    #[test]
    fn is_not_changed_by_an_answer_to_a_call_of_an_earlier_session() {
        let mut world = World::v3();
        world.sign_in_trusted(Some(false));
        let challenge = challenged(&mut world);
        let late = world.send(validate(challenge));
        let call = world.vendors();
        let later = world.send(call);
        world.lose_session();
        world.sign_in_trusted(Some(true));
        let _error = world.fails(later, Ok(v3_refusal(403, "BDC_1361")));
        assert_eq!(world.trusted(), Some(true), "the 1361 is about the session of before");
        world.lose_session();
        world.sign_in_trusted(Some(false));
        let answer = json_answer(&json!({"rememberMeId": "demo-remember-me"}));
        let error = world.fails(late, Ok(answer));
        assert!(matches!(error, Error::SessionChanged { .. }), "{error:?}");
        assert_eq!(world.trusted(), Some(false), "and so is this trust");
    }

    #[test]
    fn is_told_by_the_status_that_a_v3_keep_alive_reads() {
        for (status, trusted) in [
            (json!("COMPLETE"), Some(true)),
            (json!("DISABLED"), Some(false)),
            (json!("SETUP"), Some(false)),
            (json!("CHALLENGE"), Some(false)),
            (json!("UNDEFINED"), None),
            (json!("SOMETHING_NEW"), None),
            (json!(null), None),
        ] {
            let mut world =
                World::v3_with(settings(|settings| settings.renewal = Renewal::KeepAlive));
            world.sign_in();
            world.now = world.session.renew_at().unwrap();
            let call = Call::renewal(&world.session);
            let in_flight = world.send(call);
            let request = in_flight.request();
            assert_eq!(request.method(), Method::GET);
            assert_eq!(request.uri(), "https://gateway.stage.bill.com/connect/v3/login/session");
            let answer = json_answer(&json!({
                "organizationId": support::ORG, "userId": "006", "mfaStatus": status,
                "mfaBypass": false,
            }));
            assert!(matches!(world.answer(in_flight, Ok(answer)), Outcome::Done(_)));
            assert_eq!(world.trusted(), trusted, "{status}");
        }
    }

    #[test]
    fn stays_as_it_is_when_a_keep_alive_does_not_say() {
        for answer in
            [json_answer(&json!({})), body(""), json_answer(&json!({"mfaStatus": "UNDEFINED"}))]
        {
            let mut world =
                World::v3_with(settings(|settings| settings.renewal = Renewal::KeepAlive));
            world.sign_in_trusted(Some(true));
            world.now = world.session.renew_at().unwrap();
            let call = Call::renewal(&world.session);
            let in_flight = world.send(call);
            assert!(matches!(world.answer(in_flight, Ok(answer)), Outcome::Done(_)));
            assert_eq!(world.trusted(), Some(true));
        }
    }

    #[test]
    fn is_a_matter_of_the_session_alone_and_not_of_a_failed_sign_in() {
        let mut world = World::v3();
        world.sign_in_trusted(Some(true));
        let _logout = world.sign_out();
        let call = world.call();
        let _call = world.sign_in_answered(call, silence());
        assert!(matches!(world.session.phase(world.now), Phase::Failed { .. }));
    }
}

mod the_requests {
    use super::*;

    #[test]
    fn of_a_v2_challenge_carry_the_session_in_the_form() {
        for backup in [false, true] {
            let mut world = World::signed_in();
            let request = world.send(Call::challenge(backup)).request();
            assert_eq!(request.method(), Method::POST);
            assert_eq!(request.uri(), "https://api-stage.bill.com/api/v2/MFAChallenge.json");
            assert_eq!(field_names(&request), ["devKey", "sessionId", "data"]);
            assert_eq!(field(&request, "sessionId").unwrap(), "session-1");
            assert_eq!(data_of(&request), json!({"useBackup": backup}));
        }
    }

    #[test]
    fn of_a_v3_challenge_carry_the_session_in_headers_and_the_word_as_a_string() {
        for (backup, word) in [(false, "false"), (true, "true")] {
            let mut world = World::v3_signed_in();
            let request = world.send(Call::challenge(backup)).request();
            assert_eq!(request.method(), Method::POST);
            assert_eq!(request.uri(), "https://gateway.stage.bill.com/connect/v3/mfa/challenge");
            assert_eq!(request.headers()["sessionId"], "session-1");
            assert_eq!(request.headers()["devKey"], "demo-dev-key");
            assert_eq!(request.headers()["content-type"], "application/json");
            assert_eq!(json_of(&request), json!({"useBackup": word}));
        }
    }

    #[test]
    fn of_a_v2_answer_carry_the_code_in_the_data_and_nowhere_else() {
        let mut world = World::signed_in();
        let challenge = challenged(&mut world);
        let remember =
            Remember::Device { device: "an \"id\"".into(), machine_name: "Büro & Co".into() };
        let in_flight = world.send(Call::validate(challenge, code(), remember));
        let request = in_flight.request();
        assert_eq!(request.uri(), "https://api-stage.bill.com/api/v2/MFAAuthenticate.json");
        assert_eq!(field_names(&request), ["devKey", "sessionId", "data"]);
        assert_eq!(
            data_of(&request),
            json!({
                "challengeId": "challenge-1", "token": CODE, "deviceId": "an \"id\"",
                "machineName": "Büro & Co", "rememberMe": true,
            })
        );
    }

    #[test]
    fn of_a_v3_answer_carry_the_code_in_the_document_and_nowhere_else() {
        let mut world = World::v3_signed_in();
        let challenge = challenged(&mut world);
        let remember =
            Remember::Device { device: "an \"id\"".into(), machine_name: "Büro & Co".into() };
        let request = world.send(Call::validate(challenge, code(), remember)).request();
        assert_eq!(request.method(), Method::POST);
        assert_eq!(
            request.uri(),
            "https://gateway.stage.bill.com/connect/v3/mfa/challenge/validate"
        );
        assert_eq!(
            json_of(&request),
            json!({
                "challengeId": "challenge-1", "token": CODE, "device": "an \"id\"",
                "machineName": "Büro & Co", "rememberMe": true,
            })
        );
        assert!(!format!("{:?}", request.headers()).contains(CODE));
    }

    #[test]
    fn of_an_answer_that_is_not_to_be_remembered_say_so_in_both_apis() {
        for mut world in worlds() {
            let challenge = challenged(&mut world);
            let in_flight = world.send(Call::validate(challenge, code(), Remember::No));
            let request = in_flight.request();
            let sent = if is_v3(&request) { json_of(&request) } else { data_of(&request) };
            assert_eq!(sent["rememberMe"], json!(false));
            let answer = ok(&request, &json!({}));
            let outcome = world.answer(in_flight, Ok(answer));
            assert!(matches!(outcome, Outcome::Mfa(MfaOutcome::Trusted(None))), "{outcome:?}");
            assert_eq!(world.trusted(), Some(true));
            assert!(world.session.account().remembered_device().is_none());
        }
    }

    #[test]
    fn of_a_step_up_go_to_v3_whichever_api_made_the_session() {
        for mut world in worlds() {
            let in_flight = world.send(Call::step_up(device()));
            let request = in_flight.request();
            assert_eq!(request.method(), Method::POST);
            assert_eq!(request.uri(), "https://gateway.stage.bill.com/connect/v3/mfa/step-up");
            assert_eq!(request.headers()["sessionId"], "session-1");
            assert!(request.headers()["sessionId"].is_sensitive());
            assert_eq!(
                json_of(&request),
                json!({"rememberMeId": "demo-remember-me", "device": "demo-device"})
            );
            let answer = json_answer(&json!({"trusted": true}));
            let outcome = world.answer(in_flight, Ok(answer));
            assert!(matches!(outcome, Outcome::Mfa(MfaOutcome::Trusted(Some(_)))), "{outcome:?}");
            assert_eq!(world.trusted(), Some(true));
        }
    }

    #[test]
    fn have_no_query_and_no_secret_in_their_urls() {
        for mut world in worlds() {
            let challenge = challenged(&mut world);
            let calls = [Call::challenge(true), validate(challenge), Call::step_up(device())];
            for call in calls {
                let in_flight = world.send(call);
                let uri = in_flight.request().uri().to_string();
                for secret in [CODE, "session-1", "demo-dev-key", "demo-remember-me", "?"] {
                    assert!(!uri.contains(secret), "{uri}");
                }
                world.cancel(in_flight.id());
            }
        }
    }
}

mod answers {
    use super::*;

    #[test]
    fn without_what_they_should_hold_are_no_success() {
        for mut world in worlds() {
            for data in [json!({}), json!({"challengeId": null}), json!({"challengeId": ""})] {
                let in_flight = world.send(Call::challenge(false));
                let answer = ok(&in_flight.request(), &data);
                let error = world.fails(in_flight, Ok(answer));
                assert!(matches!(error, Error::Decode { .. }), "{error:?}");
            }
            for data in [json!({}), json!({"trusted": false}), json!({"trusted": null})] {
                let error = world.error_of(Call::step_up(device()), Ok(json_answer(&data)));
                assert!(matches!(error, Error::Decode { .. }), "{error:?}");
                assert_ne!(world.trusted(), Some(true));
            }
        }
    }

    #[test]
    fn that_give_nothing_to_remember_make_the_session_trusted_all_the_same() {
        for mut world in worlds() {
            for data in [json!(null), json!({}), json!({"rememberMeId": ""}), json!({"mfaId": ""})]
            {
                let challenge = challenged(&mut world);
                let in_flight = world.send(validate(challenge));
                let answer = ok(&in_flight.request(), &data);
                let outcome = world.answer(in_flight, Ok(answer));
                assert!(matches!(outcome, Outcome::Mfa(MfaOutcome::Trusted(None))), "{outcome:?}");
                assert_eq!(world.trusted(), Some(true));
            }
        }
    }

    #[test]
    fn that_are_not_bills_make_nothing_trusted() {
        for mut world in worlds() {
            for answer in [page(200), page(503), body("{\"tru"), with_status(body(""), 302)] {
                let challenge = challenged(&mut world);
                let error = world.error_of(validate(challenge), Ok(answer));
                assert!(matches!(error, Error::NotBill { .. }), "{error:?}");
                assert_eq!(world.trusted(), None);
                assert!(world.session.account().remembered_device().is_none());
            }
        }
    }

    #[test]
    fn that_the_code_is_too_old_or_one_too_many_are_an_error_of_their_own() {
        for mut world in worlds() {
            for (number, advice) in [(1356, "another challenge"), (1358, "wait")] {
                let challenge = challenged(&mut world);
                let in_flight = world.send(validate(challenge));
                let answer = no(&in_flight.request(), 422, &format!("BDC_{number}"));
                let error = world.fails(in_flight, Ok(answer));
                assert!(matches!(error, Error::MfaCode(_)), "{error:?}");
                assert_eq!(error.code().unwrap().number(), Some(number));
                assert!(error.to_string().contains(advice), "{error}");
                assert_ne!(world.trusted(), Some(true));
                assert_eq!(world.session_in_use(), "session-1", "the session lives");
            }
        }
    }

    #[test]
    fn restart_the_idle_timer_like_any_other() {
        for mut world in worlds() {
            world.pass(20 * MINUTE);
            let _challenge = challenged(&mut world);
            world.pass(20 * MINUTE);
            assert_eq!(world.session_in_use(), "session-1");
        }
    }
}

mod outcomes {
    use bill_session_core::Finished;

    use super::*;

    #[test]
    fn are_taken_for_what_they_are_and_for_nothing_else() {
        let mut world = World::signed_in();
        let challenge = challenged(&mut world);
        let challenged = || MfaOutcome::Challenged(challenge.clone());
        let trusted = || MfaOutcome::Trusted(Some(Arc::new(device())));
        assert!(challenged().challenge().is_ok());
        assert!(matches!(trusted().challenge(), Err(Error::Decode { .. })));
        assert_eq!(trusted().device().unwrap().device(), "demo-device");
        assert!(challenged().device().is_none());
        assert!(MfaOutcome::Trusted(None).device().is_none());
        assert!(Finished::<Value>::Mfa(trusted()).mfa().is_ok());
        assert!(Finished::<Value>::Mfa(trusted()).lease().is_err());
        let not_mfa = [Finished::Nothing, Finished::Answer(json!(1))];
        for finished in not_mfa {
            assert!(matches!(finished.mfa(), Err(Error::Decode { .. })));
        }
    }
}

mod an_answer_to_a_challenge {
    use super::*;

    type Change = fn(&mut World);

    /// Ways in which the session of a challenge goes.
    const CHANGES: [(&str, Change); 6] = [
        ("1109", |world| world.lose_session()),
        ("1109, and a new session", |world| {
            world.lose_session();
            world.sign_in();
        }),
        ("idle for too long", |world| world.pass(34 * MINUTE)),
        ("signed out", |world| drop(world.sign_out())),
        ("signed out and in", |world| {
            drop(world.sign_out());
            world.sign_in();
        }),
        ("replaced credentials", |world| world.replace(password())),
    ];

    #[test]
    fn is_not_sent_once_its_session_has_gone_and_makes_no_sign_in() {
        for (change, go) in CHANGES {
            for mut world in worlds() {
                let challenge = challenged(&mut world);
                go(&mut world);
                let (made, used) = (world.sign_ins(), world.session.account().key_limits());
                let calls = used.calls(world.now);
                let error = world.refused(validate(challenge));
                assert!(matches!(error, Error::SessionChanged { .. }), "{change}: {error:?}");
                assert!(error.to_string().contains("ask for another"), "{error}");
                assert_eq!(world.sign_ins(), made, "{change}");
                let calls_now = world.session.account().key_limits().calls(world.now);
                assert_eq!(calls_now, calls, "{change}: nothing was sent");
                assert_eq!((world.session.in_flight(), world.session.waiting()), (0, 0));
            }
        }
    }

    #[test]
    fn that_waits_for_a_slot_ends_when_its_session_goes_and_makes_no_sign_in() {
        for mut world in worlds() {
            let challenge = challenged(&mut world);
            let mut flying = world.send_many(3);
            let waiting = world.wait(validate(challenge), 7);
            let behind = world.line_up(8, 1).remove(0);
            let again = world.again(flying.remove(0), refusal("BDC_1109"));
            let error = world.refused(waiting);
            assert!(matches!(error, Error::SessionChanged { .. }), "{error:?}");
            assert_eq!(world.sign_ins(), 1);
            // What it may have been assigned has passed on.
            let (sign_in, again) = world.begin(again, 0);
            let _stored = world.welcome(sign_in);
            let first = world.send(again);
            world.finish(first);
            let in_flight = world.send(behind);
            world.finish(in_flight);
        }
    }

    #[test]
    fn that_was_assigned_the_slot_of_a_sign_in_passes_it_on() {
        for mut world in worlds() {
            let challenge = challenged(&mut world);
            let mut flying = world.send_many(3);
            let first = world.wait(validate(challenge), 7);
            let second = world.line_up(8, 1).remove(0);
            // All three end with an invalid session, and their callers have gone away.
            for in_flight in flying.drain(..) {
                let call = world.again(in_flight, refusal("BDC_1109"));
                world.cancel(call.id().unwrap());
            }
            world.take_woken();
            let error = world.refused(first);
            assert!(matches!(error, Error::SessionChanged { .. }), "{error:?}");
            let (sign_in, second) = world.begin(second, 8);
            let _stored = world.welcome(sign_in);
            let in_flight = world.send(second);
            world.finish(in_flight);
            assert_eq!(world.sign_ins(), 2);
        }
    }

    #[test]
    fn that_waits_for_a_slot_ends_as_signed_out_when_the_program_signs_out() {
        for mut world in worlds() {
            let challenge = challenged(&mut world);
            let _flying = world.send_many(3);
            let waiting = world.wait(validate(challenge), 7);
            let _logout = world.sign_out();
            assert_eq!(world.take_woken(), [7]);
            let error = world.refused(waiting);
            assert!(matches!(error, Error::SignedOut { .. }), "{error:?}");
            assert_eq!(world.sign_ins(), 1);
        }
    }

    /// How an exchange ends, by its request.
    type End = fn(&Request<Bytes>) -> Result<Response<Bytes>, TransportError>;

    #[test]
    fn is_never_sent_again_whatever_becomes_of_it() {
        let ends: [End; 9] = [
            |request| Ok(no(request, 401, "BDC_1109")),
            |request| Ok(no(request, 422, "BDC_1322")),
            |request| Ok(no(request, 503, "BDC_9999")),
            |_| silence(),
            |_| Err(TransportError::other(std::io::Error::other("reset"))),
            |_| Err(TransportError::connect(std::io::Error::other("refused"))),
            |_| Ok(page(503)),
            |_| Ok(body("{\"rememberMe")),
            |_| Ok(v3_errors(429, &json!([{"message": "slow down"}]))),
        ];
        for end in ends {
            for mut world in worlds() {
                world.use_session();
                let challenge = challenged(&mut world);
                let call = validate(challenge).retry(bill_session_core::Retry::times(9));
                let in_flight = world.send(call);
                let answer = end(&in_flight.request());
                let shown = format!("{answer:?}");
                let outcome = world.answer(in_flight, answer);
                assert!(matches!(outcome, Outcome::Failed(_)), "{outcome:?} after {shown}");
                assert_eq!((world.session.in_flight(), world.session.waiting()), (0, 0));
                assert_eq!(world.sign_ins(), 1, "after {shown}");
            }
        }
    }

    #[test]
    fn that_is_in_flight_when_the_session_goes_makes_no_other_trusted_and_its_device_is_remembered()
    {
        for mut world in worlds() {
            let challenge = challenged(&mut world);
            let in_flight = world.send(validate(challenge));
            let _logout = world.sign_out();
            let id = if is_v3(&in_flight.request()) { "rememberMeId" } else { "mfaId" };
            let answer = ok(&in_flight.request(), &json!({id: "demo-remember-me"}));
            let error = world.fails(in_flight, Ok(answer));
            assert!(matches!(error, Error::SessionChanged { .. }), "{error:?}");
            assert!(error.to_string().contains("an earlier session"), "{error}");
            assert!(matches!(world.session.phase(world.now), Phase::SignedOut));
            // What BILL remembers the device by is of use to the next session.
            let (sign_in, _call) = world.begin(Call::sign_in(), 0);
            assert_eq!(device_in(&sign_in), demo_device());
        }
    }
}

mod a_challenge_and_a_step_up {
    use super::*;

    #[test]
    fn that_find_the_session_invalid_are_made_again_with_the_next() {
        for mut world in worlds() {
            world.use_session();
            let in_flight = world.send(Call::challenge(false));
            let answer = no(&in_flight.request(), 401, "BDC_1109");
            let call = world.again(in_flight, answer);
            let (sign_in, call) = world.begin(call, 0);
            let _stored = world.welcome(sign_in);
            let in_flight = world.send(call);
            let answer = ok(&in_flight.request(), &json!({"challengeId": "challenge-2"}));
            let Outcome::Mfa(MfaOutcome::Challenged(challenge)) =
                world.answer(in_flight, Ok(answer))
            else {
                panic!("expected a challenge")
            };
            // It belongs to the session that it was made with at last.
            let in_flight = world.send(validate(challenge));
            let answer = ok(&in_flight.request(), &json!({}));
            assert!(matches!(world.answer(in_flight, Ok(answer)), Outcome::Mfa(_)));
            assert_eq!(world.trusted(), Some(true));
        }
    }

    #[test]
    fn are_not_sent_again_when_their_outcome_is_lost() {
        // Each challenge sends its user another message, and counts for BILL.
        for mut world in worlds() {
            for call in [Call::challenge(false), Call::step_up(device())] {
                let call = call.retry(bill_session_core::Retry::times(9));
                let error = world.error_of(call, silence());
                assert!(matches!(error, Error::NoAnswer { .. }), "{error:?}");
            }
        }
    }

    #[test]
    fn wait_for_a_session_when_there_is_none() {
        let mut world = World::v3();
        let (sign_in, call) = world.begin(Call::challenge(false), 0);
        let _stored = world.welcome(sign_in);
        let in_flight = world.send(call);
        assert_eq!(in_flight.request().headers()["sessionId"], "session-1");
    }
}

mod the_code {
    use super::*;

    #[test]
    fn is_checked_when_it_is_made() {
        for bad in ["", " 123456", "123456\n", "12\t34", "\u{0}"] {
            let error = MfaCode::new(bad).unwrap_err();
            assert!(error.to_string().starts_with("the MFA code "), "{error}");
            assert!(bad.is_empty() || !format!("{error:?}").contains("123456"));
        }
        assert!(!format!("{:?}", code()).contains(CODE));
        assert!(!format!("{:#?}", code()).contains(CODE));
    }

    #[test]
    fn is_in_no_debug_of_what_carries_it() {
        for mut world in worlds() {
            let challenge = challenged(&mut world);
            let call = validate(challenge);
            assert!(!format!("{call:?}").contains(CODE));
            let step = world.step(call, 0);
            assert!(!format!("{step:?} {step:#?}").contains(CODE));
            let Step::Exchange(in_flight) = step else { panic!("{step:?}") };
            assert!(!format!("{in_flight:?} {:?}", world.session).contains(CODE));
            let headers = format!("{:?}", in_flight.request().headers());
            assert!(!headers.contains(CODE), "{headers}");
            let _outcome = world.answer(in_flight, silence());
        }
    }

    /// Asserts that the error which this answer makes does not show the code.
    fn keeps(answer: impl Fn(bool) -> Response<Bytes>) {
        for mut world in worlds() {
            let challenge = challenged(&mut world);
            let in_flight = world.send(validate(challenge));
            let answer = answer(is_v3(&in_flight.request()));
            let heard = in_flight.read::<Value>(Ok(answer));
            let shown = format!("{heard:?}");
            assert!(!shown.contains(CODE), "{shown}");
            let (outcome, wake) = heard.settle(&mut world.session, world.now);
            world.heed(wake);
            let Outcome::Failed(error) = outcome else { panic!("{outcome:?}") };
            let shown = format!("{error} {error:?} {error:#?}");
            assert!(!shown.contains(CODE), "{shown}");
        }
    }

    #[test]
    fn is_blanked_out_of_a_message_that_echoes_it() {
        for number in [1356, 1358, 1361, 9999, 1144, 1322, 1109] {
            let message = format!("no such code: {CODE}, or <{CODE}>");
            keeps(|is_v3| {
                let code = format!("BDC_{number}");
                if is_v3 {
                    v3_errors(
                        422,
                        &json!([{"code": code, "message": message}, {"message": message}]),
                    )
                } else {
                    refusal_with(&code, &message)
                }
            });
        }
    }

    #[test]
    fn is_blanked_out_of_a_gateways_message_that_echoes_it() {
        keeps(|_| with_status(json_answer(&json!({"message": format!("bad token {CODE}")})), 403));
    }

    #[test]
    fn is_not_repeated_by_what_does_not_fit() {
        keeps(|is_v3| {
            let data = json!(format!("you sent {CODE}"));
            if is_v3 { json_answer(&data) } else { success(&data) }
        });
        keeps(|is_v3| {
            let data = json!({"trusted": CODE});
            if is_v3 { json_answer(&data) } else { success(&data) }
        });
    }

    #[test]
    fn does_not_pass_for_an_error_code_of_bills() {
        keeps(|is_v3| {
            if is_v3 {
                v3_errors(422, &json!([{"code": CODE, "message": "no such code"}]))
            } else {
                refusal_with(CODE, "no such code")
            }
        });
    }

    #[test]
    fn cannot_hide_behind_control_characters_or_the_cut() {
        keeps(|is_v3| {
            let hidden = format!("{}\u{0}{}\u{202e}{}", &CODE[..2], &CODE[2..4], &CODE[4..]);
            if is_v3 {
                v3_errors(422, &json!([{"code": "BDC_1", "message": hidden}]))
            } else {
                refusal_with("BDC_1", &hidden)
            }
        });
        let cut_in_the_middle = format!("{}{CODE}", "x".repeat(296));
        let mut world = World::signed_in();
        let challenge = challenged(&mut world);
        let error = world
            .error_of(validate(challenge), Ok(refusal_with("BDC_1", &cut_in_the_middle)))
            .to_string();
        assert!(!error.contains(&CODE[..4]), "{error}");
    }

    #[test]
    fn does_not_outlive_its_call_in_what_the_client_holds() {
        // It is used once: another call's message that holds these digits is shown as it is.
        let mut world = World::signed_in();
        let _device = trust(&mut world);
        let call = world.call();
        let error = world.error_of(call, Ok(refusal_with("BDC_1", &format!("invoice {CODE}"))));
        assert!(error.to_string().contains(CODE), "{error}");
    }
}

mod a_remembered_device {
    use super::*;

    fn remembering(api: SignInWith) -> World {
        let now = first_instant();
        let principal = password().remembered(device());
        let account = match api {
            SignInWith::V3 => v3_account(principal, now),
            _ => support::account(principal, now),
        };
        World::of(account, settings(|_| ()), now)
    }

    #[test]
    fn travels_with_every_sign_in_whatever_made_it_necessary() {
        for api in BOTH {
            let mut world = remembering(api);
            let again: [fn(&mut World); 4] = [
                |_| (),
                |world| world.lose_session(),
                |world| world.pass(40 * MINUTE),
                |world| drop(world.sign_out()),
            ];
            for again in again {
                again(&mut world);
                let (sign_in, call) = world.begin(Call::sign_in(), 0);
                assert_eq!(device_in(&sign_in), demo_device());
                let _stored = world.welcome(sign_in);
                assert!(matches!(world.step(call, 0), Step::Ready(_)));
            }
        }
    }

    #[test]
    fn that_is_not_there_leaves_no_trace_in_a_sign_in() {
        for api in BOTH {
            let mut world = match api {
                SignInWith::V3 => World::v3(),
                _ => World::new(),
            };
            let (sign_in, _call) = world.begin(Call::sign_in(), 0);
            assert_eq!(device_in(&sign_in), None);
        }
    }

    #[test]
    fn of_a_challenge_is_told_to_the_program_and_travels_from_then_on() {
        for mut world in worlds() {
            let told = trust(&mut world).unwrap();
            assert_eq!(told.expose_remember_me_id(), "demo-remember-me");
            assert_eq!(told.device(), "demo-device");
            let kept = world.session.account().remembered_device().unwrap();
            assert_eq!(kept.expose_remember_me_id(), "demo-remember-me");
            world.lose_session();
            let (sign_in, _call) = world.begin(Call::sign_in(), 0);
            assert_eq!(device_in(&sign_in), demo_device());
        }
    }

    #[test]
    fn of_a_step_up_travels_from_then_on_too() {
        for mut world in worlds() {
            let outcome =
                world.mfa(Call::step_up(device()), json_answer(&json!({"trusted": true})));
            assert!(matches!(outcome, MfaOutcome::Trusted(Some(_))), "{outcome:?}");
            world.lose_session();
            let (sign_in, _call) = world.begin(Call::sign_in(), 0);
            assert_eq!(device_in(&sign_in), demo_device());
        }
    }

    #[test]
    fn that_a_step_up_was_refused_with_does_not_travel() {
        for mut world in worlds() {
            let error = world.error_of(Call::step_up(device()), Ok(v3_refusal(422, "BDC_9999")));
            assert!(matches!(error, Error::Api(_)), "{error:?}");
            world.lose_session();
            let (sign_in, _call) = world.begin(Call::sign_in(), 0);
            assert_eq!(device_in(&sign_in), None);
        }
    }

    #[test]
    fn serves_the_other_organisations_of_the_principal_too() {
        for mut world in worlds() {
            let _device = trust(&mut world);
            let org = OrgId::new("00800000000000000002").unwrap();
            let other = Arc::new(world.session.account().for_organization(org).unwrap());
            let mut other = World::of(other, settings(|_| ()), world.now);
            let (sign_in, _call) = other.begin(Call::sign_in(), 0);
            assert_eq!(device_in(&sign_in), demo_device());
        }
    }

    #[test]
    fn is_forgotten_with_the_principal_that_it_belongs_to() {
        for mut world in worlds() {
            let _device = trust(&mut world);
            world.replace(password());
            assert!(world.session.account().remembered_device().is_none());
            let (sign_in, _call) = world.begin(Call::sign_in(), 0);
            assert_eq!(device_in(&sign_in), None);
        }
    }

    #[test]
    fn of_a_replaced_principal_that_is_told_late_is_not_the_new_ones() {
        for mut world in worlds() {
            let challenge = challenged(&mut world);
            let in_flight = world.send(validate(challenge));
            let id = if is_v3(&in_flight.request()) { "rememberMeId" } else { "mfaId" };
            let answer = ok(&in_flight.request(), &json!({id: "demo-remember-me"}));
            world.replace(password());
            let error = world.fails(in_flight, Ok(answer));
            assert!(matches!(error, Error::SessionChanged { .. }), "{error:?}");
            assert!(world.session.account().remembered_device().is_none());
            let (sign_in, _call) = world.begin(Call::sign_in(), 0);
            assert_eq!(device_in(&sign_in), None);
        }
    }

    #[test]
    fn of_the_new_principal_travels_after_a_replacement() {
        for mut world in worlds() {
            world.replace(password().remembered(device()));
            let (sign_in, _call) = world.begin(Call::sign_in(), 0);
            assert_eq!(device_in(&sign_in), demo_device());
        }
    }

    #[test]
    fn is_a_secret_from_the_moment_that_it_is_known() {
        for mut world in worlds() {
            let _device = trust(&mut world);
            let call = world.call();
            let answer = refusal_with("BDC_1", "who is demo-remember-me?");
            let error = world.error_of(call, Ok(answer));
            assert!(!format!("{error} {error:?}").contains("demo-remember-me"), "{error}");
            assert!(world.session.account().v2("Crud/demo-remember-me", &()).is_err());
            let shown = format!("{:?} {:#?}", world.session, world.session.account());
            assert!(!shown.contains("demo-remember-me"), "{shown}");
        }
    }

    #[test]
    fn is_in_no_debug_of_the_answer_that_brings_it() {
        for mut world in worlds() {
            let challenge = challenged(&mut world);
            let in_flight = world.send(validate(challenge));
            let id = if is_v3(&in_flight.request()) { "rememberMeId" } else { "mfaId" };
            let answer = ok(&in_flight.request(), &json!({id: "demo-remember-me"}));
            let heard = in_flight.read::<Value>(Ok(answer));
            let shown = format!("{heard:?} {heard:#?}");
            assert!(!shown.contains("demo-remember-me"), "{shown}");
            let (outcome, wake) = heard.settle(&mut world.session, world.now);
            world.heed(wake);
            let shown = format!("{outcome:?} {outcome:#?}");
            assert!(!shown.contains("demo-remember-me"), "{shown}");
        }
    }

    #[test]
    fn that_an_answer_brings_in_the_wrong_form_is_not_repeated() {
        for mut world in worlds() {
            for data in [json!("demo-remember-me"), json!({"trusted": "demo-remember-me"})] {
                let challenge = challenged(&mut world);
                let in_flight = world.send(validate(challenge));
                let answer = ok(&in_flight.request(), &data);
                let error = world.fails(in_flight, Ok(answer));
                let shown = format!("{error} {error:?}");
                assert!(!shown.contains("demo-remember-me"), "{shown}");
            }
        }
    }

    #[test]
    fn that_a_step_up_sends_is_not_repeated_from_its_answer() {
        for echo in [
            v3_errors(422, &json!([{"code": "BDC_1", "message": "what is demo-remember-me?"}])),
            with_status(json_answer(&json!({"message": "what is demo-remember-me?"})), 403),
            json_answer(&json!("demo-remember-me")),
        ] {
            let mut world = World::v3_signed_in();
            let error = world.error_of(Call::step_up(device()), Ok(echo));
            let shown = format!("{error} {error:?}");
            assert!(!shown.contains("demo-remember-me"), "{shown}");
        }
    }
}

mod the_loss_of_trust {
    use super::*;

    fn losses(events: &[Event]) -> usize {
        events.iter().filter(|event| matches!(event, Event::TrustLost)).count()
    }

    #[test]
    fn is_told_once_when_v3_says_that_the_next_session_is_untrusted() {
        let mut world = World::v3();
        let mut listener = world.session.listen();
        world.sign_in_trusted(Some(true));
        assert_eq!(losses(&world.heard(&mut listener)), 0);
        world.lose_session();
        world.sign_in_trusted(Some(false));
        let events = world.heard(&mut listener);
        assert!(
            matches!(
                events.as_slice(),
                [Event::SignedIn { why: Why::Invalid, trusted: Some(false), .. }, Event::TrustLost]
            ),
            "{events:?}"
        );
        // Neither a 1361 nor another untrusted session says it once more.
        let call = world.vendors();
        let _error = world.error_of(call, Ok(v3_refusal(403, "BDC_1361")));
        world.lose_session();
        world.sign_in_trusted(Some(false));
        assert_eq!(losses(&world.heard(&mut listener)), 0);
    }

    #[test]
    fn is_told_again_when_trust_was_won_again_and_lost_again() {
        let mut world = World::v3();
        let mut listener = world.session.listen();
        for _ in 0..3 {
            world.sign_in_trusted(Some(true));
            world.lose_session();
            world.sign_in_trusted(Some(false));
            world.lose_session();
        }
        assert_eq!(losses(&world.heard(&mut listener)), 3);
    }

    #[test]
    fn is_told_when_a_v2_session_takes_the_place_of_a_trusted_one_without_a_device() {
        let mut world = World::signed_in();
        let challenge = challenged(&mut world);
        let call = Call::validate(challenge, code(), Remember::No);
        let _trusted = world.mfa(call, success(&json!({})));
        let mut listener = world.session.listen();
        world.pass(40 * MINUTE);
        world.sign_in();
        let events = world.heard(&mut listener);
        assert!(
            matches!(
                events.as_slice(),
                [Event::SignedIn { why: Why::IdledOut, .. }, Event::TrustLost]
            ),
            "{events:?}"
        );
        assert_eq!(world.trusted(), Some(false));
    }

    #[test]
    fn is_told_of_a_v2_session_with_a_device_only_when_bill_asks_for_trust() {
        let mut world = World::signed_in();
        let _device = trust(&mut world);
        let mut listener = world.session.listen();
        world.pass(40 * MINUTE);
        world.sign_in();
        world.use_session();
        assert_eq!(losses(&world.heard(&mut listener)), 0, "BILL may have taken the device");
        assert_eq!(world.trusted(), None);
        for told in [1, 0, 0] {
            let call = world.call();
            let _error = world.error_of(call, Ok(refusal("BDC_1361")));
            assert_eq!(losses(&world.heard(&mut listener)), told);
        }
    }

    #[test]
    fn is_not_told_after_a_sign_out_or_a_replacement() {
        for api in BOTH {
            let goes: [fn(&mut World); 2] =
                [|world| drop(world.sign_out()), |world| world.replace(password())];
            for go in goes {
                let mut world = World::signed_in_by(api);
                let _device = trust(&mut world);
                let mut listener = world.session.listen();
                go(&mut world);
                world.sign_in_trusted((api == SignInWith::V3).then_some(false));
                let call = world.vendors();
                let _error = world.error_of(call, Ok(v3_refusal(403, "BDC_1361")));
                assert_eq!(losses(&world.heard(&mut listener)), 0);
            }
        }
    }

    #[test]
    fn is_not_told_of_a_session_that_never_was_trusted() {
        let mut world = World::v3();
        let mut listener = world.session.listen();
        for _ in 0..3 {
            world.sign_in_trusted(Some(false));
            let call = world.vendors();
            let _error = world.error_of(call, Ok(v3_refusal(403, "BDC_1361")));
            world.lose_session();
        }
        assert_eq!(losses(&world.heard(&mut listener)), 0);
    }

    #[test]
    fn is_told_when_a_keep_alive_finds_it_out_first() {
        let mut world = World::v3_with(settings(|settings| settings.renewal = Renewal::KeepAlive));
        world.sign_in();
        let _device = trust(&mut world);
        let mut listener = world.session.listen();
        world.lose_session();
        // A device travels, and the answer does not say what BILL made of it.
        world.sign_in_trusted(None);
        assert_eq!(losses(&world.heard(&mut listener)), 0);
        world.now = world.session.renew_at().unwrap();
        let call = Call::renewal(&world.session);
        let in_flight = world.send(call);
        let answer = json_answer(&json!({"mfaStatus": "CHALLENGE"}));
        assert!(matches!(world.answer(in_flight, Ok(answer)), Outcome::Done(_)));
        assert_eq!(world.trusted(), Some(false));
        assert_eq!(losses(&world.heard(&mut listener)), 1);
        let call = world.vendors();
        let _error = world.error_of(call, Ok(v3_refusal(403, "BDC_1361")));
        assert_eq!(losses(&world.heard(&mut listener)), 0, "it was told already");
    }

    #[test]
    fn by_a_late_answer_about_an_earlier_session_is_not_told() {
        let mut world = World::v3();
        world.sign_in_trusted(Some(false));
        let call = world.vendors();
        let late = world.send(call);
        world.lose_session();
        world.sign_in_trusted(Some(true));
        let mut listener = world.session.listen();
        let _error = world.fails(late, Ok(v3_refusal(403, "BDC_1361")));
        assert_eq!(losses(&world.heard(&mut listener)), 0);
    }
}

#[test]
fn a_token_or_console_principal_may_be_remembered_as_well() {
    let principal = Principal::console("me", "console-token").unwrap().remembered(device());
    let now = first_instant();
    let mut world = World::of(support::account(principal, now), settings(|_| ()), now);
    let (sign_in, call) = world.begin(Call::sign_in(), 0);
    assert_eq!(device_in(&sign_in), demo_device());
    assert!(matches!(world.welcome(sign_in), SignInEnded::Stored { .. }));
    assert!(matches!(world.step(call, 0), Step::Ready(_)));
    let call = world.call();
    let in_flight = world.send(call);
    assert!(matches!(world.answer(in_flight, Ok(done())), Outcome::Done(_)));
}
