//! The idle-timeout machine: is there a session, and may somebody sign in?
//!
//! Every transition of a session lives in this file. Four states are stored; "expired" and
//! "expiring" are not among them: they are views computed from what is stored and `now`, so that
//! nothing goes stale.
//!
//! ```text
//!                 begin                      signed_in
//!   SignedOut ─────────────▶ SigningIn ─────────────────▶ Active
//!       ▲                     │     ▲                     │ │ ▲
//!       │  first cancel,      │     │ begin, once         │ │ │ credit
//!       │  permanent refusal  │     │ idled out           │ │ │
//!       ├─────────────────────┤     └─────────────────────┤ └─┘
//!       │                     │ failed, overdue           │
//!       │                     ▼                           │
//!       │  begin, once due  Failed ◀──────────────────────┤ second unproven
//!       │  (to SigningIn)                                 │ session refused
//!       └─────────────────────────────────────────────────┘
//!            invalid, sign_out, credentials_replaced
//! ```
//!
//! The machine is usable by itself; [`Session`](crate::Session) joins it with the waiting line and
//! the limits.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::backoff::{self, CONTENDED_SIGN_IN, FAILED, Jitter, later};
use crate::cause::Cause;
use crate::lifetime::Lifetime;

/// How long a session without an end is not looked at again.
const FRESH: Duration = Duration::from_secs(3600);

/// One session in the row of those that a machine had; a verdict about another changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Generation(u64);

impl Generation {
    /// That of no current session: a verdict about it changes nothing.
    pub(crate) const NONE: Self = Self(0);
}

/// One attempt to sign in, with what it was begun under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt {
    pub(crate) id: u64,
    epoch: u64,
    version: u64,
}

impl Attempt {
    /// The version of the credentials that it was begun with.
    pub(crate) fn version(&self) -> u64 {
        self.version
    }
}

/// The state machine of one session at a time; `S` is whatever a sign-in brings.
///
/// Whoever drives it without a [`Session`](crate::Session) reports an attempt that failed with
/// [`cancelled`](Self::cancelled), which backs off from the second time in a row on.
///
/// ```
/// use std::time::{Duration, Instant};
/// use bill_session_core::{Asked, Landed, Lifetime, SessionMachine};
///
/// let now = Instant::now();
/// let minutes = |n: u64| Duration::from_secs(60 * n);
/// let mut machine = SessionMachine::new(1);
/// let lifetime = Lifetime::idle(minutes(35), minutes(1));
///
/// assert!(matches!(machine.ask(now), Asked::SignIn));
/// let attempt = machine.begin(0, lifetime, now + minutes(1), now);
/// assert!(matches!(machine.ask(now), Asked::Wait { .. }));
/// let Landed::Stored(generation) = machine.signed_in(attempt, "a session") else { panic!() };
///
/// // A call sent after 30 minutes, and answered, restarts the timer.
/// machine.credit(generation, now + minutes(30));
/// assert!(matches!(machine.ask(now + minutes(60)), Asked::Ready(&"a session", _)));
/// assert!(matches!(machine.ask(now + minutes(64)), Asked::SignIn));
/// ```
#[derive(Debug)]
#[repr(C)]
pub struct SessionMachine<S> {
    state: State<S>,
    /// Bumped by a sign-out: what was begun in an older epoch does not go on.
    epoch: u64,
    generations: u64,
    attempts: u64,
    /// Failures in a row; a session that proved itself resets them, a mere sign-in does not.
    failures: u32,
    contentions: u32,
    /// Sign-ins cancelled in a row, without a success in between.
    abandoned: u32,
    /// Sessions in a row that BILL called invalid before they had proved themselves.
    unproven: u32,
    jitter: Jitter,
}

#[derive(Debug)]
enum State<S> {
    SignedOut,
    SigningIn {
        attempt: Attempt,
        begun: Instant,
        deadline: Instant,
        lifetime: Lifetime,
        /// Why the attempt before it failed, if it did.
        after: Option<Arc<Cause>>,
    },
    Active(Active<S>),
    Failed {
        cause: Arc<Cause>,
        retry_at: Instant,
    },
}

