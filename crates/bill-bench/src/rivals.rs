//! The program that measures the credential caches that people use, in a package of its own: its
//! dependencies touch neither this workspace's lock file nor its CI.

use std::env;
use std::error::Error;
use std::process::{Command, Stdio};

use crate::measure::Effort;
use crate::results::root;
use crate::row::Row;

/// The rows of a section that the program with the rivals measures.
///
/// # Errors
///
/// It cannot be built, or has failed.
pub fn measure(section: &str, effort: Effort) -> Result<Vec<Row>, Box<dyn Error>> {
    // Cargo tells the programs that it runs which cargo is running.
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .args(["run", "--release", "--manifest-path", "crates/bill-bench/rivals/Cargo.toml"])
        .args(["--target-dir", "target/rivals", "--", section])
        .current_dir(root())
        .stderr(Stdio::inherit());
    if effort.is_quick() {
        command.arg("--quick");
    }
    // What cargo tells this program of its package would have some build scripts run again.
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
    let output = command.output()?;
    if !output.status.success() {
        return Err(format!("the rivals' program failed ({})", output.status).into());
    }
    let lines = String::from_utf8(output.stdout)?;
    lines.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
}
