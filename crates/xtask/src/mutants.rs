//! `cargo xtask mutants`: cargo-mutants over the whole core, or over what has changed in it.
//!
//! All of it takes hours, so it runs in parts, each of which is kept: whoever stops it goes on
//! later where it stopped. It works on a copy; the sources here are never altered.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde::Deserialize;

use xtask::mutations::copy::Copy;

use crate::cargo;

/// How many mutants are tried at a time, before what became of them is kept.
const PART: usize = 24;

/// How long the mutants of what has changed may take; the rest of them is counted and left.
const LIMIT: Duration = Duration::from_secs(15 * 60);

/// Properties are tried on so few cases, always the same ones, for each mutant.
const CASES: &str = "256";
const SEED: &str = "1";

/// What `tests/mutants.toml` holds.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Record {
    /// What was counted, by package.
    #[serde(default)]
    pub(crate) counts: BTreeMap<String, Counts>,
    /// Those that no test can catch.
    #[serde(default)]
    pub(crate) excused: Vec<Excused>,
}

/// What became of the mutants of a package.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Counts {
    /// The commit that they hold for.
    pub(crate) commit: String,
    /// A test failed.
    pub(crate) caught: usize,
    /// No test failed, and the reason is given.
    pub(crate) excused: usize,
    /// It did not compile.
    pub(crate) unviable: usize,
    /// So many were not tried yet.
    #[serde(default)]
    pub(crate) left: usize,
}

/// A mutant that no test can catch.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Excused {
    /// As cargo-mutants names it, without line and column.
    pub(crate) mutant: String,
    /// Why the program is as good with it.
    pub(crate) why: String,
}

impl Record {
    pub(crate) fn read(root: &Path) -> Result<Self, Box<dyn Error>> {
        Ok(toml::from_str(&fs::read_to_string(root.join("tests/mutants.toml"))?)?)
    }

    /// Why a mutant is excused, if it is.
    fn excuse(&self, mutant: &str) -> Option<&str> {
        let name = without_place(mutant);
        let excused = self.excused.iter().find(|excused| excused.mutant == name)?;
        Some(&excused.why)
    }
}

/// What became of some mutants, by their names.
#[derive(Debug, Default)]
struct Outcomes {
    caught: Vec<String>,
    missed: Vec<String>,
    timeout: Vec<String>,
    unviable: Vec<String>,
}

impl Outcomes {
    /// Adds what a part has brought.
    fn add(&mut self, folder: &Path) -> Result<(), Box<dyn Error>> {
        let of = |name: &str| -> Result<Vec<String>, Box<dyn Error>> {
            let text = fs::read_to_string(folder.join("mutants.out").join(name))?;
            Ok(text.lines().map(str::to_owned).collect())
        };
        self.caught.extend(of("caught.txt")?);
        self.missed.extend(of("missed.txt")?);
        self.timeout.extend(of("timeout.txt")?);
        self.unviable.extend(of("unviable.txt")?);
        Ok(())
    }

    fn tried(&self) -> usize {
        self.caught.len() + self.missed.len() + self.timeout.len() + self.unviable.len()
    }

    /// Prints what became of them; an error when one survived that nobody has excused.
    fn report(&self, package: &str, of: usize, record: &Record) -> Result<(), Box<dyn Error>> {
        let survived: Vec<&String> = self.missed.iter().chain(&self.timeout).collect();
        let (excused, open): (Vec<&String>, Vec<&String>) =
            survived.into_iter().partition(|mutant| record.excuse(mutant).is_some());
        println!(
            "== {package}: {} caught, {} excused, {} unviable, {} not caught, {} left",
            self.caught.len(),
            excused.len(),
            self.unviable.len(),
            open.len(),
            of.saturating_sub(self.tried()),
        );
        for mutant in excused {
            println!("excused: {mutant}: {}", record.excuse(mutant).unwrap_or_default());
        }
        for mutant in &open {
            let how = if self.timeout.contains(mutant) { "time-out" } else { "survived" };
            println!("{how}: {mutant}");
        }
        match open.len() {
            0 => Ok(()),
            1 => Err(format!("a mutant of {package} is caught by no test").into()),
            number => Err(format!("{number} mutants of {package} are caught by no test").into()),
        }
    }
}

