//! The loop that runs every operation: step, do what it says, read, settle, wake, again.
//!
//! It decides nothing. What happens next is the core's word; this file only knows how to lock,
//! send and park.

use std::sync::{Arc, PoisonError, Weak};
use std::time::{Duration, Instant};

use bill_session_core::{
    Account, Call, CallId, Error, Finished, Heard, InFlight, Outcome, Session, SignIn, SignInEnded,
    SignInId, Step, TransportError, Wake,
};
use bill_session_host::Alarm;
use bytes::Bytes;
use http::{Request, Response};
use serde::de::{DeserializeOwned, IgnoredAny};

use crate::content::Content;
use crate::group::{Common, Group, Hold};
use crate::sync::{Mutex, MutexGuard, Thread, lock, thread, upgrade};

#[cfg(all(test, shuttle))]
mod schedules;

/// The session of one organisation, and what it takes to use it.
pub(crate) struct Shared {
    pub(crate) account: Arc<Account>,
    pub(crate) session: Mutex<Session<Thread>>,
    pub(crate) common: Arc<Common>,
    /// What its clients hold, while there are any.
    hold: Mutex<Weak<Hold>>,
}

impl Shared {
    pub(crate) fn new(account: Arc<Account>, common: Arc<Common>) -> Self {
        let settings = Arc::clone(&common.settings);
        let session = Session::new(Arc::clone(&account), settings, common.clock.now());
        Self { account, session: Mutex::new(session), common, hold: Mutex::default() }
    }

    /// What its clients hold: the same for all that there are at a time.
    pub(crate) fn held_by_clients(self: &Arc<Self>, group: &Arc<Group>) -> Arc<Hold> {
        let mut hold = self.hold.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(held) = upgrade(&hold) {
            return held;
        }
        let held = Hold::new(Arc::clone(self), Arc::clone(group));
        *hold = Arc::downgrade(&held);
        held
    }

    pub(crate) fn now(&self) -> Instant {
        self.common.clock.now()
    }

    /// Changes the session, and wakes whom that concerns once the lock is let go.
    pub(crate) fn with<R>(
        &self,
        change: impl FnOnce(&mut Session<Thread>, Instant) -> (R, Wake<Thread>),
    ) -> R {
        let now = self.now();
        // Nothing of it is taken apart before the lock is let go.
        let changed = change(&mut self.lock(), now);
        let (result, wake) = changed;
        wake_all(wake);
        result
    }

    /// Settles an exchange; the clock is read if it matters.
    fn settle<T: DeserializeOwned>(&self, heard: Heard<T>) -> Outcome<T> {
        let settled = heard.settle_by(&mut self.lock(), || self.now());
        let (outcome, wake) = settled;
        wake_all(wake);
        outcome
    }

    /// What has become of the credentials concerns other organisations that wait to use them.
    fn tell_others(&self) {
        if self.account.take_awaited()
            && let Some(group) = upgrade(&self.common.group)
        {
            group.ring();
        }
    }

    /// Whoever waits, for whatever, looks again.
    pub(crate) fn ring(&self) {
        self.with(|session, _| ((), session.wake_all()));
        self.renewal_looks_again();
    }

    fn renewal_looks_again(&self) {
        let hold = upgrade(&self.hold.lock().unwrap_or_else(PoisonError::into_inner));
        if let Some(hold) = hold {
            hold.look_again();
        }
    }

