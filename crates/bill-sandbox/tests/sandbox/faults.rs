//! Each fault does what its name says, to the requests that it is for and to no other.

use std::io::{ErrorKind, Read};
use std::time::{Duration, Instant};

use bill_sandbox::{Fault, FaultKind, Sandbox};

use crate::raw_http::{
    DEMO_LOGIN, FIRST_TWO, call, call_request, form_request, info, post, receive, send, sign_in,
};

fn frozen() -> Sandbox {
    Sandbox::builder().frozen_clock().start().unwrap()
}

#[test]
fn no_answer_keeps_the_connection_open_and_silent_until_the_client_leaves() {
    let sandbox = frozen();
    sandbox.fault(Fault::new(FaultKind::NoAnswer).on("Login"));
    let mut stream = send(&sandbox, &form_request("Login", &DEMO_LOGIN));
    sandbox.wait_until(|stats| stats.faults_applied == 1).unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    let silence = stream.read(&mut [0; 1]).unwrap_err().kind();
    assert!(matches!(silence, ErrorKind::WouldBlock | ErrorKind::TimedOut));
    assert_eq!(sandbox.stats().in_flight, 1);
    drop(stream);

    let stats = sandbox.wait_until(|stats| stats.in_flight == 0).unwrap();
    assert_eq!((stats.sign_ins, stats.sign_ins_succeeded), (1, 0));
    let entry = &sandbox.journal()[0];
    assert_eq!((entry.outcome.as_deref(), entry.fault.as_deref()), (None, Some("no_answer")));
    sign_in(&sandbox, &DEMO_LOGIN);
}

#[test]
fn a_lost_answer_can_be_of_a_request_that_was_handled() {
    let sandbox = frozen();
    sandbox.fault(Fault::new(FaultKind::ResetBeforeAnswer).on("Login").handled());
    let reply = post(&sandbox, "Login", &DEMO_LOGIN);
    assert_eq!((reply.status, reply.broken), (0, Some(ErrorKind::ConnectionReset)));
    let stats = sandbox.stats();
    assert_eq!((stats.sign_ins_succeeded, stats.sessions_alive), (1, 1));
    assert_eq!(sandbox.journal()[0].session, Some(1));
}

#[test]
fn a_reset_before_the_answer_sends_not_one_byte() {
    let sandbox = frozen();
    sandbox.fault(Fault::new(FaultKind::ResetBeforeAnswer));
    let reply = post(&sandbox, "Login", &DEMO_LOGIN);
    assert_eq!((reply.head.as_str(), reply.broken), ("", Some(ErrorKind::ConnectionReset)));
    assert_eq!(sandbox.stats().sign_ins_succeeded, 0);
    assert_eq!(sandbox.journal()[0].outcome.as_deref(), Some("reset_before_answer"));
}

#[test]
fn a_reset_in_the_middle_sends_the_head_and_a_part_of_the_body() {
    let sandbox = frozen();
    let session = sign_in(&sandbox, &DEMO_LOGIN);
    for data in [FIRST_TWO, r#"{"start":0,"max":999}"#] {
        sandbox.fault(Fault::new(FaultKind::ResetMidAnswer).on("List"));
        let reply = call(&sandbox, &session, "List/Vendor", data);
        assert_eq!((reply.status, reply.broken), (200, Some(ErrorKind::ConnectionReset)));
        let length: usize = reply.header("content-length").unwrap().parse().unwrap();
        assert!(!reply.body.is_empty() && reply.body.len() <= length / 2);
    }
    assert_eq!(sandbox.stats().in_flight, 0);
}

#[test]
fn a_close_in_the_middle_ends_in_an_orderly_way_but_too_early() {
    let sandbox = frozen();
    sandbox.fault(Fault::new(FaultKind::CloseMidAnswer));
    let reply = post(&sandbox, "Login", &DEMO_LOGIN);
    assert_eq!((reply.status, reply.broken), (200, None));
    let length: usize = reply.header("content-length").unwrap().parse().unwrap();
    assert_eq!(reply.body.len(), length / 2);
    assert_eq!(sandbox.stats().sign_ins_succeeded, 1);
}

