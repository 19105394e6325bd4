//! Callers that sign in or wait: each has a reason that follows from the history, and looks again
//! in time.

use std::time::Duration;

use super::caller::{Caller, Task};
use super::check::{Broken, Invariant, rule};
use super::organization::Organization;
use super::situation::Situation;
use super::steps::Asked;

impl Organization {
    /// A sign-in is sent only when there is no session, no other sign-in and no reason to wait.
    pub fn may_sign_in(&self, asked: &Asked) -> Result<(), Broken> {
        let history = &self.history;
        rule(
            asked.task.may_sign_in(),
            Invariant::SignInsWithReason,
            "no keep-alive, logout, list of organisations or answer to a challenge signs in",
        )?;
        rule(
            !asked.task.is_sent_with_session() || !self.shared.key().calls_are_closed(self.now()),
            Invariant::SignInsWithReason,
            "nobody signs in for a call that could not be made",
        )?;
        let left = self.time_needed(asked.task);
        rule(
            history.usable(self.now(), left).is_none(),
            Invariant::SignInsWithReason,
            "nobody signs in while there is a session that is alive",
        )?;
        rule(
            history.sign_in_in_flight().is_none(),
            Invariant::OneSignIn,
            "at most one sign-in is in flight",
        )?;
        rule(
            !self.is_tried_elsewhere(),
            Invariant::OneTries,
            "one organisation at a time finds out whether BILL accepts the principal",
        )?;
        rule(
            history.log.pause().is_none_or(|(earliest, _)| self.now() >= earliest),
            Invariant::BackOffKept,
            "nobody signs in during a back-off",
        )?;
        rule(
            self.shared.key().sign_ins_open_at(self.now()) == [self.now(); 2],
            Invariant::SignInBudget,
            "sign-ins never exceed the hour's budget",
        )?;
        rule(
            !history.is_refused()
                || (asked.task == Task::SignIn && self.callers[asked.who].began.is_none()),
            Invariant::RefusalKept,
            "what was refused for good is tried again only by an explicit sign-in, and once",
        )
    }

    /// Whoever waits has something to wait for.
    pub fn may_wait(&mut self, asked: &Asked) -> Result<(), Broken> {
        let history = &self.history;
        if !asked.task.needs_session() {
            return Ok(());
        }
        let left = self.time_needed(asked.task);
        if history.usable(self.now(), left).is_some() {
            return rule(
                asked.task.is_sent_with_session(),
                Invariant::NobodySleepsBeside,
                "whoever needs only a session does not wait while there is one",
            );
        }
        rule(
            asked.task != Task::KeepAlive,
            Invariant::RenewalsEnd,
            "a keep-alive does not wait for a session",
        )?;
        rule(
            !history.is_refused() || self.may_try(asked.who),
            Invariant::RefusalKept,
            "nobody waits for what was refused for good",
        )?;
        if let Some(sign_in) = history.sign_in_in_flight() {
            let waiters = &mut self.history.sign_ins[sign_in].waiters;
            if !waiters.contains(&asked.who) {
                waiters.push(asked.who);
            }
            if waiters.len() > 1 {
                self.seen.add(Situation::SharedSignIn);
            }
            return Ok(());
        }
        self.seen.add_if(self.is_tried_elsewhere(), Situation::TriedElsewhere);
        if let Some(retry_at) = self.retry_at().filter(|retry_at| *retry_at > self.now()) {
            self.seen.add(Situation::BackOff);
            return rule(
                retry_at < self.callers[asked.who].deadline,
                Invariant::DeadlinesKept,
                "nobody waits for an attempt that comes only after its deadline",
            );
        }
        Ok(())
    }

    /// A waiting caller looks again within a second, and in front by when anything lapses.
    pub fn goes_on_waiting(
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
        rule(until > now, Invariant::NoStorm, "no wait is over at once")?;
        rule(
            until <= now + Duration::from_secs(1),
            Invariant::DeadlinesKept,
            "no wait is longer than a second",
        )?;
        let (id, deadline) = (caller.id, caller.deadline);
        rule(
            deadline <= now || until <= deadline,
            Invariant::DeadlinesKept,
            "a wait ends when the call is overdue",
        )?;
        // Of those behind 32 others nobody can be served next, so that they look once a second.
        let before = |other: &&Caller| other.waits.is_some() && other.id < id;
        let in_front = self.callers.iter().filter(before).count() < 32;
        let mut lapses = self.history.lapses();
        rule(
            !in_front || lapses.all(|lapse| lapse <= now || until <= lapse),
            Invariant::DeadlinesKept,
            "a wait in front ends when a sign-in or an exchange is overdue",
        )
    }
}
