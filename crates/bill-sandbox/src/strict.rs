//! The sandbox's strictness: what it refuses although a lenient server might not.

use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method};

use crate::form::{Form, FormError, decode};
use crate::operation::{Operation, PathError};

/// A way in which a request strays from the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Violation {
    SecretInUrl,
    UnexpectedQuery,
    WrongPathCase,
    WrongMethod,
    WrongAccept,
    WrongContentType,
    BodyTooLarge,
    JsonBody,
    MalformedForm,
    RepeatedField,
    EmptyField,
    MissingField,
    UnexpectedField,
}

/// Why a request is refused before any operation sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    Strict(Violation),
    UnknownPath,
}

// Names that no query may have, in lower case.
const SECRET_NAMES: [&str; 10] = [
    "username",
    "password",
    "devkey",
    "sessionid",
    "mfaid",
    "remembermeid",
    "token",
    "appkey",
    "apitoken",
    "consoleapitoken",
];

// A short known value would be found in innocent text.
const SHORTEST_SECRET: usize = 4;

impl Violation {
    const ALL: [Self; 13] = [
        Self::SecretInUrl,
        Self::UnexpectedQuery,
        Self::WrongPathCase,
        Self::WrongMethod,
        Self::WrongAccept,
        Self::WrongContentType,
        Self::BodyTooLarge,
        Self::JsonBody,
        Self::MalformedForm,
        Self::RepeatedField,
        Self::EmptyField,
        Self::MissingField,
        Self::UnexpectedField,
    ];

    /// The name of its counter.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::SecretInUrl => "secret_in_url",
            Self::UnexpectedQuery => "unexpected_query",
            Self::WrongPathCase => "wrong_path_case",
            Self::WrongMethod => "wrong_method",
            Self::WrongAccept => "wrong_accept",
            Self::WrongContentType => "wrong_content_type",
            Self::BodyTooLarge => "body_too_large",
            Self::JsonBody => "json_body",
            Self::MalformedForm => "malformed_form",
            Self::RepeatedField => "repeated_field",
            Self::EmptyField => "empty_field",
            Self::MissingField => "missing_field",
            Self::UnexpectedField => "unexpected_field",
        }
    }

    pub(crate) fn is_name(name: &str) -> bool {
        Self::ALL.iter().any(|violation| violation.name() == name)
    }

    /// The code in the envelope, which nobody can take for one of BILL's.
    pub(crate) fn code(self) -> String {
        format!("SANDBOX_{}", self.name().to_ascii_uppercase())
    }

    pub(crate) fn status(self) -> u16 {
        match self {
            Self::WrongPathCase => 404,
            Self::WrongMethod => 405,
            Self::WrongAccept => 406,
            Self::BodyTooLarge => 413,
            Self::WrongContentType | Self::JsonBody => 415,
            _ => 400,
        }
    }

    pub(crate) fn message(self) -> &'static str {
        match self {
            Self::SecretInUrl => "A URL holds a credential or a session. Rotate it.",
            Self::UnexpectedQuery => "A request of this API has no query.",
            Self::WrongPathCase => "Paths are case-sensitive.",
            Self::WrongMethod => "Every request of this API is a POST.",
            Self::WrongAccept => "Every answer is application/json.",
            Self::WrongContentType => "The content type is application/x-www-form-urlencoded.",
            Self::BodyTooLarge => "The body is larger than the sandbox takes.",
            Self::JsonBody => "The body is a form, not JSON.",
            Self::MalformedForm => "The body is not a well-formed form.",
            Self::RepeatedField => "A form field is given twice.",
            Self::EmptyField => "A form field is empty.",
            Self::MissingField => "A form field is missing.",
            Self::UnexpectedField => "A form field is not one of this operation.",
        }
    }
}

