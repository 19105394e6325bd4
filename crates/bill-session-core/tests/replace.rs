//! Replaced credentials void what the old ones began, failed at and hold, and nothing else.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on ends"
)]

mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bill_session_core::{Call, Cause, Error, Lifetime, OrgId, Phase, Principal, SignInEnded, Step};
use support::{
    World, account, done, field, password, refusal, settings, silence, token, with_header,
};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

fn new_password() -> Principal {
    Principal::password("demo@example.com", "new-password").unwrap()
}

#[test]
fn the_new_password_is_the_one_that_signs_in() {
    let mut world = World::new();
    world.replace(new_password());
    let (sign_in, _call) = world.begin(Call::sign_in(), 0);
    assert_eq!(field(&sign_in.request(), "password").unwrap(), "new-password");
}

#[test]
fn a_refusal_ends_and_the_new_password_is_tried() {
    let mut world = World::new();
    let call = world.call();
    let call = world.sign_in_answered(call, Ok(refusal("BDC_1101")));
    let _refused = world.no_session(call);
    world.replace(new_password());
    world.sign_in();
    assert_eq!(world.would(), "be sent");
}

#[test]
fn a_waiter_that_was_told_of_the_old_passwords_refusal_and_has_not_heard_it_yet_goes_on() {
    let mut world = World::new();
    let call = world.call();
    let call = world.sign_in_answered(call, Ok(refusal("BDC_1101")));
    world.replace(new_password());
    let (sign_in, _call) = world.begin(call, 0);
    assert_eq!(field(&sign_in.request(), "password").unwrap(), "new-password");
}

#[test]
fn failures_and_back_off_are_cleared() {
    let mut world = World::new();
    for _ in 0..6 {
        let call = world.call();
        let call = world.sign_in_answered(call, silence());
        let _told = world.no_session(call);
        world.pass(world.retry_in());
    }
    let call = world.call();
    let call = world.sign_in_answered(call, silence());
    let _told = world.no_session(call);
    world.replace(new_password());
    let call = world.call();
    let call = world.sign_in_answered(call, silence());
    let _told = world.no_session(call);
    assert!(world.retry_in() <= SECOND, "the doubling begins anew");
}

#[test]
fn a_sign_in_in_flight_is_void_and_the_new_one_begins_beside_it() {
    let mut world = World::with(settings(|settings| settings.max_in_flight = 1));
    let call = world.call();
    let (void, call) = world.begin(call, 0);
    world.replace(new_password());
    assert_eq!(world.take_woken(), [0]);
    let (sign_in, call) = world.begin(call, 0);
    assert_eq!(field(&sign_in.request(), "password").unwrap(), "new-password");
    assert!(matches!(world.welcome(void), SignInEnded::Stale));
    assert!(matches!(world.welcome(sign_in), SignInEnded::Stored { .. }));
    let in_flight = world.send(call);
    assert_eq!(field(&in_flight.request(), "sessionId").unwrap(), "session-2");
}

#[test]
fn a_void_sign_in_counts_as_no_cancel() {
    let mut world = World::new();
    for number in 0..10 {
        let call = world.call();
        let (void, call) = world.begin(call, 0);
        world.cancel(call.id().unwrap());
        world.replace(Principal::password("demo@example.com", format!("pass-{number}")).unwrap());
        world.cancel_sign_in(void.id());
        assert!(matches!(world.session.phase(world.now), Phase::SignedOut));
    }
    // Nor is the first cancel of the new credentials the second of all.
    let call = world.call();
    let (sign_in, call) = world.begin(call, 0);
    world.cancel_sign_in(sign_in.id());
    let _begun = world.begin(call, 0);
}

#[test]
fn the_new_password_is_not_refused_untried_by_the_old_ones_late_failure() {
    for answer in [
        Ok(refusal("BDC_1101")),
        Ok(refusal("BDC_1322")),
        Ok(with_header(refusal("BDC_9999"), "retry-after", "3600")),
        silence(),
    ] {
        let mut world = World::new();
        let call = world.call();
        let (void, call) = world.begin(call, 0);
        world.session.account().replace_principal(new_password());
        // The session has not been told: it notices by itself.
        assert!(matches!(world.answer_sign_in(void, answer), SignInEnded::Stale));
        let (sign_in, _call) = world.begin(call, 0);
        assert_eq!(field(&sign_in.request(), "password").unwrap(), "new-password");
    }
}

#[test]
fn an_old_session_is_forgotten() {
    let mut world = World::signed_in();
    world.use_session();
    world.replace(new_password());
    assert!(matches!(world.session.phase(world.now), Phase::SignedOut));
    assert_eq!(world.would(), "sign in");
}

#[test]
fn calls_in_flight_end_on_the_old_session_and_change_nothing() {
    let mut world = World::signed_in();
    world.use_session();
    let mut flying = world.send_many(2);
    world.replace(new_password());
    world.sign_in();
    world.finish(flying.remove(0));
    let call = world.again(flying.remove(0), refusal("BDC_1109"));
    let in_flight = world.send(call);
    assert_eq!(field(&in_flight.request(), "sessionId").unwrap(), "session-2");
    assert_eq!(world.sign_ins(), 2);
}

#[test]
fn everyone_in_line_is_woken_and_keeps_its_place() {
    let mut world = World::signed_in_with(settings(|settings| settings.max_in_flight = 1));
    world.use_session();
    let _flying = world.send_many(1);
    let waiting = world.line_up(1, 3);
    world.take_woken();
    world.replace(new_password());
    assert_eq!(world.take_woken(), [1, 2, 3]);
    assert_eq!(world.session.waiting(), 3);
    drop(waiting);
}

