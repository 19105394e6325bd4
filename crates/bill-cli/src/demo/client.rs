//! The client under test, as the demo sees it; and the two real ones.

use std::error::Error as StdError;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use bill_blocking::{
    Credentials, DevKey, Environment, Error, ManualClock, OrgId, Phase, Principal,
};
use serde::Deserialize;
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
}

/// What a caller gets.
#[derive(Debug)]
pub(crate) enum Answer {
    SignedIn,
    Vendor(Vendor),
    Vendors(Vec<Vendor>),
}

#[derive(Debug, Deserialize)]
pub(crate) struct Vendor {
    pub(crate) id: String,
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
    pub(crate) clock: ManualClock,
    pub(crate) runtime: Handle,
}

impl Maker {
    pub(crate) fn make(&self) -> Arc<dyn Client> {
        let (environment, credentials) = (self.environment.clone(), self.credentials.clone());
        match self.adapter {
            Adapter::Async => {
                let builder = bill_async::Client::builder(environment, credentials);
                Arc::new(Async {
                    client: builder.clock(self.clock.clone()).build(),
                    runtime: self.runtime.clone(),
                })
            }
            Adapter::Blocking => {
                let builder = bill_blocking::Client::builder(environment, credentials);
                Arc::new(Blocking { client: builder.clock(self.clock.clone()).build() })
            }
        }
    }
}

/// bill-async; each caller is a task.
#[derive(Debug)]
struct Async {
    client: bill_async::Client,
    runtime: Handle,
}

impl Client for Async {
    fn ask(&self, what: Ask) -> Asked {
        let (sender, asked) = Asked::open();
        let client = self.client.clone();
        self.runtime.spawn(async move {
            let answer = match what {
                Ask::SignIn => client.sign_in().await.map(|()| Answer::SignedIn),
                Ask::Vendor(id) => {
                    let call = client.v2("Crud/Read/Vendor", &json!({ "id": id }));
                    call.send().await.map(Answer::Vendor)
                }
                Ask::Vendors => client.list("Vendor").all().await.map(Answer::Vendors),
            };
            // A demo that was given up waits for no answer.
            let _ = sender.send(answer);
        });
        asked
    }

    fn session_ids(&self) -> Vec<String> {
        if !matches!(self.client.session(), Phase::SignedIn { .. }) {
            return Vec::new();
        }
        let lease = self.runtime.block_on(self.client.lease());
        lease.map(|lease| lease.session_id().expose_secret().to_owned()).into_iter().collect()
    }

    fn shown(&self) -> String {
        format!("{self:?}")
    }
}

/// bill-blocking; each caller is a thread.
#[derive(Debug)]
struct Blocking {
    client: bill_blocking::Client,
}

impl Client for Blocking {
    fn ask(&self, what: Ask) -> Asked {
        let client = self.client.clone();
        on_a_thread(move || {
            Some(match what {
                Ask::SignIn => client.sign_in().map(|()| Answer::SignedIn),
                Ask::Vendor(id) => {
                    let call = client.v2("Crud/Read/Vendor", &json!({ "id": id }));
                    call.send().map(Answer::Vendor)
                }
                Ask::Vendors => client.list("Vendor").all().map(Answer::Vendors),
            })
        })
    }

    fn session_ids(&self) -> Vec<String> {
        if !matches!(self.client.session(), Phase::SignedIn { .. }) {
            return Vec::new();
        }
        let lease = self.client.lease();
        lease.map(|lease| lease.session_id().expose_secret().to_owned()).into_iter().collect()
    }

    fn shown(&self) -> String {
        format!("{self:?}")
    }
}
