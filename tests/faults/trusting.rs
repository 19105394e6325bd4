//! A process that trusts an authority of ours and no other.
//!
//! Both adapters verify against the system's certificates and take none from the program. Where
//! those are on Linux, `SSL_CERT_FILE` says, and the environment belongs to a whole process: so a
//! test runs itself again in a child, which writes the file before its first client reads it.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use crate::authority::Authority;

const TRUSTED: &str = "SSL_CERT_FILE";
const INSIDE: &str = "BILL_TEST_INSIDE_A_TRUSTING_PROCESS";

/// The name of the authority that is trusted.
pub(crate) const NAME: &str = "the authority of a test";

/// Runs the test of this name again, as a process that trusts the authority that `inside` is given.
pub(crate) fn in_a_process_that_trusts(
    test: &str,
    variables: &[(&str, &str)],
    inside: impl FnOnce(&Arc<Authority>),
) {
    if env::var_os(INSIDE).is_some() {
        let authority = Authority::new(NAME);
        fs::write(env::var_os(TRUSTED).unwrap(), authority.pem()).unwrap();
        return inside(&Arc::new(authority));
    }
    let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!(
        "{}-{}.pem",
        test.replace("::", "-"),
        std::process::id()
    ));
    let mut child = Command::new(env::current_exe().unwrap());
    child.args(["--exact", test, "--nocapture"]);
    for variable in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"] {
        child.env_remove(variable).env_remove(variable.to_ascii_lowercase());
    }
    child.env_remove("SSL_CERT_DIR").env_remove("REQUEST_METHOD");
    child.envs(variables.iter().copied()).env(TRUSTED, &file).env(INSIDE, "1");
    // What failed is told by the name of its cell.
    child.env("RUST_BACKTRACE", "0");
    let output = child.output().unwrap();
    // A child that failed early has not written it.
    let _ = fs::remove_file(file);
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("1 passed"), "{text}");
}
