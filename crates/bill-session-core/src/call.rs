//! One call, or one sign-in, walked over the session, the line and the limits.
//!
//! ```text
//!              ┌──────────────────────────── Again ────────────────────────────┐
//!              ▼                                                               │
//!            Call ── step ──▶ Step::Exchange(InFlight) ── read ──▶ Heard ── settle ──▶ Outcome
//!              ▲  │                                                 
//!              │  ├─────────▶ Step::SignIn(SignIn, Call, until)
//!              │  │                 └── read ──▶ HeardSignIn ── settle ──▶ SignInEnded
//!              └──┴── Step::Wait(Call, until)
//! ```
//!
//! Every method takes `self`: an exchange cannot be answered twice, nor a finished call be sent.
//! `step` and `settle` run under the adapter's lock and are short; building a request and parsing
//! an answer happen outside it.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Request, Response};
use serde::de::value::UnitDeserializer;
use serde::de::{DeserializeOwned, IntoDeserializer};

use crate::account::{Account, SignedIn};
use crate::backoff::{CONTENDED_CALL, later};
use crate::credentials::{OrgId, Principal, Secret, SessionId};
use crate::error::{Cause, DecodeError, Error, Limit, Misuse, TransportError};
use crate::line::{CallId, Need, Told, Waiter, Wake};
use crate::pump::{GRACE, Session};
use crate::session::{Asked, Attempt, Failure, Generation, Landed};
use crate::wire::v2::{LoginData, Operation};
use crate::wire::{Parsed, Verdict, host_of, left_of_hour, retry_after, v2};

/// How often a call that met three others is sent again.
const CONTENTIONS: u8 = 2;

/// One operation, from its first step to its end: a call, a sign-in, a lease, a renewal, a logout.
#[must_use = "a call does nothing until it is stepped"]
pub struct Call {
    task: Task,
    ticket: Option<Ticket>,
    total: Option<Duration>,
    /// It was sent again after BDC_1109, which happens once.
    replayed: bool,
    contended: u8,
}

/// What a call is given at its first step, for life.
#[derive(Clone, Copy, Debug)]
struct Ticket {
    id: CallId,
    epoch: u64,
    deadline: Instant,
}

pub(crate) enum Task {
    V2 {
        operation: Operation,
        data: Arc<str>,
    },
    SignIn,
    Lease {
        min_left: Duration,
    },
    Renew,
    KeepAlive,
    Logout {
        session: Arc<SignedIn>,
    },
}

impl Call {
    pub(crate) fn new(task: Task) -> Self {
        Self {
            task,
            ticket: None,
            total: None,
            replayed: false,
            contended: 0,
        }
    }

    /// Makes sure that there is a session, signing in if there is none.
    ///
    /// Unlike a call, it makes one attempt in spite of a permanent refusal.
    pub fn sign_in() -> Self {
        Self::new(Task::SignIn)
    }

    /// The session with at least `min_left` of its idle time left, for requests of one's own.
    pub fn lease(min_left: Duration) -> Self {
        Self::new(Task::Lease { min_left })
    }

    /// What is to be run when [`Session::renew_at`] has come.
    pub fn renewal<W>(session: &Session<W>) -> Self {
        Self::new(match session.settings.renewal {
            crate::Renewal::KeepAlive => Task::KeepAlive,
            _ => Task::Renew,
        })
    }

    pub(crate) fn logout(session: Arc<SignedIn>) -> Self {
        Self::new(Task::Logout { session })
    }

    /// Another limit for the call in all, waiting and replays included.
    pub fn deadline(mut self, total: Duration) -> Self {
        self.total = Some(total);
        self
    }

    /// Its number, once it has taken its first step.
    pub fn id(&self) -> Option<CallId> {
        self.ticket.map(|ticket| ticket.id)
    }

