//! `bill sandbox` tells how to go on, and stops when asked to.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::io::{BufRead, BufReader, Read};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

use bill_sandbox::{
    DEMO_APP_KEY, DEMO_CONSOLE_API_TOKEN, DEMO_MFA_CODE, DEMO_OTHER_ORG, DEMO_PARTNER,
    DEMO_PARTNER_PASSWORD,
};

fn sandbox(listen: &str) -> Child {
    Command::new(env!("CARGO_BIN_EXE_bill"))
        .args(["sandbox", "--listen", listen])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Everything that a running sandbox has printed so far: its greeting has a last line.
fn greeting(child: &mut Child) -> String {
    let mut text = String::new();
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        text.push_str(&line);
        text.push('\n');
        if line.ends_with("/_sandbox/stats") {
            return text;
        }
    }
    panic!("it ended after: {text}");
}

fn stop(mut child: Child, signal: &str) -> (Option<i32>, String) {
    let pid = child.id().to_string();
    assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    let code = child.wait().unwrap().code();
    let mut stderr = String::new();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    (code, stderr)
}

#[test]
fn it_tells_where_it_listens_and_what_to_do_next_and_stops_when_asked_to() {
    for signal in ["-INT", "-TERM"] {
        let mut child = sandbox("127.0.0.1:0");
        let text = greeting(&mut child);
        let origin = text
            .lines()
            .find_map(|line| line.strip_prefix("export BILL_ENVIRONMENT='"))
            .unwrap()
            .trim_end_matches('\'');
        assert!(text.contains("export BILL_PASSWORD='demo-password'"), "{text}");
        assert!(text.contains("#   bill check "), "{text}");
        assert!(text.contains("#   bill check --v3"), "{text}");
        assert!(text.contains("v3 in /connect/v3"), "{text}");
        for seeded in [
            DEMO_MFA_CODE,
            DEMO_OTHER_ORG,
            DEMO_CONSOLE_API_TOKEN,
            DEMO_PARTNER,
            DEMO_PARTNER_PASSWORD,
            DEMO_APP_KEY,
        ] {
            assert!(text.contains(seeded), "{seeded}: {text}");
        }
        // It fits one screen.
        assert!(text.lines().count() <= 30, "{text}");
        assert!(text.contains("curl \"$BILL_ENVIRONMENT/api/v2/Login.json\""), "{text}");
        assert!(text.lines().all(|line| line.len() <= 80), "{text}");
        let addr = origin.strip_prefix("http://").unwrap().to_owned();
        TcpStream::connect(&addr).unwrap();
        let (code, stderr) = stop(child, signal);
        assert_eq!(code, Some(0), "{stderr}");
        assert!(stderr.contains("stopped"), "{stderr}");
        // Nobody is left behind on the port.
        TcpStream::connect(&addr).unwrap_err();
    }
}

#[test]
fn its_greeting_can_be_pasted_into_a_shell_as_it_is() {
    let mut child = sandbox("127.0.0.1:0");
    let text = greeting(&mut child);
    let script = format!("set -eu\n{text}\nprintf %s \"$BILL_ORG_ID\"");
    let shell = Command::new("sh").args(["-c", &script]).output().unwrap();
    assert_eq!(String::from_utf8(shell.stdout).unwrap(), "00800000000000000001");
    assert!(shell.stderr.is_empty());
    stop(child, "-INT");
}

#[test]
fn what_it_says_to_paste_and_to_try_works() {
    let mut child = sandbox("127.0.0.1:0");
    let text = greeting(&mut child);
    for arguments in ["check", "check --v3", "check --environment \"$BILL_ENVIRONMENT\""] {
        let script = format!("set -eu\n{text}\n\"{}\" {arguments}", env!("CARGO_BIN_EXE_bill"));
        let shell = Command::new("sh").args(["-c", &script]).output().unwrap();
        let stderr = String::from_utf8(shell.stderr).unwrap();
        assert_eq!(shell.status.code(), Some(0), "{stderr}");
        assert!(stderr.contains("signed out again"), "{stderr}");
    }
    let (_, stderr) = stop(child, "-INT");
    assert!(stderr.contains("3 sign-ins"), "{stderr}");
}

#[test]
fn a_busy_port_is_an_error_that_names_a_free_one() {
    let busy = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = busy.local_addr().unwrap().to_string();
    let output = sandbox(&addr).wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains(&format!("{addr} is in use")), "{stderr}");
    let (_, free) = stderr.split_once("try: bill sandbox --listen ").unwrap();
    TcpListener::bind(free.trim()).unwrap();
}
