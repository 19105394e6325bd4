//! Stay signed in to BILL from synchronous Rust (ureq).

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
