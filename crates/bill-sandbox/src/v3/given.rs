//! What a v3 request gives, and the sandbox's strictness with it.

use std::fmt;

use axum::http::HeaderMap;
use axum::http::request::Parts;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::operation::{Call, Operation, PathError, Verb};
use super::query::Query;
use crate::asked::{Asked, What};
use crate::body::Content;
use crate::claim::{Claim, Key};
use crate::strict::{accepts_json, media_type, names_secret};
use crate::violation::{Refusal, Violation};

/// The query and the body of a request.
#[derive(Debug, Default)]
pub(crate) struct Given {
    pub(crate) query: Query,
    pub(crate) body: Map<String, Value>,
}

/// The fields of a body.
enum Fields {
    /// There is no body.
    None,
    /// These must be there, those may.
    These(&'static [Field], &'static [Field]),
    /// Whatever an object has.
    Any,
}

#[derive(Clone, Copy, PartialEq)]
enum Field {
    Text(&'static str),
    Flag(&'static str),
}

// What a request in a session has in its head.
const KEYS: [&str; 2] = ["devKey", "appKey"];
const SESSION: &str = "sessionId";

impl Given {
    /// The value of a text field, or the empty string.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.body.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    pub(crate) fn flag(&self, name: &str) -> bool {
        self.body.get(name).and_then(Value::as_bool).unwrap_or_default()
    }
}

impl Field {
    fn name(self) -> &'static str {
        match self {
            Self::Text(name) | Self::Flag(name) => name,
        }
    }

    fn fits(self, value: &Value) -> bool {
        match self {
            // BILL's own example writes this flag as a text.
            Self::Text("useBackup") => value.is_boolean() || value.is_string(),
            Self::Text(_) => value.is_string(),
            Self::Flag(_) => value.is_boolean(),
        }
    }
}

impl Operation {
    fn fields(&self) -> Fields {
        use Field::{Flag, Text};
        const USER: [Field; 3] = [Text("username"), Text("organizationId"), Text("devKey")];
        const SECRET: [Field; 4] =
            [Text("password"), Text("consoleApiToken"), Text("rememberMeId"), Text("device")];
        match self {
            Self::Login => Fields::These(&USER, &SECRET),
            Self::PartnerLogin => {
                Fields::These(&[Text("username"), Text("password"), Text("appKey")], &[])
            }
            Self::InSession(Call::MfaChallenge) => Fields::These(&[], &[Text("useBackup")]),
            Self::InSession(Call::MfaValidate) => Fields::These(
                &[Text("challengeId"), Text("token")],
                &[Text("device"), Text("machineName"), Flag("rememberMe")],
            ),
            Self::InSession(Call::MfaStepUp) => {
                Fields::These(&[Text("rememberMeId"), Text("device")], &[])
            }
            Self::InSession(Call::Logout) => Fields::These(&[], &[]),
            Self::InSession(Call::Resource(Verb::Create | Verb::Replace | Verb::Update, _)) => {
                Fields::Any
            }
            Self::InSession(_) => Fields::None,
        }
    }

    /// The names that its query may have.
    fn query(&self) -> &'static [&'static str] {
        match self {
            Self::InSession(Call::ListOrganizations | Call::Resource(Verb::List, _)) => {
                &["max", "page"]
            }
            Self::InSession(Call::Upload { .. }) => &["name"],
            _ => &[],
        }
    }
}

/// What a request asks for, if it keeps to the protocol.
pub(crate) fn check(head: &Parts, content: Content) -> Result<Asked, Refusal> {
    let path = head.uri.path();
    let operation = Operation::parse(&head.method, path).map_err(|error| match error {
        PathError::Unknown => Refusal::UnknownPath,
        PathError::WrongCase => Refusal::Strict(Violation::WrongPathCase),
        PathError::WrongMethod => Refusal::Strict(Violation::WrongMethod),
    })?;
    of_operation(head, content, operation).map_err(Refusal::Strict)
}

fn of_operation(head: &Parts, content: Content, operation: Operation) -> Result<Asked, Violation> {
    let query = Query::parse(head.uri.query()).filter(|query| query.keeps_to(operation.query()));
    let query = query.ok_or(Violation::UnexpectedQuery)?;
    if !accepts_json(&head.headers) {
        return Err(Violation::WrongAccept);
    }
    let body = body(head, content, operation.fields())?;
    let given = Given { query, body };
    let claim = claim(&head.headers, &operation, &given)?;
    Ok(Asked { claim, what: What::V3(operation, given), file: None })
}

