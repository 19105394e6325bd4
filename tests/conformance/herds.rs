//! Many callers: nobody starves, nobody storms BILL, and nobody is left without an answer.

use std::cell::Cell;
use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use bill_conformance::{
    Adapter, HOUR, Herd, MILLISECOND, MINUTE, Op, SECOND, Setup, World, eventually,
};
use bill_sandbox::{Fault, FaultKind};
use bill_session_core::{Cause, Environment, Error, Limit, Phase, SignInWith};
use bill_session_host::{Alarm, Clock, ManualClock};
use serde::de::IgnoredAny;

use crate::limits::{APIS, login, slow};

/// A thousand threads at once are to fit into a small machine.
const STACK: usize = 512 * 1024;

/// A clock that stands still, and by which the wake-ups of a herd are counted.
///
/// A caller reads it once for each step, once more when it goes to wait, and once to settle an
/// answer. What is beyond one step and one settling for each exchange are waits, two readings each.
/// A wait ends when somebody else wakes the caller, or when its own timer lets it look again.
#[derive(Clone, Debug, Default)]
struct Counting(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    clock: ManualClock,
    reads: AtomicU64,
    /// Wakes by other callers of the herd, in the async adapter.
    woken: AtomicU64,
    /// Waits of a second or more, in the blocking adapter: no other look is so late.
    looks: AtomicU64,
}

thread_local! {
    /// When this thread, if it is a caller, has read the clock last.
    static LAST: Cell<Option<Instant>> = const { Cell::new(None) };
    /// Whether this thread polls a caller: what wakes another one meanwhile is no timer.
    static POLLS: Cell<bool> = const { Cell::new(false) };
}

impl Counting {
    /// How often callers have waited, in a herd that has ended with so many exchanges and sign-ins.
    fn waits(&self, exchanges: u64, sign_ins: u64) -> u64 {
        let reads = self.0.reads.load(Ordering::Acquire);
        reads.saturating_sub(2 * exchanges + sign_ins) / 2
    }

    /// How many of these waits others have ended.
    fn woken(&self, waits: u64, adapter: Adapter) -> u64 {
        match adapter {
            Adapter::Async => self.0.woken.load(Ordering::Acquire),
            Adapter::Blocking => waits.saturating_sub(self.0.looks.load(Ordering::Acquire)),
        }
    }
}

impl Clock for Counting {
    fn now(&self) -> Instant {
        self.0.reads.fetch_add(1, Ordering::AcqRel);
        if let Some(last) = LAST.get() {
            self.0.looks.fetch_add(u64::from(last.elapsed() >= SECOND), Ordering::AcqRel);
            LAST.set(Some(Instant::now()));
        }
        self.0.clock.now()
    }

    fn on_jump(&self, alarm: Weak<dyn Alarm>) {
        self.0.clock.on_jump(alarm);
    }
}

/// What wakes a task, and counts who does.
struct Bell {
    task: Waker,
    counts: Arc<Counts>,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.counts.woken.fetch_add(u64::from(POLLS.get()), Ordering::AcqRel);
        self.task.wake_by_ref();
    }
}

/// Polls a caller with a waker that counts.
async fn belled<F: Future>(Counting(counts): Counting, work: F) -> F::Output {
    let mut work = pin!(work);
    poll_fn(|context| {
        let task = context.waker().clone();
        let bell = Waker::from(Arc::new(Bell { task, counts: Arc::clone(&counts) }));
        POLLS.set(true);
        let poll = work.as_mut().poll(&mut Context::from_waker(&bell));
        POLLS.set(false);
        poll
    })
    .await
}

/// Sends so many calls at once from callers of their own, and waits until each was served.
fn herd(world: &World, clock: &Counting, api: SignInWith, callers: usize) {
    let environment = Environment::custom(&world.sandbox.origin()).unwrap();
    let credentials = World::credentials();
    match world.adapter {
        Adapter::Async => {
            let builder = bill_async::Client::builder(environment, credentials);
            let client = builder.clock(clock.clone()).sign_in_with(api).build();
            let call = |_| {
                let (client, clock) = (client.clone(), clock.clone());
                let call = async move { client.v2("GetSessionInfo", &()).send().await };
                world.runtime().spawn(belled(clock, call))
            };
            let calls: Vec<_> = (0..callers).map(call).collect();
            for call in calls {
                let answer: Result<IgnoredAny, Error> = world.runtime().block_on(call).unwrap();
                answer.unwrap();
            }
        }
        Adapter::Blocking => {
            let builder = bill_blocking::Client::builder(environment, credentials);
            let client = builder.clock(clock.clone()).sign_in_with(api).build();
            let call = |_| {
                let client = client.clone();
                let call = move || -> Result<IgnoredAny, Error> {
                    LAST.set(Some(Instant::now()));
                    client.v2("GetSessionInfo", &()).send()
                };
                thread::Builder::new().stack_size(STACK).spawn(call).unwrap()
            };
            let calls: Vec<_> = (0..callers).map(call).collect();
            for call in calls {
                call.join().unwrap().unwrap();
            }
        }
    }
}

