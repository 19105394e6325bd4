//! An idle session is renewed by policy: on demand, ahead of time, or kept alive.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on ends"
)]

mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bill_session_core::{
    Call, Error, Lifetime, OrgId, Renewal, Repeatable, SignInEnded, Step, Verdict,
};
use support::{World, account, done, field_names, refusal, settings, silence, token};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

fn renewing(renewal: Renewal) -> World {
    World::signed_in_with(settings(|settings| settings.renewal = renewal))
}

/// Lets time pass until the next renewal is due, and says how much.
fn pass_until_due(world: &mut World) -> Duration {
    let due = world.session.renew_at().expect("a renewal");
    let waits = due.saturating_duration_since(world.now);
    world.now = world.now.max(due);
    waits
}

/// Runs a renewal that is due, which signs in.
fn renew_by_sign_in(world: &mut World) {
    let (sign_in, call) = world.begin(Call::renewal(&world.session), 0);
    assert!(matches!(world.welcome(sign_in), SignInEnded::Stored { .. }));
    assert!(matches!(world.step(call, 0), Step::Ready(_)));
}

#[test]
fn on_demand_nothing_happens_until_a_call_needs_it() {
    let mut world = renewing(Renewal::OnDemand);
    assert_eq!(world.session.renew_at(), None);
    world.pass(35 * MINUTE);
    assert_eq!(world.session.renew_at(), None);
    assert_eq!(world.would(), "sign in");
}

#[test]
fn ahead_signs_in_when_34_minutes_have_passed_since_the_last_call() {
    let mut world = renewing(Renewal::Ahead);
    assert_eq!(world.session.renew_at(), Some(world.now + 34 * MINUTE));
    world.pass(20 * MINUTE);
    world.use_session();
    assert_eq!(pass_until_due(&mut world), 34 * MINUTE);
    renew_by_sign_in(&mut world);
    assert_eq!(world.session_in_use(), "session-2");
}

#[test]
fn ahead_is_due_exactly_when_the_session_counts_as_idled_out() {
    let mut world = renewing(Renewal::Ahead);
    pass_until_due(&mut world);
    world.now -= Duration::from_nanos(1);
    // Too early by a hair: there is a session still, and nothing to renew.
    assert!(matches!(world.step(Call::renewal(&world.session), 0), Step::Ready(_)));
}

#[test]
fn keep_alive_reads_the_session_before_it_idles_out_and_signs_in_never() {
    let mut world = renewing(Renewal::KeepAlive);
    for _ in 0..12 {
        // A tenth of 34 minutes before the end.
        assert_eq!(pass_until_due(&mut world), Duration::from_secs(1836));
        let call = Call::renewal(&world.session);
        let in_flight = world.send(call);
        let request = in_flight.request();
        assert_eq!(request.uri(), "https://api-stage.bill.com/api/v2/GetSessionInfo.json");
        assert_eq!(field_names(&request), ["devKey", "sessionId"]);
        world.finish(in_flight);
    }
    assert_eq!(world.session_in_use(), "session-1");
}

#[test]
fn keep_alive_tries_again_after_a_pause_when_no_answer_came() {
    let mut world = renewing(Renewal::KeepAlive);
    pass_until_due(&mut world);
    let call = Call::renewal(&world.session);
    let in_flight = world.send(call);
    world.lost(in_flight);
    assert_eq!(pass_until_due(&mut world), 30 * SECOND);
}

#[test]
fn keep_alive_that_finds_the_session_gone_signs_in_nowhere_and_stops() {
    let mut world = renewing(Renewal::KeepAlive);
    world.use_session();
    pass_until_due(&mut world);
    let call = Call::renewal(&world.session);
    let in_flight = world.send(call);
    let error = world.fails(in_flight, Ok(refusal("BDC_1109")));
    assert_eq!(error.code().unwrap().number(), Some(1109));
    assert_eq!(world.session.renew_at(), None);
    assert!(matches!(world.step(Call::renewal(&world.session), 0), Step::Done));
    assert_eq!(world.sign_ins(), 1);
}

