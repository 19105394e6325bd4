//! What happens to a session is told to whoever listens, and holds up nobody.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on ends"
)]

mod support;

use std::sync::Arc;
use std::time::Duration;

use bill_session_core::{
    Call, Cause, Event, KeyLimits, Listener, OrgId, Principal, Renewal, Session, Settings,
    SignInEnded, Step, Verdict, Why,
};
use serde_json::json;
use support::{
    World, account, account_under, first_instant, page, password, refusal, settings, silence,
    v3_refusal, welcome_with, with_header,
};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

fn new_password() -> Principal {
    Principal::password("demo@example.com", "new-password").unwrap()
}

/// Why the sign-ins were necessary that are told of.
fn whys(world: &mut World, listener: &mut Listener) -> Vec<Why> {
    let events = world.heard(listener);
    let why = |event: &Event| match event {
        Event::SignedIn { why, .. } => Some(*why),
        _ => None,
    };
    events.iter().filter_map(why).collect()
}

/// The only event that there is to hear.
fn only(world: &mut World, listener: &mut Listener) -> Event {
    let mut events = world.heard(listener);
    assert_eq!(events.len(), 1, "{events:?}");
    events.remove(0)
}

mod a_sign_in_is_told {
    use super::*;

    #[test]
    fn with_what_made_it_necessary() {
        let mut world = World::new();
        let mut listener = world.session.listen();
        world.sign_in();
        assert_eq!(whys(&mut world, &mut listener), [Why::First]);
        world.pass(34 * MINUTE);
        world.sign_in();
        assert_eq!(whys(&mut world, &mut listener), [Why::IdledOut]);
        world.lose_session();
        world.sign_in();
        assert_eq!(whys(&mut world, &mut listener), [Why::Invalid]);
        drop(world.sign_out());
        world.sign_in();
        assert_eq!(whys(&mut world, &mut listener), [Why::SignedOut]);
        world.replace(new_password());
        world.sign_in();
        assert_eq!(whys(&mut world, &mut listener), [Why::CredentialsReplaced]);
        world.pass(10 * MINUTE);
        let (sign_in, lease) = world.begin(Call::lease(30 * MINUTE), 0);
        let _stored = world.welcome(sign_in);
        assert!(matches!(world.step(lease, 0), Step::Ready(_)));
        assert_eq!(whys(&mut world, &mut listener), [Why::MoreTime]);
        // None of them is remembered for the next.
        world.pass(40 * MINUTE);
        world.sign_in();
        assert_eq!(whys(&mut world, &mut listener), [Why::IdledOut]);
    }

    #[test]
    fn with_the_same_reason_however_many_attempts_it_took() {
        let mut world = World::new();
        let mut listener = world.session.listen();
        world.sign_in();
        world.lose_session();
        for answer in [silence(), Ok(page(200))] {
            let call = world.call();
            let call = world.sign_in_answered(call, answer);
            let _told = world.no_session(call);
            world.pass(world.retry_in());
        }
        world.sign_in();
        assert_eq!(whys(&mut world, &mut listener), [Why::First, Why::Invalid]);
    }

    #[test]
    fn of_the_second_session_that_was_invalid_at_once_too() {
        let mut world = World::signed_in();
        let mut listener = world.session.listen();
        let call = world.call();
        let in_flight = world.send(call);
        let call = world.again(in_flight, refusal("BDC_1109"));
        let (sign_in, call) = world.begin(call, 0);
        let _stored = world.welcome(sign_in);
        let in_flight = world.send(call);
        let _error = world.fails(in_flight, Ok(refusal("BDC_1109")));
        world.pass(world.retry_in());
        world.sign_in();
        assert_eq!(whys(&mut world, &mut listener), [Why::Invalid, Why::Invalid]);
    }

    #[test]
    fn when_a_lease_was_found_invalid_as_well() {
        let mut world = World::signed_in();
        world.use_session();
        let mut listener = world.session.listen();
        let lease = world.lease(Duration::ZERO);
        let wake = world.session.lease_ended(lease, Verdict::Invalid, world.now);
        world.heed(wake);
        world.sign_in();
        assert_eq!(whys(&mut world, &mut listener), [Why::Invalid]);
    }

