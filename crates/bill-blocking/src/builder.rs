//! How a client is put together.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

#[cfg(feature = "test-util")]
use bill_session_core::TransportError;
use bill_session_core::{
    Account, Credentials, CredentialsWarning, Environment, KeyLimits, Lifetime, Renewal, Retry,
    Settings, SignInWith,
};
use bill_session_host::{Clock, SystemClock};
#[cfg(feature = "test-util")]
use bytes::Bytes;
#[cfg(feature = "test-util")]
use http::{Request, Response};
use ureq::config::ConfigBuilder;
use ureq::typestate::AgentScope;

use crate::client::Client;
use crate::group::Group;
use crate::http::Http;
#[cfg(feature = "test-util")]
use crate::scripted::Script;
use crate::sync::seed;
use crate::transport::Transport;

/// Settings of a [`Client`]; the defaults are BILL's limits, and none of them is infinite.
#[must_use = "a client is made by `build`"]
pub struct ClientBuilder {
    environment: Environment,
    credentials: Credentials,
    sign_in_with: SignInWith,
    sign_ins_an_hour: u32,
    calls_an_hour: u32,
    key: Option<Arc<KeyLimits>>,
    settings: Settings,
    clock: Arc<dyn Clock>,
    customize: Box<dyn FnOnce(ConfigBuilder<AgentScope>) -> ConfigBuilder<AgentScope> + Send>,
    #[cfg(feature = "test-util")]
    script: Option<Script>,
}

impl ClientBuilder {
    pub(crate) fn new(environment: Environment, credentials: Credentials) -> Self {
        let mut settings = Settings::default();
        settings.seed = seed();
        Self {
            environment,
            credentials,
            sign_in_with: SignInWith::default(),
            sign_ins_an_hour: KeyLimits::SIGN_INS_AN_HOUR,
            calls_an_hour: KeyLimits::CALLS_AN_HOUR,
            key: None,
            settings,
            clock: Arc::new(SystemClock::new()),
            customize: Box::new(|config| config),
            #[cfg(feature = "test-util")]
            script: None,
        }
    }

    /// Calls of the organisation in flight at once; 3, as BILL allows.
    pub fn max_in_flight(mut self, calls: usize) -> Self {
        self.settings.max_in_flight = calls;
        self
    }

    /// The API to sign in with; v2.
    ///
    /// An accountant console's token and a partner sign in with v3 in any case.
    pub fn sign_in_with(mut self, api: SignInWith) -> Self {
        self.sign_in_with = api;
        self
    }

    /// Sign-ins an hour of the developer key, of which this process may have only a share; 200.
    pub fn sign_ins_an_hour(mut self, most: u32) -> Self {
        self.sign_ins_an_hour = most;
        self
    }

    /// Calls an hour of the developer key, of which this process may have only a share; 20,000.
    pub fn calls_an_hour(mut self, most: u32) -> Self {
        self.calls_an_hour = most;
        self
    }

    /// Counts together with another client of the same developer key, under that client's budgets.
    ///
    /// Clients that [`Client::for_organization`] makes do so anyway; this is for another user.
    pub fn sharing_key_with(mut self, other: &Client) -> Self {
        self.key = Some(Arc::clone(other.account().key_limits()));
        self
    }

    /// How often, and when, a call that only reads is sent again after its outcome was lost; two
    /// more tries.
    pub fn retry(mut self, retry: Retry) -> Self {
        self.settings.retry = retry;
        self
    }

    /// The longest time for the exchange of an upload, a year at most; 10 minutes.
    pub fn upload_limit(mut self, limit: Duration) -> Self {
        self.settings.upload_limit = limit.min(Settings::LONGEST_LIMIT);
        self
    }

    /// How long before BILL's idle limit a session is no longer used; one minute.
    pub fn idle_margin(mut self, margin: Duration) -> Self {
        self.settings.idle_margin = margin;
        self
    }

    /// How long a session lives that was made with a user-generated token; it does not expire.
    pub fn token_lifetime(mut self, lifetime: Lifetime) -> Self {
        self.settings.token_lifetime = lifetime;
        self
    }

