//! v3: sign-in, calls, errors and sign-out, alone and together with v2.

use bill_conformance::{
    Adapter, HOUR, MILLISECOND, MINUTE, Op, Recorder, SECOND, World, eventually, post,
};
use bill_sandbox::{
    DEMO_CONSOLE_API_TOKEN, DEMO_DEV_KEY, DEMO_ORG, DEMO_OTHER_ORG, DEMO_PASSWORD, DEMO_USER,
    ErrorEntry, Fault, FaultKind, Params,
};
use bill_session_core::{
    Cause, Code, Error, ForeignKind, Misuse, Phase, Principal, Renewal, SignInWith,
};
use bytes::Bytes;
use http::{Method, Request};
use serde_json::{Value, json};

const SESSION: &str = "/v3/login/session";
const VENDORS: &str = "/v3/vendors";

pub(crate) fn world(adapter: Adapter) -> World {
    World::with(adapter, |setup| setup.sign_in_with = SignInWith::V3)
}

fn look(world: &World) -> Result<Value, Error> {
    world.run(&Op::get(SESSION))
}

fn code(error: &Error) -> Option<&str> {
    error.code().map(Code::as_str)
}

fn body(status: u16, body: impl Into<String>) -> FaultKind {
    FaultKind::Body { status, content_type: "application/json".to_owned(), body: body.into() }
}

pub(crate) fn a_session_of_v3_is_made_used_and_ended_by_v3(adapter: Adapter) {
    let world = world(adapter);
    let vendors = world.run(&Op::get(VENDORS).query("max", 2)).unwrap();
    assert_eq!(vendors["results"].as_array().unwrap().len(), 2);
    world.sign_out().unwrap();
    assert_eq!(world.operations(), ["v3/Login", "v3/List/vendors", "v3/Logout"]);
    assert_eq!(world.sessions_of("v3/List/vendors"), [1]);
    let stats = world.stats();
    assert_eq!((stats.sign_ins, stats.sign_ins_v3, stats.sign_ins_succeeded), (1, 1, 1));
    assert_eq!((stats.sign_outs, stats.sessions_alive), (1, 0));
}

pub(crate) fn a_session_of_v2_serves_calls_of_v3(adapter: Adapter) {
    let world = World::new(adapter);
    look(&world).unwrap();
    world.call().unwrap();
    world.run(&Op::get("/v3/vendors/00901000000000000001")).unwrap();
    let all = ["Login", "v3/GetSession", "GetSessionInfo", "v3/Read/vendors"];
    assert_eq!(world.operations(), all);
    assert_eq!(world.sessions_of("v3/Read/vendors"), [1]);
    // It ends where it was made.
    world.sign_out().unwrap();
    assert_eq!(world.operations()[4..], ["Logout"]);
    assert_eq!(world.stats().sign_ins_v3, 0);
}

pub(crate) fn a_session_of_v3_serves_calls_of_v2(adapter: Adapter) {
    let world = world(adapter);
    let info = world.call().unwrap();
    assert_eq!(info["orgId"], DEMO_ORG);
    let vendors = world.run(&Op::list("Vendor")).unwrap();
    assert_eq!(vendors.as_array().unwrap().len(), 3);
    assert_eq!(world.operations(), ["v3/Login", "GetSessionInfo", "List/Vendor"]);
    assert_eq!((world.sign_ins(), world.stats().rejected.len()), (1, 0));
    // v2's base is the environment's own, since v3's sign-in names none.
    assert_eq!(world.client().api(), Some(format!("{}/api/v2", world.sandbox.origin())));
    assert_eq!(world.client().user_id().as_deref(), Some("00601000000000000001"));
}

pub(crate) fn the_session_travels_in_two_headers_and_nowhere_else(adapter: Adapter) {
    let signed_in = json!({
        "organizationId": DEMO_ORG, "sessionId": "the-session-id", "userId": "00601",
    });
    let answers = [(200, signed_in.to_string()), (200, json!({"id": "1"}).to_string())];
    let recorder = Recorder::start(answers);
    let world = World::with(adapter, |setup| {
        setup.origin = Some(recorder.origin());
        setup.sign_in_with = SignInWith::V3;
    });
    let vendor = json!({"name": "Acme"});
    world.run(&Op::v3_json(Method::POST, VENDORS, vendor.clone()).query("x", "a b&c")).unwrap();
    let [sign_in, call] = &recorder.requests()[..] else { panic!("two requests") };
    assert_eq!(sign_in.line, "POST /connect/v3/login HTTP/1.1");
    let meant = json!({
        "username": DEMO_USER, "password": DEMO_PASSWORD, "organizationId": DEMO_ORG,
        "devKey": DEMO_DEV_KEY,
    });
    assert_eq!(serde_json::from_slice::<Value>(&sign_in.body).unwrap(), meant);
    for name in ["sessionid", "devkey", "appkey", "authorization", "cookie"] {
        assert_eq!(sign_in.header(name), None, "{name}");
    }
    assert_eq!(call.line, "POST /connect/v3/vendors?x=a+b%26c HTTP/1.1");
    assert_eq!(call.header("sessionid"), Some("the-session-id"));
    assert_eq!(call.header("devkey"), Some(DEMO_DEV_KEY));
    assert_eq!(call.header("content-type"), Some("application/json"));
    assert_eq!(call.header("appkey"), None);
    assert_eq!(call.body, vendor.to_string().into_bytes());
}

