//! `bill demo` says that all is well, and finds each client that is broken on purpose.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::process::{Command, Output};
use std::time::{Duration, Instant};

fn demo(broken: Option<&str>) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bill"));
    command.arg("demo");
    if let Some(broken) = broken {
        command.args(["--break", broken]);
    }
    command.output().unwrap()
}

fn text(output: &Output) -> String {
    assert!(output.stderr.is_empty(), "stderr: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// What a row of the table says was observed, without the mark of a wrong one.
fn observed(text: &str, row: &str) -> Vec<String> {
    let line = text.lines().find(|line| line.trim_start().starts_with(row));
    let line = line.unwrap_or_else(|| panic!("no row {row:?} in {text}"));
    let values = line.trim_end_matches("  <- WRONG").trim_start();
    values[row.len()..].split_whitespace().skip(1).map(str::to_owned).collect()
}

/// The demo's last line with a broken client in place, and all that it printed.
fn failure(broken: &str) -> (String, String) {
    let output = demo(Some(broken));
    let text = text(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    let last = text.lines().last().unwrap().to_owned();
    assert!(last.starts_with("demo FAILED: "), "{last}");
    (last, text)
}

#[test]
fn the_demo_is_well_and_ends_with_its_verdict() {
    let start = Instant::now();
    let output = demo(None);
    let text = text(&output);
    assert!(output.status.success(), "{text}");
    let last = "demo ok: 20 sign-ins, 556 calls, 0 lost, 0 secrets leaked\n";
    assert!(text.ends_with(last), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
    assert!(!text.contains("WRONG") && !text.contains("not needed:"), "{text}");
    assert!(start.elapsed() < Duration::from_secs(30));
}

#[test]
fn a_client_whose_callers_do_not_share_a_sign_in_is_found() {
    let (last, text) = failure("storm");
    let row = "32 callers at once: sign-ins";
    assert!(last.contains(&format!("{row} (expected 1, observed 32 and 32)")), "{last}");
    assert_eq!(observed(&text, row), ["32", "32"]);
    let row = "wrong password: sign-ins";
    assert!(last.contains(&format!("{row} (expected 1, observed 20 and 20)")), "{last}");
    let row = "in all organisations: sign-ins";
    assert!(last.contains(&format!("{row} (expected 1, observed 100 and 100)")), "{last}");
    // All but one of 32, 200, 20 and 100, in either client.
    assert_eq!(observed(&text, "sign-ins that were not needed"), ["696"]);
}

#[test]
fn a_client_that_loses_an_answer_is_found() {
    let (last, text) = failure("lose");
    let row = "calls whose caller got no right answer";
    assert!(last.contains(&format!("{row} (expected 0, observed 1)")), "{last}");
    let row = "32 callers at once: answers";
    assert!(last.contains(&format!("{row} (expected 32, observed 31 and 32)")), "{last}");
    assert_eq!(observed(&text, row), ["31", "32"]);
}

#[test]
fn a_client_that_logs_its_sign_in_is_found() {
    let (last, text) = failure("leak");
    // Its user name, its password and its developer key, in one record.
    let row = "secrets in records written by bill";
    assert!(last.contains(&format!("{row} (expected 0, observed 3)")), "{last}");
    assert_eq!(observed(&text, row), ["3"]);
}

#[test]
fn a_client_that_counts_a_sessions_life_from_its_sign_in_is_found() {
    let (last, text) = failure("idle");
    let row = "34 min in use: sign-ins";
    assert!(last.contains(&format!("{row} (expected 0, observed 1 and 1)")), "{last}");
    assert_eq!(observed(&text, row), ["1", "1"]);
    assert_eq!(observed(&text, "token, 30 days idle: sign-ins"), ["1", "1"]);
    assert!(text.contains("not needed: last call 8 min 30 s before"), "{text}");
}

#[test]
fn a_client_that_sends_everything_at_once_is_found() {
    let (last, text) = failure("flood");
    let row = "200 calls at once: refused as too many";
    assert!(last.contains(&format!("{row} (expected 0, observed ")), "{last}");
    let refused = observed(&text, row);
    assert!(refused.iter().all(|count| count != "0"), "{refused:?}");
}

#[test]
fn a_client_that_does_not_have_its_device_remembered_is_found() {
    let (last, text) = failure("forget");
    let row = "session with MFA lost: sessions trusted at once";
    assert!(last.contains(&format!("{row} (expected 1, observed 0 and 0)")), "{last}");
    assert_eq!(observed(&text, "session with MFA lost: told so by its events"), ["0", "0"]);
    assert_eq!(observed(&text, "session with MFA lost: payments"), ["0", "0"]);
    // It has signed in again all the same, once: that is no help.
    assert_eq!(observed(&text, "session with MFA lost: sign-ins"), ["1", "1"]);
}

#[test]
fn a_client_that_sends_a_payment_again_is_found() {
    let (last, text) = failure("replay");
    let row = "payment not answered: payments";
    assert!(last.contains(&format!("{row} (expected 1, observed 2 and 2)")), "{last}");
    assert_eq!(observed(&text, "payments in the end: listed by BILL"), ["4", "4"]);
}

#[test]
fn a_client_that_logs_what_an_mfa_challenge_brought_is_found() {
    let (last, text) = failure("leak-trust");
    // Of either client: the code and the device in one record, the session in another.
    let row = "secrets in records written by bill";
    assert!(last.contains(&format!("{row} (expected 0, observed 6)")), "{last}");
    assert_eq!(observed(&text, row), ["6"]);
}

#[cfg(unix)]
#[test]
fn an_interrupted_demo_ends_at_once() {
    use std::io::{BufRead, BufReader};
    use std::process::Stdio;

    let mut demo = Command::new(env!("CARGO_BIN_EXE_bill"))
        .arg("demo")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(demo.stdout.take().unwrap()).lines();
    // Once the story has begun, the demo listens.
    assert!(lines.any(|line| line.unwrap().contains("0d 00:00:00")));
    let pid = demo.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    assert_eq!(demo.wait().unwrap().code(), Some(130));
}