    /// What it is called in errors, such as `List/Vendor`.
    pub fn name(&self) -> Arc<str> {
        match &self.task {
            Task::V2 { operation, .. } => Arc::clone(&operation.name),
            Task::SignIn => "the sign-in".into(),
            Task::Lease { .. } => "the lease".into(),
            Task::Renew | Task::KeepAlive => "the renewal".into(),
            Task::Logout { .. } => "Logout".into(),
        }
    }

    /// Takes the next step: what the caller is to do now.
    ///
    /// `token` is asked for only when the call has to wait; it is what wakes the caller.
    pub fn step<W>(
        mut self,
        session: &mut Session<W>,
        token: impl FnOnce() -> W,
        now: Instant,
    ) -> (Step, Wake<W>) {
        let mut wake = Wake::nobody();
        let now = session.clamp(now);
        let (need, passes_refusal) = Session::<W>::need_of(&self.task);
        let ticket = match self.ticket {
            Some(ticket) => ticket,
            None => {
                if let Some(refused) = self.first_step(session, now) {
                    return (refused, wake);
                }
                Ticket {
                    id: session.line.next_id(),
                    epoch: session.machine.epoch(),
                    deadline: later(now, self.total.unwrap_or(session.settings.deadline)),
                }
            }
        };
        self.ticket = Some(ticket);
        if need != Need::Slot && ticket.epoch != session.machine.epoch() {
            session.pump(now, &mut wake);
            return (Step::Refuse(Error::SignedOut { call: self.name() }), wake);
        }
        match session.line.find(ticket.id) {
            Some(at) => session.line.steps(at),
            None => session
                .line
                .join(Waiter::new(ticket.id, need, passes_refusal)),
        }
        session.pump(now, &mut wake);
        let step = self.take(session, need, ticket, token, now, &mut wake);
        (step, wake)
    }

    /// What ends a call before it has a number.
    fn first_step<W>(&self, session: &mut Session<W>, now: Instant) -> Option<Step> {
        match &self.task {
            Task::Lease { min_left } if !session.can_have_left(*min_left) => {
                Some(Step::Refuse(Error::Misuse(Misuse::LeaseTooLong)))
            }
            Task::Renew | Task::KeepAlive => {
                session.renewal_begins(now);
                None
            }
            _ => None,
        }
    }

