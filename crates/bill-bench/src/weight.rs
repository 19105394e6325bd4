//! What a dependency on this weighs: crates in the tree, a cold build, the stripped program.
//!
//! Below `weight/` is, for each subject, the smallest program that gets something done with it. Each
//! is a package of its own, outside of the workspace, with a lock file of its own.

use std::collections::BTreeSet;
use std::env;
use std::error::Error;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::measure::Effort;
use crate::row::{Of, Row};

/// The programs' folders, and what they weigh.
const PROGRAMS: [(&str, &str); 9] = [
    ("core", "bill-session-core"),
    ("blocking", "bill-blocking"),
    ("ureq", "ureq"),
    ("async", "bill-async"),
    ("reqwest", "reqwest"),
    ("gcp", "gcp_auth"),
    ("azure", "azure_identity"),
    ("google", "google-cloud-auth"),
    ("aws", "aws-config"),
];

/// Ours, and the bare client beside which it is weighed.
const BESIDE: [(&str, &str); 2] = [("blocking", "ureq"), ("async", "reqwest")];

/// Measures this section; a smoke run builds nothing but the lightest program.
///
/// # Errors
///
/// A program cannot be built.
pub fn measure(effort: Effort) -> Result<Vec<Row>, Box<dyn Error>> {
    let mut rows = Vec::new();
    for (name, subject) in PROGRAMS {
        let of = Of::new("weight", subject);
        let program = Program::new(name);
        progress(&program);
        rows.push(of.value("crates", "count", program.crates()?.len() as f64));
        if effort.of(true, name == "core") {
            let (seconds, bytes) = program.build()?;
            rows.push(of.value("build", "s", seconds));
            rows.push(of.value("size", "MB", bytes as f64 / 1e6));
        }
    }
    for (ours, bare) in BESIDE {
        let (whole, floor) = (Program::new(ours).crates()?, Program::new(bare).crates()?);
        let setting = format!("bill-{ours} beyond {bare}");
        rows.extend(whole.difference(&floor).map(|name| {
            let name = name.split(' ').next().unwrap_or_default();
            Of::new("weight", name).at(&setting).value("extra crate", "count", 1.0)
        }));
    }
    Ok(rows)
}

#[expect(clippy::print_stderr, reason = "each can take minutes")]
fn progress(program: &Program) {
    eprintln!("weight: {}", program.name);
}

/// What a crate is there for that an adapter has, and the HTTP client below it has not.
///
/// Nothing for one that nobody has explained yet.
pub fn reason(name: &str) -> Option<&'static str> {
    let (_, reason) = REASONS.iter().find(|(known, _)| *known == name)?;
    Some(reason)
}

const REASONS: [(&str, &str); 16] = [
    ("bill-async", "this"),
    ("bill-blocking", "this"),
    ("bill-session-core", "the session, the line and the limits"),
    ("bill-session-host", "the clock that counts sleep"),
    ("bitflags", "of rustix"),
    ("errno", "of rustix"),
    ("form_urlencoded", "v2's bodies are forms"),
    ("httpdate", "BILL's clock, by the date of its answers"),
    ("linux-raw-sys", "of rustix"),
    ("proc-macro2", "of serde's derive, which programs with types of their own use anyway"),
    ("quote", "of serde's derive"),
    ("rustix", "reads the clock that counts sleep, which std does not"),
    ("serde", "answers are read into the program's types"),
    ("serde_derive", "the derive for BILL's own documents"),
    ("syn", "of serde's derive"),
    ("unicode-ident", "of serde's derive"),
];

/// One of the programs.
struct Program {
    name: String,
    manifest: PathBuf,
    target: PathBuf,
}

impl Program {
    fn new(folder: &str) -> Self {
        let bench = Path::new(env!("CARGO_MANIFEST_DIR"));
        Self {
            name: format!("weight-{folder}"),
            manifest: bench.join("weight").join(folder).join("Cargo.toml"),
            target: bench.join("../../target/weight").join(folder),
        }
    }

    /// The crates that it is made of, itself excepted.
    ///
    /// To ask brings them onto this machine, so that no download is timed later, and the program's
    /// lock file up to date with the crates of ours that it uses.
    fn crates(&self) -> Result<BTreeSet<String>, Box<dyn Error>> {
        let tree = self.cargo("tree", &["--edges", "normal", "--prefix", "none"])?;
        let names = tree.lines().filter_map(|line| {
            let mut words = line.split(' ');
            Some(format!("{} {}", words.next()?, words.next()?))
        });
        let itself = format!("{} ", self.name);
        Ok(names.filter(|name| !name.starts_with(&itself)).collect())
    }

    /// Builds it from nothing: how many seconds that takes, and how many bytes come out.
    fn build(&self) -> Result<(f64, u64), Box<dyn Error>> {
        remove(&self.target)?;
        let target = self.target.to_str().ok_or("the target folder has no name of text")?;
        let began = Instant::now();
        self.cargo("build", &["--locked", "--release", "--target-dir", target])?;
        let seconds = began.elapsed().as_secs_f64();
        let program = self.target.join("release").join(&self.name);
        let bytes = fs::metadata(program.with_extension(env::consts::EXE_EXTENSION))?.len();
        remove(&self.target)?;
        Ok((seconds, bytes))
    }

    /// Runs a command of cargo's on it, and returns what that prints.
    fn cargo(&self, command: &str, arguments: &[&str]) -> Result<String, Box<dyn Error>> {
        // The cargo that runs this program, if one does.
        let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let output = Command::new(cargo)
            .args([command, "--quiet", "--manifest-path"])
            .arg(&self.manifest)
            .args(arguments)
            .stderr(Stdio::inherit())
            .output()?;
        if !output.status.success() {
            return Err(format!("cargo {command} of {} failed", self.name).into());
        }
        Ok(String::from_utf8(output.stdout)?)
    }
}

/// Removes a folder that may not be there.
fn remove(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
