//! The hourly budgets of a developer key: 200 sign-ins and 20,000 calls, shared by all who use it.
//!
//! BILL counts by the clock hour, and nobody outside knows when its hour begins; a budget counted
//! by hours of one's own could spend twice the limit within one of BILL's. So these budgets slide:
//! at no instant do the last 60 minutes hold more than the limit.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use crate::backoff::later;
use crate::cause::Cause;

const HOUR: Duration = Duration::from_secs(3600);
/// Sixty minutes and the one that has begun: the oldest may count a little too long, never short.
const MINUTES: u64 = 61;

/// The budgets of one developer key, and whether BILL refused the key.
///
/// Accounts of one key count together when they share one of these, whatever organisation each is
/// for; so do all that [`Account::for_organization`](crate::Account::for_organization) makes.
#[derive(Debug)]
pub struct KeyLimits {
    origin: Instant,
    calls_an_hour: u32,
    /// The minute that `current` counts.
    minute: AtomicU64,
    current: AtomicU32,
    /// Calls of the sixty minutes before.
    past: AtomicU32,
    /// Whether `calls_closed_until` is set.
    closed: AtomicBool,
    refused: AtomicBool,
    slow: Mutex<Slow>,
}

/// What is only touched when a minute turns, a sign-in begins or BILL says no.
#[derive(Debug)]
struct Slow {
    sign_ins_an_hour: usize,
    sign_ins: VecDeque<Instant>,
    sign_ins_closed_until: Option<Instant>,
    calls: VecDeque<(u64, u32)>,
    calls_closed_until: Option<Instant>,
    refusal: Option<Arc<Cause>>,
    /// When BILL last accepted the key.
    accepted_at: Option<Instant>,
    /// BILL's clock, as an answer told it at this instant.
    wall: Option<(Instant, SystemTime)>,
}

/// An hourly limit, and how much of it is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Budget {
    /// How many were counted in the last hour, by this process.
    pub used: u32,
    /// How many there may be.
    pub limit: u32,
    /// How long BILL has closed it for, when BILL said that it is spent.
    pub closed_for: Option<Duration>,
}

/// A minute of a key's window of calls, for whoever asks many times within it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Minute {
    pub(crate) number: u64,
    pub(crate) ends: Instant,
}

/// An hourly limit that is spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Spent {
    /// From when on there is room again.
    pub(crate) until: Instant,
    /// Whether it was BILL that said so, and not this process's own count.
    pub(crate) by_bill: bool,
}

impl Spent {
    fn by_bill(until: Instant) -> Self {
        Self { until, by_bill: true }
    }

    fn by_own_count(until: Instant) -> Self {
        Self { until, by_bill: false }
    }
}

impl KeyLimits {
    /// The sign-ins that BILL allows a developer key in each hour.
    pub const SIGN_INS_AN_HOUR: u32 = 200;

    /// The calls that BILL allows a developer key in each hour.
    pub const CALLS_AN_HOUR: u32 = 20_000;

    /// BILL's limits: 200 sign-ins and 20,000 calls an hour.
    pub fn new(now: Instant) -> Self {
        Self::with(Self::SIGN_INS_AN_HOUR, Self::CALLS_AN_HOUR, now)
    }

    /// Other limits, for a process that has only a share of them.
    pub fn with(sign_ins_an_hour: u32, calls_an_hour: u32, now: Instant) -> Self {
        Self {
            origin: now,
            calls_an_hour,
            minute: AtomicU64::new(0),
            current: AtomicU32::new(0),
            past: AtomicU32::new(0),
            closed: AtomicBool::new(false),
            refused: AtomicBool::new(false),
            slow: Mutex::new(Slow {
                sign_ins_an_hour: sign_ins_an_hour as usize,
                sign_ins: VecDeque::new(),
                sign_ins_closed_until: None,
                calls: VecDeque::new(),
                calls_closed_until: None,
                refusal: None,
                accepted_at: None,
                wall: None,
            }),
        }
    }

