//! A sign-in: an object of its own, run on behalf of everyone who waits for it.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use http::{Request, Response};

use crate::account::{Account, Api, SignedIn};
use crate::backoff::later;
use crate::call::Call;
use crate::cause::Cause;
use crate::code::{Code, Meaning};
use crate::credentials::{OrgId, Principal, RememberedDevice, Secret, SessionId};
use crate::error::SIGN_IN;
use crate::events::Event;
use crate::held::LONGEST_SESSION_ID;
use crate::line::{GRACE, Told, Wake};
use crate::pump::Session;
use crate::session::{Attempt, Failure, Landed};
use crate::transport::TransportError;
use crate::wire::{Parsed, date, foreign, host_of, left_of_hour, retry_after, v2, v3};

/// The id of a sign-in, to beat for it or to cancel it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignInId(pub(crate) Attempt);

/// A sign-in to be run, on behalf of everyone who waits for it.
#[must_use = "a sign-in that is neither settled nor cancelled holds up everyone until its deadline"]
pub struct SignIn(Box<SignInParts>);

/// What a sign-in is run with.
pub(crate) struct SignInParts {
    pub(crate) account: Arc<Account>,
    pub(crate) principal: Arc<Principal>,
    pub(crate) device: Option<Arc<RememberedDevice>>,
    pub(crate) attempt: Attempt,
    pub(crate) begun: Instant,
    pub(crate) limit: Duration,
}

impl SignIn {
    #[cfg(feature = "model")]
    pub(crate) fn parts(&self) -> &SignInParts {
        &self.0
    }

    pub(crate) fn new(parts: SignInParts) -> Self {
        Self(Box::new(parts))
    }

    /// Its id.
    pub fn id(&self) -> SignInId {
        SignInId(self.0.attempt)
    }

    /// The longest time that its exchange may take.
    pub fn limit(&self) -> Duration {
        self.0.limit
    }

    /// The request to send.
    pub fn request(&self) -> Request<Bytes> {
        self.0.account.sign_in(&self.0.principal, self.0.device.as_deref())
    }

    /// Parses the answer, or takes note that none came; needs no lock.
    pub fn read(self, answer: Result<Response<Bytes>, TransportError>) -> HeardSignIn {
        let (heard, date) = match answer {
            Ok(answer) => (self.judge(&answer), date(answer.headers())),
            Err(error) => (Err(failed(Cause::NoAnswer(error), None)), None),
        };
        let sent_device = self.0.device.is_some();
        let SignInParts { account, attempt, begun, .. } = *self.0;
        HeardSignIn { account, attempt, begun, heard, date, sent_device }
    }

    fn parse(&self, answer: &Response<Bytes>) -> Parsed<Login> {
        let (name, held) = (&|| SIGN_IN.into(), &self.0.account.held);
        match self.0.account.api_for(&self.0.principal) {
            Api::V2 => v2::read::<v2::LoginData>(answer, name, held).map(Login::from),
            Api::V3 => v3::read::<v3::LoginData>(answer, name, held).map(Login::from),
        }
    }

    fn judge(&self, answer: &Response<Bytes>) -> Result<Welcome, SignInFailure> {
        let headers = answer.headers();
        match self.parse(answer) {
            Parsed::Success(data) => self.welcome(data, answer),
            Parsed::Error(error) => {
                let meaning = error.meaning();
                let after = retry_after(headers);
                let cause = Arc::new(Cause::Refused(*error));
                let kind = match meaning {
                    Meaning::Contended => Kind::Contended(after),
                    Meaning::HourSpent => Kind::HourSpent(left_of_hour(headers)),
                    refusal if refusal.is_permanent_refusal() => Kind::Permanent,
                    _ => Kind::Transient(after),
                };
                Err(SignInFailure { cause, kind })
            }
            // What does not fit is not repeated: it may hold the session's id.
            Parsed::Mismatch(_) => Err(failed(
                Cause::NotBill(foreign(answer, &self.0.account.held)),
                retry_after(headers),
            )),
            Parsed::Foreign(answer) => Err(failed(Cause::NotBill(*answer), retry_after(headers))),
        }
    }

