//! Who is next: the slots for calls in flight, and the line of those that wait for one.
//!
//! A call gets its number at its first step and keeps it for life; the line is sorted by number, so
//! that a call that comes back stands where it stood. A slot is free, assigned to a waiter that was
//! woken for it, or in use by an exchange or a sign-in. An assignment lapses when it is not taken
//! up, and every use has a deadline, so that no slot can be lost with a caller that went away.
//!
//! This file knows neither sessions nor budgets: who may be granted a slot is decided by the pump
//! in [`Session`](crate::Session).

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::backoff::later;
use crate::cause::Cause;

/// How much longer than its transport's limit an exchange is waited for.
pub(crate) const GRACE: Duration = Duration::from_secs(5);

/// How long a waiter that was woken has time to take up its slot.
pub(crate) const ASSIGNMENT: Duration = Duration::from_millis(250);

/// No organisation has more calls in flight than this, whatever the settings say.
const MOST_SLOTS: usize = 100_000;

/// The number that a call has for life, in the order of first steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId(pub(crate) u64);

/// What a waiter waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// A session with at least so much time left, and no slot.
    Session { min_left: Duration },
    /// A session with at least so much time left and a slot, together or not at all.
    Exchange { min_left: Duration },
    /// A slot alone: a logout brings its own session, and a list of organisations needs none.
    Slot,
}

/// What a waiter is in line for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    Call,
    /// To be signed in, in spite of a refusal.
    SignIn,
    Renewal,
}

#[derive(Debug)]
pub(crate) struct Waiter<W> {
    pub(crate) id: CallId,
    pub(crate) need: Need,
    /// Woken when something happens that it waits for; stepping again replaces it.
    token: Option<W>,
    /// The slot assigned to it.
    slot: Option<usize>,
    /// It did not take up a slot in time: it keeps its place, and is passed over until it steps.
    passed_over: bool,
    /// Backing off until then, holding no slot.
    pub(crate) not_before: Option<Instant>,
    /// Not the one to sign in until then; a session that others get may serve it earlier.
    pub(crate) signs_in_not_before: Option<Instant>,
    /// Whether it is told how one attempt to sign in has ended, whatever the end.
    explicit: bool,
    /// Whether it may make one attempt in spite of a refusal.
    pub(crate) passes_refusal: bool,
    /// The attempt that it was allowed to make.
    pub(crate) riding: Option<u64>,
    /// The failure that it is to be told of.
    pub(crate) told: Option<Told>,
}

/// A failed sign-in, as told to those who waited for it.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) cause: Arc<Cause>,
    pub(crate) retry_at: Option<Instant>,
}

impl<W> Waiter<W> {
    pub(crate) fn new(id: CallId, need: Need, purpose: Purpose) -> Self {
        Self {
            id,
            need,
            token: None,
            slot: None,
            passed_over: false,
            not_before: None,
            signs_in_not_before: None,
            explicit: purpose != Purpose::Call,
            passes_refusal: purpose == Purpose::SignIn,
            riding: None,
            told: None,
        }
    }

    fn is_slotless(&self) -> bool {
        matches!(self.need, Need::Session { .. })
    }

    pub(crate) fn has_slot(&self) -> bool {
        self.slot.is_some()
    }

    /// Whether it would take up a slot that it were given now.
    pub(crate) fn is_ready_at(&self, now: Instant) -> bool {
        self.slot.is_none()
            && !self.passed_over
            && self.told.is_none()
            && self.not_before.is_none_or(|instant| now >= instant)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Slot {
    Free,
    Assigned {
        id: CallId,
        until: Instant,
    },
    /// Its end is a sum that is hardly ever asked for; the limit is in nanoseconds.
    Exchange {
        id: CallId,
        begun: Instant,
        limit: u64,
    },
    SignIn {
        attempt: u64,
        until: Instant,
    },
}

impl Slot {
    fn until(self) -> Option<Instant> {
        match self {
            Self::Free => None,
            Self::Exchange { begun, limit, .. } => Some(exchange_ends_at(begun, limit)),
            Self::Assigned { until, .. } | Self::SignIn { until, .. } => Some(until),
        }
    }
}

/// When nobody is waited for any longer who began an exchange of so many nanoseconds.
pub(crate) fn exchange_ends_at(begun: Instant, limit: u64) -> Instant {
    later(begun, Duration::from_nanos(limit).saturating_add(GRACE))
}

/// The waiters and the slots of one organisation.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Line<W> {
    numbers: u64,
    free: usize,
    slots: Box<[Slot]>,
    waiters: VecDeque<Waiter<W>>,
    /// How many of the waiters need a slot alone, a session alone, or are explicit sign-ins.
    count: Count,
    /// The most time that anyone has asked for who needs a session alone, since the line was empty.
    longest: Duration,
}

#[derive(Clone, Copy, Debug, Default)]
struct Count {
    slot: usize,
    session: usize,
    /// Those of `session` that were not woken since they last began to wait.
    asleep: usize,
    explicit: usize,
}

impl<W> Line<W> {
    pub(crate) fn new(slots: usize) -> Self {
        let slots = slots.clamp(1, MOST_SLOTS);
        Self {
            waiters: VecDeque::new(),
            slots: vec![Slot::Free; slots].into(),
            free: slots,
            numbers: 0,
            count: Count::default(),
            longest: Duration::ZERO,
        }
    }

