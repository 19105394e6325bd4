//! One exchange of a call: signed and sent, read without the lock, settled under it.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use http::{Request, Response};
use serde::de::value::UnitDeserializer;
use serde::de::{DeserializeOwned, IntoDeserializer};

use crate::account::{Account, Api, SignedIn};
use crate::backoff::later;
use crate::call::{Call, Task, Ticket};
use crate::cause::Cause;
use crate::code::Meaning;
use crate::credentials::Principal;
use crate::error::{ApiError, DecodeError, Error, Limit};
use crate::events::Event;
use crate::lease::Lease;
use crate::line::{CallId, Waiter, Wake};
use crate::mfa::{MfaData, MfaOutcome, unasked};
use crate::pump::Session;
use crate::replay::{Ended, Replays};
use crate::session::Generation;
use crate::transport::TransportError;
use crate::upload::UploadForm;
use crate::wire::{Parsed, Verdict, date, v2, v3};

/// A call that holds a slot and a session, and is to be sent.
#[must_use = "an exchange that is neither settled nor cancelled holds its slot until its deadline"]
pub struct InFlight {
    pub(crate) task: Task,
    pub(crate) replays: Option<Box<Replays>>,
    pub(crate) slot: Option<u32>,
    pub(crate) ticket: Ticket,
    pub(crate) session: Arc<SignedIn>,
    pub(crate) generation: Generation,
    pub(crate) sent_at: Instant,
    /// In nanoseconds, which fit into half of what a `Duration` takes: this is moved at every call.
    pub(crate) limit: u64,
}

impl InFlight {
    /// The request to send, signed with the session.
    ///
    /// That of an upload has the body that stands before the content; see
    /// [`after_content`](Self::after_content).
    pub fn request(&self) -> Request<Bytes> {
        let SignedIn { account, session_id, .. } = &*self.session;
        let (base, gateway) = (self.session.base(), self.session.gateway());
        let headers = self.session.headers();
        let v2_key = account.dev_key().ok();
        match (&self.task, v2_key) {
            (Task::V2(call), Some(key)) => {
                let sign = || v2::signed_body(key, session_id, &call.data);
                let body = match &self.replays {
                    Some(replays) => replays.body(&self.session, sign),
                    None => sign(),
                };
                v2::call(base, &call.operation, body)
            }
            (Task::V3(call), _) => {
                let content_type = call.body.as_ref().map(|_| v3::JSON);
                let body = call.body.clone().unwrap_or_default();
                v3::call(gateway, &call.target, headers, content_type, body)
            }
            (Task::Upload(upload), key) => match (&upload.form, key) {
                (UploadForm::V2(form), Some(key)) => form.request(base, key, session_id),
                (UploadForm::V3 { target, content_type }, _) => {
                    let content_type = Some(content_type.clone());
                    v3::call(gateway, target, headers, content_type, Bytes::new())
                }
                // A partner's account makes no call of v2's.
                (UploadForm::V2(_), None) => v3::session_info(gateway, headers),
            },
            (Task::Mfa(mfa), _) => mfa.request(&self.session),
            (Task::ListOrgs(Some(asker)), Some(key)) => v2::list_orgs(base, &asker.0, key),
            (Task::Logout { .. }, Some(key)) if self.session.api == Api::V2 => {
                v2::logout(base, key, session_id)
            }
            (Task::Logout { .. }, _) => v3::logout(gateway, headers),
            // Of the others only a keep-alive is ever sent: they need a session, and no exchange.
            (_, Some(key)) if self.session.api == Api::V2 => {
                v2::session_info(base, key, session_id)
            }
            (_, _) => v3::session_info(gateway, headers),
        }
    }

    /// For an upload, what its body has behind the content; nothing for any other call.
    ///
    /// The body of an upload is that of [`request`](Self::request), the content, and this.
    pub fn after_content(&self) -> Option<Bytes> {
        match &self.task {
            Task::Upload(upload) => Some(match &upload.form {
                UploadForm::V2(form) => form.after(),
                UploadForm::V3 { .. } => Bytes::new(),
            }),
            _ => None,
        }
    }

