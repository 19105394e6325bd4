//! What holds under any schedule of the threads that share a session, tried out by shuttle.
//!
//! `cargo xtask schedules` runs this. The clock stands still unless a scenario moves it, so that a
//! waiter whom nobody wakes waits for ever: shuttle calls that a deadlock, and the test fails.

#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test fails by panicking, and says what it covered"
)]

mod bill;
mod explore;

use std::sync::Arc;
use std::time::Duration;

use bill_session_core::{Error, Event, OrgId, Renewal, Step};
use bill_session_host::ManualClock;
use serde::de::IgnoredAny;
use shuttle::thread::{self, JoinHandle};

use super::{CallGuard, Shared, SignInGuard};
use crate::client::Client;
use bill::{Bill, pass};
use explore::{Met, explore};

const SECOND: Duration = Duration::from_secs(1);

fn call(client: &Client) -> Result<(), Error> {
    client.v2("GetSessionInfo", &()).send::<IgnoredAny>().map(drop)
}

/// So many threads, each with a client of its own that it drops when it is through.
fn threads<R: Send + 'static>(
    number: usize,
    client: &Client,
    work: impl Fn(&Client) -> R + Send + Copy + 'static,
) -> Vec<JoinHandle<R>> {
    let spawn = |client: Client| thread::spawn(move || work(&client));
    (0..number).map(|_| spawn(client.clone())).collect()
}

fn joined<R>(threads: Vec<JoinHandle<R>>) -> Vec<R> {
    threads.into_iter().map(|thread| thread.join().unwrap()).collect()
}

/// Whoever has ended has given back its slot and its place in line.
fn assert_nobody_is_left(client: &Client) {
    let status = client.session();
    assert_eq!((status.in_flight, status.waiting), (0, 0), "{status:?}");
}

/// Steps a call once, and goes away: out of the line, or in the middle of what it was to do.
fn begins_and_goes_away(shared: &Arc<Shared>) {
    let call = shared.account.v2("GetSessionInfo", &()).unwrap();
    let mut guard = CallGuard { shared, id: None };
    match shared.with(|session, now| call.step(session, thread::current, now)) {
        Step::Exchange(in_flight) => guard.id = Some(in_flight.id()),
        Step::Wait(call, _) => guard.id = call.id(),
        Step::SignIn(sign_in, call, _) => {
            guard.id = call.id();
            drop(SignInGuard { shared, id: Some(sign_in.id()) });
        }
        Step::Ready(_) | Step::Done | Step::Refuse(_) => unreachable!("the call begins"),
    }
    pass();
}

#[test]
fn several_threads_without_a_session_make_one_sign_in() {
    static WAITED: Met = Met::new();
    explore("one sign-in", &[("somebody waited", &WAITED)], || {
        let bill = Bill::default();
        let client = bill.client().clock(ManualClock::new()).build();
        let callers = threads(4, &client, call);
        WAITED.when(client.session().waiting > 0);
        for answer in joined(callers) {
            answer.unwrap();
        }
        assert_eq!((bill.seen().sign_ins, bill.seen().calls), (1, 4));
        assert_nobody_is_left(&client);
    });
}

#[test]
fn of_five_threads_no_more_than_three_are_in_flight() {
    static ALL_THREE: Met = Met::new();
    static WAITED: Met = Met::new();
    let met = [("three are in flight", &ALL_THREE), ("somebody waits", &WAITED)];
    explore("three slots", &met, || {
        let bill = Bill::default();
        let client = bill.client().clock(ManualClock::new()).build();
        call(&client).unwrap();
        let callers = threads(5, &client, |client| {
            let before = client.session();
            assert!(before.in_flight <= 3, "{before:?}");
            (before.waiting, call(client))
        });
        for (waiting, answer) in joined(callers) {
            WAITED.when(waiting > 0);
            answer.unwrap();
        }
        let seen = bill.seen();
        assert!(seen.most_in_flight <= 3);
        ALL_THREE.when(seen.most_in_flight == 3);
        assert_eq!((seen.sign_ins, seen.calls), (1, 6));
        assert_nobody_is_left(&client);
    });
}

