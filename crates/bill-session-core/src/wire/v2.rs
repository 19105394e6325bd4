//! BILL's v2 API: form bodies out, one JSON envelope in.
//!
//! v2 answers HTTP 200 even for errors, so the envelope's `response_status` decides, whatever the
//! HTTP status is. The envelope is peeled and its payload parsed into the caller's type in one pass.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::uri::PathAndQuery;
use http::{HeaderValue, Method, Request, Response};
use percent_encoding::percent_decode_str;
use serde::de::{DeserializeOwned, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use crate::credentials::{DevKey, Principal, RememberedDevice, Secret, SessionId};
use crate::error::{ApiError, Misuse};
use crate::held::Held;
use crate::wire::form::{self, form};
use crate::wire::{Base, Parsed, foreign, secret_body};

const LOGIN: &str = "/api/v2/Login.json";
const LOGOUT: &str = "/api/v2/Logout.json";
const GET_SESSION_INFO: &str = "/api/v2/GetSessionInfo.json";

const LIST_ORGS: &str = "/api/v2/ListOrgs.json";
const MFA_CHALLENGE: &str = "/api/v2/MFAChallenge.json";
const MFA_AUTHENTICATE: &str = "/api/v2/MFAAuthenticate.json";
const UPLOAD_ATTACHMENT: &str = "/api/v2/UploadAttachment.json";

/// Operations that have methods of their own: they change the session, or need more than one.
const RESERVED: [&str; 6] =
    ["Login", "Logout", "ListOrgs", "MFAChallenge", "MFAAuthenticate", "UploadAttachment"];

/// One of v2's operations, checked: its path.
#[derive(Clone, Debug)]
pub(crate) struct Operation(PathAndQuery);

/// What stands around an operation's name in its path.
const ROOT: &str = "/api/v2/";
const SUFFIX: &str = ".json";

impl Operation {
    /// Checks a path that a caller gave.
    pub(crate) fn new(path: &str, held: &Held) -> Result<Self, Misuse> {
        let name = checked_path(path.strip_prefix('/').unwrap_or(path), held)?;
        if RESERVED.contains(&name) {
            return Err(Misuse::PathReserved);
        }
        let path = Bytes::from([ROOT, name, SUFFIX].concat());
        PathAndQuery::from_maybe_shared(path).map(Self).map_err(|_| Misuse::PathCharacter)
    }

    /// Its name, as in `List/Vendor`.
    pub(crate) fn name(&self) -> &str {
        let name = self.0.path().strip_prefix(ROOT).and_then(|path| path.strip_suffix(SUFFIX));
        name.unwrap_or_default()
    }

    /// Whether it only reads, so that doing it twice does no more than doing it once.
    pub(crate) fn only_reads(&self) -> bool {
        let reading = ["GetSessionInfo", "MFAStatus", "CurrentTime", "Errors"];
        let name = self.name();
        reading.contains(&name) || name.starts_with("List/") || name.starts_with("Crud/Read/")
    }
}

/// The name of the operation in a path that holds nothing else, and no secret.
pub(crate) fn checked_path<'a>(path: &'a str, held: &Held) -> Result<&'a str, Misuse> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'/');
    let name = path.strip_suffix(SUFFIX).unwrap_or(path);
    if held.found_in(path) {
        return Err(Misuse::PathSecret);
    }
    if name.bytes().all(plain) {
        // There is nothing in it that could be decoded.
        return if name.split('/').any(str::is_empty) { Err(Misuse::PathClimbs) } else { Ok(name) };
    }
    let decoded = percent_decode_str(path).decode_utf8_lossy();
    if held.found_in(&decoded) {
        return Err(Misuse::PathSecret);
    }
    if decoded.contains('?') {
        return Err(Misuse::PathQuery);
    }
    if decoded.contains('#') {
        return Err(Misuse::PathFragment);
    }
    if decoded.split('/').any(|part| part == ".." || part == ".")
        || name.split('/').any(str::is_empty)
    {
        return Err(Misuse::PathClimbs);
    }
    Err(Misuse::PathCharacter)
}

/// The sign-in.
pub(crate) fn sign_in(
    base: &Base,
    principal: &Principal,
    org_id: &str,
    dev_key: &DevKey,
    device: Option<&RememberedDevice>,
) -> Request<Bytes> {
    let mut fields = vec![
        ("userName", principal.name.expose()),
        ("password", principal.proof.expose()),
        ("orgId", org_id),
        ("devKey", dev_key.0.expose()),
    ];
    if let Some(device) = device {
        fields.push(("deviceId", device.device()));
        fields.push(("mfaId", device.id.expose()));
    }
    post(base, &PathAndQuery::from_static(LOGIN), form(&fields, b""))
}

/// The organisations that a user belongs to, asked for without a session.
pub(crate) fn list_orgs(base: &Base, principal: &Principal, dev_key: &DevKey) -> Request<Bytes> {
    let fields = [
        ("userName", principal.name.expose()),
        ("password", principal.proof.expose()),
        ("devKey", dev_key.0.expose()),
    ];
    post(base, &PathAndQuery::from_static(LIST_ORGS), form(&fields, b""))
}

