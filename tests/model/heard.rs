//! Answers, and those that never come: what is heard of a request, judged by its history.

use std::time::Duration;

use bill_session_core::{Error, Limit, MfaOutcome, Outcome, SignInEnded, Verdict};
use serde_json::Value;

use super::action::Reply;
use super::answers::{session_id, to_call, to_sign_in};
use super::caller::{Task, Told};
use super::check::{Broken, no_secret_in, rule};
use super::coverage::Seen;
use super::facts::Fact;
use super::history::Purpose;
use super::laws::laws;
use super::order::Idle;
use super::organization::Organization;

impl Organization {
    /// An exchange is answered, or its transport gives up.
    pub fn answer(&mut self, at: usize, reply: Reply) -> Result<(), Broken> {
        let (in_flight, exchange) = self.in_flight.remove(at);
        let sent = &self.history.exchanges[exchange];
        let task = self.callers[sent.who].task;
        let session = sent.session.map(|sign_in| session_id(self.number, sign_in));
        let session = session.unwrap_or_default();
        let heard = in_flight.read::<Value>(to_call(reply, task, exchange, sent.v3, &session));
        no_secret_in(&format!("{heard:?}"))?;
        let overdue = self.history.lapses().any(|lapse| lapse <= self.now());
        self.pump_begins();
        let told = self.told;
        let now = self.tell_time();
        let mut asked = false;
        let clock = || {
            asked = true;
            now
        };
        let (outcome, mut wake) = heard.settle_by(&mut self.session, clock);
        self.seen.add_if(!asked, Seen::SETTLED_AT_ONCE);
        if !asked && (overdue || self.setup.heartbeat) {
            // Nobody waits for what lapses: it is enough that whoever comes next looks.
            wake = self.session.credentials_replaced(now);
        } else if !asked {
            self.told = told;
        }
        let shown = format!("{outcome:?}");
        self.note(|_| format!("exchange {exchange} is answered: {shown}"));
        no_secret_in(&shown)?;
        self.hear(exchange, reply);
        self.judge_outcome(exchange, reply, outcome)?;
        self.heed(wake)?;
        laws(self)
    }

    /// What the answer does to the session, or to the credentials.
    fn hear(&mut self, exchange: usize, reply: Reply) {
        let now = self.now();
        let sent = &self.history.exchanges[exchange];
        if sent.purpose == Purpose::ListOrgs {
            self.history.hear_of_organizations(exchange, reply, now);
            self.seen.add_if(reply.is_done(), Seen::LISTED);
            self.seen.add_if(reply.is(1101) || reply.is(1102), Seen::LIST_REFUSED);
            return;
        }
        let Some(session) = sent.session else {
            return;
        };
        let current = self.history.current().map(|current| current.sign_in);
        if sent.purpose != Purpose::Logout && Some(session) < current && reply.is(1109) {
            self.seen.add(Seen::LATE_INVALID);
        }
        let says_trusted = self.says_trusted(exchange, reply);
        let refused_twice = self.history.hear(exchange, reply, now);
        if refused_twice {
            self.tell(Told::SessionsRefused, Duration::MAX);
        }
        if let Some(trusted) = says_trusted {
            self.history.say_trusted(session, trusted);
            let is_current = Some(session) == current;
            self.seen.add_if(trusted && is_current, Seen::TRUSTED);
        }
    }

    /// What an answer says of the trust of its session.
    fn says_trusted(&self, exchange: usize, reply: Reply) -> Option<bool> {
        let sent = &self.history.exchanges[exchange];
        if sent.purpose == Purpose::Logout {
            return None;
        }
        let task = self.callers[sent.who].task;
        match (task, reply) {
            (_, Reply::Code(1361, _)) => Some(false),
            (Task::Validate { .. }, reply) if reply.is_done() => Some(true),
            (Task::StepUp, Reply::Trusted(true)) => Some(true),
            (Task::KeepAlive, Reply::Trusted(trusted)) if sent.v3 => Some(trusted),
            _ => None,
        }
    }