    pub(crate) fn next_id(&mut self) -> CallId {
        self.numbers += 1;
        CallId(self.numbers)
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.waiters.is_empty()
    }

    pub(crate) fn slots(&self) -> usize {
        self.slots.len()
    }

    pub(crate) fn len(&self) -> usize {
        self.waiters.len()
    }

    #[inline]
    pub(crate) fn has_free_slot(&self) -> bool {
        self.free > 0
    }

    pub(crate) fn has_logout(&self) -> bool {
        self.count.slot > 0
    }

    /// Whether somebody waits for a session alone.
    pub(crate) fn has_slotless(&self) -> bool {
        self.count.session > 0
    }

    /// Whether somebody waits for a session alone, and was not woken for it yet.
    pub(crate) fn has_slotless_asleep(&self) -> bool {
        self.count.asleep > 0
    }

    /// What would do for everyone who needs a session alone.
    pub(crate) fn longest_need(&self) -> Need {
        Need::Session { min_left: self.longest }
    }

    /// Whether somebody waits for a session and a slot.
    pub(crate) fn has_exchange(&self) -> bool {
        self.waiters.len() > self.count.session + self.count.slot
    }

    pub(crate) fn has_explicit(&self) -> bool {
        self.count.explicit > 0
    }

    /// Exchanges and sign-ins that hold a slot.
    pub(crate) fn in_use(&self) -> usize {
        let in_use = |slot: &&Slot| matches!(slot, Slot::Exchange { .. } | Slot::SignIn { .. });
        self.slots.iter().filter(in_use).count()
    }

    /// The latest deadline of the exchanges in flight.
    pub(crate) fn busy_until(&self) -> Option<Instant> {
        let exchanges = self.slots.iter().filter(|slot| matches!(slot, Slot::Exchange { .. }));
        exchanges.filter_map(|slot| slot.until()).max()
    }

    /// What those wait for who have a slot assigned.
    pub(crate) fn assigned(&self) -> impl Iterator<Item = Need> {
        self.slots.iter().filter_map(|slot| match slot {
            Slot::Assigned { id, .. } => self.find(*id).map(|at| self.waiters[at].need),
            _ => None,
        })
    }

    /// When the next slot lapses.
    pub(crate) fn next_lapse(&self) -> Option<Instant> {
        self.slots.iter().filter_map(|slot| slot.until()).min()
    }

    pub(crate) fn find(&self, id: CallId) -> Option<usize> {
        match self.waiters.back() {
            Some(last) if last.id == id => Some(self.waiters.len() - 1),
            _ => self.waiters.binary_search_by_key(&id, |waiter| waiter.id).ok(),
        }
    }

    pub(crate) fn waiter(&self, at: usize) -> &Waiter<W> {
        &self.waiters[at]
    }

    pub(crate) fn waiter_mut(&mut self, at: usize) -> &mut Waiter<W> {
        &mut self.waiters[at]
    }

    /// Puts a waiter where its number belongs.
    pub(crate) fn join(&mut self, waiter: Waiter<W>) {
        self.count.add(&waiter);
        if let Need::Session { min_left } = waiter.need {
            self.longest = self.longest.max(min_left);
        }
        let behind = self.waiters.back().is_none_or(|last| last.id < waiter.id);
        if behind {
            self.waiters.push_back(waiter);
        } else {
            let at = self.waiters.partition_point(|other| other.id < waiter.id);
            self.waiters.insert(at, waiter);
        }
    }

    /// It steps, and so can take up a slot again; what it can get may have changed.
    pub(crate) fn steps(&mut self, at: usize, need: Need) {
        let waiter = &mut self.waiters[at];
        waiter.passed_over = false;
        waiter.need = need;
    }

    /// Whether those who stand here may be among the next to be granted something, even when many
    /// before them are not polled any more.
    pub(crate) fn is_in_front(&self, at: usize) -> bool {
        const FRONT: usize = 32;
        at < FRONT.max(2 * self.slots.len())
    }

