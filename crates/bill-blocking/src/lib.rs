//! Stay signed in to BILL from synchronous Rust (ureq).
//!
//! A [`Client`] signs in when a call needs it, once for all who wait, keeps the session for as long as
//! it is used, and signs in again only when it must.
//!
//! ```no_run
//! use bill_blocking::{Client, Credentials, DevKey, Environment, OrgId, Principal};
//! use serde_json::{Value, json};
//!
//! # fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let credentials = Credentials::new(
//!     Principal::password("user@example.com", "a password")?,
//!     OrgId::new("00800000000000000001")?,
//!     DevKey::new("a developer key")?,
//! );
//! let bill = Client::builder(Environment::Stage, credentials).build();
//! let vendors: Vec<Value> = bill.list("Vendor").all()?;
//! let new = json!({"obj": {"entity": "Vendor", "name": "Acme"}});
//! let made: Value = bill.v2("Crud/Create/Vendor", &new).send()?;
//! bill.sign_out()?;
//! # Ok(())
//! # }
//! ```
//!
//! Errors say what happened, to which call, with BILL's code, and what to do: print them with `{}`,
//! and their [`source`](std::error::Error::source) for what the HTTP library reported.
//!
//! # Testing a program that uses it
//!
//! `bill-sandbox` is a local BILL: `Sandbox::builder().frozen_clock().start()?`, then a client for
//! `sandbox.origin().parse()?` with [`ClientBuilder::clock`] and a [`ManualClock`]. Two clocks have to
//! be moved then, `sandbox.advance(..)` first and `clock.advance(..)` after it; see
//! `examples/sign_in_timer.rs`. With the feature `test-util` a script takes the place of HTTP.

mod builder;
mod client;
mod drive;
mod http;
mod renewal;
#[cfg(feature = "test-util")]
mod scripted;
mod transport;
mod veil;

pub use bill_session_core::{
    Account, ApiError, Blame, Cause, Code, Credentials, CredentialsWarning, DecodeError, DevKey,
    Environment, Error, Field, ForeignAnswer, ForeignKind, InvalidEnvironment, InvalidField,
    InvalidReason, KeyLimits, Lifetime, Limit, Misuse, NotFollowed, OrgId, Phase, Principal,
    Renewal, SessionId, TransportError,
};
pub use bill_session_host::{Alarm, Clock, ManualClock, SystemClock};
pub use ureq;

pub use crate::builder::ClientBuilder;
pub use crate::client::{Client, Lease, List, Pages, V2};