    /// Takes up what the pump has granted, or waits.
    fn take<W>(
        self,
        session: &mut Session<W>,
        need: Need,
        ticket: Ticket,
        token: impl FnOnce() -> W,
        now: Instant,
        wake: &mut Wake<W>,
    ) -> Step {
        let Some(at) = session.line.find(ticket.id) else {
            return Step::Refuse(Error::SignedOut { call: self.name() });
        };
        if let Some(Told { cause, retry_at }) = session.line.waiter_mut(at).told.take() {
            return self.refuse(session, at, Refusal::NoSession(cause, retry_at), now, wake);
        }
        if now >= ticket.deadline {
            return self.refuse(session, at, Refusal::Deadline, now, wake);
        }
        let min_left = match need {
            Need::Session { min_left } => min_left,
            Need::Exchange | Need::Slot => Duration::ZERO,
        };
        let mut look_at = ticket.deadline;
        let has_slot = session.line.waiter(at).has_slot();
        if let Task::Logout { session: forgotten } = &self.task {
            if has_slot {
                let forgotten = Arc::clone(forgotten);
                // A logout goes out even if the hour's calls are spent: it is worth the try.
                let _counted = session.account.key.begin_call(now);
                return self.start(
                    session,
                    at,
                    ticket,
                    (forgotten, Generation::NONE),
                    now,
                    wake,
                );
            }
        } else {
            match session.machine.ask(later(now, min_left)) {
                Asked::Ready(current, generation) => {
                    let current = Arc::clone(current);
                    if need != Need::Exchange {
                        session.line.leave(at, wake);
                        session.pump(now, wake);
                        return Step::Ready(Lease {
                            session: current,
                            generation,
                            sent_at: now,
                        });
                    }
                    let key = &session.account.key;
                    let open = if has_slot {
                        key.begin_call(now)
                    } else {
                        key.calls_open(now)
                    };
                    match open {
                        Ok(()) if has_slot => {
                            return self.start(
                                session,
                                at,
                                ticket,
                                (current, generation),
                                now,
                                wake,
                            );
                        }
                        Ok(()) => {}
                        Err(until) if until >= ticket.deadline => {
                            let refusal = Refusal::CallsSpent(until);
                            return self.refuse(session, at, refusal, now, wake);
                        }
                        Err(until) => look_at = until,
                    }
                }
                // Nothing to keep alive: whoever needs a session will sign in.
                _ if matches!(self.task, Task::KeepAlive) => {
                    session.line.leave(at, wake);
                    session.pump(now, wake);
                    return Step::Done;
                }
                asked => {
                    let waiter = session.line.waiter(at);
                    let (may_try, backed_off) = match asked {
                        Asked::Wait { attempt, .. } => (waiter.riding == Some(attempt.id), None),
                        Asked::Failed { cause, retry_at } => {
                            (waiter.passes_refusal, Some((Arc::clone(cause), retry_at)))
                        }
                        Asked::SignIn | Asked::Ready(..) => (waiter.passes_refusal, None),
                    };
                    let sign_in_due = matches!(asked, Asked::SignIn);
                    if let Some(cause) = session.refusal().filter(|_| !may_try) {
                        return self.refuse(
                            session,
                            at,
                            Refusal::NoSession(cause, None),
                            now,
                            wake,
                        );
                    }
                    if sign_in_due && has_slot {
                        return self.sign_in_now(session, at, ticket, token, now, wake);
                    }
                    if let Some((cause, retry_at)) = backed_off
                        && retry_at >= ticket.deadline
                    {
                        let refusal = Refusal::NoSession(cause, Some(retry_at));
                        return self.refuse(session, at, refusal, now, wake);
                    }
                }
            }
            // Whatever it was assigned a slot for has passed meanwhile.
            if has_slot {
                session.line.unassign(at);
                session.pump(now, wake);
            }
        }
        if let Some(not_before) = session
            .line
            .waiter(at)
            .not_before
            .filter(|then| *then > now)
        {
            look_at = look_at.min(not_before);
        }
        session.line.waits(at, token(), wake);
        Step::Wait(self, session.look_again_at(look_at, now))
    }

    /// The waiter's slot becomes an exchange.
    fn start<W>(
        self,
        session: &mut Session<W>,
        at: usize,
        ticket: Ticket,
        (with, generation): (Arc<SignedIn>, Generation),
        now: Instant,
        wake: &mut Wake<W>,
    ) -> Step {
        let left = ticket.deadline.saturating_duration_since(now);
        let limit = session.settings.call_limit.min(left);
        let until = later(now, limit.saturating_add(GRACE));
        let slot = session.line.start_exchange(at, until, wake);
        session.lapses_at(until);
        if self.is_call() {
            session.renewals = 0;
        }
        Step::Exchange(InFlight {
            call: self,
            ticket,
            session: with,
            generation,
            slot,
            sent_at: now,
            limit,
        })
    }

