//! A session lives until it has been idle: 34 minutes by this client's reckoning, 35 by BILL's.

use std::time::Duration;

use bill_conformance::{Adapter, DAY, HOUR, MILLISECOND, MINUTE, Op, World};
use bill_sandbox::{Fault, FaultKind};
use bill_session_core::{Lifetime, Phase};
use serde_json::json;

fn left(world: &World) -> Option<Duration> {
    match world.phase() {
        Phase::SignedIn { left, .. } => left,
        phase => panic!("{phase:?}"),
    }
}

pub(crate) fn the_session_is_the_same_at_33_59_999_and_at_34_00_000_there_is_a_sign_in(
    adapter: Adapter,
) {
    let world = World::new(adapter);
    world.call().unwrap();
    world.advance(34 * MINUTE - MILLISECOND);
    world.call().unwrap();
    assert_eq!(world.sign_ins(), 1);
    world.advance(34 * MINUTE);
    assert!(matches!(world.phase(), Phase::IdledOut { .. }));
    world.call().unwrap();
    assert_eq!(world.sessions_of("GetSessionInfo"), [1, 1, 2]);
    assert_eq!(world.rejected("BDC_1109"), 0);
}

pub(crate) fn with_no_margin_the_boundary_is_35_minutes_to_the_millisecond(adapter: Adapter) {
    let world = World::with(adapter, |setup| setup.idle_margin = Some(Duration::ZERO));
    world.call().unwrap();
    world.advance(35 * MINUTE - MILLISECOND);
    world.call().unwrap();
    assert_eq!(world.sign_ins(), 1);
    world.advance(35 * MINUTE);
    world.call().unwrap();
    assert_eq!(world.sessions_of("GetSessionInfo"), [1, 1, 2]);
    // The sandbox accepts at 34:59.999 and would have refused at 35:00.000.
    assert_eq!(world.rejected("BDC_1109"), 0);
}

pub(crate) fn a_sign_in_starts_the_timer_too(adapter: Adapter) {
    let world = World::new(adapter);
    world.sign_in().unwrap();
    world.advance(34 * MINUTE - MILLISECOND);
    world.sign_in().unwrap();
    assert_eq!(world.sign_ins(), 1);
    // That the session was there was no call: nothing has restarted the timer.
    world.advance(MILLISECOND);
    world.sign_in().unwrap();
    assert_eq!(world.sign_ins(), 2);
}

pub(crate) fn in_use_every_30_minutes_for_24_hours_there_is_one_sign_in(adapter: Adapter) {
    let world = World::new(adapter);
    for _ in 0..48 {
        world.call().unwrap();
        world.advance(30 * MINUTE);
    }
    world.call().unwrap();
    assert_eq!((world.sign_ins(), world.stats().calls), (1, 49));
    assert_eq!(world.sandbox.now(), DAY);
}

pub(crate) fn the_timer_starts_when_a_call_is_sent_and_not_when_it_is_answered(adapter: Adapter) {
    let world = World::new(adapter);
    world.sign_in().unwrap();
    let held = world.sandbox.hold("GetSessionInfo");
    let slow = world.start(1, &Op::read());
    held.wait_for(1).unwrap();
    world.advance(10 * MINUTE);
    held.release();
    slow.join_all_ok();
    assert_eq!(left(&world), Some(24 * MINUTE));
}

pub(crate) fn a_failed_validation_restarts_the_timer(adapter: Adapter) {
    let world = World::new(adapter);
    world.call().unwrap();
    world.advance(30 * MINUTE);
    let error = world.send("Crud/Read/Vendor", json!({"id": "no-such-id"}));
    assert!(error.is_err());
    world.advance(30 * MINUTE);
    world.call().unwrap();
    world.sandbox.fault(Fault::new(FaultKind::code("BDC_1361")).on("GetSessionInfo"));
    world.advance(30 * MINUTE);
    world.call().unwrap_err();
    world.advance(30 * MINUTE);
    world.call().unwrap();
    assert_eq!((world.sign_ins(), world.rejected("BDC_1109")), (1, 0));
}

pub(crate) fn a_token_session_is_the_same_after_30_days_without_a_call(adapter: Adapter) {
    let world = World::with(adapter, |setup| setup.principal = World::token());
    world.call().unwrap();
    let session = world.lease().unwrap().session_id().to_owned();
    assert_eq!(left(&world), None);
    world.advance(30 * DAY);
    assert_eq!(left(&world), None);
    world.call().unwrap();
    assert_eq!(world.lease().unwrap().session_id(), session);
    assert_eq!(world.sessions_of("GetSessionInfo"), [1, 1]);
    assert_eq!(world.sign_ins(), 1);
}

pub(crate) fn with_an_idle_limit_of_48_hours_a_token_signs_in_again_at_48_hours(adapter: Adapter) {
    let world = World::with(adapter, |setup| {
        setup.principal = World::token();
        setup.token_idle_limit = Some(48 * HOUR);
        setup.token_lifetime = Some(Lifetime::idle(48 * HOUR, Duration::ZERO));
    });
    world.call().unwrap();
    world.advance(48 * HOUR - MILLISECOND);
    world.call().unwrap();
    assert_eq!(world.sign_ins(), 1);
    world.advance(48 * HOUR);
    world.call().unwrap();
    assert_eq!(world.sessions_of("GetSessionInfo"), [1, 1, 2]);
    assert_eq!(world.rejected("BDC_1109"), 0);
}

pub(crate) fn the_phase_tells_how_much_idle_time_is_left(adapter: Adapter) {
    let world = World::new(adapter);
    assert!(matches!(world.phase(), Phase::SignedOut));
    world.call().unwrap();
    assert_eq!(left(&world), Some(34 * MINUTE));
    world.advance(20 * MINUTE);
    assert_eq!(left(&world), Some(14 * MINUTE));
    world.call().unwrap();
    let Phase::SignedIn { idle, age, .. } = world.phase() else {
        panic!("{:?}", world.phase());
    };
    assert_eq!((idle, age), (Duration::ZERO, 20 * MINUTE));
    assert_eq!(world.client().api(), Some(format!("{}/api/v2", world.sandbox.origin())));
    assert!(world.client().user_id().unwrap().starts_with("006"));
}