    /// Whoever waits for an event looks again.
    pub(crate) fn rouse_listeners(&self) {
        let woken = self.lock().rouse_listeners();
        wake_all(woken);
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Session<Thread>> {
        lock(&self.session)
    }
}

fn wake_all(wake: Wake<Thread>) {
    for thread in wake {
        thread.unpark();
    }
}

/// Runs one operation to its end.
pub(crate) fn run<T: DeserializeOwned>(shared: &Shared, call: Call) -> Result<Finished<T>, Error> {
    run_with(shared, call, None)
}

/// Runs one operation to its end; an upload has content.
pub(crate) fn run_with<T: DeserializeOwned>(
    shared: &Shared,
    call: Call,
    mut content: Option<Content>,
) -> Result<Finished<T>, Error> {
    let mut guard = CallGuard { shared, id: None };
    let mut call = call;
    loop {
        let step = shared.with(|session, now| call.step(session, thread::current, now));
        call = match step {
            Step::Exchange(in_flight) => {
                guard.id = Some(in_flight.id());
                match exchange(shared, in_flight, content.as_mut()) {
                    Outcome::Again(call) => call,
                    Outcome::Done(answer) => return guard.ended(Ok(Finished::Answer(answer))),
                    Outcome::Mfa(outcome) => return guard.ended(Ok(Finished::Mfa(outcome))),
                    Outcome::Failed(error) => return guard.ended(Err(error)),
                }
            }
            Step::SignIn(sign_in, call, _) => {
                guard.id = call.id();
                sign_in_here(shared, sign_in);
                call
            }
            Step::Wait(call, until) => {
                guard.id = call.id();
                thread::park_timeout(until.saturating_duration_since(shared.now()));
                call
            }
            Step::Ready(lease) => return guard.ended(Ok(Finished::Ready(lease))),
            Step::Done => return guard.ended(Ok(Finished::Nothing)),
            Step::Refuse(error) => return guard.ended(Err(error)),
        };
    }
}

fn exchange<T: DeserializeOwned>(
    shared: &Shared,
    in_flight: InFlight,
    content: Option<&mut Content>,
) -> Outcome<T> {
    let (request, limit) = (in_flight.request(), in_flight.limit());
    let answer = match (in_flight.after_content(), content) {
        (Some(after), Some(content)) => upload(shared, request, content, after, limit),
        _ => shared.common.transport.send(request, limit, shared.common.settings.call_cap),
    };
    let heard = in_flight.read(answer);
    let outcome = shared.settle(heard);
    shared.tell_others();
    outcome
}

fn upload(
    shared: &Shared,
    request: Request<Bytes>,
    content: &mut Content,
    after: Bytes,
    limit: Duration,
) -> Result<Response<Bytes>, TransportError> {
    let (head, before) = request.into_parts();
    let body = content.open(before, after)?;
    let head = Request::from_parts(head, ());
    shared.common.transport.upload(head, body, limit, shared.common.settings.call_cap)
}

/// Runs a sign-in on the thread that got it; it may take longer than the call that began it.
fn sign_in_here(shared: &Shared, sign_in: SignIn) {
    let mut guard = SignInGuard { shared, id: Some(sign_in.id()) };
    let answer = shared.common.transport.send(
        sign_in.request(),
        sign_in.limit(),
        shared.common.settings.sign_in_cap,
    );
    let heard = sign_in.read(answer);
    let ended = shared.with(|session, now| heard.settle(session, now));
    guard.id = None;
    shared.renewal_looks_again();
    shared.tell_others();
    match ended {
        SignInEnded::Stored { not_followed: Some(warning) } => {
            log::warn!("{warning}");
        }
        SignInEnded::LogOut(call) => {
            // Nobody waits for this; a session that could not be logged out idles out at BILL.
            let _told: Result<Finished<IgnoredAny>, Error> = run(shared, call);
        }
        SignInEnded::Stored { not_followed: None } | SignInEnded::Failed | SignInEnded::Stale => {}
    }
}

/// Tells the session when a caller panics in the middle of its call.
struct CallGuard<'a> {
    shared: &'a Shared,
    id: Option<CallId>,
}

impl CallGuard<'_> {
    /// The call has ended by itself.
    fn ended<R>(mut self, result: R) -> R {
        self.id = None;
        result
    }
}

impl Drop for CallGuard<'_> {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            self.shared.with(|session, now| ((), session.cancel(id, now)));
        }
    }
}

/// Tells the session when the thread of a sign-in panics before it has ended.
struct SignInGuard<'a> {
    shared: &'a Shared,
    id: Option<SignInId>,
}

impl Drop for SignInGuard<'_> {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            self.shared.with(|session, now| ((), session.cancel_sign_in(id, now)));
        }
    }
}