/// Asks for an MFA code to be sent to the user.
pub(crate) fn challenge(
    base: &Base,
    dev_key: &DevKey,
    session_id: &SessionId,
    backup: bool,
) -> Request<Bytes> {
    let json = if backup { r#"{"useBackup":true}"# } else { r#"{"useBackup":false}"# };
    let [key, session] = session_fields(dev_key, session_id);
    let body = form(&[key, session, ("data", json)], b"");
    post(base, &PathAndQuery::from_static(MFA_CHALLENGE), body)
}

/// Answers an MFA challenge.
pub(crate) fn authenticate(
    base: &Base,
    dev_key: &DevKey,
    session_id: &SessionId,
    (challenge_id, code): (&str, &Secret),
    (device, machine_name): (&str, &str),
    remember: bool,
) -> Request<Bytes> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Authenticate<'a> {
        challenge_id: &'a str,
        token: &'a str,
        device_id: &'a str,
        machine_name: &'a str,
        remember_me: bool,
    }

    let (token, device_id) = (code.expose(), device);
    let data = Authenticate { challenge_id, token, device_id, machine_name, remember_me: remember };
    let longest = challenge_id.len() + token.len() + device.len() + machine_name.len();
    let mut json = Zeroizing::new(Vec::with_capacity(6 * longest + 256));
    if serde_json::to_writer(&mut *json, &data).is_err() {
        json.clear();
    }
    let json = std::str::from_utf8(&json).unwrap_or_default();
    let [key, session] = session_fields(dev_key, session_id);
    let body = form(&[key, session, ("data", json)], b"");
    post(base, &PathAndQuery::from_static(MFA_AUTHENTICATE), body)
}

/// What surrounds the file in an upload's multipart body.
pub(crate) struct Multipart {
    pub(crate) boundary: String,
    pub(crate) file_name: String,
    /// The `data` part: one JSON document.
    pub(crate) data: String,
}

impl Multipart {
    /// The request, whose body is what stands before the file.
    pub(crate) fn request(
        &self,
        base: &Base,
        dev_key: &DevKey,
        session_id: &SessionId,
    ) -> Request<Bytes> {
        let Self { boundary, file_name, data } = self;
        // As browsers do it; the exact name is in `data`.
        let name = file_name.replace('"', "%22");
        let parts = [
            ("devKey", dev_key.0.expose()),
            ("sessionId", session_id.expose_secret()),
            ("data", data.as_str()),
        ];
        let longest: usize = parts.iter().map(|(name, value)| name.len() + value.len() + 128).sum();
        let mut before = String::with_capacity(longest + name.len() + 256);
        for (name, value) in parts {
            for text in
                ["--", boundary, "\r\ncontent-disposition: form-data; name=\"", name, "\"\r\n\r\n"]
            {
                before.push_str(text);
            }
            before.push_str(value);
            before.push_str("\r\n");
        }
        for text in [
            "--",
            boundary,
            "\r\ncontent-disposition: form-data; name=\"file\"; filename=\"",
            &name,
            "\"\r\ncontent-type: application/octet-stream\r\n\r\n",
        ] {
            before.push_str(text);
        }
        let mut request =
            post(base, &PathAndQuery::from_static(UPLOAD_ATTACHMENT), before.into_bytes());
        let content_type = format!("multipart/form-data; boundary={boundary}");
        if let Ok(content_type) = HeaderValue::try_from(content_type) {
            request.headers_mut().insert(CONTENT_TYPE, content_type);
        }
        request
    }

    /// What stands behind the file.
    pub(crate) fn after(&self) -> Bytes {
        format!("\r\n--{}--\r\n", self.boundary).into()
    }
}

/// A later call, whose body is a [`signed_body`].
pub(crate) fn call(base: &Base, operation: &Operation, body: Bytes) -> Request<Bytes> {
    post_bytes(base, &operation.0, body)
}

/// The end of a session.
pub(crate) fn logout(base: &Base, dev_key: &DevKey, session_id: &SessionId) -> Request<Bytes> {
    bare(base, LOGOUT, dev_key, session_id)
}

/// A look at a session, which restarts its idle timer like any other call.
pub(crate) fn session_info(
    base: &Base,
    dev_key: &DevKey,
    session_id: &SessionId,
) -> Request<Bytes> {
    bare(base, GET_SESSION_INFO, dev_key, session_id)
}

fn bare(
    base: &Base,
    path: &'static str,
    dev_key: &DevKey,
    session_id: &SessionId,
) -> Request<Bytes> {
    let body = form(&session_fields(dev_key, session_id), b"");
    post(base, &PathAndQuery::from_static(path), body)
}

/// A form body that begins with the session's fields and goes on with `rest`, encoded already.
pub(crate) fn signed_body(dev_key: &DevKey, session_id: &SessionId, rest: &[u8]) -> Bytes {
    secret_body(form(&session_fields(dev_key, session_id), rest).into())
}

