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
use http::Method;

use crate::account::SignedIn;
use crate::backoff::{later, nanoseconds};
use crate::cause::Cause;
use crate::code::Code;
use crate::credentials::Principal;
use crate::error::{Error, Limit, Misuse, SIGN_IN};
use crate::exchange::InFlight;
use crate::lease::Lease;
use crate::limits::Spent;
use crate::line::{CallId, GRACE, Need, Purpose, Told, Waiter, Wake};
use crate::mfa::Mfa;
use crate::pump::Session;
use crate::replay::{Effect, Replays, Retry};
use crate::session::{Asked, Generation};
use crate::sign_in::{SignIn, SignInParts};
use crate::upload::{Repeatable, TIME_LEFT, Upload};
use crate::wire::v2::Operation;
use crate::wire::v3::Target;

/// One operation, from its first step to its end: a call, a sign-in, a lease, a renewal, a logout.
#[must_use = "a call does nothing until it is stepped"]
pub struct Call {
    task: Task,
    /// Nothing of a call that asks for nothing special and was never sent again.
    replays: Option<Box<Replays>>,
    stage: Stage,
}

#[derive(Clone, Copy, Debug)]
enum Stage {
    /// Not stepped yet; its limit in all, if it has one of its own.
    New {
        total: Option<Duration>,
    },
    Numbered(Ticket),
}

/// What a call is given at its first step, for life.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ticket {
    pub(crate) id: CallId,
    pub(crate) epoch: u64,
    pub(crate) deadline: Instant,
}

#[derive(Clone)]
pub(crate) enum Task {
    V2(Arc<V2>),
    V3(Arc<V3>),
    Upload(Arc<Upload>),
    Mfa(Arc<Mfa>),
    /// By nobody until it is sent, and then by the principal of that time and its version.
    ListOrgs(Option<Box<(Arc<Principal>, u64)>>),
    SignIn,
    Lease {
        min_left: Duration,
    },
    /// Of the epoch in which it was due: a sign-out is the end of it.
    Renew {
        epoch: u64,
    },
    KeepAlive,
    Logout {
        session: Arc<SignedIn>,
    },
}

impl Task {
    /// What it waits for.
    pub(crate) fn need(&self) -> Need {
        match self {
            Self::Upload(upload) if upload.repeatable == Repeatable::Once => {
                Need::Exchange { min_left: TIME_LEFT }
            }
            Self::V2(_) | Self::V3(_) | Self::Upload(_) | Self::Mfa(_) | Self::KeepAlive => {
                Need::Exchange { min_left: Duration::ZERO }
            }
            Self::SignIn | Self::Renew { .. } => Need::Session { min_left: Duration::ZERO },
            Self::Lease { min_left } => Need::Session { min_left: *min_left },
            Self::Logout { .. } | Self::ListOrgs(_) => Need::Slot,
        }
    }

    /// What doing it twice would do.
    pub(crate) fn effect(&self) -> Effect {
        match self {
            Self::V2(v2) if v2.operation.only_reads() => Effect::Reads,
            Self::V3(v3) if v3.target.method == Method::GET => Effect::Reads,
            Self::Upload(upload) if upload.repeatable == Repeatable::Once => Effect::Once,
            Self::Mfa(mfa) if mfa.bound_to().is_some() => Effect::Once,
            // A list of organisations costs a sign-in of the hour each time.
            Self::V2(_) | Self::V3(_) | Self::Upload(_) | Self::Mfa(_) | Self::ListOrgs(_) => {
                Effect::Writes
            }
            Self::SignIn
            | Self::Lease { .. }
            | Self::Renew { .. }
            | Self::KeepAlive
            | Self::Logout { .. } => Effect::Once,
        }
    }

    /// The only session that it may be sent with, if there is only one.
    fn bound_to(&self) -> Option<Generation> {
        match self {
            Self::Mfa(mfa) => mfa.bound_to(),
            _ => None,
        }
    }

    pub(crate) fn purpose(&self) -> Purpose {
        match self {
            Self::SignIn => Purpose::SignIn,
            Self::Renew { .. } | Self::KeepAlive => Purpose::Renewal,
            Self::V2(_)
            | Self::V3(_)
            | Self::Upload(_)
            | Self::Mfa(_)
            | Self::ListOrgs(_)
            | Self::Lease { .. }
            | Self::Logout { .. } => Purpose::Call,
        }
    }

