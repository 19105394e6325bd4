//! The tools of the machine that some tests use.

use std::process::{Command, Stdio};

/// The environment variable that, set to `1`, makes a missing tool a failure.
pub const REQUIRE_STRANGERS: &str = "BILL_REQUIRE_STRANGERS";

/// The programs that the stranger tests run: clients of BILL's API that share no code with ours.
pub const STRANGERS: [&str; 2] = ["python3", "curl"];

/// Whether a program is there and starts.
#[must_use]
pub fn is_there(program: &str) -> bool {
    // Being on the path is not enough: a version manager's shim is, with nothing behind it.
    succeeds(Command::new(program).arg("--version"))
}

/// The programs of [`STRANGERS`] that this machine lacks.
#[must_use]
pub fn missing_strangers() -> Vec<&'static str> {
    STRANGERS.into_iter().filter(|program| !is_there(program)).collect()
}

/// Whether a missing tool is a failure here, by [`REQUIRE_STRANGERS`].
#[must_use]
pub fn strangers_are_required() -> bool {
    std::env::var_os(REQUIRE_STRANGERS).is_some_and(|value| value == "1")
}

/// Whether a command starts and succeeds; its output is thrown away.
#[must_use]
pub fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::{is_there, succeeds};
    use std::process::Command;

    #[test]
    fn a_program_that_starts_is_there_and_one_that_does_not_is_missing() {
        assert!(is_there(env!("CARGO")));
        assert!(!is_there("no-program-has-this-name"));
    }

    #[test]
    fn a_program_that_is_there_and_fails_does_not_succeed() {
        assert!(!succeeds(Command::new(env!("CARGO")).arg("no-command-has-this-name")));
    }
}
