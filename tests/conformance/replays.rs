//! What is sent again, after which end, how often: the table of replays, over the wire.
//!
//! What only reads may be sent again after the loss of its outcome. What writes is sent again only
//! when BILL has said that nothing was done, and the sandbox's own account tells whether that holds.

use std::thread;
use std::time::{Duration, Instant};

use bill_conformance::{
    Adapter, Carried, Client, MILLISECOND, MINUTE, Op, SECOND, STUCK, Setup, Upload, World,
    eventually, within,
};
use bill_sandbox::{Fault, FaultKind};
use bill_session_core::{Error, Retry};
use http::Method;
use serde_json::{Value, json};

use crate::limits::stranger;

/// Longer than any wait of [`Retry::default`] and its like before a repetition.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

fn world(adapter: Adapter, retry: Retry) -> World {
    with(adapter, retry, |_| {})
}

fn with(adapter: Adapter, retry: Retry, change: impl FnOnce(&mut Setup)) -> World {
    World::with(adapter, |setup| {
        setup.retry = retry;
        setup.vendors = 100;
        setup.sandbox = |sandbox| sandbox.untrusted_refuses([] as [&str; 0]);
        change(setup);
    })
}

/// The id of one of the sandbox's vendors, from 1 on.
fn vendor(number: usize) -> String {
    format!("00901{number:015}")
}

/// Everything that only reads, of either API, and what the sandbox calls it.
fn reads() -> Vec<(Op, &'static str)> {
    let nothing = || Value::Null;
    let page = json!({"start": 0, "max": 5});
    vec![
        (Op::read(), "GetSessionInfo"),
        (Op::call("MFAStatus", nothing()), "MFAStatus"),
        (Op::call("CurrentTime", nothing()), "CurrentTime"),
        (Op::call("List/Vendor", page), "List/Vendor"),
        (Op::call("Crud/Read/Vendor", json!({"id": vendor(1)})), "Crud/Read/Vendor"),
        (Op::get("/v3/vendors").query("max", 5), "v3/List/vendors"),
        (Op::get(&format!("/v3/vendors/{}", vendor(1))), "v3/Read/vendors"),
        (Op::get("/v3/login/session"), "v3/GetSession"),
        (Op::get("/v3/login/organizations"), "v3/ListOrganizations"),
    ]
}

/// Everything that does more than that; each time to another object.
fn writes(number: usize) -> Vec<(Op, &'static str)> {
    let id = vendor(number);
    let name = format!("no {number}");
    let object = |entity: &str| json!({"obj": {"entity": entity, "name": name}});
    let change = json!({"obj": {"entity": "Vendor", "id": id, "name": name}});
    let (by_id, named) = (json!({"id": id}), json!({"name": name}));
    // Objects of their own, since a DELETE of v3's leaves nothing for the others.
    let path = format!("/v3/vendors/{id}");
    let gone = format!("/v3/vendors/{}", vendor(number + 50));
    let bill = "00n01000000000000001";
    let file = || Carried::Bytes(name.clone().into_bytes());
    let v3 = |method, path: &str| Op::v3_json(method, path, named.clone());
    vec![
        (Op::call("Crud/Create/Vendor", object("Vendor")), "Crud/Create/Vendor"),
        (Op::call("Crud/Create/SentPay", object("SentPay")), "Crud/Create/SentPay"),
        (Op::call("Crud/Update/Vendor", change), "Crud/Update/Vendor"),
        (Op::call("Crud/Delete/Vendor", by_id.clone()), "Crud/Delete/Vendor"),
        (Op::call("Crud/Undelete/Vendor", by_id), "Crud/Undelete/Vendor"),
        (Op::call("PayBills", named.clone()), "PayBills"),
        (v3(Method::POST, "/v3/vendors"), "v3/Create/vendors"),
        (v3(Method::POST, "/v3/payments"), "v3/Create/payments"),
        (v3(Method::PATCH, &path), "v3/Update/vendors"),
        (v3(Method::PUT, &path), "v3/Replace/vendors"),
        (Op::v3(Method::DELETE, &gone), "v3/Delete/vendors"),
        (Op::Upload(Upload::attachment(bill, "a.pdf", file())), "UploadAttachment"),
        (
            Op::Upload(Upload::document(&format!("/v3/documents/bills/{bill}"), "a.pdf", file())),
            "v3/Upload/bills",
        ),
    ]
}

