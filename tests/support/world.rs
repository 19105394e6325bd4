//! A sandbox, a clock and a client.

use std::fmt;
use std::sync::Weak;
use std::thread;
use std::time::Duration;

use bill_sandbox::{
    Builder, DEMO_DEV_KEY, DEMO_ORG, DEMO_PASSWORD, DEMO_TOKEN_NAME, DEMO_TOKEN_VALUE, DEMO_USER,
    Sandbox, Stats,
};
use bill_session_core::{
    AppKey, Credentials, DevKey, Environment, Error, Lifetime, OrgId, Phase, Principal, Renewal,
    Retry, SignInWith,
};
use serde_json::Value;
use tokio::runtime::{self, Runtime};

use crate::client::{Adapter, Client, Lease, Op};
use crate::clock::WatchedClock;
use crate::eventually;
use crate::herd::Herd;

/// What a scenario may want otherwise; nothing means the client's own default.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Setup {
    /// Where the client signs in, if not at the sandbox.
    pub origin: Option<String>,
    /// Who signs in.
    pub principal: Principal,
    /// The developer key.
    pub dev_key: String,
    /// A partner's application key, in place of organisation and developer key.
    pub app_key: Option<String>,
    /// The sandbox's vendors.
    pub vendors: usize,
    /// The sandbox's idle limit for token sessions.
    pub token_idle_limit: Option<Duration>,
    /// Calls in flight.
    pub max_in_flight: Option<usize>,
    /// The margin before the idle limit.
    pub idle_margin: Option<Duration>,
    /// The client's reckoning of token sessions.
    pub token_lifetime: Option<Lifetime>,
    /// The policy of renewal.
    pub renewal: Renewal,
    /// Renewals in a row.
    pub renewals: Option<u32>,
    /// A call's deadline.
    pub deadline: Option<Duration>,
    /// An exchange's limit, in real time too.
    pub call_limit: Option<Duration>,
    /// A sign-in's limit, in real time too.
    pub sign_in_limit: Option<Duration>,
    /// The limit to connect.
    pub connect_limit: Option<Duration>,
    /// An upload's limit.
    pub upload_limit: Option<Duration>,
    /// The longest answer to a call.
    pub call_cap: Option<usize>,
    /// The longest answer to a sign-in.
    pub sign_in_cap: Option<usize>,
    /// How often a lost call that only reads is sent again; never, since the scenarios are about
    /// single exchanges unless they say otherwise.
    pub retry: Retry,
    /// The API to sign in with.
    pub sign_in_with: SignInWith,
    /// The client's own budget of sign-ins.
    pub sign_ins_an_hour: Option<u32>,
    /// The client's own budget of calls.
    pub calls_an_hour: Option<u32>,
    /// More settings of the sandbox.
    pub sandbox: fn(Builder) -> Builder,
    /// The system's clock in place of one that is moved.
    pub real_time: bool,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            origin: None,
            principal: World::user(),
            dev_key: DEMO_DEV_KEY.to_owned(),
            app_key: None,
            vendors: 3,
            token_idle_limit: None,
            max_in_flight: None,
            idle_margin: None,
            token_lifetime: None,
            renewal: Renewal::OnDemand,
            renewals: None,
            deadline: None,
            call_limit: None,
            sign_in_limit: None,
            connect_limit: None,
            upload_limit: None,
            call_cap: None,
            sign_in_cap: None,
            retry: Retry::NEVER,
            sign_in_with: SignInWith::V2,
            sign_ins_an_hour: None,
            calls_an_hour: None,
            sandbox: |builder| builder,
            real_time: false,
        }
    }
}

/// Applies a setup to the builder of either adapter, which have the same methods.
macro_rules! configured {
    ($builder:expr, $setup:expr, $clock:expr) => {{
        let setup = $setup;
        let mut builder =
            $builder.renewal(setup.renewal).retry(setup.retry).sign_in_with(setup.sign_in_with);
        if let Some(most) = setup.sign_ins_an_hour {
            builder = builder.sign_ins_an_hour(most);
        }
        if let Some(most) = setup.calls_an_hour {
            builder = builder.calls_an_hour(most);
        }
        if let Some(calls) = setup.max_in_flight {
            builder = builder.max_in_flight(calls);
        }
        if let Some(margin) = setup.idle_margin {
            builder = builder.idle_margin(margin);
        }
        if let Some(lifetime) = setup.token_lifetime {
            builder = builder.token_lifetime(lifetime);
        }
        if let Some(most) = setup.renewals {
            builder = builder.renewals(most);
        }
        if let Some(total) = setup.deadline {
            builder = builder.deadline(total);
        }
        if let Some(limit) = setup.call_limit {
            builder = builder.call_limit(limit);
        }
        if let Some(limit) = setup.sign_in_limit {
            builder = builder.sign_in_limit(limit);
        }
        if let Some(limit) = setup.connect_limit {
            builder = builder.connect_limit(limit);
        }
        if let Some(limit) = setup.upload_limit {
            builder = builder.upload_limit(limit);
        }
        if let Some(bytes) = setup.call_cap {
            builder = builder.call_cap(bytes);
        }
        if let Some(bytes) = setup.sign_in_cap {
            builder = builder.sign_in_cap(bytes);
        }
        if setup.real_time { builder.build() } else { builder.clock($clock).build() }
    }};
}