    #[test]
    fn when_it_renews_ahead_of_time() {
        let mut world = World::signed_in_with(settings(|settings| {
            settings.renewal = Renewal::Ahead;
        }));
        let mut listener = world.session.listen();
        world.now = world.session.renew_at().unwrap();
        let (sign_in, _call) = world.begin(Call::renewal(&world.session), 0);
        let _stored = world.welcome(sign_in);
        assert_eq!(whys(&mut world, &mut listener), [Why::IdledOut]);
    }

    #[test]
    fn with_the_trust_that_bill_named() {
        for trusted in [Some(true), Some(false), None] {
            let mut world = World::v3();
            let mut listener = world.session.listen();
            world.sign_in_trusted(trusted);
            let event = only(&mut world, &mut listener);
            let Event::SignedIn { why: Why::First, trusted: told, .. } = event else {
                panic!("{event:?}")
            };
            assert_eq!(told, trusted);
        }
    }

    #[test]
    fn only_when_it_has_made_the_session_of_now() {
        let mut world = World::new();
        let mut listener = world.session.listen();
        // Stale, void, or signed out of meanwhile.
        let call = world.call();
        let (stale, call) = world.begin(call, 0);
        world.cancel_sign_in(stale.id());
        let (sign_in, _call) = world.begin(call, 0);
        assert!(matches!(world.welcome(stale), SignInEnded::Stale));
        let _nothing = world.sign_out();
        assert!(matches!(world.welcome(sign_in), SignInEnded::LogOut(_)));
        let call = world.call();
        let (void, _call) = world.begin(call, 0);
        world.replace(new_password());
        assert!(matches!(world.welcome(void), SignInEnded::Stale));
        assert!(whys(&mut world, &mut listener).is_empty());
    }
}

#[test]
fn a_refusal_for_good_is_told_once_with_its_code() {
    for code in ["BDC_1101", "BDC_1102", "BDC_1105", "BDC_1107"] {
        let mut world = World::new();
        let mut listener = world.session.listen();
        let call = world.call();
        let (sign_in, first) = world.begin(call, 0);
        let _others = world.line_up(1, 5);
        let _failed = world.answer_sign_in(sign_in, Ok(refusal(code)));
        let _error = world.refused(first);
        for _ in 0..5 {
            let call = world.call();
            let _error = world.refused(call);
        }
        let event = only(&mut world, &mut listener);
        let Event::Refused { cause } = event else { panic!("{event:?}") };
        assert_eq!(cause.code().unwrap().as_str(), code);
    }
}

#[test]
fn a_refusal_that_comes_late_is_told_as_well() {
    let mut world = World::new();
    let call = world.call();
    let (sign_in, first) = world.begin(call, 0);
    world.pass(36 * SECOND);
    let _told = world.no_session(first);
    let mut listener = world.session.listen();
    assert!(matches!(world.answer_sign_in(sign_in, Ok(refusal("BDC_1101"))), SignInEnded::Stale));
    let events = world.heard(&mut listener);
    assert!(matches!(events.as_slice(), [Event::Refused { .. }]), "{events:?}");
}

#[test]
fn a_refusal_that_a_list_of_organisations_found_out_is_told_as_well() {
    for code in ["BDC_1101", "BDC_1102"] {
        let mut world = World::new();
        let mut listener = world.session.listen();
        let call = world.session.account().list_orgs().unwrap();
        let _error = world.error_of(call, Ok(refusal(code)));
        let event = only(&mut world, &mut listener);
        let Event::Refused { cause, .. } = event else { panic!("{event:?}") };
        assert_eq!(cause.code().unwrap().as_str(), code);
    }
}

mod a_failure_is_told {
    use super::*;