#[test]
fn a_session_that_is_not_told_notices_at_its_next_step() {
    let now = first_instant();
    let one = account(password(), now);
    let org = OrgId::new("00800000000000000002").unwrap();
    let other = Arc::new(one.for_organization(org).unwrap());
    let mut one = World::of(one, settings(|_| ()), now);
    let mut other = World::of(other, settings(|_| ()), now);
    one.sign_in();
    other.sign_in();
    one.replace(new_password());
    assert_eq!(other.would(), "sign in");
}

#[test]
fn replacing_a_password_by_a_token_changes_how_long_the_next_session_lives() {
    let mut world = World::signed_in();
    world.replace(token());
    world.sign_in();
    world.pass(30 * 24 * 60 * MINUTE);
    assert_eq!(world.would(), "be sent");
    world.replace(password());
    world.sign_in();
    world.pass(34 * MINUTE);
    assert_eq!(world.would(), "sign in");
}

#[test]
fn replacing_does_not_end_calls_as_a_sign_out_would() {
    let mut world = World::new();
    let call = world.call();
    let (_void, call) = world.begin(call, 0);
    world.replace(new_password());
    let (sign_in, call) = world.begin(call, 0);
    let _stored = world.welcome(sign_in);
    let in_flight = world.send(call);
    world.finish(in_flight);
}

#[test]
fn a_budget_that_is_spent_stays_spent() {
    let now = first_instant();
    let key = bill_session_core::KeyLimits::with(1, 20_000, now);
    let mut world = World::of(support::account_under(password(), key), settings(|_| ()), now);
    world.sign_in();
    world.replace(new_password());
    let call = world.call();
    assert!(matches!(world.refused(call), Error::Limited { .. }));
}

#[test]
fn being_told_of_a_replacement_that_did_not_happen_changes_nothing() {
    let mut world = World::signed_in();
    world.use_session();
    let wake = world.session.credentials_replaced(world.now);
    world.heed(wake);
    assert_eq!(world.session_in_use(), "session-1");
}

#[test]
fn the_second_unproven_session_of_old_credentials_leaves_the_new_ones_untouched() {
    let mut world = World::signed_in();
    let call = world.call();
    let in_flight = world.send(call);
    let call = world.again(in_flight, refusal("BDC_1109"));
    let (sign_in, call) = world.begin(call, 0);
    let _stored = world.welcome(sign_in);
    let in_flight = world.send(call);
    world.session.account().replace_principal(new_password());
    let error = world.fails(in_flight, Ok(refusal("BDC_1109")));
    assert!(matches!(error, Error::Api(_)));
    assert_eq!(world.would(), "sign in");
}

#[test]
fn the_secrets_that_were_held_stay_out_of_paths_and_messages() {
    let mut world = World::signed_in();
    world.replace(new_password());
    let account = Arc::clone(world.session.account());
    for path in ["Crud/demo-password", "Crud/new-password", "List/session-1"] {
        assert!(account.v2(path, &()).is_err(), "{path}");
    }
    world.sign_in();
    let call = world.call();
    let in_flight = world.send(call);
    let answer = support::refusal_with("BDC_1", "demo-password and new-password");
    let error = world.fails(in_flight, Ok(answer));
    assert!(error.to_string().contains("[redacted] and [redacted]"), "{error}");
}

#[test]
fn a_token_session_with_limits_of_its_own_ends_at_them() {
    let hours = |hours: u64| Duration::from_secs(3600 * hours);
    // 48 idle hours, as BILL's newer pages have it.
    let idle = Lifetime::idle(hours(48), Duration::ZERO);
    for (lifetime, lives, ends) in [
        (Lifetime::ENDLESS, vec![720], None),
        (idle, vec![47, 47, 47], Some(48)),
        (idle.absolute(hours(100)), vec![47, 47], Some(6)),
        (Lifetime::ENDLESS.absolute(hours(24)), vec![12, 11], Some(1)),
    ] {
        let now = first_instant();
        let settings = settings(|settings| settings.token_lifetime = lifetime);
        let mut world = World::of(account(token(), now), settings, now);
        world.sign_in();
        for lived in lives {
            world.pass(hours(lived));
            assert_eq!(world.session_in_use(), "session-1");
        }
        if let Some(ends) = ends {
            world.pass(hours(ends) - Duration::from_millis(1));
            assert_eq!(world.would(), "be sent", "{lifetime:?}");
            world.pass(Duration::from_millis(1));
            assert_eq!(world.would(), "sign in", "{lifetime:?}");
        }
    }
}

#[test]
fn a_password_session_is_not_given_a_tokens_lifetime() {
    let settings = settings(|settings| settings.token_lifetime = Lifetime::ENDLESS);
    let mut world = World::signed_in_with(settings);
    world.pass(34 * MINUTE);
    assert_eq!(world.would(), "sign in");
}

#[test]
fn what_was_told_of_replaced_credentials_is_not_heard_after_a_step_in_between() {
    let mut world = World::new();
    let call = world.call();
    let (sign_in, first) = world.begin(call, 0);
    let second = world.line_up(1, 1).remove(0);
    let _failed = world.answer_sign_in(sign_in, silence());
    assert!(matches!(*world.no_session(first), Cause::NoAnswer(_)));
    world.replace(new_password());
    let Step::SignIn(sign_in, second, _) = world.step(second, 1) else {
        panic!("expected the new password to be tried")
    };
    let _stored = world.welcome(sign_in);
    let in_flight = world.send(second);
    assert!(matches!(world.answer(in_flight, Ok(done())), bill_session_core::Outcome::Done(_)));
}

#[allow(clippy::disallowed_methods, reason = "a test needs a first instant, and then moves it")]
fn first_instant() -> Instant {
    Instant::now()
}
