//! Both adapters answer to a script instead of a network, for tests of programs that use them.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test that cannot go on ends, and says what it covered"
)]

#[path = "scripted/bill.rs"]
mod bill;
#[path = "scripted/chance.rs"]
mod chance;
#[path = "scripted/schedules.rs"]
mod schedules;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bill_session_core::{
    Credentials, DevKey, Environment, Error, OrgId, Principal, TransportError,
};
use bytes::Bytes;
use http::{Request, Response};

fn credentials() -> Credentials {
    Credentials::new(
        Principal::password("demo@example.com", "demo-password").unwrap(),
        OrgId::new("00800000000000000001").unwrap(),
        DevKey::new("demo-dev-key").unwrap(),
    )
}

/// BILL in two lines: a session for a sign-in, and a vendor for anything else.
fn bill(request: &Request<Bytes>) -> Response<Bytes> {
    Response::new(Bytes::from_static(if request.uri().path() == "/api/v2/Login.json" {
        br#"{"response_status":0,"response_data":{"sessionId":"a-session"}}"#
    } else {
        assert!(request.body().windows(9).any(|part| part == b"a-session"));
        br#"{"response_status":0,"response_data":["a vendor"]}"#
    }))
}

fn lost() -> TransportError {
    TransportError::other(std::io::Error::from(std::io::ErrorKind::ConnectionReset))
}

#[test]
fn a_script_answers_the_blocking_adapter_without_a_socket() {
    let client = bill_blocking::Client::builder(Environment::Production, credentials())
        .scripted(|request| Ok(bill(&request)))
        .build();
    let vendors: Vec<String> = client.v2("List/Vendor", &()).send().unwrap();
    assert_eq!(vendors, ["a vendor"]);
}

#[tokio::test]
async fn a_script_answers_the_async_adapter_without_a_socket() {
    let client = bill_async::Client::builder(Environment::Production, credentials())
        .scripted(|request| async move { Ok(bill(&request)) })
        .build();
    let vendors: Vec<String> = client.v2("List/Vendor", &()).send().await.unwrap();
    assert_eq!(vendors, ["a vendor"]);
}

#[test]
fn an_answer_that_a_script_loses_leaves_the_outcome_unknown_and_is_not_sent_again() {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let client = bill_blocking::Client::builder(Environment::Stage, credentials())
        .scripted(move |request| match request.uri().path() {
            "/api/v2/Login.json" => Ok(bill(&request)),
            _ => {
                counted.fetch_add(1, Ordering::Relaxed);
                Err(lost())
            }
        })
        .build();
    let error = client.v2("Crud/Create/Bill", &()).send::<Vec<String>>().unwrap_err();
    assert!(matches!(error, Error::NoAnswer { .. }), "{error:?}");
    assert_eq!(calls.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn a_thousand_tasks_wait_for_a_slow_scripted_sign_in_in_no_time() {
    let sign_ins = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&sign_ins);
    let client = bill_async::Client::builder(Environment::Stage, credentials())
        .scripted(move |request| {
            let signs_in = request.uri().path() == "/api/v2/Login.json";
            counted.fetch_add(usize::from(signs_in), Ordering::Relaxed);
            async move {
                // The runtime's own time, which stands still and leaps from timer to timer.
                tokio::time::sleep(Duration::from_secs(if signs_in { 20 } else { 0 })).await;
                Ok(bill(&request))
            }
        })
        .build();
    let tasks: Vec<_> = (0..1_000)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { client.v2("List/Vendor", &()).send::<Vec<String>>().await })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.unwrap().unwrap(), ["a vendor"]);
    }
    assert_eq!(sign_ins.load(Ordering::Relaxed), 1);
}
