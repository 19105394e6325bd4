//! The client under test, as the demo sees it; and the two real ones.

use std::error::Error as StdError;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use bill_blocking::{
    Credentials, DevKey, Environment, Error, Event, ManualClock, Method, MfaCode, OrgId, Phase,
    Principal, Remember, RememberedDevice, SignInWith,
};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::runtime::Handle;

/// Something that callers ask for, and that is answered later.
///
/// The demo knows no more of a client than this, so that any other can be put in its place.
pub(crate) trait Client: Send + Sync {
    /// Begins at once, and does not wait: callers that ask in a row are under way together.
    fn ask(&self, what: Ask) -> Asked;

    /// The ids of the sessions that it has now, to search the log for.
    fn session_ids(&self) -> Vec<String>;

    /// What has happened to its session since the last time.
    fn events(&self) -> Vec<Event>;

    /// Its `Debug` text.
    fn shown(&self) -> String;
}

/// What a caller wants.
#[derive(Clone, Debug)]
pub(crate) enum Ask {
    SignIn,
    /// The vendor of this id.
    Vendor(String),
    /// All vendors, page by page.
    Vendors,
    /// All vendors by v3, from cursor to cursor.
    VendorsByCursor,
    /// A look at the session of another organisation.
    Organization(OrgId),
    /// A payment to the vendor of this id, by v3.
    Pay(String),
    /// An MFA challenge, answered with this code; the device is to be remembered, or not.
    Trust {
        code: MfaCode,
        remember: bool,
    },
    /// All payments, by v3.
    Payments,
}

/// What a caller gets.
#[derive(Debug)]
pub(crate) enum Answer {
    SignedIn,
    Vendor(Object),
    /// Vendors or payments.
    List(Vec<Object>),
    Looked,
    Paid(Payment),
    Trusted(Option<Arc<RememberedDevice>>),
}

/// Anything of BILL's that has an id.
#[derive(Debug, Deserialize)]
pub(crate) struct Object {
    pub(crate) id: String,
}

/// What a client sends for a payment, and BILL tells of it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Payment {
    pub(crate) vendor_id: String,
    amount: u32,
}

impl Payment {
    fn to(vendor_id: String) -> Self {
        Self { vendor_id, amount: 125 }
    }
}

const VENDORS: &str = "/v3/vendors";
const PAYMENTS: &str = "/v3/payments";
/// The largest page that v3 has.
const PAGE: usize = 100;

/// BILL remembers each device of a user's by its name, so that two clients are to have two.
fn remembered(remember: bool, machine: &str) -> Remember {
    if remember { Remember::device(machine) } else { Remember::No }
}

/// An answer that is awaited.
#[derive(Debug)]
pub(crate) struct Asked(Receiver<Result<Answer, Error>>);

impl Asked {
    /// The place where the answer arrives, and the place that it is sent from.
    pub(crate) fn open() -> (Sender<Result<Answer, Error>>, Self) {
        let (sender, receiver) = channel();
        (sender, Self(receiver))
    }

    /// The answer; nothing when whoever was to give it is gone.
    pub(crate) fn wait(self) -> Option<Result<Answer, Error>> {
        self.0.recv().ok()
    }

    /// The same, asking each time before it waits for how long; nothing when it was to wait no more.
    pub(crate) fn wait_while(
        &self,
        mut patience: impl FnMut() -> Option<Duration>,
    ) -> Option<Result<Answer, Error>> {
        loop {
            match self.0.recv_timeout(patience()?) {
                Ok(answer) => return Some(answer),
                Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }
}

/// Runs `work` on a thread of its own, and sends what it returns.
pub(crate) fn on_a_thread(
    work: impl FnOnce() -> Option<Result<Answer, Error>> + Send + 'static,
) -> Asked {
    let (sender, asked) = Asked::open();
    let thread = thread::Builder::new().name("caller".to_owned());
    // Without a thread there is no answer, and the caller counts as lost.
    let _ = thread.spawn(move || {
        if let Some(answer) = work() {
            let _ = sender.send(answer);
        }
    });
    asked
}

/// Which of the two clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Adapter {
    Async,
    Blocking,
}

impl Adapter {
    pub(crate) const BOTH: [Self; 2] = [Self::Async, Self::Blocking];
}

/// Who signs in, and where: all that a client is made from.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) environment: Environment,
    pub(crate) name: &'static str,
    pub(crate) proof: &'static str,
    pub(crate) is_token: bool,
    pub(crate) api: SignInWith,
    pub(crate) org_id: &'static str,
    pub(crate) dev_key: &'static str,
}

impl Account {
    pub(crate) fn credentials(&self) -> Result<Credentials, Box<dyn StdError>> {
        let principal = if self.is_token {
            Principal::token(self.name, self.proof)
        } else {
            Principal::password(self.name, self.proof)
        };
        let (org_id, dev_key) = (OrgId::new(self.org_id)?, DevKey::new(self.dev_key)?);
        Ok(Credentials::new(principal?, org_id, dev_key))
    }
}

/// Makes real clients of one kind for one account, each of which begins signed out.
#[derive(Clone, Debug)]
pub(crate) struct Maker {
    pub(crate) adapter: Adapter,
    pub(crate) environment: Environment,
    pub(crate) credentials: Credentials,
    pub(crate) api: SignInWith,
    /// How many calls it has in flight at once, if not as many as it has of itself.
    pub(crate) max_in_flight: Option<usize>,
    pub(crate) clock: ManualClock,
    pub(crate) runtime: Handle,
}