fn session_fields<'a>(
    dev_key: &'a DevKey,
    session_id: &'a SessionId,
) -> [(&'static str, &'a str); 2] {
    [("devKey", dev_key.0.expose()), ("sessionId", session_id.expose_secret())]
}

/// The `data` field of a call: one JSON document as a string, encoded; nothing for data that is
/// `null`.
pub(crate) fn encode_data<D: Serialize + ?Sized>(data: &D) -> Result<Vec<u8>, Misuse> {
    form::data(data).map_err(|_| Misuse::Data)
}

pub(crate) const FORM: HeaderValue = HeaderValue::from_static("application/x-www-form-urlencoded");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

fn post(base: &Base, path: &PathAndQuery, body: Vec<u8>) -> Request<Bytes> {
    post_bytes(base, path, secret_body(body.into()))
}

fn post_bytes(base: &Base, path: &PathAndQuery, body: Bytes) -> Request<Bytes> {
    let mut request = Request::new(body);
    *request.method_mut() = Method::POST;
    *request.uri_mut() = base.uri(path);
    request.headers_mut().insert(ACCEPT, JSON);
    request.headers_mut().insert(CONTENT_TYPE, FORM);
    request
}

/// What a sign-in brings.
#[derive(Deserialize)]
pub(crate) struct LoginData {
    #[serde(rename = "sessionId")]
    pub(crate) session_id: String,
    #[serde(rename = "orgId")]
    pub(crate) org_id: Option<String>,
    #[serde(rename = "apiEndPoint")]
    pub(crate) api_end_point: Option<String>,
    #[serde(rename = "usersId")]
    pub(crate) users_id: Option<String>,
}

/// Reads an answer to `call` into `T`, in one pass over its body.
pub(crate) fn read<T: DeserializeOwned>(
    answer: &Response<Bytes>,
    call: &dyn Fn() -> Arc<str>,
    held: &Held,
) -> Parsed<T> {
    if answer.status().is_redirection() {
        return Parsed::Foreign(Box::new(foreign(answer, held)));
    }
    match serde_json::from_slice::<Envelope<T>>(answer.body()) {
        Ok(Envelope::Success(data)) => Parsed::Success(data),
        Ok(Envelope::Error { code, message }) => {
            let message = held.printable(&message);
            let code = code.as_deref().and_then(|code| held.code(code));
            Parsed::Error(Box::new(ApiError::new(call(), answer.status(), code, message)))
        }
        // Either the payload is of another type than the caller's, or the document is not BILL's.
        // Only a second look tells, and only this rare case pays for it.
        Err(error) => match serde_json::from_slice::<Envelope<IgnoredAny>>(answer.body()) {
            Ok(_) => Parsed::mismatch(held.printable(&error.to_string())),
            Err(_) => Parsed::Foreign(Box::new(foreign(answer, held))),
        },
    }
}

enum Envelope<T> {
    Success(T),
    Error { code: Option<String>, message: String },
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ErrorData {
    error_code: Option<String>,
    error_message: Option<String>,
}

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
enum Key {
    ResponseStatus,
    ResponseMessage,
    ResponseData,
    #[serde(other)]
    Other,
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Envelope<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EnvelopeVisitor(PhantomData))
    }
}

struct EnvelopeVisitor<T>(PhantomData<T>);

impl<'de, T: DeserializeOwned> Visitor<'de> for EnvelopeVisitor<T> {
    type Value = Envelope<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BILL's envelope")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Envelope<T>, A::Error> {
        use serde::de::Error;

        let mut status: Option<i64> = None;
        let mut typed: Option<T> = None;
        let mut raw: Option<&'de RawValue> = None;
        while let Some(key) = map.next_key::<Key>()? {
            match key {
                Key::ResponseStatus if status.is_some() => {
                    return Err(A::Error::duplicate_field("response_status"));
                }
                Key::ResponseStatus => status = Some(map.next_value()?),
                Key::ResponseData if typed.is_some() || raw.is_some() => {
                    return Err(A::Error::duplicate_field("response_data"));
                }
                // BILL's usual order: the status first, so that the data is parsed as what it is.
                Key::ResponseData if status == Some(0) => typed = Some(map.next_value()?),
                Key::ResponseData => raw = Some(map.next_value()?),
                Key::ResponseMessage | Key::Other => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        let status = status.ok_or_else(|| A::Error::missing_field("response_status"))?;
        if status == 0 {
            return match typed {
                Some(data) => Ok(Envelope::Success(data)),
                None => serde_json::from_str(raw.map_or("null", RawValue::get))
                    .map(Envelope::Success)
                    .map_err(A::Error::custom),
            };
        }
        let error: ErrorData =
            raw.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default();
        Ok(Envelope::Error {
            code: error.error_code,
            message: error.error_message.unwrap_or_default(),
        })
    }
}
