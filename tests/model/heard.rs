//! Answers, and those that never come: what is heard of a request, judged by its history.

use std::time::Duration;

use bill_session_core::{Error, Limit, Outcome, SignInEnded, Verdict};
use serde_json::Value;

use super::action::Reply;
use super::answers::{to_call, to_sign_in};
use super::caller::{Task, Told};
use super::check::{Broken, no_secret_in, rule};
use super::coverage::Seen;
use super::facts::Fact;
use super::history::Purpose;
use super::laws::laws;
use super::order::Idle;
use super::world::World;

impl World {
    /// An exchange is answered, or its transport gives up.
    pub fn answer(&mut self, at: usize, reply: Reply) -> Result<(), Broken> {
        let (in_flight, exchange) = self.in_flight.remove(at);
        let session = self.history.exchanges[exchange].session;
        let heard = in_flight.read::<Value>(to_call(reply, session));
        no_secret_in(&format!("{heard:?}"))?;
        self.pump_begins();
        let now = self.tell_time();
        let (outcome, wake) = heard.settle(&mut self.session, now);
        let shown = format!("{outcome:?}");
        self.note(|_| format!("    exchange {exchange} is answered: {shown}"));
        no_secret_in(&shown)?;
        self.hear(exchange, reply);
        self.judge_outcome(exchange, reply, outcome)?;
        self.heed(wake)?;
        laws(self)
    }

    /// What the answer does to the session.
    fn hear(&mut self, exchange: usize, reply: Reply) {
        let late = self.history.exchanges[exchange].purpose != Purpose::Logout
            && self
                .history
                .current()
                .is_some_and(|session| session.sign_in > self.history.exchanges[exchange].session);
        if late && reply.is(1109) {
            self.seen.add(Seen::LATE_INVALID);
        }
        let refused_twice = self.history.hear(exchange, reply, self.now);
        if refused_twice {
            self.tell(Told::SessionsRefused, Duration::MAX);
        }
    }

    fn judge_outcome(
        &mut self,
        exchange: usize,
        reply: Reply,
        outcome: Outcome<Value>,
    ) -> Result<(), Broken> {
        let Some(who) = self.history.exchanges[exchange].who else {
            return Ok(());
        };
        let now = self.now;
        let signed_out = self.callers[who].epoch != self.history.epoch;
        let caller = &mut self.callers[who];
        let error = match outcome {
            Outcome::Again(call) => {
                rule(caller.task == Task::Call, "only a call is sent again")?;
                rule(!signed_out, "no call begun before a sign-out is sent again after it")?;
                if reply.is(1109) {
                    caller.replays += 1;
                    self.seen.add(Seen::REPLAY);
                } else {
                    rule(reply.is(1322), "a call is sent again only after 1109 or 1322")?;
                    caller.contentions += 1;
                    // Half of a step of half a second, or of a second, to the whole.
                    let step =
                        Duration::from_millis(if caller.contentions == 1 { 500 } else { 1_000 });
                    let asked = reply.retry_after();
                    caller.not_before = (now + asked.max(step / 2), now + asked.max(step));
                    rule(
                        caller.not_before.0 < caller.deadline,
                        "a call does not back off beyond its deadline",
                    )?;
                }
                rule(caller.replays <= 1, "a call is replayed at most once after BDC_1109")?;
                rule(caller.contentions <= 2, "a call is sent again at most twice after BDC_1322")?;
                caller.waits = Some(call);
                caller.joined = now;
                caller.until = now;
                // Its owner goes on by itself, without being woken.
                caller.woken = Some(self.history.stamp(now));
                self.idle = Idle::default();
                return Ok(());
            }
            Outcome::Done(_) => {
                let over = caller.task == Task::Logout && reply.is(1109);
                return rule(reply == Reply::Done || over, "only what was carried out is done");
            }
            Outcome::Failed(error) => error,
        };
        no_secret_in(&format!("{error} {error:?}"))?;
        let contended = Duration::from_millis(if caller.contentions == 0 { 500 } else { 1_000 });
        let in_time = now + reply.retry_after().max(contended) < caller.deadline;
        let right = match (&error, reply) {
            (Error::SignedOut { .. }, Reply::Code(1109 | 1322, _)) => signed_out,
            (Error::Api(_), Reply::Code(1109, _)) => {
                caller.replays == 1 || caller.task == Task::KeepAlive
            }
            (Error::Api(_), Reply::Code(1322, _)) => {
                caller.contentions == 2 || caller.task != Task::Call || !in_time
            }
            (Error::Untrusted(_), Reply::Code(1361, _)) => true,
            (Error::Api(_), Reply::Code(code, _)) => code != 1361,
            (Error::Limited { limit: Limit::Calls, code: Some(_), .. }, Reply::HourSpent(_))
            | (Error::NotBill { .. }, Reply::Page503(_) | Reply::Redirect | Reply::Torn)
            | (Error::NoAnswer { .. }, Reply::Lost) => true,
            _ => false,
        };
        rule(right, "a caller is told what became of its call")
    }

