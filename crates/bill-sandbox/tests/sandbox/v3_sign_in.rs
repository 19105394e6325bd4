//! Signing in to v3 gives a session that both generations know, and only with its own key.

use std::time::Duration;

use bill_sandbox::{
    DEMO_APP_KEY, DEMO_CONSOLE_API_TOKEN, DEMO_DEV_KEY, DEMO_ORG, DEMO_OTHER_ORG, DEMO_PARTNER,
    DEMO_PARTNER_PASSWORD, DEMO_TOKEN_NAME, DEMO_TOKEN_VALUE, DEMO_USER, Sandbox,
};
use serde_json::json;

use crate::raw_http::{DEMO_LOGIN, Reply, exchange, info, sign_in};
use crate::raw_v3::{ask, v3_login, v3_login_with, v3_post_login, v3_request, v3_sign_in};

fn frozen() -> Sandbox {
    Sandbox::builder().frozen_clock().start().unwrap()
}

fn partner(sandbox: &Sandbox, name: &str, password: &str, app_key: &str) -> Reply {
    let body = json!({"username": name, "password": password, "appKey": app_key}).to_string();
    let headers = [("content-type", "application/json")];
    exchange(sandbox, &v3_request("POST", "partner/login", &headers, &body))
}

#[test]
fn each_wrong_credential_has_its_code_and_makes_no_session() {
    let sandbox = frozen();
    for (name, value, expected) in [
        ("username", "nobody@example.com", (401, "BDC_1101")),
        ("username", DEMO_PARTNER, (401, "BDC_1101")),
        ("password", "wrong", (401, "BDC_1101")),
        ("organizationId", "00800000000000000009", (403, "BDC_1107")),
        ("devKey", "wrong", (401, "BDC_1102")),
        ("devKey", "demo-dev-key ", (401, "BDC_1102")),
        ("devKey", DEMO_APP_KEY, (401, "BDC_1102")),
    ] {
        let (status, code) = v3_post_login(&sandbox, &v3_login_with(&json!({name: value}))).error();
        assert_eq!((status, code.as_str()), expected, "{name}");
    }
    let stats = sandbox.stats();
    assert_eq!((stats.sign_ins, stats.sign_ins_v3, stats.calls), (7, 7, 0));
    assert_eq!((stats.sign_ins_succeeded, stats.sessions_alive), (0, 0));
    assert!(stats.violations().is_empty());
}

#[test]
fn every_sign_in_makes_a_session_of_its_own_that_is_dead_at_once_after_its_sign_out() {
    let sandbox = frozen();
    let (first, second) = (v3_sign_in(&sandbox), v3_sign_in(&sandbox));
    assert_ne!(first, second);
    let reply = ask(&sandbox, &first, "POST", "logout");
    assert_eq!((reply.status, reply.body.as_str()), (200, ""));
    assert_eq!((reply.header("content-type"), reply.header("content-length")), (None, Some("0")));
    for _ in 0..2 {
        let reply = ask(&sandbox, &first, "GET", "login/session");
        assert_eq!(reply.error(), (401, "BDC_1109".to_owned()));
    }
    assert_eq!(ask(&sandbox, &first, "POST", "logout").error().1, "BDC_1109");
    ask(&sandbox, &second, "GET", "login/session").found();
    let stats = sandbox.stats();
    assert_eq!((stats.sign_outs, stats.sessions_alive, stats.rejected["BDC_1109"]), (1, 1, 3));
    let sessions: Vec<_> = sandbox.journal().iter().map(|entry| entry.session).collect();
    assert_eq!(sessions[..3], [Some(1), Some(2), Some(1)]);
}

