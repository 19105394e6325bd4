//! The key's hours and the organisation's three calls at once: told apart, waited for, never run into.

use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bill_conformance::{
    Adapter, Client, DAY, HOUR, MILLISECOND, MINUTE, Op, SECOND, Setup, World, eventually,
};
use bill_sandbox::{Builder, DEMO_ORG, DEMO_OTHER_ORG, ErrorEntry, Fault, FaultKind};
use bill_session_core::{Budget, Cause, Environment, Error, Limit, Phase, SignInWith};
use serde_json::Value;

pub(crate) const APIS: [SignInWith; 2] = [SignInWith::V2, SignInWith::V3];

/// The clock of a sandbox that is to start at this time of some day.
fn at(hours: u32, minutes: u32) -> SystemTime {
    UNIX_EPOCH + 20_000 * DAY + hours * HOUR + minutes * MINUTE
}

fn at_13_20(sandbox: Builder) -> Builder {
    sandbox.starts_at(at(13, 20))
}

fn at_13_59(sandbox: Builder) -> Builder {
    sandbox.starts_at(at(13, 59))
}

/// A world whose hour ends in 40 minutes, at 14:00.
fn world(adapter: Adapter, change: impl FnOnce(&mut Setup)) -> World {
    World::with(adapter, |setup| {
        setup.sandbox = at_13_20;
        change(setup);
    })
}

/// The cheapest call of an API; to both, the sessions of either are the same.
pub(crate) fn read(api: SignInWith) -> Op {
    match api {
        SignInWith::V3 => Op::get("/v3/vendors"),
        _ => Op::read(),
    }
}

/// What the sandbox calls it.
pub(crate) fn reading(api: SignInWith) -> &'static str {
    match api {
        SignInWith::V3 => "v3/List/vendors",
        _ => "GetSessionInfo",
    }
}

/// What the sandbox calls a sign-in with this API.
pub(crate) fn login(api: SignInWith) -> &'static str {
    match api {
        SignInWith::V3 => "v3/Login",
        _ => "Login",
    }
}

/// So many callers of a client other than the world's own, each on a thread.
fn callers(client: &Client, number: usize) -> Vec<JoinHandle<Result<Value, Error>>> {
    let caller = |_| {
        let client = client.clone();
        thread::spawn(move || client.run(&Op::read()))
    };
    (0..number).map(caller).collect()
}

fn join_all_ok(callers: Vec<JoinHandle<Result<Value, Error>>>) {
    for caller in callers {
        caller.join().unwrap().unwrap();
    }
}

/// Another client of the same user, which knows nothing of the world's own.
pub(crate) fn stranger(world: &World) -> Client {
    let environment = Environment::custom(&world.sandbox.origin()).unwrap();
    let (clock, credentials) = (world.clock.clone(), World::credentials());
    match world.client() {
        Client::Async(_, runtime) => {
            let builder = bill_async::Client::builder(environment, credentials);
            Client::Async(builder.clock(clock).build(), runtime.clone())
        }
        Client::Blocking(_) => {
            let builder = bill_blocking::Client::builder(environment, credentials);
            Client::Blocking(builder.clock(clock).build())
        }
    }
}

/// The forms in which an answer may tell a code, by the API of the call that is answered.
///
/// BILL documents no HTTP status for its limits, and clients of others have seen several.
fn forms(api: SignInWith, code: &str) -> Vec<FaultKind> {
    let of_v2 = |status| FaultKind::Envelope { status, code: code.to_owned() };
    let of_v3 = |status| FaultKind::errors(status, &[code]);
    match api {
        SignInWith::V3 => {
            let beside_another = FaultKind::errors(422, &["BDC_1002", code]);
            [422, 429, 400, 403, 409].map(of_v3).into_iter().chain([beside_another]).collect()
        }
        _ => [200, 422, 429, 400, 403, 409].map(of_v2).into(),
    }
}

/// Waits until a call of the client backs off, after so many requests that were no sign-ins.
fn backs_off(world: &World, calls: u64) {
    eventually("the call backs off", || {
        let now = world.client().status();
        world.stats().calls == calls && (now.in_flight, now.waiting) == (0, 1)
    });
}

/// Moves the clocks, and waits until the one caller that waits has looked at the time.
fn advance_past_a_look(world: &World, by: Duration) {
    let before = world.clock.reads();
    world.advance(by);
    // The jump itself, the caller's step, and how long it is to wait now.
    eventually("the caller has looked", || world.clock.reads() >= before + 3);
}

