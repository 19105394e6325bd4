//! What carries an exchange: its connection and its limits.

use std::time::Duration;

use bill_conformance::{Adapter, Carried, Op, Pattern, Relay, Upload, World};
use bill_sandbox::DEMO_OTHER_ORG;
use bill_session_core::{Error, SignInWith};

/// More than an HTTP client keeps by itself.
const CALLS: usize = 12;

pub(crate) fn a_connection_is_kept_for_every_call_that_was_in_flight(adapter: Adapter) {
    let relay = Relay::start();
    let world = World::with(adapter, |setup| {
        setup.origin = Some(relay.origin());
        setup.max_in_flight = Some(CALLS);
        setup.sandbox = |sandbox| sandbox.concurrent_calls(Some(CALLS as u64));
    });
    relay.to(world.sandbox.addr());
    world.sign_in().unwrap();
    for _ in 0..4 {
        let answers = world.sandbox.hold("GetSessionInfo");
        let calls = world.start(CALLS, &Op::read());
        answers.wait_for(CALLS as u64).unwrap();
        answers.release();
        calls.join_all_ok();
    }
    // A few more when some were not back in the pool in time.
    let connections = relay.connections();
    assert!((CALLS..CALLS + CALLS / 2).contains(&connections), "{connections}");
}

pub(crate) fn limits_without_an_end_are_long_ones(adapter: Adapter) {
    for api in [SignInWith::V2, SignInWith::V3] {
        let world = World::with(adapter, |setup| {
            setup.sign_in_with = api;
            for limit in [
                &mut setup.deadline,
                &mut setup.call_limit,
                &mut setup.sign_in_limit,
                &mut setup.connect_limit,
                &mut setup.upload_limit,
            ] {
                *limit = Some(Duration::MAX);
            }
        });
        world.call().unwrap();
        world.run(&Op::read().within(Duration::MAX)).unwrap();
        world.run(&Op::get("/v3/vendors")).unwrap();
        let path = "/v3/documents/bills/00n01000000000000001";
        let bytes = Carried::Bytes(Pattern::of(1_000).whole());
        let mut upload = Upload::document(path, "scan.pdf", bytes);
        upload.deadline = Some(Duration::MAX);
        world.run(&Op::Upload(upload)).unwrap();
        world.client().for_organization(DEMO_OTHER_ORG).unwrap().run(&Op::read()).unwrap();
        assert_eq!(world.sign_ins(), 2);
    }
}

pub(crate) fn a_call_has_less_than_the_usual_limit_when_less_time_is_left(adapter: Adapter) {
    let world = World::with(adapter, |setup| setup.real_time = true);
    world.call().unwrap();
    let _silent = world.sandbox.hold("GetSessionInfo");
    let begun = std::time::Instant::now();
    let short = Duration::from_millis(200);
    let error = world.run(&Op::read().within(short)).unwrap_err();
    assert!(matches!(error, Error::NoAnswer { .. } | Error::Deadline { .. }), "{error:?}");
    assert!((short..Duration::from_secs(20)).contains(&begun.elapsed()), "{error:?}");
}
