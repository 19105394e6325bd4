//! A list is read page by page until a short page, and each page uses the session of its time.

use bill_conformance::{Adapter, MINUTE, Op, World};
use bill_sandbox::{Fault, FaultKind};
use bill_session_core::{Error, Misuse};
use serde_json::Value;
use std::collections::BTreeSet;

fn vendors(adapter: Adapter, vendors: usize) -> World {
    World::with(adapter, |setup| setup.vendors = vendors)
}

/// Reads the whole list, and tells how many different entries came.
fn read(world: &World, page_size: Option<usize>) -> usize {
    let entity = "Vendor".to_owned();
    let list = world.run(&Op::List { entity, page_size }).unwrap();
    let entries = list.as_array().unwrap();
    let ids: BTreeSet<_> = entries.iter().map(|entry| entry["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), entries.len());
    ids.len()
}

pub(crate) fn bills_list_of_codes_is_read_like_any_other(adapter: Adapter) {
    let world = World::new(adapter);
    let codes = world.send("Errors", Value::Null).unwrap();
    let known = |code: &str| codes.as_array().unwrap().iter().any(|entry| entry["code"] == code);
    assert!(known("BDC_1109") && known("BDC_1144") && !known("BDC_0000"));
    assert_eq!((world.sign_ins(), world.operations().len()), (1, 2));
}

pub(crate) fn twenty_five_hundred_vendors_come_in_three_pages_and_the_short_one_is_the_last(
    adapter: Adapter,
) {
    let world = vendors(adapter, 2_500);
    assert_eq!(read(&world, None), 2_500);
    assert_eq!(world.sessions_of("List/Vendor"), [1; 3]);
    assert_eq!(world.sign_ins(), 1);
}

pub(crate) fn a_list_of_an_exact_multiple_of_the_page_size_ends_with_an_empty_page(
    adapter: Adapter,
) {
    let world = vendors(adapter, 1_998);
    assert_eq!(read(&world, None), 1_998);
    assert_eq!(world.sessions_of("List/Vendor").len(), 3);
    assert_eq!(read(&world, Some(18)), 1_998);
    assert_eq!(world.sessions_of("List/Vendor").len(), 3 + 112);
}

pub(crate) fn a_list_whose_session_is_lost_in_the_middle_goes_on(adapter: Adapter) {
    let world = vendors(adapter, 2_500);
    world.sandbox.fault(Fault::new(FaultKind::LoseSession).on("List").after(1));
    assert_eq!(read(&world, None), 2_500);
    assert_eq!(world.sessions_of("List/Vendor"), [1, 1, 2, 2]);
    assert_eq!((world.sign_ins(), world.rejected("BDC_1109")), (2, 1));
}

pub(crate) fn a_list_that_outlives_its_session_between_pages_goes_on(adapter: Adapter) {
    let world = vendors(adapter, 30);
    let mut read = 0;
    let mut count = |page: Vec<Value>| {
        read += page.len();
        world.advance(34 * MINUTE);
    };
    match adapter {
        Adapter::Async => {
            let list = world.client_async().list("Vendor").page_size(10);
            let mut pages = list.pages::<Value>();
            while let Some(page) = world.runtime().block_on(pages.next()) {
                count(page.unwrap());
            }
        }
        Adapter::Blocking => {
            let list = world.client_blocking().list("Vendor").page_size(10);
            list.pages::<Value>().for_each(|page| count(page.unwrap()));
        }
    }
    assert_eq!(read, 30);
    assert_eq!(world.sessions_of("List/Vendor"), [1, 2, 3, 4]);
    assert_eq!(world.rejected("BDC_1109"), 0);
}

pub(crate) fn an_empty_list_is_one_page(adapter: Adapter) {
    let world = vendors(adapter, 0);
    assert_eq!(read(&world, None), 0);
    assert_eq!(world.sessions_of("List/Vendor"), [1]);
}

pub(crate) fn a_list_ends_at_its_first_error(adapter: Adapter) {
    let world = vendors(adapter, 30);
    let refused = Fault::new(FaultKind::code("BDC_1361")).on("List").after(1);
    world.sandbox.fault(refused);
    let entity = "Vendor".to_owned();
    let page_size = Some(10);
    let error = world.run(&Op::List { entity, page_size }).unwrap_err();
    assert!(matches!(error, Error::Untrusted(_)), "{error:?}");
    assert_eq!(world.sessions_of("List/Vendor"), [1, 1]);
}

pub(crate) fn a_page_size_out_of_range_is_refused_before_anything_is_sent(adapter: Adapter) {
    let world = vendors(adapter, 30);
    for page_size in [0, 1_000] {
        let entity = "Vendor".to_owned();
        let page_size = Some(page_size);
        let error = world.run(&Op::List { entity, page_size }).unwrap_err();
        assert!(matches!(error, Error::Misuse(Misuse::PageSize)), "{error:?}");
    }
    assert_eq!(world.operations(), [""; 0]);
}
