//! What can happen next in a world.

use super::action::{Action, Hazard, Kind, Reply};
use super::world::{CALL, Caller, GRACE, Place, SIGN_IN, World};

impl World {
    /// What can happen next.
    pub fn enabled(&self) -> Vec<Action> {
        let mut actions = Vec::new();
        for (number, caller) in (0_u8..).zip(&self.callers) {
            self.enabled_for(number, caller, &mut actions);
        }
        for (number, running) in (0_u8..).zip(&self.sign_ins).filter(|(_, run)| !run.frozen) {
            actions.push(Action::SignInEnds(number, Reply::Done));
            let timed_out = self.now >= running.begun + SIGN_IN - GRACE;
            for reply in self.replies(Hazard::SignIn) {
                actions.push(Action::SignInEnds(number, reply));
            }
            if timed_out && !self.may(Hazard::SignIn(Reply::Lost)) {
                actions.push(Action::SignInEnds(number, Reply::Lost));
            }
            self.enable(Hazard::Abandon, Action::Abandon(number), &mut actions);
            self.enable(Hazard::FreezeSignIn, Action::FreezeSignIn(number), &mut actions);
        }
        for (number, org) in (0..).zip(&self.orgs) {
            self.enable(Hazard::SignOut, Action::SignOut(number), &mut actions);
            if org.untold {
                actions.push(Action::Tell(number));
            }
        }
        self.enable(Hazard::Replace, Action::Replace, &mut actions);
        if self.orgs.iter().any(|org| org.gone < org.made) {
            self.enable(Hazard::Redeploy, Action::Redeploy, &mut actions);
        }
        for (number, tick) in (0..).zip(self.setup.ticks) {
            let passes = tick.length().is_some() || self.next_look().is_some();
            if passes && self.ticks_left() > 0 {
                actions.push(Action::Pass(number));
            }
        }
        actions
    }

    fn enabled_for(&self, number: u8, caller: &Caller, actions: &mut Vec<Action>) {
        if caller.frozen {
            return;
        }
        let leaves = caller.kind != Kind::Logout;
        match &caller.place {
            Place::Unborn => {
                let mut earlier = self.callers[..usize::from(number)].iter();
                let alike = |other: &Caller| other.org == caller.org && other.kind == caller.kind;
                if !earlier.any(|other| alike(other) && matches!(other.place, Place::Unborn)) {
                    actions.push(Action::Begin(number));
                }
                return;
            }
            Place::Waits(_) => {
                if caller.woken || caller.until <= self.now || self.setup.glances {
                    actions.push(Action::Poll(number));
                }
            }
            Place::Flies { nth, since, .. } => {
                actions.push(Action::Answer(number, Reply::Done));
                if !leaves {
                    return;
                }
                if *nth < self.orgs[caller.org].gone {
                    actions.push(Action::Answer(number, Reply::Invalid));
                }
                for reply in self.replies(Hazard::Call) {
                    actions.push(Action::Answer(number, reply));
                }
                let timed_out = self.now >= *since + CALL;
                if timed_out && !self.may(Hazard::Call(Reply::Lost)) {
                    actions.push(Action::Answer(number, Reply::Lost));
                }
            }
            Place::Busy(_) => {
                self.enable(Hazard::Freeze, Action::Freeze(number), actions);
                return;
            }
            Place::Gone => return,
        }
        if leaves {
            self.enable(Hazard::Cancel, Action::Cancel(number), actions);
            self.enable(Hazard::Freeze, Action::Freeze(number), actions);
        }
    }

    fn replies(&self, of: fn(Reply) -> Hazard) -> impl Iterator<Item = Reply> {
        const REPLIES: [Reply; 5] =
            [Reply::Refused, Reply::Contended, Reply::HourSpent, Reply::Trouble, Reply::Lost];
        REPLIES.into_iter().filter(move |reply| self.may(of(*reply)))
    }

    fn enable(&self, hazard: Hazard, action: Action, actions: &mut Vec<Action>) {
        if self.may(hazard) {
            actions.push(action);
        }
    }
}