#[test]
fn callers_that_go_away_pass_their_slot_on() {
    static IN_LINE: Met = Met::new();
    explore("callers that go away", &[("a line was left", &IN_LINE)], || {
        let bill = Bill::default();
        let client = bill.client().clock(ManualClock::new()).max_in_flight(1).build();
        call(&client).unwrap();
        let away = threads(2, &client, |client| {
            IN_LINE.when(client.session().in_flight == 1);
            begins_and_goes_away(&client.hold.shared);
        });
        let callers = threads(2, &client, call);
        for answer in joined(callers) {
            answer.unwrap();
        }
        joined(away);
        assert_eq!((bill.seen().sign_ins, bill.seen().most_in_flight), (1, 1));
        assert_nobody_is_left(&client);
    });
}

#[test]
fn callers_whose_deadline_passes_are_told_and_pass_their_slot_on() {
    static TOLD: Met = Met::new();
    static SERVED: Met = Met::new();
    let met = [("the deadline came first", &TOLD), ("the answer came first", &SERVED)];
    explore("deadlines", &met, || {
        let bill = Bill::default();
        let clock = ManualClock::new();
        let client = bill.client().clock(clock.clone()).max_in_flight(1).build();
        call(&client).unwrap();
        let hasty = threads(2, &client, |client| {
            let hasty = client.v2("GetSessionInfo", &()).deadline(2 * SECOND);
            hasty.send::<IgnoredAny>().map(drop)
        });
        let patient = threads(2, &client, call);
        let time = thread::spawn(move || {
            for _ in 0..3 {
                pass();
                clock.advance(SECOND);
            }
        });
        let hasty = joined(hasty);
        for answer in &hasty {
            assert!(matches!(answer, Ok(()) | Err(Error::Deadline { .. })), "{answer:?}");
        }
        SERVED.when(hasty.iter().any(Result::is_ok));
        TOLD.when(hasty.iter().any(Result::is_err));
        for answer in joined(patient) {
            answer.unwrap();
        }
        time.join().unwrap();
        assert_eq!(bill.seen().sign_ins, 1);
        assert_nobody_is_left(&client);
    });
}

#[test]
fn a_sign_in_that_is_given_up_is_taken_over_by_a_waiter() {
    static TAKEN_OVER: Met = Met::new();
    explore("a sign-in given up", &[("it was the one that gave up", &TAKEN_OVER)], || {
        let bill = Bill::default();
        let client = bill.client().clock(ManualClock::new()).build();
        let away = {
            let client = client.clone();
            thread::spawn(move || {
                let first = client.session().in_flight == 0;
                begins_and_goes_away(&client.hold.shared);
                first
            })
        };
        let callers = threads(3, &client, call);
        TAKEN_OVER.when(away.join().unwrap());
        for answer in joined(callers) {
            answer.unwrap();
        }
        assert_eq!((bill.seen().sign_ins, bill.seen().calls), (1, 3));
        assert_nobody_is_left(&client);
    });
}

#[test]
fn a_late_refusal_spares_the_fresh_session() {
    static LATE: Met = Met::new();
    explore("late refusals", &[("a refusal was late", &LATE)], || {
        let bill = Bill::default();
        let client = bill.client().clock(ManualClock::new()).build();
        call(&client).unwrap();
        let callers = threads(3, &client, |client| call(client).and_then(|()| call(client)));
        pass();
        bill.lose_sessions();
        for answer in joined(callers) {
            answer.unwrap();
        }
        // One more at most, whoever is told of the loss, and however late.
        let seen = bill.seen();
        assert!(seen.sign_ins <= 2, "{} sign-ins", seen.sign_ins);
        assert_eq!(seen.calls, 7);
        LATE.when(seen.late_refusals > 0);
        assert_nobody_is_left(&client);
    });
}

