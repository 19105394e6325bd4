//! Bodies of requests, read whole or, where a file comes, only looked at as they go by.

use std::future::poll_fn;
use std::pin::Pin;

use axum::body::{Body, Bytes, HttpBody};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts as Head;

use crate::answer::Generation;
use crate::multipart::{Parser, Parts, boundary};
use crate::operation::{Call, Operation};
use crate::uploads::Digest;
use crate::v3;

const LARGEST_WHOLE: usize = 8 * 1024 * 1024;

/// What came as the body of a request.
#[derive(Debug)]
pub(crate) enum Content {
    Whole(Vec<u8>),
    /// A form of several parts; nothing if it is malformed.
    Parts(Option<Parts>),
    TooLarge,
    /// It is a file, and will come.
    Awaited,
}

/// The client left before the end of its request.
#[derive(Debug)]
pub(crate) struct Broken;

/// Whether the body of a request is a file and nothing else.
pub(crate) fn is_file(head: &Head) -> bool {
    let path = head.uri.path();
    Generation::of(path) == Generation::V3
        && v3::Operation::parse(&head.method, path).is_ok_and(|operation| operation.is_upload())
}

/// Reads a body that is not only a file.
pub(crate) async fn read(head: &Head, body: Body, largest_file: u64) -> Result<Content, Broken> {
    let upload = Operation::InSession(Call::UploadAttachment);
    let content_type = head.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    match content_type.and_then(boundary) {
        Some(boundary) if Operation::parse(head.uri.path()) == Ok(upload) => {
            read_parts(body, Parser::new(boundary), largest_file).await
        }
        _ => read_whole(body).await,
    }
}

/// Lets a file go by; it is read to its end even if it is too large, so that a client that sends
/// first and listens afterwards hears the refusal.
pub(crate) async fn read_file(mut body: Body) -> Result<Digest, Broken> {
    let mut digest = Digest::default();
    while let Some(bytes) = next(&mut body).await? {
        digest.feed(&bytes);
    }
    Ok(digest)
}

async fn read_whole(mut body: Body) -> Result<Content, Broken> {
    let mut whole = Vec::new();
    while let Some(bytes) = next(&mut body).await? {
        whole.extend_from_slice(&bytes);
        if whole.len() > LARGEST_WHOLE {
            return Ok(Content::TooLarge);
        }
    }
    Ok(Content::Whole(whole))
}

async fn read_parts(
    mut body: Body,
    mut parser: Parser,
    largest_file: u64,
) -> Result<Content, Broken> {
    while let Some(bytes) = next(&mut body).await? {
        parser.feed(&bytes);
    }
    let parts = parser.finish();
    let file = parts.as_ref().and_then(|parts| parts.file);
    if file.is_some_and(|file| file.length > largest_file) {
        return Ok(Content::TooLarge);
    }
    Ok(Content::Parts(parts))
}

async fn next(body: &mut Body) -> Result<Option<Bytes>, Broken> {
    match poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await {
        Some(Ok(frame)) => Ok(Some(frame.into_data().unwrap_or_default())),
        Some(Err(_)) => Err(Broken),
        None => Ok(None),
    }
}
