//! A second factor makes the same session trusted, and a remembered device the next one.

use std::time::Duration;

use bill_sandbox::{DEMO_DEV_KEY, DEMO_MFA_CODE, DEMO_ORG, DEMO_PASSWORD, DEMO_USER, Sandbox};
use serde_json::{Value, json};

use crate::raw_http::{DEMO_LOGIN, Reply, TOKEN_LOGIN, call, post, sign_in};
use crate::raw_v3::{ask, tell, v3_login, v3_login_with, v3_post_login, v3_sign_in};

fn frozen() -> Sandbox {
    Sandbox::builder().frozen_clock().start().unwrap()
}

fn challenge(sandbox: &Sandbox, session: &str) -> String {
    let reply = tell(sandbox, session, "POST", "mfa/challenge", &json!({"useBackup": "false"}));
    reply.found()["challengeId"].as_str().unwrap().to_owned()
}

fn validate(sandbox: &Sandbox, session: &str, challenge: &str, code: &str) -> Reply {
    let answer = json!({
        "challengeId": challenge,
        "token": code,
        "device": "phone",
        "machineName": "a phone",
        "rememberMe": true,
    });
    tell(sandbox, session, "POST", "mfa/challenge/validate", &answer)
}

/// Passes a challenge and gives the id of the remembered device.
fn pass(sandbox: &Sandbox, session: &str) -> String {
    let challenge = challenge(sandbox, session);
    let found = validate(sandbox, session, &challenge, DEMO_MFA_CODE).found();
    found["rememberMeId"].as_str().unwrap().to_owned()
}

fn pay(sandbox: &Sandbox, session: &str) -> Reply {
    tell(sandbox, session, "POST", "payments", &json!({"billId": "00n", "amount": 10}))
}