/// The error of a spent hour, all of it.
#[track_caller]
fn assert_spent(
    error: &Error,
    limit: Limit,
    code: Option<&str>,
    left: Duration,
    until: SystemTime,
) {
    let Error::Limited { limit: told, retry_after, until: shown, .. } = error else {
        panic!("{error:?}");
    };
    assert_eq!((*told, *retry_after), (limit, left), "{error:?}");
    // A `Date` has no fractions of a second, so that what it tells may be a second old.
    let early = shown.and_then(|shown| until.duration_since(shown).ok());
    assert!(early.is_some_and(|early| early < SECOND), "{error:?}");
    assert_eq!(error.code().map(|code| code.as_str()), code, "{error:?}");
    let minutes = until.duration_since(UNIX_EPOCH).unwrap().as_secs() / 60;
    let shown = format!("spent until {:02}:{:02} UTC", minutes / 60 % 24, minutes % 60);
    let whose = code.unwrap_or("by this process's own count");
    let which = if limit == Limit::Calls { "calls of this hour" } else { "sign-ins of this hour" };
    let text = error.to_string();
    for part in [&*shown, whose, which] {
        assert!(text.contains(part), "`{part}` is missing: {text}");
    }
}

fn used(budget: Budget) -> (u32, u32, Option<Duration>) {
    (budget.used, budget.limit, budget.closed_for)
}

// Three calls at once: BDC_1322.

pub(crate) fn a_call_that_met_three_others_is_made_again_whatever_form_told_it(adapter: Adapter) {
    for api in APIS {
        let slow_down = ErrorEntry::without_code().message("slow down");
        let without_code = FaultKind::Errors { status: 429, errors: vec![slow_down] };
        let mut forms = forms(api, "BDC_1322");
        forms.extend((api == SignInWith::V3).then_some(without_code));
        for kind in forms {
            let world = World::with(adapter, |setup| setup.sign_in_with = api);
            world.sign_in().unwrap();
            world.sandbox.fault(Fault::new(kind.clone()).on(reading(api)));
            let caller = world.start(1, &read(api));
            backs_off(&world, 1);
            // It was refused before it ran, and comes back after a quarter to half a second.
            advance_past_a_look(&world, 250 * MILLISECOND - MILLISECOND);
            assert_eq!(world.stats().calls, 1, "{kind:?}");
            world.advance(251 * MILLISECOND);
            caller.join_all_ok();
            assert_eq!(world.sessions_of(reading(api)), [1, 1], "{kind:?}");
            assert_eq!(world.sign_ins(), 1, "{kind:?}");
        }
    }
}

pub(crate) fn a_call_that_meets_three_others_again_and_again_is_told_after_two_repetitions(
    adapter: Adapter,
) {
    for api in APIS {
        for kind in forms(api, "BDC_1322") {
            let world = World::with(adapter, |setup| setup.sign_in_with = api);
            world.sign_in().unwrap();
            world.sandbox.fault(Fault::new(kind.clone()).on(reading(api)).times(3));
            let caller = world.start(1, &read(api));
            backs_off(&world, 1);
            world.advance(500 * MILLISECOND);
            backs_off(&world, 2);
            world.advance(SECOND);
            let error = caller.join_all_failed().remove(0);
            assert!(matches!(error, Error::Api(_)), "{kind:?}: {error:?}");
            assert_eq!(error.code().unwrap().as_str(), "BDC_1322", "{kind:?}");
            assert_eq!(world.sessions_of(reading(api)), [1; 3], "{kind:?}");
            // The session is as good as before.
            world.run(&read(api)).unwrap();
            assert_eq!(world.sign_ins(), 1, "{kind:?}");
        }
    }
}

pub(crate) fn a_sign_in_that_met_three_calls_is_made_again_for_all_who_wait(adapter: Adapter) {
    for api in APIS {
        for kind in forms(api, "BDC_1322") {
            let world = World::with(adapter, |setup| setup.sign_in_with = api);
            world.sandbox.fault(Fault::new(kind.clone()).on(login(api)));
            let waiting = world.start(5, &Op::read());
            waiting.all_wait();
            eventually("the sign-in has failed", || matches!(world.phase(), Phase::Failed { .. }));
            let Phase::Failed { cause, retry_in } = world.phase() else {
                panic!("{:?}", world.phase());
            };
            assert_eq!(cause.code().unwrap().as_str(), "BDC_1322", "{kind:?}");
            assert!((SECOND..=2 * SECOND).contains(&retry_in), "{retry_in:?}");
            assert_eq!((waiting.ended(), world.sign_ins()), (0, 1), "{kind:?}");
            world.advance(retry_in);
            waiting.join_all_ok();
            assert_eq!(world.sign_ins(), 2, "{kind:?}");
        }
    }
}