    /// When an idle session is renewed; on demand.
    pub fn renewal(mut self, renewal: Renewal) -> Self {
        self.settings.renewal = renewal;
        self
    }

    /// Renewals in a row without a call of the program's; 12.
    pub fn renewals(mut self, most: u32) -> Self {
        self.settings.renewals = most;
        self
    }

    /// The longest time for a call in all, waiting and replays included; two minutes.
    pub fn deadline(mut self, total: Duration) -> Self {
        self.settings.deadline = total;
        self
    }

    /// The longest time for one exchange of a call, a year at most; one minute.
    pub fn call_limit(mut self, limit: Duration) -> Self {
        self.settings.call_limit = limit.min(Settings::LONGEST_LIMIT);
        self
    }

    /// The longest time for the exchange of a sign-in, a year at most; 30 seconds.
    pub fn sign_in_limit(mut self, limit: Duration) -> Self {
        self.settings.sign_in_limit = limit.min(Settings::LONGEST_LIMIT);
        self
    }

    /// The longest time to connect, a year at most; 5 seconds.
    pub fn connect_limit(mut self, limit: Duration) -> Self {
        self.settings.connect_limit = limit.min(Settings::LONGEST_LIMIT);
        self
    }

    /// The longest answer to a call that is read, in bytes; 16 MiB.
    pub fn call_cap(mut self, bytes: usize) -> Self {
        self.settings.call_cap = bytes;
        self
    }

    /// The longest answer to a sign-in that is read, in bytes; 1 MiB.
    pub fn sign_in_cap(mut self, bytes: usize) -> Self {
        self.settings.sign_in_cap = bytes;
        self
    }

    /// Another clock than the system's, such as one that a test moves.
    ///
    /// Deadlines and back-offs run on it too: a call that waits on a clock which stands still goes on
    /// when another thread moves the clock.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Settings of the HTTP client beyond these, such as a proxy.
    ///
    /// Whatever could carry a secret elsewhere or hide BILL's own error is overridden: redirects,
    /// errors made of statuses, plain HTTP to other machines, the TLS settings, time limits, and
    /// proxies for loopback. Cookies are not, since their switch is behind a feature of ureq's:
    /// leave it off. A middleware sees answers' bodies veiled, which keeps them out of ureq's log.
    pub fn ureq(
        mut self,
        customize: impl FnOnce(ConfigBuilder<AgentScope>) -> ConfigBuilder<AgentScope> + Send + 'static,
    ) -> Self {
        self.customize = Box::new(customize);
        self
    }

    /// Answers requests by a script instead of over HTTP.
    #[cfg(feature = "test-util")]
    pub fn scripted(
        mut self,
        script: impl Fn(Request<Bytes>) -> Result<Response<Bytes>, TransportError>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        self.script = Some(Script::new(script));
        self
    }

    /// What looks wrong about the credentials without being certainly wrong.
    pub fn warnings(&self) -> Vec<CredentialsWarning> {
        self.credentials.warnings()
    }

    /// The client. Nothing is sent, and nothing is started, before its first call.
    pub fn build(self) -> Client {
        for warning in self.credentials.warnings() {
            log::warn!("{warning}");
        }
        let now = self.clock.now();
        let http = Http::new(
            &self.environment,
            self.settings.connect_limit,
            self.settings.sign_in_limit,
            self.customize,
        );
        #[cfg(feature = "test-util")]
        let transport =
            self.script.map_or_else(|| Transport::Http(Box::new(http)), Transport::Scripted);
        #[cfg(not(feature = "test-util"))]
        let transport = Transport::Http(Box::new(http));
        let own_key = || KeyLimits::with(self.sign_ins_an_hour, self.calls_an_hour, now);
        let key = self.key.unwrap_or_else(|| Arc::new(own_key()));
        let account = Account::new(self.environment, self.credentials, key);
        let group = Group::new(self.settings, transport, self.clock);
        Client { hold: group.hold(account.sign_in_with(self.sign_in_with)) }
    }
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder")
            .field("environment", &self.environment)
            .field("credentials", &self.credentials)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
