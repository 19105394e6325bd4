//! What cannot be mended by trying again is tried once; everything else backs off.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on ends"
)]

mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bill_session_core::{Call, Cause, Error, KeyLimits, Limit, OrgId, Phase, SignInEnded, Step};
use support::{
    World, account, account_under, body, page, password, refusal, settings, silence, welcome_with,
    with_header, with_status,
};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const OTHER_ORG: &str = "00800000000000000002";

/// Two organisations of one principal, under one key.
#[allow(clippy::disallowed_methods, reason = "a test needs a first instant, and then moves it")]
fn two_organizations() -> (World, World) {
    let now = Instant::now();
    let account = account(password(), now);
    let other = Arc::new(account.for_organization(OrgId::new(OTHER_ORG).unwrap()).unwrap());
    (World::of(account, settings(|_| ()), now), World::of(other, settings(|_| ()), now))
}

/// A call that found a wrong password, and left the session refused.
fn refuse(world: &mut World, code: &str) {
    let call = world.call();
    let call = world.sign_in_answered(call, Ok(refusal(code)));
    assert_eq!(world.refused(call).code().unwrap().as_str(), code);
    world.take_woken();
}

#[test]
fn the_four_permanent_codes_are_never_tried_again_by_themselves() {
    for code in ["BDC_1101", "BDC_1102", "BDC_1105", "BDC_1107"] {
        let mut world = World::new();
        refuse(&mut world, code);
        for _ in 0..48 {
            world.pass(30 * MINUTE);
            let call = world.call();
            assert_eq!(world.refused(call).code().unwrap().as_str(), code);
        }
        assert!(matches!(world.session.phase(world.now), Phase::Refused { .. }));
        assert_eq!(world.sign_ins(), 0, "the one of yesterday is no longer counted");
    }
}

#[test]
fn permanent_refusals_offer_no_time_to_try_again() {
    let mut world = World::new();
    refuse(&mut world, "BDC_1101");
    let call = world.call();
    let error = world.refused(call);
    assert!(matches!(error, Error::NoSession { retry_after: None, .. }), "{error:?}");
}

#[test]
fn the_http_status_of_a_permanent_refusal_does_not_matter() {
    for status in [200, 401, 403, 422, 500] {
        let mut world = World::new();
        let call = world.call();
        let answer = with_status(refusal("BDC_1101"), status);
        let call = world.sign_in_answered(call, Ok(answer));
        let error = world.refused(call);
        assert!(matches!(error, Error::NoSession { retry_after: None, .. }), "{error:?}");
    }
}

#[test]
fn a_wrong_password_is_kept_with_the_principal_and_shared_by_its_organisations() {
    let (mut one, mut other) = two_organizations();
    refuse(&mut one, "BDC_1101");
    assert_eq!(other.would(), "be refused");
    assert_eq!(other.sign_ins(), 1);
}

#[test]
fn a_wrong_key_is_kept_with_the_key_and_shared_by_its_organisations() {
    let (mut one, mut other) = two_organizations();
    refuse(&mut one, "BDC_1102");
    assert_eq!(other.would(), "be refused");
}

#[test]
fn access_off_and_a_locked_organisation_are_kept_with_that_organisation() {
    for code in ["BDC_1105", "BDC_1107"] {
        let (mut one, mut other) = two_organizations();
        refuse(&mut one, code);
        assert_eq!(one.would(), "be refused");
        assert_eq!(other.would(), "sign in", "after {code}");
    }
}

#[test]
fn a_thousand_organisations_try_a_wrong_password_once() {
    let (mut one, _) = two_organizations();
    refuse(&mut one, "BDC_1101");
    for number in 0..1000 {
        let org = OrgId::new(format!("008{number:017}")).unwrap();
        let account = Arc::new(one.session.account().for_organization(org).unwrap());
        let mut world = World::of(account, settings(|_| ()), one.now);
        assert_eq!(world.would(), "be refused");
    }
    assert_eq!(one.sign_ins(), 1);
}

