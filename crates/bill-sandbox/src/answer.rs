//! Answers in the form of either generation, and the table of BILL's codes that the sandbox gives.

use std::time::SystemTime;

use serde::Serialize;
use serde_json::json;

use crate::calendar::stamp_with_colon;
use crate::error_entry::ErrorEntry;
use crate::violation::Violation;

/// Refuses a user name or a password.
pub(crate) const WRONG_LOGIN: &str = "BDC_1101";
/// Refuses a developer key or an application key.
pub(crate) const WRONG_KEY: &str = "BDC_1102";
/// Refuses an organisation that the sandbox does not have; a guess, like the meaning of the code.
pub(crate) const WRONG_ORGANIZATION: &str = "BDC_1107";
/// Refuses a session.
pub(crate) const INVALID_SESSION: &str = "BDC_1109";
/// Refuses what a token's session may not do; the code is a guess.
pub(crate) const LIMITED_ACCESS: &str = "BDC_1120";
/// Refuses a path.
pub(crate) const UNKNOWN_PATH: &str = "BDC_1121";
/// Refuses a request beyond a limit of an hour.
pub(crate) const HOUR_SPENT: &str = "BDC_1144";
/// Refuses a request beyond the limit of calls at once.
pub(crate) const BUSY: &str = "BDC_1322";
/// Refuses a code of a challenge that has expired.
pub(crate) const CODE_EXPIRED: &str = "BDC_1356";
/// Refuses a wrong code of a challenge; the code is a guess.
pub(crate) const WRONG_CODE: &str = "BDC_1357";
/// Refuses every code of a challenge that got too many wrong ones.
pub(crate) const TOO_MANY_TRIES: &str = "BDC_1358";
/// Refuses what only a trusted session may do.
pub(crate) const UNTRUSTED: &str = "BDC_1361";
/// Refuses parameters; BILL's advice for this code is to look for a misspelt one.
pub(crate) const BAD_DATA: &str = "BDC_1002";

// Each with its text and with its HTTP status in v3.
pub(crate) const CODES: [(&str, u16, &str); 15] = [
    ("BDC_1001", 500, "System error occurred."),
    (BAD_DATA, 422, "Unknown error occurred."),
    (WRONG_LOGIN, 401, "User name and/or password do not match our records."),
    (WRONG_KEY, 401, "Developer key is invalid."),
    ("BDC_1105", 403, "API access is not enabled."),
    (WRONG_ORGANIZATION, 403, "Organization is locked or not known."),
    // BILL writes two spaces here, so a client that matches the text instead of the code fails.
    (INVALID_SESSION, 401, "Session is invalid.  Please log in."),
    (LIMITED_ACCESS, 403, "Not permitted for a session signed in with a token."),
    (UNKNOWN_PATH, 404, "API not supported."),
    (HOUR_SPENT, 429, "Max number of allowed requests per hour reached."),
    (BUSY, 429, "Max number of concurrent requests per organization reached."),
    (CODE_EXPIRED, 422, "MFA code has expired."),
    (WRONG_CODE, 422, "MFA code is wrong."),
    (TOO_MANY_TRIES, 422, "Too many MFA attempts."),
    (UNTRUSTED, 403, "Untrusted session. MFA is required."),
];

/// The two generations of BILL's API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Generation {
    V2,
    V3,
}

/// How a request is spoken to: the form of its generation, at a time that v3 writes into errors.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Dialect {
    pub(crate) generation: Generation,
    pub(crate) at: SystemTime,
}

/// What an answer means for the counters and the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    Success,
    /// Refused with one of BILL's codes, or with the name of a strictness counter.
    Refused(String),
    /// Not in BILL's form.
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
    /// Empty for an answer without a body, which has no content type.
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

impl Generation {
    /// The generation of a path; one that belongs to neither counts as v2.
    pub(crate) fn of(path: &str) -> Self {
        let rest = path.strip_prefix("/connect");
        let is_v3 = rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        if is_v3 { Self::V3 } else { Self::V2 }
    }
}