    /// It goes on waiting, and is to be woken by `token`.
    pub(crate) fn waits(&mut self, at: usize, token: W, wake: &mut Wake<W>) {
        let before = self.waiters[at].token.replace(token);
        self.count.asleep += usize::from(before.is_none() && self.waiters[at].is_slotless());
        wake.spend(before);
    }

    /// Takes what wakes a waiter.
    fn token_of(&mut self, at: usize) -> Option<W> {
        let token = self.waiters[at].token.take();
        self.count.asleep -= usize::from(token.is_some() && self.waiters[at].is_slotless());
        token
    }

    /// It leaves the line; a slot that was assigned to it is free.
    pub(crate) fn leave(&mut self, at: usize, wake: &mut Wake<W>) {
        self.unassign(at);
        wake.spend(self.token_of(at));
        if let Some(waiter) = self.waiters.remove(at) {
            self.count.remove(&waiter);
        }
        if self.waiters.is_empty() {
            // Most organisations wait once in half an hour, and there may be many.
            self.waiters = VecDeque::new();
            self.longest = Duration::ZERO;
        }
    }

    /// Everyone who needs a session leaves the line and is woken.
    pub(crate) fn dismiss(&mut self, wake: &mut Wake<W>) {
        for at in 0..self.waiters.len() {
            if self.waiters[at].need != Need::Slot {
                self.unassign(at);
                wake.add(self.token_of(at));
            }
        }
        for waiter in std::mem::take(&mut self.waiters) {
            if waiter.need == Need::Slot {
                self.waiters.push_back(waiter);
            } else {
                self.count.remove(&waiter);
            }
        }
    }

    /// Wakes a waiter, and keeps its place.
    pub(crate) fn wake(&mut self, at: usize, wake: &mut Wake<W>) {
        wake.add(self.token_of(at));
    }

    /// Wakes everyone.
    pub(crate) fn wake_all(&mut self, wake: &mut Wake<W>) {
        for at in 0..self.waiters.len() {
            self.wake(at, wake);
        }
    }

    /// Wakes those who need a session and no slot.
    pub(crate) fn wake_slotless(&mut self, wake: &mut Wake<W>) {
        for at in 0..self.waiters.len() {
            if self.waiters[at].is_slotless() {
                self.wake(at, wake);
            }
        }
    }

    /// Tells those who need a session of a failure, and wakes everyone; the slots of those who are
    /// told are free. When the server said "later", only explicit sign-ins are told.
    pub(crate) fn tell(&mut self, told: &Told, later: bool, wake: &mut Wake<W>) {
        for at in 0..self.waiters.len() {
            let waiter = &self.waiters[at];
            if waiter.need != Need::Slot && (waiter.explicit || !later) {
                self.unassign(at);
                self.waiters[at].told = Some(told.clone());
            }
        }
        self.wake_all(wake);
    }

    /// Whoever began this attempt may be busy with it still: it is passed over until it steps.
    pub(crate) fn pass_over_rider(&mut self, attempt: u64) {
        for waiter in &mut self.waiters {
            waiter.passed_over |= waiter.riding == Some(attempt);
        }
    }

    /// What was told of credentials that have been replaced since is not to be heard any more.
    pub(crate) fn forget_told(&mut self) {
        for waiter in &mut self.waiters {
            waiter.told = None;
        }
    }

    /// Assigns a free slot to a waiter and wakes it.
    pub(crate) fn assign(&mut self, at: usize, now: Instant, wake: &mut Wake<W>) -> Instant {
        let until = later(now, ASSIGNMENT);
        let id = self.waiters[at].id;
        if let Some(index) = self.slots.iter().position(|slot| *slot == Slot::Free) {
            self.slots[index] = Slot::Assigned { id, until };
            self.free -= 1;
            self.waiters[at].slot = Some(index);
            self.wake(at, wake);
        }
        until
    }

    /// Takes a slot back from a waiter that stays in line.
    pub(crate) fn unassign(&mut self, at: usize) {
        if let Some(index) = self.waiters[at].slot.take() {
            self.free_slot(index);
        }
    }

    /// The waiter leaves the line with its slot, for an exchange.
    pub(crate) fn start_exchange(
        &mut self,
        at: usize,
        begun: Instant,
        limit: u64,
        wake: &mut Wake<W>,
    ) -> Option<u32> {
        let index = self.waiters[at].slot.take();
        if let Some(index) = index {
            self.slots[index] = Slot::Exchange { id: self.waiters[at].id, begun, limit };
        }
        self.leave(at, wake);
        u32::try_from(index?).ok()
    }

