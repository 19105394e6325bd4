//! One sign-in at a time: everyone else waits for it, and shares its success and its failure.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on ends"
)]

mod support;

use std::sync::Arc;
use std::time::Duration;

use bill_session_core::{Call, Cause, Error, SignInEnded, Step};
use support::{World, done, page, password, refusal, settings, silence, with_header, with_status};

const SECOND: Duration = Duration::from_secs(1);
const MILLISECOND: Duration = Duration::from_millis(1);

/// A world whose sign-ins need a heartbeat, as an async adapter's.
fn beating() -> World {
    World::with(settings(|settings| {
        settings.heartbeat = Some(Duration::from_secs(5));
    }))
}

#[test]
fn a_thousand_cold_callers_make_one_sign_in_and_all_are_served() {
    let mut world = World::new();
    let call = world.call();
    let (sign_in, first) = world.begin(call, 0);
    let mut waiting = vec![Some(first)];
    waiting.extend(world.line_up(1, 999).into_iter().map(Some));
    assert!(world.woken.is_empty());
    assert!(matches!(world.welcome(sign_in), SignInEnded::Stored { .. }));
    let mut served = 0;
    while let Some(token) = world.woken.pop() {
        let call = waiting[token].take().expect("woken once only");
        let Step::Exchange(in_flight) = world.step(call, token) else {
            panic!("woken for nothing")
        };
        world.finish(in_flight);
        served += 1;
    }
    assert_eq!(served, 1000);
    assert_eq!(world.sign_ins(), 1);
    assert_eq!(world.session.in_flight(), 0);
    assert_eq!(world.session.waiting(), 0);
}

#[test]
fn those_who_need_a_session_and_no_slot_are_all_woken_by_a_success() {
    let mut world = World::new();
    let (sign_in, first) = world.begin(Call::sign_in(), 0);
    let mut waiting = vec![first];
    for token in 1..10 {
        let call = if token % 2 == 0 { Call::lease(Duration::ZERO) } else { Call::sign_in() };
        waiting.push(world.wait(call, token));
    }
    let _stored = world.welcome(sign_in);
    let mut woken = world.take_woken();
    woken.sort_unstable();
    assert_eq!(woken, (0..10).collect::<Vec<_>>());
    for (token, call) in waiting.into_iter().enumerate() {
        assert!(matches!(world.step(call, token), Step::Ready(_)));
    }
    assert_eq!(world.sign_ins(), 1);
}

#[test]
fn those_who_need_no_slot_are_woken_by_a_success_though_others_are_given_all_the_slots() {
    let mut world = World::new();
    let call = world.call();
    let (sign_in, first) = world.begin(call, 0);
    let calls = world.line_up(1, 2);
    let leases = [3, 4].map(|token| world.wait(Call::lease(Duration::ZERO), token));
    let _stored = world.welcome(sign_in);
    let mut woken = world.take_woken();
    woken.sort_unstable();
    assert_eq!(woken, [0, 1, 2, 3, 4]);
    for lease in leases {
        assert!(matches!(world.step(lease, 5), Step::Ready(_)));
    }
    drop((first, calls));
}

#[test]
fn a_failure_is_shared_by_everyone_who_waited_for_it() {
    let mut world = World::new();
    let call = world.call();
    let (sign_in, first) = world.begin(call, 0);
    let mut waiting = vec![first];
    waiting.extend(world.line_up(1, 49));
    let ended = world.answer_sign_in(sign_in, silence());
    assert!(matches!(ended, SignInEnded::Failed));
    assert_eq!(world.take_woken().len(), 50);
    let causes: Vec<_> = waiting.into_iter().map(|call| world.no_session(call)).collect();
    assert!(matches!(*causes[0], Cause::NoAnswer(_)));
    assert!(causes.iter().all(|cause| Arc::ptr_eq(cause, &causes[0])));
    assert_eq!(world.sign_ins(), 1);
    assert_eq!(world.session.waiting(), 0);
}