/// A herd that meets three slots, a millisecond for each answer, and a lost session in its middle.
fn serve(adapter: Adapter, api: SignInWith, callers: usize) {
    let world = World::new(adapter);
    let middle = callers as u64 / 2;
    world.sandbox.fault(Fault::new(FaultKind::LoseSession).on("GetSessionInfo").after(middle));
    world.sandbox.fault(slow().always());
    let clock = Counting::default();
    let begun = Instant::now();
    herd(&world, &clock, api, callers);
    let took = begun.elapsed();

    // BILL's side: three at once and never a fourth, and nothing was asked for twice but what the
    // lost session has cost.
    let stats = world.stats();
    let lost = world.rejected("BDC_1109");
    assert!((1..=3).contains(&lost), "{stats:?}");
    assert_eq!(stats.max_in_flight_by_key.values().max(), Some(&3));
    assert_eq!((stats.limited_concurrent, stats.sign_ins), (0, 2));
    assert_eq!(stats.calls, callers as u64 + lost);

    let waits = clock.waits(stats.calls, stats.sign_ins);
    let woken = clock.woken(waits, adapter);
    let callers = callers as u64;
    assert!(woken <= 2 * callers, "{woken} wake-ups of {callers} callers");
    // All of them have waited for the sign-in or for their turn, or nothing was counted.
    assert!(woken >= callers / 2, "{woken} wake-ups of {callers} callers");
    // By itself a caller looks once a second, and waits for half of the time on average.
    let looks = callers * (took.as_secs() / 2 + 1);
    assert!(waits <= woken + looks, "{waits} waits of {callers} callers in {took:?}");
}

pub(crate) fn ten_thousand_tasks_or_a_thousand_threads_share_three_slots_and_all_are_served(
    adapter: Adapter,
) {
    let callers = match adapter {
        Adapter::Async => 10_000,
        Adapter::Blocking => 1_000,
    };
    serve(adapter, SignInWith::V2, callers);
}

pub(crate) fn a_burst_of_two_hundred_callers_is_served_by_three_slots(adapter: Adapter) {
    for api in APIS {
        serve(adapter, api, 200);
    }
}

pub(crate) fn callers_that_go_away_in_the_middle_leave_their_turn_to_the_others(adapter: Adapter) {
    let world = World::new(adapter);
    world.sign_in().unwrap();
    let answers = world.sandbox.hold("GetSessionInfo");
    let in_flight = world.start(3, &Op::read());
    answers.wait_for(3).unwrap();
    // One behind the other, those with patience and those without.
    let herds: Vec<_> = (0..20)
        .map(|nth| {
            let op = Op::read().within(if nth % 2 == 0 { 10 * SECOND } else { MINUTE });
            let herd = world.start(10, &op);
            herd.all_wait();
            herd
        })
        .collect();
    world.advance(10 * SECOND);
    let (left, stayed): (Vec<_>, Vec<_>) =
        herds.into_iter().enumerate().partition(|(nth, _)| nth % 2 == 0);
    for (_, herd) in left {
        for error in herd.join_all_failed() {
            assert!(matches!(error, Error::Deadline { cause: None, .. }), "{error:?}");
        }
    }
    answers.release();
    in_flight.join_all_ok();
    for (_, herd) in stayed {
        herd.join_all_ok();
    }
    assert_eq!((world.stats().calls, world.sign_ins()), (3 + 100, 1));
    assert_eq!((world.stats().max_in_flight, world.stats().limited_concurrent), (3, 0));
    let now = world.client().status();
    assert_eq!((now.in_flight, now.waiting), (0, 0));
}

/// How a caller can go away without a deadline is each adapter's own, so this stands outside the table.
#[test]
fn of_six_hundred_futures_every_other_is_dropped_on_its_way_and_the_others_are_served() {
    let world = World::with(Adapter::Async, |setup| {
        // A dropped exchange is over for the client, and for BILL when it notices.
        setup.sandbox = |sandbox| sandbox.concurrent_calls(None);
    });
    world.sandbox.fault(slow().always());
    let (mut stay, mut leave) = (Vec::new(), VecDeque::new());
    for _ in 0..300 {
        stay.push(world.start(1, &Op::read()));
        leave.push_back(world.start(1, &Op::read()));
    }
    while let Some(next) = leave.pop_front() {
        // Wherever they are: before their turn, in flight, or served already.
        next.drop_all();
        let served = world.stats().calls;
        eventually("the others go on", || {
            world.stats().calls > served || stay.iter().all(|herd| herd.ended() == 1)
        });
    }
    for herd in stay {
        herd.join_all_ok();
    }
    eventually("nothing is left of those that went", || {
        let now = world.client().status();
        (now.in_flight, now.waiting) == (0, 0)
    });
    assert_eq!(world.sign_ins(), 1);
}