    /// The waiter's slot becomes the sign-in that all wait for; the call waits like any other.
    fn sign_in_now<W>(
        self,
        session: &mut Session<W>,
        at: usize,
        ticket: Ticket,
        token: impl FnOnce() -> W,
        now: Instant,
        wake: &mut Wake<W>,
    ) -> Step {
        if let Err(until) = session.account.key.begin_sign_in(now) {
            let wait = until.saturating_duration_since(now);
            let cause = Arc::new(Cause::BudgetSpent);
            session.machine.defer(Arc::clone(&cause), wait, now);
            session.line.unassign(at);
            session.line.wake_all(wake);
            if until >= ticket.deadline {
                let refusal = Refusal::NoSession(cause, Some(until));
                return self.refuse(session, at, refusal, now, wake);
            }
            session.line.waits(at, token(), wake);
            return Step::Wait(self, session.look_again_at(ticket.deadline, now));
        }
        let account = Arc::clone(&session.account);
        let (principal, version) = account.identity.current();
        let limit = session.settings.sign_in_limit;
        let deadline = later(now, limit.saturating_add(GRACE));
        let lifetime = session.lifetime(principal.is_token());
        let attempt = session.machine.begin(version, lifetime, deadline, now);
        session.line.start_sign_in(at, attempt.id, deadline);
        let waiter = session.line.waiter_mut(at);
        waiter.passes_refusal = false;
        waiter.riding = Some(attempt.id);
        session.sign_in_begins(deadline, now);
        session.line.waits(at, token(), wake);
        session.pump(now, wake);
        let until = session.look_again_at(ticket.deadline, now);
        Step::SignIn(
            SignIn {
                account,
                principal,
                attempt,
                limit,
            },
            self,
            until,
        )
    }

    /// The call ends unsent, and whatever it held passes on.
    fn refuse<W>(
        self,
        session: &mut Session<W>,
        at: usize,
        refusal: Refusal,
        now: Instant,
        wake: &mut Wake<W>,
    ) -> Step {
        session.line.leave(at, wake);
        let call = self.name();
        let after = |instant: Instant| instant.saturating_duration_since(now);
        let error = match refusal {
            Refusal::Deadline => {
                let cause = session
                    .machine
                    .failure()
                    .map(|(cause, _)| Arc::clone(cause));
                Error::Deadline { call, cause }
            }
            Refusal::NoSession(cause, Some(until)) if cause.is_spent() => {
                let code = cause.code().cloned();
                let retry_after = after(until);
                Error::Limited {
                    call,
                    limit: Limit::SignIns,
                    retry_after,
                    code,
                }
            }
            Refusal::NoSession(cause, retry_at) => Error::NoSession {
                call,
                cause,
                retry_after: retry_at.map(after),
            },
            Refusal::CallsSpent(until) => {
                let retry_after = after(until);
                Error::Limited {
                    call,
                    limit: Limit::Calls,
                    retry_after,
                    code: None,
                }
            }
        };
        session.pump(now, wake);
        Step::Refuse(error)
    }

    fn is_call(&self) -> bool {
        matches!(self.task, Task::V2 { .. })
    }
}

enum Refusal {
    Deadline,
    NoSession(Arc<Cause>, Option<Instant>),
    CallsSpent(Instant),
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("name", &self.name())
            .field("ticket", &self.ticket)
            .finish_non_exhaustive()
    }
}

/// What a call is to do now.
#[derive(Debug)]
#[must_use]
#[expect(clippy::exhaustive_enums, reason = "a new duty must break an adapter")]
pub enum Step {
    /// Send [`InFlight::request`], give the answer to [`InFlight::read`], settle what it heard.
    Exchange(InFlight),
    /// Run this sign-in where it outlives its caller; step the call again at the instant given, or
    /// when woken.
    SignIn(SignIn, Call, Instant),
    /// Step the call again at the instant given, or when woken.
    Wait(Call, Instant),
    /// There is a session, which is all that this call was for.
    Ready(Lease),
    /// There is nothing to do.
    Done,
    /// The call ends without an answer; it was not sent, or not sent again.
    Refuse(Error),
}

/// A call that holds a slot and a session, and is to be sent.
#[must_use = "an exchange that is neither settled nor cancelled holds its slot until its deadline"]
pub struct InFlight {
    call: Call,
    ticket: Ticket,
    session: Arc<SignedIn>,
    generation: Generation,
    slot: Option<usize>,
    sent_at: Instant,
    limit: Duration,
}

