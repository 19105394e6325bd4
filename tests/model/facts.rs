//! The log of what became of sign-ins and sessions, and when another sign-in may follow from it.

use std::time::Duration;

/// When something happened: an instant since the beginning, and its place in the order of events.
#[derive(Clone, Copy, Debug)]
pub struct Stamp {
    pub order: usize,
    pub at: Duration,
}

/// What became of a sign-in or of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fact {
    /// A sign-in was sent.
    Began,
    /// It brought the session of that number.
    Stored,
    /// It brought a session that nobody wants, since the program signed out meanwhile.
    Orphaned,
    /// It failed, for now; the answer asked for this wait.
    Failed(Duration),
    /// BDC_1322.
    Contended(Duration),
    /// BDC_1144, or the key's own budget: nobody signs in for so long.
    Spent(Duration),
    /// It was refused for good; late, when something else had been under way since.
    Refused { late: bool },
    /// Nothing was heard of it in time.
    Overdue,
    /// Whoever ran it has gone.
    Cancelled,
    /// BILL called the current session invalid, which had proved itself or not.
    Invalid { proven: bool },
    /// BILL accepted the current session for the first time.
    Proved,
    /// Other credentials are in use.
    Replaced,
}

/// All facts, in their order.
#[derive(Debug, Default)]
pub struct Log {
    facts: Vec<(Duration, Fact)>,
}

impl Log {
    pub fn push(&mut self, at: Duration, fact: Fact) {
        self.facts.push((at, fact));
    }

    /// From when on a sign-in may be sent, at the earliest and at the latest, if the last attempt
    /// asks for a pause.
    ///
    /// A pause is between half of its step and the whole; the steps double up to 120 s.
    pub fn pause(&self) -> Option<(Duration, Duration)> {
        let aside = [Fact::Proved, Fact::Refused { late: true }];
        let latest = self.facts.iter().rposition(|(_, fact)| !aside.contains(fact))?;
        let (at, fact) = self.facts[latest];
        let (first, nth, asked) = match fact {
            Fact::Failed(asked) => (1_000, self.failures(), asked),
            Fact::Overdue => (1_000, self.failures(), Duration::ZERO),
            Fact::Invalid { proven: false } if self.unproven() > 1 => {
                (1_000, self.failures(), Duration::ZERO)
            }
            Fact::Contended(asked) => (2_000, self.contentions(), asked),
            Fact::Cancelled if self.cancelled() > 1 => {
                (1_000, self.cancelled() - 1, Duration::ZERO)
            }
            Fact::Spent(wait) => return Some((at + wait, at + wait)),
            _ => return None,
        };
        let step = (0..nth.saturating_sub(1).min(10)).fold(first, |step, _| 2 * step);
        let step = Duration::from_millis(step.min(120_000));
        Some((at + asked.max(step / 2), at + asked.max(step)))
    }

    /// Failed attempts since a session has proved itself.
    fn failures(&self) -> usize {
        let mut unproven = 0;
        let mut failures = 0;
        for fact in self.since(&[Fact::Proved, Fact::Replaced]) {
            match fact {
                Fact::Failed(_) | Fact::Overdue => failures += 1,
                Fact::Invalid { proven: false } => {
                    unproven += 1;
                    failures += usize::from(unproven > 1);
                }
                _ => {}
            }
        }
        failures
    }

    /// Sessions that BILL called invalid since one has proved itself.
    pub fn unproven(&self) -> usize {
        let invalid = |fact: &Fact| *fact == Fact::Invalid { proven: false };
        self.since(&[Fact::Proved, Fact::Replaced]).filter(invalid).count()
    }

    fn contentions(&self) -> usize {
        let contended = |fact: &Fact| matches!(fact, Fact::Contended(_));
        self.since(&[Fact::Stored, Fact::Orphaned, Fact::Replaced]).filter(contended).count()
    }

    fn cancelled(&self) -> usize {
        let cancelled = |fact: &Fact| *fact == Fact::Cancelled;
        self.since(&[Fact::Stored, Fact::Orphaned, Fact::Replaced]).filter(cancelled).count()
    }

    /// The facts after the last one of these.
    fn since(&self, breaks: &[Fact]) -> impl Iterator<Item = Fact> {
        let last = self.facts.iter().rposition(|(_, fact)| breaks.contains(fact));
        self.facts[last.map_or(0, |at| at + 1)..].iter().map(|(_, fact)| *fact)
    }
}
