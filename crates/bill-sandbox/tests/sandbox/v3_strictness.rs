//! What strays from v3's protocol is refused and counted, as in v2.

use bill_sandbox::{DEMO_DEV_KEY, Sandbox};
use serde_json::json;

use crate::raw_http::exchange;
use crate::raw_v3::{
    in_session, v3_login, v3_login_request, v3_login_with, v3_request, v3_sign_in,
};

/// Sends a request that must be refused with nothing but the given counter rising.
#[track_caller]
fn refused(sandbox: &Sandbox, raw: &str, name: &str, status: u16) {
    let before = sandbox.stats().violations();
    let reply = exchange(sandbox, raw);
    assert_eq!(reply.error(), (status, format!("SANDBOX_{}", name.to_uppercase())));
    let mut after = sandbox.stats().violations();
    *after.get_mut(name).unwrap() -= 1;
    after.retain(|_, count| *count > 0);
    assert_eq!(after, before);
}

#[test]
fn a_sign_in_gives_its_fields_and_no_other() {
    let sandbox = Sandbox::start().unwrap();
    let with = |changes| v3_login_request(&v3_login_with(&changes));
    for name in ["username", "password", "organizationId", "devKey"] {
        refused(&sandbox, &with(json!({name: null})), "missing_field", 400);
        refused(&sandbox, &with(json!({name: ""})), "empty_field", 400);
        refused(&sandbox, &with(json!({name: 1})), "malformed_json", 400);
    }
    refused(&sandbox, &with(json!({"orgId": "x"})), "unexpected_field", 400);
    refused(&sandbox, &with(json!({"consoleApiToken": "x"})), "unexpected_field", 400);
    refused(&sandbox, &with(json!({"device": "x"})), "missing_field", 400);
    refused(&sandbox, &with(json!({"rememberMeId": "x"})), "missing_field", 400);
    let twice = v3_login().to_string().replacen('{', "{\"username\":\"x\",", 1);
    let json = [("content-type", "application/json")];
    refused(&sandbox, &v3_request("POST", "login", &json, &twice), "repeated_field", 400);
    assert_eq!(sandbox.stats().sign_ins_succeeded, 0);
}

#[test]
fn a_sign_in_carries_no_session_and_no_key_in_its_head() {
    let sandbox = Sandbox::start().unwrap();
    for header in ["sessionId", "devKey", "appKey"] {
        let headers = [("content-type", "application/json"), (header, "null")];
        let raw = v3_request("POST", "login", &headers, &v3_login().to_string());
        refused(&sandbox, &raw, "unexpected_field", 400);
    }
}

#[test]
fn a_call_carries_its_session_and_one_key_in_its_head() {
    let sandbox = Sandbox::start().unwrap();
    let session = v3_sign_in(&sandbox);
    let (id, key) = (("sessionId", session.as_str()), ("devKey", DEMO_DEV_KEY));
    let get = |headers: &[(&str, &str)]| v3_request("GET", "vendors", headers, "");
    refused(&sandbox, &get(&[key]), "missing_field", 400);
    refused(&sandbox, &get(&[id]), "missing_field", 400);
    refused(&sandbox, &get(&[id, ("devKey", "")]), "empty_field", 400);
    refused(&sandbox, &get(&[id, key, key]), "repeated_field", 400);
    refused(&sandbox, &get(&[id, id, key]), "repeated_field", 400);
    refused(&sandbox, &get(&[id, key, ("appKey", "demo-app-key")]), "unexpected_field", 400);
    let made_up = get(&[("sessionId", "null"), key]);
    assert_eq!(exchange(&sandbox, &made_up).error(), (401, "BDC_1109".to_owned()));
}

#[test]
fn a_secret_has_no_business_in_a_body() {
    let sandbox = Sandbox::start().unwrap();
    let session = v3_sign_in(&sandbox);
    for body in [
        json!({"name": "x", "devKey": DEMO_DEV_KEY}),
        json!({"name": "x", "SessionID": session}),
        json!({"name": "x", "deeper": [{"userName": "x"}]}),
    ] {
        let raw = in_session(&session, "POST", "vendors", &body.to_string());
        refused(&sandbox, &raw, "unexpected_field", 400);
    }
}

#[test]
fn a_secret_in_a_url_is_found_by_name_and_by_value() {
    let sandbox = Sandbox::start().unwrap();
    let session = v3_sign_in(&sandbox);
    let id = sandbox.remember_device("demo@example.com", "phone").unwrap();
    let hidden = [
        "vendors?devKey=anything".to_owned(),
        "vendors?max=3&sessionId=anything".to_owned(),
        "vendors?page=demo-password".to_owned(),
        "vendors?page=demo%2Dconsole%2Dapi%2Dtoken".to_owned(),
        "vendors?page=demo-app-key".to_owned(),
        "vendors?rememberMeId=x".to_owned(),
        format!("vendors?page={id}"),
        format!("vendors/{session}"),
    ];
    for (position, path) in hidden.iter().enumerate() {
        refused(&sandbox, &in_session(&session, "GET", path, ""), "secret_in_url", 400);
        assert_eq!(sandbox.stats().secrets_in_url, 1 + position as u64, "{path}");
    }
    let raw = v3_request("POST", "login?userName=x", &[], "");
    refused(&sandbox, &raw, "secret_in_url", 400);
}

#[test]
fn any_other_query_is_refused() {
    let sandbox = Sandbox::start().unwrap();
    let session = v3_sign_in(&sandbox);
    for path in ["vendors?limit=3", "vendors?max=1&max=2", "vendors?max", "login/session?max=3"] {
        refused(&sandbox, &in_session(&session, "GET", path, ""), "unexpected_query", 400);
    }
}

#[test]
fn methods_paths_content_types_and_bodies_are_those_of_the_protocol() {
    let sandbox = Sandbox::start().unwrap();
    let session = v3_sign_in(&sandbox);
    refused(&sandbox, &in_session(&session, "PUT", "vendors", "{}"), "wrong_method", 405);
    refused(&sandbox, &in_session(&session, "GET", "logout", ""), "wrong_method", 405);
    refused(&sandbox, &in_session(&session, "GET", "Vendors", ""), "wrong_path_case", 404);
    refused(&sandbox, &in_session(&session, "GET", "vendors", "{}"), "unexpected_body", 400);
    let raw = in_session(&session, "POST", "vendors", r#"{"name":"x"}"#);
    let form = raw.replace(": application/json\r\n\r\n", ": text/plain\r\n\r\n");
    refused(&sandbox, &form, "wrong_content_type", 415);
    let html = raw.replace("accept: application/json", "accept: text/html");
    refused(&sandbox, &html, "wrong_accept", 406);
    let large = format!(r#"{{"name":"{}"}}"#, "x".repeat(8 * 1024 * 1024));
    refused(&sandbox, &in_session(&session, "POST", "vendors", &large), "body_too_large", 413);
}

#[test]
fn a_path_that_bill_does_not_have_is_404_with_1121_and_no_fault_of_strictness() {
    let sandbox = Sandbox::start().unwrap();
    let session = v3_sign_in(&sandbox);
    for path in ["mfa", "vendors/", "vendors/1/2", "documents/1", "login/other"] {
        let reply = exchange(&sandbox, &in_session(&session, "GET", path, ""));
        assert_eq!(reply.error(), (404, "BDC_1121".to_owned()), "{path}");
    }
    assert!(sandbox.stats().violations().is_empty());
    assert_eq!(sandbox.journal()[1].operation, "(unknown path)");
}
