//! What comes back is BILL's word, or it is not: both adapters tell the same, as the same type.

use std::time::{Duration, Instant};

use bill_conformance::{Adapter, HOUR, MILLISECOND, Op, SECOND, World, eventually, within};
use bill_sandbox::{Fault, FaultKind};
use bill_session_core::{Cause, Error, ForeignKind, Limit, Phase};
use serde_json::json;

fn envelope(status: u16, code: &str) -> FaultKind {
    FaultKind::Envelope { status, code: code.to_owned() }
}

fn body(body: impl Into<String>) -> FaultKind {
    FaultKind::Body { status: 200, content_type: "application/json".to_owned(), body: body.into() }
}

/// Answers that are complete HTTP and not BILL's, and how they are told.
fn foreign() -> [(FaultKind, u16, ForeignKind); 6] {
    let text = FaultKind::Body {
        status: 200,
        content_type: "text/plain".to_owned(),
        body: "it works".to_owned(),
    };
    [
        (FaultKind::TornJson, 200, ForeignKind::Json),
        (FaultKind::Html { status: 200 }, 200, ForeignKind::Html),
        (FaultKind::Html { status: 503 }, 503, ForeignKind::Html),
        (body(r#"{"unexpected":true}"#), 200, ForeignKind::Json),
        (body(""), 200, ForeignKind::Other),
        (text, 200, ForeignKind::Other),
    ]
}

const BREAKS: [FaultKind; 3] =
    [FaultKind::ResetBeforeAnswer, FaultKind::ResetMidAnswer, FaultKind::CloseMidAnswer];

/// The cause of a sign-in that failed and may be tried again.
fn transient(error: &Error) -> &Cause {
    match error {
        Error::NoSession { cause, retry_after: Some(_), .. } => cause,
        error => panic!("{error:?}"),
    }
}

/// Moves the clocks beyond any back-off so far, and sees that everything works again.
fn assert_recovers(world: &World) {
    world.advance(2 * SECOND);
    world.call().unwrap();
}

pub(crate) fn an_error_in_bills_form_is_the_same_typed_error_at_any_http_status(adapter: Adapter) {
    let world = World::new(adapter);
    world.call().unwrap();
    for status in [200, 400, 401, 403, 404, 422, 500, 503] {
        let fault = Fault::new(envelope(status, "BDC_1175"));
        world.sandbox.fault(fault.on("GetSessionInfo"));
        let error = world.call().unwrap_err();
        let Error::Api(refused) = &error else {
            panic!("{error:?}");
        };
        assert_eq!(refused.code().unwrap().as_str(), "BDC_1175");
        assert_eq!((refused.call(), refused.status().as_u16()), ("GetSessionInfo", status));
        assert!(error.to_string().contains("BDC_1175"), "{error}");
    }
    world.call().unwrap();
    assert_eq!(world.sessions_of("GetSessionInfo"), [1; 10]);
}

pub(crate) fn a_refusal_in_bills_form_at_a_sign_in_is_the_same_at_any_http_status(
    adapter: Adapter,
) {
    for status in [200, 401, 422, 500] {
        let world = World::new(adapter);
        world.sandbox.fault(Fault::new(envelope(status, "BDC_1101")).on("Login"));
        let error = world.call().unwrap_err();
        assert_eq!(error.code().unwrap().as_str(), "BDC_1101");
        world.call().unwrap_err();
        assert_eq!(world.sign_ins(), 1);
        // A session that is called invalid is replaced, whatever the status.
        world.sign_in().unwrap();
        world.sandbox.fault(Fault::new(envelope(status, "BDC_1109")).on("GetSessionInfo"));
        world.call().unwrap();
        assert_eq!(world.sign_ins(), 3);
    }
}

pub(crate) fn answers_that_are_not_bills_are_typed_and_leave_the_session_alone(adapter: Adapter) {
    let world = World::new(adapter);
    world.call().unwrap();
    for (kind, status, told) in foreign() {
        world.sandbox.fault(Fault::new(kind.clone()).on("GetSessionInfo"));
        let error = world.call().unwrap_err();
        let Error::NotBill { answer, .. } = &error else {
            panic!("{kind:?}: {error:?}");
        };
        assert_eq!((answer.status.as_u16(), &answer.kind), (status, &told), "{kind:?}");
    }
    world.call().unwrap();
    assert_eq!(world.sessions_of("GetSessionInfo"), [1; 8]);
}

pub(crate) fn answers_that_are_not_bills_fail_a_sign_in_with_their_cause(adapter: Adapter) {
    for (kind, status, told) in foreign() {
        let world = World::new(adapter);
        world.sandbox.fault(Fault::new(kind.clone()).on("Login"));
        if status == 503 {
            // The server says "later": the caller waits, and is served.
            let waits = world.start(1, &Op::read());
            eventually("the sign-in has failed", || matches!(world.phase(), Phase::Failed { .. }));
            world.advance(2 * SECOND);
            waits.join_all_ok();
            continue;
        }
        let error = world.call().unwrap_err();
        let Cause::NotBill(answer) = transient(&error) else {
            panic!("{kind:?}: {error:?}");
        };
        assert_eq!((answer.status.as_u16(), &answer.kind), (status, &told), "{kind:?}");
        assert_recovers(&world);
    }
}

pub(crate) fn a_connection_that_breaks_is_typed_and_leaves_the_session_alone(adapter: Adapter) {
    let world = World::new(adapter);
    world.call().unwrap();
    for kind in BREAKS {
        world.sandbox.fault(Fault::new(kind.clone()).on("GetSessionInfo"));
        let error = world.call().unwrap_err();
        let Error::NoAnswer { error, .. } = &error else {
            panic!("{kind:?}: {error:?}");
        };
        assert!(!error.is_timeout() && !error.is_connect(), "{error:?}");
    }
    world.call().unwrap();
    // Each was sent once, whatever became of it.
    assert_eq!(world.sessions_of("GetSessionInfo"), [1; 5]);
}

pub(crate) fn a_connection_that_breaks_fails_a_sign_in_with_its_cause(adapter: Adapter) {
    for kind in BREAKS {
        let world = World::new(adapter);
        world.sandbox.fault(Fault::new(kind).on("Login"));
        let error = world.call().unwrap_err();
        assert!(matches!(transient(&error), Cause::NoAnswer(_)), "{error:?}");
        assert_eq!(world.sign_ins(), 1);
        assert_recovers(&world);
        assert_eq!(world.sign_ins(), 2);
    }
}

pub(crate) fn a_slow_answer_is_read_to_its_end(adapter: Adapter) {
    let world = World::new(adapter);
    let slow = Fault::new(FaultKind::SlowBytes { bytes: 16, pause_ms: 1 });
    world.sandbox.fault(slow.clone().on("Login"));
    world.sandbox.fault(slow.on("List"));
    let list = world.run(&Op::list("Vendor")).unwrap();
    assert_eq!(list.as_array().unwrap().len(), 3);
    assert_eq!((world.sign_ins(), world.stats().calls), (1, 1));
}

pub(crate) fn an_answer_slower_than_the_limit_is_a_timeout(adapter: Adapter) {
    // HTTP clients know real time only, so this limit is a real one.
    let limit = 300 * MILLISECOND;
    let world = World::with(adapter, |setup| setup.call_limit = Some(limit));
    world.sign_in().unwrap();
    let slow = FaultKind::SlowBytes { bytes: 1, pause_ms: 60_000 };
    for kind in [slow, FaultKind::NoAnswer] {
        world.sandbox.fault(Fault::new(kind).on("GetSessionInfo"));
        let begun = Instant::now();
        let error = world.call().unwrap_err();
        assert!(matches!(&error, Error::NoAnswer { error, .. } if error.is_timeout()), "{error:?}");
        // Its own limit, and not that of a sign-in, which is half a minute.
        let waited = begun.elapsed();
        assert!(limit <= waited && waited < 20 * SECOND, "{waited:?}");
    }
    assert_eq!(world.sessions_of("GetSessionInfo"), [1, 1]);
    assert!(matches!(world.phase(), Phase::SignedIn { .. }));
}

pub(crate) fn a_sign_in_slower_than_its_limit_is_a_timeout(adapter: Adapter) {
    // A real limit, as above.
    let limit = 300 * MILLISECOND;
    let world = World::with(adapter, |setup| setup.sign_in_limit = Some(limit));
    world.sandbox.fault(Fault::new(FaultKind::NoAnswer).on("Login"));
    let error = world.call().unwrap_err();
    assert!(matches!(transient(&error), Cause::NoAnswer(error) if error.is_timeout()), "{error:?}");
    assert_eq!(world.sign_ins(), 1);
}

fn is_too_large(error: &Error) -> bool {
    matches!(error, Error::NoAnswer { error, .. } if error.is_too_large())
}

pub(crate) fn an_answer_longer_than_the_cap_is_refused(adapter: Adapter) {
    let world = World::with(adapter, |setup| setup.call_cap = Some(10_000));
    world.sign_in().unwrap();
    let padded = |length: usize| {
        let frame = r#"{"response_status":0,"response_message":"","response_data":{}}"#;
        format!("{frame}{}", " ".repeat(length - frame.len()))
    };
    for (length, fits) in [(10_000, true), (10_001, false), (1_000_000, false)] {
        world.sandbox.fault(Fault::new(body(padded(length))).on("GetSessionInfo"));
        let answer = world.call();
        assert_eq!(answer.is_ok(), fits, "{length} bytes: {answer:?}");
        assert!(fits || is_too_large(&answer.unwrap_err()));
    }
    world.call().unwrap();
    assert_eq!(world.sessions_of("GetSessionInfo"), [1; 4]);
}

pub(crate) fn a_sign_in_answer_longer_than_the_cap_is_refused(adapter: Adapter) {
    let world = World::with(adapter, |setup| setup.sign_in_cap = Some(2_000));
    world.sandbox.fault(Fault::new(body(" ".repeat(2_001))).on("Login"));
    let error = world.call().unwrap_err();
    assert!(
        matches!(transient(&error), Cause::NoAnswer(error) if error.is_too_large()),
        "{error:?}"
    );
    assert_recovers(&world);
}

pub(crate) fn the_caps_are_1_and_16_mebibytes_by_default(adapter: Adapter) {
    let world = World::new(adapter);
    let over = |mebibytes: usize| body(" ".repeat((mebibytes << 20) + 1));
    world.sandbox.fault(Fault::new(over(1)).on("Login"));
    let error = world.call().unwrap_err();
    assert!(
        matches!(transient(&error), Cause::NoAnswer(error) if error.is_too_large()),
        "{error:?}"
    );
    assert_recovers(&world);
    world.sandbox.fault(Fault::new(over(1)).on("GetSessionInfo"));
    let error = world.call().unwrap_err();
    assert!(matches!(error, Error::NotBill { .. }), "{error:?}");
    world.sandbox.fault(Fault::new(over(16)).on("GetSessionInfo"));
    assert!(is_too_large(&world.call().unwrap_err()));
    world.call().unwrap();
}

/// Moves the clocks second by second until something has happened.
///
/// A caller reckons its back-off from when it reads the answer, which may be after the first jump;
/// it is given real time to act on each, so that its own deadline of 120 seconds stays far away.
fn second_by_second(world: &World, what: &str, there: impl Fn() -> bool) {
    let mut jumps = 0..60;
    let happened = jumps.any(|_| {
        world.advance(SECOND);
        within(500 * MILLISECOND, &there)
    });
    assert!(happened, "{what}");
}

pub(crate) fn a_contended_call_is_sent_again_twice_at_most(adapter: Adapter) {
    let world = World::new(adapter);
    world.sign_in().unwrap();
    let contended = Fault::new(FaultKind::code("BDC_1322")).on("GetSessionInfo");
    world.sandbox.fault(contended.clone().times(2));
    let patient = world.start(1, &Op::read());
    second_by_second(&world, "the third time, it is served", || patient.ended() == 1);
    patient.join_all_ok();
    world.sandbox.fault(contended.times(3));
    let given_up = world.start(1, &Op::read());
    second_by_second(&world, "the third time, it gives up", || given_up.ended() == 1);
    let error = given_up.join_all_failed().remove(0);
    assert_eq!(error.code().unwrap().as_str(), "BDC_1322");
    assert_eq!(world.sessions_of("GetSessionInfo"), [1; 6]);
}

pub(crate) fn a_spent_hour_closes_the_keys_calls_until_it_ends(adapter: Adapter) {
    let world = World::new(adapter);
    world.sign_in().unwrap();
    let spent = Fault::new(FaultKind::code("BDC_1144")).on("GetSessionInfo");
    world.sandbox.fault(spent.header("date", "Thu, 01 Jan 2026 10:20:00 GMT"));
    let spent_for = |error: Error| match error {
        Error::Limited { limit: Limit::Calls, retry_after, .. } => retry_after,
        error => panic!("{error:?}"),
    };
    assert_eq!(spent_for(world.call().unwrap_err()), Duration::from_secs(40 * 60));
    // Nothing more is sent in that hour.
    assert_eq!(spent_for(world.call().unwrap_err()), Duration::from_secs(40 * 60));
    world.advance(Duration::from_secs(30 * 60));
    assert_eq!(spent_for(world.call().unwrap_err()), Duration::from_secs(10 * 60));
    assert_eq!(world.stats().calls, 1);
    world.advance(Duration::from_secs(10 * 60));
    world.call().unwrap();
    assert!(world.sandbox.now() < HOUR);
}

pub(crate) fn a_type_that_does_not_fit_is_told_apart_from_a_refusal(adapter: Adapter) {
    let world = World::new(adapter);
    world.sign_in().unwrap();
    let data = json!({"start": 0, "max": 1});
    let error = match adapter {
        Adapter::Async => {
            let call = world.client_async().v2("List/Vendor", &data);
            world.runtime().block_on(call.send::<u64>())
        }
        Adapter::Blocking => world.client_blocking().v2("List/Vendor", &data).send(),
    }
    .unwrap_err();
    assert!(matches!(error, Error::Decode { .. }), "{error:?}");
    assert_eq!(world.sessions_of("List/Vendor"), [1]);
}
