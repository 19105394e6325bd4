//! Steps that are refused: each has a reason that follows from the history.

use std::time::Duration;

use bill_session_core::{Cause, Error, Limit, Misuse};

use super::caller::{Task, Told};
use super::check::{Broken, Invariant, rule};
use super::organization::Organization;
use super::situation::Situation;
use super::steps::Asked;

impl Organization {
    /// A refusal has a reason.
    pub fn may_refuse(&mut self, asked: &Asked, error: &Error) -> Result<(), Broken> {
        let now = self.now();
        let history = &self.history;
        let caller = &self.callers[asked.who];
        match error {
            Error::SignedOut { .. } => rule(
                caller.epoch != history.epoch,
                Invariant::TruthTold,
                "nobody is signed out unless the program signed out",
            ),
            Error::SessionChanged { .. } => {
                let changed = match asked.task {
                    Task::Validate { session, .. } => !self.is_usable(session),
                    _ => false,
                };
                self.seen.add(Situation::SessionChanged);
                rule(
                    changed,
                    Invariant::TrustKept,
                    "a challenge is answered while its session is the current one",
                )
            }
            Error::Misuse(Misuse::LeaseTooLong) => rule(
                matches!(asked.task, Task::Lease(left) if !self.can_have_left(left)),
                Invariant::TimeLeft,
                "a lease is too long only when no session lives so long",
            ),
            Error::Deadline { .. } => rule(
                now >= caller.deadline,
                Invariant::DeadlinesKept,
                "nobody ends at a deadline that is yet to come",
            ),
            Error::NoSession { cause, retry_after, .. } => {
                if cause.is_permanent() {
                    self.seen.add(Situation::Refused);
                    rule(
                        retry_after.is_none(),
                        Invariant::TruthTold,
                        "a refusal for good names no time to try again",
                    )?;
                }
                if let Some(told) = asked.told {
                    return rule(
                        told.is(cause),
                        Invariant::TruthTold,
                        "whoever is told of a failure is told its cause",
                    );
                }
                if cause.is_permanent() {
                    let mut refusals = self.history.refusals();
                    let elsewhere = refusals.all(|refusal| refusal.organization != self.number);
                    self.seen.add_if(elsewhere, Situation::RefusedElsewhere);
                    let tries = self.may_try(asked.who) && asked.task.needs_session();
                    return rule(
                        self.history.is_refused() && !tries,
                        Invariant::RefusalKept,
                        "nobody is refused for good unless BILL refused for good",
                    );
                }
                self.seen.add(Situation::BackOff);
                let until = retry_after.map(|after| now + after);
                rule(
                    until.is_some_and(|at| at >= caller.deadline && self.is_paused_until(at)),
                    Invariant::DeadlinesKept,
                    "a caller waits for the end of a back-off that comes before its deadline",
                )
            }
            Error::Limited { limit: Limit::SignIns, .. } if asked.told.is_some() => Ok(()),
            Error::Limited { limit: Limit::SignIns, retry_after, .. }
                if asked.task == Task::ListOrgs =>
            {
                self.seen.add(Situation::ListHeldBack);
                let until = now + *retry_after;
                let open_at = self.shared.key().sign_ins_open_at(now);
                rule(
                    until > now && open_at.contains(&until),
                    Invariant::TruthTold,
                    "the hour's sign-ins are called spent when they are",
                )
            }
            Error::Limited { limit: Limit::SignIns, retry_after, .. } => {
                let until = now + *retry_after;
                rule(
                    until >= caller.deadline && self.is_paused_until(until),
                    Invariant::TruthTold,
                    "the hour's sign-ins are called spent when they are, and past the deadline",
                )
            }
            Error::Limited { limit: Limit::Calls, retry_after, code, .. } => {
                self.seen.add_if(code.is_none(), Situation::CallsSpent);
                rule(
                    now + *retry_after >= caller.deadline && !self.shared.key().calls_are_open(now),
                    Invariant::TruthTold,
                    "the hour's calls are called spent when they are, and past the deadline",
                )
            }
            _ => Err(Broken(
                Invariant::TruthTold,
                "a step is refused for a reason that the design knows",
            )),
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
