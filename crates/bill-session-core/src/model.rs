//! What tells two sessions apart, as a number: for an exploration of all that may happen to one.
//!
//! Sessions with the same print do the same from then on, whatever happened to them before. So
//! instants are what is left until them, numbers that are only compared with the current one are
//! whether they equal it, and what only spares work (`spare`, `minute`, `fresh_until`) is left out,
//! as is what only events tell. No secret is part of a print.
//!
//! Each part lies beside the fields that it reads, as a module of its file.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::time::{Duration, Instant};

use crate::account::Account;
use crate::call::Call;
use crate::cause::Cause;
use crate::exchange::InFlight;
use crate::pump::Session;
use crate::settings::Renewal;
use crate::sign_in::SignIn;

/// A number that is made of all that matters at an instant.
#[derive(Debug)]
pub struct Print {
    hasher: DefaultHasher,
    now: Instant,
}

impl Print {
    /// The print of nothing yet, at `now`.
    pub fn at(now: Instant) -> Self {
        Self { hasher: DefaultHasher::new(), now }
    }

    /// Something that matters as it is.
    pub fn add(&mut self, fact: impl Hash) {
        fact.hash(&mut self.hasher);
    }

    /// What is left until an instant; one that has come is like any other.
    pub fn left(&mut self, until: Option<Instant>) {
        self.add(until.map(|until| until.saturating_duration_since(self.now)));
    }

    /// An instant that counts even after it has come.
    pub(crate) fn exactly(&mut self, then: Instant) {
        let now = self.now;
        self.add((then.saturating_duration_since(now), now.saturating_duration_since(then)));
    }

    pub(crate) fn since(&mut self, then: Instant, at_most: Duration) {
        self.add(self.now.saturating_duration_since(then).min(at_most));
    }

    pub(crate) fn cause(&mut self, cause: Option<&Cause>) {
        self.add(cause.map(|cause| (std::mem::discriminant(cause), cause.code().cloned())));
    }

    /// The number.
    pub fn finish(self) -> u64 {
        self.hasher.finish()
    }
}

impl<W> Session<W> {
    /// Adds all that matters of a session, but for what it shares with others.
    pub fn print(&self, print: &mut Print) {
        let version = self.account.identity.version();
        self.print_own(version, print);
        self.machine.print(version, print);
        self.line.print(self.machine.attempt().map(|attempt| attempt.id), print);
        if self.settings.renewal != Renewal::OnDemand {
            print.add(self.renewals);
            print.left(Some(self.renewal_not_before));
        }
    }

    /// The number of the session that is held, whether it is usable or not.
    pub fn generation(&self) -> Option<u64> {
        self.machine.generation()
    }
}

impl Account {
    /// Adds all that matters of what the organisations of a principal share.
    pub fn print(&self, print: &mut Print) {
        self.identity.print(print);
        self.key.print(print);
    }
}

impl Call {
    /// Adds all that matters of a call in a session.
    pub fn print<W>(&self, session: &Session<W>, print: &mut Print) {
        self.print_own(session, print);
    }
}

impl InFlight {
    /// Adds all that matters of an exchange in a session.
    pub fn print<W>(&self, session: &Session<W>, print: &mut Print) {
        self.ticket.print(session, print);
        if let Some(replays) = &self.replays {
            replays.print(print);
        }
        print.add(session.machine.is_current_session(self.generation));
        print.add(session.line.is_in_use(self.slot, self.ticket.id));
        print.exactly(self.sent_at);
    }
}

impl SignIn {
    /// Adds all that matters of a sign-in for a session.
    pub fn print<W>(&self, session: &Session<W>, print: &mut Print) {
        let parts = self.parts();
        print.add(session.machine.attempt() == Some(parts.attempt));
        print.add(session.machine.is_of_this_epoch(parts.attempt));
        print.add(parts.attempt.version() == parts.account.identity.version());
        print.add(parts.account.identity.accepted_since(parts.begun));
        print.add(parts.account.key.accepted_since(parts.begun));
    }
}
