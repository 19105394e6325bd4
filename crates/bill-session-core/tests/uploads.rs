//! An upload is framed to the byte around content that this client never holds, and sent twice only when it may be.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on ends"
)]

mod support;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bill_session_core::{
    Blame, Call, Error, Finished, InFlight, Misuse, Outcome, Repeatable, SignInEnded, SignInWith,
    Step, TransportError,
};
use http::Method;
use serde_json::json;
use support::{
    World, body, done, first_instant, json_answer, page, refusal, settings, silence, token,
    v3_refusal, with_status,
};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const MILLISECOND: Duration = Duration::from_millis(1);

/// One part of a multipart document.
#[derive(Debug, PartialEq)]
struct Part {
    headers: Vec<(String, String)>,
    content: Vec<u8>,
}

impl Part {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// A parameter of its content-disposition.
    fn parameter(&self, name: &str) -> Option<&str> {
        let disposition = self.header("content-disposition")?;
        let rest = disposition.strip_prefix("form-data")?;
        rest.split("; ")
            .find_map(|pair| pair.strip_prefix(name)?.strip_prefix("=\"")?.strip_suffix('"'))
    }
}

/// Takes a multipart document apart, as RFC 2046 has it; it has no preamble and nothing behind it.
fn multipart(document: &[u8], boundary: &str) -> Vec<Part> {
    let delimiter = format!("--{boundary}");
    let mut rest = document.strip_prefix(delimiter.as_bytes()).expect("a first boundary");
    let mut parts = Vec::new();
    loop {
        if rest.starts_with(b"--") {
            assert_eq!(rest, b"--\r\n", "nothing behind the last boundary");
            return parts;
        }
        rest = rest.strip_prefix(b"\r\n").expect("a line break behind a boundary");
        let end = position(rest, format!("\r\n{delimiter}").as_bytes()).expect("another boundary");
        let part = &rest[..end];
        let blank = position(part, b"\r\n\r\n").expect("a blank line behind the headers");
        let headers = String::from_utf8(part[..blank].to_vec()).unwrap();
        let headers = headers.split("\r\n").map(|line| {
            let (name, value) = line.split_once(": ").expect("a header");
            (name.to_ascii_lowercase(), value.to_owned())
        });
        parts.push(Part { headers: headers.collect(), content: part[blank + 4..].to_vec() });
        rest = &rest[end + 2 + delimiter.len()..];
    }
}

