//! `/_sandbox/`: control of the sandbox over HTTP.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::{CONTENT_TYPE, ORIGIN};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::delivery::can_be_sent;
use crate::fault::Fault;
use crate::state::Shared;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    seconds: f64,
}

pub(crate) async fn advance(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if let Some(refusal) = refuse(&headers, true) {
        return refusal;
    }
    let asked: Result<Advance, _> = serde_json::from_slice(&body);
    let by = asked.map(|advance| Duration::try_from_secs_f64(advance.seconds));
    let Ok(Ok(by)) = by else {
        return problem(StatusCode::BAD_REQUEST, "the body is {\"seconds\": a positive number}");
    };
    let now = shared.with(|state| {
        state.clock.advance(by);
        state.clock.now()
    });
    answer(StatusCode::OK, &json!({"now": now.as_secs_f64()}))
}

pub(crate) async fn fault(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if let Some(refusal) = refuse(&headers, true) {
        return refusal;
    }
    match serde_json::from_slice::<Fault>(&body) {
        Ok(fault) if can_be_sent(&fault) => {
            shared.with(|state| state.faults.add(fault));
            answer(StatusCode::OK, &json!({}))
        }
        Ok(_) => problem(StatusCode::BAD_REQUEST, "a status or a header cannot be sent"),
        Err(error) => problem(StatusCode::BAD_REQUEST, &error.to_string()),
    }
}

pub(crate) async fn stats(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    if let Some(refusal) = refuse(&headers, false) {
        return refusal;
    }
    answer(StatusCode::OK, &shared.with(|state| state.stats()))
}

// A web page that is open in a browser on this machine must not steer the sandbox: a browser
// sends an origin with such a request, and cannot send JSON elsewhere without asking first.
fn refuse(headers: &HeaderMap, has_body: bool) -> Option<Response> {
    if headers.contains_key(ORIGIN) {
        return Some(problem(StatusCode::FORBIDDEN, "not for browsers"));
    }
    let json = headers
        .get(CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(b"application/json"));
    let message = "the content type is application/json";
    (has_body && !json).then(|| problem(StatusCode::UNSUPPORTED_MEDIA_TYPE, message))
}

fn problem(status: StatusCode, message: &str) -> Response {
    answer(status, &json!({"error": message}))
}

fn answer(status: StatusCode, value: &impl Serialize) -> Response {
    // Every value given here has string keys and plain numbers, so this cannot fail.
    let body = serde_json::to_vec(value).unwrap_or_default();
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let json = axum::http::HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}
