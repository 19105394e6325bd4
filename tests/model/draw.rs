//! How `proptest` draws the settings of a case, and what happens next.

use std::cell::RefCell;
use std::collections::HashMap;

use proptest::option;
use proptest::prelude::*;
use proptest::strategy::Union;

use super::action::{Action, Limits, Operation, Patience, Renewing, Reply, Setup, Time, What};
use super::past::{After, Past};

/// Ways for something to happen, each with its weight and with what has to come before.
type Ways = Vec<(u32, After, BoxedStrategy<Action>)>;

/// What can happen next, by which of the ways are open in which organisation.
type Drawn = HashMap<Vec<bool>, BoxedStrategy<(usize, Action)>>;

/// What can happen next, in any of the organisations.
pub fn transition(past: &Past) -> BoxedStrategy<(usize, Action)> {
    thread_local! {
        static WAYS: Ways = ways();
        static DRAWN: RefCell<Drawn> = RefCell::default();
    }
    WAYS.with(|ways| {
        let each = || (0..2).flat_map(|number| ways.iter().map(move |way| (number, way)));
        let possible: Vec<_> =
            each().map(|(number, (_, after, _))| past.allows(number, *after)).collect();
        let union = || {
            let open = each().zip(&possible).filter(|(_, is_possible)| **is_possible);
            let open = open.map(|((number, (weight, _, action)), _)| {
                (*weight, (Just(number), action.clone()).boxed())
            });
            Union::new_weighted(open.collect()).boxed()
        };
        DRAWN.with_borrow_mut(|drawn| match drawn.get(&possible) {
            Some(union) => union.clone(),
            None => drawn.entry(possible.clone()).or_insert_with(union).clone(),
        })
    })
}

/// The settings of a case.
pub fn setup() -> impl Strategy<Value = Setup> {
    let limits = prop_oneof![
        6 => Just(Limits { sign_ins: 200, calls: 20_000 }),
        2 => Just(Limits { sign_ins: 5, calls: 20_000 }),
        1 => Just(Limits { sign_ins: 2, calls: 20_000 }),
        1 => Just(Limits { sign_ins: 200, calls: 6 }),
    ];
    let renewal = prop_oneof![
        4 => Just(Renewing::OnDemand),
        1 => Just(Renewing::Ahead),
        1 => Just(Renewing::KeepAlive),
    ];
    let organizations = (1..=2_usize, any::<bool>());
    let session = (limits, any::<bool>(), renewal, prop::bool::weighted(0.1), any::<bool>());
    let calls = (1..=3_usize, 0..=3_u8, prop_oneof![9 => Just(34_u64), 1 => Just(4)]);
    (organizations, session, calls, any::<bool>(), any::<u64>()).prop_map(
        |((organizations, told), session, (slots, tries, idle_minutes), lag, seed)| {
            let (limits, heartbeat, renewal, token, v3) = session;
            Setup {
                organizations,
                told,
                slots,
                limits,
                heartbeat,
                renewal,
                token,
                v3,
                tries,
                idle_minutes,
                lag,
                seed,
            }
        },
    )
}

fn ways() -> Ways {
    use After::{
        Anything, Callers, Challenges, Exchanges, Heartbeat, Leases, Renewal, SignIns, ThreeCallers,
    };

    vec![
        (14, Anything, begins(what())),
        (2, Challenges, begins(validate())),
        (5, Anything, (2..9_u8).prop_map(Action::Burst).boxed()),
        (2, Renewal, Just(Action::Renew).boxed()),
        (
            3,
            Renewal,
            (1..4_u8, reply())
                .prop_map(|(times, reply)| Action::AwaitRenewal(times, reply))
                .boxed(),
        ),
        (5, Callers, at().prop_map(Action::Step).boxed()),
        (6, Callers, at().prop_map(Action::Attend).boxed()),
        (12, Callers, Just(Action::AttendAll).boxed()),
        (4, Callers, Just(Action::StepDue).boxed()),
        (1, Callers, at().prop_map(Action::Freeze).boxed()),
        (3, Callers, at().prop_map(Action::Depart).boxed()),
        (1, ThreeCallers, at().prop_map(Action::DepartFromMiddle).boxed()),
        (16, Anything, time().prop_map(Action::Pass).boxed()),
        (20, Exchanges, (at(), reply()).prop_map(|(at, reply)| Action::Answer(at, reply)).boxed()),
        (3, Exchanges, any::<bool>().prop_map(|late| Action::Amnesia { late }).boxed()),
        (2, Exchanges, (1..5_u8).prop_map(Action::Crowd).boxed()),
        (
            2,
            Exchanges,
            (1..5_u8, loss()).prop_map(|(times, reply)| Action::Outage(times, reply)).boxed(),
        ),
        (1, Anything, Just(Action::LateUpload).boxed()),
        (2, Anything, any::<bool>().prop_map(|remember| Action::Trust { remember }).boxed()),
        (1, Anything, Just(Action::TrustByDevice).boxed()),
        (1, SignIns, (1..4_u8).prop_map(Action::AcceptAndRefuse).boxed()),
        (1, Exchanges, at().prop_map(Action::Lose).boxed()),
        (1, Exchanges, at().prop_map(Action::Leave).boxed()),
        (
            13,
            SignIns,
            (at(), sign_in_reply()).prop_map(|(at, reply)| Action::AnswerSignIn(at, reply)).boxed(),
        ),
        (8, SignIns, Just(Action::Welcome).boxed()),
        (1, SignIns, at().prop_map(Action::LoseSignIn).boxed()),
        (2, SignIns, at().prop_map(Action::CancelSignIn).boxed()),
        (4, Heartbeat, Just(Action::Beat).boxed()),
        (2, Heartbeat, (2..9_u8).prop_map(Action::SlowSignIn).boxed()),
        (6, Leases, (at(), reply()).prop_map(|(at, reply)| Action::EndLease(at, reply)).boxed()),
        (1, Anything, Just(Action::SignOut).boxed()),
        (
            1,
            Anything,
            (prop::bool::weighted(0.1), prop::bool::weighted(0.7))
                .prop_map(|(token, told)| Action::Replace { token, told })
                .boxed(),
        ),
    ]
}