pub(crate) fn the_idle_timer_of_v3_is_the_same_34_minutes(adapter: Adapter) {
    let world = world(adapter);
    look(&world).unwrap();
    world.advance(34 * MINUTE - MILLISECOND);
    look(&world).unwrap();
    assert_eq!(world.sign_ins(), 1);
    world.advance(34 * MINUTE);
    assert!(matches!(world.phase(), Phase::IdledOut { .. }));
    look(&world).unwrap();
    assert_eq!(world.sessions_of("v3/GetSession"), [1, 1, 2]);
    assert_eq!(world.rejected("BDC_1109"), 0);
}

pub(crate) fn a_call_of_either_api_restarts_the_timer_of_the_one_session(adapter: Adapter) {
    for sign_in_with in [SignInWith::V2, SignInWith::V3] {
        let world = World::with(adapter, |setup| setup.sign_in_with = sign_in_with);
        for _ in 0..10 {
            world.call().unwrap();
            world.advance(20 * MINUTE);
            look(&world).unwrap();
            world.advance(20 * MINUTE);
        }
        // An error is an answer, too.
        world.run(&Op::get("/v3/vendors/nosuchvendor")).unwrap_err();
        world.advance(20 * MINUTE);
        world.call().unwrap();
        assert_eq!((world.sign_ins(), world.rejected("BDC_1109")), (1, 0));
    }
}

pub(crate) fn a_lost_session_makes_one_sign_in_and_one_replay_of_every_method(adapter: Adapter) {
    let world = world(adapter);
    let new = json!({"name": "Acme"});
    let made = world.run(&Op::v3_json(Method::POST, VENDORS, new.clone())).unwrap();
    let path = format!("{VENDORS}/{}", made["id"].as_str().unwrap());
    let ops = [
        ("v3/Create/vendors", Op::v3_json(Method::POST, VENDORS, new.clone())),
        ("v3/Read/vendors", Op::get(&path)),
        ("v3/Replace/vendors", Op::v3_json(Method::PUT, &path, new)),
        ("v3/Update/vendors", Op::v3_json(Method::PATCH, &path, json!({"name": "Acme & Sons"}))),
        ("v3/Delete/vendors", Op::v3(Method::DELETE, &path)),
    ];
    for (number, (operation, op)) in ops.into_iter().enumerate() {
        let number = number as u64 + 1;
        world.sandbox.fault(Fault::new(FaultKind::LoseSession).on(operation));
        world.run(&op).unwrap();
        let sessions = world.sessions_of(operation);
        assert_eq!(sessions[sessions.len() - 2..], [number, number + 1], "{operation}");
        assert_eq!((world.sign_ins(), world.rejected("BDC_1109")), (number + 1, number));
    }
    // The three of the beginning, the first and the one that was refused once; all of it once.
    let vendors = world.run(&Op::v3_list(VENDORS)).unwrap();
    assert_eq!(vendors.as_array().unwrap().len(), 3 + 2 - 1);
}

pub(crate) fn fifty_calls_refused_by_v3_make_one_sign_in(adapter: Adapter) {
    let world = world(adapter);
    look(&world).unwrap();
    world.sandbox.lose_sessions();
    world.start(50, &Op::get(SESSION)).join_all_ok();
    assert_eq!(world.sign_ins(), 2);
    assert!(world.rejected("BDC_1109") <= 3, "{:?}", world.stats());
}

pub(crate) fn refusals_without_end_by_v3_are_replayed_once(adapter: Adapter) {
    let world = world(adapter);
    let refused = Fault::new(FaultKind::invalid_session()).on("v3/GetSession").always();
    world.sandbox.fault(refused);
    let error = look(&world).unwrap_err();
    assert_eq!(code(&error), Some("BDC_1109"));
    assert!(matches!(&error, Error::Api(error) if error.status() == 401), "{error:?}");
    assert_eq!((world.sign_ins(), world.stats().calls), (2, 2));
    assert!(matches!(world.phase(), Phase::Failed { .. }));
}

pub(crate) fn a_401_of_bills_without_a_code_means_that_the_session_is_lost(adapter: Adapter) {
    let world = world(adapter);
    look(&world).unwrap();
    let errors = vec![ErrorEntry::without_code().message("Unauthorized")];
    let refused = Fault::new(FaultKind::Errors { status: 401, errors }).on("v3/GetSession");
    world.sandbox.fault(refused);
    look(&world).unwrap();
    assert_eq!(world.sessions_of("v3/GetSession"), [1, 1, 2]);
}

