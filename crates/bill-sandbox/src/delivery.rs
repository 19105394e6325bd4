//! How an answer leaves: whole, torn, slowly, or not to its end.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use axum::body::{Body, Bytes, HttpBody};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, LOCATION};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use http_body::Frame;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::answer::{Answer, Dialect, Generation, Outcome};
use crate::exchange::Exchange;
use crate::fault::Fault;
use crate::fault_kind::FaultKind;
use crate::wire::Wire;

const HTML: &str = "<!DOCTYPE html>\n<html><head><title>BILL</title></head>\
    <body><h1>We are updating our site</h1></body></html>\n";

// Enough to be the middle of an answer, and few enough to leave at once.
const LARGEST_PART: usize = 16 * 1024;

/// How the bytes of an answer leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    Whole,
    Slowly {
        bytes: usize,
        pause: Duration,
    },
    /// A part, then the connection ends.
    Part {
        reset: bool,
    },
    /// Not at all: the connection is reset.
    Reset,
    /// Not at all: nothing happens.
    Never,
}

impl Manner {
    pub(crate) fn of(fault: Option<&Fault>) -> Self {
        match fault.map(Fault::kind) {
            Some(FaultKind::NoAnswer) => Self::Never,
            Some(FaultKind::ResetBeforeAnswer) => Self::Reset,
            Some(FaultKind::ResetMidAnswer) => Self::Part { reset: true },
            Some(FaultKind::CloseMidAnswer) => Self::Part { reset: false },
            Some(FaultKind::SlowBytes { bytes, pause_ms }) => {
                let pause = Duration::from_millis(*pause_ms);
                Self::Slowly { bytes: (*bytes).max(1), pause }
            }
            _ => Self::Whole,
        }
    }
}

/// The answer that a fault leaves of the one that was worked out, or puts in its place.
pub(crate) fn altered(worked: Option<Answer>, fault: &Fault, dialect: Dialect) -> Option<Answer> {
    let mut answer = match fault.kind() {
        FaultKind::NoAnswer | FaultKind::ResetBeforeAnswer => return None,
        FaultKind::Html { status } => {
            Answer::foreign(*status, "text/html;charset=utf-8", HTML.into(), "html")
        }
        // What is 200 in v2 is the code's own status in v3.
        FaultKind::Envelope { status: 200, code } => dialect.refusal_with(
            if dialect.generation == Generation::V3 { dialect.status(code) } else { 200 },
            code,
        ),
        FaultKind::Envelope { status, code } => dialect.refusal_with(*status, code),
        FaultKind::Errors { status, errors } => dialect.array(*status, errors),
        FaultKind::Body { status, content_type, body } => {
            Answer::foreign(*status, content_type, body.clone().into(), "body")
        }
        FaultKind::Redirect { status, location } => {
            let mut answer = Answer::foreign(*status, "text/plain", Vec::new(), "redirect");
            answer.headers.push((LOCATION.to_string(), location.clone()));
            answer
        }
        FaultKind::TornJson => torn(worked?),
        FaultKind::ForeignApiEndPoint { url } => elsewhere(worked?, url),
        _ => worked?,
    };
    let headers = fault.headers().iter();
    answer.headers.extend(headers.map(|(name, value)| (name.clone(), value.clone())));
    Some(answer)
}

pub(crate) fn deliver(
    answer: Answer,
    manner: Manner,
    fault: Option<&Fault>,
    exchange: Exchange,
    wire: Wire,
) -> Response {
    let length = match manner {
        // Of an empty body, too, something must be missing.
        Manner::Part { .. } => answer.body.len().max(1),
        _ => answer.body.len(),
    };
    let body = match manner {
        Manner::Slowly { bytes, pause } => {
            slowly(answer.body.clone(), bytes, pause, exchange, answer.outcome.name().to_owned())
        }
        Manner::Part { reset } => {
            let name = fault.map_or("part", |fault| fault.kind().name());
            part(answer.body.clone(), reset.then_some(wire), exchange, name.to_owned())
        }
        Manner::Whole | Manner::Reset | Manner::Never => {
            // No longer in flight before the client can have seen the answer: its next request
            // must not be counted beside this one.
            exchange.answered(answer.outcome.name());
            Body::from(answer.body.clone())
        }
    };
    head(&answer, length, body).unwrap_or_else(|| {
        let mut response = Response::new(Body::from("a fault has no valid status or header\n"));
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        response
    })
}

