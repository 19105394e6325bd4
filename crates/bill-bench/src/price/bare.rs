//! What a program does by itself that calls BILL through an HTTP client alone.

use std::error::Error;

use form_urlencoded::Serializer;
use http::HeaderValue;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::vendors::{Envelope, Question, Vendor};

/// The content type of a body.
pub(super) const FORM: HeaderValue = HeaderValue::from_static("application/x-www-form-urlencoded");

/// The content type of an answer.
pub(super) const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Longer than any body here, so that none of them grows while it is written.
const LONGEST: usize = 512;

/// The path of the sign-in.
pub(super) const LOGIN: &str = "/api/v2/Login.json";

/// The path of the call.
pub(super) const LIST: &str = "/api/v2/List/Vendor.json";

const DEV_KEY: &str = "bench-dev-key";

/// The body of the sign-in.
pub(super) fn login() -> String {
    Serializer::new(String::with_capacity(LONGEST))
        .append_pair("userName", "bench@example.com")
        .append_pair("password", "bench-password")
        .append_pair("orgId", "00800000000000000001")
        .append_pair("devKey", DEV_KEY)
        .finish()
}

/// The session that a sign-in has brought.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Session {
    #[serde(rename = "sessionId")]
    id: String,
}

impl Session {
    /// The body of the call.
    pub(super) fn list(&self, question: &Question) -> Result<String, serde_json::Error> {
        let data = serde_json::to_string(question)?;
        let mut body = Serializer::new(String::with_capacity(LONGEST));
        body.append_pair("devKey", DEV_KEY);
        body.append_pair("sessionId", &self.id);
        body.append_pair("data", &data);
        Ok(body.finish())
    }
}

/// The session in the answer to the sign-in.
pub(super) fn signed_in(answer: &[u8]) -> Result<Session, Box<dyn Error + Send + Sync>> {
    data(answer)
}

/// How many vendors are in the answer to the call.
pub(super) fn listed(answer: &[u8]) -> Result<usize, Box<dyn Error + Send + Sync>> {
    Ok(data::<Vec<Vendor>>(answer)?.len())
}

fn data<T: DeserializeOwned>(answer: &[u8]) -> Result<T, Box<dyn Error + Send + Sync>> {
    let envelope: Envelope<T> = serde_json::from_slice(answer)?;
    if envelope.response_status != 0 {
        return Err("BILL said no".into());
    }
    Ok(envelope.response_data)
}
