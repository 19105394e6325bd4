//! How a caller steps, and how exchanges and sign-ins end; judged on the way.

use bill_session_core::{Call, Error, Outcome, Phase, SignInEnded, Step};
use serde::de::IgnoredAny;

use super::action::{Kind, Reply};
use super::bill;
use super::laws::Law;
use super::world::{CALL, GRACE, IDLE, Place, Running, World};

impl World {
    /// A caller comes, or looks again.
    pub fn poll(&mut self, who: usize) {
        let caller = &mut self.callers[who];
        let org = caller.org;
        let call = match std::mem::replace(&mut caller.place, Place::Gone) {
            Place::Unborn => bill::call(&self.accounts[org], caller.kind).deadline(caller.patience),
            Place::Waits(call) => call,
            elsewhere => {
                caller.place = elsewhere;
                return;
            }
        };
        if caller.id.is_none() {
            caller.epoch = self.orgs[org].epoch;
            caller.deadline = self.now + caller.patience;
        }
        caller.woken = false;
        let token = caller.token;
        let (step, wake) = call.step(&mut self.orgs[org].session, || token, self.now);
        self.notices(org);
        let now = self.now;
        self.note(|| told(&step, now));
        self.judge(who, step);
        self.acted_on(org, wake);
    }

    fn judge(&mut self, who: usize, step: Step) {
        let org = self.callers[who].org;
        match step {
            Step::Exchange(in_flight) => {
                self.callers[who].id = Some(in_flight.id());
                let carried = bill::carried(&in_flight.request());
                self.may_be_sent(who, carried);
                let nth = carried.map_or(0, |(_, nth)| nth);
                let caller = &mut self.callers[who];
                let limit = CALL.min(caller.deadline.saturating_duration_since(self.now));
                let lapses = self.now + limit + GRACE;
                caller.place = Place::Flies { in_flight, nth, since: self.now, lapses };
            }
            Step::SignIn(sign_in, call, until) => {
                self.broken.unless(self.sign_ins_in_flight(org) == 0, Law::OneSignIn);
                self.may_sign_in(who);
                // Whatever session was held, too short or idled out, is forgotten.
                self.orgs[org].current = None;
                self.broken.unless(self.in_flight(org) < self.setup.slots, Law::Slots);
                self.sign_ins.push(Running {
                    sign_in,
                    org,
                    begun: self.now,
                    beat: self.now,
                    epoch: self.orgs[org].epoch,
                    version: self.version,
                    frozen: false,
                    runner: self.setup.blocking.then_some(self.callers[who].token),
                });
                self.waits(who, call, until);
            }
            Step::Wait(call, until) => self.waits(who, call, until),
            // A lease that is dropped says nothing.
            Step::Ready(lease) => {
                let id = lease.session_id().expose_secret();
                let carried = bill::session(id);
                self.may_be_used(who, carried);
            }
            Step::Done => {}
            Step::Refuse(error) => self.ends_for_a_reason(who, &error),
        }
    }

    fn waits(&mut self, who: usize, call: Call, until: std::time::Instant) {
        let token = Some(self.callers[who].token);
        let is_busy = token.is_some() && self.sign_ins.iter().any(|run| run.runner == token);
        let caller = &mut self.callers[who];
        caller.id = call.id();
        caller.until = until;
        caller.place = if is_busy { Place::Busy(call) } else { Place::Waits(call) };
        self.broken.unless(until > self.now, Law::NoStorm);
    }

    fn may_be_sent(&mut self, who: usize, carried: Option<(usize, usize)>) {
        let org = self.callers[who].org;
        self.broken.unless(self.in_flight(org) < self.setup.slots, Law::Slots);
        if self.callers[who].kind != Kind::Logout {
            self.may_be_used(who, carried);
        }
    }

    fn may_be_used(&mut self, who: usize, carried: Option<(usize, usize)>) {
        let caller = &self.callers[who];
        let org = &self.orgs[caller.org];
        let alive = org.current.filter(|_| self.now < org.alive_at + IDLE);
        let is_alive = carried.is_some() && carried == alive.map(|nth| (caller.org, nth));
        let is_of_now = caller.epoch == org.epoch;
        self.broken.unless(is_alive, Law::NoDeadSession);
        self.broken.unless(is_of_now, Law::SignedOut);
    }

    fn ends_for_a_reason(&mut self, who: usize, error: &Error) {
        let caller = &self.callers[who];
        let signed_out = caller.epoch != self.orgs[caller.org].epoch;
        let has_reason = match error {
            Error::SignedOut { .. } => signed_out,
            Error::Deadline { .. } => self.now >= caller.deadline,
            _ => !signed_out,
        };
        self.broken.unless(has_reason, Law::EndsForAReason);
    }

