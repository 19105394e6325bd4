//! Renewal is a policy: BILL's own timer, a call that keeps the session alive, or nothing.

use bill_conformance::{Adapter, DAY, HOUR, MILLISECOND, MINUTE, Op, World, eventually};
use bill_session_core::{Phase, Renewal};

fn with(adapter: Adapter, renewal: Renewal) -> World {
    World::with(adapter, |setup| setup.renewal = renewal)
}

/// Moves the clocks, and waits until the renewal has looked at the time.
///
/// Whoever decides to sign in reads the clock again at once, and the session says that somebody
/// signs in: what is asserted next would see it.
fn advance_past_a_look(world: &World, by: std::time::Duration) {
    // The jump itself reads the clock once, to wake who waits.
    let before = world.clock.reads() + 1;
    world.advance(by);
    eventually("the renewal has looked", || world.clock.reads() > before);
}

/// Moves the clocks until a renewal is due, and waits until it is over.
fn renew(world: &World, by: std::time::Duration, done: impl Fn() -> bool) {
    world.advance(by);
    eventually("the session is renewed", || {
        done() && matches!(world.phase(), Phase::SignedIn { .. }) && world.stats().in_flight == 0
    });
}

pub(crate) fn ahead_signs_in_when_the_clock_moves_by_34_minutes(adapter: Adapter) {
    let world = with(adapter, Renewal::Ahead);
    world.call().unwrap();
    advance_past_a_look(&world, 34 * MINUTE - MILLISECOND);
    assert!(matches!(world.phase(), Phase::SignedIn { .. }));
    assert_eq!(world.sign_ins(), 1);
    renew(&world, MILLISECOND, || world.sign_ins() == 2);
    // No call has asked for it, and the next one finds it.
    assert_eq!(world.stats().calls, 1);
    world.call().unwrap();
    assert_eq!(world.sessions_of("GetSessionInfo"), [1, 2]);
    assert_eq!((world.sign_ins(), world.rejected("BDC_1109")), (2, 0));
}

pub(crate) fn ahead_is_put_off_by_every_call(adapter: Adapter) {
    let world = with(adapter, Renewal::Ahead);
    world.call().unwrap();
    for _ in 0..10 {
        advance_past_a_look(&world, 33 * MINUTE);
        world.call().unwrap();
    }
    assert_eq!(world.sign_ins(), 1);
    renew(&world, 34 * MINUTE, || world.sign_ins() == 2);
}

pub(crate) fn ahead_sets_no_timer_for_a_token(adapter: Adapter) {
    let world = World::with(adapter, |setup| {
        setup.renewal = Renewal::Ahead;
        setup.principal = World::token();
    });
    world.call().unwrap();
    for _ in 0..30 {
        advance_past_a_look(&world, DAY);
        assert!(matches!(world.phase(), Phase::SignedIn { left: None, .. }));
    }
    world.call().unwrap();
    assert_eq!(world.sessions_of("GetSessionInfo"), [1, 1]);
    assert_eq!(world.sign_ins(), 1);
}

pub(crate) fn ahead_stops_after_12_renewals_without_a_call_and_goes_on_after_one(adapter: Adapter) {
    let world = with(adapter, Renewal::Ahead);
    world.call().unwrap();
    for renewal in 1..=12 {
        renew(&world, 34 * MINUTE, || world.sign_ins() == 1 + renewal);
    }
    advance_past_a_look(&world, 34 * MINUTE);
    assert!(matches!(world.phase(), Phase::IdledOut { .. }));
    assert_eq!(world.sign_ins(), 13);
    world.call().unwrap();
    assert_eq!(world.sign_ins(), 14);
    renew(&world, 34 * MINUTE, || world.sign_ins() == 15);
}

pub(crate) fn ahead_stops_at_a_permanent_refusal(adapter: Adapter) {
    let world = with(adapter, Renewal::Ahead);
    world.call().unwrap();
    let user = bill_sandbox::DEMO_USER;
    assert!(world.sandbox.set_password(user, "changed-meanwhile"));
    world.advance(34 * MINUTE);
    eventually("the renewal is refused", || matches!(world.phase(), Phase::Refused { .. }));
    for _ in 0..5 {
        advance_past_a_look(&world, HOUR);
    }
    assert_eq!(world.sign_ins(), 2);
}

pub(crate) fn keep_alive_keeps_the_same_session_without_a_sign_in(adapter: Adapter) {
    let world = with(adapter, Renewal::KeepAlive);
    world.send("CurrentTime", serde_json::Value::Null).unwrap();
    // A tenth of the idle limit before the session idles out: 3:24 before the end of 34:00.
    let due = 34 * MINUTE - (34 * MINUTE) / 10;
    for renewal in 1..=5 {
        advance_past_a_look(&world, due - MILLISECOND);
        assert_eq!(world.stats().calls, renewal);
        renew(&world, MILLISECOND, || world.stats().calls == 1 + renewal);
    }
    assert_eq!(world.sign_ins(), 1);
    world.send("CurrentTime", serde_json::Value::Null).unwrap();
    assert_eq!(world.sessions_of("GetSessionInfo"), [1; 5]);
    assert_eq!(world.sessions_of("CurrentTime"), [1, 1]);
}

pub(crate) fn on_demand_does_nothing_until_a_call_needs_it(adapter: Adapter) {
    let world = with(adapter, Renewal::OnDemand);
    world.call().unwrap();
    let reads = world.clock.reads();
    for jump in 1..=10 {
        world.advance(34 * MINUTE);
        // The jump itself, to wake who waits: nobody else looks at the time.
        assert_eq!(world.clock.reads(), reads + jump);
    }
    assert_eq!((world.sign_ins(), world.stats().calls), (1, 1));
    world.call().unwrap();
    assert_eq!(world.sign_ins(), 2);
}

pub(crate) fn the_renewal_is_gone_soon_after_the_last_client(adapter: Adapter) {
    for renewal in [Renewal::Ahead, Renewal::KeepAlive] {
        let mut world = with(adapter, renewal);
        assert!(!is_renewing(&world), "nothing is started before a call");
        world.call().unwrap();
        eventually("the renewal has begun", || is_renewing(&world));
        world.drop_client();
        // Its nap lasts a real minute: that it is gone at once means that it was woken.
        eventually("the renewal is gone", || !is_renewing(&world));
        assert_eq!(world.sign_ins(), 1);
    }
}

pub(crate) fn the_renewal_outlives_a_clone(adapter: Adapter) {
    let world = with(adapter, Renewal::Ahead);
    let clone = world.client().clone();
    clone.run(&Op::read()).unwrap();
    drop(clone);
    assert!(world.client_is_held());
    renew(&world, 34 * MINUTE, || world.sign_ins() == 2);
}

/// Whether the thread of this client's renewal lives, or any task of its runtime.
///
/// Tasks that drive connections count as well: they end with the client, too.
fn is_renewing(world: &World) -> bool {
    match world.adapter {
        Adapter::Async => world.runtime().metrics().num_alive_tasks() > 0,
        Adapter::Blocking => world.clock.renewal_threads() > 0,
    }
}
