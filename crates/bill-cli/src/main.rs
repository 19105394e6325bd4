//! The `bill` command: a demo, a local BILL to try clients against, and a check of credentials.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command's purpose is to talk to its terminal"
)]

mod check;
mod demo;
mod sandbox;
mod signals;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Stay signed in to BILL: see it work, try it, check your credentials.
#[derive(Debug, Parser)]
#[command(name = "bill", version, max_term_width = 80, after_help = START_HERE)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const START_HERE: &str = "Start with `bill demo`: it needs no account and no network.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Show both clients at work against a local BILL, and count what they did
    #[command(long_about = demo::ABOUT)]
    Demo(demo::Arguments),
    /// Run a local BILL, for trying clients without an account
    #[command(long_about = sandbox::ABOUT)]
    Sandbox(sandbox::Arguments),
    /// Sign in once with your credentials, tell what BILL says, and sign out
    #[command(long_about = check::ABOUT)]
    Check(check::Arguments),
}

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Sandbox(arguments) => sandbox::run(&arguments),
        Command::Check(arguments) => check::run(&arguments),
    }
}

/// Tells of an error, and of what lies beneath it.
fn complain(error: &dyn std::error::Error) {
    eprintln!("error: {error}");
    let mut source = error.source();
    while let Some(cause) = source {
        eprintln!("  because: {cause}");
        source = cause.source();
    }
}
