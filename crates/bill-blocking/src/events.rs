//! What happens to a session, as an iterator.

use std::fmt;
use std::sync::{Arc, Weak};

use bill_session_core::{Event, Listener};

use crate::group::Hold;
use crate::sync::{thread, upgrade};

/// What happens to a session from now on: an iterator that waits for the next event, and ends when
/// no client of the organisation is left.
///
/// What it has not heard by then is lost.
///
/// A listener that falls behind loses the oldest events, and is told how many
/// ([`Event::Missed`]). It never holds up a call.
pub struct Events {
    hold: Weak<Hold>,
    listener: Listener,
}

impl Events {
    pub(crate) fn new(hold: &Arc<Hold>) -> Self {
        let listener = hold.shared.lock().listen();
        Self { hold: Arc::downgrade(hold), listener }
    }

    /// The next event, if it has happened already.
    pub fn try_next(&mut self) -> Option<Event> {
        upgrade(&self.hold)?.shared.lock().try_hear(&mut self.listener)
    }
}

impl Iterator for Events {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        loop {
            let hold = upgrade(&self.hold)?;
            let (heard, spent) = hold.shared.lock().hear(&mut self.listener, thread::current);
            drop(spent);
            // Held while this waits, it would keep alive what this waits for the end of.
            drop(hold);
            if heard.is_some() {
                return heard;
            }
            thread::park();
        }
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        if let Some(hold) = upgrade(&self.hold) {
            let spent = hold.shared.lock().deafen(&self.listener);
            drop(spent);
        }
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").finish_non_exhaustive()
    }
}