#[test]
fn keep_alive_of_a_session_that_has_idled_out_does_nothing() {
    let mut world = renewing(Renewal::KeepAlive);
    world.pass(34 * MINUTE);
    assert!(matches!(world.step(Call::renewal(&world.session), 0), Step::Done));
    assert_eq!((world.session.in_flight(), world.session.waiting()), (0, 0));
    assert_eq!(world.would(), "sign in");
}

#[test]
fn no_renewal_while_a_call_is_in_flight() {
    for renewal in [Renewal::Ahead, Renewal::KeepAlive] {
        let mut world = renewing(renewal);
        let due = world.session.renew_at().unwrap();
        world.now = due - SECOND;
        let call = world.call();
        let in_flight = world.send(call);
        // It is waited for until nobody can report on it any more.
        assert_eq!(world.session.renew_at(), Some(world.now + 65 * SECOND));
        world.finish(in_flight);
        assert!(world.session.renew_at().unwrap() > world.now + 30 * MINUTE);
    }
}

#[test]
fn a_renewal_stands_in_line_like_any_other() {
    let mut world = World::signed_in_with(settings(|settings| {
        settings.renewal = Renewal::KeepAlive;
        settings.max_in_flight = 1;
    }));
    let flying = world.send_many(1).remove(0);
    let before = world.line_up(1, 1).remove(0);
    let renewal = Call::renewal(&world.session);
    let renewal = world.wait(renewal, 2);
    world.take_woken();
    world.finish(flying);
    assert_eq!(world.take_woken(), [1]);
    let in_flight = world.send(before);
    world.finish(in_flight);
    assert_eq!(world.take_woken(), [2]);
    let _renewal = world.send(renewal);
}

#[test]
fn twelve_renewals_in_a_row_are_the_last_until_a_call_comes() {
    let mut world = renewing(Renewal::Ahead);
    for _ in 0..12 {
        pass_until_due(&mut world);
        renew_by_sign_in(&mut world);
    }
    assert_eq!(world.session.renew_at(), None);
    assert_eq!(world.session_in_use(), "session-13");
    assert_eq!(pass_until_due(&mut world), 34 * MINUTE);
}

#[test]
fn the_number_of_renewals_can_be_set() {
    let mut world = World::signed_in_with(settings(|settings| {
        settings.renewal = Renewal::Ahead;
        settings.renewals = 2;
    }));
    for _ in 0..2 {
        pass_until_due(&mut world);
        renew_by_sign_in(&mut world);
    }
    assert_eq!(world.session.renew_at(), None);
    let none = settings(|settings| {
        settings.renewal = Renewal::Ahead;
        settings.renewals = 0;
    });
    assert_eq!(World::signed_in_with(none).session.renew_at(), None);
}

#[test]
fn a_renewal_makes_one_attempt_and_another_that_comes_with_it_makes_none() {
    let mut world = World::signed_in_with(settings(|settings| settings.renewal = Renewal::Ahead));
    pass_until_due(&mut world);
    let renewal = Call::renewal(&world.session);
    let (sign_in, renewal) = world.begin(renewal, 0);
    let other = Call::renewal(&world.session);
    assert!(matches!(world.step(other, 1), Step::Done));
    // A call would wait for a server that is in trouble; whoever renews looks who is left first.
    let _failed = world.answer_sign_in(sign_in, Ok(support::page(503)));
    assert!(matches!(world.refused(renewal), Error::NoSession { .. }));
    assert!(world.session.renew_at().is_some());
}

#[test]
fn a_lease_of_a_caller_counts_as_use_like_a_call() {
    let mut world = World::signed_in_with(settings(|settings| {
        settings.renewal = Renewal::Ahead;
        settings.renewals = 2;
    }));
    for _ in 0..2 {
        pass_until_due(&mut world);
        renew_by_sign_in(&mut world);
    }
    let lease = world.lease(Duration::ZERO);
    let wake = world.session.lease_ended(lease, Verdict::Alive, world.now);
    world.heed(wake);
    assert!(world.session.renew_at().is_some(), "a program may live by leases alone");
}

