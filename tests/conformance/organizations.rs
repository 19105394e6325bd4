//! One user, many organisations: what their clients share, and what each has of its own.

use std::sync::{Arc, Barrier};
use std::thread;

use bill_conformance::{Adapter, Client, HOUR, MINUTE, Op, Relay, STUCK, World, eventually};
use bill_sandbox::{Builder, DEMO_ORG, DEMO_OTHER_ORG, Fault, FaultKind};
use bill_session_core::{Code, Error, Event, Limit, Phase, SignInWith};
use serde_json::{Value, json};

const MANY: usize = 1_000;

fn organization(number: usize) -> String {
    format!("008{number:017}")
}

/// A sandbox of many organisations, beyond the two of the demo.
fn many(builder: Builder) -> Builder {
    (3..=MANY).map(organization).fold(builder.without_limits(), Builder::organization)
}

fn other(world: &World) -> Client {
    world.client().for_organization(DEMO_OTHER_ORG).unwrap()
}

fn code(error: &Error) -> Option<&str> {
    error.code().map(Code::as_str)
}

/// The organisations of the requests of an operation, in order.
fn organizations_of(world: &World, operation: &str) -> Vec<String> {
    let journal = world.sandbox.journal().into_iter();
    let of_operation = journal.filter(|entry| entry.operation == operation);
    of_operation.map(|entry| entry.organization.unwrap()).collect()
}

pub(crate) fn each_organisation_has_a_session_of_its_own(adapter: Adapter) {
    for api in [SignInWith::V2, SignInWith::V3] {
        let world = World::with(adapter, |setup| setup.sign_in_with = api);
        let other = other(&world);
        assert_eq!(world.call().unwrap()["orgId"], DEMO_ORG);
        assert_eq!(other.run(&Op::read()).unwrap()["orgId"], DEMO_OTHER_ORG);
        assert_eq!(world.sessions_of("GetSessionInfo"), [1, 2]);
        assert_eq!(organizations_of(&world, "GetSessionInfo"), [DEMO_ORG, DEMO_OTHER_ORG]);
        // One ends, the other lives.
        world.sign_out().unwrap();
        assert!(matches!(world.phase(), Phase::SignedOut));
        assert!(matches!(other.phase(), Phase::SignedIn { .. }));
        other.run(&Op::read()).unwrap();
        assert_eq!((world.sign_ins(), world.stats().sessions_alive), (2, 1));
    }
}

pub(crate) fn the_same_organisation_is_the_same_client_with_the_same_session(adapter: Adapter) {
    let world = World::new(adapter);
    for _ in 0..50 {
        // As a program does that asks at each of its requests, and lets go of it.
        other(&world).run(&Op::read()).unwrap();
        // The organisation that the client was built for is one like the others.
        world.client().for_organization(DEMO_ORG).unwrap().run(&Op::read()).unwrap();
        world.call().unwrap();
    }
    assert_eq!(world.sign_ins(), 2);
    // From the client of any organisation.
    let back = other(&world).for_organization(DEMO_ORG).unwrap();
    back.run(&Op::read()).unwrap();
    back.run(&Op::SignOut).unwrap();
    assert!(matches!(world.phase(), Phase::SignedOut));
    assert_eq!(world.sign_ins(), 2);
}

pub(crate) fn each_organisation_has_three_slots_and_a_line_of_its_own(adapter: Adapter) {
    let world = World::new(adapter);
    let other = other(&world);
    world.sign_in().unwrap();
    other.run(&Op::SignIn).unwrap();
    let held = world.sandbox.hold("CurrentTime");
    let slow = Op::call("CurrentTime", Value::Null);
    let here = world.start(10, &slow);
    held.wait_for(3).unwrap();
    let there = world.start_with(&other, 10, &slow);
    held.wait_for(6).unwrap();
    eventually("the others wait in line", || {
        [world.client().status(), other.status()]
            .iter()
            .all(|status| (status.in_flight, status.waiting, status.max_in_flight) == (3, 7, 3))
    });
    // An organisation whose slots are taken does not hold up a third.
    let third = world.sandbox.stats();
    assert_eq!(third.in_flight, 6);
    held.release();
    here.join_all_ok();
    there.join_all_ok();
    let by_key = world.stats().max_in_flight_by_key;
    assert!(by_key.values().all(|most| *most <= 3), "{by_key:?}");
    assert_eq!(by_key.len(), 2, "{by_key:?}");
    assert_eq!(world.stats().limited_concurrent, 0);
}