    /// Sign-ins counted in the hour before `now`.
    pub fn sign_ins(&self, now: Instant) -> usize {
        let mut slow = self.slow();
        slow.forget_old_sign_ins(now);
        slow.sign_ins.len()
    }

    /// Calls counted in the hour before `now`.
    pub fn calls(&self, now: Instant) -> u32 {
        self.turn_to(self.minute_of(now));
        self.past.load(Ordering::Relaxed).saturating_add(self.current.load(Ordering::Relaxed))
    }

    /// The hour's sign-ins, and how many of them are used.
    pub fn sign_in_budget(&self, now: Instant) -> Budget {
        let used = u32::try_from(self.sign_ins(now)).unwrap_or(u32::MAX);
        let slow = self.slow();
        let limit = u32::try_from(slow.sign_ins_an_hour).unwrap_or(u32::MAX);
        Budget { used, limit, closed_for: left(slow.sign_ins_closed_until, now) }
    }

    /// The hour's calls, and how many of them are used.
    pub fn call_budget(&self, now: Instant) -> Budget {
        let used = self.calls(now);
        let closed_for = left(self.slow().calls_closed_until, now);
        Budget { used, limit: self.calls_an_hour, closed_for }
    }

    /// BILL's clock showed this at `now`.
    pub(crate) fn saw_clock(&self, date: SystemTime, now: Instant) {
        self.slow().wall = Some((now, date));
    }

    /// What BILL's clock will show at `then`, if an answer has told it.
    pub(crate) fn wall_at(&self, then: Instant) -> Option<SystemTime> {
        let (seen, date) = self.slow().wall?;
        date.checked_add(then.saturating_duration_since(seen))
    }

    /// Counts a sign-in; an error tells from when on there is room for one.
    pub(crate) fn begin_sign_in(&self, now: Instant) -> Result<(), Spent> {
        let mut slow = self.slow();
        slow.forget_old_sign_ins(now);
        let spent = slow.sign_ins.len() >= slow.sign_ins_an_hour;
        let room_at = spent.then(|| later(slow.sign_ins.front().copied().unwrap_or(now), HOUR));
        slow.sign_ins_closed_until = slow.sign_ins_closed_until.filter(|until| now < *until);
        match (slow.sign_ins_closed_until, room_at) {
            (Some(closed), room_at) if room_at.is_none_or(|room_at| room_at <= closed) => {
                return Err(Spent::by_bill(closed));
            }
            (_, Some(room_at)) => return Err(Spent::by_own_count(room_at)),
            (_, None) => {}
        }
        slow.sign_ins.push_back(now);
        Ok(())
    }

    /// Counts a call; an error tells from when on there is room for one.
    pub(crate) fn begin_call(&self, now: Instant) -> Result<(), Spent> {
        self.begin_call_in(self.minute_of(now), now)
    }

