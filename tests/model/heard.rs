//! Answers, and those that never come: what is heard of a request, judged by its history.

use std::time::Duration;

use bill_session_core::{Error, Limit, MfaOutcome, Outcome};
use serde_json::Value;

use super::action::Reply;
use super::answers::{session_id, to_call};
use super::caller::{Task, Told};
use super::check::{Broken, Invariant, no_secret_in, rule};
use super::history::Purpose;
use super::laws::laws;
use super::order::Idle;
use super::organization::Organization;
use super::situation::Situation;

impl Organization {
    /// An exchange is answered, or its transport gives up.
    pub fn answer(&mut self, at: usize, reply: Reply) -> Result<(), Broken> {
        let (in_flight, exchange) = self.in_flight.remove(at);
        let sent = &self.history.exchanges[exchange];
        let task = self.callers[sent.who].task;
        let id = |sign_in| session_id(self.number, self.history.named_after(sign_in));
        let session = sent.session.map(id).unwrap_or_default();
        self.seen.add(Situation::answer_to_call(reply));
        let lapsed = self.now() >= sent.sent + sent.limit + Duration::from_secs(5);
        self.seen.add_if(lapsed && sent.open, Situation::AfterTheSlot);
        self.seen.add_if(!sent.open, Situation::AfterLeaving);
        let heard = in_flight.read::<Value>(to_call(reply, task, exchange, sent.v3, &session));
        no_secret_in(&format!("{heard:?}"))?;
        let overdue = self.history.lapses().any(|lapse| lapse <= self.now());
        self.pump_begins();
        let spared = self.spared_by(exchange);
        let told = self.told;
        let now = self.tell_time();
        let mut asked = false;
        let clock = || {
            asked = true;
            now
        };
        let (outcome, mut wake) = heard.settle_by(&mut self.session, clock);
        self.seen.add_if(!asked, Situation::SettledAtOnce);
        if !asked && (overdue || self.setup.heartbeat) {
            // Nobody waits for what lapses: it is enough that whoever comes next looks.
            wake = self.session.credentials_replaced(now);
        } else if !asked {
            self.told = told;
        }
        let shown = format!("{outcome:?}");
        self.note(|_| format!("exchange {exchange} is answered: {shown}"));
        no_secret_in(&shown)?;
        self.is_as_before(spared)?;
        self.hear(exchange, reply);
        self.judge_outcome(exchange, reply, outcome)?;
        self.heed(wake)?;
        laws(self)
    }