#[test]
fn replaced_credentials_lift_each_of_the_permanent_refusals() {
    for code in ["BDC_1101", "BDC_1102", "BDC_1105", "BDC_1107"] {
        let mut world = World::new();
        refuse(&mut world, code);
        world.replace(password());
        assert_eq!(world.would(), "sign in", "after {code}");
    }
}

#[test]
fn an_explicit_sign_in_passes_a_refusal_once_and_its_success_lifts_it_for_everyone() {
    for code in ["BDC_1101", "BDC_1102"] {
        let (mut one, mut other) = two_organizations();
        refuse(&mut one, code);
        other.sign_in();
        assert_eq!(one.would(), "sign in", "after {code}");
    }
}

#[test]
fn an_explicit_sign_in_that_is_refused_again_ends_with_that_refusal() {
    let mut world = World::new();
    refuse(&mut world, "BDC_1101");
    let call = world.sign_in_answered(Call::sign_in(), Ok(refusal("BDC_1105")));
    assert_eq!(world.refused(call).code().unwrap().number(), Some(1105));
    assert_eq!(world.would(), "be refused");
}

#[test]
fn while_an_explicit_sign_in_flies_under_a_refusal_plain_calls_stay_refused() {
    let mut world = World::new();
    refuse(&mut world, "BDC_1101");
    let (sign_in, call) = world.begin(Call::sign_in(), 0);
    assert_eq!(world.would(), "be refused");
    let call = world.wait(call, 0);
    let _stored = world.welcome(sign_in);
    assert!(matches!(world.step(call, 0), Step::Ready(_)));
    assert_eq!(world.would(), "be sent");
}

#[test]
fn the_cancel_of_an_explicit_sign_in_opens_the_door_to_nobody() {
    let mut world = World::new();
    refuse(&mut world, "BDC_1101");
    let (sign_in, call) = world.begin(Call::sign_in(), 0);
    world.cancel_sign_in(sign_in.id());
    assert_eq!(world.would(), "be refused");
    // Nor does it pass the refusal twice.
    assert_eq!(world.refused(call).code().unwrap().number(), Some(1101));
    assert_eq!(world.sign_ins(), 2);
}

#[test]
fn the_transient_failure_of_an_explicit_sign_in_opens_the_door_to_nobody() {
    for answer in [silence(), Ok(page(503)), Ok(refusal("BDC_1322")), Ok(refusal("BDC_9999"))] {
        let mut world = World::new();
        refuse(&mut world, "BDC_1101");
        let call = world.sign_in_answered(Call::sign_in(), answer);
        let _error = world.refused(call);
        assert_eq!(world.would(), "be refused");
        world.pass(10 * MINUTE);
        assert_eq!(world.would(), "be refused");
        assert_eq!(world.sign_ins(), 2);
    }
}

#[test]
fn an_overdue_explicit_sign_in_opens_the_door_to_nobody() {
    let mut world = World::new();
    refuse(&mut world, "BDC_1101");
    let (_silent, call) = world.begin(Call::sign_in(), 0);
    world.pass(35 * SECOND);
    let _error = world.refused(call);
    world.pass(10 * MINUTE);
    assert_eq!(world.would(), "be refused");
}

#[test]
fn an_explicit_sign_in_passes_no_back_off() {
    let mut world = World::new();
    let call = world.call();
    let call = world.sign_in_answered(call, silence());
    let _told = world.no_session(call);
    let call = world.wait(Call::sign_in(), 0);
    world.pass(world.retry_in());
    let (_sign_in, _call) = world.begin(call, 0);
}

#[test]
fn an_explicit_sign_in_that_joins_another_under_a_refusal_shares_its_end() {
    let mut world = World::new();
    refuse(&mut world, "BDC_1101");
    let (sign_in, first) = world.begin(Call::sign_in(), 0);
    let second = world.wait(Call::sign_in(), 1);
    let _stored = world.welcome(sign_in);
    assert!(matches!(world.step(first, 0), Step::Ready(_)));
    assert!(matches!(world.step(second, 1), Step::Ready(_)));
    assert_eq!(world.sign_ins(), 2);
}

