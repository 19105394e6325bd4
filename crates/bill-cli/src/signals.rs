//! Being asked to stop: Ctrl-C everywhere, and a supervisor's SIGTERM where there is one.

use std::io;

use tokio::runtime::Runtime;

/// Ears for the signals that ask a process to stop.
#[derive(Debug)]
pub(crate) struct Stop {
    #[cfg(unix)]
    signals: [tokio::signal::unix::Signal; 2],
}

impl Stop {
    /// Listens from now on: a signal that comes before [`asked`](Self::asked) is not missed.
    pub(crate) fn listen(runtime: &Runtime) -> io::Result<Self> {
        let _context = runtime.enter();
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};

            let signals = [signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?];
            Ok(Self { signals })
        }
        #[cfg(not(unix))]
        Ok(Self {})
    }

    /// Waits until somebody asks this process to stop.
    pub(crate) async fn asked(self) -> io::Result<()> {
        #[cfg(unix)]
        {
            use std::future::poll_fn;
            use std::task::Poll;

            let Self { mut signals } = self;
            poll_fn(|context| {
                if signals.iter_mut().any(|signal| signal.poll_recv(context).is_ready()) {
                    Poll::Ready(Ok(()))
                } else {
                    Poll::Pending
                }
            })
            .await
        }
        #[cfg(not(unix))]
        tokio::signal::ctrl_c().await
    }
}
