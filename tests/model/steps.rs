//! Every step of a caller, judged by what happened before it.

use std::time::Duration;

use bill_session_core::{Error, Limit, Misuse, Step};
use bytes::Bytes;
use http::Request;

use super::action::Reply;
use super::answers::{carried_session, session_id, sign_in_of, signs_in};
use super::caller::{FIVE_MINUTES, Task, Told};
use super::check::{Broken, Invariant, no_secret_in, rule};
use super::facts::Stamp;
use super::history::{Exchange, Purpose};
use super::laws::laws;
use super::order::{Idle, first_come_first_served, rivals};
use super::organization::Organization;
use super::situation::Situation;

/// The step that a caller is about to take.
pub struct Asked {
    pub who: usize,
    pub task: Task,
    /// When it was woken, or comes by itself.
    since: Stamp,
    pub told: Option<Told>,
}

impl Organization {
    /// A waiting caller steps.
    pub fn step(&mut self, who: usize) -> Result<(), Broken> {
        self.pump_begins();
        let Some(call) = self.callers[who].waits.take() else {
            return Ok(());
        };
        self.idle = Idle::default();
        let stamp = self.history.stamp(self.now());
        let caller = &mut self.callers[who];
        caller.last_step = stamp;
        caller.steps += 1;
        let woken = caller.woken.is_some();
        let asked = Asked {
            who,
            task: caller.task,
            since: caller.woken.take().unwrap_or(stamp),
            told: caller.told.take(),
        };
        let now = self.tell_time();
        let (step, wake) = call.step(&mut self.session, || who, now);
        let shown = format!("{step:?}");
        self.note(|_| format!("{who} steps: {shown}"));
        no_secret_in(&shown)?;
        let to_sign_in = matches!(step, Step::SignIn(..));
        let has_its_turn = to_sign_in || matches!(step, Step::Exchange(_));
        // A sign-in may have come to be needed, or of use to others, only since it was woken.
        let changed = woken && self.callers[who].woken_amid != self.circumstances();
        let mut rivals = match to_sign_in && changed {
            true => Vec::new(),
            false => rivals(self, who, to_sign_in),
        };
        if woken && !self.callers[who].woken_with_time {
            // The session may have got the time that others need only since it was woken.
            rivals.retain(|rival| self.time_needed(self.callers[*rival].task).is_zero());
        }
        self.judge(&asked, step)?;
        self.heed(wake)?;
        if has_its_turn {
            first_come_first_served(self, &rivals, asked.since, to_sign_in)?;
        }
        laws(self)
    }

    fn judge(&mut self, asked: &Asked, step: Step) -> Result<(), Broken> {
        let Asked { who, task, .. } = *asked;
        self.what_has_to_end_ends(asked, &step)?;
        match step {
            Step::Exchange(in_flight) => {
                self.callers[who].id = Some(in_flight.id());
                let request = in_flight.request();
                let session = self.carried(task, &request)?;
                let caller = &self.callers[who];
                rule(
                    caller.epoch == self.history.epoch || !task.needs_session(),
                    Invariant::SignOutIsFinal,
                    "who came before a sign-out sends nothing after it",
                )?;
                self.is_sent_with(asked, session)?;
                self.is_sent_within(who, in_flight.limit())?;
                if task.is_use() {
                    self.renewals = 0;
                }
                self.seen.add_if(task == Task::KeepAlive, Situation::KeptAlive);
                self.notes_of_an_exchange(session);
                self.in_flight.push((in_flight, self.history.exchanges.len()));
                let target = request.uri().to_string();
                no_secret_in(&format!("{target} {:?}", request.headers()))?;
                let v3 = request.uri().path().starts_with("/connect/v3/");
                self.sent(who, session, task.purpose(), v3);
                Ok(())
            }
            Step::SignIn(sign_in, call, until) => {
                let device = self.shared.principal().device;
                rule(
                    signs_in(&sign_in.request())
                        == sign_in_of(self.number, self.history.version, device),
                    Invariant::OwnCredentials,
                    "a sign-in carries its organisation, and the credentials and device of its time",
                )?;
                no_secret_in(&sign_in.request().uri().to_string())?;
                self.seen.add_if(device.is_some(), Situation::Remembered);
                rule(
                    sign_in.limit() == Duration::from_secs(30),
                    Invariant::DeadlinesKept,
                    "a sign-in's limit is never cut",
                )?;
                self.may_sign_in(asked)?;
                self.seen.add_if(self.history.is_refused(), Situation::RefusalPassed);
                self.seen.add_if(task == Task::Renewal, Situation::RenewedAhead);
                let idle = self.history.usable(self.now(), Duration::ZERO).is_none();
                self.seen.add_if(idle && self.history.current().is_some(), Situation::IdleExpiry);
                self.seen.add_if(!idle && task.is_sent_with_session(), Situation::MoreTime);
                let left = self.shared.principal().was_abandoned(self.number, self.now());
                self.seen.add_if(left, Situation::TakenOver);
                let number = self.history.begin_sign_in(self.now());
                self.sign_in_ids.push(sign_in.id());
                self.sign_ins.push((sign_in, number));
                self.callers[who].began = Some(number);
                self.goes_on_waiting(who, call, until)
            }
            Step::Wait(call, until) => {
                self.may_wait(asked)?;
                self.goes_on_waiting(who, call, until)
            }
            Step::Ready(lease) => {
                let id = lease.session_id().expose_secret().to_owned();
                let left = match task {
                    Task::Lease(left) => left,
                    Task::SignIn | Task::Renewal => Duration::ZERO,
                    _ => {
                        return Err(Broken(
                            Invariant::TruthTold,
                            "a call gets an exchange, not a lease",
                        ));
                    }
                };
                let alive = |left| {
                    let usable = self.history.usable(self.now(), left);
                    usable.map(|session| session.sign_in)
                };
                let name = |sign_in| session_id(self.number, self.history.named_after(sign_in));
                rule(
                    alive(Duration::ZERO).is_some_and(|sign_in| name(sign_in) == id),
                    Invariant::NoDeadSession,
                    "a lease is of a session that is alive",
                )?;
                let usable = alive(left);
                rule(
                    usable.is_some(),
                    Invariant::TimeLeft,
                    "a lease is of a session that has the time left that was asked for",
                )?;
                self.seen.add_if(matches!(task, Task::Lease(_)), Situation::Leased);
                if let Some(session) = usable {
                    self.leases.push((lease, self.history.exchanges.len()));
                    self.sent(who, Some(session), Purpose::Lease, false);
                }
                Ok(())
            }
            Step::Done => rule(
                task == Task::KeepAlive
                    && self.history.usable(self.now(), Duration::ZERO).is_none(),
                Invariant::RenewalsEnd,
                "only a keep-alive without a session has nothing to do",
            ),
            Step::Refuse(error) => {
                no_secret_in(&format!("{error} {error:?}"))?;
                self.may_refuse(asked, &error)?;
                Ok(())
            }
        }
    }

