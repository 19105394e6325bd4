//! What holds whatever happens; each number here is BILL's or the documents', as a literal.

use std::fmt::{Debug, Display};
use std::time::{Duration, Instant};

use super::caller::{Running, State};
use super::world::{Org, World};
use crate::error::Error;
use crate::exchange::InFlight;
use crate::line::Need;
use crate::session::Asked;

const HOUR: Duration = Duration::from_secs(3600);
const IDLE_LIMIT: Duration = Duration::from_secs(34 * 60);
/// How much longer than its limit an exchange is waited for.
const GRACE: Duration = Duration::from_secs(5);

/// Every secret of this world begins with one of these words, and no text of ours has them.
#[track_caller]
pub(crate) fn is_discreet(text: &str) {
    let shown = text.contains("canary") || text.contains("CANARY");
    assert!(!shown, "a secret is shown in: {text}");
}

#[track_caller]
pub(crate) fn tells_no_secret(value: &(impl Debug + Display)) {
    let text = value.to_string();
    is_discreet(&text);
    is_discreet(&format!("{value:?}"));
    assert!(!text.chars().any(char::is_control), "a control character is shown: {text:?}");
}

impl World {
    /// What always holds of an organisation, whatever was done last.
    pub(crate) fn check(&self, org: usize) {
        self.slots_are_never_above_the_limit(org);
        self.one_sign_in_is_in_flight(org);
        self.whoever_has_something_was_woken(org);
    }

    fn slots_are_never_above_the_limit(&self, org: usize) {
        let slots = self.orgs[org].slots;
        let counted = self.orgs[org].session.in_flight();
        assert!(counted <= slots, "{counted} slots of {slots} are in use");
        let sent = self.callers.iter().filter(|caller| caller.org == org);
        let sent = sent.filter(|caller| match &caller.state {
            State::Sent(in_flight) => self.now < ends_at(in_flight),
            _ => false,
        });
        let in_flight = sent.count() + self.live_sign_ins(org).count();
        assert!(in_flight <= slots, "{in_flight} are in flight, and {slots} may be");
        let status = self.orgs[org].session.status(self.now);
        assert_eq!(status.max_in_flight, slots);
        let (sign_ins, calls) = self.limits;
        assert!(status.sign_ins.used <= sign_ins && status.calls.used <= calls);
    }

    fn one_sign_in_is_in_flight(&self, org: usize) {
        let running = self.live_sign_ins(org).count();
        assert!(running <= 1, "{running} sign-ins of one session are in flight");
    }

    /// Sign-ins that nobody has reason to give up yet.
    fn live_sign_ins(&self, org: usize) -> impl Iterator<Item = &Running> {
        let version = self.orgs[org].account.identity.version();
        self.running.iter().filter(move |running| {
            let silent = self.now.saturating_duration_since(running.last_beat);
            let beats = self.heartbeat.is_none_or(|limit| silent < limit);
            let in_time = self.now < running.begun + running.sign_in.limit() + GRACE;
            running.org == org && running.version == version && in_time && beats
        })
    }

    /// Nobody sleeps who has a slot, has been told of a failure, or does not stand in line.
    fn whoever_has_something_was_woken(&self, org: usize) {
        let line = &self.orgs[org].session.line;
        for caller in self.callers.iter().filter(|caller| caller.org == org) {
            let State::Waits { asleep: true, .. } = caller.state else { continue };
            let at = caller.id.and_then(|id| line.find(id));
            let Some(at) = at else { unreachable!("{:?} sleeps outside the line", caller.kind) };
            assert!(!line.waiter(at).has_slot(), "{:?} sleeps with a slot", caller.kind);
            assert!(line.waiter(at).told.is_none(), "{:?} sleeps, and was told", caller.kind);
        }
    }

    /// After whatever grants: nobody goes on sleeping for whom there is all that he needs.
    pub(crate) fn all_that_can_be_granted_is(&self, org: usize) {
        let Org { session, account, .. } = &self.orgs[org];
        let (now, line) = (self.now, &session.line);
        let refused = session.refusal().is_some();
        let calls_open = account.key.calls_open(now).is_ok();
        // Sessions are numbered as they are made. To ask is to await, so that it is asked last.
        let number = u64::try_from(org).unwrap_or_default();
        let probed = || account.identity.probed_by_another(number, now);
        let signs_in = line.assigned().any(|need| matches!(session.ask(need, now), Asked::SignIn));
        for caller in self.callers.iter().filter(|caller| caller.org == org) {
            let State::Waits { asleep: true, .. } = caller.state else { continue };
            let Some(at) = caller.id.and_then(|id| line.find(id)) else { continue };
            let waiter = line.waiter(at);
            let asked = session.ask(waiter.need, now);
            let has_session = matches!(asked, Asked::Ready(..));
            let misses = match waiter.need {
                // One whose time a call's answer has just restarted: where all slots are taken up,
                // that is noticed within the second.
                Need::Session { .. } if has_session => !line.has_free_slot(),
                _ if !waiter.is_ready_at(now) || !line.has_free_slot() => true,
                Need::Slot => false,
                Need::Exchange { .. } if has_session => !calls_open,
                need => {
                    let may_sign_in = matches!(asked, Asked::SignIn)
                        && waiter.signs_in_not_before.is_none_or(|then| now >= then)
                        && (calls_open || !matches!(need, Need::Exchange { .. }));
                    !may_sign_in || signs_in || refused || probed()
                }
            };
            assert!(misses, "{:?} sleeps, and there is all that it needs", caller.kind);
        }
    }

    /// A call goes out, or a session is lent.
    pub(crate) fn session_is_used(&self, org: usize, id: &str) {
        let Org { dead, alive, .. } = &self.orgs[org];
        assert!(!dead.contains(id), "a session is used that is known dead");
        let Some(alive) = alive.get(id) else { unreachable!("nobody made this session") };
        let idle = self.now.saturating_duration_since(*alive);
        assert!(self.is_token || idle < IDLE_LIMIT, "a session is used after {idle:?}");
    }

    /// A call or a sign-in has gone out at this instant.
    pub(crate) fn budget_is_kept(sent: &[Instant], limit: u32, now: Instant) {
        let within = |then: &&Instant| now.saturating_duration_since(**then) < HOUR;
        let used = sent.iter().rev().take_while(within).count();
        assert!(used <= limit as usize, "{used} within an hour, and {limit} may be");
    }

    pub(crate) fn waits_for_a_second_at_most(&self, until: Instant) {
        assert!(until > self.now, "it would look again at once, and without end");
        assert!(until <= self.now + Duration::from_secs(1), "it sleeps for longer than a second");
    }

    /// What a program is told.
    pub(crate) fn is_told(&self, error: &Error) {
        tells_no_secret(error);
        let retry_after = match error {
            Error::Limited { retry_after, .. } => Some(*retry_after),
            Error::NoSession { retry_after, .. } => *retry_after,
            _ => None,
        };
        // Its own count may take a minute longer.
        assert!(retry_after.is_none_or(|after| after <= HOUR + Duration::from_secs(120)));
    }
}

/// When an exchange's slot is nobody's any more.
pub(crate) fn ends_at(in_flight: &InFlight) -> Instant {
    in_flight.sent_at + in_flight.limit() + GRACE
}
