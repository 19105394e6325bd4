//! What happens to a session is told to whoever listens, and nobody is held up by it.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::mpsc;
use std::thread;

use bill_conformance::{Adapter, Events, HOUR, MINUTE, Op, STUCK, World, eventually};
use bill_sandbox::{DEMO_OTHER_ORG, Fault, FaultKind};
use bill_session_core::{Cause, Event, Renewal, Retry, SignInWith, Why};
use futures_core::Stream;

/// More than are kept, and less than a key's sign-ins of an hour.
const MORE_THAN_KEPT: u64 = 100;
const KEPT: u64 = 64;

/// Why the sign-ins were made that were told of, and no other event.
fn whys(events: &mut Events) -> Vec<Why> {
    let why = |event: &Event| match event {
        Event::SignedIn { why, .. } => *why,
        other => panic!("{other:?}"),
    };
    events.heard().iter().map(why).collect()
}

pub(crate) fn a_sign_in_is_told_with_what_made_it_necessary(adapter: Adapter) {
    for api in [SignInWith::V2, SignInWith::V3] {
        let world = World::with(adapter, |setup| setup.sign_in_with = api);
        let mut events = world.client().events();
        assert!(events.heard().is_empty());
        world.call().unwrap();
        assert_eq!(whys(&mut events), [Why::First]);
        world.call().unwrap();
        assert!(events.heard().is_empty());
        world.advance(34 * MINUTE);
        // That it is idle is not news before somebody needs it.
        assert!(events.heard().is_empty());
        world.call().unwrap();
        assert_eq!(whys(&mut events), [Why::IdledOut]);
        world.sandbox.lose_sessions();
        world.call().unwrap();
        assert_eq!(whys(&mut events), [Why::Invalid]);
        world.sign_out().unwrap();
        world.call().unwrap();
        assert_eq!(whys(&mut events), [Why::SignedOut]);
        world.client().replace_credentials(World::user());
        world.call().unwrap();
        assert_eq!(whys(&mut events), [Why::CredentialsReplaced]);
        world.advance(10 * MINUTE);
        drop(world.client().lease_for(30 * MINUTE).unwrap());
        assert_eq!(whys(&mut events), [Why::MoreTime]);
        assert_eq!(world.sign_ins(), 6);
    }
}

pub(crate) fn a_renewal_is_told_like_any_sign_in(adapter: Adapter) {
    let world = World::with(adapter, |setup| setup.renewal = Renewal::Ahead);
    let mut events = world.client().events();
    world.call().unwrap();
    world.advance(34 * MINUTE);
    let told: Vec<_> = events.by_ref().take(2).collect();
    assert!(
        matches!(
            told[..],
            [Event::SignedIn { why: Why::First, .. }, Event::SignedIn { why: Why::IdledOut, .. }]
        ),
        "{told:?}"
    );
    assert_eq!(world.sign_ins(), 2);
}

pub(crate) fn a_refusal_and_a_failure_are_told_with_their_cause(adapter: Adapter) {
    let world = World::new(adapter);
    let mut events = world.client().events();
    world.sandbox.fault(Fault::new(FaultKind::Html { status: 200 }).on("Login"));
    world.call().unwrap_err();
    let told = events.heard();
    assert!(
        matches!(&told[..], [Event::Waiting { cause, retry_in }]
            if matches!(**cause, Cause::NotBill(_)) && !retry_in.is_zero()),
        "{told:?}"
    );
    world.client().replace_credentials(World::wrong_user());
    world.call().unwrap_err();
    let told = events.heard();
    assert!(
        matches!(&told[..], [Event::Refused { cause }]
            if cause.code().is_some_and(|code| code.as_str() == "BDC_1101")),
        "{told:?}"
    );
    // Refused calls that ask nobody are no news.
    world.call().unwrap_err();
    assert!(events.heard().is_empty());
    world.client().replace_credentials(World::user());
    world.call().unwrap();
    assert_eq!(whys(&mut events), [Why::CredentialsReplaced]);
}

