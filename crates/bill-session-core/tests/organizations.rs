//! Organisations of one principal share what BILL said of it, and find it out once for all of them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on ends"
)]

mod support;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bill_session_core::{
    Account, Call, Cause, Error, Event, KeyLimits, Limit, Misuse, OrgId, Organization,
    Organizations, Outcome, Phase, Principal, Repeatable, SignIn, SignInEnded, SignInWith, Step,
};
use bytes::Bytes;
use http::{Method, Response};
use serde_json::json;
use support::{
    World, account_under, body, done, field, field_names, first_instant, page, password, refusal,
    settings, silence, success, v3_account_under, v3_refusal, welcome_with, with_header,
    with_status,
};

const SECOND: Duration = Duration::from_secs(1);
const MILLISECOND: Duration = Duration::from_millis(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

fn new_password() -> Principal {
    Principal::password("demo@example.com", "new-password").unwrap()
}

fn org(number: usize) -> OrgId {
    OrgId::new(format!("008{number:017}")).unwrap()
}

/// Organisations of one account, all at the same time.
struct Fleet(Vec<World>);

impl Fleet {
    fn of(organizations: usize) -> Self {
        Self::by(SignInWith::V2, organizations, 100_000)
    }

    fn by(api: SignInWith, organizations: usize, sign_ins: u32) -> Self {
        let now = first_instant();
        let key = KeyLimits::with(sign_ins, 20_000, now);
        let account = match api {
            SignInWith::V3 => v3_account_under(password(), key),
            _ => account_under(password(), key),
        };
        let worlds = (0..organizations).map(|number| {
            let account = Arc::new(account.for_organization(org(number)).unwrap());
            World::of(account, settings(|settings| settings.seed = number as u64), now)
        });
        Self(worlds.collect())
    }

    fn pass(&mut self, time: Duration) {
        for world in &mut self.0 {
            world.pass(time);
        }
    }

    fn account(&self) -> &Account {
        self.0[0].session.account()
    }

    fn sign_ins(&self) -> usize {
        self.0[0].sign_ins()
    }

    /// Steps a call in each organisation; the sign-ins that leave, and the calls that wait.
    fn step_all(&mut self, make: fn(&World) -> Call) -> (Vec<(usize, SignIn)>, Vec<Call>) {
        let calls: Vec<Call> = self.0.iter().map(make).collect();
        self.step_again(calls)
    }

    fn step_again(&mut self, calls: Vec<Call>) -> (Vec<(usize, SignIn)>, Vec<Call>) {
        let mut sign_ins = Vec::new();
        let mut waiting = Vec::new();
        for (number, call) in calls.into_iter().enumerate() {
            match self.0[number].step(call, number) {
                Step::SignIn(sign_in, call, _) => {
                    sign_ins.push((number, sign_in));
                    waiting.push(call);
                }
                Step::Wait(call, until) => {
                    assert!(until <= self.0[number].now + SECOND, "it looks again in a second");
                    waiting.push(call);
                }
                other => panic!("{other:?}"),
            }
        }
        (sign_ins, waiting)
    }
}

/// A sign-in that is refused in the form of the API that it went to.
fn refused_by(sign_in: &SignIn, code: &str) -> Response<Bytes> {
    let is_v3 = sign_in.request().uri().path().starts_with("/connect/v3/");
    if is_v3 { v3_refusal(422, code) } else { refusal(code) }
}

mod a_wrong_password {
    use super::*;

    #[test]
    fn is_tried_once_by_a_thousand_organisations_that_all_ask_before_the_first_answer() {
        for api in [SignInWith::V2, SignInWith::V3] {
            let asks: [fn(&World) -> Call; 5] = [
                |world| world.call(),
                |world| world.vendors(),
                |_| Call::sign_in(),
                |_| Call::lease(Duration::ZERO),
                |_| Call::challenge(false),
            ];
            for ask in asks {
                let mut fleet = Fleet::by(api, 1000, 200);
                let (mut sign_ins, waiting) = fleet.step_all(ask);
                assert_eq!(sign_ins.len(), 1, "one tries it for all");
                // Looking again before the answer makes no other.
                fleet.pass(SECOND);
                let (more, waiting) = fleet.step_again(waiting);
                assert!(more.is_empty());
                let (number, sign_in) = sign_ins.remove(0);
                let answer = refused_by(&sign_in, "BDC_1101");
                let ended = fleet.0[number].answer_sign_in(sign_in, Ok(answer));
                assert!(matches!(ended, SignInEnded::Failed));
                for (number, call) in waiting.into_iter().enumerate() {
                    let error = match fleet.0[number].step(call, number) {
                        Step::Refuse(error) => error,
                        // An explicit sign-in passes a refusal once, each in its turn.
                        Step::SignIn(sign_in, call, _) => {
                            let answer = refused_by(&sign_in, "BDC_1101");
                            let _ended = fleet.0[number].answer_sign_in(sign_in, Ok(answer));
                            fleet.0[number].refused(call)
                        }
                        // The hour's sign-ins are spent, if it was that.
                        other => panic!("{other:?}"),
                    };
                    let code = error.code().and_then(bill_session_core::Code::number);
                    let spent = matches!(error, Error::Limited { limit: Limit::SignIns, .. });
                    assert!(code == Some(1101) || spent, "{error:?}");
                }
            }
        }
    }

    #[test]
    fn costs_one_sign_in_however_many_calls_each_organisation_has() {
        let mut fleet = Fleet::of(50);
        let mut calls = Vec::new();
        let mut sign_ins = Vec::new();
        for round in 0..10 {
            for number in 0..50 {
                let call = fleet.0[number].call();
                match fleet.0[number].step(call, round) {
                    Step::SignIn(sign_in, call, _) => {
                        sign_ins.push((number, sign_in));
                        calls.push((number, call));
                    }
                    Step::Wait(call, _) => calls.push((number, call)),
                    other => panic!("{other:?}"),
                }
            }
        }
        let (number, sign_in) = sign_ins.remove(0);
        assert!(sign_ins.is_empty());
        let _ended = fleet.0[number].answer_sign_in(sign_in, Ok(refusal("BDC_1101")));
        for (number, call) in calls {
            assert_eq!(fleet.0[number].refused(call).code().unwrap().number(), Some(1101));
        }
        assert_eq!(fleet.sign_ins(), 1);
        fleet.pass(24 * HOUR);
        for world in &mut fleet.0 {
            assert_eq!(world.would(), "be refused");
        }
    }

    #[test]
    fn found_after_the_password_had_worked_is_shared_too() {
        let mut fleet = Fleet::of(3);
        fleet.0[0].sign_in();
        fleet.0[1].sign_in();
        let call = fleet.0[2].call();
        let call = fleet.0[2].sign_in_answered(call, Ok(refusal("BDC_1101")));
        assert_eq!(fleet.0[2].refused(call).code().unwrap().number(), Some(1101));
        // Those that have a session use it as long as it lives.
        assert_eq!(fleet.0[0].would(), "be sent");
        fleet.0[0].lose_session();
        assert_eq!(fleet.0[0].would(), "be refused");
    }

    #[test]
    fn shows_in_the_phase_of_every_organisation() {
        let mut fleet = Fleet::of(3);
        let call = fleet.0[0].call();
        let _call = fleet.0[0].sign_in_answered(call, Ok(refusal("BDC_1101")));
        for world in &fleet.0 {
            assert!(matches!(world.session.phase(world.now), Phase::Refused { .. }));
        }
    }
}

mod the_first_sign_in_of_a_principal {
    use super::*;

    #[test]
    fn goes_alone_and_the_others_follow_together_once_it_has_succeeded() {
        for api in [SignInWith::V2, SignInWith::V3] {
            let mut fleet = Fleet::by(api, 100, 1000);
            let (mut sign_ins, waiting) = fleet.step_all(World::call);
            assert_eq!(sign_ins.len(), 1);
            let (first, sign_in) = sign_ins.remove(0);
            assert!(matches!(fleet.0[first].welcome(sign_in), SignInEnded::Stored { .. }));
            let mut others = Vec::new();
            for (number, call) in waiting.into_iter().enumerate() {
                match fleet.0[number].step(call, number) {
                    Step::Exchange(in_flight) => {
                        assert_eq!(number, first);
                        fleet.0[number].finish(in_flight);
                    }
                    Step::SignIn(sign_in, call, _) => others.push((number, sign_in, call)),
                    other => panic!("{other:?}"),
                }
            }
            assert_eq!(others.len(), 99, "nobody waits for anybody any more");
            for (number, sign_in, call) in others {
                assert!(matches!(fleet.0[number].welcome(sign_in), SignInEnded::Stored { .. }));
                let in_flight = fleet.0[number].send(call);
                fleet.0[number].finish(in_flight);
            }
            assert_eq!(fleet.sign_ins(), 100);
        }
    }

    #[test]
    fn is_not_waited_for_again_while_the_principal_has_just_proved_itself() {
        let mut fleet = Fleet::of(20);
        let mut proof = fleet.0.remove(0);
        proof.sign_in();
        fleet.pass(10 * SECOND);
        let (sign_ins, _waiting) = fleet.step_all(World::call);
        assert_eq!(sign_ins.len(), 19);
    }

    #[test]
    fn after_a_long_time_is_made_by_one_for_all_again_since_the_password_may_have_changed() {
        let mut fleet = Fleet::of(20);
        for world in &mut fleet.0 {
            world.sign_in();
        }
        fleet.pass(40 * MINUTE);
        let (mut sign_ins, waiting) = fleet.step_all(World::call);
        assert_eq!(sign_ins.len(), 1);
        let (number, sign_in) = sign_ins.remove(0);
        let _ended = fleet.0[number].answer_sign_in(sign_in, Ok(refusal("BDC_1101")));
        for (number, call) in waiting.into_iter().enumerate() {
            assert_eq!(fleet.0[number].refused(call).code().unwrap().number(), Some(1101));
        }
    }

    #[test]
    fn that_fails_otherwise_lets_the_next_try() {
        let answers = [
            silence(),
            Ok(page(503)),
            Ok(page(200)),
            Ok(refusal("BDC_1322")),
            Ok(refusal("BDC_9999")),
            Ok(welcome_with(&json!({"orgId": "00899999999999999999"}))),
        ];
        for answer in answers {
            let mut fleet = Fleet::of(3);
            let (mut sign_ins, waiting) = fleet.step_all(World::call);
            let (number, sign_in) = sign_ins.remove(0);
            assert!(sign_ins.is_empty());
            let _ended = fleet.0[number].answer_sign_in(sign_in, answer);
            let mut waiting: VecDeque<Call> = waiting.into();
            let _first = waiting.pop_front();
            let (sign_in, _second) = fleet.0[1].begin(waiting.pop_front().unwrap(), 1);
            let third = fleet.0[2].wait(waiting.pop_front().unwrap(), 2);
            let _stored = fleet.0[1].welcome(sign_in);
            let (_sign_in, _third) = fleet.0[2].begin(third, 2);
        }
    }

    #[test]
    fn that_meets_access_off_or_a_locked_organisation_says_nothing_about_the_others() {
        for code in ["BDC_1105", "BDC_1107"] {
            let mut fleet = Fleet::of(2);
            let (mut sign_ins, mut waiting) = fleet.step_all(World::call);
            let (number, sign_in) = sign_ins.remove(0);
            let _ended = fleet.0[number].answer_sign_in(sign_in, Ok(refusal(code)));
            assert_eq!(fleet.0[0].would(), "be refused");
            let (_sign_in, _call) = fleet.0[1].begin(waiting.remove(1), 1);
        }
    }

    #[test]
    fn that_meets_a_wrong_key_refuses_all_of_them() {
        let mut fleet = Fleet::of(20);
        let (mut sign_ins, waiting) = fleet.step_all(World::call);
        let (number, sign_in) = sign_ins.remove(0);
        let _ended = fleet.0[number].answer_sign_in(sign_in, Ok(refusal("BDC_1102")));
        for (number, call) in waiting.into_iter().enumerate() {
            assert_eq!(fleet.0[number].refused(call).code().unwrap().number(), Some(1102));
        }
        assert_eq!(fleet.sign_ins(), 1);
    }

    /// Begins the first sign-in in organisation 0, with another waiting for it.
    fn probing() -> (Fleet, SignIn, Call, Call) {
        let mut fleet = Fleet::of(3);
        let call = fleet.0[0].call();
        let (sign_in, first) = fleet.0[0].begin(call, 0);
        let call = fleet.0[1].call();
        let second = fleet.0[1].wait(call, 1);
        (fleet, sign_in, first, second)
    }

    #[test]
    fn that_is_cancelled_lets_the_next_try_at_once() {
        let (mut fleet, sign_in, _first, second) = probing();
        fleet.0[0].cancel_sign_in(sign_in.id());
        let (_sign_in, _second) = fleet.0[1].begin(second, 1);
        let call = fleet.0[2].call();
        let _third = fleet.0[2].wait(call, 2);
    }

    #[test]
    fn is_begun_by_one_though_another_was_assigned_its_slot_before() {
        let mut fleet = Fleet::of(2);
        let call = fleet.0[1].call();
        let (sign_in, call) = fleet.0[1].begin(call, 1);
        fleet.0[1].cancel_sign_in(sign_in.id());
        // It has a slot to sign in with, and is slower than the other organisation.
        let other = fleet.0[0].call();
        let (sign_in, _other) = fleet.0[0].begin(other, 0);
        let call = fleet.0[1].wait(call, 1);
        assert_eq!(fleet.0[1].session.in_flight(), 0);
        let _stored = fleet.0[0].welcome(sign_in);
        let (_sign_in, _call) = fleet.0[1].begin(call, 1);
        assert_eq!(fleet.sign_ins(), 3);
    }

    #[test]
    fn goes_on_when_only_its_call_goes_away() {
        let (mut fleet, sign_in, first, second) = probing();
        fleet.0[0].cancel(first.id().unwrap());
        let second = fleet.0[1].wait(second, 1);
        let _stored = fleet.0[0].welcome(sign_in);
        let (_sign_in, _second) = fleet.0[1].begin(second, 1);
    }

    #[test]
    fn that_nobody_ever_reports_on_holds_up_the_others_until_its_deadline_and_no_longer() {
        // Neither its sign-in nor its call is heard of again; one time its session is gone too.
        for dropped in [false, true] {
            let (mut fleet, sign_in, first, second) = probing();
            drop((sign_in, first));
            if dropped {
                fleet.0.remove(0);
            } else {
                fleet.0.swap(0, 1);
                fleet.0.remove(1);
            }
            fleet.pass(35 * SECOND - MILLISECOND);
            let second = fleet.0[0].wait(second, 1);
            fleet.pass(MILLISECOND);
            let (sign_in, second) = fleet.0[0].begin(second, 1);
            let _stored = fleet.0[0].welcome(sign_in);
            let in_flight = fleet.0[0].send(second);
            fleet.0[0].finish(in_flight);
        }
    }

    #[test]
    fn that_is_overdue_is_a_failure_of_its_organisation_and_lets_the_next_try() {
        let (mut fleet, sign_in, first, second) = probing();
        fleet.pass(35 * SECOND);
        assert!(matches!(*fleet.0[0].no_session(first), Cause::Overdue));
        let (next, second) = fleet.0[1].begin(second, 1);
        // Its late answer ends no other's turn.
        assert!(matches!(fleet.0[0].answer_sign_in(sign_in, silence()), SignInEnded::Stale));
        let call = fleet.0[2].call();
        let third = fleet.0[2].wait(call, 2);
        let _stored = fleet.0[1].welcome(next);
        let in_flight = fleet.0[1].send(second);
        fleet.0[1].finish(in_flight);
        let (_sign_in, _third) = fleet.0[2].begin(third, 2);
    }

    #[test]
    fn whose_late_answer_refuses_the_password_counts_for_all() {
        let (mut fleet, sign_in, first, second) = probing();
        fleet.pass(35 * SECOND);
        let _told = fleet.0[0].no_session(first);
        let answer = Ok(refusal("BDC_1101"));
        assert!(matches!(fleet.0[0].answer_sign_in(sign_in, answer), SignInEnded::Stale));
        assert_eq!(fleet.0[1].refused(second).code().unwrap().number(), Some(1101));
    }

    #[test]
    fn whose_late_refusal_is_older_than_what_bill_accepted_since_counts_for_nobody() {
        for code in ["BDC_1101", "BDC_1102"] {
            let (mut fleet, late, first, second) = probing();
            fleet.pass(35 * SECOND);
            let _told = fleet.0[0].no_session(first);
            let (sign_in, second) = fleet.0[1].begin(second, 1);
            let mut listener = fleet.0[0].session.listen();
            let _stored = fleet.0[1].welcome_so(sign_in, &json!({"orgId": org(1).as_str()}));
            fleet.pass(SECOND);
            let ended = fleet.0[0].answer_sign_in(late, Ok(refusal(code)));
            assert!(matches!(ended, SignInEnded::Stale), "{ended:?}");
            assert!(fleet.0[0].heard(&mut listener).is_empty(), "told of a {code} of before");
            let in_flight = fleet.0[1].send(second);
            fleet.0[1].finish(in_flight);
            fleet.0[1].lose_session();
            assert_eq!(fleet.0[1].would(), "sign in", "after a {code} of before");
        }
    }

    #[test]
    fn that_fails_is_what_a_caller_of_another_organisation_is_told_of_when_its_time_is_up() {
        let mut fleet = Fleet::of(3);
        let waiting = fleet.0[2].call().deadline(40 * SECOND);
        let call = fleet.0[0].call();
        let (sign_in, _first) = fleet.0[0].begin(call, 0);
        let waiting = fleet.0[2].wait(waiting, 0);
        fleet.pass(30 * SECOND);
        let _failed = fleet.0[0].answer_sign_in(sign_in, silence());
        let call = fleet.0[1].call();
        let (_sign_in, _second) = fleet.0[1].begin(call, 0);
        let waiting = fleet.0[2].wait(waiting, 0);
        fleet.pass(10 * SECOND);
        let error = fleet.0[2].refused(waiting);
        let Error::Deadline { cause: Some(cause), .. } = &error else { panic!("{error:?}") };
        assert!(matches!(**cause, Cause::NoAnswer(_)), "{cause:?}");
    }

    #[test]
    fn that_is_overdue_is_what_a_caller_of_another_organisation_is_told_of_when_its_time_is_up() {
        let mut fleet = Fleet::of(3);
        let waiting = fleet.0[2].call().deadline(40 * SECOND);
        let call = fleet.0[0].call();
        let (_sign_in, first) = fleet.0[0].begin(call, 0);
        let waiting = fleet.0[2].wait(waiting, 0);
        fleet.pass(35 * SECOND);
        let _told = fleet.0[0].no_session(first);
        let call = fleet.0[1].call();
        let (_sign_in, _second) = fleet.0[1].begin(call, 0);
        let waiting = fleet.0[2].wait(waiting, 0);
        fleet.pass(5 * SECOND);
        let error = fleet.0[2].refused(waiting);
        let Error::Deadline { cause: Some(cause), .. } = &error else { panic!("{error:?}") };
        assert!(matches!(**cause, Cause::Overdue), "{cause:?}");
    }

    #[test]
    fn that_the_program_signs_out_of_lets_the_others_follow_once_it_is_answered() {
        let (mut fleet, sign_in, _first, second) = probing();
        assert!(fleet.0[0].sign_out().is_none());
        let second = fleet.0[1].wait(second, 1);
        assert!(matches!(fleet.0[0].welcome(sign_in), SignInEnded::LogOut(_)));
        let (_sign_in, second) = fleet.0[1].begin(second, 1);
        // BILL took the password, so that nobody waits for anybody any more.
        let call = fleet.0[2].call();
        let (_sign_in, _third) = fleet.0[2].begin(call, 2);
        drop(second);
    }

    #[test]
    fn of_replaced_credentials_is_made_anew_by_one_for_all() {
        let mut fleet = Fleet::of(20);
        for world in &mut fleet.0 {
            world.sign_in();
        }
        fleet.account().replace_principal(new_password());
        let (mut sign_ins, waiting) = fleet.step_all(World::call);
        assert_eq!(sign_ins.len(), 1);
        let (number, sign_in) = sign_ins.remove(0);
        assert_eq!(field(&sign_in.request(), "password").unwrap(), "new-password");
        let _stored = fleet.0[number].answer_sign_in(sign_in, Ok(refusal("BDC_1101")));
        for (number, call) in waiting.into_iter().enumerate() {
            assert_eq!(fleet.0[number].refused(call).code().unwrap().number(), Some(1101));
        }
        assert_eq!(fleet.sign_ins(), 21);
    }

    #[test]
    fn of_old_credentials_holds_up_nobody_once_they_are_replaced() {
        let (mut fleet, old, first, second) = probing();
        fleet.account().replace_principal(new_password());
        // Whoever notices first tries the new one, though the old sign-in flies still.
        let (sign_in, second) = fleet.0[1].begin(second, 1);
        assert_eq!(field(&sign_in.request(), "password").unwrap(), "new-password");
        let first = fleet.0[0].wait(first, 0);
        // The old one's end says nothing about the new one, whatever it is.
        assert!(matches!(
            fleet.0[0].answer_sign_in(old, Ok(refusal("BDC_1101"))),
            SignInEnded::Stale
        ));
        let call = fleet.0[2].call();
        let third = fleet.0[2].wait(call, 2);
        let first = fleet.0[0].wait(first, 0);
        let _stored = fleet.0[1].welcome(sign_in);
        let in_flight = fleet.0[1].send(second);
        fleet.0[1].finish(in_flight);
        let (_sign_in, _first) = fleet.0[0].begin(first, 0);
        let (_sign_in, _third) = fleet.0[2].begin(third, 2);
    }

    #[test]
    fn of_old_credentials_that_succeeds_late_proves_nothing_of_the_new_ones() {
        let (mut fleet, old, _first, second) = probing();
        fleet.account().replace_principal(new_password());
        assert!(matches!(fleet.0[0].welcome(old), SignInEnded::Stale));
        let (_sign_in, _second) = fleet.0[1].begin(second, 1);
        let call = fleet.0[2].call();
        let _third = fleet.0[2].wait(call, 2);
    }

    #[test]
    fn that_finds_the_budget_spent_holds_up_nobody() {
        let mut fleet = Fleet::by(SignInWith::V2, 3, 0);
        for number in 0..3 {
            let call = fleet.0[number].call();
            let error = fleet.0[number].refused(call);
            assert!(matches!(error, Error::Limited { limit: Limit::SignIns, .. }), "{error:?}");
        }
    }

    #[test]
    fn of_one_account_is_not_waited_for_by_another_accounts() {
        let now = first_instant();
        let mut one =
            World::of(account_under(password(), KeyLimits::new(now)), settings(|_| ()), now);
        let mut other =
            World::of(account_under(password(), KeyLimits::new(now)), settings(|_| ()), now);
        let call = one.call();
        let (_sign_in, _call) = one.begin(call, 0);
        let call = other.call();
        let (_sign_in, _call) = other.begin(call, 0);
    }

    #[test]
    fn leaves_a_waiting_caller_its_deadline() {
        let (mut fleet, _sign_in, _first, second) = probing();
        drop(second);
        let call = fleet.0[2].call().deadline(5 * SECOND);
        let call = fleet.0[2].wait(call, 2);
        fleet.pass(5 * SECOND);
        assert!(matches!(fleet.0[2].refused(call), Error::Deadline { .. }));
    }
}

mod those_who_wait_for_it {
    use super::*;

    #[test]
    fn are_known_of_once_so_that_an_adapter_can_tell_them() {
        let mut fleet = Fleet::of(3);
        let call = fleet.0[0].call();
        let (sign_in, _first) = fleet.0[0].begin(call, 0);
        assert!(!fleet.account().take_awaited(), "nobody waits yet");
        let call = fleet.0[1].call();
        let _second = fleet.0[1].wait(call, 1);
        let _stored = fleet.0[0].welcome(sign_in);
        assert!(fleet.account().take_awaited());
        assert!(!fleet.account().take_awaited(), "asking forgets it");
    }

    #[test]
    fn are_not_known_of_when_they_wait_for_their_own() {
        let mut fleet = Fleet::of(1);
        let call = fleet.0[0].call();
        let (sign_in, _first) = fleet.0[0].begin(call, 0);
        let call = fleet.0[0].call();
        let _second = fleet.0[0].wait(call, 1);
        let _stored = fleet.0[0].welcome(sign_in);
        assert!(!fleet.account().take_awaited());
    }

    #[test]
    fn are_all_woken_by_being_told_to_look_again() {
        let mut fleet = Fleet::of(2);
        let call = fleet.0[0].call();
        let (sign_in, _first) = fleet.0[0].begin(call, 0);
        let waiting = fleet.0[1].line_up(0, 5);
        let _stored = fleet.0[0].welcome(sign_in);
        assert!(fleet.account().take_awaited());
        let wake = fleet.0[1].session.wake_all();
        fleet.0[1].heed(wake);
        assert_eq!(fleet.0[1].take_woken(), [0, 1, 2, 3, 4]);
        let mut steps = Vec::new();
        for (token, call) in waiting.into_iter().enumerate() {
            steps.push(fleet.0[1].step(call, token));
        }
        let sign_ins = steps.iter().filter(|step| matches!(step, Step::SignIn(..))).count();
        assert_eq!(sign_ins, 1);
    }

    /// Steps whoever is woken, until nobody is; returns how many steps that took.
    fn settle_down(world: &mut World, calls: &mut [Option<Call>]) -> usize {
        let mut woken = VecDeque::from(world.take_woken());
        let mut steps = 0;
        while let Some(token) = woken.pop_front() {
            steps += 1;
            assert!(steps <= 100, "a storm within one instant");
            match world.step(calls[token].take().unwrap(), token) {
                Step::Wait(call, _) => calls[token] = Some(call),
                other => panic!("{other:?}"),
            }
            woken.extend(world.take_woken());
        }
        steps
    }

    #[test]
    fn do_not_wake_themselves_without_end_beside_a_logout_that_is_passed_over() {
        let mut fleet = Fleet::of(2);
        let world = &mut fleet.0[1];
        world.sign_in();
        let mut flying = world.send_many(3);
        let logout = world.sign_out().unwrap();
        let _logout = world.wait(logout, 0);
        fleet.account().replace_principal(new_password());
        let call = fleet.0[0].call();
        let (_probe, _call) = fleet.0[0].begin(call, 0);
        let world = &mut fleet.0[1];
        // The logout is assigned a slot, and its caller does not take it up in time.
        world.finish(flying.remove(0));
        assert_eq!(world.take_woken(), [0]);
        world.pass(250 * MILLISECOND);
        let call = world.call();
        let mut calls = vec![None, Some(world.wait(call, 1))];
        let call = world.call();
        calls.push(Some(world.wait(call, 2)));
        settle_down(world, &mut calls);
    }

    #[test]
    fn do_not_wake_themselves_without_end_beside_a_list_of_organisations_that_backs_off() {
        let mut fleet = Fleet::of(2);
        let listing = fleet.account().list_orgs().unwrap();
        let in_flight = fleet.0[1].send(listing);
        let listing = fleet.0[1].again(in_flight, refusal("BDC_1322"));
        let call = fleet.0[0].call();
        let (_probe, _call) = fleet.0[0].begin(call, 0);
        let world = &mut fleet.0[1];
        let listing = world.wait(listing, 0);
        let mut calls = vec![Some(listing)];
        for token in 1..4 {
            let call = world.call();
            calls.push(Some(world.wait(call, token)));
        }
        settle_down(world, &mut calls);
        assert_eq!(fleet.sign_ins(), 2, "the list of organisations, and the other's sign-in");
    }
}

mod what_the_key_has_left {
    use super::*;

    /// A fleet whose first organisation was told at its sign-in what BILL's clock shows.
    fn told_the_time(sign_ins: u32, date: &str) -> Fleet {
        let mut fleet = Fleet::by(SignInWith::V2, 3, sign_ins);
        let (sign_in, call) = fleet.0[0].begin(Call::sign_in(), 0);
        let answer = welcome_with(&json!({"orgId": org(0).as_str()}));
        let _stored = fleet.0[0].answer_sign_in(sign_in, Ok(with_header(answer, "date", date)));
        assert!(matches!(fleet.0[0].step(call, 0), Step::Ready(_)));
        fleet
    }

    fn limited(error: &Error) -> (Limit, Duration, Option<SystemTime>, Option<u32>) {
        let Error::Limited { limit, retry_after, until, code, .. } = error else {
            panic!("expected a limit, got {error:?}")
        };
        (*limit, *retry_after, *until, code.as_ref().map(|code| code.number().unwrap()))
    }

    fn at(date: &str) -> SystemTime {
        // 1994-11-06 00:00:00 and 2026-11-25 00:00:00, as seconds since 1970.
        let (day, time) = date.split_once(' ').unwrap();
        let midnight = match day {
            "1994-11-06" => 784_080_000,
            "2026-11-25" => 1_795_564_800,
            other => panic!("{other}"),
        };
        let mut parts = time.split(':').map(|part| part.parse::<u64>().unwrap());
        let mut next = || parts.next().unwrap();
        let seconds = next() * 3600 + next() * 60 + next();
        SystemTime::UNIX_EPOCH + Duration::from_secs(midnight + seconds)
    }

    #[test]
    fn of_sign_ins_is_shared_and_by_its_own_count_has_no_code_of_bills() {
        let mut fleet = Fleet::by(SignInWith::V2, 3, 2);
        fleet.0[0].sign_in();
        fleet.pass(10 * MINUTE);
        fleet.0[1].sign_in();
        let call = fleet.0[2].call();
        let error = fleet.0[2].refused(call);
        assert_eq!(limited(&error), (Limit::SignIns, 50 * MINUTE, None, None));
        let text = error.to_string();
        assert!(text.contains("by this process's own count"), "{text}");
        assert!(!text.contains("BDC_") && !text.contains("UTC"), "{text}");
        assert!(text.contains("try again in 3000 s"), "{text}");
    }

    #[test]
    fn by_its_own_count_is_told_as_a_time_of_bills_clock_once_that_is_known() {
        let mut fleet = told_the_time(1, "Wed, 25 Nov 2026 13:00:00 GMT");
        fleet.pass(20 * MINUTE);
        let call = fleet.0[1].call();
        let error = fleet.0[1].refused(call);
        let until = at("2026-11-25 14:00:00");
        assert_eq!(limited(&error), (Limit::SignIns, 40 * MINUTE, Some(until), None));
        assert!(error.to_string().contains("until 14:00 UTC, by this process's own"), "{error}");
    }

    #[test]
    fn is_told_in_whole_minutes_that_are_not_too_early() {
        for (date, text) in [
            ("Wed, 25 Nov 2026 13:00:01 GMT", "until 14:01 UTC"),
            ("Wed, 25 Nov 2026 13:59:59 GMT", "until 15:00 UTC"),
            ("Wed, 25 Nov 2026 23:59:30 GMT", "until 01:00 UTC"),
            ("Wed, 25 Nov 2026 23:00:00 GMT", "until 00:00 UTC"),
        ] {
            let mut fleet = told_the_time(1, date);
            let call = fleet.0[1].call();
            let error = fleet.0[1].refused(call).to_string();
            assert!(error.contains(text), "{error}, {date}");
        }
    }

    #[test]
    fn is_closed_by_a_1144_for_every_organisation_and_the_error_says_that_bill_said_so() {
        for api in [SignInWith::V2, SignInWith::V3] {
            let mut fleet = Fleet::by(api, 3, 200);
            let call = fleet.0[0].call();
            let (sign_in, call) = fleet.0[0].begin(call, 0);
            let answer = refused_by(&sign_in, "BDC_1144");
            let answer = with_header(answer, "date", "Wed, 25 Nov 2026 13:49:37 GMT");
            let _failed = fleet.0[0].answer_sign_in(sign_in, Ok(answer));
            let until = Some(at("2026-11-25 14:00:00"));
            let left = Duration::from_secs(623);
            let error = fleet.0[0].refused(call);
            assert_eq!(limited(&error), (Limit::SignIns, left, until, Some(1144)));
            assert!(error.to_string().contains("until 14:00 UTC (BDC_1144)"), "{error}");
            fleet.pass(3 * MINUTE);
            for number in 0..3 {
                let call = fleet.0[number].call();
                let error = fleet.0[number].refused(call);
                let left = left - 3 * MINUTE;
                assert_eq!(limited(&error), (Limit::SignIns, left, until, Some(1144)));
                assert!(error.to_string().contains("until 14:00 UTC (BDC_1144)"), "{error}");
            }
            assert_eq!(fleet.sign_ins(), 1);
            fleet.pass(left - 3 * MINUTE);
            for world in &mut fleet.0 {
                assert_eq!(world.would(), "sign in");
            }
        }
    }

    #[test]
    fn of_calls_is_closed_by_a_1144_for_every_organisation_and_told_as_a_time() {
        let mut fleet = Fleet::of(2);
        fleet.0[0].sign_in();
        fleet.0[1].sign_in();
        let call = fleet.0[0].call();
        let answer = with_header(refusal("BDC_1144"), "date", "Sun, 06 Nov 1994 08:49:37 GMT");
        let error = fleet.0[0].error_of(call, Ok(answer));
        let (until, left) = (Some(at("1994-11-06 09:00:00")), Duration::from_secs(623));
        // The very answer that closes the hour tells what BILL's clock shows.
        assert_eq!(limited(&error), (Limit::Calls, left, until, Some(1144)));
        fleet.pass(MINUTE);
        for world in &mut fleet.0 {
            let call = world.call();
            let error = world.refused(call);
            assert_eq!(limited(&error), (Limit::Calls, left - MINUTE, until, Some(1144)));
            assert!(error.to_string().contains("until 09:00 UTC (BDC_1144)"), "{error}");
        }
    }

    #[test]
    fn shows_in_every_organisations_status() {
        let mut fleet = Fleet::by(SignInWith::V2, 2, 200);
        fleet.0[0].sign_in();
        fleet.0[0].use_session();
        let status = fleet.0[1].session.status(fleet.0[1].now);
        assert_eq!((status.sign_ins.used, status.sign_ins.limit), (1, 200));
        assert_eq!((status.calls.used, status.calls.limit), (1, 20_000));
        assert_eq!((status.sign_ins.closed_for, status.calls.closed_for), (None, None));
        assert_eq!((status.in_flight, status.max_in_flight, status.waiting), (0, 3, 0));
        let call = fleet.0[0].call();
        let answer = with_header(refusal("BDC_1144"), "date", "Sun, 06 Nov 1994 08:59:00 GMT");
        let _error = fleet.0[0].error_of(call, Ok(answer));
        let answer = with_header(refusal("BDC_1144"), "date", "Sun, 06 Nov 1994 08:58:00 GMT");
        let _call = fleet.0[1].sign_in_answered(Call::sign_in(), Ok(answer));
        let now = fleet.0[0].now;
        let status = fleet.0[0].session.status(now);
        assert_eq!(status.calls.closed_for, Some(MINUTE));
        assert_eq!(status.sign_ins.closed_for, Some(2 * MINUTE));
        let later = fleet.0[0].session.status(now + 2 * MINUTE);
        assert_eq!((later.sign_ins.closed_for, later.calls.closed_for), (None, None));
    }

    #[test]
    fn of_another_key_is_another_matter() {
        let now = first_instant();
        let mut one =
            World::of(account_under(password(), KeyLimits::with(1, 1, now)), settings(|_| ()), now);
        let mut other =
            World::of(account_under(password(), KeyLimits::with(1, 1, now)), settings(|_| ()), now);
        one.sign_in();
        other.sign_in();
    }
}

mod a_list_of_organisations {
    use super::*;

    fn listing(world: &World) -> Call {
        world.session.account().list_orgs().unwrap()
    }

    #[test]
    fn that_waited_does_not_send_a_consoles_token_as_a_password() {
        let mut world = World::signed_in();
        let busy = world.send_many(3);
        let call = listing(&world);
        let call = world.wait(call, 7);
        world.replace(Principal::console("demo@example.com", "console-token").unwrap());
        for in_flight in busy {
            let _done = world.answer(in_flight, Ok(done()));
        }
        let step = world.step(call, 7);
        assert!(matches!(step, Step::Refuse(Error::Misuse(Misuse::V3Only))), "{step:?}");
        assert_eq!(world.session.in_flight(), 0);
    }

    #[test]
    fn is_asked_for_with_name_password_and_key_and_without_a_session() {
        for api in [SignInWith::V2, SignInWith::V3] {
            for signed_in in [false, true] {
                let mut fleet = Fleet::by(api, 1, 200);
                let world = &mut fleet.0[0];
                if signed_in {
                    world.sign_in();
                }
                let call = listing(world);
                let in_flight = world.send(call);
                let request = in_flight.request();
                assert_eq!(request.method(), Method::POST);
                assert_eq!(request.uri(), "https://api-stage.bill.com/api/v2/ListOrgs.json");
                assert_eq!(request.headers().len(), 2);
                assert_eq!(request.headers()["content-type"], "application/x-www-form-urlencoded");
                assert_eq!(field_names(&request), ["userName", "password", "devKey"]);
                assert_eq!(field(&request, "password").unwrap(), "demo-password");
                let orgs = json!([{"orgId": org(1).as_str(), "orgName": "One"}]);
                let (outcome, wake) = in_flight
                    .read::<Vec<Organization>>(Ok(success(&orgs)))
                    .settle(&mut world.session, world.now);
                world.heed(wake);
                let Outcome::Done(data) = outcome else { panic!("{outcome:?}") };
                assert_eq!((&*data[0].org_id, &*data[0].org_name), (org(1).as_str(), "One"));
            }
        }
    }

    #[test]
    fn counts_as_a_sign_in_and_not_as_a_call() {
        let mut fleet = Fleet::by(SignInWith::V2, 2, 3);
        for expected in 1..=3 {
            let call = listing(&fleet.0[0]);
            let in_flight = fleet.0[0].send(call);
            fleet.0[0].finish(in_flight);
            assert_eq!(fleet.sign_ins(), expected);
        }
        assert_eq!(fleet.account().key_limits().calls(fleet.0[0].now), 0);
        let call = listing(&fleet.0[0]);
        let error = fleet.0[0].refused(call);
        assert!(matches!(error, Error::Limited { limit: Limit::SignIns, .. }), "{error:?}");
        let call = fleet.0[1].call();
        let error = fleet.0[1].refused(call);
        assert!(matches!(error, Error::Limited { limit: Limit::SignIns, .. }), "{error:?}");
        assert_eq!((fleet.0[0].session.in_flight(), fleet.0[0].session.waiting()), (0, 0));
    }

    #[test]
    fn that_finds_a_wrong_password_refuses_it_for_every_organisation() {
        let mut fleet = Fleet::of(3);
        let call = listing(&fleet.0[0]);
        let error = fleet.0[0].error_of(call, Ok(refusal("BDC_1101")));
        assert_eq!(error.code().unwrap().number(), Some(1101));
        for world in &mut fleet.0 {
            assert_eq!(world.would(), "be refused");
        }
        // Nor is it asked again.
        let call = listing(&fleet.0[1]);
        assert_eq!(fleet.0[1].refused(call).code().unwrap().number(), Some(1101));
        assert_eq!(fleet.sign_ins(), 1);
    }

    #[test]
    fn that_finds_a_wrong_key_refuses_it_for_every_organisation() {
        let mut fleet = Fleet::of(3);
        let call = listing(&fleet.0[0]);
        let _error = fleet.0[0].error_of(call, Ok(refusal("BDC_1102")));
        for world in &mut fleet.0 {
            assert_eq!(world.would(), "be refused");
        }
        fleet.account().replace_principal(new_password());
        assert_eq!(fleet.0[0].would(), "sign in");
    }

    #[test]
    fn that_finds_a_wrong_password_wakes_and_ends_those_in_line() {
        let mut fleet = Fleet::of(1);
        let world = &mut fleet.0[0];
        let call = world.call();
        let call = world.sign_in_answered(call, Ok(with_header(page(503), "retry-after", "60")));
        let call = world.wait(call, 5);
        world.take_woken();
        let list = listing(world);
        let _error = world.error_of(list, Ok(refusal("BDC_1101")));
        assert_eq!(world.take_woken(), [5]);
        assert_eq!(world.refused(call).code().unwrap().number(), Some(1101));
    }

    #[test]
    fn that_is_answered_proves_the_password_so_that_nobody_waits_for_anybody() {
        let mut fleet = Fleet::of(10);
        let call = listing(&fleet.0[0]);
        let in_flight = fleet.0[0].send(call);
        fleet.0[0].finish(in_flight);
        let (sign_ins, _waiting) = fleet.step_all(World::call);
        assert_eq!(sign_ins.len(), 10);
    }

    #[test]
    fn that_is_not_answered_by_bill_proves_nothing() {
        for answer in [
            silence(),
            Ok(page(200)),
            Ok(page(503)),
            Ok(body("{")),
            Ok(refusal("BDC_9999")),
            Ok(with_status(body(""), 302)),
        ] {
            let mut fleet = Fleet::of(10);
            let call = listing(&fleet.0[0]);
            let _error = fleet.0[0].error_of(call, answer);
            let (sign_ins, _waiting) = fleet.step_all(World::call);
            assert_eq!(sign_ins.len(), 1);
        }
    }

    #[test]
    fn is_asked_for_as_whoever_the_principal_is_when_it_is_sent() {
        let mut fleet = Fleet::of(1);
        let call = listing(&fleet.0[0]);
        fleet.account().replace_principal(new_password());
        let request = fleet.0[0].send(call).request();
        assert_eq!(field(&request, "password").unwrap(), "new-password");
    }

    #[test]
    fn of_a_replaced_principal_says_nothing_about_the_new_one() {
        for answer in [refusal("BDC_1101"), done()] {
            let mut fleet = Fleet::of(2);
            let call = listing(&fleet.0[0]);
            let in_flight = fleet.0[0].send(call);
            fleet.account().replace_principal(new_password());
            let _outcome = fleet.0[0].answer(in_flight, Ok(answer));
            let call = fleet.0[0].call();
            let (_sign_in, _call) = fleet.0[0].begin(call, 0);
            let call = fleet.0[1].call();
            let _waiting = fleet.0[1].wait(call, 1);
        }
    }

    #[test]
    fn with_a_1144_closes_the_sign_ins_of_the_key_and_not_its_calls() {
        let mut fleet = Fleet::of(2);
        fleet.0[0].sign_in();
        let call = listing(&fleet.0[0]);
        let answer = with_header(refusal("BDC_1144"), "date", "Sun, 06 Nov 1994 08:59:00 GMT");
        let error = fleet.0[0].error_of(call, Ok(answer));
        let Error::Limited { limit: Limit::SignIns, retry_after, code, .. } = &error else {
            panic!("{error:?}")
        };
        assert_eq!((*retry_after, code.as_ref().unwrap().number()), (MINUTE, Some(1144)));
        assert_eq!(fleet.0[0].would(), "be sent");
        assert_eq!(fleet.0[1].would(), "wait");
        fleet.pass(MINUTE);
        assert_eq!(fleet.0[1].would(), "sign in");
    }

    #[test]
    fn leaves_the_session_alone_whatever_it_is_answered() {
        for answer in [refusal("BDC_1109"), refusal("BDC_1361"), refusal("BDC_1101"), done()] {
            let mut fleet = Fleet::of(1);
            let world = &mut fleet.0[0];
            world.sign_in();
            world.use_session();
            world.pass(20 * MINUTE);
            let call = listing(world);
            let in_flight = world.send(call);
            match world.answer(in_flight, Ok(answer)) {
                Outcome::Again(call) => world.cancel(call.id().unwrap()),
                Outcome::Done(_) | Outcome::Failed(_) => {}
                other => panic!("{other:?}"),
            }
            assert_eq!(world.would(), "be sent");
            world.pass(14 * MINUTE);
            assert!(!matches!(world.session.phase(world.now), Phase::SignedIn { .. }));
        }
    }

    #[test]
    fn goes_out_while_there_is_no_session_to_be_had() {
        let mut fleet = Fleet::of(1);
        let world = &mut fleet.0[0];
        let call = world.call();
        let call = world.sign_in_answered(call, Ok(with_header(page(503), "retry-after", "60")));
        let _waiting = world.wait(call, 5);
        let call = listing(world);
        let in_flight = world.send(call);
        world.finish(in_flight);
    }

    #[test]
    fn needs_a_slot_like_any_call() {
        let mut fleet = Fleet::of(1);
        let world = &mut fleet.0[0];
        world.sign_in();
        let mut flying = world.send_many(3);
        let call = listing(world);
        let call = world.wait(call, 4);
        assert_eq!(world.sign_ins(), 1, "it is counted when it goes out");
        world.take_woken();
        world.finish(flying.remove(0));
        assert_eq!(world.take_woken(), [4]);
        let _in_flight = world.send(call);
        assert_eq!(world.sign_ins(), 2);
    }
}

mod a_partner {
    use super::*;

    #[test]
    fn has_no_organisation_and_no_call_of_v2s() {
        let mut world = World::partner();
        let account = Arc::clone(world.session.account());
        assert!(account.org_id().is_none());
        assert_eq!(account.v2("List/Vendor", &()).unwrap_err(), Misuse::Partner);
        assert_eq!(account.list("Vendor").next_page(&account).unwrap_err(), Misuse::Partner);
        assert_eq!(account.list_orgs().unwrap_err(), Misuse::Partner);
        assert_eq!(account.for_organization(org(1)).unwrap_err(), Misuse::Partner);
        let upload = account.upload_attachment("1", "x.pdf", Repeatable::Yes, 1);
        assert_eq!(upload.unwrap_err(), Misuse::Partner);
        // What goes to v3 is another matter.
        assert!(account.v3(Method::GET, "/v3/partner/x").call(&account).is_ok());
        assert!(account.upload("/v3/partner/x", &[], Repeatable::Yes).is_ok());
        world.sign_in();
        let lease = world.lease(Duration::ZERO);
        assert!(lease.org_id().is_none());
        let mut request = http::Request::post(format!("{}/List/Vendor.json", lease.api()))
            .body(Bytes::from_static(b"data=x"))
            .unwrap();
        assert_eq!(lease.sign(&mut request), Err(Misuse::Partner));
        assert_eq!(request.body(), "data=x");
    }

    #[test]
    fn is_signed_in_for_35_minutes_and_refused_for_good_like_anybody() {
        let mut world = World::partner();
        world.sign_in();
        world.pass(34 * MINUTE - MILLISECOND);
        assert!(matches!(world.session.phase(world.now), Phase::SignedIn { .. }));
        world.pass(MILLISECOND);
        assert!(matches!(world.session.phase(world.now), Phase::IdledOut { .. }));
        let call = world.vendors();
        let call = world.sign_in_answered(call, Ok(v3_refusal(422, "BDC_1101")));
        assert_eq!(world.refused(call).code().unwrap().number(), Some(1101));
        let call = world.vendors();
        assert_eq!(world.refused(call).code().unwrap().number(), Some(1101));
    }
}

mod the_registry {
    use super::*;

    #[test]
    fn gives_the_same_for_the_same_organisation() {
        let all = Organizations::new();
        let mut made = 0;
        for number in [1, 2, 1, 2, 1] {
            let got = all.get_or_make(&org(number), || {
                made += 1;
                Arc::new(number)
            });
            assert_eq!(*got, number);
        }
        assert_eq!(made, 2);
        let one = all.get_or_make(&org(1), || Arc::new(7));
        let same = all.get_or_make(&org(1), || Arc::new(8));
        assert!(Arc::ptr_eq(&one, &same));
        let mut known: Vec<usize> = all.all().iter().map(|number| **number).collect();
        known.sort_unstable();
        assert_eq!(known, [1, 2]);
    }

    #[test]
    fn begins_with_none() {
        let all: Organizations<u32> = Organizations::default();
        assert!(all.all().is_empty());
    }

    #[test]
    fn shows_how_many_there_are_and_nothing_of_them() {
        let all = Organizations::new();
        let _one = all.get_or_make(&org(1), || Arc::new("a secret"));
        assert_eq!(format!("{all:?}"), "Organizations { known: 1 }");
    }
}

#[test]
fn events_of_one_organisation_are_not_anothers() {
    let mut fleet = Fleet::of(2);
    let mut one = fleet.0[0].session.listen();
    let mut other = fleet.0[1].session.listen();
    fleet.0[0].sign_in();
    let heard = fleet.0[0].heard(&mut one);
    assert!(matches!(heard.as_slice(), [Event::SignedIn { .. }]), "{heard:?}");
    assert!(fleet.0[1].heard(&mut other).is_empty());
}

#[test]
fn a_thousand_organisations_against_a_server_in_trouble_stay_within_the_hours_sign_ins() {
    // Each failed attempt lets the next organisation try: the budget is what bounds them all.
    let mut fleet = Fleet::by(SignInWith::V2, 1000, 200);
    let begun: Instant = fleet.0[0].now;
    let mut calls: Vec<Option<Call>> = fleet.0.iter().map(|world| Some(world.call())).collect();
    let mut ended = 0;
    while fleet.0[0].now - begun < 3 * MINUTE {
        for (number, slot) in calls.iter_mut().enumerate() {
            let Some(call) = slot.take() else { continue };
            let world = &mut fleet.0[number];
            match world.step(call, number) {
                Step::SignIn(sign_in, call, _) => {
                    let _ended = world.answer_sign_in(sign_in, Ok(page(503)));
                    *slot = Some(call);
                }
                Step::Wait(call, _) => *slot = Some(call),
                Step::Refuse(_) => ended += 1,
                other => panic!("{other:?}"),
            }
        }
        fleet.pass(SECOND);
    }
    assert_eq!(ended, 1000, "everybody is told within their deadline");
    assert!(fleet.sign_ins() <= 200, "{}", fleet.sign_ins());
}