/// What of all effects can be counted: vendors, payments and files.
fn made(world: &World) -> [usize; 3] {
    let rows = |entity| world.run(&Op::list(entity)).unwrap().as_array().unwrap().len();
    [rows("Vendor"), rows("SentPay"), usize::try_from(world.stats().uploads).unwrap()]
}

/// The same when an operation has been carried out once.
fn with_effect([vendors, payments, files]: [usize; 3], name: &str) -> [usize; 3] {
    match name {
        "Crud/Create/Vendor" | "v3/Create/vendors" => [vendors + 1, payments, files],
        "v3/Delete/vendors" => [vendors - 1, payments, files],
        "Crud/Create/SentPay" | "PayBills" | "v3/Create/payments" => [vendors, payments + 1, files],
        "UploadAttachment" | "v3/Upload/bills" => [vendors, payments, files + 1],
        _ => [vendors, payments, files],
    }
}

/// How the loss of an outcome is told.
#[derive(Clone, Copy, Debug)]
enum Told {
    Unanswered,
    Foreign,
    Refused,
}

impl Told {
    fn is(self, error: &Error) -> bool {
        match self {
            Self::Unanswered => matches!(error, Error::NoAnswer { .. }),
            Self::Foreign => matches!(error, Error::NotBill { .. }),
            Self::Refused => matches!(error, Error::Api(_)),
        }
    }
}

/// Ends after which nobody knows what was done.
fn losses() -> Vec<(FaultKind, Told)> {
    let gateway = FaultKind::Body {
        status: 504,
        content_type: "application/json".to_owned(),
        body: r#"{"message":"Endpoint request timed out"}"#.to_owned(),
    };
    let in_trouble = |status, code: &str| FaultKind::Envelope { status, code: code.to_owned() };
    vec![
        (FaultKind::ResetBeforeAnswer, Told::Unanswered),
        (FaultKind::ResetMidAnswer, Told::Unanswered),
        (FaultKind::CloseMidAnswer, Told::Unanswered),
        (FaultKind::TornJson, Told::Foreign),
        (FaultKind::Html { status: 502 }, Told::Foreign),
        (FaultKind::Html { status: 503 }, Told::Foreign),
        (gateway, Told::Foreign),
        (in_trouble(500, "BDC_1001"), Told::Refused),
        (in_trouble(503, "BDC_9999"), Told::Refused),
    ]
}

/// The outcomes of all requests for an operation.
fn outcomes(world: &World, name: &str) -> Vec<String> {
    let journal = world.sandbox.journal().into_iter().filter(|entry| entry.operation == name);
    journal.map(|entry| entry.outcome.unwrap_or_default()).collect()
}

/// How many requests for an operation have come since there were so many.
fn sent(world: &World, name: &str, before: usize) -> usize {
    outcomes(world, name).len() - before
}

/// Runs an operation to its end, and moves the clocks whenever it waits to be sent again.
fn drive_by<R: Send + 'static>(
    world: &World,
    client: &Client,
    step: Duration,
    work: impl FnOnce(Client) -> R + Send + 'static,
) -> R {
    let own = client.clone();
    let caller = thread::spawn(move || work(own));
    let begun = Instant::now();
    let requests = || world.stats().calls + world.sign_ins();
    while !caller.is_finished() {
        assert!(begun.elapsed() < STUCK, "the call has neither ended nor gone to wait");
        let now = client.status();
        if (now.in_flight, now.waiting) == (0, 1) {
            let (before, reads) = (requests(), world.clock.reads());
            world.advance(step);
            // The jump, the caller's step, and how long it is to wait still.
            let looked = || world.clock.reads() >= reads + 3;
            within(SECOND, || caller.is_finished() || requests() > before || looked());
        } else {
            thread::park_timeout(MILLISECOND / 4);
        }
    }
    caller.join().unwrap()
}