    fn judge_outcome(
        &mut self,
        exchange: usize,
        reply: Reply,
        outcome: Outcome<Value>,
    ) -> Result<(), Broken> {
        let sent = &self.history.exchanges[exchange];
        let (who, session, version) = (sent.who, sent.session, sent.version);
        let task = self.callers[who].task;
        match outcome {
            Outcome::Again(call) => self.goes_out_again(who, reply, call),
            Outcome::Done(_) => {
                let over = task == Task::Logout && reply.is(1109);
                rule(reply.is_done() || over, "only what was carried out is done")?;
                rule(
                    !matches!(task, Task::Challenge | Task::Validate { .. } | Task::StepUp),
                    "a call of MFA has an outcome of MFA",
                )
            }
            Outcome::Mfa(MfaOutcome::Challenged(challenge)) => {
                rule(
                    task == Task::Challenge && reply.is_done(),
                    "only who asked for a challenge gets one",
                )?;
                let Some(session) = session else {
                    return Err(Broken("a challenge belongs to a session"));
                };
                self.challenges.push((challenge, session));
                Ok(())
            }
            Outcome::Mfa(MfaOutcome::Trusted(_))
                if self.history.current().map(|current| current.sign_in) != session =>
            {
                Err(Broken("nobody is told of the trust of a session that is gone"))
            }
            Outcome::Mfa(MfaOutcome::Trusted(device)) => match task {
                Task::Validate { remember, .. } => {
                    rule(reply.is_done(), "a session is trusted when BILL says so")?;
                    rule(device.is_some() == remember, "a device is remembered that was to be")?;
                    if remember && version == self.history.version {
                        self.shared.principal().device = Some(exchange);
                    }
                    Ok(())
                }
                Task::StepUp => {
                    if version == self.history.version {
                        self.shared.principal().device = Some(0);
                    }
                    rule(reply == Reply::Trusted(true), "a session is trusted when BILL says so")
                }
                _ => Err(Broken("only a call of MFA has an outcome of MFA")),
            },
            Outcome::Failed(Error::SessionChanged { .. }) => {
                let trusts = self.says_trusted(exchange, reply) == Some(true);
                let is_current = self.history.current().map(|current| current.sign_in) == session;
                let device = match task {
                    Task::Validate { remember, .. } => remember.then_some(exchange),
                    _ => Some(0),
                };
                if device.is_some() && version == self.history.version {
                    self.shared.principal().device = device;
                }
                self.seen.add(Seen::SESSION_CHANGED);
                rule(trusts && !is_current, "trust comes too late for a session that is gone")
            }
            Outcome::Failed(error) => {
                no_secret_in(&format!("{error} {error:?}"))?;
                let right = self.is_right(who, reply, &error);
                rule(right, "a caller is told what became of its call")
            }
        }
    }

    /// A call is to be sent again.
    fn goes_out_again(
        &mut self,
        who: usize,
        reply: Reply,
        call: bill_session_core::Call,
    ) -> Result<(), Broken> {
        let now = self.now();
        let tries = usize::from(self.setup.tries);
        let signed_out = self.callers[who].epoch != self.history.epoch;
        rule(!signed_out, "no call begun before a sign-out is sent again after it")?;
        let caller = &mut self.callers[who];
        let asked = reply.retry_after();
        if reply.is_lost() {
            rule(caller.task.only_reads(), "a write is never sent again after a lost outcome")?;
            caller.losses += 1;
            rule(caller.losses <= tries, "a read is sent again at most as often as it may be")?;
            let step = step_after_loss(caller.losses);
            caller.not_before = (now + asked, now + asked.max(step));
            self.seen.add(Seen::READ_AGAIN);
        } else if reply.is(1109) {
            rule(caller.task.can_be_repeated(), "what can be sent once is not sent again")?;
            caller.replays += 1;
            rule(caller.replays <= 1, "a call is replayed at most once after BDC_1109")?;
            caller.not_before = (now, now);
            self.seen.add(Seen::REPLAY);
        } else {
            rule(reply.is(1322), "a call is sent again only after 1109, 1322 or a lost outcome")?;
            rule(caller.task.can_be_repeated(), "what can be sent once is not sent again")?;
            caller.contentions += 1;
            rule(caller.contentions <= 2, "a call is sent again at most twice after BDC_1322")?;
            let step = step_after_contention(caller.contentions);
            caller.not_before = (now + asked.max(step / 2), now + asked.max(step));
        }
        rule(
            caller.not_before.0 < caller.deadline,
            "a call does not back off beyond its deadline",
        )?;
        caller.waits = Some(call);
        caller.joined = now;
        caller.until = now;
        // Its owner goes on by itself, without being woken.
        caller.woken = Some(self.history.stamp(now));
        self.idle = Idle::default();
        Ok(())
    }

