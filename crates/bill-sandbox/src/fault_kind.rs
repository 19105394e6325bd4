//! The kinds of faults.

use serde::{Deserialize, Serialize};

use crate::answer::INVALID_SESSION;
use crate::error_entry::ErrorEntry;

/// What a [`Fault`](crate::Fault) does to a request or to its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum FaultKind {
    /// The ordinary answer, for a fault that only sets headers.
    Normal,
    /// Accepts the request and says nothing for as long as the client waits.
    NoAnswer,
    /// Resets the connection before the first byte of the answer.
    ResetBeforeAnswer,
    /// Sends the head and a part of the body, then resets the connection.
    ResetMidAnswer,
    /// Sends the head and a part of the body, then closes the connection in an orderly way.
    CloseMidAnswer,
    /// Answers with an HTML page.
    Html {
        /// The HTTP status.
        status: u16,
    },
    /// Answers with one of BILL's codes: in v2's envelope, or as an array of one error in v3.
    Envelope {
        /// The HTTP status; 200 means in v3 the status that the code usually has there.
        status: u16,
        /// BILL's code.
        code: String,
    },
    /// Answers with any body.
    Body {
        /// The HTTP status.
        status: u16,
        /// The content type.
        content_type: String,
        /// The body.
        body: String,
    },
    /// Sends complete HTTP with only the first half of the JSON.
    TornJson,
    /// Sends the ordinary answer a few bytes at a time.
    SlowBytes {
        /// How many bytes of the body at a time.
        bytes: usize,
        /// The pause between two portions, in real milliseconds.
        pause_ms: u64,
    },
    /// Redirects to another place.
    Redirect {
        /// The HTTP status.
        status: u16,
        /// The `location` header.
        location: String,
    },
    /// Ends the session that the request uses before the request is handled.
    LoseSession,
    /// Names another place as the `apiEndPoint` of a sign-in's answer.
    ForeignApiEndPoint {
        /// The value of `apiEndPoint`.
        url: String,
    },
    /// Answers with an array of errors as v3 does, on a path of either generation.
    Errors {
        /// The HTTP status.
        status: u16,
        /// The entries of the array.
        errors: Vec<ErrorEntry>,
    },
    /// Gives a page of a v3 list without results, and a cursor to what the page should have had.
    EmptyPage,
    /// Gives a page of a v3 list with a cursor that leads to the same page again.
    RepeatCursor,
}

impl FaultKind {
    /// An answer with one of BILL's codes and the HTTP status that it usually has, 200 in v2.
    pub fn code(code: impl Into<String>) -> Self {
        Self::Envelope { status: 200, code: code.into() }
    }

    /// The answer that a session is invalid, while it goes on living.
    pub fn invalid_session() -> Self {
        Self::code(INVALID_SESSION)
    }

    /// An array of errors with these codes, as v3 answers.
    pub fn errors(status: u16, codes: &[&str]) -> Self {
        Self::Errors { status, errors: codes.iter().copied().map(ErrorEntry::new).collect() }
    }

    /// The single object with which a gateway before BILL answers: HTTP 401 and no code.
    pub fn gateway_unauthorized() -> Self {
        Self::Body {
            status: 401,
            content_type: "application/json".to_owned(),
            body: r#"{"message":"Unauthorized"}"#.to_owned(),
        }
    }

    /// The codes that it answers with.
    pub(crate) fn codes(&self) -> Vec<&str> {
        match self {
            Self::Envelope { code, .. } => vec![code],
            Self::Errors { errors, .. } => errors.iter().filter_map(ErrorEntry::code).collect(),
            _ => Vec::new(),
        }
    }

    /// Whether it answers in the form in which BILL answers.
    pub(crate) fn is_of_bills_form(&self) -> bool {
        matches!(self, Self::Envelope { .. } | Self::Errors { .. })
    }

    /// Its name in JSON.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::NoAnswer => "no_answer",
            Self::ResetBeforeAnswer => "reset_before_answer",
            Self::ResetMidAnswer => "reset_mid_answer",
            Self::CloseMidAnswer => "close_mid_answer",
            Self::Html { .. } => "html",
            Self::Envelope { .. } => "envelope",
            Self::Body { .. } => "body",
            Self::TornJson => "torn_json",
            Self::SlowBytes { .. } => "slow_bytes",
            Self::Redirect { .. } => "redirect",
            Self::LoseSession => "lose_session",
            Self::ForeignApiEndPoint { .. } => "foreign_api_end_point",
            Self::Errors { .. } => "errors",
            Self::EmptyPage => "empty_page",
            Self::RepeatCursor => "repeat_cursor",
        }
    }

    /// Whether it sends the ordinary answer or a part of it.
    pub(crate) fn needs_answer(&self) -> bool {
        !matches!(
            self,
            Self::NoAnswer
                | Self::ResetBeforeAnswer
                | Self::Html { .. }
                | Self::Envelope { .. }
                | Self::Errors { .. }
                | Self::Body { .. }
                | Self::Redirect { .. }
        )
    }
}

#[cfg(test)]
mod tests {
    use super::FaultKind;

    #[test]
    fn every_kind_names_itself_as_its_json_does() {
        let text = String::new;
        let kinds = [
            FaultKind::Normal,
            FaultKind::NoAnswer,
            FaultKind::ResetBeforeAnswer,
            FaultKind::ResetMidAnswer,
            FaultKind::CloseMidAnswer,
            FaultKind::Html { status: 500 },
            FaultKind::code("BDC_1144"),
            FaultKind::Body { status: 200, content_type: text(), body: text() },
            FaultKind::TornJson,
            FaultKind::SlowBytes { bytes: 1, pause_ms: 1 },
            FaultKind::Redirect { status: 307, location: text() },
            FaultKind::LoseSession,
            FaultKind::ForeignApiEndPoint { url: text() },
            FaultKind::errors(422, &["BDC_1002"]),
            FaultKind::EmptyPage,
            FaultKind::RepeatCursor,
        ];
        for kind in kinds {
            let json = serde_json::to_value(&kind).unwrap();
            let name = json.as_str().or_else(|| Some(json.as_object()?.keys().next()?.as_str()));
            assert_eq!(name, Some(kind.name()));
        }
    }
}