pub(crate) fn a_gateways_401_says_nothing_about_the_session(adapter: Adapter) {
    let world = world(adapter);
    look(&world).unwrap();
    let gateway = Fault::new(FaultKind::gateway_unauthorized()).on("v3/GetSession");
    world.sandbox.fault(gateway);
    let error = look(&world).unwrap_err();
    let Error::NotBill { answer, .. } = &error else { panic!("{error:?}") };
    assert_eq!(answer.status, 401);
    let told = ForeignKind::Gateway { message: "Unauthorized".to_owned() };
    assert_eq!(answer.kind, told);
    assert!(error.to_string().contains("Unauthorized"), "{error}");
    look(&world).unwrap();
    assert_eq!(world.sessions_of("v3/GetSession"), [1, 1, 1]);
}

pub(crate) fn v3s_empty_answer_to_a_sign_out_is_a_success(adapter: Adapter) {
    let world = world(adapter);
    look(&world).unwrap();
    world.sign_out().unwrap();
    world.sign_out().unwrap();
    assert_eq!(world.operations(), ["v3/Login", "v3/GetSession", "v3/Logout"]);
    assert_eq!(world.stats().sessions_alive, 0);
    // So is one of a session that is lost already.
    look(&world).unwrap();
    world.sandbox.lose_sessions();
    world.sign_out().unwrap();
    assert_eq!((world.sign_ins(), world.rejected("BDC_1109")), (2, 1));
    assert!(matches!(world.phase(), Phase::SignedOut));
}

pub(crate) fn an_empty_answer_fits_what_needs_no_data(adapter: Adapter) {
    let world = world(adapter);
    let empty = || Fault::new(body(200, "")).on("v3/GetSession");
    world.sandbox.fault(empty());
    world.client().v3::<()>(Method::GET, SESSION).unwrap();
    world.sandbox.fault(empty());
    assert_eq!(world.client().v3::<Option<u64>>(Method::GET, SESSION).unwrap(), None);
    world.sandbox.fault(empty());
    let error = world.client().v3::<Vec<u64>>(Method::GET, SESSION).unwrap_err();
    assert!(matches!(error, Error::Decode { .. }), "{error:?}");
    assert_eq!(world.sessions_of("v3/GetSession"), [1; 3]);
}

pub(crate) fn a_look_at_the_session_tells_user_organisation_and_mfa(adapter: Adapter) {
    let world = world(adapter);
    let seen = look(&world).unwrap();
    let meant = json!({
        "organizationId": DEMO_ORG, "userId": "00601000000000000001",
        "mfaStatus": "CHALLENGE", "mfaBypass": false,
    });
    assert_eq!(seen, meant);
}

