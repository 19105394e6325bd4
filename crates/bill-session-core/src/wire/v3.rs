//! BILL's v3 API: JSON both ways, the session in two headers, and errors as an array.
//!
//! The HTTP status tells success from failure. An error is an array of entries; what BILL really
//! sends also has several entries, entries without a code, or a single object, so all of these are
//! read. A gateway's object without a code is not BILL's word.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderName};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method, Request, Response};
use percent_encoding::percent_decode_str;
use serde::de::value::UnitDeserializer;
use serde::de::{DeserializeOwned, IgnoredAny, IntoDeserializer};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use zeroize::Zeroizing;

use crate::code::Code;
use crate::credentials::{ApiKey, AppKey, DevKey, Principal, RememberedDevice, Secret, SessionId};
use crate::error::{ApiError, ErrorEntry, Misuse};
use crate::held::Held;
use crate::wire::{Base, Parsed, foreign, secret_body};

const LOGIN: &str = "/connect/v3/login";
const PARTNER_LOGIN: &str = "/connect/v3/partner/login";
const LOGOUT: &str = "/connect/v3/logout";
const SESSION: &str = "/connect/v3/login/session";
const CHALLENGE: &str = "/connect/v3/mfa/challenge";
const VALIDATE: &str = "/connect/v3/mfa/challenge/validate";
const STEP_UP: &str = "/connect/v3/mfa/step-up";

/// Where a custom origin's and BILL's own v3 paths begin.
pub(crate) const ROOT: &str = "/connect";

/// Paths that change the session, and so have methods of their own.
const RESERVED: [&str; 6] = [LOGIN, PARTNER_LOGIN, LOGOUT, CHALLENGE, VALIDATE, STEP_UP];

/// BILL's names for secrets: none of them is ever a query's key.
const SECRET_NAMES: [&str; 11] = [
    "userName",
    "username",
    "password",
    "devKey",
    "sessionId",
    "appKey",
    "consoleApiToken",
    "apiToken",
    "token",
    "mfaId",
    "rememberMeId",
];

const SESSION_ID: HeaderName = HeaderName::from_static("sessionid");
const DEV_KEY: HeaderName = HeaderName::from_static("devkey");
const APP_KEY: HeaderName = HeaderName::from_static("appkey");
pub(crate) const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// A method and a checked path, with its query: all of a call but its body.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) method: Method,
    path: PathAndQuery,
}

impl Target {
    /// Checks what a caller gave.
    pub(crate) fn new(
        method: &Method,
        path: &str,
        query: &[(String, String)],
        held: &Held,
    ) -> Result<Self, Misuse> {
        let known = [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE]
            .contains(method);
        if !known {
            return Err(Misuse::Method);
        }
        let path = checked_path(path, held)?;
        let mut full = String::with_capacity(ROOT.len() + path.len());
        full.push_str(ROOT);
        full.push_str(path);
        let reserved = |other: &&str| full.eq_ignore_ascii_case(other);
        if method == Method::POST && RESERVED.iter().any(reserved) {
            return Err(Misuse::PathReserved);
        }
        for (key, value) in query {
            checked_pair(key, value, held)?;
        }
        if !query.is_empty() {
            full.push('?');
            let start = full.len();
            let mut encoder = form_urlencoded::Serializer::for_suffix(full, start);
            full = encoder.extend_pairs(query).finish();
        }
        let path = PathAndQuery::from_maybe_shared(Bytes::from(full));
        Ok(Self { method: method.clone(), path: path.map_err(|_| Misuse::PathCharacter)? })
    }

    /// Method and path, as in `GET /v3/vendors`.
    ///
    /// Ids are not secrets, but a query can hold anything: errors name the path alone.
    pub(crate) fn name(&self) -> Arc<str> {
        let path = self.path.path();
        format!("{} {}", self.method, path.strip_prefix(ROOT).unwrap_or(path)).into()
    }
}

