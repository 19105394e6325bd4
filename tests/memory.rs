//! What is left of a secret in this process's memory once nobody holds it any more.
//!
//! Every byte that a process could have written to is read from `/proc/self/mem`, before and after the
//! last client goes, freed memory and buffers of libraries included. The channel proves itself first:
//! what is planted there is found.

#![cfg(target_os = "linux")]
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test fails by panicking, and says what it found"
)]

#[expect(dead_code, reason = "the forms alone are used here")]
#[path = "secrets/canary.rs"]
mod canary;
#[path = "memory/child.rs"]
mod child;
#[path = "memory/needle.rs"]
mod needle;
#[path = "memory/own.rs"]
mod own;
#[path = "memory/script.rs"]
mod script;
#[path = "memory/server.rs"]
mod server;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use bill_session_core::{
    Account, Call, Credentials, KeyLimits, Outcome, Session, Settings, SignInWith, Step,
};
use bytes::Bytes;
use child::{Child, Secrets, in_a_child};
use http::{Method, Request, Response};
use needle::Found;
use script::{answer, uses_every_secret};
use serde::de::IgnoredAny;
use server::Server;
use zeroize::Zeroize;

/// Runs `inside` in a child without a server.
fn alone(test: &str, inside: impl FnOnce(&Arc<Child>)) {
    in_a_child(test, |_| (String::new(), ()), |()| Vec::new(), inside);
}

fn assert_nothing_is_left(left: &Found) {
    assert!(left.is_empty(), "left in memory: {left:#?}");
}

/// BILL's answer by the script.
fn answered(child: &Child, request: &Request<Bytes>, number: usize) -> Response<Bytes> {
    let (status, template) = answer(request.uri().path(), number);
    let answer = Response::builder().status(status).header("content-type", "application/json");
    answer.body(child.answer(&template)).unwrap()
}

#[test]
fn what_is_held_or_was_freed_is_found_and_what_was_wiped_is_not() {
    alone("what_is_held_or_was_freed_is_found_and_what_was_wiped_is_not", |child| {
        assert_nothing_is_left(&child.found());
        let mut held = child.secret("planted");
        let as_it_is = |found: Found| found.get("planted, as it is").copied().unwrap_or_default();
        assert_eq!(as_it_is(child.found()), held.len() / 16);
        held.zeroize();
        assert_nothing_is_left(&child.found());
        // On the stack, in a buffer that is wiped and in one that is freed as it is.
        let mut on_the_stack = [0_u8; 75];
        let mut first = child.secret("device");
        on_the_stack.copy_from_slice(first.as_bytes());
        first.zeroize();
        let found = child.found();
        assert_eq!(found["device, as it is"], std::hint::black_box(&on_the_stack).len() / 16);
        on_the_stack.zeroize();
        assert_nothing_is_left(&child.found());
        drop(child.secret("planted"));
        assert!(as_it_is(child.found()) > 0);
        // In each of its forms.
        let other = child.secret("token");
        let forms = canary::forms(&other);
        let found = child.found();
        for form in ["percent", "JSON", "escaped", "base64", "hex", "bytes"] {
            assert!(found.contains_key(&format!("token, {form}")), "{form}: {found:?}");
        }
        drop(forms);
    });
}

/// One operation of the core alone.
fn run(session: &mut Session<()>, call: Call, child: &Child, number: &mut usize) {
    let now = Instant::now();
    let mut call = call;
    loop {
        let (step, _wake) = call.step(session, || (), now);
        let this = *number;
        *number += usize::from(matches!(step, Step::SignIn(..) | Step::Exchange(_)));
        call = match step {
            Step::SignIn(sign_in, call, _) => {
                let answer = answered(child, &sign_in.request(), this);
                let _ended = sign_in.read(Ok(answer)).settle(session, now);
                call
            }
            Step::Exchange(in_flight) => {
                let answer = answered(child, &in_flight.request(), this);
                let heard = in_flight.read::<IgnoredAny>(Ok(answer));
                match heard.settle(session, now).0 {
                    Outcome::Again(call) => call,
                    Outcome::Done(_) | Outcome::Mfa(_) | Outcome::Failed(_) => return,
                }
            }
            Step::Ready(_) | Step::Done => return,
            Step::Wait(..) | Step::Refuse(_) => panic!("it goes on"),
        };
    }
}

