//! `/_sandbox/` moves the clock, adds faults and shows the counters, but not to a browser's page.

use std::time::Duration;

use bill_sandbox::{Sandbox, Stats};

use crate::raw_http::{DEMO_LOGIN, Reply, exchange, info, post, request, sign_in};

fn control(sandbox: &Sandbox, name: &str, body: &str) -> Reply {
    let target = format!("/_sandbox/{name}");
    exchange(sandbox, &request("POST", &target, "application/json", body))
}

#[test]
fn the_clock_is_moved_to_the_millisecond() {
    let sandbox = Sandbox::builder().frozen_clock().start().unwrap();
    let session = sign_in(&sandbox, &DEMO_LOGIN);
    let reply = control(&sandbox, "advance", r#"{"seconds":2099.999}"#);
    assert_eq!((reply.status, reply.body.as_str()), (200, r#"{"now":2099.999}"#));
    assert_eq!(sandbox.now(), Duration::from_millis(2_099_999));
    info(&sandbox, &session).data();
    control(&sandbox, "advance", r#"{"seconds":2100}"#);
    assert_eq!(info(&sandbox, &session).code(), "BDC_1109");
}

#[test]
fn faults_are_added() {
    let sandbox = Sandbox::start().unwrap();
    let fault = r#"{"kind":{"envelope":{"status":200,"code":"BDC_1144"}},"on":"Login","times":2}"#;
    assert_eq!(control(&sandbox, "fault", fault).status, 200);
    for _ in 0..2 {
        assert_eq!(post(&sandbox, "Login", &DEMO_LOGIN).code(), "BDC_1144");
    }
    sign_in(&sandbox, &DEMO_LOGIN);
}

#[test]
fn the_stats_are_shown_as_json() {
    let sandbox = Sandbox::start().unwrap();
    sign_in(&sandbox, &DEMO_LOGIN);
    info(&sandbox, "made-up");
    let reply = exchange(&sandbox, &request("GET", "/_sandbox/stats", "text/plain", ""));
    let json = reply.json();
    assert_eq!((&json["sign_ins"], &json["calls"]), (&1.into(), &1.into()));
    assert_eq!(json["rejected"]["BDC_1109"], 1);
    let shown: Stats = serde_json::from_value(json).unwrap();
    assert_eq!(shown, sandbox.stats());
}

#[test]
fn nonsense_is_refused_and_changes_nothing() {
    let sandbox = Sandbox::builder().frozen_clock().start().unwrap();
    for (name, body) in [
        ("advance", r#"{"seconds":-1}"#),
        ("advance", r#"{"minutes":1}"#),
        ("fault", r#"{"kind":"no_such_kind"}"#),
        ("fault", r#"{"kind":{"html":{"status":42}}}"#),
        ("fault", r#"{"kind":"normal","headers":{"bad header":"x"}}"#),
    ] {
        let reply = control(&sandbox, name, body);
        assert_eq!(reply.status, 400, "{body}");
        assert!(reply.json()["error"].is_string());
    }
    assert_eq!(sandbox.now(), Duration::ZERO);
    sign_in(&sandbox, &DEMO_LOGIN);
    assert_eq!(sandbox.stats().faults_applied, 0);
}

#[test]
fn a_page_in_a_browser_is_refused() {
    let sandbox = Sandbox::builder().frozen_clock().start().unwrap();
    let advance = request("POST", "/_sandbox/advance", "application/json", r#"{"seconds":9}"#);
    let from_page = advance.replace("host: ", "origin: https://example.com\r\nhost: ");
    assert_eq!(exchange(&sandbox, &from_page).status, 403);
    let simple = advance.replace("content-type: application/json", "content-type: text/plain");
    assert_eq!(exchange(&sandbox, &simple).status, 415);
    assert_eq!(sandbox.now(), Duration::ZERO);
}

#[test]
fn the_control_endpoints_count_as_no_calls() {
    let sandbox = Sandbox::start().unwrap();
    control(&sandbox, "advance", r#"{"seconds":1}"#);
    exchange(&sandbox, &request("GET", "/_sandbox/stats", "text/plain", ""));
    assert_eq!(sandbox.stats(), Stats::default());
    assert!(sandbox.journal().is_empty());
}
