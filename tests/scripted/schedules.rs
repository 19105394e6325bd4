//! What holds in whatever order the tasks that share a session are polled: the scenarios of the
//! blocking adapter's schedules, over the async adapter.

use std::time::Duration;

use bill_async::Client;
use bill_session_core::{Error, Event, Renewal};
use serde::de::IgnoredAny;

use crate::bill::Bill;
use crate::chance::{Chance, Met, Shuffled, explore};

const SECOND: Duration = Duration::from_secs(1);

async fn call(client: Client) -> Result<(), Error> {
    client.v2("GetSessionInfo", &()).send::<IgnoredAny>().await.map(drop)
}

/// So many tasks that each make one call.
fn callers(number: usize, chance: &Chance, client: &Client) -> Shuffled<Result<(), Error>> {
    (0..number).fold(Shuffled::new(chance), |all, _| all.and(call(client.clone())))
}

fn all_are_answered(answers: Vec<Option<Result<(), Error>>>) {
    for answer in answers.into_iter().flatten() {
        answer.unwrap();
    }
}

/// Whoever has ended has given back its slot and its place in line.
fn assert_nobody_is_left(client: &Client) {
    let status = client.session();
    assert_eq!((status.in_flight, status.waiting), (0, 0), "{status:?}");
}

#[test]
fn in_any_order_several_tasks_without_a_session_make_one_sign_in() {
    explore("one sign-in", &[], async |chance| {
        let bill = Bill::new(&chance);
        let client = bill.client().build();
        all_are_answered(callers(4, &chance, &client).await);
        assert_eq!((bill.seen().sign_ins, bill.seen().calls), (1, 4));
        assert_nobody_is_left(&client);
    });
}

#[test]
fn in_any_order_no_more_than_three_of_five_calls_are_in_flight() {
    static ALL_THREE: Met = Met::new();
    explore("three slots", &[("three are in flight", &ALL_THREE)], async |chance| {
        let bill = Bill::new(&chance);
        let client = bill.client().build();
        all_are_answered(callers(5, &chance, &client).await);
        let seen = bill.seen();
        assert!(seen.most_in_flight <= 3);
        ALL_THREE.when(seen.most_in_flight == 3);
        assert_eq!((seen.sign_ins, seen.calls), (1, 5));
        assert_nobody_is_left(&client);
    });
}

#[test]
fn in_any_order_callers_that_are_dropped_pass_their_slot_on() {
    static DROPPED: Met = Met::new();
    explore("callers that go away", &[("one was dropped", &DROPPED)], async |chance| {
        let bill = Bill::new(&chance);
        let client = bill.client().max_in_flight(1).build();
        let mut all = callers(3, &chance, &client);
        for _ in 0..3 {
            all = all.and_impatient(chance.below(6), call(client.clone()));
        }
        let answers = all.await;
        DROPPED.when(answers.iter().any(Option::is_none));
        all_are_answered(answers);
        assert_eq!((bill.seen().sign_ins, bill.seen().most_in_flight), (1, 1));
        assert_nobody_is_left(&client);
    });
}

#[test]
fn in_any_order_callers_whose_deadline_passes_are_told_and_pass_their_slot_on() {
    static TOLD: Met = Met::new();
    static SERVED: Met = Met::new();
    let met = [("the deadline came first", &TOLD), ("the answer came first", &SERVED)];
    explore("deadlines", &met, async |chance| {
        let bill = Bill::new(&chance);
        let client = bill.client().max_in_flight(1).build();
        let hasty = |client: Client, within: Duration| async move {
            let hasty = client.v2("GetSessionInfo", &()).deadline(within);
            hasty.send::<IgnoredAny>().await.map(drop)
        };
        let mut all = callers(2, &chance, &client);
        for _ in 0..2 {
            let within = Duration::from_millis(chance.below(200) as u64);
            all = all.and(hasty(client.clone(), within));
        }
        let mut answers = all.await;
        for answer in answers.drain(2..).flatten() {
            assert!(matches!(answer, Ok(()) | Err(Error::Deadline { .. })), "{answer:?}");
            (if answer.is_ok() { &SERVED } else { &TOLD }).when(true);
        }
        all_are_answered(answers);
        assert_nobody_is_left(&client);
    });
}

