//! What else may happen: answers to sign-ins, departures, sign-outs, other credentials.

use std::time::Duration;

use super::answers::Reply;
use super::caller::{Caller, Kind, Running, State};
use super::laws::is_discreet;
use super::world::{Org, World, principal};
use crate::call::Call;
use crate::fuzzing::input::Input;
use crate::sign_in::SignInEnded;
use crate::wire::Verdict;

impl World {
    pub(crate) fn sign_in_is_answered(&mut self, input: &mut Input<'_>) {
        let (at, reply) = (self.running(input), input.pick(&Reply::ALL));
        if let Some(at) = at.filter(|at| !self.running[*at].frozen) {
            self.answer_sign_in(at, reply);
        }
    }

    pub(crate) fn answer_sign_in(&mut self, at: usize, reply: Reply) {
        let Running { org, sign_in, begun, version, begun_after, .. } = self.running.remove(at);
        let id = format!("canary-session-{org}-{}-end", self.name());
        let request = sign_in.request();
        is_discreet(&format!("{} {:?}", request.uri(), request.headers()));
        let is_v2 = request.uri().path() == "/api/v2/Login.json";
        let heard = sign_in.read(reply.answer(&request, &id, "canary-device-of-nobody"));
        is_discreet(&format!("{heard:?}"));
        if reply.refuses_all(1144) {
            self.hour_ends(0);
        }
        let Org { session, account, sign_outs, alive, .. } = &mut self.orgs[org];
        let (ended, wake) = heard.settle(session, self.now);
        is_discreet(&format!("{ended:?}"));
        let mut logout = None;
        match ended {
            SignInEnded::Stored { not_followed } => {
                let welcome = matches!(reply, Reply::Healthy | Reply::Elsewhere);
                assert!(welcome, "{reply:?} is taken for a session");
                assert_eq!(not_followed.is_some(), is_v2 && reply == Reply::Elsewhere);
                assert_eq!(version, account.identity.version(), "older credentials sign in");
                assert_eq!(begun_after, *sign_outs, "a sign-in comes back after a sign-out");
                alive.insert(id, begun);
            }
            SignInEnded::LogOut(call) => {
                assert!(begun_after < *sign_outs, "nobody signed out");
                logout = Some(call);
            }
            SignInEnded::Failed => assert_ne!(reply, Reply::Healthy),
            SignInEnded::Stale => {}
        }
        self.granted(org, wake);
        self.tell_others();
        self.logs_out(org, logout);
    }

    fn logs_out(&mut self, org: usize, logout: Option<Call>) {
        if let Some(call) = logout {
            self.callers.push(Caller::new(org, Kind::Logout, call, self.now));
            self.step(self.callers.len() - 1);
        }
    }

    pub(crate) fn goes_away(&mut self, input: &mut Input<'_>) {
        let Some(at) = self.caller(input, |caller| !caller.has_ended()) else { return };
        let Caller { org, id, state, .. } = &mut self.callers[at];
        let (org, id) = (*org, *id);
        *state = State::Ended { well: false };
        if let Some(id) = id {
            let wake = self.orgs[org].session.cancel(id, self.now);
            self.granted(org, wake);
        }
    }

    pub(crate) fn sign_in_goes_away(&mut self, input: &mut Input<'_>) {
        let Some(at) = self.running(input) else { return };
        let Running { org, sign_in, .. } = self.running.remove(at);
        let wake = self.orgs[org].session.cancel_sign_in(sign_in.id(), self.now);
        self.granted(org, wake);
    }

    /// Every sign-in that is not frozen is still being worked on.
    pub(crate) fn beats(&mut self) {
        for running in self.running.iter_mut().filter(|running| !running.frozen) {
            let (id, session) = (running.sign_in.id(), &mut self.orgs[running.org].session);
            session.beat(id, self.now);
            // To one that was taken over meanwhile it is of no use.
            if session.machine.attempt() == Some(id.0) {
                running.last_beat = self.now;
            }
        }
    }

    pub(crate) fn signs_out(&mut self, input: &mut Input<'_>) {
        let org = self.org(input);
        let Org { session, sign_outs, alive, dead, .. } = &mut self.orgs[org];
        *sign_outs += 1;
        dead.extend(alive.keys().cloned());
        let (logout, wake) = session.sign_out(self.now);
        assert!(session.api().is_none(), "the session is kept after a sign-out");
        self.granted(org, wake);
        self.logs_out(org, logout);
    }

    pub(crate) fn principal_is_replaced(&mut self, input: &mut Input<'_>) {
        let is_told = input.flag();
        self.replace_principal(is_told);
    }

    /// Sessions that are not told have to find out at their next step.
    pub(crate) fn replace_principal(&mut self, is_told: bool) {
        let Ok(principal) = principal(self.name(), self.is_token) else {
            unreachable!("the canaries are good values")
        };
        self.orgs[0].account.replace_principal(principal);
        for Org { alive, dead, .. } in &mut self.orgs {
            dead.extend(alive.keys().cloned());
        }
        for org in (0..self.orgs.len()).filter(|_| is_told) {
            let wake = self.orgs[org].session.credentials_replaced(self.now);
            self.granted(org, wake);
        }
    }

    pub(crate) fn lease_ends(&mut self, input: &mut Input<'_>) {
        let at = usize::from(input.byte());
        let verdict = input.pick(&[
            Verdict::Alive,
            Verdict::Invalid,
            Verdict::Untrusted,
            Verdict::Unknown,
            Verdict::Contended { retry_after: None },
            Verdict::HourSpent { left: Duration::from_secs(10 * 60 + 23) },
        ]);
        if self.leases.is_empty() {
            return;
        }
        let (org, lease) = self.leases.swap_remove(at % self.leases.len());
        let id = lease.session_id().expose_secret().to_owned();
        let Org { session, alive, dead, .. } = &mut self.orgs[org];
        match verdict {
            Verdict::Alive | Verdict::Untrusted => {
                if let Some(alive) = alive.get_mut(&id) {
                    *alive = (*alive).max(lease.sent_at);
                }
            }
            Verdict::Invalid => {
                dead.insert(id);
            }
            _ => {}
        }
        let wake = session.lease_ended(lease, verdict, self.now);
        if matches!(verdict, Verdict::HourSpent { .. }) {
            self.hour_ends(1);
        }
        self.granted(org, wake);
    }

    pub(crate) fn freezes(&mut self, input: &mut Input<'_>) {
        if let Some(at) = self.caller(input, |caller| !caller.has_ended()) {
            self.callers[at].frozen = true;
        }
    }

    pub(crate) fn sign_in_freezes(&mut self, input: &mut Input<'_>) {
        if let Some(at) = self.running(input) {
            self.running[at].frozen = true;
        }
    }

    pub(crate) fn wakes_all(&mut self, input: &mut Input<'_>) {
        let org = self.org(input);
        self.wake_all_of(org);
    }

    /// Whoever listens hears of everything, and of no secret.
    pub(crate) fn hear(&mut self) {
        for Org { session, listener, .. } in &mut self.orgs {
            while let Some(event) = session.try_hear(listener) {
                is_discreet(&format!("{event:?}"));
            }
        }
    }
}
