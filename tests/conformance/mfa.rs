//! MFA: a session is made trusted by a code, stays so from sign-in to sign-in by the device that
//! BILL remembers, and the program is told when it is not any more.

use std::time::Duration;

use bill_conformance::{Adapter, DAY, MINUTE, Op, Recorder, World};
use bill_sandbox::{DEMO_MFA_CODE, DEMO_ORG, DEMO_USER, Fault, FaultKind};
use bill_session_core::{
    Blame, Code, Error, Event, MfaCode, Remember, RememberedDevice, Renewal, Retry, SignInWith, Why,
};
use http::Method;
use serde_json::{Value, json};

const BOTH: [SignInWith; 2] = [SignInWith::V2, SignInWith::V3];

fn world(adapter: Adapter, api: SignInWith) -> World {
    World::with(adapter, |setup| setup.sign_in_with = api)
}

/// What needs a trusted session in this API.
fn payment(api: SignInWith) -> Op {
    if api == SignInWith::V2 {
        Op::call("PayBills", json!({"amount": 7}))
    } else {
        Op::v3_json(Method::POST, "/v3/payments", json!({"amount": 7}))
    }
}

/// The names of sign-in, challenge and answer in this API.
fn names(api: SignInWith) -> [&'static str; 3] {
    if api == SignInWith::V2 {
        ["Login", "MFAChallenge", "MFAAuthenticate"]
    } else {
        ["v3/Login", "v3/MFAChallenge", "v3/MFAValidate"]
    }
}

/// Goes through a challenge, after which BILL remembers the device.
fn remembered(world: &World) -> RememberedDevice {
    let challenge = world.client().challenge().unwrap();
    let device = challenge.validate(DEMO_MFA_CODE, Remember::device("till 3")).unwrap().unwrap();
    RememberedDevice::clone(&device)
}

fn code(error: &Error) -> &str {
    error.code().map(Code::as_str).unwrap()
}

fn count(world: &World, operation: &str) -> usize {
    world.operations().iter().filter(|name| *name == operation).count()
}

/// The `trusted` of the last event, which tells of a sign-in.
fn last_sign_in(heard: &[Event]) -> (Why, Option<bool>) {
    match heard.last() {
        Some(Event::SignedIn { why, trusted, .. }) => (*why, *trusted),
        other => panic!("{other:?}"),
    }
}

pub(crate) fn a_payment_is_refused_before_a_challenge_and_accepted_after_it(adapter: Adapter) {
    for api in BOTH {
        let world = world(adapter, api);
        let error = world.run(&payment(api)).unwrap_err();
        assert!(matches!(error, Error::Untrusted(_)), "{error:?}");
        assert_eq!(code(&error), "BDC_1361");
        assert_eq!(world.client().trusted(), Some(false));
        let challenge = world.client().challenge().unwrap();
        assert!(challenge.validate(DEMO_MFA_CODE, Remember::No).unwrap().is_none());
        assert_eq!(world.client().trusted(), Some(true));
        world.run(&payment(api)).unwrap();
        // No second sign-in: the same session is trusted now.
        let [sign_in, challenged, validated] = names(api);
        assert_eq!(count(&world, sign_in), 1);
        assert_eq!(world.sessions_of(challenged), [1]);
        assert_eq!(world.sessions_of(validated), [1]);
        let stats = world.stats();
        assert_eq!((stats.mfa_challenges, stats.mfa_passed, stats.mfa_failed), (1, 1, 0));
        // Nothing is remembered that nobody asked for.
        assert!(world.client().remembered_device().is_none());
        world.sandbox.lose_sessions();
        let error = world.run(&payment(api)).unwrap_err();
        assert!(matches!(error, Error::Untrusted(_)), "{error:?}");
    }
}

pub(crate) fn a_challenge_signs_in_first_if_need_be(adapter: Adapter) {
    for api in BOTH {
        let world = world(adapter, api);
        let challenge = world.client().challenge().unwrap();
        let [sign_in, challenged, _] = names(api);
        assert_eq!(world.operations(), [sign_in, challenged]);
        challenge.validate(DEMO_MFA_CODE, Remember::No).unwrap();
        world.run(&payment(api)).unwrap();
        // Refused with BDC_1109, a challenge is asked for once more with the new session.
        world.sandbox.lose_sessions();
        let again = world.client().challenge().unwrap();
        assert_eq!(world.sessions_of(challenged), [1, 1, 2]);
        again.validate(DEMO_MFA_CODE, Remember::No).unwrap();
        world.run(&payment(api)).unwrap();
    }
}

