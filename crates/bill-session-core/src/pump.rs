//! The joined object: one organisation's session, its line and its key's budgets, and the pump.
//!
//! The pump is the one place that grants anything, and the only function that reads all three:
//! every method of [`Session`] ends in it. How a call walks over them is in `call.rs`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::account::{Account, SignedIn};
use crate::backoff::{later, nanoseconds, spread};
use crate::call::{Call, Ticket};
use crate::cause::Cause;
use crate::events::{Event, Events, Why};
use crate::lifetime::Lifetime;
use crate::limits::Minute;
use crate::line::{CallId, GRACE, Line, Need, Told, Wake, exchange_ends_at};
use crate::session::{Asked, Attempt, Ended, Generation, Phase, SessionMachine};
use crate::settings::Settings;
use crate::sign_in::{NotFollowed, SignInId};
use crate::wire::Verdict;

const IDLE_LIMIT: Duration = Duration::from_secs(35 * 60);

/// The longest that a waiter waits without looking again.
const GLANCE: Duration = Duration::from_secs(1);
/// The most handles on a session that are kept.
const SPARES: usize = 8;

/// One organisation's session, shared by all its callers behind an adapter's lock.
///
/// `W` is what wakes a waiting caller: a `Waker`, a `Thread`, a number in a test.
///
/// What every call touches comes first and together, in the order in which it is written here: what
/// callers on several cores share is handed from one to the other in pieces of 64 bytes.
#[derive(Debug)]
#[repr(C)]
pub struct Session<W> {
    /// Time as the latest caller knew it.
    pub(crate) last: Instant,
    /// Nothing lapses before then.
    due: Instant,
    /// The minute of the latest call.
    minute: Minute,
    /// The version of the credentials that was last seen.
    version: u64,
    /// The usual limit of an exchange, in nanoseconds.
    pub(crate) call_limit: u64,
    pub(crate) renewals: u32,
    /// Whether no exchange of the usual limit that begins from now on can lapse before `due`.
    covers_usual: bool,
    /// Handles on the current session, kept from call to call: to copy one and drop it again would
    /// be a good part of what a session costs a call.
    spare: Vec<Arc<SignedIn>>,
    pub(crate) account: Arc<Account>,
    pub(crate) settings: Arc<Settings>,
    pub(crate) line: Line<W>,
    pub(crate) machine: SessionMachine<Arc<SignedIn>>,
    /// API access off, or the organisation locked: refused with this organisation.
    refused: Option<Arc<Cause>>,
    last_beat: Instant,
    pub(crate) renewal_not_before: Instant,
    not_followed: Option<NotFollowed>,
    /// Its number among those of the principal.
    number: u64,
    pub(crate) events: Events<W>,
    /// What makes the next sign-in necessary, unless the session turns out to have idled out.
    why: Why,
    /// Whether the last session of which BILL said anything was trusted.
    was_trusted: bool,
}

impl<W> Session<W> {
    /// A session that is signed out; those of one client can share their settings.
    ///
    /// Sessions of the same account and the same seed do not back off in step.
    pub fn new(account: Arc<Account>, settings: impl Into<Arc<Settings>>, now: Instant) -> Self {
        let settings = settings.into();
        let number = account.identity.next_session();
        Self {
            machine: SessionMachine::new(settings.seed ^ spread(number)),
            line: Line::new(settings.max_in_flight),
            spare: Vec::with_capacity(settings.max_in_flight.min(SPARES)),
            refused: None,
            version: account.identity.version(),
            last: now,
            due: later(now, Duration::MAX),
            covers_usual: false,
            call_limit: nanoseconds(settings.call_limit),
            minute: account.key.minute_at(now),
            last_beat: now,
            renewals: 0,
            renewal_not_before: now,
            not_followed: None,
            number,
            events: Events::new(),
            why: Why::First,
            was_trusted: false,
            account,
            settings,
        }
    }

    /// The account that it belongs to.
    pub fn account(&self) -> &Arc<Account> {
        &self.account
    }

