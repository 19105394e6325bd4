//! At no instant do the last 60 minutes hold more than 200 sign-ins or 20,000 calls of a key.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on ends"
)]

mod support;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bill_session_core::{Call, Error, KeyLimits, Limit, OrgId, Outcome, SignInEnded, Step};
use support::{World, account_under, password, refusal, settings, with_header};

const SECOND: Duration = Duration::from_secs(1);
/// So short that a call is either sent or refused.
const AT_ONCE: Duration = Duration::from_nanos(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

#[allow(clippy::disallowed_methods, reason = "a test needs a first instant, and then moves it")]
fn limited(sign_ins: u32, calls: u32) -> World {
    let now = Instant::now();
    let key = KeyLimits::with(sign_ins, calls, now);
    World::of(account_under(password(), key), settings(|_| ()), now)
}

/// Signs in and out, unless the budget is spent.
fn sign_in_and_out(world: &mut World) -> Result<(), Error> {
    match world.step(Call::sign_in().deadline(AT_ONCE), 0) {
        Step::SignIn(sign_in, call, _) => {
            assert!(matches!(world.welcome(sign_in), SignInEnded::Stored { .. }));
            assert!(matches!(world.step(call, 0), Step::Ready(_)));
            if let Some(logout) = world.sign_out() {
                let in_flight = world.send(logout);
                world.finish(in_flight);
            }
            Ok(())
        }
        Step::Refuse(error) => Err(error),
        other => panic!("{other:?}"),
    }
}

#[test]
fn two_hundred_sign_ins_are_made_and_the_next_waits_for_the_first_to_be_an_hour_old() {
    let mut world = World::new();
    for _ in 0..200 {
        sign_in_and_out(&mut world).unwrap();
        world.pass(SECOND);
    }
    let error = sign_in_and_out(&mut world).unwrap_err();
    let Error::Limited { limit: Limit::SignIns, retry_after, code: None, .. } = error else {
        panic!("{error:?}")
    };
    assert_eq!(retry_after, HOUR - 200 * SECOND);
    world.pass(retry_after - Duration::from_nanos(1));
    assert!(sign_in_and_out(&mut world).is_err());
    world.pass(Duration::from_nanos(1));
    sign_in_and_out(&mut world).unwrap();
    assert!(sign_in_and_out(&mut world).is_err(), "one place was free, not two hundred");
}

#[test]
fn no_hour_holds_more_than_two_hundred_sign_ins_wherever_it_begins() {
    let mut world = World::new();
    let mut made = VecDeque::new();
    let mut most = 0;
    let begun = world.now;
    // A caller that asks every five seconds for five hours: four times as often as there is room.
    while world.now - begun < 5 * HOUR {
        if sign_in_and_out(&mut world).is_ok() {
            made.push_back(world.now);
        }
        while made.front().is_some_and(|first| world.now - *first >= HOUR) {
            made.pop_front();
        }
        most = most.max(made.len());
        world.pass(5 * SECOND);
    }
    assert_eq!(most, 200);
}

#[test]
fn a_burst_on_either_side_of_a_clock_hour_is_not_four_hundred() {
    let mut world = World::new();
    world.pass(59 * MINUTE);
    for _ in 0..200 {
        sign_in_and_out(&mut world).unwrap();
    }
    world.pass(2 * MINUTE);
    assert!(sign_in_and_out(&mut world).is_err());
    assert_eq!(world.sign_ins(), 200);
}

#[test]
fn the_organisations_of_a_key_share_its_sign_ins() {
    let mut one = limited(3, 20_000);
    let org = OrgId::new("00800000000000000002").unwrap();
    let account = Arc::new(one.session.account().for_organization(org).unwrap());
    let mut other = World::of(account, settings(|_| ()), one.now);
    sign_in_and_out(&mut one).unwrap();
    sign_in_and_out(&mut other).unwrap();
    sign_in_and_out(&mut one).unwrap();
    assert!(sign_in_and_out(&mut other).is_err());
    assert!(sign_in_and_out(&mut one).is_err());
}

#[test]
fn the_budget_spent_makes_a_patient_caller_wait_and_an_impatient_one_end() {
    let mut world = limited(1, 20_000);
    sign_in_and_out(&mut world).unwrap();
    world.pass(HOUR - MINUTE);
    let impatient = world.call().deadline(MINUTE);
    assert!(matches!(world.refused(impatient), Error::Limited { limit: Limit::SignIns, .. }));
    let call = world.call();
    let call = world.wait(call, 1);
    world.pass(MINUTE);
    let (_sign_in, _call) = world.begin(call, 1);
}

/// Sends a call and has it answered, unless it is held back.
fn use_once(world: &mut World) -> Result<(), Error> {
    let call = world.call().deadline(AT_ONCE);
    match world.step(call, 0) {
        Step::Exchange(in_flight) => {
            world.finish(in_flight);
            Ok(())
        }
        Step::Refuse(error) => Err(error),
        other => panic!("{other:?}"),
    }
}

#[test]
fn calls_beyond_the_limit_are_held_back() {
    let mut world = limited(200, 10);
    world.sign_in();
    for _ in 0..10 {
        use_once(&mut world).unwrap();
    }
    let error = use_once(&mut world).unwrap_err();
    let Error::Limited { limit: Limit::Calls, code: None, retry_after, .. } = error else {
        panic!("{error:?}")
    };
    // When the first of them are an hour old, give or take the minute that they are counted by.
    assert!((HOUR..=HOUR + MINUTE).contains(&retry_after), "{retry_after:?}");
    assert_eq!(world.session.in_flight(), 0);
}

#[test]
fn no_hour_holds_more_calls_than_the_limit_wherever_it_begins() {
    let mut world = limited(200, 30);
    world.sign_in();
    let mut made: VecDeque<Instant> = VecDeque::new();
    let (mut most, mut all) = (0, 0);
    let begun = world.now;
    while world.now - begun < 6 * HOUR {
        if use_once(&mut world).is_ok() {
            made.push_back(world.now);
            all += 1;
        }
        while made.front().is_some_and(|first| world.now - *first >= HOUR) {
            made.pop_front();
        }
        most = most.max(made.len());
        world.pass(Duration::from_millis(7_300));
        if matches!(world.session.phase(world.now), bill_session_core::Phase::IdledOut { .. }) {
            world.sign_in();
        }
    }
    assert_eq!(most, 30);
    assert!(all >= 30 * 5, "{all} calls: the window hardly moves");
}

#[test]
fn calls_are_counted_while_they_are_young_and_forgotten_after_an_hour() {
    let mut world = World::signed_in();
    let key = Arc::clone(&world.session.account().clone());
    for _ in 0..5 {
        world.use_session();
        world.pass(10 * MINUTE);
    }
    assert_eq!(key.key_limits().calls(world.now), 5);
    world.pass(11 * MINUTE);
    assert_eq!(key.key_limits().calls(world.now), 4);
    world.pass(24 * HOUR);
    assert_eq!(key.key_limits().calls(world.now), 0);
}

#[test]
fn a_replay_counts_as_another_call_and_a_wait_as_none() {
    let mut world = World::signed_in();
    world.use_session();
    let call = world.call();
    let in_flight = world.send(call);
    let call = world.again(in_flight, refusal("BDC_1109"));
    let (sign_in, call) = world.begin(call, 0);
    let call = world.wait(call, 0);
    let _stored = world.welcome(sign_in);
    let in_flight = world.send(call);
    world.finish(in_flight);
    assert_eq!(world.session.account().key_limits().calls(world.now), 3);
}

#[test]
fn a_1144_on_a_call_closes_the_keys_calls_until_the_servers_hour_ends() {
    let mut world = World::signed_in();
    let org = OrgId::new("00800000000000000002").unwrap();
    let account = Arc::new(world.session.account().for_organization(org).unwrap());
    let mut other = World::of(account, settings(|_| ()), world.now);
    other.sign_in();
    let call = world.call();
    let in_flight = world.send(call);
    let answer = with_header(refusal("BDC_1144"), "date", "Sun, 06 Nov 1994 08:49:37 GMT");
    let error = world.fails(in_flight, Ok(answer));
    let Error::Limited { limit: Limit::Calls, retry_after, code: Some(code), .. } = error else {
        panic!("{error:?}")
    };
    assert_eq!(code.number(), Some(1144));
    assert_eq!(retry_after, Duration::from_secs(623));
    let mut both = [world, other];
    let closed = |worlds: &mut [World; 2]| worlds.iter_mut().all(|world| use_once(world).is_err());
    assert!(closed(&mut both));
    both.iter_mut().for_each(|world| world.pass(retry_after - Duration::from_nanos(1)));
    assert!(closed(&mut both));
    for world in &mut both {
        world.pass(Duration::from_nanos(1));
        use_once(world).unwrap();
    }
}

#[test]
fn a_1144_without_a_date_closes_for_a_full_hour() {
    let mut world = World::signed_in();
    let call = world.call();
    let in_flight = world.send(call);
    let error = world.fails(in_flight, Ok(refusal("BDC_1144")));
    let Error::Limited { retry_after, .. } = error else { panic!("{error:?}") };
    assert_eq!(retry_after, HOUR);
}

#[test]
fn a_1144_on_a_call_says_nothing_about_the_session_and_does_not_restart_its_timer() {
    let mut world = World::signed_in();
    world.pass(20 * MINUTE);
    let call = world.call();
    let in_flight = world.send(call);
    let answer = with_header(refusal("BDC_1144"), "date", "Sun, 06 Nov 1994 08:59:00 GMT");
    let _error = world.fails(in_flight, Ok(answer));
    world.pass(13 * MINUTE);
    assert_eq!(world.would(), "be sent");
    world.pass(MINUTE);
    assert_eq!(world.would(), "sign in");
}

#[test]
fn a_1322_does_not_restart_the_timer_either() {
    let mut world = World::signed_in();
    world.pass(20 * MINUTE);
    let call = world.call();
    let in_flight = world.send(call);
    let call = world.again(in_flight, refusal("BDC_1322"));
    world.cancel(call.id().unwrap());
    world.pass(14 * MINUTE);
    assert_eq!(world.would(), "sign in");
}

#[test]
fn a_patient_call_waits_for_the_hour_to_end_and_is_sent_then() {
    let mut world = World::signed_in();
    let call = world.call();
    let in_flight = world.send(call);
    let answer = with_header(refusal("BDC_1144"), "date", "Sun, 06 Nov 1994 08:59:00 GMT");
    let _error = world.fails(in_flight, Ok(answer));
    let call = world.call();
    let mut call = world.wait(call, 1);
    let closed_until = world.now + MINUTE;
    let in_flight = loop {
        match world.step(call, 1) {
            Step::Wait(waits, until) => {
                assert!(until > world.now && until <= closed_until);
                world.now = until;
                call = waits;
            }
            Step::Exchange(in_flight) => break in_flight,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(world.now, closed_until);
    assert!(matches!(world.answer(in_flight, Ok(support::done())), Outcome::Done(_)));
}

#[test]
fn a_closed_hour_of_calls_stops_neither_a_sign_in_nor_a_logout() {
    let mut world = World::signed_in();
    let call = world.call();
    let in_flight = world.send(call);
    let _error = world.fails(in_flight, Ok(refusal("BDC_1144")));
    let logout = world.sign_out().unwrap();
    let in_flight = world.send(logout);
    world.finish(in_flight);
    world.sign_in();
}

#[test]
fn a_waiter_that_the_hour_was_closed_on_keeps_its_place() {
    let mut world = World::signed_in_with(settings(|settings| settings.max_in_flight = 1));
    let flying = world.send_many(1).remove(0);
    let mut waiting = world.line_up(1, 2);
    let answer = with_header(refusal("BDC_1144"), "date", "Sun, 06 Nov 1994 08:59:30 GMT");
    let _error = world.fails(flying, Ok(answer));
    let second = world.wait(waiting.remove(1), 2);
    let first = world.wait(waiting.remove(0), 1);
    world.take_woken();
    world.pass(30 * SECOND);
    let second = world.wait(second, 2);
    assert_eq!(world.take_woken(), [1]);
    let in_flight = world.send(first);
    world.take_woken();
    world.finish(in_flight);
    assert_eq!(world.take_woken(), [2]);
    let _second = world.send(second);
}

#[test]
fn a_budget_of_nothing_lets_nothing_pass_and_does_not_spin() {
    let mut world = limited(0, 0);
    assert!(sign_in_and_out(&mut world).is_err());
    let mut patient = world.call().deadline(3 * HOUR);
    let begun = world.now;
    for _ in 0..20_000 {
        match world.step(patient, 0) {
            Step::Wait(waits, until) => {
                assert!(until > world.now);
                world.now = until;
                patient = waits;
            }
            Step::Refuse(_) => {
                assert!(world.now - begun >= HOUR);
                return;
            }
            other => panic!("{other:?}"),
        }
    }
    panic!("it waits for ever");
}
