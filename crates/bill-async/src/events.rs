//! What happens to a session, as a stream.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};

use bill_session_core::{Event, Listener};
use futures_core::Stream;

use crate::group::Hold;

/// What happens to a session from now on; it ends when no client of the organisation is left.
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

    /// The next event; nothing when no client of the organisation is left.
    pub async fn next(&mut self) -> Option<Event> {
        poll_fn(|context| Pin::new(&mut *self).poll_next(context)).await
    }

    /// The next event, if it has happened already.
    pub fn try_next(&mut self) -> Option<Event> {
        self.hold.upgrade()?.shared.lock().try_hear(&mut self.listener)
    }
}

impl Stream for Events {
    type Item = Event;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Event>> {
        let Self { hold, listener } = self.get_mut();
        let Some(hold) = hold.upgrade() else {
            return Poll::Ready(None);
        };
        let (heard, spent) = hold.shared.lock().hear(listener, || context.waker().clone());
        // Not under the lock: what is dropped here may be another program's waker.
        drop(spent);
        heard.map_or(Poll::Pending, |event| Poll::Ready(Some(event)))
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        if let Some(hold) = self.hold.upgrade() {
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
