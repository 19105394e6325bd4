//! What matters of a session by itself.

use super::{Attempt, SessionMachine, State};
use crate::model::Print;

impl<S> SessionMachine<S> {
    pub(crate) fn print(&self, version: u64, print: &mut Print) {
        print.add(std::mem::discriminant(&self.state));
        match &self.state {
            State::SignedOut => {}
            State::SigningIn { attempt, begun, deadline, lifetime, after } => {
                print.add((attempt.epoch == self.epoch, attempt.version == version));
                print.exactly(*begun);
                print.exactly(*deadline);
                print.add((lifetime.idle_limit(), lifetime.absolute_limit()));
                print.cause(after.as_deref());
            }
            State::Active(active) => {
                print.add((active.proven, active.version == version, active.trusted));
                print.add((active.lifetime.idle_limit(), active.lifetime.absolute_limit()));
                if let Some(limit) = active.lifetime.idle_limit() {
                    print.since(active.alive_at, limit);
                }
                if let Some(limit) = active.lifetime.absolute_limit() {
                    print.since(active.created_at, limit);
                }
            }
            State::Failed { cause, retry_at } => {
                print.cause(Some(cause));
                print.left(Some(*retry_at));
            }
        }
        print.add((self.failures, self.contentions, self.abandoned, self.unproven));
        print.add(self.jitter.drawn());
    }

    pub(crate) fn generation(&self) -> Option<u64> {
        match &self.state {
            State::Active(active) => Some(active.generation.0),
            _ => None,
        }
    }

    pub(crate) fn is_of_this_epoch(&self, attempt: Attempt) -> bool {
        attempt.epoch == self.epoch
    }
}