fn drive(world: &World, op: &Op) -> Result<Value, Error> {
    let op = op.clone();
    drive_by(world, world.client(), LONGEST_WAIT, move |client| client.run(&op))
}

// After BDC_1109, which comes before anything was done: whatever it is, once.

pub(crate) fn after_an_invalid_session_everything_is_sent_once_more(adapter: Adapter) {
    let world = world(adapter, Retry::NEVER);
    world.call().unwrap();
    let mut session = 1;
    for (op, name) in writes(1).into_iter().chain(reads()) {
        let had = made(&world);
        let before = outcomes(&world, name).len();
        world.sandbox.fault(Fault::new(FaultKind::LoseSession).on(name));
        world.run(&op).unwrap();
        let sessions = world.sessions_of(name).split_off(before);
        assert_eq!(sessions, [session, session + 1], "{name}");
        assert_eq!(outcomes(&world, name).split_off(before), ["BDC_1109", "ok"], "{name}");
        session += 1;
        // What was made was made once.
        assert_eq!(made(&world), with_effect(had, name), "{name}");
    }
    assert_eq!(world.sign_ins(), session);
}

pub(crate) fn after_a_second_invalid_session_nothing_is_sent_any_more(adapter: Adapter) {
    let world = world(adapter, Retry::times(5));
    for (op, name) in writes(1).into_iter().chain(reads()) {
        // A session that has proved itself, so that nobody backs off.
        world.call().unwrap();
        let before = (outcomes(&world, name).len(), world.sign_ins());
        world.sandbox.fault(Fault::new(FaultKind::invalid_session()).on(name).times(2));
        let error = world.run(&op).unwrap_err();
        assert_eq!(error.code().unwrap().as_str(), "BDC_1109", "{name}");
        assert_eq!(sent(&world, name, before.0), 2, "{name}");
        assert_eq!(world.sign_ins(), before.1 + 1, "{name}");
    }
}

// After BDC_1322, likewise: twice.

pub(crate) fn after_three_others_at_once_everything_is_sent_twice_more_at_most(adapter: Adapter) {
    let world = world(adapter, Retry::NEVER);
    world.call().unwrap();
    for (op, name) in writes(1).into_iter().chain(reads()) {
        let had = made(&world);
        let before = outcomes(&world, name).len();
        let contended = Fault::new(FaultKind::code("BDC_1322")).on(name);
        world.sandbox.fault(contended.clone().times(2));
        drive(&world, &op).unwrap();
        let came = outcomes(&world, name).split_off(before);
        assert_eq!(came, ["BDC_1322", "BDC_1322", "ok"], "{name}");
        world.sandbox.fault(contended.times(3));
        let error = drive(&world, &op).unwrap_err();
        assert_eq!(error.code().unwrap().as_str(), "BDC_1322", "{name}");
        assert_eq!(sent(&world, name, before), 6, "{name}");
        assert_eq!(made(&world), with_effect(had, name), "{name}");
    }
    assert_eq!(world.sign_ins(), 1);
}

// After the loss of the outcome: reads, as often as the program allows.

/// What an answer shows, without the cursor of a page, which is never the same twice.
fn shown(mut answer: Value) -> Value {
    if answer.get("nextPage").is_some() {
        answer["nextPage"] = Value::Null;
    }
    answer
}

