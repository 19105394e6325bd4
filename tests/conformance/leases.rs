//! A lease is the session for requests of one's own: it takes no slot, and is told how they went.

use std::time::Duration;

use bill_conformance::{Adapter, MILLISECOND, MINUTE, Op, Silent, World, post};
use bill_session_core::{Error, Misuse, Phase};
use bytes::Bytes;
use http::Request;

fn request(api: &str) -> Request<Bytes> {
    let request = Request::post(format!("{api}/GetSessionInfo.json"));
    request.body(Bytes::new()).unwrap()
}

pub(crate) fn a_leased_session_signs_a_request_of_ones_own(adapter: Adapter) {
    let world = World::new(adapter);
    let lease = world.lease().unwrap();
    let mut own = request(&lease.api());
    lease.sign(&mut own).unwrap();
    let answer = post(world.sandbox.addr(), &own);
    assert!(answer.contains(r#""response_status":0"#), "{answer}");
    lease.accepted();
    assert_eq!(world.sessions_of("GetSessionInfo"), [1]);
}

pub(crate) fn a_lease_takes_no_slot(adapter: Adapter) {
    let world = World::new(adapter);
    world.sign_in().unwrap();
    let held = world.sandbox.hold("GetSessionInfo");
    let all_slots = world.start(3, &Op::read());
    held.wait_for(3).unwrap();
    world.start(10, &Op::Lease).join_all_ok();
    held.release();
    all_slots.join_all_ok();
}

pub(crate) fn an_accepted_lease_restarts_the_idle_timer_from_when_it_was_taken(adapter: Adapter) {
    let world = World::new(adapter);
    world.call().unwrap();
    world.advance(20 * MINUTE);
    let lease = world.lease().unwrap();
    let mut own = request(&lease.api());
    lease.sign(&mut own).unwrap();
    post(world.sandbox.addr(), &own);
    world.advance(10 * MINUTE);
    lease.accepted();
    world.advance(24 * MINUTE - MILLISECOND);
    world.call().unwrap();
    assert_eq!(world.sign_ins(), 1);
}

pub(crate) fn a_dropped_lease_says_nothing_of_the_session(adapter: Adapter) {
    let world = World::new(adapter);
    world.call().unwrap();
    world.advance(20 * MINUTE);
    drop(world.lease().unwrap());
    let Phase::SignedIn { left, .. } = world.phase() else {
        panic!("{:?}", world.phase());
    };
    assert_eq!(left, Some(14 * MINUTE));
    world.advance(14 * MINUTE);
    world.call().unwrap();
    assert_eq!(world.sign_ins(), 2);
}

pub(crate) fn an_invalid_lease_makes_the_next_call_sign_in(adapter: Adapter) {
    let world = World::new(adapter);
    let lease = world.lease().unwrap();
    world.sandbox.lose_sessions();
    lease.invalid();
    world.call().unwrap();
    assert_eq!((world.sign_ins(), world.rejected("BDC_1109")), (2, 0));
}

pub(crate) fn an_invalid_lease_of_an_old_session_changes_nothing(adapter: Adapter) {
    let world = World::new(adapter);
    let old = world.lease().unwrap();
    world.sandbox.lose_sessions();
    world.call().unwrap();
    old.invalid();
    world.call().unwrap();
    assert_eq!(world.sessions_of("GetSessionInfo"), [1, 2, 2]);
    assert_eq!(world.sign_ins(), 2);
}

pub(crate) fn a_lease_for_a_time_signs_in_first_if_less_is_left(adapter: Adapter) {
    let world = World::new(adapter);
    let lease_for = |min_left: Duration| world.client().lease_for(min_left);
    drop(lease_for(30 * MINUTE).unwrap());
    world.advance(4 * MINUTE - MILLISECOND);
    drop(lease_for(30 * MINUTE).unwrap());
    assert_eq!(world.sign_ins(), 1);
    world.advance(2 * MILLISECOND);
    drop(lease_for(30 * MINUTE).unwrap());
    assert_eq!(world.sign_ins(), 2);
    let error = lease_for(34 * MINUTE).unwrap_err();
    assert!(matches!(error, Error::Misuse(Misuse::LeaseTooLong)), "{error:?}");
    assert_eq!(world.sign_ins(), 2);
}

pub(crate) fn a_lease_signs_no_request_to_another_address(adapter: Adapter) {
    let world = World::new(adapter);
    let elsewhere = Silent::start();
    let lease = world.lease().unwrap();
    let foreign = |error: Result<(), Misuse>| assert_eq!(error, Err(Misuse::ForeignRequest));
    let mut other = request(&format!("{}/api/v2", elsewhere.origin()));
    foreign(lease.sign(&mut other));
    foreign(lease.sign(&mut request(&format!("{}/elsewhere", world.sandbox.origin()))));
    assert!(other.body().is_empty());
    let with_query = Request::post(format!("{}/GetSessionInfo.json?id=1", lease.api()));
    let mut with_query = with_query.body(Bytes::new()).unwrap();
    assert_eq!(lease.sign(&mut with_query), Err(Misuse::PathQuery));
}
