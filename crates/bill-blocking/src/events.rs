//! What happens to a session, as an iterator.

use std::fmt;
use std::sync::{Arc, Weak};
use std::thread;

use bill_session_core::{Event, Listener};

use crate::drive::Shared;

/// What happens to a session from now on: an iterator that waits for the next event, and ends when
/// no client of the session is left.
///
/// What it has not heard by then is lost with the session.
///
/// A listener that falls behind loses the oldest events, and is told how many
/// ([`Event::Missed`]). It never holds up a call.
pub struct Events {
    shared: Weak<Shared>,
    listener: Listener,
}

impl Events {
    pub(crate) fn new(shared: &Arc<Shared>) -> Self {
        let listener = shared.lock().listen();
        Self { shared: Arc::downgrade(shared), listener }
    }

    /// The next event, if it has happened already.
    pub fn try_next(&mut self) -> Option<Event> {
        self.shared.upgrade()?.lock().try_hear(&mut self.listener)
    }
}

impl Iterator for Events {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        loop {
            let heard = self.shared.upgrade()?.lock().hear(&mut self.listener, thread::current);
            if heard.is_some() {
                return heard;
            }
            thread::park();
        }
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        if let Some(shared) = self.shared.upgrade() {
            shared.lock().deafen(&self.listener);
        }
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").finish_non_exhaustive()
    }
}