#[test]
fn a_thousand_idle_organisations_stop_renewing() {
    let mut world = renewing(Renewal::Ahead);
    let mut made = 0;
    while world.session.renew_at().is_some() {
        pass_until_due(&mut world);
        renew_by_sign_in(&mut world);
        made += 1;
        assert!(made <= 12);
    }
    assert_eq!(made, 12);
}

#[test]
fn ahead_after_a_failure_tries_again_when_the_back_off_ends_and_keeps_its_distance() {
    let mut world = renewing(Renewal::Ahead);
    pass_until_due(&mut world);
    let call = Call::renewal(&world.session);
    let call = world.sign_in_answered(call, silence());
    let _told = world.no_session(call);
    assert_eq!(pass_until_due(&mut world), 30 * SECOND);
    renew_by_sign_in(&mut world);
}

#[test]
fn a_renewal_stops_after_a_permanent_failure_until_the_credentials_are_replaced() {
    let mut world = renewing(Renewal::Ahead);
    pass_until_due(&mut world);
    let call = Call::renewal(&world.session);
    let call = world.sign_in_answered(call, Ok(refusal("BDC_1101")));
    assert!(matches!(world.refused(call), Error::NoSession { .. }));
    assert_eq!(world.session.renew_at(), None);
    world.pass(24 * 60 * MINUTE);
    assert_eq!(world.session.renew_at(), None);
    world.replace(support::password());
    world.sign_in();
    assert!(world.session.renew_at().is_some());
}

#[test]
fn a_session_is_not_renewed_once_another_organisation_was_refused_for_good() {
    for renewal in [Renewal::Ahead, Renewal::KeepAlive] {
        let mut world = renewing(renewal);
        let org = OrgId::new("00800000000000000002").unwrap();
        let account = world.session.account().for_organization(org).unwrap();
        let mut other = World::of(Arc::new(account), settings(|_| ()), world.now);
        assert!(world.session.renew_at().is_some());
        let call = other.call();
        let call = other.sign_in_answered(call, Ok(refusal("BDC_1101")));
        let _told = other.no_session(call);
        assert_eq!(world.session.renew_at(), None);
        assert_eq!(world.would(), "be sent", "the session lives as long as it is used");
    }
}

#[test]
fn a_renewal_passes_no_refusal() {
    let mut world = renewing(Renewal::Ahead);
    let _logout = world.sign_out();
    let call = world.call();
    let call = world.sign_in_answered(call, Ok(refusal("BDC_1101")));
    let _told = world.no_session(call);
    let error = world.refused(Call::renewal(&world.session));
    assert_eq!(error.code().unwrap().number(), Some(1101));
}

#[test]
#[allow(clippy::disallowed_methods, reason = "a test needs a first instant, and then moves it")]
fn a_token_session_that_does_not_expire_has_no_renewal() {
    for renewal in [Renewal::OnDemand, Renewal::Ahead, Renewal::KeepAlive] {
        let now = Instant::now();
        let settings = settings(|settings| settings.renewal = renewal);
        let mut world = World::of(account(token(), now), settings, now);
        world.sign_in();
        assert_eq!(world.session.renew_at(), None);
    }
}

#[test]
#[allow(clippy::disallowed_methods, reason = "a test needs a first instant, and then moves it")]
fn a_token_session_with_an_idle_limit_is_renewed_at_it() {
    let now = Instant::now();
    let limit = Duration::from_secs(48 * 3600);
    let settings = settings(|settings| {
        settings.renewal = Renewal::Ahead;
        settings.token_lifetime = Lifetime::idle(limit, Duration::ZERO);
    });
    let mut world = World::of(account(token(), now), settings, now);
    world.sign_in();
    assert_eq!(world.session.renew_at(), Some(world.now + limit));
}