fn body(head: &Parts, content: Content, fields: Fields) -> Result<Map<String, Value>, Violation> {
    let bytes = match content {
        Content::Whole(bytes) => bytes,
        Content::TooLarge => return Err(Violation::BodyTooLarge),
        // A file has any content type.
        Content::Awaited => return Ok(Map::new()),
        Content::Parts(_) => return Err(Violation::WrongContentType),
    };
    let (required, optional) = match fields {
        Fields::None if bytes.is_empty() => return Ok(Map::new()),
        Fields::None => return Err(Violation::UnexpectedBody),
        // A request that has nothing to say need not say so in JSON.
        Fields::These([], _) if bytes.is_empty() => return Ok(Map::new()),
        Fields::These(required, optional) => (required, Some(optional)),
        Fields::Any => (&[][..], None),
    };
    if media_type(&head.headers) != Some("application/json") {
        return Err(Violation::WrongContentType);
    }
    let object: Object = serde_json::from_slice(&bytes).map_err(|_| Violation::MalformedJson)?;
    if object.repeats {
        return Err(Violation::RepeatedField);
    }
    match optional {
        Some(optional) => check_fields(&object.members, required, optional)?,
        // Nobody's secrets have any business in an object.
        None if object.members.iter().any(|(name, value)| holds_secret(name, value)) => {
            return Err(Violation::UnexpectedField);
        }
        None => {}
    }
    Ok(object.members)
}

fn check_fields(
    members: &Map<String, Value>,
    required: &[Field],
    optional: &[Field],
) -> Result<(), Violation> {
    for (name, value) in members {
        let known = required.iter().chain(optional).find(|field| field.name() == name);
        let field = known.ok_or(Violation::UnexpectedField)?;
        if !field.fits(value) {
            return Err(Violation::MalformedJson);
        }
        if value.as_str() == Some("") {
            return Err(Violation::EmptyField);
        }
    }
    let is_there = |field: &Field| members.contains_key(field.name());
    if required.iter().all(is_there) { Ok(()) } else { Err(Violation::MissingField) }
}

fn holds_secret(name: &str, value: &Value) -> bool {
    names_secret(name)
        || match value {
            Value::Object(members) => members.iter().any(|(name, value)| holds_secret(name, value)),
            Value::Array(values) => values.iter().any(|value| holds_secret("", value)),
            _ => false,
        }
}

fn claim(headers: &HeaderMap, operation: &Operation, given: &Given) -> Result<Claim, Violation> {
    let carries = |name| headers.contains_key(name);
    let signs_in = !matches!(operation, Operation::InSession(_));
    // A sign-in has nothing of an older session about it.
    if signs_in && (carries(SESSION) || KEYS.into_iter().any(carries)) {
        return Err(Violation::UnexpectedField);
    }
    match operation {
        Operation::Login => {
            let has = |name| given.body.contains_key(name);
            match (has("password"), has("consoleApiToken")) {
                (true, true) => return Err(Violation::UnexpectedField),
                (false, false) => return Err(Violation::MissingField),
                _ => {}
            }
            if has("rememberMeId") != has("device") {
                return Err(Violation::MissingField);
            }
            let key = Key::Dev(given.text("devKey").to_owned());
            Ok(Claim::sign_in(key, Some(given.text("organizationId"))))
        }
        Operation::PartnerLogin => {
            Ok(Claim::sign_in(Key::App(given.text("appKey").to_owned()), None))
        }
        Operation::InSession(_) => {
            let session = header(headers, SESSION)?;
            let [dev, app] = KEYS.map(carries);
            let key = match (dev, app) {
                (true, true) => return Err(Violation::UnexpectedField),
                (false, true) => Key::App(header(headers, KEYS[1])?.to_owned()),
                _ => Key::Dev(header(headers, KEYS[0])?.to_owned()),
            };
            Ok(Claim::call(key, session))
        }
    }
}

/// The value of a header that is there once.
fn header<'a>(headers: &'a HeaderMap, name: &str) -> Result<&'a str, Violation> {
    let mut values = headers.get_all(name).iter();
    let only = values.next().ok_or(Violation::MissingField)?;
    if values.next().is_some() {
        return Err(Violation::RepeatedField);
    }
    match only.to_str() {
        Ok("") => Err(Violation::EmptyField),
        Ok(value) => Ok(value),
        // No key and no session has such characters.
        Err(_) => Ok("(not ASCII)"),
    }
}

/// A JSON object, and whether it gives a name twice.
struct Object {
    members: Map<String, Value>,
    repeats: bool,
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Object;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Object, A::Error> {
                let mut object = Object { members: Map::new(), repeats: false };
                while let Some((name, value)) = access.next_entry::<String, Value>()? {
                    object.repeats |= object.members.insert(name, value).is_some();
                }
                Ok(object)
            }
        }

        deserializer.deserialize_map(Members)
    }
}