pub(crate) fn a_read_whose_outcome_is_lost_twice_is_served_the_third_time(adapter: Adapter) {
    let world = world(adapter, Retry::default());
    for (op, name) in reads() {
        let expected = shown(world.run(&op).unwrap());
        for (kind, _) in losses() {
            let before = outcomes(&world, name).len();
            world.sandbox.fault(Fault::new(kind.clone()).on(name).times(2));
            let answer = drive(&world, &op).unwrap();
            assert!(shown(answer) == expected || name == "CurrentTime", "{name}, {kind:?}");
            assert_eq!(sent(&world, name, before), 3, "{name}, {kind:?}");
        }
    }
    // A loss says nothing of the session.
    assert_eq!(world.sign_ins(), 1);
}

pub(crate) fn a_read_whose_outcome_is_lost_three_times_is_told_of_the_last_loss(adapter: Adapter) {
    let world = world(adapter, Retry::default());
    world.sign_in().unwrap();
    for (op, name) in reads() {
        for (kind, told) in losses() {
            let before = outcomes(&world, name).len();
            world.sandbox.fault(Fault::new(kind.clone()).on(name).times(3));
            let error = drive(&world, &op).unwrap_err();
            assert!(told.is(&error), "{name}, {kind:?}: {error:?}");
            assert_eq!(sent(&world, name, before), 3, "{name}, {kind:?}");
        }
    }
    assert_eq!(world.sign_ins(), 1);
}

/// Answers that never come, or not to their end.
fn silences() -> [FaultKind; 2] {
    [FaultKind::NoAnswer, FaultKind::SlowBytes { bytes: 1, pause_ms: 60_000 }]
}

pub(crate) fn a_read_that_is_not_answered_in_time_is_sent_again(adapter: Adapter) {
    // HTTP clients know real time only, so this limit is a real one.
    let limit = 300 * MILLISECOND;
    let world = with(adapter, Retry::default(), |setup| setup.call_limit = Some(limit));
    world.sign_in().unwrap();
    for (op, name) in [(Op::read(), "GetSessionInfo"), (Op::get("/v3/vendors"), "v3/List/vendors")]
    {
        for kind in silences() {
            let before = outcomes(&world, name).len();
            world.sandbox.fault(Fault::new(kind.clone()).on(name));
            drive(&world, &op).unwrap();
            assert_eq!(sent(&world, name, before), 2, "{name}, {kind:?}");
        }
    }
    let before = outcomes(&world, "GetSessionInfo").len();
    world.sandbox.fault(Fault::new(FaultKind::NoAnswer).on("GetSessionInfo").times(3));
    let error = drive(&world, &Op::read()).unwrap_err();
    assert!(matches!(&error, Error::NoAnswer { error, .. } if error.is_timeout()), "{error:?}");
    assert_eq!(sent(&world, "GetSessionInfo", before), 3);
    assert_eq!(world.sign_ins(), 1);
}

pub(crate) fn the_waits_before_a_read_is_sent_again_are_half_a_second_and_a_second_at_most(
    adapter: Adapter,
) {
    let world = world(adapter, Retry::default());
    for _ in 0..10 {
        world.call().unwrap();
        let begun = (world.stats().calls, world.sandbox.now());
        world.sandbox.fault(Fault::new(FaultKind::TornJson).on("GetSessionInfo").times(2));
        let caller = world.start(1, &Op::read());
        for (nth, most) in [(1, SECOND / 2), (2, SECOND)] {
            // A wait of nearly nothing may be over before the clock has moved.
            let comes_back = || {
                let now = world.client().status();
                let waits = (now.in_flight, now.waiting) == (0, 1);
                (world.stats().calls == begun.0 + nth && waits) || caller.ended() == 1
            };
            eventually("it waits to be sent again", comes_back);
            world.advance(most);
            eventually("it is sent again", || world.stats().calls > begun.0 + nth);
        }
        caller.join_all_ok();
        assert_eq!(world.stats().calls, begun.0 + 3);
        assert!(world.sandbox.now() - begun.1 <= 1_500 * MILLISECOND);
    }
}