    /// What it looks like at `now`.
    pub fn phase(&self, now: Instant) -> Phase {
        let now = self.last.max(now);
        match (self.machine.phase(now), self.refusal()) {
            (Phase::SignedOut | Phase::IdledOut { .. } | Phase::Failed { .. }, Some(cause)) => {
                Phase::Refused { cause }
            }
            (phase, _) => phase,
        }
    }

    /// The user that BILL signed in, when it named one.
    pub fn user_id(&self) -> Option<&str> {
        self.machine.current()?.user_id.as_deref()
    }

    /// The URL of the v2 API that calls go to, while there is a session.
    pub fn api(&self) -> Option<String> {
        self.machine.current().map(|session| format!("{}/api/v2", session.base()))
    }

    /// What the last sign-in's `apiEndPoint` named, when it was not followed.
    pub fn not_followed(&self) -> Option<&NotFollowed> {
        self.not_followed.as_ref()
    }

    /// Exchanges and sign-ins in flight.
    pub fn in_flight(&self) -> usize {
        self.line.in_use()
    }

    /// Calls that wait in line.
    pub fn waiting(&self) -> usize {
        self.line.len()
    }

    /// Whoever made this call has gone away; harmless when it has ended already.
    pub fn cancel(&mut self, id: CallId, now: Instant) -> Wake<W> {
        let mut wake = Wake::nobody();
        let now = self.clamp(now);
        if let Some(at) = self.line.find(id) {
            self.line.leave(at, &mut wake);
        }
        self.line.end_exchanges_of(id);
        self.pump(now, &mut wake);
        wake
    }

    /// Whoever ran this sign-in has gone away; harmless when it has ended already.
    ///
    /// It may have reached BILL, so it stays counted. The next attempt may begin at once the first
    /// time, and after a back-off each further time without a success in between.
    pub fn cancel_sign_in(&mut self, id: SignInId, now: Instant) -> Wake<W> {
        let mut wake = Wake::nobody();
        let now = self.clamp(now);
        // One that is overdue has failed already, whoever goes away now.
        self.notice(now, &mut wake);
        self.abandon(id.0, now, &mut wake);
        self.pump(now, &mut wake);
        wake
    }

    /// The sign-in is still being worked on.
    pub fn beat(&mut self, id: SignInId, now: Instant) {
        let now = self.clamp(now);
        if self.machine.attempt() == Some(id.0) {
            self.last_beat = now;
        }
    }

    /// Forgets the session, ends all calls begun before, and wakes everyone.
    ///
    /// Returns the call that logs the session out at BILL, if there was one. Run it like any other;
    /// whatever becomes of it, the session is forgotten.
    pub fn sign_out(&mut self, now: Instant) -> (Option<Call>, Wake<W>) {
        let mut wake = Wake::nobody();
        let now = self.clamp(now);
        let forgotten = self.machine.sign_out();
        if forgotten.is_some() {
            self.why = Why::SignedOut;
        }
        self.was_trusted = false;
        self.spare.clear();
        self.line.dismiss(&mut wake);
        self.pump(now, &mut wake);
        (forgotten.map(Call::logout), wake)
    }

    /// The account's principal was replaced: an older session and back-off are forgotten, a sign-in
    /// in flight is void, and everyone is woken.
    pub fn credentials_replaced(&mut self, now: Instant) -> Wake<W> {
        let mut wake = Wake::nobody();
        let now = self.clamp(now);
        self.pump(now, &mut wake);
        wake
    }

    /// Wakes everyone to look again, as after a jump of the clock.
    pub fn wake_all(&mut self) -> Wake<W> {
        let mut wake = Wake::nobody();
        self.line.wake_all(&mut wake);
        wake
    }

    /// `now`, unless another caller knew of a later one.
    pub(crate) fn clamp(&mut self, now: Instant) -> Instant {
        self.last = self.last.max(now);
        self.last
    }

