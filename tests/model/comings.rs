//! Callers that come, and those that go away.

use std::time::Duration;

use bill_session_core::{Call, Error, Misuse, Remember, Step};

use super::action::{Patience, Renewing, What};
use super::acts::within;
use super::answers::{DEVICE, call, device, mfa_code, upload};
use super::caller::{Caller, Circumstances, Task};
use super::check::{Broken, Invariant, rule};
use super::laws::laws;
use super::order::Idle;
use super::organization::Organization;
use super::situation::Situation;

impl Organization {
    pub fn begin(&mut self, what: What, patience: Patience) -> Result<(), Broken> {
        let challenged = !self.challenges.is_empty() || !matches!(what, What::Validate { .. });
        self.seen.add_if(challenged, Situation::comes(what));
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
                    return Err(Broken(
                        Invariant::TruthTold,
                        "a list of organisations can be made",
                    ));
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
        rule(
            refused && wake.is_empty(),
            Invariant::TimeLeft,
            "a lease is refused when no session lives so long",
        )
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
            woken_with_time: false,
            told: None,
            not_before: (Duration::ZERO, Duration::ZERO),
            replays: 0,
            contentions: 0,
            losses: 0,
            began: None,
            frozen: false,
            gone: false,
            steps: 0,
        });
        self.step(self.callers.len() - 1)
    }

    /// When an idle session is to be renewed: when it idles out, or a tenth of its time before.
    pub fn renewal_is_due_at(&self) -> Option<Duration> {
        let session = self.history.current().filter(|session| !session.endless)?;
        let idles_out_at = self.history.idles_out_at(session);
        match self.setup.renewal {
            Renewing::OnDemand => None,
            Renewing::Ahead => Some(idles_out_at),
            Renewing::KeepAlive => {
                Some(idles_out_at - Duration::from_secs(6 * self.setup.idle_minutes))
            }
        }
    }

    pub fn is_renewal_due(&self) -> bool {
        self.session.renew_at().is_some_and(|at| at <= self.instant())
    }

    pub fn renew(&mut self) -> Result<(), Broken> {
        self.seen.add_if(self.renewals >= 2, Situation::RenewalsSpent);
        if !self.is_renewal_due() {
            return Ok(());
        }
        self.seen.add(Situation::Renews);
        self.renewals += 1;
        self.renewed = Some(self.now());
        rule(
            self.renewals <= 2,
            Invariant::RenewalsEnd,
            "renewals stop after as many as set without a caller's call",
        )?;
        let task = match self.setup.renewal {
            Renewing::OnDemand => {
                return Err(Broken(
                    Invariant::RenewalsEnd,
                    "nothing is renewed unless that is asked for",
                ));
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
            self.seen.add(Situation::LeftTheMiddle);
        }
        let flies = self.in_flight.iter().any(|(in_flight, _)| in_flight.id() == id);
        self.seen.add_if(self.callers[who].waits.is_none() && !flies, Situation::EndedTwice);
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

    /// Whoever made a call goes away, but its answer is heard later on.
    pub fn leave(&mut self, at: usize) -> Result<(), Broken> {
        let (in_flight, exchange) = &self.in_flight[at];
        let (id, exchange) = (in_flight.id(), *exchange);
        let who = self.history.exchanges[exchange].who;
        self.callers[who].gone = true;
        self.history.exchanges[exchange].open = false;
        self.idle = Idle::default();
        self.pump_begins();
        let now = self.tell_time();
        let wake = self.session.cancel(id, now);
        self.heed(wake)?;
        laws(self)
    }
}
