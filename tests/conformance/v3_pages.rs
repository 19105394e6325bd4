//! v3's lists are followed by their cursors until there is none, one page at a time.

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::pin::Pin;

use bill_conformance::{Adapter, Client, MINUTE, Op, Recorder, World};
use bill_sandbox::{DEMO_ORG, Fault, FaultKind};
use bill_session_core::{Error, Misuse, SignInWith};
use futures_core::Stream;
use http::Method;
use serde_json::{Value, json};

const LIST: &str = "v3/List/vendors";

fn vendors(adapter: Adapter, vendors: usize) -> World {
    World::with(adapter, |setup| {
        setup.vendors = vendors;
        setup.sign_in_with = SignInWith::V3;
    })
}

fn list(max: usize) -> Op {
    Op::v3_list("/v3/vendors").query("max", max)
}

/// Reads the whole list, and asserts that no entry came twice.
fn read(world: &World, op: &Op) -> usize {
    let entries = world.run(op).unwrap();
    let entries = entries.as_array().unwrap();
    let ids: BTreeSet<_> = entries.iter().map(|entry| entry["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), entries.len());
    ids.len()
}

/// How a program can go through pages.
#[derive(Clone, Copy, PartialEq)]
enum Way {
    /// The stream's own `next`.
    Next,
    /// As any `Stream`.
    Stream,
    /// As an iterator.
    Iterator,
}

fn ways(adapter: Adapter) -> &'static [Way] {
    match adapter {
        Adapter::Async => &[Way::Next, Way::Stream],
        Adapter::Blocking => &[Way::Iterator],
    }
}

/// Goes through the pages of a list, with something to be done between them, until it ends; then
/// asks twice more.
fn page_by_page(
    world: &World,
    way: Way,
    max: usize,
    mut between: impl FnMut(),
) -> Vec<Result<usize, Error>> {
    let mut pages = Vec::new();
    let mut after = 0;
    let mut take = |page: Option<Result<Vec<Value>, Error>>| {
        match page {
            Some(page) => {
                assert_eq!(after, 0, "there is nothing after the end");
                pages.push(page.map(|entries| entries.len()));
                between();
            }
            None => after += 1,
        }
        after < 3
    };
    match world.client() {
        Client::Async(client, runtime) => {
            let list = client.v3(Method::GET, "/v3/vendors").query("max", max);
            let mut list = list.pages::<Value>();
            let mut next = || match way {
                Way::Stream => runtime
                    .block_on(poll_fn(|context| Stream::poll_next(Pin::new(&mut list), context))),
                _ => runtime.block_on(list.next()),
            };
            while take(next()) {}
        }
        Client::Blocking(client) => {
            let list = client.v3(Method::GET, "/v3/vendors").query("max", max);
            let mut list = list.pages::<Value>();
            while take(list.next()) {}
        }
    }
    pages
}

fn entries(pages: &[Result<usize, Error>]) -> Vec<usize> {
    pages.iter().map(|page| *page.as_ref().unwrap()).collect()
}

pub(crate) fn a_list_is_read_cursor_by_cursor(adapter: Adapter) {
    for way in ways(adapter) {
        let world = vendors(adapter, 250);
        let pages = page_by_page(&world, *way, 100, || {});
        assert_eq!(entries(&pages), [100, 100, 50]);
        assert_eq!(world.sessions_of(LIST), [1; 3]);
    }
    let world = vendors(adapter, 250);
    assert_eq!(read(&world, &list(7)), 250);
    assert_eq!(world.sessions_of(LIST).len(), 36);
    assert_eq!((world.sign_ins(), world.stats().rejected.len()), (1, 0));
}

pub(crate) fn the_last_page_is_the_one_without_a_cursor_however_full(adapter: Adapter) {
    let world = vendors(adapter, 40);
    let pages = page_by_page(&world, ways(adapter)[0], 20, || {});
    assert_eq!(entries(&pages), [20, 20]);
    // BILL's own page size, when none is asked for.
    assert_eq!(read(&world, &Op::v3_list("/v3/vendors")), 40);
    assert_eq!(world.sessions_of(LIST).len(), 4);
    let nobody = vendors(adapter, 0);
    assert_eq!(entries(&page_by_page(&nobody, ways(adapter)[0], 20, || {})), [0]);
    assert_eq!(nobody.sessions_of(LIST), [1]);
}

pub(crate) fn an_empty_page_with_a_cursor_goes_on(adapter: Adapter) {
    for way in ways(adapter) {
        let world = vendors(adapter, 30);
        world.sandbox.fault(Fault::new(FaultKind::EmptyPage).on(LIST));
        world.sandbox.fault(Fault::new(FaultKind::EmptyPage).on(LIST).after(2).times(2));
        let pages = page_by_page(&world, *way, 10, || {});
        assert_eq!(entries(&pages), [0, 10, 0, 0, 10, 10]);
    }
    let world = vendors(adapter, 30);
    world.sandbox.fault(Fault::new(FaultKind::EmptyPage).on(LIST).times(3));
    assert_eq!(read(&world, &list(10)), 30);
    assert_eq!(world.sessions_of(LIST).len(), 6);
}

pub(crate) fn a_cursor_that_comes_again_is_an_error(adapter: Adapter) {
    for way in ways(adapter) {
        let world = vendors(adapter, 50);
        // The third page names the cursor that has led to it.
        world.sandbox.fault(Fault::new(FaultKind::RepeatCursor).on(LIST).after(2));
        let mut pages = page_by_page(&world, *way, 10, || {});
        let error = pages.pop().unwrap().unwrap_err();
        assert!(matches!(error, Error::CursorRepeated { .. }), "{error:?}");
        assert!(error.to_string().contains("GET /v3/vendors"), "{error}");
        assert_eq!(entries(&pages), [10, 10]);
        assert_eq!(world.sessions_of(LIST).len(), 3);
    }
    // Without end, it does not go on without end.
    let world = vendors(adapter, 50);
    world.sandbox.fault(Fault::new(FaultKind::RepeatCursor).on(LIST).always());
    let error = world.run(&list(10)).unwrap_err();
    assert!(matches!(error, Error::CursorRepeated { .. }), "{error:?}");
    assert_eq!(world.sessions_of(LIST).len(), 2);
}

pub(crate) fn a_cursor_of_two_pages_ago_is_an_error_too(adapter: Adapter) {
    let page = |next: &str| (200, json!({"results": [1], "nextPage": next}).to_string());
    let sign_in = json!({"organizationId": DEMO_ORG, "sessionId": "s"}).to_string();
    let recorder = Recorder::start([(200, sign_in), page("a"), page("b"), page("a")]);
    let world = World::with(adapter, |setup| {
        setup.origin = Some(recorder.origin());
        setup.sign_in_with = SignInWith::V3;
    });
    let error = world.run(&list(1)).unwrap_err();
    assert!(matches!(error, Error::CursorRepeated { .. }), "{error:?}");
    assert_eq!(recorder.requests().len(), 4);
}

pub(crate) fn a_v3_list_whose_session_is_lost_in_the_middle_goes_on(adapter: Adapter) {
    for way in ways(adapter) {
        let world = vendors(adapter, 50);
        world.sandbox.fault(Fault::new(FaultKind::LoseSession).on(LIST).after(2));
        let pages = page_by_page(&world, *way, 10, || {});
        assert_eq!(entries(&pages), [10; 5]);
        assert_eq!(world.sessions_of(LIST), [1, 1, 1, 2, 2, 2]);
        assert_eq!((world.sign_ins(), world.rejected("BDC_1109")), (2, 1));
    }
    let world = vendors(adapter, 50);
    world.sandbox.fault(Fault::new(FaultKind::LoseSession).on(LIST).after(2));
    assert_eq!(read(&world, &list(10)), 50);
}

pub(crate) fn a_v3_list_that_outlives_its_session_between_pages_goes_on(adapter: Adapter) {
    for way in ways(adapter) {
        let world = vendors(adapter, 30);
        let pages = page_by_page(&world, *way, 10, || world.advance(34 * MINUTE));
        assert_eq!(entries(&pages), [10; 3]);
        assert_eq!(world.sessions_of(LIST), [1, 2, 3]);
        assert_eq!(world.rejected("BDC_1109"), 0);
    }
}

pub(crate) fn a_v3_list_ends_at_its_first_error(adapter: Adapter) {
    let errors = [
        FaultKind::code("BDC_1361"),
        FaultKind::Html { status: 502 },
        FaultKind::TornJson,
        FaultKind::Body {
            status: 200,
            content_type: "application/json".to_owned(),
            body: r#"{"nextPage":"x"}"#.to_owned(),
        },
    ];
    for kind in errors {
        for way in ways(adapter) {
            let world = vendors(adapter, 50);
            world.sandbox.fault(Fault::new(kind.clone()).on(LIST).after(1));
            let mut pages = page_by_page(&world, *way, 10, || {});
            pages.pop().unwrap().unwrap_err();
            assert_eq!(entries(&pages), [10]);
            assert_eq!(world.sessions_of(LIST), [1, 1], "{kind:?}");
        }
    }
}

pub(crate) fn every_page_has_the_queries_of_the_first_and_its_cursor_encoded(adapter: Adapter) {
    let sign_in = json!({"organizationId": DEMO_ORG, "sessionId": "s"}).to_string();
    let page = |next: Value| (200, json!({"results": [1], "nextPage": next}).to_string());
    let answers = [(200, sign_in), page("a+b/c= &é".into()), page("d".into()), page("".into())];
    let recorder = Recorder::start(answers);
    let world = World::with(adapter, |setup| {
        setup.origin = Some(recorder.origin());
        setup.sign_in_with = SignInWith::V3;
    });
    // A cursor of the program's own begins the list, and gives way to those of its pages.
    let op = list(1).query("filters", "name:eq:x").query("page", "first");
    assert_eq!(world.run(&op).unwrap(), json!([1, 1, 1]));
    let lines: Vec<_> = recorder.requests().into_iter().map(|request| request.line).collect();
    let line = |page: &str| {
        format!("GET /connect/v3/vendors?max=1&filters=name%3Aeq%3Ax&page={page} HTTP/1.1")
    };
    assert_eq!(lines[1..], [line("first"), line("a%2Bb%2Fc%3D+%26%C3%A9"), line("d")]);
}

pub(crate) fn only_what_is_read_comes_in_pages(adapter: Adapter) {
    let world = vendors(adapter, 3);
    for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
        let error = match world.client() {
            Client::Async(client, runtime) => {
                runtime.block_on(client.v3(method, "/v3/vendors").all::<Value>())
            }
            Client::Blocking(client) => client.v3(method, "/v3/vendors").all::<Value>(),
        }
        .unwrap_err();
        assert!(matches!(error, Error::Misuse(Misuse::PagesOfGet)), "{error:?}");
    }
    assert_eq!(world.operations(), [""; 0]);
}

