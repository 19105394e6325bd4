//! What is sent to v3 is BILL's to the byte, and what comes from it is taken for BILL's only when it is.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on ends"
)]

mod support;

use std::sync::Arc;
use std::time::Duration;

use bill_session_core::{
    Account, Call, Cause, Credentials, DevKey, Environment, Error, ForeignKind, KeyLimits, Limit,
    Misuse, OrgId, Outcome, Phase, Principal, RememberedDevice, Renewal, SignInEnded, SignInWith,
    Step,
};
use bytes::Bytes;
use http::{Method, Request, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use support::{
    ORG, World, body, field, field_names, first_instant, json_answer, json_of, page, password,
    refusal, settings, v3_account, v3_errors, v3_refusal, with_header, with_status,
};

const MINUTE: Duration = Duration::from_secs(60);

fn v3_world_of(principal: Principal) -> World {
    let now = first_instant();
    World::of(v3_account(principal, now), settings(|_| ()), now)
}

fn v3_world_in(environment: Environment) -> World {
    let now = first_instant();
    let credentials = Credentials::new(
        password(),
        OrgId::new(ORG).unwrap(),
        DevKey::new("demo-dev-key").unwrap(),
    );
    let account = Account::new(environment, credentials, Arc::new(KeyLimits::new(now)));
    World::of(Arc::new(account.sign_in_with(SignInWith::V3)), settings(|_| ()), now)
}

/// The request of a sign-in.
fn sign_in_of(world: &mut World) -> Request<Bytes> {
    let (sign_in, _call) = world.begin(Call::sign_in(), 0);
    sign_in.request()
}

/// A v3 call that is to be made with what a test says.
fn request_of(world: &mut World, method: Method, path: &str) -> Request<Bytes> {
    let call = world.v3_call(method, path);
    let in_flight = world.send(call);
    let request = in_flight.request();
    world.cancel(in_flight.id());
    request
}

mod a_sign_in {
    use super::*;

    #[test]
    fn is_json_posted_to_login_without_a_session_in_its_headers() {
        let mut world = World::v3();
        let request = sign_in_of(&mut world);
        assert_eq!(request.method(), Method::POST);
        assert_eq!(request.uri(), "https://gateway.stage.bill.com/connect/v3/login");
        assert_eq!(request.headers().len(), 2);
        assert_eq!(request.headers()["accept"], "application/json");
        assert_eq!(request.headers()["content-type"], "application/json");
        assert_eq!(
            request.body(),
            r#"{"username":"demo@example.com","password":"demo-password","organizationId":"00800000000000000001","devKey":"demo-dev-key"}"#
        );
    }

    #[test]
    fn escapes_whatever_a_password_may_hold() {
        let secret = "p\"a\\s/s\twörd\u{1}&=+%\u{1F600}";
        let mut world = v3_world_of(Principal::password("me", secret).unwrap());
        let request = sign_in_of(&mut world);
        assert_eq!(json_of(&request)["password"], secret);
    }

    #[test]
    fn of_a_token_sends_its_name_and_value_as_v2_does() {
        let mut world = v3_world_of(support::token());
        let sent = json_of(&sign_in_of(&mut world));
        assert_eq!(sent["username"], "demo-token");
        assert_eq!(sent["password"], "demo-token-value");
    }

    #[test]
    fn of_an_accountants_console_sends_its_token_in_the_place_of_a_password() {
        let principal = Principal::console("me@example.com", "console-token").unwrap();
        for account in [v3_account as fn(_, _) -> _, support::account] {
            let now = first_instant();
            let mut world = World::of(account(principal.clone(), now), settings(|_| ()), now);
            let request = sign_in_of(&mut world);
            assert_eq!(
                request.uri(),
                "https://gateway.stage.bill.com/connect/v3/login",
                "v2 has no field for it"
            );
            assert_eq!(
                json_of(&request),
                json!({
                    "username": "me@example.com", "consoleApiToken": "console-token",
                    "organizationId": ORG, "devKey": "demo-dev-key",
                })
            );
        }
    }

    #[test]
    fn carries_what_bill_remembers_and_the_devices_name_both_or_neither() {
        let device = RememberedDevice::new("remember-me-id", "device \"1\"").unwrap();
        let mut world = v3_world_of(password().remembered(device));
        let sent = json_of(&sign_in_of(&mut world));
        assert_eq!(sent["rememberMeId"], "remember-me-id");
        assert_eq!(sent["device"], "device \"1\"");
        assert_eq!(sent.as_object().unwrap().len(), 6);
        let mut world = World::v3();
        let sent = json_of(&sign_in_of(&mut world));
        assert!(sent.get("rememberMeId").is_none() && sent.get("device").is_none());
    }

    #[test]
    fn of_a_partner_carries_the_application_key_and_no_organisation() {
        let mut world = World::partner();
        let request = sign_in_of(&mut world);
        assert_eq!(request.method(), Method::POST);
        assert_eq!(request.uri(), "https://gateway.stage.bill.com/connect/v3/partner/login");
        assert_eq!(request.headers().len(), 2);
        assert_eq!(
            json_of(&request),
            json!({
                "username": "demo@example.com", "password": "demo-password",
                "appKey": "demo-app-key",
            })
        );
    }

    #[test]
    fn goes_to_the_gateway_of_its_environment() {
        let local: Environment = "http://127.0.0.1:8025".parse().unwrap();
        let own: Environment = "https://bill.example:8443".parse().unwrap();
        for (environment, url) in [
            (Environment::Sandbox, "https://gateway.stage.bill.com/connect"),
            (Environment::Stage, "https://gateway.stage.bill.com/connect"),
            (Environment::Production, "https://gateway.prod.bill.com/connect"),
            (local, "http://127.0.0.1:8025/connect"),
            (own, "https://bill.example:8443/connect"),
        ] {
            assert_eq!(environment.v3_base(), url);
            let mut world = v3_world_in(environment);
            assert_eq!(sign_in_of(&mut world).uri(), format!("{url}/v3/login").as_str());
            world.pass(MINUTE);
            world.sign_in();
            let request = request_of(&mut world, Method::GET, "/v3/vendors");
            assert_eq!(request.uri(), format!("{url}/v3/vendors").as_str());
            let lease = world.lease(Duration::ZERO);
            assert_eq!(lease.v3_api(), url);
        }
    }

    /// Signs in with this answer, and says what has become of it.
    fn answered(world: &mut World, answer: Response<Bytes>) -> SignInEnded {
        let (sign_in, _call) = world.begin(Call::sign_in(), 0);
        world.answer_sign_in(sign_in, Ok(answer))
    }

    #[test]
    fn brings_a_session_a_user_and_no_other_address() {
        let mut world = World::v3();
        let answer = json_answer(&json!({
            "organizationId": ORG, "sessionId": "session-x", "trusted": false,
            "userId": "00600000000000000001", "apiEndPoint": "https://evil.example/api/v2",
        }));
        let ended = answered(&mut world, answer);
        assert!(matches!(ended, SignInEnded::Stored { not_followed: None }), "{ended:?}");
        assert_eq!(world.session.user_id(), Some("00600000000000000001"));
        assert_eq!(world.session.api().unwrap(), "https://api-stage.bill.com/api/v2");
        assert_eq!(world.trusted(), Some(false));
    }

    #[test]
    fn needs_no_more_than_a_session_id_in_its_answer() {
        let mut world = World::v3();
        let ended = answered(&mut world, json_answer(&json!({"sessionId": "session-x"})));
        assert!(matches!(ended, SignInEnded::Stored { .. }), "{ended:?}");
        assert_eq!((world.trusted(), world.session.user_id()), (None, None));
    }

    #[test]
    fn without_a_usable_session_in_its_answer_is_none() {
        for answer in [
            json!({}),
            json!({"sessionId": null}),
            json!({"sessionId": ""}),
            json!({"sessionId": 7}),
            json!({"sessionId": "a\nb"}),
            json!({"sessionId": "a\u{0}b"}),
            json!(["session-x"]),
            json!("session-x"),
            json!({"response_status": 0, "response_data": {"sessionId": "session-x"}}),
        ] {
            let mut world = World::v3();
            let shown = answer.to_string();
            let ended = answered(&mut world, json_answer(&answer));
            assert!(matches!(ended, SignInEnded::Failed), "{ended:?} after {shown}");
            assert!(matches!(world.session.phase(world.now), Phase::Failed { .. }), "{shown}");
        }
        for answer in [body(""), with_status(body(""), 204), page(200), body("{\"sessionId\":\"x")]
        {
            let ended = answered(&mut World::v3(), answer);
            assert!(matches!(ended, SignInEnded::Failed), "{ended:?}");
        }
    }

    #[test]
    fn to_another_organisation_is_none() {
        let mut world = World::v3();
        let call = world.call();
        let answer = json_answer(&json!({"sessionId": "x", "organizationId": "00899"}));
        let call = world.sign_in_answered(call, Ok(answer));
        assert!(matches!(*world.no_session(call), Cause::WrongOrganization));
    }

    #[test]
    fn is_refused_for_good_by_bills_own_four_codes_whatever_the_status() {
        for code in ["BDC_1101", "BDC_1102", "BDC_1105", "BDC_1107"] {
            for status in [400, 401, 403, 422, 500] {
                let mut world = World::v3();
                let call = world.call();
                let call = world.sign_in_answered(call, Ok(v3_refusal(status, code)));
                let error = world.refused(call);
                assert!(matches!(error, Error::NoSession { retry_after: None, .. }), "{error:?}");
                assert_eq!(error.code().unwrap().as_str(), code);
            }
        }
    }

    #[test]
    fn is_not_refused_for_good_by_anything_else() {
        for answer in [
            v3_refusal(401, "BDC_1109"),
            v3_refusal(403, "BDC_1361"),
            v3_refusal(422, "BDC_9999"),
            v3_errors(401, &json!([{"message": "no code"}])),
            v3_errors(403, &json!([{"message": "no code"}])),
            with_status(json_answer(&json!({"message": "Unauthorized"})), 401),
            with_status(json_answer(&json!({"message": "Forbidden"})), 403),
            page(403),
            page(503),
            with_header(with_status(body(""), 302), "location", "https://evil.example/"),
            // The words are no code.
            v3_errors(401, &json!([{"message": "BDC_1101 user name or password wrong"}])),
        ] {
            let mut world = World::v3();
            let shown = format!("{answer:?}");
            let call = world.call();
            let call = world.sign_in_answered(call, Ok(answer));
            world.cancel(call.id().unwrap());
            let phase = world.session.phase(world.now);
            assert!(matches!(phase, Phase::Failed { .. }), "{phase:?} after {shown}");
        }
    }

    #[test]
    fn that_meets_a_limit_waits_for_it_by_code_and_without_one_by_status() {
        for status in [400, 403, 422, 429, 500, 503] {
            let mut world = World::v3();
            let call = world.call();
            let answer = v3_refusal(status, "BDC_1144");
            let answer = with_header(answer, "date", "Sun, 06 Nov 1994 08:49:37 GMT");
            let call = world.sign_in_answered(call, Ok(answer));
            let error = world.refused(call);
            assert!(matches!(error, Error::Limited { limit: Limit::SignIns, .. }), "{error:?}");
            assert_eq!(world.retry_in(), Duration::from_secs(623), "HTTP {status}");
        }
        for answer in [
            v3_refusal(422, "BDC_1322"),
            v3_refusal(429, "BDC_1322"),
            v3_errors(429, &json!([{"message": "Too many requests"}])),
        ] {
            let mut world = World::v3();
            let call = world.call();
            let _call = world.sign_in_answered(call, Ok(answer));
            // The first step of a contended sign-in, not that of a failed one.
            let left = world.retry_in();
            assert!(left >= Duration::from_secs(1) && left <= Duration::from_secs(2), "{left:?}");
        }
    }
}

mod a_call {
    use super::*;

    #[test]
    fn carries_session_and_key_in_sensitive_headers_and_nowhere_else() {
        for mut world in [World::v3_signed_in(), World::signed_in()] {
            let call = world
                .session
                .account()
                .v3(Method::POST, "/v3/vendors")
                .query("max", 50)
                .json(&json!({"name": "Ångström & Söhne"}))
                .call(world.session.account())
                .unwrap();
            let request = world.send(call).request();
            for (name, value) in [("sessionId", "session-1"), ("devKey", "demo-dev-key")] {
                assert_eq!(request.headers()[name], value);
                assert!(request.headers()[name].is_sensitive(), "{name}");
            }
            assert!(!request.headers().contains_key("appKey"));
            assert!(!request.headers().contains_key("authorization"));
            let shown = format!("{:?}", request.headers());
            assert!(!shown.contains("session-1") && !shown.contains("demo-dev-key"), "{shown}");
            let (uri, sent) = (request.uri().to_string(), request.body());
            for secret in ["session-1", "demo-dev-key", "demo-password", "demo@example.com"] {
                assert!(!uri.contains(secret), "{uri}");
                assert!(!String::from_utf8_lossy(sent).contains(secret));
            }
            assert_eq!(json_of(&request), json!({"name": "Ångström & Söhne"}));
        }
    }

    #[test]
    fn of_a_partner_carries_the_application_key_instead() {
        let mut world = World::partner();
        world.sign_in();
        let request = request_of(&mut world, Method::GET, "/v3/partner/accounts");
        assert_eq!(request.headers()["sessionId"], "session-1");
        assert_eq!(request.headers()["appKey"], "demo-app-key");
        assert!(request.headers()["appKey"].is_sensitive());
        assert!(!request.headers().contains_key("devKey"));
    }

    #[test]
    fn has_a_content_type_only_with_a_body() {
        let mut world = World::v3_signed_in();
        for method in [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
            let request = request_of(&mut world, method.clone(), "/v3/vendors/1");
            assert_eq!(request.method(), method);
            assert_eq!(request.headers()["accept"], "application/json");
            assert!(!request.headers().contains_key("content-type"));
            assert!(request.body().is_empty());
            assert_eq!(request.headers().len(), 3);
        }
        for method in [Method::POST, Method::PUT, Method::PATCH] {
            let account = Arc::clone(world.session.account());
            let call = account.v3(method, "/v3/vendors/1").json(&json!({"x": 1}));
            let in_flight = world.send(call.call(&account).unwrap());
            let request = in_flight.request();
            assert_eq!(request.headers()["content-type"], "application/json");
            assert_eq!(request.body(), r#"{"x":1}"#);
            world.cancel(in_flight.id());
        }
    }

    #[test]
    fn that_gets_or_deletes_sends_no_document() {
        let world = World::v3_signed_in();
        let account = world.session.account();
        for method in [Method::GET, Method::DELETE] {
            let request = account.v3(method, "/v3/vendors/1").json(&json!({"x": 1}));
            assert_eq!(request.call(account).unwrap_err(), Misuse::Body);
        }
    }

    #[test]
    fn sends_even_null_when_it_is_told_to() {
        let mut world = World::v3_signed_in();
        let account = Arc::clone(world.session.account());
        let call = account.v3(Method::POST, "/v3/x").json(&()).call(&account).unwrap();
        assert_eq!(world.send(call).request().body(), "null");
    }

    #[test]
    fn encodes_its_query_pair_by_pair_in_the_order_given() {
        let mut world = World::v3_signed_in();
        let account = Arc::clone(world.session.account());
        let call = account
            .v3(Method::GET, "/v3/vendors")
            .query("max", 50)
            .query("filters", "name:eq:\"Müller & Co\",archived:eq:false")
            .query("sort", "createdTime:desc")
            .query("a key", "a+b c%20d=e&f#g?h")
            .query("max", 7)
            .call(&account)
            .unwrap();
        let request = world.send(call).request();
        assert_eq!(request.uri().path(), "/connect/v3/vendors");
        let query = request.uri().query().unwrap();
        assert!(query.bytes().all(|byte| byte.is_ascii_graphic()), "{query}");
        let pairs: Vec<(String, String)> =
            form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let expected = [
            ("max", "50"),
            ("filters", "name:eq:\"Müller & Co\",archived:eq:false"),
            ("sort", "createdTime:desc"),
            ("a key", "a+b c%20d=e&f#g?h"),
            ("max", "7"),
        ];
        let expected = expected.map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert_eq!(pairs, expected);
    }

    #[test]
    fn is_named_by_method_and_path_alone() {
        let world = World::v3_signed_in();
        let account = world.session.account();
        let call = account.v3(Method::GET, "/v3/bills/00n1").query("q", "private").call(account);
        assert_eq!(&*call.unwrap().name(), "GET /v3/bills/00n1");
        let request = account.v3(Method::GET, "/v3/private").query("q", "private");
        let request = request.json(&json!("private"));
        assert!(!format!("{request:?}").contains("private"), "{request:?}");
    }

    #[test]
    fn after_a_1109_is_sent_once_more_with_the_new_session() {
        let mut world = World::v3_signed_in();
        world.use_session();
        let account = Arc::clone(world.session.account());
        let call = account.v3(Method::POST, "/v3/bills").query("x", "é").json(&json!({"a": 1}));
        let in_flight = world.send(call.call(&account).unwrap());
        let first = in_flight.request();
        let call = world.again(in_flight, v3_refusal(401, "BDC_1109"));
        let (sign_in, call) = world.begin(call, 0);
        let _stored = world.welcome(sign_in);
        let second = world.send(call).request();
        assert_eq!((first.uri(), first.body()), (second.uri(), second.body()));
        assert_eq!(first.headers()["sessionId"], "session-1");
        assert_eq!(second.headers()["sessionId"], "session-2");
    }

    #[test]
    fn of_v2_goes_out_over_a_v3_session_and_the_other_way_round() {
        let mut world = World::v3_signed_in();
        let call = world.call();
        let in_flight = world.send(call);
        let request = in_flight.request();
        assert_eq!(request.uri(), "https://api-stage.bill.com/api/v2/List/Vendor.json");
        assert_eq!(field_names(&request), ["devKey", "sessionId", "data"]);
        assert_eq!(field(&request, "sessionId").unwrap(), "session-1");
        assert_eq!(request.headers().len(), 2);
        world.finish(in_flight);
        // Each answer is read in the form of its own API.
        let call = world.call();
        let error = world.error_of(call, Ok(refusal("BDC_1361")));
        assert!(matches!(error, Error::Untrusted(_)), "{error:?}");
        let call = world.call();
        let error = world.error_of(call, Ok(v3_refusal(403, "BDC_1361")));
        assert!(matches!(error, Error::NotBill { .. }), "{error:?}");

        let mut world = World::signed_in();
        let call = world.vendors();
        let in_flight = world.send(call);
        let request = in_flight.request();
        assert_eq!(request.uri(), "https://gateway.stage.bill.com/connect/v3/vendors");
        assert_eq!(request.headers()["sessionId"], "session-1");
        let outcome = world.answer(in_flight, Ok(json_answer(&json!({"results": []}))));
        assert!(matches!(outcome, Outcome::Done(_)), "{outcome:?}");
        let call = world.vendors();
        let error = world.error_of(call, Ok(with_status(refusal("BDC_1361"), 403)));
        assert!(matches!(error, Error::NotBill { .. }), "{error:?}");
        assert_eq!(world.sign_ins(), 1);
    }

    #[test]
    fn follows_the_v2_base_that_a_sign_in_moved_only_for_v2() {
        let mut world = World::new();
        let (sign_in, call) = world.begin(Call::sign_in(), 0);
        let named = json!({"apiEndPoint": "https://api-sandbox.bill.com/api/v2"});
        let _stored = world.welcome_so(sign_in, &named);
        assert!(matches!(world.step(call, 0), Step::Ready(_)));
        let call = world.call();
        let in_flight = world.send(call);
        assert_eq!(in_flight.request().uri().host(), Some("api-sandbox.bill.com"));
        world.finish(in_flight);
        let request = request_of(&mut world, Method::GET, "/v3/vendors");
        assert_eq!(request.uri().host(), Some("gateway.stage.bill.com"));
    }
}

mod the_session {
    use super::*;

    #[test]
    fn is_kept_alive_by_reading_it() {
        let mut world = World::v3_with(settings(|settings| settings.renewal = Renewal::KeepAlive));
        world.sign_in();
        for _ in 0..5 {
            world.now = world.session.renew_at().unwrap();
            let call = Call::renewal(&world.session);
            let in_flight = world.send(call);
            let request = in_flight.request();
            assert_eq!(request.method(), Method::GET);
            assert_eq!(request.uri(), "https://gateway.stage.bill.com/connect/v3/login/session");
            assert_eq!(request.headers()["sessionId"], "session-1");
            assert!(!request.headers().contains_key("content-type"));
            assert!(request.body().is_empty());
            let answer = json_answer(&json!({"organizationId": ORG, "userId": "006"}));
            assert!(matches!(world.answer(in_flight, Ok(answer)), Outcome::Done(_)));
        }
        assert_eq!(world.session_in_use(), "session-1");
    }

    #[test]
    fn is_ended_by_a_logout_of_v3s() {
        for mut world in [World::v3_signed_in(), World::partner()] {
            if world.session.api().is_none() {
                world.sign_in();
            }
            let logout = world.sign_out().unwrap();
            let in_flight = world.send(logout);
            let request = in_flight.request();
            assert_eq!(request.method(), Method::POST);
            assert_eq!(request.uri(), "https://gateway.stage.bill.com/connect/v3/logout");
            assert_eq!(request.headers()["sessionId"], "session-1");
            assert!(request.headers()["sessionId"].is_sensitive());
            assert!(!request.headers().contains_key("content-type"));
            assert!(request.body().is_empty());
            assert!(matches!(world.answer(in_flight, Ok(body(""))), Outcome::Done(_)));
            assert!(matches!(world.session.phase(world.now), Phase::SignedOut));
        }
    }

    #[test]
    fn that_is_invalid_already_is_signed_out_which_is_all_that_was_asked_for() {
        let mut world = World::v3_signed_in();
        let logout = world.sign_out().unwrap();
        let in_flight = world.send(logout);
        let answer = v3_refusal(401, "BDC_1109");
        assert!(matches!(world.answer(in_flight, Ok(answer)), Outcome::Done(_)));
    }

    #[test]
    fn idles_out_after_34_minutes_and_every_answer_restarts_its_timer() {
        for answer in [
            json_answer(&json!({"results": []})),
            body(""),
            with_status(body(""), 204),
            v3_refusal(422, "BDC_9999"),
            v3_refusal(404, "BDC_1121"),
            v3_refusal(403, "BDC_1361"),
            v3_errors(400, &json!([{"message": "without a code"}])),
        ] {
            let mut world = World::v3_signed_in();
            world.pass(20 * MINUTE);
            let call = world.vendors();
            let in_flight = world.send(call);
            let _outcome = world.answer(in_flight, Ok(answer));
            world.pass(34 * MINUTE - Duration::from_millis(1));
            assert_eq!(world.would(), "be sent");
            world.pass(Duration::from_millis(1));
            assert_eq!(world.would(), "sign in");
        }
    }

    #[test]
    fn is_not_kept_alive_by_what_says_nothing_about_it() {
        for answer in [
            v3_refusal(422, "BDC_1144"),
            v3_refusal(500, "BDC_9999"),
            v3_errors(503, &json!([{"message": "unavailable"}])),
            v3_errors(502, &json!([{"code": "GATEWAY_ERROR", "message": "x"}])),
            page(200),
            page(502),
            body("{\"results\":["),
            with_status(json_answer(&json!({"message": "Unauthorized"})), 401),
            with_status(json_answer(&json!([])), 400),
            with_status(body(""), 302),
        ] {
            let mut world = World::v3_signed_in();
            world.pass(20 * MINUTE);
            let shown = format!("{answer:?}");
            let call = world.vendors();
            let _error = world.error_of(call, Ok(answer));
            assert!(matches!(world.session.phase(world.now), Phase::SignedIn { .. }), "{shown}");
            world.pass(14 * MINUTE);
            assert!(matches!(world.session.phase(world.now), Phase::IdledOut { .. }), "{shown}");
        }
    }
}

mod queries {
    use super::*;

    fn signed_in() -> World {
        let mut world = World::v3_signed_in();
        world.use_session();
        world
    }

    fn refusal_of(world: &World, key: &str, value: &str) -> Option<Misuse> {
        let account = world.session.account();
        account.v3(Method::GET, "/v3/vendors").query(key, value).call(account).err()
    }

    fn percent(text: &str) -> String {
        text.bytes().map(|byte| format!("%{byte:02x}")).collect()
    }

    const NAMES: [&str; 11] = [
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

    #[test]
    fn with_the_name_of_a_secret_are_refused_in_any_letters_and_any_encoding() {
        let world = signed_in();
        for name in NAMES {
            let once = percent(name);
            let twice = once.replace('%', "%25");
            for key in [
                name.to_owned(),
                name.to_uppercase(),
                name.to_lowercase(),
                format!(" {name} "),
                once.to_uppercase(),
                once,
                twice,
                format!("{}%{:02X}", &name[..name.len() - 1], name.as_bytes()[name.len() - 1]),
            ] {
                let misuse = refusal_of(&world, &key, "harmless");
                assert!(matches!(misuse, Some(Misuse::QuerySecret { .. })), "{key}: {misuse:?}");
            }
        }
    }

    #[test]
    fn whose_key_smuggles_in_another_pair_are_refused() {
        let world = signed_in();
        for key in ["a&password", "a=b&password", "a;devKey", "a%26password", "x%2526sessionId"] {
            let misuse = refusal_of(&world, key, "harmless");
            assert!(matches!(misuse, Some(Misuse::QuerySecret { .. })), "{key}: {misuse:?}");
        }
    }

    #[test]
    fn with_keys_that_only_look_like_it_are_sent() {
        let world = signed_in();
        for key in ["max", "page", "filters", "tokenType", "passwords", "name", "userNames", "app"]
        {
            assert_eq!(refusal_of(&world, key, "harmless"), None, "{key}");
        }
    }

    #[test]
    fn that_hold_any_secret_that_the_client_holds_or_held_are_refused() {
        let device = RememberedDevice::new("remember-me-id", "a-device").unwrap();
        let mut world = v3_world_of(password().remembered(device));
        world.sign_in();
        world.use_session();
        world.lose_session();
        world.sign_in();
        assert_eq!(world.session_in_use(), "session-2");
        world.replace(Principal::password("other@example.com", "other-password").unwrap());
        world.sign_in();
        for secret in [
            "demo@example.com",
            "demo-password",
            "demo-dev-key",
            "session-1",
            "session-2",
            "session-3",
            "remember-me-id",
            "other@example.com",
            "other-password",
        ] {
            let encoded: String = form_urlencoded::byte_serialize(secret.as_bytes()).collect();
            let once = percent(secret);
            for value in [
                secret.to_owned(),
                encoded,
                once.clone(),
                once.to_uppercase(),
                once.replace('%', "%25"),
                format!("name:eq:\"{secret}\""),
                format!("x,{once},y"),
            ] {
                let misuse = refusal_of(&world, "filters", &value);
                let Some(Misuse::QuerySecret { key }) = &misuse else {
                    panic!("{value}: {misuse:?}")
                };
                assert_eq!(&**key, "filters", "it names the key");
                let shown = format!("{misuse:?} {}", misuse.as_ref().unwrap());
                assert!(!shown.contains(&value), "and never the value: {shown}");
                // In the key it is no better, and is not repeated.
                let misuse = refusal_of(&world, &value, "harmless");
                assert!(matches!(misuse, Some(Misuse::QuerySecret { .. })), "{value}: {misuse:?}");
                let shown = format!("{misuse:?} {}", misuse.as_ref().unwrap());
                assert!(!shown.contains(secret), "{shown}");
                assert!(!shown.contains(&once), "{shown}");
            }
        }
    }

    #[test]
    fn that_hold_a_short_secret_are_refused_when_it_stands_by_itself() {
        let mut world = v3_world_of(Principal::password("al", "pin7").unwrap());
        world.sign_in();
        for value in ["pin7", "al", "x=pin7", "a/pin7", "pin7&b", "%70in7", "one pin7"] {
            let misuse = refusal_of(&world, "q", value);
            assert!(matches!(misuse, Some(Misuse::QuerySecret { .. })), "{value}: {misuse:?}");
        }
        for value in ["pin70", "also", "royal", "general"] {
            assert_eq!(refusal_of(&world, "q", value), None, "{value}");
        }
    }

    #[test]
    fn that_are_refused_send_nothing() {
        let world = signed_in();
        let calls = world.session.account().key_limits().calls(world.now);
        assert!(refusal_of(&world, "password", "x").is_some());
        assert_eq!(world.session.account().key_limits().calls(world.now), calls);
        assert_eq!((world.session.in_flight(), world.session.waiting()), (0, 0));
    }

    #[test]
    fn of_an_upload_are_checked_as_well() {
        let world = signed_in();
        let account = world.session.account();
        for pair in [("sessionId", "x"), ("name", "demo-password")] {
            let query = [(pair.0.to_owned(), pair.1.to_owned())];
            let made = account.upload("/v3/documents", &query, bill_session_core::Repeatable::Yes);
            assert!(matches!(made, Err(Misuse::QuerySecret { .. })), "{pair:?}");
        }
    }
}

mod paths {
    use super::*;

    fn refused(method: Method, path: &str) -> Misuse {
        let mut world = World::v3_signed_in();
        world.use_session();
        let account = world.session.account();
        account.v3(method, path).call(account).expect_err(path)
    }

    #[test]
    fn begin_with_v3() {
        for path in
            ["", "/", "vendors", "v3/vendors", "/v2/vendors", "/v3", "/V3/vendors", "/v30/x"]
        {
            assert_eq!(refused(Method::GET, path), Misuse::V3Path, "{path}");
        }
    }

    #[test]
    fn have_no_query_and_no_fragment_of_their_own() {
        for path in ["/v3/vendors?max=1", "/v3/vendors?", "/v3/vendors%3Fmax=1", "/v3/x%3f"] {
            assert_eq!(refused(Method::GET, path), Misuse::V3PathQuery, "{path}");
        }
        for path in ["/v3/vendors#x", "/v3/vendors%23x"] {
            assert_eq!(refused(Method::GET, path), Misuse::PathFragment, "{path}");
        }
    }

    #[test]
    fn do_not_climb_and_have_no_empty_part() {
        for path in [
            "/v3/../x",
            "/v3/%2e%2e/x",
            "/v3/x/..",
            "/v3/./x",
            "/v3/x/%2E",
            "/v3/..%2fx",
            "/v3/",
            "/v3//x",
            "/v3/x/",
            "/v3/x//y",
        ] {
            assert_eq!(refused(Method::GET, path), Misuse::PathClimbs, "{path}");
        }
    }

    #[test]
    fn hold_no_other_character() {
        for path in [
            "/v3/ven dors",
            "/v3/vendors\r\nx: y",
            "/v3/véndors",
            "/v3/a\\b",
            "/v3/%76endors",
            "/v3/a@b",
            "/v3/a;b",
            "/v3/%252e%252e/x",
            "/v3/a,b",
        ] {
            assert_eq!(refused(Method::GET, path), Misuse::PathCharacter, "{path}");
        }
    }

    #[test]
    fn hold_no_secret_raw_or_encoded_whole_or_in_part() {
        for path in [
            "/v3/x/demo-password",
            "/v3/x/demo%2Dpassword",
            "/v3/x-demo-password-x",
            "/v3/session-1/x",
            "/v3/%73ession-1",
            "/v3/x/demo-dev-key",
            "/v3/x?sessionId=session-1",
            "/v3/users/demo%40example.com",
        ] {
            assert_eq!(refused(Method::GET, path), Misuse::PathSecret, "{path}");
        }
    }

    #[test]
    fn that_have_methods_of_their_own_are_reserved() {
        for path in [
            "/v3/login",
            "/v3/partner/login",
            "/v3/logout",
            "/v3/mfa/challenge",
            "/v3/mfa/challenge/validate",
            "/v3/mfa/step-up",
            "/v3/LOGIN",
            "/v3/Mfa/Step-Up",
        ] {
            assert_eq!(refused(Method::POST, path), Misuse::PathReserved, "{path}");
        }
        let world = World::v3_signed_in();
        let account = world.session.account();
        for path in ["/v3/login/session", "/v3/login/organizations", "/v3/mfa/setup"] {
            assert!(account.v3(Method::GET, path).call(account).is_ok(), "{path}");
        }
    }

    #[test]
    fn of_ids_and_verbs_are_sent_as_they_are() {
        let mut world = World::v3_signed_in();
        for path in ["/v3/bills/00n01-x_y", "/v3/bills:archive", "/v3/a.b/c~d"] {
            let request = request_of(&mut world, Method::POST, path);
            assert_eq!(request.uri().path(), format!("/connect{path}"));
        }
    }

    #[test]
    fn are_asked_for_with_one_of_five_methods() {
        for method in [
            Method::HEAD,
            Method::OPTIONS,
            Method::TRACE,
            Method::CONNECT,
            Method::from_bytes(b"GETT").unwrap(),
            Method::from_bytes(b"get").unwrap(),
        ] {
            assert_eq!(refused(method, "/v3/vendors"), Misuse::Method);
        }
    }

    #[test]
    fn of_data_that_does_not_serialise_are_not_called() {
        let world = World::v3_signed_in();
        let account = world.session.account();
        let data = std::collections::BTreeMap::from([((1, 2), 3)]);
        let request = account.v3(Method::POST, "/v3/x").json(&data);
        assert_eq!(request.call(account).unwrap_err(), Misuse::Data);
    }
}

mod answers {
    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    struct Vendor {
        id: String,
    }

    fn read<T: serde::de::DeserializeOwned>(answer: Response<Bytes>) -> Result<T, Error> {
        let mut world = World::v3_signed_in();
        let call = world.vendors();
        let in_flight = world.send(call);
        let (outcome, wake) = in_flight.read(Ok(answer)).settle(&mut world.session, world.now);
        world.heed(wake);
        match outcome {
            Outcome::Done(data) => Ok(data),
            Outcome::Failed(error) => Err(error),
            Outcome::Again(call) => panic!("{call:?} is to be sent again"),
            Outcome::Mfa(outcome) => panic!("{outcome:?}"),
        }
    }

    fn error_of(answer: Response<Bytes>) -> Error {
        read::<Value>(answer).expect_err("an error")
    }

    fn api_error_of(answer: Response<Bytes>) -> bill_session_core::ApiError {
        match error_of(answer) {
            Error::Api(error) | Error::Untrusted(error) | Error::MfaCode(error) => error,
            other => panic!("expected an error of BILL's, got {other:?}"),
        }
    }

    fn kind_of(answer: Response<Bytes>) -> ForeignKind {
        match error_of(answer) {
            Error::NotBill { answer, .. } => answer.kind,
            other => panic!("expected a foreign answer, got {other:?}"),
        }
    }

    #[test]
    fn are_read_into_the_callers_type_whatever_the_kind_of_success() {
        for status in [200, 201, 202] {
            let answer = with_status(json_answer(&json!([{"id": "1", "x": 2}])), status);
            assert_eq!(read::<Vec<Vendor>>(answer).unwrap(), [Vendor { id: "1".into() }]);
        }
    }

    #[test]
    fn without_a_body_are_without_data() {
        for status in [200, 204] {
            let empty = || with_status(body(""), status);
            read::<()>(empty()).unwrap();
            assert_eq!(read::<Option<Vendor>>(empty()).unwrap(), None);
            assert_eq!(read::<Value>(empty()).unwrap(), Value::Null);
            let error = read::<Vendor>(empty()).unwrap_err();
            assert!(matches!(error, Error::Decode { .. }), "{error:?}");
        }
    }

    #[test]
    fn of_another_type_are_a_decode_error_and_the_session_lives_on() {
        for text in [r#"{"id":1}"#, r#"[{"id":"1"}]"#, "null", "7", "\"text\"", "{}"] {
            let mut world = World::v3_signed_in();
            world.pass(20 * MINUTE);
            let call = world.vendors();
            let in_flight = world.send(call);
            let (outcome, wake) =
                in_flight.read::<Vendor>(Ok(body(text))).settle(&mut world.session, world.now);
            world.heed(wake);
            assert!(matches!(outcome, Outcome::Failed(Error::Decode { .. })), "{outcome:?}");
            world.pass(20 * MINUTE);
            assert_eq!(world.session_in_use(), "session-1");
        }
    }

    #[test]
    fn that_do_not_fit_do_not_repeat_a_secret() {
        let error = read::<Vendor>(body("\"session-1 demo-password\"")).unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains("session-1") && !shown.contains("demo-password"), "{shown}");
    }

    #[test]
    fn that_are_torn_at_any_byte_are_no_success_and_no_error_of_bills() {
        let success = json_answer(&json!({"results": [{"id": "1"}], "nextPage": "x"}));
        let errors = v3_refusal(401, "BDC_1109");
        for whole in [success, errors] {
            let status = whole.status().as_u16();
            for length in 1..whole.body().len() {
                let torn = with_status(body(whole.body().slice(..length)), status);
                let error = error_of(torn);
                assert!(matches!(error, Error::NotBill { .. }), "{error:?} at {length}");
            }
            let torn = format!("{} x", String::from_utf8_lossy(whole.body()));
            let error = error_of(with_status(body(torn), status));
            assert!(matches!(error, Error::NotBill { .. }), "{error:?}");
        }
    }

    #[test]
    fn that_are_not_bills_are_named_for_what_they_look_like() {
        let gateway = |text: &str| ForeignKind::Gateway { message: text.to_owned() };
        for (answer, kind) in [
            (page(200), ForeignKind::Html),
            (page(403), ForeignKind::Html),
            (page(503), ForeignKind::Html),
            (
                with_header(with_status(body("x"), 502), "content-type", "text/html"),
                ForeignKind::Html,
            ),
            (
                with_status(json_answer(&json!({"message": "Unauthorized"})), 401),
                gateway("Unauthorized"),
            ),
            (with_status(json_answer(&json!({"message": "a\u{1b}[2Jb"})), 403), gateway("a[2Jb")),
            (with_status(json_answer(&json!([])), 400), ForeignKind::Json),
            (with_status(json_answer(&json!([1, "x", null, {}])), 400), ForeignKind::Json),
            (with_status(json_answer(&json!({"error": "x"})), 400), ForeignKind::Json),
            (with_status(body("upstream connect error"), 503), ForeignKind::Other),
            (with_status(body(""), 401), ForeignKind::Other),
            (with_status(body(""), 404), ForeignKind::Other),
            (with_status(body(vec![0xff, 0xfe]), 500), ForeignKind::Other),
            (body("OK"), ForeignKind::Other),
        ] {
            assert_eq!(kind_of(answer), kind);
        }
    }

    #[test]
    fn of_a_gateway_that_says_unauthorized_do_not_call_the_session_invalid() {
        for (status, message) in [(401, "Unauthorized"), (403, "Forbidden"), (401, "BDC_1109")] {
            let mut world = World::v3_signed_in();
            world.use_session();
            let call = world.vendors();
            let answer = with_status(json_answer(&json!({"message": message})), status);
            let error = world.error_of(call, Ok(answer));
            assert!(matches!(error, Error::NotBill { .. }), "{error:?}");
            assert!(error.to_string().contains("a gateway in front of BILL"), "{error}");
            assert_eq!(world.session_in_use(), "session-1");
            assert_eq!(world.sign_ins(), 1);
        }
    }

    #[test]
    fn that_redirect_are_typed_and_followed_nowhere() {
        for status in [301, 302, 303, 307, 308] {
            // Whatever body they have.
            for whole in [body(""), json_answer(&json!({})), v3_refusal(200, "BDC_1109")] {
                let answer = with_header(
                    with_status(whole, status),
                    "location",
                    "https://evil.example/in?sessionId=session-1",
                );
                let error = error_of(answer);
                let Error::NotBill { answer, .. } = &error else { panic!("{error:?}") };
                let host = Some("evil.example".to_owned());
                assert_eq!(answer.kind, ForeignKind::Redirect { host });
                assert!(!error.to_string().contains("session-1"), "{error}");
            }
        }
    }

    #[test]
    fn of_bills_own_errors_are_read_in_every_form() {
        for entries in [
            json!([{"code": "BDC_4711", "message": "a message"}]),
            json!([{"timestamp": "t", "code": "BDC_4711", "severity": "ERROR",
                    "category": "REQUEST", "message": "a message"}]),
            json!([{"code": "BDC_4711", "message": "a message", "params": []}]),
            json!([{"code": "BDC_4711", "message": "a message", "params": ["x", {"y": 1}]}]),
            json!([{"code": "BDC_4711", "message": "a message", "params": {}}]),
            json!([{"code": "BDC_4711", "message": "a message", "params": {"x": {"y": [1]}}}]),
            json!([{"code": "BDC_4711", "message": "a message", "params": null, "detail": null}]),
            json!([{"code": "BDC_4711", "message": "a message", "help": 7, "extra": [[]]}]),
            json!({"code": "BDC_4711", "message": "a message"}),
            json!([null, 7, {"code": "BDC_4711", "message": "a message"}]),
        ] {
            let error = api_error_of(v3_errors(422, &entries));
            assert_eq!(error.code().unwrap().as_str(), "BDC_4711", "{entries}");
            assert_eq!(error.message(), "a message");
            assert_eq!((error.status().as_u16(), error.call()), (422, "GET /v3/vendors"));
            assert!(error.others().is_empty(), "{entries}");
        }
    }

    #[test]
    fn without_a_code_are_errors_of_bills_all_the_same() {
        for status in [400, 403, 404, 422] {
            let error = api_error_of(v3_errors(status, &json!([{"message": "just words"}])));
            assert_eq!((error.code(), error.message()), (None, "just words"));
            assert!(error.to_string().contains("without a code"), "{error}");
        }
        for no_code in [json!(null), json!(7), json!(""), json!("<script>"), json!("BDC_1109 ")] {
            let entries = json!([{"code": no_code, "message": "just words"}]);
            let error = api_error_of(v3_errors(422, &entries));
            assert_eq!(error.code(), None, "{entries}");
        }
        let error = api_error_of(v3_errors(422, &json!([{"code": "BDC_4711"}])));
        assert_eq!((error.code().unwrap().as_str(), error.message()), ("BDC_4711", ""));
    }

    #[test]
    fn with_several_entries_are_spoken_for_by_the_one_that_concerns_the_session() {
        for (code, number) in [("BDC_1361", 1361), ("BDC_1101", 1101), ("BDC_1356", 1356)] {
            let entries = json!([
                {"message": "no code"},
                {"code": "BDC_4711", "message": "first"},
                {"code": "BDC_1121", "message": "second"},
                {"code": code, "message": "third"},
            ]);
            let error = api_error_of(v3_errors(422, &entries));
            assert_eq!(error.code().unwrap().number(), Some(number));
            assert_eq!(error.message(), "third");
            let others: Vec<_> = error
                .others()
                .iter()
                .map(|entry| {
                    (entry.code.as_ref().map(|code| code.as_str().to_owned()), &*entry.message)
                })
                .collect();
            let code = |code: &str| Some(code.to_owned());
            assert_eq!(
                others,
                [(code("BDC_4711"), "first"), (code("BDC_1121"), "second"), (None, "no code")]
            );
            let shown = error.to_string();
            for part in ["third", "BDC_4711", "first", "second", "no code"] {
                assert!(shown.contains(part), "{shown}");
            }
        }
    }

    #[test]
    fn with_several_entries_none_of_which_concerns_the_session_keep_their_order() {
        let entries = json!([
            {"code": "BDC_1", "message": "first"}, {"code": "BDC_2", "message": "second"},
        ]);
        let error = api_error_of(v3_errors(422, &entries));
        assert_eq!(error.code().unwrap().as_str(), "BDC_1");
        assert_eq!(&*error.others()[0].message, "second");
    }

    #[test]
    fn one_entry_of_which_is_a_1109_find_the_session_invalid() {
        let mut world = World::v3_signed_in();
        world.use_session();
        let call = world.vendors();
        let in_flight = world.send(call);
        let entries = json!([{"code": "BDC_4711", "message": "x"}, {"code": "BDC_1109"}]);
        let call = world.again(in_flight, v3_errors(401, &entries));
        let (_sign_in, _call) = world.begin(call, 0);
    }

    #[test]
    fn of_1109_find_the_session_invalid_whatever_the_status() {
        for status in [400, 401, 403, 422, 500] {
            let mut world = World::v3_signed_in();
            world.use_session();
            // A server in trouble is not believed that it has done nothing.
            let method = if status < 500 { Method::POST } else { Method::GET };
            let call = world.v3_call(method, "/v3/bills");
            let in_flight = world.send(call);
            let call = world.again(in_flight, v3_refusal(status, "BDC_1109"));
            let (sign_in, call) = world.begin(call, 0);
            let _stored = world.welcome(sign_in);
            let in_flight = world.send(call);
            assert_eq!(in_flight.request().headers()["sessionId"], "session-2");
            assert_eq!(world.sign_ins(), 2);
        }
    }

    #[test]
    fn of_very_many_entries_are_judged_by_all_of_them_and_kept_short() {
        let mut world = World::v3_signed_in();
        let vendors = world.vendors();
        let words = json!({"message": "just words ".repeat(40)});
        let mut entries = vec![words; 2_000];
        entries.push(json!({"code": "BDC_1361", "message": "not trusted"}));
        let error = world.error_of(vendors, v3_errors_in(400, entries));
        let Error::Untrusted(api) = &error else { panic!("{error:?}") };
        assert_eq!(api.message(), "not trusted");
        assert_eq!(api.others().len(), 15);
        assert!(error.to_string().len() < 6_000, "{} bytes", error.to_string().len());
    }

    fn v3_errors_in(
        status: u16,
        entries: Vec<Value>,
    ) -> Result<Response<bytes::Bytes>, bill_session_core::TransportError> {
        Ok(v3_errors(status, &Value::Array(entries)))
    }

    #[test]
    fn without_a_code_are_classified_by_their_status() {
        let words = || json!([{"message": "just words"}]);
        let mut world = World::v3_signed_in();
        world.use_session();
        let call = world.vendors();
        let in_flight = world.send(call);
        let call = world.again(in_flight, v3_errors(401, &words()));
        let (sign_in, call) = world.begin(call, 0);
        let _stored = world.welcome(sign_in);
        let in_flight = world.send(call);
        let call = world.again(in_flight, v3_errors(429, &words()));
        assert_eq!(world.session.in_flight(), 0, "it backs off");
        let in_flight = world.send_in_time(call);
        let error = world.fails(in_flight, Ok(v3_errors(503, &words())));
        assert!(matches!(error, Error::Api(_)), "{error:?}");
        assert_eq!(world.session_in_use(), "session-2");
    }

    #[test]
    fn with_a_code_are_not_classified_by_their_status() {
        // A 401 or 429 that says something else.
        for status in [401, 429] {
            let mut world = World::v3_signed_in();
            world.use_session();
            let call = world.vendors();
            let error = world.error_of(call, Ok(v3_refusal(status, "BDC_4711")));
            assert!(matches!(error, Error::Api(_)), "{error:?}");
            assert_eq!(world.session_in_use(), "session-1");
        }
    }

    #[test]
    fn of_1361_are_a_typed_error_and_no_reason_to_sign_in() {
        for status in [401, 403, 422] {
            let mut world = World::v3_signed_in();
            world.use_session();
            let call = world.vendors();
            let error = world.error_of(call, Ok(v3_refusal(status, "BDC_1361")));
            assert!(matches!(error, Error::Untrusted(_)), "{error:?}");
            assert!(error.to_string().contains("MFA"), "{error}");
            assert_eq!(world.session_in_use(), "session-1");
            assert_eq!(world.sign_ins(), 1);
        }
    }

    #[test]
    fn of_the_limits_are_read_by_code_whatever_the_status() {
        for status in [400, 403, 422, 429, 500, 503] {
            let mut world = World::v3_signed_in();
            let call = world.vendors();
            let answer = v3_refusal(status, "BDC_1144");
            let answer = with_header(answer, "date", "Sun, 06 Nov 1994 08:49:37 GMT");
            let error = world.error_of(call, Ok(answer));
            let Error::Limited { limit: Limit::Calls, retry_after, .. } = error else {
                panic!("{error:?}")
            };
            assert_eq!(retry_after, Duration::from_secs(623));
            let mut world = World::v3_signed_in();
            let call = world.vendors();
            let in_flight = world.send(call);
            let _again = world.again(in_flight, v3_refusal(status, "BDC_1322"));
            assert_eq!(world.sign_ins(), 1);
        }
    }

    #[test]
    fn in_a_200_are_data_and_no_errors() {
        // v3's status tells: an array that looks like an error may be what was asked for.
        let entries = json!([{"code": "BDC_1109", "message": "x"}]);
        assert_eq!(read::<Value>(json_answer(&entries)).unwrap(), entries);
    }

    #[test]
    fn with_hostile_messages_are_scrubbed_stripped_and_cut() {
        let entries = json!([
            {"code": "BDC_1", "message": "\u{1b}[2J<session-1> <demo-password>\u{202e}"},
            {"code": "BDC_2", "message": format!("demo-dev-key {}", "é".repeat(10_000))},
        ]);
        let error = api_error_of(v3_errors(422, &entries));
        assert_eq!(error.message(), "[2J<[redacted]> <[redacted]>");
        assert_eq!(error.others()[0].message.chars().count(), 300);
        let shown = format!("{error} {error:?}");
        for secret in ["session-1", "demo-password", "demo-dev-key", "\u{1b}"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }

    #[test]
    fn nested_deeply_are_no_reason_to_fall_over() {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        for status in [200, 400] {
            let _error = error_of(with_status(body(deep.clone()), status));
            let _error = error_of(with_status(body("[".repeat(100_000)), status));
        }
        let deep = format!(
            r#"[{{"code":"BDC_4711","params":{}{}}}]"#,
            "[".repeat(1_000),
            "]".repeat(1_000)
        );
        let _error = error_of(with_status(body(deep), 422));
    }
}

mod leases {
    use super::*;

    fn request(method: Method, uri: &str) -> Request<Bytes> {
        Request::builder().method(method).uri(uri).body(Bytes::new()).unwrap()
    }

    #[test]
    fn put_the_session_into_the_headers_of_a_v3_request() {
        for mut world in [World::v3_signed_in(), World::signed_in()] {
            let lease = world.lease(Duration::ZERO);
            assert_eq!(lease.v3_api(), "https://gateway.stage.bill.com/connect");
            let uri = format!("{}/v3/vendors?max=50&filters=a%3Aeq%3Ab", lease.v3_api());
            let mut signed = request(Method::PUT, &uri);
            *signed.body_mut() = Bytes::from_static(b"{\"x\":1}");
            signed.headers_mut().insert("content-type", "application/json".parse().unwrap());
            signed.headers_mut().insert("sessionId", "an older one".parse().unwrap());
            lease.sign(&mut signed).unwrap();
            assert_eq!(signed.headers()["sessionId"], "session-1");
            assert_eq!(signed.headers()["devKey"], "demo-dev-key");
            assert_eq!(signed.headers().get_all("sessionId").iter().count(), 1);
            assert!(signed.headers()["sessionId"].is_sensitive());
            assert!(signed.headers()["devKey"].is_sensitive());
            assert_eq!(signed.body(), "{\"x\":1}");
            assert_eq!(signed.uri(), uri.as_str());
        }
    }

    #[test]
    fn of_a_partner_put_the_application_key_there() {
        let mut world = World::partner();
        world.sign_in();
        let lease = world.lease(Duration::ZERO);
        let mut signed = request(Method::GET, &format!("{}/v3/partner/x", lease.v3_api()));
        lease.sign(&mut signed).unwrap();
        assert_eq!(signed.headers()["appKey"], "demo-app-key");
        assert!(!signed.headers().contains_key("devKey"));
    }

    #[test]
    fn are_not_put_on_a_request_to_anywhere_else() {
        let mut world = World::v3_signed_in();
        let lease = world.lease(Duration::ZERO);
        for uri in [
            "https://evil.example/connect/v3/vendors",
            "https://gateway.stage.bill.com.evil.example/connect/v3/vendors",
            "https://gateway.stage.bill.com@evil.example/connect/v3/vendors",
            "https://user@gateway.stage.bill.com/connect/v3/vendors",
            "https://gateway.prod.bill.com/connect/v3/vendors",
            "https://api-stage.bill.com/connect/v3/vendors",
            "http://gateway.stage.bill.com/connect/v3/vendors",
            "https://gateway.stage.bill.com:8443/connect/v3/vendors",
            "https://gateway.stage.bill.com/v3/vendors",
            "https://gateway.stage.bill.com/connectx/v3/vendors",
            "https://gateway.stage.bill.com/connect/v30/vendors",
            "https://gateway.stage.bill.com/connect/v3",
            "https://gateway.stage.bill.com/api/v2/List/Vendor.json",
            "/connect/v3/vendors",
        ] {
            let mut unsigned = request(Method::GET, uri);
            assert_eq!(lease.sign(&mut unsigned), Err(Misuse::ForeignRequest), "{uri}");
            assert!(unsigned.headers().is_empty() && unsigned.body().is_empty(), "{uri}");
        }
    }

    #[test]
    fn are_not_put_on_a_request_that_a_call_could_not_be() {
        let mut world = World::v3_signed_in();
        world.use_session();
        let lease = world.lease(Duration::ZERO);
        for (method, rest, misuse) in [
            (Method::HEAD, "/v3/vendors", Misuse::Method),
            (Method::POST, "/v3/login", Misuse::PathReserved),
            (Method::POST, "/v3/mfa/step-up", Misuse::PathReserved),
            (Method::GET, "/v3/../x", Misuse::PathClimbs),
            (Method::GET, "/v3/%2e%2e/x", Misuse::PathClimbs),
            (Method::GET, "/v3/session-1", Misuse::PathSecret),
        ] {
            let mut unsigned = request(method, &format!("{}{rest}", lease.v3_api()));
            assert_eq!(lease.sign(&mut unsigned), Err(misuse), "{rest}");
            assert!(unsigned.headers().is_empty(), "{rest}");
        }
        for query in [
            "password=x",
            "PassWord=x",
            "a=1&sessionId=y",
            "pass%77ord=x",
            "pass%2577ord=x",
            "a=demo-password",
            "a=demo%2Dpassword",
            "a=demo%252Dpassword",
            "a=session-1",
        ] {
            let mut unsigned = request(Method::GET, &format!("{}/v3/x?{query}", lease.v3_api()));
            let misuse = lease.sign(&mut unsigned).unwrap_err();
            assert!(matches!(misuse, Misuse::QuerySecret { .. }), "{query}: {misuse:?}");
            assert!(unsigned.headers().is_empty(), "{query}");
        }
    }
}

#[test]
fn a_v3_session_of_a_principal_that_becomes_a_console_stays_v3_and_of_a_v2_one_changes() {
    let mut world = World::new();
    world.sign_in();
    world.replace(Principal::console("me", "console-token").unwrap());
    let request = sign_in_of(&mut world);
    assert_eq!(request.uri().path(), "/connect/v3/login");
    world.pass(MINUTE);
    world.replace(password());
    let request = sign_in_of(&mut world);
    assert_eq!(request.uri().path(), "/api/v2/Login.json");
}

#[test]
fn a_logout_is_that_of_the_api_which_made_the_session_even_after_a_replacement() {
    let mut world = World::new();
    world.replace(Principal::console("me", "console-token").unwrap());
    world.sign_in();
    // The session is v3's; the principal of now would sign in with v2.
    world.session.account().replace_principal(password());
    let Some(logout) = world.sign_out() else { return };
    let in_flight = world.send(logout);
    assert_eq!(in_flight.request().uri().path(), "/connect/v3/logout");
    assert!(matches!(world.answer(in_flight, Ok(body(""))), Outcome::Done(_)));
}
