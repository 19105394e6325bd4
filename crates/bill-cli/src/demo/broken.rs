//! Clients that are broken on purpose, to show that the demo's checks find it.
//!
//! Each takes the place of the client under test; nothing else in the demo knows of them.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bill_blocking::{Clock, Error, Event};
use bill_sandbox::DEMO_MFA_CODE;
use clap::ValueEnum;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::client::{Account, Answer, Ask, Asked, Client, Maker, on_a_thread};

/// What is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Break {
    /// Callers do not share a sign-in
    Storm,
    /// One caller's answer is thrown away
    Lose,
    /// A sign-in's form is written to the log
    Leak,
    /// A session lives for a fixed time from its sign-in, used or not
    Idle,
    /// A call is sent as soon as it is made, however many are in flight
    Flood,
    /// The device that answered an MFA challenge is not remembered
    Forget,
    /// A payment whose answer was lost is sent again
    Replay,
    /// What an MFA challenge brought is written to the log
    LeakTrust,
}

/// Puts broken clients in the place of real ones.
#[derive(Debug)]
pub(crate) struct Breaker {
    what: Break,
    /// How many questions all its clients were asked.
    asked: Arc<AtomicU64>,
    leaked: Arc<AtomicBool>,
}

impl Breaker {
    pub(crate) fn new(what: Break) -> Self {
        Self { what, asked: Arc::default(), leaked: Arc::default() }
    }

