//! The sandbox's server, and control of it from code.

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::HeaderValue;
use axum::http::header::DATE;
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{get, post};
use tokio::net::{TcpListener, TcpSocket};
use tokio::runtime;
use tokio::sync::oneshot;

use crate::accounts::{
    DEMO_DEV_KEY, DEMO_ORG, DEMO_PASSWORD, DEMO_TOKEN_NAME, DEMO_TOKEN_VALUE, DEMO_USER,
};
use crate::builder::{Builder, StartError};
use crate::fault::Fault;
use crate::hold::{Gate, Hold, Stage, WaitTimeout};
use crate::journal::Entry;
use crate::state::Shared;
use crate::stats::Stats;
use crate::wire::{Wire, WiredListener};
use crate::{control, exchange};

// A thousand callers that connect at once must not be told to come back.
const BACKLOG: u32 = 4_096;

/// A local BILL that listens until it is dropped.
///
/// Dropping it stops the server and closes all its connections.
pub struct Sandbox {
    addr: SocketAddr,
    pub(crate) shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

struct Started {
    addr: SocketAddr,
    shared: Arc<Shared>,
}

impl Sandbox {
    /// Starts a sandbox with the default settings on a free port of 127.0.0.1.
    ///
    /// It may be called from async and from blocking code. Its clock runs with real time; see
    /// [`Builder::frozen_clock`] for tests of exact moments.
    ///
    /// # Errors
    ///
    /// The machine has no free port or no more threads.
    pub fn start() -> Result<Self, StartError> {
        Self::builder().start()
    }

    /// Begins the settings of a sandbox.
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// Where it listens, as a URL without a path: `http://127.0.0.1:PORT`.
    pub fn origin(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// The address that it listens on.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The time on its own clock since it started.
    pub fn now(&self) -> Duration {
        self.shared.with(|state| state.clock.now())
    }

    /// Moves its clock forward.
    pub fn advance(&self, by: Duration) {
        self.shared.with(|state| state.clock.advance(by));
    }

    /// Adds a fault; each request gets the oldest fault that covers it.
    pub fn fault(&self, fault: Fault) {
        self.shared.with(|state| state.faults.add(fault));
    }

    /// Takes back the faults that have not been applied.
    pub fn clear_faults(&self) {
        self.shared.with(|state| state.faults.clear());
    }

    /// Holds the answers of an operation back; what was asked has been done by then.
    ///
    /// The operation is `Login`, `List/Vendor`, `List` for a list of any entity, `v3/List/vendors`,
    /// or `*`.
    pub fn hold(&self, operation: &str) -> Hold {
        self.add_gate(operation, Stage::Answer)
    }

    /// Holds the requests of an operation back before anything is done for them.
    pub fn hold_requests(&self, operation: &str) -> Hold {
        self.add_gate(operation, Stage::Request)
    }

    /// Ends every session at once, as a new deployment of BILL's sandbox does.
    pub fn lose_sessions(&self) {
        self.shared.with(|state| state.sessions.close_all());
    }

    /// Changes the password of a user or the value of a token; false if there is none.
    ///
    /// Sessions that were signed in before live on.
    pub fn set_password(&self, name: &str, password: &str) -> bool {
        self.shared.with(|state| state.accounts.set_secret(name, password))
    }

    /// The counters at this moment.
    pub fn stats(&self) -> Stats {
        self.shared.with(|state| state.stats())
    }

    /// Blocks until the counters are as wanted, and gives them.
    ///
    /// # Errors
    ///
    /// They were not within 30 real seconds.
    pub fn wait_until(&self, there: impl Fn(&Stats) -> bool) -> Result<Stats, WaitTimeout> {
        self.shared.wait_until(there)
    }

    /// The requests in the order in which they came, the last 100,000 of them.
    pub fn journal(&self) -> Vec<Entry> {
        self.shared.with(|state| state.journal.entries())
    }

    /// Lines to paste into a shell, so that a client finds the sandbox and the demo account.
    pub fn export_lines(&self) -> String {
        format!(
            "export BILL_ENVIRONMENT='{}'\n\
             export BILL_USERNAME='{DEMO_USER}'\n\
             export BILL_PASSWORD='{DEMO_PASSWORD}'\n\
             export BILL_ORG_ID='{DEMO_ORG}'\n\
             export BILL_DEV_KEY='{DEMO_DEV_KEY}'\n\
             # to sign in with a token instead, give these as user name and password:\n\
             # BILL_TOKEN_NAME='{DEMO_TOKEN_NAME}'\n\
             # BILL_TOKEN_VALUE='{DEMO_TOKEN_VALUE}'\n",
            self.origin()
        )
    }

    pub(crate) fn launch(builder: Builder) -> Result<Self, StartError> {
        let (tell, told) = mpsc::channel();
        let (stop, stopped) = oneshot::channel();
        let thread = thread::Builder::new()
            .name("bill-sandbox".to_owned())
            .spawn(move || run(builder, &tell, stopped))
            .map_err(|source| StartError::Thread { source })?;
        match told.recv() {
            Ok(Ok(Started { addr, shared })) => {
                Ok(Self { addr, shared, stop: Some(stop), thread: Some(thread) })
            }
            Ok(Err(error)) => Err(error),
            Err(_) => Err(StartError::Thread { source: io::ErrorKind::Other.into() }),
        }
    }

    fn add_gate(&self, operation: &str, stage: Stage) -> Hold {
        let gate = Arc::new(Gate::new(operation, stage));
        self.shared.with(|state| state.gates.push(Arc::clone(&gate)));
        Hold::new(gate)
    }
}

impl fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sandbox").field("addr", &self.addr).finish_non_exhaustive()
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic of the server has been printed by then, and there is nobody to tell.
            let _ = thread.join();
        }
    }
}

