//! BILL's wire as data: what the two API generations share.

mod form;
pub(crate) mod v2;
pub(crate) mod v3;

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, DATE, HeaderName, LOCATION, RETRY_AFTER};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, Response, Uri};
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::cause::{ForeignAnswer, ForeignKind};
use crate::code::Meaning;
use crate::error::{ApiError, DecodeError};
use crate::held::Held;

const HOUR: Duration = Duration::from_secs(3600);

/// Scheme, host and port of an API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Base {
    scheme: Scheme,
    authority: Authority,
}

impl Base {
    pub(crate) fn new(scheme: Scheme, authority: Authority) -> Self {
        Self { scheme, authority }
    }

    pub(crate) fn https(host: &'static str) -> Self {
        Self::new(Scheme::HTTPS, Authority::from_static(host))
    }

    pub(crate) fn uri(&self, path: &PathAndQuery) -> Uri {
        let mut parts = http::uri::Parts::default();
        parts.scheme = Some(self.scheme.clone());
        parts.authority = Some(self.authority.clone());
        parts.path_and_query = Some(path.clone());
        // All three parts are there, so there is nothing left to be wrong with them.
        Uri::from_parts(parts).unwrap_or_default()
    }

    pub(crate) fn is_of(&self, uri: &Uri) -> bool {
        uri.scheme() == Some(&self.scheme) && uri.authority() == Some(&self.authority)
    }
}

impl fmt::Display for Base {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.authority)
    }
}

/// What an answer holds, once parsed; what is rare is boxed, for every answer is moved about.
#[derive(Debug)]
pub(crate) enum Parsed<T> {
    /// BILL carried it out, and the data fits.
    Success(T),
    /// BILL carried it out, but the data does not fit the type asked for.
    Mismatch(Box<DecodeError>),
    /// BILL said no, in its own form.
    Error(Box<ApiError>),
    /// It is not BILL's.
    Foreign(Box<ForeignAnswer>),
}

impl<T> Parsed<T> {
    /// BILL carried it out, and this is what does not fit.
    pub(crate) fn mismatch(text: String) -> Self {
        Self::Mismatch(Box::new(DecodeError::new(text)))
    }

    pub(crate) fn map<U>(self, change: impl FnOnce(T) -> U) -> Parsed<U> {
        match self {
            Self::Success(data) => Parsed::Success(change(data)),
            Self::Mismatch(error) => Parsed::Mismatch(error),
            Self::Error(error) => Parsed::Error(error),
            Self::Foreign(answer) => Parsed::Foreign(answer),
        }
    }

    /// The same, without a word of what did not fit: it may be a secret in the wrong place.
    pub(crate) fn discreet(self) -> Self {
        match self {
            Self::Mismatch(_) => Self::mismatch("it is in another form than BILL's".to_owned()),
            parsed => parsed,
        }
    }

    pub(crate) fn verdict(&self, headers: &HeaderMap) -> Verdict {
        match self {
            Self::Success(_) | Self::Mismatch(_) => Verdict::Alive,
            // A server in trouble says nothing about the session, in whatever form.
            Self::Error(error) if error.is_of_a_server_in_trouble() => Verdict::Unknown,
            Self::Error(error) => match error.meaning() {
                Meaning::SessionInvalid => Verdict::Invalid,
                Meaning::Contended => Verdict::Contended { retry_after: retry_after(headers) },
                Meaning::HourSpent => Verdict::HourSpent { left: left_of_hour(headers) },
                Meaning::Untrusted => Verdict::Untrusted,
                _ => Verdict::Alive,
            },
            Self::Foreign(_) => Verdict::Unknown,
        }
    }
}

/// What an answer to a call says of the session and the limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "whoever reads answers must decide among all of these")]
pub enum Verdict {
    /// A complete answer in BILL's own form, errors included: the idle timer restarts.
    Alive,
    /// BDC_1361: the session lives, and the call needs one that MFA has made trusted.
    Untrusted,
    /// BDC_1109: the session is invalid, and the call was not carried out.
    Invalid,
    /// BDC_1322: too many calls of the organisation at once; this one was not carried out.
    Contended {
        /// How long the answer asks to wait.
        retry_after: Option<Duration>,
    },
    /// BDC_1144: the hour's calls of the developer key are spent; this one was not carried out.
    HourSpent {
        /// How long the hour still lasts.
        left: Duration,
    },
    /// No answer, or none of BILL's: it says nothing about the session.
    Unknown,
}

/// What is not BILL's.
pub(crate) fn foreign(answer: &Response<Bytes>, held: &Held) -> ForeignAnswer {
    let status = answer.status();
    let body = answer.body().trim_ascii_start();
    let content_type = text(answer.headers(), CONTENT_TYPE).unwrap_or_default();
    let kind = if status.is_redirection() {
        ForeignKind::Redirect {
            host: text(answer.headers(), LOCATION).and_then(|url| host_of(url, held)),
        }
    } else if body.starts_with(b"<") || content_type.contains("html") {
        ForeignKind::Html
    } else if let Some(message) = gateways_message(body) {
        ForeignKind::Gateway { message: held.printable(&message) }
    } else if body.starts_with(b"{") || body.starts_with(b"[") {
        ForeignKind::Json
    } else {
        ForeignKind::Other
    };
    ForeignAnswer { status, kind }
}

/// What a gateway in front of BILL says, such as `{"message":"Unauthorized"}`.
fn gateways_message(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Gateway {
        message: String,
    }

    serde_json::from_slice::<Gateway>(body).ok().map(|gateway| gateway.message)
}

/// The host of a URL, for people to read; nothing of the rest, which may hold anything.
pub(crate) fn host_of(url: &str, held: &Held) -> Option<String> {
    let uri: Uri = url.parse().ok()?;
    uri.host().map(|host| held.printable(host))
}

/// How long the answer asks to wait; at most an hour.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = text(headers, RETRY_AFTER)?.trim();
    let wait = match value.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let then = httpdate::parse_http_date(value).ok()?;
            then.duration_since(date(headers)?).unwrap_or_default()
        }
    };
    Some(wait.min(HOUR))
}

/// The server's own clock, by its answer.
pub(crate) fn date(headers: &HeaderMap) -> Option<SystemTime> {
    httpdate::parse_http_date(text(headers, DATE)?).ok()
}

/// What is left of the server's clock hour by the answer's own `Date`; a full hour without one.
pub(crate) fn left_of_hour(headers: &HeaderMap) -> Duration {
    let since_epoch = date(headers).and_then(|date| date.duration_since(UNIX_EPOCH).ok());
    since_epoch.map_or(HOUR, |since| Duration::from_secs(3600 - since.as_secs() % 3600))
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

/// A body that holds secrets: wiped when its last user drops it.
pub(crate) fn secret_body(body: Zeroizing<Vec<u8>>) -> Bytes {
    struct Body(Zeroizing<Vec<u8>>);

    impl AsRef<[u8]> for Body {
        fn as_ref(&self) -> &[u8] {
            &self.0
        }
    }

    Bytes::from_owner(Body(body))
}