#[test]
#[allow(clippy::disallowed_methods, reason = "a test needs a first instant, and then moves it")]
fn keep_alive_does_not_read_again_and_again_what_ends_at_an_absolute_limit() {
    let now = Instant::now();
    let hours = |hours: u64| Duration::from_secs(3600 * hours);
    let settings = settings(|settings| {
        settings.renewal = Renewal::KeepAlive;
        settings.token_lifetime = Lifetime::idle(hours(48), Duration::ZERO).absolute(hours(50));
    });
    let mut world = World::of(account(token(), now), settings, now);
    world.sign_in();
    let mut read = 0;
    while let Some(due) = world.session.renew_at()
        && due < now + hours(50)
    {
        pass_until_due(&mut world);
        let call = Call::renewal(&world.session);
        let in_flight = world.send(call);
        assert!(matches!(world.answer(in_flight, Ok(done())), bill_session_core::Outcome::Done(_)));
        read += 1;
    }
    assert!(read <= 2, "{read} times");
}

#[test]
fn nothing_is_renewed_when_there_is_no_session() {
    for renewal in [Renewal::Ahead, Renewal::KeepAlive] {
        let mut world = World::with(settings(|settings| settings.renewal = renewal));
        assert_eq!(world.session.renew_at(), None);
        let call = world.call();
        let (_sign_in, _call) = world.begin(call, 0);
        assert_eq!(world.session.renew_at(), None);
    }
}

#[test]
fn a_sign_out_ends_the_renewals() {
    for renewal in [Renewal::Ahead, Renewal::KeepAlive] {
        let mut world = renewing(renewal);
        let _logout = world.sign_out();
        assert_eq!(world.session.renew_at(), None);
    }
}

#[test]
fn a_renewal_that_is_due_is_due_now_and_not_in_the_past_for_ever() {
    // Driven in a loop as an adapter does: each turn runs what is due, or waits.
    for renewal in [Renewal::Ahead, Renewal::KeepAlive] {
        let mut world = renewing(renewal);
        let begun = world.now;
        let mut turns = 0;
        while let Some(due) = world.session.renew_at()
            && world.now - begun < Duration::from_secs(24 * 3600)
        {
            turns += 1;
            assert!(turns < 50, "it spins");
            world.now = world.now.max(due);
            match world.step(Call::renewal(&world.session), 0) {
                Step::SignIn(sign_in, call, _) => {
                    let _failed = world.answer_sign_in(sign_in, silence());
                    let _told = world.no_session(call);
                }
                Step::Exchange(in_flight) => world.lost(in_flight),
                Step::Done | Step::Refuse(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }
}

#[test]
fn a_renewal_that_was_due_before_a_sign_out_does_not_sign_in_after_it() {
    let mut world = renewing(Renewal::Ahead);
    pass_until_due(&mut world);
    let renewal = Call::renewal(&world.session);
    assert!(world.sign_out().is_some(), "another thread signs out before the renewal's first step");
    assert!(matches!(world.step(renewal, 0), Step::Done));
}

#[test]
fn keep_alive_keeps_a_session_alive_while_an_upload_outlasts_it() {
    let mut world = renewing(Renewal::KeepAlive);
    world.pass(30 * MINUTE);
    let upload = world.session.account().upload("/v3/documents/bills/00n01", &[], Repeatable::Yes);
    let upload = world.send(upload.unwrap());
    let mut kept = 0;
    for _ in 0..54 {
        world.pass(10 * SECOND);
        if world.session.renew_in(world.now).is_zero() {
            let renewal = world.send(Call::renewal(&world.session));
            let _done = world.answer(renewal, Ok(done()));
            kept += 1;
        }
    }
    assert_eq!(kept, 1, "once before it would have idled out");
    assert_eq!(world.would(), "be sent", "39 minutes after the sign-in, and 9 into the upload");
    let _still_in_flight = upload;
}