#[test]
fn a_wrong_password_is_tried_once_however_many_wait() {
    let mut world = World::new();
    let call = world.call();
    let (sign_in, first) = world.begin(call, 0);
    let mut waiting = vec![first];
    waiting.extend(world.line_up(1, 19));
    let _failed = world.answer_sign_in(sign_in, Ok(refusal("BDC_1101")));
    for call in waiting {
        let error = world.refused(call);
        assert_eq!(error.code().unwrap().as_str(), "BDC_1101");
        assert!(error.to_string().contains("check the user name and the password"), "{error}");
    }
    let late = world.call();
    assert_eq!(world.refused(late).code().unwrap().number(), Some(1101));
    assert_eq!(world.sign_ins(), 1);
}

#[test]
fn twenty_callers_of_a_silent_server_are_all_told_at_35_seconds_after_one_sign_in() {
    let mut world = World::new();
    let call = world.call();
    let (sign_in, first) = world.begin(call, 0);
    assert_eq!(sign_in.limit(), Duration::from_secs(30));
    let mut waiting = vec![first];
    waiting.extend(world.line_up(1, 19));
    world.pass(Duration::from_millis(34_999));
    waiting = waiting.into_iter().map(|call| world.wait(call, 0)).collect();
    world.pass(MILLISECOND);
    for call in waiting {
        assert!(matches!(*world.no_session(call), Cause::Overdue));
    }
    assert_eq!(world.sign_ins(), 1);
}

#[test]
fn the_waiters_of_an_overdue_sign_in_are_woken_by_whoever_notices() {
    let mut world = World::new();
    let call = world.call();
    let (_silent, first) = world.begin(call, 0);
    let _waiting = world.line_up(1, 19);
    world.pass(35 * SECOND);
    let _told = world.no_session(first);
    let mut woken = world.take_woken();
    woken.sort_unstable();
    woken.dedup();
    woken.retain(|token| *token != 0);
    assert_eq!(woken, (1..20).collect::<Vec<_>>());
}

#[test]
fn nobody_takes_over_at_the_deadline_and_the_back_off_counts_from_it() {
    let mut world = World::new();
    let call = world.call();
    let (_silent, first) = world.begin(call, 0);
    world.pass(Duration::from_millis(35_200));
    let _told = world.no_session(first);
    // The first step is a second, and the jitter leaves at least half of it.
    let left = world.retry_in();
    assert!(left >= Duration::from_millis(300) && left <= Duration::from_millis(800), "{left:?}");
    assert_eq!(world.would(), "wait");
    world.pass(left);
    assert_eq!(world.would(), "sign in");
}

#[test]
fn a_caller_that_comes_long_after_an_overdue_sign_in_signs_in_itself() {
    let mut world = World::new();
    let call = world.call();
    let (_silent, first) = world.begin(call, 0);
    world.cancel(first.id().unwrap());
    // The sign-in failed at 35 s and its back-off ended by 36 s, though nobody was there to see.
    world.pass(100 * SECOND);
    assert_eq!(world.would(), "sign in");
}

#[test]
fn a_caller_that_comes_during_the_back_off_of_an_overdue_sign_in_waits() {
    let mut world = World::new();
    let call = world.call();
    let (_silent, first) = world.begin(call, 0);
    world.cancel(first.id().unwrap());
    world.pass(Duration::from_millis(35_100));
    assert_eq!(world.would(), "wait");
}

#[test]
fn an_overdue_sign_in_that_is_answered_after_all_is_ignored() {
    let mut world = World::new();
    let call = world.call();
    let (sign_in, first) = world.begin(call, 0);
    world.pass(36 * SECOND);
    assert!(matches!(world.welcome(sign_in), SignInEnded::Stale));
    assert!(matches!(*world.no_session(first), Cause::Overdue));
    assert_eq!(world.session.in_flight(), 0);
}

