//! Runs a sandbox until it is killed: `cargo run -p bill-sandbox --example serve -- 127.0.0.1:8025`.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "its output is for the terminal")]

use std::error::Error;
use std::io::{Write, stdout};
use std::process::ExitCode;
use std::thread;

use bill_sandbox::Sandbox;

fn main() -> ExitCode {
    match start() {
        Ok(_sandbox) => loop {
            thread::park();
        },
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn start() -> Result<Sandbox, Box<dyn Error>> {
    let mut builder = Sandbox::builder();
    if let Some(addr) = std::env::args().nth(1) {
        builder = builder.listen(addr.parse()?);
    }
    let sandbox = builder.start()?;
    println!("# a local BILL listens at {}", sandbox.origin());
    print!("{}", sandbox.export_lines());
    stdout().flush()?;
    Ok(sandbox)
}
