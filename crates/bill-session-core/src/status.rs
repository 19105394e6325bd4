//! What a client's session looks like as a whole: phase, slots, line and budgets.

use std::time::Instant;

use crate::limits::Budget;
use crate::pump::Session;
use crate::session::Phase;

/// What a session looks like at one instant, with the limits that it shares with others.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Status {
    /// The session itself.
    pub phase: Phase,
    /// Exchanges and sign-ins in flight.
    pub in_flight: usize,
    /// How many there may be at once.
    pub max_in_flight: usize,
    /// Calls that wait in line.
    pub waiting: usize,
    /// The developer key's sign-ins of the last hour.
    pub sign_ins: Budget,
    /// The developer key's calls of the last hour.
    pub calls: Budget,
}

impl<W> Session<W> {
    /// What it looks like at `now`, as a whole.
    pub fn status(&self, now: Instant) -> Status {
        Status {
            phase: self.phase(now),
            in_flight: self.in_flight(),
            max_in_flight: self.line.slots(),
            waiting: self.waiting(),
            sign_ins: self.account.key.sign_in_budget(now),
            calls: self.account.key.call_budget(now),
        }
    }
}
