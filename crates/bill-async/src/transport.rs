//! How requests travel: over HTTP, or by a test's script.

use std::time::Duration;

use bill_session_core::TransportError;
use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::{Request, Response};

use crate::content::Outgoing;
use crate::http::Http;
#[cfg(feature = "test-util")]
use crate::scripted::Script;

/// What carries a request and brings its answer.
pub(crate) enum Transport {
    Http(Box<Http>),
    #[cfg(feature = "test-util")]
    Scripted(Script),
}

impl Transport {
    pub(crate) async fn send(
        &self,
        request: Request<Bytes>,
        limit: Duration,
        cap: usize,
    ) -> Result<Response<Bytes>, TransportError> {
        match self {
            Self::Http(http) => http.send(request.map(Into::into), limit, cap).await,
            #[cfg(feature = "test-util")]
            Self::Scripted(script) => script.send(request).await,
        }
    }

    /// Sends a request whose body is streamed.
    pub(crate) async fn upload(
        &self,
        head: Request<()>,
        body: Outgoing,
        limit: Duration,
        cap: usize,
    ) -> Result<Response<Bytes>, TransportError> {
        let failure = body.failure();
        let answer = match self {
            Self::Http(http) => {
                let mut head = head;
                if let Some(length) = body.length() {
                    head.headers_mut().insert(CONTENT_LENGTH, length.into());
                }
                http.send(head.map(|()| reqwest::Body::wrap(body)), limit, cap).await
            }
            #[cfg(feature = "test-util")]
            Self::Scripted(script) => match body.collected().await {
                Ok(body) => script.send(head.map(|()| body)).await,
                Err(error) => Err(TransportError::other(error)),
            },
        };
        // A server may refuse an upload before it has read all of it: its answer counts.
        answer.map_err(|error| failure.take().unwrap_or(error))
    }
}
