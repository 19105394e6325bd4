//! Three calls at once, first come first served, and no slot is lost with a caller that goes away.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on ends"
)]

mod support;

use std::collections::VecDeque;
use std::time::Duration;

use bill_session_core::{Call, Error, InFlight, Outcome, SignInEnded, Step};
use support::{
    World, body, done, page, password, refusal, settings, silence, welcome, with_header,
    with_status,
};

const SECOND: Duration = Duration::from_secs(1);
const MILLISECOND: Duration = Duration::from_millis(1);

fn one_slot() -> World {
    let mut world = World::signed_in_with(settings(|settings| settings.max_in_flight = 1));
    world.use_session();
    world
}

/// Holds the only slot, with these tokens in line behind it.
fn held(world: &mut World, tokens: std::ops::Range<usize>) -> (InFlight, Vec<Option<Call>>) {
    let flying = world.send_many(1).remove(0);
    let mut calls: Vec<Option<Call>> = (0..tokens.start).map(|_| None).collect();
    calls.extend(world.line_up(tokens.start, tokens.len()).into_iter().map(Some));
    world.take_woken();
    (flying, calls)
}

#[test]
fn three_are_sent_and_the_fourth_waits() {
    let mut world = World::signed_in();
    let mut flying = world.send_many(3);
    let fourth = world.line_up(4, 1).remove(0);
    assert_eq!(world.session.in_flight(), 3);
    world.finish(flying.remove(0));
    assert_eq!(world.take_woken(), [4]);
    let _fourth = world.send(fourth);
    assert_eq!(world.session.in_flight(), 3);
}

#[test]
fn any_number_of_slots_can_be_set_and_none_means_one() {
    for (set, slots) in [(0, 1), (1, 1), (2, 2), (64, 64)] {
        let mut world = World::signed_in_with(settings(|settings| settings.max_in_flight = set));
        let _flying = world.send_many(slots);
        assert_eq!(world.would(), "wait");
    }
}

#[test]
fn the_line_is_first_come_first_served() {
    let mut world = one_slot();
    let (flying, mut calls) = held(&mut world, 1..20);
    let mut order = Vec::new();
    world.finish(flying);
    while let Some(token) = world.woken.pop() {
        assert!(world.woken.is_empty(), "one slot wakes one");
        let in_flight = world.send(calls[token].take().unwrap());
        order.push(token);
        world.finish(in_flight);
    }
    assert_eq!(order, (1..20).collect::<Vec<_>>());
}

#[test]
fn a_newcomer_does_not_overtake_a_waiter_that_was_assigned_the_slot_or_stands_in_line() {
    let mut world = one_slot();
    let (flying, mut calls) = held(&mut world, 1..3);
    world.finish(flying);
    assert_eq!(world.would(), "wait");
    let second = world.wait(calls[2].take().unwrap(), 2);
    let in_flight = world.send(calls[1].take().unwrap());
    world.finish(in_flight);
    assert_eq!(world.would(), "wait");
    let _second = world.send(second);
}

#[test]
fn a_waiter_in_the_middle_that_leaves_changes_nothing_for_the_others() {
    let mut world = one_slot();
    let (flying, mut calls) = held(&mut world, 1..4);
    let middle = calls[2].take().unwrap();
    world.cancel(middle.id().unwrap());
    assert!(world.woken.is_empty());
    world.finish(flying);
    assert_eq!(world.take_woken(), [1]);
    let in_flight = world.send(calls[1].take().unwrap());
    world.finish(in_flight);
    assert_eq!(world.take_woken(), [3]);
    let _third = world.send(calls[3].take().unwrap());
    assert_eq!(world.session.waiting(), 0);
}

#[test]
fn an_assignment_that_is_not_taken_up_passes_on_after_250_ms() {
    let mut world = one_slot();
    let (flying, mut calls) = held(&mut world, 1..4);
    world.finish(flying);
    assert_eq!(world.take_woken(), [1]);
    world.pass(Duration::from_millis(249));
    calls[3] = Some(world.wait(calls[3].take().unwrap(), 3));
    assert!(world.take_woken().is_empty());
    world.pass(MILLISECOND);
    calls[3] = Some(world.wait(calls[3].take().unwrap(), 3));
    assert_eq!(world.take_woken(), [2]);
    let _second = world.send(calls[2].take().unwrap());
}