/// Every mutant of a package, but those that an earlier run of the same commit has tried.
pub(crate) fn whole(root: &Path, package: &str) -> Result<(), Box<dyn Error>> {
    let record = Record::read(root)?;
    let folder = format!("crates/{package}");
    if !output(Command::new("git"), &["status", "--porcelain", "--", &folder], root)?.is_empty() {
        return Err(format!("{folder} has changes: what is counted has to be a commit's").into());
    }
    let commit = output(Command::new("git"), &["rev-parse", "--short", "HEAD"], root)?;
    let of = format!("{package}-{}", commit.trim());
    Run::prepare(root, &of, package, None)?.until(None)?.report(package, &record)
}

/// The mutants of what has changed in each package since its mutants were counted.
pub(crate) fn changed(root: &Path) -> Result<(), Box<dyn Error>> {
    let record = Record::read(root)?;
    let end = Instant::now() + LIMIT;
    if record.counts.is_empty() {
        println!("== no mutants are counted yet, so there is nothing to compare with");
    }
    for (package, counts) in &record.counts {
        let Counts { commit, caught, excused, unviable, left } = counts;
        println!(
            "== {package} at {commit}: {caught} caught, {excused} excused, {unviable} unviable, \
             {left} left"
        );
        let sources = format!("crates/{package}/src");
        let known = format!("{commit}^{{commit}}");
        if output(Command::new("git"), &["cat-file", "-e", &known], root).is_err() {
            println!("== {package}: commit {commit} is not in this clone: not tried");
            continue;
        }
        let diff = output(Command::new("git"), &["diff", commit, "--", &sources], root)?;
        if diff.is_empty() {
            println!("== {package}: nothing has changed since {commit}");
            continue;
        }
        let run = Run::prepare(root, &format!("{package}-changed"), package, Some(&diff))?;
        run.until(Some(end))?.report(package, &record)?;
    }
    Ok(())
}

/// A run of cargo-mutants over a copy.
struct Run {
    copy: PathBuf,
    parts: PathBuf,
    package: String,
    diff: Option<PathBuf>,
    mutants: usize,
    outcomes: Outcomes,
}

impl Run {
    fn prepare(
        root: &Path,
        name: &str,
        package: &str,
        diff: Option<&str>,
    ) -> Result<Self, Box<dyn Error>> {
        let folder = root.join("target/mutants");
        let copy = Copy::below(root, Path::new("target/mutants"))?.root();
        let parts = folder.join(name);
        if diff.is_some() && parts.exists() {
            fs::remove_dir_all(&parts)?;
        }
        fs::create_dir_all(&parts)?;
        let diff = match diff {
            Some(text) => {
                let file = parts.join("diff");
                fs::write(&file, text)?;
                Some(file)
            }
            None => None,
        };
        let package = package.to_owned();
        let mut run =
            Self { copy, parts, package, diff, mutants: 0, outcomes: Outcomes::default() };
        run.mutants = output(run.mutants_command(), &["--list"], &run.copy)?.lines().count();
        Ok(run)
    }

    fn mutants_command(&self) -> Command {
        let mut command = cargo(&["mutants", "--package", &self.package, "--no-shuffle"]).0;
        if let Some(diff) = &self.diff {
            command.arg("--in-diff").arg(diff);
        }
        command
    }