#[test]
fn a_session_of_either_generation_works_in_the_other() {
    let sandbox = frozen();
    let old = sign_in(&sandbox, &DEMO_LOGIN);
    let new = v3_sign_in(&sandbox);
    assert_eq!(ask(&sandbox, &old, "GET", "login/session").found()["organizationId"], DEMO_ORG);
    assert_eq!(info(&sandbox, &new).data()["orgId"], DEMO_ORG);
    ask(&sandbox, &old, "POST", "logout");
    assert_eq!(info(&sandbox, &old).code(), "BDC_1109");
    let stats = sandbox.stats();
    assert_eq!((stats.sign_ins, stats.sign_ins_v3), (2, 1));
    assert_eq!((stats.calls, stats.calls_v3), (4, 2));
}

#[test]
fn a_session_is_valid_only_with_the_key_that_made_it() {
    let sandbox = Sandbox::builder().dev_key("another-key").start().unwrap();
    let session = v3_sign_in(&sandbox);
    let with = |header: &str, key: &str| {
        let headers = [("sessionId", session.as_str()), (header, key)];
        exchange(&sandbox, &v3_request("GET", "login/session", &headers, ""))
    };
    assert_eq!(with("devKey", "another-key").error(), (401, "BDC_1109".to_owned()));
    assert_eq!(with("appKey", DEMO_APP_KEY).error(), (401, "BDC_1109".to_owned()));
    assert_eq!(with("devKey", "no-key").error(), (401, "BDC_1102".to_owned()));
    assert_eq!(with("appKey", DEMO_DEV_KEY).error(), (401, "BDC_1102".to_owned()));
    with("DEVKEY", DEMO_DEV_KEY).found();
}

#[test]
fn a_session_dies_after_35_idle_minutes_in_either_generation() {
    let sandbox = frozen();
    let session = v3_sign_in(&sandbox);
    for _ in 0..3 {
        sandbox.advance(Duration::from_millis(2_099_999));
        ask(&sandbox, &session, "GET", "login/session").found();
        sandbox.advance(Duration::from_millis(2_099_999));
        info(&sandbox, &session).data();
    }
    sandbox.advance(Duration::from_millis(2_100_000));
    assert_eq!(ask(&sandbox, &session, "GET", "vendors").error(), (401, "BDC_1109".to_owned()));
}

#[test]
fn a_token_signs_in_like_a_user_and_its_session_outlives_a_month() {
    let sandbox = frozen();
    let login = v3_login_with(&json!({"username": DEMO_TOKEN_NAME, "password": DEMO_TOKEN_VALUE}));
    let found = v3_post_login(&sandbox, &login).found();
    assert_eq!(
        (&found["trusted"], &found["userId"]),
        (&false.into(), &"00601000000000000002".into())
    );
    sandbox.advance(Duration::from_secs(30 * 86_400));
    let session = found["sessionId"].as_str().unwrap();
    assert_eq!(ask(&sandbox, session, "GET", "login/session").found()["mfaStatus"], "CHALLENGE");
}

#[test]
fn a_token_of_the_accountant_console_stands_in_for_the_password() {
    let sandbox = frozen();
    let token = json!({"password": null, "consoleApiToken": DEMO_CONSOLE_API_TOKEN});
    let found = v3_post_login(&sandbox, &v3_login_with(&token)).found();
    assert_eq!(found["userId"], "00601000000000000001");
    let session = found["sessionId"].as_str().unwrap();
    sandbox.advance(Duration::from_secs(2_100));
    assert_eq!(ask(&sandbox, session, "GET", "login/session").error().1, "BDC_1109");
    for wrong in [
        json!({"password": null, "consoleApiToken": "wrong"}),
        json!({"password": DEMO_CONSOLE_API_TOKEN}),
        json!({
            "username": DEMO_TOKEN_NAME,
            "password": null,
            "consoleApiToken": DEMO_CONSOLE_API_TOKEN,
        }),
    ] {
        let reply = v3_post_login(&sandbox, &v3_login_with(&wrong));
        assert_eq!(reply.error(), (401, "BDC_1101".to_owned()), "{wrong}");
    }
}

