//! What matters of a principal that organisations share.

use super::{Identity, PROOF};
use crate::model::Print;
use std::sync::atomic::Ordering;

impl Identity {
    pub(crate) fn print(&self, print: &mut Print) {
        let current = self.lock();
        print.add((current.principal.is_token(), current.device.is_some()));
        print.cause(current.refusal.as_deref());
        print.left(current.proven_until);
        print.add(current.probe.map(|probe| probe.session));
        print.left(current.probe.map(|probe| probe.until));
        print.cause(current.probe_failure.as_ref().map(|(cause, _)| &**cause));
        if let Some((_, failed_at)) = current.probe_failure {
            print.since(failed_at, PROOF);
        }
        print.add(self.awaited.load(Ordering::Acquire));
    }
}
