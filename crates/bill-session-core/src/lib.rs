//! Being signed in to BILL, as data and a state machine: no I/O, no clock, no threads.
//!
//! Requests and answers are plain [`http`] values, time and entropy are arguments, and waiting is
//! an instant handed back to the caller. `bill-async` and `bill-blocking` drive this crate over
//! real HTTP; a program with an HTTP client of its own drives it in the same way.
//!
//! | File | What it knows |
//! |---|---|
//! | `session.rs` | the idle-timeout machine: is there a session, may somebody sign in |
//! | `line.rs` | who is next: slots for calls in flight, and the waiting line |
//! | `limits.rs` | the hourly budgets of a developer key |
//! | `pump.rs` | the [`Session`] that joins the three, and the one function that grants |
//! | `call.rs`, `exchange.rs`, `sign_in.rs` | one operation, walked over them |
//! | `wire/` | BILL's requests and answers |
//!
//! # One call by hand
//!
//! A [`Call`] is stepped until it is done, and each step says what to do: send something, run a
//! sign-in, or wait. Steps and settlements take the shared [`Session`]; whatever takes long (the
//! exchange itself, parsing its answer) happens between them, without it.
//!
//! ```
//! use std::sync::Arc;
//! use std::time::Instant;
//!
//! use bill_session_core::{
//!     Account, Credentials, DevKey, Environment, KeyLimits, OrgId, Outcome, Principal, Session,
//!     Settings, SignInEnded, Step,
//! };
//! use bytes::Bytes;
//! use http::{Request, Response};
//!
//! // Stands for the network: one answer to the sign-in, another to the call.
//! fn send(request: Request<Bytes>) -> Response<Bytes> {
//!     assert_eq!(request.uri().query(), None);
//!     Response::new(Bytes::from_static(if request.uri().path() == "/api/v2/Login.json" {
//!         br#"{"response_status":0,"response_data":{"sessionId":"a-session"}}"#
//!     } else {
//!         br#"{"response_status":0,"response_data":["a vendor"]}"#
//!     }))
//! }
//!
//! let now = Instant::now();
//! let credentials = Credentials::new(
//!     Principal::password("demo@example.com", "demo-password")?,
//!     OrgId::new("00800000000000000001")?,
//!     DevKey::new("demo-dev-key")?,
//! );
//! let key = Arc::new(KeyLimits::new(now));
//! let account = Arc::new(Account::new(Environment::Stage, credentials, key));
//! // `()` wakes nobody: there is only this one caller.
//! let mut session = Session::<()>::new(Arc::clone(&account), Settings::default(), now);
//!
//! // There is no session yet, so that the first step is to sign in.
//! let call = account.v2("List/Vendor", &())?;
//! let (step, wake) = call.step(&mut session, || (), now);
//! assert!(wake.is_empty());
//! let Step::SignIn(sign_in, call, _look_again_at) = step else { panic!() };
//! let answer = send(sign_in.request());
//! let (ended, _wake) = sign_in.read(Ok(answer)).settle(&mut session, now);
//! assert!(matches!(ended, SignInEnded::Stored { .. }));
//!
//! // The same call, stepped again, is sent with the session.
//! let (step, _wake) = call.step(&mut session, || (), now);
//! let Step::Exchange(in_flight) = step else { panic!() };
//! let answer = send(in_flight.request());
//! let heard = in_flight.read::<Vec<String>>(Ok(answer));
//! let (outcome, _wake) = heard.settle(&mut session, now);
//! let Outcome::Done(vendors) = outcome else { panic!() };
//! assert_eq!(vendors, ["a vendor"]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # In scope, out of scope
//!
//! In scope is whatever must be decided the same way whoever carries the requests: when a session
//! is used, replaced or given up, who signs in, who waits and for how long, what is sent again, and
//! what never is. Out of scope is whatever touches the world: sockets, clocks, threads, files,
//! environment variables. A lint that no `allow` can open keeps it so.
#![forbid(clippy::disallowed_methods, clippy::disallowed_types)]

mod account;
mod backoff;
mod call;
mod cause;
mod code;
mod credentials;
mod environment;
mod error;
mod events;
mod exchange;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod held;
mod identity;
mod lease;
mod lifetime;
mod limits;
mod line;
mod list;
mod mfa;
#[cfg(feature = "model")]
#[doc(hidden)]
pub mod model;
mod organizations;
mod pump;
mod renewal;
mod replay;
mod session;
mod settings;
mod sign_in;
mod status;
mod transport;
mod upload;
mod v3_request;
mod wire;

pub use account::Account;
pub use call::{Call, Step};
pub use cause::{Cause, ForeignAnswer, ForeignKind};
pub use code::Code;
pub use credentials::{
    AppKey, Credentials, CredentialsWarning, DevKey, Field, InvalidField, InvalidReason, OrgId,
    Principal, RememberedDevice, SessionId,
};
pub use environment::{Environment, InvalidEnvironment, Origin};
pub use error::{ApiError, Blame, DecodeError, Error, ErrorEntry, Limit, Misuse};
pub use events::{Event, Listener, Why};
pub use exchange::{Finished, Heard, InFlight, Outcome};
pub use lease::Lease;
pub use lifetime::Lifetime;
pub use limits::{Budget, KeyLimits};
pub use line::{CallId, Wake};
pub use list::List;
pub use mfa::{Challenge, MfaCode, MfaOutcome, Remember};
pub use organizations::{Organization, Organizations};
pub use pump::Session;
pub use replay::Retry;
pub use session::{Asked, Attempt, Ended, Generation, Landed, Phase, SessionMachine};
pub use settings::{Renewal, Settings, SignInWith};
pub use sign_in::{HeardSignIn, NotFollowed, SignIn, SignInEnded, SignInId};
pub use status::Status;
pub use transport::TransportError;
pub use upload::Repeatable;
pub use v3_request::{Page, V3Pages, V3Request};
pub use wire::Verdict;
