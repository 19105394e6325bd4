//! A partner signs in to no organisation, and its calls carry the application key.

use bill_conformance::{Adapter, Carried, MINUTE, Op, Recorder, Upload, World};
use bill_sandbox::{
    DEMO_APP_KEY, DEMO_OTHER_ORG, DEMO_PARTNER, DEMO_PARTNER_PASSWORD, Fault, FaultKind,
};
use bill_session_core::{Code, Error, Misuse, Phase, Principal, Renewal, SignInWith};
use http::Method;
use serde_json::{Value, json};

const SESSION: &str = "/v3/login/session";

fn partner(adapter: Adapter) -> World {
    World::with(adapter, |setup| {
        setup.principal = Principal::password(DEMO_PARTNER, DEMO_PARTNER_PASSWORD).unwrap();
        setup.app_key = Some(DEMO_APP_KEY.to_owned());
    })
}

pub(crate) fn a_partner_signs_in_by_its_own_path_and_calls_with_its_key(adapter: Adapter) {
    for api in [SignInWith::V2, SignInWith::V3] {
        let world = World::with(adapter, |setup| {
            setup.principal = Principal::password(DEMO_PARTNER, DEMO_PARTNER_PASSWORD).unwrap();
            setup.app_key = Some(DEMO_APP_KEY.to_owned());
            setup.sign_in_with = api;
        });
        world.run(&Op::get(SESSION)).unwrap();
        world.run(&Op::v3_list("/v3/vendors")).unwrap();
        world.sign_out().unwrap();
        let all = ["v3/PartnerLogin", "v3/GetSession", "v3/List/vendors", "v3/Logout"];
        assert_eq!(world.operations(), all);
        let stats = world.stats();
        assert_eq!((stats.sign_ins, stats.sign_ins_v3, stats.sessions_alive), (1, 1, 0));
        assert!(stats.max_in_flight_by_key.keys().all(|key| key.starts_with("app key 1")));
    }
}

pub(crate) fn the_application_key_travels_in_a_header_of_its_own(adapter: Adapter) {
    let answers =
        [(200, json!({"sessionId": "partner-session"}).to_string()), (200, "{}".to_owned())];
    let recorder = Recorder::start(answers);
    let world = World::with(adapter, |setup| {
        setup.origin = Some(recorder.origin());
        setup.principal = Principal::password(DEMO_PARTNER, DEMO_PARTNER_PASSWORD).unwrap();
        setup.app_key = Some(DEMO_APP_KEY.to_owned());
    });
    world.run(&Op::v3_json(Method::POST, "/v3/organizations", json!({"name": "Acme"}))).unwrap();
    let [sign_in, call] = &recorder.requests()[..] else { panic!("two requests") };
    assert_eq!(sign_in.line, "POST /connect/v3/partner/login HTTP/1.1");
    let meant = json!({
        "username": DEMO_PARTNER, "password": DEMO_PARTNER_PASSWORD, "appKey": DEMO_APP_KEY,
    });
    assert_eq!(serde_json::from_slice::<Value>(&sign_in.body).unwrap(), meant);
    assert_eq!(sign_in.header("appkey"), None);
    assert_eq!(call.header("sessionid"), Some("partner-session"));
    assert_eq!((call.header("appkey"), call.header("devkey")), (Some(DEMO_APP_KEY), None));
}

pub(crate) fn a_partners_session_is_kept_and_lost_like_any_other(adapter: Adapter) {
    let world = partner(adapter);
    world.run(&Op::get(SESSION)).unwrap();
    world.advance(33 * MINUTE);
    world.run(&Op::get(SESSION)).unwrap();
    world.advance(34 * MINUTE);
    assert!(matches!(world.phase(), Phase::IdledOut { .. }));
    world.run(&Op::get(SESSION)).unwrap();
    world.sandbox.lose_sessions();
    world.start(20, &Op::get(SESSION)).join_all_ok();
    let sessions = world.sessions_of("v3/GetSession");
    assert_eq!(sessions[..3], [1, 1, 2]);
    assert_eq!((sessions[sessions.len() - 1], world.sign_ins()), (3, 3));
}

pub(crate) fn keep_alive_looks_at_a_partners_session(adapter: Adapter) {
    let world = World::with(adapter, |setup| {
        setup.principal = Principal::password(DEMO_PARTNER, DEMO_PARTNER_PASSWORD).unwrap();
        setup.app_key = Some(DEMO_APP_KEY.to_owned());
        setup.renewal = Renewal::KeepAlive;
    });
    world.run(&Op::v3_list("/v3/vendors")).unwrap();
    world.advance(31 * MINUTE);
    bill_conformance::eventually(
        "the session was looked at",
        || matches!(world.phase(), Phase::SignedIn { idle, .. } if idle < MINUTE),
    );
    assert_eq!(world.sessions_of("v3/GetSession"), [1]);
    assert_eq!(world.sign_ins(), 1);
}

pub(crate) fn a_partner_calls_nothing_of_v2s_and_has_no_organisation(adapter: Adapter) {
    let world = partner(adapter);
    let attachment = Upload::attachment("00n01", "a.pdf", Carried::Bytes(b"x".to_vec()));
    let ops = [Op::read(), Op::list("Vendor"), Op::ListOrgs, Op::Upload(attachment)];
    for op in ops {
        let error = world.run(&op).unwrap_err();
        assert!(matches!(error, Error::Misuse(Misuse::Partner)), "{op:?}: {error:?}");
    }
    let error = world.client().for_organization(DEMO_OTHER_ORG).unwrap_err();
    assert_eq!(error, Misuse::Partner);
    assert_eq!(world.operations(), [""; 0]);
    assert_eq!(world.lease().unwrap().org_id(), None);
    assert_eq!(world.operations(), ["v3/PartnerLogin"]);
}

pub(crate) fn a_partners_wrong_password_and_wrong_key_are_told_apart(adapter: Adapter) {
    let principal = |password: &str| Principal::password(DEMO_PARTNER, password).unwrap();
    for (password, app_key, refusal) in
        [("wrong", DEMO_APP_KEY, "BDC_1101"), (DEMO_PARTNER_PASSWORD, "wrong-key", "BDC_1102")]
    {
        let world = World::with(adapter, |setup| {
            setup.principal = principal(password);
            setup.app_key = Some(app_key.to_owned());
        });
        for _ in 0..2 {
            let error = world.run(&Op::get(SESSION)).unwrap_err();
            assert_eq!(error.code().map(Code::as_str), Some(refusal));
            assert!(matches!(error, Error::NoSession { retry_after: None, .. }), "{error:?}");
        }
        assert_eq!((world.sign_ins(), world.stats().calls), (1, 0));
    }
    // A user is no partner.
    let world = World::with(adapter, |setup| setup.app_key = Some(DEMO_APP_KEY.to_owned()));
    let error = world.run(&Op::get(SESSION)).unwrap_err();
    assert_eq!(error.code().map(Code::as_str), Some("BDC_1101"));
}

pub(crate) fn a_partners_untrusted_session_is_told_so(adapter: Adapter) {
    let world = partner(adapter);
    world.sandbox.fault(Fault::new(FaultKind::code("BDC_1361")).on("v3/GetSession").times(3));
    for error in world.start(3, &Op::get(SESSION)).join_all_failed() {
        assert!(matches!(error, Error::Untrusted(_)), "{error:?}");
    }
    assert_eq!(world.sign_ins(), 1);
}
