//! A list in v3 comes in pages of 1 to 100, and ends where there is no cursor.

use bill_sandbox::{DEMO_OTHER_ORG, Fault, FaultKind, Sandbox};
use serde_json::{Value, json};

use crate::raw_v3::{ask, tell, v3_login_with, v3_post_login, v3_sign_in};

/// A cursor as it stands in a query.
pub(crate) fn encoded(cursor: &str) -> String {
    cursor.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D")
}

fn get(sandbox: &Sandbox, session: &str, query: &str) -> Value {
    ask(sandbox, session, "GET", &format!("vendors{query}")).found()
}

fn next(page: &Value) -> Option<String> {
    page.get("nextPage").map(|cursor| encoded(cursor.as_str().unwrap()))
}

fn ids(page: &Value) -> Vec<&str> {
    page["results"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap()).collect()
}

#[test]
fn a_list_is_read_to_its_end_page_by_page() {
    let sandbox = Sandbox::builder().vendors(250).start().unwrap();
    let session = v3_sign_in(&sandbox);
    let mut all = Vec::new();
    let mut lengths = Vec::new();
    let mut query = "?max=100".to_owned();
    loop {
        let page = get(&sandbox, &session, &query);
        lengths.push(ids(&page).len());
        all.extend(ids(&page).into_iter().map(str::to_owned));
        match next(&page) {
            Some(cursor) => query = format!("?page={cursor}&max=100"),
            None => break,
        }
    }
    assert_eq!(lengths, [100, 100, 50]);
    assert!(all.is_sorted());
    all.dedup();
    assert_eq!(all.len(), 250);
    assert!(sandbox.stats().violations().is_empty());
}

#[test]
fn a_page_has_20_results_unless_max_says_otherwise_and_a_full_last_page_has_no_cursor() {
    let sandbox = Sandbox::builder().vendors(40).start().unwrap();
    let session = v3_sign_in(&sandbox);
    let first = get(&sandbox, &session, "");
    assert_eq!(ids(&first).len(), 20);
    let second = get(&sandbox, &session, &format!("?page={}", next(&first).unwrap()));
    assert_eq!((ids(&second).len(), next(&second)), (20, None));
    assert_eq!(ids(&get(&sandbox, &session, "?max=1")).len(), 1);
    assert!(next(&get(&sandbox, &session, "?max=40")).is_none());
}

#[test]
fn a_max_that_is_out_of_range_and_a_cursor_of_another_list_are_refused() {
    let sandbox = Sandbox::start().unwrap();
    let session = v3_sign_in(&sandbox);
    let other = v3_login_with(&json!({"organizationId": DEMO_OTHER_ORG}));
    let other = v3_post_login(&sandbox, &other).found()["sessionId"].clone();
    let cursor = next(&get(&sandbox, &session, "")).unwrap();
    let refused = |session: &str, path: &str| {
        let reply = ask(&sandbox, session, "GET", path);
        assert_eq!(reply.error(), (422, "BDC_1002".to_owned()), "{path}");
    };
    for max in ["0", "101", "-1", "many", ""] {
        refused(&session, &format!("vendors?max={max}"));
    }
    refused(&session, &format!("bills?page={cursor}"));
    refused(other.as_str().unwrap(), &format!("vendors?page={cursor}"));
    refused(&session, "vendors?page=made-up");
    // One that was not encoded has its plus sign read as a space.
    refused(&session, &format!("vendors?page={}", cursor.replace("%2B", "+")));
    get(&sandbox, &session, &format!("?page={cursor}"));
}

#[test]
fn a_cursor_leads_behind_what_was_seen_whatever_came_or_went_meanwhile() {
    let sandbox = Sandbox::builder().vendors(4).start().unwrap();
    let session = v3_sign_in(&sandbox);
    let first = get(&sandbox, &session, "?max=2");
    let gone = ids(&first)[1];
    ask(&sandbox, &session, "DELETE", &format!("vendors/{gone}")).found();
    tell(&sandbox, &session, "POST", "vendors", &json!({"name": "New"})).found();
    let rest = get(&sandbox, &session, &format!("?page={}", next(&first).unwrap()));
    assert_eq!(ids(&rest).len(), 3);
    assert_eq!(rest["results"][2]["name"], "New");
}

#[test]
fn what_else_is_asked_for_begins_empty() {
    let sandbox = Sandbox::start().unwrap();
    let session = v3_sign_in(&sandbox);
    for (resource, count) in [("bills", 20), ("customers", 12), ("spend-cards", 0)] {
        let page = ask(&sandbox, &session, "GET", &format!("{resource}?max=100")).found();
        assert_eq!((ids(&page).len(), next(&page)), (count, None), "{resource}");
    }
}

#[test]
fn an_empty_page_with_a_cursor_loses_nothing() {
    let sandbox = Sandbox::builder().vendors(5).start().unwrap();
    let session = v3_sign_in(&sandbox);
    sandbox.fault(Fault::new(FaultKind::EmptyPage).on("v3/List/vendors").after(1).times(2));
    let first = get(&sandbox, &session, "?max=3");
    let mut cursors = vec![next(&first).unwrap()];
    for _ in 0..2 {
        let page = get(&sandbox, &session, &format!("?max=3&page={}", cursors.last().unwrap()));
        assert_eq!(page["results"], json!([]));
        cursors.push(next(&page).unwrap());
    }
    let last = get(&sandbox, &session, &format!("?max=3&page={}", cursors[2]));
    assert_eq!((ids(&last).len(), next(&last)), (2, None));
    cursors.sort_unstable();
    cursors.dedup();
    assert_eq!(cursors.len(), 3, "an empty page has a cursor of its own");
}

#[test]
fn a_cursor_can_be_made_to_repeat() {
    let sandbox = Sandbox::builder().vendors(5).start().unwrap();
    let session = v3_sign_in(&sandbox);
    sandbox.fault(Fault::new(FaultKind::RepeatCursor).on("v3/List").after(1).always());
    let first = get(&sandbox, &session, "?max=2");
    let cursor = next(&first).unwrap();
    for _ in 0..3 {
        let page = get(&sandbox, &session, &format!("?max=2&page={cursor}"));
        assert_eq!(next(&page).as_ref(), Some(&cursor));
        assert_ne!(ids(&page), ids(&first));
    }
    sandbox.clear_faults();
    sandbox.fault(Fault::new(FaultKind::RepeatCursor));
    let page = get(&sandbox, &session, "?max=2");
    let again = get(&sandbox, &session, &format!("?max=2&page={}", next(&page).unwrap()));
    assert_eq!(ids(&again), ids(&page));
}