#[test]
fn an_old_attempts_success_does_not_replace_a_newer_attempt() {
    let mut world = World::new();
    let call = world.call();
    let (old, first) = world.begin(call, 0);
    world.cancel_sign_in(old.id());
    let (new, first) = world.begin(first, 0);
    assert!(matches!(world.welcome(old), SignInEnded::Stale));
    let first = world.wait(first, 0);
    assert_eq!(world.session.in_flight(), 1);
    assert!(matches!(world.welcome(new), SignInEnded::Stored { .. }));
    let in_flight = world.send(first);
    world.finish(in_flight);
}

#[test]
fn an_old_attempts_failure_does_not_end_a_newer_attempt() {
    for answer in [
        silence(),
        Ok(page(503)),
        Ok(refusal("BDC_1322")),
        Ok(with_status(refusal("BDC_9999"), 500)),
        Ok(with_header(page(503), "retry-after", "1800")),
    ] {
        let mut world = World::new();
        let call = world.call();
        let (old, first) = world.begin(call, 0);
        world.cancel_sign_in(old.id());
        let (new, first) = world.begin(first, 0);
        assert!(matches!(world.answer_sign_in(old, answer), SignInEnded::Stale));
        assert!(matches!(world.welcome(new), SignInEnded::Stored { .. }));
        let in_flight = world.send(first);
        world.finish(in_flight);
    }
}

#[test]
fn a_late_1101_of_the_current_credentials_counts() {
    let mut world = World::new();
    let call = world.call();
    let (sign_in, first) = world.begin(call, 0);
    world.pass(Duration::from_millis(35_100));
    assert!(matches!(*world.no_session(first), Cause::Overdue));
    let waiting = world.call();
    let waiting = world.wait(waiting, 7);
    world.take_woken();
    assert!(matches!(world.answer_sign_in(sign_in, Ok(refusal("BDC_1101"))), SignInEnded::Stale));
    assert_eq!(world.take_woken(), [7]);
    assert_eq!(world.refused(waiting).code().unwrap().number(), Some(1101));
    world.pass(3600 * SECOND);
    assert_eq!(world.would(), "be refused");
}

#[test]
fn a_late_1101_does_not_count_once_the_same_credentials_have_worked() {
    let mut world = World::new();
    let call = world.call();
    let (old, first) = world.begin(call, 0);
    world.cancel_sign_in(old.id());
    let (new, first) = world.begin(first, 0);
    let _stored = world.welcome(new);
    assert!(matches!(world.answer_sign_in(old, Ok(refusal("BDC_1101"))), SignInEnded::Stale));
    let in_flight = world.send(first);
    world.finish(in_flight);
    assert_eq!(world.would(), "be sent");
}

#[test]
fn a_late_refusal_of_credentials_that_were_replaced_does_not_count() {
    for code in ["BDC_1101", "BDC_1102", "BDC_1105", "BDC_1107"] {
        let mut world = World::new();
        let call = world.call();
        let (old, first) = world.begin(call, 0);
        world.cancel(first.id().unwrap());
        world.replace(password());
        assert!(matches!(world.answer_sign_in(old, Ok(refusal(code))), SignInEnded::Stale));
        assert_eq!(world.would(), "sign in", "the new principal is untried, after {code}");
    }
}

#[test]
fn a_cancelled_call_never_ends_the_sign_in_that_it_began() {
    let mut world = World::new();
    let call = world.call();
    let (sign_in, first) = world.begin(call, 0);
    let second = world.line_up(1, 1).remove(0);
    world.cancel(first.id().unwrap());
    assert_eq!(world.session.in_flight(), 1);
    let second = world.wait(second, 1);
    assert!(matches!(world.welcome(sign_in), SignInEnded::Stored { .. }));
    assert_eq!(world.take_woken(), [1]);
    let in_flight = world.send(second);
    world.finish(in_flight);
    assert_eq!(world.sign_ins(), 1);
}