/// The life of the sandbox's thread. The connections end with the runtime.
fn run(
    builder: Builder,
    tell: &mpsc::Sender<Result<Started, StartError>>,
    stopped: oneshot::Receiver<()>,
) {
    let runtime = match runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(source) => {
            let _ = tell.send(Err(StartError::Thread { source }));
            return;
        }
    };
    runtime.block_on(async {
        match listen(&builder) {
            Ok((listener, addr)) => {
                let shared = Arc::new(Shared::new(builder.state(addr)));
                tokio::spawn(serve(listener, Arc::clone(&shared)));
                let _ = tell.send(Ok(Started { addr, shared }));
                let _ = stopped.await;
            }
            Err(error) => {
                let _ = tell.send(Err(error));
            }
        }
    });
}

fn listen(builder: &Builder) -> Result<(TcpListener, SocketAddr), StartError> {
    let addr = builder.addr;
    if !addr.ip().is_loopback() && !builder.any_address {
        return Err(StartError::NotLoopback { addr });
    }
    let bound = bind(addr).and_then(|listener| {
        let addr = listener.local_addr()?;
        Ok((listener, addr))
    });
    bound.map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => StartError::Busy { addr, free: free_beside(addr), source },
        _ => StartError::Listen { addr, source },
    })
}

fn bind(addr: SocketAddr) -> io::Result<TcpListener> {
    let socket = if addr.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // Elsewhere than on Windows, this lets a sandbox come back to the port that it just left.
    #[cfg(not(windows))]
    socket.set_reuseaddr(true)?;
    socket.bind(addr)?;
    socket.listen(BACKLOG)
}

fn free_beside(addr: SocketAddr) -> Option<SocketAddr> {
    StdListener::bind((addr.ip(), 0)).and_then(|listener| listener.local_addr()).ok()
}

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let router = Router::new()
        .route("/_sandbox/advance", post(control::advance))
        .route("/_sandbox/fault", post(control::fault))
        .route("/_sandbox/stats", get(control::stats))
        .fallback(exchange::serve)
        .layer(middleware::from_fn_with_state(Arc::clone(&shared), date))
        .with_state(shared);
    let service = router.into_make_service_with_connect_info::<Wire>();
    // It has no end of its own, and an error of one connection does not come here.
    let _ = axum::serve(WiredListener::new(listener), service).await;
}

/// Dates an answer by the sandbox's clock, unless a fault has given it a date.
async fn date(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let wall = shared.with(|state| state.clock.wall());
    if let Ok(date) = HeaderValue::from_str(&httpdate::fmt_http_date(wall)) {
        response.headers_mut().entry(DATE).or_insert(date);
    }
    response
}
