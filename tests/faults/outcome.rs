//! What became of an exchange, in the words of the table.

use bill_session_core::{Cause, Error, ForeignAnswer, ForeignKind, TransportError};
use serde_json::Value;

/// Which exchange a fault befalls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    SignIn,
    Call,
}

impl Step {
    pub(crate) const BOTH: [Self; 2] = [Self::SignIn, Self::Call];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::SignIn => "sign-in",
            Self::Call => "call",
        }
    }

    /// The path that its request is sent to.
    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::SignIn => "/api/v2/Login.json",
            Self::Call => "/api/v2/GetSessionInfo.json",
        }
    }
}

/// The kind of an end; a sign-in and a call that end alike have the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Served,
    /// No connection was made, so that nothing was sent.
    NotConnected,
    /// The same, since it took too long.
    NotConnectedInTime,
    /// No answer came in time.
    Late,
    /// The answer was longer than the cap.
    TooLong,
    /// The connection broke, or did not speak HTTP.
    Broken,
    /// It was answered by something that is not BILL.
    NotBill(u16, ForeignKind),
    /// BILL's answer has another type than the one asked for.
    Unfit,
    /// Anything else, which no row of the table expects.
    Other(String),
}

impl Outcome {
    /// How this step has ended.
    pub(crate) fn of(step: Step, result: &Result<Value, Error>) -> Self {
        let error = match result {
            Ok(_) => return Self::Served,
            Err(error) => error,
        };
        match (step, error) {
            (Step::SignIn, Error::NoSession { cause, retry_after: Some(_), .. }) => {
                match &**cause {
                    Cause::NoAnswer(error) => Self::of_silence(error),
                    Cause::NotBill(answer) => Self::of_foreign(answer),
                    cause => Self::Other(format!("{cause:?}")),
                }
            }
            (Step::Call, Error::NoAnswer { error, .. }) => Self::of_silence(error),
            (Step::Call, Error::NotBill { answer, .. }) => Self::of_foreign(answer),
            (Step::Call, Error::Decode { .. }) => Self::Unfit,
            (_, error) => Self::Other(format!("{error:?}")),
        }
    }

    fn of_silence(error: &TransportError) -> Self {
        match (error.is_connect(), error.is_timeout()) {
            (true, false) => Self::NotConnected,
            (true, true) => Self::NotConnectedInTime,
            (false, true) => Self::Late,
            (false, false) if error.is_too_large() => Self::TooLong,
            (false, false) => Self::Broken,
        }
    }

    fn of_foreign(answer: &ForeignAnswer) -> Self {
        Self::NotBill(answer.status.as_u16(), answer.kind.clone())
    }
}