pub(crate) fn sign_ins_that_meet_three_calls_again_and_again_wait_twice_as_long_each_time(
    adapter: Adapter,
) {
    for api in APIS {
        let world = World::with(adapter, |setup| setup.sign_in_with = api);
        world.sandbox.fault(Fault::new(FaultKind::code("BDC_1322")).on(login(api)).always());
        for nth in 1..=9 {
            let error = world.sign_in().unwrap_err();
            let Error::NoSession { retry_after: Some(retry_after), .. } = error else {
                panic!("{error:?}");
            };
            assert_eq!(error.code().unwrap().as_str(), "BDC_1322");
            let step = (2_u32.pow(nth) * SECOND).min(2 * MINUTE);
            assert!((step / 2..=step).contains(&retry_after), "{nth}: {retry_after:?}");
            assert_eq!(world.sign_ins(), u64::from(nth));
            world.advance(retry_after);
        }
    }
}

pub(crate) fn a_call_that_met_three_others_does_not_restart_the_timer(adapter: Adapter) {
    let world = World::new(adapter);
    world.call().unwrap();
    world.advance(20 * MINUTE);
    world.sandbox.fault(Fault::new(FaultKind::code("BDC_1322")).on("GetSessionInfo").times(3));
    let caller = world.start(1, &Op::read());
    backs_off(&world, 2);
    world.advance(500 * MILLISECOND);
    backs_off(&world, 3);
    world.advance(SECOND);
    caller.join_all_failed().remove(0);
    world.advance(14 * MINUTE - 1_500 * MILLISECOND - MILLISECOND);
    assert!(matches!(world.phase(), Phase::SignedIn { .. }));
    world.advance(MILLISECOND);
    assert!(matches!(world.phase(), Phase::IdledOut { .. }));
}

pub(crate) fn three_calls_of_an_organization_are_in_flight_and_the_others_wait(adapter: Adapter) {
    let world = World::new(adapter);
    world.sign_in().unwrap();
    let answers = world.sandbox.hold("GetSessionInfo");
    let in_flight = world.start(3, &Op::read());
    answers.wait_for(3).unwrap();
    let in_line = world.start(7, &Op::read());
    in_line.all_wait();
    let now = world.client().status();
    assert_eq!((now.in_flight, now.max_in_flight, now.waiting), (3, 3, 7));
    assert_eq!((world.stats().in_flight, answers.arrived()), (3, 3));
    answers.release();
    in_flight.join_all_ok();
    in_line.join_all_ok();
    let now = world.client().status();
    assert_eq!((now.in_flight, now.waiting), (0, 0));
    assert_eq!((world.stats().max_in_flight, world.stats().limited_concurrent), (3, 0));
}

pub(crate) fn each_organization_has_three_calls_of_its_own(adapter: Adapter) {
    let world = World::new(adapter);
    let other = world.client().for_organization(DEMO_OTHER_ORG).unwrap();
    world.sign_in().unwrap();
    other.run(&Op::SignIn).unwrap();
    let answers = world.sandbox.hold("GetSessionInfo");
    let here = callers(world.client(), 5);
    let there = callers(&other, 5);
    answers.wait_for(6).unwrap();
    eventually("two wait in each line", || {
        [world.client(), &other].map(|client| client.status().waiting) == [2, 2]
    });
    assert_eq!(world.stats().in_flight, 6);
    answers.release();
    join_all_ok(here);
    join_all_ok(there);
    let most = world.stats().max_in_flight_by_key;
    let of = |organization: &str| most.get(&format!("key 1 / {organization}")).copied();
    assert_eq!([of(DEMO_ORG), of(DEMO_OTHER_ORG)], [Some(3), Some(3)]);
    assert_eq!(world.stats().limited_concurrent, 0);
}

pub(crate) fn one_client_alone_never_meets_the_limit_of_three(adapter: Adapter) {
    for api in APIS {
        let world = World::with(adapter, |setup| setup.sign_in_with = api);
        // In the middle the session dies, so that replays and a sign-in want slots as well.
        let lost = Fault::new(FaultKind::LoseSession).on("GetSessionInfo").after(100);
        world.sandbox.fault(lost);
        world.sandbox.fault(slow().always());
        world.start(200, &Op::read()).join_all_ok();
        let stats = world.stats();
        assert_eq!((stats.limited_concurrent, world.rejected("BDC_1322")), (0, 0));
        // All three slots were used, and at no time a fourth.
        assert_eq!(stats.max_in_flight_by_key.into_values().max(), Some(3));
        assert_eq!(world.sign_ins(), 2);
    }
}