#[test]
fn whoever_waits_looks_again_when_an_assignment_lapses() {
    let mut world = one_slot();
    let (flying, mut calls) = held(&mut world, 1..3);
    world.finish(flying);
    let Step::Wait(call, until) = world.step(calls[2].take().unwrap(), 2) else {
        panic!("expected to wait")
    };
    assert_eq!(until, world.now + Duration::from_millis(250));
    world.now = until;
    let _second = world.send(call);
}

#[test]
fn a_passed_over_waiter_keeps_its_place() {
    let mut world = one_slot();
    let (flying, mut calls) = held(&mut world, 1..4);
    world.finish(flying);
    world.pass(Duration::from_millis(250));
    let in_flight = world.send_for(&mut calls, 2);
    // The first is back: it stands before the third.
    calls[1] = Some(world.wait(calls[1].take().unwrap(), 1));
    world.take_woken();
    world.finish(in_flight);
    assert_eq!(world.take_woken(), [1]);
    let _first = world.send(calls[1].take().unwrap());
}

#[test]
fn a_passed_over_waiter_is_not_assigned_another_slot_until_it_steps() {
    let mut world = one_slot();
    let (flying, mut calls) = held(&mut world, 1..4);
    world.finish(flying);
    world.pass(Duration::from_millis(250));
    let in_flight = world.send_for(&mut calls, 2);
    world.take_woken();
    world.finish(in_flight);
    assert_eq!(world.take_woken(), [3]);
}

#[test]
fn a_waiter_that_comes_late_for_its_slot_takes_it_when_it_is_free_still() {
    let mut world = one_slot();
    let (flying, mut calls) = held(&mut world, 1..2);
    world.finish(flying);
    world.pass(Duration::from_millis(300));
    let in_flight = world.send(calls[1].take().unwrap());
    world.finish(in_flight);
}

#[test]
fn a_waiter_that_comes_late_for_its_slot_is_still_before_those_behind_it() {
    let mut world = one_slot();
    let (flying, mut calls) = held(&mut world, 1..3);
    world.finish(flying);
    world.pass(Duration::from_millis(300));
    let in_flight = world.send(calls[1].take().unwrap());
    world.take_woken();
    world.finish(in_flight);
    assert_eq!(world.take_woken(), [2]);
}

#[test]
fn waiters_that_nobody_polls_do_not_starve_the_others() {
    // As of futures in a `select!`: woken, and never polled again, and not dropped either.
    let mut world = one_slot();
    let (flying, mut calls) = held(&mut world, 1..12);
    world.finish(flying);
    let mut live = calls[11].take().unwrap();
    let begun = world.now;
    let in_flight = loop {
        match world.step(live, 11) {
            Step::Exchange(in_flight) => break in_flight,
            Step::Wait(waits, until) => {
                live = waits;
                world.now = until;
            }
            other => panic!("{other:?}"),
        }
    };
    assert!(world.now - begun <= Duration::from_millis(2_500));
    world.finish(in_flight);
    // Having been passed over once, the frozen ones hold up nobody any more.
    assert_eq!(world.would(), "be sent");
}

#[test]
fn the_slot_of_a_waiter_that_is_cancelled_passes_on() {
    let mut world = one_slot();
    let (flying, mut calls) = held(&mut world, 1..3);
    world.finish(flying);
    assert_eq!(world.take_woken(), [1]);
    world.cancel(calls[1].take().unwrap().id().unwrap());
    assert_eq!(world.take_woken(), [2]);
    let _second = world.send(calls[2].take().unwrap());
}

#[test]
fn the_slot_of_a_waiter_whose_deadline_passes_passes_on() {
    let mut world = one_slot();
    let flying = world.send_many(1).remove(0);
    let short = world.call().deadline(SECOND);
    let short = world.wait(short, 1);
    let second = world.line_up(2, 1).remove(0);
    world.pass(SECOND - MILLISECOND);
    world.finish(flying);
    assert_eq!(world.take_woken(), [1]);
    world.pass(MILLISECOND);
    assert!(matches!(world.refused(short), Error::Deadline { .. }));
    assert!(world.take_woken().contains(&2));
    let _second = world.send(second);
}

#[test]
fn the_slots_of_waiters_that_are_signed_out_are_free_for_those_who_come_after() {
    let mut world = one_slot();
    let (flying, mut calls) = held(&mut world, 1..3);
    world.finish(flying);
    let logout = world.sign_out().unwrap();
    assert_eq!(world.session.waiting(), 0);
    let _logout = world.send(logout);
    for call in calls.drain(1..).flatten() {
        assert!(matches!(world.refused(call), Error::SignedOut { .. }));
    }
}

