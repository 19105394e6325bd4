//! What the cases of a run have met: a property that never meets its subject proves nothing.

use std::fmt;

/// The situations that every run has to meet in at least one case of a hundred.
const SITUATIONS: [(Seen, &str); 28] = [
    (Seen::IDLE_EXPIRY, "idle expiry"),
    (Seen::REPLAY, "1109 replayed"),
    (Seen::LATE_INVALID, "late 1109 of an old generation"),
    (Seen::SHARED_SIGN_IN, "two or more waiters on one sign-in"),
    (Seen::CANCELLED, "a sign-in cancelled"),
    (Seen::OVERDUE, "an overdue sign-in"),
    (Seen::REFUSED, "permanent refusal"),
    (Seen::BACK_OFF, "back-off"),
    (Seen::SIGN_OUT_RACE, "sign-out racing a sign-in"),
    (Seen::REPLACED_MID_SIGN_IN, "credentials replaced in mid sign-in"),
    (Seen::LAPSED, "an assigned slot that lapsed"),
    (Seen::LEFT_THE_MIDDLE, "a waiter that left the middle of the line"),
    (Seen::READ_AGAIN, "a read sent again after a lost outcome"),
    (Seen::TRIES_SPENT, "a read given up after its last try"),
    (Seen::WRITE_LOST, "a write lost that a read would have survived"),
    (Seen::SENT_ONCE, "an upload of once refused or lost"),
    (Seen::MORE_TIME, "a sign-in to have five minutes left"),
    (Seen::TRUSTED, "a session trusted"),
    (Seen::TRUST_LOST, "trust lost"),
    (Seen::REMEMBERED, "a sign-in with a remembered device"),
    (Seen::SESSION_CHANGED, "a challenge of an earlier session"),
    (Seen::LISTED, "organisations listed"),
    (Seen::LIST_REFUSED, "credentials refused to a list of organisations"),
    (Seen::LIST_HELD_BACK, "a list of organisations held back by the budget"),
    (Seen::TRIED_ELSEWHERE, "waiting while another organisation signs in"),
    (Seen::TAKEN_OVER, "a silent organisation's try taken over by another"),
    (Seen::REFUSED_ELSEWHERE, "refused by what another organisation was told"),
    (Seen::SETTLED_AT_ONCE, "an answer settled without a look at the clock"),
];

/// What was met in one case.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seen(u64);

impl Seen {
    pub const IDLE_EXPIRY: Self = Self(1);
    pub const REPLAY: Self = Self(1 << 1);
    pub const LATE_INVALID: Self = Self(1 << 2);
    pub const SHARED_SIGN_IN: Self = Self(1 << 3);
    pub const CANCELLED: Self = Self(1 << 4);
    pub const OVERDUE: Self = Self(1 << 5);
    pub const REFUSED: Self = Self(1 << 6);
    pub const BACK_OFF: Self = Self(1 << 7);
    pub const SIGN_OUT_RACE: Self = Self(1 << 8);
    pub const REPLACED_MID_SIGN_IN: Self = Self(1 << 9);
    pub const LAPSED: Self = Self(1 << 10);
    pub const LEFT_THE_MIDDLE: Self = Self(1 << 11);
    pub const READ_AGAIN: Self = Self(1 << 12);
    pub const TRIES_SPENT: Self = Self(1 << 13);
    pub const WRITE_LOST: Self = Self(1 << 14);
    pub const SENT_ONCE: Self = Self(1 << 15);
    pub const MORE_TIME: Self = Self(1 << 16);
    pub const TRUSTED: Self = Self(1 << 17);
    pub const TRUST_LOST: Self = Self(1 << 18);
    pub const REMEMBERED: Self = Self(1 << 19);
    pub const SESSION_CHANGED: Self = Self(1 << 20);
    pub const LISTED: Self = Self(1 << 21);
    pub const LIST_REFUSED: Self = Self(1 << 22);
    pub const LIST_HELD_BACK: Self = Self(1 << 23);
    pub const TRIED_ELSEWHERE: Self = Self(1 << 24);
    pub const TAKEN_OVER: Self = Self(1 << 25);
    pub const REFUSED_ELSEWHERE: Self = Self(1 << 26);
    pub const SETTLED_AT_ONCE: Self = Self(1 << 27);

    pub fn add(&mut self, other: Self) {
        self.0 |= other.0;
    }

    pub fn add_if(&mut self, seen: bool, other: Self) {
        if seen {
            self.add(other);
        }
    }

    fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

/// What was met in the cases of a run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Coverage {
    cases: u32,
    met: [u32; SITUATIONS.len()],
}

impl Coverage {
    /// A case is over.
    pub fn count(&mut self, seen: Seen) {
        self.cases += 1;
        for (met, (situation, _)) in self.met.iter_mut().zip(SITUATIONS) {
            *met += u32::from(seen.has(situation));
        }
    }

    /// Whether there are enough cases to judge by.
    pub fn is_telling(&self) -> bool {
        self.cases >= 1_000
    }

    /// What was met in less than one case of a hundred.
    pub fn missing(&self) -> Vec<&'static str> {
        let rare = |met: u32| u64::from(met) * 100 < u64::from(self.cases);
        let names = SITUATIONS.iter().map(|(_, name)| *name);
        self.met.iter().zip(names).filter(|(met, _)| rare(**met)).map(|(_, name)| name).collect()
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "of {} cases met", self.cases)?;
        for (met, (_, name)) in self.met.iter().zip(SITUATIONS) {
            let share = 100.0 * f64::from(*met) / f64::from(self.cases.max(1));
            writeln!(f, "  {share:5.1} %  {name}")?;
        }
        Ok(())
    }
}
