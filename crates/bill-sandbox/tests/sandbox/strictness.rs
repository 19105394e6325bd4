//! What strays from the protocol is refused and counted, and a secret in a URL above all.

use bill_sandbox::{DEMO_DEV_KEY, DEMO_ORG, Sandbox};

use crate::raw_http::{DEMO_LOGIN, Reply, exchange, form, form_request, info, request, sign_in};

const FORM: &str = "application/x-www-form-urlencoded";

/// Sends a request that must be refused with nothing but the given counter rising.
fn refused(raw: &str, name: &str, status: u16) -> Sandbox {
    let sandbox = Sandbox::start().unwrap();
    let reply = exchange(&sandbox, raw);
    assert_eq!(reply.status, status, "{name}");
    assert_eq!(reply.code(), format!("SANDBOX_{}", name.to_uppercase()));
    let violations = sandbox.stats().violations();
    assert_eq!(violations.into_iter().collect::<Vec<_>>(), [(name.to_owned(), 1)]);
    assert_eq!(sandbox.stats().sign_ins_succeeded, 0);
    sandbox
}

fn login_with(body: &str) -> String {
    request("POST", "/api/v2/Login.json", FORM, body)
}

#[test]
fn a_wrong_method_is_refused() {
    let raw = request("PUT", "/api/v2/Login.json", FORM, &form(&DEMO_LOGIN));
    let sandbox = refused(&raw, "wrong_method", 405);
    assert_eq!(sandbox.stats().sign_ins, 1);
}

#[test]
fn a_wrong_case_of_the_path_is_refused() {
    for path in ["/api/v2/login.json", "/api/V2/Login.json", "/API/v2/Login.JSON"] {
        let raw = request("POST", path, FORM, &form(&DEMO_LOGIN));
        refused(&raw, "wrong_path_case", 404);
    }
    let raw = request("POST", "/api/v2/List/vendor.json", FORM, "a=b");
    refused(&raw, "wrong_path_case", 404);
}

#[test]
fn a_path_that_bill_does_not_have_is_404_with_1121_and_no_fault_of_strictness() {
    let sandbox = Sandbox::start().unwrap();
    for path in ["/api/v2/Logon.json", "/api/v2/Login", "/", "/api/v3/Login.json"] {
        let reply = exchange(&sandbox, &request("POST", path, FORM, &form(&DEMO_LOGIN)));
        assert_eq!((reply.status, reply.code().as_str()), (404, "BDC_1121"), "{path}");
    }
    assert_eq!(sandbox.stats().rejected["BDC_1121"], 4);
    assert!(sandbox.stats().violations().is_empty());
    let unknown = sandbox.journal().iter().all(|entry| entry.operation == "(unknown path)");
    assert!(unknown, "a path that nobody knows may hold anything, so it is not written down");
}

#[test]
fn a_wrong_content_type_is_refused() {
    for content_type in ["application/json", "text/plain", "multipart/form-data; boundary=x"] {
        let raw = request("POST", "/api/v2/Login.json", content_type, &form(&DEMO_LOGIN));
        refused(&raw, "wrong_content_type", 415);
    }
}

#[test]
fn a_content_type_with_a_character_set_is_accepted() {
    let sandbox = Sandbox::start().unwrap();
    let content_type = "application/x-www-form-urlencoded; charset=UTF-8";
    let raw = request("POST", "/api/v2/Login.json", content_type, &form(&DEMO_LOGIN));
    exchange(&sandbox, &raw).data();
    assert!(sandbox.stats().violations().is_empty());
}

#[test]
fn an_accept_header_that_excludes_json_is_refused_and_others_are_not() {
    let raw = form_request("Login", &DEMO_LOGIN);
    let accepting = |accept: &str| raw.replace("application/json", accept);
    refused(&accepting("text/html"), "wrong_accept", 406);
    let sandbox = Sandbox::start().unwrap();
    for accept in ["*/*", "application/json, text/plain;q=0.5", "application/*"] {
        exchange(&sandbox, &accepting(accept)).data();
    }
    exchange(&sandbox, &raw.replace("accept: application/json\r\n", "")).data();
    assert!(sandbox.stats().violations().is_empty());
}