/// An answer that takes a millisecond, so that others can be in flight at the same time.
pub(crate) fn slow() -> Fault {
    Fault::new(FaultKind::SlowBytes { bytes: 100, pause_ms: 1 }).on("GetSessionInfo")
}

pub(crate) fn max_in_flight_is_kept_against_a_sandbox_with_another_limit(adapter: Adapter) {
    for (calls, sandbox) in [
        (1, (|sandbox| sandbox.concurrent_calls(Some(1))) as fn(Builder) -> Builder),
        (5, |sandbox| sandbox.concurrent_calls(Some(5))),
    ] {
        let world = World::with(adapter, |setup| {
            setup.max_in_flight = Some(calls);
            setup.sandbox = sandbox;
        });
        world.sign_in().unwrap();
        let answers = world.sandbox.hold("GetSessionInfo");
        let in_flight = world.start(calls, &Op::read());
        answers.wait_for(calls as u64).unwrap();
        let in_line = world.start(10, &Op::read());
        in_line.all_wait();
        let now = world.client().status();
        assert_eq!((now.in_flight, now.max_in_flight, now.waiting), (calls, calls, 10));
        answers.release();
        in_flight.join_all_ok();
        in_line.join_all_ok();
        let stats = world.stats();
        assert_eq!((stats.max_in_flight, stats.limited_concurrent), (calls as u64, 0));
    }
}

pub(crate) fn a_client_that_sends_more_at_once_than_bill_takes_is_told_and_recovers(
    adapter: Adapter,
) {
    let world = World::with(adapter, |setup| setup.max_in_flight = Some(4));
    world.sign_in().unwrap();
    let answers = world.sandbox.hold("GetSessionInfo");
    let taken = world.start(3, &Op::read());
    answers.wait_for(3).unwrap();
    let fourth = world.start(1, &Op::read());
    eventually("it backs off", || {
        let now = world.client().status();
        // It holds no slot while it does.
        (now.in_flight, now.waiting, world.rejected("BDC_1322")) == (3, 1, 1)
    });
    answers.release();
    taken.join_all_ok();
    world.advance(500 * MILLISECOND);
    fourth.join_all_ok();
    assert_eq!((world.sign_ins(), world.stats().limited_concurrent), (1, 1));
}

pub(crate) fn two_clients_without_shared_slots_meet_the_limit_and_both_recover(adapter: Adapter) {
    let world = World::new(adapter);
    let stranger = stranger(&world);
    let clients = [world.client(), &stranger];
    for client in clients {
        client.run(&Op::SignIn).unwrap();
    }
    let answers = world.sandbox.hold("GetSessionInfo");
    let mut waiting = callers(world.client(), 2);
    waiting.extend(callers(&stranger, 1));
    answers.wait_for(3).unwrap();
    for client in clients {
        waiting.extend(callers(client, 1));
    }
    // Neither client knows of the other's calls: each has a slot left, and BILL has none.
    eventually("both back off", || {
        let line = clients.map(|client| (client.status().in_flight, client.status().waiting));
        line == [(2, 1), (1, 1)] && world.rejected("BDC_1322") == 2
    });
    answers.release();
    // Only then is there room for those two.
    world.sandbox.wait_until(|stats| stats.in_flight == 0).unwrap();
    world.advance(500 * MILLISECOND);
    join_all_ok(waiting);
    let stats = world.stats();
    assert_eq!((stats.sign_ins, stats.limited_concurrent), (2, 2));
    // What was refused was not carried out: three, and the two that came back.
    let carried_out = world.sandbox.journal().into_iter().filter(|entry| {
        entry.operation == "GetSessionInfo" && entry.outcome.as_deref() == Some("ok")
    });
    assert_eq!(carried_out.count(), 5);
}

// The hours: BDC_1144, and the process's own count.

pub(crate) fn a_spent_hour_of_calls_is_the_same_error_in_whatever_form_it_is_told(
    adapter: Adapter,
) {
    for api in APIS {
        for kind in forms(api, "BDC_1144") {
            let world = world(adapter, |setup| setup.sign_in_with = api);
            world.sign_in().unwrap();
            world.sandbox.fault(Fault::new(kind.clone()).on(reading(api)));
            let told = Some("BDC_1144");
            let error = world.run(&read(api)).unwrap_err();
            assert_spent(&error, Limit::Calls, told, 40 * MINUTE, at(14, 0));
            // Nobody else asks in that hour, with whichever API.
            for other in APIS {
                let error = world.run(&read(other)).unwrap_err();
                assert_spent(&error, Limit::Calls, told, 40 * MINUTE, at(14, 0));
            }
            assert_eq!((world.stats().calls, world.sign_ins()), (1, 1), "{kind:?}");
            let calls = world.client().status().calls;
            assert_eq!(used(calls), (1, 20_000, Some(40 * MINUTE)), "{kind:?}");
        }
    }
}