/// A sandbox with a frozen clock, a client of either adapter with a clock of its own, and what is
/// needed to run it.
///
/// At its end it asserts that the client kept to the protocol: every scenario ends so.
pub struct World {
    /// The client; nothing once it was dropped.
    client: Option<Client>,
    /// Which adapter it is of.
    pub adapter: Adapter,
    /// The client's clock.
    pub clock: WatchedClock,
    held: Weak<()>,
    runtime: Option<Runtime>,
    /// The local BILL.
    pub sandbox: Sandbox,
}

impl World {
    /// The usual world.
    pub fn new(adapter: Adapter) -> Self {
        Self::with(adapter, |_| {})
    }

    /// A world with some things otherwise.
    pub fn with(adapter: Adapter, change: impl FnOnce(&mut Setup)) -> Self {
        let mut setup = Setup::default();
        change(&mut setup);
        let sandbox = Sandbox::builder()
            .frozen_clock()
            .vendors(setup.vendors)
            .token_idle_limit(setup.token_idle_limit);
        let sandbox = (setup.sandbox)(sandbox).start().expect("a sandbox");
        let origin = setup.origin.clone().unwrap_or_else(|| sandbox.origin());
        let clock = WatchedClock::default();
        let (lent, held) = clock.lend();
        let environment = Environment::custom(&origin).expect("an origin");
        let credentials = match &setup.app_key {
            Some(app_key) => {
                let app_key = AppKey::new(app_key).expect("a key");
                Credentials::partner(setup.principal.clone(), app_key)
            }
            None => credentials(setup.principal.clone(), &setup.dev_key),
        };
        let (client, runtime) = match adapter {
            Adapter::Async => {
                let runtime = Self::new_runtime();
                let builder = bill_async::Client::builder(environment, credentials);
                let client = configured!(builder, &setup, lent);
                let client = Client::Async(client, runtime.handle().clone());
                (client, Some(runtime))
            }
            Adapter::Blocking => {
                let builder = bill_blocking::Client::builder(environment, credentials);
                (Client::Blocking(configured!(builder, &setup, lent)), None)
            }
        };
        Self { client: Some(client), adapter, clock, held, runtime, sandbox }
    }

    /// A runtime with two threads.
    pub fn new_runtime() -> Runtime {
        runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a runtime")
    }

    /// The demo user.
    pub fn user() -> Principal {
        Principal::password(DEMO_USER, DEMO_PASSWORD).expect("a user")
    }

    /// The demo user's credentials.
    pub fn credentials() -> Credentials {
        credentials(Self::user(), DEMO_DEV_KEY)
    }

    /// The demo user with a password that is wrong.
    pub fn wrong_user() -> Principal {
        Principal::password(DEMO_USER, "a-wrong-password").expect("a user")
    }

    /// The demo token.
    pub fn token() -> Principal {
        Principal::token(DEMO_TOKEN_NAME, DEMO_TOKEN_VALUE).expect("a token")
    }

    /// The client.
    pub fn client(&self) -> &Client {
        self.client.as_ref().expect("the client is not dropped yet")
    }

    /// The client, when this world is async.
    pub fn client_async(&self) -> &bill_async::Client {
        match self.client() {
            Client::Async(client, _) => client,
            Client::Blocking(_) => panic!("an async scenario"),
        }
    }

    /// The client, when this world is blocking.
    pub fn client_blocking(&self) -> &bill_blocking::Client {
        match self.client() {
            Client::Blocking(client) => client,
            Client::Async(..) => panic!("a blocking scenario"),
        }
    }

    /// The runtime of an async world.
    pub fn runtime(&self) -> &Runtime {
        self.runtime.as_ref().expect("an async scenario")
    }

