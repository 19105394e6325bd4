//! Clients that are broken on purpose, to show that the demo's checks find it.
//!
//! Each takes the place of the client under test; nothing else in the demo knows of them.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bill_blocking::Clock;
use clap::ValueEnum;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::client::{Account, Ask, Asked, Client, Maker, on_a_thread};

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

    pub(crate) fn make(&self, maker: Maker, account: &Account) -> Arc<dyn Client> {
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

    fn shown(&self) -> String {
        lock(&self.current).0.shown()
    }
}
