//! Measures everything in `docs/performance.md`, and writes it.
//!
//! ```text
//! bill-bench [SECTION]... [--quick | --render] [--without-rivals]
//! ```

use std::alloc::System;
use std::env;
use std::error::Error;
use std::process::{Command, ExitCode};

use bill_bench::measure::Effort;
use bill_bench::results::{Results, SECTIONS};
use bill_bench::{Row, growth, herd, page, parse, path, price, rivals, soak, weight};
use clap::Parser;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Measures everything in docs/performance.md, and writes results.json, the page and its plots.
#[derive(Debug, Parser)]
struct Args {
    /// Measure only these; what was measured of the others before is kept.
    #[arg(value_name = "SECTION", value_parser = SECTIONS)]
    sections: Vec<String>,
    /// Run everything as shortly as possible, and write nothing.
    #[arg(long)]
    quick: bool,
    /// Measure nothing, and write the page and its plots from results.json.
    #[arg(long, conflicts_with_all = ["sections", "quick", "without_rivals"])]
    render: bool,
    /// Leave out the credential caches of others, which take minutes to build.
    #[arg(long)]
    without_rivals: bool,
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("error: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    // Two benchmarks start this program a second time, as the server that they call.
    let mut arguments = env::args().skip(1);
    match arguments.next().as_deref() {
        Some(price::ARGUMENT) => return Ok(price::serve()?),
        Some(herd::ARGUMENT) => return herd::serve(&arguments.next().unwrap_or_default()),
        _ => {}
    }
    let args = Args::parse();
    if args.render {
        return page::write(&Results::committed()?);
    }
    let chosen = |section: &&str| {
        args.sections.is_empty() || args.sections.iter().any(|chosen| chosen == section)
    };
    let sections: Vec<_> = SECTIONS.into_iter().filter(chosen).collect();
    match sections[..] {
        [section] => alone(section, &args)?,
        _ => sections.into_iter().try_for_each(|section| apart(section, &args))?,
    }
    if args.quick { Ok(()) } else { page::write(&Results::committed()?) }
}

/// Measures one section, and keeps its figures.
fn alone(section: &str, args: &Args) -> Result<(), Box<dyn Error>> {
    say(&format!("measuring {section}"));
    let effort = if args.quick { Effort::quick() } else { Effort::full() };
    let rows = measure(section, effort, !args.without_rivals)?;
    say(&format!("{section}: {} figures", rows.len()));
    if args.quick {
        return Ok(());
    }
    let mut results = Results::committed().or_else(|_| Results::none_yet())?;
    results.replace(section, rows)?;
    results.write()
}

/// Measures one section of several in a process of its own, since what one leaves behind, such as
/// memory that the allocator keeps, would be in the figures of the next.
fn apart(section: &str, args: &Args) -> Result<(), Box<dyn Error>> {
    let mut command = Command::new(env::current_exe()?);
    command.arg(section);
    command.args(args.quick.then_some("--quick"));
    command.args(args.without_rivals.then_some("--without-rivals"));
    let status = command.status()?;
    if status.success() { Ok(()) } else { Err(format!("{section} failed ({status})").into()) }
}

fn measure(section: &str, effort: Effort, rivals: bool) -> Result<Vec<Row>, Box<dyn Error>> {
    match section {
        // One process measures ours and the rivals, so that they can be compared.
        "path" if rivals => rivals::measure(section, effort),
        "path" => path::measure(effort),
        "price" => price::measure(effort),
        "herd" => {
            let mut rows = herd::measure(effort)?;
            if rivals {
                rows.extend(rivals::measure(section, effort)?);
            }
            Ok(rows)
        }
        "growth" => growth::measure(effort),
        "soak" => soak::measure(effort),
        "weight" => weight::measure(effort),
        "parse" => parse::measure(effort),
        _ => Err("nobody measures that".into()),
    }
}

#[expect(clippy::print_stderr, reason = "a command talks to its terminal")]
fn say(line: &str) {
    eprintln!("{line}");
}