pub(crate) fn organisations_share_the_connections(adapter: Adapter) {
    let relay = Relay::start();
    let world = World::with(adapter, |setup| {
        setup.origin = Some(relay.origin());
        setup.sign_in_with = SignInWith::V3;
        setup.sandbox = many;
    });
    relay.to(world.sandbox.addr());
    for number in 1..=20 {
        let client = world.client().for_organization(&organization(number)).unwrap();
        client.run(&Op::get("/v3/login/session")).unwrap();
    }
    assert_eq!(world.sign_ins(), 20);
    // One connection serves them in turn, or two when it was not back in the pool in time.
    let connections = relay.connections();
    assert!((1..=3).contains(&connections), "{connections}");
}

pub(crate) fn organisations_share_the_keys_budgets(adapter: Adapter) {
    let world = World::with(adapter, |setup| setup.sign_ins_an_hour = Some(2));
    let other = other(&world);
    world.sign_in().unwrap();
    other.run(&Op::SignIn).unwrap();
    for client in [world.client(), &other] {
        let sign_ins = client.status().sign_ins;
        assert_eq!((sign_ins.used, sign_ins.limit), (2, 2), "{sign_ins:?}");
    }
    world.sandbox.lose_sessions();
    let error = other.run(&Op::read()).unwrap_err();
    let limited = matches!(error, Error::Limited { limit: Limit::SignIns, .. });
    assert!(limited && error.code().is_none(), "{error:?}");
    assert_eq!(world.sign_ins(), 2);
    world.advance(HOUR);
    other.run(&Op::read()).unwrap();
    assert_eq!(world.sign_ins(), 3);
}

pub(crate) fn a_spent_hour_of_calls_is_known_to_every_organisation(adapter: Adapter) {
    let world = World::new(adapter);
    let other = other(&world);
    world.call().unwrap();
    other.run(&Op::read()).unwrap();
    let spent = Fault::new(FaultKind::code("BDC_1144")).on("GetSessionInfo");
    world.sandbox.fault(spent.header("date", "Thu, 01 Jan 2026 10:20:00 GMT"));
    world.call().unwrap_err();
    let error = other.run(&Op::read()).unwrap_err();
    assert!(
        matches!(&error, Error::Limited { limit: Limit::Calls, retry_after, .. }
        if *retry_after == 40 * MINUTE),
        "{error:?}"
    );
    assert_eq!(code(&error), Some("BDC_1144"));
    assert_eq!(world.stats().calls, 3);
}

pub(crate) fn another_user_of_the_same_key_counts_in_the_same_budgets(adapter: Adapter) {
    let world = World::with(adapter, |setup| setup.sign_ins_an_hour = Some(2));
    let token = world.sharing_key(World::token());
    world.call().unwrap();
    token.run(&Op::read()).unwrap();
    assert_eq!(world.sessions_of("GetSessionInfo"), [1, 2]);
    for client in [world.client(), &token] {
        let sign_ins = client.status().sign_ins;
        assert_eq!((sign_ins.used, sign_ins.limit), (2, 2), "{sign_ins:?}");
    }
    world.sandbox.lose_sessions();
    for client in [world.client(), &token] {
        let error = client.run(&Op::read()).unwrap_err();
        assert!(matches!(error, Error::Limited { limit: Limit::SignIns, .. }), "{error:?}");
    }
    assert_eq!(world.sign_ins(), 2);
    // The users are two: what one of them replaces is no business of the other.
    world.client().replace_credentials(World::wrong_user());
    world.advance(HOUR);
    token.run(&Op::read()).unwrap();
    assert_eq!(code(&world.call().unwrap_err()), Some("BDC_1101"));
    token.run(&Op::read()).unwrap();
}