    /// A lease is given back.
    pub fn end_lease(&mut self, at: usize, reply: Reply) -> Result<(), Broken> {
        let (lease, exchange) = self.leases.remove(at);
        no_secret_in(&format!("{lease:?}"))?;
        let verdict = match reply {
            Reply::Code(1109, _) => Verdict::Invalid,
            Reply::Code(1322, _) => Verdict::Contended { retry_after: None },
            Reply::HourSpent(left) => {
                Verdict::HourSpent { left: Duration::from_secs(left.map_or(3_600, u64::from)) }
            }
            alive if alive.restarts_the_timer() => Verdict::Alive,
            _ => Verdict::Unknown,
        };
        if verdict == Verdict::Alive {
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
        self.history.sign_ins[number].last_beat = self.now;
        self.pump_begins();
        let (version, epoch) = {
            let begun = &self.history.sign_ins[number];
            (begun.version, begun.epoch)
        };
        let heard = sign_in.read(to_sign_in(reply, number, version));
        no_secret_in(&format!("{heard:?}"))?;
        let in_flight = self.history.sign_in_in_flight() == Some(number);
        let now = self.tell_time();
        let (ended, wake) = heard.settle(&mut self.session, now);
        let shown = format!("{ended:?}");
        self.note(|_| format!("    sign-in {number} is answered: {shown}"));
        no_secret_in(&shown)?;
        self.history.sign_ins[number].in_flight = false;
        self.history.sign_ins[number].brought = reply == Reply::Done;
        let signed_out = epoch != self.history.epoch;
        let orphan = match ended {
            SignInEnded::Stored { .. } => {
                rule(reply == Reply::Done, "a session is stored when a sign-in brought one")?;
                rule(in_flight && !signed_out, "only the sign-in in flight stores a session")?;
                self.history.store(number, self.now);
                None
            }
            SignInEnded::LogOut(logout) => {
                rule(
                    reply == Reply::Done && signed_out,
                    "a session is logged out that came back after a sign-out",
                )?;
                if in_flight {
                    self.history.log.push(self.now, Fact::Orphaned);
                }
                self.seen.add(Seen::SIGN_OUT_RACE);
                Some(logout)
            }
            SignInEnded::Failed => {
                rule(reply != Reply::Done && in_flight, "a sign-in in flight fails by its answer")?;
                self.sign_in_failed(reply);
                None
            }
            SignInEnded::Stale => {
                rule(!in_flight, "the answer to the sign-in in flight is not stale")?;
                rule(
                    !(reply == Reply::Done && signed_out),
                    "a session that came back after a sign-out is logged out",
                )?;
                if reply.is_permanent()
                    && version == self.history.version
                    && self.history.current().is_none()
                {
                    self.history.log.push(self.now, Fact::Refused { late: true });
                }
                if let Reply::HourSpent(left) = reply {
                    let left = Duration::from_secs(left.map_or(3_600, u64::from));
                    self.history.close_sign_ins(self.now + left);
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
        let (fact, told, later) = match reply {
            Reply::Code(1322, _) => (Fact::Contended(reply.retry_after()), Told::Code(1322), true),
            Reply::HourSpent(left) => {
                let left = Duration::from_secs(left.map_or(3_600, u64::from));
                self.history.close_sign_ins(self.now + left);
                (Fact::Spent(left), Told::Code(1144), true)
            }
            Reply::Code(code, _) if reply.is_permanent() => {
                (Fact::Refused { late: false }, Told::Code(code), false)
            }
            Reply::Code(code, _) => (Fact::Failed(reply.retry_after()), Told::Code(code), false),
            Reply::Page503(_) => (Fact::Failed(reply.retry_after()), Told::Foreign, true),
            Reply::Lost => (Fact::Failed(Duration::ZERO), Told::NoAnswer, false),
            Reply::Done | Reply::Redirect | Reply::Torn => {
                (Fact::Failed(Duration::ZERO), Told::Foreign, false)
            }
        };
        self.history.log.push(self.now, fact);
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
            self.history.sign_ins[at].in_flight = false;
            self.history.log.push(self.now, Fact::Cancelled);
            self.seen.add(Seen::CANCELLED);
        }
        let wake = self.session.cancel_sign_in(self.sign_in_ids[at], now);
        self.heed(wake)?;
        laws(self)
    }
}