    /// A free slot goes to an exchange of somebody who does not stand in line.
    #[inline]
    pub(crate) fn occupy(&mut self, id: CallId, begun: Instant, limit: u64) -> Option<u32> {
        let index = self.slots.iter().position(|slot| matches!(slot, Slot::Free))?;
        self.slots[index] = Slot::Exchange { id, begun, limit };
        self.free -= 1;
        u32::try_from(index).ok()
    }

    /// The waiter's slot becomes a sign-in's; the waiter stays in line.
    pub(crate) fn start_sign_in(&mut self, at: usize, attempt: u64, until: Instant) {
        if let Some(index) = self.waiters[at].slot.take() {
            self.slots[index] = Slot::SignIn { attempt, until };
        }
    }

    /// The exchange of `id` in this slot is over.
    #[inline]
    pub(crate) fn end_exchange(&mut self, index: u32, id: CallId) {
        let index = index as usize;
        if matches!(self.slots.get(index), Some(Slot::Exchange { id: user, .. }) if *user == id) {
            self.free_slot(index);
        }
    }

    /// Whatever exchange of `id` is in flight is over.
    pub(crate) fn end_exchanges_of(&mut self, id: CallId) {
        for index in 0..self.slots.len() {
            if matches!(self.slots[index], Slot::Exchange { id: user, .. } if user == id) {
                self.free_slot(index);
            }
        }
    }

    /// The sign-in is over.
    pub(crate) fn end_sign_in(&mut self, attempt: u64) {
        for index in 0..self.slots.len() {
            if matches!(self.slots[index], Slot::SignIn { attempt: user, .. } if user == attempt) {
                self.free_slot(index);
            }
        }
    }

    /// Frees what nobody reported on in time, and passes over who did not take up a slot.
    pub(crate) fn lapse(&mut self, now: Instant) {
        for index in 0..self.slots.len() {
            let slot = self.slots[index];
            if slot.until().is_none_or(|until| now < until) {
                continue;
            }
            if let Slot::Assigned { id, .. } = slot
                && let Some(at) = self.find(id)
            {
                self.waiters[at].slot = None;
                self.waiters[at].passed_over = true;
            }
            self.free_slot(index);
        }
    }

    #[inline]
    fn free_slot(&mut self, index: usize) {
        if self.slots[index] != Slot::Free {
            self.slots[index] = Slot::Free;
            self.free += 1;
        }
    }
}

impl Count {
    fn add<W>(&mut self, waiter: &Waiter<W>) {
        if let Some(count) = self.of(waiter.need) {
            *count += 1;
        }
        self.explicit += usize::from(waiter.explicit);
    }

    fn remove<W>(&mut self, waiter: &Waiter<W>) {
        if let Some(count) = self.of(waiter.need) {
            *count -= 1;
        }
        self.explicit -= usize::from(waiter.explicit);
    }

    fn of(&mut self, need: Need) -> Option<&mut usize> {
        match need {
            Need::Slot => Some(&mut self.slot),
            Need::Session { .. } => Some(&mut self.session),
            Need::Exchange { .. } => None,
        }
    }
}

/// The tokens of callers to wake, once the lock around the session is let go.
///
/// It is a pointer, and nearly always a null one: most steps wake nobody.
#[derive(Debug)]
#[must_use = "those who are not woken wait for up to a second too long"]
pub struct Wake<W>(Option<Box<Tokens<W>>>);

#[derive(Debug)]
struct Tokens<W> {
    woken: Vec<W>,
    /// Tokens that are not needed any more: dropping one may run foreign code, so that they too
    /// leave the lock first.
    spent: Vec<W>,
}

impl<W> Wake<W> {
    #[inline]
    pub(crate) fn nobody() -> Self {
        Self(None)
    }

    /// How many are to be woken.
    pub fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |tokens| tokens.woken.len())
    }

    /// Whether nobody is to be woken.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn add(&mut self, token: Option<W>) {
        if let Some(token) = token {
            self.tokens().woken.push(token);
        }
    }

    pub(crate) fn spend(&mut self, token: Option<W>) {
        if let Some(token) = token {
            self.tokens().spent.push(token);
        }
    }

    fn tokens(&mut self) -> &mut Tokens<W> {
        let none = || Box::new(Tokens { woken: Vec::new(), spent: Vec::new() });
        self.0.get_or_insert_with(none)
    }
}

impl<W> IntoIterator for Wake<W> {
    type Item = W;
    type IntoIter = std::iter::Flatten<std::option::IntoIter<Vec<W>>>;

    #[inline]
    fn into_iter(self) -> Self::IntoIter {
        self.0.map(|tokens| tokens.woken).into_iter().flatten()
    }
}

#[cfg(feature = "model")]
#[path = "model/line.rs"]
mod model;
