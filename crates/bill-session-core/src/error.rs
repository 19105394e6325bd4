//! What can go wrong, sorted by whose doing it is: BILL said no, no answer came, or the program
//! asked for something that cannot be.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::StatusCode;

use crate::cause::{Cause, ForeignAnswer};
use crate::code::{Code, Meaning};
use crate::transport::TransportError;

/// What a sign-in is called in errors.
pub(crate) const SIGN_IN: &str = "the sign-in";

/// Why an operation did not succeed; both adapters return this type.
///
/// It is cheap to clone: many waiters can receive one failure. Its text tells the whole story, so
/// [`source`](StdError::source) goes straight to what the HTTP library reported.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Error {
    /// BILL answered the call with an error of its own; the session is unharmed.
    Api(ApiError),
    /// The call needs a session trusted by MFA (BDC_1361); signing in again would not help.
    Untrusted(ApiError),
    /// BILL did not accept the code of an MFA challenge, since it came too late (BDC_1356) or after
    /// too many others (BDC_1358).
    MfaCode(ApiError),
    /// The session that an MFA call was made for is not the present one any more; ask for another
    /// challenge.
    SessionChanged {
        /// The call that was not sent, or whose answer came too late for its session.
        call: Arc<str>,
    },
    /// A list's page names a cursor that was followed before: reading on would never end.
    CursorRepeated {
        /// The call that was answered so.
        call: Arc<str>,
    },
    /// The content of an upload could not be read; BILL has at most a part of it.
    Content {
        /// The call that was to carry it.
        call: Arc<str>,
        /// What reading it reported.
        error: TransportError,
    },
    /// There is no session, and the sign-in that was to make one did not succeed.
    NoSession {
        /// The call that needed a session.
        call: Arc<str>,
        /// Why the sign-in did not succeed; shared by all who waited for it.
        cause: Arc<Cause>,
        /// When another attempt may be made; nothing when only new credentials can help.
        retry_after: Option<Duration>,
    },
    /// An hourly limit of the developer key is spent.
    Limited {
        /// The call that was held back.
        call: Arc<str>,
        /// Which limit.
        limit: Limit,
        /// How long until it has room again.
        retry_after: Duration,
        /// The same as a time of BILL's clock, once an answer has told what that shows.
        until: Option<SystemTime>,
        /// BILL's code, when it was BILL that said so, and not this process's own count.
        code: Option<Code>,
    },
    /// The program signed out after the call was begun.
    SignedOut {
        /// The call that ended.
        call: Arc<str>,
    },
    /// The call's own deadline passed while it waited for a session or for its turn.
    Deadline {
        /// The call that ended.
        call: Arc<str>,
        /// What kept the session away meanwhile, if anything did.
        cause: Option<Arc<Cause>>,
    },
    /// No complete answer came: whether BILL carried the call out is unknown.
    NoAnswer {
        /// The call that was sent.
        call: Arc<str>,
        /// What the transport reported.
        error: TransportError,
    },
    /// An answer came that is not BILL's: a proxy's page, a redirect, a torn document.
    NotBill {
        /// The call that was sent.
        call: Arc<str>,
        /// What the answer looked like.
        answer: ForeignAnswer,
    },
    /// BILL carried the call out, but its answer does not fit the type that was asked for.
    Decode {
        /// The call that was sent.
        call: Arc<str>,
        /// What did not fit.
        error: DecodeError,
    },
    /// The program asked for something that cannot be; nothing was sent.
    Misuse(Misuse),
}

impl Error {
    /// BILL's code, when BILL gave one: for the call, or for the sign-in that it needed.
    pub fn code(&self) -> Option<&Code> {
        match self {
            Self::Api(error) | Self::Untrusted(error) | Self::MfaCode(error) => error.code(),
            Self::NoSession { cause, .. } => cause.code(),
            Self::Limited { code, .. } => code.as_ref(),
            Self::Deadline { cause, .. } => cause.as_ref().and_then(|cause| cause.code()),
            _ => None,
        }
    }

