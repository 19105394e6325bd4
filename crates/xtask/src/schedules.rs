//! Tries out the schedules of the threads that share a session.

use std::env;

use crate::{Failure, cargo};

/// How many schedules of each kind, unless the environment says another number.
pub(crate) const SCHEDULES: &str = "100000";

/// How many CI runs, which does so each time.
pub(crate) const IN_CI: &str = "1000";

/// The environment variable that says how many.
const VARIABLE: &str = "BILL_SCHEDULES";

/// What brings shuttle into a build, for the tests of these packages alone.
const FLAG: &str = "--cfg shuttle";

/// Runs every scenario; each prints under how many schedules it was run, and the seed.
pub(crate) fn schedules(usual: &str) -> Result<(), Failure> {
    let number = env::var(VARIABLE).unwrap_or_else(|_| usual.to_owned());
    let flags = env::var("RUSTFLAGS").map_or_else(|_| FLAG.to_owned(), |own| own + " " + FLAG);
    // In a folder of its own, since the flag would have everything else built anew each time.
    cargo(&["test", "--release", "--lib", "--target-dir", "target/schedules"])
        .with(&["--package", "bill-session-host", "--package", "bill-blocking"])
        .with(&["--features", "bill-blocking/test-util", "schedules", "--", "--nocapture"])
        .with_env("RUSTFLAGS", &flags)
        .with_env(VARIABLE, &number)
        .run()
}
