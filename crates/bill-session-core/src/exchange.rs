//! One exchange of a call: signed and sent, read without the lock, settled under it.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response};
use serde::de::value::UnitDeserializer;
use serde::de::{DeserializeOwned, IntoDeserializer};

use crate::account::SignedIn;
use crate::backoff::{CONTENDED_CALL, later};
use crate::call::{Call, Replays, Task, Ticket};
use crate::error::{DecodeError, Error, Limit};
use crate::lease::Lease;
use crate::line::{CallId, Waiter, Wake};
use crate::pump::Session;
use crate::session::Generation;
use crate::transport::TransportError;
use crate::wire::{Parsed, Verdict, v2};

/// How often a call that met three others is sent again.
const CONTENTIONS: u8 = 2;

/// A call that holds a slot and a session, and is to be sent.
#[must_use = "an exchange that is neither settled nor cancelled holds its slot until its deadline"]
pub struct InFlight {
    pub(crate) task: Task,
    pub(crate) replays: Replays,
    pub(crate) slot: Option<u32>,
    pub(crate) ticket: Ticket,
    pub(crate) session: Arc<SignedIn>,
    pub(crate) generation: Generation,
    pub(crate) sent_at: Instant,
    pub(crate) limit: Duration,
}

impl InFlight {
    /// The request to send, signed with the session.
    pub fn request(&self) -> Request<Bytes> {
        let SignedIn { account, session_id, base, .. } = &*self.session;
        match &self.task {
            Task::V2(call) => {
                v2::call(base, &call.operation, &account.dev_key, session_id, &call.data)
            }
            Task::Logout { .. } => v2::logout(base, &account.dev_key, session_id),
            // Of the others only a keep-alive is ever sent: they need a session, and no exchange.
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
                let parsed = v2::read::<T>(&answer, &self.task.name(), held);
                (parsed.verdict(answer.headers()), Ok(parsed))
            }
            Err(error) => (Verdict::Unknown, Err(error)),
        };
        Heard { in_flight: self, verdict, parsed }
    }

    /// Takes the word of a program that has read the answer by itself.
    pub fn observed(self, verdict: Verdict) -> Heard<()> {
        Heard { in_flight: self, verdict, parsed: Ok(Parsed::Success(())) }
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
    verdict: Verdict,
    parsed: Result<Parsed<T>, TransportError>,
}

impl<T: DeserializeOwned> Heard<T> {
    /// Frees the slot, draws the consequences for the session, and tells how the call goes on.
    pub fn settle<W>(self, session: &mut Session<W>, now: Instant) -> (Outcome<T>, Wake<W>) {
        let Self { in_flight, verdict, parsed } = self;
        let InFlight {
            task, mut replays, slot, ticket, generation, sent_at, session: used, ..
        } = in_flight;
        let mut wake = Wake::nobody();
        let now = session.clamp(now);
        if let Some(slot) = slot {
            session.line.end_exchange(slot, ticket.id);
        }
        // What was overdue before this answer came is no news of a call that comes back by it.
        session.notice(now, &mut wake);
        session.heed(verdict, generation, sent_at, now, &mut wake);
        session.give_back(used, generation);
        let again = match verdict {
            Verdict::Alive => None,
            _ => replays.after(verdict, &task, ticket, session, now),
        };
        if let Some(not_before) = again {
            let outcome = rejoin(task, replays, ticket, not_before, session);
            session.pump(now, &mut wake);
            return (outcome, wake);
        }
        session.pump(now, &mut wake);
        (ended(&task, verdict, parsed), wake)
    }
}

impl Replays {
    /// Whether the call is to be sent again after this verdict, and not before when.
    fn after<W>(
        &mut self,
        verdict: Verdict,
        task: &Task,
        ticket: Ticket,
        session: &mut Session<W>,
        now: Instant,
    ) -> Option<Option<Instant>> {
        if !matches!(task, Task::V2(_)) {
            return None;
        }
        match verdict {
            Verdict::Invalid if !self.replayed => {
                self.replayed = true;
                Some(None)
            }
            Verdict::Contended { retry_after } if self.contended < CONTENTIONS => {
                self.contended += 1;
                let jitter = session.machine.jitter();
                let wait = CONTENDED_CALL.after(u32::from(self.contended), jitter);
                let not_before = later(now, wait.max(retry_after.unwrap_or_default()));
                (not_before < ticket.deadline).then_some(Some(not_before))
            }
            _ => None,
        }
    }
}

/// Puts the call back where it stood, before anything is granted to others.
fn rejoin<T, W>(
    task: Task,
    replays: Replays,
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
    parsed: Result<Parsed<T>, TransportError>,
) -> Outcome<T> {
    let call = || task.name();
    let error = match parsed {
        Ok(Parsed::Success(data)) => return Outcome::Done(data),
        // A session that is invalid already is signed out, which is all that was asked for.
        Ok(Parsed::Error(_))
            if verdict == Verdict::Invalid && matches!(task, Task::Logout { .. }) =>
        {
            return nothing(call()).map_or_else(Outcome::Failed, Outcome::Done);
        }
        Ok(Parsed::Error(error)) => match verdict {
            Verdict::HourSpent { left } => Error::Limited {
                call: call(),
                limit: Limit::Calls,
                retry_after: left,
                code: error.code().cloned(),
            },
            _ => Error::from_api(error),
        },
        Ok(Parsed::Mismatch(error)) => Error::Decode { call: call(), error },
        Ok(Parsed::Foreign(answer)) => Error::NotBill { call: call(), answer },
        Err(error) => Error::NoAnswer { call: call(), error },
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
            Self::Answer(_) | Self::Nothing => Err(Error::SignedOut { call: "the lease".into() }),
        }
    }
}
