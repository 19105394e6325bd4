//! What one organisation's clients have begun ends with the last of them, and begins again with the
//! next; its session outlives them, as long as another organisation's client is left.

use std::sync::mpsc;
use std::thread;

use bill_conformance::{Adapter, Client, MINUTE, Op, STUCK, World, eventually};
use bill_sandbox::DEMO_OTHER_ORG;
use bill_session_core::{Event, Phase, Renewal, Why};

fn other(world: &World) -> Client {
    world.client().for_organization(DEMO_OTHER_ORG).unwrap()
}

pub(crate) fn an_organisations_events_end_with_its_last_client(adapter: Adapter) {
    let world = World::new(adapter);
    let client = other(&world);
    let (events, mut later) = (client.events(), client.events());
    let mut of_the_first = world.client().events();
    let (tell, told) = mpsc::channel();
    let listening = thread::spawn(move || events.for_each(|event| tell.send(event).unwrap()));
    // While a clone is left, or was asked for anew, events go on.
    let (clone, again) = (client.clone(), other(&world));
    drop(client);
    clone.run(&Op::SignIn).unwrap();
    drop(clone);
    let heard = told.recv_timeout(STUCK).unwrap();
    assert!(matches!(heard, Event::SignedIn { why: Why::First, .. }), "{heard:?}");
    again.run(&Op::SignOut).unwrap();
    again.run(&Op::SignIn).unwrap();
    let heard = told.recv_timeout(STUCK).unwrap();
    assert!(matches!(heard, Event::SignedIn { why: Why::SignedOut, .. }), "{heard:?}");
    drop(again);
    let end = told.recv_timeout(STUCK).unwrap_err();
    assert_eq!(end, mpsc::RecvTimeoutError::Disconnected);
    listening.join().unwrap();
    assert!(later.next().is_none());
    // Those that are asked for later hear again, and those of other organisations all the while.
    let client = other(&world);
    let mut events = client.events();
    world.sandbox.lose_sessions();
    client.run(&Op::read()).unwrap();
    assert_eq!(events.kinds(), ["SignedIn"]);
    assert!(later.next().is_none());
    world.call().unwrap();
    assert_eq!(of_the_first.kinds(), ["SignedIn"]);
}

pub(crate) fn an_organisation_without_a_client_keeps_its_session(adapter: Adapter) {
    let world = World::new(adapter);
    for _ in 0..3 {
        other(&world).run(&Op::read()).unwrap();
    }
    assert_eq!((world.sign_ins(), world.stats().calls), (1, 3));
    let phase = other(&world).phase();
    assert!(matches!(phase, Phase::SignedIn { .. }), "{phase:?}");
    // New credentials reach it all the same.
    world.client().replace_credentials(World::user());
    let phase = other(&world).phase();
    assert!(matches!(phase, Phase::SignedOut), "{phase:?}");
}

pub(crate) fn an_organisations_renewals_stop_with_its_last_client(adapter: Adapter) {
    let world = World::with(adapter, |setup| setup.renewal = Renewal::Ahead);
    let client = other(&world);
    client.run(&Op::SignIn).unwrap();
    eventually("the renewal has begun", || renewals(&world) > 0);
    let begun = renewals(&world);
    drop(client);
    eventually("the renewal is gone", || renewals(&world) < begun);
    world.advance(34 * MINUTE);
    world.call().unwrap();
    let again = other(&world);
    assert!(!matches!(again.phase(), Phase::SignedIn { .. }), "{:?}", again.phase());
    assert_eq!(world.sign_ins(), 2);
    // The next one's begin anew.
    again.run(&Op::SignIn).unwrap();
    assert_eq!(world.sign_ins(), 3);
    world.advance(34 * MINUTE);
    eventually("both sessions are renewed", || {
        let signed_in = |client: &Client| matches!(client.phase(), Phase::SignedIn { .. });
        world.sign_ins() == 5 && signed_in(world.client()) && signed_in(&again)
    });
}

/// How many renewals there are; in the async adapter, with the tasks that drive connections.
fn renewals(world: &World) -> usize {
    match world.adapter {
        Adapter::Async => world.runtime().metrics().num_alive_tasks(),
        Adapter::Blocking => world.clock.renewal_threads(),
    }
}
