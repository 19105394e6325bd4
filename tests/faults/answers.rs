//! What BILL answers, and how an answer looks on the wire.

use bill_sandbox::DEMO_ORG;
use serde_json::{Value, json};

/// What every session is called, so that it can be looked for.
pub(crate) const SESSION: &str = "00faults-canary-session-id";

/// The body of BILL's answer to a request for this path.
pub(crate) fn body_of(path: &str) -> String {
    let data = match path {
        "/api/v2/Login.json" => login(&Value::Null),
        "/api/v2/Logout.json" => json!({}),
        _ => json!({"organizationId": DEMO_ORG, "userId": "00canary-user"}),
    };
    success(&data)
}

/// The data of a sign-in's answer.
pub(crate) fn login(api_end_point: &Value) -> Value {
    json!({
        "sessionId": SESSION,
        "orgId": DEMO_ORG,
        "usersId": "00canary-user",
        "apiEndPoint": api_end_point,
    })
}

/// BILL's envelope around data.
pub(crate) fn success(data: &Value) -> String {
    json!({"response_status": 0, "response_message": "Success", "response_data": data}).to_string()
}

/// A whole answer with this body.
pub(crate) fn answer(body: impl AsRef<[u8]>) -> Vec<u8> {
    answer_with("200 OK", "content-type: application/json\r\n", body)
}

/// A whole answer that ends its connection.
pub(crate) fn last_answer(body: impl AsRef<[u8]>) -> Vec<u8> {
    answer_with("200 OK", "content-type: application/json\r\nconnection: close\r\n", body)
}

/// A whole answer; each header ends its own line.
pub(crate) fn answer_with(status: &str, headers: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let length = body.len();
    let mut bytes =
        format!("HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\n\r\n").into_bytes();
    bytes.extend_from_slice(body);
    bytes
}
