//! `bill check` signs in once, and tells what came of it without a secret.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::net::TcpListener;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use bill_sandbox::{
    DEMO_DEV_KEY, DEMO_ORG, DEMO_PASSWORD, DEMO_TOKEN_NAME, DEMO_TOKEN_VALUE, DEMO_USER, Fault,
    FaultKind, Sandbox, Stats,
};

const CREDENTIALS: [(&str, &str); 4] = [
    ("BILL_USERNAME", DEMO_USER),
    ("BILL_PASSWORD", DEMO_PASSWORD),
    ("BILL_ORG_ID", DEMO_ORG),
    ("BILL_DEV_KEY", DEMO_DEV_KEY),
];

/// What a run of the command left behind.
struct Checked {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

/// Checks with the demo's credentials, but for `changed`; an empty environment is not named.
fn check(environment: &str, changed: &[(&str, Option<&str>)]) -> Checked {
    check_by(&[], environment, changed)
}

/// The same, with more arguments.
fn check_by(arguments: &[&str], environment: &str, changed: &[(&str, Option<&str>)]) -> Checked {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bill"));
    command.arg("check").args(arguments).envs(CREDENTIALS);
    for inherited in ["BILL_ENVIRONMENT", "BILL_TOKEN_NAME", "BILL_TOKEN_VALUE"] {
        command.env_remove(inherited);
    }
    if !environment.is_empty() {
        command.args(["--environment", environment]);
    }
    for (name, value) in changed {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let Output { status, stdout, stderr } = command.output().unwrap();
    let checked = Checked {
        code: status.code(),
        stdout: String::from_utf8(stdout).unwrap(),
        stderr: String::from_utf8(stderr).unwrap(),
    };
    let told = format!("{}{}", checked.stdout, checked.stderr);
    for secret in
        [DEMO_USER, DEMO_PASSWORD, DEMO_DEV_KEY, DEMO_TOKEN_NAME, DEMO_TOKEN_VALUE, "guessed"]
    {
        assert!(!told.contains(secret), "{told}");
    }
    checked
}

/// What a line of the answer says.
fn line<'a>(stdout: &'a str, name: &str) -> &'a str {
    let line = stdout.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap_or_else(|| panic!("no line {name:?} in {stdout}")).trim_start()
}

fn behaved(sandbox: &Sandbox) -> Stats {
    let stats = sandbox.stats();
    assert!(stats.violations().is_empty() && stats.secrets_in_url == 0, "{stats:?}");
    stats
}

#[test]
fn working_credentials_are_shown_and_signed_out_again() {
    let sandbox = Sandbox::start().unwrap();
    let Checked { code, stdout, stderr } = check(&sandbox.origin(), &[]);
    assert_eq!(code, Some(0), "{stderr}");
    assert!(stdout.contains(DEMO_ORG), "{stdout}");
    assert!(stdout.contains(&format!("{}/api/v2", sandbox.origin())), "{stdout}");
    assert!(stdout.lines().any(|line| line.starts_with("user          006")), "{stdout}");
    assert!(
        stdout
            .contains("ends after 35 minutes without a call; this client stops using it after 34"),
        "{stdout}"
    );
    assert!(stderr.contains("signed out"), "{stderr}");
    assert!(!stderr.contains("warning"), "{stderr}");
    let stats = behaved(&sandbox);
    assert_eq!((stats.sign_ins, stats.sign_outs, stats.sessions_alive), (1, 1, 0));
}

#[test]
fn v3_signs_in_at_v3_and_says_whether_the_session_is_trusted() {
    let sandbox = Sandbox::start().unwrap();
    let Checked { code, stdout, stderr } = check_by(&["--v3"], &sandbox.origin(), &[]);
    assert_eq!(code, Some(0), "{stderr}");
    let base = format!("{}/connect", sandbox.origin());
    assert!(stderr.contains(&format!("signing in at {base}\n")), "{stderr}");
    assert_eq!(line(&stdout, "API"), base);
    assert_eq!(line(&stdout, "user"), "00601000000000000001");
    assert!(line(&stdout, "session").starts_with("ends after 35 minutes"), "{stdout}");
    assert!(line(&stdout, "trusted").starts_with("no: what needs MFA"), "{stdout}");
    let stats = behaved(&sandbox);
    assert_eq!((stats.sign_ins, stats.sign_ins_v3), (1, 1));
    assert_eq!((stats.sign_outs, stats.sessions_alive), (1, 0));
    // The sign-in said it all: the only call was the sign-out.
    assert_eq!(stats.calls, 1);
}

