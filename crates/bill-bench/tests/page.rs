//! The page, the README and the plots show what `results.json` holds, and nothing else.
//!
//! Nothing is measured here.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on ends")]

use std::collections::BTreeSet;
use std::fs;

use bill_bench::page;
use bill_bench::results::{Results, SECTIONS, root};

const RENDER: &str = "`cargo run --release -p bill-bench -- --render` writes it anew";

#[test]
fn the_pages_and_the_plots_are_made_of_the_results() {
    let files = page::files(&Results::committed().unwrap()).unwrap();
    for (path, expected) in files {
        let there_is = fs::read_to_string(&path).unwrap_or_default();
        assert!(there_is == expected, "{} shows other figures: {RENDER}", path.display());
    }
}

#[test]
fn every_plot_is_on_the_page_and_no_other_is_kept() {
    let page = fs::read_to_string(root().join("docs/performance.md")).unwrap();
    let links = page.split("](plots/").skip(1).filter_map(|rest| rest.split(')').next());
    let shown: BTreeSet<_> = links.map(str::to_owned).collect();
    let kept = fs::read_dir(root().join("docs/plots")).unwrap();
    let kept: BTreeSet<_> =
        kept.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(shown, kept);
}

#[test]
fn the_results_say_of_which_commit_day_and_machine_they_are_and_have_every_section() {
    let results = Results::committed().unwrap();
    for said in [&results.commit, &results.date, &results.cpu, &results.rustc] {
        assert!(!said.is_empty(), "{results:?}");
    }
    assert!(results.cores > 0);
    for section in SECTIONS {
        assert!(results.of(section).count() > 0, "{section} has no rows");
        let run = results.runs.get(section).unwrap_or_else(|| panic!("{section} has no run"));
        assert!(!run.commit.is_empty() && !run.date.is_empty(), "{section}: {run:?}");
    }
    assert!(results.rows.iter().all(|row| SECTIONS.contains(&row.section.as_str())));
}

#[test]
fn the_results_are_written_as_they_were_read() {
    let written = fs::read_to_string(root().join("crates/bill-bench/results.json")).unwrap();
    assert_eq!(Results::committed().unwrap().to_json().unwrap(), written);
}

#[test]
fn the_pages_have_a_part_for_every_section() {
    let page = fs::read_to_string(root().join("docs/performance.md")).unwrap();
    for section in SECTIONS {
        assert!(page.contains(&format!("<!-- results: {section} -->")), "{section}");
    }
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    assert!(readme.contains("<!-- results: readme -->"));
}
