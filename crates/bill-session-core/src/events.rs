//! What happens to a session, for programs that want to know: told to listeners, who never hold up
//! a call.
//!
//! The last few events are kept, numbered. A listener remembers the number that it has heard up to;
//! one that is too slow loses the oldest, and is told how many.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use crate::cause::Cause;
use crate::line::Wake;
use crate::pump::Session;
use crate::sign_in::NotFollowed;

/// How many events are kept for listeners that have not heard them yet.
const KEPT: usize = 64;

/// Something that happened to a session.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// A sign-in succeeded.
    #[non_exhaustive]
    SignedIn {
        /// What made it necessary.
        why: Why,
        /// Whether the session is trusted by MFA; nothing when BILL did not say.
        trusted: Option<bool>,
    },
    /// The session was trusted by MFA, and the one that has taken its place is not.
    ///
    /// Calls that need trust fail with [`Error::Untrusted`](crate::Error::Untrusted) until another
    /// challenge is answered.
    TrustLost,
    /// BILL refused the credentials, the key or the organisation for good.
    Refused {
        /// With what.
        cause: Arc<Cause>,
    },
    /// The sign-in did not succeed, and the next is made later.
    Waiting {
        /// Why.
        cause: Arc<Cause>,
        /// How much later.
        retry_in: Duration,
    },
    /// BILL said that the developer key's calls of this hour are spent.
    CallsSpent {
        /// How long the hour still lasts.
        retry_in: Duration,
    },
    /// A sign-in named an address that is none of the environment's, and is not followed.
    NotFollowed(NotFollowed),
    /// The listener was too slow: so many events before the next are lost.
    Missed {
        /// How many.
        events: u64,
    },
}

/// What made a sign-in necessary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Why {
    /// It was the first.
    First,
    /// The session had been idle for too long, or was about to be.
    IdledOut,
    /// BILL called the session invalid (BDC_1109).
    Invalid,
    /// The program had signed out.
    SignedOut,
    /// The program had replaced the credentials.
    CredentialsReplaced,
    /// The session had less time left than was asked for.
    MoreTime,
}

/// How far somebody has listened; made by [`Session::listen`].
#[derive(Debug)]
pub struct Listener {
    id: u64,
    next: u64,
}

/// The last events, and who waits for the next.
#[derive(Debug)]
pub(crate) struct Events<W> {
    kept: VecDeque<Event>,
    /// The number of the event to come.
    next: u64,
    listeners: u64,
    waiting: Vec<(u64, W)>,
}

impl<W> Events<W> {
    pub(crate) fn new() -> Self {
        Self { kept: VecDeque::new(), next: 0, listeners: 0, waiting: Vec::new() }
    }

    fn tell(&mut self, event: Event, wake: &mut Wake<W>) {
        if self.listeners == 0 {
            return;
        }
        if self.kept.len() >= KEPT {
            self.kept.pop_front();
        }
        self.kept.push_back(event);
        self.next += 1;
        self.rouse(wake);
    }

    fn rouse(&mut self, wake: &mut Wake<W>) {
        for (_, token) in self.waiting.drain(..) {
            wake.add(Some(token));
        }
    }
}

impl<W> Session<W> {
    /// Begins to listen: to what happens from now on.
    pub fn listen(&mut self) -> Listener {
        self.events.listeners += 1;
        Listener { id: self.events.listeners, next: self.events.next }
    }

    /// The next event; `token` is asked for only when there is none yet, and is woken with it.
    ///
    /// The token of before, which is not needed any more, leaves the lock with the [`Wake`].
    pub fn hear(
        &mut self,
        listener: &mut Listener,
        token: impl FnOnce() -> W,
    ) -> (Option<Event>, Wake<W>) {
        let heard = self.try_hear(listener);
        if heard.is_some() {
            return (heard, Wake::nobody());
        }
        let spent = self.deafen(listener);
        self.events.waiting.push((listener.id, token()));
        (None, spent)
    }

    /// The next event, if there is one.
    pub fn try_hear(&mut self, listener: &mut Listener) -> Option<Event> {
        let events = &self.events;
        let oldest = events.next - events.kept.len() as u64;
        if listener.next < oldest {
            let missed = oldest - listener.next;
            listener.next = oldest;
            return Some(Event::Missed { events: missed });
        }
        let at = usize::try_from(listener.next - oldest).ok()?;
        let event = events.kept.get(at)?.clone();
        listener.next += 1;
        Some(event)
    }

    /// The listener waits no longer; its token leaves the lock with the [`Wake`].
    pub fn deafen(&mut self, listener: &Listener) -> Wake<W> {
        let mut wake = Wake::nobody();
        let waiting = &mut self.events.waiting;
        if let Some(at) = waiting.iter().position(|(id, _)| *id == listener.id) {
            wake.spend(Some(waiting.swap_remove(at).1));
        }
        wake
    }

    /// Wakes all who wait for an event, as when nobody is left to cause one.
    pub fn rouse_listeners(&mut self) -> Wake<W> {
        let mut wake = Wake::nobody();
        self.events.rouse(&mut wake);
        wake
    }

    pub(crate) fn tell(&mut self, event: Event, wake: &mut Wake<W>) {
        self.events.tell(event, wake);
    }
}