    /// The API whose form the answer has.
    fn api(&self) -> Api {
        match &self.task {
            Task::V2(_) | Task::ListOrgs(_) => Api::V2,
            Task::V3(_) => Api::V3,
            Task::Upload(upload) => match &upload.form {
                UploadForm::V2(_) => Api::V2,
                UploadForm::V3 { .. } => Api::V3,
            },
            Task::Mfa(mfa) => mfa.api(self.session.api),
            Task::KeepAlive
            | Task::Logout { .. }
            | Task::Renew { .. }
            | Task::SignIn
            | Task::Lease { .. } => self.session.api,
        }
    }

    fn parse<T: DeserializeOwned>(&self, answer: &Response<Bytes>) -> Parsed<T> {
        let (name, held) = (&|| self.task.name(), &self.session.account.held);
        match self.api() {
            Api::V2 => v2::read::<T>(answer, name, held),
            Api::V3 => v3::read::<T>(answer, name, held),
        }
    }

    fn parse_trust<T>(&self, answer: &Response<Bytes>) -> Parsed<Data<T>> {
        let parsed = self.parse::<Option<MfaData>>(answer).discreet();
        parsed.map(|data| Data::Trust(Box::new(data.unwrap_or_default())))
    }

    /// The longest time that the exchange may take.
    pub fn limit(&self) -> Duration {
        Duration::from_nanos(self.limit)
    }

    /// The number of its call.
    pub fn id(&self) -> CallId {
        self.ticket.id
    }

    /// Parses the answer into `T`, or takes note that none came; needs no lock.
    pub fn read<T: DeserializeOwned>(
        self,
        answer: Result<Response<Bytes>, TransportError>,
    ) -> Heard<T> {
        let (verdict, end, date, parsed) = match answer {
            Ok(answer) => {
                let parsed = match &self.task {
                    Task::Mfa(mfa) => match mfa.secret() {
                        Some(secret) => {
                            let held = &self.session.account.held;
                            held.while_passing(secret, || self.parse_trust(&answer))
                        }
                        None => self.parse_trust(&answer),
                    },
                    Task::KeepAlive if self.session.api == Api::V3 => self.parse_trust(&answer),
                    _ => self.parse::<T>(&answer).map(Data::Asked),
                };
                let verdict = parsed.verdict(answer.headers());
                let end = match verdict {
                    Verdict::Alive => None,
                    _ => Ended::by_answer(&parsed, verdict, answer.headers()),
                };
                // The clock matters to whoever is told of a spent hour, and to no ordinary call.
                let tells_time = matches!(verdict, Verdict::HourSpent { .. })
                    || matches!(self.task, Task::ListOrgs(_));
                let date = if tells_time { date(answer.headers()) } else { None };
                (verdict, end, date, Ok(parsed))
            }
            Err(error) => (Verdict::Unknown, Ended::by_silence(&error), None, Err(Box::new(error))),
        };
        Heard { in_flight: self, news: News::of(verdict, end, date), parsed }
    }

    /// Takes the word of a program that has read the answer by itself.
    #[inline]
    pub fn observed(self, verdict: Verdict) -> Heard<()> {
        let end = Ended::by_verdict(verdict);
        let parsed = Ok(Parsed::Success(Data::Asked(())));
        Heard { in_flight: self, news: News::of(verdict, end, None), parsed }
    }
}

impl fmt::Debug for InFlight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InFlight")
            .field("name", &self.task.name())
            .field("ticket", &self.ticket)
            .field("generation", &self.generation)
            .finish_non_exhaustive()
    }
}

/// An exchange that is over, to be settled with the session.
#[derive(Debug)]
#[must_use = "an exchange that is not settled holds its slot until its deadline"]
pub struct Heard<T> {
    in_flight: InFlight,
    /// What an ordinary answer does not tell; nothing of one by which the session is alive.
    news: Option<Box<News>>,
    parsed: Result<Parsed<Data<T>>, Box<TransportError>>,
}