#[test]
fn a_sign_out_beside_calls_ends_them_and_leaves_no_session_behind() {
    static ENDED: Met = Met::new();
    static SIGNED_IN: Met = Met::new();
    let met = [("a call was ended", &ENDED), ("a sign-in was under way", &SIGNED_IN)];
    explore("sign-out", &met, || {
        let bill = Bill::default();
        let client = bill.client().clock(ManualClock::new()).build();
        let callers = threads(4, &client, call);
        pass();
        SIGNED_IN.when(bill.seen().sign_ins == 0 && bill.seen().in_flight > 0);
        client.sign_out().unwrap();
        let answers = joined(callers);
        for answer in &answers {
            assert!(matches!(answer, Ok(()) | Err(Error::SignedOut { .. })), "{answer:?}");
        }
        ENDED.when(answers.iter().any(Result::is_err));
        // What was begun afterwards has signed in anew; every other session is logged out.
        call(&client).unwrap();
        client.sign_out().unwrap();
        let seen = bill.seen();
        assert!(seen.live.is_empty(), "{:?} are left", seen.live);
        assert_eq!(seen.sign_ins, seen.logouts);
        assert_nobody_is_left(&client);
    });
}

#[test]
fn the_last_clients_drop_ends_the_renewal_thread_and_its_listeners() {
    static RENEWED: Met = Met::new();
    static NOT_RENEWED: Met = Met::new();
    let met = [("the session was renewed", &RENEWED), ("it was not", &NOT_RENEWED)];
    // That every thread ends is shuttle's to say: one that sleeps on is a deadlock.
    explore("the last client", &met, || {
        let bill = Bill::default();
        let clock = ManualClock::new();
        let client = bill.client().clock(clock.clone()).renewal(Renewal::Ahead).build();
        let events = client.events();
        let listener = thread::spawn(move || events.collect::<Vec<Event>>());
        call(&client).unwrap();
        let callers = threads(2, &client, call);
        let time = thread::spawn(move || clock.advance(34 * 60 * SECOND));
        let held = Arc::downgrade(&client.hold);
        drop(client);
        for answer in joined(callers) {
            // A sign-in takes no half an hour, and a call neither: the clock may leap in one.
            let late =
                |error: &Error| matches!(error, Error::Deadline { .. } | Error::NoSession { .. });
            assert!(answer.as_ref().err().is_none_or(late), "{answer:?}");
        }
        time.join().unwrap();
        listener.join().unwrap();
        // The renewal thread may look at it for a last time.
        assert!(held.strong_count() <= 1);
        RENEWED.when(bill.seen().sign_ins > 1);
        NOT_RENEWED.when(bill.seen().sign_ins == 1);
    });
}

#[test]
fn an_organisation_asked_for_beside_its_last_clients_drop_is_signed_in_once_and_renewed() {
    static GONE: Met = Met::new();
    static FOUND: Met = Met::new();
    let met = [("its last client had gone", &GONE), ("it was still held", &FOUND)];
    explore("found again", &met, || {
        let bill = Bill::default();
        let clock = ManualClock::new();
        let client = bill.client().clock(clock.clone()).renewal(Renewal::Ahead).build();
        let other = |client: &Client| {
            client.for_organization(OrgId::new("00800000000000000002").unwrap()).unwrap()
        };
        let last = other(&client);
        let held = Arc::downgrade(&last.hold);
        let last = thread::spawn(move || call(&last).unwrap());
        let beside = client.clone();
        let beside = thread::spawn(move || other(&beside));
        let found = other(&client);
        assert!(Arc::ptr_eq(&found.hold, &beside.join().unwrap().hold), "held twice");
        (if held.strong_count() == 0 { &GONE } else { &FOUND }).when(true);
        call(&found).unwrap();
        last.join().unwrap();
        assert_eq!(bill.seen().sign_ins, 1);
        // Whoever holds it now has a thread that renews: no call signs in.
        clock.advance(35 * 60 * SECOND);
        while bill.seen().sign_ins == 1 {
            thread::yield_now();
        }
    });
}
