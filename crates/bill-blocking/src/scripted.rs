//! A transport that a test scripts: no socket, no time of its own.

use std::sync::Arc;

use bill_session_core::TransportError;
use bytes::Bytes;
use http::{Request, Response};

/// What a script answers, when it does.
#[expect(clippy::type_complexity, reason = "the house has no type aliases")]
#[derive(Clone)]
pub(crate) struct Script(
    Arc<dyn Fn(Request<Bytes>) -> Result<Response<Bytes>, TransportError> + Send + Sync>,
);

impl Script {
    pub(crate) fn new(
        script: impl Fn(Request<Bytes>) -> Result<Response<Bytes>, TransportError>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        Self(Arc::new(script))
    }

    pub(crate) fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        (self.0)(request)
    }
}
