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
//! # v3, and trust
//!
//! [`ClientBuilder::sign_in_with`] chooses the API that signs in; [`Client::v3`] makes calls of v3. A
//! payment needs a session that MFA has made trusted, and a device that BILL remembers keeps it so
//! from sign-in to sign-in:
//!
//! ```no_run
//! use bill_blocking::{Client, Error, Method, MfaCode, Remember};
//! use serde_json::{Value, json};
//!
//! # fn run(bill: Client, ask_the_user: fn() -> String) -> Result<(), Box<dyn std::error::Error>> {
//! let vendors: Vec<Value> = bill.v3(Method::GET, "/v3/vendors").query("max", 100).all()?;
//!
//! let payment = bill.v3(Method::POST, "/v3/payments").json(&json!({"amount": 1}));
//! if let Err(Error::Untrusted(_)) = payment.clone().send::<Value>() {
//!     let challenge = bill.mfa().challenge()?;
//!     let code = MfaCode::new(ask_the_user())?;
//!     let device = challenge.validate(code, Remember::device("the payments host"))?;
//!     // Keep the device for the next start: `Principal::password(..)?.remembered(device)`.
//!     let paid: Value = payment.send()?;
//! }
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
mod content;
mod drive;
mod events;
mod group;
mod hidden;
mod http;
mod mfa;
mod names;
mod pages;
mod renewal;
#[cfg(feature = "test-util")]
mod scripted;
mod sync;
mod transport;
mod upload;
mod veil;

pub use ::http::Method;
pub use bill_session_core::{
    Account, ApiError, AppKey, Blame, Budget, Cause, Code, Credentials, CredentialsWarning,
    DecodeError, DevKey, Environment, Error, ErrorEntry, Event, Field, ForeignAnswer, ForeignKind,
    InvalidEnvironment, InvalidField, InvalidReason, KeyLimits, Lifetime, Limit, MfaCode, Misuse,
    NotFollowed, OrgId, Organization, Phase, Principal, Remember, RememberedDevice, Renewal, Retry,
    SessionId, SignInWith, Status, TransportError, Why,
};
pub use bill_session_host::{Alarm, Clock, ManualClock, SystemClock};
pub use ureq;

pub use crate::builder::ClientBuilder;
pub use crate::client::{Client, Lease, List, V2, V3};
pub use crate::content::Content;
pub use crate::events::Events;
pub use crate::mfa::{Challenge, Mfa};
pub use crate::pages::Pages;
pub use crate::upload::Upload;