pub(crate) fn a_challenge_by_the_backup_way_is_asked_for_as_such(adapter: Adapter) {
    for api in BOTH {
        let world = world(adapter, api);
        let challenge = world.client().challenge_by_backup().unwrap();
        challenge.validate(DEMO_MFA_CODE, Remember::No).unwrap();
        world.run(&payment(api)).unwrap();
        assert_eq!(world.stats().mfa_challenges, 1);
    }
    // The sandbox has one way only, so what is sent says which one was asked for.
    let signed_in = json!({"organizationId": DEMO_ORG, "sessionId": "s"}).to_string();
    let challenged = || (200, json!({"challengeId": "c"}).to_string());
    let recorder = Recorder::start([(200, signed_in), challenged(), challenged()]);
    let world = World::with(adapter, |setup| {
        setup.origin = Some(recorder.origin());
        setup.sign_in_with = SignInWith::V3;
    });
    let _ = world.client().challenge().unwrap();
    let _ = world.client().challenge_by_backup().unwrap();
    let requests = recorder.requests();
    for (request, backup) in requests[1..].iter().zip(["false", "true"]) {
        assert_eq!(request.line, "POST /connect/v3/mfa/challenge HTTP/1.1");
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        assert_eq!(body, json!({"useBackup": backup}));
    }
}

pub(crate) fn a_session_lost_after_a_challenge_comes_back_trusted(adapter: Adapter) {
    for api in BOTH {
        let world = world(adapter, api);
        let mut events = world.client().events();
        let device = remembered(&world);
        assert_eq!(device.device(), "till 3");
        let kept = world.client().remembered_device().unwrap();
        assert_eq!(kept.expose_remember_me_id(), device.expose_remember_me_id());
        world.run(&payment(api)).unwrap();
        for lost in 1..=3 {
            world.sandbox.lose_sessions();
            // The payment itself finds out, signs in, and is replayed on a trusted session.
            world.run(&payment(api)).unwrap();
            assert_eq!(world.sign_ins(), 1 + lost);
            assert_eq!(world.stats().sign_ins_trusted, lost);
        }
        // After the idle time it is the same.
        world.advance(34 * MINUTE);
        world.run(&payment(api)).unwrap();
        assert_eq!(world.stats().sign_ins_trusted, 4);
        assert!(!events.kinds().contains(&"TrustLost".to_owned()));
    }
}

pub(crate) fn a_remembered_device_travels_with_the_sign_ins_of_both_apis(adapter: Adapter) {
    // What the challenge of one API brought is sent by a sign-in of the other under its name there.
    for (asked, used) in [(SignInWith::V2, SignInWith::V3), (SignInWith::V3, SignInWith::V2)] {
        let device = {
            let world = world(adapter, asked);
            remembered(&world)
        };
        let world = World::with(adapter, |setup| {
            setup.sign_in_with = used;
            setup.principal = World::user().remembered(device);
        });
        // Another sandbox knows nothing of the device, and says so by silence.
        world.call().unwrap();
        assert_eq!((world.sign_ins(), world.stats().sign_ins_trusted), (1, 0));
    }
    for api in BOTH {
        let world = world(adapter, api);
        let id = world.sandbox.remember_device(DEMO_USER, "till 3").unwrap();
        let device = RememberedDevice::new(id, "till 3").unwrap();
        world.client().replace_credentials(World::user().remembered(device));
        world.run(&payment(api)).unwrap();
        assert_eq!((world.sign_ins(), world.stats().sign_ins_trusted), (1, 1));
    }
}

pub(crate) fn a_device_of_an_earlier_run_makes_the_first_session_trusted(adapter: Adapter) {
    for api in BOTH {
        let world = world(adapter, api);
        let id = world.sandbox.remember_device(DEMO_USER, "server \"é\"").unwrap();
        let device = RememberedDevice::new(id.clone(), "server \"é\"").unwrap();
        let mut events = world.client().events();
        world.client().replace_credentials(World::user().remembered(device));
        assert_eq!(world.client().remembered_device().unwrap().expose_remember_me_id(), id);
        world.run(&payment(api)).unwrap();
        assert_eq!((world.sign_ins(), world.stats().sign_ins_trusted), (1, 1));
        // v2's sign-in says nothing of trust, so nothing is made up.
        let told = (api == SignInWith::V3).then_some(true);
        assert_eq!(last_sign_in(&events.heard()).1, told);
        assert_eq!(world.client().trusted(), told);
    }
}

pub(crate) fn credentials_without_a_device_do_not_inherit_one(adapter: Adapter) {
    let world = world(adapter, SignInWith::V3);
    remembered(&world);
    world.client().replace_credentials(World::user());
    assert!(world.client().remembered_device().is_none());
    let error = world.run(&payment(SignInWith::V3)).unwrap_err();
    assert!(matches!(error, Error::Untrusted(_)), "{error:?}");
    assert_eq!(world.stats().sign_ins_trusted, 0);
}