/// Whether the status and the headers of a fault can be sent.
pub(crate) fn can_be_sent(fault: &Fault) -> bool {
    let nothing = Answer::foreign(200, "text/plain", Vec::new(), "nothing");
    let dialect = Dialect { generation: Generation::V2, at: SystemTime::UNIX_EPOCH };
    altered(Some(nothing), fault, dialect)
        .is_none_or(|answer| head(&answer, 0, Body::empty()).is_some())
}

fn head(answer: &Answer, length: usize, body: Body) -> Option<Response> {
    if !(200..=599).contains(&answer.status) {
        return None;
    }
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(answer.status).ok()?;
    let headers = response.headers_mut();
    if !answer.content_type.is_empty() {
        headers.insert(CONTENT_TYPE, HeaderValue::from_str(&answer.content_type).ok()?);
    }
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    for (name, value) in &answer.headers {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        headers.insert(name, HeaderValue::from_str(value).ok()?);
    }
    Some(response)
}

fn torn(mut answer: Answer) -> Answer {
    answer.body.truncate(answer.body.len() / 2);
    answer.outcome = Outcome::Foreign(FaultKind::TornJson.name().to_owned());
    answer
}

fn elsewhere(mut answer: Answer, url: &str) -> Answer {
    let mut envelope: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    if let Some(end_point) = envelope.pointer_mut("/response_data/apiEndPoint") {
        *end_point = url.into();
        answer.body = envelope.to_string().into_bytes();
    }
    answer
}

fn slowly(
    body: Vec<u8>,
    bytes: usize,
    pause: Duration,
    exchange: Exchange,
    outcome: String,
) -> Body {
    Portions::spawn(|portions| async move {
        let mut chunks = body.chunks(bytes).peekable();
        while let Some(chunk) = chunks.next() {
            if chunks.peek().is_none() {
                exchange.answered(&outcome);
                let _ = portions.send(Ok(Bytes::copy_from_slice(chunk))).await;
                return;
            }
            let sent = portions.send(Ok(Bytes::copy_from_slice(chunk))).await;
            let client_left = timeout(pause, portions.closed()).await.is_ok();
            if sent.is_err() || client_left {
                return;
            }
        }
    })
}

fn part(body: Vec<u8>, wire: Option<Wire>, exchange: Exchange, outcome: String) -> Body {
    Portions::spawn(move |portions| async move {
        let part = Bytes::copy_from_slice(&body[..(body.len() / 2).min(LARGEST_PART)]);
        if portions.send(Ok(part)).await.is_err() {
            return;
        }
        // There is room again only when the connection has taken the part, and the connection
        // writes what it took before this task runs again.
        let room = portions.reserve().await;
        exchange.answered(&outcome);
        if let Ok(room) = room {
            if let Some(wire) = wire {
                wire.reset();
            }
            room.send(Err(io::ErrorKind::ConnectionAborted.into()));
        }
    })
}

/// A body that a task of its own hands over portion by portion.
#[derive(Debug)]
struct Portions(mpsc::Receiver<io::Result<Bytes>>);

impl Portions {
    fn spawn<F>(task: impl FnOnce(mpsc::Sender<io::Result<Bytes>>) -> F) -> Body
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (sender, receiver) = mpsc::channel(1);
        tokio::spawn(task(sender));
        Body::new(Self(receiver))
    }
}

impl HttpBody for Portions {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        self.0.poll_recv(cx).map(|portion| portion.map(|bytes| bytes.map(Frame::data)))
    }
}
