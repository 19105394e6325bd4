//! One sign-in at a time, whoever needs it: everyone else waits, and shares how it ends.

use bill_conformance::{Adapter, MILLISECOND, MINUTE, Op, SECOND, Silent, World};
use bill_sandbox::{Fault, FaultKind};
use bill_session_core::{Cause, Error, Phase};
use std::time::{Duration, Instant};

use crate::limits::slow;

pub(crate) fn a_thousand_cold_callers_make_exactly_one_sign_in(adapter: Adapter) {
    let world = World::new(adapter);
    let answer = world.sandbox.hold("Login");
    let first = world.start(1, &Op::read());
    answer.wait_for(1).unwrap();
    let others = world.start(999, &Op::read());
    others.all_wait();
    assert_eq!((world.sign_ins(), world.stats().calls), (1, 0));
    answer.release();
    first.join_all_ok();
    assert_eq!(others.join_all_ok().len(), 999);
    assert_eq!((world.sign_ins(), world.stats().calls), (1, 1_000));
}

pub(crate) fn fifty_calls_refused_at_once_make_exactly_one_more_sign_in_and_none_is_lost(
    adapter: Adapter,
) {
    let world = World::with(adapter, |setup| {
        setup.max_in_flight = Some(64);
        setup.sandbox = |sandbox| sandbox.concurrent_calls(Some(64));
    });
    world.call().unwrap();
    world.sandbox.lose_sessions();
    let barrier = world.sandbox.hold_requests("GetSessionInfo").until(50);
    let callers = world.start(50, &Op::read());
    barrier.wait_for(50).unwrap();
    assert_eq!(callers.join_all_ok().len(), 50);
    assert_eq!((world.sign_ins(), world.rejected("BDC_1109")), (2, 50));
    assert_eq!(world.stats().max_in_flight, 50);
    assert_eq!(world.sessions_of("GetSessionInfo").len(), 1 + 50 + 50);
}

pub(crate) fn three_callers_refused_in_all_slots_and_ten_in_line_end_after_one_sign_in(
    adapter: Adapter,
) {
    let world = World::new(adapter);
    world.call().unwrap();
    world.sandbox.lose_sessions();
    let barrier = world.sandbox.hold_requests("GetSessionInfo");
    let refused = world.start(3, &Op::read());
    barrier.wait_for(3).unwrap();
    let in_line = world.start(10, &Op::read());
    in_line.all_wait();
    barrier.release();
    refused.join_all_ok();
    in_line.join_all_ok();
    assert_eq!((world.sign_ins(), world.rejected("BDC_1109")), (2, 3));
}

pub(crate) fn a_late_refusal_of_an_old_session_makes_no_sign_in(adapter: Adapter) {
    let world = World::new(adapter);
    world.sign_in().unwrap();
    let late = world.sandbox.hold("CurrentTime");
    world.sandbox.fault(Fault::new(FaultKind::invalid_session()).on("CurrentTime"));
    let old = world.start(1, &Op::call("CurrentTime", serde_json::Value::Null));
    late.wait_for(1).unwrap();
    world.sandbox.lose_sessions();
    world.call().unwrap();
    assert_eq!(world.sign_ins(), 2);
    late.release();
    old.join_all_ok();
    assert_eq!(world.sign_ins(), 2);
    assert_eq!(world.sessions_of("CurrentTime"), [1, 2]);
    world.call().unwrap();
    assert_eq!(world.sessions_of("GetSessionInfo"), [1, 2, 2]);
}

pub(crate) fn a_thousand_callers_of_a_silent_server_are_all_told_after_one_sign_in(
    adapter: Adapter,
) {
    let silent = Silent::start();
    let world = World::with(adapter, |setup| setup.origin = Some(silent.origin()));
    let first = world.start(1, &Op::read());
    bill_conformance::eventually("the sign-in has come", || silent.connections() == 1);
    let others = world.start(999, &Op::read());
    others.all_wait();
    // The limit of a sign-in is 30 seconds; the core waits 5 more for the adapter's report.
    world.advance(35 * SECOND);
    let told = others.join_all_failed();
    assert_eq!(told.len(), 999);
    for error in &told {
        assert!(
            matches!(error, Error::NoSession { cause, retry_after: Some(_), .. }
                if matches!(**cause, Cause::Overdue)),
            "{error:?}"
        );
    }
    assert_eq!(silent.connections(), 1);
    // The blocking caller that signs in is still at it: its own thread does the work.
    silent.hang_up();
    let error = first.join_all_failed().remove(0);
    assert!(matches!(error, Error::NoSession { .. }), "{error:?}");
    assert_eq!(silent.connections(), 0);
}

pub(crate) fn callers_that_come_during_a_back_off_wait_for_its_end(adapter: Adapter) {
    let world = World::new(adapter);
    world
        .sandbox
        .fault(Fault::new(FaultKind::Html { status: 503 }).on("Login").header("retry-after", "7"));
    let first = world.start(1, &Op::read());
    bill_conformance::eventually("the sign-in has failed", || {
        matches!(world.phase(), Phase::Failed { .. })
    });
    let others = world.start(20, &Op::read());
    others.all_wait();
    world.advance(7 * SECOND - MILLISECOND);
    assert_eq!((world.sign_ins(), others.ended(), first.ended()), (1, 0, 0));
    world.advance(MILLISECOND);
    first.join_all_ok();
    others.join_all_ok();
    assert_eq!(world.sign_ins(), 2);
}

pub(crate) fn a_caller_that_waits_in_line_ends_at_its_deadline(adapter: Adapter) {
    let world = World::new(adapter);
    world.call().unwrap();
    let held = world.sandbox.hold("GetSessionInfo");
    let in_flight = world.start(3, &Op::read());
    held.wait_for(3).unwrap();
    let in_line = world.start(10, &Op::read().within(Duration::from_secs(20)));
    in_line.all_wait();
    world.advance(20 * SECOND);
    for error in in_line.join_all_failed() {
        assert!(matches!(error, Error::Deadline { .. }), "{error:?}");
    }
    held.release();
    in_flight.join_all_ok();
    assert_eq!((world.sign_ins(), world.stats().calls), (1, 4));
}

pub(crate) fn a_jump_of_the_clock_wakes_who_waits_at_once(adapter: Adapter) {
    let world = World::new(adapter);
    world.sign_in().unwrap();
    let held = world.sandbox.hold("GetSessionInfo");
    let in_flight = world.start(3, &Op::read());
    held.wait_for(3).unwrap();
    let begun = Instant::now();
    for _ in 0..10 {
        let in_line = world.start(10, &Op::read().within(5 * SECOND));
        in_line.all_wait();
        world.advance(5 * SECOND);
        in_line.join_all_failed();
    }
    // By itself a waiter looks again once a real second, which would come to ten of them.
    assert!(begun.elapsed() < 7 * SECOND, "{:?}", begun.elapsed());
    held.release();
    in_flight.join_all_ok();
}

pub(crate) fn no_more_than_three_calls_are_ever_in_flight(adapter: Adapter) {
    let world = World::new(adapter);
    // Answers that take a millisecond, or there would hardly be two in flight.
    world.sandbox.fault(slow().always());
    world.start(60, &Op::read()).join_all_ok();
    world.advance(MINUTE);
    world.start(60, &Op::read()).join_all_ok();
    assert_eq!(world.stats().max_in_flight, 3, "{:?}", world.stats());
    assert_eq!((world.sign_ins(), world.rejected("BDC_1322")), (1, 0));
}
