//! Answers in BILL's envelope, and the table of BILL's codes that the sandbox gives.

use serde::Serialize;

use crate::strict::Violation;

/// Refuses a user name, a password or an organisation.
pub(crate) const WRONG_LOGIN: &str = "BDC_1101";
/// Refuses a developer key.
pub(crate) const WRONG_KEY: &str = "BDC_1102";
/// Refuses a session.
pub(crate) const INVALID_SESSION: &str = "BDC_1109";
/// Refuses what a token's session may not do; the code is a guess.
pub(crate) const LIMITED_ACCESS: &str = "BDC_1120";
/// Refuses a path.
pub(crate) const UNKNOWN_PATH: &str = "BDC_1121";
/// Refuses parameters; BILL's advice for this code is to look for a misspelt one.
pub(crate) const BAD_DATA: &str = "BDC_1002";

const MESSAGES: [(&str, &str); 14] = [
    ("BDC_1001", "System error occurred."),
    (BAD_DATA, "Unknown error occurred."),
    (WRONG_LOGIN, "User name and/or password do not match our records."),
    (WRONG_KEY, "Developer key is invalid."),
    ("BDC_1105", "API access is not enabled."),
    ("BDC_1107", "Organization is locked."),
    // BILL writes two spaces here, so a client that matches the text instead of the code fails.
    (INVALID_SESSION, "Session is invalid.  Please log in."),
    (LIMITED_ACCESS, "Not permitted for a session signed in with a token."),
    (UNKNOWN_PATH, "API not supported."),
    ("BDC_1144", "Max number of allowed requests per hour reached."),
    ("BDC_1322", "Max number of concurrent requests per organization reached."),
    ("BDC_1356", "MFA code has expired."),
    ("BDC_1358", "Too many MFA attempts."),
    ("BDC_1361", "Untrusted session. MFA is required."),
];

/// What an answer means for the counters and the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    Success,
    /// Refused with one of BILL's codes, or with the name of a strictness counter.
    Refused(String),
    /// Not in BILL's envelope.
    Foreign(String),
}

impl Outcome {
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Success => "ok",
            Self::Refused(name) | Self::Foreign(name) => name,
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) outcome: Outcome,
}

#[derive(Serialize)]
struct Envelope<'a, T> {
    response_status: u8,
    response_message: &'a str,
    response_data: T,
}

#[derive(Serialize)]
struct ErrorData<'a> {
    error_code: &'a str,
    error_message: &'a str,
}

impl Answer {
    pub(crate) fn success(data: impl Serialize) -> Self {
        Self::envelope(200, 0, "Success", data, Outcome::Success)
    }

    pub(crate) fn refusal(status: u16, code: &str) -> Self {
        Self::refusal_saying(status, code, message(code))
    }

    pub(crate) fn bad_data(reason: &str) -> Self {
        Self::refusal_saying(200, BAD_DATA, reason)
    }

    pub(crate) fn violation(violation: Violation) -> Self {
        let outcome = Outcome::Refused(violation.name().to_owned());
        let code = violation.code();
        let data = ErrorData { error_code: &code, error_message: violation.message() };
        Self::envelope(violation.status(), 1, "Error", data, outcome)
    }

    pub(crate) fn foreign(status: u16, content_type: &str, body: Vec<u8>, name: &str) -> Self {
        Self {
            status,
            content_type: content_type.to_owned(),
            headers: Vec::new(),
            body,
            outcome: Outcome::Foreign(format!("{name} {status}")),
        }
    }

    fn refusal_saying(status: u16, code: &str, message: &str) -> Self {
        let data = ErrorData { error_code: code, error_message: message };
        Self::envelope(status, 1, "Error", data, Outcome::Refused(code.to_owned()))
    }

    fn envelope(
        status: u16,
        response_status: u8,
        response_message: &str,
        response_data: impl Serialize,
        outcome: Outcome,
    ) -> Self {
        let envelope = Envelope { response_status, response_message, response_data };
        // Every value given here has string keys and plain numbers, so this cannot fail.
        let body = serde_json::to_vec(&envelope).unwrap_or_default();
        let content_type = "application/json;charset=utf-8".to_owned();
        Self { status, content_type, headers: Vec::new(), body, outcome }
    }
}

fn message(code: &str) -> &'static str {
    let known = MESSAGES.iter().find(|(known, _)| *known == code);
    known.map_or("An error that the sandbox was told to give.", |(_, message)| message)
}
