//! A session lives until it has been idle for 35 minutes, and every answered call restarts that.
#![allow(clippy::disallowed_methods, reason = "a test needs a first instant, and then moves it")]

mod support;

use std::time::Duration;

use bill_session_core::{Outcome, Phase, Settings};
use support::{World, account, done, page, refusal, silence, token};

const MINUTE: Duration = Duration::from_secs(60);
const MILLISECOND: Duration = Duration::from_millis(1);

#[test]
fn a_session_last_used_at_t_is_used_again_at_33_59_999_and_replaced_at_34_00_000() {
    let mut world = World::signed_in();
    world.pass(10 * MINUTE);
    world.use_session();
    world.pass(Duration::from_millis(2_039_999));
    assert_eq!(world.would(), "be sent");
    world.pass(MILLISECOND);
    assert_eq!(world.would(), "sign in");
}

#[test]
fn without_a_margin_the_limit_is_bills_own_35_minutes() {
    let mut settings = Settings::default();
    settings.idle_margin = Duration::ZERO;
    let mut world = World::signed_in_with(settings);
    world.use_session();
    world.pass(Duration::from_millis(2_099_999));
    assert_eq!(world.would(), "be sent");
    world.pass(MILLISECOND);
    assert_eq!(world.would(), "sign in");
}

#[test]
fn a_session_in_use_every_30_minutes_for_24_hours_needs_one_sign_in() {
    let mut world = World::signed_in();
    for _ in 0..48 {
        world.pass(30 * MINUTE);
        world.use_session();
    }
    assert_eq!(world.session_in_use(), "session-1");
}

#[test]
fn the_timer_restarts_when_the_call_was_sent_not_when_it_was_answered() {
    let mut world = World::signed_in();
    let call = world.call();
    let in_flight = world.send(call);
    world.pass(Duration::from_secs(50));
    assert!(matches!(world.answer(in_flight, Ok(done())), Outcome::Done(_)));
    world.pass(34 * MINUTE - Duration::from_secs(50));
    assert_eq!(world.would(), "sign in");
}

#[test]
fn the_timer_restarts_when_the_call_was_sent_however_soon_it_was_answered() {
    let mut world = World::signed_in();
    let call = world.call();
    let in_flight = world.send(call);
    // Nothing lapses in so short a time, so that the answer is settled on the shortest path.
    world.pass(Duration::from_millis(200));
    assert!(matches!(world.answer(in_flight, Ok(done())), Outcome::Done(_)));
    world.pass(34 * MINUTE - Duration::from_millis(200));
    assert_eq!(world.would(), "sign in");
}

#[test]
fn a_refusal_in_bills_own_form_restarts_the_timer() {
    for code in ["BDC_1121", "BDC_1361", "BDC_9999"] {
        let mut world = World::signed_in();
        world.pass(20 * MINUTE);
        let call = world.call();
        let in_flight = world.send(call);
        world.fails(in_flight, Ok(refusal(code)));
        world.pass(20 * MINUTE);
        assert_eq!(world.would(), "be sent", "after {code}");
    }
}

#[test]
fn what_is_not_an_answer_of_bills_does_not_restart_the_timer() {
    let torn = || {
        let whole = done();
        let half = whole.body().slice(..whole.body().len() / 2);
        http::Response::new(half)
    };
    for answer in [silence(), Ok(page(503)), Ok(page(200)), Ok(torn())] {
        let mut world = World::signed_in();
        world.pass(20 * MINUTE);
        let call = world.call();
        let in_flight = world.send(call);
        world.fails(in_flight, answer);
        world.pass(20 * MINUTE);
        assert_eq!(world.would(), "sign in");
    }
}

#[test]
fn a_token_session_does_not_expire() {
    let now = std::time::Instant::now();
    let mut world = World::of(account(token(), now), Settings::default(), now);
    world.sign_in();
    world.pass(30 * 24 * 60 * MINUTE);
    assert!(matches!(world.session.phase(world.now), Phase::SignedIn { left: None, .. }));
    assert_eq!(world.would(), "be sent");
}
