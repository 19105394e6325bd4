//! The loop that runs every operation: step, do what it says, read, settle, wake, again.
//!
//! It decides nothing. What happens next is the core's word; this file only knows how to lock,
//! send, spawn and wait.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use bill_session_core::{
    Account, Call, CallId, Error, Finished, Heard, InFlight, Misuse, Outcome, Session, SignIn,
    SignInEnded, SignInId, Step, TransportError, Wake,
};
use bill_session_host::{Alarm, lock};
use bytes::Bytes;
use http::{Request, Response};
use serde::de::{DeserializeOwned, IgnoredAny};
use tokio::runtime::Handle;
use tokio::time::{Sleep, sleep};

use crate::content::Content;
use crate::group::{Common, Group, Hold};

/// How often a sign-in says that somebody works on it.
const BEAT: Duration = Duration::from_secs(1);

/// The session of one organisation, and what it takes to use it.
pub(crate) struct Shared {
    pub(crate) account: Arc<Account>,
    pub(crate) session: Mutex<Session<Waker>>,
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
        if let Some(held) = hold.upgrade() {
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
        change: impl FnOnce(&mut Session<Waker>, Instant) -> (R, Wake<Waker>),
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
            && let Some(group) = self.common.group.upgrade()
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
        let hold = self.hold.lock().unwrap_or_else(PoisonError::into_inner).upgrade();
        if let Some(hold) = hold {
            hold.look_again();
        }
    }