impl InFlight {
    /// The request to send, signed with the session.
    pub fn request(&self) -> Request<Bytes> {
        let SignedIn {
            account,
            session_id,
            base,
            ..
        } = &*self.session;
        match &self.call.task {
            Task::V2 { operation, data } => {
                v2::call(base, operation, &account.dev_key, session_id, data)
            }
            Task::Logout { .. } => v2::logout(base, &account.dev_key, session_id),
            Task::KeepAlive | Task::Renew | Task::SignIn | Task::Lease { .. } => {
                v2::session_info(base, &account.dev_key, session_id)
            }
        }
    }

    /// The longest time that the exchange may take.
    pub fn limit(&self) -> Duration {
        self.limit
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
        let (verdict, parsed) = match answer {
            Ok(answer) => {
                let held = &self.session.account.held;
                let parsed = v2::read::<T>(&answer, &self.call.name(), held);
                (parsed.verdict(answer.headers()), Ok(parsed))
            }
            Err(error) => (Verdict::Unknown, Err(error)),
        };
        Heard {
            in_flight: self,
            verdict,
            parsed,
        }
    }

    /// Takes the word of a program that has read the answer by itself.
    pub fn observed(self, verdict: Verdict) -> Heard<()> {
        Heard {
            in_flight: self,
            verdict,
            parsed: Ok(Parsed::Success(())),
        }
    }
}

impl fmt::Debug for InFlight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InFlight")
            .field("call", &self.call)
            .field("generation", &self.generation)
            .finish_non_exhaustive()
    }
}

/// An exchange that is over, to be settled with the session.
#[derive(Debug)]
#[must_use = "an exchange that is not settled holds its slot until its deadline"]
pub struct Heard<T> {
    in_flight: InFlight,
    verdict: Verdict,
    parsed: Result<Parsed<T>, TransportError>,
}

impl<T: DeserializeOwned> Heard<T> {
    /// Frees the slot, draws the consequences for the session, and tells how the call goes on.
    pub fn settle<W>(self, session: &mut Session<W>, now: Instant) -> (Outcome<T>, Wake<W>) {
        let Self {
            in_flight,
            verdict,
            parsed,
        } = self;
        let InFlight {
            mut call,
            ticket,
            generation,
            slot,
            sent_at,
            ..
        } = in_flight;
        let mut wake = Wake::nobody();
        let now = session.clamp(now);
        if let Some(slot) = slot {
            session.line.end_exchange(slot, ticket.id);
        }
        session.heed(verdict, generation, sent_at, now, &mut wake);
        let outcome = match verdict {
            Verdict::Invalid if call.is_call() && !call.replayed => {
                call.replayed = true;
                again(call, ticket, None, session)
            }
            Verdict::Contended { retry_after }
                if call.is_call() && call.contended < CONTENTIONS =>
            {
                call.contended += 1;
                let jitter = session.machine.jitter();
                let wait = CONTENDED_CALL.after(u32::from(call.contended), jitter);
                let not_before = later(now, wait.max(retry_after.unwrap_or_default()));
                if not_before < ticket.deadline {
                    again(call, ticket, Some(not_before), session)
                } else {
                    ended(&call, verdict, parsed)
                }
            }
            _ => ended(&call, verdict, parsed),
        };
        session.pump(now, &mut wake);
        (outcome, wake)
    }
}

/// Puts the call back where it stood, before anything is granted to others.
fn again<T, W>(
    call: Call,
    ticket: Ticket,
    not_before: Option<Instant>,
    session: &mut Session<W>,
) -> Outcome<T> {
    if ticket.epoch != session.machine.epoch() {
        return Outcome::Failed(Error::SignedOut { call: call.name() });
    }
    let (need, passes_refusal) = Session::<W>::need_of(&call.task);
    let mut waiter = Waiter::new(ticket.id, need, passes_refusal);
    waiter.not_before = not_before;
    session.line.join(waiter);
    Outcome::Again(call)
}

