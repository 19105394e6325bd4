//! BILL's limits are enforced unless they are switched off, and each is counted.

use std::time::{Duration, UNIX_EPOCH};

use bill_sandbox::{Builder, DEMO_DEV_KEY, DEMO_OTHER_ORG, Fault, FaultKind, Sandbox};
use serde_json::json;

use crate::raw_http::{
    DEMO_LOGIN, call_request, exchange, form_request, info, post, receive, send, sign_in,
};
use crate::raw_v3::{
    ask, in_session, v3_login, v3_login_request, v3_login_with, v3_post_login, v3_sign_in,
};

/// A sandbox whose clock stands a second before a full hour.
fn at_59_59() -> Builder {
    Sandbox::builder().frozen_clock().starts_at(UNIX_EPOCH + Duration::from_secs(7_199))
}

#[test]
fn a_fourth_call_at_once_is_refused_with_1322_until_one_ends() {
    let sandbox = Sandbox::start().unwrap();
    let session = v3_sign_in(&sandbox);
    let hold = sandbox.hold("v3/List");
    let list = in_session(&session, "GET", "vendors", "");
    let held: Vec<_> = (0..3).map(|_| send(&sandbox, &list)).collect();
    hold.wait_for(3).unwrap();
    // Neither another path nor the other generation has places of its own.
    assert_eq!(exchange(&sandbox, &list).error(), (429, "BDC_1322".to_owned()));
    assert_eq!(ask(&sandbox, &session, "POST", "logout").error().1, "BDC_1322");
    let reply = info(&sandbox, &session);
    assert_eq!((reply.status, reply.code().as_str()), (200, "BDC_1322"));
    // Another organisation has, and signing in takes none.
    let other = v3_login_with(&json!({"organizationId": DEMO_OTHER_ORG}));
    let other = v3_post_login(&sandbox, &other).found()["sessionId"].clone();
    ask(&sandbox, other.as_str().unwrap(), "GET", "login/session").found();
    v3_sign_in(&sandbox);
    // What is wrong with a session comes first.
    assert_eq!(ask(&sandbox, "made-up", "GET", "login/session").error().1, "BDC_1109");

    hold.release();
    held.into_iter().for_each(|stream| drop(receive(stream).found()));
    exchange(&sandbox, &list).found();
    let stats = sandbox.stats();
    assert_eq!((stats.limited_concurrent, stats.rejected["BDC_1322"]), (3, 3));
    assert_eq!((stats.max_in_flight, stats.in_flight), (4, 0));
    assert!(stats.violations().is_empty());
}

#[test]
fn a_client_that_leaves_gives_its_place_back() {
    let sandbox = Sandbox::start().unwrap();
    let session = v3_sign_in(&sandbox);
    let hold = sandbox.hold_requests("v3/List");
    let list = in_session(&session, "GET", "vendors", "");
    let held: Vec<_> = (0..3).map(|_| send(&sandbox, &list)).collect();
    hold.wait_for(3).unwrap();
    drop(held);
    sandbox.wait_until(|stats| stats.in_flight == 0).unwrap();
    ask(&sandbox, &session, "GET", "login/session").found();
}

#[test]
fn a_sign_in_can_take_a_place_too() {
    let sandbox = Sandbox::builder().concurrent_calls(Some(1)).sign_ins_concur(true);
    let sandbox = sandbox.start().unwrap();
    let session = v3_sign_in(&sandbox);
    let hold = sandbox.hold("GetSessionInfo");
    let held = send(&sandbox, &call_request(&session, "GetSessionInfo", ""));
    hold.wait_for(1).unwrap();
    assert_eq!(v3_post_login(&sandbox, &v3_login()).error().1, "BDC_1322");
    hold.release();
    receive(held).data();
    v3_sign_in(&sandbox);
}

#[test]
fn the_201st_sign_in_of_a_clock_hour_is_refused_with_1144_whichever_way_it_comes() {
    let sandbox = at_59_59().dev_key("another-key").start().unwrap();
    let list_orgs = form_request("ListOrgs", &[DEMO_LOGIN[0], DEMO_LOGIN[1], DEMO_LOGIN[3]]);
    let wrong = v3_login_with(&json!({"password": "wrong"}));
    for _ in 0..50 {
        sign_in(&sandbox, &DEMO_LOGIN);
        exchange(&sandbox, &list_orgs).data();
        v3_sign_in(&sandbox);
        // One that fails counts too.
        assert_eq!(v3_post_login(&sandbox, &wrong).error().1, "BDC_1101");
    }
    let session = v3_post_login(&sandbox, &v3_login_with(&json!({"devKey": "another-key"})));
    session.found();
    assert_eq!(v3_post_login(&sandbox, &v3_login()).error(), (429, "BDC_1144".to_owned()));
    assert_eq!(exchange(&sandbox, &list_orgs).code(), "BDC_1144");
    let reply = post(&sandbox, "Login", &DEMO_LOGIN);
    assert_eq!((reply.status, reply.code().as_str()), (200, "BDC_1144"));
    let stats = sandbox.stats();
    assert_eq!((stats.limited_sign_ins, stats.rejected["BDC_1144"]), (3, 3));
    assert_eq!(stats.sign_ins_succeeded, 101);

    sandbox.advance(Duration::from_millis(999));
    assert_eq!(post(&sandbox, "Login", &DEMO_LOGIN).code(), "BDC_1144");
    sandbox.advance(Duration::from_millis(1));
    let reply = post(&sandbox, "Login", &DEMO_LOGIN);
    assert_eq!(reply.header("date"), Some("Thu, 01 Jan 1970 02:00:00 GMT"));
    reply.data();
}