/// What is out of the ordinary in an answer.
#[derive(Debug)]
struct News {
    verdict: Verdict,
    /// How the exchange has ended, if the call may go out again after that.
    end: Option<Ended>,
    /// BILL's clock, where it matters.
    date: Option<SystemTime>,
}

impl News {
    #[inline]
    fn of(verdict: Verdict, end: Option<Ended>, date: Option<SystemTime>) -> Option<Box<Self>> {
        if verdict == Verdict::Alive && end.is_none() && date.is_none() {
            return None;
        }
        Some(Box::new(Self { verdict, end, date }))
    }
}

/// What an answer holds.
#[derive(Debug)]
enum Data<T> {
    /// What the caller asked for.
    Asked(T),
    /// What it says of the session's trust.
    Trust(Box<MfaData>),
}

impl<T: DeserializeOwned> Heard<T> {
    /// Frees the slot, draws the consequences for the session, and tells how the call goes on.
    #[inline]
    pub fn settle<W>(self, session: &mut Session<W>, now: Instant) -> (Outcome<T>, Wake<W>) {
        if session.is_due(now) {
            return self.settle_at(session, now);
        }
        self.settle_by(session, || now)
    }

    /// The same, by a clock that is read only if the time matters: it does not to the answer that
    /// nearly every call gets, when nobody waits for the slot.
    ///
    /// What lapses meanwhile is noticed by whoever comes next.
    #[inline]
    pub fn settle_by<W>(
        self,
        session: &mut Session<W>,
        clock: impl FnOnce() -> Instant,
    ) -> (Outcome<T>, Wake<W>) {
        if !self.is_ordinary() || !session.is_at_rest() {
            return self.settle_at(session, clock());
        }
        let Self { in_flight, parsed, .. } = self;
        let InFlight { task, slot, ticket, generation, sent_at, session: used, .. } = in_flight;
        if let Some(slot) = slot {
            session.line.end_exchange(slot, ticket.id);
        }
        session.machine.credit(generation, sent_at);
        session.give_back(used, generation);
        (ended(&task, Verdict::Alive, parsed, |_| None), Wake::nobody())
    }

    /// Whether the session is well by it, and there is no more to it than that.
    #[inline]
    fn is_ordinary(&self) -> bool {
        let is_call = matches!(self.in_flight.task, Task::V2(_) | Task::V3(_) | Task::Upload(_));
        is_call && self.news.is_none()
    }

    #[inline(never)]
    fn settle_at<W>(self, session: &mut Session<W>, now: Instant) -> (Outcome<T>, Wake<W>) {
        let Self { in_flight, news, parsed } = self;
        let (verdict, end, date) = match news {
            Some(news) => (news.verdict, news.end, news.date),
            None => (Verdict::Alive, None, None),
        };
        let InFlight { task, replays, slot, ticket, generation, sent_at, session: used, .. } =
            in_flight;
        let mut wake = Wake::nobody();
        let now = session.clamp(now);
        if let Some(slot) = slot {
            session.line.end_exchange(slot, ticket.id);
        }
        // What was overdue before this answer came is no news of a call that comes back by it.
        session.notice(now, &mut wake);
        if let Some(date) = date {
            session.account.key.saw_clock(date, now);
        }
        match &task {
            Task::ListOrgs(asker) => {
                session.listed_orgs(asker.as_deref(), &parsed, verdict, now, &mut wake);
            }
            _ => session.heed(verdict, generation, sent_at, now, &mut wake),
        }
        if let Some(end) = end {
            let retry = session.settings.retry;
            let mut replays = replays.unwrap_or_default();
            let wait = replays.after(end, task.effect(), retry, session.machine.jitter());
            let not_before = wait.map(|wait| later(now, wait));
            if let Some(not_before) = not_before.filter(|then| *then < ticket.deadline) {
                session.give_back(used, generation);
                let not_before = Some(not_before).filter(|then| *then > now);
                let outcome = rejoin(task, replays, ticket, not_before, session);
                session.pump(now, &mut wake);
                return (outcome, wake);
            }
        }
        let outcome = match parsed {
            Ok(Parsed::Success(Data::Trust(data))) => {
                session.trust_told(&task, *data, &used, generation, &mut wake)
            }
            parsed => {
                let until = |left| session.account.key.wall_at(later(now, left));
                ended(&task, verdict, parsed, until)
            }
        };
        session.give_back(used, generation);
        session.pump(now, &mut wake);
        (outcome, wake)
    }
}