#[test]
fn the_slot_of_a_waiter_that_is_refused_passes_on() {
    // The first is assigned the slot, and finds that the hour's calls are spent.
    let mut world = one_slot();
    let (flying, mut calls) = held(&mut world, 1..3);
    let error = world.fails(flying, Ok(refusal("BDC_1144")));
    assert!(matches!(error, Error::Limited { .. }));
    for call in calls.drain(1..).flatten() {
        assert!(matches!(world.refused(call), Error::Limited { .. }));
    }
    let logout = world.sign_out().unwrap();
    let _logout = world.send(logout);
}

#[test]
fn a_waiter_that_was_assigned_the_sign_in_and_goes_away_passes_it_on() {
    let mut world = World::new();
    let call = world.call();
    let (sign_in, first) = world.begin(call, 0);
    let mut others = world.line_up(1, 2);
    world.cancel_sign_in(sign_in.id());
    world.take_woken();
    world.cancel(first.id().unwrap());
    assert!(world.take_woken().is_empty(), "they were woken by the cancel, and not since");
    let (_sign_in, _second) = world.begin(others.remove(0), 1);
    let _third = world.wait(others.remove(0), 2);
}

#[test]
fn exactly_one_slot_is_given_while_a_sign_in_is_needed() {
    let mut world = World::signed_in();
    world.use_session();
    let flying = world.send_many(3);
    let waiting = world.line_up(10, 5);
    let calls: Vec<Call> =
        flying.into_iter().map(|in_flight| world.again(in_flight, refusal("BDC_1109"))).collect();
    assert!(world.take_woken().is_empty(), "the slot is the replaying call's, which is not asleep");
    let mut steps = Vec::new();
    for (token, call) in calls.into_iter().enumerate() {
        steps.push(world.step(call, token));
    }
    for (token, call) in (10..).zip(waiting) {
        steps.push(world.step(call, token));
    }
    let sign_ins = steps.iter().filter(|step| matches!(step, Step::SignIn(..))).count();
    let waits = steps.iter().filter(|step| matches!(step, Step::Wait(..))).count();
    assert_eq!((sign_ins, waits), (1, 7));
}

#[test]
fn an_exchange_that_nobody_reports_on_frees_its_slot_5_seconds_after_its_limit() {
    let mut world = one_slot();
    let (lost, mut calls) = held(&mut world, 1..2);
    assert_eq!(lost.limit(), Duration::from_secs(60));
    world.pass(Duration::from_millis(64_999));
    calls[1] = Some(world.wait(calls[1].take().unwrap(), 1));
    world.pass(MILLISECOND);
    let second = world.send(calls[1].take().unwrap());
    // Its late end takes no slot away from the one that has it now.
    world.finish(lost);
    assert_eq!(world.session.in_flight(), 1);
    assert_eq!(world.would(), "wait");
    world.finish(second);
    assert_eq!(world.would(), "be sent");
}

#[test]
fn a_call_cancelled_in_flight_frees_its_slot_at_once() {
    let mut world = one_slot();
    let (flying, mut calls) = held(&mut world, 1..2);
    world.cancel(flying.id());
    assert_eq!(world.take_woken(), [1]);
    let _second = world.send(calls[1].take().unwrap());
    world.cancel(flying.id());
    assert_eq!(world.session.in_flight(), 1, "a cancel twice is harmless");
}

#[test]
fn every_way_in_which_an_exchange_can_end_frees_its_slot() {
    for answer in [
        Ok(done()),
        Ok(refusal("BDC_1109")),
        Ok(refusal("BDC_1322")),
        Ok(refusal("BDC_1144")),
        Ok(refusal("BDC_1361")),
        Ok(page(503)),
        Ok(with_status(body("slow down"), 429)),
        Ok(body("{")),
        silence(),
    ] {
        let mut world = one_slot();
        let flying = world.send_many(1).remove(0);
        let _ended = world.answer(flying, answer);
        assert_eq!(world.session.in_flight(), 0);
    }
}

