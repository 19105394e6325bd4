//! The sandbox's strictness: what it refuses although a lenient server might not.

use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method};

use crate::answer::Generation;
use crate::asked::Asked;
use crate::body::Content;
use crate::form::{Form, FormError, decode};
use crate::operation::{Call, Operation, PathError, UNKNOWN};
use crate::uploads::Digest;
use crate::v3;
use crate::violation::{Refusal, Violation};

// Names that no query may have, and no body of a v3 call.
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

/// What a request asks for, if it keeps to the protocol.
pub(crate) fn check(
    head: &Parts,
    content: Content,
    is_secret: impl Fn(&str) -> bool,
) -> Result<Asked, Refusal> {
    if url_holds_secret(head, is_secret) {
        return Err(Refusal::Strict(Violation::SecretInUrl));
    }
    match Generation::of(head.uri.path()) {
        Generation::V2 => check_v2(head, content),
        Generation::V3 => v3::check(head, content),
    }
}

/// The name of the operation that a refused request was for.
///
/// An unknown path is not written down: it may hold anything.
pub(crate) fn name_of(head: &Parts) -> String {
    let path = head.uri.path();
    let known = match Generation::of(path) {
        Generation::V2 => Operation::parse(path).ok().map(|operation| operation.to_string()),
        Generation::V3 => v3::name_of(&head.method, path),
    };
    known.unwrap_or_else(|| UNKNOWN.to_owned())
}

/// Whether a name is one of BILL's for a secret, in any case of its letters.
pub(crate) fn names_secret(name: &str) -> bool {
    SECRET_NAMES.iter().any(|secret| secret.eq_ignore_ascii_case(name))
}

fn check_v2(head: &Parts, content: Content) -> Result<Asked, Refusal> {
    let operation = Operation::parse(head.uri.path()).map_err(|error| match error {
        PathError::Unknown => Refusal::UnknownPath,
        PathError::WrongCase => Refusal::Strict(Violation::WrongPathCase),
    })?;
    match form_of(head, content, &operation) {
        Ok((form, file)) => Ok(Asked::v2(operation, form, file)),
        Err(violation) => Err(Refusal::Strict(violation)),
    }
}

/// Whether a text holds one of the given secrets.
pub(crate) fn holds_one_of<'a>(text: &str, mut secrets: impl Iterator<Item = &'a str>) -> bool {
    secrets.any(|secret| secret.len() >= SHORTEST_SECRET && text.contains(secret))
}

fn form_of(
    head: &Parts,
    content: Content,
    operation: &Operation,
) -> Result<(Form, Option<Digest>), Violation> {
    if head.uri.query().is_some() {
        return Err(Violation::UnexpectedQuery);
    }
    if head.method != Method::POST {
        return Err(Violation::WrongMethod);
    }
    if !accepts_json(&head.headers) {
        return Err(Violation::WrongAccept);
    }
    if media_type(&head.headers) != Some(operation.content_type()) {
        return Err(Violation::WrongContentType);
    }
    let (form, file) = match content {
        Content::TooLarge => return Err(Violation::BodyTooLarge),
        Content::Parts(parts) => {
            let parts = parts.ok_or(Violation::MalformedForm)?;
            (Form::of_fields(parts.fields), parts.file)
        }
        // A form of several parts whose boundary is not named was read as a whole.
        Content::Whole(_) if *operation == Operation::InSession(Call::UploadAttachment) => {
            return Err(Violation::MalformedForm);
        }
        Content::Whole(body) => (Form::parse(&body).map_err(violation_of)?, None),
        Content::Awaited => (Form::default(), None),
    };
    check_fields(&form, operation)?;
    if *operation == Operation::InSession(Call::UploadAttachment) && file.is_none() {
        return Err(Violation::MissingField);
    }
    Ok((form, file))
}

fn violation_of(error: FormError) -> Violation {
    match error {
        FormError::Json => Violation::JsonBody,
        FormError::Malformed => Violation::MalformedForm,
    }
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
        names_secret(&decode(name).unwrap_or_else(|| name.to_owned()))
    });
    // A path keeps its plus signs, and a client may have put a secret in without encoding it.
    let path = head.uri.path();
    let decoded_path = decode(&path.replace('+', "%2B"));
    let texts = [Some(path.to_owned()), decoded_path, Some(query.to_owned()), decode(query)];
    named || texts.iter().flatten().any(|text| is_secret(text))
}

pub(crate) fn accepts_json(headers: &HeaderMap) -> bool {
    let mut accepted = headers.get_all(ACCEPT).iter().peekable();
    accepted.peek().is_none()
        || accepted.filter_map(|value| value.to_str().ok()).flat_map(|v| v.split(',')).any(
            |range| {
                let range = range.split(';').next().unwrap_or_default().trim();
                ["application/json", "application/*", "*/*"].contains(&range)
            },
        )
}

pub(crate) fn media_type(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(CONTENT_TYPE).iter();
    let only = values.next()?.to_str().ok()?;
    values.next().is_none().then(|| only.split(';').next().unwrap_or_default().trim())
}