    fn welcome(&self, data: Login, answer: &Response<Bytes>) -> Result<Welcome, SignInFailure> {
        let Login { session_id, org_id, api_end_point, user_id, trusted } = data;
        let (access, held) = (&self.0.account.access, &self.0.account.held);
        let session_id = SessionId(Secret::new(session_id));
        let usable = |text: &str| {
            (1..=LONGEST_SESSION_ID).contains(&text.len()) && !text.chars().any(char::is_control)
        };
        let header = v3::session_header(&session_id)
            .filter(|_| usable(session_id.expose_secret()) && access.key_header.is_some());
        let Some(session_header) = header else {
            return Err(failed(Cause::NotBill(foreign(answer, held)), None));
        };
        // The id is held before anything else of the answer is shown, which may repeat it.
        let mut session = SignedIn::new(
            Arc::clone(&self.0.account),
            self.0.account.api_for(&self.0.principal),
            self.0.attempt.version(),
            session_id,
            session_header,
        );
        let asked_for = self.0.account.org_id().map(OrgId::as_str);
        if asked_for.is_some() && org_id.is_some() && org_id.as_deref() != asked_for {
            return Err(failed(Cause::WrongOrganization, None));
        }
        let followed = match &api_end_point {
            None => Some(access.base.clone()),
            Some(named) => access.environment.followed(named),
        };
        let not_followed = match (&followed, api_end_point) {
            (None, Some(named)) => Some(NotFollowed { host: host_of(&named, held) }),
            _ => None,
        };
        session.moved_to = followed.filter(|base| *base != access.base).map(Box::new);
        session.user_id = user_id.map(|id| held.printable(&id).into());
        Ok(Welcome { session: Arc::new(session), trusted, not_followed })
    }
}

impl fmt::Debug for SignIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignIn").field("attempt", &self.0.attempt).finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct Welcome {
    session: Arc<SignedIn>,
    trusted: Option<bool>,
    not_followed: Option<NotFollowed>,
}

/// What a sign-in of either API brings.
struct Login {
    session_id: String,
    org_id: Option<String>,
    api_end_point: Option<String>,
    user_id: Option<String>,
    trusted: Option<bool>,
}

impl From<v2::LoginData> for Login {
    fn from(data: v2::LoginData) -> Self {
        let v2::LoginData { session_id, org_id, api_end_point, users_id: user_id } = data;
        Self { session_id, org_id, api_end_point, user_id, trusted: None }
    }
}

impl From<v3::LoginData> for Login {
    fn from(data: v3::LoginData) -> Self {
        let v3::LoginData { session_id, organization_id: org_id, trusted, user_id } = data;
        Self { session_id, org_id, api_end_point: None, user_id, trusted }
    }
}

#[derive(Debug)]
struct SignInFailure {
    cause: Arc<Cause>,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Permanent,
    Contended(Option<Duration>),
    HourSpent(Duration),
    Transient(Option<Duration>),
}

fn failed(cause: Cause, retry_after: Option<Duration>) -> SignInFailure {
    SignInFailure { cause: Arc::new(cause), kind: Kind::Transient(retry_after) }
}

/// A sign-in that is over, to be settled with the session.
#[derive(Debug)]
#[must_use = "a sign-in that is not settled holds up everyone until its deadline"]
pub struct HeardSignIn {
    account: Arc<Account>,
    attempt: Attempt,
    begun: Instant,
    heard: Result<Welcome, SignInFailure>,
    /// BILL's clock, when there was an answer that told it.
    date: Option<SystemTime>,
    /// Whether a remembered device travelled with it.
    sent_device: bool,
}

impl HeardSignIn {
    /// The id of the sign-in.
    pub fn id(&self) -> SignInId {
        SignInId(self.attempt)
    }

