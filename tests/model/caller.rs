//! A caller, as the model knows it.

use std::time::Duration;

use bill_session_core::{Call, CallId};

use super::action::Operation;
use super::facts::Stamp;
use super::history::Purpose;

/// The time that a session has to have left for an upload that can be sent once.
pub const FIVE_MINUTES: Duration = Duration::from_secs(5 * 60);

/// What a caller is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    Call(Operation),
    Upload {
        once: bool,
    },
    Challenge,
    /// The answer to a challenge that was made for the session of this number.
    Validate {
        session: usize,
        remember: bool,
    },
    StepUp,
    ListOrgs,
    SignIn,
    Lease(Duration),
    Renewal,
    KeepAlive,
    /// Of the session that this sign-in brought.
    Logout(usize),
}

impl Task {
    /// Whether it needs a session, with a slot or without.
    pub fn needs_session(self) -> bool {
        !matches!(self, Self::ListOrgs | Self::Logout(_))
    }

    /// Whether it needs a session and a slot.
    pub fn is_sent_with_session(self) -> bool {
        self.needs_session() && !matches!(self, Self::SignIn | Self::Lease(_) | Self::Renewal)
    }

    /// Whether it may sign in when it finds no session.
    pub fn may_sign_in(self) -> bool {
        self.needs_session() && !matches!(self, Self::KeepAlive | Self::Validate { .. })
    }

    /// Whether it is told how one attempt to sign in has ended, whatever the end.
    pub fn is_explicit(self) -> bool {
        matches!(self, Self::SignIn | Self::Renewal | Self::KeepAlive)
    }

    /// Whether it is a caller's use of the session or of the credentials.
    pub fn is_use(self) -> bool {
        !self.is_explicit() && !matches!(self, Self::Lease(_) | Self::Logout(_))
    }

    /// Whether nobody minds if it is done twice.
    pub fn only_reads(self) -> bool {
        matches!(self, Self::Call(operation) if operation.only_reads())
    }

    /// Whether it is sent again after a refusal before which nothing was done.
    pub fn can_be_repeated(self) -> bool {
        self.is_use() && !matches!(self, Self::Upload { once: true } | Self::Validate { .. })
    }

    /// The longest time for its exchange.
    pub fn limit(self) -> Duration {
        Duration::from_secs(if matches!(self, Self::Upload { .. }) { 600 } else { 60 })
    }

    /// Its deadline, unless it is given one of its own.
    pub fn patience(self) -> Duration {
        Duration::from_secs(if matches!(self, Self::Upload { .. }) { 720 } else { 120 })
    }

    pub fn purpose(self) -> Purpose {
        match self {
            Self::Logout(_) => Purpose::Logout,
            Self::KeepAlive => Purpose::KeepAlive,
            Self::ListOrgs => Purpose::ListOrgs,
            _ => Purpose::Call,
        }
    }
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

/// What there is to be had, so that it is worth being woken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Circumstances {
    /// A session.
    pub signed_in: bool,
    /// BILL has refused for good.
    pub refused: bool,
    /// The hour's calls are certainly open.
    pub calls_are_open: bool,
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
    /// What there was to be had then.
    pub woken_amid: Circumstances,
    /// Whether the session had five minutes left then.
    pub woken_with_time: bool,
    pub told: Option<Told>,
    /// It backs off, at least and at most until then.
    pub not_before: (Duration, Duration),
    /// How often it was sent again: after BDC_1109, after BDC_1322, after a lost outcome.
    pub replays: usize,
    pub contentions: usize,
    pub losses: usize,
    /// The sign-in that it began.
    pub began: Option<usize>,
    pub frozen: bool,
    /// It went away while it was waiting for an answer that is heard all the same.
    pub gone: bool,
    /// Steps since the end of the random part.
    pub steps: usize,
}
