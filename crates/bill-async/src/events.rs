//! What happens to a session, as a stream.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};

use bill_session_core::{Event, Listener};
use futures_core::Stream;

use crate::drive::Shared;

/// What happens to a session from now on; it ends when no client of the session is left.
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

    /// The next event; nothing when no client of the session is left.
    pub async fn next(&mut self) -> Option<Event> {
        poll_fn(|context| Pin::new(&mut *self).poll_next(context)).await
    }

    /// The next event, if it has happened already.
    pub fn try_next(&mut self) -> Option<Event> {
        self.shared.upgrade()?.lock().try_hear(&mut self.listener)
    }
}

impl Stream for Events {
    type Item = Event;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Event>> {
        let Self { shared, listener } = self.get_mut();
        let Some(shared) = shared.upgrade() else {
            return Poll::Ready(None);
        };
        let heard = shared.lock().hear(listener, || context.waker().clone());
        heard.map_or(Poll::Pending, |event| Poll::Ready(Some(event)))
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