/// Every organisation's client starts at once, each on a task or a thread of its own.
fn start_together(world: &World, clients: Vec<Client>) -> Vec<Result<Value, Error>> {
    match world.adapter {
        Adapter::Async => {
            let barrier = Arc::new(tokio::sync::Barrier::new(clients.len()));
            let tasks: Vec<_> = clients
                .into_iter()
                .map(|client| {
                    let Client::Async(client, runtime) = client else { panic!("an async client") };
                    let barrier = Arc::clone(&barrier);
                    runtime.spawn(async move {
                        barrier.wait().await;
                        client.v2("GetSessionInfo", &()).send::<Value>().await
                    })
                })
                .collect();
            let all = async {
                let mut ended = Vec::new();
                for task in tasks {
                    ended.push(task.await.unwrap());
                }
                ended
            };
            let limited = async { tokio::time::timeout(STUCK, all).await };
            world.runtime().block_on(limited).expect("each is told")
        }
        Adapter::Blocking => {
            let barrier = Arc::new(Barrier::new(clients.len()));
            let threads: Vec<_> = clients
                .into_iter()
                .map(|client| {
                    let barrier = Arc::clone(&barrier);
                    let caller = move || {
                        barrier.wait();
                        client.run(&Op::read())
                    };
                    thread::Builder::new().stack_size(512 * 1024).spawn(caller).unwrap()
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        }
    }
}

fn clients(world: &World, many: usize) -> Vec<Client> {
    let client = |number| world.client().for_organization(&organization(number)).unwrap();
    (1..=many).map(client).collect()
}

pub(crate) fn a_thousand_organisations_try_a_wrong_password_once(adapter: Adapter) {
    let world = World::with(adapter, |setup| {
        setup.principal = World::wrong_user();
        setup.sandbox = many;
    });
    let ended = start_together(&world, clients(&world, MANY));
    assert_eq!(ended.len(), MANY);
    for error in ended.into_iter().map(Result::unwrap_err) {
        assert!(matches!(error, Error::NoSession { retry_after: None, .. }), "{error:?}");
        assert_eq!(code(&error), Some("BDC_1101"));
    }
    assert_eq!((world.sign_ins(), world.stats().calls), (1, 0));
    assert_eq!(world.rejected("BDC_1101"), 1);
}

pub(crate) fn a_hundred_organisations_that_start_together_are_all_served(adapter: Adapter) {
    const ORGANISATIONS: usize = 100;
    let world = World::with(adapter, |setup| setup.sandbox = many);
    let first = world.sandbox.hold("Login");
    let clients = clients(&world, ORGANISATIONS);
    let starting = thread::scope(|scope| {
        let world = &world;
        let starting = scope.spawn(move || start_together(world, clients));
        // Until BILL has accepted the user once, one organisation tries for all.
        first.wait_for(1).unwrap();
        assert_eq!(world.sign_ins(), 1);
        first.release();
        starting.join().unwrap()
    });
    for answer in starting {
        answer.unwrap();
    }
    assert_eq!(world.sign_ins(), ORGANISATIONS as u64);
    let mut served = organizations_of(&world, "GetSessionInfo");
    served.sort_unstable();
    let all: Vec<_> = (1..=ORGANISATIONS).map(organization).collect();
    assert_eq!(served, all);
}

pub(crate) fn an_organisation_that_waits_for_anothers_probe_is_told_of_its_end_at_once(
    adapter: Adapter,
) {
    let ends = [
        FaultKind::Normal,
        FaultKind::code("BDC_1101"),
        FaultKind::code("BDC_9999"),
        FaultKind::ResetBeforeAnswer,
    ];
    for kind in ends {
        let world = World::new(adapter);
        let other = other(&world);
        let held = world.sandbox.hold("Login");
        world.sandbox.fault(Fault::new(kind.clone()).on("Login"));
        let first = world.start(1, &Op::read());
        held.wait_for(1).unwrap();
        let second = world.start_with(&other, 1, &Op::read());
        second.all_wait();
        // Neither signs in nor fails: it waits for what becomes of the user.
        assert_eq!((world.sign_ins(), second.ended()), (1, 0), "{kind:?}");
        held.release();
        let first = first.join().remove(0);
        let second = second.join().remove(0);
        match kind {
            FaultKind::Normal => {
                first.unwrap();
                second.unwrap();
                assert_eq!(world.sign_ins(), 2);
            }
            _ if first.as_ref().is_err_and(|error| code(error) == Some("BDC_1101")) => {
                assert_eq!(code(&second.unwrap_err()), Some("BDC_1101"));
                assert_eq!(world.sign_ins(), 1);
            }
            // Its failure said nothing of the user: the next one tries by itself.
            _ => {
                first.unwrap_err();
                second.unwrap();
                assert_eq!(world.sign_ins(), 2, "{kind:?}");
            }
        }
    }
}

pub(crate) fn an_organisation_that_waits_for_a_silent_probe_is_not_lost(adapter: Adapter) {
    let world = World::new(adapter);
    let other = other(&world);
    let held = world.sandbox.hold("Login");
    let first = world.start(1, &Op::read());
    held.wait_for(1).unwrap();
    let second = world.start_with(&other, 1, &Op::read());
    second.all_wait();
    // Everyone who waited for the first is gone; its answer comes all the same.
    if adapter == Adapter::Async {
        first.drop_all();
        held.release();
    } else {
        held.release();
        first.join_all_ok();
    }
    second.join_all_ok();
    assert_eq!(world.sign_ins(), 2);
}

pub(crate) fn new_credentials_reach_every_organisation(adapter: Adapter) {
    let world = World::with(adapter, |setup| setup.sandbox = many);
    let clients = clients(&world, 20);
    for client in &clients {
        client.run(&Op::read()).unwrap();
    }
    let sessions = world.sign_ins();
    assert_eq!(sessions, 20);
    // Told to one, whichever it is.
    clients[7].replace_credentials(World::wrong_user());
    for client in &clients {
        assert!(matches!(client.phase(), Phase::SignedOut), "{:?}", client.phase());
    }
    for client in &clients {
        assert_eq!(code(&client.run(&Op::read()).unwrap_err()), Some("BDC_1101"));
    }
    assert_eq!(world.sign_ins(), sessions + 1);
    clients[3].replace_credentials(World::user());
    for client in &clients {
        client.run(&Op::read()).unwrap();
    }
    assert_eq!(world.sign_ins(), sessions + 1 + 20);
    // One that is asked for afterwards has the new ones, too.
    clients[0].replace_credentials(World::token());
    let late = world.client().for_organization(&organization(500)).unwrap();
    late.run(&Op::read()).unwrap();
    assert!(matches!(late.phase(), Phase::SignedIn { left: None, .. }), "{:?}", late.phase());
}

pub(crate) fn new_credentials_wake_who_waits_in_another_organisation(adapter: Adapter) {
    let world = World::new(adapter);
    let other = other(&world);
    let odd = Fault::new(FaultKind::code("BDC_9999")).on("Login").always();
    world.sandbox.fault(odd);
    world.call().unwrap_err();
    other.run(&Op::SignIn).unwrap_err();
    let waits = world.start_with(&other, 5, &Op::read());
    waits.all_wait();
    world.sandbox.clear_faults();
    world.client().replace_credentials(World::user());
    busy(&world);
    waits.join_all_ok();
    assert_promptly(&world);
}

/// How many calls the first organisation makes one after the other, in much less than the second
/// after which whoever waits looks by itself.
const BUSY: usize = 200;

fn busy(world: &World) {
    for _ in 0..BUSY {
        world.send("CurrentTime", Value::Null).unwrap();
    }
}

/// Asserts that the other organisation's session was made while the first one was busy: the end of
/// what it waited for woke it, and no look of its own.
fn assert_promptly(world: &World) {
    let journal = world.sandbox.journal();
    let at = |operation: &str, organization: &str| {
        journal.iter().rposition(|entry| {
            entry.operation == operation && entry.organization.as_deref() == Some(organization)
        })
    };
    let (served, last) = (at("Login", DEMO_OTHER_ORG), at("CurrentTime", DEMO_ORG));
    assert!(served.unwrap() < last.unwrap(), "it was served only after all of them");
}

pub(crate) fn an_organisation_that_waited_for_anothers_probe_is_served_promptly(adapter: Adapter) {
    let world = World::new(adapter);
    let other = other(&world);
    let held = world.sandbox.hold("Login");
    let first = world.start(1, &Op::read());
    held.wait_for(1).unwrap();
    let second = world.start_with(&other, 1, &Op::read());
    second.all_wait();
    held.release();
    first.join_all_ok();
    busy(&world);
    second.join_all_ok();
    assert_promptly(&world);
    assert_eq!(world.sign_ins(), 2);
}

pub(crate) fn a_password_changed_at_bill_is_refused_once_for_all(adapter: Adapter) {
    let world = World::with(adapter, |setup| setup.sandbox = many);
    let all = clients(&world, 50);
    for client in &all {
        client.run(&Op::read()).unwrap();
    }
    let before = world.sign_ins();
    world.sandbox.set_password(bill_sandbox::DEMO_USER, "another");
    // All idle out; then they come together.
    world.advance(HOUR);
    for error in start_together(&world, all).into_iter().map(Result::unwrap_err) {
        assert_eq!(code(&error), Some("BDC_1101"));
    }
    assert_eq!(world.sign_ins(), before + 1);
}

pub(crate) fn the_users_organisations_are_listed_without_a_session(adapter: Adapter) {
    let world = World::new(adapter);
    let listed = world.run(&Op::ListOrgs).unwrap();
    let meant = json!([
        {"orgId": DEMO_ORG, "orgName": "Example Organization 1"},
        {"orgId": DEMO_OTHER_ORG, "orgName": "Example Organization 2"},
    ]);
    assert_eq!(listed, meant);
    assert_eq!(world.operations(), ["ListOrgs"]);
    assert!(matches!(world.phase(), Phase::SignedOut));
    // It counts as a sign-in in the hour.
    assert_eq!(world.client().status().sign_ins.used, 1);
    for named in listed.as_array().unwrap() {
        let org_id = named["orgId"].as_str().unwrap();
        let client = world.client().for_organization(org_id).unwrap();
        assert_eq!(client.run(&Op::read()).unwrap()["orgId"], org_id);
    }
    assert_eq!(world.client().status().sign_ins.used, 3);
}

pub(crate) fn a_list_of_organisations_finds_a_wrong_password_out_for_all(adapter: Adapter) {
    let world = World::with(adapter, |setup| setup.principal = World::wrong_user());
    let mut events = world.client().events();
    let error = world.run(&Op::ListOrgs).unwrap_err();
    assert_eq!(code(&error), Some("BDC_1101"));
    assert!(matches!(events.heard()[..], [Event::Refused { .. }]));
    // Nothing is asked with it again, by whatever operation of whichever organisation.
    assert_eq!(code(&world.run(&Op::ListOrgs).unwrap_err()), Some("BDC_1101"));
    assert_eq!(code(&world.call().unwrap_err()), Some("BDC_1101"));
    assert_eq!(code(&other(&world).run(&Op::read()).unwrap_err()), Some("BDC_1101"));
    assert_eq!((world.operations(), world.sign_ins()), (vec!["ListOrgs".to_owned()], 0));
    world.client().replace_credentials(World::user());
    world.run(&Op::ListOrgs).unwrap();
    world.call().unwrap();
}

pub(crate) fn a_list_of_organisations_is_not_sent_again_when_its_answer_is_lost(adapter: Adapter) {
    let world = World::with(adapter, |setup| setup.retry = bill_session_core::Retry::times(3));
    for kind in [FaultKind::ResetBeforeAnswer, FaultKind::Html { status: 503 }] {
        world.sandbox.fault(Fault::new(kind).on("ListOrgs"));
        let error = world.run(&Op::ListOrgs).unwrap_err();
        assert!(matches!(error, Error::NoAnswer { .. } | Error::NotBill { .. }), "{error:?}");
    }
    assert_eq!(world.operations(), ["ListOrgs", "ListOrgs"]);
    // Its budget is that of the sign-ins.
    let world = World::with(adapter, |setup| setup.sign_ins_an_hour = Some(1));
    world.run(&Op::ListOrgs).unwrap();
    let error = world.run(&Op::ListOrgs).unwrap_err();
    assert!(matches!(error, Error::Limited { limit: Limit::SignIns, .. }), "{error:?}");
    assert_eq!(world.operations(), ["ListOrgs"]);
}

pub(crate) fn organisations_can_be_read_by_v3_with_a_session(adapter: Adapter) {
    let world = World::with(adapter, |setup| {
        setup.sign_in_with = SignInWith::V3;
        setup.sandbox = |builder| (3..=45).map(organization).fold(builder, Builder::organization);
    });
    let listed = world.run(&Op::v3_list("/v3/login/organizations")).unwrap();
    assert_eq!(listed.as_array().unwrap().len(), 45);
    assert_eq!(world.sessions_of("v3/ListOrganizations"), [1, 1, 1]);
    // It is a call like any other.
    let status = world.client().status();
    assert_eq!((status.sign_ins.used, status.calls.used), (1, 3));
}

pub(crate) fn a_client_of_one_organisation_keeps_the_others_sessions(adapter: Adapter) {
    let mut world = World::new(adapter);
    let other = other(&world);
    world.call().unwrap();
    other.run(&Op::read()).unwrap();
    let back = {
        let main = world.client().clone();
        drop(main);
        other.for_organization(DEMO_ORG).unwrap()
    };
    back.run(&Op::read()).unwrap();
    assert_eq!(world.sign_ins(), 2);
    drop((back, other));
    // And nothing is held beyond the last of them.
    world.drop_client();
    assert_eq!(world.stats().sign_outs, 0);
}

pub(crate) fn an_organisation_that_bill_refuses_does_not_refuse_the_others(adapter: Adapter) {
    let world = World::new(adapter);
    let unknown = world.client().for_organization("00899999999999999999").unwrap();
    let error = unknown.run(&Op::read()).unwrap_err();
    assert_eq!(code(&error), Some("BDC_1107"));
    assert!(matches!(unknown.phase(), Phase::Refused { .. }));
    world.call().unwrap();
    other(&world).run(&Op::read()).unwrap();
    assert_eq!(code(&unknown.run(&Op::read()).unwrap_err()), Some("BDC_1107"));
    assert_eq!(world.sign_ins(), 3);
}
