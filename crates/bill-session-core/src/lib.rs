//! Being signed in to BILL, as data and a state machine: no I/O, no clock, no threads.
#![forbid(clippy::disallowed_methods, clippy::disallowed_types)]

mod account;
mod backoff;
mod call;
mod code;
mod credentials;
mod environment;
mod error;
mod exchange;
mod identity;
mod lease;
mod limits;
mod line;
mod list;
mod pump;
mod session;
mod sign_in;
mod wire;

pub use account::Account;
pub use call::{Call, Step};
pub use code::Code;
pub use credentials::{
    Credentials, CredentialsWarning, DevKey, Field, InvalidField, InvalidReason, OrgId, Principal,
    SessionId,
};
pub use environment::{Environment, InvalidEnvironment, Origin};
pub use error::{
    ApiError, Blame, Cause, DecodeError, Error, ForeignAnswer, ForeignKind, Limit, Misuse,
    TransportError,
};
pub use exchange::{Finished, Heard, InFlight, Outcome};
pub use lease::Lease;
pub use limits::KeyLimits;
pub use line::{CallId, Wake};
pub use list::List;
pub use pump::{Renewal, Session, Settings};
pub use session::{Asked, Attempt, Ended, Generation, Landed, Lifetime, Phase, SessionMachine};
pub use sign_in::{HeardSignIn, SignIn, SignInEnded, SignInId};
pub use wire::Verdict;
