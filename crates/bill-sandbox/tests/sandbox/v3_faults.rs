//! Every fault strikes v3 as it strikes v2, and the odd errors of v3 can be given.

use std::io::ErrorKind;
use std::time::Duration;

use bill_sandbox::{ErrorEntry, Fault, FaultKind, Params, Sandbox};
use serde_json::json;

use crate::raw_http::{DEMO_LOGIN, exchange, post, request, send};
use crate::raw_v3::{ask, v3_login, v3_login_request, v3_post_login, v3_sign_in};

fn frozen() -> Sandbox {
    Sandbox::builder().frozen_clock().vendors(30).start().unwrap()
}

#[test]
fn one_of_bills_codes_comes_as_an_array_with_its_usual_status_or_another() {
    let sandbox = frozen();
    let session = v3_sign_in(&sandbox);
    for (kind, expected) in [
        (FaultKind::invalid_session(), (401, "BDC_1109")),
        (FaultKind::code("BDC_1361"), (403, "BDC_1361")),
        (FaultKind::code("BDC_1144"), (429, "BDC_1144")),
        (FaultKind::code("BDC_1121"), (404, "BDC_1121")),
        (FaultKind::code("BDC_9999"), (422, "BDC_9999")),
        (FaultKind::Envelope { status: 503, code: "BDC_1322".to_owned() }, (503, "BDC_1322")),
    ] {
        sandbox.fault(Fault::new(kind).on("v3/List/vendors"));
        let (status, code) = ask(&sandbox, &session, "GET", "vendors").error();
        assert_eq!((status, code.as_str()), expected);
    }
    ask(&sandbox, &session, "GET", "vendors").found();
    assert_eq!(sandbox.stats().rejected["BDC_1109"], 1);
}

#[test]
fn an_array_may_have_several_entries_entries_without_a_code_and_params_of_either_shape() {
    let sandbox = frozen();
    let session = v3_sign_in(&sandbox);
    let errors = vec![
        ErrorEntry::without_code().message("who knows"),
        ErrorEntry::new("BDC_1002").params(Params::List(vec!["name".to_owned()])),
        ErrorEntry::new("BDC_1109").params(Params::Object([].into())).detail("d").help("h"),
    ];
    sandbox.fault(Fault::new(FaultKind::Errors { status: 401, errors }).on("v3"));
    let reply = ask(&sandbox, &session, "GET", "login/session");
    let json = reply.json();
    assert_eq!(reply.status, 401);
    assert_eq!(json.as_array().unwrap().len(), 3);
    assert_eq!((json[0].get("code"), &json[0]["message"]), (None, &"who knows".into()));
    assert_eq!((&json[1]["params"], &json[2]["params"]), (&json!(["name"]), &json!({})));
    assert_eq!((&json[2]["detail"], &json[2]["help"]), (&"d".into(), &"h".into()));
    assert_eq!(sandbox.journal().last().unwrap().outcome.as_deref(), Some("BDC_1002"));

    sandbox.fault(Fault::new(FaultKind::errors(422, &["A", "B"])));
    assert_eq!(ask(&sandbox, &session, "GET", "vendors").json()[1]["code"], "B");
    sandbox.fault(Fault::new(FaultKind::Errors { status: 500, errors: Vec::new() }));
    assert_eq!(ask(&sandbox, &session, "GET", "vendors").body, "[]");
}

#[test]
fn an_array_can_be_given_in_v2_and_by_its_json() {
    let sandbox = frozen();
    let fault = r#"{"kind":{"errors":{"status":401,"errors":[{"code":"BDC_1109",
        "params":{"object":{}}},{}]}},"on":"Login"}"#;
    let raw = request("POST", "/_sandbox/fault", "application/json", fault);
    assert_eq!(exchange(&sandbox, &raw).status, 200);
    let reply = post(&sandbox, "Login", &DEMO_LOGIN);
    assert_eq!((reply.status, &reply.json()[0]["code"]), (401, &"BDC_1109".into()));
}