/// The operation and the form of a request that keeps to the protocol.
pub(crate) fn check(
    head: &Parts,
    body: Option<&[u8]>,
    is_secret: impl Fn(&str) -> bool,
) -> Result<(Operation, Form), Refusal> {
    if url_holds_secret(head, is_secret) {
        return Err(Refusal::Strict(Violation::SecretInUrl));
    }
    let operation = Operation::parse(head.uri.path()).map_err(|error| match error {
        PathError::Unknown => Refusal::UnknownPath,
        PathError::WrongCase => Refusal::Strict(Violation::WrongPathCase),
    })?;
    match form_of(head, body, &operation) {
        Ok(form) => Ok((operation, form)),
        Err(violation) => Err(Refusal::Strict(violation)),
    }
}

/// Whether a text holds one of the given secrets.
pub(crate) fn holds_one_of<'a>(text: &str, mut secrets: impl Iterator<Item = &'a str>) -> bool {
    secrets.any(|secret| secret.len() >= SHORTEST_SECRET && text.contains(secret))
}

fn form_of(head: &Parts, body: Option<&[u8]>, operation: &Operation) -> Result<Form, Violation> {
    if head.uri.query().is_some() {
        return Err(Violation::UnexpectedQuery);
    }
    if head.method != Method::POST {
        return Err(Violation::WrongMethod);
    }
    if !accepts_json(&head.headers) {
        return Err(Violation::WrongAccept);
    }
    if media_type(&head.headers) != Some("application/x-www-form-urlencoded") {
        return Err(Violation::WrongContentType);
    }
    let form = Form::parse(body.ok_or(Violation::BodyTooLarge)?).map_err(|error| match error {
        FormError::Json => Violation::JsonBody,
        FormError::Malformed => Violation::MalformedForm,
    })?;
    check_fields(&form, operation)?;
    Ok(form)
}

fn check_fields(form: &Form, operation: &Operation) -> Result<(), Violation> {
    let (required, optional) = operation.fields();
    let fields = form.fields();
    for (position, (name, value)) in fields.iter().enumerate() {
        if fields[..position].iter().any(|(earlier, _)| earlier == name) {
            return Err(Violation::RepeatedField);
        }
        if !required.contains(&name.as_str()) && !optional.contains(&name.as_str()) {
            return Err(Violation::UnexpectedField);
        }
        if value.is_empty() {
            return Err(Violation::EmptyField);
        }
    }
    let is_there = |name: &&str| fields.iter().any(|(given, _)| given == name);
    if required.iter().all(is_there) { Ok(()) } else { Err(Violation::MissingField) }
}

fn url_holds_secret(head: &Parts, is_secret: impl Fn(&str) -> bool) -> bool {
    let query = head.uri.query().unwrap_or_default();
    let named = query.split(['&', ';']).any(|pair| {
        let name = pair.split('=').next().unwrap_or_default();
        let name = decode(name).unwrap_or_else(|| name.to_owned()).to_ascii_lowercase();
        SECRET_NAMES.contains(&name.as_str())
    });
    // A path keeps its plus signs, and a client may have put a secret in without encoding it.
    let path = head.uri.path();
    let decoded_path = decode(&path.replace('+', "%2B"));
    let texts = [Some(path.to_owned()), decoded_path, Some(query.to_owned()), decode(query)];
    named || texts.iter().flatten().any(|text| is_secret(text))
}

fn accepts_json(headers: &HeaderMap) -> bool {
    let mut accepted = headers.get_all(ACCEPT).iter().peekable();
    accepted.peek().is_none()
        || accepted.filter_map(|value| value.to_str().ok()).flat_map(|v| v.split(',')).any(
            |range| {
                let range = range.split(';').next().unwrap_or_default().trim();
                ["application/json", "application/*", "*/*"].contains(&range)
            },
        )
}

fn media_type(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(CONTENT_TYPE).iter();
    let only = values.next()?.to_str().ok()?;
    values.next().is_none().then(|| only.split(';').next().unwrap_or_default().trim())
}