pub(crate) fn pages_that_are_dropped_ask_for_nothing_more(adapter: Adapter) {
    let world = vendors(adapter, 30);
    match world.client() {
        Client::Async(client, runtime) => {
            let mut pages = client.v3(Method::GET, "/v3/vendors").query("max", 10).pages::<Value>();
            // A page whose reading was given up in the middle is read on, and not asked for again.
            let held = world.sandbox.hold(LIST);
            runtime.block_on(async {
                tokio::select! {
                    biased;
                    page = pages.next() => panic!("{page:?}"),
                    () = async { while world.stats().in_flight == 0 || world.sessions_of(LIST).is_empty() {
                        tokio::task::yield_now().await;
                    } } => {}
                }
            });
            held.release();
            let page = runtime.block_on(pages.next()).unwrap().unwrap();
            assert_eq!(page.len(), 10);
            assert_eq!(world.sessions_of(LIST), [1]);
        }
        Client::Blocking(client) => {
            let mut pages = client.v3(Method::GET, "/v3/vendors").query("max", 10).pages::<Value>();
            assert_eq!(pages.next().unwrap().unwrap().len(), 10);
        }
    }
    world.run(&Op::get("/v3/login/session")).unwrap();
    assert_eq!(world.operations(), ["v3/Login", LIST, "v3/GetSession"]);
}