    /// Whose doing it is.
    pub fn blame(&self) -> Blame {
        match self {
            Self::Api(_)
            | Self::Untrusted(_)
            | Self::MfaCode(_)
            | Self::Limited { .. }
            | Self::CursorRepeated { .. }
            | Self::NotBill { .. } => Blame::Server,
            Self::NoSession { cause, .. } => cause.blame(),
            Self::NoAnswer { .. } => Blame::Network,
            Self::Deadline { cause, .. } => {
                cause.as_ref().map_or(Blame::Network, |cause| cause.blame())
            }
            Self::SignedOut { .. }
            | Self::SessionChanged { .. }
            | Self::Content { .. }
            | Self::Decode { .. }
            | Self::Misuse(_) => Blame::Caller,
        }
    }

    pub(crate) fn from_api(error: ApiError) -> Self {
        match error.meaning() {
            Meaning::Untrusted => Self::Untrusted(error),
            Meaning::CodeExpired | Meaning::TooManyTries => Self::MfaCode(error),
            _ => Self::Api(error),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Api(error) | Self::Untrusted(error) | Self::MfaCode(error) => error.fmt(f),
            Self::SessionChanged { call } => write!(
                f,
                "{call} belongs to an earlier session, which is gone: ask for another challenge"
            ),
            Self::CursorRepeated { call } => {
                write!(f, "{call} names a page that was read before: the list would never end")
            }
            Self::Content { call, error } => {
                write!(f, "{call} broke off: {error}")
            }
            Self::NoSession { call, cause, retry_after } => {
                if **call != *SIGN_IN {
                    write!(f, "{call} was not sent, since there is no session: ")?;
                }
                cause.fmt(f)?;
                retry_after.map_or(Ok(()), |after| try_again(f, after))
            }
            Self::Limited { call, limit, retry_after, until, code } => {
                write!(f, "{call} was not carried out: {limit} are spent")?;
                until.map_or(Ok(()), |until| write!(f, " until {} UTC", Hour(until)))?;
                match code {
                    Some(code) => write!(f, " ({code})")?,
                    None => f.write_str(", by this process's own count")?,
                }
                try_again(f, *retry_after)
            }
            Self::SignedOut { call } => {
                write!(f, "{call} was begun before the sign-out, and is not sent after it")
            }
            Self::Deadline { call, cause: None } => write!(f, "{call} waited until its deadline"),
            Self::Deadline { call, cause: Some(cause) } => {
                write!(f, "{call} waited until its deadline: {cause}")
            }
            Self::NoAnswer { call, error } if error.is_connect() => {
                write!(f, "{call} was not sent: {error}")
            }
            Self::NoAnswer { call, error } => {
                write!(f, "{call} got no answer, so its outcome is unknown: {error}")
            }
            Self::NotBill { call, answer } => write!(f, "{call} was answered by {answer}"),
            Self::Decode { call, error } => write!(
                f,
                "{call} succeeded, but its answer does not fit the type asked for: {error}"
            ),
            Self::Misuse(misuse) => misuse.fmt(f),
        }
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::NoSession { cause, .. } | Self::Deadline { cause: Some(cause), .. } => {
                cause.source()
            }
            Self::NoAnswer { error, .. } | Self::Content { error, .. } => error.source(),
            _ => None,
        }
    }
}

/// The hour and minute of a day, rounded up: whoever comes then is not too early.
struct Hour(SystemTime);

impl fmt::Display for Hour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let since = self.0.duration_since(UNIX_EPOCH).unwrap_or_default();
        let minutes = since.as_millis().div_ceil(60_000);
        write!(f, "{:02}:{:02}", minutes / 60 % 24, minutes % 60)
    }
}

fn try_again(f: &mut fmt::Formatter<'_>, after: Duration) -> fmt::Result {
    write!(f, "; try again in {} s", after.as_secs_f64().ceil())
}