fn position(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

fn attachment(world: &World, file_name: &str, repeatable: Repeatable) -> Call {
    let account = world.session.account();
    account.upload_attachment("00n01", file_name, repeatable, 0x1234_5678_9abc_def0).unwrap()
}

fn document(world: &World, repeatable: Repeatable) -> Call {
    let query = [("name".to_owned(), "an \"invoice\" & more.pdf".to_owned())];
    world.session.account().upload("/v3/documents/bills/00n01", &query, repeatable).unwrap()
}

/// What is sent of an upload with this content, and its boundary.
fn sent(in_flight: &InFlight, content: &[u8]) -> (Vec<u8>, String) {
    let request = in_flight.request();
    let content_type = request.headers()["content-type"].to_str().unwrap();
    let boundary =
        content_type.strip_prefix("multipart/form-data; boundary=").expect("a boundary").to_owned();
    let mut document = request.body().to_vec();
    document.extend(content);
    document.extend(in_flight.after_content().expect("what stands behind the content"));
    (document, boundary)
}

/// Uploads of either API.
const FORMS: [fn(&World, Repeatable) -> Call; 2] =
    [|world, repeatable| attachment(world, "x.pdf", repeatable), document];

fn is_v3(in_flight: &InFlight) -> bool {
    in_flight.request().uri().path().starts_with("/connect/v3/")
}

mod a_v2_upload {
    use super::*;

    #[test]
    fn is_a_form_of_four_parts_whose_last_is_the_file() {
        let contents: [&[u8]; 6] = [
            b"%PDF-1.7 content",
            b"",
            b"\r\n",
            b"\r\n--\r\n",
            b"--bill-not-the-boundary--\r\n",
            &[0, 255, 13, 10, 45, 45],
        ];
        for api in [SignInWith::V2, SignInWith::V3] {
            for content in contents {
                let mut world = World::signed_in_by(api);
                let call = attachment(&world, "x.pdf", Repeatable::Yes);
                let in_flight = world.send(call);
                let request = in_flight.request();
                assert_eq!(request.method(), Method::POST);
                assert_eq!(
                    request.uri(),
                    "https://api-stage.bill.com/api/v2/UploadAttachment.json"
                );
                assert_eq!(request.headers()["accept"], "application/json");
                assert_eq!(request.headers().len(), 2, "the session is in the form");
                let (document, boundary) = sent(&in_flight, content);
                let parts = multipart(&document, &boundary);
                let names: Vec<_> = parts.iter().map(|part| part.parameter("name")).collect();
                assert_eq!(names, [Some("devKey"), Some("sessionId"), Some("data"), Some("file")]);
                assert_eq!(parts[0].content, b"demo-dev-key");
                assert_eq!(parts[1].content, b"session-1");
                let data: serde_json::Value = serde_json::from_slice(&parts[2].content).unwrap();
                assert_eq!(data, json!({"id": "00n01", "fileName": "x.pdf"}));
                assert_eq!(parts[3].parameter("filename"), Some("x.pdf"));
                assert_eq!(parts[3].header("content-type"), Some("application/octet-stream"));
                assert_eq!(parts[3].content, content);
                for part in &parts[..3] {
                    assert_eq!(part.parameter("filename"), None);
                }
                world.finish(in_flight);
            }
        }
    }

    #[test]
    fn has_a_boundary_of_its_own_nonce_that_is_one_and_fits() {
        let mut boundaries = Vec::new();
        for nonce in [0, 1, 2, u128::MAX] {
            let mut world = World::signed_in();
            let account = Arc::clone(world.session.account());
            let call = account.upload_attachment("1", "x", Repeatable::Yes, nonce).unwrap();
            let in_flight = world.send(call);
            let (_document, boundary) = sent(&in_flight, b"");
            // RFC 2046: 1 to 70 characters of a small set; these need no quotes either.
            assert!((16..=70).contains(&boundary.len()), "{boundary}");
            assert!(boundary.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'));
            boundaries.push(boundary);
        }
        boundaries.sort_unstable();
        boundaries.dedup();
        assert_eq!(boundaries.len(), 4);
    }

    #[test]
    fn escapes_a_quote_in_the_files_name_and_tells_it_exactly_in_the_data() {
        for (name, escaped) in [
            ("a \"quoted\" name.pdf", "a %22quoted%22 name.pdf"),
            ("Größe & Co; x=y.pdf", "Größe & Co; x=y.pdf"),
            ("\"; filename=\"evil", "%22; filename=%22evil"),
            ("back\\slash.pdf", "back\\slash.pdf"),
        ] {
            let mut world = World::signed_in();
            let call = attachment(&world, name, Repeatable::Yes);
            let in_flight = world.send(call);
            let (document, boundary) = sent(&in_flight, b"content");
            let parts = multipart(&document, &boundary);
            assert_eq!(parts.len(), 4);
            let disposition = parts[3].header("content-disposition").unwrap();
            assert_eq!(disposition, format!("form-data; name=\"file\"; filename=\"{escaped}\""));
            let data: serde_json::Value = serde_json::from_slice(&parts[2].content).unwrap();
            assert_eq!(data["fileName"], name);
            assert_eq!(parts[3].content, b"content");
        }
    }

    #[test]
    fn with_a_file_name_that_would_break_its_frame_is_refused() {
        let world = World::signed_in();
        for name in ["", "a\r\nb", "a\nb", "a\rb", "a\u{0}b", "a\tb", "\u{85}"] {
            let made = world.session.account().upload_attachment("1", name, Repeatable::Yes, 1);
            assert_eq!(made.unwrap_err(), Misuse::FileName, "{name:?}");
        }
    }

    #[test]
    fn with_an_id_that_holds_anything_is_framed_by_json() {
        let mut world = World::signed_in();
        let id = "\"}\r\n--bill-";
        let account = Arc::clone(world.session.account());
        let call = account.upload_attachment(id, "x", Repeatable::Yes, 1).unwrap();
        let in_flight = world.send(call);
        let (document, boundary) = sent(&in_flight, b"content");
        let parts = multipart(&document, &boundary);
        let data: serde_json::Value = serde_json::from_slice(&parts[2].content).unwrap();
        assert_eq!(data["id"], id);
    }

    #[test]
    fn is_answered_in_bills_envelope() {
        let mut world = World::v3_signed_in();
        let call = attachment(&world, "x", Repeatable::Yes);
        let in_flight = world.send(call);
        world.finish(in_flight);
        let call = attachment(&world, "x", Repeatable::Yes);
        let error = world.error_of(call, Ok(refusal("BDC_9999")));
        assert!(matches!(error, Error::Api(_)), "{error:?}");
        assert!(error.to_string().contains("UploadAttachment"), "{error}");
    }
}

mod a_v3_upload {
    use super::*;

    #[test]
    fn is_the_content_alone_with_the_session_in_headers() {
        for api in [SignInWith::V2, SignInWith::V3] {
            let mut world = World::signed_in_by(api);
            let call = document(&world, Repeatable::Yes);
            let in_flight = world.send(call);
            let request = in_flight.request();
            assert_eq!(request.method(), Method::POST);
            assert_eq!(request.uri().host(), Some("gateway.stage.bill.com"));
            assert_eq!(request.uri().path(), "/connect/v3/documents/bills/00n01");
            let query = form_urlencoded::parse(request.uri().query().unwrap().as_bytes());
            let query: Vec<_> = query.into_owned().collect();
            assert_eq!(query, [("name".to_owned(), "an \"invoice\" & more.pdf".to_owned())]);
            assert_eq!(request.headers()["content-type"], "application/octet-stream");
            assert_eq!(request.headers()["sessionId"], "session-1");
            assert!(request.headers()["sessionId"].is_sensitive());
            assert!(request.headers()["devKey"].is_sensitive());
            assert!(request.body().is_empty(), "nothing stands before the content");
            assert!(in_flight.after_content().unwrap().is_empty(), "and nothing behind it");
            let answer = json_answer(&json!({"id": "1"}));
            assert!(matches!(world.answer(in_flight, Ok(answer)), Outcome::Done(_)));
        }
    }

    #[test]
    fn is_checked_like_any_call_of_v3s() {
        let world = World::v3_signed_in();
        let account = world.session.account();
        for (path, misuse) in [
            ("documents", Misuse::V3Path),
            ("/v3/x?name=y", Misuse::V3PathQuery),
            ("/v3/../x", Misuse::PathClimbs),
            ("/v3/login", Misuse::PathReserved),
            ("/v3/demo-password", Misuse::PathSecret),
        ] {
            assert_eq!(account.upload(path, &[], Repeatable::Yes).unwrap_err(), misuse);
        }
    }
}

#[test]
fn nothing_but_an_upload_has_anything_behind_its_body() {
    let mut world = World::v3_signed_in();
    for call in [world.call(), world.vendors(), Call::challenge(false)] {
        let in_flight = world.send(call);
        assert_eq!(in_flight.after_content(), None);
        world.cancel(in_flight.id());
    }
}

#[test]
fn what_an_upload_shows_of_itself_is_its_name() {
    let mut world = World::signed_in();
    let call = attachment(&world, "private.pdf", Repeatable::Yes);
    assert!(!format!("{call:?}").contains("private"), "{call:?}");
    let in_flight = world.send(call);
    let shown = format!("{in_flight:?} {:?}", world.session);
    assert!(!shown.contains("private") && !shown.contains("session-1"), "{shown}");
}

mod content_that_can_be_read_again {
    use super::*;

    #[test]
    fn is_sent_again_when_bill_refused_it_unread() {
        for make in FORMS {
            let mut world = World::signed_in();
            world.use_session();
            let call = make(&world, Repeatable::Yes);
            let in_flight = world.send(call);
            let first = in_flight.request();
            let answer =
                if is_v3(&in_flight) { v3_refusal(401, "BDC_1109") } else { refusal("BDC_1109") };
            let call = world.again(in_flight, answer);
            let (sign_in, call) = world.begin(call, 0);
            let _stored = world.welcome(sign_in);
            let in_flight = world.send(call);
            let second = in_flight.request();
            assert_eq!(first.uri(), second.uri());
            assert_eq!(first.headers()["content-type"], second.headers()["content-type"]);
            let in_header = second.headers().get("sessionId").is_some_and(|id| id == "session-2");
            let in_body = String::from_utf8_lossy(second.body()).contains("session-2");
            assert!(in_header || in_body, "signed anew");
            assert!(!String::from_utf8_lossy(second.body()).contains("session-1"));
        }
    }

    #[test]
    fn needs_no_time_to_spare() {
        for make in FORMS {
            let mut world = World::signed_in();
            world.pass(34 * MINUTE - MILLISECOND);
            let call = make(&world, Repeatable::Yes);
            let _in_flight = world.send(call);
        }
    }
}

mod content_that_can_be_read_once {
    use super::*;

    #[test]
    fn is_sent_with_five_minutes_left_and_with_less_signs_in_first() {
        for make in FORMS {
            for api in [SignInWith::V2, SignInWith::V3] {
                let mut world = World::signed_in_by(api);
                world.pass(29 * MINUTE - MILLISECOND);
                let call = make(&world, Repeatable::Once);
                let in_flight = world.send(call);
                world.cancel(in_flight.id());
                world.pass(MILLISECOND);
                let call = make(&world, Repeatable::Once);
                let (sign_in, call) = world.begin(call, 0);
                assert!(matches!(world.welcome(sign_in), SignInEnded::Stored { .. }));
                let _in_flight = world.send(call);
                assert_eq!(world.sign_ins(), 2);
            }
        }
    }

    #[test]
    fn needs_no_sign_in_where_sessions_do_not_end() {
        let now = first_instant();
        let mut world = World::of(support::account(token(), now), settings(|_| ()), now);
        world.sign_in();
        world.pass(24 * 60 * MINUTE);
        let call = attachment(&world, "x", Repeatable::Once);
        let _in_flight = world.send(call);
    }

    #[test]
    fn is_sent_once_whatever_becomes_of_it() {
        for make in FORMS {
            for answer in [
                |v3: bool| Ok(if v3 { v3_refusal(401, "BDC_1109") } else { refusal("BDC_1109") }),
                |v3: bool| Ok(if v3 { v3_refusal(422, "BDC_1322") } else { refusal("BDC_1322") }),
                |_| silence(),
                |_| Ok(page(503)),
                |_| Ok(body("{")),
            ] {
                let mut world = World::signed_in();
                world.use_session();
                let call = make(&world, Repeatable::Once);
                let in_flight = world.send(call);
                let answer = answer(is_v3(&in_flight));
                let _error = world.fails(in_flight, answer);
                assert_eq!(world.sign_ins(), 1);
                assert_eq!((world.session.in_flight(), world.session.waiting()), (0, 0));
            }
        }
    }

    #[test]
    fn does_not_sign_in_for_ever_where_no_session_lives_that_long() {
        for margin in [29, 30, 33, 35, 40] {
            for make in FORMS {
                let mut world = World::with(settings(|settings| {
                    settings.idle_margin = Duration::from_secs(margin * 60);
                }));
                let mut call = make(&world, Repeatable::Once);
                let mut sign_ins = 0;
                let in_flight = loop {
                    match world.step(call, 0) {
                        Step::SignIn(sign_in, waits, _) => {
                            sign_ins += 1;
                            assert!(sign_ins <= 2, "a margin of {margin} minutes");
                            world.pass(10 * SECOND);
                            let _stored = world.welcome(sign_in);
                            call = waits;
                        }
                        Step::Exchange(in_flight) => break in_flight,
                        Step::Wait(waits, until) => {
                            world.now = until;
                            call = waits;
                        }
                        other => panic!("{other:?}"),
                    }
                };
                world.cancel(in_flight.id());
                // Nor does the next one, as long as this session lives.
                let call = make(&world, Repeatable::Once);
                let _in_flight = world.send(call);
            }
        }
    }

    #[test]
    fn makes_one_sign_in_for_all_who_are_in_line() {
        let mut world = World::signed_in();
        world.pass(30 * MINUTE);
        let calls: Vec<Call> = (0..5).map(|_| attachment(&world, "x", Repeatable::Once)).collect();
        let mut steps = Vec::new();
        for (token, call) in calls.into_iter().enumerate() {
            steps.push(world.step(call, token));
        }
        let sign_ins = steps.iter().filter(|step| matches!(step, Step::SignIn(..))).count();
        let waits = steps.iter().filter(|step| matches!(step, Step::Wait(..))).count();
        assert_eq!((sign_ins, waits), (1, 4));
    }

    #[test]
    fn leaves_the_session_to_others_while_the_budget_of_sign_ins_is_spent() {
        let now = first_instant();
        let key = bill_session_core::KeyLimits::with(1, 20_000, now);
        let account = support::account_under(support::password(), key);
        let mut world = World::of(account, settings(|_| ()), now);
        world.sign_in();
        world.pass(30 * MINUTE);
        let call = attachment(&world, "x", Repeatable::Once).deadline(MINUTE);
        let error = world.refused(call);
        assert!(matches!(error, Error::Limited { .. }), "{error:?}");
        assert_eq!(world.would(), "be sent");
    }
}

mod time_for_an_upload {
    use super::*;

    #[test]
    fn is_ten_minutes_for_the_exchange_and_two_more_in_all() {
        for make in FORMS {
            let mut world = World::signed_in();
            let call = make(&world, Repeatable::Yes);
            let in_flight = world.send(call);
            assert_eq!(in_flight.limit(), 10 * MINUTE);
            world.cancel(in_flight.id());
            // It waits for an hour of calls that ends just before its deadline, and for no other.
            for (date, waits) in
                [("Sun, 06 Nov 1994 08:48:01 GMT", true), ("Sun, 06 Nov 1994 08:48:00 GMT", false)]
            {
                let mut world = World::signed_in();
                let call = world.call();
                let answer = support::with_header(refusal("BDC_1144"), "date", date);
                let _error = world.error_of(call, Ok(answer));
                let call = make(&world, Repeatable::Yes);
                if waits {
                    let _call = world.wait(call, 1);
                } else {
                    assert!(matches!(world.refused(call), Error::Limited { .. }));
                }
            }
        }
    }

    #[test]
    fn is_what_the_settings_and_the_call_say() {
        for make in FORMS {
            let mut world = World::signed_in_with(settings(|settings| {
                settings.upload_limit = 30 * MINUTE;
                settings.deadline = MINUTE;
            }));
            let call = make(&world, Repeatable::Yes);
            let in_flight = world.send(call);
            assert_eq!(in_flight.limit(), 30 * MINUTE);
            world.cancel(in_flight.id());
            let call = make(&world, Repeatable::Yes).deadline(90 * SECOND);
            let in_flight = world.send(call);
            assert_eq!(in_flight.limit(), 90 * SECOND);
            world.cancel(in_flight.id());
        }
    }

    #[test]
    fn ends_in_line_when_the_deadline_of_both_has_passed() {
        for make in FORMS {
            let mut world = World::with(settings(|settings| {
                settings.upload_limit = MINUTE;
                settings.deadline = MINUTE;
            }));
            let call = world.call();
            let (_sign_in, _first) = world.begin(call, 0);
            let call = make(&world, Repeatable::Yes);
            let mut call = world.wait(call, 1);
            let begun = world.now;
            loop {
                world.pass(SECOND);
                match world.step(call, 1) {
                    Step::Wait(waits, _) => call = waits,
                    Step::Refuse(error) => {
                        assert!(world.now - begun <= 2 * MINUTE, "{error:?}");
                        break;
                    }
                    Step::SignIn(sign_in, waits, _) => {
                        drop(sign_in);
                        call = waits;
                    }
                    other => panic!("{other:?}"),
                }
            }
        }
    }

    #[test]
    fn keeps_its_slot_for_as_long_and_five_seconds() {
        for make in FORMS {
            let mut world = World::signed_in_with(settings(|settings| settings.max_in_flight = 1));
            let call = make(&world, Repeatable::Yes);
            let in_flight = world.send(call);
            world.pass(10 * MINUTE + 5 * SECOND - MILLISECOND);
            assert_eq!(world.would(), "wait");
            world.pass(MILLISECOND);
            assert_eq!(world.would(), "be sent");
            drop(in_flight);
        }
    }
}

mod content_that_cannot_be_read {
    use super::*;

    #[test]
    fn is_the_callers_and_says_what_reading_it_said() {
        for make in FORMS {
            for repeatable in [Repeatable::Yes, Repeatable::Once] {
                let mut world = World::signed_in();
                world.use_session();
                let call = make(&world, repeatable).retry(bill_session_core::Retry::times(5));
                let broken = TransportError::content(io::Error::other("the disk is gone"));
                assert!(broken.is_content());
                let error = world.error_of(call, Err(broken));
                assert!(matches!(error, Error::Content { .. }), "{error:?}");
                assert_eq!(error.blame(), Blame::Caller);
                assert!(error.to_string().contains("could not be read"), "{error}");
                let source = std::error::Error::source(&error).unwrap().to_string();
                assert_eq!(source, "the disk is gone");
                assert_eq!(world.session.in_flight(), 0);
                assert_eq!(world.session_in_use(), "session-1");
            }
        }
    }
}

#[test]
fn an_uploads_answer_is_data_of_the_callers_type() {
    let mut world = World::signed_in();
    let call = attachment(&world, "x", Repeatable::Yes);
    let in_flight = world.send(call);
    let answer = support::success(&json!({"documentId": "1"}));
    let (outcome, wake) =
        in_flight.read::<serde_json::Value>(Ok(answer)).settle(&mut world.session, world.now);
    world.heed(wake);
    let Outcome::Done(data) = outcome else { panic!("{outcome:?}") };
    let data = Finished::Answer(data).answer().unwrap();
    assert_eq!(data["documentId"], "1");
    // An empty answer to a v3 upload is one without data.
    let call = document(&world, Repeatable::Yes);
    let in_flight = world.send(call);
    let outcome = world.answer(in_flight, Ok(with_status(body(""), 204)));
    assert!(matches!(outcome, Outcome::Done(_)), "{outcome:?}");
}

#[test]
fn an_upload_restarts_the_idle_timer_from_when_it_was_sent() {
    for make in FORMS {
        let mut world = World::signed_in();
        world.pass(20 * MINUTE);
        let call = make(&world, Repeatable::Yes);
        let in_flight = world.send(call);
        let v3 = is_v3(&in_flight);
        world.pass(9 * MINUTE);
        let answer = if v3 { json_answer(&json!({})) } else { done() };
        assert!(matches!(world.answer(in_flight, Ok(answer)), Outcome::Done(_)));
        world.pass(25 * MINUTE - MILLISECOND);
        assert_eq!(world.would(), "be sent");
        world.pass(MILLISECOND);
        assert_eq!(world.would(), "sign in");
    }
}