#[test]
fn the_call_after_20_000_of_a_clock_hour_is_refused_with_1144() {
    let sandbox = at_59_59().start().unwrap();
    let session = v3_sign_in(&sandbox);
    assert!(sandbox.spend_hour(DEMO_DEV_KEY, 19_999, 0));
    assert!(!sandbox.spend_hour("no-key", 1, 1));
    ask(&sandbox, &session, "GET", "login/session").found();
    assert_eq!(
        ask(&sandbox, &session, "GET", "login/session").error(),
        (429, "BDC_1144".to_owned())
    );
    assert_eq!(info(&sandbox, &session).code(), "BDC_1144");
    assert_eq!(sandbox.stats().limited_calls, 2);
    v3_sign_in(&sandbox);
    sandbox.advance(Duration::from_secs(1));
    ask(&sandbox, &session, "GET", "login/session").found();
}

#[test]
fn a_call_beyond_a_limit_does_not_reset_the_session_timer() {
    let sandbox = at_59_59().start().unwrap();
    let session = v3_sign_in(&sandbox);
    sandbox.advance(Duration::from_secs(2_000));
    sandbox.set_calls_per_hour(Some(0));
    assert_eq!(ask(&sandbox, &session, "GET", "vendors").error().1, "BDC_1144");
    sandbox.set_calls_per_hour(None);
    sandbox.advance(Duration::from_secs(100));
    assert_eq!(ask(&sandbox, &session, "GET", "vendors").error().1, "BDC_1109");
}

#[test]
fn the_status_of_a_refusal_is_a_setting_in_both_generations() {
    let sandbox = Sandbox::builder().calls_per_hour(Some(0)).limit_status(429, 422);
    let sandbox = sandbox.start().unwrap();
    let session = v3_sign_in(&sandbox);
    assert_eq!(info(&sandbox, &session).status, 429);
    assert_eq!(ask(&sandbox, &session, "GET", "vendors").status, 422);
    sandbox.set_limit_status(422, 403);
    assert_eq!(
        (info(&sandbox, &session).status, info(&sandbox, &session).code().as_str()),
        (422, "BDC_1144")
    );
    assert_eq!(ask(&sandbox, &session, "GET", "vendors").status, 403);
}

#[test]
fn every_limit_can_be_switched_off_and_moved() {
    let sandbox = at_59_59().without_limits().start().unwrap();
    let session = v3_sign_in(&sandbox);
    assert!(sandbox.spend_hour(DEMO_DEV_KEY, u64::MAX, u64::MAX));
    let hold = sandbox.hold("v3/List").until(10);
    let list = in_session(&session, "GET", "vendors", "");
    let held: Vec<_> = (0..10).map(|_| send(&sandbox, &list)).collect();
    hold.wait_for(10).unwrap();
    held.into_iter().for_each(|stream| drop(receive(stream).found()));
    v3_sign_in(&sandbox);
    sandbox.set_sign_ins_per_hour(Some(1));
    assert_eq!(v3_post_login(&sandbox, &v3_login()).error().1, "BDC_1144");
    sandbox.set_concurrent_calls(Some(0));
    assert_eq!(ask(&sandbox, &session, "GET", "vendors").error().1, "BDC_1322");
    sandbox.set_concurrent_calls(Some(1));
    ask(&sandbox, &session, "GET", "vendors").found();
}

#[test]
fn a_fault_strikes_a_call_that_is_beyond_a_limit_as_well() {
    let sandbox = Sandbox::builder().sign_ins_per_hour(Some(0)).start().unwrap();
    sandbox.fault(Fault::new(FaultKind::Html { status: 503 }).on("v3/Login"));
    assert_eq!(exchange(&sandbox, &v3_login_request(&v3_login())).status, 503);
    sandbox.fault(Fault::new(FaultKind::Normal).on("v3/Login").header("retry-after", "7"));
    let reply = exchange(&sandbox, &v3_login_request(&v3_login()));
    assert_eq!((reply.error().1.as_str(), reply.header("retry-after")), ("BDC_1144", Some("7")));
}