/// A path of v3's that holds nothing else, and no secret.
pub(crate) fn checked_path<'a>(path: &'a str, held: &Held) -> Result<&'a str, Misuse> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.~:/".contains(&byte);
    let is_plain = path.bytes().all(plain);
    // There is nothing in a plain path that could be decoded.
    let decoded = match is_plain {
        true => Cow::Borrowed(path),
        false => percent_decode_str(path).decode_utf8_lossy(),
    };
    if held.found_in(path) || (!is_plain && held.found_in(&decoded)) {
        return Err(Misuse::PathSecret);
    }
    if decoded.contains('?') {
        return Err(Misuse::V3PathQuery);
    }
    if decoded.contains('#') {
        return Err(Misuse::PathFragment);
    }
    let Some(rest) = path.strip_prefix("/v3/") else {
        return Err(Misuse::V3Path);
    };
    if decoded.split('/').any(|part| part == ".." || part == ".")
        || rest.split('/').any(str::is_empty)
    {
        return Err(Misuse::PathClimbs);
    }
    if is_plain { Ok(path) } else { Err(Misuse::PathCharacter) }
}

/// A pair of a query that neither has a secret's name nor holds one, however often it is encoded.
fn checked_pair(key: &str, value: &str, held: &Held) -> Result<(), Misuse> {
    let shows_secret = |text: &Cow<'_, str>| held.found_in(text);
    // `a&password` would become a key of its own.
    let is_secrets_name = |text: &Cow<'_, str>| {
        let mut parts = text.split(['&', ';', '=', '?', '#']).map(str::trim);
        parts.any(|part| SECRET_NAMES.iter().any(|name| part.eq_ignore_ascii_case(name)))
    };
    let (keys, values) = (decodings(key), decodings(value));
    let key_shows_secret = keys.iter().any(shows_secret);
    if !key_shows_secret && !keys.iter().any(is_secrets_name) && !values.iter().any(shows_secret) {
        return Ok(());
    }
    let key = if key_shows_secret { "[redacted]".to_owned() } else { held.printable(key) };
    Err(Misuse::QuerySecret { key: key.into() })
}

/// A text as it is, decoded once, and decoded twice, as far as that makes a difference.
fn decodings(text: &str) -> Vec<Cow<'_, str>> {
    let decoded = |text: &str| {
        let differs = text.contains(['%', '+']);
        differs
            .then(|| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned())
    };
    let once = decoded(text);
    let twice = once.as_deref().and_then(decoded);
    let decoded = once.into_iter().chain(twice).map(Cow::Owned);
    [Cow::Borrowed(text)].into_iter().chain(decoded).collect()
}

/// The header that a client's key travels in, built once.
#[derive(Clone, Debug)]
pub(crate) struct KeyHeader {
    name: HeaderName,
    value: HeaderValue,
}

impl KeyHeader {
    /// Nothing when the key is none that a header can hold.
    pub(crate) fn new(key: &ApiKey) -> Option<Self> {
        let name = if key.is_app() { APP_KEY } else { DEV_KEY };
        Some(Self { name, value: sensitive(key.secret())? })
    }
}

/// The two headers of every later call, both built long before it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SessionHeaders<'a> {
    pub(crate) session_id: &'a HeaderValue,
    pub(crate) key: Option<&'a KeyHeader>,
}

impl SessionHeaders<'_> {
    pub(crate) fn put(self, headers: &mut HeaderMap) {
        headers.insert(SESSION_ID, self.session_id.clone());
        if let Some(KeyHeader { name, value }) = self.key {
            headers.insert(name.clone(), value.clone());
        }
    }
}

/// The header that a session travels in, built once for each.
pub(crate) fn session_header(session_id: &SessionId) -> Option<HeaderValue> {
    sensitive(&session_id.0)
}

/// A header's value that is not shown, not indexed, and wiped with its last user.
fn sensitive(secret: &Secret) -> Option<HeaderValue> {
    let mut value =
        HeaderValue::from_maybe_shared(secret_body(secret.expose().to_owned().into_bytes().into()))
            .ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// A sign-in to an organisation.
pub(crate) fn sign_in(
    base: &Base,
    principal: &Principal,
    org_id: &str,
    DevKey(dev_key): &DevKey,
    device: Option<&RememberedDevice>,
) -> Request<Bytes> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Login<'a> {
        username: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        password: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        console_api_token: Option<&'a str>,
        organization_id: &'a str,
        dev_key: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        remember_me_id: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        device: Option<&'a str>,
    }

    let proof = principal.proof.expose();
    let login = Login {
        username: principal.name.expose(),
        password: (!principal.is_console()).then_some(proof),
        console_api_token: principal.is_console().then_some(proof),
        organization_id: org_id,
        dev_key: dev_key.expose(),
        remember_me_id: device.map(|device| device.id.expose()),
        device: device.map(RememberedDevice::device),
    };
    let longest = principal.name.expose().len()
        + proof.len()
        + org_id.len()
        + dev_key.expose().len()
        + device.map_or(0, |device| device.id.expose().len() + device.device.len());
    post(base, LOGIN, secret_json(&login, longest))
}

