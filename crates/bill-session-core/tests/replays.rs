//! A call goes out again only after an end that proves that it did nothing, or when all it does is to read.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on ends"
)]

mod support;

use std::io;
use std::time::Duration;

use bill_session_core::{
    Account, Call, Challenge, Error, InFlight, MfaCode, MfaOutcome, Outcome, Remember, Repeatable,
    Retry, SignInEnded, SignInWith, Step, TransportError,
};
use bytes::Bytes;
use http::{Method, Request, Response};
use serde_json::json;
use support::{
    World, body, done, field, json_answer, page, refusal, settings, silence, success, v3_errors,
    v3_refusal, with_header, with_status,
};

const SECOND: Duration = Duration::from_secs(1);
const MILLISECOND: Duration = Duration::from_millis(1);

type Answer = Result<Response<Bytes>, TransportError>;
/// How a call is made.
type Make = fn(&Account, &Challenge) -> Call;
/// How an exchange ends.
type End = fn(bool) -> Answer;

/// What doing a call twice would do.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Effect {
    Reads,
    Writes,
    Once,
}

fn v2(account: &Account, path: &str) -> Call {
    account.v2(path, &json!({"id": "1"})).unwrap()
}

fn v3(account: &Account, method: Method) -> Call {
    account.v3(method, "/v3/vendors/1").call(account).unwrap()
}

fn attachment(account: &Account, repeatable: Repeatable) -> Call {
    account.upload_attachment("1", "x.pdf", repeatable, 7).unwrap()
}

fn document(account: &Account, repeatable: Repeatable) -> Call {
    account.upload("/v3/documents/bills/1", &[], repeatable).unwrap()
}

/// Calls of every kind, and what each does.
const CALLS: [(&str, Effect, Make); 31] = [
    ("v3 GET", Effect::Reads, |account, _| v3(account, Method::GET)),
    ("List/Vendor", Effect::Reads, |account, _| v2(account, "List/Vendor")),
    ("List/Bill", Effect::Reads, |account, _| v2(account, "/List/Bill.json")),
    ("Crud/Read/Bill", Effect::Reads, |account, _| v2(account, "Crud/Read/Bill")),
    ("GetSessionInfo", Effect::Reads, |account, _| v2(account, "GetSessionInfo")),
    ("MFAStatus", Effect::Reads, |account, _| v2(account, "MFAStatus")),
    ("v3 POST", Effect::Writes, |account, _| v3(account, Method::POST)),
    ("v3 PUT", Effect::Writes, |account, _| v3(account, Method::PUT)),
    ("v3 PATCH", Effect::Writes, |account, _| v3(account, Method::PATCH)),
    ("v3 DELETE", Effect::Writes, |account, _| v3(account, Method::DELETE)),
    ("Crud/Create/Bill", Effect::Writes, |account, _| v2(account, "Crud/Create/Bill")),
    ("Crud/Update/Bill", Effect::Writes, |account, _| v2(account, "Crud/Update/Bill")),
    ("Crud/Delete/Bill", Effect::Writes, |account, _| v2(account, "Crud/Delete/Bill")),
    ("Crud/Undelete/Bill", Effect::Writes, |account, _| v2(account, "Crud/Undelete/Bill")),
    ("PayBills", Effect::Writes, |account, _| v2(account, "PayBills")),
    ("RecordAPPayment", Effect::Writes, |account, _| v2(account, "RecordAPPayment")),
    ("SendInvoice", Effect::Writes, |account, _| v2(account, "SendInvoice")),
    ("Bulk/Crud/Create/Bill", Effect::Writes, |account, _| v2(account, "Bulk/Crud/Create/Bill")),
    // What only looks like a list, or like a reading.
    ("ListAndPay", Effect::Writes, |account, _| v2(account, "ListAndPay")),
    ("Crud/ReadAndPay", Effect::Writes, |account, _| v2(account, "Crud/ReadAndPay")),
    ("Pay/List/Bill", Effect::Writes, |account, _| v2(account, "Pay/List/Bill")),
    ("Pay/Crud/Read/Bill", Effect::Writes, |account, _| v2(account, "Pay/Crud/Read/Bill")),
    ("GetSessionInfoAndPay", Effect::Writes, |account, _| v2(account, "GetSessionInfoAndPay")),
    ("challenge", Effect::Writes, |_, _| Call::challenge(false)),
    ("v2 upload", Effect::Writes, |account, _| attachment(account, Repeatable::Yes)),
    ("v3 upload", Effect::Writes, |account, _| document(account, Repeatable::Yes)),
    ("ListOrgs", Effect::Writes, |account, _| account.list_orgs().unwrap()),
    ("step-up", Effect::Writes, |_, _| {
        Call::step_up(bill_session_core::RememberedDevice::new("remember-me", "device").unwrap())
    }),
    ("v2 upload, once", Effect::Once, |account, _| attachment(account, Repeatable::Once)),
    ("v3 upload, once", Effect::Once, |account, _| document(account, Repeatable::Once)),
    ("the answer to a challenge", Effect::Once, |_, challenge| {
        let code = MfaCode::new("271828").unwrap();
        Call::validate(challenge.clone(), code, Remember::No)
    }),
];