    /// Runs an operation.
    ///
    /// # Errors
    ///
    /// Those of the adapter.
    pub fn run(&self, op: &Op) -> Result<Value, Error> {
        self.client().run(op)
    }

    /// Makes the cheapest call.
    ///
    /// # Errors
    ///
    /// Those of the adapter.
    pub fn call(&self) -> Result<Value, Error> {
        self.run(&Op::read())
    }

    /// Makes a call of one's own.
    ///
    /// # Errors
    ///
    /// Those of the adapter.
    pub fn send(&self, path: &str, data: Value) -> Result<Value, Error> {
        self.run(&Op::call(path, data))
    }

    /// Signs in.
    ///
    /// # Errors
    ///
    /// Those of the adapter.
    pub fn sign_in(&self) -> Result<(), Error> {
        self.run(&Op::SignIn).map(drop)
    }

    /// Signs out.
    ///
    /// # Errors
    ///
    /// Those of the adapter.
    pub fn sign_out(&self) -> Result<(), Error> {
        self.run(&Op::SignOut).map(drop)
    }

    /// A lease.
    ///
    /// # Errors
    ///
    /// Those of the adapter.
    pub fn lease(&self) -> Result<Lease, Error> {
        self.client().lease_for(Duration::ZERO)
    }

    /// Starts so many callers at once.
    pub fn start(&self, callers: usize, op: &Op) -> Herd {
        Herd::start(self.client(), callers, op)
    }

    /// Starts so many callers of another client at once.
    pub fn start_with(&self, client: &Client, callers: usize, op: &Op) -> Herd {
        Herd::start(client, callers, op)
    }

    /// What the session looks like.
    pub fn phase(&self) -> Phase {
        self.client().phase()
    }

    /// A client of another user of the same key, which counts together with this world's.
    pub fn sharing_key(&self, principal: Principal) -> Client {
        let environment = Environment::custom(&self.sandbox.origin()).expect("an origin");
        let credentials = credentials(principal, DEMO_DEV_KEY);
        let clock = self.clock.clone();
        match self.client() {
            Client::Async(other, runtime) => {
                let builder = bill_async::Client::builder(environment, credentials);
                let client = builder.sharing_key_with(other).clock(clock).build();
                Client::Async(client, runtime.clone())
            }
            Client::Blocking(other) => {
                let builder = bill_blocking::Client::builder(environment, credentials);
                Client::Blocking(builder.sharing_key_with(other).clock(clock).build())
            }
        }
    }

    /// Moves both clocks, the sandbox's first: the client may act as soon as its own has moved.
    pub fn advance(&self, by: Duration) {
        self.sandbox.advance(by);
        self.clock.advance(by);
    }

    /// The sandbox's counters.
    pub fn stats(&self) -> Stats {
        self.sandbox.stats()
    }

    /// Sign-ins that the sandbox has seen.
    pub fn sign_ins(&self) -> u64 {
        self.stats().sign_ins
    }

    /// How often the sandbox has answered with this code.
    pub fn rejected(&self, code: &str) -> u64 {
        self.stats().rejected.get(code).copied().unwrap_or_default()
    }

    /// The ordinals of the sessions that the requests of an operation used, in order.
    pub fn sessions_of(&self, operation: &str) -> Vec<u64> {
        let journal = self.sandbox.journal().into_iter();
        journal
            .filter(|entry| entry.operation == operation)
            .map(|entry| entry.session.expect("a session is sent with every call"))
            .collect()
    }

    /// The operations that came, in order.
    pub fn operations(&self) -> Vec<String> {
        let journal = self.sandbox.journal().into_iter();
        journal.map(|entry| entry.operation).collect()
    }

    /// Drops the client, and waits until whatever it shared is gone.
    pub fn drop_client(&mut self) {
        self.client = None;
        eventually("nobody holds the client's clock", || self.held.strong_count() == 0);
    }

    /// Whether anything of the client is left.
    pub fn client_is_held(&self) -> bool {
        self.held.strong_count() > 0
    }
}

fn credentials(principal: Principal, dev_key: &str) -> Credentials {
    Credentials::new(
        principal,
        OrgId::new(DEMO_ORG).expect("an organisation"),
        DevKey::new(dev_key).expect("a key"),
    )
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World")
            .field("adapter", &self.adapter)
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        // Asserting here reaches every scenario, and none can forget it; a scenario that fails by
        // itself has said enough.
        if !thread::panicking() {
            let stats = self.stats();
            assert!(stats.violations().is_empty(), "{stats:?}");
            assert_eq!(stats.secrets_in_url, 0);
        }
    }
}
