//! The parts of the pages that are made of figures: tables, and which targets are met.
//!
//! Such a part stands between two marks, `<!-- results: NAME -->` and `<!-- end -->`; everything
//! around them is written by hand.

use std::error::Error;
use std::fs;
use std::path::PathBuf;

use crate::plot::{self, number};
use crate::results::{Results, SECTIONS, root};
use crate::row::Row;
use crate::weight;

/// The credential caches that ours is measured beside.
const RIVALS: [&str; 4] = ["aws-smithy-runtime", "google-cloud-auth", "azure_identity", "gcp_auth"];

/// How settings of herds end whose callers have a call to make.
const WITH_CALLS: &str = ", a call each";

/// The pages with parts that are made of figures.
const PAGES: [&str; 2] = ["docs/performance.md", "README.md"];

const BEGIN: &str = "<!-- results: ";
const MARK: &str = " -->\n";
const END: &str = "<!-- end -->";

/// What does not depend on figures but on files: each with its path and its text.
///
/// # Errors
///
/// A page is missing or has a mark that is none of ours, or a plot cannot be drawn.
pub fn files(results: &Results) -> Result<Vec<(PathBuf, String)>, Box<dyn Error>> {
    let mut files = Vec::new();
    for page in PAGES {
        let path = root().join(page);
        let page = render(&fs::read_to_string(&path)?, results)?;
        files.push((path, page));
    }
    let plots = root().join("docs/plots");
    files.extend(plot::all(results)?.into_iter().map(|plot| (plots.join(plot.file), plot.svg)));
    Ok(files)
}

/// Writes the pages and the plots.
///
/// # Errors
///
/// Those of [`files`], and a file that cannot be written.
pub fn write(results: &Results) -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(root().join("docs/plots"))?;
    for (path, text) in files(results)? {
        fs::write(path, text)?;
    }
    Ok(())
}

/// The page with its marked parts made anew.
///
/// # Errors
///
/// A mark is none of ours, or has no end.
pub fn render(page: &str, results: &Results) -> Result<String, Box<dyn Error>> {
    let (mut rendered, mut rest) = (String::new(), page);
    while let Some((before, marked)) = rest.split_once(BEGIN) {
        let (name, part) = marked.split_once(MARK).ok_or("a mark that goes on")?;
        let (_old, after) = part.split_once(END).ok_or_else(|| format!("{name} has no end"))?;
        let part = self::part(name, results)?;
        rendered.push_str(&format!("{before}{BEGIN}{name}{MARK}{part}{END}"));
        rest = after;
    }
    rendered.push_str(rest);
    Ok(rendered)
}

fn part(name: &str, results: &Results) -> Result<String, Box<dyn Error>> {
    let look = Look { results };
    let tables = match name {
        section if SECTIONS.contains(&section) && results.of(section).next().is_none() => {
            vec!["Not measured yet.\n".to_owned()]
        }
        "runs" => look.runs(),
        "path" => look.path(),
        "price" => look.price(),
        "herd" => look.herd(),
        "growth" => look.growth(),
        "soak" => look.soak(),
        "weight" => look.weight(),
        "parse" => look.parse(),
        "readme" => vec![look.readme()],
        _ => return Err(format!("nothing is known of {name}").into()),
    };
    let tables: Vec<_> = tables.into_iter().filter(|table| !table.is_empty()).collect();
    Ok(format!("\n{}\n", tables.join("\n")))
}

/// A look at the results, table by table.
struct Look<'a> {
    results: &'a Results,
}