    /// Whether this is the error of a call that was answered so, and is not to be sent again.
    fn is_right(&mut self, who: usize, reply: Reply, error: &Error) -> bool {
        let now = self.now();
        let caller = &self.callers[who];
        let task = caller.task;
        let (again, wait) = if reply.is_lost() {
            let may = task.only_reads() && caller.losses < usize::from(self.setup.tries);
            (may, step_after_loss(caller.losses + 1))
        } else if reply.is(1109) {
            (task.can_be_repeated() && caller.replays == 0, Duration::ZERO)
        } else if reply.is(1322) {
            let may = task.can_be_repeated() && caller.contentions < 2;
            (may, step_after_contention(caller.contentions + 1))
        } else {
            (false, Duration::ZERO)
        };
        if let Error::SignedOut { .. } = error {
            return again && caller.epoch != self.history.epoch;
        }
        if again && now + reply.retry_after().max(wait) < caller.deadline {
            return false;
        }
        if reply.is_lost() {
            let sent_again = caller.losses > 0 && caller.losses == usize::from(self.setup.tries);
            self.seen.add_if(sent_again, Seen::TRIES_SPENT);
            let writes = task.can_be_repeated() && !task.only_reads();
            self.seen.add_if(writes && self.setup.tries > 0, Seen::WRITE_LOST);
        }
        if task == (Task::Upload { once: true }) {
            let would_be = reply.is_lost() || reply.is(1109) || reply.is(1322);
            self.seen.add_if(would_be, Seen::SENT_ONCE);
        }
        match (error, reply) {
            (Error::Untrusted(_), Reply::Code(1361, _))
            | (Error::MfaCode(_), Reply::Code(1356, _)) => true,
            (Error::Api(_), Reply::Code(code, _)) => !matches!(code, 1361 | 1356),
            (Error::Limited { limit, code: Some(_), .. }, Reply::HourSpent(_)) => {
                let lists = task == Task::ListOrgs;
                *limit == if lists { Limit::SignIns } else { Limit::Calls }
            }
            (Error::Decode { .. }, Reply::Done | Reply::Trusted(false)) => task == Task::StepUp,
            (Error::Api(_), Reply::Trouble(_))
            | (Error::NotBill { .. }, Reply::Page503(_) | Reply::Redirect | Reply::Torn)
            | (Error::NoAnswer { .. }, Reply::Lost | Reply::TooLong) => true,
            _ => false,
        }
    }

    /// A lease is given back.
    pub fn end_lease(&mut self, at: usize, reply: Reply) -> Result<(), Broken> {
        let (lease, exchange) = self.leases.remove(at);
        no_secret_in(&format!("{lease:?}"))?;
        let verdict = match reply {
            Reply::Code(1109, _) => Verdict::Invalid,
            Reply::Code(1322, _) => Verdict::Contended { retry_after: None },
            Reply::Code(1361, _) => Verdict::Untrusted,
            Reply::HourSpent(left) => {
                Verdict::HourSpent { left: Duration::from_secs(left.map_or(3_600, u64::from)) }
            }
            alive if alive.restarts_the_timer() => Verdict::Alive,
            _ => Verdict::Unknown,
        };
        if matches!(verdict, Verdict::Alive | Verdict::Untrusted) {
            // A program's own request is a use of the session like any caller's call.
            self.renewals = 0;
        }
        self.pump_begins();
        let now = self.tell_time();
        let wake = self.session.lease_ended(lease, verdict, now);
        self.hear(exchange, reply);
        self.heed(wake)?;
        laws(self)
    }