/// A partner's sign-in.
pub(crate) fn partner_sign_in(
    base: &Base,
    principal: &Principal,
    AppKey(app_key): &AppKey,
) -> Request<Bytes> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Login<'a> {
        username: &'a str,
        password: &'a str,
        app_key: &'a str,
    }

    let (username, password) = (principal.name.expose(), principal.proof.expose());
    let login = Login { username, password, app_key: app_key.expose() };
    let longest = username.len() + password.len() + app_key.expose().len();
    post(base, PARTNER_LOGIN, secret_json(&login, longest))
}

/// A later call.
pub(crate) fn call(
    base: &Base,
    target: &Target,
    headers: SessionHeaders<'_>,
    content_type: Option<HeaderValue>,
    body: Bytes,
) -> Request<Bytes> {
    let mut request = Request::new(body);
    *request.method_mut() = target.method.clone();
    *request.uri_mut() = base.uri(&target.path);
    request.headers_mut().insert(ACCEPT, JSON);
    if let Some(content_type) = content_type {
        request.headers_mut().insert(CONTENT_TYPE, content_type);
    }
    headers.put(request.headers_mut());
    request
}

/// A look at a session, which restarts its idle timer like any other call.
pub(crate) fn session_info(base: &Base, headers: SessionHeaders<'_>) -> Request<Bytes> {
    let mut request = signed(base, SESSION, headers, Bytes::new());
    *request.method_mut() = Method::GET;
    request.headers_mut().remove(CONTENT_TYPE);
    request
}

/// The end of a session.
pub(crate) fn logout(base: &Base, headers: SessionHeaders<'_>) -> Request<Bytes> {
    let mut request = signed(base, LOGOUT, headers, Bytes::new());
    request.headers_mut().remove(CONTENT_TYPE);
    request
}

/// Asks for an MFA code to be sent to the user.
pub(crate) fn challenge(base: &Base, headers: SessionHeaders<'_>, backup: bool) -> Request<Bytes> {
    // BILL documents the words `true` and `false` here, as strings.
    let body = if backup { r#"{"useBackup":"true"}"# } else { r#"{"useBackup":"false"}"# };
    signed(base, CHALLENGE, headers, Bytes::from_static(body.as_bytes()))
}

/// Answers an MFA challenge.
pub(crate) fn validate(
    base: &Base,
    headers: SessionHeaders<'_>,
    (challenge_id, code): (&str, &Secret),
    (device, machine_name): (&str, &str),
    remember: bool,
) -> Request<Bytes> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Validate<'a> {
        challenge_id: &'a str,
        token: &'a str,
        device: &'a str,
        machine_name: &'a str,
        remember_me: bool,
    }

    let token = code.expose();
    let longest = challenge_id.len() + token.len() + device.len() + machine_name.len();
    let body = Validate { challenge_id, token, device, machine_name, remember_me: remember };
    signed(base, VALIDATE, headers, secret_json(&body, longest))
}

/// Raises the session to a trusted one with a remembered device.
pub(crate) fn step_up(
    base: &Base,
    headers: SessionHeaders<'_>,
    device: &RememberedDevice,
) -> Request<Bytes> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct StepUp<'a> {
        remember_me_id: &'a str,
        device: &'a str,
    }

    let (remember_me_id, device) = (device.id.expose(), device.device());
    let longest = remember_me_id.len() + device.len();
    signed(base, STEP_UP, headers, secret_json(&StepUp { remember_me_id, device }, longest))
}

fn signed(
    base: &Base,
    path: &'static str,
    headers: SessionHeaders<'_>,
    body: Bytes,
) -> Request<Bytes> {
    let mut request = post(base, path, body);
    headers.put(request.headers_mut());
    request
}