#[test]
fn a_gateway_answers_with_a_single_object() {
    let sandbox = frozen();
    sandbox.fault(Fault::new(FaultKind::gateway_unauthorized()).on("v3/Login"));
    let reply = v3_post_login(&sandbox, &v3_login());
    assert_eq!((reply.status, reply.body.as_str()), (401, r#"{"message":"Unauthorized"}"#));
    v3_post_login(&sandbox, &v3_login()).found();
}

#[test]
fn only_an_answer_in_bills_form_that_is_no_limit_and_no_1109_resets_the_timer() {
    let sandbox = frozen();
    let session = v3_sign_in(&sandbox);
    let strike = |kind: FaultKind| {
        sandbox.fault(Fault::new(kind));
        ask(&sandbox, &session, "GET", "login/session");
    };
    sandbox.advance(Duration::from_secs(2_000));
    strike(FaultKind::errors(422, &["BDC_1002"]));
    sandbox.advance(Duration::from_secs(2_000));
    strike(FaultKind::errors(429, &["BDC_1322"]));
    strike(FaultKind::errors(401, &["BDC_1002", "BDC_1109"]));
    strike(FaultKind::gateway_unauthorized());
    strike(FaultKind::Html { status: 502 });
    sandbox.advance(Duration::from_secs(100));
    assert_eq!(ask(&sandbox, &session, "GET", "login/session").error().1, "BDC_1109");
}

#[test]
fn broken_answers_break_in_v3_as_they_do_in_v2() {
    let sandbox = frozen();
    let session = v3_sign_in(&sandbox);
    let strike = |kind: FaultKind| {
        sandbox.fault(Fault::new(kind).on("v3/List"));
        ask(&sandbox, &session, "GET", "vendors")
    };
    assert_eq!(strike(FaultKind::ResetBeforeAnswer).broken, Some(ErrorKind::ConnectionReset));
    assert_eq!(strike(FaultKind::ResetMidAnswer).broken, Some(ErrorKind::ConnectionReset));
    let closed = strike(FaultKind::CloseMidAnswer);
    let length: usize = closed.header("content-length").unwrap().parse().unwrap();
    assert!(closed.broken.is_none() && closed.body.len() < length);
    let torn = strike(FaultKind::TornJson);
    assert!(serde_json::from_str::<serde_json::Value>(&torn.body).is_err());
    assert!(strike(FaultKind::Html { status: 503 }).body.starts_with("<!DOCTYPE html>"));
    let location = "http://127.0.0.1:9/connect/v3/vendors".to_owned();
    let redirect = strike(FaultKind::Redirect { status: 307, location: location.clone() });
    assert_eq!((redirect.status, redirect.header("location")), (307, Some(location.as_str())));
    assert_eq!(strike(FaultKind::SlowBytes { bytes: 2_000, pause_ms: 1 }).status, 200);
    assert_eq!(strike(FaultKind::LoseSession).error(), (401, "BDC_1109".to_owned()));
    assert_eq!(ask(&sandbox, &session, "GET", "vendors").error().1, "BDC_1109");
    assert_eq!(sandbox.stats().in_flight, 0);
}

#[test]
fn no_answer_leaves_a_sign_in_in_flight_until_the_client_leaves() {
    let sandbox = frozen();
    sandbox.fault(Fault::new(FaultKind::NoAnswer).on("v3/Login").handled());
    let stream = send(&sandbox, &v3_login_request(&v3_login()));
    let stats = sandbox.wait_until(|stats| stats.faults_applied == 1).unwrap();
    assert_eq!((stats.sign_ins_v3, stats.sessions_alive, stats.in_flight), (1, 1, 1));
    drop(stream);
    sandbox.wait_until(|stats| stats.in_flight == 0).unwrap();
}

#[test]
fn a_fault_of_v2s_sign_in_does_not_strike_that_of_v3() {
    let sandbox = frozen();
    sandbox.fault(Fault::new(FaultKind::code("BDC_1001")).on("Login"));
    v3_post_login(&sandbox, &v3_login()).found();
    assert_eq!(post(&sandbox, "Login", &DEMO_LOGIN).code(), "BDC_1001");
    sandbox.fault(Fault::new(FaultKind::code("BDC_1001")).on("v3/Login"));
    post(&sandbox, "Login", &DEMO_LOGIN).data();
    assert_eq!(v3_post_login(&sandbox, &v3_login()).error(), (500, "BDC_1001".to_owned()));
}

#[test]
fn the_empty_answer_of_a_sign_out_can_be_lost_too() {
    let sandbox = frozen();
    let session = v3_sign_in(&sandbox);
    sandbox.fault(Fault::new(FaultKind::ResetMidAnswer).on("v3/Logout"));
    assert!(ask(&sandbox, &session, "POST", "logout").broken.is_some());
    assert_eq!(sandbox.stats().sign_outs, 1);
}
