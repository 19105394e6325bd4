//! Nothing that was begun before a sign-out is sent after it, and no session is left behind.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on ends"
)]

mod support;

use std::time::Duration;

use bill_session_core::{Call, Error, Outcome, Phase, SignInEnded, Step};
use support::{World, done, field, field_names, page, refusal, settings, silence};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn the_session_is_forgotten_before_the_logout_leaves() {
    let mut world = World::signed_in();
    let logout = world.sign_out().unwrap();
    assert!(matches!(world.session.phase(world.now), Phase::SignedOut));
    assert_eq!(world.would(), "sign in");
    let in_flight = world.send(logout);
    let request = in_flight.request();
    assert_eq!(request.uri(), "https://api-stage.bill.com/api/v2/Logout.json");
    assert_eq!(field(&request, "sessionId").unwrap(), "session-1");
    assert_eq!(field_names(&request), ["devKey", "sessionId"]);
    assert!(matches!(world.answer(in_flight, Ok(done())), Outcome::Done(_)));
}

#[test]
fn without_a_session_there_is_nothing_to_log_out() {
    let mut world = World::new();
    assert!(world.sign_out().is_none());
    let mut world = World::signed_in();
    assert!(world.sign_out().is_some());
    assert!(world.sign_out().is_none(), "twice is once");
}

#[test]
fn a_session_that_has_idled_out_is_logged_out_all_the_same() {
    let mut world = World::signed_in();
    world.pass(40 * MINUTE);
    assert!(world.sign_out().is_some());
}

#[test]
fn an_invalid_session_at_sign_out_is_success() {
    let mut world = World::signed_in();
    let logout = world.sign_out().unwrap();
    let in_flight = world.send(logout);
    assert!(matches!(world.answer(in_flight, Ok(refusal("BDC_1109"))), Outcome::Done(_)));
    assert_eq!(world.sign_ins(), 1);
}

#[test]
fn a_logout_that_gets_no_answer_is_an_error_and_the_session_stays_forgotten() {
    for answer in [silence(), Ok(page(503)), Ok(refusal("BDC_9999"))] {
        let mut world = World::signed_in();
        let logout = world.sign_out().unwrap();
        let in_flight = world.send(logout);
        let _error = world.fails(in_flight, answer);
        assert!(matches!(world.session.phase(world.now), Phase::SignedOut));
    }
}

#[test]
fn calls_in_line_end_and_are_woken() {
    let mut world = World::signed_in();
    let _flying = world.send_many(3);
    let waiting = world.line_up(1, 5);
    let _logout = world.sign_out();
    assert_eq!(world.take_woken(), [1, 2, 3, 4, 5]);
    for call in waiting {
        assert!(matches!(world.refused(call), Error::SignedOut { .. }));
    }
    assert_eq!(world.sign_ins(), 1);
}

#[test]
fn a_call_to_be_sent_again_ends_instead() {
    for code in ["BDC_1109", "BDC_1322"] {
        let mut world = World::signed_in();
        world.use_session();
        let flying = world.send_many(1).remove(0);
        let _logout = world.sign_out();
        let error = world.fails(flying, Ok(refusal(code)));
        assert!(matches!(error, Error::SignedOut { .. }), "{error:?}");
        assert_eq!(world.session.waiting(), 0);
    }
}

#[test]
fn a_call_that_backs_off_ends_at_its_next_step() {
    let mut world = World::signed_in();
    let flying = world.send_many(1).remove(0);
    let call = world.again(flying, refusal("BDC_1322"));
    let _logout = world.sign_out();
    assert!(matches!(world.refused(call), Error::SignedOut { .. }));
}

#[test]
fn a_call_in_flight_that_was_carried_out_is_still_answered() {
    let mut world = World::signed_in();
    let flying = world.send_many(1).remove(0);
    let _logout = world.sign_out();
    world.finish(flying);
    assert!(matches!(world.session.phase(world.now), Phase::SignedOut));
}

#[test]
fn a_call_begun_after_it_signs_in_anew() {
    let mut world = World::signed_in();
    let _logout = world.sign_out();
    let call = world.call();
    let (sign_in, call) = world.begin(call, 0);
    let _stored = world.welcome(sign_in);
    let in_flight = world.send(call);
    assert_eq!(field(&in_flight.request(), "sessionId").unwrap(), "session-2");
}

#[test]
fn a_sign_in_in_flight_is_logged_out_when_it_brings_a_session() {
    let mut world = World::new();
    let call = world.call();
    let (sign_in, call) = world.begin(call, 0);
    assert!(world.sign_out().is_none());
    assert!(matches!(world.refused(call), Error::SignedOut { .. }));
    let SignInEnded::LogOut(logout) = world.welcome(sign_in) else {
        panic!("a session was left behind")
    };
    let in_flight = world.send(logout);
    assert_eq!(field(&in_flight.request(), "sessionId").unwrap(), "session-1");
    world.finish(in_flight);
    assert!(matches!(world.session.phase(world.now), Phase::SignedOut));
}