impl Look<'_> {
    fn runs(&self) -> Vec<String> {
        let Results { cpu, cores, rustc, .. } = self.results;
        let machine = format!("Measured on {cores} cores of an {cpu}, with {rustc}.\n");
        let rows = SECTIONS.iter().filter_map(|section| {
            let run = self.results.runs.get(*section)?;
            Some(vec![format!("`{section}`"), run.commit.clone(), run.date.clone()])
        });
        vec![machine, table(&["section", "commit", "date"], rows)]
    }

    fn path(&self) -> Vec<String> {
        let threads = ["1 thread", "2 threads", "8 threads"];
        let value = |subject: &str, setting, metric| self.value("path", subject, setting, metric);
        let ours = |setting| value("ours", setting, "time");
        let fastest = |setting| self.fastest(setting).map(|(_, time)| time);
        let mut targets = Targets::default();
        targets.at_most(
            "one thread: two clock readings and 35 ns",
            ours(threads[0]),
            value("two clocks", threads[0], "time").map(|floor| floor + 35.0),
            "ns",
        );
        targets.at_most("no allocation", value("ours", threads[0], "allocations"), Some(0.0), "");
        targets.at_most(
            "one thread: half of the fastest cache",
            ours(threads[0]),
            fastest(threads[0]).map(|time| time / 2.0),
            "ns",
        );
        for setting in &threads[1..] {
            let what = format!("{setting}: ahead of every cache");
            targets.at_most(&what, ours(setting), fastest(setting), "ns");
        }
        let rows = self.subjects("path", "time").into_iter().map(|subject| {
            let cell = |setting: &str, metric| self.cell("path", &subject, setting, metric);
            let mut cells = vec![subject.clone()];
            cells.extend(threads.map(|setting| cell(setting, "time")));
            cells.extend(["allocations", "allocated"].map(|metric| cell(threads[0], metric)));
            cells
        });
        let header = ["", "1 thread, ns", "2 threads, ns", "8 threads, ns", "allocations", "bytes"];
        vec![table(&header, rows), targets.table()]
    }

    /// The fastest of the caches, and its time.
    fn fastest(&self, setting: &str) -> Option<(&'static str, f64)> {
        let time = |rival| Some((rival, self.value("path", rival, setting, "time")?));
        RIVALS.into_iter().filter_map(time).min_by(|(_, one), (_, other)| one.total_cmp(other))
    }

    fn price(&self) -> Vec<String> {
        let mut targets = Targets::default();
        for subject in ["bill-async", "bill-blocking"] {
            let all = |metric: &'static str| {
                let rows = self.results.of("price");
                rows.filter(move |row| row.subject == subject && row.metric == metric)
            };
            let what = |metric| format!("{subject}: {metric}, the worst");
            let metric = "throughput ratio";
            targets.at_least(&what(metric), least(all(metric)), Some(0.98), "");
            for (metric, bound) in [("cpu ratio", 1.03), ("extra allocations", 2.0)] {
                targets.at_most(&what(metric), most(all(metric)), Some(bound), "");
            }
        }
        let absolute = ["throughput", "p50", "p99", "cpu", "allocations"];
        let relative = ["throughput ratio", "cpu ratio", "extra allocations"];
        vec![self.pivot("price", &absolute), self.pivot("price", &relative), targets.table()]
    }

    fn herd(&self) -> Vec<String> {
        let mut targets = Targets::default();
        for subject in ["bill-async", "bill-blocking"] {
            let all = |metric: &'static str| {
                let rows = self.results.of("herd").filter(|row| row.setting.ends_with(WITH_CALLS));
                rows.filter(move |row| row.subject == subject && row.metric == metric)
            };
            for (metric, bound) in [("sign-ins", 1.0), ("time ratio", 1.1)] {
                let what = format!("{subject}: {metric}, the worst");
                targets.at_most(&what, most(all(metric)), Some(bound), "");
            }
        }
        let with_calls = [
            "sign-ins",
            "time",
            "ideal",
            "time ratio",
            "wake-ups per caller",
            "switches per caller",
            "cpu per caller",
        ];
        let calls = self.pivot_of(
            self.results.of("herd").filter(|row| row.setting.ends_with(WITH_CALLS)),
            &with_calls,
        );
        vec![
            calls,
            targets.table(),
            "Caches of credentials send nothing, so that they are to be compared with herds that want\n\
             the session alone: sign-ins, and milliseconds until the last caller has it.\n"
                .to_owned(),
            self.herds(""),
            "The same with a password that is refused: sign-ins, and milliseconds until the last\n\
             caller has been told.\n"
                .to_owned(),
            self.herds(", refused"),
            "And with a server that answers 500 each time: callers of ours wait for five seconds at\n\
             most, and the others are watched for as long.\n"
                .to_owned(),
            self.herds(", server fault"),
        ]
    }

    /// Sign-ins and time of all subjects, in herds of every size with this ending.
    fn herds(&self, ending: &str) -> String {
        let sizes = ["1 caller", "50 callers", "100 callers", "1,000 callers", "10,000 callers"];
        let settings = sizes.map(|size| format!("{size}{ending}"));
        let of_it = |row: &&Row| settings.contains(&row.setting) && row.metric == "sign-ins";
        let mut subjects: Vec<String> = Vec::new();
        for row in self.results.of("herd").filter(of_it) {
            if !subjects.contains(&row.subject) {
                subjects.push(row.subject.clone());
            }
        }
        let rows = subjects.into_iter().map(|subject| {
            let value = |setting: &String, metric| self.value("herd", &subject, setting, metric);
            let cells = settings.iter().map(|setting| {
                let figures = (value(setting, "sign-ins"), value(setting, "time"));
                let (Some(sign_ins), Some(time)) = figures else { return "–".to_owned() };
                let (sign_ins, time) = (number(sign_ins), number(time));
                if value(setting, "ended") == Some(0.0) {
                    format!("{sign_ins}, and not over after {time} ms")
                } else {
                    format!("{sign_ins}, {time} ms")
                }
            });
            [subject.clone()].into_iter().chain(cells).collect()
        });
        let header: Vec<_> = [""].into_iter().chain(sizes).collect();
        table(&header, rows)
    }

    fn growth(&self) -> Vec<String> {
        let value = |setting, metric| self.value("growth", "bill-session-core", setting, metric);
        let (one, many) = ("1 organisation", "100,000 organisations");
        let mut targets = Targets::default();
        let heap = value(many, "heap");
        targets.at_most("100,000 organisations: 1 KiB each", heap, Some(1_024.0), "bytes");
        let same = "call, same organisation";
        targets.at_most(
            "a call among 100,000 organisations costs what it does alone, within a tenth",
            value(many, same),
            value(one, same).map(|time| time * 1.1),
            "ns",
        );
        vec![self.pivot("growth", &[]), targets.table()]
    }

    fn soak(&self) -> Vec<String> {
        let mut targets = Targets::default();
        let grown = self.results.of("soak").find(|row| row.metric == "resident growth");
        let grown = grown.map(|row| row.value);
        targets.at_most("resident memory grows by 1 MiB at most", grown, Some(1.0), "MiB");
        let whole = ["resident growth", "heap growth", "sign-ins", "time on the clock"];
        vec![self.pivot("soak", &["resident", "heap"]), self.pivot("soak", &whole), targets.table()]
    }

    fn weight(&self) -> Vec<String> {
        let crates = |subject| self.value("weight", subject, "", "crates");
        let mut targets = Targets::default();
        targets.at_most("core: 20 crates", crates("bill-session-core"), Some(20.0), "");
        let beside = |bare, more: f64| crates(bare).map(|crates| crates + more);
        let most = beside("ureq", 15.0);
        targets.at_most("blocking: ureq and 15", crates("bill-blocking"), most, "");
        let most = beside("reqwest", 12.0);
        targets.at_most("async: reqwest and 12", crates("bill-async"), most, "");
        let extra =
            self.results.of("weight").filter(|row| row.metric == "extra crate").map(|row| {
                let reason = weight::reason(&row.subject).unwrap_or("–");
                vec![row.setting.clone(), format!("`{}`", row.subject), reason.to_owned()]
            });
        vec![
            self.pivot("weight", &["crates", "build", "size"]),
            targets.table(),
            table(&["", "crate", "what for"], extra),
        ]
    }

    fn parse(&self) -> Vec<String> {
        let mut targets = Targets::default();
        for row in self.results.of("parse").filter(|row| row.metric == "time ratio") {
            let what = format!("{}: read and settled, by the typed parse alone", row.setting);
            targets.at_most(&what, Some(row.value), Some(1.1), "");
        }
        let of_pages = |of_pages: bool| {
            let rows = self.results.of("parse");
            rows.filter(move |row| row.setting.ends_with(" rows") == of_pages)
        };
        let pages = self.pivot_of(of_pages(true), &[]);
        vec![pages, targets.table(), self.pivot_of(of_pages(false), &[])]
    }

    /// The three figures that the README quotes.
    fn readme(&self) -> String {
        let path = |subject| self.value("path", subject, "1 thread", "time");
        let with_unit = |value: Option<f64>, unit: &str| {
            value.map_or_else(|| "not measured".into(), |value| format!("{}{unit}", number(value)))
        };
        let fastest = self.fastest("1 thread").map(|(rival, time)| {
            format!("; the fastest of four credential caches, `{rival}`, takes {} ns", number(time))
        });
        let herd = |metric| self.value("herd", "bill-async", "10,000 callers, a call each", metric);
        let heap = self.value("growth", "bill-session-core", "100,000 organisations", "heap");
        let sign_ins = match herd("sign-ins") {
            Some(1.0) => "1 sign-in".to_owned(),
            other => with_unit(other, " sign-ins"),
        };
        let rows = [
            [
                "what the session adds to a call".to_owned(),
                with_unit(path("ours"), " ns"),
                format!(
                    "two clock readings alone take {}{}",
                    with_unit(path("two clocks"), " ns"),
                    fastest.unwrap_or_default()
                ),
            ],
            [
                "10,000 cold callers with a call each".to_owned(),
                sign_ins,
                format!(
                    "the last is served after {} times the ideal of three slots",
                    with_unit(herd("time ratio"), "")
                ),
            ],
            [
                "memory of a signed-in organisation".to_owned(),
                with_unit(heap, " bytes"),
                "in a process that has 100,000".to_owned(),
            ],
        ];
        table(&["", "", "beside"], rows.map(Vec::from))
    }

    /// A section with a row for each subject and setting, and a column for each of these metrics, or
    /// for each that there is.
    fn pivot(&self, section: &str, metrics: &[&str]) -> String {
        self.pivot_of(self.results.of(section), metrics)
    }

    fn pivot_of<'a>(
        &self,
        rows: impl Iterator<Item = &'a Row> + Clone,
        metrics: &[&str],
    ) -> String {
        let wanted = |row: &&Row| metrics.is_empty() || metrics.contains(&row.metric.as_str());
        let rows = rows.filter(wanted);
        let (mut lines, mut columns) = (Vec::new(), Vec::new());
        for row in rows.clone() {
            let line = (row.section.as_str(), row.subject.as_str(), row.setting.as_str());
            let column = (row.metric.as_str(), row.unit.as_str());
            if !lines.contains(&line) {
                lines.push(line);
            }
            if !columns.contains(&column) {
                columns.push(column);
            }
        }
        let have_settings = lines.iter().any(|(_, _, setting)| !setting.is_empty());
        let mut header = vec![String::new(); 1 + usize::from(have_settings)];
        header.extend(columns.iter().map(|(metric, unit)| match *unit {
            "" | "count" => (*metric).to_owned(),
            unit => format!("{metric}, {unit}"),
        }));
        let header: Vec<_> = header.iter().map(String::as_str).collect();
        let cells = lines.into_iter().map(|(section, subject, setting)| {
            let mut cells = vec![subject.to_owned()];
            if have_settings {
                cells.push(setting.to_owned());
            }
            let figures = columns.iter();
            cells.extend(figures.map(|(metric, _)| self.cell(section, subject, setting, metric)));
            cells
        });
        table(&header, cells)
    }

    /// The subjects that have a metric, in the order in which they were measured.
    fn subjects(&self, section: &str, metric: &str) -> Vec<String> {
        let mut subjects = Vec::new();
        for row in self.results.of(section).filter(|row| row.metric == metric) {
            if !subjects.contains(&row.subject) {
                subjects.push(row.subject.clone());
            }
        }
        subjects
    }

    fn value(&self, section: &str, subject: &str, setting: &str, metric: &str) -> Option<f64> {
        self.results.row(section, subject, setting, metric).map(|row| row.value)
    }

    /// A figure with its quartiles, if it has any.
    fn cell(&self, section: &str, subject: &str, setting: &str, metric: &str) -> String {
        let Some(row) = self.results.row(section, subject, setting, metric) else {
            return "–".to_owned();
        };
        let [low, value, high] = [row.low, row.value, row.high].map(number);
        if low == high { value } else { format!("{value} ({low} to {high})") }
    }
}