    /// An exchange ends.
    pub fn answer(&mut self, who: usize, reply: Reply) {
        let caller = &mut self.callers[who];
        let org = caller.org;
        let Place::Flies { in_flight, nth, since, .. } =
            std::mem::replace(&mut caller.place, Place::Gone)
        else {
            unreachable!("what is answered is in flight");
        };
        let before = self.held(org);
        if before.is_none() {
            // One that had idled out is gone since the hour's sign-ins were found to be spent.
            self.orgs[org].current = None;
        }
        let is_of_current = self.orgs[org].current == Some(nth);
        let unnoticed = self.orgs[org].noticed != self.version;
        let heard = in_flight.read::<IgnoredAny>(bill::answer(reply));
        let (outcome, wake) = heard.settle(&mut self.orgs[org].session, self.now);
        self.notices(org);
        self.note(|| match &outcome {
            Outcome::Again(_) => "again".to_owned(),
            Outcome::Done(_) | Outcome::Mfa(_) => "done".to_owned(),
            Outcome::Failed(error) => format!("failed: {error:?}"),
        });
        if self.callers[who].kind != Kind::Logout {
            let spared = is_of_current || unnoticed || before == self.held(org);
            self.broken.unless(spared, Law::NoOldVerdict);
            let org = &mut self.orgs[org];
            match reply {
                _ if org.current != Some(nth) => {}
                Reply::Invalid => org.is_invalid(self.now),
                Reply::Done | Reply::Refused => {
                    org.alive_at = org.alive_at.max(since);
                    org.is_proven();
                }
                Reply::Contended | Reply::HourSpent | Reply::Trouble | Reply::Lost => {}
            }
        }
        match outcome {
            Outcome::Again(call) => self.goes_again(who, call, reply),
            Outcome::Failed(error @ Error::SignedOut { .. }) => {
                self.ends_for_a_reason(who, &error);
            }
            Outcome::Done(_) | Outcome::Failed(_) | Outcome::Mfa(_) => {}
        }
        self.acted_on(org, wake);
        self.tell_others(org);
    }

    /// The session that is held, and for how long it was idle.
    fn held(&self, org: usize) -> Option<(u64, Option<std::time::Duration>)> {
        let session = &self.orgs[org].session;
        let idle = match session.phase(self.now) {
            Phase::SignedIn { idle, .. } | Phase::IdledOut { idle } => Some(idle),
            _ => None,
        };
        session.generation().map(|generation| (generation, idle))
    }

    fn goes_again(&mut self, who: usize, call: Call, reply: Reply) {
        let tries = self.setup.tries;
        let caller = &mut self.callers[who];
        let (after, most) = match (reply, caller.kind) {
            (Reply::Invalid, _) => (0, 1),
            (Reply::Contended, _) => (1, 2),
            (_, Kind::Read) => (2, tries),
            _ => (2, 0),
        };
        caller.again[after] += 1;
        self.broken.unless(caller.again[after] <= most, Law::OneReplay);
        caller.place = Place::Waits(call);
        caller.woken = true;
        caller.until = self.now;
    }

    /// A sign-in ends.
    pub fn sign_in_ends(&mut self, number: usize, reply: Reply) {
        let awaited = self.setup.heartbeat || self.is_awaited(&self.sign_ins[number]);
        let running = self.sign_ins.remove(number);
        self.answers(&running, reply);
        let Running { sign_in, org, begun, epoch, version, runner, .. } = running;
        let nth = self.orgs[org].made;
        self.orgs[org].made += usize::from(reply == Reply::Done);
        let heard = sign_in.read(bill::welcome(reply, org, nth));
        let (ended, wake) = heard.settle(&mut self.orgs[org].session, self.now);
        self.notices(org);
        self.note(|| match &ended {
            SignInEnded::LogOut(_) => "log out".to_owned(),
            other => format!("{other:?}"),
        });
        match ended {
            SignInEnded::Stored { .. } => {
                let of_now = epoch == self.orgs[org].epoch && version == self.version;
                self.broken.unless(awaited && of_now, Law::NoOldVerdict);
                self.orgs[org].current = Some(nth);
                self.orgs[org].alive_at = begun;
            }
            SignInEnded::LogOut(logout) => self.log_out(org, logout, GRACE),
            SignInEnded::Failed | SignInEnded::Stale => {}
        }
        let token =
            runner.and_then(|token| self.callers.iter().position(|caller| caller.token == token));
        if let Some(who) = token {
            let caller = &mut self.callers[who];
            if let Place::Busy(call) = std::mem::replace(&mut caller.place, Place::Gone) {
                caller.place = Place::Waits(call);
                caller.woken = true;
            }
        }
        self.acted_on(org, wake);
        self.tell_others(org);
    }

    /// Organisations that wait for what becomes of the principal look again.
    fn tell_others(&mut self, org: usize) {
        if !self.accounts[org].take_awaited() {
            return;
        }
        for other in 0..self.orgs.len() {
            let wake = self.orgs[other].session.wake_all();
            self.wake(wake);
        }
    }
}

/// What a step tells its caller, without the numbers that only grow.
fn told(step: &Step, now: std::time::Instant) -> String {
    match step {
        Step::Exchange(in_flight) => format!("sent, within {:?}", in_flight.limit()),
        Step::SignIn(_, _, until) => format!("signs in, until {:?}", *until - now),
        Step::Wait(_, until) => format!("waits, until {:?}", *until - now),
        Step::Ready(_) => "ready".to_owned(),
        Step::Done => "done".to_owned(),
        Step::Refuse(error) => format!("refused: {error:?}"),
    }
}
