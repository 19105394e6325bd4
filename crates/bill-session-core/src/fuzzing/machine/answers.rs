//! What the server says, or something in its place.

use std::io::{Error as IoError, ErrorKind};

use bytes::Bytes;
use http::header::{DATE, LOCATION, RETRY_AFTER};
use http::{HeaderValue, Request, Response, StatusCode};
use serde_json::{Value, json};

use crate::transport::TransportError;

/// An answer, or the lack of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    Healthy,
    Code(u32),
    /// BILL's word on a part, and another on the rest.
    Mixed(u32),
    ServerInTrouble,
    Html,
    Torn,
    Redirect,
    OtherForm,
    WrongOrganization,
    Elsewhere,
    Timeout,
    NoConnection,
    TooLong,
}

impl Reply {
    pub(crate) const ALL: [Self; 24] = [
        Self::Healthy,
        Self::Code(1109),
        Self::Code(1322),
        Self::Code(1144),
        Self::Code(1361),
        Self::Code(1101),
        Self::Code(1102),
        Self::Code(1105),
        Self::Code(1107),
        Self::Code(1356),
        Self::Code(1999),
        Self::Mixed(1109),
        Self::Mixed(1322),
        Self::ServerInTrouble,
        Self::Html,
        Self::Torn,
        Self::Redirect,
        Self::OtherForm,
        Self::WrongOrganization,
        Self::Elsewhere,
        Self::Timeout,
        Self::NoConnection,
        Self::TooLong,
        Self::Healthy,
    ];

    /// To a call or to a sign-in, whose answer brings the session `id`; `device` is what BILL
    /// remembers one by.
    pub(crate) fn answer(
        self,
        request: &Request<Bytes>,
        id: &str,
        device: &str,
    ) -> Result<Response<Bytes>, TransportError> {
        let is_v3 = request.uri().path().starts_with("/connect/");
        // Each message repeats all the secrets that were sent.
        let header = request.headers().get("sessionid").map(HeaderValue::as_bytes);
        let [header, sent] =
            [header.unwrap_or_default(), request.body()].map(String::from_utf8_lossy);
        let message = format!("no: {header} {sent}");
        let error = |code: u32| json!({"code": format!("BDC_{code}"), "message": &*message});
        let (status, body) = match self {
            Self::Healthy => (200, healthy(is_v3, id, device, None, None)),
            Self::WrongOrganization => (200, healthy(is_v3, id, device, Some("another"), None)),
            Self::Elsewhere => {
                (200, healthy(is_v3, id, device, None, Some("https://evil.example/api/v2")))
            }
            Self::Code(code) if is_v3 => (400, json!([error(code)])),
            Self::Mixed(code) if is_v3 => (400, json!([error(1999), error(code)])),
            Self::Code(code) => (200, v2_error(code, &message)),
            Self::Mixed(code) => (503, v2_error(code, &message)),
            Self::ServerInTrouble if is_v3 => (503, json!([error(1999)])),
            Self::ServerInTrouble => (503, v2_error(1999, &message)),
            Self::OtherForm => (200, json!({"response_status": 0, "response_data": [id]})),
            Self::Html => return Ok(page(200, format!("<html>{message}</html>").into())),
            Self::Torn => return Ok(page(200, format!("{{\"response_status\":0,\"{id}").into())),
            Self::Redirect => {
                let mut answer = page(302, Bytes::new());
                let location = HeaderValue::from_static("https://evil.example/");
                answer.headers_mut().insert(LOCATION, location);
                return Ok(answer);
            }
            Self::Timeout => return Err(TransportError::timeout(broken(ErrorKind::TimedOut))),
            Self::NoConnection => {
                return Err(TransportError::connect(broken(ErrorKind::ConnectionRefused)));
            }
            Self::TooLong => return Err(TransportError::too_large()),
        };
        let mut answer = page(status, body.to_string().into());
        let headers = answer.headers_mut();
        headers.insert(DATE, HeaderValue::from_static("Sun, 06 Nov 1994 08:49:37 GMT"));
        if matches!(self, Self::ServerInTrouble) {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("40"));
        }
        Ok(answer)
    }

    /// Whether BILL has said that nothing was done, of all that was asked for.
    pub(crate) fn refuses_all(self, code: u32) -> bool {
        self == Self::Code(code)
    }

    /// Whether nobody knows what was done.
    pub(crate) fn loses_the_outcome(self) -> bool {
        matches!(self, Self::ServerInTrouble | Self::Torn | Self::Timeout | Self::NoConnection)
    }
}

/// What every operation finds its own part in.
fn healthy(is_v3: bool, id: &str, device: &str, org: Option<&str>, api: Option<&str>) -> Value {
    let mut data = json!({
        "sessionId": id, "challengeId": "a-challenge", "mfaId": device, "rememberMeId": device,
        "trusted": true,
    });
    if let Some(org) = org {
        data["orgId"] = org.into();
        data["organizationId"] = org.into();
    }
    if let Some(api) = api {
        data["apiEndPoint"] = api.into();
    }
    if is_v3 { data } else { json!({"response_status": 0, "response_data": data}) }
}

fn v2_error(code: u32, message: &str) -> Value {
    let data = json!({"error_code": format!("BDC_{code}"), "error_message": message});
    json!({"response_status": 1, "response_data": data})
}

fn page(status: u16, body: Bytes) -> Response<Bytes> {
    let mut answer = Response::new(body);
    *answer.status_mut() = StatusCode::from_u16(status).unwrap_or_default();
    answer
}

fn broken(kind: ErrorKind) -> IoError {
    IoError::from(kind)
}