#[test]
fn in_any_order_a_late_refusal_spares_the_fresh_session() {
    static LATE: Met = Met::new();
    explore("late refusals", &[("a refusal was late", &LATE)], async |chance| {
        let bill = Bill::new(&chance);
        let client = bill.client().build();
        call(client.clone()).await.unwrap();
        let twice = |client: Client| async move {
            call(client.clone()).await?;
            call(client).await
        };
        let mut all = Shuffled::new(&chance);
        for _ in 0..3 {
            all = all.and(twice(client.clone()));
        }
        let loses = bill.clone();
        all = all.and(async move {
            loses.pass().await;
            loses.lose_sessions();
            Ok(())
        });
        all_are_answered(all.await);
        let seen = bill.seen();
        assert!(seen.sign_ins <= 2, "{} sign-ins", seen.sign_ins);
        assert_eq!(seen.calls, 7);
        LATE.when(seen.late_refusals > 0);
        assert_nobody_is_left(&client);
    });
}

#[test]
fn in_any_order_a_sign_out_beside_calls_ends_them_and_leaves_no_session_behind() {
    static ENDED: Met = Met::new();
    explore("sign-out", &[("a call was ended", &ENDED)], async |chance| {
        let bill = Bill::new(&chance);
        let client = bill.client().build();
        let (leaves, passes) = (client.clone(), bill.clone());
        let signs_out = async move {
            passes.pass().await;
            leaves.sign_out().await.unwrap();
            Ok(())
        };
        let answers = callers(4, &chance, &client).and(signs_out).await;
        for answer in answers.iter().flatten() {
            assert!(matches!(answer, Ok(()) | Err(Error::SignedOut { .. })), "{answer:?}");
        }
        ENDED.when(answers.iter().flatten().any(Result::is_err));
        // What was begun afterwards has signed in anew; every other session is logged out.
        call(client.clone()).await.unwrap();
        client.sign_out().await.unwrap();
        // One that was under way at the first sign-out is logged out by itself.
        tokio::time::sleep(SECOND).await;
        let seen = bill.seen();
        assert!(seen.live.is_empty(), "{:?} are left", seen.live);
        assert_eq!(seen.sign_ins, seen.logouts);
        assert_nobody_is_left(&client);
    });
}

#[test]
fn in_any_order_the_last_clients_drop_ends_the_renewal_task_and_its_listeners() {
    static RENEWED: Met = Met::new();
    static NOT_RENEWED: Met = Met::new();
    let met = [("the session was renewed", &RENEWED), ("it was not", &NOT_RENEWED)];
    // That no task is left is checked after each scenario.
    explore("the last client", &met, async |chance| {
        let bill = Bill::new(&chance);
        let client = bill.client().renewal(Renewal::Ahead).build();
        let mut events = client.events();
        let listens = async move {
            let mut heard: Vec<Event> = Vec::new();
            while let Some(event) = events.next().await {
                heard.push(event);
            }
            assert!(!heard.is_empty());
            Ok(())
        };
        let stays = |client: Client, for_long: Duration| async move {
            call(client.clone()).await?;
            tokio::time::sleep(for_long).await;
            Ok(())
        };
        let mut all = Shuffled::new(&chance).and(listens);
        for _ in 0..2 {
            // Before, and after, it is renewed; or about when it is.
            let minutes = [1, 34, 40][chance.below(3)];
            all = all.and(stays(client.clone(), minutes * 60 * SECOND));
        }
        drop(client);
        all_are_answered(all.await);
        RENEWED.when(bill.seen().sign_ins > 1);
        NOT_RENEWED.when(bill.seen().sign_ins == 1);
    });
}