#[test]
fn a_1322_backs_off_twice_holding_no_slot_and_then_is_an_error() {
    let mut world = one_slot();
    let call = world.call();
    let mut call = Some(world.send(call));
    for (least, most) in [(250, 500), (500, 1000)] {
        let again = world.again(call.take().unwrap(), refusal("BDC_1322"));
        let begun = world.now;
        assert_eq!(world.session.in_flight(), 0);
        assert_eq!(world.would(), "be sent", "others are not held up");
        let mut again = again;
        call = loop {
            match world.step(again, 0) {
                Step::Wait(waits, until) => {
                    assert!(until > world.now);
                    world.now = until;
                    again = waits;
                }
                Step::Exchange(in_flight) => break Some(in_flight),
                other => panic!("{other:?}"),
            }
        };
        let waited = world.now - begun;
        assert!(waited >= Duration::from_millis(least), "{waited:?}");
        assert!(waited <= Duration::from_millis(most), "{waited:?}");
    }
    let error = world.fails(call.unwrap(), Ok(refusal("BDC_1322")));
    assert_eq!(error.code().unwrap().number(), Some(1322));
    assert_eq!(world.sign_ins(), 1);
}

#[test]
fn a_call_that_backs_off_is_passed_over_in_the_line_and_keeps_its_place() {
    let mut world = one_slot();
    let (flying, mut calls) = held(&mut world, 1..4);
    let backing_off = world.again(flying, refusal("BDC_1322"));
    assert_eq!(world.take_woken(), [1]);
    let backing_off = world.wait(backing_off, 0);
    let first = world.send(calls[1].take().unwrap());
    world.pass(Duration::from_millis(500));
    let backing_off = world.wait(backing_off, 0);
    world.take_woken();
    world.finish(first);
    assert_eq!(world.take_woken(), [0], "its number is lower than those of the two in line");
    let _sent = world.send(backing_off);
}

#[test]
fn a_1322_with_a_retry_after_waits_for_it_unless_its_deadline_comes_first() {
    let mut world = one_slot();
    let call = world.call();
    let in_flight = world.send(call);
    let call = world.again(in_flight, with_header(refusal("BDC_1322"), "retry-after", "10"));
    world.pass(9 * SECOND);
    let call = world.wait(call, 0);
    world.pass(SECOND);
    let in_flight = world.send(call);
    let answer = with_header(refusal("BDC_1322"), "retry-after", "110");
    let error = world.fails(in_flight, Ok(answer));
    assert_eq!(error.code().unwrap().number(), Some(1322));
}

#[test]
fn a_logout_passes_waiters_that_need_a_session() {
    let mut world = World::signed_in();
    world.use_session();
    let logout = world.sign_out().unwrap();
    let call = world.call();
    let (_sign_in, _first) = world.begin(call, 0);
    let _waiting = world.line_up(1, 5);
    let in_flight = world.send(logout);
    assert!(matches!(world.answer(in_flight, Ok(done())), Outcome::Done(_)));
}

#[test]
fn a_logout_waits_for_a_slot_and_passes_waiters_when_one_is_free() {
    let mut world = one_slot();
    let (flying, _calls) = held(&mut world, 1..2);
    let logout = world.sign_out().unwrap();
    let logout = world.wait(logout, 7);
    let newcomer = world.call();
    let newcomer = world.wait(newcomer, 8);
    world.take_woken();
    world.finish(flying);
    assert_eq!(world.take_woken(), [7], "it is first in line");
    let in_flight = world.send(logout);
    world.finish(in_flight);
    let (_sign_in, _newcomer) = world.begin(newcomer, 8);
}

#[test]
fn a_logout_goes_out_during_a_back_off_and_under_a_refusal() {
    for code in ["BDC_9999", "BDC_1101"] {
        let mut world = World::signed_in();
        let logout = world.sign_out().unwrap();
        let call = world.call();
        let call = world.sign_in_answered(call, Ok(refusal(code)));
        let _told = world.no_session(call);
        let in_flight = world.send(logout);
        world.finish(in_flight);
    }
}

#[test]
fn a_replaying_call_stands_where_it_stood() {
    let mut world = one_slot();
    let (flying, mut calls) = held(&mut world, 1..4);
    let replaying = world.again(flying, refusal("BDC_1109"));
    assert!(world.take_woken().is_empty(), "the slot is its own again");
    let (sign_in, replaying) = world.begin(replaying, 0);
    let _stored = world.welcome(sign_in);
    assert_eq!(world.take_woken(), [0]);
    let in_flight = world.send(replaying);
    world.finish(in_flight);
    assert_eq!(world.take_woken(), [1]);
    let _first = world.send(calls[1].take().unwrap());
}