pub(crate) fn a_spent_hour_of_sign_ins_is_the_same_error_in_whatever_form_it_is_told(
    adapter: Adapter,
) {
    for api in APIS {
        for kind in forms(api, "BDC_1144") {
            let world = world(adapter, |setup| setup.sign_in_with = api);
            world.sandbox.fault(Fault::new(kind.clone()).on(login(api)));
            for error in world.start(5, &Op::read()).join_all_failed() {
                assert_spent(&error, Limit::SignIns, Some("BDC_1144"), 40 * MINUTE, at(14, 0));
            }
            // An explicit sign-in passes a refusal, but never a spent hour.
            let error = world.sign_in().unwrap_err();
            assert_spent(&error, Limit::SignIns, Some("BDC_1144"), 40 * MINUTE, at(14, 0));
            assert_eq!((world.sign_ins(), world.stats().calls), (1, 0), "{kind:?}");
            let sign_ins = world.client().status().sign_ins;
            assert_eq!(used(sign_ins), (1, 200, Some(40 * MINUTE)), "{kind:?}");
        }
    }
}

pub(crate) fn calls_are_closed_until_the_hour_ends_by_bills_clock_and_open_then(adapter: Adapter) {
    let world = world(adapter, |setup| {
        setup.sandbox = |sandbox| at_13_20(sandbox).calls_per_hour(Some(3));
    });
    for _ in 0..3 {
        world.call().unwrap();
    }
    let spent = |left: Duration| {
        // It does not wait: there is no room before its own deadline.
        let error = world.run(&Op::read().within(left)).unwrap_err();
        assert_spent(&error, Limit::Calls, Some("BDC_1144"), left, at(14, 0));
    };
    spent(40 * MINUTE);
    assert_eq!((world.stats().calls, world.stats().limited_calls), (4, 1));
    spent(40 * MINUTE);
    world.advance(30 * MINUTE);
    spent(10 * MINUTE);
    world.advance(10 * MINUTE - MILLISECOND);
    spent(MILLISECOND);
    assert_eq!((world.stats().calls, world.stats().limited_calls), (4, 1));
    assert_eq!(world.client().status().calls.closed_for, Some(MILLISECOND));
    world.advance(MILLISECOND);
    assert_eq!(world.client().status().calls.closed_for, None);
    world.call().unwrap();
    assert_eq!((world.stats().calls, world.stats().limited_calls), (5, 1));
}

pub(crate) fn sign_ins_are_closed_until_the_hour_ends_by_bills_clock_and_open_then(
    adapter: Adapter,
) {
    for api in APIS {
        let world = world(adapter, |setup| {
            setup.sign_in_with = api;
            setup.sandbox = |sandbox| at_13_20(sandbox).sign_ins_per_hour(Some(1));
        });
        world.call().unwrap();
        world.sandbox.lose_sessions();
        let spent = |left: Duration| {
            let error = world.run(&Op::read().within(left)).unwrap_err();
            assert_spent(&error, Limit::SignIns, Some("BDC_1144"), left, at(14, 0));
        };
        spent(40 * MINUTE);
        spent(40 * MINUTE);
        world.advance(40 * MINUTE - MILLISECOND);
        spent(MILLISECOND);
        assert_eq!((world.sign_ins(), world.stats().limited_sign_ins), (2, 1));
        assert_eq!(world.client().status().sign_ins.closed_for, Some(MILLISECOND));
        world.advance(MILLISECOND);
        world.call().unwrap();
        assert_eq!((world.sign_ins(), world.stats().limited_sign_ins), (3, 1));
    }
}

pub(crate) fn who_waits_through_the_last_minute_of_a_spent_hour_is_served_when_it_ends(
    adapter: Adapter,
) {
    let calls: fn(Builder) -> Builder = |sandbox| at_13_59(sandbox).calls_per_hour(Some(1));
    let sign_ins: fn(Builder) -> Builder = |sandbox| at_13_59(sandbox).sign_ins_per_hour(Some(0));
    for (sandbox, of_calls) in [(calls, true), (sign_ins, false)] {
        let world = World::with(adapter, |setup| setup.sandbox = sandbox);
        if of_calls {
            world.call().unwrap();
            world.call().unwrap_err();
        }
        let waiting = world.start(20, &Op::read());
        waiting.all_wait();
        eventually("the hour is known to be spent", || {
            let now = world.client().status();
            now.calls.closed_for.or(now.sign_ins.closed_for) == Some(MINUTE)
        });
        let asked = |world: &World| (world.sign_ins(), world.stats().calls);
        let before = asked(&world);
        world.sandbox.set_calls_per_hour(None);
        world.sandbox.set_sign_ins_per_hour(Some(1));
        world.advance(MINUTE - MILLISECOND);
        assert_eq!((waiting.ended(), asked(&world)), (0, before));
        world.advance(MILLISECOND);
        waiting.join_all_ok();
        let more = (u64::from(!of_calls), 20);
        assert_eq!(asked(&world), (before.0 + more.0, before.1 + more.1));
    }
}