#[test]
fn v3_that_does_not_say_whether_a_session_is_trusted_is_asked() {
    let sandbox = Sandbox::builder().omit_trusted().start().unwrap();
    let asked = check_by(&["--v3"], &sandbox.origin(), &[]);
    assert_eq!(asked.code, Some(0), "{}", asked.stderr);
    assert!(line(&asked.stdout, "trusted").starts_with("no: what needs MFA"), "{}", asked.stdout);
    let operations = sandbox.journal().into_iter().map(|entry| entry.operation);
    assert_eq!(operations.collect::<Vec<_>>(), ["v3/Login", "v3/GetSession", "v3/Logout"]);

    // And one that does not say it even then, or is in trouble, is no failure of the check.
    sandbox.fault(Fault::new(FaultKind::code("BDC_1001")).on("v3/GetSession").always());
    let untold = check_by(&["--v3"], &sandbox.origin(), &[]);
    assert_eq!(untold.code, Some(0), "{}", untold.stderr);
    assert_eq!(line(&untold.stdout, "trusted"), "BILL does not say");
    assert_eq!((behaved(&sandbox).sign_ins, behaved(&sandbox).sessions_alive), (2, 0));
}

#[test]
fn v2_does_not_say_whether_the_session_is_trusted_and_v3_is_named() {
    let sandbox = Sandbox::start().unwrap();
    let Checked { code, stdout, stderr } = check(&sandbox.origin(), &[]);
    assert_eq!(code, Some(0), "{stderr}");
    assert!(line(&stdout, "trusted").ends_with("try --v3"), "{stdout}");
    assert_eq!(behaved(&sandbox).calls, 1);
}

#[test]
fn a_token_signs_in_for_a_session_that_does_not_expire() {
    let token =
        [("BILL_TOKEN_NAME", Some(DEMO_TOKEN_NAME)), ("BILL_TOKEN_VALUE", Some(DEMO_TOKEN_VALUE))];
    let alone = [("BILL_USERNAME", None), ("BILL_PASSWORD", None)];
    for arguments in [&[][..], &["--v3"]] {
        // What `bill sandbox` prints to be pasted sets a user too: the token is meant.
        for changed in [token.to_vec(), [token, alone].concat()] {
            let sandbox = Sandbox::start().unwrap();
            let Checked { code, stdout, stderr } = check_by(arguments, &sandbox.origin(), &changed);
            assert_eq!(code, Some(0), "{stderr}");
            assert_eq!(line(&stdout, "session"), "does not expire");
            assert!(line(&stdout, "trusted").starts_with("no: a token's session"), "{stdout}");
            assert_eq!(line(&stdout, "user"), "00601000000000000002");
            assert!(stderr.contains("with the token"), "{stderr}");
            let stats = behaved(&sandbox);
            assert_eq!((stats.sign_ins, stats.sign_outs, stats.calls), (1, 1, 1));
        }
    }
}

#[test]
fn a_wrong_token_is_tried_once_and_told_as_one() {
    let sandbox = Sandbox::start().unwrap();
    let token = [("BILL_TOKEN_NAME", Some(DEMO_TOKEN_NAME)), ("BILL_TOKEN_VALUE", Some("guessed"))];
    let Checked { code, stderr, .. } = check(&sandbox.origin(), &token);
    assert_eq!(code, Some(4), "{stderr}");
    assert!(stderr.contains("BDC_1101") && stderr.contains("can be revoked"), "{stderr}");
    assert_eq!(behaved(&sandbox).sign_ins, 1);

    let half = check(&sandbox.origin(), &[token[0]]);
    assert_eq!(half.code, Some(2), "{}", half.stderr);
    assert!(half.stderr.contains("BILL_TOKEN_VALUE is not set"), "{}", half.stderr);
    assert_eq!(behaved(&sandbox).sign_ins, 1);
}

#[test]
fn what_v3_refuses_is_told_as_v2s_refusals_are() {
    for (changed, code, words) in [
        (("BILL_PASSWORD", Some("guessed")), "BDC_1101", "check the user name"),
        (("BILL_DEV_KEY", Some("guessed")), "BDC_1102", "try without --v3"),
        (("BILL_ORG_ID", Some("00800000000000000009")), "BDC_1107", "check BILL_ORG_ID"),
    ] {
        let sandbox = Sandbox::start().unwrap();
        let checked = check_by(&["--v3"], &sandbox.origin(), &[changed]);
        assert_eq!((checked.code, checked.stdout.as_str()), (Some(4), ""), "{}", checked.stderr);
        assert!(checked.stderr.contains(code), "{}", checked.stderr);
        assert!(checked.stderr.contains(words), "{}", checked.stderr);
        assert_eq!(behaved(&sandbox).sign_ins, 1);
    }
}

#[test]
fn without_an_environment_the_shells_is_taken_and_without_that_the_reader_is_asked() {
    let sandbox = Sandbox::start().unwrap();
    let named = check("", &[("BILL_ENVIRONMENT", Some(&sandbox.origin()))]);
    assert_eq!(named.code, Some(0), "{}", named.stderr);
    let Checked { code, stderr, .. } = check("", &[]);
    assert_eq!(code, Some(2), "{stderr}");
    assert!(stderr.contains("--environment sandbox, stage, production"), "{stderr}");
}

