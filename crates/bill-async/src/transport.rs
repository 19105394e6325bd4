//! How requests travel: over HTTP, or by a test's script.

use std::time::Duration;

use bill_session_core::TransportError;
use bytes::Bytes;
use http::{Request, Response};

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
            Self::Http(http) => http.send(request, limit, cap).await,
            #[cfg(feature = "test-util")]
            Self::Scripted(script) => script.send(request).await,
        }
    }
}
