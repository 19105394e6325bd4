//! What is sent is BILL's to the byte, and what comes is taken for BILL's only when it is.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on ends"
)]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bill_session_core::{
    Account, Call, Cause, Credentials, DevKey, Environment, Error, ForeignKind, KeyLimits, Misuse,
    NotFollowed, OrgId, Outcome, Phase, Principal, Session, SignInEnded, Step,
};
use bytes::Bytes;
use http::{Method, Request, Response};
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};
use support::{
    ORG, World, body, done, field, field_names, page, refusal, refusal_with, settings,
    welcome_with, with_header, with_status,
};

/// A signed-in world, and the error of a call that is answered so.
fn error_of(answer: Response<Bytes>) -> Error {
    let mut world = World::signed_in();
    let call = world.call();
    let in_flight = world.send(call);
    world.fails(in_flight, Ok(answer))
}

fn read<T: serde::de::DeserializeOwned>(answer: Response<Bytes>) -> Result<T, Error> {
    let mut world = World::signed_in();
    let call = world.call();
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

fn kind_of(error: &Error) -> &ForeignKind {
    match error {
        Error::NotBill { answer, .. } => &answer.kind,
        other => panic!("expected a foreign answer, got {other:?}"),
    }
}

fn world_in(environment: Environment) -> World {
    #[allow(clippy::disallowed_methods, reason = "a test needs a first instant")]
    let now = std::time::Instant::now();
    let credentials = Credentials::new(
        support::password(),
        OrgId::new(ORG).unwrap(),
        DevKey::new("demo-dev-key").unwrap(),
    );
    let account = Account::new(environment, credentials, Arc::new(KeyLimits::new(now)));
    World::of(Arc::new(account), settings(|_| ()), now)
}

mod requests {
    use super::*;

    #[test]
    fn a_sign_in_is_a_form_posted_to_login_json_with_four_fields_in_bills_order() {
        let mut world = World::new();
        let (sign_in, _call) = world.begin(Call::sign_in(), 0);
        let request = sign_in.request();
        assert_eq!(request.method(), Method::POST);
        assert_eq!(request.uri(), "https://api-stage.bill.com/api/v2/Login.json");
        let headers = request.headers();
        assert_eq!(headers.len(), 2);
        assert_eq!(headers["accept"], "application/json");
        assert_eq!(headers["content-type"], "application/x-www-form-urlencoded");
        assert_eq!(
            request.body(),
            "userName=demo%40example.com&password=demo-password&orgId=00800000000000000001\
             &devKey=demo-dev-key"
        );
    }

    #[test]
    fn a_password_of_special_characters_is_encoded_as_a_form_encodes_it() {
        #[allow(clippy::disallowed_methods, reason = "a test needs a first instant")]
        let now = std::time::Instant::now();
        let principal = Principal::password("me", "p&a=s s+%é").unwrap();
        let mut world = World::of(support::account(principal, now), settings(|_| ()), now);
        let (sign_in, _call) = world.begin(Call::sign_in(), 0);
        let expected = "userName=me&password=p%26a%3Ds+s%2B%25%C3%A9&orgId=00800000000000000001\
                        &devKey=demo-dev-key";
        assert_eq!(sign_in.request().body(), expected);
    }

    #[test]
    fn a_token_is_sent_in_the_fields_of_a_user_name_and_a_password() {
        #[allow(clippy::disallowed_methods, reason = "a test needs a first instant")]
        let now = std::time::Instant::now();
        let mut world = World::of(support::account(support::token(), now), settings(|_| ()), now);
        let (sign_in, _call) = world.begin(Call::sign_in(), 0);
        assert_eq!(field(&sign_in.request(), "userName").unwrap(), "demo-token");
        assert_eq!(field(&sign_in.request(), "password").unwrap(), "demo-token-value");
    }

    #[test]
    fn a_call_carries_key_session_and_its_data_as_one_json_document() {
        let mut world = World::signed_in();
        let data = json!({"start": 0, "max": 999, "name": "a&b=c d+é\"\\"});
        let call = world.session.account().v2("List/Vendor", &data).unwrap();
        let request = world.send(call).request();
        assert_eq!(request.method(), Method::POST);
        assert_eq!(request.uri(), "https://api-stage.bill.com/api/v2/List/Vendor.json");
        assert_eq!(request.headers().len(), 2);
        assert_eq!(request.headers()["content-type"], "application/x-www-form-urlencoded");
        assert_eq!(field_names(&request), ["devKey", "sessionId", "data"]);
        let sent: Value = serde_json::from_str(&field(&request, "data").unwrap()).unwrap();
        assert_eq!(sent, data);
    }

    #[test]
    fn a_paths_leading_slash_and_json_ending_may_be_given_or_left_out() {
        for path in ["List/Vendor", "/List/Vendor", "List/Vendor.json", "/List/Vendor.json"] {
            let mut world = World::signed_in();
            let call = world.session.account().v2(path, &()).unwrap();
            assert_eq!(&*call.name(), "List/Vendor");
            let request = world.send(call).request();
            assert_eq!(request.uri().path(), "/api/v2/List/Vendor.json");
        }
    }

    #[test]
    fn no_url_ever_has_a_query() {
        let mut world = World::new();
        let (sign_in, call) = world.begin(Call::sign_in(), 0);
        let mut uris = vec![sign_in.request().uri().clone()];
        let _stored = world.welcome(sign_in);
        assert!(matches!(world.step(call, 0), Step::Ready(_)));
        for path in ["List/Vendor", "Crud/Read/Bill", "GetSessionInfo", "CurrentTime"] {
            let call = world.session.account().v2(path, &json!({"id": "1"})).unwrap();
            let in_flight = world.send(call);
            uris.push(in_flight.request().uri().clone());
            world.finish(in_flight);
        }
        let logout = world.sign_out().unwrap();
        uris.push(world.send(logout).request().uri().clone());
        assert_eq!(uris.len(), 6);
        assert!(uris.iter().all(|uri| uri.query().is_none()), "{uris:?}");
    }

    #[test]
    fn a_list_is_asked_for_in_pages_of_999_by_offset_in_the_order_of_creation() {
        let mut world = World::signed_in();
        let account = Arc::clone(world.session.account());
        let mut list = account.list("Vendor").filter("isActive", "=", "1");
        let mut starts = Vec::new();
        for entries in [999, 999, 502] {
            let call = list.next_page(&account).unwrap().unwrap();
            let in_flight = world.send(call);
            let data = field(&in_flight.request(), "data").unwrap();
            let data: Value = serde_json::from_str(&data).unwrap();
            assert_eq!(data["max"], 999);
            assert_eq!(data["filters"], json!([{"field": "isActive", "op": "=", "value": "1"}]));
            assert_eq!(data["sort"], json!([{"field": "createdTime", "asc": "true"}]));
            starts.push(data["start"].clone());
            world.finish(in_flight);
            list.page_read(entries);
        }
        assert_eq!(starts, [0, 999, 1998]);
        assert!(list.next_page(&account).unwrap().is_none());
    }

    #[test]
    fn a_full_last_page_is_followed_by_one_that_is_empty() {
        let world = World::signed_in();
        let account = Arc::clone(world.session.account());
        let mut list = account.list("Vendor").page_size(10);
        list.page_read(10);
        assert!(list.next_page(&account).unwrap().is_some());
        list.page_read(0);
        assert!(list.next_page(&account).unwrap().is_none());
    }

    #[test]
    fn a_page_holds_1_to_999_entries() {
        let world = World::signed_in();
        let account = world.session.account();
        for size in [0, 1000, usize::MAX] {
            let error = account.list("Vendor").page_size(size).next_page(account).unwrap_err();
            assert_eq!(error, Misuse::PageSize);
        }
    }
}

mod paths {
    use super::*;

    fn refused(path: &str) -> Misuse {
        let world = World::signed_in();
        let made = world.session.account().v2(path, &json!({}));
        made.expect_err(path)
    }

    #[test]
    fn a_path_with_a_query_is_refused() {
        for path in ["List/Vendor?max=1", "List/Vendor.json?", "List/Vendor%3Fmax=1", "?"] {
            assert_eq!(refused(path), Misuse::PathQuery, "{path}");
        }
    }

    #[test]
    fn a_path_with_a_fragment_is_refused() {
        for path in ["List/Vendor#top", "List%23/Vendor"] {
            assert_eq!(refused(path), Misuse::PathFragment, "{path}");
        }
    }

    #[test]
    fn a_path_that_climbs_is_refused() {
        for path in [
            "../Login",
            "List/../Login",
            "List/..",
            "%2e%2e/Login",
            "List/%2E%2e/Login",
            "List/.%2e",
            "List%2f..%2fLogin",
            ".",
            "List/./Vendor",
        ] {
            assert_eq!(refused(path), Misuse::PathClimbs, "{path}");
        }
    }

    #[test]
    fn a_path_with_an_empty_part_is_refused() {
        for path in [
            "",
            "/",
            "//Login",
            "List//Vendor",
            "List/",
            ".json",
            "//evil.example/x",
            "https://evil.example/x",
        ] {
            assert_eq!(refused(path), Misuse::PathClimbs, "{path}");
        }
    }

    #[test]
    fn a_path_with_any_other_character_is_refused() {
        for path in [
            "List/Ven dor",
            "List/Vendor\r\nx: y",
            "List/Véndor",
            "List\\Vendor",
            "evil.example:443/x",
            "List/%56endor",
            "List/Vendor.xml",
            "List/Vendor.json.json",
            "List/%252e%252e/x",
            "@evil.example/x",
            "List;x/Vendor",
        ] {
            assert_eq!(refused(path), Misuse::PathCharacter, "{path}");
        }
    }

    #[test]
    fn login_and_logout_are_reserved() {
        for path in ["Login", "/Login", "Login.json", "/Login.json", "Logout", "/Logout.json"] {
            assert_eq!(refused(path), Misuse::PathReserved, "{path}");
        }
        assert_eq!(refused("%4cogin"), Misuse::PathCharacter);
    }

    #[test]
    fn a_path_that_holds_a_secret_is_refused_raw_and_percent_encoded_whole_and_in_part() {
        for path in [
            "demo-password",
            "Crud/demo-password",
            "Crud/xdemo-passwordx",
            "Crud/demo%2Dpassword",
            "Crud/%64%65%6d%6f%2d%70%61%73%73%77%6f%72%64",
            "Crud/demo-dev-key",
            "Crud/demo@example.com",
            "Crud/demo%40example.com",
            "Crud/session-1",
            "Crud/session%2d1",
            "List/Vendor?sessionId=session-1",
            "List/Vendor#session-1",
        ] {
            assert_eq!(refused(path), Misuse::PathSecret, "{path}");
        }
    }

    #[test]
    fn a_lists_entity_is_checked_like_any_path() {
        let world = World::signed_in();
        let account = world.session.account();
        for entity in ["../Login", "Vendor?x=1", "demo-password", ""] {
            assert!(account.list(entity).next_page(account).is_err(), "{entity}");
        }
    }

    #[test]
    fn the_key_and_the_password_are_looked_for_however_many_sessions_there_were() {
        // More sign-ins than anyone would keep the ids of.
        #[allow(clippy::disallowed_methods, reason = "a test needs a first instant")]
        let now = std::time::Instant::now();
        let key = KeyLimits::with(100_000, 20_000, now);
        let account = support::account_under(support::password(), key);
        let mut world = World::of(account, settings(|_| ()), now);
        for _ in 0..1_100 {
            world.sign_in();
            world.pass(Duration::from_secs(34 * 60));
        }
        for path in ["Crud/session-1100", "Crud/demo-dev-key", "Crud/demo-password"] {
            let made = world.session.account().v2(path, &json!({}));
            assert_eq!(made.expect_err(path), Misuse::PathSecret, "{path}");
        }
    }

    #[test]
    fn data_that_does_not_serialise_is_refused() {
        let world = World::signed_in();
        let data = std::collections::BTreeMap::from([((1, 2), 3)]);
        let made = world.session.account().v2("List/Vendor", &data);
        assert_eq!(made.unwrap_err(), Misuse::Data);
    }
}

mod answers {
    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    struct Vendor {
        id: String,
    }

    #[test]
    fn data_is_read_into_the_callers_type() {
        let answer = body(
            r#"{"response_status":0,"response_message":"Success","response_data":[{"id":"0091"}]}"#,
        );
        let vendors: Vec<Vendor> = read(answer).unwrap();
        assert_eq!(vendors, [Vendor { id: "0091".into() }]);
    }

    #[test]
    fn http_200_with_a_response_status_of_1_is_an_error() {
        let error = error_of(refusal("BDC_9999"));
        let Error::Api(error) = error else { panic!("{error:?}") };
        assert_eq!(error.status(), 200);
        assert_eq!(error.code().unwrap().as_str(), "BDC_9999");
        assert_eq!(error.message(), "a message");
        assert_eq!(error.call(), "List/Vendor");
    }

    #[test]
    fn a_body_of_bills_makes_the_same_error_whatever_the_http_status() {
        for status in [200, 400, 401, 403, 404, 422, 500, 503] {
            let error = error_of(with_status(refusal("BDC_1121"), status));
            let Error::Api(error) = error else { panic!("{error:?}") };
            assert_eq!(error.code().unwrap().number(), Some(1121));
            assert_eq!(error.status(), status);
        }
    }

    #[test]
    fn a_success_is_one_whatever_the_http_status() {
        for status in [200, 201, 404, 500] {
            read::<Value>(with_status(done(), status)).unwrap();
        }
    }

    #[test]
    fn any_non_zero_status_is_an_error() {
        for status in ["1", "2", "-1", "99", "9223372036854775807"] {
            let text = format!(
                r#"{{"response_status":{status},"response_message":"x","response_data":{{}}}}"#
            );
            let error = error_of(body(text));
            let Error::Api(error) = error else { panic!("{error:?}") };
            assert_eq!(error.code(), None);
        }
    }

    #[test]
    fn the_order_of_the_keys_does_not_matter() {
        let answer = body(r#"{"response_data":[{"id":"1"}],"response_status":0}"#);
        assert_eq!(read::<Vec<Vendor>>(answer).unwrap().len(), 1);
        let answer = body(
            r#"{"response_data":{"error_message":"m","error_code":"BDC_1121"},
                "response_message":"Error","response_status":1}"#,
        );
        assert_eq!(error_of(answer).code().unwrap().number(), Some(1121));
        let answer = body(r#"{"response_data":{"error_code":"BDC_1109"},"response_status":1}"#);
        let mut world = World::signed_in();
        let call = world.call();
        let in_flight = world.send(call);
        let _again = world.again(in_flight, answer);
    }

    #[test]
    fn unknown_keys_are_passed_over() {
        let answer = body(
            r#"{"x":[1,{"y":2}],"response_status":0,"response_data":[],"response_extra":null}"#,
        );
        assert_eq!(read::<Vec<Vendor>>(answer).unwrap(), []);
    }

    #[test]
    fn missing_data_is_null() {
        let missing = || body(r#"{"response_status":0,"response_message":"Success"}"#);
        read::<()>(missing()).unwrap();
        assert_eq!(read::<Option<Vendor>>(missing()).unwrap(), None);
        assert!(matches!(read::<Vendor>(missing()), Err(Error::Decode { .. })));
    }

    #[test]
    fn an_error_without_data_is_an_error_without_a_code() {
        for data in ["", r#","response_data":null"#, r#","response_data":"no""#] {
            let error = error_of(body(format!(r#"{{"response_status":1{data}}}"#)));
            let Error::Api(error) = error else { panic!("{error:?}") };
            assert_eq!((error.code(), error.message()), (None, ""));
        }
    }

    #[test]
    fn a_key_that_comes_twice_is_not_bills() {
        for text in [
            r#"{"response_status":0,"response_status":1,"response_data":[]}"#,
            r#"{"response_status":1,"response_data":{},"response_status":0}"#,
            r#"{"response_status":0,"response_data":[],"response_data":[]}"#,
            r#"{"response_data":[],"response_data":[],"response_status":0}"#,
        ] {
            assert_eq!(kind_of(&error_of(body(text))), &ForeignKind::Json);
        }
    }

    #[test]
    fn what_is_torn_at_any_byte_is_neither_a_success_nor_an_error_of_bills() {
        for whole in [done(), refusal("BDC_1109"), refusal("BDC_1101")] {
            for length in 0..whole.body().len() {
                let torn = body(whole.body().slice(..length));
                let error = error_of(torn);
                assert!(matches!(error, Error::NotBill { .. }), "{error:?} at {length}");
            }
        }
    }

    #[test]
    fn what_has_something_behind_it_is_not_bills() {
        let answer = body(format!("{} x", String::from_utf8_lossy(done().body())));
        assert_eq!(kind_of(&error_of(answer)), &ForeignKind::Json);
    }

    #[test]
    fn what_is_not_bills_is_named_for_what_it_looks_like() {
        for (answer, kind) in [
            (page(503), ForeignKind::Html),
            (page(200), ForeignKind::Html),
            (body("  \n<!DOCTYPE html>"), ForeignKind::Html),
            (with_header(body("sorry"), "content-type", "text/html"), ForeignKind::Html),
            (
                body(r#"{"message":"Unauthorized"}"#),
                ForeignKind::Gateway { message: "Unauthorized".into() },
            ),
            (body("[]"), ForeignKind::Json),
            (body(r#"{"response_status":"0","response_data":[]}"#), ForeignKind::Json),
            (body(r#"{"response_status":null,"response_data":[]}"#), ForeignKind::Json),
            (body("null"), ForeignKind::Other),
            (body(""), ForeignKind::Other),
            (body("upstream connect error"), ForeignKind::Other),
            (body(vec![0xff, 0xfe, 0x00]), ForeignKind::Other),
        ] {
            assert_eq!(kind_of(&error_of(answer)), &kind);
        }
    }

    #[test]
    fn a_redirect_is_typed_and_names_its_host_and_no_more() {
        for (status, location, host) in [
            (301, "https://evil.example/in?sessionId=session-1", Some("evil.example")),
            (302, "https://portal.example:8443/", Some("portal.example")),
            (303, "/elsewhere", None),
            (307, "https://user:secret@evil.example/", Some("evil.example")),
            (308, "not a url at all", None),
        ] {
            // Even when its body looks like BILL's.
            let answer = with_header(with_status(done(), status), "location", location);
            let error = error_of(answer);
            let host = host.map(str::to_owned);
            assert_eq!(kind_of(&error), &ForeignKind::Redirect { host });
            let shown = error.to_string();
            assert!(shown.contains("never followed"), "{shown}");
            assert!(!shown.contains("session-1") && !shown.contains("secret"), "{shown}");
        }
    }

    #[test]
    fn a_1361_is_an_answer_to_the_caller_and_no_reason_to_sign_in() {
        for status in [200, 403] {
            let mut world = World::signed_in();
            let call = world.call();
            let in_flight = world.send(call);
            let error = world.fails(in_flight, Ok(with_status(refusal("BDC_1361"), status)));
            assert!(matches!(error, Error::Untrusted(_)), "{error:?}");
            assert!(error.to_string().contains("MFA"), "{error}");
            assert_eq!(world.session_in_use(), "session-1");
            assert_eq!(world.sign_ins(), 1);
        }
    }

    #[test]
    fn an_unknown_code_is_kept_as_it_is_and_what_is_no_code_is_dropped() {
        for (given, kept) in [
            ("BDC_4711", Some("BDC_4711")),
            ("SOMETHING_ELSE", Some("SOMETHING_ELSE")),
            ("", None),
            ("<script>", None),
            ("BDC_1109 ", None),
            (&"A".repeat(33), None),
        ] {
            let error = error_of(refusal(given));
            let Error::Api(error) = error else { panic!("{error:?}") };
            assert_eq!(error.code().map(|code| code.as_str()), kept);
        }
    }

    #[test]
    fn only_the_code_counts_and_not_the_message() {
        let error = error_of(refusal_with("BDC_9999", "Session is invalid.  Please log in."));
        assert!(matches!(error, Error::Api(_)));
    }

    #[test]
    fn a_hostile_message_is_stripped_of_what_moves_a_terminal() {
        let message = "a\u{1b}[2Jb\u{7}c\nd\u{202e}e\u{2066}f\u{200f}g\u{9b}h\0i";
        let error = error_of(refusal_with("BDC_1", message));
        assert!(error.to_string().contains("(a[2Jbcdefghi)"), "{error}");
    }

    #[test]
    fn a_long_message_is_cut() {
        let error = error_of(refusal_with("BDC_1", &"é".repeat(10_000)));
        let Error::Api(error) = error else { panic!("{error:?}") };
        assert_eq!(error.message().chars().count(), 300);
    }

    #[test]
    fn a_message_that_echoes_secrets_is_scrubbed() {
        for secret in
            ["demo-password", "demo-dev-key", "session-1", "demo@example.com", "demo%40example.com"]
        {
            let error = error_of(refusal_with("BDC_1", &format!("no such thing: <{secret}>")));
            assert!(error.to_string().contains("<[redacted]>"), "{error}");
            assert!(!format!("{error:?}").contains(secret));
        }
    }

    #[test]
    fn a_secret_cannot_hide_behind_control_characters_or_the_cut() {
        let error = error_of(refusal_with("BDC_1", "demo-\u{0}pass\u{202e}word"));
        assert!(!error.to_string().contains("demo-password"), "{error}");
        let cut_in_the_middle = format!("{}demo-password", "x".repeat(292));
        let error = error_of(refusal_with("BDC_1", &cut_in_the_middle));
        assert!(!error.to_string().contains("xdemo-pas"), "{error}");
    }

    #[test]
    fn a_secret_with_control_characters_in_it_is_scrubbed_too() {
        #[allow(clippy::disallowed_methods, reason = "a test needs a first instant")]
        let now = std::time::Instant::now();
        let principal = Principal::password("me", "canary\tpass\u{1}word").unwrap();
        let mut world = World::of(support::account(principal, now), settings(|_| ()), now);
        world.sign_in();
        let call = world.call();
        let in_flight = world.send(call);
        let answer = refusal_with("BDC_1", "you sent canary\tpass\u{1}word");
        let error = world.fails(in_flight, Ok(answer));
        assert!(!error.to_string().contains("canarypassword"), "{error}");
    }

    #[test]
    fn a_secret_that_begins_with_another_is_scrubbed_whole_and_a_short_one_as_a_word() {
        #[allow(clippy::disallowed_methods, reason = "a test needs a first instant")]
        let now = std::time::Instant::now();
        for (name, password, message, shown) in [
            ("alice@acme.com", "alice@acme.com#Hunter2", "no alice@acme.com#Hunter2", "no ["),
            ("alice@acme.com", "aB3$x", "refused: password=aB3$x", "refused: password=["),
            ("alice@acme.com", "ill", "BILL will", "BILL will"),
        ] {
            let principal = Principal::password(name, password).unwrap();
            let mut world = World::of(support::account(principal, now), settings(|_| ()), now);
            world.sign_in();
            let call = world.call();
            let in_flight = world.send(call);
            let error = world.fails(in_flight, Ok(refusal_with("BDC_1", message))).to_string();
            assert!(error.contains(shown), "{error}");
            assert!(!error.contains("Hunter2") && !error.contains("aB3"), "{error}");
        }
    }

    #[test]
    fn a_host_in_an_answer_is_scrubbed_like_any_message() {
        let location = "https://demo-password.evil.example/";
        let answer = with_header(with_status(body(""), 302), "location", location);
        let error = error_of(answer);
        assert!(!format!("{error} {error:?}").contains("demo-password"), "{error}");
    }

    #[test]
    fn data_of_another_type_is_a_decode_error_and_the_session_lives_on() {
        for text in [
            r#"{"response_status":0,"response_data":{"id":1}}"#,
            r#"{"response_data":{"id":1},"response_status":0}"#,
            r#"{"response_status":0,"response_data":"text"}"#,
            r#"{"response_status":0,"response_data":[{}]}"#,
        ] {
            let mut world = World::signed_in();
            world.pass(Duration::from_secs(20 * 60));
            let call = world.call();
            let in_flight = world.send(call);
            let (outcome, wake) =
                in_flight.read::<Vec<Vendor>>(Ok(body(text))).settle(&mut world.session, world.now);
            world.heed(wake);
            assert!(matches!(outcome, Outcome::Failed(Error::Decode { .. })), "{outcome:?}");
            world.pass(Duration::from_secs(20 * 60));
            assert_eq!(world.session_in_use(), "session-1");
        }
    }

    #[test]
    fn a_decode_error_does_not_repeat_a_secret_of_the_answer() {
        let answer = body(r#"{"response_status":0,"response_data":"session-1 demo-password"}"#);
        let error = read::<Vec<Vendor>>(answer).unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains("session-1") && !shown.contains("demo-password"), "{shown}");
    }

    #[test]
    fn a_document_nested_deeply_is_no_reason_to_fall_over() {
        let deep = format!(
            r#"{{"response_status":0,"response_data":{}{}}}"#,
            "[".repeat(100_000),
            "]".repeat(100_000)
        );
        assert!(matches!(read::<Value>(body(deep.clone())), Err(Error::Decode { .. })));
        read::<serde::de::IgnoredAny>(body(deep)).unwrap();
        let torn = format!(r#"{{"response_status":0,"response_data":{}"#, "[".repeat(100_000));
        assert!(matches!(read::<Value>(body(torn)), Err(Error::NotBill { .. })));
    }

    #[test]
    fn a_gateways_429_is_an_error_since_nobody_knows_what_it_passed_on() {
        let mut world = World::signed_in();
        let call = world.call();
        let in_flight = world.send(call);
        let error = world.fails(in_flight, Ok(with_status(body("slow down"), 429)));
        assert!(matches!(error, Error::NotBill { .. }), "{error:?}");
    }
}

mod welcomes {
    use super::*;

    /// The host that was not followed, and the URL that the next call goes to.
    fn welcomed(environment: Environment, end_point: Value) -> (Option<String>, String) {
        let mut world = world_in(environment);
        let (sign_in, call) = world.begin(Call::sign_in(), 0);
        let answer = welcome_with(&json!({"apiEndPoint": end_point}));
        let SignInEnded::Stored { not_followed } = world.answer_sign_in(sign_in, Ok(answer)) else {
            panic!("not signed in with {end_point}")
        };
        assert_eq!(world.session.not_followed(), not_followed.as_ref());
        assert!(matches!(world.step(call, 0), Step::Ready(_)));
        let call = world.call();
        let in_flight = world.send(call);
        let uri = in_flight.request().uri().to_string();
        let base = uri.strip_suffix("/List/Vendor.json").unwrap().to_owned();
        assert_eq!(world.session.api(), Some(base.clone()));
        let host = |named: NotFollowed| named.host.unwrap_or_else(|| "no host".to_owned());
        (not_followed.map(host), base)
    }

    #[test]
    fn what_was_not_followed_is_named_without_a_secret_in_it() {
        let named = json!("https://demo-password.evil.example/api/v2");
        let (host, used) = welcomed(Environment::Stage, named);
        assert_eq!(used, STAGE);
        assert!(!host.unwrap().contains("demo-password"));
    }

    const STAGE: &str = "https://api-stage.bill.com/api/v2";
    const SANDBOX: &str = "https://api-sandbox.bill.com/api/v2";
    const PRODUCTION: &str = "https://api.bill.com/api/v2";

    #[test]
    fn an_api_end_point_of_the_same_kind_is_followed() {
        let local: Environment = "http://127.0.0.1:8025".parse().unwrap();
        for (environment, named, used) in [
            (Environment::Stage, STAGE, STAGE),
            (Environment::Stage, SANDBOX, SANDBOX),
            (Environment::Sandbox, STAGE, STAGE),
            (Environment::Production, PRODUCTION, PRODUCTION),
            (Environment::Stage, "https://api-stage.bill.com/api/v2/", STAGE),
            (local, "http://127.0.0.1:8025/api/v2", "http://127.0.0.1:8025/api/v2"),
        ] {
            assert_eq!(welcomed(environment, json!(named)), (None, used.to_owned()), "{named}");
        }
    }

    #[test]
    fn without_an_api_end_point_the_configured_one_stays() {
        assert_eq!(welcomed(Environment::Stage, Value::Null), (None, STAGE.to_owned()));
    }

    #[test]
    fn any_other_api_end_point_is_not_followed_and_its_host_is_named() {
        for (named, host) in [
            ("https://api-stage.bill.com.evil.example/api/v2", "api-stage.bill.com.evil.example"),
            ("https://evil.example/api/v2", "evil.example"),
            ("https://api.bill.com/api/v2", "api.bill.com"),
            ("https://gateway.stage.bill.com/api/v2", "gateway.stage.bill.com"),
            ("https://bill.com/api/v2", "bill.com"),
            ("https://api-stage.bill.com@evil.example/api/v2", "evil.example"),
            ("https://user:pw@api-stage.bill.com/api/v2", "api-stage.bill.com"),
            ("http://api-stage.bill.com/api/v2", "api-stage.bill.com"),
            ("https://api-stage.bill.com:8443/api/v2", "api-stage.bill.com"),
            ("https://api-stage.bill.com/api/v3", "api-stage.bill.com"),
            ("https://api-stage.bill.com/api/v2/../x", "api-stage.bill.com"),
            ("https://api-stage.bill.com/api/v2//", "api-stage.bill.com"),
            ("https://api-stage.bill.com/api/v2?x=1", "api-stage.bill.com"),
            ("https://api-stage.bill.com/", "api-stage.bill.com"),
            ("https://api-stage.bill.com./api/v2", "api-stage.bill.com."),
            ("https://xapi-stage.bill.com/api/v2", "xapi-stage.bill.com"),
            ("//api-stage.bill.com/api/v2", "no host"),
            ("", "no host"),
            ("https://api-stage.bill.com\\@evil.example/api/v2", "no host"),
            (" https://api-stage.bill.com/api/v2", "no host"),
        ] {
            let (not_followed, used) = welcomed(Environment::Stage, json!(named));
            assert_eq!(used, STAGE, "{named}");
            assert_eq!(not_followed.as_deref(), Some(host), "{named}");
        }
    }

    #[test]
    fn a_host_in_other_letters_is_followed_to_the_same_host_or_not_at_all() {
        for named in ["HTTPS://API-STAGE.BILL.COM/api/v2", "https://Api-Stage.bill.com/api/v2"] {
            let (_, used) = welcomed(Environment::Stage, json!(named));
            assert_eq!(used, STAGE);
        }
    }

    #[test]
    fn production_and_the_test_environments_do_not_follow_each_other() {
        let (not_followed, used) = welcomed(Environment::Production, json!(STAGE));
        assert_eq!((not_followed.as_deref(), &*used), (Some("api-stage.bill.com"), PRODUCTION));
        let (not_followed, used) = welcomed(Environment::Sandbox, json!(PRODUCTION));
        assert_eq!((not_followed.as_deref(), &*used), (Some("api.bill.com"), SANDBOX));
    }

    #[test]
    fn an_origin_of_ones_own_follows_only_itself() {
        let local: Environment = "http://127.0.0.1:8025".parse().unwrap();
        for named in [STAGE, PRODUCTION, "http://127.0.0.1:8026/api/v2", "http://127.0.0.1/api/v2"]
        {
            let (not_followed, used) = welcomed(local.clone(), json!(named));
            assert_eq!(used, "http://127.0.0.1:8025/api/v2");
            assert!(not_followed.is_some());
        }
    }

    #[test]
    fn the_host_that_was_not_followed_is_forgotten_with_the_next_sign_in() {
        let mut world = World::new();
        let (sign_in, call) = world.begin(Call::sign_in(), 0);
        let answer = welcome_with(&json!({"apiEndPoint": "https://evil.example/api/v2"}));
        let _stored = world.answer_sign_in(sign_in, Ok(answer));
        assert!(matches!(world.step(call, 0), Step::Ready(_)));
        world.pass(Duration::from_secs(34 * 60));
        world.sign_in();
        assert_eq!(world.session.not_followed(), None);
    }

    fn failed(answer: Response<Bytes>) -> Arc<Cause> {
        let mut world = World::new();
        let call = world.call();
        let call = world.sign_in_answered(call, Ok(answer));
        let cause = world.no_session(call);
        assert!(matches!(world.session.phase(world.now), Phase::Failed { .. }));
        cause
    }

    #[test]
    fn a_welcome_without_a_usable_session_id_is_none() {
        for id in [json!(null), json!(""), json!("a\nb"), json!("\u{0}"), json!(7), json!(["x"])] {
            let cause = failed(welcome_with(&json!({"sessionId": id})));
            assert!(matches!(*cause, Cause::NotBill(_)), "{cause:?}");
        }
    }

    #[test]
    fn a_welcome_to_another_organisation_is_none() {
        let cause = failed(welcome_with(&json!({"orgId": "00800000000000000002"})));
        assert!(matches!(*cause, Cause::WrongOrganization));
    }

    #[test]
    fn a_welcome_that_names_no_organisation_is_taken() {
        let mut world = World::new();
        let (sign_in, _call) = world.begin(Call::sign_in(), 0);
        let answer = welcome_with(&json!({"orgId": null}));
        assert!(matches!(world.answer_sign_in(sign_in, Ok(answer)), SignInEnded::Stored { .. }));
        assert_eq!(world.session.user_id(), None);
    }

    #[test]
    fn the_user_that_signed_in_is_known() {
        let mut world = World::new();
        let (sign_in, _call) = world.begin(Call::sign_in(), 0);
        let answer = welcome_with(&json!({"usersId": "0060\u{1b}1"}));
        let _stored = world.answer_sign_in(sign_in, Ok(answer));
        assert_eq!(world.session.user_id(), Some("00601"));
    }

    #[test]
    fn a_redirect_of_a_sign_in_is_never_followed() {
        let answer = with_header(
            with_status(body(""), 307),
            "location",
            "https://evil.example/api/v2/Login.json",
        );
        let cause = failed(answer);
        assert!(cause.to_string().contains("a redirect to evil.example (HTTP 307"), "{cause}");
    }

    #[test]
    fn a_welcome_that_fits_no_type_does_not_repeat_the_sessions_id() {
        let answer = body(
            r#"{"response_status":0,
                "response_data":{"sessionId":"canary-id","orgId":["canary-id"]}}"#,
        );
        let cause = failed(answer);
        assert!(!format!("{cause} {cause:?}").contains("canary-id"));
    }
}

mod leases {
    use super::*;

    fn post(uri: &str, form: &'static str) -> Request<Bytes> {
        Request::post(uri).body(Bytes::from_static(form.as_bytes())).unwrap()
    }

    #[test]
    fn a_lease_signs_a_request_to_its_own_api() {
        let mut world = World::signed_in();
        let lease = world.lease(Duration::ZERO);
        assert_eq!(lease.session_id().expose_secret(), "session-1");
        assert_eq!(lease.org_id().unwrap().as_str(), ORG);
        let mut request = post(&format!("{}/List/Vendor.json", lease.api()), "data=%7B%7D");
        lease.sign(&mut request).unwrap();
        assert_eq!(request.body(), "devKey=demo-dev-key&sessionId=session-1&data=%7B%7D");
        assert_eq!(request.headers()["content-type"], "application/x-www-form-urlencoded");
        let mut request = post(&format!("{}/GetSessionInfo.json", lease.api()), "");
        lease.sign(&mut request).unwrap();
        assert_eq!(request.body(), "devKey=demo-dev-key&sessionId=session-1");
    }

    #[test]
    fn a_lease_is_not_put_on_a_request_to_anywhere_else() {
        let mut world = World::signed_in();
        let lease = world.lease(Duration::ZERO);
        for uri in [
            "https://evil.example/api/v2/List/Vendor.json",
            "https://api-stage.bill.com.evil.example/api/v2/List/Vendor.json",
            "https://api-stage.bill.com@evil.example/api/v2/List/Vendor.json",
            "https://user@api-stage.bill.com/api/v2/List/Vendor.json",
            "http://api-stage.bill.com/api/v2/List/Vendor.json",
            "https://api-stage.bill.com:8443/api/v2/List/Vendor.json",
            "https://api-sandbox.bill.com/api/v2/List/Vendor.json",
            "https://api-stage.bill.com/other/List/Vendor.json",
            "https://api-stage.bill.com/api/v2",
            "/api/v2/List/Vendor.json",
        ] {
            let mut request = post(uri, "data=x");
            assert_eq!(lease.sign(&mut request), Err(Misuse::ForeignRequest), "{uri}");
            assert_eq!(request.body(), "data=x", "nothing was put on it");
        }
    }

    #[test]
    fn a_lease_is_not_put_on_a_request_with_a_query() {
        let mut world = World::signed_in();
        let lease = world.lease(Duration::ZERO);
        let mut request = post("https://api-stage.bill.com/api/v2/List/Vendor.json?x=1", "");
        assert_eq!(lease.sign(&mut request), Err(Misuse::PathQuery));
    }

    #[test]
    fn a_lease_is_not_put_on_a_request_whose_path_holds_a_secret_or_climbs() {
        let mut world = World::signed_in();
        let lease = world.lease(Duration::ZERO);
        for path in ["Crud/session-1", "Crud/demo%2Dpassword", "../../elsewhere", "%2e%2e/x"] {
            let mut request = post(&format!("{}/{path}", lease.api()), "");
            assert!(lease.sign(&mut request).is_err(), "{path}");
        }
    }
}

#[test]
fn a_session_that_nobody_signed_in_has_no_api() {
    let world = World::new();
    let session: &Session<usize> = &world.session;
    assert_eq!((session.api(), session.user_id(), session.not_followed()), (None, None, None));
}

/// How often [`Counted`] was read.
static READ: AtomicUsize = AtomicUsize::new(0);

/// Any data at all, which counts how often it is read.
struct Counted;

impl<'de> Deserialize<'de> for Counted {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        READ.fetch_add(1, Ordering::Relaxed);
        IgnoredAny::deserialize(deserializer).map(|_| Self)
    }
}

#[test]
fn an_answer_is_parsed_once_for_its_verdict_and_its_data() {
    let mut v2 = World::signed_in();
    let mut v3 = World::v3_signed_in();
    let list = v3.vendors();
    let (one, other) = (v2.call(), v2.call());
    for (call, is_v3, text) in [
        (one, false, r#"{"response_status":0,"response_data":[{"id":"1"}]}"#),
        (other, false, r#"{"response_data":[{"id":"1"}],"response_status":0}"#),
        (list, true, r#"{"results":[{"id":"1"}]}"#),
    ] {
        let world = if is_v3 { &mut v3 } else { &mut v2 };
        let before = READ.load(Ordering::Relaxed);
        let in_flight = world.send(call);
        let heard = in_flight.read::<Counted>(Ok(body(text)));
        let (outcome, wake) = heard.settle(&mut world.session, world.now);
        world.heed(wake);
        assert!(matches!(outcome, Outcome::Done(Counted)));
        assert_eq!(READ.load(Ordering::Relaxed) - before, 1, "{text}");
    }
}