    /// How long a session of this principal will live: by no setting so short that it could be over
    /// before its sign-in is, for then nobody could ever use one.
    pub(crate) fn lifetime(&self, is_token: bool) -> Lifetime {
        let lifetime = if is_token {
            self.settings.token_lifetime
        } else {
            Lifetime::idle(IDLE_LIMIT, self.settings.idle_margin)
        };
        lifetime.at_least(self.settings.sign_in_limit.saturating_add(GRACE))
    }

    /// What BILL refused for good, whoever of those who share it was told.
    pub(crate) fn refusal(&self) -> Option<Arc<Cause>> {
        self.refused
            .clone()
            .or_else(|| self.account.identity.refusal())
            .or_else(|| self.account.key.refusal())
    }

    /// Keeps a permanent refusal with what it refuses: the key, the principal or the organisation.
    pub(crate) fn refuse(&mut self, attempt: Attempt, cause: &Arc<Cause>) {
        use crate::code::Meaning;

        let Some(code) = cause.code() else { return };
        match code.meaning() {
            Meaning::WrongKey => self.account.key.refuse(Arc::clone(cause)),
            Meaning::WrongPassword => {
                self.account.identity.refuse(attempt.version(), Arc::clone(cause));
            }
            _ => self.refused = Some(Arc::clone(cause)),
        }
    }

    /// A sign-in succeeded: whatever was refused is accepted now.
    pub(crate) fn accepted(
        &mut self,
        attempt: Attempt,
        not_followed: Option<NotFollowed>,
        now: Instant,
    ) {
        self.account.identity.prove(attempt.version(), now);
        self.account.key.accept(now);
        self.spare.clear();
        self.refused = None;
        self.not_followed = not_followed;
    }

    /// A sign-in begins; somebody has to beat for it from now on.
    pub(crate) fn sign_in_begins(&mut self, deadline: Instant, now: Instant) {
        self.last_beat = now;
        self.spare.clear();
        self.due = self.due.min(deadline);
        if let Some(limit) = self.settings.heartbeat {
            self.due = self.due.min(later(now, limit));
        }
    }

    /// An exchange begins, and lapses when its time is over.
    #[inline]
    pub(crate) fn exchange_begins(&mut self, now: Instant, limit: u64) {
        let usual = self.call_limit;
        if !self.covers_usual || limit < usual {
            self.lapses_at(exchange_ends_at(now, limit));
            self.covers_usual |= limit == usual;
        }
    }

    /// Something lapses at `until`.
    pub(crate) fn lapses_at(&mut self, until: Instant) {
        self.due = self.due.min(until);
    }

    /// When the waiter at this place is to look again, at the latest.
    ///
    /// What lapses concerns those in front. In a line of ten thousand, everyone would otherwise
    /// look four times a second for what three can have; whoever looks in front wakes the others.
    pub(crate) fn look_again_at(&self, own: Instant, at: usize, now: Instant) -> Instant {
        let retry_at = self.machine.failure().map(|(_, retry_at)| retry_at);
        let lapse = self.line.is_in_front(at).then_some(self.due);
        let ahead = [own].into_iter().chain(lapse).chain(retry_at).filter(|then| *then > now);
        ahead.fold(later(now, GLANCE), Instant::min)
    }

    /// The session of this generation was called invalid.
    pub(crate) fn invalid(&mut self, generation: Generation, now: Instant, wake: &mut Wake<W>) {
        match self.machine.invalid(generation, now) {
            Ended::Nothing => {}
            Ended::SignedOut => {
                self.why = Why::Invalid;
                self.spare.clear();
            }
            Ended::Failed => {
                self.why = Why::Invalid;
                self.spare.clear();
                self.tell_of_failure(wake);
            }
        }
    }

    /// What a verdict on an answer does to the session and the budgets.
    pub(crate) fn heed(
        &mut self,
        verdict: Verdict,
        generation: Generation,
        sent_at: Instant,
        now: Instant,
        wake: &mut Wake<W>,
    ) {
        match verdict {
            Verdict::Alive => self.machine.credit(generation, sent_at),
            Verdict::Invalid => self.invalid(generation, now, wake),
            Verdict::Untrusted => {
                self.machine.credit(generation, sent_at);
                self.untrusted(generation, wake);
            }
            Verdict::HourSpent { left } => {
                self.account.key.close_calls(later(now, left));
                self.tell(Event::CallsSpent { retry_in: left }, wake);
            }
            Verdict::Contended { .. } | Verdict::Unknown => {}
        }
    }

