//! What happens in an organisation: every action of a case, done to the core and to the history.

use std::time::Duration;

use super::action::{Action, Operation, Patience, Time, What};
use super::caller::{FIVE_MINUTES, Task};
use super::check::{Broken, Invariant, rule};
use super::facts::Stamp;
use super::laws::laws;
use super::organization::Organization;
use super::situation::Situation;

impl Organization {
    /// One thing happens; nothing, when there is nobody that it could happen to.
    pub fn act(&mut self, action: Action) -> Result<(), Broken> {
        self.acts += 1;
        if self.finds_somebody(action) {
            Situation::happens(action).into_iter().for_each(|happens| self.seen.add(happens));
        }
        match action {
            Action::Begin(what, patience) => self.begin(what, patience)?,
            Action::Burst(callers) => {
                for _ in 0..callers {
                    self.begin(What::Call(Operation::List), Patience(None))?;
                }
            }
            Action::Renew => self.renew()?,
            Action::Step(at) => {
                let waiting = self.among(|caller| caller.waits.is_some() && !caller.frozen);
                pick(&waiting, at).map_or(Ok(()), |who| self.step(who))?;
            }
            Action::Attend(at) => {
                let woken = self.woken();
                pick(&woken, at).map_or(Ok(()), |who| self.step(who))?;
            }
            Action::AttendAll => self.attend()?,
            Action::StepDue => {
                for who in self.due() {
                    self.step(who)?;
                }
            }
            Action::Freeze(at) => {
                let waiting = self.among(|caller| caller.waits.is_some());
                if let Some(who) = pick(&waiting, at) {
                    self.callers[who].frozen = true;
                }
            }
            Action::Depart(at) => {
                let began = self.among(|caller| caller.id.is_some());
                pick(&began, at).map_or(Ok(()), |who| self.depart(who))?;
            }
            Action::DepartFromMiddle(at) => {
                let waiting = self.among(|caller| caller.waits.is_some());
                if let [_, middle @ .., _] = &waiting[..] {
                    pick(middle, at).map_or(Ok(()), |who| self.depart(who))?;
                }
            }
            Action::Pass(time) => self.pass(time),
            Action::Answer(at, reply) => {
                if let Some(at) = within(at, self.in_flight.len()) {
                    self.answer(at, reply)?;
                }
            }
            Action::Amnesia { late } => self.amnesia(late)?,
            Action::Crowd(times) => self.crowd(times)?,
            Action::Outage(times, reply) => self.outage(times, reply)?,
            Action::Trust { remember } => self.trust(remember)?,
            Action::TrustByDevice => self.trust_by_device()?,
            Action::AcceptAndRefuse(times) => self.accept_and_refuse(times)?,
            Action::SlowSignIn(seconds) => self.slow_sign_in(seconds)?,
            Action::AwaitRenewal(times, reply) => {
                for _ in 0..times {
                    self.await_renewal(reply)?;
                }
            }
            Action::LateUpload => self.late_upload()?,
            Action::Lose(at) => {
                if let Some(at) = within(at, self.in_flight.len()) {
                    drop(self.in_flight.remove(at));
                }
            }
            Action::Leave(at) => {
                if let Some(at) = within(at, self.in_flight.len()) {
                    self.leave(at)?;
                }
            }
            Action::AnswerSignIn(at, reply) => {
                if let Some(at) = within(at, self.sign_ins.len()) {
                    self.answer_sign_in(at, reply)?;
                }
            }
            Action::Welcome => self.welcome()?,
            Action::LoseSignIn(at) => {
                if let Some(at) = within(at, self.sign_ins.len()) {
                    drop(self.sign_ins.remove(at));
                }
            }
            Action::CancelSignIn(at) => {
                // Mostly the latest: it is the one that may be in flight.
                let last = self.sign_in_ids.len().checked_sub(1);
                let at = if at < 200 { last } else { within(at, self.sign_in_ids.len()) };
                at.map_or(Ok(()), |at| self.cancel_sign_in(at))?;
            }
            Action::Beat => self.beat(),
            Action::EndLease(at, reply) => {
                if let Some(at) = within(at, self.leases.len()) {
                    self.end_lease(at, reply)?;
                }
            }
            Action::SignOut => self.sign_out()?,
            Action::Replace { .. } => {
                return Err(Broken(
                    Invariant::OwnCredentials,
                    "a principal is replaced everywhere",
                ));
            }
        }
        Ok(())
    }

