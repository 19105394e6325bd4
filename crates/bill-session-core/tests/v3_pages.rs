//! A v3 list ends where no next page is named, and nowhere else.
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
    Account, Call, Error, Misuse, Outcome, Page, Retry, SignInWith, Step, V3Pages, V3Request,
};
use bytes::Bytes;
use http::{Method, Response};
use serde_json::json;
use support::{World, body, json_answer, page, settings, silence, v3_refusal};

fn vendors(account: &Account) -> V3Request {
    account.v3(Method::GET, "/v3/vendors")
}

/// A page with these entries, and the cursor of the next.
fn a_page(results: &[u32], next: Option<&str>) -> Response<Bytes> {
    json_answer(&match next {
        Some(next) => json!({"results": results, "nextPage": next}),
        None => json!({"results": results}),
    })
}

/// The pairs of a query.
struct Query(Vec<(String, String)>);

/// Reads a page of a list; the call's query, and what came of it.
fn read(
    world: &mut World,
    pages: &mut V3Pages,
    answer: Response<Bytes>,
) -> (Query, Result<Vec<u32>, Error>) {
    let account = Arc::clone(world.session.account());
    let call = pages.next_page(&account).unwrap().expect("a page to be read");
    let in_flight = world.send(call);
    let request = in_flight.request();
    assert_eq!(request.method(), Method::GET);
    assert_eq!(request.uri().path(), "/connect/v3/vendors");
    let query = request.uri().query().unwrap_or_default();
    let query = Query(form_urlencoded::parse(query.as_bytes()).into_owned().collect());
    let (outcome, wake) =
        in_flight.read::<Page<u32>>(Ok(answer)).settle(&mut world.session, world.now);
    world.heed(wake);
    let Outcome::Done(page) = outcome else { panic!("{outcome:?}") };
    (query, pages.page_read(page))
}

fn ended(world: &World, pages: &V3Pages) -> bool {
    pages.next_page(world.session.account()).unwrap().is_none()
}

/// The cursor that a query asks for.
fn cursor(Query(query): &Query) -> Option<&str> {
    let mut cursors = query.iter().filter(|(key, _)| key == "page");
    let cursor = cursors.next().map(|(_, value)| value.as_str());
    assert!(cursors.next().is_none(), "one cursor at most: {query:?}");
    cursor
}

#[test]
fn each_page_is_asked_for_with_the_cursor_of_the_page_before() {
    for api in [SignInWith::V2, SignInWith::V3] {
        let mut world = World::signed_in_by(api);
        let mut pages = vendors(world.session.account()).pages();
        let mut all = Vec::new();
        for (results, asked, next) in [
            (vec![1, 2], None, Some("cursor-a")),
            (vec![3], Some("cursor-a"), Some("cursor+b/c=&d%20é")),
            (vec![4, 5], Some("cursor+b/c=&d%20é"), None),
        ] {
            assert!(!ended(&world, &pages));
            let (query, read) = read(&mut world, &mut pages, a_page(&results, next));
            assert_eq!(cursor(&query), asked);
            all.extend(read.unwrap());
        }
        assert!(ended(&world, &pages));
        assert_eq!(all, [1, 2, 3, 4, 5]);
    }
}

#[test]
fn a_page_without_entries_is_not_the_last_as_long_as_it_names_another() {
    let mut world = World::v3_signed_in();
    let mut pages = vendors(world.session.account()).pages();
    for (number, results) in [vec![], vec![], vec![7], vec![]].into_iter().enumerate() {
        let (_, read) =
            read(&mut world, &mut pages, a_page(&results, Some(&format!("cursor-{number}"))));
        assert_eq!(read.unwrap(), results);
        assert!(!ended(&world, &pages));
    }
    let (_, read) = read(&mut world, &mut pages, a_page(&[], None));
    assert!(read.unwrap().is_empty());
    assert!(ended(&world, &pages));
}