#[test]
fn a_slot_is_granted_together_with_the_session_or_not_at_all() {
    // The first is assigned a slot for the session that it saw, which is lost before it steps.
    let mut world = World::signed_in();
    world.use_session();
    let mut flying = world.send_many(3);
    let waiting = world.line_up(10, 2);
    let lost = flying.remove(0);
    world.finish(flying.remove(0));
    assert_eq!(world.take_woken(), [10]);
    let replay = world.again(lost, refusal("BDC_1109"));
    // Whoever of them steps first signs in; the slots of the others are given back.
    let mut waiting = waiting.into_iter();
    let (_sign_in, _first) = world.begin(waiting.next().unwrap(), 10);
    let _replay = world.wait(replay, 0);
    let _second = world.wait(waiting.next().unwrap(), 11);
    assert_eq!(world.session.in_flight(), 2, "the sign-in, and the last of the three");
}

#[test]
fn one_instant_holds_no_storm_of_wakes() {
    // Everything that can be granted is granted once: stepping the woken wakes nobody for ever.
    let mut world = World::new();
    let call = world.call();
    let (sign_in, first) = world.begin(call, 0);
    let mut calls = vec![Some(first)];
    calls.extend(world.line_up(1, 30).into_iter().map(Some));
    world.cancel_sign_in(sign_in.id());
    let mut woken = VecDeque::from(world.take_woken());
    let mut steps = 0;
    let mut sign_ins = Vec::new();
    while let Some(token) = woken.pop_front() {
        steps += 1;
        assert!(steps <= 2 * 31, "a storm");
        match world.step(calls[token].take().unwrap(), token) {
            Step::Wait(call, _) => calls[token] = Some(call),
            Step::SignIn(sign_in, call, _) => {
                sign_ins.push(sign_in);
                calls[token] = Some(call);
            }
            other => panic!("{other:?}"),
        }
        woken.extend(world.take_woken());
    }
    assert_eq!(sign_ins.len(), 1);
}

#[test]
fn ten_thousand_callers_through_three_slots_with_a_1109_in_the_middle_are_woken_twice_at_most() {
    const CALLERS: usize = 10_000;
    let mut world = World::new();
    let call = world.call();
    let (sign_in, first) = world.begin(call, 0);
    let mut calls = vec![Some(first)];
    for token in 1..CALLERS {
        let call = world.call();
        calls.push(Some(world.wait(call, token)));
    }
    let _stored = world.welcome(sign_in);
    let mut wakes = 0;
    let mut woken = VecDeque::from(world.take_woken());
    let mut flying: VecDeque<(usize, InFlight)> = VecDeque::new();
    let mut served = Vec::new();
    let mut lost = false;
    let mut again = VecDeque::new();
    let mut sign_in = None;
    while served.len() < CALLERS {
        wakes += woken.len();
        let mut stepping: VecDeque<usize> = std::mem::take(&mut again);
        stepping.extend(woken.drain(..));
        for token in stepping {
            match world.step(calls[token].take().unwrap(), token) {
                Step::Exchange(in_flight) => flying.push_back((token, in_flight)),
                Step::Wait(call, _) => calls[token] = Some(call),
                Step::SignIn(begun, call, _) => {
                    assert!(sign_in.replace(begun).is_none());
                    calls[token] = Some(call);
                }
                other => panic!("{other:?}"),
            }
        }
        assert!(world.session.in_flight() <= 3);
        world.pass(MILLISECOND);
        lost |= served.len() == CALLERS / 2;
        if let Some((token, in_flight)) = flying.pop_front() {
            let old = support::field(&in_flight.request(), "sessionId").unwrap() == "session-1";
            if lost && old {
                calls[token] = Some(world.again(in_flight, refusal("BDC_1109")));
                again.push_back(token);
            } else {
                world.finish(in_flight);
                served.push(token);
            }
        } else if let Some(sign_in) = sign_in.take() {
            assert!(matches!(world.welcome(sign_in), SignInEnded::Stored { .. }));
        }
        woken.extend(world.take_woken());
    }
    assert!(wakes <= 2 * CALLERS, "{wakes} wakes");
    assert_eq!(world.sign_ins(), 2);
    assert!(served.windows(2).filter(|pair| pair[0] > pair[1]).count() <= 3, "in order but for 3");
    assert_eq!((world.session.in_flight(), world.session.waiting()), (0, 0));
}