impl<W> Session<W> {
    /// A list of organisations was answered, which proves or disproves the credentials.
    fn listed_orgs<T>(
        &mut self,
        asker: Option<&(Arc<Principal>, u64)>,
        parsed: &Result<Parsed<T>, Box<TransportError>>,
        verdict: Verdict,
        now: Instant,
        wake: &mut Wake<W>,
    ) {
        let Some((_, version)) = asker else { return };
        let Account { identity, key, .. } = &*self.account;
        if let Verdict::HourSpent { left } = verdict {
            key.close_sign_ins(later(now, left));
        }
        match parsed {
            Ok(Parsed::Success(_) | Parsed::Mismatch(_)) => {
                identity.prove(*version, now);
                key.accept(now);
            }
            Ok(Parsed::Error(error)) => {
                let cause = Arc::new(Cause::Refused(ApiError::clone(error)));
                match error.meaning() {
                    Meaning::WrongPassword => identity.refuse(*version, Arc::clone(&cause)),
                    Meaning::WrongKey => key.refuse(Arc::clone(&cause)),
                    _ => return,
                }
                self.line.wake_all(wake);
                self.tell(Event::Refused { cause }, wake);
            }
            Ok(Parsed::Foreign(_)) | Err(_) => {}
        }
    }

    /// An answer told something of the session's trust.
    fn trust_told<T: DeserializeOwned>(
        &mut self,
        task: &Task,
        data: MfaData,
        used: &SignedIn,
        generation: Generation,
        wake: &mut Wake<W>,
    ) -> Outcome<T> {
        let Task::Mfa(mfa) = task else {
            match data.trusted_by_status() {
                Some(true) => self.trusted(generation),
                Some(false) => self.untrusted(generation, wake),
                None => {}
            }
            return nothing(task.name()).map_or_else(Outcome::Failed, Outcome::Done);
        };
        let Some(outcome) = mfa.outcome(data, generation) else {
            let error = DecodeError::new("it does not tell that this was done".to_owned());
            return Outcome::Failed(Error::Decode { call: task.name(), error });
        };
        if let MfaOutcome::Trusted(device) = &outcome {
            self.trusted(generation);
            if let Some(device) = device {
                self.account.held.add_credential(&device.id);
                self.account.identity.remember(used.version, Arc::clone(device));
            }
            // The device is remembered all the same; the trust has gone with its session.
            if !self.machine.is_current_session(generation) {
                return Outcome::Failed(Error::SessionChanged { call: task.name() });
            }
        }
        Outcome::Mfa(outcome)
    }
}

/// Puts the call back where it stood, before anything is granted to others.
fn rejoin<T, W>(
    task: Task,
    replays: Box<Replays>,
    ticket: Ticket,
    not_before: Option<Instant>,
    session: &mut Session<W>,
) -> Outcome<T> {
    if ticket.epoch != session.machine.epoch() {
        return Outcome::Failed(Error::SignedOut { call: task.name() });
    }
    let mut waiter = Waiter::new(ticket.id, task.need(), task.purpose());
    waiter.not_before = not_before;
    session.line.join(waiter);
    Outcome::Again(Call::resumed(task, replays, ticket))
}

