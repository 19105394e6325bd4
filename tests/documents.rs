//! The pages in `docs/` speak of tests that there are.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on ends")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const VERIFICATION: &str = include_str!("../docs/verification.md");
const PROTOCOL: &str = include_str!("../docs/protocol.md");

/// The names of all functions in the test files below a folder.
fn functions(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            functions(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let names = text.split("fn ").skip(1).filter_map(|rest| rest.split(['(', '<']).next());
            found.extend(names.map(str::to_owned));
        }
    }
}

/// What a page names in backticks that can only be a test: four words and more.
fn named(page: &str) -> BTreeSet<&str> {
    let in_backticks = page.split('`').skip(1).step_by(2);
    let is_test = |name: &&str| {
        name.split('_').count() >= 4 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
    };
    in_backticks.filter(is_test).collect()
}

fn there_are() -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = BTreeSet::new();
    functions(root, &mut found);
    functions(&root.join("../crates"), &mut found);
    found
}

#[test]
fn every_test_that_the_pages_on_verification_and_protocol_name_is_there() {
    let there_are = there_are();
    let mut named = named(VERIFICATION);
    assert!(named.len() > 40, "{}", named.len());
    let (_, facts) = PROTOCOL.split_once("## Which test holds to which fact").unwrap();
    let of_facts = self::named(facts);
    assert!(of_facts.len() > 80, "{}", of_facts.len());
    named.extend(of_facts);
    let missing: Vec<_> = named.iter().filter(|name| !there_are.contains(**name)).collect();
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn a_test_that_is_not_there_is_noticed() {
    let page = "| a bug | `no_such_test_was_ever_written` |";
    assert!(named(page).iter().any(|name| !there_are().contains(*name)));
}