    pub(crate) fn name(&self) -> Arc<str> {
        match self {
            Self::V2(v2) => v2.operation.name().into(),
            Self::V3(v3) => v3.target.name(),
            Self::Upload(upload) => Arc::clone(&upload.name),
            Self::Mfa(mfa) => mfa.name().into(),
            Self::ListOrgs(_) => "ListOrgs".into(),
            Self::SignIn => SIGN_IN.into(),
            Self::Lease { .. } => "the lease".into(),
            Self::Renew { .. } | Self::KeepAlive => "the renewal".into(),
            Self::Logout { .. } => "Logout".into(),
        }
    }
}

/// What a v2 call is about: nothing in it is signed, so that it can be sent again with another session.
pub(crate) struct V2 {
    pub(crate) operation: Operation,
    /// The `data` field, form-encoded; empty for operations without data.
    pub(crate) data: Vec<u8>,
}

/// What a v3 call is about; its session travels in headers.
pub(crate) struct V3 {
    pub(crate) target: Target,
    /// A JSON document, if there is one to send.
    pub(crate) body: Option<Bytes>,
}

impl Call {
    pub(crate) fn new(task: Task) -> Self {
        Self { task, replays: None, stage: Stage::New { total: None } }
    }

    /// Makes sure that there is a session, signing in if there is none.
    ///
    /// Unlike a call, it makes one attempt in spite of a permanent refusal, and is told of its end even
    /// where a call would go on waiting.
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
            _ => Task::Renew { epoch: session.machine.epoch() },
        })
    }

    pub(crate) fn logout(session: Arc<SignedIn>) -> Self {
        Self::new(Task::Logout { session })
    }

    /// The same operation once more, as a new call: for a program's own repetitions.
    ///
    /// It keeps what was set with [`retry`](Self::retry), and with [`deadline`](Self::deadline) as
    /// long as this one has not taken its first step.
    pub fn afresh(&self) -> Self {
        let retry = self.replays.as_ref().and_then(|replays| replays.retry);
        let mut again = Self::new(self.task.clone());
        if let Stage::New { total } = self.stage {
            again.stage = Stage::New { total };
        }
        match retry {
            Some(retry) => again.retry(retry),
            None => again,
        }
    }

    /// Another limit for the call in all, waiting and replays included; set before its first step.
    pub fn deadline(mut self, total: Duration) -> Self {
        if let Stage::New { total: own } = &mut self.stage {
            *own = Some(total);
        }
        self
    }

    /// How often it is sent again after its outcome was lost, if all it does is to read.
    pub fn retry(mut self, retry: Retry) -> Self {
        self.replays.get_or_insert_default().retry = Some(retry);
        self
    }

    /// Its number, once it has taken its first step.
    pub fn id(&self) -> Option<CallId> {
        match self.stage {
            Stage::New { .. } => None,
            Stage::Numbered(ticket) => Some(ticket.id),
        }
    }

    /// What it is called in errors, such as `List/Vendor`.
    pub fn name(&self) -> Arc<str> {
        self.task.name()
    }

    /// A call that goes on after an exchange.
    pub(crate) fn resumed(task: Task, replays: Box<Replays>, ticket: Ticket) -> Self {
        Self { task, replays: Some(replays), stage: Stage::Numbered(ticket) }
    }

    /// Takes the next step: what the caller is to do now.
    ///
    /// `token` is asked for only when the call has to wait; it is what wakes the caller.
    #[inline]
    pub fn step<W>(
        self,
        session: &mut Session<W>,
        token: impl FnOnce() -> W,
        now: Instant,
    ) -> (Step, Wake<W>) {
        let now = session.clamp(now);
        match self.begin_at_once(session, now) {
            Ok(in_flight) => (Step::Exchange(in_flight), Wake::nobody()),
            Err(call) => call.step_in_line(session, token, now),
        }
    }

    /// What nearly every call meets: nobody stands before it, and there is all that it needs.
    ///
    /// It would be granted the same in line.
    #[inline]
    fn begin_at_once<W>(self, session: &mut Session<W>, now: Instant) -> Result<InFlight, Self> {
        let Stage::New { total } = self.stage else { return Err(self) };
        let total = total.unwrap_or(session.settings.deadline);
        let is_plain = matches!(self.task, Task::V2(_) | Task::V3(_)) && !total.is_zero();
        if !is_plain || !session.is_at_rest() || session.is_due(now) {
            return Err(self);
        }
        let Some((with, generation)) = session.at_once(now) else { return Err(self) };
        let ticket = session.ticket(total, now);
        let limit = session.call_limit.min(nanoseconds(total));
        let slot = session.line.occupy(ticket.id, now, limit);
        session.exchange_begins(now, limit);
        session.renewals = 0;
        Ok(InFlight {
            task: self.task,
            replays: self.replays,
            slot,
            ticket,
            session: with,
            generation,
            sent_at: now,
            limit,
        })
    }

    fn step_in_line<W>(
        mut self,
        session: &mut Session<W>,
        token: impl FnOnce() -> W,
        now: Instant,
    ) -> (Step, Wake<W>) {
        let mut wake = Wake::nobody();
        let need = session.attainable(self.task.need());
        let ticket = match self.stage {
            Stage::Numbered(ticket) => ticket,
            Stage::New { total } => {
                if let Some(refused) = self.first_step(session, now) {
                    return (refused, wake);
                }
                let settings = &session.settings;
                let usual = match self.task {
                    Task::Upload(_) => settings.deadline.saturating_add(settings.upload_limit),
                    _ => settings.deadline,
                };
                session.ticket(total.unwrap_or(usual), now)
            }
        };
        self.stage = Stage::Numbered(ticket);
        if need != Need::Slot && ticket.epoch != session.machine.epoch() {
            session.pump(now, &mut wake);
            return (Step::Refuse(Error::SignedOut { call: self.name() }), wake);
        }
        session.notice(now, &mut wake);
        if let Some(error) = self.impossible(session, now) {
            if let Some(at) = session.line.find(ticket.id) {
                session.line.leave(at, &mut wake);
            }
            session.pump(now, &mut wake);
            return (Step::Refuse(error), wake);
        }
        match session.line.find(ticket.id) {
            Some(at) => session.line.steps(at, need),
            None => {
                session.line.join(Waiter::new(ticket.id, need, self.task.purpose()));
            }
        }
        session.pump(now, &mut wake);
        let step = self.take(session, need, ticket, token, now, &mut wake);
        (step, wake)
    }

    /// What ends a call before it has a number.
    fn first_step<W>(&self, session: &mut Session<W>, now: Instant) -> Option<Step> {
        match &self.task {
            Task::Lease { .. } => self.impossible(session, now).map(Step::Refuse),
            Task::Renew { epoch } if *epoch != session.machine.epoch() => Some(Step::Done),
            Task::Renew { .. } | Task::KeepAlive if !session.renewal_begins(now) => {
                Some(Step::Done)
            }
            _ => None,
        }
    }

    /// Why no session of now, or to come, can serve this call.
    ///
    /// It is asked at every step, since the credentials may have been replaced: a lease that waited
    /// for more time than the new ones' sessions live would sign in for ever.
    fn impossible<W>(&self, session: &Session<W>, now: Instant) -> Option<Error> {
        match &self.task {
            Task::Lease { min_left } if !session.can_have_left(*min_left) => {
                Some(Error::Misuse(Misuse::LeaseTooLong))
            }
            task => {
                let bound_to = task.bound_to()?;
                let changed = !session.is_usable(bound_to, now);
                changed.then(|| Error::SessionChanged { call: self.name() })
            }
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
        let mut look_at = ticket.deadline;
        let has_slot = session.line.waiter(at).has_slot();
        if let Task::Logout { session: forgotten } = &self.task {
            if has_slot {
                let forgotten = Arc::clone(forgotten);
                // A logout goes out even if the hour's calls are spent: it is worth the try.
                let _counted = session.account.key.begin_call(now);
                let with = (forgotten, Generation::NONE);
                return self.start(session, at, ticket, with, now, wake);
            }
        } else if matches!(self.task, Task::ListOrgs(_)) {
            if has_slot {
                return self.list_orgs(session, at, ticket, now, wake);
            }
        } else {
            match session.ask(need, now) {
                Asked::Ready(current, generation) => {
                    let current = Arc::clone(current);
                    if !matches!(need, Need::Exchange { .. }) {
                        session.line.leave(at, wake);
                        session.pump(now, wake);
                        return Step::Ready(Lease { session: current, generation, sent_at: now });
                    }
                    let key = &session.account.key;
                    let open = if has_slot { key.begin_call(now) } else { key.calls_open(now) };
                    match open {
                        Ok(()) if has_slot => {
                            let with = (current, generation);
                            return self.start(session, at, ticket, with, now, wake);
                        }
                        Ok(()) => {}
                        Err(spent) if spent.until >= ticket.deadline => {
                            let refusal = Refusal::Spent(Limit::Calls, spent);
                            return self.refuse(session, at, refusal, now, wake);
                        }
                        Err(spent) => look_at = spent.until,
                    }
                }
                // Nothing to keep alive: whoever needs a session will sign in.
                _ if matches!(self.task, Task::KeepAlive) => {
                    session.line.leave(at, wake);
                    session.pump(now, wake);
                    return Step::Done;
                }
                _ => {
                    if let Some(refusal) = why_not(session, at, need, ticket, now) {
                        return self.refuse(session, at, refusal, now, wake);
                    }
                    // A session is of no use to a call that could not be made with it.
                    let spent = match need {
                        Need::Exchange { .. } => session.account.key.calls_open(now).err(),
                        Need::Session { .. } | Need::Slot => None,
                    };
                    match spent {
                        Some(spent) if spent.until >= ticket.deadline => {
                            let refusal = Refusal::Spent(Limit::Calls, spent);
                            return self.refuse(session, at, refusal, now, wake);
                        }
                        Some(spent) => look_at = spent.until,
                        None if has_slot && matches!(session.ask(need, now), Asked::SignIn) => {
                            return self.sign_in_now(session, at, ticket, token, now, wake);
                        }
                        None => {}
                    }
                }
            }
            // Whatever it was assigned a slot for has passed meanwhile.
            if has_slot {
                session.line.unassign(at);
                session.pump(now, wake);
            }
        }
        if let Some(not_before) = session.line.waiter(at).not_before.filter(|then| *then > now) {
            look_at = look_at.min(not_before);
        }
        session.line.waits(at, token(), wake);
        Step::Wait(self, session.look_again_at(look_at, at, now))
    }

    /// The waiter leaves the line, and its slot becomes an exchange.
    fn start<W>(
        self,
        session: &mut Session<W>,
        at: usize,
        ticket: Ticket,
        (with, generation): (Arc<SignedIn>, Generation),
        now: Instant,
        wake: &mut Wake<W>,
    ) -> Step {
        let longest = match self.task {
            Task::Upload(_) => session.settings.upload_limit,
            _ => session.settings.call_limit,
        };
        let limit = nanoseconds(longest.min(ticket.deadline.saturating_duration_since(now)));
        let slot = session.line.start_exchange(at, now, limit, wake);
        session.exchange_begins(now, limit);
        if self.is_call() {
            session.renewals = 0;
        }
        let Self { task, replays, .. } = self;
        let session = with;
        Step::Exchange(InFlight {
            task,
            replays,
            slot,
            ticket,
            session,
            generation,
            sent_at: now,
            limit,
        })
    }

    /// Asks for the user's organisations: like a sign-in without a session, so that it is not done
    /// with what BILL has refused, and counts in the budget of sign-ins.
    fn list_orgs<W>(
        mut self,
        session: &mut Session<W>,
        at: usize,
        ticket: Ticket,
        now: Instant,
        wake: &mut Wake<W>,
    ) -> Step {
        let account = Arc::clone(&session.account);
        if let Some(cause) = account.identity.refusal().or_else(|| account.key.refusal()) {
            return self.refuse(session, at, Refusal::NoSession(cause, None), now, wake);
        }
        // It may have become a console's since the call was made.
        if account.identity.current().0.is_console() {
            session.line.leave(at, wake);
            session.pump(now, wake);
            return Step::Refuse(Error::Misuse(Misuse::V3Only));
        }
        if let Err(spent) = account.key.begin_sign_in(now) {
            return self.refuse(session, at, Refusal::Spent(Limit::SignIns, spent), now, wake);
        }
        self.task = Task::ListOrgs(Some(Box::new(account.identity.current())));
        let with = (Arc::new(SignedIn::nobody(account)), Generation::NONE);
        self.start(session, at, ticket, with, now, wake)
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
        let limit = session.settings.sign_in_limit;
        let deadline = later(now, limit.saturating_add(GRACE));
        if !session.begin_probe(deadline, now) {
            session.line.unassign(at);
            session.line.waits(at, token(), wake);
            session.pump(now, wake);
            return Step::Wait(self, session.look_again_at(ticket.deadline, at, now));
        }
        // Another session's probe may have ended since the refusals were looked at.
        let passes = session.line.waiter(at).passes_refusal;
        if let Some(cause) = session.refusal().filter(|_| !passes) {
            session.end_probe();
            return self.refuse(session, at, Refusal::NoSession(cause, None), now, wake);
        }
        session.note_why(now);
        if let Err(spent) = session.account.key.begin_sign_in(now) {
            let until = spent.until;
            let by_bill = spent.by_bill;
            let cause = Arc::new(if by_bill { Cause::HourClosed } else { Cause::BudgetSpent });
            session.end_probe();
            session.line.unassign(at);
            if matches!(session.machine.ask(now), Asked::Ready(..)) {
                // It asked for more time than the session has left; others can use it as it is.
                session.line.waiter_mut(at).signs_in_not_before = Some(until);
            } else {
                let wait = until.saturating_duration_since(now);
                session.defer(Arc::clone(&cause), wait, now, wake);
            }
            if until >= ticket.deadline {
                let refusal = Refusal::NoSession(cause, Some(until));
                return self.refuse(session, at, refusal, now, wake);
            }
            session.pump(now, wake);
            session.line.waits(at, token(), wake);
            return Step::Wait(self, session.look_again_at(ticket.deadline, at, now));
        }
        let account = Arc::clone(&session.account);
        let (principal, version) = account.identity.current();
        let device = account.identity.device();
        let lifetime = session.lifetime(principal.is_token());
        let attempt = session.machine.begin(version, lifetime, deadline, now);
        session.line.start_sign_in(at, attempt.id, deadline);
        let waiter = session.line.waiter_mut(at);
        waiter.passes_refusal = false;
        waiter.riding = Some(attempt.id);
        session.sign_in_begins(deadline, now);
        session.line.waits(at, token(), wake);
        session.pump(now, wake);
        let until = session.look_again_at(ticket.deadline, at, now);
        let begun = now;
        let sign_in =
            SignIn::new(SignInParts { account, principal, device, attempt, begun, limit });
        Step::SignIn(sign_in, self, until)
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
            Refusal::Deadline => Error::Deadline { call, cause: session.kept_away_by(now) },
            Refusal::NoSession(cause, Some(until)) if cause.is_spent() => Error::Limited {
                call,
                limit: Limit::SignIns,
                retry_after: after(until),
                until: session.account.key.wall_at(until),
                code: match *cause {
                    Cause::HourClosed => Code::hour_spent(),
                    _ => cause.code().cloned(),
                },
            },
            Refusal::NoSession(cause, retry_at) => {
                Error::NoSession { call, cause, retry_after: retry_at.map(after) }
            }
            Refusal::Spent(limit, Spent { until, by_bill }) => Error::Limited {
                call,
                limit,
                retry_after: after(until),
                until: session.account.key.wall_at(until),
                code: if by_bill { Code::hour_spent() } else { None },
            },
        };
        session.pump(now, wake);
        Step::Refuse(error)
    }

    fn is_call(&self) -> bool {
        match self.task {
            Task::V2(_) | Task::V3(_) | Task::Upload(_) | Task::Mfa(_) | Task::ListOrgs(_) => true,
            Task::SignIn
            | Task::Lease { .. }
            | Task::Renew { .. }
            | Task::KeepAlive
            | Task::Logout { .. } => false,
        }
    }
}

/// Why a waiter without a session is not to wait for one, if it is not.
fn why_not<W>(
    session: &Session<W>,
    at: usize,
    need: Need,
    ticket: Ticket,
    now: Instant,
) -> Option<Refusal> {
    let waiter = session.line.waiter(at);
    let asked = session.ask(need, now);
    let rides = matches!(asked, Asked::Wait { attempt, .. } if waiter.riding == Some(attempt.id));
    if let Some(cause) = session.refusal().filter(|_| !waiter.passes_refusal && !rides) {
        return Some(Refusal::NoSession(cause, None));
    }
    match asked {
        Asked::Failed { cause, retry_at } if retry_at >= ticket.deadline => {
            Some(Refusal::NoSession(Arc::clone(cause), Some(retry_at)))
        }
        _ => None,
    }
}

enum Refusal {
    Deadline,
    NoSession(Arc<Cause>, Option<Instant>),
    Spent(Limit, Spent),
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("name", &self.name())
            .field("stage", &self.stage)
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

#[cfg(feature = "model")]
#[path = "model/call.rs"]
mod model;