    /// The cause of a wait that is told of, and for how long it is.
    fn waiting(event: Event) -> (Arc<Cause>, Duration) {
        match event {
            Event::Waiting { cause, retry_in, .. } => (cause, retry_in),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn with_its_cause_and_when_the_next_attempt_is_made() {
        for answer in [
            silence(),
            Ok(page(503)),
            Ok(page(200)),
            Ok(refusal("BDC_1322")),
            Ok(refusal("BDC_9999")),
            Ok(refusal("BDC_1144")),
            Ok(with_header(page(503), "retry-after", "77")),
        ] {
            let mut world = World::new();
            let mut listener = world.session.listen();
            let call = world.call();
            let _call = world.sign_in_answered(call, answer);
            let event = only(&mut world, &mut listener);
            assert_eq!(waiting(event).1, world.retry_in());
        }
    }

    #[test]
    fn when_nothing_was_heard_of_the_sign_in() {
        let mut world = World::new();
        let mut listener = world.session.listen();
        let call = world.call();
        let (_silent, call) = world.begin(call, 0);
        world.pass(35 * SECOND);
        let _told = world.no_session(call);
        let event = only(&mut world, &mut listener);
        let (cause, retry_in) = waiting(event);
        assert!(matches!(*cause, Cause::Overdue), "{cause:?}");
        assert_eq!(retry_in, world.retry_in());
    }

    #[test]
    fn when_the_second_session_in_a_row_was_invalid_at_once() {
        let mut world = World::signed_in();
        let call = world.call();
        let in_flight = world.send(call);
        let call = world.again(in_flight, refusal("BDC_1109"));
        let (sign_in, call) = world.begin(call, 0);
        let _stored = world.welcome(sign_in);
        let in_flight = world.send(call);
        let mut listener = world.session.listen();
        let _error = world.fails(in_flight, Ok(refusal("BDC_1109")));
        let event = only(&mut world, &mut listener);
        assert!(matches!(*waiting(event).0, Cause::SessionsRefused));
    }

    #[test]
    fn when_the_budget_is_spent_and_by_whose_word() {
        let now = first_instant();
        let account = account_under(password(), KeyLimits::with(1, 20_000, now));
        let org = OrgId::new("00800000000000000002").unwrap();
        let other = Arc::new(account.for_organization(org).unwrap());
        let mut one = World::of(account, settings(|_| ()), now);
        let mut other = World::of(other, settings(|_| ()), now);
        one.sign_in();
        let mut listener = other.session.listen();
        let call = other.call();
        let _error = other.refused(call);
        let event = only(&mut other, &mut listener);
        let (cause, retry_in) = waiting(event);
        assert!(matches!(*cause, Cause::BudgetSpent), "{cause:?}");
        assert_eq!(retry_in, HOUR);
        // Callers who are refused meanwhile make no more of it.
        let call = other.call();
        let _error = other.refused(call);
        assert!(other.heard(&mut listener).is_empty());
    }

    #[test]
    fn when_sign_ins_are_abandoned_one_after_the_other() {
        let mut world = World::new();
        let mut listener = world.session.listen();
        let mut call = world.call();
        for told in [0, 1] {
            let (sign_in, waits) = world.begin(call, 0);
            call = waits;
            world.cancel_sign_in(sign_in.id());
            assert_eq!(world.heard(&mut listener).len(), told);
        }
        assert!(world.retry_in() > Duration::ZERO);
    }

    #[test]
    fn not_when_it_matters_no_more() {
        let mut world = World::new();
        let call = world.call();
        let (old, call) = world.begin(call, 0);
        world.cancel_sign_in(old.id());
        let (_new, _call) = world.begin(call, 0);
        let mut listener = world.session.listen();
        assert!(matches!(world.answer_sign_in(old, silence()), SignInEnded::Stale));
        assert!(world.heard(&mut listener).is_empty());
    }
}

#[test]
fn calls_of_the_hour_that_are_spent_are_told_with_what_is_left_of_it() {
    for v3 in [false, true] {
        let mut world = World::signed_in();
        let mut listener = world.session.listen();
        let (call, answer) = if v3 {
            (world.vendors(), v3_refusal(429, "BDC_1144"))
        } else {
            (world.call(), refusal("BDC_1144"))
        };
        let answer = with_header(answer, "date", "Sun, 06 Nov 1994 08:49:37 GMT");
        let _error = world.error_of(call, Ok(answer));
        let event = only(&mut world, &mut listener);
        let Event::CallsSpent { retry_in, .. } = event else { panic!("{event:?}") };
        assert_eq!(retry_in, Duration::from_secs(623));
    }
}

#[test]
fn an_address_that_is_not_followed_is_told_with_the_sign_in() {
    let mut world = World::new();
    let mut listener = world.session.listen();
    let (sign_in, call) = world.begin(Call::sign_in(), 0);
    let answer = welcome_with(&json!({"apiEndPoint": "https://evil.example/api/v2"}));
    let _stored = world.answer_sign_in(sign_in, Ok(answer));
    assert!(matches!(world.step(call, 0), Step::Ready(_)));
    let events = world.heard(&mut listener);
    let [Event::SignedIn { .. }, Event::NotFollowed(not_followed)] = events.as_slice() else {
        panic!("{events:?}")
    };
    assert_eq!(not_followed.host.as_deref(), Some("evil.example"));
    // The next, which is followed, tells nothing of the kind.
    world.lose_session();
    world.sign_in();
    let events = world.heard(&mut listener);
    assert!(matches!(events.as_slice(), [Event::SignedIn { .. }]), "{events:?}");
}

#[test]
fn what_goes_well_is_not_told() {
    let mut world = World::signed_in();
    let mut listener = world.session.listen();
    for _ in 0..10 {
        world.use_session();
        let call = world.call();
        let _error = world.error_of(call, Ok(refusal("BDC_9999")));
        let call = world.call();
        let _error = world.error_of(call, silence());
        world.pass(MINUTE);
    }
    assert!(world.heard(&mut listener).is_empty());
}

mod a_listener {
    use super::*;

    /// Has something happen that is told of, each time another: the number is its `retry_in`.
    fn happen(world: &mut World, number: u64) {
        let lease = world.lease(Duration::ZERO);
        let left = Duration::from_secs(number);
        let wake = world.session.lease_ended(lease, Verdict::HourSpent { left }, world.now);
        world.heed(wake);
    }

    fn number(event: &Event) -> u64 {
        match event {
            Event::CallsSpent { retry_in, .. } => retry_in.as_secs(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn hears_everything_in_its_order_and_once() {
        let mut world = World::signed_in();
        let mut listener = world.session.listen();
        for round in 0..50 {
            for happened in 0..7 {
                happen(&mut world, 10 * round + happened);
            }
            let heard: Vec<_> = world.heard(&mut listener).iter().map(number).collect();
            let expected: Vec<_> = (0..7).map(|happened| 10 * round + happened).collect();
            assert_eq!(heard, expected);
            assert!(world.session.try_hear(&mut listener).is_none());
        }
    }

    #[test]
    fn hears_nothing_of_before_it_listened() {
        let mut world = World::new();
        world.sign_in();
        let mut first = world.session.listen();
        assert!(world.heard(&mut first).is_empty());
        happen(&mut world, 1);
        let mut second = world.session.listen();
        happen(&mut world, 2);
        let heard = |world: &mut World, listener: &mut Listener| {
            world.heard(listener).iter().map(number).collect::<Vec<_>>()
        };
        assert_eq!(heard(&mut world, &mut second), [2]);
        assert_eq!(heard(&mut world, &mut first), [1, 2]);
    }

    #[test]
    fn hears_as_much_as_any_other() {
        let mut world = World::signed_in();
        let mut listeners: Vec<Listener> = (0..20).map(|_| world.session.listen()).collect();
        for happened in 0..30 {
            happen(&mut world, happened);
            // Each hears in its own time.
            for (at, listener) in listeners.iter_mut().enumerate() {
                if happened.is_multiple_of(at as u64 + 1) {
                    let _heard = world.session.try_hear(listener);
                }
            }
        }
        let mut mute = world.session.listen();
        assert!(world.heard(&mut mute).is_empty());
        for (at, mut listener) in listeners.into_iter().enumerate() {
            let already = (0..30_u64).filter(|n| n.is_multiple_of(at as u64 + 1)).count() as u64;
            let heard: Vec<_> = world.heard(&mut listener).iter().map(number).collect();
            assert_eq!(heard, (already..30).collect::<Vec<_>>());
        }
    }

    #[test]
    fn that_is_too_slow_is_told_exactly_how_much_it_missed() {
        for happened in [1, 63, 64, 65, 66, 100, 128, 129, 1_000] {
            let mut world = World::signed_in();
            let mut slow = world.session.listen();
            let mut quick = world.session.listen();
            let mut heard_by_quick = 0;
            for number in 0..happened {
                happen(&mut world, number);
                heard_by_quick += world.heard(&mut quick).len() as u64;
            }
            assert_eq!(heard_by_quick, happened, "others miss nothing");
            let mut events = world.heard(&mut slow);
            let missed = match events.first() {
                Some(Event::Missed { events: missed, .. }) => {
                    let missed = *missed;
                    events.remove(0);
                    missed
                }
                _ => 0,
            };
            // What it did not miss are the last, without a gap.
            let heard: Vec<_> = events.iter().map(number).collect();
            assert_eq!(heard, (missed..happened).collect::<Vec<_>>());
            assert!(heard.len() as u64 == happened.min(64), "{happened}");
            // It has caught up: the next is told as to anybody.
            happen(&mut world, happened);
            let heard: Vec<_> = world.heard(&mut slow).iter().map(number).collect();
            assert_eq!(heard, [happened]);
        }
    }

    #[test]
    fn that_misses_more_while_it_catches_up_is_told_of_that_too() {
        let mut world = World::signed_in();
        let mut slow = world.session.listen();
        let (mut heard, mut missed, mut happened) = (0, 0, 0);
        for round in 0..40 {
            for _ in 0..(round * 37) % 150 {
                happen(&mut world, happened);
                happened += 1;
            }
            for _ in 0..20 {
                match world.session.try_hear(&mut slow) {
                    Some(Event::Missed { events, .. }) => {
                        assert!(events > 0);
                        missed += events;
                    }
                    Some(event) => {
                        assert_eq!(
                            number(&event),
                            heard + missed,
                            "in order, but for what is missed"
                        );
                        heard += 1;
                    }
                    None => break,
                }
            }
        }
        while let Some(event) = world.session.try_hear(&mut slow) {
            match event {
                Event::Missed { events, .. } => missed += events,
                _ => heard += 1,
            }
        }
        assert_eq!(heard + missed, happened);
        assert!(missed > 0);
    }

    #[test]
    fn that_came_late_has_missed_nothing_of_before() {
        let mut world = World::signed_in();
        let mut first = world.session.listen();
        for number in 0..100 {
            happen(&mut world, number);
        }
        let mut late = world.session.listen();
        for number in 100..110 {
            happen(&mut world, number);
        }
        let heard: Vec<_> = world.heard(&mut late).iter().map(number).collect();
        assert_eq!(heard, (100..110).collect::<Vec<_>>());
        assert!(matches!(
            world.session.try_hear(&mut first),
            Some(Event::Missed { events: 46, .. })
        ));
    }

    #[test]
    fn that_waits_is_woken_by_the_next_event_and_once() {
        let mut world = World::signed_in();
        let mut listener = world.session.listen();
        let mut other = world.session.listen();
        assert!(world.session.hear(&mut listener, || 71).0.is_none());
        assert!(world.session.hear(&mut other, || 72).0.is_none());
        world.take_woken();
        world.use_session();
        assert!(world.take_woken().is_empty(), "nothing to tell of");
        happen(&mut world, 1);
        assert_eq!(world.take_woken(), [71, 72]);
        happen(&mut world, 2);
        assert!(world.take_woken().is_empty(), "nobody has waited again");
        // What is there is heard at once, and no token is asked for.
        let (heard, _) = world.session.hear(&mut listener, || panic!("there is something to hear"));
        assert_eq!(number(&heard.unwrap()), 1);
        let (heard, _) = world.session.hear(&mut listener, || panic!("there is something to hear"));
        assert_eq!(number(&heard.unwrap()), 2);
        assert!(world.session.hear(&mut listener, || 73).0.is_none());
        happen(&mut world, 3);
        assert_eq!(world.take_woken(), [73]);
    }

    #[test]
    fn that_waits_again_replaces_its_token() {
        let mut world = World::signed_in();
        let mut listener = world.session.listen();
        for token in 0..100 {
            assert!(world.session.hear(&mut listener, || token).0.is_none());
        }
        happen(&mut world, 1);
        assert_eq!(world.take_woken(), [99]);
    }

    #[test]
    fn that_is_deaf_again_is_not_woken_and_may_listen_on() {
        let mut world = World::signed_in();
        let mut listener = world.session.listen();
        let mut other = world.session.listen();
        assert!(world.session.hear(&mut listener, || 71).0.is_none());
        assert!(world.session.hear(&mut other, || 72).0.is_none());
        assert!(world.session.deafen(&listener).is_empty());
        assert!(world.session.deafen(&listener).is_empty());
        happen(&mut world, 1);
        assert_eq!(world.take_woken(), [72]);
        assert_eq!(number(&world.session.try_hear(&mut listener).unwrap()), 1);
    }

    #[test]
    fn has_its_token_of_before_handed_out_and_not_dropped_under_the_lock() {
        let now = first_instant();
        let mut session = Session::new(account(password(), now), Settings::default(), now);
        let mut listener = session.listen();
        let (first, second) = (Arc::new(()), Arc::new(()));
        let (_, nothing) = session.hear(&mut listener, || Arc::clone(&first));
        assert_eq!(nothing.len(), 0);
        let (_, spent) = session.hear(&mut listener, || Arc::clone(&second));
        assert!(spent.is_empty(), "nobody is to be woken by it");
        assert_eq!(Arc::strong_count(&first), 2, "it is dropped with what was handed out");
        drop(spent);
        assert_eq!(Arc::strong_count(&first), 1);
        let spent = session.deafen(&listener);
        assert_eq!(Arc::strong_count(&second), 2, "it is dropped with what was handed out");
        drop(spent);
        assert_eq!(Arc::strong_count(&second), 1);
    }

    #[test]
    fn that_waits_is_woken_when_nobody_is_left_to_cause_an_event() {
        let mut world = World::signed_in();
        let mut listener = world.session.listen();
        assert!(world.session.hear(&mut listener, || 71).0.is_none());
        let wake = world.session.rouse_listeners();
        world.heed(wake);
        assert_eq!(world.take_woken(), [71]);
        assert!(world.session.rouse_listeners().is_empty());
        assert!(world.session.try_hear(&mut listener).is_none());
    }

    #[test]
    fn that_never_listens_holds_up_nothing() {
        let mut world = World::new();
        let _deaf: Vec<Listener> = (0..10).map(|_| world.session.listen()).collect();
        world.sign_in();
        for number in 0..10_000 {
            happen(&mut world, number);
        }
        // The calls of the hour are closed by what was told; the session is as usable as ever.
        assert!(matches!(world.step(Call::sign_in(), 0), Step::Ready(_)));
        let shown = format!("{:?}", world.session);
        assert!(shown.len() < 20_000, "{} bytes: it keeps them all", shown.len());
    }

    #[test]
    fn is_woken_beside_the_callers_and_not_instead_of_them() {
        let mut world = World::new();
        let mut listener = world.session.listen();
        assert!(world.session.hear(&mut listener, || 71).0.is_none());
        let call = world.call();
        let (sign_in, _first) = world.begin(call, 1);
        let _others = world.line_up(2, 2);
        let _stored = world.welcome(sign_in);
        let mut woken = world.take_woken();
        woken.sort_unstable();
        assert_eq!(woken, [1, 2, 3, 71]);
    }
}