    /// The same for who knows what minute it is.
    #[inline]
    pub(crate) fn begin_call_in(&self, minute: u64, now: Instant) -> Result<(), Spent> {
        self.calls_open_in(minute, now)?;
        let before = self.current.fetch_add(1, Ordering::Relaxed);
        if self.past.load(Ordering::Relaxed).saturating_add(before) < self.calls_an_hour {
            return Ok(());
        }
        // Other threads took the last places since they were seen to be free.
        // The minute may have turned meanwhile, and taken this one along: then it stays counted.
        let one_less = |current: u32| current.checked_sub(1);
        let _undone = self.current.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less);
        Err(Spent::by_own_count(self.room_at(now)))
    }

    /// Whether a call may begin; an error tells from when on one may.
    pub(crate) fn calls_open(&self, now: Instant) -> Result<(), Spent> {
        self.calls_open_in(self.minute_of(now), now)
    }

    #[inline]
    fn calls_open_in(&self, minute: u64, now: Instant) -> Result<(), Spent> {
        if self.closed.load(Ordering::Acquire) {
            let mut slow = self.slow();
            match slow.calls_closed_until {
                Some(until) if now < until => return Err(Spent::by_bill(until)),
                _ => {
                    slow.calls_closed_until = None;
                    self.closed.store(false, Ordering::Release);
                }
            }
        }
        if self.minute.load(Ordering::Acquire) < minute {
            self.turn_to(minute);
        }
        let past = self.past.load(Ordering::Relaxed);
        if past.saturating_add(self.current.load(Ordering::Relaxed)) < self.calls_an_hour {
            return Ok(());
        }
        Err(Spent::by_own_count(self.room_at(now)))
    }

    /// When the oldest calls leave the window, so that there is room again.
    #[cold]
    fn room_at(&self, now: Instant) -> Instant {
        let slow = self.slow();
        let mut counted = slow.calls.iter().filter(|(_, calls)| *calls > 0);
        let oldest = counted.next().map_or_else(|| self.minute_of(now), |(minute, _)| *minute);
        later(self.origin, Duration::from_secs(60 * (oldest + MINUTES)))
    }

    /// BILL said that the hour's sign-ins are spent.
    pub(crate) fn close_sign_ins(&self, until: Instant) {
        let mut slow = self.slow();
        slow.sign_ins_closed_until = slow.sign_ins_closed_until.max(Some(until));
    }

    /// BILL said that the hour's calls are spent.
    pub(crate) fn close_calls(&self, until: Instant) {
        let mut slow = self.slow();
        slow.calls_closed_until = slow.calls_closed_until.max(Some(until));
        self.closed.store(true, Ordering::Release);
    }

    /// BILL refused the key (BDC_1102).
    pub(crate) fn refuse(&self, cause: Arc<Cause>) {
        self.slow().refusal = Some(cause);
        self.refused.store(true, Ordering::Release);
    }

    /// BILL accepted the key.
    pub(crate) fn accept(&self, now: Instant) {
        self.lift();
        let mut slow = self.slow();
        slow.accepted_at = slow.accepted_at.max(Some(now));
    }

    /// Whether BILL has accepted the key since `begun`.
    pub(crate) fn accepted_since(&self, begun: Instant) -> bool {
        self.slow().accepted_at.is_some_and(|accepted| accepted > begun)
    }

    /// The key was accepted, or its users want another try.
    pub(crate) fn lift(&self) {
        self.refused.store(false, Ordering::Release);
        self.slow().refusal = None;
    }

    pub(crate) fn refusal(&self) -> Option<Arc<Cause>> {
        if !self.refused.load(Ordering::Acquire) {
            return None;
        }
        self.slow().refusal.clone()
    }

    /// Moves the window of calls on to `minute`.
    fn turn_to(&self, minute: u64) {
        let mut slow = self.slow();
        let counted = self.minute.load(Ordering::Acquire);
        if counted >= minute {
            return;
        }
        let finished = self.current.swap(0, Ordering::Relaxed);
        slow.calls.push_back((counted, finished));
        while slow.calls.front().is_some_and(|(oldest, _)| oldest + MINUTES <= minute) {
            slow.calls.pop_front();
        }
        let past = slow.calls.iter().fold(0_u32, |sum, (_, calls)| sum.saturating_add(*calls));
        self.past.store(past, Ordering::Relaxed);
        self.minute.store(minute, Ordering::Release);
    }

    fn minute_of(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.origin).as_secs() / 60
    }

    /// The minute of `now`.
    pub(crate) fn minute_at(&self, now: Instant) -> Minute {
        let number = self.minute_of(now);
        Minute { number, ends: later(self.origin, Duration::from_secs(60 * (number + 1))) }
    }

    fn slow(&self) -> MutexGuard<'_, Slow> {
        self.slow.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slow {
    fn forget_old_sign_ins(&mut self, now: Instant) {
        let old = |begun: &Instant| now.saturating_duration_since(*begun) >= HOUR;
        while self.sign_ins.front().is_some_and(old) {
            self.sign_ins.pop_front();
        }
    }
}

fn left(until: Option<Instant>, now: Instant) -> Option<Duration> {
    until.filter(|until| now < *until).map(|until| until.saturating_duration_since(now))
}

#[cfg(feature = "model")]
#[path = "model/limits.rs"]
mod model;