fn ended<T: DeserializeOwned>(
    call: &Call,
    verdict: Verdict,
    parsed: Result<Parsed<T>, TransportError>,
) -> Outcome<T> {
    let error = match parsed {
        Ok(Parsed::Success(data)) => return Outcome::Done(data),
        // A session that is invalid already is signed out, which is all that was asked for.
        Ok(Parsed::Error(_))
            if verdict == Verdict::Invalid && matches!(call.task, Task::Logout { .. }) =>
        {
            return nothing(call.name()).map_or_else(Outcome::Failed, Outcome::Done);
        }
        Ok(Parsed::Error(error)) => match verdict {
            Verdict::HourSpent { left } => Error::Limited {
                call: call.name(),
                limit: Limit::Calls,
                retry_after: left,
                code: error.code().cloned(),
            },
            _ => Error::from_api(error),
        },
        Ok(Parsed::Mismatch(error)) => Error::Decode {
            call: call.name(),
            error,
        },
        Ok(Parsed::Foreign(answer)) => Error::NotBill {
            call: call.name(),
            answer,
        },
        Err(error) => Error::NoAnswer {
            call: call.name(),
            error,
        },
    };
    Outcome::Failed(error)
}

/// An answer without data.
fn nothing<T: DeserializeOwned>(call: Arc<str>) -> Result<T, Error> {
    let unit: UnitDeserializer<serde::de::value::Error> = ().into_deserializer();
    T::deserialize(unit).map_err(|error| Error::Decode {
        call,
        error: DecodeError::new(error.to_string()),
    })
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
    /// It was not, or nobody knows.
    Failed(Error),
}

/// What a call that went well has ended with.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "a new end must break an adapter")]
pub enum Finished<T> {
    /// BILL's answer to a call.
    Answer(T),
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
            Self::Ready(_) | Self::Nothing => nothing("the call".into()),
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
            Self::Answer(_) | Self::Nothing => Err(Error::SignedOut {
                call: "the lease".into(),
            }),
        }
    }
}

/// The id of a sign-in, to beat for it or to cancel it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignInId(pub(crate) Attempt);

/// A sign-in to be run, on behalf of everyone who waits for it.
#[must_use = "a sign-in that is neither settled nor cancelled holds up everyone until its deadline"]
pub struct SignIn {
    account: Arc<Account>,
    principal: Arc<Principal>,
    attempt: Attempt,
    limit: Duration,
}

impl SignIn {
    /// Its id.
    pub fn id(&self) -> SignInId {
        SignInId(self.attempt)
    }

    /// The longest time that its exchange may take.
    pub fn limit(&self) -> Duration {
        self.limit
    }

    /// The request to send.
    pub fn request(&self) -> Request<Bytes> {
        let Account {
            environment,
            org_id,
            dev_key,
            ..
        } = &*self.account;
        v2::sign_in(&environment.base(), &self.principal, org_id, dev_key)
    }

    /// Parses the answer, or takes note that none came; needs no lock.
    pub fn read(self, answer: Result<Response<Bytes>, TransportError>) -> HeardSignIn {
        let heard = match answer {
            Ok(answer) => self.judge(&answer),
            Err(error) => Err(failed(Cause::NoAnswer(error), None)),
        };
        HeardSignIn {
            account: self.account,
            attempt: self.attempt,
            heard,
        }
    }

    fn judge(&self, answer: &Response<Bytes>) -> Result<Welcome, SignInFailure> {
        let headers = answer.headers();
        match v2::read::<LoginData>(answer, &"the sign-in".into(), &self.account.held) {
            Parsed::Success(data) => self.welcome(data, answer),
            Parsed::Error(error) => {
                let meaning = error.meaning();
                let after = retry_after(headers);
                let cause = Arc::new(Cause::Refused(error));
                let kind = match meaning {
                    crate::code::Meaning::Contended => Kind::Contended(after),
                    crate::code::Meaning::HourSpent => Kind::HourSpent(left_of_hour(headers)),
                    refusal if refusal.is_permanent_refusal() => Kind::Permanent,
                    _ => Kind::Transient(after),
                };
                Err(SignInFailure { cause, kind })
            }
            // What does not fit is not repeated: it may hold the session's id.
            Parsed::Mismatch(_) => Err(failed(
                Cause::NotBill(crate::wire::foreign(answer)),
                retry_after(headers),
            )),
            Parsed::Foreign(foreign) => Err(failed(Cause::NotBill(foreign), retry_after(headers))),
        }
    }

