//! The answers of v3, byte for byte, at a time that stands still.

use std::time::{Duration, UNIX_EPOCH};

use bill_sandbox::{DEMO_USER, Sandbox};
use serde_json::json;

use crate::raw_http::Reply;
use crate::raw_v3::{ask, tell, v3_login, v3_login_with, v3_post_login, v3_sign_in};

/// A sandbox on 31 January 2024, at 08:15.
fn sandbox() -> Sandbox {
    let at = UNIX_EPOCH + Duration::from_secs(1_706_688_900);
    Sandbox::builder().frozen_clock().starts_at(at).vendors(2).start().unwrap()
}

/// The body of an answer with one value that nobody can foresee put as `…`.
fn body(reply: &Reply, unforeseen: &str) -> String {
    let value = reply.json()[unforeseen].as_str().unwrap().to_owned();
    assert_eq!(value.len(), 36);
    reply.body.replace(&value, "…")
}

#[test]
fn the_answers_to_sign_ins_are_these() {
    let sandbox = sandbox();
    let reply = v3_post_login(&sandbox, &v3_login());
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("application/json")));
    assert_eq!(reply.header("date"), Some("Wed, 31 Jan 2024 08:15:00 GMT"));
    assert_eq!(
        body(&reply, "sessionId"),
        r#"{"organizationId":"00800000000000000001","sessionId":"…","trusted":false,"userId":"00601000000000000001"}"#
    );
    let id = sandbox.remember_device(DEMO_USER, "phone").unwrap();
    let login = v3_login_with(&json!({"device": "phone", "rememberMeId": id}));
    assert_eq!(
        body(&v3_post_login(&sandbox, &login), "sessionId"),
        r#"{"organizationId":"00800000000000000001","sessionId":"…","trusted":true,"userId":"00601000000000000001"}"#
    );
}

#[test]
fn the_answers_to_questions_about_the_session_are_these() {
    let sandbox = sandbox();
    let session = v3_sign_in(&sandbox);
    assert_eq!(
        ask(&sandbox, &session, "GET", "login/session").body,
        r#"{"mfaBypass":false,"mfaStatus":"CHALLENGE","organizationId":"00800000000000000001","userId":"00601000000000000001"}"#
    );
    assert_eq!(
        ask(&sandbox, &session, "GET", "login/organizations").body,
        r#"{"results":[{"id":"00800000000000000001","name":"Example Organization 1"},{"id":"00800000000000000002","name":"Example Organization 2"}]}"#
    );
}

#[test]
fn the_answers_about_the_second_factor_are_these() {
    let sandbox = sandbox();
    let session = v3_sign_in(&sandbox);
    let reply = tell(&sandbox, &session, "POST", "mfa/challenge", &json!({"useBackup": "false"}));
    assert_eq!(body(&reply, "challengeId"), r#"{"challengeId":"…"}"#);
    let mut answer = json!({
        "challengeId": reply.json()["challengeId"],
        "token": "123456",
        "device": "phone",
        "machineName": "a phone",
        "rememberMe": true,
    });
    let reply = tell(&sandbox, &session, "POST", "mfa/challenge/validate", &answer);
    assert_eq!(body(&reply, "rememberMeId"), r#"{"rememberMeId":"…"}"#);
    let device = json!({"device": "phone", "rememberMeId": reply.json()["rememberMeId"]});

    let another = tell(&sandbox, &session, "POST", "mfa/challenge", &json!({}));
    answer["challengeId"] = another.json()["challengeId"].clone();
    answer["rememberMe"] = false.into();
    let reply = tell(&sandbox, &session, "POST", "mfa/challenge/validate", &answer);
    assert_eq!(reply.body, "{}");
    let reply = tell(&sandbox, &session, "POST", "mfa/step-up", &device);
    assert_eq!(reply.body, r#"{"trusted":true}"#);
    assert_eq!(
        ask(&sandbox, &session, "GET", "login/session").body,
        r#"{"mfaBypass":false,"mfaStatus":"COMPLETE","organizationId":"00800000000000000001","userId":"00601000000000000001"}"#
    );
}

#[test]
fn errors_are_these() {
    let sandbox = sandbox();
    let session = v3_sign_in(&sandbox);
    let reply = ask(&sandbox, "made-up", "GET", "vendors");
    assert_eq!(
        reply.body,
        r#"[{"timestamp":"2024-01-31T08:15:00.000+00:00","code":"BDC_1109","severity":"ERROR","category":"REQUEST","message":"Session is invalid.  Please log in."}]"#
    );
    sandbox.advance(Duration::from_millis(1_500));
    let reply = ask(&sandbox, &session, "GET", "vendors?max=0");
    assert_eq!(
        reply.body,
        r#"[{"timestamp":"2024-01-31T08:15:01.500+00:00","code":"BDC_1002","severity":"ERROR","category":"REQUEST","message":"max is from 1 to 100"}]"#
    );
}

#[test]
fn an_object_and_a_page_are_these() {
    let sandbox = sandbox();
    let session = v3_sign_in(&sandbox);
    let reply = tell(&sandbox, &session, "POST", "gadgets", &json!({"size": 3}));
    let made = r#"{"archived":false,"createdTime":"2024-01-31T08:15:00.000+0000","id":"0zz01000000001000001","size":3,"updatedTime":"2024-01-31T08:15:00.000+0000"}"#;
    assert_eq!((reply.status, reply.body.as_str()), (201, made));
    let page = ask(&sandbox, &session, "GET", "gadgets").body;
    assert_eq!(page, format!(r#"{{"results":[{made}]}}"#));
}
