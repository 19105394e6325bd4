//! Signing in gives a session; wrong credentials give BILL's codes with HTTP 200.

use bill_sandbox::{DEMO_DEV_KEY, DEMO_ORG, DEMO_OTHER_ORG, DEMO_PASSWORD, DEMO_USER, Sandbox};

use crate::raw_http::{
    DEMO_LOGIN, TOKEN_LOGIN, call, exchange, form, form_request, info, post, request, sign_in,
};

fn with<'a>(name: &str, value: &'a str) -> Vec<(&'a str, &'a str)> {
    let replaced = |(known, given)| (known, if known == name { value } else { given });
    DEMO_LOGIN.map(replaced).to_vec()
}

#[test]
fn a_sign_in_is_answered_with_a_session_its_organisation_its_user_and_the_end_point() {
    let sandbox = Sandbox::start().unwrap();
    let reply = post(&sandbox, "Login", &DEMO_LOGIN);
    let data = reply.data();
    assert_eq!(data["orgId"], DEMO_ORG);
    assert_eq!(data["apiEndPoint"], format!("{}/api/v2", sandbox.origin()));
    assert_eq!(data["usersId"], "00601000000000000001");
    assert_eq!(data["sessionId"].as_str().unwrap().len(), 36);
    assert_eq!(reply.header("content-type"), Some("application/json;charset=utf-8"));

    let stats = sandbox.stats();
    assert_eq!((stats.sign_ins, stats.sign_ins_succeeded, stats.sessions_alive), (1, 1, 1));
    assert_eq!(stats.calls, 0);
    assert!(stats.violations().is_empty());
}

#[test]
fn a_client_that_comes_to_localhost_is_given_that_name_as_the_end_point() {
    let sandbox = Sandbox::start().unwrap();
    let host = format!("localhost:{}", sandbox.addr().port());
    let request = form_request("Login", &DEMO_LOGIN);
    let named = request.replacen("host: localhost", &format!("host: {host}"), 1);
    let data = exchange(&sandbox, &named).data();
    assert_eq!(data["apiEndPoint"], format!("http://{host}/api/v2"));
    // A name that the sandbox does not know is not repeated.
    let other = request.replacen("host: localhost", "host: evil.example", 1);
    let data = exchange(&sandbox, &other).data();
    assert_eq!(data["apiEndPoint"], format!("{}/api/v2", sandbox.origin()));
}

#[test]
fn the_body_that_curl_sends_without_encoding_anything_signs_in() {
    let sandbox = Sandbox::start().unwrap();
    let body = format!(
        "userName={DEMO_USER}&password={DEMO_PASSWORD}&orgId={DEMO_ORG}&devKey={DEMO_DEV_KEY}"
    );
    let content_type = "application/x-www-form-urlencoded";
    let reply = exchange(&sandbox, &request("POST", "/api/v2/Login.json", content_type, &body));
    assert!(reply.data()["sessionId"].is_string());
    assert!(sandbox.stats().violations().is_empty());
}

#[test]
fn a_password_with_reserved_characters_arrives_byte_for_byte() {
    let sandbox = Sandbox::builder().user("odd@example.com", "p&a=s s+%é").start().unwrap();
    let mut login = with("userName", "odd@example.com");
    login[1].1 = "p&a=s s+%é";
    assert!(form(&login).contains("p%26a%3Ds%20s%2B%25%C3%A9"));
    assert_eq!(post(&sandbox, "Login", &login).data()["orgId"], DEMO_ORG);
}

#[test]
fn each_wrong_credential_has_its_code_and_makes_no_session() {
    let sandbox = Sandbox::start().unwrap();
    let cases = [
        ("userName", "nobody@example.com", "BDC_1101"),
        ("password", "wrong", "BDC_1101"),
        ("orgId", "00800000000000000009", "BDC_1107"),
        ("devKey", "wrong", "BDC_1102"),
        ("devKey", "demo-dev-key ", "BDC_1102"),
    ];
    for (name, value, code) in cases {
        let reply = post(&sandbox, "Login", &with(name, value));
        assert_eq!((reply.status, reply.code().as_str()), (200, code), "{name}");
    }
    let stats = sandbox.stats();
    assert_eq!((stats.sign_ins, stats.sign_ins_succeeded, stats.sessions_alive), (5, 0, 0));
    assert_eq!((stats.rejected["BDC_1101"], stats.rejected["BDC_1102"]), (2, 2));
    assert_eq!(stats.rejected["BDC_1107"], 1);
    assert!(stats.violations().is_empty());
}