pub(crate) fn lost_trust_is_told_once_and_shown(adapter: Adapter) {
    for api in BOTH {
        let world = world(adapter, api);
        remembered(&world);
        assert_eq!(world.client().trusted(), Some(true));
        let mut events = world.client().events();
        // BILL forgets the device: the next session silently comes back untrusted.
        world.sandbox.forget_devices();
        world.sandbox.lose_sessions();
        world.call().unwrap();
        if api == SignInWith::V2 {
            // Its sign-in says nothing; the first call that needs trust does.
            assert_eq!(world.client().trusted(), None);
            assert_eq!(events.kinds(), ["SignedIn"]);
            world.run(&payment(api)).unwrap_err();
            assert_eq!(events.kinds(), ["TrustLost"]);
        } else {
            assert_eq!(events.kinds(), ["SignedIn", "TrustLost"]);
        }
        assert_eq!(world.client().trusted(), Some(false));
        // Once is enough, however many calls and sessions follow.
        world.run(&payment(api)).unwrap_err();
        world.sandbox.lose_sessions();
        world.run(&payment(api)).unwrap_err();
        assert_eq!(events.kinds(), ["SignedIn"]);
        // Another challenge makes it trusted again, and its loss is news again.
        remembered(&world);
        world.run(&payment(api)).unwrap();
        world.sandbox.forget_devices();
        world.sandbox.lose_sessions();
        world.run(&payment(api)).unwrap_err();
        assert_eq!(events.kinds(), ["SignedIn", "TrustLost"]);
    }
}

pub(crate) fn trust_that_nobody_remembers_is_lost_with_the_session(adapter: Adapter) {
    for api in BOTH {
        let world = world(adapter, api);
        let challenge = world.client().challenge().unwrap();
        challenge.validate(DEMO_MFA_CODE, Remember::No).unwrap();
        let mut events = world.client().events();
        world.sandbox.lose_sessions();
        world.call().unwrap();
        // Without a device no session comes back trusted: that is certain, in v2 too.
        assert_eq!(events.kinds(), ["SignedIn", "TrustLost"]);
        assert_eq!(world.client().trusted(), Some(false));
    }
}

pub(crate) fn trust_that_bill_takes_away_is_found_out_by_the_first_refusal(adapter: Adapter) {
    for api in BOTH {
        let world = world(adapter, api);
        remembered(&world);
        let mut events = world.client().events();
        world.sandbox.distrust_sessions();
        let error = world.run(&payment(api)).unwrap_err();
        assert!(matches!(error, Error::Untrusted(_)), "{error:?}");
        assert_eq!(events.kinds(), ["TrustLost"]);
        assert_eq!((world.client().trusted(), world.sign_ins()), (Some(false), 1));
    }
}

pub(crate) fn a_keep_alive_of_v3_sees_that_trust_is_gone(adapter: Adapter) {
    let world = World::with(adapter, |setup| {
        setup.sign_in_with = SignInWith::V3;
        setup.renewal = Renewal::KeepAlive;
    });
    remembered(&world);
    let mut events = world.client().events();
    world.sandbox.distrust_sessions();
    world.advance(31 * MINUTE);
    bill_conformance::eventually("the session was looked at", || {
        world.client().trusted() == Some(false)
    });
    assert_eq!(events.kinds(), ["TrustLost"]);
    assert_eq!(world.sign_ins(), 1);
}

pub(crate) fn a_wrong_code_is_told_and_the_challenge_can_be_answered_again(adapter: Adapter) {
    for api in BOTH {
        let world = world(adapter, api);
        let challenge = world.client().challenge().unwrap();
        let error = challenge.validate("000000", Remember::No).unwrap_err();
        assert!(matches!(error, Error::Api(_)), "{error:?}");
        assert!(!format!("{error:?} {error}").contains("000000"), "{error:?}");
        assert_ne!(world.client().trusted(), Some(true));
        challenge.validate(DEMO_MFA_CODE, Remember::No).unwrap();
        let stats = world.stats();
        assert_eq!((stats.mfa_challenges, stats.mfa_failed, stats.mfa_passed), (1, 1, 1));
        assert_eq!(world.sign_ins(), 1);
    }
}