// An hour against a sandbox that is of no use.

/// What an hour of callers has come to.
#[derive(Debug)]
struct Hour {
    /// The most sign-ins within 60 minutes, wherever these began.
    sign_ins: usize,
    errors: Vec<Error>,
}

/// The most sign-ins that came within an hour, of the sandbox's own account.
fn most_sign_ins_an_hour(world: &World) -> usize {
    let journal = world.sandbox.journal().into_iter();
    let sign_ins = journal.filter(|entry| ["Login", "v3/Login"].contains(&&*entry.operation));
    let times: Vec<_> = sign_ins.map(|entry| entry.at).collect();
    let within_an_hour_of = |begun: &Duration| {
        times.iter().filter(|time| (*begun..*begun + HOUR).contains(time)).count()
    };
    times.iter().map(within_an_hour_of).max().unwrap_or_default()
}

/// An hour in which two callers arrive every half minute; every one of them is told of a failure
/// by its own deadline, two minutes later.
fn pass_an_hour(world: &World) -> Hour {
    const STEP: Duration = Duration::from_secs(10);
    let mut herds: VecDeque<(Duration, Herd)> = VecDeque::new();
    let mut errors = Vec::new();
    let mut started = 0;
    // Two minutes more, for the last of them to be told.
    for nth in 0..(HOUR + 2 * MINUTE).as_secs() / STEP.as_secs() {
        let now = STEP * u32::try_from(nth).unwrap();
        if nth % 3 == 0 && now < HOUR {
            herds.push_back((now + 2 * MINUTE, world.start(2, &Op::read())));
            started += 2;
        }
        let ended = |herds: &VecDeque<(Duration, Herd)>| {
            errors.len() + herds.iter().map(|(_, herd)| herd.ended()).sum::<usize>()
        };
        eventually("all that can be done now is done", || {
            let status = world.client().status();
            status.in_flight == 0 && status.waiting + ended(&herds) == started
        });
        let (reads, waiting) = (world.clock.reads(), world.client().status().waiting as u64);
        world.advance(STEP);
        eventually("all that wait have looked", || {
            world.clock.reads() > reads + waiting || ended(&herds) == started
        });
        while herds.front().is_some_and(|(deadline, _)| *deadline <= now + STEP) {
            let (_, herd) = herds.pop_front().unwrap();
            errors.extend(herd.join_all_failed());
        }
    }
    assert_eq!((errors.len(), herds.len()), (240, 0));
    Hour { sign_ins: most_sign_ins_an_hour(world), errors }
}

pub(crate) fn who_runs_out_of_time_during_the_next_attempt_is_told_why_the_last_one_failed(
    adapter: Adapter,
) {
    for api in APIS {
        let world = World::with(adapter, |setup| setup.sign_in_with = api);
        let outage = Fault::new(FaultKind::Html { status: 503 }).on(login(api));
        world.sandbox.fault(outage.header("retry-after", "10"));
        // Whoever is first signs in, and has time.
        let first = world.start(1, &Op::read());
        eventually("the sign-in has failed", || matches!(world.phase(), Phase::Failed { .. }));
        let others = world.start(20, &Op::read().within(12 * SECOND));
        others.all_wait();
        let answer = world.sandbox.hold(login(api));
        world.advance(10 * SECOND);
        answer.wait_for(1).unwrap();
        // Less than the time without a heartbeat after which a sign-in counts as abandoned.
        world.advance(2 * SECOND);
        for error in others.join_all_failed() {
            assert!(is_told_of(&error, |cause| matches!(cause, Cause::NotBill(_))), "{error:?}");
        }
        answer.release();
        first.join_all_ok();
        assert_eq!(world.sign_ins(), 2);
    }
}

