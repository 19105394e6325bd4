//! What a transport reports when it brings no complete answer.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

/// What a transport reports when it brings no complete answer.
///
/// The HTTP library's own error is its [`source`](StdError::source).
#[derive(Clone, Debug)]
pub struct TransportError {
    kind: TransportKind,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TransportKind {
    Timeout,
    Lookup,
    Connect,
    ConnectTimeout,
    TooLarge,
    Content,
    Other,
}

impl TransportError {
    /// The answer did not come in time.
    pub fn timeout(source: impl StdError + Send + Sync + 'static) -> Self {
        Self::with(TransportKind::Timeout, source)
    }

    /// The host's name was not found, so that nothing was sent.
    pub fn lookup(source: impl StdError + Send + Sync + 'static) -> Self {
        Self::with(TransportKind::Lookup, source)
    }

    /// No connection was made, so that nothing was sent.
    pub fn connect(source: impl StdError + Send + Sync + 'static) -> Self {
        Self::with(TransportKind::Connect, source)
    }

    /// No connection was made in time, so that nothing was sent.
    pub fn connect_timeout(source: impl StdError + Send + Sync + 'static) -> Self {
        Self::with(TransportKind::ConnectTimeout, source)
    }

    /// The exchange broke in some other way.
    pub fn other(source: impl StdError + Send + Sync + 'static) -> Self {
        Self::with(TransportKind::Other, source)
    }

    /// The answer was longer than the cap.
    pub fn too_large() -> Self {
        Self { kind: TransportKind::TooLarge, source: None }
    }

    /// The content of an upload could not be read, so that the exchange was broken off.
    pub fn content(source: impl StdError + Send + Sync + 'static) -> Self {
        Self::with(TransportKind::Content, source)
    }

    /// Whether the answer did not come in time.
    pub fn is_timeout(&self) -> bool {
        matches!(self.kind, TransportKind::Timeout | TransportKind::ConnectTimeout)
    }

    /// Whether the host's name was not found, so that nothing was sent.
    pub fn is_lookup(&self) -> bool {
        self.kind == TransportKind::Lookup
    }

    /// Whether no connection was made, for whatever reason, so that nothing was sent.
    pub fn is_connect(&self) -> bool {
        use TransportKind::{Connect, ConnectTimeout, Lookup};

        matches!(self.kind, Connect | ConnectTimeout | Lookup)
    }

    /// Whether the answer was longer than the cap.
    pub fn is_too_large(&self) -> bool {
        self.kind == TransportKind::TooLarge
    }

    /// Whether it was the content of an upload that could not be read.
    pub fn is_content(&self) -> bool {
        self.kind == TransportKind::Content
    }

    fn with(kind: TransportKind, source: impl StdError + Send + Sync + 'static) -> Self {
        Self { kind, source: Some(Arc::new(source)) }
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            TransportKind::Timeout => "it did not come in time",
            TransportKind::Lookup => "the host's name was not found",
            TransportKind::Connect => "no connection was made",
            TransportKind::ConnectTimeout => "no connection was made in time",
            TransportKind::TooLarge => "the answer is longer than this client takes",
            TransportKind::Content => "the content to send could not be read",
            TransportKind::Other => "the connection broke",
        })
    }
}

impl StdError for TransportError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}
