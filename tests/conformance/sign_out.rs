//! A sign-out forgets first, ends what was begun before, and leaves no session at BILL.

use bill_conformance::{Adapter, Op, World, eventually};
use bill_sandbox::{Fault, FaultKind};
use bill_session_core::{Error, Phase};

fn assert_signed_out(error: &Error) {
    assert!(matches!(error, Error::SignedOut { .. }), "{error:?}");
}

pub(crate) fn no_call_begun_before_a_sign_out_is_sent_after_it(adapter: Adapter) {
    let world = World::new(adapter);
    world.sign_in().unwrap();
    let held = world.sandbox.hold("GetSessionInfo");
    let sent = world.start(3, &Op::read());
    held.wait_for(3).unwrap();
    let in_line = world.start(10, &Op::read());
    in_line.all_wait();
    let signs_out = world.start(1, &Op::SignOut);
    in_line.join_all_failed().iter().for_each(assert_signed_out);
    assert!(matches!(world.phase(), Phase::SignedOut));
    held.release();
    // What was on its way when the program signed out was carried out, and is answered.
    sent.join_all_ok();
    signs_out.join_all_ok();
    let stats = world.stats();
    assert_eq!((stats.sign_outs, stats.sessions_alive), (1, 0));
    assert_eq!(world.sessions_of("GetSessionInfo"), [1, 1, 1]);
    world.call().unwrap();
    assert_eq!(world.sessions_of("GetSessionInfo"), [1, 1, 1, 2]);
    assert_eq!(world.sign_ins(), 2);
}

pub(crate) fn a_call_refused_after_a_sign_out_is_not_replayed(adapter: Adapter) {
    let world = World::new(adapter);
    world.sign_in().unwrap();
    world.sandbox.fault(Fault::new(FaultKind::LoseSession).on("GetSessionInfo"));
    let held = world.sandbox.hold("GetSessionInfo");
    let refused = world.start(1, &Op::read());
    held.wait_for(1).unwrap();
    world.sign_out().unwrap();
    held.release();
    refused.join_all_failed().iter().for_each(assert_signed_out);
    assert_eq!(world.sign_ins(), 1);
    assert_eq!(world.sessions_of("GetSessionInfo"), [1]);
}

pub(crate) fn a_sign_out_during_a_sign_in_leaves_no_session_behind(adapter: Adapter) {
    let world = World::new(adapter);
    let answer = world.sandbox.hold("Login");
    let first = world.start(1, &Op::read());
    answer.wait_for(1).unwrap();
    let others = world.start(10, &Op::read());
    others.all_wait();
    assert_eq!(world.stats().sessions_alive, 1);
    world.sign_out().unwrap();
    others.join_all_failed().iter().for_each(assert_signed_out);
    answer.release();
    first.join_all_failed().iter().for_each(assert_signed_out);
    let told = world.sandbox.wait_until(|stats| stats.sign_outs == 1);
    assert_eq!(told.unwrap().sessions_alive, 0);
    assert_eq!(world.operations(), ["Login", "Logout"]);
    assert!(matches!(world.phase(), Phase::SignedOut));
    world.call().unwrap();
    assert_eq!(world.sign_ins(), 2);
}

pub(crate) fn signing_out_twice_is_a_success_and_tells_bill_once(adapter: Adapter) {
    let world = World::new(adapter);
    world.sign_out().unwrap();
    assert_eq!(world.operations(), [""; 0]);
    world.call().unwrap();
    world.sign_out().unwrap();
    world.sign_out().unwrap();
    assert_eq!(world.operations(), ["Login", "GetSessionInfo", "Logout"]);
    assert_eq!(world.stats().sessions_alive, 0);
}

pub(crate) fn signing_out_of_a_session_that_is_invalid_already_is_a_success(adapter: Adapter) {
    let world = World::new(adapter);
    world.call().unwrap();
    world.sandbox.lose_sessions();
    world.sign_out().unwrap();
    assert_eq!((world.sign_ins(), world.rejected("BDC_1109")), (1, 1));
    assert!(matches!(world.phase(), Phase::SignedOut));
}

pub(crate) fn offline_a_sign_out_still_forgets(adapter: Adapter) {
    let world = World::new(adapter);
    world.call().unwrap();
    world.sandbox.fault(Fault::new(FaultKind::ResetBeforeAnswer).on("Logout"));
    let error = world.sign_out().unwrap_err();
    assert!(matches!(error, Error::NoAnswer { .. }), "{error:?}");
    assert!(matches!(world.phase(), Phase::SignedOut));
    // The session lives on at BILL, where it idles out; this client does not use it again.
    world.call().unwrap();
    assert_eq!(world.sessions_of("GetSessionInfo"), [1, 2]);
}

pub(crate) fn a_sign_out_whose_answer_is_lost_still_forgets(adapter: Adapter) {
    let world = World::new(adapter);
    world.call().unwrap();
    let lost = Fault::new(FaultKind::Html { status: 503 }).on("Logout");
    world.sandbox.fault(lost.handled());
    let error = world.sign_out().unwrap_err();
    assert!(matches!(error, Error::NotBill { .. }), "{error:?}");
    assert!(matches!(world.phase(), Phase::SignedOut));
    assert_eq!(world.stats().sessions_alive, 0);
    world.sign_out().unwrap();
    assert_eq!(world.operations(), ["Login", "GetSessionInfo", "Logout"]);
}

pub(crate) fn dropping_the_client_never_signs_out(adapter: Adapter) {
    let mut world = World::new(adapter);
    world.call().unwrap();
    world.drop_client();
    eventually("the sandbox is idle", || world.stats().in_flight == 0);
    assert_eq!(world.operations(), ["Login", "GetSessionInfo"]);
    assert_eq!(world.stats().sessions_alive, 1);
}
