//! A verdict is about one session only, and BDC_1109 means: sign in once, send once more.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on ends"
)]

mod support;

use std::time::Duration;

use bill_session_core::{Call, Cause, Error, Outcome, SignInEnded, Step, Verdict};
use support::{World, done, field, refusal, settings};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

/// Signed in, with the session proven by an answered call.
fn proven() -> World {
    let mut world = World::signed_in();
    world.use_session();
    world
}

#[test]
fn a_call_refused_with_1109_is_sent_once_more_on_a_new_session() {
    let mut world = proven();
    let call = world.call();
    let in_flight = world.send(call);
    assert_eq!(field(&in_flight.request(), "sessionId").unwrap(), "session-1");
    let number = in_flight.id();
    let call = world.again(in_flight, refusal("BDC_1109"));
    let (sign_in, call) = world.begin(call, 0);
    let _stored = world.welcome(sign_in);
    let in_flight = world.send(call);
    assert_eq!(field(&in_flight.request(), "sessionId").unwrap(), "session-2");
    assert_eq!(in_flight.id(), number, "a number is for life");
    world.finish(in_flight);
    assert_eq!(world.sign_ins(), 2);
}

#[test]
fn a_replay_is_sent_as_the_call_was_but_for_the_session() {
    let mut world = proven();
    let data = serde_json::json!({"obj": {"entity": "Vendor", "name": "Ångström & Söhne"}});
    let call = world.session.account().v2("Crud/Create/Vendor", &data).unwrap();
    let in_flight = world.send(call);
    let first = in_flight.request();
    let call = world.again(in_flight, refusal("BDC_1109"));
    let (sign_in, call) = world.begin(call, 0);
    let _stored = world.welcome(sign_in);
    let second = world.send(call).request();
    assert_eq!(first.uri(), second.uri());
    assert_eq!(field(&first, "data"), field(&second, "data"));
    assert_eq!(field(&second, "data").unwrap(), data.to_string());
}

#[test]
fn a_late_1109_of_an_old_session_makes_no_sign_in() {
    let mut world = proven();
    let mut flying = world.send_many(2);
    let late = flying.remove(1);
    let call = world.again(flying.remove(0), refusal("BDC_1109"));
    let (sign_in, call) = world.begin(call, 0);
    let _stored = world.welcome(sign_in);
    let in_flight = world.send(call);
    world.finish(in_flight);
    world.pass(MINUTE);
    let call = world.again(late, refusal("BDC_1109"));
    let in_flight = world.send(call);
    assert_eq!(field(&in_flight.request(), "sessionId").unwrap(), "session-2");
    world.finish(in_flight);
    assert_eq!(world.sign_ins(), 2);
}

#[test]
fn a_late_1109_does_not_disturb_a_sign_in_that_flies() {
    let mut world = proven();
    let mut flying = world.send_many(2);
    let late = flying.remove(1);
    let call = world.again(flying.remove(0), refusal("BDC_1109"));
    let (sign_in, call) = world.begin(call, 0);
    let late = world.again(late, refusal("BDC_1109"));
    let late = world.wait(late, 1);
    assert!(matches!(world.welcome(sign_in), SignInEnded::Stored { .. }));
    for call in [call, late] {
        let in_flight = world.send(call);
        world.finish(in_flight);
    }
    assert_eq!(world.sign_ins(), 2);
}

#[test]
fn a_late_success_of_an_old_session_does_not_prove_the_new_one() {
    let mut world = proven();
    let mut flying = world.send_many(2);
    let late = flying.remove(1);
    let call = world.again(flying.remove(0), refusal("BDC_1109"));
    let (sign_in, call) = world.begin(call, 0);
    let _stored = world.welcome(sign_in);
    world.pass(20 * SECOND);
    world.finish(late);
    // Unproven and refused for the first time: replaced at once. Refused again: backed off.
    let in_flight = world.send(call);
    let _error = world.fails(in_flight, Ok(refusal("BDC_1109")));
    let call = world.call();
    let (sign_in, call) = world.begin(call, 0);
    let _stored = world.welcome(sign_in);
    let in_flight = world.send(call);
    let call = world.again(in_flight, refusal("BDC_1109"));
    let _waiting = world.wait(call, 0);
    assert!(world.retry_in() > Duration::ZERO);
}