    /// A sign-in is answered, or its transport gives up.
    pub fn answer_sign_in(&mut self, at: usize, reply: Reply) -> Result<(), Broken> {
        let (sign_in, number) = self.sign_ins.remove(at);
        // An answer is a sign of life, however late the last beat.
        self.history.sign_ins[number].last_beat = self.now();
        self.pump_begins();
        let (version, epoch, began) = {
            let begun = &self.history.sign_ins[number];
            (begun.version, begun.epoch, begun.began)
        };
        let v3 = self.setup.v3;
        let heard = sign_in.read(to_sign_in(reply, v3, (self.number, number), version));
        no_secret_in(&format!("{heard:?}"))?;
        let in_flight = self.history.sign_in_in_flight() == Some(number);
        let now = self.tell_time();
        let (ended, wake) = heard.settle(&mut self.session, now);
        let shown = format!("{ended:?}");
        self.note(|_| format!("sign-in {number} is answered: {shown}"));
        no_secret_in(&shown)?;
        self.history.sign_in_is_over(number);
        self.history.sign_ins[number].brought = reply.is_done();
        let signed_out = epoch != self.history.epoch;
        let orphan = match ended {
            SignInEnded::Stored { .. } => {
                rule(reply.is_done(), "a session is stored when a sign-in brought one")?;
                rule(in_flight && !signed_out, "only the sign-in in flight stores a session")?;
                let trusted = match reply {
                    Reply::Trusted(trusted) if v3 => Some(trusted),
                    _ => None,
                };
                self.seen.add_if(trusted == Some(true), Seen::TRUSTED);
                self.history.store(number, trusted, self.now());
                None
            }
            SignInEnded::LogOut(logout) => {
                rule(
                    reply.is_done() && signed_out,
                    "a session is logged out that came back after a sign-out",
                )?;
                if in_flight {
                    self.history.log.push(self.now(), Fact::Orphaned);
                    self.history.accept();
                }
                self.seen.add(Seen::SIGN_OUT_RACE);
                Some(logout)
            }
            SignInEnded::Failed => {
                rule(!reply.is_done() && in_flight, "a sign-in in flight fails by its answer")?;
                self.sign_in_failed(reply);
                None
            }
            SignInEnded::Stale => {
                rule(!in_flight, "the answer to the sign-in in flight is not stale")?;
                rule(
                    !(reply.is_done() && signed_out),
                    "a session that came back after a sign-out is logged out",
                )?;
                if let Reply::Code(code, _) = reply
                    && reply.is_permanent()
                    && version == self.history.version
                    && self.history.current().is_none()
                    && !self.history.accepted_since(code, began)
                {
                    self.history.log.push(self.now(), Fact::Refused { late: true });
                    self.history.refuse(code);
                }
                if let Some(left) = reply.hour_left() {
                    self.shared.key().close_sign_ins(self.now() + left);
                }
                None
            }
        };
        self.heed(wake)?;
        laws(self)?;
        match orphan {
            // Nobody waits for it, and it is given no more than this.
            Some(logout) => self.come(logout, Task::Logout, Duration::from_secs(5)),
            None => Ok(()),
        }
    }

    fn sign_in_failed(&mut self, reply: Reply) {
        let failed = Fact::Failed(reply.retry_after());
        let (fact, told, later) = match reply {
            Reply::Code(1322, _) => (Fact::Contended(reply.retry_after()), Told::Code(1322), true),
            Reply::HourSpent(left) => {
                let left = Duration::from_secs(left.map_or(3_600, u64::from));
                self.shared.key().close_sign_ins(self.now() + left);
                (Fact::Spent(left), Told::Code(1144), true)
            }
            Reply::Code(code, _) if reply.is_permanent() => {
                self.history.refuse(code);
                (Fact::Refused { late: false }, Told::Code(code), false)
            }
            Reply::Code(code, _) => (failed, Told::Code(code), false),
            Reply::Trouble(_) => (failed, Told::Code(9999), true),
            Reply::Page503(_) => (failed, Told::Foreign, true),
            Reply::TooLong | Reply::Lost => (failed, Told::NoAnswer, false),
            Reply::Done | Reply::Trusted(_) | Reply::Redirect | Reply::Torn => {
                (failed, Told::Foreign, false)
            }
        };
        self.history.log.push(self.now(), fact);
        if later {
            self.tell_explicit(told);
        } else {
            self.tell(told, Duration::MAX);
        }
    }

    /// Whoever ran a sign-in goes away; its answer may still come.
    pub fn cancel_sign_in(&mut self, at: usize) -> Result<(), Broken> {
        self.pump_begins();
        let now = self.tell_time();
        if self.history.sign_in_in_flight() == Some(at) {
            self.history.sign_in_is_over(at);
            self.history.log.push(self.now(), Fact::Cancelled);
            self.seen.add(Seen::CANCELLED);
        }
        let wake = self.session.cancel_sign_in(self.sign_in_ids[at], now);
        self.heed(wake)?;
        laws(self)
    }
}

/// The longest wait before a call is sent again for the nth time after BDC_1322.
fn step_after_contention(nth: usize) -> Duration {
    Duration::from_millis(if nth == 1 { 500 } else { 1_000 })
}

/// The longest wait before a call is sent again for the nth time after a lost outcome.
fn step_after_loss(nth: usize) -> Duration {
    Duration::from_millis(match nth {
        1 => 500,
        2 => 1_000,
        _ => 2_000,
    })
}