pub(crate) fn without_a_date_a_spent_hour_is_a_full_one(adapter: Adapter) {
    for api in APIS {
        let spent = |operation: &str| {
            Fault::new(FaultKind::code("BDC_1144")).on(operation).header("date", "")
        };
        let world = world(adapter, |setup| setup.sign_in_with = api);
        world.sandbox.fault(spent(login(api)));
        let error = world.call().unwrap_err();
        assert!(matches!(error, Error::Limited { retry_after: HOUR, .. }), "{error:?}");
        world.advance(HOUR);
        world.call().unwrap();
        world.sandbox.fault(spent(reading(api)));
        let error = world.run(&read(api)).unwrap_err();
        assert!(matches!(error, Error::Limited { retry_after: HOUR, .. }), "{error:?}");
        world.advance(HOUR);
        world.run(&read(api)).unwrap();
    }
}

pub(crate) fn a_spent_hour_is_spent_for_every_organization_of_the_key(adapter: Adapter) {
    let world = world(adapter, |setup| {
        setup.sandbox = |sandbox| at_13_20(sandbox).sign_ins_per_hour(Some(0));
    });
    let other = world.client().for_organization(DEMO_OTHER_ORG).unwrap();
    let sharing = world.sharing_key(World::user());
    for client in [world.client(), &other, &sharing] {
        let error = client.run(&Op::read()).unwrap_err();
        assert_spent(&error, Limit::SignIns, Some("BDC_1144"), 40 * MINUTE, at(14, 0));
    }
    assert_eq!(world.sign_ins(), 1);
    world.sandbox.set_sign_ins_per_hour(None);
    world.advance(40 * MINUTE);
    for client in [world.client(), &other, &sharing] {
        client.run(&Op::SignIn).unwrap();
    }
    world.sandbox.set_calls_per_hour(Some(0));
    for client in [world.client(), &other, &sharing] {
        let error = client.run(&Op::read()).unwrap_err();
        assert_spent(&error, Limit::Calls, Some("BDC_1144"), HOUR, at(15, 0));
    }
    assert_eq!((world.stats().calls, world.stats().limited_calls), (1, 1));
}

pub(crate) fn an_own_budget_of_sign_ins_holds_and_says_until_when(adapter: Adapter) {
    for api in APIS {
        let world = world(adapter, |setup| {
            setup.sign_in_with = api;
            setup.sign_ins_an_hour = Some(2);
        });
        world.call().unwrap();
        world.advance(10 * MINUTE);
        world.sandbox.lose_sessions();
        world.call().unwrap();
        world.sandbox.lose_sessions();
        // The first was at 13:20, and nobody at BILL's has said a word about it.
        for error in world.start(5, &Op::read()).join_all_failed() {
            assert_spent(&error, Limit::SignIns, None, 50 * MINUTE, at(14, 20));
        }
        assert_eq!(used(world.client().status().sign_ins), (2, 2, None));
        world.advance(50 * MINUTE - MILLISECOND);
        let error = world.run(&Op::read().within(MILLISECOND)).unwrap_err();
        assert_spent(&error, Limit::SignIns, None, MILLISECOND, at(14, 20));
        assert_eq!((world.sign_ins(), world.stats().limited_sign_ins), (2, 0));
        world.advance(MILLISECOND);
        world.call().unwrap();
        assert_eq!(world.sign_ins(), 3);
        // That of 13:30 counts still.
        assert_eq!(used(world.client().status().sign_ins), (2, 2, None));
    }
}

pub(crate) fn an_own_budget_of_calls_holds_for_an_hour(adapter: Adapter) {
    let world = world(adapter, |setup| setup.calls_an_hour = Some(5));
    for api in [0, 1, 0, 1, 0].map(|api| APIS[api]) {
        world.run(&read(api)).unwrap();
    }
    for _ in 0..6 {
        assert_eq!(used(world.client().status().calls), (5, 5, None));
        let error = world.run(&Op::read().within(MILLISECOND)).unwrap_err();
        assert!(
            matches!(error, Error::Limited { limit: Limit::Calls, code: None, .. }),
            "{error:?}"
        );
        assert!(error.to_string().contains("by this process's own count"), "{error}");
        world.advance(10 * MINUTE - MILLISECOND);
    }
    assert_eq!((world.stats().calls, world.stats().limited_calls), (5, 0));
    // Counted by the minute, they are forgotten a minute late at most.
    world.advance(2 * MINUTE);
    assert_eq!(used(world.client().status().calls), (0, 5, None));
    world.call().unwrap();
    assert_eq!(world.stats().calls, 6);
}