    /// Whether there is anybody to whom this can happen.
    fn finds_somebody(&self, action: Action) -> bool {
        let waiting =
            |least: usize| self.callers.iter().filter(|c| c.waits.is_some()).count() >= least;
        match action {
            Action::Step(_) => self.callers.iter().any(|c| c.waits.is_some() && !c.frozen),
            Action::Attend(_) | Action::AttendAll => !self.woken().is_empty(),
            Action::StepDue => !self.due().is_empty(),
            Action::Freeze(_) => waiting(1),
            Action::DepartFromMiddle(_) => waiting(3),
            Action::Depart(_) => self.callers.iter().any(|caller| caller.id.is_some()),
            Action::Amnesia { .. } | Action::Crowd(_) | Action::Outage(..) | Action::Lose(_) => {
                !self.in_flight.is_empty()
            }
            Action::AcceptAndRefuse(_) => !self.sign_ins.is_empty(),
            Action::LoseSignIn(_) => !self.sign_ins.is_empty(),
            Action::Beat => self.history.sign_in_in_flight().is_some(),
            _ => true,
        }
    }

    /// All woken callers step, and those whom that wakes.
    pub fn attend(&mut self) -> Result<(), Broken> {
        let mut rounds = 0;
        loop {
            let woken = self.woken();
            if woken.is_empty() {
                return Ok(());
            }
            for who in woken {
                self.step(who)?;
            }
            rounds += 1;
            rule(
                rounds <= 2 * self.callers.len() + 4,
                Invariant::NoStorm,
                "callers do not wake each other without end in one instant",
            )?;
        }
    }

    fn pass(&mut self, time: Time) {
        self.shared.pass(match time {
            Time::Milliseconds(milliseconds) => Duration::from_millis(milliseconds),
            Time::Seconds(seconds) => Duration::from_secs(seconds),
            Time::Minutes(minutes) => Duration::from_secs(60 * minutes),
            Time::Edge(at, off) => {
                let now = self.now();
                let callers = self.callers.iter().filter(|caller| caller.waits.is_some());
                let idle = self.history.current().map(|session| self.history.idles_out_at(session));
                // Five minutes before is too late for what can be sent once.
                let late = idle.map(|idle| idle.saturating_sub(FIVE_MINUTES));
                let slot = |stamp: Stamp| stamp.at + Duration::from_millis(250);
                let edges = callers
                    .flat_map(|caller| {
                        [Some(caller.until), Some(caller.deadline), caller.woken.map(slot)]
                    })
                    .flatten()
                    .chain(self.history.lapses())
                    .chain(idle)
                    .chain(late)
                    .chain(self.retry_at());
                let mut edges: Vec<_> = edges.filter(|edge| *edge > now).collect();
                edges.sort();
                let Some(edge) = pick(&edges, at) else { return };
                let then = match off {
                    ..0 => edge.saturating_sub(Duration::from_millis(1)),
                    0 => edge,
                    1.. => edge + Duration::from_millis(1),
                };
                then.saturating_sub(now)
            }
        });
    }

    pub fn beat(&mut self) {
        let Some(at) = self.history.sign_in_in_flight() else {
            return;
        };
        let Some(id) = self.sign_in_ids.get(at).copied() else {
            return;
        };
        self.history.sign_ins[at].last_beat = self.now();
        let now = self.tell_time();
        self.session.beat(id, now);
    }

    fn sign_out(&mut self) -> Result<(), Broken> {
        let was_unnoticed = self.unnoticed;
        self.pump_begins();
        let now = self.tell_time();
        let current = self.history.current().map(|session| session.sign_in);
        let brought = self.history.sessions.last().map(|session| session.sign_in);
        let busy = self.callers.iter().any(|caller| caller.waits.is_some());
        self.seen.add_if(busy || !self.in_flight.is_empty(), Situation::SignOutOfCalls);
        self.history.sign_out();
        let (logout, wake) = self.session.sign_out(now);
        rule(
            was_unnoticed || logout.is_some() == current.is_some(),
            Invariant::SignOutIsFinal,
            "a sign-out logs out the session that there is, and no other",
        )?;
        self.heed(wake)?;
        laws(self)?;
        match logout.zip(brought) {
            Some((logout, session)) => {
                self.come(logout, Task::Logout(session), Duration::from_secs(120))
            }
            None => Ok(()),
        }
    }

    /// The session is told that the principal is another, instead of noticing it by itself.
    pub fn told_of_replacement(&mut self) -> Result<(), Broken> {
        self.pump_begins();
        let now = self.tell_time();
        let wake = self.session.credentials_replaced(now);
        self.heed(wake)?;
        laws(self)
    }
}

/// One of these, if there are any.
pub fn pick<T: Copy>(these: &[T], at: u8) -> Option<T> {
    within(at, these.len()).map(|at| these[at])
}

pub fn within(at: u8, len: usize) -> Option<usize> {
    usize::from(at).checked_rem(len)
}
