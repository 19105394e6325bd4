//! From any state on, a healthy server serves everyone who is polled.

use std::time::Duration;

use super::action::{Kind, Reply};
use super::laws::Law;
use super::world::{Caller, Place, World};

/// Longer than any deadline, back-off and budget.
const AN_HOUR: Duration = Duration::from_secs(61 * 60);

const NEWCOMERS: u8 = 200;

/// What the end of a history took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drained {
    pub time: Duration,
    /// Looks within one instant.
    pub looks: usize,
}

impl Drained {
    pub fn max(self, other: Self) -> Self {
        Self { time: self.time.max(other.time), looks: self.looks.max(other.looks) }
    }
}

impl World {
    /// Nothing goes wrong any more.
    pub fn drain(&mut self) -> Drained {
        let start = self.now;
        let mut drained = Drained::default();
        for org in 0..self.orgs.len() {
            if self.orgs[org].untold {
                self.tell(org);
            }
        }
        while !self.broken.any() {
            drained.looks = drained.looks.max(self.settle_down());
            let Some(next) = self.next_look() else { break };
            self.pass(next.saturating_duration_since(self.now));
            drained.time = self.now.saturating_duration_since(start);
            self.broken.unless(drained.time <= self.setup.drains_in, Law::Drains);
        }
        let left = self.callers.iter().any(|caller| !caller.frozen && caller.is_here());
        self.broken.unless(!left, Law::Drains);
        drained
    }

    /// Whatever can happen at this instant does; tells how often somebody looked.
    fn settle_down(&mut self) -> usize {
        let most = 4 * self.callers.len() + 8;
        let mut looks = 0;
        loop {
            self.serve();
            let who = self.callers.iter().position(|caller| {
                let waits = matches!(caller.place, Place::Waits(_)) && !caller.frozen;
                waits && (caller.woken || caller.until <= self.now)
            });
            let Some(who) = who else { return looks };
            self.poll(who);
            looks += 1;
            self.broken.unless(looks <= most, Law::NoStorm);
            if looks > most {
                return looks;
            }
        }
    }

    /// Everything in flight is answered as it should be.
    fn serve(&mut self) {
        for who in 0..self.callers.len() {
            let caller = &self.callers[who];
            if let Place::Flies { nth, .. } = caller.place
                && !caller.frozen
            {
                let lives = caller.kind == Kind::Logout || nth >= self.orgs[caller.org].gone;
                self.answer(who, if lives { Reply::Done } else { Reply::Invalid });
            }
        }
        while let Some(number) = self.sign_ins.iter().position(|running| !running.frozen) {
            self.sign_in_ends(number, Reply::Done);
        }
    }

    /// Nobody sleeps beside what it waits for: once whatever lapses by itself has been noticed, to
    /// look without a reason changes nothing. Of other organisations, one learns when one looks.
    pub fn is_awake(&mut self) {
        if self.orgs.len() > 1 {
            return;
        }
        self.tell(0);
        self.settle_down();
        for who in 0..self.callers.len() {
            let caller = &self.callers[who];
            if !matches!(caller.place, Place::Waits(_)) || caller.frozen {
                continue;
            }
            let sign_ins = self.sign_ins.len();
            self.poll(who);
            let waits = matches!(self.callers[who].place, Place::Waits(_));
            self.broken.unless(waits && self.sign_ins.len() == sign_ins, Law::Woken);
        }
    }

    /// An hour later everything is as on the first day: all slots are in use at once, and whoever
    /// comes then waits.
    pub fn starts_over(&mut self) {
        self.pass(AN_HOUR);
        self.replace();
        for org in 0..self.orgs.len() {
            self.tell(org);
            let first = self.callers.len();
            for number in 0..=self.setup.slots {
                let token = NEWCOMERS + number as u8;
                self.callers.push(Caller::new(org, Kind::Read, token, Place::Unborn, self.now));
                self.poll(first + number);
            }
            self.all_slots_are_in_use(first);
            self.serve();
            self.settle_down();
            let served = self.callers[first..].iter().all(|caller| !caller.is_here());
            self.broken.unless(served, Law::NoLeak);
            self.callers.truncate(first);
        }
    }

    fn all_slots_are_in_use(&mut self, first: usize) {
        // Somebody frozen may have been given a slot first, for a quarter of a second.
        for _ in 0..=2 * self.setup.callers.len() {
            while let Some(number) = self.sign_ins.iter().position(|running| !running.frozen) {
                self.sign_in_ends(number, Reply::Done);
            }
            for who in first..self.callers.len() {
                if self.callers[who].woken || self.callers[who].until <= self.now {
                    self.poll(who);
                }
            }
            if self.fly(first) == self.setup.slots {
                break;
            }
            self.pass(Duration::from_millis(250));
        }
        self.broken.unless(self.fly(first) == self.setup.slots, Law::NoLeak);
    }

    fn fly(&self, first: usize) -> usize {
        let newcomers = self.callers[first..].iter();
        newcomers.filter(|one| matches!(one.place, Place::Flies { .. })).count()
    }
}
