//! `bill sandbox`: a local BILL on this machine, until it is stopped.

use std::error::Error;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::process::ExitCode;

use bill_sandbox::{
    DEMO_APP_KEY, DEMO_CONSOLE_API_TOKEN, DEMO_MFA_CODE, DEMO_OTHER_ORG, DEMO_PARTNER,
    DEMO_PARTNER_PASSWORD, Sandbox, StartError,
};
use clap::Args;
use tokio::runtime;

use crate::complain;
use crate::signals::Stop;

pub(crate) const ABOUT: &str = "\
Run a local BILL, for trying clients without an account.

It imitates the v2 and v3 APIs, MFA and BILL's limits, with made-up data: two
organisations, 2,500 vendors each. It prints how to reach it, in lines to paste into a second terminal.
Nothing leaves this machine, and nothing is kept when it stops.

Ctrl-C stops it; since that is how it is meant to end, the exit code is 0.
It is 1 when the address is in use or cannot be listened on.";

/// Where to listen.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The address to listen on; port 0 takes any free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8025")]
    listen: SocketAddr,
}

/// Serves until it is asked to stop.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    match serve(arguments.listen) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(error.as_ref());
            if let Some(StartError::Busy { free: Some(free), .. }) = error.downcast_ref() {
                eprintln!("  try: bill sandbox --listen {free}");
            }
            ExitCode::FAILURE
        }
    }
}

fn serve(listen: SocketAddr) -> Result<(), Box<dyn Error>> {
    // What waits for a signal; the sandbox serves on a thread of its own.
    let waiting = runtime::Builder::new_current_thread().enable_all().build()?;
    let stop = Stop::listen(&waiting)?;
    let sandbox = Sandbox::builder().listen(listen).start()?;
    let mut stdout = io::stdout().lock();
    stdout.write_all(greeting(&sandbox).as_bytes())?;
    stdout.flush()?;
    drop(stdout);
    waiting.block_on(stop.asked())?;
    let stats = sandbox.stats();
    drop(sandbox);
    let (sign_ins, calls) = (stats.sign_ins, stats.calls);
    eprintln!("\n# stopped after {sign_ins} sign-ins and {calls} other requests");
    Ok(())
}

/// How to go on: all of it can be pasted into a shell as it is, and it fits one screen.
fn greeting(sandbox: &Sandbox) -> String {
    let origin = sandbox.origin();
    let exports = sandbox.export_lines();
    format!(
        r#"# A local BILL listens at {origin}. Ctrl-C stops it.
# v2 is in /api/v2, v3 in /connect/v3; every MFA challenge has the code {DEMO_MFA_CODE}.
# Paste this into a second terminal:

{exports}
# There are also: organisation {DEMO_OTHER_ORG}; for v3, the user's console
# token {DEMO_CONSOLE_API_TOKEN}, and a partner: {DEMO_PARTNER},
# {DEMO_PARTNER_PASSWORD}, application key {DEMO_APP_KEY}.
#
# Then try, there:
#   bill check        (from a checkout: cargo run --release --bin bill -- check)
#   bill check --v3   (the same with v3)
#
# or BILL's own example (the answer holds a sessionId):
#   curl "$BILL_ENVIRONMENT/api/v2/Login.json" \
#     --data-urlencode "userName=$BILL_USERNAME" \
#     --data-urlencode "password=$BILL_PASSWORD" \
#     --data-urlencode "orgId=$BILL_ORG_ID" \
#     --data-urlencode "devKey=$BILL_DEV_KEY"
#
# or look at what has come in so far:
#   curl {origin}/_sandbox/stats
"#
    )
}