#[test]
fn a_full_page_that_names_no_other_is_the_last() {
    for next in ["", r#","nextPage":null"#, r#","nextPage":"""#] {
        let mut world = World::v3_signed_in();
        let mut pages = vendors(world.session.account()).query("max", 3).pages();
        let answer = body(format!(r#"{{"results":[1,2,3],"prevPage":"x"{next}}}"#));
        let (_, read) = read(&mut world, &mut pages, answer);
        assert_eq!(read.unwrap(), [1, 2, 3]);
        assert!(ended(&world, &pages), "after {next:?}");
        // And stays so.
        assert!(ended(&world, &pages));
    }
}

#[test]
fn a_cursor_that_comes_again_at_once_is_an_error_and_the_end() {
    let mut world = World::v3_signed_in();
    let mut pages = vendors(world.session.account()).pages();
    let (_, first) = read(&mut world, &mut pages, a_page(&[1], Some("the-same")));
    assert_eq!(first.unwrap(), [1]);
    let (_, second) = read(&mut world, &mut pages, a_page(&[2], Some("the-same")));
    let error = second.unwrap_err();
    assert!(matches!(error, Error::CursorRepeated { .. }), "{error:?}");
    let shown = error.to_string();
    assert!(shown.contains("GET /v3/vendors") && shown.contains("never end"), "{shown}");
    assert!(!shown.contains("the-same"), "{shown}");
    assert!(ended(&world, &pages));
}

#[test]
fn a_circle_of_cursors_is_found_however_long_it_is() {
    for length in 1..=20 {
        for lead in [0, 3] {
            let mut world = World::v3_signed_in();
            let mut pages = vendors(world.session.account()).pages();
            let mut read_pages = 0;
            let error = loop {
                let number = if read_pages < lead {
                    read_pages
                } else {
                    lead + (read_pages - lead) % length
                };
                let next = format!("cursor-{number}");
                let (_, read) = read(&mut world, &mut pages, a_page(&[1], Some(&next)));
                match read {
                    Ok(_) => read_pages += 1,
                    Err(error) => break error,
                }
                assert!(read_pages <= lead + length, "a circle of {length} is not found");
            };
            assert!(matches!(error, Error::CursorRepeated { .. }), "{error:?}");
            assert_eq!(read_pages, lead + length, "no page too early either");
            assert!(ended(&world, &pages));
        }
    }
}

#[test]
fn a_thousand_pages_with_cursors_of_their_own_are_read_to_the_end() {
    let mut world = World::v3_signed_in();
    let mut pages = vendors(world.session.account()).pages();
    for number in 0..1_000 {
        let next = (number < 999).then(|| format!("cursor-{number}"));
        let (_, read) = read(&mut world, &mut pages, a_page(&[number], next.as_deref()));
        assert_eq!(read.unwrap(), [number]);
    }
    assert!(ended(&world, &pages));
}

#[test]
fn pairs_of_ones_own_are_kept_and_only_the_page_is_replaced() {
    let mut world = World::v3_signed_in();
    let mut pages = vendors(world.session.account())
        .query("max", 50)
        .query("page", "where-I-stopped")
        .query("filters", "name:sw:\"A&B\"")
        .query("Page", "is another key")
        .pages();
    let own = |Query(query): &Query| {
        let others = query.iter().filter(|(key, _)| key != "page");
        others.map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>()
    };
    let expected = ["max=50", "filters=name:sw:\"A&B\"", "Page=is another key"];
    for (asked, next) in
        [("where-I-stopped", Some("second")), ("second", Some("third")), ("third", None)]
    {
        let (query, read) = read(&mut world, &mut pages, a_page(&[1], next));
        assert_eq!(own(&query), expected);
        assert_eq!(cursor(&query), Some(asked));
        let _entries = read.unwrap();
    }
    assert!(ended(&world, &pages));
}

#[test]
fn only_a_get_is_read_page_by_page() {
    let world = World::v3_signed_in();
    let account = world.session.account();
    for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
        let pages = account.v3(method, "/v3/vendors").pages();
        assert_eq!(pages.next_page(account).unwrap_err(), Misuse::PagesOfGet);
    }
}

#[test]
fn what_is_wrong_with_the_request_is_told_with_its_first_page() {
    let world = World::v3_signed_in();
    let account = world.session.account();
    let pages = account.v3(Method::GET, "/v2/vendors").pages();
    assert_eq!(pages.next_page(account).unwrap_err(), Misuse::V3Path);
    let pages = vendors(account).query("sessionId", "x").pages();
    assert!(matches!(pages.next_page(account).unwrap_err(), Misuse::QuerySecret { .. }));
}

#[test]
fn a_cursor_that_holds_a_secret_is_not_sent() {
    let mut world = World::v3_signed_in();
    let mut pages = vendors(world.session.account()).pages();
    let (_, read) = read(&mut world, &mut pages, a_page(&[1], Some("x session-1 y")));
    assert_eq!(read.unwrap(), [1]);
    let misuse = pages.next_page(world.session.account()).unwrap_err();
    assert_eq!(misuse, Misuse::QuerySecret { key: "page".into() });
}

#[test]
fn a_page_that_was_not_read_is_asked_for_again_unless_the_list_is_given_up() {
    let mut world = World::v3_signed_in();
    let account = Arc::clone(world.session.account());
    let mut pages = vendors(&account).retry(Retry::NEVER).pages();
    let (_, first) = read(&mut world, &mut pages, a_page(&[1], Some("second")));
    let _entries = first.unwrap();
    for answer in [silence(), Ok(page(503)), Ok(v3_refusal(422, "BDC_9999"))] {
        let call = pages.next_page(&account).unwrap().unwrap();
        let _error = world.error_of(call, answer);
    }
    let (query, read) = read(&mut world, &mut pages, a_page(&[2], Some("third")));
    assert_eq!(cursor(&query), Some("second"));
    assert_eq!(read.unwrap(), [2]);
    pages.end();
    assert!(ended(&world, &pages));
}

#[test]
fn a_page_that_does_not_fit_is_a_decode_error() {
    for text in [r#"{"results":["x"]}"#, r#"{"nextPage":"x"}"#, "[1,2]", "", r#"{"results":null}"#]
    {
        let mut world = World::v3_signed_in();
        let account = Arc::clone(world.session.account());
        let call = vendors(&account).pages().next_page(&account).unwrap().unwrap();
        let in_flight = world.send(call);
        let (outcome, wake) =
            in_flight.read::<Page<u32>>(Ok(body(text))).settle(&mut world.session, world.now);
        world.heed(wake);
        assert!(matches!(outcome, Outcome::Failed(Error::Decode { .. })), "{outcome:?}, {text}");
    }
}

#[test]
fn each_page_has_the_requests_own_deadline_and_number_of_tries() {
    let mut world = World::v3_signed_in();
    let account = Arc::clone(world.session.account());
    let mut pages =
        vendors(&account).deadline(Duration::from_secs(7)).retry(Retry::times(1)).pages();
    for next in [Some("second"), Some("third"), None] {
        let call = pages.next_page(&account).unwrap().unwrap();
        let in_flight = world.send(call);
        assert_eq!(in_flight.limit(), Duration::from_secs(7));
        let again = match world.answer(in_flight, Ok(page(503))) {
            Outcome::Again(call) => call,
            other => panic!("{other:?}"),
        };
        let in_flight = world.send_in_time(again);
        let answer = a_page(&[1], next);
        let (outcome, wake) =
            in_flight.read::<Page<u32>>(Ok(answer)).settle(&mut world.session, world.now);
        world.heed(wake);
        let Outcome::Done(page) = outcome else { panic!("{outcome:?}") };
        let _entries = pages.page_read(page).unwrap();
    }
}

#[test]
fn a_session_that_is_lost_between_pages_costs_one_sign_in() {
    let mut world = World::v3_signed_in();
    world.use_session();
    let mut pages = vendors(world.session.account()).pages();
    let (_, first) = read(&mut world, &mut pages, a_page(&[1], Some("second")));
    let _entries = first.unwrap();
    world.lose_session();
    let account = Arc::clone(world.session.account());
    let call: Call = pages.next_page(&account).unwrap().unwrap();
    let (sign_in, call) = world.begin(call, 0);
    let _stored = world.welcome(sign_in);
    let Step::Exchange(in_flight) = world.step(call, 0) else { panic!("expected to be sent") };
    assert_eq!(in_flight.request().headers()["sessionId"], "session-2");
    assert_eq!(in_flight.request().uri().query(), Some("page=second"));
    let _outcome = world.answer(in_flight, Ok(a_page(&[2], Some("third"))));
    assert_eq!(world.sign_ins(), 2);
}

#[test]
fn a_list_shows_nothing_of_what_is_asked_for() {
    let mut world = World::v3_with(settings(|_| ()));
    world.sign_in();
    let pages =
        world.session.account().v3(Method::GET, "/v3/private").query("q", "private").pages();
    assert!(!format!("{pages:?} {pages:#?}").contains("private"));
}
