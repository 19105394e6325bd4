//! What happens in an organisation: every action of a case, done to the core and to the history.

use std::time::Duration;

use bill_session_core::{Call, Error, Misuse, Remember, Step};

use super::action::{Action, Operation, Patience, Renewing, Reply, Time, What};
use super::answers::{DEVICE, call, device, mfa_code, upload};
use super::caller::{Caller, Circumstances, FIVE_MINUTES, Task};
use super::check::{Broken, rule};
use super::coverage::Seen;
use super::facts::Stamp;
use super::laws::laws;
use super::order::Idle;
use super::organization::Organization;

impl Organization {
    /// One thing happens; nothing, when there is nobody that it could happen to.
    pub fn act(&mut self, action: Action) -> Result<(), Broken> {
        self.acts += 1;
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
            Action::LateUpload => self.late_upload()?,
            Action::Lose(at) => {
                if let Some(at) = within(at, self.in_flight.len()) {
                    drop(self.in_flight.remove(at));
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
            Action::Replace { .. } => return Err(Broken("a principal is replaced everywhere")),
        }
        Ok(())
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
                "callers do not wake each other without end in one instant",
            )?;
        }
    }

    fn welcome(&mut self) -> Result<(), Broken> {
        while !self.sign_ins.is_empty() {
            self.answer_sign_in(0, Reply::Done)?;
        }
        self.attend()
    }

    fn amnesia(&mut self, late: bool) -> Result<(), Broken> {
        for answered in 0..self.in_flight.len() {
            self.answer(0, Reply::Code(1109, None))?;
            if late && answered == 0 {
                self.attend()?;
                self.welcome()?;
            }
        }
        Ok(())
    }

    fn crowd(&mut self, times: u8) -> Result<(), Broken> {
        for _ in 0..times {
            for _ in 0..self.in_flight.len() {
                self.answer(0, Reply::Code(1322, None))?;
            }
            self.shared.pass(Duration::from_secs(1));
            for who in self.due() {
                self.step(who)?;
            }
            self.attend()?;
        }
        Ok(())
    }

    fn outage(&mut self, times: u8, reply: Reply) -> Result<(), Broken> {
        for _ in 0..times {
            for _ in 0..self.in_flight.len() {
                self.answer(0, reply)?;
            }
            self.shared.pass(Duration::from_secs(2));
            for who in self.due() {
                self.step(who)?;
            }
            self.attend()?;
        }
        Ok(())
    }

    fn trust(&mut self, remember: bool) -> Result<(), Broken> {
        self.begin(What::Challenge, Patience(None))?;
        self.answer_all()?;
        let Some(latest) = self.challenges.len().checked_sub(1) else {
            return Ok(());
        };
        let challenge = u8::try_from(latest).unwrap_or_default();
        self.begin(What::Validate { challenge, remember }, Patience(None))?;
        self.answer_all()
    }

    fn late_upload(&mut self) -> Result<(), Broken> {
        if let Some(session) = self.history.current() {
            let late = self.history.idles_out_at(session).saturating_sub(FIVE_MINUTES);
            self.shared.pass(late.saturating_sub(self.now()));
        }
        self.begin(What::Upload { once: true }, Patience(None))
    }

    fn answer_all(&mut self) -> Result<(), Broken> {
        self.welcome()?;
        while !self.in_flight.is_empty() {
            self.answer(0, Reply::Done)?;
            self.attend()?;
        }
        Ok(())
    }

    pub fn begin(&mut self, what: What, patience: Patience) -> Result<(), Broken> {
        let account = self.session.account();
        let (call, task) = match what {
            What::Call(operation) => (call(account, operation), Task::Call(operation)),
            What::Upload { once } => (upload(account, once), Task::Upload { once }),
            What::Challenge => (Call::challenge(false), Task::Challenge),
            What::Validate { challenge, remember } => {
                let Some(at) = within(challenge, self.challenges.len()) else {
                    return Ok(());
                };
                let (challenge, session) = self.challenges[at].clone();
                let device = if remember { Remember::device(DEVICE) } else { Remember::No };
                let call = Call::validate(challenge, mfa_code(), device);
                (call, Task::Validate { session, remember })
            }
            What::StepUp => (Call::step_up(device(0)), Task::StepUp),
            What::ListOrgs => {
                let Ok(call) = account.list_orgs() else {
                    return Err(Broken("a list of organisations can be made"));
                };
                (call, Task::ListOrgs)
            }
            What::SignIn => (Call::sign_in(), Task::SignIn),
            What::Lease(minutes) => {
                let left = Duration::from_secs(60 * u64::from(minutes));
                if !self.can_have_left(left) {
                    return self.ask_for_too_long_a_lease(left);
                }
                (Call::lease(left), Task::Lease(left))
            }
        };
        match patience.0 {
            None => self.come(call, task, task.patience()),
            Some(seconds) => {
                let total = Duration::from_secs(u64::from(seconds));
                self.come(call.deadline(total), task, total)
            }
        }
    }

    fn ask_for_too_long_a_lease(&mut self, left: Duration) -> Result<(), Broken> {
        let now = self.tell_time();
        let (step, wake) = Call::lease(left).step(&mut self.session, || usize::MAX, now);
        let refused = matches!(step, Step::Refuse(Error::Misuse(Misuse::LeaseTooLong)));
        rule(refused && wake.is_empty(), "a lease is refused when no session lives so long")
    }

    /// A caller comes, and takes its first step at once.
    pub fn come(&mut self, call: Call, task: Task, patience: Duration) -> Result<(), Broken> {
        let last_step = self.history.stamp(self.now());
        self.callers.push(Caller {
            task,
            epoch: self.history.epoch,
            deadline: self.now() + patience,
            id: None,
            waits: Some(call),
            until: self.now(),
            joined: self.now(),
            last_step,
            woken: None,
            woken_amid: Circumstances::default(),
            told: None,
            not_before: (Duration::ZERO, Duration::ZERO),
            replays: 0,
            contentions: 0,
            losses: 0,
            began: None,
            frozen: false,
            steps: 0,
        });
        self.step(self.callers.len() - 1)
    }

    fn renew(&mut self) -> Result<(), Broken> {
        let due = self.session.renew_at().is_some_and(|at| at <= self.instant());
        if !due {
            return Ok(());
        }
        self.renewals += 1;
        rule(self.renewals <= 2, "renewals stop after as many as set without a caller's call")?;
        let task = match self.setup.renewal {
            Renewing::OnDemand => {
                return Err(Broken("nothing is renewed unless that is asked for"));
            }
            Renewing::Ahead => Task::Renewal,
            Renewing::KeepAlive => Task::KeepAlive,
        };
        self.come(Call::renewal(&self.session), task, Duration::from_secs(120))
    }

    pub fn depart(&mut self, who: usize) -> Result<(), Broken> {
        let Some(id) = self.callers[who].id else {
            return Ok(());
        };
        let line = self.among(|caller| caller.waits.is_some());
        if line.first() < Some(&who) && Some(&who) < line.last() && line.contains(&who) {
            self.seen.add(Seen::LEFT_THE_MIDDLE);
        }
        self.callers[who].waits = None;
        self.idle = Idle::default();
        self.in_flight.retain(|(in_flight, _)| in_flight.id() != id);
        for exchange in &mut self.history.exchanges {
            exchange.open &= exchange.who != who;
        }
        self.pump_begins();
        let now = self.tell_time();
        let wake = self.session.cancel(id, now);
        self.heed(wake)?;
        laws(self)
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

    fn beat(&mut self) {
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
        self.history.sign_out();
        let (logout, wake) = self.session.sign_out(now);
        rule(
            was_unnoticed || logout.is_some() == current.is_some(),
            "a sign-out logs out the session that there is, and no other",
        )?;
        self.heed(wake)?;
        laws(self)?;
        match logout {
            Some(logout) => self.come(logout, Task::Logout, Duration::from_secs(120)),
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

fn within(at: u8, len: usize) -> Option<usize> {
    usize::from(at).checked_rem(len)
}
