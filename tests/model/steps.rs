//! Every step of a caller, judged by what happened before it.

use std::time::Duration;

use bill_session_core::{Cause, Error, Limit, Misuse, Step};
use bytes::Bytes;
use http::Request;

use super::action::Reply;
use super::answers::{carried_session, session_id, sign_in_of, signs_in};
use super::caller::{Caller, FIVE_MINUTES, Task, Told};
use super::check::{Broken, no_secret_in, rule};
use super::coverage::Seen;
use super::facts::Stamp;
use super::history::{Exchange, Purpose};
use super::laws::laws;
use super::order::{Idle, first_come_first_served, rivals};
use super::organization::Organization;

/// The step that a caller is about to take.
struct Asked {
    who: usize,
    task: Task,
    /// When it was woken, or comes by itself.
    since: Stamp,
    told: Option<Told>,
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
        let rivals = match to_sign_in && changed {
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
                let session = self.carried(&request)?;
                self.is_sent_with(asked, session)?;
                self.is_sent_within(who, in_flight.limit())?;
                if task.is_use() {
                    self.renewals = 0;
                }
                self.in_flight.push((in_flight, self.history.exchanges.len()));
                let v3 = request.uri().path().starts_with("/connect/v3/");
                self.sent(who, session, task.purpose(), v3);
                Ok(())
            }
            Step::SignIn(sign_in, call, until) => {
                let device = self.shared.principal().device;
                rule(
                    signs_in(&sign_in.request())
                        == sign_in_of(self.number, self.history.version, device),
                    "a sign-in carries its organisation, and the credentials and device of its time",
                )?;
                self.seen.add_if(device.is_some(), Seen::REMEMBERED);
                rule(sign_in.limit() == Duration::from_secs(30), "a sign-in's limit is never cut")?;
                self.may_sign_in(asked)?;
                let idle = self.history.usable(self.now(), Duration::ZERO).is_none();
                self.seen.add_if(idle && self.history.current().is_some(), Seen::IDLE_EXPIRY);
                self.seen.add_if(!idle && task.is_sent_with_session(), Seen::MORE_TIME);
                let left = self.shared.principal().was_abandoned(self.number, self.now());
                self.seen.add_if(left, Seen::TAKEN_OVER);
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
                    _ => return Err(Broken("a call gets an exchange, not a lease")),
                };
                let usable = self.history.usable(self.now(), left).map(|session| session.sign_in);
                rule(
                    usable.is_some_and(|sign_in| session_id(self.number, sign_in) == id),
                    "a lease is of a session that is alive and has the time left",
                )?;
                if let Some(session) = usable {
                    self.leases.push((lease, self.history.exchanges.len()));
                    self.sent(who, Some(session), Purpose::Lease, false);
                }
                Ok(())
            }
            Step::Done => rule(
                task == Task::KeepAlive
                    && self.history.usable(self.now(), Duration::ZERO).is_none(),
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
    fn carried(&self, request: &Request<Bytes>) -> Result<Option<usize>, Broken> {
        let Some(carried) = carried_session(request) else {
            return Ok(None);
        };
        let sign_ins = self.history.sign_ins.iter().enumerate();
        let mut brought = sign_ins.filter(|(_, sign_in)| sign_in.brought);
        let session = brought.find(|(number, _)| carried == session_id(self.number, *number));
        rule(session.is_some(), "a call carries a session that a sign-in of its own brought")?;
        Ok(session.map(|(number, _)| number))
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
                "no call begun before a sign-out goes on after it",
            );
        }
        if let Task::Validate { session, .. } = asked.task
            && !self.is_usable(session)
        {
            return rule(
                matches!(step, Step::Refuse(Error::SessionChanged { .. })),
                "the answer to a challenge is sent with its own session or not at all",
            );
        }
        if let Task::Lease(left) = asked.task
            && !self.can_have_left(left)
        {
            return rule(
                matches!(step, Step::Refuse(Error::Misuse(Misuse::LeaseTooLong))),
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
            return rule(right, "whoever waited for an attempt that failed is told why");
        }
        if self.now() >= caller.deadline {
            rule(
                matches!(step, Step::Refuse(Error::Deadline { .. })),
                "a caller ends at its deadline",
            )?;
        }
        Ok(())
    }

    /// Whether the session of this sign-in is the current one, and alive.
    fn is_usable(&self, session: usize) -> bool {
        let usable = self.history.usable(self.now(), Duration::ZERO);
        usable.is_some_and(|usable| usable.sign_in == session)
    }

    /// No exchange leaves with a session known dead, or while the hour's calls are closed.
    fn is_sent_with(&self, asked: &Asked, session: Option<usize>) -> Result<(), Broken> {
        rule(
            session.is_none() == (asked.task == Task::ListOrgs),
            "only a list of organisations is sent without a session",
        )?;
        if asked.task == Task::Logout {
            return Ok(());
        }
        let exchanges = &self.history.exchanges;
        let before = exchanges.iter().rfind(|sent| sent.who == asked.who);
        let only_reads = asked.task.only_reads();
        let again =
            |reply: Reply| reply.is(1109) || reply.is(1322) || (only_reads && reply.is_lost());
        rule(
            before.is_none_or(|sent| sent.reply.is_some_and(again)),
            "a call is sent again only after BDC_1109, BDC_1322 or, if it only reads, a loss",
        )?;
        let Some(session) = session else {
            return self.organizations_may_be_listed();
        };
        rule(self.is_usable(session), "no exchange leaves with a session known dead")?;
        let left = self.time_needed(asked.task);
        rule(
            self.history.usable(self.now(), left).is_some(),
            "what can be sent once leaves with a session that has five minutes left",
        )?;
        rule(
            !self.shared.key().calls_are_closed(self.now()),
            "no call leaves while the hour's calls are spent",
        )
    }

    /// A list of organisations is asked for like a session.
    fn organizations_may_be_listed(&self) -> Result<(), Broken> {
        let (key, principal) = (self.shared.key(), self.shared.principal());
        rule(
            key.refusal.is_none() && principal.refusal.is_none(),
            "no organisations are listed with what was refused for good",
        )?;
        rule(
            key.sign_ins_open_at(self.now()) == [self.now(); 2],
            "sign-ins never exceed the hour's budget",
        )
    }

    /// An exchange may take 60 s, one of an upload 10 minutes, or what is left of its call.
    fn is_sent_within(&self, who: usize, limit: Duration) -> Result<(), Broken> {
        let caller = &self.callers[who];
        rule(
            limit == caller.deadline.saturating_sub(self.now()).min(caller.task.limit()),
            "an exchange's limit is the smaller of its own and what is left of its call",
        )?;
        rule(self.now() < caller.deadline, "nothing is sent after its deadline")?;
        rule(self.now() >= caller.not_before.0, "a call that is to back off is not sent before")?;
        rule(caller.replays <= 1, "a call is replayed at most once after BDC_1109")?;
        rule(caller.contentions <= 2, "a call is sent again at most twice after BDC_1322")
    }

    /// A sign-in is sent only when there is no session, no other sign-in and no reason to wait.
    fn may_sign_in(&self, asked: &Asked) -> Result<(), Broken> {
        let history = &self.history;
        rule(
            asked.task.may_sign_in(),
            "no keep-alive, logout, list of organisations or answer to a challenge signs in",
        )?;
        rule(
            !asked.task.is_sent_with_session() || !self.shared.key().calls_are_closed(self.now()),
            "nobody signs in for a call that could not be made",
        )?;
        let left = self.time_needed(asked.task);
        rule(
            history.usable(self.now(), left).is_none(),
            "nobody signs in while there is a session that is alive",
        )?;
        rule(history.sign_in_in_flight().is_none(), "at most one sign-in is in flight")?;
        rule(
            !self.is_tried_elsewhere(),
            "one organisation at a time finds out whether BILL accepts the principal",
        )?;
        rule(
            history.log.pause().is_none_or(|(earliest, _)| self.now() >= earliest),
            "nobody signs in during a back-off",
        )?;
        rule(
            self.shared.key().sign_ins_open_at(self.now()) == [self.now(); 2],
            "sign-ins never exceed the hour's budget",
        )?;
        rule(
            !history.is_refused()
                || (asked.task == Task::SignIn && self.callers[asked.who].began.is_none()),
            "what was refused for good is tried again only by an explicit sign-in, and once",
        )
    }

    /// Whoever waits has something to wait for.
    fn may_wait(&mut self, asked: &Asked) -> Result<(), Broken> {
        let history = &self.history;
        if !asked.task.needs_session() {
            return Ok(());
        }
        let left = self.time_needed(asked.task);
        if history.usable(self.now(), left).is_some() {
            return rule(
                asked.task.is_sent_with_session(),
                "whoever needs only a session does not wait while there is one",
            );
        }
        rule(asked.task != Task::KeepAlive, "a keep-alive does not wait for a session")?;
        rule(
            !history.is_refused() || self.may_try(asked.who),
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
        self.seen.add_if(self.is_tried_elsewhere(), Seen::TRIED_ELSEWHERE);
        if let Some(retry_at) = self.retry_at().filter(|retry_at| *retry_at > self.now()) {
            self.seen.add(Seen::BACK_OFF);
            return rule(
                retry_at < self.callers[asked.who].deadline,
                "nobody waits for an attempt that comes only after its deadline",
            );
        }
        Ok(())
    }

    /// A waiting caller looks again within a second, and in front by when anything lapses.
    fn goes_on_waiting(
        &mut self,
        who: usize,
        call: bill_session_core::Call,
        until: std::time::Instant,
    ) -> Result<(), Broken> {
        let (until, now) = (self.since_origin(until), self.now());
        let caller = &mut self.callers[who];
        caller.id = call.id();
        caller.waits = Some(call);
        caller.until = until;
        rule(until > now, "no wait is over at once")?;
        rule(until <= now + Duration::from_secs(1), "no wait is longer than a second")?;
        let (id, deadline) = (caller.id, caller.deadline);
        rule(deadline <= now || until <= deadline, "a wait ends when the call is overdue")?;
        // Of those behind 32 others nobody can be served next, so that they look once a second.
        let before = |other: &&Caller| other.waits.is_some() && other.id < id;
        let in_front = self.callers.iter().filter(before).count() < 32;
        let mut lapses = self.history.lapses();
        rule(
            !in_front || lapses.all(|lapse| lapse <= now || until <= lapse),
            "a wait in front ends when a sign-in or an exchange is overdue",
        )
    }

    /// A refusal has a reason.
    fn may_refuse(&mut self, asked: &Asked, error: &Error) -> Result<(), Broken> {
        let now = self.now();
        let history = &self.history;
        let caller = &self.callers[asked.who];
        match error {
            Error::SignedOut { .. } => rule(
                caller.epoch != history.epoch,
                "nobody is signed out unless the program signed out",
            ),
            Error::SessionChanged { .. } => {
                let changed = match asked.task {
                    Task::Validate { session, .. } => !self.is_usable(session),
                    _ => false,
                };
                self.seen.add(Seen::SESSION_CHANGED);
                rule(changed, "a challenge is answered while its session is the current one")
            }
            Error::Misuse(Misuse::LeaseTooLong) => rule(
                matches!(asked.task, Task::Lease(left) if !self.can_have_left(left)),
                "a lease is too long only when no session lives so long",
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
                    let mut refusals = self.history.refusals();
                    let elsewhere = refusals.all(|refusal| refusal.organization != self.number);
                    self.seen.add_if(elsewhere, Seen::REFUSED_ELSEWHERE);
                    let tries = self.may_try(asked.who) && asked.task.needs_session();
                    return rule(
                        self.history.is_refused() && !tries,
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
            Error::Limited { limit: Limit::SignIns, retry_after, .. }
                if asked.task == Task::ListOrgs =>
            {
                self.seen.add(Seen::LIST_HELD_BACK);
                let until = now + *retry_after;
                let open_at = self.shared.key().sign_ins_open_at(now);
                rule(
                    until > now && open_at.contains(&until),
                    "the hour's sign-ins are called spent when they are",
                )
            }
            Error::Limited { limit: Limit::SignIns, retry_after, .. } => {
                let until = now + *retry_after;
                rule(
                    until >= caller.deadline && self.is_paused_until(until),
                    "the hour's sign-ins are called spent when they are, and past the deadline",
                )
            }
            Error::Limited { limit: Limit::Calls, retry_after, .. } => rule(
                now + *retry_after >= caller.deadline && !self.shared.key().calls_are_open(now),
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
                    || self.shared.key().sign_ins_open_at(self.now()).contains(&at)
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
