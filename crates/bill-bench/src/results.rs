//! `results.json`: every row, and of which commit, day and machine it is.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::row::Row;

/// The parts of the benchmarks, in the order of the page.
pub const SECTIONS: [&str; 7] = ["path", "price", "herd", "growth", "soak", "weight", "parse"];

/// What was measured, as it is committed.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Results {
    /// The commit that the latest run was of.
    pub commit: String,
    /// The day of the latest run.
    pub date: String,
    /// The processor, as it calls itself.
    pub cpu: String,
    /// How many threads run at once.
    pub cores: usize,
    /// The compiler.
    pub rustc: String,
    /// The latest run of each section.
    pub runs: BTreeMap<String, Run>,
    /// All figures, by section, in the order in which they were measured.
    pub rows: Vec<Row>,
}

/// What a run was of, and when.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Run {
    /// The commit; `-dirty` when files were changed since that are not results themselves.
    pub commit: String,
    /// The day.
    pub date: String,
}

impl Results {
    /// Those of no run yet, on this machine.
    ///
    /// # Errors
    ///
    /// The machine does not say what it is.
    pub fn none_yet() -> Result<Self, Box<dyn Error>> {
        let Run { commit, date } = Run::now()?;
        Ok(Self {
            commit,
            date,
            cpu: cpu()?,
            cores: thread::available_parallelism()?.get(),
            rustc: said("rustc", &["--version"])?,
            runs: BTreeMap::new(),
            rows: Vec::new(),
        })
    }

    /// Those that are committed.
    ///
    /// # Errors
    ///
    /// There are none, or they cannot be read.
    pub fn committed() -> Result<Self, Box<dyn Error>> {
        Ok(serde_json::from_slice(&fs::read(file())?)?)
    }

    /// Puts new rows in the place of those of the same section.
    ///
    /// # Errors
    ///
    /// The machine does not say what it is.
    pub fn replace(&mut self, section: &str, rows: Vec<Row>) -> Result<(), Box<dyn Error>> {
        let Self { commit, date, cpu, cores, rustc, runs: _, rows: _ } = Self::none_yet()?;
        let run = Run { commit: commit.clone(), date: date.clone() };
        self.runs.insert(section.to_owned(), run);
        self.rows.retain(|row| row.section != section);
        self.rows.extend(rows);
        self.rows.sort_by_key(|row| SECTIONS.iter().position(|name| *name == row.section));
        *self = Self {
            commit,
            date,
            cpu,
            cores,
            rustc,
            runs: std::mem::take(&mut self.runs),
            rows: std::mem::take(&mut self.rows),
        };
        Ok(())
    }

    /// Writes them where they are committed.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn write(&self) -> Result<(), Box<dyn Error>> {
        Ok(fs::write(file(), self.to_json()?)?)
    }

    /// JSON with a row on each line, so that a difference can be read.
    ///
    /// # Errors
    ///
    /// Never: everything in it can be written as JSON.
    pub fn to_json(&self) -> Result<String, Box<dyn Error>> {
        let head = serde_json::to_string_pretty(&Self { rows: Vec::new(), ..self.clone() })?;
        let head = head.strip_suffix("[]\n}").ok_or("the rows are not the last")?;
        let mut json = format!("{head}[");
        for (at, row) in self.rows.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            write!(json, "{comma}\n    {}", serde_json::to_string(row)?)?;
        }
        json.push_str("\n  ]\n}\n");
        Ok(json)
    }

    /// The figures of a section.
    pub fn of<'a>(&'a self, section: &'a str) -> impl Iterator<Item = &'a Row> + Clone {
        self.rows.iter().filter(move |row| row.section == section)
    }

    /// One figure, if it was measured.
    pub fn row(&self, section: &str, subject: &str, setting: &str, metric: &str) -> Option<&Row> {
        let wanted = [section, subject, setting, metric];
        self.rows.iter().find(|row| {
            wanted == [&row.section, &row.subject, &row.setting, &row.metric].map(String::as_str)
        })
    }
}

/// What a run itself writes.
const RESULTS: [&str; 5] = [
    "crates/bill-bench/results.json",
    "crates/bill-bench/weight/",
    "docs/performance.md",
    "docs/plots/",
    "README.md",
];

impl Run {
    fn now() -> Result<Self, Box<dyn Error>> {
        let mut commit = said("git", &["rev-parse", "--short", "HEAD"])?;
        let changed = said("git", &["status", "--porcelain", "--untracked-files=no"])?;
        let is_result = |line: &str| RESULTS.iter().any(|result| line.contains(result));
        if !changed.lines().all(is_result) {
            commit.push_str("-dirty");
        }
        // Such as `Wed, 25 Nov 2026 12:00:00 GMT`, of which the day is wanted.
        let date = httpdate::fmt_http_date(SystemTime::now());
        let date = date.get(5..16).ok_or("a date of another form")?.to_owned();
        Ok(Self { commit, date })
    }
}

/// The folder of the workspace.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_owned()
}

fn file() -> PathBuf {
    root().join("crates/bill-bench/results.json")
}

/// The first line that a program says.
fn said(program: &str, args: &[&str]) -> Result<String, Box<dyn Error>> {
    let output = Command::new(program).args(args).current_dir(root()).output()?;
    if !output.status.success() {
        return Err(format!("{program} failed ({})", output.status).into());
    }
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

fn cpu() -> Result<String, Box<dyn Error>> {
    let info = fs::read_to_string("/proc/cpuinfo")?;
    let named = info.lines().find(|line| line.starts_with("model name"));
    let name = named.and_then(|line| line.split_once(':')).ok_or("a processor without a name")?;
    Ok(name.1.trim().to_owned())
}