fn pay_v2(sandbox: &Sandbox, session: &str) -> Reply {
    call(sandbox, session, "PayBills", r#"{"billPays":[{"billId":"00n","amount":10}]}"#)
}

fn status(sandbox: &Sandbox, session: &str) -> Value {
    ask(sandbox, session, "GET", "login/session").found()["mfaStatus"].clone()
}

fn v2_login_from(device: &str, id: &str) -> Vec<(&'static str, String)> {
    let fields = [("userName", DEMO_USER), ("password", DEMO_PASSWORD), ("orgId", DEMO_ORG)];
    let rest = [("devKey", DEMO_DEV_KEY), ("deviceId", device), ("mfaId", id)];
    fields.into_iter().chain(rest).map(|(name, value)| (name, value.to_owned())).collect()
}

fn sign_in_from(sandbox: &Sandbox, device: &str, id: &str) -> String {
    let fields = v2_login_from(device, id);
    let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    sign_in(sandbox, &fields)
}

#[test]
fn a_payment_needs_a_trusted_session_and_a_challenge_makes_the_same_session_one() {
    let sandbox = frozen();
    let session = v3_sign_in(&sandbox);
    assert_eq!(pay(&sandbox, &session).error(), (403, "BDC_1361".to_owned()));
    let reply = pay_v2(&sandbox, &session);
    assert_eq!((reply.status, reply.code().as_str()), (200, "BDC_1361"));
    pass(&sandbox, &session);
    assert_eq!(status(&sandbox, &session), "COMPLETE");
    let paid = pay(&sandbox, &session);
    assert_eq!((paid.status, &paid.found()["amount"]), (201, &10.into()));
    pay_v2(&sandbox, &session).data();
    assert_eq!(sandbox.stats().sign_ins, 1);
    sandbox.distrust_sessions();
    assert_eq!(pay(&sandbox, &session).error(), (403, "BDC_1361".to_owned()));
}

#[test]
fn a_remembered_device_signs_in_trusted_in_either_generation_for_thirty_days() {
    let sandbox = frozen();
    let id = pass(&sandbox, &v3_sign_in(&sandbox));
    let login = v3_login_with(&json!({"device": "phone", "rememberMeId": id}));
    sandbox.advance(Duration::from_millis(30 * 86_400_000 - 1));
    assert_eq!(v3_post_login(&sandbox, &login).found()["trusted"], true);
    let session = sign_in_from(&sandbox, "phone", &id);
    assert_eq!(status(&sandbox, &session), "COMPLETE");
    assert_eq!(call(&sandbox, &session, "MFAStatus", "").data()["isTrusted"], true);
    pay_v2(&sandbox, &session).data();

    sandbox.advance(Duration::from_millis(1));
    assert_eq!(v3_post_login(&sandbox, &login).found()["trusted"], false);
    let session = sign_in_from(&sandbox, "phone", &id);
    assert_eq!(call(&sandbox, &session, "MFAStatus", "").data()["isTrusted"], false);
    assert_eq!(sandbox.stats().sign_ins_trusted, 2);
}

#[test]
fn a_device_that_was_remembered_in_v2_is_known_in_v3() {
    let sandbox = frozen();
    let session = sign_in(&sandbox, &DEMO_LOGIN);
    let challenge = call(&sandbox, &session, "MFAChallenge", "").data()["challengeId"].clone();
    let mut answer = json!({
        "challengeId": challenge,
        "token": DEMO_MFA_CODE,
        "deviceId": "laptop",
        "machineName": "a laptop",
        "rememberMe": "true",
    });
    let authenticate =
        |answer: &Value| call(&sandbox, &session, "MFAAuthenticate", &answer.to_string());
    let id = authenticate(&answer).data()["mfaId"].clone();
    assert_eq!(status(&sandbox, &session), "COMPLETE");
    let login = v3_login_with(&json!({"device": "laptop", "rememberMeId": id}));
    assert_eq!(v3_post_login(&sandbox, &login).found()["trusted"], true);

    answer["challengeId"] = call(&sandbox, &session, "MFAChallenge", r#"{"useBackup":false}"#)
        .data()["challengeId"]
        .clone();
    answer["rememberMe"] = false.into();
    assert_eq!(authenticate(&answer).data(), json!({}));
    let reply = authenticate(&answer);
    assert_eq!((reply.status, reply.code().as_str()), (200, "BDC_1002"), "it is used up");
    answer["other"] = 1.into();
    assert_eq!(authenticate(&answer).code(), "BDC_1002");
}

#[test]
fn a_device_that_is_not_known_signs_in_without_trust_and_without_an_error() {
    let sandbox = frozen();
    let id = pass(&sandbox, &v3_sign_in(&sandbox));
    for (device, id) in [("tablet", id.as_str()), ("phone", "made-up")] {
        let login = v3_login_with(&json!({"device": device, "rememberMeId": id}));
        assert_eq!(v3_post_login(&sandbox, &login).found()["trusted"], false);
        assert_eq!(status(&sandbox, &sign_in_from(&sandbox, device, id)), "CHALLENGE");
    }
    let other = json!({
        "username": "demo-token",
        "password": "demo-token-value",
        "device": "phone",
        "rememberMeId": id,
    });
    assert_eq!(v3_post_login(&sandbox, &v3_login_with(&other)).found()["trusted"], false);
    sandbox.forget_devices();
    let login = v3_login_with(&json!({"device": "phone", "rememberMeId": id}));
    assert_eq!(v3_post_login(&sandbox, &login).found()["trusted"], false);
}

#[test]
fn a_remembered_device_raises_a_session_that_is_signed_in_already() {
    let sandbox = frozen();
    let id = sandbox.remember_device(DEMO_USER, "phone").unwrap();
    assert_eq!(sandbox.remember_device("nobody@example.com", "phone"), None);
    let session = v3_sign_in(&sandbox);
    let step_up = |device: &str| {
        let body = json!({"rememberMeId": id, "device": device});
        tell(&sandbox, &session, "POST", "mfa/step-up", &body).found()
    };
    assert_eq!(step_up("tablet"), json!({"trusted": false}));
    assert_eq!(step_up("phone"), json!({"trusted": true}));
    assert_eq!(step_up("tablet"), json!({"trusted": true}), "trust is not lost again");
    assert_eq!(status(&sandbox, &session), "COMPLETE");
    assert_eq!(sandbox.stats().mfa_step_ups, 1);
}

#[test]
fn wrong_late_and_too_many_codes_are_told_apart() {
    let sandbox = frozen();
    let session = v3_sign_in(&sandbox);
    let refused = |challenge: &str, code: &str| {
        let (status, code) = validate(&sandbox, &session, challenge, code).error();
        assert_eq!(status, 422);
        code
    };
    let tried = challenge(&sandbox, &session);
    for _ in 0..3 {
        assert_eq!(refused(&tried, "000000"), "BDC_1357");
    }
    assert_eq!(refused(&tried, DEMO_MFA_CODE), "BDC_1358");
    let late = challenge(&sandbox, &session);
    sandbox.advance(Duration::from_millis(600_000));
    assert_eq!(refused(&late, DEMO_MFA_CODE), "BDC_1356");
    assert_eq!(refused("made-up", DEMO_MFA_CODE), "BDC_1002");
    let of_another = challenge(&sandbox, &v3_sign_in(&sandbox));
    assert_eq!(refused(&of_another, DEMO_MFA_CODE), "BDC_1002");
    let own = call(&sandbox, &session, "MFAChallenge", "").data()["challengeId"].clone();
    let answer = json!({"challengeId": own, "token": "1"}).to_string();
    let reply = call(&sandbox, &session, "MFAAuthenticate", &answer);
    assert_eq!((reply.status, reply.code().as_str()), (200, "BDC_1357"));
    assert_eq!(status(&sandbox, &session), "CHALLENGE");
    let stats = sandbox.stats();
    assert_eq!((stats.mfa_challenges, stats.mfa_passed, stats.mfa_failed), (4, 0, 8));
    assert!(stats.violations().is_empty());
}

#[test]
fn the_second_factor_has_settings() {
    let sandbox = Sandbox::builder()
        .frozen_clock()
        .mfa_tries(1)
        .mfa_challenge_lives(Duration::from_secs(5))
        .mfa_device_lives(Duration::from_secs(60))
        .start()
        .unwrap();
    let session = v3_sign_in(&sandbox);
    let tried = challenge(&sandbox, &session);
    validate(&sandbox, &session, &tried, "000000").error();
    let reply = validate(&sandbox, &session, &tried, DEMO_MFA_CODE);
    assert_eq!(reply.error().1, "BDC_1358");
    let id = pass(&sandbox, &session);
    let late = challenge(&sandbox, &session);
    sandbox.advance(Duration::from_secs(5));
    assert_eq!(validate(&sandbox, &session, &late, DEMO_MFA_CODE).error().1, "BDC_1356");
    sandbox.advance(Duration::from_secs(55));
    let login = v3_login_with(&json!({"device": "phone", "rememberMeId": id}));
    assert_eq!(v3_post_login(&sandbox, &login).found()["trusted"], false);
}

#[test]
fn a_token_can_neither_pay_nor_pass_a_challenge() {
    let sandbox = frozen();
    let session = sign_in(&sandbox, &TOKEN_LOGIN);
    let refused = |reply: Reply| assert_eq!(reply.error(), (403, "BDC_1120".to_owned()));
    refused(pay(&sandbox, &session));
    refused(tell(&sandbox, &session, "POST", "mfa/challenge", &json!({})));
    refused(validate(&sandbox, &session, "x", DEMO_MFA_CODE));
    let device = json!({"rememberMeId": "x", "device": "phone"});
    refused(tell(&sandbox, &session, "POST", "mfa/step-up", &device));
    assert_eq!(pay_v2(&sandbox, &session).code(), "BDC_1120");
    assert_eq!(call(&sandbox, &session, "MFAChallenge", "").code(), "BDC_1120");
    assert_eq!(call(&sandbox, &session, "MFAAuthenticate", "{}").code(), "BDC_1120");
    ask(&sandbox, &session, "GET", "payments").found();
}

#[test]
fn what_needs_trust_is_a_setting() {
    let sandbox = Sandbox::builder().untrusted_refuses(["v3/Delete"]).start().unwrap();
    let session = v3_sign_in(&sandbox);
    pay(&sandbox, &session).found();
    let reply = ask(&sandbox, &session, "DELETE", "vendors/00901000000000000001");
    assert_eq!(reply.error(), (403, "BDC_1361".to_owned()));
}

#[test]
fn a_sign_in_again_without_the_device_is_silently_not_trusted() {
    let sandbox = frozen();
    pass(&sandbox, &v3_sign_in(&sandbox));
    assert_eq!(v3_post_login(&sandbox, &v3_login()).found()["trusted"], false);
    let data = post(&sandbox, "Login", &DEMO_LOGIN).data();
    assert_eq!(pay_v2(&sandbox, data["sessionId"].as_str().unwrap()).code(), "BDC_1361");
}
