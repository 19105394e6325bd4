//! Fifteen bugs that were found in public clients of this API, in the order of the list.

use bill_conformance::{Adapter, MILLISECOND, MINUTE, Op, Silent, World};
use bill_sandbox::{Fault, FaultKind};
use bill_session_core::{Cause, Error, Limit, Misuse, Phase};
use serde_json::{Value, json};

fn body(body: &str) -> FaultKind {
    FaultKind::Body {
        status: 200,
        content_type: "application/json".to_owned(),
        body: body.to_owned(),
    }
}

fn refusal(code: &str, message: &str) -> FaultKind {
    let data = json!({"error_code": code, "error_message": message});
    let envelope = json!({
        "response_status": 1, "response_message": "Error", "response_data": data,
    });
    body(&envelope.to_string())
}

pub(crate) fn bug_01_a_busy_session_is_not_thrown_away_by_a_fixed_time_to_live(adapter: Adapter) {
    let world = World::new(adapter);
    // Eight hours of work, a call every five minutes: a lifetime counted from the sign-in ends.
    for _ in 0..96 {
        world.call().unwrap();
        world.advance(5 * MINUTE);
    }
    world.call().unwrap();
    assert_eq!(world.sessions_of("GetSessionInfo"), [1; 97]);
    assert_eq!(world.sign_ins(), 1);
}

pub(crate) fn bug_02_concurrent_calls_make_one_sign_in(adapter: Adapter) {
    let world = World::new(adapter);
    world.start(100, &Op::read()).join_all_ok();
    world.advance(34 * MINUTE);
    world.start(100, &Op::read()).join_all_ok();
    world.sandbox.lose_sessions();
    world.start(100, &Op::read()).join_all_ok();
    assert_eq!(world.sign_ins(), 3);
}

pub(crate) fn bug_03_a_late_refusal_of_an_old_session_spares_the_fresh_one(adapter: Adapter) {
    let world = World::new(adapter);
    world.call().unwrap();
    let late = world.sandbox.hold("CurrentTime");
    let refused = Fault::new(FaultKind::LoseSession).on("CurrentTime");
    world.sandbox.fault(refused);
    let old = world.start(1, &Op::call("CurrentTime", Value::Null));
    late.wait_for(1).unwrap();
    // Others find the loss out first, and sign in.
    world.start(20, &Op::read()).join_all_ok();
    assert_eq!(world.sign_ins(), 2);
    late.release();
    old.join_all_ok();
    world.start(20, &Op::read()).join_all_ok();
    assert_eq!((world.sign_ins(), world.stats().sessions_alive), (2, 1));
}

pub(crate) fn bug_04_a_list_that_signs_in_again_uses_the_new_session_for_every_later_page(
    adapter: Adapter,
) {
    let world = World::with(adapter, |setup| setup.vendors = 100);
    let lost = Fault::new(FaultKind::LoseSession).on("List").after(2);
    world.sandbox.fault(lost);
    let entity = "Vendor".to_owned();
    let page_size = Some(10);
    let list = world.run(&Op::List { entity, page_size }).unwrap();
    assert_eq!(list.as_array().unwrap().len(), 100);
    assert_eq!(world.sessions_of("List/Vendor"), [1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2]);
    assert_eq!((world.sign_ins(), world.rejected("BDC_1109")), (2, 1));
}

pub(crate) fn bug_05_refusals_without_end_are_not_replayed_without_end(adapter: Adapter) {
    let world = World::new(adapter);
    let refused = Fault::new(FaultKind::invalid_session()).on("GetSessionInfo");
    world.sandbox.fault(refused.always());
    let error = world.call().unwrap_err();
    assert_eq!(error.code().unwrap().as_str(), "BDC_1109");
    assert_eq!((world.sign_ins(), world.stats().calls), (2, 2));
    // The second new session in a row that BILL refused at once: now everyone backs off.
    assert!(matches!(world.phase(), Phase::Failed { .. }));
    let callers = world.start(20, &Op::read());
    callers.all_wait();
    assert_eq!(world.sign_ins(), 2);
    world.sandbox.clear_faults();
    world.advance(2 * bill_conformance::SECOND);
    callers.join_all_ok();
    assert_eq!(world.sign_ins(), 3);
}

pub(crate) fn bug_06_the_code_decides_and_not_the_word_expired(adapter: Adapter) {
    let world = World::new(adapter);
    world.call().unwrap();
    let words = ["Session is invalid.  Please log in.", "Session expired", "", "Invalide"];
    for (done, words) in words.into_iter().enumerate() {
        let fault = Fault::new(refusal("BDC_1109", words)).on("GetSessionInfo");
        world.sandbox.fault(fault);
        world.call().unwrap();
        assert_eq!(world.sign_ins(), 2 + done as u64);
    }
    let words = "Session is invalid, session has expired. Please log in.";
    let fault = Fault::new(refusal("BDC_1234", words)).on("GetSessionInfo");
    world.sandbox.fault(fault);
    let error = world.call().unwrap_err();
    assert_eq!(error.code().unwrap().as_str(), "BDC_1234");
    assert_eq!(world.sign_ins(), 5);
}