#[test]
fn a_late_success_of_an_old_session_does_not_restart_the_new_ones_timer() {
    let mut world = proven();
    let mut flying = world.send_many(2);
    let late = flying.remove(1);
    let call = world.again(flying.remove(0), refusal("BDC_1109"));
    let (sign_in, call) = world.begin(call, 0);
    let _stored = world.welcome(sign_in);
    world.cancel(call.id().unwrap());
    world.pass(30 * SECOND);
    world.finish(late);
    world.pass(34 * MINUTE - 30 * SECOND);
    assert_eq!(world.would(), "sign in");
}

#[test]
fn fifty_refused_at_once_make_one_sign_in_and_none_is_lost() {
    let settings = settings(|settings| settings.max_in_flight = 64);
    let mut world = World::signed_in_with(settings);
    world.use_session();
    let flying = world.send_many(50);
    assert_eq!(world.session.in_flight(), 50);
    let calls: Vec<Call> =
        flying.into_iter().map(|in_flight| world.again(in_flight, refusal("BDC_1109"))).collect();
    let mut sign_ins = Vec::new();
    let mut waiting = Vec::new();
    for (token, call) in calls.into_iter().enumerate() {
        match world.step(call, token) {
            Step::SignIn(sign_in, call, _) => {
                sign_ins.push(sign_in);
                waiting.push(call);
            }
            Step::Wait(call, _) => waiting.push(call),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(sign_ins.len(), 1);
    let _stored = world.welcome(sign_ins.pop().unwrap());
    assert_eq!(world.take_woken().len(), 50);
    for call in waiting {
        let in_flight = world.send(call);
        world.finish(in_flight);
    }
    assert_eq!(world.sign_ins(), 2);
    assert_eq!(world.session.in_flight(), 0);
}

#[test]
fn fifty_refused_one_after_the_other_while_the_first_is_replayed_make_one_sign_in() {
    let settings = settings(|settings| settings.max_in_flight = 64);
    let mut world = World::signed_in_with(settings);
    world.use_session();
    let mut flying = world.send_many(50);
    let call = world.again(flying.remove(0), refusal("BDC_1109"));
    let (sign_in, call) = world.begin(call, 0);
    let mut waiting = vec![call];
    for in_flight in flying.drain(..25) {
        let call = world.again(in_flight, refusal("BDC_1109"));
        waiting.push(world.wait(call, 1));
    }
    let _stored = world.welcome(sign_in);
    for in_flight in flying {
        waiting.push(world.again(in_flight, refusal("BDC_1109")));
    }
    for call in waiting {
        let in_flight = world.send(call);
        world.finish(in_flight);
    }
    assert_eq!(world.sign_ins(), 2);
}

#[test]
fn three_refused_at_once_with_all_slots_and_ten_in_line_all_end_after_one_sign_in() {
    let mut world = proven();
    let flying = world.send_many(3);
    let mut line: Vec<Option<Call>> = (0..3).map(|_| None).collect();
    line.extend(world.line_up(3, 10).into_iter().map(Some));
    let mut sign_in = None;
    for (token, in_flight) in flying.into_iter().enumerate() {
        let call = world.again(in_flight, refusal("BDC_1109"));
        match world.step(call, token) {
            Step::SignIn(begun, call, _) => {
                assert!(sign_in.replace(begun).is_none());
                line[token] = Some(call);
            }
            Step::Wait(call, _) => line[token] = Some(call),
            other => panic!("{other:?}"),
        }
    }
    world.take_woken();
    let _stored = world.welcome(sign_in.expect("one of the three signs in"));
    let mut order = Vec::new();
    let mut woken = std::collections::VecDeque::from(world.take_woken());
    while let Some(token) = woken.pop_front() {
        let call = line[token].take().expect("woken once");
        let in_flight = world.send(call);
        world.finish(in_flight);
        order.push(token);
        woken.extend(world.take_woken());
    }
    assert_eq!(order, (0..13).collect::<Vec<_>>(), "in the order of their numbers");
    assert_eq!(world.sign_ins(), 2);
}

#[test]
fn a_second_1109_of_one_call_is_an_error_and_not_a_third_send() {
    let mut world = proven();
    let call = world.call();
    let in_flight = world.send(call);
    let call = world.again(in_flight, refusal("BDC_1109"));
    let (sign_in, call) = world.begin(call, 0);
    let _stored = world.welcome(sign_in);
    let in_flight = world.send(call);
    let error = world.fails(in_flight, Ok(refusal("BDC_1109")));
    let Error::Api(error) = error else { panic!("{error:?}") };
    assert_eq!(error.code().unwrap().number(), Some(1109));
    assert_eq!(world.session.waiting(), 0);
    assert_eq!(world.sign_ins(), 2);
}

#[test]
fn a_session_refused_before_it_proved_itself_is_replaced_at_once() {
    let mut world = World::signed_in();
    let call = world.call();
    let in_flight = world.send(call);
    let call = world.again(in_flight, refusal("BDC_1109"));
    let (sign_in, call) = world.begin(call, 0);
    let _stored = world.welcome(sign_in);
    let in_flight = world.send(call);
    world.finish(in_flight);
}

#[test]
fn the_second_unproven_session_in_a_row_is_a_failure_that_all_are_told_of() {
    let mut world = World::signed_in();
    let call = world.call();
    let in_flight = world.send(call);
    let call = world.again(in_flight, refusal("BDC_1109"));
    let (sign_in, call) = world.begin(call, 0);
    let _stored = world.welcome(sign_in);
    let replay = world.send(call);
    let flying = world.send_many(2);
    let waiting = world.line_up(10, 4);
    world.take_woken();
    let _error = world.fails(replay, Ok(refusal("BDC_1109")));
    assert_eq!(world.take_woken(), [10, 11, 12, 13]);
    for call in waiting {
        assert!(matches!(*world.no_session(call), Cause::SessionsRefused));
    }
    assert!(world.retry_in() >= Duration::from_millis(500));
    assert!(world.retry_in() <= SECOND);
    drop(flying);
}

#[test]
fn a_session_that_proved_itself_resets_the_count_of_unproven_ones() {
    let mut world = World::signed_in();
    for _ in 0..5 {
        // Each loss is of a session that proved itself; the next in the row proves itself too.
        world.use_session();
        let call = world.call();
        let in_flight = world.send(call);
        let call = world.again(in_flight, refusal("BDC_1109"));
        let (sign_in, call) = world.begin(call, 0);
        let _stored = world.welcome(sign_in);
        let in_flight = world.send(call);
        world.finish(in_flight);
    }
    assert_eq!(world.sign_ins(), 6);
}

#[test]
fn a_typed_error_proves_a_session_as_well_as_a_success() {
    let mut world = World::signed_in();
    let call = world.call();
    let in_flight = world.send(call);
    let _error = world.fails(in_flight, Ok(refusal("BDC_1361")));
    for _ in 0..2 {
        let call = world.call();
        let in_flight = world.send(call);
        let call = world.again(in_flight, refusal("BDC_1109"));
        let (sign_in, call) = world.begin(call, 0);
        let _stored = world.welcome(sign_in);
        let in_flight = world.send(call);
        let _error = world.fails(in_flight, Ok(refusal("BDC_1121")));
    }
}

#[test]
fn a_server_that_accepts_and_then_refuses_every_session_gets_few_sign_ins_in_an_hour() {
    for seed in 0..5 {
        let mut world = World::with(settings(|settings| settings.seed = seed));
        let begun = world.now;
        let mut waiting: Vec<Call> = Vec::new();
        let mut told = 0;
        while world.now - begun < 60 * MINUTE {
            // Every second a new caller; whoever is in line looks again.
            let mut stepping = std::mem::take(&mut waiting);
            stepping.push(world.call());
            for call in stepping {
                match world.step(call, 0) {
                    Step::SignIn(sign_in, call, _) => {
                        let _stored = world.welcome(sign_in);
                        waiting.push(call);
                    }
                    Step::Exchange(in_flight) => {
                        match world.answer(in_flight, Ok(refusal("BDC_1109"))) {
                            Outcome::Again(call) => waiting.push(call),
                            Outcome::Failed(_) => told += 1,
                            Outcome::Done(_) | Outcome::Mfa(_) => panic!("nothing succeeds here"),
                        }
                    }
                    Step::Wait(call, _) => waiting.push(call),
                    Step::Refuse(_) => told += 1,
                    other => panic!("{other:?}"),
                }
            }
            world.pass(SECOND);
        }
        let made = world.sign_ins();
        assert!((30..=70).contains(&made), "{made} sign-ins");
        assert!(told > 3400, "{told} told");
    }
}

#[test]
fn failures_are_reset_by_a_session_that_proved_itself_and_not_by_a_sign_in() {
    let mut world = World::new();
    for expected in [1, 2, 4] {
        let call = world.call();
        let call = world.sign_in_answered(call, support::silence());
        let _told = world.no_session(call);
        let left = world.retry_in();
        let step = Duration::from_secs(expected);
        assert!(left >= step / 2 && left <= step, "{left:?} of {step:?}");
        world.pass(left);
    }
    // Signed in, but never used: refused twice unproven, the failures go on where they were.
    world.sign_in();
    let call = world.call();
    let in_flight = world.send(call);
    let call = world.again(in_flight, refusal("BDC_1109"));
    let (sign_in, call) = world.begin(call, 0);
    let _stored = world.welcome(sign_in);
    let in_flight = world.send(call);
    let _error = world.fails(in_flight, Ok(refusal("BDC_1109")));
    let left = world.retry_in();
    assert!(left >= 4 * SECOND && left <= 8 * SECOND, "{left:?}");
    world.pass(left);
    world.sign_in();
    world.use_session();
    world.pass(34 * MINUTE);
    let call = world.call();
    let call = world.sign_in_answered(call, support::silence());
    let _told = world.no_session(call);
    assert!(world.retry_in() <= SECOND);
}

#[test]
fn a_lease_called_invalid_ends_its_session_and_a_stale_one_changes_nothing() {
    let mut world = proven();
    let lease = world.lease(Duration::ZERO);
    let stale = world.lease(Duration::ZERO);
    let wake = world.session.lease_ended(lease, Verdict::Invalid, world.now);
    world.heed(wake);
    world.sign_in();
    let wake = world.session.lease_ended(stale, Verdict::Invalid, world.now);
    world.heed(wake);
    assert_eq!(world.would(), "be sent");
    assert_eq!(world.session_in_use(), "session-2");
}

#[test]
fn a_lease_that_was_accepted_restarts_the_timer_and_one_that_was_dropped_does_not() {
    for (verdict, would) in [(Verdict::Alive, "be sent"), (Verdict::Unknown, "sign in")] {
        let mut world = proven();
        world.pass(20 * MINUTE);
        let lease = world.lease(Duration::ZERO);
        let wake = world.session.lease_ended(lease, verdict, world.now);
        world.heed(wake);
        world.pass(20 * MINUTE);
        assert_eq!(world.would(), would);
    }
}

#[test]
fn a_call_observed_by_the_program_itself_has_the_same_consequences() {
    let mut world = proven();
    let call = world.call();
    let in_flight = world.send(call);
    let (outcome, wake) =
        in_flight.observed(Verdict::Invalid).settle(&mut world.session, world.now);
    world.heed(wake);
    let Outcome::Again(call) = outcome else { panic!("{outcome:?}") };
    let (sign_in, call) = world.begin(call, 0);
    let _stored = world.welcome(sign_in);
    let in_flight = world.send(call);
    let (outcome, wake) = in_flight.observed(Verdict::Alive).settle(&mut world.session, world.now);
    world.heed(wake);
    assert!(matches!(outcome, Outcome::Done(())));
    assert_eq!(world.session.in_flight(), 0);
}

#[test]
fn a_server_that_says_invalid_once_to_each_of_many_callers_costs_each_one_replay() {
    let mut world = proven();
    for _ in 0..10 {
        let call = world.call();
        let in_flight = world.send(call);
        let call = world.again(in_flight, refusal("BDC_1109"));
        let (sign_in, call) = world.begin(call, 0);
        let _stored = world.welcome(sign_in);
        let in_flight = world.send(call);
        assert!(matches!(world.answer(in_flight, Ok(done())), Outcome::Done(_)));
        world.pass(MINUTE);
    }
    assert_eq!(world.sign_ins(), 11);
}