impl Dialect {
    /// A refusal with the HTTP status that its code has in this generation.
    pub(crate) fn refusal(self, code: &str) -> Answer {
        self.refusal_with(self.status(code), code)
    }

    pub(crate) fn refusal_with(self, status: u16, code: &str) -> Answer {
        self.error(status, code, message(code), code)
    }

    /// The refusal of what was sent in a request that keeps to the protocol otherwise.
    pub(crate) fn bad_data(self, reason: &str) -> Answer {
        self.bad_data_with(self.status(BAD_DATA), reason)
    }

    pub(crate) fn bad_data_with(self, status: u16, reason: &str) -> Answer {
        self.error(status, BAD_DATA, reason, BAD_DATA)
    }

    pub(crate) fn violation(self, violation: Violation) -> Answer {
        self.error(violation.status(), &violation.code(), violation.message(), violation.name())
    }

    /// An array of errors, whatever the generation.
    pub(crate) fn array(self, status: u16, entries: &[ErrorEntry]) -> Answer {
        let code = entries.iter().find_map(ErrorEntry::code);
        let outcome = code.map_or_else(
            || Outcome::Foreign(format!("errors {status}")),
            |code| Outcome::Refused(code.to_owned()),
        );
        let stamp = stamp_with_colon(self.at);
        let sent = entries.iter().map(|entry| {
            entry.sent(&stamp, entry.code().map_or("An error without a code.", message))
        });
        Answer::json(status, &sent.collect::<Vec<_>>(), outcome)
    }

    /// The HTTP status that a code has in this generation.
    pub(crate) fn status(self, code: &str) -> u16 {
        match self.generation {
            Generation::V2 if code == UNKNOWN_PATH => 404,
            Generation::V2 => 200,
            Generation::V3 => {
                let known = CODES.iter().find(|(known, ..)| *known == code);
                known.map_or(422, |(_, status, _)| *status)
            }
        }
    }

    fn error(self, status: u16, code: &str, message: &str, counter: &str) -> Answer {
        let outcome = Outcome::Refused(counter.to_owned());
        match self.generation {
            Generation::V2 => {
                let data = json!({"error_code": code, "error_message": message});
                Answer::envelope(status, 1, "Error", data, outcome)
            }
            Generation::V3 => {
                let entry = ErrorEntry::new(code).message(message);
                let stamp = stamp_with_colon(self.at);
                Answer::json(status, &[entry.sent(&stamp, message)], outcome)
            }
        }
    }
}

impl Answer {
    /// A success in v2's envelope.
    pub(crate) fn success(data: impl Serialize) -> Self {
        Self::envelope(200, 0, "Success", data, Outcome::Success)
    }

    /// A success of v3's, which has no envelope.
    pub(crate) fn bare(status: u16, data: &impl Serialize) -> Self {
        Self::json(status, data, Outcome::Success)
    }

    /// A success that says nothing.
    pub(crate) fn empty() -> Self {
        let (headers, body) = (Vec::new(), Vec::new());
        Self { status: 200, content_type: String::new(), headers, body, outcome: Outcome::Success }
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

    fn envelope(
        status: u16,
        response_status: u8,
        response_message: &str,
        response_data: impl Serialize,
        outcome: Outcome,
    ) -> Self {
        let envelope = Envelope { response_status, response_message, response_data };
        let answer = Self::json(status, &envelope, outcome);
        Self { content_type: "application/json;charset=utf-8".to_owned(), ..answer }
    }

    fn json(status: u16, value: &(impl Serialize + ?Sized), outcome: Outcome) -> Self {
        // Every value given here has string keys and plain numbers, so this cannot fail.
        let body = serde_json::to_vec(value).unwrap_or_default();
        let content_type = "application/json".to_owned();
        Self { status, content_type, headers: Vec::new(), body, outcome }
    }
}

fn message(code: &str) -> &'static str {
    let known = CODES.iter().find(|(known, ..)| *known == code);
    known.map_or("An error that the sandbox was told to give.", |(.., message)| message)
}