#[test]
fn a_wrong_password_is_tried_once_and_told_as_one() {
    let sandbox = Sandbox::start().unwrap();
    let Checked { code, stdout, stderr } =
        check(&sandbox.origin(), &[("BILL_PASSWORD", Some("guessed"))]);
    assert_eq!((code, stdout.as_str()), (Some(4), ""), "{stderr}");
    assert!(stderr.contains("BDC_1101") && stderr.contains("check the user name"), "{stderr}");
    assert_eq!(behaved(&sandbox).sign_ins, 1);
}

#[test]
fn a_wrong_key_is_told_with_all_its_causes() {
    let sandbox = Sandbox::start().unwrap();
    let Checked { code, stderr, .. } =
        check(&sandbox.origin(), &[("BILL_DEV_KEY", Some("guessed"))]);
    assert_eq!(code, Some(4), "{stderr}");
    for cause in ["BDC_1102", "mistyped", "another environment", "not be enabled", "white space"] {
        assert!(stderr.contains(cause), "{cause}: {stderr}");
    }
    assert_eq!(behaved(&sandbox).sign_ins, 1);
}

#[test]
fn what_a_client_would_wait_out_is_told_at_once_after_one_attempt() {
    let busy = FaultKind::code("BDC_1322");
    let spent = FaultKind::code("BDC_1144");
    let down = FaultKind::Html { status: 503 };
    for (kind, expected, words) in
        [(busy, 5, "BDC_1322"), (spent, 5, "spent"), (down, 1, "HTML page (HTTP 503")]
    {
        let sandbox = Sandbox::start().unwrap();
        sandbox.fault(Fault::new(kind).on("Login").always());
        let start = Instant::now();
        let Checked { code, stderr, .. } = check(&sandbox.origin(), &[]);
        assert_eq!(code, Some(expected), "{stderr}");
        assert!(stderr.contains(words), "{stderr}");
        assert_eq!(behaved(&sandbox).sign_ins, 1, "{stderr}");
        assert!(start.elapsed() < Duration::from_secs(10));
    }
}

#[test]
fn a_connection_that_is_refused_names_the_sandbox_command() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let Checked { code, stdout, stderr } = check(&format!("http://{closed}"), &[]);
    assert_eq!((code, stdout.as_str()), (Some(6), ""), "{stderr}");
    assert!(stderr.contains("no connection was made"), "{stderr}");
    assert!(stderr.contains("refused") && stderr.contains("bill sandbox"), "{stderr}");
}

#[test]
fn an_end_point_that_is_not_followed_is_a_warning() {
    let sandbox = Sandbox::start().unwrap();
    let url = "https://elsewhere.example/api/v2".to_owned();
    sandbox.fault(Fault::new(FaultKind::ForeignApiEndPoint { url }).on("Login"));
    let Checked { code, stdout, stderr } = check(&sandbox.origin(), &[]);
    assert_eq!(code, Some(0), "{stderr}");
    assert!(stderr.contains("warning") && stderr.contains("elsewhere.example"), "{stderr}");
    assert!(stdout.contains(&sandbox.origin()), "{stdout}");
    assert_eq!(behaved(&sandbox).sign_outs, 1);
}

#[test]
fn an_unusual_organisation_is_a_warning() {
    let sandbox = Sandbox::builder().organization("123").start().unwrap();
    let Checked { code, stderr, .. } = check(&sandbox.origin(), &[("BILL_ORG_ID", Some("123"))]);
    assert_eq!(code, Some(0), "{stderr}");
    assert!(stderr.contains("warning") && stderr.contains("008"), "{stderr}");
}

#[test]
fn missing_settings_are_named_all_at_once() {
    let changed =
        [("BILL_USERNAME", None), ("BILL_PASSWORD", Some("")), ("BILL_DEV_KEY", Some(" guessed"))];
    let Checked { code, stdout, stderr } = check("stage", &changed);
    assert_eq!((code, stdout.as_str()), (Some(2), ""), "{stderr}");
    assert!(stderr.contains("BILL_USERNAME is not set"), "{stderr}");
    assert!(stderr.contains("BILL_PASSWORD is empty"), "{stderr}");
    assert!(stderr.contains("BILL_DEV_KEY has white space before or behind it"), "{stderr}");
    assert!(!stderr.contains("BILL_ORG_ID"), "{stderr}");
}

#[test]
fn an_environment_that_is_none_is_a_usage_error() {
    for name in ["prod", "http://example.com", "https://api.bill.com/api/v2"] {
        let Checked { code, stderr, .. } = check(name, &[]);
        assert_eq!(code, Some(2), "{stderr}");
        assert!(stderr.contains("--environment"), "{stderr}");
    }
}