#[test]
fn a_partner_signs_in_with_an_application_key_and_idles_for_35_minutes_as_well() {
    let sandbox = frozen();
    let reply = partner(&sandbox, DEMO_PARTNER, DEMO_PARTNER_PASSWORD, DEMO_APP_KEY);
    let found = reply.found();
    assert_eq!(found.as_object().unwrap().len(), 1);
    let session = found["sessionId"].as_str().unwrap();
    let headers = [("sessionId", session), ("appKey", DEMO_APP_KEY)];
    let vendors = || exchange(&sandbox, &v3_request("GET", "vendors", &headers, ""));
    sandbox.advance(Duration::from_millis(2_099_999));
    assert_eq!(vendors().found()["results"].as_array().unwrap().len(), 20);
    // The developer key of others is not the key of this session.
    assert_eq!(ask(&sandbox, session, "GET", "vendors").error().1, "BDC_1109");
    sandbox.advance(Duration::from_millis(2_100_000));
    assert_eq!(vendors().error().1, "BDC_1109");

    for (name, password, key, code) in [
        (DEMO_PARTNER, "wrong", DEMO_APP_KEY, "BDC_1101"),
        (DEMO_USER, "demo-password", DEMO_APP_KEY, "BDC_1101"),
        (DEMO_PARTNER, DEMO_PARTNER_PASSWORD, DEMO_DEV_KEY, "BDC_1102"),
    ] {
        assert_eq!(partner(&sandbox, name, password, key).error(), (401, code.to_owned()));
    }
    let stats = sandbox.stats();
    assert_eq!((stats.sign_ins, stats.sign_ins_v3, stats.sign_ins_succeeded), (4, 4, 1));
    assert!(stats.max_in_flight_by_key.contains_key(&format!("app key 1 / {DEMO_ORG}")));
}

#[test]
fn the_answer_to_a_sign_in_can_leave_out_whether_the_session_is_trusted() {
    let sandbox = Sandbox::builder().omit_trusted().start().unwrap();
    let found = v3_post_login(&sandbox, &v3_login()).found();
    assert!(found.get("trusted").is_none() && found["sessionId"].is_string());
    sandbox.set_tells_trust(true);
    assert_eq!(v3_post_login(&sandbox, &v3_login()).found()["trusted"], false);
}

#[test]
fn organisations_come_in_pages_in_the_order_of_their_ids() {
    let sandbox = Sandbox::builder().organization("00800000000000000000").start().unwrap();
    let session = v3_sign_in(&sandbox);
    let page = ask(&sandbox, &session, "GET", "login/organizations?max=2").found();
    let ids = |page: &serde_json::Value| {
        let results = page["results"].as_array().unwrap().iter();
        results.map(|row| row["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(ids(&page), ["00800000000000000000", DEMO_ORG]);
    assert_eq!(page["results"][0]["name"], "Example Organization 3");
    let cursor = crate::v3_lists::encoded(page["nextPage"].as_str().unwrap());
    let path = format!("login/organizations?max=2&page={cursor}");
    let page = ask(&sandbox, &session, "GET", &path).found();
    assert_eq!(ids(&page), [DEMO_OTHER_ORG]);
    assert!(page.get("nextPage").is_none());
}

#[test]
fn no_secret_is_seen_in_the_journal_the_counters_or_the_settings() {
    let builder = Sandbox::builder()
        .console_token(DEMO_USER, "canary-console")
        .partner("canary-partner", "canary-password")
        .app_key("canary-key");
    assert!(!format!("{builder:?}").contains("canary"));
    let sandbox = builder.start().unwrap();
    let session = v3_sign_in(&sandbox);
    partner(&sandbox, "canary-partner", "canary-password", "canary-key").found();
    ask(&sandbox, &session, "GET", "vendors/canary").error();
    let seen = format!("{:?}{:?}{sandbox:?}", sandbox.journal(), sandbox.stats());
    for secret in [session.as_str(), "canary", "demo-password", "demo-dev-key"] {
        assert!(!seen.contains(secret), "{secret}");
    }
}