#[test]
fn html_comes_with_any_status_and_leaves_the_session_timer_alone() {
    let sandbox = frozen();
    let session = sign_in(&sandbox, &DEMO_LOGIN);
    sandbox.advance(Duration::from_secs(2_000));
    for status in [200, 500, 502, 503] {
        sandbox.fault(Fault::new(FaultKind::Html { status }));
        let reply = info(&sandbox, &session);
        assert_eq!(reply.status, status);
        assert_eq!(reply.header("content-type"), Some("text/html;charset=utf-8"));
        assert!(reply.body.starts_with("<!DOCTYPE html>"));
    }
    assert_eq!(sandbox.journal().last().unwrap().outcome.as_deref(), Some("html 503"));
    assert!(sandbox.stats().rejected.is_empty());
    sandbox.advance(Duration::from_secs(100));
    assert_eq!(info(&sandbox, &session).code(), "BDC_1109");
}

#[test]
fn an_envelope_with_any_status_and_code_resets_the_session_timer_as_an_answer_does() {
    let sandbox = frozen();
    let session = sign_in(&sandbox, &DEMO_LOGIN);
    for status in [200, 401, 422, 500] {
        sandbox.advance(Duration::from_secs(2_000));
        let kind = FaultKind::Envelope { status, code: "BDC_1001".to_owned() };
        sandbox.fault(Fault::new(kind));
        let reply = info(&sandbox, &session);
        assert_eq!((reply.status, reply.code().as_str()), (status, "BDC_1001"));
    }
    assert_eq!(sandbox.stats().rejected["BDC_1001"], 4);
    assert!(sandbox.stats().violations().is_empty());
}

#[test]
fn a_limit_reached_does_not_reset_the_session_timer() {
    let sandbox = frozen();
    let session = sign_in(&sandbox, &DEMO_LOGIN);
    sandbox.advance(Duration::from_secs(2_000));
    for code in ["BDC_1144", "BDC_1322", "BDC_1109"] {
        sandbox.fault(Fault::new(FaultKind::code(code)));
        assert_eq!(info(&sandbox, &session).code(), code);
    }
    sandbox.advance(Duration::from_secs(100));
    assert_eq!(info(&sandbox, &session).code(), "BDC_1109");
}

#[test]
fn a_session_just_made_can_be_called_invalid_and_live_on() {
    let sandbox = frozen();
    let session = sign_in(&sandbox, &DEMO_LOGIN);
    sandbox.fault(Fault::new(FaultKind::invalid_session()));
    assert_eq!(info(&sandbox, &session).code(), "BDC_1109");
    info(&sandbox, &session).data();
}

#[test]
fn a_session_just_made_can_be_lost() {
    let sandbox = frozen();
    let session = sign_in(&sandbox, &DEMO_LOGIN);
    let other = sign_in(&sandbox, &DEMO_LOGIN);
    sandbox.fault(Fault::new(FaultKind::LoseSession));
    assert_eq!(info(&sandbox, &session).code(), "BDC_1109");
    assert_eq!(info(&sandbox, &session).code(), "BDC_1109");
    info(&sandbox, &other).data();
}