    /// Passes the machine's failure on to those who waited for the attempt.
    ///
    /// A server that says "later" keeps calls waiting; any other failure they are told of, each
    /// once, instead of finding it out again one by one.
    pub(crate) fn tell_of_failure(&mut self, wake: &mut Wake<W>) {
        if let Some((cause, retry_at)) = self.machine.failure() {
            let told = Told { cause: Arc::clone(cause), retry_at: Some(retry_at) };
            let later = cause.says_later();
            self.line.tell(&told, later, wake);
            if let Some(event) = self.waiting_event() {
                self.tell(event, wake);
            }
        }
    }

    /// What listeners are told of a back-off.
    fn waiting_event(&self) -> Option<Event> {
        let (cause, retry_at) = self.machine.failure()?;
        let retry_in = retry_at.saturating_duration_since(self.last);
        Some(Event::Waiting { cause: Arc::clone(cause), retry_in })
    }

    /// Nobody signs in before `wait` is over; everyone looks again.
    pub(crate) fn defer(
        &mut self,
        cause: Arc<Cause>,
        wait: Duration,
        now: Instant,
        wake: &mut Wake<W>,
    ) {
        self.machine.defer(Arc::clone(&cause), wait, now);
        self.line.wake_all(wake);
        self.tell(Event::Waiting { cause, retry_in: wait }, wake);
    }

    /// Notes what makes the sign-in necessary that is about to begin.
    pub(crate) fn note_why(&mut self, now: Instant) {
        if self.machine.current().is_some() {
            let usable = matches!(self.machine.ask(now), Asked::Ready(..));
            self.why = if usable { Why::MoreTime } else { Why::IdledOut };
        }
    }

    /// A sign-in has brought a session.
    pub(crate) fn welcomed(
        &mut self,
        generation: Generation,
        trusted: Option<bool>,
        sent_device: bool,
        wake: &mut Wake<W>,
    ) {
        self.tell(Event::SignedIn { why: self.why, trusted }, wake);
        if let Some(not_followed) = self.not_followed.clone() {
            self.tell(Event::NotFollowed(not_followed), wake);
        }
        match trusted {
            Some(true) => self.trusted(generation),
            Some(false) => self.untrusted(generation, wake),
            // BILL does not say, but without a device no session comes back trusted.
            None if self.was_trusted && !sent_device => self.untrusted(generation, wake),
            None => {}
        }
    }

    /// BILL said that the session of this generation is trusted.
    pub(crate) fn trusted(&mut self, generation: Generation) {
        if self.machine.trust(generation, true) {
            self.was_trusted = true;
        }
    }

    /// BILL said that it is not.
    pub(crate) fn untrusted(&mut self, generation: Generation, wake: &mut Wake<W>) {
        if self.machine.trust(generation, false) && std::mem::take(&mut self.was_trusted) {
            self.tell(Event::TrustLost, wake);
        }
    }

    /// Whether the session of this generation is the current one, and usable.
    pub(crate) fn is_usable(&self, generation: Generation, now: Instant) -> bool {
        matches!(self.machine.ask(now), Asked::Ready(_, current) if current == generation)
    }

    /// The sign-in that is about to begin tries the principal for all organisations, if it has to
    /// be tried; not while another session's does.
    pub(crate) fn begin_probe(&mut self, until: Instant, now: Instant) -> bool {
        self.account.identity.begin_probe(self.number, until, now)
    }

    pub(crate) fn end_probe(&mut self) {
        self.account.identity.end_probe(self.number);
    }

    /// What keeps the session away: its own failure, or that of the session which tried the
    /// principal last, while another one does so again.
    pub(crate) fn kept_away_by(&self, now: Instant) -> Option<Arc<Cause>> {
        let identity = &self.account.identity;
        let tried = || {
            let waits = matches!(self.machine.ask(now), Asked::SignIn)
                && identity.probed_by_another(self.number, now);
            waits.then(|| identity.probe_failure(now))?
        };
        self.machine.kept_away_by().cloned().or_else(tried)
    }