pub(crate) fn an_own_budget_of_calls_says_when_there_is_room_again(adapter: Adapter) {
    let world = world(adapter, |setup| setup.calls_an_hour = Some(5));
    for _ in 0..5 {
        world.call().unwrap();
    }
    let error = world.run(&Op::read().within(30 * SECOND)).unwrap_err();
    let Error::Limited { retry_after, until: Some(until), .. } = error else {
        panic!("{error:?}");
    };
    // Whoever comes back then is served, and whoever reads it has not been told of a time too early.
    assert!((HOUR..=HOUR + MINUTE).contains(&retry_after), "{retry_after:?}");
    assert!((at(14, 20)..=at(14, 21)).contains(&until), "{error}");
    world.advance(retry_after);
    world.call().unwrap();
}

pub(crate) fn clients_that_share_a_key_share_its_budgets(adapter: Adapter) {
    let world = world(adapter, |setup| {
        setup.sign_ins_an_hour = Some(2);
        setup.calls_an_hour = Some(2);
    });
    let sharing = world.sharing_key(World::user());
    let clients =
        [world.client(), &sharing, &world.client().for_organization(DEMO_OTHER_ORG).unwrap()];
    for client in &clients[..2] {
        client.run(&Op::read()).unwrap();
    }
    for client in clients {
        let now = client.status();
        assert_eq!((used(now.sign_ins), used(now.calls)), ((2, 2, None), (2, 2, None)));
    }
    // There are sessions, but no calls left; and no more sign-ins for a third session.
    let error = sharing.run(&Op::read()).unwrap_err();
    assert_spent(&error, Limit::Calls, None, HOUR + MINUTE, at(14, 21));
    let error = clients[2].run(&Op::SignIn).unwrap_err();
    assert_spent(&error, Limit::SignIns, None, HOUR, at(14, 20));
    assert_eq!((world.sign_ins(), world.stats().calls), (2, 2));
    // A client that shares nothing has budgets of its own, and BILL's count is another matter.
    stranger(&world).run(&Op::read()).unwrap();
    assert_eq!((world.sign_ins(), world.stats().calls), (3, 3));
}

pub(crate) fn a_list_of_organizations_counts_as_a_sign_in_at_both_ends(adapter: Adapter) {
    let world = world(adapter, |setup| {
        setup.sandbox = |sandbox| at_13_20(sandbox).sign_ins_per_hour(Some(2));
    });
    for used_before in 0..2 {
        assert_eq!(used(world.client().status().sign_ins), (used_before, 200, None));
        let found = world.run(&Op::ListOrgs).unwrap();
        assert!(found.to_string().contains(DEMO_ORG), "{found}");
    }
    let now = world.client().status();
    assert_eq!((used(now.sign_ins).0, now.calls.used), (2, 0));
    let error = world.call().unwrap_err();
    assert_spent(&error, Limit::SignIns, Some("BDC_1144"), 40 * MINUTE, at(14, 0));
    assert_eq!(world.operations(), ["ListOrgs", "ListOrgs", "Login"]);
    assert_eq!(world.stats().limited_sign_ins, 1);
}

pub(crate) fn a_list_of_organizations_is_not_asked_for_beyond_the_budget(adapter: Adapter) {
    let world = world(adapter, |setup| setup.sign_ins_an_hour = Some(2));
    for _ in 0..2 {
        world.run(&Op::ListOrgs).unwrap();
    }
    let error = world.run(&Op::ListOrgs).unwrap_err();
    assert_spent(&error, Limit::SignIns, None, HOUR, at(14, 20));
    let error = world.call().unwrap_err();
    assert_spent(&error, Limit::SignIns, None, HOUR, at(14, 20));
    assert_eq!(world.operations(), ["ListOrgs", "ListOrgs"]);
}

