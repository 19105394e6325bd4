//! A caller that goes away in the middle leaves the session usable by the next one.
//!
//! How a caller can go away is each adapter's own: a future is dropped, a runtime ends or is left
//! alone; a thread panics, or overruns its deadline. So these stand outside the table.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Instant;

use bill_conformance::{Adapter, MILLISECOND, MINUTE, Op, SECOND, World, eventually};
use bill_session_core::{Error, Misuse, Phase, Renewal};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use tokio::runtime::{self, Runtime};
use tokio::time::{sleep, timeout};

/// A type that panics in the hands of whoever reads it.
#[derive(Debug)]
struct Explosive;

impl<'de> Deserialize<'de> for Explosive {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        panic!("this type always panics")
    }
}

fn current_thread() -> Runtime {
    runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

async fn read(client: bill_async::Client) -> Result<Value, Error> {
    client.v2("GetSessionInfo", &()).send().await
}

#[test]
fn a_sign_in_outlives_the_dropped_future_that_began_it() {
    let world = World::new(Adapter::Async);
    let answer = world.sandbox.hold("Login");
    let first = world.start(1, &Op::read());
    answer.wait_for(1).unwrap();
    let others = world.start(20, &Op::read());
    others.all_wait();
    first.drop_all();
    assert!(matches!(world.phase(), Phase::SigningIn { .. }));
    answer.release();
    others.join_all_ok();
    assert_eq!(world.sign_ins(), 1);
}

#[test]
fn dropped_futures_free_their_slots_and_their_places_in_line() {
    // A dropped call is over for the client at once, and for BILL when it notices.
    let world = World::with(Adapter::Async, |setup| {
        setup.sandbox = |sandbox| sandbox.concurrent_calls(None);
    });
    world.sign_in().unwrap();
    let held = world.sandbox.hold("GetSessionInfo");
    let in_flight = world.start(3, &Op::read());
    held.wait_for(3).unwrap();
    let in_line = world.start(20, &Op::read());
    in_line.all_wait();
    let last = world.start(1, &Op::call("CurrentTime", Value::Null));
    last.all_wait();
    in_line.drop_all();
    assert_eq!(last.ended(), 0);
    in_flight.drop_all();
    last.join_all_ok();
    assert_eq!((world.sign_ins(), world.stats().calls), (1, 4));
}

#[test]
fn callers_that_time_out_during_a_sign_in_leave_it_to_the_next() {
    let world = World::new(Adapter::Async);
    let answer = world.sandbox.hold("Login");
    // Ten impatient callers of a slow sign-in, one after the other: all of them give up, and a
    // sign-in that ended with its caller would be begun ten times. Their patience is real time,
    // which is tokio's own.
    for _ in 0..10 {
        let call = read(world.client_async().clone());
        let gave_up = world.runtime().block_on(async { timeout(20 * MILLISECOND, call).await });
        assert!(gave_up.is_err());
    }
    answer.release();
    world.call().unwrap();
    assert_eq!(world.sign_ins(), 1);
}

#[test]
fn a_panicking_deserialize_in_a_task_leaves_the_session_usable() {
    let world = World::new(Adapter::Async);
    // More often than there are slots.
    for _ in 0..5 {
        let client = world.client_async().clone();
        let task = world
            .runtime()
            .spawn(async move { client.v2("GetSessionInfo", &()).send::<Explosive>().await });
        assert!(world.runtime().block_on(task).unwrap_err().is_panic());
    }
    world.start(10, &Op::read()).join_all_ok();
    assert_eq!((world.sign_ins(), world.stats().calls), (1, 15));
}

#[test]
fn a_runtime_that_shuts_down_during_a_sign_in_passes_it_on_at_once() {
    let world = World::new(Adapter::Async);
    let ending = World::new_runtime();
    // It opens for the second sign-in only: the first is answered to nobody.
    let answers = world.sandbox.hold("Login").until(2);
    let lost = ending.spawn(read(world.client_async().clone()));
    answers.wait_for(1).unwrap();
    let waiting = world.start(20, &Op::read());
    waiting.all_wait();
    drop(ending);
    waiting.join_all_ok();
    assert!(world.runtime().block_on(lost).unwrap_err().is_cancelled());
    assert_eq!(world.sign_ins(), 2);
}

#[test]
fn a_runtime_left_alone_during_a_sign_in_holds_up_others_for_six_seconds_at_most() {
    // The one scenario in real time: what is to be seen is that nobody but the waiters' own timers
    // notices that a runtime has stopped, and five real seconds are what it takes.
    let world = World::with(Adapter::Async, |setup| setup.real_time = true);
    let alone = current_thread();
    let answers = world.sandbox.hold("Login").until(2);
    let first = alone.spawn(read(world.client_async().clone()));
    alone.block_on(answers.reached(1));
    let begun = Instant::now();
    // A busy machine is late for every timer; what it adds is not the client's doing.
    let control = world.runtime().spawn(async move {
        sleep(5 * SECOND).await;
        begun.elapsed().saturating_sub(5 * SECOND)
    });
    // From here on nobody drives that runtime, and it lives on.
    world.start(20, &Op::read()).join_all_ok();
    let late = world.runtime().block_on(control).unwrap();
    let held_up = begun.elapsed().saturating_sub(late);
    assert!(held_up < 6 * SECOND, "{held_up:?}");
    assert!(held_up > 3 * SECOND, "a slow sign-in is no silent one: {held_up:?}");
    assert_eq!(world.sign_ins(), 2);
    // Driven again, its own caller is served by the session that the others made.
    alone.block_on(first).unwrap().unwrap();
    assert_eq!(world.sign_ins(), 2);
}

#[test]
fn a_current_thread_runtime_is_enough() {
    let world = World::new(Adapter::Async);
    let runtime = current_thread();
    runtime.block_on(read(world.client_async().clone())).unwrap();
    drop(runtime);
    world.call().unwrap();
    assert_eq!(world.sign_ins(), 1);
}

#[test]
fn a_second_runtime_reuses_the_session_and_outlives_the_first() {
    let world = World::new(Adapter::Async);
    let first = World::new_runtime();
    let call = || read(world.client_async().clone());
    first.block_on(call()).unwrap();
    world.call().unwrap();
    first.block_on(call()).unwrap();
    drop(first);
    world.call().unwrap();
    assert_eq!(world.sessions_of("GetSessionInfo"), [1; 4]);
    assert_eq!(world.sign_ins(), 1);
}

#[test]
fn a_runtime_left_alone_does_not_take_the_connections_of_others_with_it() {
    let world = World::new(Adapter::Async);
    let alone = current_thread();
    alone.block_on(read(world.client_async().clone())).unwrap();
    // Its connection is open and idle, and whoever sent a call over it would hear nothing: nobody
    // drives it any more.
    world.start(10, &Op::read()).join_all_ok();
    assert_eq!((world.sign_ins(), world.stats().calls), (1, 11));
    drop(alone);
}

#[test]
fn a_runtime_left_alone_does_not_take_the_renewal_of_others_with_it() {
    let world = World::with(Adapter::Async, |setup| setup.renewal = Renewal::Ahead);
    let alone = current_thread();
    alone.block_on(read(world.client_async().clone())).unwrap();
    // The first renewal task is on a runtime that nobody drives any more.
    world.call().unwrap();
    world.advance(34 * MINUTE);
    eventually("the session is renewed", || world.sign_ins() == 2);
    drop(alone);
}

#[test]
fn a_future_that_nobody_polls_does_not_keep_its_slot() {
    let world = World::with(Adapter::Async, |setup| setup.max_in_flight = Some(1));
    world.sign_in().unwrap();
    let held = world.sandbox.hold("GetSessionInfo");
    let in_flight = world.start(1, &Op::read());
    held.wait_for(1).unwrap();
    // Like a branch of a `select!` that has been looked at once and is not looked at again.
    let entered = world.runtime().enter();
    let mut forgotten = pin!(read(world.client_async().clone()));
    let mut context = Context::from_waker(Waker::noop());
    assert!(forgotten.as_mut().poll(&mut context).is_pending());
    drop(entered);
    let behind = world.start(1, &Op::read());
    behind.all_wait();
    held.release();
    in_flight.join_all_ok();
    // It is its turn, and it does not take it: a quarter of a second later it is the next one's.
    world.advance(250 * MILLISECOND);
    behind.join_all_ok();
    assert_eq!(world.stats().calls, 2);
    world.runtime().block_on(forgotten).unwrap();
    assert_eq!((world.sign_ins(), world.stats().calls), (1, 3));
}

#[test]
fn without_a_runtime_there_is_a_typed_error_and_no_panic() {
    let world = World::new(Adapter::Async);
    let client = world.client_async().clone();
    let mut context = Context::from_waker(Waker::noop());
    let calls: [std::pin::Pin<Box<dyn Future<Output = Option<Error>>>>; 4] = [
        Box::pin(async { read(client.clone()).await.err() }),
        Box::pin(async { client.sign_in().await.err() }),
        Box::pin(async { client.lease().await.err() }),
        Box::pin(async { client.list("Vendor").all::<Value>().await.err() }),
    ];
    for mut call in calls {
        let Poll::Ready(Some(error)) = call.as_mut().poll(&mut context) else {
            panic!("it is not ready at once");
        };
        assert!(matches!(error, Error::Misuse(Misuse::NoRuntime)), "{error:?}");
    }
    // With a runtime it works, and nothing is left over of the calls that had none.
    world.call().unwrap();
    assert_eq!(world.operations(), ["Login", "GetSessionInfo"]);
}

#[test]
fn a_thread_that_panics_in_the_middle_of_its_call_leaves_the_session_usable() {
    let world = World::new(Adapter::Blocking);
    // More often than there are slots.
    for _ in 0..5 {
        let client = world.client_blocking().clone();
        let caller =
            thread::spawn(move || client.v2("GetSessionInfo", &()).send::<Explosive>().err());
        assert!(caller.join().is_err());
    }
    world.start(10, &Op::read()).join_all_ok();
    assert_eq!((world.sign_ins(), world.stats().calls), (1, 15));
}

#[test]
fn a_thread_that_signs_in_overruns_its_deadline_and_stores_the_session_for_the_others() {
    let world = World::new(Adapter::Blocking);
    let answer = world.sandbox.hold("Login");
    let first = world.start(1, &Op::read().within(10 * SECOND));
    answer.wait_for(1).unwrap();
    let impatient = world.start(5, &Op::read().within(10 * SECOND));
    let patient = world.start(5, &Op::read());
    impatient.all_wait();
    patient.all_wait();
    world.advance(10 * SECOND);
    for error in impatient.join_all_failed() {
        assert!(matches!(error, Error::Deadline { .. }), "{error:?}");
    }
    assert_eq!((first.ended(), patient.ended()), (0, 0));
    answer.release();
    patient.join_all_ok();
    let error = first.join_all_failed().remove(0);
    assert!(matches!(error, Error::Deadline { .. }), "{error:?}");
    world.call().unwrap();
    assert_eq!(world.sign_ins(), 1);
}
