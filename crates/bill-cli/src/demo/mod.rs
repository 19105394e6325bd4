//! `bill demo`: both clients at work against a local BILL, and a count of what they did.

mod broken;
mod client;
mod leaks;
mod report;
mod seen;
mod stage;
mod story;
mod why;
mod words;

use std::collections::BTreeMap;
use std::error::Error as StdError;
use std::io;
use std::process::{ExitCode, exit};

use clap::Args;
use tokio::runtime::{self, Handle, Runtime};

use self::broken::{Break, Breaker};
use self::report::Expected::{AtLeast, Exactly};
use self::report::Report;
use self::stage::Stage;
use self::story::Sum;
use crate::signals::Stop;

pub(crate) const ABOUT: &str = "\
Show both clients at work against a local BILL, and count what they did.

It starts a local BILL inside this process, has bill-async and bill-blocking
use it over real HTTP, and moves the clocks by minutes and by days. What they
did is told as a timeline, then compared with what is expected.

It takes seconds, and needs no account and no network. The exit code is 0 if
everything was as expected, 1 if not, and 130 after Ctrl-C, which leaves
nothing running.";

/// The exit code after Ctrl-C, as shells have it.
const INTERRUPTED: i32 = 130;

/// How to run the demo.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Put a broken client in the place of the real ones, to see the checks find it.
    #[arg(long = "break", value_enum, hide = true)]
    broken: Option<Break>,
}

/// Runs the demo; its last line, on stdout, is the verdict.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let mut report = Report::default();
    let runtime = runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let verdict = runtime
        .map_err(Into::into)
        .and_then(|runtime| {
            leave_at_once_when_asked(&runtime)?;
            show(runtime.handle(), arguments.broken, &mut report)
        })
        .unwrap_or_else(|error| Err(format!("it could not be run to its end: {error}")));
    match verdict {
        Ok(summary) => {
            report.print(&format!("\ndemo ok: {summary}\n"));
            if report.is_told() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(failures) => {
            report.print(&format!("\ndemo FAILED: {failures}\n"));
            ExitCode::FAILURE
        }
    }
}

/// Plays, counts and compares. The sandbox and the clients have ended when it prints the table.
fn show(
    runtime: &Handle,
    broken: Option<Break>,
    report: &mut Report,
) -> Result<Result<String, String>, Box<dyn StdError>> {
    leaks::listen()?;
    let mut stage = Stage::set_up(runtime.clone(), broken.map(Breaker::new))?;
    report.print(&format!(
        "\nA local BILL runs at {}, and both clients use it over real HTTP.\n\
         The clocks are moved by hand: a month takes no time.\n\n",
        stage.sandbox.origin(),
    ));
    let sum = story::play(&mut stage, report)?;
    let stats = stage.sandbox.stats();
    let leaked = compare(&mut stage, report, &sum)?;
    drop(stage);
    let table = report.table();
    report.print(&table);
    let failures = report.failures();
    let (sign_ins, calls) = (words::number(stats.sign_ins), words::number(stats.calls));
    let lost = words::number(sum.lost);
    Ok(if failures.is_empty() {
        Ok(format!("{sign_ins} sign-ins, {calls} calls, {lost} lost, {leaked} secrets leaked"))
    } else {
        Err(failures.join("; "))
    })
}

/// Adds what concerns both clients together, and tells how many secrets have leaked.
fn compare(stage: &mut Stage, report: &mut Report, sum: &Sum) -> Result<u64, Box<dyn StdError>> {
    let stats = stage.sandbox.stats();
    report.expect("calls carried out by BILL", Exactly(sum.due), sum.carried_out);
    report.expect("calls whose caller got no right answer", Exactly(0), sum.lost);
    report.expect("sign-ins that were not needed", Exactly(0), sum.needless_sign_ins);
    let violations = stats.violations().values().sum();
    report.expect("requests not in the form that BILL asks for", Exactly(0), violations);
    report.expect("secrets in a URL", Exactly(0), stats.secrets_in_url);

    let (planted, found) = leaks::prove();
    let log = leaks::heard();
    let records = leaks::by_crate(&log);
    let of = |names: &[&str]| {
        let of_them = names.iter().filter_map(|name| records.get(name));
        of_them.map(|records| records.len() as u64).sum()
    };
    report.expect_each(
        "log records of its HTTP library",
        AtLeast(1),
        [of(&["reqwest", "hyper_util"]), of(&["ureq", "ureq_proto"])],
    );
    report.expect("planted secrets that the search finds", Exactly(planted), found);
    let mut texts = std::mem::take(&mut stage.shown);
    texts.push(format!("{:?}\n{stats:?}", stage.sandbox.journal()));
    texts.push(report.text());
    let elsewhere: u64 = texts.iter().map(|text| stage.search.found_in(text)).sum();
    let all = words::number(log.len() as u64);
    let dumped = leaks::dumped(&log);
    let mut found: BTreeMap<&str, u64> = BTreeMap::new();
    for (name, records) in records.into_iter().chain(leaks::by_crate(&dumped)) {
        *found.entry(name).or_default() += stage.search.found_in_log(&records);
    }
    let in_log = found.values().sum();
    report.expect(&format!("secrets in {all} log records"), Exactly(0), in_log);
    for (name, count) in found.into_iter().filter(|(_, count)| *count > 0) {
        report.expect(&format!("secrets in records written by {name}"), Exactly(0), count);
    }
    report.expect("secrets in errors, Debug texts, and this text", Exactly(0), elsewhere);
    Ok(in_log + elsewhere + stats.secrets_in_url)
}

/// Ends the process when it is asked to stop: all that runs is in it.
fn leave_at_once_when_asked(runtime: &Runtime) -> io::Result<()> {
    let stop = Stop::listen(runtime)?;
    runtime.spawn(async move {
        if stop.asked().await.is_ok() {
            exit(INTERRUPTED);
        }
    });
    Ok(())
}