pub(crate) fn a_retry_after_of_a_server_in_trouble_is_waited_for(adapter: Adapter) {
    for (op, name) in [(Op::read(), "GetSessionInfo"), (Op::get("/v3/vendors"), "v3/List/vendors")]
    {
        let world = world(adapter, Retry::default());
        world.sign_in().unwrap();
        let outage = Fault::new(FaultKind::Html { status: 503 }).on(name);
        world.sandbox.fault(outage.header("retry-after", "7"));
        let caller = world.start(1, &op);
        eventually("it waits to be sent again", || {
            let now = world.client().status();
            (now.in_flight, now.waiting, outcomes(&world, name).len()) == (0, 1, 1)
        });
        let reads = world.clock.reads();
        world.advance(7 * SECOND - MILLISECOND);
        // The jump, the caller's step, and how long it is to wait still.
        eventually("it has looked", || world.clock.reads() >= reads + 3);
        assert_eq!((outcomes(&world, name).len(), caller.ended()), (1, 0));
        world.advance(MILLISECOND);
        caller.join_all_ok();
        assert_eq!(outcomes(&world, name), ["html 503", "ok"]);
    }
}

pub(crate) fn without_a_word_of_the_program_a_lost_read_is_sent_twice_more(adapter: Adapter) {
    let world = World::new(adapter);
    let client = stranger(&world);
    for (times, is_served) in [(2, true), (3, false)] {
        let before = outcomes(&world, "GetSessionInfo").len();
        let torn = Fault::new(FaultKind::TornJson).on("GetSessionInfo").times(times);
        world.sandbox.fault(torn);
        let read = |client: Client| client.run(&Op::read());
        assert_eq!(drive_by(&world, &client, LONGEST_WAIT, read).is_ok(), is_served);
        assert_eq!(sent(&world, "GetSessionInfo", before), 3);
    }
}

/// A v2 read with retries of its own.
fn read_with(client: Client, retry: Retry) -> Result<Value, Error> {
    match client {
        Client::Async(client, runtime) => {
            runtime.block_on(client.v2("GetSessionInfo", &()).retry(retry).send())
        }
        Client::Blocking(client) => client.v2("GetSessionInfo", &()).retry(retry).send(),
    }
}

pub(crate) fn a_calls_own_retry_is_stronger_than_the_clients(adapter: Adapter) {
    let cases = [(Retry::NEVER, 4, 5), (Retry::times(5), 0, 1), (Retry::default(), 1, 2)];
    for (of_client, tries, expected) in cases {
        let world = world(adapter, of_client);
        world.sign_in().unwrap();
        let own = if tries == 0 { Retry::NEVER } else { Retry::times(tries) };
        for name in ["GetSessionInfo", "v3/List/vendors"] {
            world.sandbox.fault(Fault::new(FaultKind::TornJson).on(name).always());
        }
        let of_v2 = move |client| read_with(client, own);
        drive_by(&world, world.client(), LONGEST_WAIT, of_v2).unwrap_err();
        assert_eq!(sent(&world, "GetSessionInfo", 0), expected);
        drive(&world, &Op::get("/v3/vendors").retry(own)).unwrap_err();
        assert_eq!(sent(&world, "v3/List/vendors", 0), expected);
    }
}

pub(crate) fn each_end_is_counted_by_itself(adapter: Adapter) {
    let world = world(adapter, Retry::default());
    let ends = [
        FaultKind::ResetBeforeAnswer,
        FaultKind::invalid_session(),
        FaultKind::code("BDC_1322"),
        FaultKind::TornJson,
        FaultKind::code("BDC_1322"),
    ];
    for name in ["GetSessionInfo", "v3/List/vendors"] {
        for kind in ends.clone() {
            world.sandbox.fault(Fault::new(kind).on(name));
        }
    }
    drive(&world, &Op::read()).unwrap();
    drive(&world, &Op::get("/v3/vendors")).unwrap();
    for name in ["GetSessionInfo", "v3/List/vendors"] {
        let came = outcomes(&world, name);
        let expected =
            ["reset_before_answer", "BDC_1109", "BDC_1322", "torn_json", "BDC_1322", "ok"];
        assert_eq!(came, expected, "{name}");
    }
    assert_eq!(world.sign_ins(), 3);
}

