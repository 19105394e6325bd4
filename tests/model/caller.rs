//! A caller, as the model knows it.

use std::time::Duration;

use bill_session_core::{Call, CallId};

use super::facts::Stamp;

/// What a caller is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    Call,
    SignIn,
    Lease(Duration),
    Renewal,
    KeepAlive,
    Logout,
}

/// The failure that a caller has waited for, and is to be told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    Code(u16),
    NoAnswer,
    Foreign,
    Overdue,
    SessionsRefused,
}

/// A caller; its place among the callers is its place in line, for life.
#[derive(Debug)]
pub struct Caller {
    pub task: Task,
    pub epoch: usize,
    pub deadline: Duration,
    pub id: Option<CallId>,
    /// The call, while the caller waits.
    pub waits: Option<Call>,
    /// When it is to look again.
    pub until: Duration,
    pub joined: Duration,
    pub last_step: Stamp,
    /// It was woken, and has not stepped since.
    pub woken: Option<Stamp>,
    /// There was a session then.
    pub woken_for_session: bool,
    pub told: Option<Told>,
    /// It backs off from a 1322, at least and at most until then.
    pub not_before: (Duration, Duration),
    pub replays: usize,
    pub contentions: usize,
    /// The sign-in that it began.
    pub began: Option<usize>,
    pub frozen: bool,
    /// Steps since the end of the random part.
    pub steps: usize,
}
