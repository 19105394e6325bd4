//! `cargo xtask mutations`: puts each of the bugs made by hand into a copy of the workspace, and
//! looks whether its tests catch it.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::io::{self, Read};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use xtask::mutations::copy::Copy;
use xtask::mutations::verdict::{Verdict, all_pass, judge};
use xtask::mutations::{Mutation, Mutations};

use crate::{Failure, cargo, root};

/// How long a test may take: one that is not over by then has not failed by what it states.
const LIMIT: Duration = Duration::from_secs(60);

/// A test target: its package and its name.
type Target<'a> = (&'a str, &'a str);

/// Runs all whose line for people has the filter in it.
pub(crate) fn mutations(filter: Option<&str>) -> Result<(), Box<dyn Error>> {
    let begun = Instant::now();
    let root = root();
    let list = Mutations::read(&root)?;
    let faults = list.faults(&root);
    if !faults.is_empty() {
        return Err(Failure(faults.join("\n")).into());
    }
    let is_meant = |mutation: &&Mutation| filter.is_none_or(|it| mutation.label().contains(it));
    let mut chosen: Vec<_> = list.all.iter().filter(is_meant).collect();
    if chosen.is_empty() {
        return Err(Failure(format!("none is called `{}`", filter.unwrap_or_default())).into());
    }
    // What is built of one package's tests is not built again for the next bug.
    chosen.sort_by_key(|mutation| (target_of(mutation), &mutation.file));
    let copy = Copy::of(&root)?;
    clean_copy_passes(&copy, &chosen)?;
    println!("== the clean copy passes, {:.1} s", begun.elapsed().as_secs_f64());

    let mut missed = 0;
    for mutation in &chosen {
        let begun = Instant::now();
        let result = copy.with(mutation, || try_out(&copy, mutation))?;
        let seconds = begun.elapsed().as_secs_f64();
        match result {
            Ok(by) => println!("{}: caught by {by} in {seconds:.1} s", mutation.label()),
            Err(why) => {
                missed += 1;
                println!("{}: NOT CAUGHT in {seconds:.1} s: {why}", mutation.label());
            }
        }
    }
    let (all, seconds) = (chosen.len(), begun.elapsed().as_secs_f64());
    println!("== {} of {all} caught, {seconds:.1} s in all", all - missed);
    if missed > 0 {
        return Err(Failure(format!("{missed} of {all} are not caught")).into());
    }
    Ok(())
}

fn target_of(mutation: &Mutation) -> Target<'_> {
    (&mutation.package, &mutation.target)
}

/// Without a bug, all tests that are named have to pass.
fn clean_copy_passes(copy: &Copy, chosen: &[&Mutation]) -> Result<(), Failure> {
    let mut tests: BTreeMap<Target<'_>, BTreeSet<&str>> = BTreeMap::new();
    for mutation in chosen {
        let names = mutation.tests.iter().map(String::as_str);
        tests.entry(target_of(mutation)).or_default().extend(names);
    }
    for (target, tests) in tests {
        let program = build(copy, target).map_err(Failure)?;
        let names: Vec<_> = tests.iter().copied().collect();
        let limit = LIMIT.saturating_mul(u32::try_from(names.len()).unwrap_or(u32::MAX));
        let output = run(&program, &names, limit).map_err(Failure)?;
        all_pass(&output, names.into_iter()).map_err(|test| {
            Failure(format!("{test} does not pass in the clean copy:\n{output}"))
        })?;
    }
    Ok(())
}

/// Tries a bug that is in the copy; tells what caught it, or why nothing has.
fn try_out(copy: &Copy, mutation: &Mutation) -> Result<String, String> {
    let program = build(copy, target_of(mutation))?;
    let own = mutation.own_sources(&copy.root()).map_err(|error| error.to_string())?;
    let mut caught = Vec::new();
    for test in &mutation.tests {
        let output = run(&program, &[test], LIMIT)?;
        match judge(&output, test, &own, &copy.root()) {
            Verdict::Caught { statement, place } => {
                caught.push(format!("{test} ({statement} at {place})"));
            }
            Verdict::Missed(why) => return Err(format!("{test}: {why}")),
        }
    }
    Ok(caught.join(" and "))
}

/// Builds a test target of the copy; tells where its program is.
fn build(copy: &Copy, (package, target): Target<'_>) -> Result<Program, String> {
    let mut cargo = cargo(&["test", "--no-run", "--package", package, "--test", target])
        .with(&["--message-format", "json-render-diagnostics", "--target-dir"])
        .with(&[copy.target()])
        // Nobody looks at it with a debugger, and without it is built in less time and space.
        .with_env("CARGO_PROFILE_DEV_DEBUG", "0")
        .with_env("CARGO_PROFILE_TEST_DEBUG", "0");
    let built = cargo.0.current_dir(copy.root()).stderr(Stdio::piped()).output();
    let built = built.map_err(|error| format!("cargo could not be started: {error}"))?;
    if !built.status.success() {
        let said = String::from_utf8_lossy(&built.stderr);
        let errors: Vec<_> = said.lines().filter(|line| line.starts_with("error")).collect();
        return Err(format!("it does not compile: {}", errors.join("; ")));
    }
    let program = |line: &str| {
        let message: Value = serde_json::from_str(line).ok()?;
        let is_it = message["target"]["name"] == *target && message["target"]["kind"][0] == "test";
        let file = message["executable"].as_str().filter(|_| is_it)?;
        let manifest = message["manifest_path"].as_str()?;
        Some(Program { file: file.into(), folder: PathBuf::from(manifest).parent()?.into() })
    };
    let messages = String::from_utf8_lossy(&built.stdout);
    messages.lines().find_map(program).ok_or_else(|| "cargo names no test program".to_owned())
}

/// A test program, and the folder of its package.
struct Program {
    file: PathBuf,
    folder: PathBuf,
}

/// Runs tests of a program; tells what it prints.
fn run(program: &Program, tests: &[&str], limit: Duration) -> Result<String, String> {
    let mut child = Command::new(&program.file)
        // With a single thread, tests would run on the main thread, and not on one of their name.
        .args(["--exact", "--test-threads", "2"])
        .args(tests)
        .current_dir(&program.folder)
        .env("CARGO_MANIFEST_DIR", &program.folder)
        .env("RUST_BACKTRACE", "0")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("the test program could not be started: {error}"))?;
    let (sender, ends) = mpsc::channel();
    collect(child.stdout.take(), sender.clone());
    collect(child.stderr.take(), sender);
    let deadline = Instant::now() + limit;
    let mut output = String::new();
    loop {
        match ends.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(Ok(printed)) => output.push_str(&String::from_utf8_lossy(&printed)),
            Ok(Err(error)) => return Err(format!("what it prints cannot be read: {error}")),
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {
                let after = format!("it was not over after {} s", limit.as_secs());
                return Err(match child.kill().and_then(|()| child.wait()) {
                    Ok(_) => after,
                    Err(error) => format!("{after}, and could not be ended: {error}"),
                });
            }
        }
    }
    child.wait().map_err(|error| format!("the test program did not end: {error}"))?;
    Ok(output)
}

/// Reads a pipe to its end on a thread of its own, so that the time can be looked after meanwhile.
fn collect(pipe: Option<impl Read + Send + 'static>, sender: Sender<io::Result<Vec<u8>>>) {
    let Some(mut pipe) = pipe else { return };
    thread::spawn(move || {
        let mut printed = Vec::new();
        let read = pipe.read_to_end(&mut printed);
        // Nobody listens any more when the time is up.
        drop(sender.send(read.map(|_| printed)));
    });
}