    /// Whoever waits for an event looks again.
    pub(crate) fn rouse_listeners(&self) {
        let woken = self.lock().rouse_listeners();
        wake_all(woken);
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Session<Waker>> {
        lock(&self.session)
    }
}

fn wake_all(wake: Wake<Waker>) {
    for waker in wake {
        waker.wake();
    }
}

/// Runs one operation to its end.
pub(crate) async fn run<T: DeserializeOwned>(
    shared: &Arc<Shared>,
    call: Call,
) -> Result<Finished<T>, Error> {
    run_with(shared, call, None).await
}

/// Runs one operation to its end; an upload has content.
pub(crate) async fn run_with<T: DeserializeOwned>(
    shared: &Arc<Shared>,
    call: Call,
    mut content: Option<Content>,
) -> Result<Finished<T>, Error> {
    on_a_runtime()?;
    let mut guard = CallGuard { shared, id: None };
    let mut next = Some(call);
    loop {
        match step(shared, &mut next).await {
            Step::Exchange(in_flight) => {
                guard.id = Some(in_flight.id());
                match exchange(shared, in_flight, content.as_mut()).await {
                    Outcome::Again(call) => next = Some(call),
                    Outcome::Done(answer) => return guard.ended(Ok(Finished::Answer(answer))),
                    Outcome::Mfa(outcome) => return guard.ended(Ok(Finished::Mfa(outcome))),
                    Outcome::Failed(error) => return guard.ended(Err(error)),
                }
            }
            Step::SignIn(sign_in, call, until) => {
                guard.id = call.id();
                next = Some(call);
                spawn(shared, sign_in);
                pause(shared, until).await;
            }
            Step::Wait(call, until) => {
                guard.id = call.id();
                next = Some(call);
                pause(shared, until).await;
            }
            Step::Ready(lease) => return guard.ended(Ok(Finished::Ready(lease))),
            Step::Done => return guard.ended(Ok(Finished::Nothing)),
            Step::Refuse(error) => return guard.ended(Err(error)),
        }
    }
}

/// Whether there is a runtime to send from.
pub(crate) fn on_a_runtime() -> Result<(), Error> {
    Handle::try_current().map(drop).map_err(|_| Error::Misuse(Misuse::NoRuntime))
}

async fn step(shared: &Shared, next: &mut Option<Call>) -> Step {
    poll_fn(|context| {
        let call = next.take();
        Poll::Ready(call.map_or(Step::Done, |call| {
            shared.with(|session, now| call.step(session, || context.waker().clone(), now))
        }))
    })
    .await
}

async fn exchange<T: DeserializeOwned>(
    shared: &Shared,
    in_flight: InFlight,
    content: Option<&mut Content>,
) -> Outcome<T> {
    let (request, limit) = (in_flight.request(), in_flight.limit());
    let answer = match (in_flight.after_content(), content) {
        (Some(after), Some(content)) => upload(shared, request, content, after, limit).await,
        _ => shared.common.transport.send(request, limit, shared.common.settings.call_cap).await,
    };
    let heard = in_flight.read(answer);
    let outcome = shared.settle(heard);
    shared.tell_others();
    outcome
}

async fn upload(
    shared: &Shared,
    request: Request<Bytes>,
    content: &mut Content,
    after: Bytes,
    limit: Duration,
) -> Result<Response<Bytes>, TransportError> {
    let (head, before) = request.into_parts();
    let body = content.open(before, after).await?;
    let head = Request::from_parts(head, ());
    shared.common.transport.upload(head, body, limit, shared.common.settings.call_cap).await
}

/// Runs a sign-in on a task of its own, since it serves more callers than the one that began it.
fn spawn(shared: &Arc<Shared>, sign_in: SignIn) {
    let guard = SignInGuard { shared: Arc::clone(shared), id: Some(sign_in.id()) };
    // A runtime that is shutting down drops the task, and with it the guard.
    tokio::spawn(async move {
        let shared = Arc::clone(&guard.shared);
        if let SignInEnded::LogOut(call) = run_sign_in(guard, sign_in).await {
            // Nobody waits for this; a session that could not be logged out idles out at BILL.
            let _told: Result<Finished<IgnoredAny>, Error> = Box::pin(run(&shared, call)).await;
        }
    });
}

async fn run_sign_in(mut guard: SignInGuard, sign_in: SignIn) -> SignInEnded {
    let shared = Arc::clone(&guard.shared);
    let (id, request, limit) = (sign_in.id(), sign_in.request(), sign_in.limit());
    let answer = beating(
        &shared,
        id,
        shared.common.transport.send(request, limit, shared.common.settings.sign_in_cap),
    );
    let heard = sign_in.read(answer.await);
    let ended = shared.with(|session, now| heard.settle(session, now));
    guard.id = None;
    if let SignInEnded::Stored { not_followed: Some(warning) } = &ended {
        log::warn!("{warning}");
    }
    shared.renewal_looks_again();
    shared.tell_others();
    ended
}

/// Runs `work`, and tells the session once a second that it is being worked on.
async fn beating<R>(shared: &Shared, id: SignInId, work: impl Future<Output = R>) -> R {
    let mut work = pin!(work);
    let mut timer = pin!(sleep(BEAT));
    poll_fn(|context| {
        if let Poll::Ready(result) = work.as_mut().poll(context) {
            return Poll::Ready(result);
        }
        while timer.as_mut().poll(context).is_ready() {
            let now = shared.now();
            shared.lock().beat(id, now);
            timer.set(sleep(BEAT));
        }
        Poll::Pending
    })
    .await
}

/// Waits until `until`, or until woken: whichever comes first.
async fn pause(shared: &Shared, until: Instant) {
    let timer = sleep(until.saturating_duration_since(shared.now()));
    Pause { timer: pin!(timer), polled: false }.await;
}

struct Pause<'a> {
    timer: Pin<&'a mut Sleep>,
    polled: bool,
}

impl Future for Pause<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        // The session has the waker already: being polled again means being woken.
        if std::mem::replace(&mut self.polled, true) {
            return Poll::Ready(());
        }
        self.timer.as_mut().poll(context)
    }
}

/// Tells the session when a caller goes away in the middle of its call.
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

/// Tells the session when the task of a sign-in goes away before it has ended.
struct SignInGuard {
    shared: Arc<Shared>,
    id: Option<SignInId>,
}

impl Drop for SignInGuard {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            self.shared.with(|session, now| ((), session.cancel_sign_in(id, now)));
        }
    }
}
