//! When the next sign-in may begin, as far as what has happened tells.

use std::time::{Duration, Instant};

use super::action::{Kind, Reply};
use super::laws::Law;
use super::world::{Org, Running, SIGN_IN, World};

/// The least that is waited after a failure.
const PAUSE: Duration = Duration::from_millis(500);

/// What an organisation's sign-ins have come to.
#[derive(Clone, Copy, Debug)]
pub struct Pauses {
    /// No sign-in begins earlier.
    pub not_before: Instant,
    /// Sign-ins that were dropped since one has succeeded.
    pub abandoned: u8,
    /// Sessions in a row that were refused before any call of theirs was answered.
    pub unproven: u8,
    /// Whether a call with the current session was answered.
    pub proven: bool,
}

impl Pauses {
    pub fn none(now: Instant) -> Self {
        Self { not_before: now, abandoned: 0, unproven: 0, proven: false }
    }

    fn pause(&mut self, from: Instant) {
        self.not_before = self.not_before.max(from + PAUSE);
    }
}

impl Org {
    /// A call was answered with the current session.
    pub fn is_proven(&mut self) {
        self.pauses.proven = true;
        self.pauses.unproven = 0;
    }

    /// The current session was refused.
    pub fn is_invalid(&mut self, now: Instant) {
        self.current = None;
        if !self.pauses.proven {
            self.pauses.unproven += 1;
            if self.pauses.unproven >= 2 {
                self.pauses.pause(now);
            }
        }
    }
}

impl World {
    /// A sign-in begins: neither too early, nor in spite of a refusal.
    pub fn may_sign_in(&mut self, who: usize) {
        let caller = &mut self.callers[who];
        let tries_again = self.refused && (caller.kind != Kind::SignIn || caller.signed_in);
        caller.signed_in = true;
        let (org, now) = (caller.org, self.now);
        let late = self.sign_ins.iter().filter(|run| run.org == org).filter(|run| self.failed(run));
        let paused = late.map(|run| run.begun + SIGN_IN + PAUSE);
        let not_before = paused.fold(self.orgs[org].pauses.not_before, Instant::max);
        self.broken.unless(now >= not_before && !tries_again, Law::NoHurry);
    }

    /// Whether a sign-in has failed by taking too long.
    fn failed(&self, running: &Running) -> bool {
        let is_of_now = running.version == self.orgs[running.org].noticed;
        is_of_now && !self.setup.heartbeat && self.now >= running.begun + SIGN_IN
    }

    /// A sign-in is dropped: the first costs nothing.
    pub fn abandons(&mut self, running: &Running) {
        if self.failed(running) {
            self.orgs[running.org].pauses.pause(running.begun + SIGN_IN);
        }
        if self.is_awaited(running) {
            let pauses = &mut self.orgs[running.org].pauses;
            pauses.abandoned += 1;
            if pauses.abandoned >= 2 {
                pauses.pause(self.now);
            }
        }
    }

    /// A sign-in ends by an answer, or by the lack of one.
    pub fn answers(&mut self, running: &Running, reply: Reply) {
        if self.failed(running) {
            self.orgs[running.org].pauses.pause(running.begun + SIGN_IN);
        }
        if !self.is_awaited(running) || running.version != self.version {
            return;
        }
        let pauses = &mut self.orgs[running.org].pauses;
        match reply {
            Reply::Done => {
                self.refused = false;
                pauses.abandoned = 0;
                pauses.proven = false;
            }
            Reply::Refused => self.refused = true,
            Reply::Invalid | Reply::Contended | Reply::HourSpent | Reply::Trouble | Reply::Lost => {
                pauses.pause(self.now)
            }
        }
    }
}