    fn abandon(&mut self, attempt: Attempt, now: Instant, wake: &mut Wake<W>) {
        self.line.end_sign_in(attempt.id);
        if self.machine.cancelled(attempt, now) {
            self.end_probe();
            self.line.wake_all(wake);
            if let Some(event) = self.waiting_event() {
                self.tell(event, wake);
            }
        }
    }

    /// Grants whatever can be granted now.
    pub(crate) fn pump(&mut self, now: Instant, wake: &mut Wake<W>) {
        self.notice(now, wake);
        if !self.line.is_empty() && self.line.has_free_slot() {
            self.grant(now, wake);
        }
    }

    /// Whether nobody waits, and nobody has replaced the credentials.
    #[inline]
    pub(crate) fn is_at_rest(&self) -> bool {
        self.line.is_empty() && self.account.identity.version() == self.version
    }

    /// Whether something lapses.
    #[inline]
    pub(crate) fn is_due(&self, now: Instant) -> bool {
        now >= self.due
    }

    /// Draws the consequences of what time and others have done.
    pub(crate) fn notice(&mut self, now: Instant, wake: &mut Wake<W>) {
        let version = self.account.identity.version();
        if version != self.version {
            self.replaced(version, wake);
        }
        if self.is_due(now) {
            self.lapse(now, wake);
        }
    }

    #[cold]
    fn replaced(&mut self, version: u64, wake: &mut Wake<W>) {
        self.version = version;
        let void = self.machine.attempt().filter(|attempt| attempt.version() != version);
        if let Some(attempt) = void {
            self.line.end_sign_in(attempt.id);
            self.line.pass_over_rider(attempt.id);
        }
        self.machine.credentials_replaced(version);
        self.why = Why::CredentialsReplaced;
        self.was_trusted = false;
        self.spare.clear();
        self.refused = None;
        self.renewals = 0;
        self.line.forget_told();
        self.line.wake_all(wake);
    }

    #[cold]
    fn lapse(&mut self, now: Instant, wake: &mut Wake<W>) {
        if self.machine.expire(now) {
            if let Some((cause, _)) = self.machine.failure() {
                self.account.identity.probe_failed(cause, now);
            }
            self.end_probe();
            self.tell_of_failure(wake);
        }
        let silent = |limit| now.saturating_duration_since(self.last_beat) >= limit;
        if let Some(attempt) = self.machine.attempt()
            && self.settings.heartbeat.is_some_and(silent)
        {
            self.abandon(attempt, now, wake);
        }
        self.line.lapse(now);
        let overdue = match self.machine.ask(now) {
            Asked::Wait { until, .. } => Some(until),
            _ => None,
        };
        let beat = overdue.and(self.settings.heartbeat).map(|limit| later(self.last_beat, limit));
        let next = self.line.next_lapse().into_iter().chain(overdue).chain(beat).min();
        self.due = next.unwrap_or_else(|| later(now, Duration::MAX));
        self.covers_usual = false;
    }

