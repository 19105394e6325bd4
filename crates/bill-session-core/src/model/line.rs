//! What matters of a line: its order and its slots, whichever of them is which.

use super::{CallId, Line, Need, Slot, Waiter};
use crate::model::Print;

impl<W> Line<W> {
    pub(crate) fn print(&self, attempt: Option<u64>, print: &mut Print) {
        print.add((self.slots.len(), self.free, self.waiters.len()));
        for waiter in &self.waiters {
            waiter.print(attempt, print);
            let assigned = waiter.slot.and_then(|index| self.slots.get(index));
            print.left(assigned.and_then(|slot| slot.until()));
        }
        let mut slots: Vec<_> = self.slots.iter().filter(|slot| **slot != Slot::Free).collect();
        slots.sort_by_key(|slot| (slot.kind(), slot.until()));
        for slot in slots {
            let current = matches!(slot, Slot::SignIn { attempt: id, .. } if Some(*id) == attempt);
            print.add((slot.kind(), current));
            print.left(slot.until());
        }
    }

    /// Whether the exchange of a call still has its slot.
    pub(crate) fn is_in_use(&self, index: Option<u32>, id: CallId) -> bool {
        let slot = index.and_then(|index| self.slots.get(index as usize));
        matches!(slot, Some(Slot::Exchange { id: user, .. }) if *user == id)
    }

    pub(crate) fn place_of(&self, id: CallId) -> Option<usize> {
        self.find(id)
    }
}

impl<W> Waiter<W> {
    fn print(&self, attempt: Option<u64>, print: &mut Print) {
        print.add(match self.need {
            Need::Session { min_left } => (0, Some(min_left)),
            Need::Exchange { min_left } => (1, Some(min_left)),
            Need::Slot => (2, None),
        });
        print.add((self.token.is_some(), self.slot.is_some(), self.passed_over));
        print.left(self.not_before);
        print.left(self.signs_in_not_before);
        print.add((self.explicit, self.passes_refusal));
        print.add(self.riding.is_some() && self.riding == attempt);
        print.cause(self.told.as_ref().map(|told| &*told.cause));
        print.left(self.told.as_ref().and_then(|told| told.retry_at));
    }
}

impl Slot {
    fn kind(self) -> u8 {
        match self {
            Self::Free => 0,
            Self::Assigned { .. } => 1,
            Self::Exchange { .. } => 2,
            Self::SignIn { .. } => 3,
        }
    }
}