    pub(crate) fn make(&self, mut maker: Maker, account: &Account) -> Arc<dyn Client> {
        match self.what {
            Break::Storm => Arc::new(Storm { maker, clients: Arc::default() }),
            Break::Lose => Arc::new(Lose { client: maker.make(), asked: Arc::clone(&self.asked) }),
            Break::Leak => Arc::new(Leak {
                client: maker.make(),
                account: account.clone(),
                leaked: Arc::clone(&self.leaked),
            }),
            Break::Idle => {
                Arc::new(Idle { current: Mutex::new((maker.make(), maker.clock.now())), maker })
            }
            Break::Flood => {
                maker.max_in_flight = Some(usize::MAX);
                maker.make()
            }
            Break::Forget => Arc::new(Forget(maker.make())),
            Break::Replay => Arc::new(Replay(maker.make())),
            Break::LeakTrust => Arc::new(LeakTrust(maker.make())),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Callers take a client from a pool, and one more is made when all are taken: each keeps its
/// session well, but nobody waits for another's sign-in.
struct Storm {
    maker: Maker,
    clients: Arc<Mutex<Clients>>,
}

#[derive(Default)]
struct Clients {
    all: Vec<Arc<dyn Client>>,
    free: Vec<Arc<dyn Client>>,
}

impl Client for Storm {
    fn ask(&self, what: Ask) -> Asked {
        let mut clients = lock(&self.clients);
        let client = clients.free.pop().unwrap_or_else(|| {
            let client = self.maker.make();
            clients.all.push(Arc::clone(&client));
            client
        });
        drop(clients);
        let asked = client.ask(what);
        let clients = Arc::clone(&self.clients);
        on_a_thread(move || {
            let answer = asked.wait();
            lock(&clients).free.push(client);
            answer
        })
    }

    fn session_ids(&self) -> Vec<String> {
        let all = lock(&self.clients).all.clone();
        all.iter().flat_map(|client| client.session_ids()).collect()
    }

    fn events(&self) -> Vec<Event> {
        let all = lock(&self.clients).all.clone();
        all.iter().flat_map(|client| client.events()).collect()
    }

    fn shown(&self) -> String {
        lock(&self.clients).all.iter().map(|client| client.shown()).collect()
    }
}

/// Throws the answer to one question away.
struct Lose {
    client: Arc<dyn Client>,
    asked: Arc<AtomicU64>,
}

impl Lose {
    /// One of the first 32 callers: both lists come before them.
    const LOST: u64 = 20;
}

impl Client for Lose {
    fn ask(&self, what: Ask) -> Asked {
        let asked = self.client.ask(what);
        if self.asked.fetch_add(1, Ordering::Relaxed) + 1 != Self::LOST {
            return asked;
        }
        on_a_thread(move || {
            drop(asked.wait());
            None
        })
    }

    fn session_ids(&self) -> Vec<String> {
        self.client.session_ids()
    }

    fn events(&self) -> Vec<Event> {
        self.client.events()
    }

    fn shown(&self) -> String {
        self.client.shown()
    }
}

/// Writes the form of its first sign-in to the log, as a careless debug line does.
struct Leak {
    client: Arc<dyn Client>,
    account: Account,
    leaked: Arc<AtomicBool>,
}

impl Client for Leak {
    fn ask(&self, what: Ask) -> Asked {
        if !self.leaked.swap(true, Ordering::Relaxed) {
            let encoded = |text| utf8_percent_encode(text, NON_ALPHANUMERIC);
            log::debug!(
                "POST /api/v2/Login.json userName={}&password={}&orgId={}&devKey={}",
                encoded(self.account.name),
                encoded(self.account.proof),
                encoded(self.account.org_id),
                encoded(self.account.dev_key),
            );
        }
        self.client.ask(what)
    }

    fn session_ids(&self) -> Vec<String> {
        self.client.session_ids()
    }

    fn events(&self) -> Vec<Event> {
        self.client.events()
    }

    fn shown(&self) -> String {
        self.client.shown()
    }
}

/// Signs in anew 34 minutes after its last sign-in, whatever has happened since.
struct Idle {
    maker: Maker,
    /// The client that is signed in, and since when.
    current: Mutex<(Arc<dyn Client>, Instant)>,
}

impl Idle {
    const LIFETIME: Duration = Duration::from_secs(34 * 60);
}

impl Client for Idle {
    fn ask(&self, what: Ask) -> Asked {
        let now = self.maker.clock.now();
        let mut current = lock(&self.current);
        if now - current.1 >= Self::LIFETIME {
            *current = (self.maker.make(), now);
        }
        current.0.ask(what)
    }

    fn session_ids(&self) -> Vec<String> {
        let client = Arc::clone(&lock(&self.current).0);
        client.session_ids()
    }

    fn events(&self) -> Vec<Event> {
        let client = Arc::clone(&lock(&self.current).0);
        client.events()
    }

    fn shown(&self) -> String {
        lock(&self.current).0.shown()
    }
}

/// Answers a challenge without having the device remembered, so that the trust ends with the session.
struct Forget(Arc<dyn Client>);

impl Client for Forget {
    fn ask(&self, what: Ask) -> Asked {
        let what = match what {
            Ask::Trust { code, .. } => Ask::Trust { code, remember: false },
            other => other,
        };
        self.0.ask(what)
    }

    fn session_ids(&self) -> Vec<String> {
        self.0.session_ids()
    }

    fn events(&self) -> Vec<Event> {
        self.0.events()
    }

    fn shown(&self) -> String {
        self.0.shown()
    }
}

/// Sends a payment again when no answer came to it, as careless retries do.
struct Replay(Arc<dyn Client>);

impl Client for Replay {
    fn ask(&self, what: Ask) -> Asked {
        let asked = self.0.ask(what.clone());
        if !matches!(what, Ask::Pay(_)) {
            return asked;
        }
        let client = Arc::clone(&self.0);
        on_a_thread(move || match asked.wait() {
            Some(Err(Error::NoAnswer { .. })) => client.ask(what).wait(),
            answer => answer,
        })
    }

    fn session_ids(&self) -> Vec<String> {
        self.0.session_ids()
    }

    fn events(&self) -> Vec<Event> {
        self.0.events()
    }

    fn shown(&self) -> String {
        self.0.shown()
    }
}

/// Writes a challenge's code, the device, and the session that is trusted now to the log.
struct LeakTrust(Arc<dyn Client>);

impl Client for LeakTrust {
    fn ask(&self, what: Ask) -> Asked {
        let code = match &what {
            Ask::Trust { .. } => DEMO_MFA_CODE,
            _ => return self.0.ask(what),
        };
        let (asked, client) = (self.0.ask(what), Arc::clone(&self.0));
        on_a_thread(move || {
            let answer = asked.wait();
            if let Some(Ok(Answer::Trusted(Some(device)))) = &answer {
                let id = device.expose_remember_me_id();
                log::debug!("validated {{\"token\":\"{code}\"}}: {{\"rememberMeId\":\"{id}\"}}");
                log::debug!("headers: {{\"sessionid\": {:?}}}", client.session_ids());
            }
            answer
        })
    }

    fn session_ids(&self) -> Vec<String> {
        self.0.session_ids()
    }

    fn events(&self) -> Vec<Event> {
        self.0.events()
    }

    fn shown(&self) -> String {
        self.0.shown()
    }
}
