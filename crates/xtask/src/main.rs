//! The project's own commands.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command talks to its terminal")]

mod mutants;
mod mutate;
mod schedules;

use std::error::Error;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Instant;
use xtask::code::Code;
use xtask::tools::{REQUIRE_STRANGERS, missing_strangers, strangers_are_required, succeeds};

const HELP: &str = "\
Usage: cargo xtask <command>

Commands:
  test [args]  run every test: by cargo-nextest where it is installed, after the doctests, else by
               cargo test; args are passed on, and nextest then runs without the doctests
  ci           what CI runs: fmt, clippy, rustdoc, the three crates alone, then test
  schedules    run the blocking adapter under 100,000 schedules of its threads by chance, and as many
               that put each thread off in turn; BILL_SCHEDULES is another number, and
               BILL_SCHEDULES_SEED the seed
  mutations [filter]
               put each bug of tests/mutations.toml (or those with the filter in their name) into a
               copy of the workspace, and demand that the assertion of its test fails
  mutants      try the mutants that cargo-mutants makes of the core, in parts that are kept, so that
               it can be stopped and goes on later
  mutants --changed
               try those of what has changed since the commit that tests/mutants.toml names, for at
               most a quarter of an hour
  loc          count the code lines of the core and of both adapters
  help         print this text

BILL_REQUIRE_STRANGERS=1 makes a missing python3 or curl an error instead of a notice.";

/// The crates that others depend on one by one, so that each must build and test alone.
const ALONE: [&str; 3] = ["bill-session-core", "bill-async", "bill-blocking"];

const CORE: &str = "bill-session-core";
const ADAPTERS: [&str; 2] = ["bill-async", "bill-blocking"];

fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1);
    let command = args.next();
    let rest: Vec<_> = args.collect();
    match run(command, &rest) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            let mut source = error.source();
            while let Some(cause) = source {
                eprintln!("  because: {cause}");
                source = cause.source();
            }
            ExitCode::FAILURE
        }
    }
}

fn run(command: Option<OsString>, args: &[OsString]) -> Result<(), Box<dyn Error>> {
    let command = command.unwrap_or_else(|| "help".into());
    match (command.to_str(), args) {
        (Some("test"), args) => test(args)?,
        (Some("ci"), []) => ci()?,
        (Some("schedules"), []) => schedules::schedules(schedules::SCHEDULES)?,
        (Some("mutations"), []) => mutate::mutations(None)?,
        (Some("mutations"), [filter]) => mutate::mutations(Some(&filter.to_string_lossy()))?,
        (Some("mutants"), []) => mutants::whole(&root(), CORE)?,
        (Some("mutants"), [arg]) if arg == "--changed" => mutants::changed(&root())?,
        (Some("loc"), []) => loc()?,
        (Some("help" | "--help" | "-h"), []) => println!("{HELP}"),
        (Some(name @ ("ci" | "schedules" | "loc" | "help" | "--help" | "-h")), [first, ..]) => {
            let first = first.display();
            return Err(Failure(format!("`{name}` takes no arguments, such as `{first}`")).into());
        }
        _ => {
            let name = command.display();
            return Err(Failure(format!("no command is called `{name}`\n\n{HELP}")).into());
        }
    }
    Ok(())
}

fn ci() -> Result<(), Failure> {
    let start = Instant::now();
    stage("fmt", || cargo(&["fmt", "--all", "--check"]).run())?;
    stage("clippy", || {
        cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]).run()
    })?;
    stage("rustdoc", || {
        cargo(&["doc", "--workspace", "--no-deps"]).with_env("RUSTDOCFLAGS", "-D warnings").run()
    })?;
    for package in ALONE {
        stage(&format!("{package} alone"), || cargo(&["test", "--package", package]).run())?;
    }
    stage("schedules", || schedules::schedules(schedules::IN_CI))?;
    println!("== all but the tests of the workspace: {:.1} s", start.elapsed().as_secs_f64());
    test(&[])
}

/// Runs every test; what the runner says is the last that is printed.
fn test(args: &[OsString]) -> Result<(), Failure> {
    check_strangers()?;
    let everything = args.is_empty();
    let scope: &[&str] = if chooses_packages(args) { &[] } else { &["--workspace"] };
    if !succeeds(&mut cargo(&["nextest", "--version"]).0) {
        println!("== tests and doctests: cargo-nextest is not installed, so by cargo test");
        let keep_going: &[&str] = if everything { &["--no-fail-fast"] } else { &[] };
        return cargo(&["test"]).with(scope).with(keep_going).with(args).run();
    }
    if everything {
        stage("doctests", || cargo(&["test", "--doc", "--workspace"]).run())?;
        println!("== tests");
        cargo(&["nextest", "run", "--workspace", "--no-fail-fast"]).run()
    } else {
        println!("== tests, as far as the arguments go; doctests are left out");
        cargo(&["nextest", "run"]).with(scope).with(args).run()
    }
}

