//! A client of either adapter, with one blocking face.

use std::time::Duration;

use bill_session_core::{Error, Misuse, Phase, Principal};
use bytes::Bytes;
use http::Request;
use serde_json::Value;
use tokio::runtime::Handle;

/// Which adapter a scenario runs over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there are two")]
pub enum Adapter {
    /// `bill-async`: reqwest and tokio.
    Async,
    /// `bill-blocking`: ureq and threads.
    Blocking,
}

/// An operation of a caller.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Op {
    /// One v2 call.
    Call {
        /// Such as `List/Vendor`.
        path: String,
        /// Its data; null for none.
        data: Value,
        /// Another deadline than the client's.
        deadline: Option<Duration>,
    },
    /// A whole list.
    List {
        /// Such as `Vendor`.
        entity: String,
        /// Another page size than 999.
        page_size: Option<usize>,
    },
    /// An explicit sign-in.
    SignIn,
    /// A sign-out.
    SignOut,
    /// A lease that is dropped at once.
    Lease,
}

impl Op {
    /// The cheapest call that needs a session.
    pub fn read() -> Self {
        Self::call("GetSessionInfo", Value::Null)
    }

    /// A v2 call.
    pub fn call(path: &str, data: Value) -> Self {
        Self::Call { path: path.to_owned(), data, deadline: None }
    }

    /// A whole list of an entity.
    pub fn list(entity: &str) -> Self {
        Self::List { entity: entity.to_owned(), page_size: None }
    }

    /// The same call with a deadline of its own.
    #[must_use]
    pub fn within(self, total: Duration) -> Self {
        match self {
            Self::Call { path, data, .. } => Self::Call { path, data, deadline: Some(total) },
            other => other,
        }
    }
}

/// A client of either adapter.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_enums, reason = "there are two")]
pub enum Client {
    /// With the runtime that its operations run on.
    Async(bill_async::Client, Handle),
    /// As it is.
    Blocking(bill_blocking::Client),
}

/// Calls a method that both adapters have and that does not wait.
macro_rules! on_either {
    ($client:expr, $each:ident => $value:expr) => {
        match $client {
            Client::Async($each, _) => $value,
            Client::Blocking($each) => $value,
        }
    };
}

impl Client {
    /// Runs an operation on this thread, to its end.
    ///
    /// # Errors
    ///
    /// Those of the adapter.
    pub fn run(&self, op: &Op) -> Result<Value, Error> {
        match self {
            Self::Async(client, runtime) => runtime.block_on(run(client, op)),
            Self::Blocking(client) => run_here(client, op),
        }
    }

    /// A lease of at least so much time.
    ///
    /// # Errors
    ///
    /// Those of the adapter.
    pub fn lease_for(&self, min_left: Duration) -> Result<Lease, Error> {
        match self {
            Self::Async(client, runtime) => {
                runtime.block_on(client.lease_for(min_left)).map(Lease::Async)
            }
            Self::Blocking(client) => client.lease_for(min_left).map(Lease::Blocking),
        }
    }

    /// Another user name and password, or token.
    pub fn replace_credentials(&self, principal: Principal) {
        on_either!(self, client => client.replace_credentials(principal));
    }

    /// What the session looks like.
    pub fn phase(&self) -> Phase {
        on_either!(self, client => client.session())
    }

    /// The user that BILL named.
    pub fn user_id(&self) -> Option<String> {
        on_either!(self, client => client.user_id())
    }

    /// The URL of the API in use.
    pub fn api(&self) -> Option<String> {
        on_either!(self, client => client.api())
    }

    /// The host of an `apiEndPoint` that was not followed.
    pub fn not_followed(&self) -> Option<String> {
        on_either!(self, client => client.not_followed()).and_then(|named| named.host)
    }
}

/// A lease of either adapter.
#[derive(Debug)]
#[must_use]
#[expect(clippy::exhaustive_enums, reason = "there are two")]
pub enum Lease {
    /// Of `bill-async`.
    Async(bill_async::Lease),
    /// Of `bill-blocking`.
    Blocking(bill_blocking::Lease),
}

impl Lease {
    /// The id itself.
    pub fn session_id(&self) -> &str {
        match self {
            Self::Async(lease) => lease.session_id().expose_secret(),
            Self::Blocking(lease) => lease.session_id().expose_secret(),
        }
    }

    /// The URL of its API.
    pub fn api(&self) -> String {
        match self {
            Self::Async(lease) => lease.api(),
            Self::Blocking(lease) => lease.api(),
        }
    }

    /// Signs a request.
    ///
    /// # Errors
    ///
    /// Those of the adapter.
    pub fn sign(&self, request: &mut Request<Bytes>) -> Result<(), Misuse> {
        match self {
            Self::Async(lease) => lease.sign(request),
            Self::Blocking(lease) => lease.sign(request),
        }
    }

    /// BILL answered in its own form.
    pub fn accepted(self) {
        match self {
            Self::Async(lease) => lease.accepted(),
            Self::Blocking(lease) => lease.accepted(),
        }
    }

    /// BILL called the session invalid.
    pub fn invalid(self) {
        match self {
            Self::Async(lease) => lease.invalid(),
            Self::Blocking(lease) => lease.invalid(),
        }
    }
}

pub(crate) async fn run(client: &bill_async::Client, op: &Op) -> Result<Value, Error> {
    match op {
        Op::Call { path, data, deadline } => {
            let call = client.v2(path, data);
            match deadline {
                Some(total) => call.deadline(*total).send().await,
                None => call.send().await,
            }
        }
        Op::List { entity, page_size } => {
            let list = client.list(entity);
            let list = match page_size {
                Some(entries) => list.page_size(*entries),
                None => list,
            };
            list.all().await.map(Value::Array)
        }
        Op::SignIn => client.sign_in().await.map(|()| Value::Null),
        Op::SignOut => client.sign_out().await.map(|()| Value::Null),
        Op::Lease => client.lease().await.map(|_| Value::Null),
    }
}

pub(crate) fn run_here(client: &bill_blocking::Client, op: &Op) -> Result<Value, Error> {
    match op {
        Op::Call { path, data, deadline } => {
            let call = client.v2(path, data);
            match deadline {
                Some(total) => call.deadline(*total).send(),
                None => call.send(),
            }
        }
        Op::List { entity, page_size } => {
            let list = client.list(entity);
            let list = match page_size {
                Some(entries) => list.page_size(*entries),
                None => list,
            };
            list.all().map(Value::Array)
        }
        Op::SignIn => client.sign_in().map(|()| Value::Null),
        Op::SignOut => client.sign_out().map(|()| Value::Null),
        Op::Lease => client.lease().map(|_| Value::Null),
    }
}