fn most<'a>(rows: impl Iterator<Item = &'a Row>) -> Option<f64> {
    rows.map(|row| row.value).max_by(f64::total_cmp)
}

fn least<'a>(rows: impl Iterator<Item = &'a Row>) -> Option<f64> {
    rows.map(|row| row.value).min_by(f64::total_cmp)
}

/// What was aimed at, and what came out.
#[derive(Default)]
struct Targets(Vec<Vec<String>>);

impl Targets {
    fn at_most(&mut self, what: &str, measured: Option<f64>, most: Option<f64>, unit: &str) {
        self.add(what, "at most", measured, most, unit, |measured, most| measured <= most);
    }

    fn at_least(&mut self, what: &str, measured: Option<f64>, least: Option<f64>, unit: &str) {
        self.add(what, "at least", measured, least, unit, |measured, least| measured >= least);
    }

    fn add(
        &mut self,
        what: &str,
        side: &str,
        measured: Option<f64>,
        bound: Option<f64>,
        unit: &str,
        met: impl FnOnce(f64, f64) -> bool,
    ) {
        let (Some(measured), Some(bound)) = (measured, bound) else { return };
        let verdict = if met(measured, bound) { "met" } else { "**not met**" };
        let with_unit = |value| format!("{} {unit}", number(value)).trim().to_owned();
        self.0.push(vec![
            what.to_owned(),
            format!("{side} {}", with_unit(bound)),
            with_unit(measured),
            verdict.to_owned(),
        ]);
    }

