//! What matters of an organisation's session beside the machine and the line.

use super::Session;
use crate::model::Print;

impl<W> Session<W> {
    pub(crate) fn print_own(&self, version: u64, print: &mut Print) {
        print.add(self.version == version);
        print.left(Some(self.due));
        print.cause(self.refused.as_deref());
        if let Some(limit) = self.settings.heartbeat {
            print.since(self.last_beat, limit);
        }
    }
}