    /// The session that a request carries, by the number of its sign-in.
    fn carried(&self, task: Task, request: &Request<Bytes>) -> Result<Option<usize>, Broken> {
        let Some(carried) = carried_session(request) else {
            return Ok(None);
        };
        let named = |sign_in| session_id(self.number, self.history.named_after(sign_in));
        let is_it = |sign_in: &usize| {
            self.history.sign_ins[*sign_in].brought.is_some() && named(*sign_in) == carried
        };
        // Two sign-ins may have brought it, of which the current session counts.
        let expected = match task {
            Task::Logout(session) => Some(session),
            _ => self.history.current().map(|current| current.sign_in),
        };
        let session = expected.filter(is_it);
        let session = session.or_else(|| (0..self.history.sign_ins.len()).rfind(is_it));
        rule(
            session.is_some(),
            Invariant::OwnCredentials,
            "a call carries a session that a sign-in of its own brought",
        )?;
        Ok(session)
    }

    fn sent(&mut self, who: usize, session: Option<usize>, purpose: Purpose, v3: bool) {
        let caller = &self.callers[who];
        let left = caller.deadline.saturating_sub(self.now());
        if purpose == Purpose::ListOrgs {
            self.shared.key().count_sign_in(self.now());
        } else {
            self.shared.key().count_call(self.now(), purpose);
        }
        self.history.exchanges.push(Exchange {
            who,
            session,
            version: self.history.version,
            v3,
            sent: self.now(),
            limit: left.min(caller.task.limit()),
            reply: None,
            open: purpose != Purpose::Lease,
            purpose,
        });
    }

    /// What is worth counting when an exchange begins.
    fn notes_of_an_exchange(&mut self, session: Option<usize>) {
        let now = self.now();
        let current = self.history.current().filter(|current| Some(current.sign_in) == session);
        let outlives = current.is_some_and(|current| now >= self.history.idles_out_at(current));
        self.seen.add_if(outlives, Situation::TokenOutlives);
        let mut lapses = self.history.exchanges.iter().filter(|exchange| exchange.open);
        let lapsed =
            |exchange: &Exchange| now >= exchange.sent + exchange.limit + Duration::from_secs(5);
        self.seen.add_if(lapses.any(lapsed), Situation::SlotLost);
    }

    /// How much of its time a session has to have left for this caller.
    pub fn time_needed(&self, task: Task) -> Duration {
        match task {
            Task::Lease(left) => left,
            // Where no session lives that long, it is not asked for.
            Task::Upload { once: true } if self.can_have_left(FIVE_MINUTES) => FIVE_MINUTES,
            _ => Duration::ZERO,
        }
    }

    /// Whether every new session has so much time left, however long its sign-in takes.
    pub fn can_have_left(&self, left: Duration) -> bool {
        let longest = Duration::from_secs(60 * self.setup.idle_minutes);
        let needed = left + Duration::from_secs(35);
        left.is_zero() || needed <= longest || self.shared.principal().token
    }