fn at() -> impl Strategy<Value = u8> {
    any::<u8>()
}

fn begins(what: impl Strategy<Value = What> + 'static) -> BoxedStrategy<Action> {
    (what, patience()).prop_map(|(what, patience)| Action::Begin(what, patience)).boxed()
}

fn what() -> impl Strategy<Value = What> {
    prop_oneof![
        16 => operation().prop_map(What::Call),
        3 => prop::bool::weighted(0.7).prop_map(|once| What::Upload { once }),
        1 => Just(What::Challenge),
        1 => Just(What::StepUp),
        3 => Just(What::ListOrgs),
        2 => Just(What::SignIn),
        3 => prop::sample::select(vec![0_u8, 5, 20, 33, 60]).prop_map(What::Lease),
    ]
}

fn validate() -> impl Strategy<Value = What> {
    (at(), any::<bool>()).prop_map(|(challenge, remember)| What::Validate { challenge, remember })
}

fn operation() -> impl Strategy<Value = Operation> {
    use Operation::{Create, Get, List, Post};

    prop_oneof![4 => Just(List), 2 => Just(Create), 1 => Just(Get), 1 => Just(Post)]
}

fn patience() -> impl Strategy<Value = Patience> {
    prop_oneof![
        5 => Just(Patience(None)),
        3 => prop::sample::select(vec![1_u16, 3, 10, 40, 600, 7_200])
            .prop_map(|seconds| Patience(Some(seconds))),
    ]
}

fn time() -> impl Strategy<Value = Time> {
    prop_oneof![
        6 => (0..400_u64).prop_map(Time::Milliseconds),
        6 => (1..8_u64).prop_map(Time::Seconds),
        3 => (8..130_u64).prop_map(Time::Seconds),
        2 => (30..37_u64).prop_map(Time::Minutes),
        1 => (37..181_u64).prop_map(Time::Minutes),
        6 => (any::<u8>(), -1..=1_i8).prop_map(|(at, off)| Time::Edge(at, off)),
    ]
}

fn retry_after() -> impl Strategy<Value = Option<u16>> {
    option::weighted(0.4, prop::sample::select(vec![3_u16, 100, 7_200]))
}

fn reply() -> impl Strategy<Value = Reply> {
    prop_oneof![
        12 => Just(Reply::Done),
        4 => any::<bool>().prop_map(Reply::Trusted),
        6 => Just(Reply::Code(1109, None)),
        3 => retry_after().prop_map(|after| Reply::Code(1322, after)),
        1 => hour_spent(),
        2 => Just(Reply::Code(1361, None)),
        7 => prop::sample::select(vec![1101_u16, 1101, 1101, 1102, 1105, 1107, 1121, 1356, 1358, 7777])
            .prop_map(|code| Reply::Code(code, None)),
        1 => retry_after().prop_map(Reply::Trouble),
        1 => retry_after().prop_map(Reply::Page503),
        1 => Just(Reply::Redirect),
        1 => Just(Reply::Torn),
        1 => Just(Reply::TooLong),
        2 => Just(Reply::Lost),
    ]
}

fn loss() -> impl Strategy<Value = Reply> {
    prop_oneof![
        1 => Just(Reply::Trouble(None)),
        1 => Just(Reply::Page503(None)),
        1 => Just(Reply::Torn),
        2 => Just(Reply::Lost),
    ]
}

fn sign_in_reply() -> impl Strategy<Value = Reply> {
    prop_oneof![
        14 => Just(Reply::Done),
        7 => any::<bool>().prop_map(Reply::Trusted),
        2 => Just(Reply::Code(1101, None)),
        3 => Just(Reply::Again),
        3 => prop::sample::select(vec![1102_u16, 1105, 1107])
            .prop_map(|code| Reply::Code(code, None)),
        5 => prop::sample::select(vec![1109_u16, 1121, 1356, 1358, 7777])
            .prop_map(|code| Reply::Code(code, None)),
        2 => retry_after().prop_map(|after| Reply::Code(1322, after)),
        2 => hour_spent(),
        1 => Just(Reply::Code(1361, None)),
        1 => retry_after().prop_map(Reply::Trouble),
        1 => retry_after().prop_map(Reply::Page503),
        1 => Just(Reply::Redirect),
        1 => Just(Reply::Torn),
        1 => Just(Reply::TooLong),
        2 => Just(Reply::Lost),
    ]
}

fn hour_spent() -> impl Strategy<Value = Reply> {
    prop::sample::select(vec![Some(20_u16), Some(300), None]).prop_map(Reply::HourSpent)
}