/// Whether arguments for cargo say which packages are meant.
fn chooses_packages(args: &[OsString]) -> bool {
    args.iter()
        .map(|arg| arg.to_string_lossy())
        .take_while(|arg| arg != "--")
        .any(|arg| arg.starts_with("-p") || arg.starts_with("--package") || arg == "--workspace")
}

/// Says which programs the stranger tests will miss, or fails where they are required.
fn check_strangers() -> Result<(), Failure> {
    let missing = missing_strangers().join(" and ");
    if missing.is_empty() {
        return Ok(());
    }
    if strangers_are_required() {
        return Err(Failure(format!(
            "{missing} not found, which {REQUIRE_STRANGERS}=1 requires: install it, or unset the \
             variable to test without clients that share no code with ours"
        )));
    }
    println!("== NOTE: {missing} not found");
    println!("== the tests with clients that share no code with ours are SKIPPED; all others run");
    Ok(())
}

/// Prints the code lines of the core and of both adapters.
fn loc() -> Result<(), Box<dyn Error>> {
    let lines = |package: &str| {
        Code::of_folder(&root().join("crates").join(package).join("src")).map(|code| code.lines())
    };
    let core = lines(CORE)?;
    println!("{CORE:<20}{core:>6} code lines");
    for adapter in ADAPTERS {
        let lines = lines(adapter)?;
        let percentage = 100.0 * lines as f64 / core.max(1) as f64;
        println!("{adapter:<20}{lines:>6} code lines, {percentage:.1} % of the core's");
    }
    Ok(())
}

/// Runs a stage of several, and says what it is and how long it took.
fn stage(name: &str, run: impl FnOnce() -> Result<(), Failure>) -> Result<(), Failure> {
    println!("== {name}");
    let start = Instant::now();
    let result = run();
    let outcome = if result.is_ok() { "ok" } else { "FAILED" };
    println!("== {name}: {outcome}, {:.1} s", start.elapsed().as_secs_f64());
    result
}

/// A command of cargo's, run at the root of the workspace.
struct Cargo(Command);

fn cargo(args: &[&str]) -> Cargo {
    // Cargo tells its subcommands which cargo is running.
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.args(args).current_dir(root());
    Cargo(command)
}

impl Cargo {
    fn with<A: AsRef<std::ffi::OsStr>>(mut self, args: &[A]) -> Self {
        self.0.args(args);
        self
    }

    fn with_env(mut self, name: &str, value: &str) -> Self {
        self.0.env(name, value);
        self
    }

    fn run(mut self) -> Result<(), Failure> {
        let status = self.0.status();
        let args: Vec<_> = self.0.get_args().map(|arg| arg.to_string_lossy()).collect();
        let line = format!("cargo {}", args.join(" "));
        match status {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(Failure(format!("`{line}` failed ({status})"))),
            Err(error) => Err(Failure(format!("`{line}` could not be started: {error}"))),
        }
    }
}

/// The root of the workspace.
fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_owned()
}

/// A sentence for the terminal.
#[derive(Debug)]
struct Failure(String);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Failure {}

#[cfg(test)]
mod tests {
    use super::{chooses_packages, run};
    use std::ffi::OsString;

    fn args(line: &str) -> Vec<OsString> {
        line.split_whitespace().map(OsString::from).collect()
    }

    #[test]
    fn a_choice_of_packages_is_seen_among_cargos_arguments_only() {
        for chosen in ["-p bill-async", "-pbill-async", "--package=bill-async", "--workspace"] {
            assert!(chooses_packages(&args(chosen)), "{chosen}");
        }
        for other in ["", "--release", "a_test_name", "--no-fail-fast -- -p"] {
            assert!(!chooses_packages(&args(other)), "{other}");
        }
    }

    #[test]
    fn an_unknown_command_is_an_error_that_lists_the_known_ones() {
        let error = run(Some("tset".into()), &[]).unwrap_err().to_string();
        assert!(error.contains("`tset`") && error.contains("  loc "), "{error}");
    }

    #[test]
    fn a_command_without_arguments_refuses_them() {
        let error = run(Some("ci".into()), &args("--fast")).unwrap_err().to_string();
        assert_eq!(error, "`ci` takes no arguments, such as `--fast`");
    }
}
