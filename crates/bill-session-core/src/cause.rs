//! Why there is no session, and what answers look like that are not BILL's.

use std::error::Error as StdError;
use std::fmt;

use http::StatusCode;

use crate::code::{Code, Meaning};
use crate::error::{ApiError, Blame, Limit};
use crate::transport::TransportError;

/// Why there is no session: how the last sign-in, or the session that it made, ended.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Cause {
    /// BILL answered the sign-in with an error.
    Refused(ApiError),
    /// The transport brought no answer to the sign-in.
    NoAnswer(TransportError),
    /// Nothing was heard of the sign-in within its limit.
    Overdue,
    /// Something other than BILL answered the sign-in.
    NotBill(ForeignAnswer),
    /// BILL signed in to another organisation than the one asked for.
    WrongOrganization,
    /// Sign-ins were abandoned one after the other before they were answered.
    Abandoned,
    /// BILL signed in, and then called the new session invalid, more than once in a row.
    SessionsRefused,
    /// The hourly budget of sign-ins is spent, by this process's own count.
    BudgetSpent,
    /// The hour's sign-ins are spent, as BILL told another session of the same key.
    HourClosed,
}

impl Cause {
    /// BILL's code, when BILL refused the sign-in with one.
    pub fn code(&self) -> Option<&Code> {
        match self {
            Self::Refused(error) => error.code(),
            _ => None,
        }
    }

    /// Whether only other credentials, another key or an administrator can help.
    pub fn is_permanent(&self) -> bool {
        matches!(self, Self::Refused(error) if error.meaning().is_permanent_refusal())
    }

    /// Whether the hour's sign-ins are spent.
    pub(crate) fn is_spent(&self) -> bool {
        match self {
            Self::Refused(error) => error.meaning() == Meaning::HourSpent,
            Self::BudgetSpent | Self::HourClosed => true,
            _ => false,
        }
    }

    /// Whether the server said to come back later, so that waiting is worth it.
    pub(crate) fn says_later(&self) -> bool {
        match self {
            Self::Refused(error) => {
                error.is_of_a_server_in_trouble()
                    || matches!(error.meaning(), Meaning::Contended | Meaning::HourSpent)
            }
            Self::NotBill(answer) => answer.status.is_server_error(),
            Self::BudgetSpent | Self::HourClosed => true,
            _ => false,
        }
    }

    pub(crate) fn blame(&self) -> Blame {
        match self {
            Self::NoAnswer(_) | Self::Overdue => Blame::Network,
            Self::Abandoned => Blame::Caller,
            _ => Blame::Server,
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(error) => error.fmt(f),
            Self::NoAnswer(error) => write!(f, "the sign-in got no answer: {error}"),
            Self::Overdue => f.write_str("the sign-in was not answered in time"),
            Self::NotBill(answer) => write!(f, "the sign-in was answered by {answer}"),
            Self::WrongOrganization => f.write_str(
                "the sign-in was answered for another organisation than the one asked for",
            ),
            Self::Abandoned => {
                f.write_str("the last sign-ins were abandoned before they were answered")
            }
            Self::SessionsRefused => {
                f.write_str("BILL signs in, and then calls the new sessions invalid")
            }
            Self::BudgetSpent | Self::HourClosed => write!(f, "{} are spent", Limit::SignIns),
        }
    }
}

impl StdError for Cause {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::NoAnswer(error) => error.source(),
            _ => None,
        }
    }
}

/// An answer that is not in BILL's form, so that it says nothing about the session.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ForeignAnswer {
    /// Its HTTP status.
    pub status: StatusCode,
    /// What it looks like.
    pub kind: ForeignKind,
}

impl fmt::Display for ForeignAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            ForeignKind::Redirect { host: Some(host) } => {
                write!(f, "a redirect to {host} (HTTP {}), which is never followed", self.status)
            }
            ForeignKind::Redirect { host: None } => {
                write!(f, "a redirect (HTTP {}), which is never followed", self.status)
            }
            ForeignKind::Html => {
                write!(f, "an HTML page (HTTP {}), as from a proxy or a gateway", self.status)
            }
            ForeignKind::Gateway { message } => {
                write!(f, "a gateway in front of BILL (HTTP {}): {message}", self.status)
            }
            ForeignKind::Json => {
                write!(f, "JSON that is torn or not in BILL's form (HTTP {})", self.status)
            }
            ForeignKind::Other => {
                write!(f, "something that is not in BILL's form (HTTP {})", self.status)
            }
        }
    }
}

/// What a [`ForeignAnswer`] looks like.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ForeignKind {
    /// A redirect, to this host if it names one.
    Redirect {
        /// The host of its `Location`.
        host: Option<String>,
    },
    /// A page for a browser.
    Html,
    /// A gateway's object, such as `{"message":"Unauthorized"}`.
    Gateway {
        /// Its message, without control characters and without any secret of this client.
        message: String,
    },
    /// JSON that is torn, or in no form of BILL's.
    Json,
    /// Anything else.
    Other,
}
