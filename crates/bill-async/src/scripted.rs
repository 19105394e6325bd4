//! A transport that a test scripts: no socket, no time of its own.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bill_session_core::TransportError;
use bytes::Bytes;
use http::{Request, Response};

/// What a script answers, when it does.
#[expect(clippy::type_complexity, reason = "a boxed future, and the house has no type aliases")]
#[derive(Clone)]
pub(crate) struct Script(
    Arc<
        dyn Fn(
                Request<Bytes>,
            )
                -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, TransportError>> + Send>>
            + Send
            + Sync,
    >,
);

impl Script {
    pub(crate) fn new<F, A>(script: F) -> Self
    where
        F: Fn(Request<Bytes>) -> A + Send + Sync + 'static,
        A: Future<Output = Result<Response<Bytes>, TransportError>> + Send + 'static,
    {
        Self(Arc::new(move |request| Box::pin(script(request))))
    }

    pub(crate) async fn send(
        &self,
        request: Request<Bytes>,
    ) -> Result<Response<Bytes>, TransportError> {
        (self.0)(request).await
    }
}