#[test]
fn sign_ins_of_500_ms_serve_callers_with_200_ms_in_the_end() {
    // One caller every 100 ms, each with 200 ms in all; the sign-in is answered after 500 ms.
    let mut world = World::new();
    let mut sign_in = None;
    let mut waiting = std::collections::VecDeque::new();
    let (mut served, mut gave_up) = (0, 0);
    for tick in 0..10 {
        if tick == 5 {
            let _stored = world.welcome(sign_in.take().expect("begun at the first tick"));
        }
        for _ in 0..waiting.len() {
            match world.step(waiting.pop_front().unwrap(), 0) {
                Step::Wait(call, _) => waiting.push_back(call),
                Step::Refuse(Error::Deadline { .. }) => gave_up += 1,
                Step::Exchange(in_flight) => {
                    world.finish(in_flight);
                    served += 1;
                }
                other => panic!("{other:?}"),
            }
        }
        let call = world.call().deadline(Duration::from_millis(200));
        match world.step(call, 0) {
            Step::SignIn(begun, call, _) => {
                assert!(sign_in.replace(begun).is_none(), "a second sign-in");
                waiting.push_back(call);
            }
            Step::Wait(call, _) => waiting.push_back(call),
            Step::Exchange(in_flight) => {
                world.finish(in_flight);
                served += 1;
            }
            other => panic!("{other:?}"),
        }
        world.pass(Duration::from_millis(100));
    }
    assert_eq!((served, gave_up), (6, 4));
    assert_eq!(world.sign_ins(), 1);
}

#[test]
fn a_sign_in_that_beats_is_not_taken_over() {
    let mut world = beating();
    let call = world.call();
    let (sign_in, mut first) = world.begin(call, 0);
    for _ in 0..29 {
        world.pass(SECOND);
        world.session.beat(sign_in.id(), world.now);
        first = world.wait(first, 0);
    }
    assert!(matches!(world.welcome(sign_in), SignInEnded::Stored { .. }));
    assert_eq!(world.sign_ins(), 1);
}

#[test]
fn a_sign_in_without_a_beat_for_5_seconds_is_taken_over_by_a_waiter() {
    let mut world = beating();
    let call = world.call();
    let (parked, _first) = world.begin(call, 0);
    let mut second = world.line_up(1, 1).remove(0);
    world.pass(SECOND);
    world.session.beat(parked.id(), world.now);
    world.pass(Duration::from_millis(4_999));
    second = world.wait(second, 1);
    world.pass(MILLISECOND);
    // The first in line has its chance for 250 ms, and is as frozen as its sign-in.
    second = world.wait(second, 1);
    world.pass(Duration::from_millis(250));
    let (taken_over, second) = world.begin(second, 1);
    assert!(matches!(world.welcome(taken_over), SignInEnded::Stored { .. }));
    assert!(matches!(world.welcome(parked), SignInEnded::Stale));
    let in_flight = world.send(second);
    world.finish(in_flight);
    assert_eq!(world.sign_ins(), 2);
}

#[test]
fn a_waiter_looks_again_when_the_next_beat_is_overdue() {
    let mut world = beating();
    let call = world.call();
    let (_parked, first) = world.begin(call, 0);
    world.pass(Duration::from_millis(4_400));
    let Step::Wait(_, until) = world.step(first, 0) else { panic!("expected to wait") };
    assert_eq!(until, world.now + Duration::from_millis(600));
}

#[test]
fn without_a_heartbeat_a_slow_sign_in_is_not_taken_over() {
    let mut world = World::new();
    let call = world.call();
    let (sign_in, first) = world.begin(call, 0);
    world.pass(Duration::from_secs(29));
    let _first = world.wait(first, 0);
    assert!(matches!(world.welcome(sign_in), SignInEnded::Stored { .. }));
}

#[test]
fn a_beat_for_an_attempt_that_was_taken_over_keeps_no_other_alive() {
    let mut world = beating();
    let call = world.call();
    let (old, first) = world.begin(call, 0);
    world.cancel_sign_in(old.id());
    let (_new, first) = world.begin(first, 0);
    let first = world.wait(first, 0);
    world.pass(4 * SECOND);
    world.session.beat(old.id(), world.now);
    let first = world.wait(first, 0);
    world.pass(SECOND);
    // The second cancel in a row backs off.
    let _first = world.wait(first, 0);
    assert!(world.retry_in() > Duration::ZERO);
}