#[inline]
fn ended<T: DeserializeOwned>(
    task: &Task,
    verdict: Verdict,
    parsed: Result<Parsed<Data<T>>, Box<TransportError>>,
    until: impl FnOnce(Duration) -> Option<SystemTime>,
) -> Outcome<T> {
    let call = || task.name();
    let error = match parsed {
        Ok(Parsed::Success(Data::Asked(data))) => return Outcome::Done(data),
        Ok(Parsed::Success(Data::Trust(_))) => {
            return nothing(call()).map_or_else(Outcome::Failed, Outcome::Done);
        }
        // A session that is invalid already is signed out, which is all that was asked for.
        Ok(Parsed::Error(_))
            if verdict == Verdict::Invalid && matches!(task, Task::Logout { .. }) =>
        {
            return nothing(call()).map_or_else(Outcome::Failed, Outcome::Done);
        }
        Ok(Parsed::Error(error)) => match verdict {
            Verdict::HourSpent { left } => Error::Limited {
                call: call(),
                limit: match task {
                    Task::ListOrgs(_) => Limit::SignIns,
                    _ => Limit::Calls,
                },
                retry_after: left,
                until: until(left),
                code: error.code().cloned(),
            },
            _ => Error::from_api(*error),
        },
        Ok(Parsed::Mismatch(error)) => Error::Decode { call: call(), error: *error },
        Ok(Parsed::Foreign(answer)) => Error::NotBill { call: call(), answer: *answer },
        Err(error) if error.is_content() => Error::Content { call: call(), error: *error },
        Err(error) => Error::NoAnswer { call: call(), error: *error },
    };
    Outcome::Failed(error)
}

/// An answer without data.
fn nothing<T: DeserializeOwned>(call: Arc<str>) -> Result<T, Error> {
    let unit: UnitDeserializer<serde::de::value::Error> = ().into_deserializer();
    T::deserialize(unit)
        .map_err(|error| Error::Decode { call, error: DecodeError::new(error.to_string()) })
}

/// How a call goes on after an exchange.
#[derive(Debug)]
#[must_use]
#[expect(clippy::exhaustive_enums, reason = "a new duty must break an adapter")]
pub enum Outcome<T> {
    /// It is to be sent again: step it.
    Again(Call),
    /// It was carried out.
    Done(T),
    /// An MFA call was carried out.
    Mfa(MfaOutcome),
    /// It was not, or nobody knows.
    Failed(Error),
}

/// What a call that went well has ended with.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "a new end must break an adapter")]
pub enum Finished<T> {
    /// BILL's answer to a call.
    Answer(T),
    /// The end of an MFA call.
    Mfa(MfaOutcome),
    /// The session that a sign-in or a lease was to make sure of.
    Ready(Lease),
    /// There was nothing to do.
    Nothing,
}

impl<T: DeserializeOwned> Finished<T> {
    /// The data of the answer; what ended without an answer has no data.
    ///
    /// # Errors
    ///
    /// [`Error::Decode`] when there was no data, and `T` needs some.
    pub fn answer(self) -> Result<T, Error> {
        match self {
            Self::Answer(data) => Ok(data),
            Self::Mfa(_) | Self::Ready(_) | Self::Nothing => nothing("the call".into()),
        }
    }

    /// What has become of an MFA call.
    ///
    /// # Errors
    ///
    /// [`Error::Decode`] when what ended was none.
    pub fn mfa(self) -> Result<MfaOutcome, Error> {
        match self {
            Self::Mfa(outcome) => Ok(outcome),
            Self::Answer(_) | Self::Ready(_) | Self::Nothing => Err(unasked()),
        }
    }

    /// The session.
    ///
    /// # Errors
    ///
    /// [`Error::SignedOut`] when what ended was not about having a session.
    pub fn lease(self) -> Result<Lease, Error> {
        match self {
            Self::Ready(lease) => Ok(lease),
            Self::Answer(_) | Self::Mfa(_) | Self::Nothing => {
                Err(Error::SignedOut { call: "the lease".into() })
            }
        }
    }
}