    /// Stores the session or its failure, and wakes those who waited for it.
    pub fn settle<W>(self, session: &mut Session<W>, now: Instant) -> (SignInEnded, Wake<W>) {
        let mut wake = Wake::nobody();
        let now = session.clamp(now);
        // An answer is a sign of life, however late the last beat.
        session.beat(self.id(), now);
        session.notice(now, &mut wake);
        session.line.end_sign_in(self.attempt.id);
        let probed = session.machine.attempt() == Some(self.attempt);
        if let Some(date) = self.date {
            self.account.key.saw_clock(date, now);
        }
        let ended = match self.heard {
            Ok(Welcome { session: signed_in, trusted, not_followed }) => {
                let current = session.machine.attempt() == Some(self.attempt);
                match session.machine.signed_in(self.attempt, signed_in) {
                    Landed::Stored(generation) => {
                        session.accepted(self.attempt, not_followed.clone(), now);
                        session.welcomed(generation, trusted, self.sent_device, &mut wake);
                        session.line.wake_slotless(&mut wake);
                        SignInEnded::Stored { not_followed }
                    }
                    Landed::SignedOut(orphan) => {
                        if current {
                            session.accepted(self.attempt, None, now);
                        }
                        // It is worth no more of anybody's time than this.
                        SignInEnded::LogOut(Call::logout(orphan).deadline(GRACE))
                    }
                    Landed::Stale => SignInEnded::Stale,
                }
            }
            Err(SignInFailure { cause, kind }) => {
                let permanent = matches!(kind, Kind::Permanent);
                if probed {
                    self.account.identity.probe_failed(&cause, now);
                }
                let failure = match kind {
                    Kind::Permanent => Failure::Permanent,
                    Kind::Contended(retry_after) => {
                        Failure::Contended { cause: Arc::clone(&cause), retry_after }
                    }
                    Kind::HourSpent(left) => {
                        session.account.key.close_sign_ins(later(now, left));
                        Failure::Spent { cause: Arc::clone(&cause), wait: left }
                    }
                    Kind::Transient(retry_after) => {
                        Failure::Transient { cause: Arc::clone(&cause), retry_after }
                    }
                };
                let current = session.machine.failed(self.attempt, failure, now);
                if permanent {
                    // A late one counts too, unless the credentials have worked since, with
                    // whatever organisation, or were replaced.
                    let replaced = self.attempt.version() != session.account.identity.version();
                    let outdated = !current && is_outdated(&cause, &session.account, self.begun);
                    if session.machine.current().is_none() && !replaced && !outdated {
                        session.refuse(self.attempt, &cause);
                        session.tell(Event::Refused { cause: Arc::clone(&cause) }, &mut wake);
                    }
                    if current {
                        let told = Told { cause, retry_at: None };
                        session.line.tell(&told, false, &mut wake);
                    } else {
                        session.line.wake_all(&mut wake);
                    }
                } else if current {
                    session.tell_of_failure(&mut wake);
                }
                if current { SignInEnded::Failed } else { SignInEnded::Stale }
            }
        };
        if probed {
            // Not before a refusal is written down, which the next to try looks for.
            session.end_probe();
        }
        session.pump(now, &mut wake);
        (ended, wake)
    }
}

/// Whether BILL has accepted since `begun` what it refuses here.
fn is_outdated(cause: &Cause, account: &Account, begun: Instant) -> bool {
    match cause.code().map(Code::meaning) {
        Some(Meaning::WrongPassword) => account.identity.accepted_since(begun),
        Some(Meaning::WrongKey) => account.key.accepted_since(begun),
        _ => false,
    }
}

/// How a sign-in has ended; those who waited for it are told by their own calls.
#[derive(Debug)]
#[must_use]
#[expect(clippy::exhaustive_enums, reason = "a new duty must break an adapter")]
pub enum SignInEnded {
    /// There is a session now.
    Stored {
        /// What its `apiEndPoint` named, when it was not followed.
        not_followed: Option<NotFollowed>,
    },
    /// There is none, and everyone who waited is told why.
    Failed,
    /// Its answer came too late to matter.
    Stale,
    /// The program signed out meanwhile: run this call, so that no session is left behind.
    LogOut(Call),
}

/// An `apiEndPoint` that is none of the environment's own: nothing is ever sent there.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NotFollowed {
    /// The host that it named, if it named one.
    pub host: Option<String>,
}

impl fmt::Display for NotFollowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.host.as_deref().unwrap_or("no host");
        write!(f, "the sign-in's apiEndPoint names {host}, which is not followed")
    }
}