    /// What the answer does to the session, or to the credentials.
    pub fn hear(&mut self, exchange: usize, reply: Reply) {
        let now = self.now();
        let sent = &self.history.exchanges[exchange];
        if sent.purpose == Purpose::ListOrgs {
            self.history.hear_of_organizations(exchange, reply, now);
            self.seen.add_if(reply.is_done(), Situation::Listed);
            self.seen.add_if(reply.is(1101) || reply.is(1102), Situation::ListRefused);
            return;
        }
        let Some(session) = sent.session else {
            return;
        };
        let current = self.history.current().map(|current| current.sign_in);
        if sent.purpose == Purpose::Logout {
            self.seen.add_if(reply.is_done() || reply.is(1109), Situation::LoggedOut);
        } else if Some(session) < current {
            self.seen.add_if(reply.is(1109), Situation::LateInvalid);
            self.seen.add_if(reply.restarts_the_timer(), Situation::LateAnswer);
        }
        self.seen.add_if(reply.hour_left().is_some(), Situation::CallsClosed);
        let says_trusted = self.says_trusted(exchange, reply);
        let refused_twice = self.history.hear(exchange, reply, now);
        if refused_twice {
            self.seen.add(Situation::SessionsRefused);
            self.tell(Told::SessionsRefused, Duration::MAX);
        }
        if let Some(trusted) = says_trusted {
            self.history.say_trusted(session, trusted);
            let is_current = Some(session) == current;
            self.seen.add_if(trusted && is_current, Situation::Trusted);
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
                let over = matches!(task, Task::Logout(_)) && reply.is(1109);
                rule(
                    reply.is_done() || over,
                    Invariant::TruthTold,
                    "only what was carried out is done",
                )?;
                rule(
                    !matches!(task, Task::Challenge | Task::Validate { .. } | Task::StepUp),
                    Invariant::TruthTold,
                    "a call of MFA has an outcome of MFA",
                )
            }
            Outcome::Mfa(MfaOutcome::Challenged(challenge)) => {
                rule(
                    task == Task::Challenge && reply.is_done(),
                    Invariant::TruthTold,
                    "only who asked for a challenge gets one",
                )?;
                let Some(session) = session else {
                    return Err(Broken(Invariant::TrustKept, "a challenge belongs to a session"));
                };
                self.challenges.push((challenge, session));
                Ok(())
            }
            Outcome::Mfa(MfaOutcome::Trusted(_))
                if self.history.current().map(|current| current.sign_in) != session =>
            {
                Err(Broken(
                    Invariant::TrustKept,
                    "nobody is told of the trust of a session that is gone",
                ))
            }
            Outcome::Mfa(MfaOutcome::Trusted(device)) => match task {
                Task::Validate { remember, .. } => {
                    rule(
                        reply.is_done(),
                        Invariant::TrustKept,
                        "a session is trusted when BILL says so",
                    )?;
                    rule(
                        device.is_some() == remember,
                        Invariant::TrustKept,
                        "a device is remembered that was to be",
                    )?;
                    if remember && version == self.history.version {
                        self.shared.principal().device = Some(exchange);
                    }
                    Ok(())
                }
                Task::StepUp => {
                    if version == self.history.version {
                        self.shared.principal().device = Some(0);
                    }
                    self.seen.add(Situation::SteppedUp);
                    rule(
                        reply == Reply::Trusted(true),
                        Invariant::TrustKept,
                        "a session is trusted when BILL says so",
                    )
                }
                _ => Err(Broken(Invariant::TruthTold, "only a call of MFA has an outcome of MFA")),
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
                self.seen.add(Situation::SessionChanged);
                rule(
                    trusts && !is_current,
                    Invariant::TrustKept,
                    "trust comes too late for a session that is gone",
                )
            }
            Outcome::Failed(error) => {
                no_secret_in(&format!("{error} {error:?}"))?;
                let right = self.is_right(who, reply, &error);
                rule(right, Invariant::TruthTold, "a caller is told what became of its call")
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
        rule(
            !signed_out,
            Invariant::SignOutIsFinal,
            "no call begun before a sign-out is sent again after it",
        )?;
        let caller = &mut self.callers[who];
        let asked = reply.retry_after();
        self.seen.add_if(!asked.is_zero(), Situation::AskedToWait);
        if reply.is_lost() {
            rule(
                caller.task.only_reads(),
                Invariant::OnlyRepeatable,
                "a write is never sent again after a lost outcome",
            )?;
            caller.losses += 1;
            rule(
                caller.losses <= tries,
                Invariant::OnlyRepeatable,
                "a read is sent again at most as often as it may be",
            )?;
            let step = step_after_loss(caller.losses);
            caller.not_before = (now + asked, now + asked.max(step));
            self.seen.add(Situation::ReadAgain);
        } else if reply.is(1109) {
            rule(
                caller.task.can_be_repeated(),
                Invariant::OnlyRepeatable,
                "what can be sent once is not sent again",
            )?;
            caller.replays += 1;
            rule(
                caller.replays <= 1,
                Invariant::OneReplay,
                "a call is replayed at most once after BDC_1109",
            )?;
            caller.not_before = (now, now);
            self.seen.add(Situation::Replay);
        } else {
            rule(
                reply.is(1322),
                Invariant::OnlyRepeatable,
                "a call is sent again only after 1109, 1322 or a lost outcome",
            )?;
            rule(
                caller.task.can_be_repeated(),
                Invariant::OnlyRepeatable,
                "what can be sent once is not sent again",
            )?;
            caller.contentions += 1;
            rule(
                caller.contentions <= 2,
                Invariant::OnlyRepeatable,
                "a call is sent again at most twice after BDC_1322",
            )?;
            self.seen.add(Situation::Contended);
            let step = step_after_contention(caller.contentions);
            caller.not_before = (now + asked.max(step / 2), now + asked.max(step));
        }
        rule(
            caller.not_before.0 < caller.deadline,
            Invariant::DeadlinesKept,
            "a call does not back off beyond its deadline",
        )?;
        caller.waits = Some(call);
        // Whoever went away does not come back for it.
        caller.frozen |= caller.gone;
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
        let may_be_repeated = task.can_be_repeated();
        let replayed = reply.is(1109) && may_be_repeated && caller.replays == 1;
        self.seen.add_if(replayed, Situation::ReplayRefused);
        let crowded = reply.is(1322) && may_be_repeated && caller.contentions == 2;
        self.seen.add_if(crowded, Situation::ContendedThrice);
        if reply.is_lost() {
            let sent_again = caller.losses > 0 && caller.losses == usize::from(self.setup.tries);
            self.seen.add_if(sent_again, Situation::TriesSpent);
            let writes = task.can_be_repeated() && !task.only_reads();
            self.seen.add_if(writes && self.setup.tries > 0, Situation::WriteLost);
        }
        if task == (Task::Upload { once: true }) {
            let would_be = reply.is_lost() || reply.is(1109) || reply.is(1322);
            self.seen.add_if(would_be, Situation::SentOnce);
        }
        match (error, reply) {
            (Error::Untrusted(_), Reply::Code(1361, _))
            | (Error::MfaCode(_), Reply::Code(1356 | 1358, _)) => true,
            (Error::Api(_), Reply::Code(code, _)) => !matches!(code, 1361 | 1356 | 1358),
            (Error::Limited { limit, code: Some(_), .. }, Reply::HourSpent(_)) => {
                let lists = task == Task::ListOrgs;
                *limit == if lists { Limit::SignIns } else { Limit::Calls }
            }
            (Error::Decode { .. }, Reply::Done | Reply::Again | Reply::Trusted(false)) => {
                task == Task::StepUp
            }
            (Error::Api(_), Reply::Trouble(_))
            | (Error::NotBill { .. }, Reply::Page503(_) | Reply::Redirect | Reply::Torn)
            | (Error::NoAnswer { .. }, Reply::Lost | Reply::TooLong) => true,
            _ => false,
        }
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