#[test]
fn every_sign_in_makes_a_session_of_its_own_and_ends_no_other() {
    let sandbox = Sandbox::start().unwrap();
    let first = sign_in(&sandbox, &DEMO_LOGIN);
    let second = sign_in(&sandbox, &DEMO_LOGIN);
    assert_ne!(first, second);
    info(&sandbox, &first).data();
    info(&sandbox, &second).data();
    let sessions: Vec<_> = sandbox.journal().iter().map(|entry| entry.session).collect();
    assert_eq!(sessions, [Some(1), Some(2), Some(1), Some(2)]);
}

#[test]
fn a_session_belongs_to_its_developer_key_and_to_its_organisation() {
    let sandbox = Sandbox::builder().dev_key("another-key").start().unwrap();
    let session = sign_in(&sandbox, &with("orgId", DEMO_OTHER_ORG));
    assert_eq!(info(&sandbox, &session).data()["orgId"], DEMO_OTHER_ORG);

    let fields = [("devKey", "another-key"), ("sessionId", session.as_str())];
    assert_eq!(post(&sandbox, "GetSessionInfo", &fields).code(), "BDC_1109");
    let fields = [("devKey", "no-key"), ("sessionId", session.as_str())];
    assert_eq!(post(&sandbox, "GetSessionInfo", &fields).code(), "BDC_1102");
    info(&sandbox, &session).data();
}

#[test]
fn the_organisations_are_listed_without_a_session() {
    let sandbox = Sandbox::builder().organization("00800000000000000077").start().unwrap();
    let fields = [DEMO_LOGIN[0], DEMO_LOGIN[1], DEMO_LOGIN[3]];
    let organizations = post(&sandbox, "ListOrgs", &fields).data();
    let ids: Vec<_> = organizations.as_array().unwrap().iter().map(|org| &org["orgId"]).collect();
    assert_eq!(ids, [DEMO_ORG, DEMO_OTHER_ORG, "00800000000000000077"]);
    assert!(organizations[0]["orgName"].is_string());
    assert_eq!(sandbox.stats().sign_ins, 0);
}

#[test]
fn a_token_signs_in_like_a_user_but_may_not_pay() {
    let sandbox = Sandbox::start().unwrap();
    let session = sign_in(&sandbox, &TOKEN_LOGIN);
    let payment = r#"{"obj":{"entity":"SentPay","amount":10}}"#;
    let reply = call(&sandbox, &session, "Crud/Create/SentPay", payment);
    assert_eq!((reply.status, reply.code().as_str()), (200, "BDC_1120"));
    call(&sandbox, &session, "List/SentPay", r#"{"start":0,"max":9}"#).data();

    let session = sign_in(&sandbox, &DEMO_LOGIN);
    call(&sandbox, &session, "Crud/Create/SentPay", payment).data();
}

#[test]
fn what_a_token_may_not_do_is_a_setting() {
    let sandbox = Sandbox::builder().token_refuses(["Crud/Delete"]).start().unwrap();
    let session = sign_in(&sandbox, &TOKEN_LOGIN);
    let payment = r#"{"obj":{"entity":"SentPay","amount":10}}"#;
    let id = call(&sandbox, &session, "Crud/Create/SentPay", payment).data()["id"].clone();
    let data = format!(r#"{{"id":{id}}}"#);
    assert_eq!(call(&sandbox, &session, "Crud/Delete/SentPay", &data).code(), "BDC_1120");
}

#[test]
fn a_changed_password_refuses_the_old_one_and_leaves_sessions_alone() {
    let sandbox = Sandbox::start().unwrap();
    let session = sign_in(&sandbox, &DEMO_LOGIN);
    assert!(sandbox.set_password(DEMO_USER, "new-password"));
    assert!(!sandbox.set_password("nobody@example.com", "new-password"));
    assert_eq!(post(&sandbox, "Login", &DEMO_LOGIN).code(), "BDC_1101");
    post(&sandbox, "Login", &with("password", "new-password")).data();
    info(&sandbox, &session).data();
}

#[test]
fn the_settings_show_no_secret() {
    let builder = Sandbox::builder()
        .user("canary-user", "canary-password")
        .token("canary-token", "canary-value")
        .dev_key("canary-key");
    assert!(!format!("{builder:?}").contains("canary"));
}
