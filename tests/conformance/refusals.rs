//! A permanent refusal is found out once, told to all, and ended by other credentials only.

use bill_conformance::{Adapter, DAY, Op, World, eventually};
use bill_sandbox::{Fault, FaultKind};
use bill_session_core::{Cause, Error, Phase};

fn assert_wrong_password(error: &Error) {
    assert_eq!(error.code().unwrap().as_str(), "BDC_1101", "{error:?}");
    let Error::NoSession { retry_after: None, cause, .. } = error else {
        panic!("{error:?}");
    };
    assert!(cause.is_permanent());
    let text = error.to_string();
    assert!(text.contains("check the user name and the password"), "{text}");
}

pub(crate) fn a_wrong_password_is_tried_once_however_many_callers_wait(adapter: Adapter) {
    let world = World::with(adapter, |setup| setup.principal = World::wrong_user());
    let answer = world.sandbox.hold("Login");
    let first = world.start(1, &Op::read());
    answer.wait_for(1).unwrap();
    let others = world.start(200, &Op::read());
    others.all_wait();
    answer.release();
    first.join_all_failed().iter().for_each(assert_wrong_password);
    others.join_all_failed().iter().for_each(assert_wrong_password);
    world.start(200, &Op::read()).join_all_failed().iter().for_each(assert_wrong_password);
    world.advance(DAY);
    assert_wrong_password(&world.call().unwrap_err());
    assert!(matches!(world.phase(), Phase::Refused { .. }));
    assert_eq!((world.sign_ins(), world.stats().calls), (1, 0));
}

pub(crate) fn replaced_credentials_end_a_refusal(adapter: Adapter) {
    let world = World::with(adapter, |setup| setup.principal = World::wrong_user());
    assert_wrong_password(&world.call().unwrap_err());
    world.client().replace_credentials(World::user());
    world.start(20, &Op::read()).join_all_ok();
    assert_eq!(world.sign_ins(), 2);
}

pub(crate) fn replaced_credentials_end_a_back_off_and_wake_who_waits(adapter: Adapter) {
    let world = World::new(adapter);
    let outage = Fault::new(FaultKind::Html { status: 503 }).on("Login");
    world.sandbox.fault(outage.header("retry-after", "60"));
    let first = world.start(1, &Op::read());
    eventually("the sign-in has failed", || matches!(world.phase(), Phase::Failed { .. }));
    let others = world.start(20, &Op::read());
    others.all_wait();
    assert_eq!((first.ended(), others.ended()), (0, 0));
    // The clocks stand still: only the replacement can end this wait.
    world.client().replace_credentials(World::user());
    first.join_all_ok();
    others.join_all_ok();
    assert_eq!(world.sign_ins(), 2);
}

pub(crate) fn replaced_credentials_void_a_sign_in_in_flight(adapter: Adapter) {
    let world = World::with(adapter, |setup| setup.principal = World::wrong_user());
    // Opens when the second sign-in has come, so that the first is answered after it began.
    let answers = world.sandbox.hold("Login").until(2);
    let first = world.start(1, &Op::read());
    answers.wait_for(1).unwrap();
    let others = world.start(20, &Op::read());
    others.all_wait();
    world.client().replace_credentials(World::user());
    // In the blocking adapter the first one's thread is busy with the void sign-in still: it is
    // passed over, and nobody waits for it.
    first.join_all_ok();
    others.join_all_ok();
    assert_eq!((world.sign_ins(), world.rejected("BDC_1101")), (2, 1));
    world.call().unwrap();
    assert_eq!(world.sign_ins(), 2);
}

pub(crate) fn an_explicit_sign_in_passes_a_refusal_once(adapter: Adapter) {
    let world = World::with(adapter, |setup| setup.principal = World::wrong_user());
    assert_wrong_password(&world.call().unwrap_err());
    assert_wrong_password(&world.sign_in().unwrap_err());
    assert_wrong_password(&world.call().unwrap_err());
    assert_eq!(world.sign_ins(), 2);
    // The password is right now, which nobody but the person knows.
    let repaired = "a-wrong-password";
    assert!(world.sandbox.set_password(bill_sandbox::DEMO_USER, repaired));
    assert_wrong_password(&world.call().unwrap_err());
    world.sign_in().unwrap();
    world.call().unwrap();
    assert_eq!(world.sign_ins(), 3);
}

pub(crate) fn a_call_in_flight_when_credentials_are_replaced_ends_on_the_old_session(
    adapter: Adapter,
) {
    let world = World::new(adapter);
    world.sign_in().unwrap();
    let answer = world.sandbox.hold("GetSessionInfo");
    let old = world.start(1, &Op::read());
    answer.wait_for(1).unwrap();
    world.client().replace_credentials(World::token());
    assert!(matches!(world.phase(), Phase::SignedOut));
    answer.release();
    old.join_all_ok();
    assert!(matches!(world.phase(), Phase::SignedOut));
    world.call().unwrap();
    assert_eq!(world.sessions_of("GetSessionInfo"), [1, 2]);
    assert!(matches!(world.phase(), Phase::SignedIn { left: None, .. }));
}

pub(crate) fn a_wrong_key_is_refused_with_all_its_causes(adapter: Adapter) {
    let world = World::with(adapter, |setup| setup.dev_key = "another-key".to_owned());
    let error = world.call().unwrap_err();
    assert_eq!(error.code().unwrap().as_str(), "BDC_1102");
    let text = error.to_string();
    for cause in ["mistyped", "environment", "enabled", "white space"] {
        assert!(text.contains(cause), "{text}");
    }
    assert!(
        matches!(&error, Error::NoSession { cause, .. } if matches!(**cause, Cause::Refused(_)))
    );
    world.call().unwrap_err();
    assert_eq!(world.sign_ins(), 1);
}