pub(crate) fn a_spent_hour_that_a_list_of_organizations_is_told_closes_the_sign_ins(
    adapter: Adapter,
) {
    for kind in forms(SignInWith::V2, "BDC_1144") {
        let world = world(adapter, |_| {});
        world.sandbox.fault(Fault::new(kind).on("ListOrgs"));
        for asked in 0..3 {
            let error = match asked {
                2 => world.call().unwrap_err(),
                _ => world.run(&Op::ListOrgs).unwrap_err(),
            };
            assert_spent(&error, Limit::SignIns, Some("BDC_1144"), 40 * MINUTE, at(14, 0));
        }
        assert_eq!(world.operations(), ["ListOrgs"]);
        world.advance(40 * MINUTE);
        world.run(&Op::ListOrgs).unwrap();
    }
}

// A Retry-After, which BILL does not document and may send.

/// Half a minute, as a number and as a date.
const HALF_A_MINUTE: [(&str, &str); 2] = [
    ("30", "Thu, 01 Jan 2026 10:00:00 GMT"),
    ("Thu, 01 Jan 2026 10:00:30 GMT", "Thu, 01 Jan 2026 10:00:00 GMT"),
];

pub(crate) fn a_retry_after_is_honoured_by_a_call(adapter: Adapter) {
    for api in APIS {
        for (retry_after, date) in HALF_A_MINUTE {
            let world = World::with(adapter, |setup| setup.sign_in_with = api);
            world.sign_in().unwrap();
            let fault = Fault::new(FaultKind::code("BDC_1322")).on(reading(api));
            world.sandbox.fault(fault.header("retry-after", retry_after).header("date", date));
            let caller = world.start(1, &read(api));
            backs_off(&world, 1);
            advance_past_a_look(&world, 30 * SECOND - MILLISECOND);
            assert_eq!((world.stats().calls, world.client().status().waiting), (1, 1));
            world.advance(MILLISECOND);
            caller.join_all_ok();
            assert_eq!(world.stats().calls, 2);
        }
    }
}

pub(crate) fn a_retry_after_beyond_the_calls_deadline_is_told_at_once(adapter: Adapter) {
    let world = World::new(adapter);
    world.sign_in().unwrap();
    let fault = Fault::new(FaultKind::code("BDC_1322")).on("GetSessionInfo");
    world.sandbox.fault(fault.header("retry-after", "120"));
    let error = world.call().unwrap_err();
    assert_eq!(error.code().unwrap().as_str(), "BDC_1322");
    assert_eq!(world.stats().calls, 1);
}

pub(crate) fn a_retry_after_of_more_than_an_hour_is_one_of_an_hour(adapter: Adapter) {
    for retry_after in ["7200", "18446744073709551615", "Fri, 31 Dec 9999 23:59:59 GMT"] {
        // A token's session does not idle out meanwhile.
        let world = World::with(adapter, |setup| setup.principal = World::token());
        world.sign_in().unwrap();
        let fault = Fault::new(FaultKind::code("BDC_1322")).on("GetSessionInfo");
        world.sandbox.fault(fault.header("retry-after", retry_after));
        let caller = world.start(1, &Op::read().within(DAY));
        backs_off(&world, 1);
        advance_past_a_look(&world, HOUR - MILLISECOND);
        assert_eq!((world.stats().calls, world.client().status().waiting), (1, 1));
        world.advance(MILLISECOND);
        caller.join_all_ok();
        assert_eq!(world.sessions_of("GetSessionInfo"), [1, 1]);
    }
}

pub(crate) fn a_retry_after_is_honoured_by_sign_ins_and_is_an_hour_at_most(adapter: Adapter) {
    for api in APIS {
        let kinds = [
            FaultKind::code("BDC_1322"),
            FaultKind::Html { status: 503 },
            FaultKind::code("BDC_9999"),
        ];
        for kind in kinds {
            for (retry_after, expected) in [("300", 5 * MINUTE), ("7200", HOUR)] {
                let world = World::with(adapter, |setup| setup.sign_in_with = api);
                let fault = Fault::new(kind.clone()).on(login(api));
                world.sandbox.fault(fault.header("retry-after", retry_after));
                let told = |error: Error| match error {
                    Error::NoSession { retry_after: Some(left), cause, .. } => {
                        assert!(matches!(*cause, Cause::Refused(_) | Cause::NotBill(_)));
                        left
                    }
                    error => panic!("{error:?}"),
                };
                assert_eq!(told(world.sign_in().unwrap_err()), expected, "{kind:?}");
                world.advance(expected - MILLISECOND);
                // Who cannot wait for it is told how long it would have been.
                let within = Op::read().within(MILLISECOND);
                assert_eq!(told(world.run(&within).unwrap_err()), MILLISECOND, "{kind:?}");
                assert_eq!(world.sign_ins(), 1);
                world.advance(MILLISECOND);
                world.call().unwrap();
                assert_eq!(world.sign_ins(), 2);
            }
        }
    }
}
