//! Sign-ins that are answered, and those that are given up, judged by their history.

use std::time::Duration;

use bill_session_core::SignInEnded;

use super::action::Reply;
use super::answers::to_sign_in;
use super::caller::{Task, Told};
use super::check::{Broken, Invariant, no_secret_in, rule};
use super::facts::Fact;
use super::laws::laws;
use super::organization::Organization;
use super::situation::Situation;

impl Organization {
    /// A sign-in is answered, or its transport gives up.
    pub fn answer_sign_in(&mut self, at: usize, reply: Reply) -> Result<(), Broken> {
        let (sign_in, number) = self.sign_ins.remove(at);
        // An answer is a sign of life, however late the last beat.
        let now = self.now();
        let last_beat = std::mem::replace(&mut self.history.sign_ins[number].last_beat, now);
        self.pump_begins();
        let (version, epoch, began) = {
            let begun = &self.history.sign_ins[number];
            (begun.version, begun.epoch, begun.began)
        };
        let v3 = self.setup.v3;
        let again = self.history.last_brought().filter(|_| reply == Reply::Again);
        let brought = again.unwrap_or(number);
        let heard = sign_in.read(to_sign_in(reply, v3, (self.number, brought), version));
        no_secret_in(&format!("{heard:?}"))?;
        let in_flight = self.history.sign_in_in_flight() == Some(number);
        let beat = self.setup.heartbeat && in_flight && last_beat > began;
        let long = self.now() > began + Duration::from_secs(5);
        self.seen.add_if(beat && long, Situation::BeatKept);
        self.seen.add(Situation::answer_to_sign_in(reply));
        let asked = in_flight && !reply.retry_after().is_zero();
        self.seen.add_if(asked, Situation::AskedToWaitAtSignIn);
        let now = self.tell_time();
        let (ended, wake) = heard.settle(&mut self.session, now);
        let shown = format!("{ended:?}");
        self.note(|_| format!("sign-in {number} is answered: {shown}"));
        no_secret_in(&shown)?;
        self.history.sign_in_is_over(number);
        self.history.sign_ins[number].brought = reply.is_done().then_some(brought);
        let signed_out = epoch != self.history.epoch;
        let orphan = match ended {
            SignInEnded::Stored { .. } => {
                rule(
                    reply.is_done(),
                    Invariant::TruthTold,
                    "a session is stored when a sign-in brought one",
                )?;
                rule(
                    !signed_out,
                    Invariant::SignOutIsFinal,
                    "a session that came back after a sign-out is not kept",
                )?;
                rule(
                    in_flight,
                    Invariant::OneSignIn,
                    "only the sign-in in flight stores a session",
                )?;
                let trusted = match reply {
                    Reply::Trusted(trusted) if v3 => Some(trusted),
                    _ => None,
                };
                self.seen.add_if(trusted == Some(true), Situation::Trusted);
                self.seen.add_if(again.is_some(), Situation::AnsweredTwice);
                self.seen.add_if(v3, Situation::V3SignIn);
                self.seen.add_if(self.shared.principal().token, Situation::TokenSignIn);
                self.history.store(number, trusted, self.now());
                None
            }
            SignInEnded::LogOut(logout) => {
                rule(
                    reply.is_done() && signed_out,
                    Invariant::SignOutIsFinal,
                    "a session is logged out that came back after a sign-out",
                )?;
                if in_flight {
                    self.history.log.push(self.now(), Fact::Orphaned);
                    self.history.accept();
                }
                self.seen.add(Situation::SignOutRace);
                Some(logout)
            }
            SignInEnded::Failed => {
                rule(
                    !reply.is_done() && in_flight,
                    Invariant::TruthTold,
                    "a sign-in in flight fails by its answer",
                )?;
                self.sign_in_failed(reply);
                None
            }
            SignInEnded::Stale => {
                rule(
                    !in_flight,
                    Invariant::TruthTold,
                    "the answer to the sign-in in flight is not stale",
                )?;
                self.seen.add_if(reply.is_done(), Situation::StaleSession);
                rule(
                    !(reply.is_done() && signed_out),
                    Invariant::SignOutIsFinal,
                    "a session that came back after a sign-out is logged out",
                )?;
                if let Reply::Code(code, _) = reply
                    && reply.is_permanent()
                    && version == self.history.version
                    && self.history.current().is_none()
                    && !self.history.accepted_since(code, began)
                {
                    self.seen.add(Situation::LateRefusal);
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
            Some(logout) => self.come(logout, Task::Logout(number), Duration::from_secs(5)),
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
                self.seen.add(Situation::HourClosed);
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
            Reply::Done | Reply::Trusted(_) | Reply::Again | Reply::Redirect | Reply::Torn => {
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
        self.seen.add_if(!self.history.sign_ins[at].in_flight, Situation::EndedTwice);
        if self.history.sign_in_in_flight() == Some(at) {
            self.history.sign_in_is_over(at);
            self.history.log.push(self.now(), Fact::Cancelled);
            self.seen.add(Situation::Cancelled);
        }
        let wake = self.session.cancel_sign_in(self.sign_in_ids[at], now);
        self.heed(wake)?;
        laws(self)
    }
}
