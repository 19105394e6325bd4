//! What the cases of a run have met: a property that never meets its subject proves nothing.

use std::fmt;

use super::check::{Invariant, judged};
use super::situation::Situation;

/// What was met in one case.
#[derive(Clone, Copy, Debug)]
pub struct Seen([bool; Situation::ALL.len()]);

impl Default for Seen {
    fn default() -> Self {
        Self([false; Situation::ALL.len()])
    }
}

impl Seen {
    pub fn add(&mut self, met: Situation) {
        self.0[met as usize] = true;
    }

    pub fn add_if(&mut self, is_met: bool, met: Situation) {
        self.0[met as usize] |= is_met;
    }

    /// What the other has met is met.
    pub fn join(&mut self, other: &Self) {
        for (met, other) in self.0.iter_mut().zip(other.0) {
            *met |= other;
        }
    }
}

/// What was met in the cases of a run.
#[derive(Clone, Copy, Debug)]
pub struct Coverage {
    cases: u32,
    met: [u32; Situation::ALL.len()],
    judged_before: [u64; Invariant::ALL.len()],
}

impl Coverage {
    /// A run begins on this thread.
    pub fn new() -> Self {
        Self { cases: 0, met: [0; Situation::ALL.len()], judged_before: judged() }
    }

    /// A case is over.
    pub fn count(&mut self, seen: &Seen) {
        self.cases += 1;
        for (met, seen) in self.met.iter_mut().zip(seen.0) {
            *met += u32::from(seen);
        }
    }

    /// Whether there are enough cases to judge by: of what a hundredth of all cases meets, a run
    /// of fewer may meet too little by chance.
    pub fn is_telling(&self) -> bool {
        self.cases >= 2_000
    }

    /// What was met in less than one case of a hundred, and which invariants were judged less
    /// than once in a hundred cases.
    pub fn missing(&self) -> Vec<&'static str> {
        let is_rare = |times: u64| times * 100 < u64::from(self.cases);
        let situations = self.met.iter().zip(Situation::ALL);
        let rare = situations.filter(|(met, _)| is_rare(u64::from(**met)));
        let judged = self.judged().into_iter().zip(Invariant::ALL);
        let idle = judged.filter(|(times, _)| is_rare(*times));
        rare.map(|(_, situation)| situation.name())
            .chain(idle.map(|(_, invariant)| invariant.name()))
            .collect()
    }

    /// How often each invariant was judged in this run.
    fn judged(&self) -> [u64; Invariant::ALL.len()] {
        let mut times = judged();
        for (times, before) in times.iter_mut().zip(self.judged_before) {
            *times -= before;
        }
        times
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "of {} cases met", self.cases)?;
        for (met, situation) in self.met.iter().zip(Situation::ALL) {
            let share = 100.0 * f64::from(*met) / f64::from(self.cases.max(1));
            writeln!(f, "  {share:5.1} %  {}", situation.name())?;
        }
        writeln!(f, "judged, so many times")?;
        for (times, invariant) in self.judged().iter().zip(Invariant::ALL) {
            writeln!(f, "  {times:12}  {}", invariant.name())?;
        }
        Ok(())
    }
}