#[test]
fn everything_else_backs_off_in_doubling_steps_up_to_two_minutes() {
    for seed in 0..20 {
        let mut world = World::with(settings(|settings| settings.seed = seed));
        for step in [1, 2, 4, 8, 16, 32, 64, 120, 120, 120] {
            let call = world.call();
            let call = world.sign_in_answered(call, silence());
            let _told = world.no_session(call);
            let left = world.retry_in();
            let step = Duration::from_secs(step);
            assert!(left >= step / 2 && left <= step, "{left:?} of {step:?}");
            world.pass(left - Duration::from_nanos(1));
            assert_eq!(world.would(), "wait");
            world.pass(Duration::from_nanos(1));
        }
    }
}

#[test]
fn the_jitter_is_the_seeds() {
    let wait = |seed| {
        let mut world = World::with(settings(|settings| settings.seed = seed));
        let call = world.call();
        let call = world.sign_in_answered(call, silence());
        let _told = world.no_session(call);
        world.retry_in()
    };
    assert_eq!(wait(1), wait(1));
    let mut waits: Vec<_> = (0..100).map(wait).collect();
    waits.sort_unstable();
    waits.dedup();
    assert_eq!(waits.len(), 100);
    assert!(waits[10] < Duration::from_millis(620) && waits[90] > Duration::from_millis(880));
}

#[test]
fn what_is_no_permanent_refusal_is_told_with_a_time_to_try_again() {
    for answer in [
        silence(),
        Ok(page(200)),
        Ok(page(404)),
        Ok(with_header(with_status(body("moved"), 302), "location", "https://portal.example/in")),
        Ok(body("{\"response_status\":0,\"resp")),
        Ok(body("")),
        Ok(refusal("BDC_9999")),
        Ok(refusal("BDC_1361")),
        Ok(refusal("BDC_1109")),
        Ok(welcome_with(&serde_json::json!({"orgId": OTHER_ORG}))),
        Ok(welcome_with(&serde_json::json!({"sessionId": null}))),
    ] {
        let mut world = World::new();
        let shown = format!("{answer:?}");
        let call = world.call();
        let call = world.sign_in_answered(call, answer);
        let error = world.refused(call);
        let Error::NoSession { retry_after: Some(after), .. } = &error else {
            panic!("{error:?} after {shown}")
        };
        assert!(*after <= SECOND && *after >= SECOND / 2);
        assert!(error.to_string().contains("try again in 1 s"), "{error}");
        world.pass(*after);
        assert_eq!(world.would(), "sign in", "after {shown}");
    }
}

