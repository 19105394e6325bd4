//! What matters of a call: its place, its time, and how often it went out already.

use super::{Call, Stage, Ticket};
use crate::model::Print;
use crate::pump::Session;

impl Call {
    pub(crate) fn print_own<W>(&self, session: &Session<W>, print: &mut Print) {
        match self.stage {
            Stage::New { total } => print.add(total),
            Stage::Numbered(ticket) => ticket.print(session, print),
        }
        if let Some(replays) = &self.replays {
            replays.print(print);
        }
    }
}

impl Ticket {
    pub(crate) fn print<W>(&self, session: &Session<W>, print: &mut Print) {
        print.add(self.epoch == session.machine.epoch());
        print.add(session.line.place_of(self.id));
        print.left(Some(self.deadline));
    }
}
