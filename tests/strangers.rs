//! Clients that share no code with ours work against the sandbox, in either generation of the API:
//! scripts of Python's standard library, BILL's own curl example with only the origin changed, and
//! the life of a v3 session in curl.

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

use bill_sandbox::{DEMO_ORG, Sandbox, Upload};
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

/// Asserts that every line of a script's output is a step that went well.
fn assert_steps(text: &str, steps: usize) {
    assert_eq!(text.lines().count(), steps, "{text}");
    assert!(text.lines().all(|line| line.ends_with(": ok")), "{text}");
}

/// Asserts that a file came to the sandbox whole, and only that one.
fn assert_uploaded(sandbox: &Sandbox, name: &str, content: &[u8]) {
    let uploads = sandbox.uploads();
    let [upload] = uploads.as_slice() else { panic!("{uploads:?}") };
    assert_eq!((upload.name.as_str(), upload.organization.as_str()), (name, DEMO_ORG));
    assert_eq!(upload.object, "00n01000000000000001");
    assert_eq!(upload.length, content.len() as u64);
    assert_eq!(upload.checksum, Upload::checksum_of(content));
}

#[test]
fn a_v3_client_of_pythons_standard_library_works_against_the_sandbox() {
    if !is_at_hand("python3") {
        return;
    }
    let (text, sandbox) = run("python3", "stranger_v3.py");
    assert_steps(&text, 18);
    let content: Vec<u8> = (0..=255).cycle().take(256_000).collect();
    assert_uploaded(&sandbox, "a b+ä.pdf", &content);
    let stats = sandbox.stats();
    assert!(stats.violations().is_empty(), "{stats:?}");
    assert_eq!((stats.secrets_in_url, stats.max_in_flight), (0, 1));
    assert_eq!((stats.sign_ins, stats.calls), (stats.sign_ins_v3, stats.calls_v3));
    assert_eq!((stats.sign_ins_trusted, stats.mfa_step_ups), (1, 1));
    assert_eq!((stats.mfa_challenges, stats.mfa_passed, stats.mfa_failed), (4, 2, 6));
    assert_eq!((stats.sign_outs, stats.faults_applied), (3, 3));
    // What it was to meet, and how often.
    let met = [
        ("BDC_1001", 1),
        ("BDC_1002", 6),
        ("BDC_1101", 1),
        ("BDC_1102", 1),
        ("BDC_1107", 1),
        ("BDC_1109", 4),
        ("BDC_1120", 2),
        ("BDC_1121", 1),
        ("BDC_1144", 1),
        ("BDC_1356", 1),
        ("BDC_1357", 4),
        ("BDC_1358", 1),
        ("BDC_1361", 1),
    ];
    assert_eq!(stats.rejected, met.map(|(code, count)| (code.to_owned(), count)).into());
}

#[test]
fn the_life_of_a_v3_session_in_curl_works_against_the_sandbox() {
    if !is_at_hand("curl") {
        return;
    }
    let (text, sandbox) = run("sh", "curl_v3.sh");
    assert_steps(&text, 8);
    assert_uploaded(&sandbox, "hello.txt", b"hello, bill");
    let stats = sandbox.stats();
    assert!(stats.violations().is_empty(), "{stats:?}");
    assert_eq!((stats.secrets_in_url, stats.max_in_flight), (0, 1));
    assert_eq!((stats.sign_ins, stats.sign_ins_v3), (4, 4));
    assert_eq!((stats.sign_ins_succeeded, stats.sign_ins_trusted), (2, 1));
    assert_eq!((stats.sign_outs, stats.sessions_alive), (2, 0));
    let met = [
        ("BDC_1002", 2),
        ("BDC_1101", 1),
        ("BDC_1102", 1),
        ("BDC_1109", 2),
        ("BDC_1357", 1),
        ("BDC_1361", 1),
    ];
    assert_eq!(stats.rejected, met.map(|(code, count)| (code.to_owned(), count)).into());
}