impl Maker {
    pub(crate) fn make(&self) -> Arc<dyn Client> {
        let (environment, credentials) = (self.environment.clone(), self.credentials.clone());
        match self.adapter {
            Adapter::Async => {
                let builder = bill_async::Client::builder(environment, credentials)
                    .sign_in_with(self.api)
                    .clock(self.clock.clone());
                let builder = match self.max_in_flight {
                    Some(calls) => builder.max_in_flight(calls),
                    None => builder,
                };
                let client = builder.build();
                let events = Mutex::new(client.events());
                Arc::new(Async { client, events, runtime: self.runtime.clone() })
            }
            Adapter::Blocking => {
                let builder = bill_blocking::Client::builder(environment, credentials)
                    .sign_in_with(self.api)
                    .clock(self.clock.clone());
                let builder = match self.max_in_flight {
                    Some(calls) => builder.max_in_flight(calls),
                    None => builder,
                };
                let client = builder.build();
                let events = Mutex::new(client.events());
                Arc::new(Blocking { client, events })
            }
        }
    }
}

/// bill-async; each caller is a task.
struct Async {
    client: bill_async::Client,
    events: Mutex<bill_async::Events>,
    runtime: Handle,
}

impl Client for Async {
    fn ask(&self, what: Ask) -> Asked {
        let (sender, asked) = Asked::open();
        let client = self.client.clone();
        self.runtime.spawn(async move {
            // A demo that was given up waits for no answer.
            let _ = sender.send(answer_async(&client, what).await);
        });
        asked
    }

    fn session_ids(&self) -> Vec<String> {
        if !matches!(self.client.session().phase, Phase::SignedIn { .. }) {
            return Vec::new();
        }
        let lease = self.runtime.block_on(self.client.lease());
        lease.map(|lease| lease.session_id().expose_secret().to_owned()).into_iter().collect()
    }

    fn events(&self) -> Vec<Event> {
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        std::iter::from_fn(|| events.try_next()).collect()
    }

    fn shown(&self) -> String {
        format!("{:?}{:?}{:?}", self.client, self.client.mfa(), self.client.session())
    }
}

async fn answer_async(client: &bill_async::Client, what: Ask) -> Result<Answer, Error> {
    match what {
        Ask::SignIn => client.sign_in().await.map(|()| Answer::SignedIn),
        Ask::Vendor(id) => {
            let call = client.v2("Crud/Read/Vendor", &json!({ "id": id }));
            call.send().await.map(Answer::Vendor)
        }
        Ask::Vendors => client.list("Vendor").all().await.map(Answer::List),
        Ask::VendorsByCursor => {
            let list = client.v3(Method::GET, VENDORS).query("max", PAGE);
            list.all().await.map(Answer::List)
        }
        Ask::Organization(org_id) => {
            let other = client.for_organization(org_id)?;
            let look = other.v2("GetSessionInfo", &());
            look.send().await.map(|IgnoredAny| Answer::Looked)
        }
        Ask::Pay(vendor_id) => {
            let call = client.v3(Method::POST, PAYMENTS).json(&Payment::to(vendor_id));
            call.send().await.map(Answer::Paid)
        }
        Ask::Trust { code, remember } => {
            let challenge = client.mfa().challenge().await?;
            challenge.validate(code, remembered(remember, "demo-async")).await.map(Answer::Trusted)
        }
        Ask::Payments => client.v3(Method::GET, PAYMENTS).all().await.map(Answer::List),
    }
}

/// bill-blocking; each caller is a thread.
struct Blocking {
    client: bill_blocking::Client,
    events: Mutex<bill_blocking::Events>,
}

impl Client for Blocking {
    fn ask(&self, what: Ask) -> Asked {
        let client = self.client.clone();
        on_a_thread(move || Some(answer_blocking(&client, what)))
    }

    fn session_ids(&self) -> Vec<String> {
        if !matches!(self.client.session().phase, Phase::SignedIn { .. }) {
            return Vec::new();
        }
        let lease = self.client.lease();
        lease.map(|lease| lease.session_id().expose_secret().to_owned()).into_iter().collect()
    }

    fn events(&self) -> Vec<Event> {
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        std::iter::from_fn(|| events.try_next()).collect()
    }

    fn shown(&self) -> String {
        format!("{:?}{:?}{:?}", self.client, self.client.mfa(), self.client.session())
    }
}

fn answer_blocking(client: &bill_blocking::Client, what: Ask) -> Result<Answer, Error> {
    match what {
        Ask::SignIn => client.sign_in().map(|()| Answer::SignedIn),
        Ask::Vendor(id) => {
            let call = client.v2("Crud/Read/Vendor", &json!({ "id": id }));
            call.send().map(Answer::Vendor)
        }
        Ask::Vendors => client.list("Vendor").all().map(Answer::List),
        Ask::VendorsByCursor => {
            let list = client.v3(Method::GET, VENDORS).query("max", PAGE);
            list.all().map(Answer::List)
        }
        Ask::Organization(org_id) => {
            let other = client.for_organization(org_id)?;
            let look = other.v2("GetSessionInfo", &());
            look.send().map(|IgnoredAny| Answer::Looked)
        }
        Ask::Pay(vendor_id) => {
            let call = client.v3(Method::POST, PAYMENTS).json(&Payment::to(vendor_id));
            call.send().map(Answer::Paid)
        }
        Ask::Trust { code, remember } => {
            let challenge = client.mfa().challenge()?;
            challenge.validate(code, remembered(remember, "demo-blocking")).map(Answer::Trusted)
        }
        Ask::Payments => client.v3(Method::GET, PAYMENTS).all().map(Answer::List),
    }
}