    /// Tries part after part, and begins none after `end`.
    fn until(mut self, end: Option<Instant>) -> Result<Self, Box<dyn Error>> {
        let parts = self.mutants.div_ceil(PART).max(1);
        println!("== {}: {} mutants in {parts} parts", self.package, self.mutants);
        let mut is_first = true;
        for part in 0..parts {
            let folder = self.parts.join(part.to_string());
            let done = folder.join("done");
            if !done.exists() {
                if self.mutants == 0 || end.is_some_and(|end| Instant::now() >= end) {
                    break;
                }
                self.attempt(&folder, &format!("{part}/{parts}"), is_first)?;
                fs::write(&done, "")?;
                is_first = false;
            }
            self.outcomes.add(&folder)?;
        }
        Ok(self)
    }

    /// One part; before the first of a run, the tests must pass without any mutant.
    fn attempt(&self, folder: &Path, part: &str, is_first: bool) -> Result<(), Box<dyn Error>> {
        fs::create_dir_all(folder)?;
        let mut command = self.mutants_command();
        command.args(["--in-place", "--sharding", "slice", "--shard", part, "--output"]);
        command.arg(folder).args(["--timeout", "60", "--build-timeout", "300"]);
        command.args(["--baseline", if is_first { "run" } else { "skip" }]);
        command.env("PROPTEST_CASES", CASES).env("PROPTEST_RNG_SEED", SEED);
        command.env("CARGO_PROFILE_TEST_DEBUG", "0").env_remove("CARGO_TARGET_DIR");
        let status = command.current_dir(&self.copy).status()?;
        // 2 and 3 are mutants that were missed and that took too long.
        match status.code() {
            Some(0 | 2 | 3) => Ok(()),
            _ => Err(format!("cargo mutants failed ({status}) on part {part}").into()),
        }
    }

    fn report(&self, package: &str, record: &Record) -> Result<(), Box<dyn Error>> {
        self.outcomes.report(package, self.mutants, record)
    }
}

/// The name of a mutant without its line and column, which move with every edit above it.
fn without_place(mutant: &str) -> String {
    let (place, what) = mutant.split_once(": ").unwrap_or((mutant, ""));
    let file = place.split(':').next().unwrap_or(place);
    format!("{file}: {what}")
}

fn output(mut command: Command, args: &[&str], folder: &Path) -> Result<String, Box<dyn Error>> {
    let output = command.args(args).current_dir(folder).output()?;
    if !output.status.success() {
        let told = String::from_utf8_lossy(&output.stderr);
        let program = command.get_program().display();
        return Err(format!("`{program}` failed ({}): {}", output.status, told.trim()).into());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::{Excused, Outcomes, Record, without_place};
    use std::path::Path;

    const MUTANT: &str = "crates/a/src/b.rs:40:5: replace spread -> u64 with 0";

    fn survived() -> Outcomes {
        Outcomes { missed: vec![MUTANT.to_owned()], ..Outcomes::default() }
    }

    #[test]
    fn a_mutant_is_known_by_its_file_and_what_it_does_wherever_it_stands() {
        assert_eq!(without_place(MUTANT), "crates/a/src/b.rs: replace spread -> u64 with 0");
    }

    #[test]
    fn a_survivor_is_an_error_unless_it_is_excused() {
        let mut record = Record::default();
        let error = survived().report("a", 1, &record).unwrap_err().to_string();
        assert_eq!(error, "a mutant of a is caught by no test");
        record.excused.push(Excused { mutant: without_place(MUTANT), why: "it is one".into() });
        survived().report("a", 1, &record).unwrap();
    }

    #[test]
    fn the_record_is_in_its_form_and_every_excuse_says_why() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
        let record = Record::read(root).unwrap();
        for excused in &record.excused {
            assert!(excused.why.len() > 20, "{}", excused.mutant);
            let file = excused.mutant.split(": ").next().unwrap();
            assert!(root.join(file).exists(), "{}", excused.mutant);
        }
        for (package, counts) in &record.counts {
            let viable = counts.caught + counts.excused;
            assert!(counts.excused * 50 <= viable, "{package}: more than 2 % are excused");
        }
    }
}