pub(crate) fn a_code_that_comes_too_late_is_told_as_such(adapter: Adapter) {
    for api in BOTH {
        let world = world(adapter, api);
        let challenge = world.client().challenge().unwrap();
        world.advance(10 * MINUTE);
        let error = challenge.validate(DEMO_MFA_CODE, Remember::No).unwrap_err();
        assert!(matches!(error, Error::MfaCode(_)), "{error:?}");
        assert_eq!((code(&error), error.blame()), ("BDC_1356", Blame::Server));
        assert_eq!(world.sign_ins(), 1);
    }
}

pub(crate) fn a_code_after_too_many_others_is_told_as_such(adapter: Adapter) {
    for api in BOTH {
        let world = world(adapter, api);
        let challenge = world.client().challenge().unwrap();
        for _ in 0..3 {
            let error = challenge.validate("000000", Remember::No).unwrap_err();
            assert!(matches!(error, Error::Api(_)), "{error:?}");
        }
        let error = challenge.validate(DEMO_MFA_CODE, Remember::No).unwrap_err();
        assert!(matches!(error, Error::MfaCode(_)), "{error:?}");
        assert_eq!(code(&error), "BDC_1358");
        assert_eq!((world.stats().mfa_failed, world.sign_ins()), (4, 1));
    }
}

pub(crate) fn a_challenge_of_another_session_is_not_answered(adapter: Adapter) {
    for api in BOTH {
        let world = world(adapter, api);
        let [_, _, validated] = names(api);
        let refused = |challenge: &bill_conformance::Challenge| {
            let error = challenge.validate(DEMO_MFA_CODE, Remember::No).unwrap_err();
            assert!(matches!(error, Error::SessionChanged { .. }), "{error:?}");
            assert_eq!(error.blame(), Blame::Caller);
        };
        // There is none any more: nobody signs in for the sake of an answer.
        let challenge = world.client().challenge().unwrap();
        world.sign_out().unwrap();
        refused(&challenge);
        assert_eq!(world.sign_ins(), 1);
        // There is another one.
        let challenge = world.client().challenge().unwrap();
        world.sandbox.lose_sessions();
        world.call().unwrap();
        refused(&challenge);
        // It has idled out.
        let challenge = world.client().challenge().unwrap();
        world.advance(34 * MINUTE);
        refused(&challenge);
        // It was made with other credentials.
        let challenge = world.client().challenge().unwrap();
        world.client().replace_credentials(World::user());
        refused(&challenge);
        assert_eq!(count(&world, validated), 0);
    }
}

pub(crate) fn an_answer_to_a_session_that_bill_has_lost_is_not_sent_with_another(adapter: Adapter) {
    for api in BOTH {
        let world = world(adapter, api);
        let [_, _, validated] = names(api);
        let challenge = world.client().challenge().unwrap();
        world.sandbox.lose_sessions();
        let error = challenge.validate(DEMO_MFA_CODE, Remember::No).unwrap_err();
        assert_eq!(code(&error), "BDC_1109", "{error:?}");
        assert_eq!(world.sessions_of(validated), [1]);
        assert_eq!(world.sign_ins(), 1);
        // The next attempt knows that its session is gone.
        let error = challenge.validate(DEMO_MFA_CODE, Remember::No).unwrap_err();
        assert!(matches!(error, Error::SessionChanged { .. }), "{error:?}");
        assert_eq!(world.sessions_of(validated), [1]);
    }
}

pub(crate) fn an_answer_whose_outcome_is_lost_is_never_sent_again(adapter: Adapter) {
    for api in BOTH {
        let lost = [
            FaultKind::ResetBeforeAnswer,
            FaultKind::CloseMidAnswer,
            FaultKind::TornJson,
            FaultKind::Html { status: 503 },
        ];
        for kind in lost {
            let world = World::with(adapter, |setup| {
                setup.sign_in_with = api;
                setup.retry = Retry::times(5);
            });
            let [_, _, validated] = names(api);
            let challenge = world.client().challenge().unwrap();
            world.sandbox.fault(Fault::new(kind.clone()).on(validated).handled());
            let error = challenge.validate(DEMO_MFA_CODE, Remember::device("till 3")).unwrap_err();
            assert!(
                matches!(error, Error::NoAnswer { .. } | Error::NotBill { .. }),
                "{kind:?}: {error:?}"
            );
            assert_eq!(world.sessions_of(validated), [1], "{kind:?}");
            assert_eq!((world.stats().mfa_passed, world.sign_ins()), (1, 1));
        }
    }
}

