//! One of those who are measured side by side.

use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// An operation by its name.
pub(crate) struct Subject {
    pub(crate) name: &'static str,
    make: Box<dyn Fn() -> Work + Sync>,
}

/// Does the operation as often as it is told; see [`bill_bench::measure::Timer::time`].
pub(crate) type Work = Box<dyn FnMut(u64) -> Duration>;

impl Subject {
    /// `make` makes, on each thread, what does the operation there.
    pub(crate) fn new<F, W>(name: &'static str, make: F) -> Self
    where
        F: Fn() -> W + Sync + 'static,
        W: FnMut(u64) -> Duration + 'static,
    {
        Self { name, make: Box::new(move || Box::new(make())) }
    }

    pub(crate) fn work(&self) -> Work {
        (self.make)()
    }
}

/// The output of a future that has nothing to wait for, such as a credential from a warm cache.
///
/// It is polled right here, once, on no executor: what an executor costs is nobody's fault.
///
/// # Panics
///
/// It waits, so that it is not what was to be measured.
pub(crate) fn at_once<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        #[expect(clippy::panic, reason = "a figure of anything else would be a lie")]
        Poll::Pending => panic!("a warm cache that has to be waited for"),
    }
}