fn no(is_v3: bool, status: u16, code: &str) -> Answer {
    Ok(if is_v3 { v3_refusal(status, code) } else { with_status(refusal(code), status) })
}

fn whole(is_v3: bool) -> Bytes {
    if is_v3 {
        Bytes::from_static(br#"{"results":[{"id":"1"}],"nextPage":"x"}"#)
    } else {
        done().into_body()
    }
}

/// Ends after which BILL has done nothing for certain.
const CONTENDED: [(&str, End); 2] = [
    ("1322", |is_v3| no(is_v3, 422, "BDC_1322")),
    ("1322 in a 200", |is_v3| no(is_v3, if is_v3 { 429 } else { 200 }, "BDC_1322")),
];

/// Ends after which some of what was asked for may have been done.
const IN_PART: [(&str, End); 2] = [
    ("1322 in a 503", |is_v3| no(is_v3, 503, "BDC_1322")),
    ("1322 beside another code", |is_v3| {
        let entries =
            json!([{"code": "BDC_9999"}, {"message": "just words"}, {"code": "BDC_1322"}]);
        if is_v3 { Ok(v3_errors(422, &entries)) } else { no(is_v3, 503, "BDC_1322") }
    }),
];

/// Ends after which nobody knows what BILL has done.
const LOST: [(&str, End); 12] = [
    ("a timeout", |_| silence()),
    ("a connection that was cut", |_| Err(TransportError::other(io::Error::other("reset")))),
    ("no connection", |_| Err(TransportError::connect(io::Error::other("refused")))),
    ("no connection in time", |_| Err(TransportError::connect_timeout(io::Error::other("slow")))),
    ("a torn document", |is_v3| Ok(body(whole(is_v3).slice(..20)))),
    ("a document without its last letter", |is_v3| {
        let whole = whole(is_v3);
        Ok(body(whole.slice(..whole.len() - 1)))
    }),
    ("a page of a proxy's 502", |_| Ok(page(502))),
    ("a page of a proxy's 503", |_| Ok(page(503))),
    ("a proxy's words", |_| Ok(with_status(body("upstream connect error"), 504))),
    ("a gateway's object in a 500", |_| {
        Ok(with_status(json_answer(&json!({"message": "Internal Server Error"})), 500))
    }),
    ("BILL's own 500", |is_v3| no(is_v3, 500, "BDC_9999")),
    ("BILL's own 503 without a code", |is_v3| {
        Ok(if is_v3 {
            v3_errors(503, &json!([{"message": "unavailable"}]))
        } else {
            with_status(json_answer(&json!({"response_status": 1, "response_data": {}})), 503)
        })
    }),
];

/// Ends after which a repetition would end no better.
const FINAL: [(&str, End); 16] = [
    ("an answer too long", |_| Err(TransportError::too_large())),
    ("content that could not be read", |_| Err(TransportError::content(io::Error::other("disk")))),
    ("a redirect", |_| {
        Ok(with_header(with_status(body(""), 302), "location", "https://evil.example/"))
    }),
    ("a redirect with BILL's body", |is_v3| Ok(with_status(body(whole(is_v3)), 307))),
    ("a page in a 200", |_| Ok(page(200))),
    ("a page in a 403", |_| Ok(page(403))),
    ("a page in a 404", |_| Ok(page(404))),
    ("words in a 200", |_| Ok(body("upstream connect error"))),
    ("a gateway's 401", |_| Ok(with_status(json_answer(&json!({"message": "no"})), 401))),
    ("a gateway's words in a 429", |_| Ok(with_status(body("slow down"), 429))),
    ("a torn 404", |_| Ok(with_status(body("[{\"code\":"), 404))),
    ("1361", |is_v3| no(is_v3, 403, "BDC_1361")),
    ("1144", |is_v3| no(is_v3, 422, "BDC_1144")),
    ("1121", |is_v3| no(is_v3, 404, "BDC_1121")),
    ("1101", |is_v3| no(is_v3, 422, "BDC_1101")),
    ("another code", |is_v3| no(is_v3, 422, "BDC_9999")),
];

fn is_v3(request: &Request<Bytes>) -> bool {
    request.uri().path().starts_with("/connect/v3/")
}

/// Worlds of both APIs, with a session that proved itself, and a challenge of it.
fn worlds() -> impl Iterator<Item = (World, Challenge)> {
    [SignInWith::V2, SignInWith::V3].into_iter().map(|api| {
        let mut world = World::signed_in_by(api);
        world.use_session();
        let in_flight = world.send(Call::challenge(false));
        let data = json!({"challengeId": "challenge-1"});
        let answer = if is_v3(&in_flight.request()) { json_answer(&data) } else { success(&data) };
        match world.answer(in_flight, Ok(answer)) {
            Outcome::Mfa(MfaOutcome::Challenged(challenge)) => (world, challenge),
            other => panic!("expected a challenge, got {other:?}"),
        }
    })
}

/// Has a call answered so each time that it is sent; returns how often it was, and its error.
fn sent(world: &mut World, call: Call, end: End) -> (u32, Error) {
    let mut call = call;
    let mut sent = 0;
    for _ in 0..1_000 {
        match world.step(call, 0) {
            Step::Exchange(in_flight) => {
                sent += 1;
                let answer = end(is_v3(&in_flight.request()));
                match world.answer(in_flight, answer) {
                    Outcome::Again(again) => call = again,
                    Outcome::Failed(error) => return (sent, error),
                    other => panic!("{other:?}"),
                }
            }
            Step::SignIn(sign_in, waits, _) => {
                assert!(matches!(world.welcome(sign_in), SignInEnded::Stored { .. }));
                call = waits;
            }
            Step::Wait(waits, until) => {
                assert!(until > world.now, "a wait that is over at once");
                world.now = until;
                call = waits;
            }
            other => panic!("{other:?}"),
        }
    }
    panic!("it is sent for ever")
}

/// Checks the row of a table: this end, and how often calls of each effect are sent.
fn row(name: &str, end: End, sent_by: fn(Effect) -> u32) {
    for (call_name, effect, make) in CALLS {
        // A list of organisations has no session that could be invalid.
        if call_name == "ListOrgs" && name.starts_with("1109") {
            continue;
        }
        for (mut world, challenge) in worlds() {
            let sign_ins = world.sign_ins();
            let call = make(world.session.account(), &challenge);
            let (times, _error) = sent(&mut world, call, end);
            assert_eq!(times, sent_by(effect), "{call_name} after {name}");
            assert_eq!((world.session.in_flight(), world.session.waiting()), (0, 0));
            let signs_in = usize::from(name.starts_with("1109") && times > 1);
            let lists = if call_name == "ListOrgs" { times as usize } else { 0 };
            let made = world.sign_ins() - sign_ins;
            assert_eq!(made, signs_in + lists, "{call_name} after {name}");
        }
    }
}

#[test]
fn an_invalid_session_is_replaced_and_what_can_be_repeated_is_sent_once_more() {
    let ends: [(&str, End); 3] = [
        ("1109", |is_v3| no(is_v3, 401, "BDC_1109")),
        ("1109 in a 200 or 400", |is_v3| no(is_v3, if is_v3 { 400 } else { 200 }, "BDC_1109")),
        ("1109 in a 422", |is_v3| no(is_v3, 422, "BDC_1109")),
    ];
    for (name, end) in ends {
        row(name, end, |effect| if effect == Effect::Once { 1 } else { 2 });
    }
}

#[test]
fn too_many_at_once_is_tried_twice_more_by_what_can_be_repeated() {
    for (name, end) in CONTENDED {
        row(name, end, |effect| if effect == Effect::Once { 1 } else { 3 });
    }
}

#[test]
fn too_many_at_once_is_not_believed_of_all_that_a_writing_call_asked_for_when_more_was_said() {
    for (name, end) in IN_PART {
        row(name, end, |effect| if effect == Effect::Reads { 3 } else { 1 });
    }
}

#[test]
fn a_refusal_in_many_entries_of_one_code_is_one_of_the_whole() {
    let mut world = World::v3_signed_in();
    let call = v3(world.session.account(), Method::POST);
    let (times, _error) = sent(&mut world, call, |_| {
        let words = json!({"message": "just words"});
        let contended = json!({"code": "BDC_1322"});
        Ok(v3_errors(422, &json!([words, contended, contended])))
    });
    assert_eq!(times, 3);
}

#[test]
fn a_body_is_signed_anew_for_another_session_and_shared_by_repetitions_with_the_same() {
    let mut world = World::signed_in();
    let call = v2(world.session.account(), "Crud/Create/Bill");
    let first = world.send(call);
    let call = world.again(first, refusal("BDC_1322"));
    let second = world.send_in_time(call);
    let body = second.request().into_body();
    assert_eq!(second.request().into_body().as_ptr(), body.as_ptr(), "it was copied");
    let call = world.again(second, refusal("BDC_1109"));
    let (sign_in, call) = world.begin(call, 0);
    let _stored = world.welcome(sign_in);
    let third = world.send(call);
    let request = third.request();
    assert_eq!(field(&request, "sessionId").unwrap(), "session-2");
    assert_eq!(field(&request, "devKey").unwrap(), "demo-dev-key");
    let call = world.again(third, refusal("BDC_1322"));
    let fourth = world.send_in_time(call);
    assert_eq!(fourth.request().body().as_ptr(), request.body().as_ptr(), "it was copied");
}

#[test]
fn a_body_that_waits_to_be_sent_again_is_not_sent_with_a_session_that_has_gone_meanwhile() {
    let mut world = World::signed_in();
    let mut call = v2(world.session.account(), "Crud/Create/Bill");
    for _ in 0..2 {
        let in_flight = world.send_in_time(call);
        assert_eq!(field(&in_flight.request(), "sessionId").unwrap(), "session-1");
        call = world.again(in_flight, refusal("BDC_1322"));
    }
    world.lose_session();
    world.sign_in();
    let request = world.send_in_time(call).request();
    assert_eq!(field(&request, "sessionId").unwrap(), "session-2");
}

#[test]
fn what_is_lost_is_tried_twice_more_by_what_only_reads_and_never_by_anything_else() {
    for (name, end) in LOST {
        row(name, end, |effect| if effect == Effect::Reads { 3 } else { 1 });
    }
}

#[test]
fn what_would_end_no_better_is_tried_by_nobody_again() {
    for (name, end) in FINAL {
        row(name, end, |_| 1);
    }
}

#[test]
fn answers_of_another_type_are_not_asked_for_again() {
    for text in [r#"{"response_status":0,"response_data":{"id":1}}"#, r#"{"id":1}"#] {
        for is_v3 in [false, true] {
            let mut world = World::signed_in();
            let account = std::sync::Arc::clone(world.session.account());
            let call = if is_v3 { v3(&account, Method::GET) } else { v2(&account, "List/Vendor") };
            if !is_v3 && !text.contains("response_status") {
                continue;
            }
            let in_flight = world.send(call);
            let (outcome, wake) =
                in_flight.read::<Vec<String>>(Ok(body(text))).settle(&mut world.session, world.now);
            world.heed(wake);
            assert!(matches!(outcome, Outcome::Failed(Error::Decode { .. })), "{outcome:?}");
        }
    }
}

#[test]
fn the_error_at_the_end_is_that_of_the_last_answer() {
    let mut world = World::signed_in();
    let account = std::sync::Arc::clone(world.session.account());
    let in_flight = world.send(v2(&account, "List/Vendor"));
    let call = world.again(in_flight, page(502));
    let in_flight = world.send_in_time(call);
    let call = world.again(in_flight, page(503));
    let in_flight = world.send_in_time(call);
    let error = world.fails(in_flight, silence());
    assert!(matches!(error, Error::NoAnswer { .. }), "{error:?}");
}

#[test]
fn each_kind_of_end_has_its_own_number_of_repetitions() {
    let ends: [End; 5] = [
        |_| silence(),
        |is_v3| no(is_v3, 422, "BDC_1322"),
        |_| Ok(page(503)),
        |is_v3| no(is_v3, 422, "BDC_1322"),
        |is_v3| no(is_v3, 401, "BDC_1109"),
    ];
    for last in ends {
        let mut world = World::signed_in();
        world.use_session();
        let account = std::sync::Arc::clone(world.session.account());
        let mut call = v3(&account, Method::GET);
        for end in ends {
            let in_flight = match world.step(call, 0) {
                Step::Exchange(in_flight) => in_flight,
                Step::Wait(call, _) => world.send_in_time(call),
                other => panic!("{other:?}"),
            };
            call = match world.answer(in_flight, end(true)) {
                Outcome::Again(call) => call,
                other => panic!("{other:?}"),
            };
        }
        let (sign_in, call) = world.begin(call, 0);
        let _stored = world.welcome(sign_in);
        let in_flight = world.send(call);
        let outcome = world.answer(in_flight, last(true));
        assert!(matches!(outcome, Outcome::Failed(_)), "{outcome:?}");
    }
}

mod the_wait {
    use super::*;

    /// How long a call waits before each of its repetitions.
    fn waits(world: &mut World, call: Call, end: End) -> Vec<Duration> {
        let mut in_flight = world.send(call);
        let mut waits = Vec::new();
        loop {
            let answer = end(is_v3(&in_flight.request()));
            let begun = world.now;
            match world.answer(in_flight, answer) {
                Outcome::Again(call) => {
                    in_flight = world.send_in_time(call);
                    waits.push(world.now - begun);
                }
                Outcome::Failed(_) => return waits,
                other => panic!("{other:?}"),
            }
        }
    }

    fn reading(world: &World, retry: Retry) -> Call {
        v2(world.session.account(), "List/Vendor").retry(retry).deadline(3600 * SECOND)
    }

    #[test]
    fn is_drawn_between_nothing_and_a_step_that_doubles_from_half_a_second_to_ten() {
        let steps = [500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000, 10_000];
        let mut drawn = vec![Vec::new(); steps.len()];
        for seed in 0..200 {
            let mut world = World::signed_in_with(settings(|settings| settings.seed = seed));
            let call = reading(&world, Retry::times(8));
            let waited = waits(&mut world, call, |_| silence());
            assert_eq!(waited.len(), steps.len());
            for (at, wait) in waited.into_iter().enumerate() {
                let step = Duration::from_millis(steps[at]);
                assert!(wait <= step, "{wait:?} of {step:?}, seed {seed}");
                drawn[at].push(wait);
            }
        }
        // Full jitter: some come back at once, others take nearly the whole step.
        for (at, mut drawn) in drawn.into_iter().enumerate() {
            let step = Duration::from_millis(steps[at]);
            drawn.sort_unstable();
            assert!(drawn[10] < step / 8, "{:?} of {step:?}", drawn[10]);
            assert!(drawn[190] > step * 7 / 8, "{:?} of {step:?}", drawn[190]);
            let median = drawn[100];
            assert!(median > step / 3 && median < step * 2 / 3, "{median:?} of {step:?}");
        }
    }

    #[test]
    fn has_other_steps_if_the_program_says_so() {
        let retry = Retry::times(6).steps(100 * MILLISECOND, SECOND);
        let mut longest = [Duration::ZERO; 6];
        for seed in 0..100 {
            let mut world = World::signed_in_with(settings(|settings| settings.seed = seed));
            let call = reading(&world, retry);
            for (at, wait) in waits(&mut world, call, |_| silence()).into_iter().enumerate() {
                let step = (100 * MILLISECOND * (1 << at)).min(SECOND);
                assert!(wait <= step, "{wait:?} of {step:?}, seed {seed}");
                longest[at] = longest[at].max(wait);
            }
        }
        assert!(longest[0] > 80 * MILLISECOND && longest[5] > 800 * MILLISECOND, "{longest:?}");
    }

    #[test]
    fn is_as_long_as_a_retry_after_asks() {
        let answers: [(End, u64); 4] = [
            (|_| Ok(with_header(page(503), "retry-after", "7")), 7),
            (|_| Ok(with_header(page(502), "retry-after", "30")), 30),
            (
                |is_v3| {
                    no(is_v3, 500, "BDC_9999").map(|answer| with_header(answer, "retry-after", "9"))
                },
                9,
            ),
            (
                |_| {
                    let date = "Sun, 06 Nov 1994 08:49:37 GMT";
                    let answer = with_header(page(503), "date", date);
                    Ok(with_header(answer, "retry-after", "Sun, 06 Nov 1994 08:49:57 GMT"))
                },
                20,
            ),
        ];
        for (end, seconds) in answers {
            for seed in 0..10 {
                let mut world = World::signed_in_with(settings(|settings| settings.seed = seed));
                let call = reading(&world, Retry::times(1));
                let waited = waits(&mut world, call, end);
                assert_eq!(waited, [Duration::from_secs(seconds)], "seed {seed}");
            }
        }
    }

    #[test]
    fn is_never_shorter_than_its_draw_when_a_retry_after_is() {
        let mut longest = Duration::ZERO;
        for seed in 0..50 {
            let mut world = World::signed_in_with(settings(|settings| settings.seed = seed));
            let call = reading(&world, Retry::times(1));
            let waited =
                waits(&mut world, call, |_| Ok(with_header(page(503), "retry-after", "0")));
            longest = longest.max(waited[0]);
        }
        assert!(longest > 400 * MILLISECOND, "{longest:?}");
    }

    #[test]
    fn that_would_outlast_the_deadline_is_not_begun() {
        let mut world = World::signed_in();
        let call = v2(world.session.account(), "List/Vendor").deadline(20 * SECOND);
        let error = world.error_of(call, Ok(with_header(page(503), "retry-after", "20")));
        assert!(matches!(error, Error::NotBill { .. }), "{error:?}");
        let call = v2(world.session.account(), "List/Vendor").deadline(20 * SECOND);
        let in_flight = world.send(call);
        let call = world.again(in_flight, with_header(page(503), "retry-after", "19"));
        let in_flight = world.send_in_time(call);
        assert_eq!(in_flight.limit(), SECOND, "what is left");
    }

    #[test]
    fn and_all_repetitions_end_with_the_deadline() {
        for seed in 0..20 {
            let mut world = World::signed_in_with(settings(|settings| settings.seed = seed));
            let begun = world.now;
            let mut call = v2(world.session.account(), "List/Vendor").retry(Retry::times(u8::MAX));
            let mut sent = 0;
            let error = loop {
                let in_flight = match world.step(call, 0) {
                    Step::Exchange(in_flight) => in_flight,
                    Step::Wait(waits, until) => {
                        world.now = until;
                        call = waits;
                        continue;
                    }
                    Step::Refuse(error) => break error,
                    other => panic!("{other:?}"),
                };
                sent += 1;
                world.now += in_flight.limit().min(10 * SECOND);
                match world.answer(in_flight, silence()) {
                    Outcome::Again(again) => call = again,
                    Outcome::Failed(error) => break error,
                    other => panic!("{other:?}"),
                }
            };
            assert!(world.now - begun <= 120 * SECOND, "{:?}, seed {seed}", world.now - begun);
            assert!(sent >= 5, "{sent}, seed {seed}");
            assert!(
                matches!(error, Error::NoAnswer { .. } | Error::Deadline { .. }),
                "{error:?}, seed {seed}"
            );
        }
    }

    #[test]
    fn holds_no_slot_and_holds_up_nobody() {
        let mut world = World::signed_in_with(settings(|settings| settings.max_in_flight = 1));
        let call = reading(&world, Retry::times(1));
        let in_flight = world.send(call);
        let call = world.again(in_flight, with_header(page(503), "retry-after", "5"));
        assert_eq!(world.session.in_flight(), 0);
        let call = world.wait(call, 0);
        for _ in 0..10 {
            world.use_session();
            world.pass(100 * MILLISECOND);
        }
        let _in_flight = world.send_in_time(call);
    }

    #[test]
    fn keeps_the_calls_place_in_line() {
        let mut world = World::signed_in_with(settings(|settings| settings.max_in_flight = 1));
        let call = reading(&world, Retry::times(1));
        let in_flight = world.send(call);
        let number = in_flight.id();
        let mut others = world.line_up(1, 3);
        let call = world.again(in_flight, with_header(page(503), "retry-after", "2"));
        assert_eq!(world.take_woken(), [1], "it is passed over meanwhile");
        let call = world.wait(call, 0);
        let first = world.send(others.remove(0));
        world.pass(2 * SECOND);
        let call = world.wait(call, 0);
        world.take_woken();
        world.finish(first);
        assert_eq!(world.take_woken(), [0], "its number is lower than those of the two in line");
        let in_flight = world.send(call);
        assert_eq!(in_flight.id(), number);
    }

    #[test]
    fn ends_with_a_sign_out_and_with_a_cancel() {
        let mut world = World::signed_in();
        let call = reading(&world, Retry::times(1));
        let in_flight = world.send(call);
        let call = world.again(in_flight, with_header(page(503), "retry-after", "5"));
        let waiting = world.wait(call, 4);
        let _logout = world.sign_out();
        assert_eq!(world.take_woken(), [4]);
        assert!(matches!(world.refused(waiting), Error::SignedOut { .. }));

        let mut world = World::signed_in();
        let call = reading(&world, Retry::times(1));
        let in_flight = world.send(call);
        let call = world.again(in_flight, page(503));
        world.cancel(call.id().unwrap());
        assert_eq!((world.session.in_flight(), world.session.waiting()), (0, 0));
    }
}

mod the_number_of_tries {
    use super::*;

    fn lost(world: &mut World, call: Call) -> u32 {
        sent(world, call, |_| silence()).0
    }

    #[test]
    fn is_the_settings_unless_the_call_has_its_own() {
        for tries in [0, 1, 2, 7] {
            let mut world =
                World::signed_in_with(settings(|settings| settings.retry = Retry::times(tries)));
            let account = std::sync::Arc::clone(world.session.account());
            let expected = u32::from(tries) + 1;
            assert_eq!(lost(&mut world, v2(&account, "List/Vendor")), expected);
            let own = v2(&account, "List/Vendor").retry(Retry::times(3));
            assert_eq!(lost(&mut world, own), 4);
            let own = v2(&account, "List/Vendor").retry(Retry::NEVER);
            assert_eq!(lost(&mut world, own), 1);
            let own = account.v3(Method::GET, "/v3/bills").retry(Retry::times(4));
            assert_eq!(lost(&mut world, own.call(&account).unwrap()), 5);
        }
    }

    #[test]
    fn of_a_call_that_writes_stays_at_one_whatever_is_asked_for() {
        let mut world =
            World::signed_in_with(settings(|settings| settings.retry = Retry::times(9)));
        let account = std::sync::Arc::clone(world.session.account());
        for (name, effect, make) in CALLS {
            if effect != Effect::Writes {
                continue;
            }
            let (_world, challenge) = worlds().next().unwrap();
            let call = make(&account, &challenge).retry(Retry::times(9));
            assert_eq!(lost(&mut world, call), 1, "{name}");
        }
    }

    #[test]
    fn does_not_touch_1109_and_1322() {
        let mut world = World::signed_in_with(settings(|settings| settings.retry = Retry::NEVER));
        world.use_session();
        let account = std::sync::Arc::clone(world.session.account());
        let call = v2(&account, "List/Vendor");
        assert_eq!(sent(&mut world, call, |is_v3| no(is_v3, 401, "BDC_1109")).0, 2);
        let call = v2(&account, "List/Vendor").retry(Retry::times(9));
        assert_eq!(sent(&mut world, call, |is_v3| no(is_v3, 422, "BDC_1322")).0, 3);
    }
}

#[test]
fn a_program_that_reads_answers_itself_has_1109_and_1322_repeated_and_nothing_else() {
    use bill_session_core::Verdict;

    let send = |world: &mut World| {
        let account = std::sync::Arc::clone(world.session.account());
        let call = v2(&account, "List/Vendor");
        world.send(call)
    };
    let settle = |world: &mut World, in_flight: InFlight, verdict| {
        let (outcome, wake) = in_flight.observed(verdict).settle(&mut world.session, world.now);
        world.heed(wake);
        outcome
    };
    for verdict in [Verdict::Invalid, Verdict::Contended { retry_after: None }] {
        let mut world = World::signed_in();
        world.use_session();
        let in_flight = send(&mut world);
        assert!(matches!(settle(&mut world, in_flight, verdict), Outcome::Again(_)));
    }
    for verdict in [
        Verdict::Alive,
        Verdict::Untrusted,
        Verdict::Unknown,
        Verdict::HourSpent { left: 60 * SECOND },
    ] {
        let mut world = World::signed_in();
        let in_flight = send(&mut world);
        assert!(matches!(settle(&mut world, in_flight, verdict), Outcome::Done(())));
    }
}

#[test]
fn a_loss_says_nothing_about_the_session() {
    for (name, end) in LOST {
        let mut world = World::signed_in();
        world.use_session();
        let begun = world.now;
        let account = std::sync::Arc::clone(world.session.account());
        let (_times, _error) = sent(&mut world, v2(&account, "List/Vendor"), end);
        world.now = begun + Duration::from_secs(34 * 60) - MILLISECOND;
        assert_eq!(world.would(), "be sent", "after {name} the session lives");
        world.now += MILLISECOND;
        assert_eq!(world.would(), "sign in", "after {name} its timer was not restarted");
    }
}

#[test]
fn the_same_operation_afresh_keeps_what_was_set_for_it() {
    let mut world = World::signed_in();
    let call = v2(world.session.account(), "List/Vendor").retry(Retry::NEVER);
    let call = call.deadline(Duration::from_secs(7));
    for call in [call.afresh().afresh(), call] {
        let in_flight = world.send(call);
        assert_eq!(in_flight.limit(), Duration::from_secs(7));
        let outcome = world.answer(in_flight, silence());
        assert!(matches!(outcome, Outcome::Failed(Error::NoAnswer { .. })), "{outcome:?}");
    }
}