#[test]
fn the_core_leaves_no_secret_behind() {
    alone("the_core_leaves_no_secret_behind", |child| {
        let now = Instant::now();
        let account = |credentials: Credentials, api| {
            let key = Arc::new(KeyLimits::new(now));
            let account = Account::new(child.environment(), credentials, key).sign_in_with(api);
            let account = Arc::new(account);
            (Arc::clone(&account), Session::<()>::new(account, Settings::default(), now))
        };
        let mut number = 0;
        let (v2, mut first) = account(child.credentials(child.user()), SignInWith::V2);
        run(&mut first, v2.v2("GetSessionInfo", &()).unwrap(), child, &mut number);
        run(&mut first, v2.v2("GetSessionInfo", &()).unwrap(), child, &mut number);
        v2.replace_principal(child.token());
        run(&mut first, Call::sign_in(), child, &mut number);
        let principal = child.console().remembered(child.device());
        let (v3, mut second) = account(child.credentials(principal), SignInWith::V3);
        let call = v3.v3(Method::GET, "/v3/vendors").call(&v3).unwrap();
        run(&mut second, call, child, &mut number);
        let (partner, mut third) = account(child.partner(), SignInWith::V3);
        let call = partner.v3(Method::GET, "/v3/organizations").call(&partner).unwrap();
        run(&mut third, call, child, &mut number);
        let during = child.found();
        for secret in ["user", "password", "key", "session", "second session", "token", "device"] {
            assert!(during.contains_key(&format!("{secret}, as it is")), "{secret}: {during:?}");
        }
        let (logout, _wake) = first.sign_out(now);
        run(&mut first, logout.unwrap(), child, &mut number);
        drop((v2, first, v3, second, partner, third));
        assert_nothing_is_left(&child.found());
    });
}

/// What answers the requests of one client.
fn script(child: &Arc<Child>) -> impl Fn(Request<Bytes>) -> Response<Bytes> + use<> {
    let (child, number) = (Arc::clone(child), AtomicUsize::new(0));
    move |request| answered(&child, &request, number.fetch_add(1, Ordering::Relaxed))
}

#[test]
fn the_blocking_adapter_leaves_no_secret_behind() {
    alone("the_blocking_adapter_leaves_no_secret_behind", |child| {
        let client = |credentials, api| {
            let script = script(child);
            bill_blocking::Client::builder(child.environment(), credentials)
                .sign_in_with(api)
                .scripted(move |request| Ok(script(request)))
                .build()
        };
        uses_every_secret!(child, client, []);
        assert_nothing_is_left(&child.found());
    });
}

#[test]
fn the_async_adapter_leaves_no_secret_behind() {
    alone("the_async_adapter_leaves_no_secret_behind", |child| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let client = |credentials, api| {
            let script = script(child);
            bill_async::Client::builder(child.environment(), credentials)
                .sign_in_with(api)
                .scripted(move |request| std::future::ready(Ok(script(request))))
                .build()
        };
        runtime.block_on(async { uses_every_secret!(child, client, [.await]) });
        drop(runtime);
        assert_nothing_is_left(&child.found());
    });
}

/// Runs `inside` in a child, with a server in this process, over TCP or TLS, that it trusts.
fn with_a_server(test: &str, tls: bool, inside: impl FnOnce(&Arc<Child>)) {
    let serve = |secrets: &Secrets| {
        let server = Server::start(secrets.clone(), tls);
        (server.origin(), server)
    };
    in_a_child(test, serve, Server::variables, inside);
}

/// What a secret is never sent as is nobody's but ours, and gone; what the libraries have sent and
/// received is theirs, and is told.
fn assert_only_what_travelled_is_left(test: &str, left: &Found) {
    println!("memory: {test}: {left:?}");
    for of_ours in ["user", "password", "token name", "token", "console token", "code"] {
        // v2 sends them percent-encoded, v3 escaped as JSON.
        assert!(!left.contains_key(&format!("{of_ours}, as it is")), "{of_ours}: {left:#?}");
    }
    for never in ["base64", "hex", "bytes", "escaped"] {
        assert!(left.keys().all(|name| !name.ends_with(never)), "{never}: {left:#?}");
    }
}

fn blocking_over_http(test: &str, tls: bool) {
    with_a_server(test, tls, |child| {
        let client = |credentials, api| {
            bill_blocking::Client::builder(child.environment(), credentials)
                .sign_in_with(api)
                .build()
        };
        uses_every_secret!(child, client, []);
        assert_only_what_travelled_is_left(test, &child.found());
    });
}

fn async_over_http(test: &str, tls: bool) {
    with_a_server(test, tls, |child| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let client = |credentials, api| {
            bill_async::Client::builder(child.environment(), credentials).sign_in_with(api).build()
        };
        runtime.block_on(async { uses_every_secret!(child, client, [.await]) });
        drop(runtime);
        assert_only_what_travelled_is_left(test, &child.found());
    });
}

#[test]
fn over_http_the_blocking_adapter_leaves_what_ureq_sent_and_nothing_else() {
    blocking_over_http(
        "over_http_the_blocking_adapter_leaves_what_ureq_sent_and_nothing_else",
        false,
    );
}

#[test]
fn over_tls_the_blocking_adapter_leaves_what_ureq_sent_and_nothing_else() {
    blocking_over_http(
        "over_tls_the_blocking_adapter_leaves_what_ureq_sent_and_nothing_else",
        true,
    );
}

#[test]
fn over_http_the_async_adapter_leaves_what_reqwest_sent_and_nothing_else() {
    async_over_http("over_http_the_async_adapter_leaves_what_reqwest_sent_and_nothing_else", false);
}

#[test]
fn over_tls_the_async_adapter_leaves_what_reqwest_sent_and_nothing_else() {
    async_over_http("over_tls_the_async_adapter_leaves_what_reqwest_sent_and_nothing_else", true);
}