#[test]
fn a_caller_that_comes_during_the_back_off_waits_for_its_end_and_then_signs_in() {
    let mut world = World::new();
    let call = world.call();
    let call = world.sign_in_answered(call, silence());
    let _told = world.no_session(call);
    let retry_at = world.now + world.retry_in();
    let mut call = world.call();
    loop {
        match world.step(call, 0) {
            Step::Wait(waits, until) => {
                assert!(world.now < until && until <= retry_at);
                world.now = until;
                call = waits;
            }
            Step::SignIn(..) => break,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(world.now, retry_at);
}

#[test]
fn retry_at_before_the_deadline_means_wait_and_after_it_refuse_at_once() {
    let mut world = World::new();
    let call = world.call();
    let answer = with_header(page(503), "retry-after", "100");
    let call = world.sign_in_answered(call, Ok(answer));
    let call = world.wait(call, 0);
    let short = world.call().deadline(100 * SECOND);
    let error = world.refused(short);
    let Error::NoSession { retry_after, .. } = &error else { panic!("{error:?}") };
    assert_eq!(*retry_after, Some(100 * SECOND));
    let long = world.call().deadline(101 * SECOND);
    let _long = world.wait(long, 1);
    world.pass(100 * SECOND);
    let (_sign_in, _call) = world.begin(call, 0);
}

#[test]
fn those_who_wait_for_a_server_that_says_later_keep_waiting() {
    for answer in [
        page(503),
        page(500),
        refusal("BDC_1322"),
        with_header(page(502), "retry-after", "30"),
        with_header(refusal("BDC_1144"), "date", "Sun, 06 Nov 1994 08:59:00 GMT"),
    ] {
        let mut world = World::new();
        let call = world.call();
        let (sign_in, first) = world.begin(call, 0);
        let others = world.line_up(1, 4);
        let _failed = world.answer_sign_in(sign_in, Ok(answer));
        assert_eq!(world.take_woken().len(), 5);
        let first = world.wait(first, 0);
        for (token, call) in others.into_iter().enumerate() {
            let _waiting = world.wait(call, token + 1);
        }
        world.pass(world.retry_in());
        let (sign_in, first) = world.begin(first, 0);
        let _stored = world.welcome(sign_in);
        let in_flight = world.send(first);
        world.finish(in_flight);
        assert_eq!(world.sign_ins(), 2);
    }
}

#[test]
fn a_server_that_says_later_than_a_callers_deadline_ends_that_caller_at_once() {
    let mut world = World::new();
    let call = world.call();
    let (sign_in, first) = world.begin(call, 0);
    let short = world.call().deadline(20 * SECOND);
    let short = world.wait(short, 1);
    let answer = with_header(page(503), "retry-after", "60");
    let _failed = world.answer_sign_in(sign_in, Ok(answer));
    assert!(matches!(*world.no_session(short), Cause::NotBill(_)));
    let _first = world.wait(first, 0);
}

#[test]
fn a_retry_after_counts_up_to_an_hour_and_a_date_as_well_as_seconds() {
    for (headers, seconds) in [
        (vec![("retry-after", "90")], 90),
        (vec![("retry-after", "0")], 1),
        (vec![("retry-after", "86400")], 3600),
        (
            vec![
                ("date", "Sun, 06 Nov 1994 08:49:37 GMT"),
                ("retry-after", "Sun, 06 Nov 1994 08:51:37 GMT"),
            ],
            120,
        ),
        (vec![("retry-after", "Sun, 06 Nov 1994 08:51:37 GMT")], 1),
        (vec![("retry-after", "soon")], 1),
    ] {
        let mut world = World::new();
        let mut answer = page(503);
        for (name, value) in headers {
            answer = with_header(answer, name, value);
        }
        let call = world.call();
        let _call = world.sign_in_answered(call, Ok(answer));
        let left = world.retry_in();
        assert!(left >= Duration::from_millis(500 * seconds.min(1)), "{left:?}");
        assert!(
            left <= Duration::from_secs(seconds) && left + SECOND > Duration::from_secs(seconds)
        );
    }
}

#[test]
fn a_1322_at_a_sign_in_doubles_by_itself_and_never_returns_to_signed_out() {
    let mut world = World::new();
    for step in [2, 4, 8, 16, 32, 64, 120, 120] {
        let call = world.call();
        let call = world.sign_in_answered(call, Ok(refusal("BDC_1322")));
        world.cancel(call.id().unwrap());
        let left = world.retry_in();
        let step = Duration::from_secs(step);
        assert!(left >= step / 2 && left <= step, "{left:?} of {step:?}");
        world.pass(left);
    }
    // It is no failure: the next of another kind begins at the first step.
    let call = world.call();
    let call = world.sign_in_answered(call, silence());
    let _told = world.no_session(call);
    assert!(world.retry_in() <= SECOND);
}

#[test]
fn contention_at_every_sign_in_for_an_hour_costs_a_fraction_of_the_budget() {
    let mut world = World::new();
    let begun = world.now;
    while world.now - begun < 60 * MINUTE {
        let call = world.call();
        match world.step(call, 0) {
            Step::SignIn(sign_in, call, _) => {
                let _failed = world.answer_sign_in(sign_in, Ok(refusal("BDC_1322")));
                world.cancel(call.id().unwrap());
            }
            Step::Wait(call, _) => world.cancel(call.id().unwrap()),
            other => panic!("{other:?}"),
        }
        world.pass(SECOND);
    }
    assert!(world.sign_ins() <= 65, "{}", world.sign_ins());
}

#[test]
fn a_1144_at_a_sign_in_waits_for_the_servers_next_hour() {
    let mut world = World::new();
    let call = world.call();
    let answer = with_header(refusal("BDC_1144"), "date", "Sun, 06 Nov 1994 08:49:37 GMT");
    let call = world.sign_in_answered(call, Ok(answer));
    let error = world.refused(call);
    let Error::Limited { limit, retry_after, code, .. } = &error else { panic!("{error:?}") };
    assert_eq!(*limit, Limit::SignIns);
    assert_eq!(*retry_after, Duration::from_secs(10 * 60 + 23));
    assert_eq!(code.as_ref().unwrap().number(), Some(1144));
    world.pass(*retry_after - Duration::from_nanos(1));
    assert_eq!(world.would(), "wait");
    world.pass(Duration::from_nanos(1));
    assert_eq!(world.would(), "sign in");
}

#[test]
fn a_1144_at_a_sign_in_without_a_date_closes_for_a_full_hour() {
    let mut world = World::new();
    let call = world.call();
    let _call = world.sign_in_answered(call, Ok(refusal("BDC_1144")));
    assert_eq!(world.retry_in(), Duration::from_secs(3600));
}

#[test]
fn a_1144_at_a_sign_in_holds_for_every_organisation_of_the_key() {
    let (mut one, mut other) = two_organizations();
    let call = one.call();
    let answer = with_header(refusal("BDC_1144"), "date", "Sun, 06 Nov 1994 08:59:00 GMT");
    let _call = one.sign_in_answered(call, Ok(answer));
    assert_eq!(other.would(), "wait");
    other.pass(MINUTE);
    assert_eq!(other.would(), "sign in");
}

#[test]
fn a_1144_at_a_sign_in_is_no_failure() {
    let mut world = World::new();
    let call = world.call();
    let answer = with_header(refusal("BDC_1144"), "date", "Sun, 06 Nov 1994 08:59:00 GMT");
    let call = world.sign_in_answered(call, Ok(answer));
    world.cancel(call.id().unwrap());
    world.pass(MINUTE);
    let call = world.call();
    let call = world.sign_in_answered(call, silence());
    let _told = world.no_session(call);
    assert!(world.retry_in() <= SECOND);
}

#[test]
#[allow(clippy::disallowed_methods, reason = "a test needs a first instant, and then moves it")]
fn a_spent_budget_makes_the_session_failed_until_there_is_room() {
    let now = Instant::now();
    let mut world = World::of(
        account_under(password(), KeyLimits::with(0, 20_000, now)),
        settings(|settings| settings.max_in_flight = 1),
        now,
    );
    let call = world.call();
    let error = world.refused(call);
    assert!(matches!(error, Error::Limited { limit: Limit::SignIns, code: None, .. }), "{error:?}");
    assert!(matches!(world.session.phase(now), Phase::Failed { .. }));
    assert_eq!(world.retry_in(), Duration::from_secs(3600));
}

#[test]
#[allow(clippy::disallowed_methods, reason = "a test needs a first instant, and then moves it")]
fn when_the_budget_is_found_spent_those_in_line_are_woken_and_told() {
    let now = Instant::now();
    let key = KeyLimits::with(1, 20_000, now);
    let mut world = World::of(account_under(password(), key), settings(|_| ()), now);
    let call = world.call();
    let (sign_in, first) = world.begin(call, 0);
    let short = world.line_up(1, 3);
    let patient = world.call().deadline(Duration::from_secs(7200));
    let patient = world.wait(patient, 9);
    world.cancel_sign_in(sign_in.id());
    world.take_woken();
    let Step::Refuse(Error::Limited { retry_after, .. }) = world.step(first, 0) else {
        panic!("expected the budget to be spent")
    };
    assert_eq!(retry_after, Duration::from_secs(3600));
    // Those that were woken by the cancel have no token left to wake.
    for call in short {
        assert!(matches!(world.refused(call), Error::Limited { limit: Limit::SignIns, .. }));
    }
    let patient = world.wait(patient, 9);
    world.pass(Duration::from_secs(3600));
    let (sign_in, patient) = world.begin(patient, 9);
    let _failed = world.answer_sign_in(sign_in, silence());
    let _told = world.no_session(patient);
    assert!(world.retry_in() <= SECOND, "the budget counted as no failure");
}

#[test]
fn a_deadline_ends_a_call_that_waits_and_names_what_kept_the_session_away() {
    let mut world = World::new();
    let call = world.call().deadline(10 * SECOND);
    let (_sign_in, call) = world.begin(call, 0);
    world.pass(Duration::from_millis(9_999));
    let call = world.wait(call, 0);
    world.pass(Duration::from_millis(1));
    let error = world.refused(call);
    assert!(matches!(error, Error::Deadline { cause: None, .. }), "{error:?}");
}

#[test]
fn the_default_deadline_is_two_minutes_waiting_and_replays_included() {
    let mut world = World::signed_in();
    world.use_session();
    let call = world.call();
    let in_flight = world.send(call);
    world.pass(80 * SECOND);
    let call = world.again(in_flight, refusal("BDC_1109"));
    let (sign_in, call) = world.begin(call, 0);
    world.pass(30 * SECOND);
    let _stored = world.welcome(sign_in);
    let in_flight = world.send(call);
    assert_eq!(in_flight.limit(), 10 * SECOND, "what is left of the call");
}

#[test]
fn an_exchange_is_given_60_seconds_or_what_is_left_and_a_sign_in_is_never_cut() {
    let mut world = World::new();
    let call = world.call().deadline(10 * SECOND);
    let (sign_in, call) = world.begin(call, 0);
    assert_eq!(sign_in.limit(), 30 * SECOND);
    world.pass(3 * SECOND);
    let _stored = world.welcome(sign_in);
    let in_flight = world.send(call);
    assert_eq!(in_flight.limit(), 7 * SECOND);
    let call = world.call();
    let in_flight = world.send(call);
    assert_eq!(in_flight.limit(), 60 * SECOND);
}

#[test]
fn a_call_with_no_time_at_all_is_refused_and_holds_nothing() {
    let mut world = World::signed_in();
    let call = world.call().deadline(Duration::ZERO);
    assert!(matches!(world.refused(call), Error::Deadline { .. }));
    assert_eq!((world.session.in_flight(), world.session.waiting()), (0, 0));
    let _all_three = world.send_many(3);
}

#[test]
fn a_call_with_all_the_time_in_the_world_does_not_overflow() {
    let mut world = World::new();
    let call = world.call().deadline(Duration::MAX);
    let (sign_in, call) = world.begin(call, 0);
    let _stored = world.welcome(sign_in);
    let in_flight = world.send(call);
    world.finish(in_flight);
}

#[test]
fn a_clock_that_runs_backwards_between_callers_does_no_harm() {
    let mut world = World::signed_in();
    world.pass(10 * MINUTE);
    world.use_session();
    let true_now = world.now;
    world.now -= 5 * MINUTE;
    let call = world.call();
    let in_flight = world.send(call);
    world.finish(in_flight);
    world.now = true_now + Duration::from_millis(2_039_999);
    assert_eq!(world.would(), "be sent");
}

#[test]
fn a_sign_in_that_fails_is_a_failure_for_the_organisation_alone() {
    let (mut one, mut other) = two_organizations();
    let call = one.call();
    let call = one.sign_in_answered(call, silence());
    let _told = one.no_session(call);
    assert_eq!(one.would(), "wait");
    assert_eq!(other.would(), "sign in");
}

#[test]
fn the_end_of_a_sign_in_tells_whether_it_mattered() {
    let mut world = World::new();
    let (sign_in, _call) = world.begin(Call::sign_in(), 0);
    let id = sign_in.id();
    world.cancel_sign_in(id);
    assert!(matches!(world.answer_sign_in(sign_in, silence()), SignInEnded::Stale));
}

#[test]
fn a_lease_with_time_to_spare_passes_no_back_off() {
    // Whether there is a session for it is asked as of later; whether one may sign in is not.
    let mut world = World::signed_in();
    let logout = world.sign_out().unwrap();
    let call = world.call();
    let call = world.sign_in_answered(call, silence());
    let _told = world.no_session(call);
    let lease = world.wait(Call::lease(10 * SECOND), 1);
    // The line is looked through for the logout, which may pass.
    let _logout = world.send(logout);
    let _lease = world.wait(lease, 1);
    assert_eq!(world.sign_ins(), 2);
}

#[test]
fn a_lease_is_refused_at_once_when_the_back_off_outlasts_its_deadline() {
    for min_left in [Duration::ZERO, MINUTE, 10 * MINUTE] {
        let mut world = World::new();
        let call = world.call();
        let answer = with_header(page(503), "retry-after", "300");
        let call = world.sign_in_answered(call, Ok(answer));
        let _told = world.no_session(call);
        let error = world.refused(Call::lease(min_left));
        assert!(matches!(error, Error::NoSession { .. }), "{error:?}");
    }
}

#[test]
fn sessions_that_are_over_before_they_can_be_used_make_no_storm() {
    // A margin as long as the limit, or a server slower than what is left of it.
    let mut world = World::with(settings(|settings| settings.idle_margin = 35 * MINUTE));
    let mut call = world.call();
    for _ in 0..100 {
        match world.step(call, 0) {
            Step::SignIn(sign_in, waits, _) => {
                let _ended = world.welcome(sign_in);
                call = waits;
            }
            Step::Wait(waits, until) => {
                world.now = until;
                call = waits;
            }
            Step::Exchange(_) | Step::Refuse(_) => break,
            other => panic!("{other:?}"),
        }
    }
    assert!(world.sign_ins() < 20, "{} sign-ins", world.sign_ins());
}

#[test]
#[allow(clippy::disallowed_methods, reason = "a test needs a first instant, and then moves it")]
fn those_who_sleep_in_line_are_woken_when_the_budget_is_found_spent() {
    let now = Instant::now();
    let key = KeyLimits::with(1, 20_000, now);
    let mut world = World::of(account_under(password(), key), settings(|_| ()), now);
    let call = world.call();
    let (sign_in, first) = world.begin(call, 0);
    let others = world.line_up(1, 3);
    let _failed = world.answer_sign_in(sign_in, Ok(page(503)));
    let first = world.wait(first, 0);
    let others: Vec<_> = (1..).zip(others).map(|(token, call)| world.wait(call, token)).collect();
    world.pass(world.retry_in());
    world.take_woken();
    assert!(matches!(world.refused(first), Error::Limited { limit: Limit::SignIns, .. }));
    let mut woken = world.take_woken();
    woken.retain(|token| *token != 0);
    assert_eq!(woken, [1, 2, 3]);
    for call in others {
        assert!(matches!(world.refused(call), Error::Limited { limit: Limit::SignIns, .. }));
    }
}

#[test]
fn a_caller_whose_clock_is_behind_waits_as_of_the_latest_instant() {
    let mut world = World::new();
    world.pass(10 * MINUTE);
    let call = world.call();
    let (_sign_in, _first) = world.begin(call, 0);
    let latest = world.now;
    world.now -= 5 * MINUTE;
    let call = world.call();
    let Step::Wait(_, until) = world.step(call, 1) else { panic!("expected to wait") };
    assert!(until > latest && until <= latest + SECOND);
}