    fn grant(&mut self, now: Instant, wake: &mut Wake<W>) {
        let asked = self.machine.ask(now);
        let refused = self.refusal().is_some();
        let calls_open = self.account.key.calls_open(now).is_ok();
        let probed = self.account.identity.probed_by_another(self.number, now);
        let nobody_can_use_it = match asked {
            Asked::Ready(..) => {
                let for_calls = calls_open && self.line.has_exchange();
                // Those who need no slot need only be woken, unless it is too short for them.
                let for_others = self.line.has_slotless_asleep()
                    || (self.line.has_slotless()
                        && self.needs_sign_in(self.line.longest_need(), now));
                !for_calls && !for_others
            }
            Asked::SignIn => probed || (refused && !self.line.has_explicit()),
            Asked::Wait { .. } | Asked::Failed { .. } => true,
        };
        if nobody_can_use_it && !self.line.has_logout() {
            return;
        }
        let mut signing_in = self.line.assigned().any(|need| self.needs_sign_in(need, now));
        for at in 0..self.line.len() {
            if !self.line.has_free_slot() {
                return;
            }
            let waiter = self.line.waiter(at);
            if !waiter.is_ready_at(now) {
                continue;
            }
            let granted = match (waiter.need, self.ask(waiter.need, now)) {
                (Need::Slot, _) => true,
                (Need::Exchange { .. }, Asked::Ready(..)) => calls_open,
                (Need::Session { .. }, Asked::Ready(..)) => {
                    self.line.wake(at, wake);
                    false
                }
                (_, Asked::SignIn) => {
                    let may = !signing_in
                        && !probed
                        && waiter.signs_in_not_before.is_none_or(|then| now >= then)
                        && (!refused || waiter.passes_refusal)
                        && (calls_open || !matches!(waiter.need, Need::Exchange { .. }));
                    signing_in |= may;
                    may
                }
                (_, Asked::Wait { .. } | Asked::Failed { .. }) => false,
            };
            if granted {
                let until = self.line.assign(at, now, wake);
                self.lapses_at(until);
            }
        }
    }

    /// Whether there is a session for who needs it like this.
    pub(crate) fn ask(&self, need: Need, now: Instant) -> Asked<'_, Arc<SignedIn>> {
        match need {
            Need::Session { min_left } | Need::Exchange { min_left } => {
                self.machine.ask_for(min_left, now)
            }
            Need::Slot => self.machine.ask(now),
        }
    }

    fn needs_sign_in(&self, need: Need, now: Instant) -> bool {
        need != Need::Slot && matches!(self.ask(need, now), Asked::SignIn)
    }

    /// Whether every new session has so much time left when it arrives.
    pub(crate) fn can_have_left(&self, min_left: Duration) -> bool {
        let is_token = self.account.identity.current().0.is_token();
        // A session's time runs from when its sign-in was sent.
        let needed = min_left.saturating_add(self.settings.sign_in_limit).saturating_add(GRACE);
        let longest = self.lifetime(is_token).longest();
        min_left.is_zero() || longest.is_none_or(|longest| needed <= longest)
    }

    /// The same need, without what no session can offer: to ask for it would sign in for ever.
    #[inline]
    pub(crate) fn attainable(&self, need: Need) -> Need {
        match need {
            Need::Exchange { min_left } if !min_left.is_zero() && !self.can_have_left(min_left) => {
                Need::Exchange { min_left: Duration::ZERO }
            }
            need => need,
        }
    }

    /// A call's number, epoch and deadline.
    #[inline]
    pub(crate) fn ticket(&mut self, total: Duration, now: Instant) -> Ticket {
        let (id, epoch) = (self.line.next_id(), self.machine.epoch());
        Ticket { id, epoch, deadline: later(now, total) }
    }

    /// A session for a call before which nobody stands in line, when a slot and the budget are free.
    #[inline]
    pub(crate) fn at_once(&mut self, now: Instant) -> Option<(Arc<SignedIn>, Generation)> {
        let Asked::Ready(current, generation) = self.machine.ask(now) else {
            return None;
        };
        if !self.line.has_free_slot() {
            return None;
        }
        if now >= self.minute.ends {
            self.minute = self.account.key.minute_at(now);
        }
        self.account.key.begin_call_in(self.minute.number, now).ok()?;
        let session = match self.spare.pop() {
            Some(spare) if Arc::ptr_eq(&spare, current) => spare,
            _ => Arc::clone(current),
        };
        Some((session, generation))
    }

    /// Takes back a handle on the current session, for the next call.
    #[inline]
    pub(crate) fn give_back(&mut self, session: Arc<SignedIn>, generation: Generation) {
        if self.machine.is_current_session(generation) && self.spare.len() < self.spare.capacity() {
            self.spare.push(session);
        }
    }
}

#[cfg(feature = "model")]
#[path = "model/pump.rs"]
mod model;