    fn welcome(&self, data: LoginData, answer: &Response<Bytes>) -> Result<Welcome, SignInFailure> {
        let LoginData {
            session_id,
            org_id,
            api_end_point,
            users_id,
        } = data;
        let session_id = SessionId(Secret::new(session_id));
        let printable = |text: &str| !text.is_empty() && !text.chars().any(char::is_control);
        if !printable(session_id.expose_secret()) {
            return Err(failed(Cause::NotBill(crate::wire::foreign(answer)), None));
        }
        if org_id.is_some_and(|org_id| org_id != self.account.org_id.as_str()) {
            return Err(failed(Cause::WrongOrganization, None));
        }
        let environment = &self.account.environment;
        let followed = match &api_end_point {
            None => Some(environment.base()),
            Some(named) => environment.followed(named),
        };
        let not_followed = match (&followed, api_end_point) {
            (None, Some(named)) => Some(host_of(&named).unwrap_or_else(|| "no host".to_owned())),
            _ => None,
        };
        let session = SignedIn {
            account: Arc::clone(&self.account),
            session_id,
            base: followed.unwrap_or_else(|| environment.base()),
            user_id: users_id.map(|id| crate::wire::printable(&id)),
        };
        Ok(Welcome {
            session: Arc::new(session),
            not_followed,
        })
    }
}

impl fmt::Debug for SignIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignIn")
            .field("attempt", &self.attempt)
            .finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct Welcome {
    session: Arc<SignedIn>,
    not_followed: Option<String>,
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
    SignInFailure {
        cause: Arc::new(cause),
        kind: Kind::Transient(retry_after),
    }
}

/// A sign-in that is over, to be settled with the session.
#[derive(Debug)]
#[must_use = "a sign-in that is not settled holds up everyone until its deadline"]
pub struct HeardSignIn {
    account: Arc<Account>,
    attempt: Attempt,
    heard: Result<Welcome, SignInFailure>,
}

impl HeardSignIn {
    /// Stores the session or its failure, and wakes those who waited for it.
    pub fn settle<W>(self, session: &mut Session<W>, now: Instant) -> (SignInEnded, Wake<W>) {
        let mut wake = Wake::nobody();
        let now = session.clamp(now);
        // Whoever is affected is told of replaced credentials before this answer is weighed.
        session.pump(now, &mut wake);
        session.line.end_sign_in(self.attempt.id);
        let ended = match self.heard {
            Ok(Welcome {
                session: signed_in,
                not_followed,
            }) => {
                self.account.held.add(&signed_in.session_id.0);
                match session.machine.signed_in(self.attempt, signed_in) {
                    Landed::Stored(_) => {
                        session.accepted(self.attempt, not_followed.clone());
                        session.line.wake_slotless(&mut wake);
                        SignInEnded::Stored { not_followed }
                    }
                    Landed::SignedOut(orphan) => SignInEnded::LogOut(Call::logout(orphan)),
                    Landed::Stale => SignInEnded::Stale,
                }
            }
            Err(SignInFailure { cause, kind }) => {
                let permanent = matches!(kind, Kind::Permanent);
                let failure = match kind {
                    Kind::Permanent => Failure::Permanent,
                    Kind::Contended(retry_after) => Failure::Contended {
                        cause: Arc::clone(&cause),
                        retry_after,
                    },
                    Kind::HourSpent(left) => {
                        session.account.key.close_sign_ins(later(now, left));
                        Failure::Spent {
                            cause: Arc::clone(&cause),
                            wait: left,
                        }
                    }
                    Kind::Transient(retry_after) => Failure::Transient {
                        cause: Arc::clone(&cause),
                        retry_after,
                    },
                };
                let current = session.machine.failed(self.attempt, failure, now);
                if permanent {
                    // A late one counts too, unless the same credentials have worked since.
                    if session.machine.current().is_none() {
                        session.refuse(self.attempt, &cause);
                    }
                    if current {
                        let told = Told {
                            cause,
                            retry_at: None,
                        };
                        session.line.tell_all(&told, &mut wake);
                    } else {
                        session.line.wake_all(&mut wake);
                    }
                } else if current {
                    session.tell_of_failure(&mut wake);
                }
                if current {
                    SignInEnded::Failed
                } else {
                    SignInEnded::Stale
                }
            }
        };
        session.pump(now, &mut wake);
        (ended, wake)
    }
}