#[test]
fn a_session_can_be_lost_in_the_middle_of_a_list() {
    let sandbox = frozen();
    let session = sign_in(&sandbox, &DEMO_LOGIN);
    sandbox.fault(Fault::new(FaultKind::LoseSession).on("List/Vendor").after(1));
    let page = |start| format!(r#"{{"start":{start},"max":999}}"#);
    call(&sandbox, &session, "List/Vendor", &page(0)).data();
    info(&sandbox, &session).data();
    assert_eq!(call(&sandbox, &session, "List/Vendor", &page(999)).code(), "BDC_1109");
    let again = sign_in(&sandbox, &DEMO_LOGIN);
    call(&sandbox, &again, "List/Vendor", &page(999)).data();
    let outcomes: Vec<_> =
        sandbox.journal().into_iter().map(|entry| entry.outcome.unwrap()).collect();
    assert_eq!(outcomes, ["ok", "ok", "ok", "BDC_1109", "ok", "ok"]);
}

#[test]
fn any_body_can_be_given() {
    let sandbox = frozen();
    let body = r#"{"message":"Unauthorized"}"#.to_owned();
    let content_type = "application/json".to_owned();
    sandbox.fault(Fault::new(FaultKind::Body { status: 401, content_type, body }));
    let reply = post(&sandbox, "Login", &DEMO_LOGIN);
    assert_eq!((reply.status, reply.body.as_str()), (401, r#"{"message":"Unauthorized"}"#));
}

#[test]
fn torn_json_is_complete_http() {
    let sandbox = frozen();
    sandbox.fault(Fault::new(FaultKind::TornJson));
    let reply = post(&sandbox, "Login", &DEMO_LOGIN);
    assert_eq!((reply.status, reply.broken), (200, None));
    assert_eq!(reply.header("content-length").unwrap(), reply.body.len().to_string());
    assert!(reply.body.starts_with('{'));
    assert!(serde_json::from_str::<serde_json::Value>(&reply.body).is_err());
    assert_eq!(sandbox.stats().sign_ins_succeeded, 1);
}

#[test]
fn slow_bytes_are_in_flight_until_the_last_of_them() {
    let sandbox = frozen();
    let session = sign_in(&sandbox, &DEMO_LOGIN);
    sandbox.fault(Fault::new(FaultKind::SlowBytes { bytes: 40, pause_ms: 10 }));
    let began = Instant::now();
    let reply = info(&sandbox, &session);
    assert!(reply.data()["orgId"].is_string());
    let pauses = (reply.body.len() as u32).div_ceil(40) - 1;
    assert!(began.elapsed() >= Duration::from_millis(10) * pauses);

    sandbox.fault(Fault::new(FaultKind::SlowBytes { bytes: 1, pause_ms: 3_600_000 }));
    let mut stream = send(&sandbox, &call_request(&session, "GetSessionInfo", ""));
    assert_eq!(stream.read(&mut [0; 1]).unwrap(), 1);
    assert_eq!(sandbox.stats().in_flight, 1);
    drop(stream);
    sandbox.wait_until(|stats| stats.in_flight == 0).unwrap();
}

#[test]
fn a_redirect_names_another_place() {
    let sandbox = frozen();
    let location = "http://127.0.0.1:9/api/v2/Login.json".to_owned();
    sandbox.fault(Fault::new(FaultKind::Redirect { status: 307, location: location.clone() }));
    let reply = post(&sandbox, "Login", &DEMO_LOGIN);
    assert_eq!((reply.status, reply.header("location")), (307, Some(location.as_str())));
    assert_eq!(sandbox.stats().sign_ins_succeeded, 0);
}

#[test]
fn a_sign_in_can_name_a_foreign_end_point() {
    let sandbox = frozen();
    let url = "https://api.evil.example/api/v2".to_owned();
    sandbox.fault(Fault::new(FaultKind::ForeignApiEndPoint { url: url.clone() }).on("Login"));
    let data = post(&sandbox, "Login", &DEMO_LOGIN).data();
    assert_eq!(data["apiEndPoint"], url);
    info(&sandbox, data["sessionId"].as_str().unwrap()).data();
}

#[test]
fn headers_can_be_set_and_replaced() {
    let sandbox = frozen();
    let date = "Sun, 06 Nov 1994 08:49:37 GMT";
    sandbox.fault(Fault::new(FaultKind::Normal).header("date", date));
    sandbox.fault(Fault::new(FaultKind::code("BDC_1144")).header("Retry-After", "7"));
    let reply = post(&sandbox, "Login", &DEMO_LOGIN);
    assert_eq!(reply.header("date"), Some(date));
    reply.data();
    let reply = post(&sandbox, "Login", &DEMO_LOGIN);
    assert_eq!((reply.code().as_str(), reply.header("retry-after")), ("BDC_1144", Some("7")));
}

#[test]
fn a_fault_that_cannot_be_sent_is_answered_with_500() {
    let sandbox = frozen();
    sandbox.fault(Fault::new(FaultKind::Html { status: 99 }));
    assert_eq!(post(&sandbox, "Login", &DEMO_LOGIN).status, 500);
}

#[test]
fn a_fault_without_end_lasts_until_it_is_cleared() {
    let sandbox = frozen();
    sandbox.fault(Fault::new(FaultKind::code("BDC_1101")).on("Login").always());
    for _ in 0..5 {
        assert_eq!(post(&sandbox, "Login", &DEMO_LOGIN).code(), "BDC_1101");
    }
    sandbox.clear_faults();
    sign_in(&sandbox, &DEMO_LOGIN);
    assert_eq!(sandbox.stats().faults_applied, 5);
}

#[test]
fn a_server_that_never_answers_takes_a_thousand_callers() {
    let sandbox = frozen();
    sandbox.fault(Fault::new(FaultKind::NoAnswer).always());
    let request = form_request("Login", &DEMO_LOGIN);
    let streams: Vec<_> = (0..1_000).map(|_| send(&sandbox, &request)).collect();
    let stats = sandbox.wait_until(|stats| stats.in_flight == 1_000).unwrap();
    assert_eq!((stats.sign_ins, stats.max_in_flight), (1_000, 1_000));
    drop(sandbox);
    for stream in streams.into_iter().take(3) {
        assert_eq!(receive(stream).status, 0);
    }
}