pub(crate) fn bug_07_http_200_with_an_error_inside_is_no_success(adapter: Adapter) {
    let world = World::with(adapter, |setup| setup.principal = World::wrong_user());
    world.sign_in().unwrap_err();
    world.client().replace_credentials(World::user());
    world.sign_in().unwrap();
    for status in [1, 2, -1] {
        let text = format!(r#"{{"response_status":{status},"response_data":{{"id":"1"}}}}"#);
        let fault = Fault::new(body(&text)).on("GetSessionInfo");
        world.sandbox.fault(fault);
        let error = world.call().unwrap_err();
        assert!(matches!(error, Error::Api(_)), "{error:?}");
    }
    let error = world.send("Crud/Read/Vendor", json!({"id": "none"}));
    assert!(matches!(error, Err(Error::Api(_))), "{error:?}");
}

pub(crate) fn bug_08_an_untrusted_session_is_no_reason_to_sign_in(adapter: Adapter) {
    let world = World::new(adapter);
    world.sign_in().unwrap();
    let untrusted = Fault::new(FaultKind::code("BDC_1361")).on("GetSessionInfo");
    world.sandbox.fault(untrusted.always());
    for error in world.start(20, &Op::read()).join_all_failed() {
        assert!(matches!(error, Error::Untrusted(_)), "{error:?}");
        assert!(error.to_string().contains("MFA"), "{error}");
    }
    assert_eq!((world.sign_ins(), world.stats().calls), (1, 20));
}

pub(crate) fn bug_09_a_post_whose_answer_is_lost_is_never_sent_twice(adapter: Adapter) {
    let world = World::with(adapter, |setup| {
        setup.vendors = 0;
        // Real time: an answer that never comes is given up after this.
        setup.call_limit = Some(300 * MILLISECOND);
    });
    // A pooled connection that breaks invites an HTTP client to try again by itself.
    world.call().unwrap();
    let lost = [
        FaultKind::ResetBeforeAnswer,
        FaultKind::ResetMidAnswer,
        FaultKind::CloseMidAnswer,
        FaultKind::NoAnswer,
        FaultKind::TornJson,
        FaultKind::Html { status: 502 },
    ];
    let bills = lost.len();
    for (number, kind) in lost.into_iter().enumerate() {
        let fault = Fault::new(kind.clone()).on("Crud/Create").handled();
        world.sandbox.fault(fault);
        let vendor = json!({"obj": {"entity": "Vendor", "name": format!("no {number}")}});
        let error = world.send("Crud/Create/Vendor", vendor).unwrap_err();
        assert!(
            matches!(error, Error::NoAnswer { .. } | Error::NotBill { .. }),
            "{kind:?}: {error:?}"
        );
    }
    // Every one was carried out, once, although its answer was lost.
    assert_eq!(world.sessions_of("Crud/Create/Vendor").len(), bills);
    let made = world.run(&Op::list("Vendor")).unwrap();
    assert_eq!(made.as_array().unwrap().len(), bills);
    assert_eq!(world.sign_ins(), 1);
}

pub(crate) fn bug_10_a_spent_hour_is_not_reported_as_a_wrong_password(adapter: Adapter) {
    let world = World::new(adapter);
    let spent = Fault::new(FaultKind::code("BDC_1144")).on("Login");
    world.sandbox.fault(spent.header("date", "Thu, 01 Jan 2026 10:20:00 GMT"));
    for error in world.start(20, &Op::read()).join_all_failed() {
        assert!(
            matches!(&error, Error::Limited { limit: Limit::SignIns, retry_after, .. }
                if *retry_after == 40 * MINUTE),
            "{error:?}"
        );
        assert_eq!(error.code().unwrap().as_str(), "BDC_1144");
        assert!(!error.to_string().contains("password"), "{error}");
    }
    assert_eq!(world.sign_ins(), 1);
    world.advance(40 * MINUTE);
    world.call().unwrap();
    assert_eq!(world.sign_ins(), 2);
}

pub(crate) fn bug_11_the_code_of_a_failed_sign_in_is_kept_and_an_odd_answer_is_no_crash(
    adapter: Adapter,
) {
    for code in ["BDC_1101", "BDC_1102", "BDC_1105", "BDC_1107", "BDC_9999", "PAY_1"] {
        let world = World::new(adapter);
        world.sandbox.fault(Fault::new(refusal(code, "why")).on("Login"));
        let error = world.call().unwrap_err();
        assert_eq!(error.code().unwrap().as_str(), code);
        assert!(error.to_string().contains(code), "{error}");
    }
    let odd = [
        r#"{"response_status":1}"#,
        r#"{"response_status":1,"response_data":null}"#,
        r#"{"response_status":1,"response_data":"Error"}"#,
        r#"{"response_status":1,"response_data":{"error_code":1101}}"#,
        r#"{"response_status":1,"response_data":[{"error_code":"BDC_1101"}]}"#,
        r#"{"response_status":"1","response_data":{}}"#,
        r#"{"response_status":0,"response_data":null}"#,
        r#"{"response_status":0,"response_data":{}}"#,
        r#"{"response_status":0,"response_data":{"sessionId":null}}"#,
        r#"{"response_status":0,"response_data":{"sessionId":""}}"#,
        r#"{"response_status":0,"response_data":{"sessionId":7}}"#,
        "null",
        "[]",
        "7",
    ];
    for text in odd {
        let world = World::new(adapter);
        world.sandbox.fault(Fault::new(body(text)).on("Login"));
        let error = world.call().unwrap_err();
        assert!(
            matches!(&error, Error::NoSession { cause, retry_after: Some(_), .. }
                if matches!(**cause, Cause::Refused(_) | Cause::NotBill(_))),
            "{text}: {error:?}"
        );
        world.advance(2 * bill_conformance::SECOND);
        world.call().unwrap();
    }
}

pub(crate) fn bug_12_many_payments_make_one_sign_in(adapter: Adapter) {
    let world = World::new(adapter);
    for number in 0..250 {
        let payment = json!({"obj": {"entity": "SentPay", "amount": number}});
        world.send("Crud/Create/SentPay", payment).unwrap();
        world.advance(MINUTE);
    }
    assert_eq!((world.sign_ins(), world.stats().calls), (1, 250));
}

pub(crate) fn bug_13_nothing_is_sent_without_a_session_while_another_caller_signs_in(
    adapter: Adapter,
) {
    let world = World::new(adapter);
    let answer = world.sandbox.hold("Login");
    let first = world.start(1, &Op::read());
    answer.wait_for(1).unwrap();
    let others = world.start(50, &Op::read());
    others.all_wait();
    assert_eq!(world.stats().calls, 0);
    answer.release();
    first.join_all_ok();
    others.join_all_ok();
    // An empty, a missing or a made-up session would stand in these as well.
    assert_eq!(world.stats().rejected.len(), 0);
    assert_eq!(world.sessions_of("GetSessionInfo"), [1; 51]);
}

pub(crate) fn bug_14_no_secret_is_ever_part_of_a_url(adapter: Adapter) {
    let world = World::new(adapter);
    world.call().unwrap();
    let session = world.lease().unwrap().session_id().to_owned();
    let paths = [
        ("List/Vendor?sessionId=1".to_owned(), Misuse::PathQuery),
        ("List/Vendor#top".to_owned(), Misuse::PathFragment),
        ("../Login".to_owned(), Misuse::PathClimbs),
        ("List//Vendor".to_owned(), Misuse::PathClimbs),
        ("List/demo-password".to_owned(), Misuse::PathSecret),
        ("List/demo-dev-key".to_owned(), Misuse::PathSecret),
        (format!("List/{session}"), Misuse::PathSecret),
        ("Login".to_owned(), Misuse::PathReserved),
        ("Logout".to_owned(), Misuse::PathReserved),
    ];
    for (path, misuse) in paths {
        let error = world.send(&path, Value::Null).unwrap_err();
        assert!(matches!(&error, Error::Misuse(seen) if *seen == misuse), "{path}: {error:?}");
    }
    // Percent-encoded, it is refused for what it is or for its percent signs, and never sent.
    let encoded = world.send("List/demo%2Dpassword", Value::Null).unwrap_err();
    assert!(matches!(encoded, Error::Misuse(_)), "{encoded:?}");
    assert_eq!(world.operations(), ["Login", "GetSessionInfo"]);
    assert_eq!(world.stats().secrets_in_url, 0);
}

pub(crate) fn bug_15_a_call_that_was_never_answered_does_not_restart_the_timer(adapter: Adapter) {
    let silent = Silent::start();
    let unanswered = [
        FaultKind::ResetBeforeAnswer,
        FaultKind::Html { status: 503 },
        FaultKind::Redirect { status: 302, location: silent.origin() },
        FaultKind::code("BDC_1144"),
    ];
    for kind in unanswered {
        let world = World::new(adapter);
        world.call().unwrap();
        world.advance(20 * MINUTE);
        let fault = Fault::new(kind.clone()).on("CurrentTime");
        // The last minute of an hour, so that a spent one is over soon.
        let fault = fault.header("date", "Thu, 01 Jan 2026 10:59:59 GMT");
        world.sandbox.fault(fault);
        world.send("CurrentTime", Value::Null).unwrap_err();
        world.advance(14 * MINUTE - MILLISECOND);
        assert!(matches!(world.phase(), Phase::SignedIn { .. }), "{kind:?}");
        world.advance(MILLISECOND);
        world.call().unwrap();
        assert_eq!(world.sessions_of("GetSessionInfo"), [1, 2], "{kind:?}");
        assert_eq!(world.rejected("BDC_1109"), 0, "{kind:?}");
    }
}