#[derive(Debug)]
struct Active<S> {
    session: S,
    generation: Generation,
    created_at: Instant,
    alive_at: Instant,
    /// It is usable until then at least: nothing but an answer moves its end, and only away.
    fresh_until: Instant,
    /// Whether BILL has accepted it at least once.
    proven: bool,
    version: u64,
    lifetime: Lifetime,
    /// Whether MFA has made it trusted; nothing as long as BILL has not said.
    trusted: Option<bool>,
}

impl<S> Active<S> {
    #[inline]
    fn usable_at(&self, now: Instant) -> bool {
        now < self.fresh_until || self.within_limits_at(now)
    }

    fn within_limits_at(&self, now: Instant) -> bool {
        let within = |limit: Option<Duration>, since: Instant| {
            limit.is_none_or(|limit| now.saturating_duration_since(since) < limit)
        };
        within(self.lifetime.idle_limit(), self.alive_at)
            && within(self.lifetime.absolute_limit(), self.created_at)
    }

    fn ends_at(&self) -> Option<Instant> {
        let idle = self.lifetime.idle_limit().map(|limit| later(self.alive_at, limit));
        let absolute = self.lifetime.absolute_limit().map(|limit| later(self.created_at, limit));
        idle.into_iter().chain(absolute).min()
    }
}

/// The answer to "is there a session?".
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "a new duty must break whoever drives the machine")]
pub enum Asked<'a, S> {
    /// Yes, this one.
    Ready(&'a S, Generation),
    /// No: sign in.
    SignIn,
    /// Somebody signs in already, and is overdue at `until`.
    Wait {
        /// The sign-in in flight.
        attempt: Attempt,
        /// When it counts as failed.
        until: Instant,
    },
    /// The last attempt failed; nobody signs in before `retry_at`.
    Failed {
        /// Why.
        cause: &'a Arc<Cause>,
        /// From when on another attempt may be made.
        retry_at: Instant,
    },
}

/// Where a session that a sign-in brought has landed.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "a new duty must break whoever drives the machine")]
pub enum Landed<S> {
    /// It is the current session now.
    Stored(Generation),
    /// The program signed out since: the session is to be logged out.
    SignedOut(S),
    /// Another attempt has taken its place: it is ignored.
    Stale,
}

/// How an attempt to sign in failed.
#[derive(Clone, Debug)]
pub(crate) enum Failure {
    /// With the same credentials it fails for ever.
    Permanent,
    /// Three calls of the organisation were running.
    Contended { cause: Arc<Cause>, retry_after: Option<Duration> },
    /// An hourly limit is spent for this long; no failure of the sign-in's own.
    Spent { cause: Arc<Cause>, wait: Duration },
    /// Anything else.
    Transient { cause: Arc<Cause>, retry_after: Option<Duration> },
}

/// What a verdict "invalid" did.
#[derive(Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a new duty must break whoever drives the machine")]
pub enum Ended {
    /// It was about another session than the current one.
    Nothing,
    /// The session is forgotten, and may be replaced at once.
    SignedOut,
    /// The second unproven session in a row: another attempt is made only after a back-off.
    Failed,
}

impl<S> SessionMachine<S> {
    /// A machine that is signed out; `seed` feeds the jitter of its back-off.
    pub fn new(seed: u64) -> Self {
        Self {
            state: State::SignedOut,
            epoch: 0,
            generations: 0,
            attempts: 0,
            failures: 0,
            contentions: 0,
            abandoned: 0,
            unproven: 0,
            jitter: Jitter::new(seed),
        }
    }

