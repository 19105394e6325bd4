//! What matters of a key's hour: a budget that nobody comes near is as good as untouched.

use std::sync::atomic::Ordering;

use super::{HOUR, KeyLimits};
use crate::model::Print;

/// A budget of more than this is not spent by what an exploration does.
const SMALL: usize = 100;

impl KeyLimits {
    pub(crate) fn print(&self, print: &mut Print) {
        let slow = self.slow();
        print.left(slow.sign_ins_closed_until);
        print.left(slow.calls_closed_until);
        print.cause(slow.refusal.as_deref());
        print.add(self.refused.load(Ordering::Acquire));
        if slow.sign_ins_an_hour < SMALL {
            for begun in &slow.sign_ins {
                print.since(*begun, HOUR);
            }
        }
        if (self.calls_an_hour as usize) < SMALL {
            print.add(self.minute.load(Ordering::Acquire));
            print.exactly(self.origin);
            print.add((self.current.load(Ordering::Relaxed), &slow.calls));
        }
    }
}
