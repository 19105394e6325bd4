//! How often a call went out again, and after what.

use super::Replays;
use crate::model::Print;

impl Replays {
    pub(crate) fn print(&self, print: &mut Print) {
        print.add((self.invalid, self.contended, self.lost));
    }
}
