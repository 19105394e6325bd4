//! A local imitation of BILL's v2 API for tests, demos and CI.
//!
//! A [`Sandbox`] listens on a loopback port and answers as BILL's documents say that BILL does:
//! form bodies, one envelope for every answer, HTTP 200 on failure, sessions that end after
//! 35 idle minutes. It is stricter than any real server with the mistakes that leak a secret or
//! that a lenient server would hide, and it counts each of them in [`Stats`]. Its clock can be
//! moved, a [`Fault`] makes it misbehave on purpose, and a [`Hold`] keeps answers back until a
//! test releases them.
//!
//! It shares no code with the clients that are tested against it, so that the two cannot share a
//! mistake. What it imitates, from what kinds of sources, and where it guesses, is written in
//! `docs/protocol.md`. Nothing here was ever run against BILL itself.
//!
//! ```
//! use std::time::Duration;
//!
//! use bill_sandbox::{Fault, FaultKind, Sandbox};
//!
//! # fn main() -> Result<(), bill_sandbox::StartError> {
//! let sandbox = Sandbox::start()?;
//! println!("a client signs in at {}/api/v2/Login.json", sandbox.origin());
//!
//! // The next two sign-ins get no answer, and every session idles for 34 minutes.
//! sandbox.fault(Fault::new(FaultKind::NoAnswer).on("Login").times(2));
//! sandbox.advance(Duration::from_secs(34 * 60));
//!
//! // At the end of a test: what was asked, and whether the client kept to the protocol.
//! assert_eq!(sandbox.stats().sign_ins, 0);
//! assert!(sandbox.stats().violations().is_empty());
//! # Ok(())
//! # }
//! ```

mod accounts;
mod answer;
mod api;
mod builder;
mod calendar;
mod clock;
mod control;
mod delivery;
mod exchange;
mod fault;
mod form;
mod hold;
mod journal;
mod list;
mod operation;
mod sandbox;
mod seed;
mod sessions;
mod state;
mod stats;
mod store;
mod strict;
mod wire;

pub use accounts::{
    DEMO_DEV_KEY, DEMO_ORG, DEMO_OTHER_ORG, DEMO_PASSWORD, DEMO_TOKEN_NAME, DEMO_TOKEN_VALUE,
    DEMO_USER,
};
pub use builder::{Builder, StartError};
pub use fault::{Fault, FaultKind};
pub use hold::{Hold, WaitTimeout};
pub use journal::Entry;
pub use sandbox::Sandbox;
pub use stats::Stats;