pub(crate) fn a_call_that_waits_to_be_sent_again_holds_no_slot_and_keeps_its_place(
    adapter: Adapter,
) {
    let world = with(adapter, Retry::times(1), |setup| setup.max_in_flight = Some(1));
    world.sign_in().unwrap();
    let outage = Fault::new(FaultKind::Html { status: 503 }).on("CurrentTime");
    world.sandbox.fault(outage.header("retry-after", "10"));
    let lost = world.start(1, &Op::call("CurrentTime", Value::Null));
    eventually("it waits to be sent again", || {
        let now = world.client().status();
        (now.in_flight, now.waiting, world.stats().calls) == (0, 1, 1)
    });
    // The only slot is free for others meanwhile.
    world.call().unwrap();
    let answer = world.sandbox.hold("GetSessionInfo");
    let in_flight = world.start(1, &Op::read());
    answer.wait_for(1).unwrap();
    let behind = world.start(5, &Op::read());
    behind.all_wait();
    world.advance(10 * SECOND);
    answer.release();
    in_flight.join_all_ok();
    lost.join_all_ok();
    behind.join_all_ok();
    // Its number is older than those of the five, so that it was the next.
    let operations = world.operations();
    let again = operations.iter().rposition(|operation| operation == "CurrentTime").unwrap();
    assert_eq!(operations.len() - again, 6, "{operations:?}");
}

pub(crate) fn a_deadline_ends_the_repetitions_with_the_last_loss(adapter: Adapter) {
    let patient = Retry::times(200).steps(5 * SECOND, 5 * SECOND);
    for (op, name) in [(Op::read(), "GetSessionInfo"), (Op::get("/v3/vendors"), "v3/List/vendors")]
    {
        let world = world(adapter, patient);
        world.sign_in().unwrap();
        // The second would be at 20 seconds, and the third after the deadline.
        let outage = Fault::new(FaultKind::Html { status: 503 }).on(name).always();
        world.sandbox.fault(outage.clone().header("retry-after", "20"));
        let limited = op.within(30 * SECOND);
        let error = drive(&world, &limited).unwrap_err();
        assert!(matches!(error, Error::NotBill { .. }), "{error:?}");
        assert_eq!(outcomes(&world, name), ["html 503", "html 503"]);
        assert_eq!(world.sandbox.now(), 20 * SECOND);
        // Without that word there are many, and an end before the deadline all the same.
        world.sandbox.clear_faults();
        world.sandbox.fault(outage);
        let read = move |client: Client| client.run(&limited);
        let error = drive_by(&world, world.client(), SECOND, read).unwrap_err();
        // The last one may have been due within the second in which the deadline came.
        assert!(matches!(error, Error::NotBill { .. } | Error::Deadline { .. }), "{error:?}");
        let again = sent(&world, name, 2);
        assert!((5..200).contains(&again), "{again}");
        assert!(world.sandbox.now() <= 50 * SECOND, "{:?}", world.sandbox.now());
    }
}