#[test]
fn json_where_a_form_is_due_is_refused() {
    refused(&login_with(r#"{"userName":"demo@example.com"}"#), "json_body", 415);
}

#[test]
fn a_malformed_form_is_refused() {
    for body in ["userName", "userName=a&", "userName=%4", "userName=%FF"] {
        refused(&login_with(body), "malformed_form", 400);
    }
}

#[test]
fn a_repeated_missing_empty_or_unexpected_field_is_refused() {
    let whole = form(&DEMO_LOGIN);
    refused(&login_with(&format!("{whole}&orgId={DEMO_ORG}")), "repeated_field", 400);
    refused(&login_with(&form(&DEMO_LOGIN[..3])), "missing_field", 400);
    refused(&login_with(""), "missing_field", 400);
    refused(
        &login_with(&whole.replace("password=demo%2Dpassword", "password=")),
        "empty_field",
        400,
    );
    refused(&login_with(&format!("{whole}&rememberMe=true")), "unexpected_field", 400);
    refused(&form_request("Logout", &[("devKey", DEMO_DEV_KEY)]), "missing_field", 400);
    let fields = [("devKey", DEMO_DEV_KEY), ("sessionId", "x"), ("data", "{}")];
    refused(&form_request("Logout", &fields), "unexpected_field", 400);
}

#[test]
fn a_remembered_device_may_be_sent_at_sign_in() {
    let sandbox = Sandbox::start().unwrap();
    let mut fields = DEMO_LOGIN.to_vec();
    fields.extend([("deviceId", "device"), ("mfaId", "mfa")]);
    exchange(&sandbox, &form_request("Login", &fields)).data();
}

#[test]
fn a_body_larger_than_8_mib_is_refused() {
    let body = format!("data={}", "x".repeat(8 * 1024 * 1024));
    refused(&login_with(&body), "body_too_large", 413);
}

#[test]
fn any_query_is_refused() {
    let raw = request("POST", "/api/v2/Login.json?page=1", FORM, &form(&DEMO_LOGIN));
    let sandbox = refused(&raw, "unexpected_query", 400);
    assert_eq!(sandbox.stats().secrets_in_url, 0);
}

#[test]
fn a_secret_in_a_url_is_found_by_the_name_of_its_parameter() {
    let names = ["userName", "username", "password", "devKey", "sessionId", "SESSIONID", "mfaId"];
    for name in names.into_iter().chain(["pass%77ord", "a=b&devKey"]) {
        let path = format!("/api/v2/Login.json?{name}=anything");
        let sandbox =
            refused(&request("POST", &path, FORM, &form(&DEMO_LOGIN)), "secret_in_url", 400);
        assert_eq!(sandbox.stats().secrets_in_url, 1, "{name}");
    }
}

#[test]
fn a_secret_in_a_url_is_found_by_its_value_wherever_it_stands() {
    let hidden = [
        "/api/v2/Login.json?q=demo-password",
        "/api/v2/Login.json?q=demo%2Dpassword",
        "/api/v2/Login.json?demo@example.com",
        "/api/v2/Login.json?q=demo%40example.com",
        "/api/v2/Login.json?q=xdemo-token-valuex",
        "/api/v2/demo-dev-key/Login.json",
        "/api/v2/demo%2Ddev%2Dkey.json",
    ];
    for path in hidden {
        let raw = request("GET", path, FORM, "");
        assert_eq!(refused(&raw, "secret_in_url", 400).stats().secrets_in_url, 1, "{path}");
    }
}

#[test]
fn a_session_in_a_url_is_found_even_after_its_death() {
    let sandbox = Sandbox::start().unwrap();
    let session = sign_in(&sandbox, &DEMO_LOGIN);
    sandbox.lose_sessions();
    let path = format!("/api/v2/GetSessionInfo.json?x={session}");
    let reply: Reply = exchange(&sandbox, &request("POST", &path, FORM, ""));
    assert_eq!(reply.code(), "SANDBOX_SECRET_IN_URL");
    assert_eq!(sandbox.stats().secrets_in_url, 1);
    let journal = format!("{:?}{:?}{sandbox:?}", sandbox.journal(), sandbox.stats());
    for secret in [session.as_str(), "demo-password", "demo-dev-key"] {
        assert!(!journal.contains(secret));
    }
}

#[test]
fn bills_own_refusals_are_no_violations() {
    let sandbox = Sandbox::start().unwrap();
    assert_eq!(info(&sandbox, "made-up").code(), "BDC_1109");
    assert!(sandbox.stats().violations().is_empty());
}