pub(crate) fn every_form_of_v3s_error_is_the_same_typed_error(adapter: Adapter) {
    let world = world(adapter);
    look(&world).unwrap();
    let one = |entry: ErrorEntry| FaultKind::Errors { status: 422, errors: vec![entry] };
    let entry = || ErrorEntry::new("BDC_1234").message("no");
    let list = Params::List(vec!["name".to_owned()]);
    let forms = [
        one(entry()),
        one(entry().params(list)),
        one(entry().params(Params::Object([("a".to_owned(), "b".to_owned())].into()))),
        one(entry().params(Params::Object([].into())).detail("more").help("none")),
        body(422, r#"[{"code":"BDC_1234","message":"no"}]"#),
        body(422, r#"[{"code":"BDC_1234","message":"no","params":7,"severity":null,"new":[]}]"#),
        body(422, r#"{"code":"BDC_1234","message":"no"}"#),
        body(422, " [ { \"message\" : \"no\", \"code\" : \"BDC_1234\" } ] \n"),
    ];
    let many = forms.len();
    for form in forms {
        world.sandbox.fault(Fault::new(form.clone()).on("v3/GetSession"));
        let error = look(&world).unwrap_err();
        let Error::Api(api) = &error else { panic!("{form:?}: {error:?}") };
        let seen = (api.status().as_u16(), code(&error), api.message(), api.others().len());
        assert_eq!(seen, (422, Some("BDC_1234"), "no", 0), "{form:?}");
        assert_eq!(api.call(), "GET /v3/login/session");
    }
    assert_eq!(world.sessions_of("v3/GetSession"), vec![1; 1 + many]);
}

pub(crate) fn an_error_of_several_entries_keeps_them_all(adapter: Adapter) {
    let world = world(adapter);
    look(&world).unwrap();
    let errors = vec![
        ErrorEntry::without_code().message("first"),
        ErrorEntry::new("BDC_1234").message("second"),
        ErrorEntry::new("BDC_5678").message("third"),
    ];
    world.sandbox.fault(Fault::new(FaultKind::Errors { status: 400, errors }).on("v3/GetSession"));
    let error = look(&world).unwrap_err();
    let Error::Api(api) = &error else { panic!("{error:?}") };
    // The first that has a code speaks for all, and nothing is dropped.
    assert_eq!((code(&error), api.message()), (Some("BDC_1234"), "second"));
    let mut others: Vec<_> = api.others().iter().map(|entry| &*entry.message).collect();
    others.sort_unstable();
    assert_eq!(others, ["first", "third"]);
    for text in ["first", "second", "third", "BDC_1234", "BDC_5678"] {
        assert!(error.to_string().contains(text), "{error}");
    }
}

pub(crate) fn an_error_that_concerns_the_session_is_heeded_wherever_it_stands(adapter: Adapter) {
    let world = world(adapter);
    look(&world).unwrap();
    let lost = FaultKind::errors(401, &["BDC_1002", "BDC_1109"]);
    world.sandbox.fault(Fault::new(lost).on("v3/GetSession"));
    look(&world).unwrap();
    assert_eq!(world.sessions_of("v3/GetSession"), [1, 1, 2]);
    let untrusted = FaultKind::errors(403, &["BDC_1002", "BDC_1361"]);
    world.sandbox.fault(Fault::new(untrusted).on("v3/GetSession"));
    let error = look(&world).unwrap_err();
    assert!(matches!(error, Error::Untrusted(_)), "{error:?}");
    assert_eq!(world.sign_ins(), 2);
}

pub(crate) fn an_error_without_a_code_is_typed_and_leaves_the_session_alone(adapter: Adapter) {
    let world = world(adapter);
    look(&world).unwrap();
    let errors = vec![ErrorEntry::without_code().message("no reason")];
    let kind = FaultKind::Errors { status: 403, errors };
    world.sandbox.fault(Fault::new(kind).on("v3/GetSession"));
    let error = look(&world).unwrap_err();
    assert!(matches!(&error, Error::Api(error) if error.code().is_none()), "{error:?}");
    assert!(error.to_string().contains("without a code (no reason)"), "{error}");
    assert_eq!(world.sign_ins(), 1);
}

pub(crate) fn what_is_not_v3s_is_typed_and_leaves_the_session_alone(adapter: Adapter) {
    let world = world(adapter);
    look(&world).unwrap();
    let foreign = [
        (FaultKind::Html { status: 502 }, 502, ForeignKind::Html),
        (FaultKind::Html { status: 200 }, 200, ForeignKind::Html),
        (FaultKind::TornJson, 200, ForeignKind::Json),
        (body(403, r#"[{"code":"BDC_11"#), 403, ForeignKind::Json),
        (body(400, "[]"), 400, ForeignKind::Json),
        (body(401, "{}"), 401, ForeignKind::Json),
        (body(503, ""), 503, ForeignKind::Other),
        (body(404, "not here"), 404, ForeignKind::Other),
    ];
    let many = foreign.len();
    for (kind, status, told) in foreign {
        world.sandbox.fault(Fault::new(kind.clone()).on("v3/GetSession"));
        let error = look(&world).unwrap_err();
        let Error::NotBill { answer, .. } = &error else { panic!("{kind:?}: {error:?}") };
        assert_eq!((answer.status.as_u16(), &answer.kind), (status, &told), "{kind:?}");
    }
    look(&world).unwrap();
    assert_eq!(world.sessions_of("v3/GetSession"), vec![1; 2 + many]);
}

pub(crate) fn a_server_in_trouble_does_not_restart_the_timer(adapter: Adapter) {
    for kind in [FaultKind::code("BDC_1001"), FaultKind::Html { status: 503 }, body(500, "[]")] {
        let world = world(adapter);
        look(&world).unwrap();
        world.advance(20 * MINUTE);
        world.sandbox.fault(Fault::new(kind.clone()).on("v3/GetSession"));
        look(&world).unwrap_err();
        world.advance(14 * MINUTE);
        look(&world).unwrap();
        assert_eq!(world.sessions_of("v3/GetSession"), [1, 1, 2], "{kind:?}");
    }
}

pub(crate) fn a_wrong_password_is_tried_once_by_v3(adapter: Adapter) {
    let world = World::with(adapter, |setup| {
        setup.sign_in_with = SignInWith::V3;
        setup.principal = World::wrong_user();
    });
    for error in world.start(50, &Op::get(SESSION)).join_all_failed() {
        assert_eq!(code(&error), Some("BDC_1101"));
        assert!(matches!(error, Error::NoSession { retry_after: None, .. }), "{error:?}");
    }
    assert_eq!((world.sign_ins(), world.stats().calls), (1, 0));
    world.client().replace_credentials(World::user());
    look(&world).unwrap();
    assert_eq!(world.stats().sign_ins_v3, 2);
}

pub(crate) fn a_wrong_key_is_refused_by_v3_with_all_its_causes(adapter: Adapter) {
    let world = World::with(adapter, |setup| {
        setup.sign_in_with = SignInWith::V3;
        setup.dev_key = "not-the-key".to_owned();
    });
    for _ in 0..2 {
        let error = look(&world).unwrap_err();
        assert_eq!(code(&error), Some("BDC_1102"));
        assert!(matches!(error, Error::NoSession { retry_after: None, .. }), "{error:?}");
        for cause in ["environment", "version", "white space"] {
            assert!(error.to_string().contains(cause), "{error}");
        }
    }
    assert_eq!(world.sign_ins(), 1);
}

pub(crate) fn an_organisation_that_is_refused_is_asked_for_once(adapter: Adapter) {
    for refusal in ["BDC_1105", "BDC_1107"] {
        let world = world(adapter);
        world.sandbox.fault(Fault::new(FaultKind::code(refusal)).on("v3/Login"));
        for _ in 0..3 {
            let error = look(&world).unwrap_err();
            assert_eq!(code(&error), Some(refusal));
            assert!(matches!(error, Error::NoSession { retry_after: None, .. }), "{error:?}");
        }
        world.advance(HOUR);
        look(&world).unwrap_err();
        assert_eq!(world.sign_ins(), 1);
        // The refusal is the session's: another organisation of the same user signs in.
        let other = world.client().for_organization(DEMO_OTHER_ORG).unwrap();
        other.run(&Op::get(SESSION)).unwrap();
        assert_eq!(world.sign_ins(), 2);
    }
}

pub(crate) fn a_refusal_of_v3s_sign_in_is_the_same_at_any_http_status(adapter: Adapter) {
    for status in [400, 401, 403, 422, 500] {
        let world = world(adapter);
        let refused = FaultKind::Envelope { status, code: "BDC_1101".to_owned() };
        world.sandbox.fault(Fault::new(refused).on("v3/Login"));
        for _ in 0..2 {
            let error = look(&world).unwrap_err();
            assert_eq!(code(&error), Some("BDC_1101"), "{status}");
            assert!(matches!(error, Error::NoSession { retry_after: None, .. }), "{error:?}");
        }
        assert_eq!(world.sign_ins(), 1);
    }
}

pub(crate) fn an_odd_answer_to_v3s_sign_in_backs_off_and_recovers(adapter: Adapter) {
    let odd = [
        body(200, "{}"),
        body(200, "null"),
        body(200, "[]"),
        body(200, ""),
        body(200, r#"{"sessionId":null}"#),
        body(200, r#"{"sessionId":""}"#),
        body(200, r#"{"sessionId":7}"#),
        body(200, r#"{"sessionId":"a\nb"}"#),
        body(200, r#"{"sessionId":"abc","trusted":"yes"}"#),
        body(400, "[]"),
        FaultKind::gateway_unauthorized(),
        FaultKind::Html { status: 200 },
        FaultKind::TornJson,
        FaultKind::errors(422, &["BDC_9999"]),
    ];
    for kind in odd {
        let world = world(adapter);
        world.sandbox.fault(Fault::new(kind.clone()).on("v3/Login"));
        let error = look(&world).unwrap_err();
        let Error::NoSession { cause, retry_after: Some(_), .. } = &error else {
            panic!("{kind:?}: {error:?}");
        };
        assert!(matches!(**cause, Cause::Refused(_) | Cause::NotBill(_)), "{kind:?}: {cause:?}");
        world.advance(2 * SECOND);
        look(&world).unwrap();
        assert_eq!(world.sign_ins(), 2);
    }
}

pub(crate) fn an_untrusted_session_is_no_reason_for_v3_to_sign_in(adapter: Adapter) {
    let world = world(adapter);
    let payment = Op::v3_json(Method::POST, "/v3/payments", json!({"amount": 1}));
    for error in world.start(20, &payment).join_all_failed() {
        let Error::Untrusted(api) = &error else { panic!("{error:?}") };
        assert_eq!((api.status().as_u16(), code(&error)), (403, Some("BDC_1361")));
        assert!(error.to_string().contains("MFA"), "{error}");
    }
    assert_eq!((world.sign_ins(), world.stats().calls), (1, 20));
    // The answer restarted the timer, like any other.
    world.advance(30 * MINUTE);
    world.run(&payment).unwrap_err();
    world.advance(30 * MINUTE);
    look(&world).unwrap();
    assert_eq!(world.sign_ins(), 1);
}

pub(crate) fn a_token_signs_in_by_v3_and_its_session_does_not_expire(adapter: Adapter) {
    let world = World::with(adapter, |setup| {
        setup.sign_in_with = SignInWith::V3;
        setup.principal = World::token();
    });
    look(&world).unwrap();
    world.advance(48 * HOUR);
    look(&world).unwrap();
    assert_eq!(world.sessions_of("v3/GetSession"), [1, 1]);
    // What it may not do is refused, and no reason to sign in.
    let payment = Op::v3_json(Method::POST, "/v3/payments", json!({"amount": 1}));
    let error = world.run(&payment).unwrap_err();
    assert!(matches!(&error, Error::Api(error) if error.status() == 403), "{error:?}");
    assert_eq!((world.sign_ins(), world.stats().sign_ins_v3), (1, 1));
}

pub(crate) fn a_consoles_token_takes_the_passwords_place_and_signs_in_by_v3(adapter: Adapter) {
    let console = |token: &str| Principal::console(DEMO_USER, token).unwrap();
    // Whatever the client is told to sign in with: v2 has no field for it.
    for sign_in_with in [SignInWith::V2, SignInWith::V3] {
        let world = World::with(adapter, |setup| {
            setup.sign_in_with = sign_in_with;
            setup.principal = console(DEMO_CONSOLE_API_TOKEN);
        });
        look(&world).unwrap();
        world.call().unwrap();
        let error = world.run(&Op::ListOrgs).unwrap_err();
        assert!(matches!(error, Error::Misuse(Misuse::V3Only)), "{error:?}");
        assert_eq!(world.operations(), ["v3/Login", "v3/GetSession", "GetSessionInfo"]);
        // Its session is idled out like a password's.
        world.advance(34 * MINUTE);
        look(&world).unwrap();
        assert_eq!(world.sessions_of("v3/GetSession"), [1, 2]);
        world.sandbox.lose_sessions();
        world.client().replace_credentials(console("not-the-token"));
        let error = look(&world).unwrap_err();
        assert_eq!(code(&error), Some("BDC_1101"));
    }
}

pub(crate) fn no_secrets_name_is_ever_the_key_of_a_query(adapter: Adapter) {
    let names = [
        "userName",
        "username",
        "password",
        "devKey",
        "sessionId",
        "appKey",
        "consoleApiToken",
        "apiToken",
        "token",
        "mfaId",
        "rememberMeId",
    ];
    let world = world(adapter);
    look(&world).unwrap();
    for name in names {
        let first = name.as_bytes()[0];
        let spelled = [
            name.to_owned(),
            name.to_uppercase(),
            name.to_lowercase(),
            format!("%{first:02x}{}", &name[1..]),
            format!("%25{first:02x}{}", &name[1..]),
            format!(" {name}"),
            format!("max=1&{name}"),
            format!("max;{name}"),
        ];
        for key in spelled {
            let op = Op::get(VENDORS).query("max", 1).query(&key, "x");
            let error = world.run(&op).unwrap_err();
            assert!(
                matches!(&error, Error::Misuse(Misuse::QuerySecret { .. })),
                "{key}: {error:?}"
            );
        }
    }
    // A list's pages obey the same rule, and so do uploads.
    let list = Op::v3_list(VENDORS).query("sessionId", "x");
    let error = world.run(&list).unwrap_err();
    assert!(matches!(error, Error::Misuse(Misuse::QuerySecret { .. })), "{error:?}");
    assert_eq!(world.operations(), ["v3/Login", "v3/GetSession"]);
    assert_eq!(world.stats().secrets_in_url, 0);
}

pub(crate) fn no_secret_that_is_held_is_ever_part_of_a_query(adapter: Adapter) {
    let world = world(adapter);
    look(&world).unwrap();
    let first = world.lease().unwrap().session_id().to_owned();
    world.sandbox.lose_sessions();
    look(&world).unwrap();
    let second = world.lease().unwrap().session_id().to_owned();
    assert_ne!(first, second);
    let secrets = [DEMO_USER, DEMO_PASSWORD, DEMO_DEV_KEY, &first, &second];
    for secret in secrets {
        let form: String = form_urlencoded::byte_serialize(secret.as_bytes()).collect();
        let all: String = secret.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let twice: String = secret.bytes().map(|byte| format!("%25{byte:02x}")).collect();
        let inside = format!("a:{secret}");
        for text in [secret.to_owned(), form, all, twice, inside] {
            for op in [Op::get(VENDORS).query("name", &text), Op::get(VENDORS).query(&text, "1")] {
                let error = world.run(&op).unwrap_err();
                assert!(
                    matches!(&error, Error::Misuse(Misuse::QuerySecret { .. })),
                    "{text}: {error:?}"
                );
                assert!(!error.to_string().contains(secret), "{error}");
                assert!(!format!("{error:?}").contains(secret), "{error:?}");
            }
        }
    }
    assert_eq!(world.stats().calls, 3);
    assert_eq!(world.stats().secrets_in_url, 0);
}

pub(crate) fn a_v3_path_is_checked_before_anything_is_sent(adapter: Adapter) {
    let world = world(adapter);
    look(&world).unwrap();
    let session = world.lease().unwrap().session_id().to_owned();
    let paths = [
        ("v3/vendors".to_owned(), Misuse::V3Path),
        ("/v2/vendors".to_owned(), Misuse::V3Path),
        ("/connect/v3/vendors".to_owned(), Misuse::V3Path),
        ("https://elsewhere.example.com/v3/vendors".to_owned(), Misuse::V3Path),
        ("//elsewhere.example.com/v3/vendors".to_owned(), Misuse::V3Path),
        (String::new(), Misuse::V3Path),
        ("/v3/vendors?max=1".to_owned(), Misuse::V3PathQuery),
        ("/v3/vendors%3Fmax=1".to_owned(), Misuse::V3PathQuery),
        ("/v3/vendors#top".to_owned(), Misuse::PathFragment),
        ("/v3/vendors%23top".to_owned(), Misuse::PathFragment),
        ("/v3/../v3/vendors".to_owned(), Misuse::PathClimbs),
        ("/v3/%2e%2e/vendors".to_owned(), Misuse::PathClimbs),
        ("/v3//vendors".to_owned(), Misuse::PathClimbs),
        ("/v3/vendors/".to_owned(), Misuse::PathClimbs),
        ("/v3/".to_owned(), Misuse::PathClimbs),
        ("/v3/ven dors".to_owned(), Misuse::PathCharacter),
        ("/v3/vendors/a%20b".to_owned(), Misuse::PathCharacter),
        ("/v3/vendors\r\nx: y".to_owned(), Misuse::PathCharacter),
        ("/v3/véndors".to_owned(), Misuse::PathCharacter),
        ("/v3/vendors/demo-password".to_owned(), Misuse::PathSecret),
        ("/v3/vendors/demo%2Dpassword".to_owned(), Misuse::PathSecret),
        ("/v3/vendors/demo-dev-key".to_owned(), Misuse::PathSecret),
        (format!("/v3/vendors/{session}"), Misuse::PathSecret),
    ];
    for (path, misuse) in paths {
        for op in [Op::get(&path), Op::v3_list(&path)] {
            let error = world.run(&op).unwrap_err();
            assert!(matches!(&error, Error::Misuse(seen) if *seen == misuse), "{path}: {error:?}");
        }
    }
    assert_eq!(world.operations(), ["v3/Login", "v3/GetSession"]);
}

pub(crate) fn what_changes_the_session_has_methods_of_its_own(adapter: Adapter) {
    let world = world(adapter);
    look(&world).unwrap();
    let reserved = [
        "/v3/login",
        "/v3/partner/login",
        "/v3/logout",
        "/v3/mfa/challenge",
        "/v3/mfa/challenge/validate",
        "/v3/mfa/step-up",
        "/v3/Logout",
    ];
    for path in reserved {
        let error = world.run(&Op::v3(Method::POST, path)).unwrap_err();
        assert!(matches!(error, Error::Misuse(Misuse::PathReserved)), "{path}: {error:?}");
    }
    for method in [Method::HEAD, Method::OPTIONS, Method::CONNECT, Method::TRACE] {
        let error = world.run(&Op::v3(method.clone(), VENDORS)).unwrap_err();
        assert!(matches!(error, Error::Misuse(Misuse::Method)), "{method}: {error:?}");
    }
    for method in [Method::GET, Method::DELETE] {
        let op = Op::v3_json(method.clone(), "/v3/vendors/00901000000000000001", json!({}));
        let error = world.run(&op).unwrap_err();
        assert!(matches!(error, Error::Misuse(Misuse::Body)), "{method}: {error:?}");
    }
    assert_eq!(world.operations(), ["v3/Login", "v3/GetSession"]);
}

pub(crate) fn an_object_is_created_read_changed_and_deleted(adapter: Adapter) {
    let world = world(adapter);
    let new = json!({"name": "Acme \"é\""});
    let made = world.run(&Op::v3_json(Method::POST, VENDORS, new)).unwrap();
    let id = made["id"].as_str().unwrap().to_owned();
    let path = format!("{VENDORS}/{id}");
    assert_eq!(world.run(&Op::get(&path)).unwrap()["name"], "Acme \"é\"");
    // v2 sees the same object.
    let seen = world.send("Crud/Read/Vendor", json!({"id": id})).unwrap();
    assert_eq!(seen["name"], "Acme \"é\"");
    let changed = Op::v3_json(Method::PATCH, &path, json!({"name": "Acme & Sons"}));
    assert_eq!(world.run(&changed).unwrap()["name"], "Acme & Sons");
    let replaced = Op::v3_json(Method::PUT, &path, json!({"name": "Acme"}));
    assert_eq!(world.run(&replaced).unwrap()["name"], "Acme");
    world.run(&Op::v3(Method::DELETE, &path)).unwrap();
    let error = world.run(&Op::get(&path)).unwrap_err();
    assert!(matches!(&error, Error::Api(error) if error.status() == 404), "{error:?}");
    assert_eq!(world.sign_ins(), 1);
}

pub(crate) fn a_v3_answer_of_another_type_is_told_apart_from_a_refusal(adapter: Adapter) {
    let world = world(adapter);
    let error = world.client().v3::<u64>(Method::GET, SESSION).unwrap_err();
    let Error::Decode { call, .. } = &error else { panic!("{error:?}") };
    assert_eq!(&**call, "GET /v3/login/session");
    look(&world).unwrap();
    // The call was carried out, so the session lives and nothing is sent again.
    assert_eq!(world.sessions_of("v3/GetSession"), [1, 1]);
}

pub(crate) fn keep_alive_looks_at_a_session_of_v3s_by_v3(adapter: Adapter) {
    let world = World::with(adapter, |setup| {
        setup.sign_in_with = SignInWith::V3;
        setup.renewal = Renewal::KeepAlive;
    });
    world.run(&Op::get(VENDORS)).unwrap();
    for kept in 1..=3 {
        world.advance(31 * MINUTE);
        eventually("the session was looked at", || {
            world.sessions_of("v3/GetSession").len() == kept
                && world.stats().in_flight == 0
                && matches!(world.phase(), Phase::SignedIn { idle, .. } if idle < MINUTE)
        });
    }
    assert_eq!(world.sessions_of("v3/GetSession"), [1; 3]);
    assert_eq!((world.sign_ins(), world.rejected("BDC_1109")), (1, 0));
    // What it saw of the session's trust is known from now on.
    assert_eq!(world.client().trusted(), Some(false));
}

pub(crate) fn an_unknown_path_is_told_and_leaves_the_session_alone(adapter: Adapter) {
    let world = world(adapter);
    look(&world).unwrap();
    let error = world.run(&Op::get("/v3/mfa/none/such")).unwrap_err();
    assert_eq!(code(&error), Some("BDC_1121"));
    assert!(matches!(&error, Error::Api(error) if error.status() == 404), "{error:?}");
    look(&world).unwrap();
    assert_eq!((world.sign_ins(), world.stats().calls), (1, 3));
}

pub(crate) fn a_sign_in_that_says_nothing_of_trust_leaves_it_unknown(adapter: Adapter) {
    let silent = World::with(adapter, |setup| {
        setup.sign_in_with = SignInWith::V3;
        setup.sandbox = bill_sandbox::Builder::omit_trusted;
    });
    look(&silent).unwrap();
    assert_eq!(silent.client().trusted(), None);
    let payment = Op::v3_json(Method::POST, "/v3/payments", json!({"amount": 1}));
    silent.run(&payment).unwrap_err();
    assert_eq!(silent.client().trusted(), Some(false));
    let told = world(adapter);
    look(&told).unwrap();
    assert_eq!(told.client().trusted(), Some(false));
}

pub(crate) fn a_session_of_another_organisation_is_not_used(adapter: Adapter) {
    let world = world(adapter);
    let other = json!({
        "organizationId": DEMO_OTHER_ORG, "sessionId": "a-session", "userId": "1", "trusted": false,
    });
    world.sandbox.fault(Fault::new(body(200, other.to_string())).on("v3/Login"));
    let error = look(&world).unwrap_err();
    let Error::NoSession { cause, retry_after: Some(_), .. } = &error else { panic!("{error:?}") };
    assert!(matches!(**cause, Cause::WrongOrganization), "{cause:?}");
    assert_eq!(world.stats().calls, 0);
    world.advance(2 * SECOND);
    look(&world).unwrap();
    assert_eq!(world.sign_ins(), 2);
}

pub(crate) fn a_sign_in_that_names_no_organisation_is_the_one_asked_for(adapter: Adapter) {
    let answer = |id: &str| json!({"sessionId": id}).to_string();
    let recorder = Recorder::start([(200, answer("one")), (200, "7".to_owned())]);
    let world = World::with(adapter, |setup| {
        setup.origin = Some(recorder.origin());
        setup.sign_in_with = SignInWith::V3;
    });
    assert_eq!(look(&world).unwrap(), 7);
    assert_eq!(world.lease().unwrap().org_id().as_deref(), Some(DEMO_ORG));
    assert_eq!((world.client().user_id(), world.client().trusted()), (None, None));
}

pub(crate) fn a_leased_session_signs_a_v3_request_by_its_headers(adapter: Adapter) {
    let world = World::new(adapter);
    let lease = world.lease().unwrap();
    assert_eq!(lease.v3_api(), format!("{}/connect", world.sandbox.origin()));
    let url = format!("{}{SESSION}", lease.v3_api());
    let mut request = Request::get(url).body(Bytes::new()).unwrap();
    lease.sign(&mut request).unwrap();
    let header = |name: &str| request.headers().get(name).unwrap();
    assert_eq!(header("sessionid").to_str().unwrap(), lease.session_id());
    assert_eq!(header("devkey").to_str().unwrap(), DEMO_DEV_KEY);
    assert!(header("sessionid").is_sensitive() && header("devkey").is_sensitive());
    assert!(request.body().is_empty());
    let answer = post(world.sandbox.addr(), &request);
    assert!(answer.contains("mfaStatus"), "{answer}");
    lease.accepted();
    assert_eq!(world.sessions_of("v3/GetSession"), [1]);
    // A query that tells a secret, and an address that is not the session's, are refused.
    for (uri, misuse) in [
        ("https://gateway.prod.bill.com/connect/v3/vendors".to_owned(), Misuse::ForeignRequest),
        (format!("{}/elsewhere/v3/vendors", world.sandbox.origin()), Misuse::ForeignRequest),
    ] {
        let lease = world.lease().unwrap();
        let mut request = Request::get(uri).body(Bytes::new()).unwrap();
        assert_eq!(lease.sign(&mut request), Err(misuse));
        assert!(request.headers().is_empty());
    }
    let lease = world.lease().unwrap();
    let uri = format!("{}/v3/vendors?sessionId=1", lease.v3_api());
    let mut request = Request::get(uri).body(Bytes::new()).unwrap();
    assert!(lease.sign(&mut request).is_err());
    assert!(request.headers().is_empty());
}

pub(crate) fn a_redirect_of_v3_carries_no_header_anywhere(adapter: Adapter) {
    let elsewhere = Recorder::start([(200, "{}".to_owned())]);
    let world = world(adapter);
    look(&world).unwrap();
    for status in [301, 302, 303, 307, 308] {
        let location = format!("{}/connect/v3/login/session", elsewhere.origin());
        let kind = FaultKind::Redirect { status, location };
        world.sandbox.fault(Fault::new(kind).on("v3/GetSession"));
        let error = look(&world).unwrap_err();
        assert!(
            matches!(&error, Error::NotBill { answer, .. }
                if matches!(answer.kind, ForeignKind::Redirect { .. })),
            "{error:?}"
        );
    }
    assert_eq!(elsewhere.requests().len(), 0);
    assert_eq!(world.sessions_of("v3/GetSession"), [1; 6]);
}