/// How a sign-in has ended; those who waited for it are told by their own calls.
#[derive(Debug)]
#[must_use]
#[expect(clippy::exhaustive_enums, reason = "a new duty must break an adapter")]
pub enum SignInEnded {
    /// There is a session now.
    Stored {
        /// The host that its `apiEndPoint` named, when it was not followed.
        not_followed: Option<String>,
    },
    /// There is none, and everyone who waited is told why.
    Failed,
    /// Its answer came too late to matter.
    Stale,
    /// The program signed out meanwhile: run this call, so that no session is left behind.
    LogOut(Call),
}

/// The session, for requests that a program sends by itself.
///
/// It takes no slot and counts in no budget. Give it back with
/// [`Session::lease_ended`] and what the answer said.
#[must_use]
pub struct Lease {
    session: Arc<SignedIn>,
    generation: Generation,
    sent_at: Instant,
}

impl Lease {
    /// The session's id.
    pub fn session_id(&self) -> &SessionId {
        &self.session.session_id
    }

    /// The organisation that it is signed in to.
    pub fn org_id(&self) -> &OrgId {
        &self.session.account.org_id
    }

    /// The URL of the API that it belongs to, such as `https://api-stage.bill.com/api/v2`.
    pub fn api(&self) -> String {
        self.session.base.to_string()
    }

    /// Puts `devKey` and `sessionId` in front of the form fields in the request's body.
    ///
    /// # Errors
    ///
    /// [`Misuse::ForeignRequest`] when the request goes anywhere but to [`api`](Self::api), and
    /// [`Misuse::PathQuery`] when it has a query.
    pub fn sign(&self, request: &mut Request<Bytes>) -> Result<(), Misuse> {
        let SignedIn {
            account,
            session_id,
            base,
            ..
        } = &*self.session;
        if !base.is_of(request.uri()) || !request.uri().path().starts_with("/api/v2/") {
            return Err(Misuse::ForeignRequest);
        }
        if request.uri().query().is_some() {
            return Err(Misuse::PathQuery);
        }
        let rest = std::str::from_utf8(request.body()).map_err(|_| Misuse::Data)?;
        *request.body_mut() = v2::signed_body(&account.dev_key, session_id, rest);
        request.headers_mut().insert(CONTENT_TYPE, v2::FORM);
        Ok(())
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease")
            .field("generation", &self.generation)
            .finish_non_exhaustive()
    }
}

impl<W> Session<W> {
    /// A lease is over; the verdict says what the answer to its request said.
    pub fn lease_ended(&mut self, lease: Lease, verdict: Verdict, now: Instant) -> Wake<W> {
        let mut wake = Wake::nobody();
        let now = self.clamp(now);
        self.heed(verdict, lease.generation, lease.sent_at, now, &mut wake);
        self.pump(now, &mut wake);
        wake
    }
}