    /// Whether there is a session at `now`; changes nothing.
    #[inline]
    pub fn ask(&self, now: Instant) -> Asked<'_, S> {
        match &self.state {
            State::SignedOut => Asked::SignIn,
            State::SigningIn { attempt, deadline, .. } => {
                Asked::Wait { attempt: *attempt, until: *deadline }
            }
            State::Active(active) if active.usable_at(now) => {
                Asked::Ready(&active.session, active.generation)
            }
            State::Active(_) => Asked::SignIn,
            State::Failed { retry_at, .. } if now >= *retry_at => Asked::SignIn,
            State::Failed { cause, retry_at } => Asked::Failed { cause, retry_at: *retry_at },
        }
    }

    /// Whether there is a session with at least `min_left` of its time left at `now`.
    ///
    /// Only a session is looked at ahead of time: nothing else comes about by waiting in thought.
    #[inline]
    pub fn ask_for(&self, min_left: Duration, now: Instant) -> Asked<'_, S> {
        match &self.state {
            State::Active(active) if !active.usable_at(later(now, min_left)) => Asked::SignIn,
            _ => self.ask(now),
        }
    }

    /// Begins a sign-in with credentials of `version`; overdue at `deadline`.
    ///
    /// Any session of before is forgotten, and an attempt in flight becomes stale: begin only when
    /// [`ask`](Self::ask) says [`Asked::SignIn`].
    pub fn begin(
        &mut self,
        version: u64,
        lifetime: Lifetime,
        deadline: Instant,
        now: Instant,
    ) -> Attempt {
        self.attempts += 1;
        let attempt = Attempt { id: self.attempts, epoch: self.epoch, version };
        let after = match std::mem::replace(&mut self.state, State::SignedOut) {
            State::Failed { cause, .. } => Some(cause),
            _ => None,
        };
        self.state = State::SigningIn { attempt, begun: now, deadline, lifetime, after };
        attempt
    }

    /// The attempt succeeded and brought `session`.
    pub fn signed_in(&mut self, attempt: Attempt, session: S) -> Landed<S> {
        let current = self.is_current(attempt);
        match self.state {
            State::SigningIn { begun, lifetime, .. } if current => {
                self.contentions = 0;
                self.abandoned = 0;
                if attempt.epoch != self.epoch {
                    self.state = State::SignedOut;
                    return Landed::SignedOut(session);
                }
                self.generations += 1;
                let generation = Generation(self.generations);
                self.state = State::Active(Active {
                    session,
                    generation,
                    created_at: begun,
                    alive_at: begun,
                    fresh_until: begun,
                    proven: false,
                    version: attempt.version,
                    lifetime,
                    trusted: None,
                });
                Landed::Stored(generation)
            }
            _ if attempt.epoch != self.epoch => Landed::SignedOut(session),
            _ => Landed::Stale,
        }
    }

    /// The attempt failed; tells whether it was the one in flight.
    pub(crate) fn failed(&mut self, attempt: Attempt, failure: Failure, now: Instant) -> bool {
        if !self.is_current(attempt) {
            return false;
        }
        match failure {
            Failure::Permanent => self.state = State::SignedOut,
            Failure::Contended { cause, retry_after } => {
                self.contentions = self.contentions.saturating_add(1);
                let wait = CONTENDED_SIGN_IN.after(self.contentions, &mut self.jitter);
                self.back_off(cause, later(now, wait.max(retry_after.unwrap_or_default())));
            }
            Failure::Spent { cause, wait } => self.back_off(cause, later(now, wait)),
            Failure::Transient { cause, retry_after } => {
                let wait = self.next_failure();
                self.back_off(cause, later(now, wait.max(retry_after.unwrap_or_default())));
            }
        }
        true
    }

    /// Nobody signs in before `wait` is over; it counts as no failure.
    pub(crate) fn defer(&mut self, cause: Arc<Cause>, wait: Duration, now: Instant) {
        self.back_off(cause, later(now, wait));
    }

    /// Whoever ran the attempt has gone away.
    ///
    /// The first time, the next may begin at once; without a success in between, each further time
    /// backs off like a failure. Tells whether it was the attempt in flight.
    pub fn cancelled(&mut self, attempt: Attempt, now: Instant) -> bool {
        if !self.is_current(attempt) {
            return false;
        }
        self.abandoned = self.abandoned.saturating_add(1);
        if self.abandoned == 1 {
            self.state = State::SignedOut;
        } else {
            let wait = FAILED.after(self.abandoned - 1, &mut self.jitter);
            self.back_off(Arc::new(Cause::Abandoned), later(now, wait));
        }
        true
    }

    /// Ends an attempt whose deadline has passed: a failure, with a back-off from that deadline.
    ///
    /// Tells whether there was one.
    pub fn expire(&mut self, now: Instant) -> bool {
        let State::SigningIn { deadline, .. } = self.state else {
            return false;
        };
        if now < deadline {
            return false;
        }
        let wait = self.next_failure();
        self.back_off(Arc::new(Cause::Overdue), later(deadline, wait));
        true
    }

    /// A complete answer of BILL's came to a call sent at `sent_at` with this generation.
    #[inline]
    pub fn credit(&mut self, generation: Generation, sent_at: Instant) {
        let State::Active(active) = &mut self.state else {
            return;
        };
        if active.generation != generation {
            return;
        }
        active.alive_at = active.alive_at.max(sent_at);
        if active.fresh_until <= sent_at {
            active.fresh_until = active.ends_at().unwrap_or_else(|| later(sent_at, FRESH));
        }
        if !active.proven {
            active.proven = true;
            self.failures = 0;
            self.unproven = 0;
        }
    }

    /// BILL said whether the session of this generation is trusted; tells whether it is the
    /// current one.
    pub fn trust(&mut self, generation: Generation, trusted: bool) -> bool {
        match &mut self.state {
            State::Active(active) if active.generation == generation => {
                active.trusted = Some(trusted);
                true
            }
            _ => false,
        }
    }

    /// Whether MFA has made the current session trusted; nothing as long as BILL has not said.
    pub fn trusted(&self) -> Option<bool> {
        match &self.state {
            State::Active(active) => active.trusted,
            _ => None,
        }
    }

    /// BILL called the session of this generation invalid.
    pub fn invalid(&mut self, generation: Generation, now: Instant) -> Ended {
        let proven = match &self.state {
            State::Active(active) if active.generation == generation => active.proven,
            _ => return Ended::Nothing,
        };
        self.state = State::SignedOut;
        if proven {
            return Ended::SignedOut;
        }
        self.unproven = self.unproven.saturating_add(1);
        if self.unproven < 2 {
            return Ended::SignedOut;
        }
        let wait = self.next_failure();
        self.back_off(Arc::new(Cause::SessionsRefused), later(now, wait));
        Ended::Failed
    }

    /// Forgets the session, and lets nothing that was begun before go on.
    ///
    /// A back-off stays: signing out is no way around it.
    pub fn sign_out(&mut self) -> Option<S> {
        self.epoch += 1;
        match std::mem::replace(&mut self.state, State::SignedOut) {
            State::Active(active) => Some(active.session),
            kept => {
                self.state = kept;
                None
            }
        }
    }

    /// The credentials are of `version` now: what older ones made or failed at is forgotten.
    pub fn credentials_replaced(&mut self, version: u64) {
        let kept = match &self.state {
            State::SigningIn { attempt, .. } => attempt.version == version,
            State::Active(active) => active.version == version,
            State::SignedOut | State::Failed { .. } => false,
        };
        if !kept {
            self.state = State::SignedOut;
        }
        self.failures = 0;
        self.contentions = 0;
        self.abandoned = 0;
        self.unproven = 0;
    }

    /// Whether this is the generation of the current session.
    #[inline]
    pub(crate) fn is_current_session(&self, generation: Generation) -> bool {
        matches!(&self.state, State::Active(active) if active.generation == generation)
    }

    /// The epoch that a call begun now belongs to.
    #[inline]
    pub(crate) fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The attempt in flight.
    pub(crate) fn attempt(&self) -> Option<Attempt> {
        match self.state {
            State::SigningIn { attempt, .. } => Some(attempt),
            _ => None,
        }
    }

    /// The current session, usable or not.
    pub(crate) fn current(&self) -> Option<&S> {
        match &self.state {
            State::Active(active) => Some(&active.session),
            _ => None,
        }
    }

    /// When the current session counts as ended; nothing when it does not end, or is not there.
    pub fn ends_at(&self) -> Option<Instant> {
        match &self.state {
            State::Active(active) => active.ends_at(),
            _ => None,
        }
    }

    /// When the current session has been idle for too long, unless it ends before.
    pub(crate) fn idles_out_at(&self) -> Option<Instant> {
        match &self.state {
            State::Active(active) => {
                active.lifetime.idle_limit().map(|limit| later(active.alive_at, limit))
            }
            _ => None,
        }
    }

    /// The lifetime of the current session.
    pub(crate) fn lifetime(&self) -> Option<Lifetime> {
        match &self.state {
            State::Active(active) => Some(active.lifetime),
            _ => None,
        }
    }

    /// The failure that is backed off from, due or not.
    pub(crate) fn failure(&self) -> Option<(&Arc<Cause>, Instant)> {
        match &self.state {
            State::Failed { cause, retry_at } => Some((cause, *retry_at)),
            _ => None,
        }
    }

    /// What keeps the session away: the failure that is backed off from, or that the attempt in
    /// flight comes after.
    pub(crate) fn kept_away_by(&self) -> Option<&Arc<Cause>> {
        match &self.state {
            State::Failed { cause, .. } => Some(cause),
            State::SigningIn { after, .. } => after.as_ref(),
            State::SignedOut | State::Active(_) => None,
        }
    }

    /// What to show of the machine at `now`.
    pub fn phase(&self, now: Instant) -> Phase {
        match &self.state {
            State::SignedOut => Phase::SignedOut,
            State::SigningIn { begun, .. } => {
                Phase::SigningIn { since: now.saturating_duration_since(*begun) }
            }
            State::Active(active) if active.usable_at(now) => Phase::SignedIn {
                left: active.ends_at().map(|end| end.saturating_duration_since(now)),
                idle: now.saturating_duration_since(active.alive_at),
                age: now.saturating_duration_since(active.created_at),
                trusted: active.trusted,
            },
            State::Active(active) => {
                Phase::IdledOut { idle: now.saturating_duration_since(active.alive_at) }
            }
            State::Failed { cause, retry_at } => Phase::Failed {
                cause: Arc::clone(cause),
                retry_in: retry_at.saturating_duration_since(now),
            },
        }
    }

    pub(crate) fn jitter(&mut self) -> &mut backoff::Jitter {
        &mut self.jitter
    }

    fn is_current(&self, attempt: Attempt) -> bool {
        matches!(self.state, State::SigningIn { attempt: current, .. } if current == attempt)
    }

    fn next_failure(&mut self) -> Duration {
        self.failures = self.failures.saturating_add(1);
        FAILED.after(self.failures, &mut self.jitter)
    }

    fn back_off(&mut self, cause: Arc<Cause>, retry_at: Instant) {
        self.state = State::Failed { cause, retry_at };
    }
}

/// What a session looks like from outside, at one instant.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Phase {
    /// There is none; the next call signs in.
    SignedOut,
    /// Somebody signs in.
    SigningIn {
        /// For how long already.
        since: Duration,
    },
    /// There is one.
    #[non_exhaustive]
    SignedIn {
        /// How long it can stay idle from now on; nothing when it does not expire.
        left: Option<Duration>,
        /// How long it has been idle.
        idle: Duration,
        /// How long ago its sign-in was sent.
        age: Duration,
        /// Whether MFA has made it trusted; nothing as long as BILL has not said.
        trusted: Option<bool>,
    },
    /// There was one, idle for too long; the next call signs in.
    IdledOut {
        /// For how long.
        idle: Duration,
    },
    /// The last attempt failed.
    Failed {
        /// Why.
        cause: Arc<Cause>,
        /// How long until the next attempt may be made.
        retry_in: Duration,
    },
    /// BILL refused for good: nothing is tried until the credentials are replaced.
    Refused {
        /// With what.
        cause: Arc<Cause>,
    },
}

#[cfg(feature = "model")]
#[path = "model/session.rs"]
mod model;
