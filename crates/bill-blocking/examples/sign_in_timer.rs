//! BILL's own sign-in timer, line by line, against a local BILL whose clock is moved.
//!
//! BILL's page sets a timer of 34 minutes (2,040 seconds), cancels and restarts it at every call,
//! and signs in again when it fires. A client with `Renewal::Ahead` does that by itself.

use std::error::Error;
use std::io::{Write, stdout};
use std::time::Duration;

use bill_blocking::{Client, Credentials, DevKey, ManualClock, OrgId, Phase, Principal, Renewal};
use bill_sandbox::{DEMO_DEV_KEY, DEMO_ORG, DEMO_PASSWORD, DEMO_USER, Sandbox};
use serde_json::Value;

fn main() -> Result<(), Box<dyn Error>> {
    run(&mut stdout())
}

pub(crate) fn run(out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let sandbox = Sandbox::builder().frozen_clock().start()?;
    let clock = ManualClock::new();
    let credentials = Credentials::new(
        Principal::password(DEMO_USER, DEMO_PASSWORD)?,
        OrgId::new(DEMO_ORG)?,
        DevKey::new(DEMO_DEV_KEY)?,
    );
    let client = Client::builder(sandbox.origin().parse()?, credentials)
        .renewal(Renewal::Ahead)
        .clock(clock.clone())
        .build();
    let pass = |seconds: u64| {
        // BILL's clock first: the client's timer fires as soon as its own has moved.
        sandbox.advance(Duration::from_secs(seconds));
        clock.advance(Duration::from_secs(seconds));
    };
    let mut tell = |what: &str| {
        let session = sandbox.journal().iter().rev().find_map(|entry| entry.session);
        let timer = match client.session().phase {
            Phase::SignedIn { left: Some(left), .. } => format!("{} s", left.as_secs()),
            other => format!("{other:?}"),
        };
        writeln!(out, "{what:<44} session {}, timer at {timer}", session.unwrap_or_default())
    };

    // /Login.json API call (new sessionId generated)
    client.sign_in()?;
    // Set a timer for 34 minutes (one minute before the sign-in timer expires)
    tell("signed in: the timer starts")?;

    // Reset timer to zero at every subsequent API call
    for _ in 0..3 {
        pass(2_039);
        tell("2,039 s without a call")?;
        let _: Value = client.v2("GetSessionInfo", &()).send()?;
        tell("a call: the timer is cancelled and started")?;
    }

    // When the timer expires, you sign in again and retrieve a new sessionId
    pass(2_040);
    sandbox.wait_until(|stats| stats.sign_ins_succeeded == 2)?;
    client.sign_in()?;
    tell("2,040 s without a call: the timer fired")?;
    let _: Value = client.v2("GetSessionInfo", &()).send()?;
    tell("a call with the new sessionId")?;
    let (sign_ins, seconds) = (sandbox.stats().sign_ins, sandbox.now().as_secs());
    writeln!(out, "{sign_ins} sign-ins in {seconds} s")?;
    Ok(())
}
