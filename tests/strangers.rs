//! Clients that share no code with ours work against the sandbox: a script of Python's standard
//! library, and BILL's own curl example with only the origin changed.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a test fails by panicking, and says aloud what it skips"
)]

use std::env;
use std::path::Path;
use std::process::Command;

use bill_sandbox::Sandbox;
use xtask::tools::{REQUIRE_STRANGERS, is_there, strangers_are_required};

/// Whether the program is there; says so aloud if it is not, and fails where it is required.
fn is_at_hand(program: &str) -> bool {
    if is_there(program) {
        return true;
    }
    assert!(!strangers_are_required(), "{program} not found, which {REQUIRE_STRANGERS}=1 requires");
    eprintln!("NOTE: {program} not found: this test is SKIPPED");
    false
}

/// Runs a script against a sandbox of its own, and gives its output and the sandbox.
fn run(program: &str, script: &str) -> (String, Sandbox) {
    let sandbox = Sandbox::builder().frozen_clock().start().unwrap();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("strangers");
    let mut command = Command::new(program);
    command.arg(folder.join(script)).arg(sandbox.origin());
    // Somebody's own credentials have no business in a test.
    for (name, _) in env::vars_os() {
        if name.to_string_lossy().starts_with("BILL_") {
            command.env_remove(name);
        }
    }
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}{errors}");
    (text, sandbox)
}

#[test]
fn a_client_of_pythons_standard_library_works_against_the_sandbox() {
    if !is_at_hand("python3") {
        return;
    }
    let (text, sandbox) = run("python3", "stranger.py");
    let steps = text.lines().count();
    assert!(steps >= 13, "{text}");
    assert_eq!(text.matches(": ok").count(), steps, "{text}");
    let stats = sandbox.stats();
    assert!(stats.violations().is_empty(), "{stats:?}");
    assert_eq!(stats.secrets_in_url, 0);
    // What it was to meet: an idle session, a wrong password, a wrong key, a wrong path.
    for code in ["BDC_1109", "BDC_1101", "BDC_1102", "BDC_1121"] {
        assert!(stats.rejected.contains_key(code), "{code}: {stats:?}");
    }
}

#[test]
fn bills_own_curl_example_signs_in_to_the_sandbox() {
    if !is_at_hand("curl") {
        return;
    }
    let (text, sandbox) = run("sh", "curl.sh");
    assert_eq!(text, "curl: signed in\n");
    let stats = sandbox.stats();
    assert_eq!((stats.sign_ins, stats.sign_ins_succeeded), (1, 1));
    assert!(stats.rejected.is_empty(), "{stats:?}");
    assert_eq!(stats.secrets_in_url, 0);
}
