//! Many callers at once.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;

use bill_session_core::Error;
use serde_json::Value;
use tokio::task::AbortHandle;

use crate::client::{Client, Op, run, run_here};
use crate::clock::this_thread_calls;
use crate::{STUCK, eventually};

/// A thousand threads at once are to fit into a small machine.
const STACK: usize = 512 * 1024;

/// Callers that were started together.
#[derive(Debug)]
#[must_use = "callers are to be joined"]
pub struct Herd {
    callers: usize,
    waiting: Arc<AtomicUsize>,
    ended: Arc<Ended>,
    tasks: Vec<AbortHandle>,
}

#[derive(Debug, Default)]
struct Ended {
    answers: Mutex<Vec<Result<Value, Error>>>,
    changed: Condvar,
}

impl Ended {
    fn with(&self, answer: Result<Value, Error>) {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        answers.push(answer);
        self.changed.notify_all();
    }
}

impl Herd {
    pub(crate) fn start(client: &Client, callers: usize, op: &Op) -> Self {
        let waiting = Arc::<AtomicUsize>::default();
        let ended = Arc::<Ended>::default();
        let mut tasks = Vec::new();
        for _ in 0..callers {
            let (waiting, ended, op) = (Arc::clone(&waiting), Arc::clone(&ended), op.clone());
            match client.clone() {
                Client::Async(client, runtime) => {
                    let task = runtime.spawn(async move {
                        ended.with(counted(run(&client, &op), &waiting).await);
                    });
                    tasks.push(task.abort_handle());
                }
                Client::Blocking(client) => {
                    let caller = move || {
                        this_thread_calls(waiting);
                        ended.with(run_here(&client, &op));
                    };
                    let thread = thread::Builder::new().stack_size(STACK);
                    thread.spawn(caller).expect("a thread for each caller");
                }
            }
        }
        Self { callers, waiting, ended, tasks }
    }

    /// Waits until every caller waits for a session or for its turn.
    ///
    /// A caller whose request is on its way does not count in the blocking adapter, so start
    /// those in a herd of their own: the sandbox knows when they have come.
    pub fn all_wait(&self) {
        eventually("all callers wait", || self.waiting.load(Ordering::Acquire) >= self.callers);
    }

    /// How many have ended.
    pub fn ended(&self) -> usize {
        let answers = &self.ended.answers;
        answers.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Drops every future that has not ended; there is no such thing in the blocking adapter.
    pub fn drop_all(self) {
        assert_eq!(self.tasks.len(), self.callers, "only futures can be dropped");
        for task in &self.tasks {
            task.abort();
        }
        eventually("all futures are dropped", || self.tasks.iter().all(AbortHandle::is_finished));
    }

    /// What the callers were answered, in the order of their ends.
    pub fn join(self) -> Vec<Result<Value, Error>> {
        let answers = self.ended.answers.lock();
        let answers = answers.unwrap_or_else(PoisonError::into_inner);
        let some_are_left = |answers: &mut Vec<_>| answers.len() < self.callers;
        let waited = self.ended.changed.wait_timeout_while(answers, STUCK, some_are_left);
        let (mut answers, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        assert!(!timeout.timed_out(), "{} of {} callers have ended", answers.len(), self.callers);
        std::mem::take(&mut *answers)
    }

    /// What they were answered, all of them with success.
    pub fn join_all_ok(self) -> Vec<Value> {
        let answers = self.join();
        answers.into_iter().map(|answer| answer.expect("no caller is lost")).collect()
    }

    /// What they were told, all of them of a failure.
    pub fn join_all_failed(self) -> Vec<Error> {
        let answers = self.join();
        answers.into_iter().map(|answer| answer.expect_err("every caller is told")).collect()
    }
}

/// Counts a future up once it has been polled and was not ready: its call is in line, or sent.
async fn counted<F: Future>(work: F, waiting: &AtomicUsize) -> F::Output {
    let mut work = pin!(work);
    let mut polled = false;
    poll_fn(|context| {
        let poll = work.as_mut().poll(context);
        if poll.is_pending() && !std::mem::replace(&mut polled, true) {
            waiting.fetch_add(1, Ordering::AcqRel);
        }
        poll
    })
    .await
}