pub(crate) fn a_repetition_that_finds_no_slot_ends_at_the_calls_deadline(adapter: Adapter) {
    let world = world(adapter, Retry::default());
    world.sign_in().unwrap();
    world.sandbox.fault(Fault::new(FaultKind::TornJson).on("CurrentTime"));
    let nothing = Value::Null;
    let caller = world.start(1, &Op::call("CurrentTime", nothing).within(MINUTE));
    let answers = world.sandbox.hold("GetSessionInfo");
    eventually("it waits to be sent again", || {
        let now = world.client().status();
        (now.in_flight, now.waiting, outcomes(&world, "CurrentTime").len()) == (0, 1, 1)
    });
    let in_flight = world.start(3, &Op::read());
    answers.wait_for(3).unwrap();
    world.advance(MINUTE);
    let error = caller.join_all_failed().remove(0);
    assert!(matches!(error, Error::Deadline { cause: None, .. }), "{error:?}");
    answers.release();
    in_flight.join_all_ok();
    assert_eq!(outcomes(&world, "CurrentTime"), ["torn_json"]);
}

pub(crate) fn a_list_that_loses_pages_on_its_way_is_whole_all_the_same(adapter: Adapter) {
    let world = world(adapter, Retry::default());
    world.sign_in().unwrap();
    let whole = |list: Value| {
        let entries = list.as_array().unwrap().clone();
        let mut ids: Vec<_> = entries.iter().map(|entry| entry["id"].to_string()).collect();
        ids.sort_unstable();
        ids.dedup();
        (entries.len(), ids.len())
    };
    let lists = [
        (Op::List { entity: "Vendor".to_owned(), page_size: Some(30) }, "List/Vendor"),
        (Op::v3_list("/v3/vendors").query("max", 30), "v3/List/vendors"),
    ];
    for (op, name) in lists {
        // The second page is lost in two ways, and the fourth is refused and lost.
        for (after, kind) in [
            (1, FaultKind::TornJson),
            (2, FaultKind::ResetMidAnswer),
            (5, FaultKind::LoseSession),
            (6, FaultKind::Html { status: 502 }),
        ] {
            world.sandbox.fault(Fault::new(kind).on(name).after(after));
        }
        assert_eq!(whole(drive(&world, &op).unwrap()), (100, 100), "{name}");
        assert_eq!(outcomes(&world, name).len(), 4 + 4, "{name}");
    }
    assert_eq!(world.sign_ins(), 3);
}

// After the loss of the outcome of anything else: never.

pub(crate) fn what_writes_is_sent_once_and_done_once_however_its_answer_is_lost(adapter: Adapter) {
    // As patient as can be: it does not concern what writes.
    let world = world(adapter, Retry::times(9));
    let before = made(&world);
    for (number, (kind, told)) in losses().into_iter().enumerate() {
        for (op, name) in writes(1 + number) {
            let before = outcomes(&world, name).len();
            // It is done, and the answer that says so gets lost.
            world.sandbox.fault(Fault::new(kind.clone()).on(name).handled());
            let error = drive(&world, &op).unwrap_err();
            assert!(told.is(&error), "{name}, {kind:?}: {error:?}");
            assert_eq!(sent(&world, name, before), 1, "{name}, {kind:?}");
        }
    }
    let ways = losses().len();
    // Two vendors, less one that is gone; three payments; two files: each of them each time.
    let [vendors, payments, files] = before;
    assert_eq!(made(&world), [vendors + ways, payments + 3 * ways, files + 2 * ways]);
    assert_eq!(world.sign_ins(), 1);
}

pub(crate) fn what_writes_is_sent_once_when_it_is_not_answered_in_time(adapter: Adapter) {
    // A real limit, as above.
    let limit = 300 * MILLISECOND;
    let world = with(adapter, Retry::times(9), |setup| {
        setup.call_limit = Some(limit);
        setup.vendors = 1;
    });
    world.sign_in().unwrap();
    let created = json!({"obj": {"entity": "Vendor", "name": "one"}});
    let cases = [
        (Op::call("Crud/Create/Vendor", created), "Crud/Create/Vendor"),
        (Op::v3_json(Method::POST, "/v3/vendors", json!({"name": "two"})), "v3/Create/vendors"),
        (Op::call("PayBills", json!({"name": "three"})), "PayBills"),
    ];
    for (op, name) in cases {
        for (nth, kind) in silences().into_iter().enumerate() {
            world.sandbox.fault(Fault::new(kind.clone()).on(name).handled());
            let error = drive(&world, &op).unwrap_err();
            let in_time = matches!(&error, Error::NoAnswer { error, .. } if error.is_timeout());
            assert!(in_time, "{name}, {kind:?}: {error:?}");
            assert_eq!(sent(&world, name, 0), nth + 1, "{name}, {kind:?}");
        }
    }
    assert_eq!(made(&world), [1 + 4, 2, 0]);
}