#[test]
fn a_lease_and_an_explicit_sign_in_take_no_slot() {
    let mut world = one_slot();
    let (_flying, _calls) = held(&mut world, 1..4);
    let _lease = world.lease(Duration::ZERO);
    assert!(matches!(world.step(Call::sign_in(), 9), Step::Ready(_)));
}

#[test]
fn a_sign_in_that_is_void_frees_its_slot() {
    let mut world = World::with(settings(|settings| settings.max_in_flight = 1));
    let call = world.call();
    let (_void, call) = world.begin(call, 0);
    world.replace(password());
    assert_eq!(world.session.in_flight(), 0);
    let (sign_in, call) = world.begin(call, 0);
    assert!(matches!(world.welcome(sign_in), SignInEnded::Stored { .. }));
    let in_flight = world.send(call);
    world.finish(in_flight);
}

#[test]
fn waking_everyone_after_a_jump_of_the_clock_wakes_everyone_once() {
    let mut world = one_slot();
    let (_flying, calls) = held(&mut world, 1..5);
    let wake = world.session.wake_all();
    assert_eq!(wake.len(), 4);
    world.heed(wake);
    assert_eq!(world.take_woken(), [1, 2, 3, 4]);
    assert!(world.session.wake_all().is_empty());
    for (token, call) in calls.into_iter().enumerate() {
        if let Some(call) = call {
            let _waiting = world.wait(call, token);
        }
    }
    assert_eq!(world.session.wake_all().len(), 4);
}

#[test]
fn stepping_again_replaces_the_token() {
    let mut world = one_slot();
    let (flying, mut calls) = held(&mut world, 1..2);
    let call = world.wait(calls[1].take().unwrap(), 77);
    world.finish(flying);
    assert_eq!(world.take_woken(), [77]);
    let _sent = world.send(call);
}

#[test]
fn a_free_slot_that_a_lease_was_denied_is_given_to_it_when_the_way_is_free() {
    // The lease needs a sign-in, which waits while another's assignment may turn into one.
    let mut world = World::signed_in();
    world.pass(20 * 60 * SECOND);
    let mut flying = world.send_many(3);
    let mut line = world.line_up(1, 1);
    world.lost(flying.remove(0));
    world.lost(flying.remove(0));
    assert_eq!(world.take_woken(), [1]);
    let lease = Call::lease(30 * 60 * SECOND);
    match world.step(lease, 5) {
        Step::SignIn(..) => {}
        Step::Wait(lease, _) => {
            let _first = world.send(line.remove(0));
            assert_eq!(world.take_woken(), [5], "a slot is free, and nobody is told");
            let (_sign_in, _lease) = world.begin(lease, 5);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_sign_in_answered_while_its_caller_waits_serves_it_at_its_next_step() {
    let mut world = World::new();
    let call = world.call();
    let (sign_in, call) = world.begin(call, 0);
    let call = world.wait(call, 0);
    let (_ended, wake) =
        sign_in.read(Ok(welcome("session-1"))).settle(&mut world.session, world.now);
    assert_eq!(wake.into_iter().collect::<Vec<_>>(), [0]);
    let _in_flight = world.send(call);
}

#[test]
fn one_slot_is_assigned_while_a_sign_in_is_needed_and_the_others_stay_free() {
    let mut world = World::signed_in();
    let logout = world.sign_out().unwrap();
    let call = world.call();
    let (sign_in, _first) = world.begin(call, 0);
    let _others = world.line_up(1, 2);
    world.cancel_sign_in(sign_in.id());
    // One of the three is to sign in, and has a slot for that; the logout takes another.
    let in_flight = world.send(logout);
    assert_eq!(world.session.in_flight(), 1);
    world.finish(in_flight);
}

#[test]
fn a_newcomer_does_not_overtake_a_call_whose_back_off_is_over() {
    let mut world = one_slot();
    let flying = world.send_many(1).remove(0);
    let call = world.again(flying, with_header(refusal("BDC_1322"), "retry-after", "1"));
    let call = world.wait(call, 0);
    // Whoever comes before its time is served, and nothing lapses between that and the newcomer.
    world.pass(Duration::from_millis(900));
    world.use_session();
    world.pass(Duration::from_millis(100));
    assert_eq!(world.would(), "wait");
    assert_eq!(world.take_woken(), [0]);
    let _sent = world.send(call);
}