pub(crate) fn a_spent_hour_is_told(adapter: Adapter) {
    let world = World::new(adapter);
    world.sign_in().unwrap();
    let mut events = world.client().events();
    let spent = Fault::new(FaultKind::code("BDC_1144")).on("GetSessionInfo");
    world.sandbox.fault(spent.header("date", "Thu, 01 Jan 2026 10:20:00 GMT"));
    world.call().unwrap_err();
    let told = events.heard();
    assert!(
        matches!(told[..], [Event::CallsSpent { retry_in }] if retry_in == 40 * MINUTE),
        "{told:?}"
    );
    // A spent budget of sign-ins is a wait for the next one.
    let world = World::with(adapter, |setup| setup.sign_ins_an_hour = Some(1));
    let mut events = world.client().events();
    world.call().unwrap();
    world.sandbox.lose_sessions();
    world.call().unwrap_err();
    let told = events.heard();
    assert!(
        matches!(&told[..], [Event::SignedIn { .. }, Event::Waiting { cause, retry_in }]
            if matches!(**cause, Cause::BudgetSpent) && *retry_in == HOUR),
        "{told:?}"
    );
}

pub(crate) fn an_address_that_is_not_followed_is_told(adapter: Adapter) {
    let world = World::new(adapter);
    let mut events = world.client().events();
    let url = "https://api.bill.com.example.net/api/v2".to_owned();
    world.sandbox.fault(Fault::new(FaultKind::ForeignApiEndPoint { url }).on("Login"));
    world.call().unwrap();
    let told = events.heard();
    let [Event::SignedIn { .. }, Event::NotFollowed(not_followed)] = &told[..] else {
        panic!("{told:?}");
    };
    assert_eq!(not_followed.host.as_deref(), Some("api.bill.com.example.net"));
}

pub(crate) fn a_listener_hears_what_happens_after_it_has_begun(adapter: Adapter) {
    let world = World::new(adapter);
    world.call().unwrap();
    let mut first = world.client().events();
    world.sandbox.lose_sessions();
    world.call().unwrap();
    let mut second = world.client().events();
    world.sign_out().unwrap();
    world.call().unwrap();
    assert_eq!(whys(&mut first), [Why::Invalid, Why::SignedOut]);
    // Each hears everything for itself.
    assert_eq!(whys(&mut second), [Why::SignedOut]);
}

pub(crate) fn each_organisation_has_events_of_its_own(adapter: Adapter) {
    let world = World::new(adapter);
    let other = world.client().for_organization(DEMO_OTHER_ORG).unwrap();
    let (mut here, mut there) = (world.client().events(), other.events());
    world.call().unwrap();
    assert_eq!((here.kinds().len(), there.kinds().len()), (1, 0));
    other.run(&Op::read()).unwrap();
    assert_eq!((here.kinds().len(), there.kinds().len()), (0, 1));
}

/// Takes so many events off a listener that waits for each, on a thread of its own.
fn waits_for(mut events: Events, many: usize) -> mpsc::Receiver<Vec<Event>> {
    let (tell, told) = mpsc::channel();
    thread::spawn(move || tell.send(events.by_ref().take(many).collect()));
    told
}

pub(crate) fn whoever_waits_for_an_event_is_woken_by_it(adapter: Adapter) {
    let world = World::new(adapter);
    let waiting: Vec<_> = (0..10).map(|_| waits_for(world.client().events(), 2)).collect();
    world.call().unwrap();
    world.sandbox.lose_sessions();
    world.call().unwrap();
    for told in waiting {
        let told = told.recv_timeout(STUCK).unwrap();
        assert!(
            matches!(
                told[..],
                [
                    Event::SignedIn { why: Why::First, .. },
                    Event::SignedIn { why: Why::Invalid, .. }
                ]
            ),
            "{told:?}"
        );
    }
}

