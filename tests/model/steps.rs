//! Every step of a caller, judged by what happened before it.

use std::time::Duration;

use bill_session_core::{Cause, Error, Limit, Step};

use super::answers::{field, session_id};
use super::caller::{Task, Told};
use super::check::{Broken, no_secret_in, rule};
use super::coverage::Seen;
use super::facts::{Fact, Stamp};
use super::history::{Exchange, Purpose};
use super::laws::laws;
use super::order::{Idle, first_come_first_served, rivals};
use super::world::World;

/// The step that a caller is about to take.
struct Asked {
    who: usize,
    task: Task,
    /// When it was woken, or comes by itself.
    since: Stamp,
    told: Option<Told>,
}

impl World {
    /// A waiting caller steps.
    pub fn step(&mut self, who: usize) -> Result<(), Broken> {
        self.pump_begins();
        let Some(call) = self.callers[who].waits.take() else {
            return Ok(());
        };
        self.idle = Idle::default();
        let stamp = self.history.stamp(self.now);
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
        self.note(|_| format!("    {who} steps: {shown}"));
        no_secret_in(&shown)?;
        let to_sign_in = matches!(step, Step::SignIn(..));
        let has_its_turn = to_sign_in || matches!(step, Step::Exchange(_));
        // What it was woken for may have come to need a sign-in only since.
        let rivals = match to_sign_in && woken && self.callers[who].woken_for_session {
            true => Vec::new(),
            false => rivals(self, who, to_sign_in),
        };
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
                let carried = field(&request, "sessionId");
                let mut sign_ins = self.history.sign_ins.iter().enumerate();
                let session = sign_ins.find(|(number, sign_in)| {
                    sign_in.brought && carried == Some(session_id(*number))
                });
                let Some((session, _)) = session else {
                    return Err(Broken("a call carries a session that a sign-in brought"));
                };
                self.is_sent_with(asked, session)?;
                self.is_sent_within(who, in_flight.limit())?;
                if matches!(task, Task::Call) {
                    self.renewals = 0;
                }
                let purpose = match task {
                    Task::Logout => Purpose::Logout,
                    Task::KeepAlive => Purpose::KeepAlive,
                    _ => Purpose::Call,
                };
                self.in_flight.push((in_flight, self.history.exchanges.len()));
                self.sent(who, session, purpose);
                Ok(())
            }
            Step::SignIn(sign_in, call, until) => {
                let carried = field(&sign_in.request(), "userName");
                rule(
                    carried == Some(format!("canary-user-{}", self.history.version)),
                    "a sign-in carries the credentials of its time",
                )?;
                rule(sign_in.limit() == Duration::from_secs(30), "a sign-in's limit is never cut")?;
                self.may_sign_in(asked)?;
                let idle = self.history.usable(self.now, Duration::ZERO).is_none();
                if idle && self.history.current().is_some() {
                    self.seen.add(Seen::IDLE_EXPIRY);
                }
                let number = self.history.begin_sign_in(self.now);
                self.sign_in_ids.push(sign_in.id());
                self.sign_ins.push((sign_in, number));
                self.callers[who].began = Some(number);
                self.goes_on_waiting(who, call, until)
            }
            Step::Wait(call, until) => {
                self.may_wait(asked)?;
                self.notice_a_spent_budget();
                self.goes_on_waiting(who, call, until)
            }
            Step::Ready(lease) => {
                let id = lease.session_id().expose_secret().to_owned();
                let left = match task {
                    Task::Lease(left) => left,
                    Task::SignIn | Task::Renewal => Duration::ZERO,
                    _ => return Err(Broken("a call gets an exchange, not a lease")),
                };
                let usable = self.history.usable(self.now, left).map(|session| session.sign_in);
                rule(
                    usable.is_some_and(|sign_in| session_id(sign_in) == id),
                    "a lease is of a session that is alive and has the time left",
                )?;
                if let Some(session) = usable {
                    self.leases.push((lease, self.history.exchanges.len()));
                    self.sent(who, session, Purpose::Lease);
                }
                Ok(())
            }
            Step::Done => rule(
                task == Task::KeepAlive && self.history.usable(self.now, Duration::ZERO).is_none(),
                "only a keep-alive without a session has nothing to do",
            ),
            Step::Refuse(error) => {
                no_secret_in(&format!("{error} {error:?}"))?;
                self.may_refuse(asked, &error)?;
                self.notice_a_spent_budget();
                Ok(())
            }
        }
    }

    fn sent(&mut self, who: usize, session: usize, purpose: Purpose) {
        let left = self.callers[who].deadline.saturating_sub(self.now);
        self.history.exchanges.push(Exchange {
            who: Some(who),
            session,
            sent: self.now,
            limit: left.min(Duration::from_secs(60)),
            reply: None,
            open: purpose != Purpose::Lease,
            purpose,
        });
    }

    /// A call of before a sign-out, one past its deadline, and one that waited for an attempt that
    /// failed do not go on.
    fn what_has_to_end_ends(&self, asked: &Asked, step: &Step) -> Result<(), Broken> {
        let caller = &self.callers[asked.who];
        if caller.epoch != self.history.epoch && asked.task != Task::Logout {
            return rule(
                matches!(step, Step::Refuse(Error::SignedOut { .. })),
                "no call begun before a sign-out goes on after it",
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
            return rule(right, "whoever waited for an attempt that failed is told why");
        }
        if self.now >= caller.deadline {
            rule(
                matches!(step, Step::Refuse(Error::Deadline { .. })),
                "a caller ends at its deadline",
            )?;
        }
        Ok(())
    }

    /// No exchange leaves with a session known dead, or while the hour's calls are closed.
    fn is_sent_with(&self, asked: &Asked, session: usize) -> Result<(), Broken> {
        if asked.task == Task::Logout {
            return Ok(());
        }
        let usable = self.history.usable(self.now, Duration::ZERO);
        rule(
            usable.is_some_and(|usable| usable.sign_in == session),
            "no exchange leaves with a session known dead",
        )?;
        rule(
            !self.history.calls_are_closed(self.now),
            "no call leaves while the hour's calls are spent",
        )?;
        let before = self.history.exchanges.iter().rfind(|sent| sent.who == Some(asked.who));
        let refused =
            |code| before.is_none_or(|sent| sent.reply.is_some_and(|reply| reply.is(code)));
        rule(refused(1109) || refused(1322), "a call is sent again only after BDC_1109 or BDC_1322")
    }

    /// An exchange may take 60 s, or what is left of its call.
    fn is_sent_within(&self, who: usize, limit: Duration) -> Result<(), Broken> {
        let caller = &self.callers[who];
        rule(
            limit == caller.deadline.saturating_sub(self.now).min(Duration::from_secs(60)),
            "an exchange's limit is the smaller of 60 s and what is left of its call",
        )?;
        rule(self.now >= caller.not_before.0, "a call that met three others backs off")?;
        rule(caller.replays <= 1, "a call is replayed at most once after BDC_1109")?;
        rule(caller.contentions <= 2, "a call is sent again at most twice after BDC_1322")
    }

    /// A sign-in is sent only when there is no session, no other sign-in and no reason to wait.
    fn may_sign_in(&self, asked: &Asked) -> Result<(), Broken> {
        let history = &self.history;
        let left = match asked.task {
            Task::Lease(left) => left,
            Task::KeepAlive => return Err(Broken("a keep-alive never signs in")),
            Task::Logout => return Err(Broken("a logout never signs in")),
            _ => Duration::ZERO,
        };
        rule(
            history.usable(self.now, left).is_none(),
            "nobody signs in while there is a session that is alive",
        )?;
        rule(history.sign_in_in_flight().is_none(), "at most one sign-in is in flight")?;
        rule(
            history.log.pause().is_none_or(|(earliest, _)| self.now >= earliest),
            "nobody signs in during a back-off",
        )?;
        rule(
            history.sign_ins_open_at(self.now) == [self.now; 2],
            "sign-ins never exceed the hour's budget",
        )?;
        rule(
            !history.log.is_refused()
                || (asked.task == Task::SignIn && self.callers[asked.who].began.is_none()),
            "what was refused for good is tried again only by an explicit sign-in, and once",
        )
    }

    /// Whoever waits has something to wait for.
    fn may_wait(&mut self, asked: &Asked) -> Result<(), Broken> {
        let history = &self.history;
        let left = match asked.task {
            Task::Logout => return Ok(()),
            Task::Lease(left) => left,
            _ => Duration::ZERO,
        };
        let needs_slot = matches!(asked.task, Task::Call | Task::KeepAlive);
        if history.usable(self.now, left).is_some() {
            return rule(
                needs_slot,
                "whoever needs only a session does not wait while there is one",
            );
        }
        rule(asked.task != Task::KeepAlive, "a keep-alive does not wait for a session")?;
        rule(
            !history.log.is_refused() || self.may_try(asked.who),
            "nobody waits for what was refused for good",
        )?;
        if let Some(sign_in) = history.sign_in_in_flight() {
            let waiters = &mut self.history.sign_ins[sign_in].waiters;
            if !waiters.contains(&asked.who) {
                waiters.push(asked.who);
            }
            if waiters.len() > 1 {
                self.seen.add(Seen::SHARED_SIGN_IN);
            }
            return Ok(());
        }
        if let Some(retry_at) = self.retry_at().filter(|retry_at| *retry_at > self.now) {
            self.seen.add(Seen::BACK_OFF);
            return rule(
                retry_at < self.callers[asked.who].deadline,
                "nobody waits for an attempt that comes only after its deadline",
            );
        }
        Ok(())
    }

    /// A waiting caller looks again within a second, and by when anything lapses.
    fn goes_on_waiting(
        &mut self,
        who: usize,
        call: bill_session_core::Call,
        until: std::time::Instant,
    ) -> Result<(), Broken> {
        let until = self.since_origin(until);
        let caller = &mut self.callers[who];
        caller.id = call.id();
        caller.waits = Some(call);
        caller.until = until;
        rule(until > self.now, "no wait is over at once")?;
        rule(until <= self.now + Duration::from_secs(1), "no wait is longer than a second")?;
        let mut lapses = self.history.lapses().chain([caller.deadline]);
        rule(
            lapses.all(|lapse| lapse <= self.now || until <= lapse),
            "a wait ends when the call, a sign-in or an exchange is overdue",
        )
    }

    /// A refusal has a reason.
    fn may_refuse(&mut self, asked: &Asked, error: &Error) -> Result<(), Broken> {
        let now = self.now;
        let history = &self.history;
        let caller = &self.callers[asked.who];
        match error {
            Error::SignedOut { .. } => rule(
                caller.epoch != history.epoch,
                "nobody is signed out unless the program signed out",
            ),
            Error::Deadline { .. } => {
                rule(now >= caller.deadline, "nobody ends at a deadline that is yet to come")
            }
            Error::NoSession { cause, retry_after, .. } => {
                if cause.is_permanent() {
                    self.seen.add(Seen::REFUSED);
                    rule(retry_after.is_none(), "a refusal for good names no time to try again")?;
                }
                if let Some(told) = asked.told {
                    return rule(told.is(cause), "whoever is told of a failure is told its cause");
                }
                if cause.is_permanent() {
                    return rule(
                        self.history.log.is_refused() && !self.may_try(asked.who),
                        "nobody is refused for good unless BILL refused for good",
                    );
                }
                self.seen.add(Seen::BACK_OFF);
                let until = retry_after.map(|after| now + after);
                rule(
                    until.is_some_and(|at| at >= caller.deadline && self.is_paused_until(at)),
                    "a caller waits for the end of a back-off that comes before its deadline",
                )
            }
            Error::Limited { limit: Limit::SignIns, .. } if asked.told.is_some() => Ok(()),
            Error::Limited { limit: Limit::SignIns, retry_after, .. } => {
                let until = now + *retry_after;
                rule(
                    until >= caller.deadline && self.is_paused_until(until),
                    "the hour's sign-ins are called spent when they are, and past the deadline",
                )
            }
            Error::Limited { limit: Limit::Calls, retry_after, .. } => rule(
                now + *retry_after >= caller.deadline && !history.calls_are_open(now),
                "the hour's calls are called spent when they are, and past the deadline",
            ),
            _ => Err(Broken("a step is refused for a reason that the design knows")),
        }
    }

    /// Whether the next sign-in may be sent at this instant, as far as the core shows it.
    fn is_paused_until(&self, at: Duration) -> bool {
        let within = |(earliest, latest)| earliest <= at && at <= latest;
        match self.retry_at() {
            Some(retry_at) => retry_at == at,
            None => {
                self.history.log.pause().is_some_and(within)
                    || self.history.sign_ins_open_at(self.now).contains(&at)
            }
        }
    }

    /// Whether a caller may make an attempt in spite of a refusal, or is making it.
    pub fn may_try(&self, who: usize) -> bool {
        let caller = &self.callers[who];
        match caller.began {
            Some(began) => self.history.sign_in_in_flight() == Some(began),
            None => caller.task == Task::SignIn,
        }
    }

    /// The key's budget may have kept a caller from signing in: then nobody tries before it opens.
    fn notice_a_spent_budget(&mut self) {
        let Some(open_at) = self.retry_at().filter(|open_at| *open_at > self.now) else {
            return;
        };
        let noticed = self.history.log.pause() == Some((open_at, open_at));
        if !noticed && self.history.sign_ins_open_at(self.now).contains(&open_at) {
            self.history.log.push(self.now, Fact::Spent(open_at - self.now));
            if self.history.usable(self.now, Duration::ZERO).is_none() {
                self.history.end_session();
            }
        }
    }
}

impl Told {
    fn is(self, cause: &Cause) -> bool {
        match (self, cause) {
            (Self::Code(code), Cause::Refused(error)) => {
                error.code().and_then(bill_session_core::Code::number) == Some(u32::from(code))
            }
            (Self::NoAnswer, Cause::NoAnswer(_))
            | (Self::Foreign, Cause::NotBill(_))
            | (Self::Overdue, Cause::Overdue)
            | (Self::SessionsRefused, Cause::SessionsRefused) => true,
            _ => false,
        }
    }
}