#[test]
fn an_answer_is_a_sign_of_life_even_when_the_beats_were_late() {
    // A runtime that was busy for six seconds finds its timer and the answer due together.
    let mut world = beating();
    let call = world.call();
    let (sign_in, first) = world.begin(call, 0);
    world.pass(6 * SECOND);
    assert!(matches!(world.welcome(sign_in), SignInEnded::Stored { .. }));
    let in_flight = world.send(first);
    world.finish(in_flight);
    assert_eq!(world.sign_ins(), 1);
}

#[test]
fn the_first_cancel_is_free_and_each_further_one_backs_off() {
    let mut world = World::new();
    let call = world.call();
    let (sign_in, call) = world.begin(call, 0);
    world.cancel_sign_in(sign_in.id());
    assert_eq!(world.take_woken(), [0]);
    let (sign_in, call) = world.begin(call, 0);
    world.cancel_sign_in(sign_in.id());
    let call = world.wait(call, 0);
    for step in [1, 2, 4, 8, 16, 32, 64, 120, 120] {
        let left = world.retry_in();
        let step = Duration::from_secs(step);
        assert!(left >= step / 2 && left <= step, "{left:?} of {step:?}");
        world.pass(left);
        let other = world.call();
        let (sign_in, other) = world.begin_by_any(other);
        world.cancel_sign_in(sign_in.id());
        world.cancel(other.id().unwrap());
    }
    drop(call);
}

#[test]
fn a_success_makes_the_next_cancel_free_again() {
    let mut world = World::new();
    let (sign_in, call) = world.begin(Call::sign_in(), 0);
    world.cancel_sign_in(sign_in.id());
    let (sign_in, call) = world.begin(call, 0);
    let _stored = world.welcome(sign_in);
    assert!(matches!(world.step(call, 0), Step::Ready(_)));
    world.pass(34 * 60 * SECOND);
    let (sign_in, call) = world.begin(Call::sign_in(), 0);
    world.cancel_sign_in(sign_in.id());
    let (sign_in, _call) = world.begin(call, 0);
    let _stored = world.welcome(sign_in);
}

#[test]
fn a_thousand_sign_ins_cancelled_in_one_instant_are_two() {
    let mut world = World::new();
    cancel_a_thousand(&mut world, Duration::ZERO);
    assert_eq!(world.sign_ins(), 2);
}

#[test]
fn a_thousand_sign_ins_cancelled_over_a_thousand_seconds_are_a_handful() {
    for seed in 0..10 {
        let mut world = World::with(settings(|settings| settings.seed = seed));
        cancel_a_thousand(&mut world, SECOND);
        // One free, seven while the steps double to 64 s, and then one every 60 to 120 s.
        let made = world.sign_ins();
        assert!((15..=25).contains(&made), "{made} attempts");
    }
}

fn cancel_a_thousand(world: &mut World, apart: Duration) {
    for _ in 0..1000 {
        let call = world.call();
        let id = match world.step(call, 0) {
            Step::SignIn(sign_in, call, _) => {
                world.cancel_sign_in(sign_in.id());
                call.id()
            }
            Step::Wait(call, _) => call.id(),
            other => panic!("{other:?}"),
        };
        world.cancel(id.unwrap());
        world.pass(apart);
    }
}

#[test]
fn a_cancelled_sign_in_stays_counted_in_the_budget() {
    let mut world = World::new();
    let call = world.call();
    let (sign_in, _call) = world.begin(call, 0);
    world.cancel_sign_in(sign_in.id());
    world.cancel_sign_in(sign_in.id());
    assert_eq!(world.sign_ins(), 1);
    assert_eq!(world.session.in_flight(), 0);
}

