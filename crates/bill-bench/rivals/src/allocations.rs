//! What each operation on the path asks the allocator for: a program of its own counts it.
//!
//! An allocator that counts does so for all threads in the same few numbers, and whoever allocates
//! pays for that, the more so the more threads there are: a price of the measuring that rivals would
//! bear and ours would not. So the program that measures time has the plain allocator, and has
//! another one count.

use std::env;
use std::error::Error;
use std::path::Path;
use std::process::{Command, Stdio};

use bill_bench::Row;
use bill_bench::measure::allocations;
use bill_bench::row::Of;

use crate::path::subjects;

const OPERATIONS: usize = 100_000;

/// Allocations of each operation and their bytes, in a program that counts them.
///
/// # Errors
///
/// A rival does not sign in.
pub fn rows() -> Result<Vec<Row>, Box<dyn Error>> {
    let mut rows = Vec::new();
    for subject in subjects()? {
        let mut work = subject.work();
        let allocated = allocations(OPERATIONS, || work(OPERATIONS as u64));
        // What is left of the harness's own few, spread over the operations, is cut off.
        let hundredths = (allocated.count * 100.0).round() / 100.0;
        let of = Of::new("path", subject.name);
        rows.push(of.value("allocations", "count", hundredths));
        rows.push(of.value("allocated", "bytes", allocated.bytes.round()));
    }
    Ok(rows)
}

/// The rows of the program that counts, which cargo builds first if it has to.
pub(crate) fn counted() -> Result<Vec<Row>, Box<dyn Error>> {
    let here = env::current_exe()?;
    let target =
        here.parent().and_then(Path::parent).ok_or("a program outside of a target folder")?;
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // The cargo that runs this program describes its package in these. Build scripts of some rivals
    // look at them, and would have half of the tree built anew.
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            cargo.env_remove(&name);
        }
    }
    let output = cargo
        .args(["run", "--quiet", "--release", "--bin", "count-allocations", "--manifest-path"])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))
        .arg("--target-dir")
        .arg(target)
        .stderr(Stdio::inherit())
        .output()?;
    if !output.status.success() {
        return Err(format!("the program that counts allocations: {}", output.status).into());
    }
    let lines = output.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| Ok(serde_json::from_slice(line)?)).collect()
}
