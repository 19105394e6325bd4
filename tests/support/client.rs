//! A client of either adapter, with one blocking face.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bill_session_core::{Error, Misuse, OrgId, Phase, Principal, RememberedDevice, Retry, Status};
use bytes::Bytes;
use http::{Method, Request};
use serde_json::Value;
use tokio::runtime::Handle;

use crate::events::Events;
use crate::mfa::Challenge;
use crate::upload::{self, Upload};

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
    /// One v3 call.
    V3(V3),
    /// A whole v3 list, read by following its cursors.
    V3List(V3),
    /// The organisations that the user belongs to.
    ListOrgs,
    /// A file.
    Upload(Upload),
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

    /// A v3 call without a document.
    pub fn v3(method: Method, path: &str) -> Self {
        Self::V3(V3::new(method, path))
    }

    /// A v3 GET.
    pub fn get(path: &str) -> Self {
        Self::v3(Method::GET, path)
    }

    /// A v3 call with a document to send.
    pub fn v3_json(method: Method, path: &str, body: Value) -> Self {
        Self::V3(V3 { body: Some(body), ..V3::new(method, path) })
    }

    /// A whole v3 list.
    pub fn v3_list(path: &str) -> Self {
        Self::V3List(V3::new(Method::GET, path))
    }

    /// The same v3 call or list with one more pair of its query.
    #[must_use]
    pub fn query(mut self, key: &str, value: impl fmt::Display) -> Self {
        match &mut self {
            Self::V3(v3) | Self::V3List(v3) => v3.query.push((key.to_owned(), value.to_string())),
            other => panic!("{other:?} has no query"),
        }
        self
    }

    /// The same call with a deadline of its own.
    #[must_use]
    pub fn within(mut self, total: Duration) -> Self {
        match &mut self {
            Self::Call { deadline, .. } | Self::V3(V3 { deadline, .. }) => *deadline = Some(total),
            other => panic!("{other:?} has no deadline of its own"),
        }
        self
    }

    /// The same v3 call, sent again so often after its outcome was lost.
    #[must_use]
    pub fn retry(mut self, again: Retry) -> Self {
        match &mut self {
            Self::V3(v3) => v3.retry = Some(again),
            other => panic!("{other:?} has no retries of its own"),
        }
        self
    }
}

/// A v3 call, or a list.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct V3 {
    /// The method.
    pub method: Method,
    /// Such as `/v3/vendors`.
    pub path: String,
    /// The pairs of its query.
    pub query: Vec<(String, String)>,
    /// The document.
    pub body: Option<Value>,
    /// Another deadline than the client's.
    pub deadline: Option<Duration>,
    /// Other retries than the client's.
    pub retry: Option<Retry>,
}

impl V3 {
    fn new(method: Method, path: &str) -> Self {
        let (path, query) = (path.to_owned(), Vec::new());
        Self { method, path, query, body: None, deadline: None, retry: None }
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

    /// Sends a v3 call of any adapter's, and reads the answer into `T`.
    ///
    /// # Errors
    ///
    /// Those of the adapter.
    pub fn v3<T: serde::de::DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
    ) -> Result<T, Error> {
        match self {
            Self::Async(client, runtime) => runtime.block_on(client.v3(method, path).send()),
            Self::Blocking(client) => client.v3(method, path).send(),
        }
    }

    /// Asks for an MFA challenge.
    ///
    /// # Errors
    ///
    /// Those of the adapter.
    pub fn challenge(&self) -> Result<Challenge, Error> {
        match self {
            Self::Async(client, runtime) => {
                let challenge = runtime.block_on(client.mfa().challenge())?;
                Ok(Challenge::Async(challenge, runtime.clone()))
            }
            Self::Blocking(client) => client.mfa().challenge().map(Challenge::Blocking),
        }
    }

    /// Asks for an MFA challenge by the backup way.
    ///
    /// # Errors
    ///
    /// Those of the adapter.
    pub fn challenge_by_backup(&self) -> Result<Challenge, Error> {
        match self {
            Self::Async(client, runtime) => {
                let challenge = runtime.block_on(client.mfa().challenge_by_backup())?;
                Ok(Challenge::Async(challenge, runtime.clone()))
            }
            Self::Blocking(client) => client.mfa().challenge_by_backup().map(Challenge::Blocking),
        }
    }