    fn table(self) -> String {
        table(&["target", "bound", "measured", ""], self.0)
    }
}

/// A table of Markdown; nothing at all when it has no rows.
fn table(header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut rows = rows.into_iter().peekable();
    if rows.peek().is_none() {
        return String::new();
    }
    let mut text = format!("| {} |\n|{}\n", header.join(" | "), "---|".repeat(header.len()));
    for row in rows {
        text.push_str(&format!("| {} |\n", row.join(" | ")));
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::render;
    use crate::results::Results;

    fn nothing() -> Results {
        Results {
            commit: String::new(),
            date: String::new(),
            cpu: String::new(),
            cores: 2,
            rustc: String::new(),
            runs: BTreeMap::new(),
            rows: Vec::new(),
        }
    }

    #[test]
    fn a_marked_part_is_made_anew_and_the_rest_is_kept() {
        let page = "before\n<!-- results: parse -->\nold\n<!-- end -->\nafter\n";
        let expected =
            "before\n<!-- results: parse -->\n\nNot measured yet.\n\n<!-- end -->\nafter\n";
        assert_eq!(render(page, &nothing()).unwrap(), expected);
        assert_eq!(render(expected, &nothing()).unwrap(), expected);
    }

    #[test]
    fn a_mark_of_nothing_that_is_known_is_an_error() {
        let unknown = "<!-- results: speed -->\n<!-- end -->";
        assert!(render(unknown, &nothing()).unwrap_err().to_string().contains("speed"));
        let endless = "<!-- results: path -->\n| a table |\n";
        assert!(render(endless, &nothing()).unwrap_err().to_string().contains("no end"));
    }
}