fn post(base: &Base, path: &'static str, body: Bytes) -> Request<Bytes> {
    let mut request = Request::new(body);
    *request.method_mut() = Method::POST;
    *request.uri_mut() = base.uri(&PathAndQuery::from_static(path));
    request.headers_mut().insert(ACCEPT, JSON);
    request.headers_mut().insert(CONTENT_TYPE, JSON);
    request
}

/// JSON that holds secrets, in one buffer that never grows and is wiped at the end; `longest` is the
/// length of all its values.
fn secret_json<T: Serialize>(value: &T, longest: usize) -> Bytes {
    // An escaped byte is six long; the names and quotes of the longest document fit the rest.
    let mut body = Zeroizing::new(Vec::with_capacity(6 * longest + 256));
    if serde_json::to_writer(&mut *body, value).is_err() {
        // Strings have no way to fail; were there one, BILL would refuse an empty body.
        body.clear();
    }
    secret_body(body)
}

/// What a sign-in brings.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LoginData {
    pub(crate) session_id: String,
    pub(crate) organization_id: Option<String>,
    pub(crate) trusted: Option<bool>,
    pub(crate) user_id: Option<String>,
}

/// Reads an answer to `call` into `T`; an answer without a body is one without data.
pub(crate) fn read<T: DeserializeOwned>(
    answer: &Response<Bytes>,
    call: &dyn Fn() -> Arc<str>,
    held: &Held,
) -> Parsed<T> {
    let status = answer.status();
    if !status.is_success() {
        return match error(answer, call, held) {
            Some(error) if !status.is_redirection() => Parsed::Error(Box::new(error)),
            _ => Parsed::Foreign(Box::new(foreign(answer, held))),
        };
    }
    if answer.body().is_empty() {
        let unit: UnitDeserializer<serde::de::value::Error> = ().into_deserializer();
        return match T::deserialize(unit) {
            Ok(nothing) => Parsed::Success(nothing),
            Err(error) => Parsed::mismatch(error.to_string()),
        };
    }
    match serde_json::from_slice::<T>(answer.body()) {
        Ok(data) => Parsed::Success(data),
        // Only a second look tells a torn document from one of another type.
        Err(error) => match serde_json::from_slice::<IgnoredAny>(answer.body()) {
            Ok(_) => Parsed::mismatch(held.printable(&error.to_string())),
            Err(_) => Parsed::Foreign(Box::new(foreign(answer, held))),
        },
    }
}

/// The most entries of an error that are kept: more are of no help to anybody.
const MOST_ENTRIES: usize = 16;

/// BILL's error, if that is what the answer holds.
fn error(answer: &Response<Bytes>, call: &dyn Fn() -> Arc<str>, held: &Held) -> Option<ApiError> {
    let document = serde_json::from_slice::<Value>(answer.body()).ok()?;
    let entries = match &document {
        Value::Array(entries) => entries.as_slice(),
        // A gateway's object has a message, and no code of BILL's.
        object if text(object, "code").is_some() => std::slice::from_ref(object),
        _ => return None,
    };
    let told = |entry| (text(entry, "code"), text(entry, "message"));
    let entries = entries.iter().map(told).filter(|told| *told != (None, None));
    let mut entries: Vec<(Option<&str>, Option<&str>)> = entries.collect();
    // The entry that matters most to the session speaks for all.
    entries.sort_by_cached_key(|(code, _)| match code.and_then(Code::new) {
        Some(code) if code.concerns_the_session() => 0,
        Some(_) => 1,
        None => 2,
    });
    let (first, _) = *entries.first()?;
    let unanimous = entries.iter().all(|(code, _)| code.is_none() || *code == first);
    entries.truncate(MOST_ENTRIES);
    let kept = |(code, message): (Option<&str>, Option<&str>)| ErrorEntry {
        code: code.and_then(|code| held.code(code)),
        message: held.printable(message.unwrap_or_default()).into(),
    };
    let entries = entries.into_iter().map(kept).collect();
    Some(ApiError::of_v3(call(), answer.status(), entries, unanimous))
}

fn text<'a>(entry: &'a Value, key: &str) -> Option<&'a str> {
    entry.get(key)?.as_str()
}