#[test]
fn a_caller_after_the_sign_out_waits_for_the_old_sign_in_to_end_and_then_begins_its_own() {
    let mut world = World::new();
    let call = world.call();
    let (old, _call) = world.begin(call, 0);
    let _nothing = world.sign_out();
    let after = world.call();
    let after = world.wait(after, 5);
    world.take_woken();
    let SignInEnded::LogOut(logout) = world.welcome(old) else { panic!() };
    assert_eq!(world.take_woken(), [5]);
    let (sign_in, after) = world.begin(after, 5);
    let _stored = world.welcome(sign_in);
    let in_flight = world.send(after);
    assert_eq!(field(&in_flight.request(), "sessionId").unwrap(), "session-2");
    let logout = world.send(logout);
    assert_eq!(field(&logout.request(), "sessionId").unwrap(), "session-1");
}

#[test]
fn a_stale_sign_in_of_an_older_epoch_is_logged_out_too() {
    let mut world = World::new();
    let call = world.call();
    let (old, _call) = world.begin(call, 0);
    let _nothing = world.sign_out();
    world.cancel_sign_in(old.id());
    let call = world.call();
    let (new, call) = world.begin(call, 0);
    assert!(matches!(world.welcome(old), SignInEnded::LogOut(_)));
    assert!(matches!(world.welcome(new), SignInEnded::Stored { .. }));
    let in_flight = world.send(call);
    assert_eq!(field(&in_flight.request(), "sessionId").unwrap(), "session-2");
}

#[test]
fn an_overdue_sign_in_of_an_older_epoch_is_logged_out_when_it_comes() {
    let mut world = World::new();
    let call = world.call();
    let (old, _call) = world.begin(call, 0);
    let _nothing = world.sign_out();
    world.pass(40 * SECOND);
    assert!(matches!(world.welcome(old), SignInEnded::LogOut(_)));
}

#[test]
fn signing_out_is_no_way_around_a_back_off_or_a_refusal() {
    let mut world = World::new();
    let call = world.call();
    let call = world.sign_in_answered(call, silence());
    let _told = world.no_session(call);
    let _nothing = world.sign_out();
    assert_eq!(world.would(), "wait");

    let mut world = World::new();
    let call = world.call();
    let call = world.sign_in_answered(call, Ok(refusal("BDC_1101")));
    let _told = world.no_session(call);
    let _nothing = world.sign_out();
    assert_eq!(world.would(), "be refused");
}

#[test]
fn a_lease_of_before_changes_nothing_after_it() {
    let mut world = World::signed_in();
    let lease = world.lease(Duration::ZERO);
    let _logout = world.sign_out();
    world.sign_in();
    let wake = world.session.lease_ended(lease, bill_session_core::Verdict::Invalid, world.now);
    world.heed(wake);
    assert_eq!(world.session_in_use(), "session-2");
}

#[test]
fn explicit_sign_ins_leases_and_renewals_of_before_end_too() {
    let mut world = World::with(settings(|settings| {
        settings.renewal = bill_session_core::Renewal::Ahead;
    }));
    let call = world.call();
    let (_sign_in, _first) = world.begin(call, 0);
    let renewal = Call::renewal(&world.session);
    let waiting = [Call::sign_in(), Call::lease(SECOND), renewal].map(|call| world.wait(call, 1));
    let _nothing = world.sign_out();
    for call in waiting {
        assert!(matches!(world.refused(call), Error::SignedOut { .. }));
    }
}

#[test]
fn a_sign_out_during_a_logout_leaves_that_logout_alone() {
    let mut world = World::signed_in_with(settings(|settings| settings.max_in_flight = 1));
    let _flying = world.send_many(1);
    let logout = world.sign_out().unwrap();
    let logout = world.wait(logout, 1);
    world.take_woken();
    assert!(world.sign_out().is_none());
    let Step::Wait(logout, _) = world.step(logout, 1) else {
        panic!("expected it to stay in line")
    };
    world.cancel(logout.id().unwrap());
    assert_eq!(world.session.waiting(), 0);
}

#[test]
fn a_hundred_sign_outs_during_sign_ins_leave_nothing_behind() {
    let mut world = World::with(settings(|settings| settings.deadline = 10 * MINUTE));
    let mut logouts = 0;
    for _ in 0..100 {
        let call = world.call();
        let (sign_in, call) = world.begin(call, 0);
        let _nothing = world.sign_out();
        assert!(matches!(world.refused(call), Error::SignedOut { .. }));
        if let SignInEnded::LogOut(logout) = world.welcome(sign_in) {
            let in_flight = world.send(logout);
            world.finish(in_flight);
            logouts += 1;
        }
    }
    assert_eq!(logouts, 100);
    assert_eq!((world.session.in_flight(), world.session.waiting()), (0, 0));
}

#[test]
fn a_session_that_was_forgotten_is_held_by_its_logout_alone() {
    let mut world = World::signed_in();
    world.use_session();
    let logout = world.sign_out().unwrap();
    let in_flight = world.send(logout);
    world.finish(in_flight);
    let shown = format!("{:?}", world.session);
    assert!(!shown.contains("SignedIn"), "{shown}");
}