pub(crate) fn a_list_of_organizations_that_is_lost_is_not_asked_for_again(adapter: Adapter) {
    // It only reads, and each costs one of the hour's sign-ins.
    let world = world(adapter, Retry::times(9));
    for (kind, told) in losses() {
        let before = outcomes(&world, "ListOrgs").len();
        world.sandbox.fault(Fault::new(kind.clone()).on("ListOrgs"));
        let error = drive(&world, &Op::ListOrgs).unwrap_err();
        assert!(told.is(&error), "{kind:?}: {error:?}");
        assert_eq!(sent(&world, "ListOrgs", before), 1, "{kind:?}");
    }
    assert_eq!(world.client().status().sign_ins.used as usize, losses().len());
}

// What would come again is told at once, whatever was asked.

pub(crate) fn an_answer_that_would_come_again_is_not_asked_for_again(adapter: Adapter) {
    let world = with(adapter, Retry::times(9), |setup| setup.call_cap = Some(50_000));
    world.sign_in().unwrap();
    let elsewhere = |status| FaultKind::Redirect { status, location: world.sandbox.origin() };
    let body = |status, content_type: &str, body: String| {
        let content_type = content_type.to_owned();
        FaultKind::Body { status, content_type, body }
    };
    let foreign = [
        elsewhere(302),
        elsewhere(307),
        elsewhere(308),
        FaultKind::Html { status: 200 },
        FaultKind::Html { status: 403 },
        FaultKind::Html { status: 404 },
        body(200, "text/plain", "it works".to_owned()),
        FaultKind::gateway_unauthorized(),
    ];
    for (op, name) in reads().into_iter().chain(writes(1)) {
        for kind in foreign.clone() {
            let before = outcomes(&world, name).len();
            world.sandbox.fault(Fault::new(kind.clone()).on(name));
            let error = drive(&world, &op).unwrap_err();
            assert!(matches!(error, Error::NotBill { .. }), "{name}, {kind:?}: {error:?}");
            assert_eq!(sent(&world, name, before), 1, "{name}, {kind:?}");
        }
        let before = outcomes(&world, name).len();
        let too_long = body(200, "application/json", "[]".to_owned() + &" ".repeat(50_000));
        world.sandbox.fault(Fault::new(too_long).on(name));
        let error = drive(&world, &op).unwrap_err();
        let is_told = matches!(&error, Error::NoAnswer { error, .. } if error.is_too_large());
        assert!(is_told, "{name}: {error:?}");
        assert_eq!(sent(&world, name, before), 1, "{name}");
    }
    assert_eq!(world.sign_ins(), 1);
}

pub(crate) fn a_refusal_of_what_was_asked_is_not_asked_for_again(adapter: Adapter) {
    let world = world(adapter, Retry::times(9));
    world.sign_in().unwrap();
    for (op, name) in reads().into_iter().chain(writes(1)) {
        for code in ["BDC_1002", "BDC_1121", "BDC_1361", "BDC_9999"] {
            let before = outcomes(&world, name).len();
            world.sandbox.fault(Fault::new(FaultKind::code(code)).on(name));
            let error = drive(&world, &op).unwrap_err();
            assert_eq!(error.code().unwrap().as_str(), code, "{name}");
            assert_eq!(sent(&world, name, before), 1, "{name}, {code}");
        }
    }
    assert_eq!(world.sign_ins(), 1);
}