#[test]
fn cancelling_a_sign_in_that_has_ended_is_harmless() {
    let mut world = World::new();
    let (sign_in, call) = world.begin(Call::sign_in(), 0);
    let id = sign_in.id();
    let _stored = world.welcome(sign_in);
    world.cancel_sign_in(id);
    assert!(matches!(world.step(call, 0), Step::Ready(_)));
    assert_eq!(world.would(), "be sent");
}

#[test]
fn a_lease_for_nearly_all_the_time_does_not_sign_in_again_and_again() {
    // Signing in takes two seconds, so that no session ever has so much left when it arrives.
    let mut world = World::new();
    let mut call = Call::lease(Duration::from_secs(34 * 60 - 1));
    for _ in 0..60 {
        match world.step(call, 0) {
            Step::SignIn(sign_in, waits, _) => {
                world.pass(2 * SECOND);
                let _stored = world.welcome(sign_in);
                call = waits;
            }
            Step::Wait(waits, until) => {
                world.now = until;
                call = waits;
            }
            Step::Ready(_) | Step::Refuse(_) => break,
            other => panic!("{other:?}"),
        }
    }
    assert!(world.sign_ins() <= 2, "{} sign-ins", world.sign_ins());
}

#[test]
fn a_lease_with_enough_time_left_needs_no_sign_in_and_one_with_less_needs_one() {
    let mut world = World::signed_in();
    world.pass(Duration::from_secs(20 * 60));
    let _lease = world.lease(Duration::from_secs(14 * 60 - 1));
    let (sign_in, call) = world.begin(Call::lease(Duration::from_secs(14 * 60)), 0);
    let _stored = world.welcome(sign_in);
    assert!(matches!(world.step(call, 0), Step::Ready(_)));
}

#[test]
fn a_lease_that_no_session_could_fulfil_is_refused_before_anything_is_sent() {
    let mut world = World::new();
    let error = world.refused(Call::lease(Duration::from_secs(34 * 60)));
    assert!(matches!(error, Error::Misuse(_)));
    assert_eq!(world.sign_ins(), 0);
}

#[test]
fn a_lease_that_waits_at_the_head_of_the_line_is_not_overtaken_for_ever() {
    // The lease needs a sign-in, the calls behind it do not; there is always one of them about to
    // take up its slot. No answer comes, so that the session's timer is not restarted.
    let mut world = World::signed_in();
    world.pass(Duration::from_secs(20 * 60));
    let mut flying = world.send_many(3);
    let lease = Call::lease(Duration::from_secs(30 * 60));
    let lease_token = 0;
    let mut ahead = world.line_up(1, 1);
    let mut lease = world.wait(lease, lease_token);
    let mut behind = std::collections::VecDeque::from(world.line_up(2, 30));
    world.lost(flying.remove(0));
    world.take_woken();
    let mut assigned = ahead.remove(0);
    for _ in 0..20 {
        world.lost(flying.remove(0));
        let woken = world.take_woken();
        if woken.contains(&lease_token) {
            let (_sign_in, _call) = world.begin(lease, lease_token);
            return;
        }
        lease = world.wait(lease, lease_token);
        flying.push(world.send(assigned));
        assigned = behind.pop_front().unwrap();
    }
    panic!("twenty calls that came later were served first");
}

#[test]
fn the_answer_to_the_one_call_in_flight_does_not_end_a_sign_in() {
    let mut world = World::signed_in();
    let flying = world.send_many(1).remove(0);
    world.pass(Duration::from_secs(34 * 60));
    let call = world.call();
    let (sign_in, call) = world.begin(call, 0);
    // It was sent on the session before, and says nothing of the one to come.
    let outcome = world.answer(flying, Ok(done()));
    assert!(matches!(outcome, bill_session_core::Outcome::Done(_)));
    let call = world.wait(call, 0);
    let _stored = world.welcome(sign_in);
    let in_flight = world.send(call);
    world.finish(in_flight);
}