pub(crate) fn events_are_a_stream_or_an_iterator_like_any_other(adapter: Adapter) {
    let world = World::new(adapter);
    world.call().unwrap();
    let heard = match adapter {
        Adapter::Async => {
            let mut events = world.client_async().events();
            let client = world.client_async().clone();
            world.runtime().block_on(async move {
                let next = poll_fn(|context| Stream::poll_next(Pin::new(&mut events), context));
                // Polled before anything happens, and again with what wakes it.
                let again = async {
                    client.sign_out().await.unwrap();
                    client.sign_in().await.unwrap();
                };
                tokio::join!(next, again).0
            })
        }
        Adapter::Blocking => {
            let events: Box<dyn Iterator<Item = Event> + Send> =
                Box::new(world.client_blocking().events());
            let waits = thread::spawn(move || events.take(1).last());
            world.sign_out().unwrap();
            world.sign_in().unwrap();
            waits.join().unwrap()
        }
    };
    assert!(matches!(heard, Some(Event::SignedIn { why: Why::SignedOut, .. })), "{heard:?}");
}

pub(crate) fn a_slow_listener_loses_the_oldest_and_is_told_how_many(adapter: Adapter) {
    let world = World::new(adapter);
    let mut slow = world.client().events();
    let mut quick = world.client().events();
    for _ in 0..MORE_THAN_KEPT {
        world.sandbox.lose_sessions();
        world.call().unwrap();
        assert_eq!(quick.heard().len(), 1);
    }
    let told = slow.heard();
    assert!(
        matches!(told[0], Event::Missed { events } if events == MORE_THAN_KEPT - KEPT),
        "{:?}",
        told[0]
    );
    assert_eq!(told.len() as u64, 1 + KEPT);
    assert!(told[1..].iter().all(|event| matches!(event, Event::SignedIn { .. })), "{told:?}");
    // What it was too slow for is told once.
    world.sandbox.lose_sessions();
    world.call().unwrap();
    assert_eq!(whys(&mut slow), [Why::Invalid]);
}

pub(crate) fn listeners_that_never_listen_hold_no_call_up(adapter: Adapter) {
    let world = World::with(adapter, |setup| setup.retry = Retry::NEVER);
    let deaf: Vec<_> = (0..200).map(|_| world.client().events()).collect();
    let waiting: Vec<_> = (0..10).map(|_| waits_for(world.client().events(), 1_000)).collect();
    for _ in 0..10 {
        world.sandbox.lose_sessions();
        // No clock moves: a call that had to wait for a listener would wait for ever.
        world.start(20, &Op::read()).join_all_ok();
    }
    assert_eq!(world.sign_ins(), 10);
    drop(deaf);
    drop(waiting);
}

pub(crate) fn events_end_with_the_last_client(adapter: Adapter) {
    let mut world = World::new(adapter);
    world.call().unwrap();
    let (tell, told) = mpsc::channel();
    let events = world.client().events();
    // It tells each event, and ends when they do.
    let listening = thread::spawn(move || events.for_each(|event| tell.send(event).unwrap()));
    let later = world.client().events();
    let clone = world.client().clone();
    world.call().unwrap();
    // While a clone is left, events go on.
    clone.run(&Op::SignOut).unwrap();
    clone.run(&Op::SignIn).unwrap();
    let heard = told.recv_timeout(STUCK).unwrap();
    assert!(matches!(heard, Event::SignedIn { why: Why::SignedOut, .. }), "{heard:?}");
    let of_clone = clone.events();
    drop(clone);
    world.sandbox.lose_sessions();
    world.call().unwrap();
    let heard = told.recv_timeout(STUCK).unwrap();
    assert!(matches!(heard, Event::SignedIn { why: Why::Invalid, .. }), "{heard:?}");
    world.drop_client();
    let end = told.recv_timeout(STUCK).unwrap_err();
    assert_eq!(end, mpsc::RecvTimeoutError::Disconnected);
    listening.join().unwrap();
    for mut events in [later, of_clone] {
        assert!(events.next().is_none());
        assert!(events.heard().is_empty());
    }
}

pub(crate) fn a_listener_keeps_no_client_alive(adapter: Adapter) {
    let mut world = World::with(adapter, |setup| setup.renewal = Renewal::Ahead);
    world.call().unwrap();
    let listeners: Vec<_> = (0..3).map(|_| world.client().events()).collect();
    let waiting = waits_for(world.client().events(), 1);
    world.drop_client();
    eventually("whoever waited has ended", || waiting.try_recv().is_ok());
    drop(listeners);
    assert!(!world.client_is_held());
}