impl From<Misuse> for Error {
    fn from(misuse: Misuse) -> Self {
        Self::Misuse(misuse)
    }
}

/// Whose doing an [`Error`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Blame {
    /// BILL, or whatever answered in its place.
    Server,
    /// The way there: no answer came.
    Network,
    /// The program that asked.
    Caller,
}

/// An error that BILL answered with, in its own form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError {
    call: Arc<str>,
    status: StatusCode,
    code: Option<Code>,
    message: Arc<str>,
    /// What else the answer holds, behind the entry that speaks for all.
    others: Arc<[ErrorEntry]>,
    /// v3 has errors without a code, of which the status tells what they mean.
    by_status: bool,
    /// Whether all the codes of the answer are the same.
    unanimous: bool,
}

/// One entry of an error of v3's, which may have several.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ErrorEntry {
    /// BILL's code, when the entry has one.
    pub code: Option<Code>,
    /// BILL's message, without control characters and without any secret of this client.
    pub message: Arc<str>,
}

impl ApiError {
    pub(crate) fn new(
        call: Arc<str>,
        status: StatusCode,
        code: Option<Code>,
        message: String,
    ) -> Self {
        let others = Arc::new([]);
        let message = message.into();
        Self { call, status, code, message, others, by_status: false, unanimous: true }
    }

    /// Of several entries, the first of which speaks for all.
    pub(crate) fn of_v3(
        call: Arc<str>,
        status: StatusCode,
        entries: Vec<ErrorEntry>,
        unanimous: bool,
    ) -> Self {
        let mut entries = entries.into_iter();
        let (code, message) =
            entries.next().map_or((None, "".into()), |entry| (entry.code, entry.message));
        let others = entries.collect();
        Self { call, status, code, message, others, by_status: true, unanimous }
    }

    /// The call that was answered, such as `List/Vendor`.
    pub fn call(&self) -> &str {
        &self.call
    }

    /// The HTTP status; v2 answers 200 for errors too.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// BILL's code, when the answer holds one.
    pub fn code(&self) -> Option<&Code> {
        self.code.as_ref()
    }

    /// BILL's message, without control characters and without any secret of this client.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What else v3 said in the same answer, when it said more than one thing: the first few, if it
    /// said very much.
    pub fn others(&self) -> &[ErrorEntry] {
        &self.others
    }

    pub(crate) fn meaning(&self) -> Meaning {
        match (&self.code, self.status) {
            (Some(code), _) => code.meaning(),
            (None, StatusCode::UNAUTHORIZED) if self.by_status => Meaning::SessionInvalid,
            (None, StatusCode::TOO_MANY_REQUESTS) if self.by_status => Meaning::Contended,
            (None, _) => Meaning::Other,
        }
    }

    /// Whether it says of all that was asked for that it was not done.
    pub(crate) fn is_of_the_whole(&self) -> bool {
        self.unanimous && !self.status.is_server_error()
    }

    /// Whether the status is a 5xx, and no code says more than that.
    pub(crate) fn is_of_a_server_in_trouble(&self) -> bool {
        self.status.is_server_error() && self.meaning() == Meaning::Other
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BILL refused {}", self.call)?;
        match &self.code {
            Some(code) => write!(f, " with {code}")?,
            None => f.write_str(" without a code")?,
        }
        if !self.message.is_empty() {
            write!(f, " ({})", self.message)?;
        }
        for other in &*self.others {
            f.write_str(", and ")?;
            other.code.as_ref().map_or(Ok(()), |code| write!(f, "{code}"))?;
            if !other.message.is_empty() {
                let space = if other.code.is_some() { " " } else { "" };
                write!(f, "{space}({})", other.message)?;
            }
        }
        match self.code.as_ref().and_then(Code::advice) {
            Some(advice) => write!(f, ": {advice}"),
            None => Ok(()),
        }
    }
}

impl StdError for ApiError {}

