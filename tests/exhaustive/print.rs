//! What tells two worlds apart.

use bill_session_core::model::Print;

use super::action::Kind;
use super::pauses::Pauses;
use super::world::{Caller, IDLE, Place, SIGN_IN, SILENCE, World};

impl World {
    /// Worlds with the same print have the same future.
    pub fn print(&self) -> u64 {
        let mut print = Print::at(self.now);
        print.add(self.broken);
        for left in self.left() {
            print.add(left);
        }
        print.add((self.ticks_left(), self.refused));
        self.accounts[0].print(&mut print);
        for (number, org) in self.orgs.iter().enumerate() {
            org.session.print(&mut print);
            let idle = self.now.saturating_duration_since(org.alive_at).min(IDLE);
            print.add((org.current.map(|nth| nth < org.gone), org.current.map(|_| idle)));
            print.add((org.gone < org.made, org.noticed == self.version, org.untold));
            let Pauses { not_before, abandoned, unproven, proven } = org.pauses;
            print.left(Some(not_before));
            print.add((abandoned, unproven, proven && org.current.is_some()));
            self.print_order(number, &mut print);
        }
        for caller in &self.callers {
            self.print_caller(caller, &mut print);
        }
        self.print_sign_ins(&mut print);
        print.finish()
    }

    /// Who came before whom.
    fn print_order(&self, org: usize, print: &mut Print) {
        let here = self.callers.iter().enumerate().filter(|(_, caller)| {
            caller.org == org && !matches!(caller.place, Place::Gone | Place::Unborn)
        });
        let mut order = here.map(|(who, caller)| (caller.id, who)).collect::<Vec<_>>();
        order.sort_unstable();
        for (_, who) in order {
            print.add(who);
        }
    }

    fn print_caller(&self, caller: &Caller, print: &mut Print) {
        let org = &self.orgs[caller.org];
        if caller.kind == Kind::Logout && matches!(caller.place, Place::Gone) {
            return;
        }
        print.add((caller.org, caller.kind));
        print.add((std::mem::discriminant(&caller.place), caller.frozen));
        match &caller.place {
            Place::Unborn | Place::Gone => return,
            Place::Waits(call) => {
                call.print(&org.session, print);
                print.add(caller.woken);
                print.left(Some(caller.until).filter(|_| !caller.frozen));
            }
            Place::Busy(call) => call.print(&org.session, print),
            Place::Flies { in_flight, nth, .. } => {
                in_flight.print(&org.session, print);
                if caller.kind != Kind::Logout {
                    print.add((*nth < org.gone, org.current == Some(*nth)));
                }
            }
        }
        print.add((caller.epoch == org.epoch, caller.again, caller.signed_in));
        print.left(Some(caller.deadline));
    }

    fn print_sign_ins(&self, print: &mut Print) {
        for running in &self.sign_ins {
            let org = &self.orgs[running.org];
            print.add((running.org, running.frozen, running.runner));
            running.sign_in.print(&org.session, print);
            print.add((running.epoch == org.epoch, running.version == self.version));
            print.add(running.version == org.noticed);
            print.left(Some(running.begun + SIGN_IN));
            if self.setup.heartbeat {
                print.left(Some(running.beat + SILENCE));
            }
        }
    }
}