    /// Raises the session with a device that is remembered.
    ///
    /// # Errors
    ///
    /// Those of the adapter.
    pub fn step_up(&self, device: RememberedDevice) -> Result<(), Error> {
        match self {
            Self::Async(client, runtime) => runtime.block_on(client.mfa().step_up(device)),
            Self::Blocking(client) => client.mfa().step_up(device),
        }
    }

    /// What happens from now on.
    pub fn events(&self) -> Events {
        match self {
            Self::Async(client, runtime) => Events::Async(client.events(), runtime.clone()),
            Self::Blocking(client) => Events::Blocking(client.events()),
        }
    }

    /// The client of another organisation.
    ///
    /// # Errors
    ///
    /// Those of the adapter.
    pub fn for_organization(&self, org_id: &str) -> Result<Self, Misuse> {
        let org_id = OrgId::new(org_id).expect("an organisation");
        Ok(match self {
            Self::Async(client, runtime) => {
                Self::Async(client.for_organization(org_id)?, runtime.clone())
            }
            Self::Blocking(client) => Self::Blocking(client.for_organization(org_id)?),
        })
    }

    /// The device that BILL remembers the principal by.
    pub fn remembered_device(&self) -> Option<Arc<RememberedDevice>> {
        on_either!(self, client => client.account().remembered_device())
    }

    /// The session, its slots and its budgets.
    pub fn status(&self) -> Status {
        on_either!(self, client => client.session())
    }

    /// Whether MFA has made the present session trusted, as far as it is known.
    pub fn trusted(&self) -> Option<bool> {
        match self.phase() {
            Phase::SignedIn { trusted, .. } => trusted,
            phase => panic!("no session: {phase:?}"),
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
        on_either!(self, client => client.session().phase)
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

    /// The URL of its v3 API.
    pub fn v3_api(&self) -> String {
        match self {
            Self::Async(lease) => lease.v3_api(),
            Self::Blocking(lease) => lease.v3_api(),
        }
    }

    /// The organisation that it is signed in to.
    pub fn org_id(&self) -> Option<String> {
        match self {
            Self::Async(lease) => lease.org_id().map(ToString::to_string),
            Self::Blocking(lease) => lease.org_id().map(ToString::to_string),
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

/// The same v3 call for either adapter, not sent yet.
macro_rules! v3_of {
    ($client:expr, $v3:expr) => {{
        let v3 = $v3;
        let mut call = $client.v3(v3.method.clone(), &v3.path);
        for (key, value) in &v3.query {
            call = call.query(key, value);
        }
        if let Some(body) = &v3.body {
            call = call.json(body);
        }
        if let Some(total) = v3.deadline {
            call = call.deadline(total);
        }
        if let Some(again) = v3.retry {
            call = call.retry(again);
        }
        call
    }};
}

/// The organisations as JSON, so that every operation ends in the same type.
fn as_json(organizations: Vec<bill_session_core::Organization>) -> Value {
    let named = organizations
        .into_iter()
        .map(|named| serde_json::json!({"orgId": named.org_id, "orgName": named.org_name}));
    Value::Array(named.collect())
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
        Op::V3(v3) => v3_of!(client, v3).send().await,
        Op::V3List(v3) => v3_of!(client, v3).all().await.map(Value::Array),
        Op::ListOrgs => client.list_orgs().await.map(as_json),
        Op::Upload(upload) => upload::of_async(client, upload).send().await,
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
        Op::V3(v3) => v3_of!(client, v3).send(),
        Op::V3List(v3) => v3_of!(client, v3).all().map(Value::Array),
        Op::ListOrgs => client.list_orgs().map(as_json),
        Op::Upload(upload) => upload::of_blocking(client, upload).send(),
        Op::SignIn => client.sign_in().map(|()| Value::Null),
        Op::SignOut => client.sign_out().map(|()| Value::Null),
        Op::Lease => client.lease().map(|_| Value::Null),
    }
}
