//! A chronological list of the requests that came.

use std::collections::VecDeque;
use std::time::Duration;

// A sandbox that runs for weeks must not grow without bound.
const LONGEST: usize = 100_000;

/// One request in the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry {
    /// The position of the request among all that came, counted from 1.
    pub sequence: u64,
    /// When it came, on the sandbox's clock.
    pub at: Duration,
    /// What it asked for, such as `Login` or `List/Vendor`.
    pub operation: String,
    /// The organisation of its session, or the one that it signed in to.
    pub organization: Option<String>,
    /// The ordinal of the session that it used or made, dead or alive; the first sign-in makes 1.
    pub session: Option<u64>,
    /// `ok`, BILL's code, a strictness counter or a word for what was sent instead.
    ///
    /// It is `None` while the request has no answer.
    pub outcome: Option<String>,
    /// The kind of the fault that was applied to it, as in the fault's JSON.
    pub fault: Option<String>,
}

#[derive(Debug, Default)]
pub(crate) struct Journal {
    entries: VecDeque<Entry>,
    written: u64,
}

impl Journal {
    /// Writes an entry and gives its sequence number.
    pub(crate) fn write(&mut self, at: Duration, operation: String) -> u64 {
        self.written += 1;
        if self.entries.len() == LONGEST {
            self.entries.pop_front();
        }
        self.entries.push_back(Entry {
            sequence: self.written,
            at,
            operation,
            organization: None,
            session: None,
            outcome: None,
            fault: None,
        });
        self.written
    }

    /// An entry, unless it is so old that it was dropped.
    pub(crate) fn entry(&mut self, sequence: u64) -> Option<&mut Entry> {
        let position = sequence.checked_sub(self.entries.front()?.sequence)?;
        self.entries.get_mut(usize::try_from(position).ok()?)
    }

    pub(crate) fn entries(&self) -> Vec<Entry> {
        self.entries.iter().cloned().collect()
    }
}