pub(crate) fn a_step_up_makes_the_present_session_trusted(adapter: Adapter) {
    for api in BOTH {
        let world = world(adapter, api);
        world.run(&payment(api)).unwrap_err();
        let id = world.sandbox.remember_device(DEMO_USER, "till 3").unwrap();
        let device = RememberedDevice::new(id, "till 3").unwrap();
        world.client().step_up(device).unwrap();
        assert_eq!(world.client().trusted(), Some(true));
        world.run(&payment(api)).unwrap();
        // It has no name in v2, so it goes to v3 with the session of either.
        assert_eq!(world.sessions_of("v3/MFAStepUp"), [1]);
        assert_eq!((world.stats().mfa_step_ups, world.sign_ins()), (1, 1));
        // The device travels with every later sign-in.
        world.sandbox.lose_sessions();
        world.run(&payment(api)).unwrap();
        assert_eq!((world.sign_ins(), world.stats().sign_ins_trusted), (2, 1));
    }
}

pub(crate) fn a_step_up_that_bill_does_not_grant_is_no_success(adapter: Adapter) {
    for api in BOTH {
        let world = world(adapter, api);
        let device = RememberedDevice::new("unknown-to-bill", "till 3").unwrap();
        let error = world.client().step_up(device).unwrap_err();
        assert!(!format!("{error:?} {error}").contains("unknown-to-bill"), "{error:?}");
        assert_ne!(world.client().trusted(), Some(true));
        assert!(world.client().remembered_device().is_none());
        let error = world.run(&payment(api)).unwrap_err();
        assert!(matches!(error, Error::Untrusted(_)), "{error:?}");
        assert_eq!(world.sign_ins(), 1);
    }
}

pub(crate) fn a_device_is_remembered_for_thirty_days(adapter: Adapter) {
    let world = world(adapter, SignInWith::V3);
    remembered(&world);
    world.advance(30 * DAY - Duration::from_secs(1));
    world.run(&payment(SignInWith::V3)).unwrap();
    world.advance(DAY);
    let error = world.run(&payment(SignInWith::V3)).unwrap_err();
    assert!(matches!(error, Error::Untrusted(_)), "{error:?}");
    assert_eq!(world.stats().sign_ins_trusted, 1);
}

pub(crate) fn a_tokens_session_is_allowed_no_mfa(adapter: Adapter) {
    for api in BOTH {
        let world = World::with(adapter, |setup| {
            setup.sign_in_with = api;
            setup.principal = World::token();
        });
        let error = world.client().challenge().unwrap_err();
        assert!(matches!(error, Error::Api(_)), "{error:?}");
        let device = RememberedDevice::new("an-id", "till 3").unwrap();
        let error = world.client().step_up(device).unwrap_err();
        assert!(matches!(error, Error::Api(_)), "{error:?}");
        assert_eq!((world.sign_ins(), world.stats().mfa_challenges), (1, 0));
    }
}

pub(crate) fn a_challenge_restarts_the_idle_timer_like_any_call(adapter: Adapter) {
    for api in BOTH {
        let world = world(adapter, api);
        world.sign_in().unwrap();
        world.advance(30 * MINUTE);
        let challenge = world.client().challenge().unwrap();
        world.advance(9 * MINUTE);
        challenge.validate(DEMO_MFA_CODE, Remember::No).unwrap();
        world.advance(33 * MINUTE);
        world.run(&payment(api)).unwrap();
        assert_eq!((world.sign_ins(), world.rejected("BDC_1109")), (1, 0));
    }
}

pub(crate) fn an_odd_answer_to_an_mfa_call_is_typed(adapter: Adapter) {
    let body = |text: &str| FaultKind::Body {
        status: 200,
        content_type: "application/json".to_owned(),
        body: text.to_owned(),
    };
    for (api, texts) in [
        (SignInWith::V3, ["{}", r#"{"challengeId":""}"#, r#"{"challengeId":7}"#]),
        (
            SignInWith::V2,
            [
                r#"{"response_status":0,"response_data":{}}"#,
                r#"{"response_status":0,"response_data":null}"#,
                r#"{"response_status":0,"response_data":{"challengeId":7}}"#,
            ],
        ),
    ] {
        let world = world(adapter, api);
        for text in texts {
            let [_, challenged, _] = names(api);
            world.sandbox.fault(Fault::new(body(text)).on(challenged));
            let error = world.client().challenge().unwrap_err();
            assert!(matches!(error, Error::Decode { .. }), "{text}: {error:?}");
        }
        assert_eq!(world.sign_ins(), 1);
    }
}

pub(crate) fn what_cannot_be_a_code_or_a_device_is_refused_at_once(_: Adapter) {
    for text in ["", " 123456", "123456\n", "12\u{7}34"] {
        MfaCode::new(text).unwrap_err();
        RememberedDevice::new(text, "till 3").unwrap_err();
        RememberedDevice::new("an-id", text).unwrap_err();
    }
}