/// An hour with each API, and with a budget that is reached or BILL's own.
fn hours(
    adapter: Adapter,
    faults: impl Fn(SignInWith) -> Fault,
    change: impl Fn(&mut Setup),
    told: impl Fn(&Error) -> bool,
) -> Vec<Hour> {
    let hour = |(api, budget)| {
        let world = World::with(adapter, |setup| {
            setup.sign_in_with = api;
            setup.sign_ins_an_hour = Some(budget);
            change(setup);
        });
        world.sandbox.fault(faults(api).always());
        let hour = pass_an_hour(&world);
        let limited = |error: &&Error| {
            matches!(error, Error::Limited { limit: Limit::SignIns, code: None, .. })
        };
        assert!((1..=budget as usize).contains(&hour.sign_ins), "{} sign-ins", hour.sign_ins);
        // Callers are told of the budget if it is spent, and only then.
        let is_spent = hour.sign_ins == budget as usize;
        assert_eq!(hour.errors.iter().any(|error| limited(&error)), is_spent);
        assert_eq!(world.stats().limited_sign_ins, 0);
        for error in &hour.errors {
            let of_the_budget = is_told_of(error, |cause| matches!(cause, Cause::BudgetSpent));
            let typed = told(error) || limited(&error) || of_the_budget;
            assert!(typed, "{error:?}");
        }
        // And as soon as BILL is well again, all is well.
        world.sandbox.clear_faults();
        world.advance(HOUR);
        world.call().unwrap();
        hour
    };
    [(SignInWith::V2, 20), (SignInWith::V3, 200)].map(hour).into()
}

fn is_told_of(error: &Error, is_cause: impl Fn(&Cause) -> bool) -> bool {
    match error {
        Error::NoSession { cause, .. } | Error::Deadline { cause: Some(cause), .. } => {
            is_cause(cause)
        }
        _ => false,
    }
}

fn refused_with(cause: &Cause, code: &str) -> bool {
    cause.code().is_some_and(|told| told.as_str() == code)
}

pub(crate) fn an_hour_of_sessions_that_are_refused_stays_within_the_budget(adapter: Adapter) {
    let refused = |_| Fault::new(FaultKind::invalid_session()).on("GetSessionInfo");
    let told = |error: &Error| match error {
        // It was sent, and sent again with another session.
        Error::Api(_) => error.code().is_some_and(|code| code.as_str() == "BDC_1109"),
        // There was a session just then, and it was refused a moment later.
        Error::Deadline { cause: None, .. } => true,
        error => is_told_of(error, |cause| matches!(cause, Cause::SessionsRefused)),
    };
    hours(adapter, refused, |_| {}, told);
}

pub(crate) fn an_hour_of_sign_ins_beyond_the_hours_limit_makes_one_in_each_clock_hour(
    adapter: Adapter,
) {
    let spent = |api| Fault::new(FaultKind::code("BDC_1144")).on(login(api));
    let told = |error: &Error| match error {
        Error::Limited { limit: Limit::SignIns, code: Some(_), until: Some(_), .. } => true,
        // It waited for an hour that ended just before its deadline.
        error => is_told_of(error, |cause| refused_with(cause, "BDC_1144")),
    };
    for hour in hours(adapter, spent, |_| {}, told) {
        // The hour began somewhere within one of BILL's.
        assert!(hour.sign_ins <= 2, "{} sign-ins", hour.sign_ins);
    }
}

pub(crate) fn an_hour_of_sign_ins_that_meet_three_calls_stays_within_the_budget(adapter: Adapter) {
    let contended = |api| Fault::new(FaultKind::code("BDC_1322")).on(login(api));
    let told = |error: &Error| is_told_of(error, |cause| refused_with(cause, "BDC_1322"));
    hours(adapter, contended, |_| {}, told);
}

pub(crate) fn an_hour_of_a_server_in_trouble_stays_within_the_budget(adapter: Adapter) {
    let trouble = |api| match api {
        SignInWith::V3 => Fault::new(FaultKind::errors(500, &["BDC_1001"])).on(login(api)),
        _ => Fault::new(FaultKind::Html { status: 503 }).on(login(api)),
    };
    let told = |error: &Error| {
        is_told_of(error, |cause| {
            matches!(cause, Cause::NotBill(_)) || refused_with(cause, "BDC_1001")
        })
    };
    hours(adapter, trouble, |_| {}, told);
}

pub(crate) fn an_hour_of_silence_stays_within_the_budget(adapter: Adapter) {
    let silence = |api| Fault::new(FaultKind::NoAnswer).on(login(api));
    // A real limit, since HTTP clients know real time only; no sign-in is to be faster than this.
    let limit = |setup: &mut Setup| setup.sign_in_limit = Some(50 * MILLISECOND);
    let told = |error: &Error| {
        // The clock may be moved on while a sign-in is in flight: then it is overdue.
        is_told_of(error, |cause| match cause {
            Cause::NoAnswer(error) => error.is_timeout(),
            cause => matches!(cause, Cause::Overdue),
        })
    };
    hours(adapter, silence, limit, told);
}