/// An hourly limit of a developer key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Limit {
    /// Sign-ins: 200 an hour for everyone who uses the key.
    SignIns,
    /// Calls: 20,000 an hour for everyone who uses the key.
    Calls,
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SignIns => "the developer key's sign-ins of this hour",
            Self::Calls => "the developer key's calls of this hour",
        })
    }
}

/// Why an answer's data did not fit the type asked for.
#[derive(Clone, Debug)]
pub struct DecodeError {
    text: Arc<str>,
}

impl DecodeError {
    pub(crate) fn new(text: String) -> Self {
        Self { text: text.into() }
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl StdError for DecodeError {}

/// Something asked for that cannot be; nothing was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Misuse {
    /// The path has a query; v2 has none, and a query is no place for data.
    PathQuery,
    /// The path has a fragment.
    PathFragment,
    /// The path climbs with `..`, or has an empty part.
    PathClimbs,
    /// The path holds a secret of this client.
    PathSecret,
    /// The path holds something other than letters, digits, `_`, `-` and `/`.
    PathCharacter,
    /// What changes the session, such as `Login` or an MFA challenge, has methods of its own.
    PathReserved,
    /// A v3 path does not begin with `/v3/`.
    V3Path,
    /// A v3 path has a query of its own.
    V3PathQuery,
    /// A pair of a query has a secret's name, or holds a secret of this client.
    QuerySecret {
        /// The pair's key; its value is not repeated.
        key: Arc<str>,
    },
    /// v3 knows GET, POST, PUT, PATCH and DELETE.
    Method,
    /// A GET or a DELETE was given a document to send.
    Body,
    /// Only what is read with GET comes in pages.
    PagesOfGet,
    /// A partner's session has an application key and no developer key, which v2 and organisations need.
    Partner,
    /// An accountant console's token is unknown to v2.
    V3Only,
    /// An upload's file name is empty or holds control characters.
    FileName,
    /// The data did not serialise to JSON.
    Data,
    /// A list's page holds 1 to 999 entries.
    PageSize,
    /// No session lives as long as the lease was to have left.
    LeaseTooLong,
    /// A leased session was to be put on a request to another address than the session's own.
    ForeignRequest,
    /// There is no async runtime to send the call from.
    NoRuntime,
}

impl fmt::Display for Misuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::QuerySecret { key } => {
                return write!(f, "the query's `{key}` is, or holds, a secret: nothing was sent");
            }
            Self::PathQuery => "the path holds a query: v2 takes its data in the body",
            Self::PathFragment => "the path holds a fragment",
            Self::PathClimbs => {
                "the path is empty, or holds an empty part or `..`; write it as in List/Vendor"
            }
            Self::PathSecret => "the path holds a secret of this client: nothing was sent",
            Self::PathCharacter => {
                "the path holds a character that no BILL path has; write it as in List/Vendor"
            }
            Self::PathReserved => {
                "this path is not for calls: use sign_in, sign_out, list_orgs, mfa or the uploads' \
                 methods"
            }
            Self::V3Path => "a v3 path begins with /v3/, as in /v3/vendors",
            Self::V3PathQuery => "the path holds a query: give its pairs one by one",
            Self::Method => "v3 has GET, POST, PUT, PATCH and DELETE, and no other method",
            Self::Body => "GET and DELETE send no document",
            Self::PagesOfGet => "only a GET is read page by page",
            Self::Partner => {
                "a partner's session is for v3's partner operations, and belongs to no organisation"
            }
            Self::V3Only => "a console's token is for v3: read /v3/login/organizations",
            Self::FileName => "the file name is empty or holds a control character",
            Self::Data => "the data does not serialise to JSON",
            Self::PageSize => "a page of a list holds 1 to 999 entries",
            Self::LeaseTooLong => "no session lives long enough to have that much time left",
            Self::ForeignRequest => {
                "the request goes to another address than the session's: the session is not put \
                 on it"
            }
            Self::NoRuntime => "there is no async runtime here: call from within one",
        })
    }
}

impl StdError for Misuse {}