    /// A call of before a sign-out, one past its deadline, and one that waited for an attempt that
    /// failed do not go on.
    fn what_has_to_end_ends(&self, asked: &Asked, step: &Step) -> Result<(), Broken> {
        let caller = &self.callers[asked.who];
        if caller.epoch != self.history.epoch && asked.task.needs_session() {
            return rule(
                matches!(step, Step::Refuse(Error::SignedOut { .. })),
                Invariant::SignOutIsFinal,
                "no call begun before a sign-out goes on after it",
            );
        }
        if let Task::Validate { session, .. } = asked.task
            && !self.is_usable(session)
        {
            return rule(
                matches!(step, Step::Refuse(Error::SessionChanged { .. })),
                Invariant::TrustKept,
                "the answer to a challenge is sent with its own session or not at all",
            );
        }
        if let Task::Lease(left) = asked.task
            && !self.can_have_left(left)
        {
            return rule(
                matches!(step, Step::Refuse(Error::Misuse(Misuse::LeaseTooLong))),
                Invariant::TimeLeft,
                "no session is asked for that would have to live longer than any does",
            );
        }
        if let Some(told) = asked.told {
            let right = match step {
                Step::Refuse(Error::NoSession { .. }) => told != Told::Code(1144),
                Step::Refuse(Error::Limited { limit: Limit::SignIns, code, .. }) => {
                    told == Told::Code(1144) && code.is_some()
                }
                _ => false,
            };
            return rule(
                right,
                Invariant::TruthTold,
                "whoever waited for an attempt that failed is told why",
            );
        }
        if self.now() >= caller.deadline {
            rule(
                matches!(step, Step::Refuse(Error::Deadline { .. })),
                Invariant::DeadlinesKept,
                "a caller ends at its deadline",
            )?;
        }
        Ok(())
    }

    /// Whether the session of this sign-in is the current one, and alive.
    pub fn is_usable(&self, session: usize) -> bool {
        let usable = self.history.usable(self.now(), Duration::ZERO);
        usable.is_some_and(|usable| usable.sign_in == session)
    }

    /// No exchange leaves with a session known dead, or while the hour's calls are closed.
    fn is_sent_with(&self, asked: &Asked, session: Option<usize>) -> Result<(), Broken> {
        rule(
            session.is_none() == (asked.task == Task::ListOrgs),
            Invariant::OwnCredentials,
            "only a list of organisations is sent without a session",
        )?;
        if matches!(asked.task, Task::Logout(_)) {
            return Ok(());
        }
        let exchanges = &self.history.exchanges;
        let before = exchanges.iter().rfind(|sent| sent.who == asked.who);
        let only_reads = asked.task.only_reads();
        let again =
            |reply: Reply| reply.is(1109) || reply.is(1322) || (only_reads && reply.is_lost());
        rule(
            before.is_none_or(|sent| sent.reply.is_some_and(again)),
            Invariant::OnlyRepeatable,
            "a call is sent again only after BDC_1109, BDC_1322 or, if it only reads, a loss",
        )?;
        let Some(session) = session else {
            return self.organizations_may_be_listed();
        };
        rule(
            !self.history.is_called_invalid(session),
            Invariant::NoDeadSession,
            "nothing is sent with a session that BILL has called invalid",
        )?;
        rule(
            self.is_usable(session),
            Invariant::NoDeadSession,
            "no exchange leaves with a session known dead",
        )?;
        let left = self.time_needed(asked.task);
        rule(
            self.history.usable(self.now(), left).is_some(),
            Invariant::TimeLeft,
            "what can be sent once leaves with a session that has five minutes left",
        )?;
        rule(
            !self.shared.key().calls_are_closed(self.now()),
            Invariant::CallBudget,
            "no call leaves while the hour's calls are spent",
        )
    }

    /// A list of organisations is asked for like a session.
    fn organizations_may_be_listed(&self) -> Result<(), Broken> {
        let (key, principal) = (self.shared.key(), self.shared.principal());
        rule(
            key.refusal.is_none() && principal.refusal.is_none(),
            Invariant::RefusalKept,
            "no organisations are listed with what was refused for good",
        )?;
        rule(
            key.sign_ins_open_at(self.now()) == [self.now(); 2],
            Invariant::SignInBudget,
            "sign-ins never exceed the hour's budget",
        )
    }

    /// An exchange may take 60 s, one of an upload 10 minutes, or what is left of its call.
    fn is_sent_within(&self, who: usize, limit: Duration) -> Result<(), Broken> {
        let caller = &self.callers[who];
        rule(
            limit == caller.deadline.saturating_sub(self.now()).min(caller.task.limit()),
            Invariant::DeadlinesKept,
            "an exchange's limit is the smaller of its own and what is left of its call",
        )?;
        rule(
            self.now() < caller.deadline,
            Invariant::DeadlinesKept,
            "nothing is sent after its deadline",
        )?;
        rule(
            self.now() >= caller.not_before.0,
            Invariant::OnlyRepeatable,
            "a call that is to back off is not sent before",
        )?;
        rule(
            caller.replays <= 1,
            Invariant::OneReplay,
            "a call is replayed at most once after BDC_1109",
        )?;
        rule(
            caller.contentions <= 2,
            Invariant::OnlyRepeatable,
            "a call is sent again at most twice after BDC_1322",
        )
    }
}
