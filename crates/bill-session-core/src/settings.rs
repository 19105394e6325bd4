//! How a session behaves, and what adapters take from it; the defaults stand here and nowhere else.

use std::time::Duration;

use crate::lifetime::Lifetime;
use crate::replay::Retry;

/// When a session is renewed that no call has used for a while.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Renewal {
    /// Not before a call needs it: the fewest sign-ins.
    #[default]
    OnDemand,
    /// Sign in again as soon as the session counts as idled out: BILL's 34-minute timer.
    Ahead,
    /// Read the session before it idles out, which restarts its timer without a sign-in, so that a
    /// trust won by MFA is kept.
    KeepAlive,
}

/// The API that a client signs in with.
///
/// Calls of both use the session: BILL documents that for neither direction, and clients of others
/// are known to use a v2 session with v3.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum SignInWith {
    /// `Login.json`, the API in long-term support.
    #[default]
    V2,
    /// `POST /v3/login`, which BILL recommends for new work.
    V3,
}

/// How a [`Session`](crate::Session) behaves; the defaults are BILL's limits and the safest choices.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Settings {
    /// Calls of the organisation in flight at once; BILL allows 3.
    pub max_in_flight: usize,
    /// How long before BILL's 35 idle minutes a session counts as ended; one minute.
    pub idle_margin: Duration,
    /// How long a session lives that was made with a user-generated token; endless.
    pub token_lifetime: Lifetime,
    /// The longest time for one exchange of a call; 60 seconds.
    pub call_limit: Duration,
    /// The longest time for the exchange of an upload, and what its deadline has more than a call's;
    /// 10 minutes.
    pub upload_limit: Duration,
    /// How often, and when, a call that only reads is sent again after its outcome was lost.
    pub retry: Retry,
    /// The longest time for the exchange of a sign-in; 30 seconds.
    pub sign_in_limit: Duration,
    /// The longest time for a call in all, waiting and replays included; 2 minutes.
    pub deadline: Duration,
    /// The longest time to connect; 5 seconds.
    pub connect_limit: Duration,
    /// The longest answer to a call that is read, in bytes; 16 MiB.
    pub call_cap: usize,
    /// The longest answer to a sign-in that is read, in bytes; 1 MiB.
    pub sign_in_cap: usize,
    /// After how long without a [`beat`](crate::Session::beat) a sign-in counts as abandoned; never, unless set
    /// by an adapter that beats.
    pub heartbeat: Option<Duration>,
    /// When an idle session is renewed.
    pub renewal: Renewal,
    /// Renewals in a row without a caller's call; 12.
    pub renewals: u32,
    /// Feeds the jitter of every back-off.
    pub seed: u64,
}

impl Settings {
    /// A year, the longest limit of an exchange that an adapter takes: HTTP clients reckon with
    /// instants, which have an end.
    pub const LONGEST_LIMIT: Duration = Duration::from_secs(31_556_952);
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_in_flight: 3,
            idle_margin: Duration::from_secs(60),
            token_lifetime: Lifetime::ENDLESS,
            call_limit: Duration::from_secs(60),
            upload_limit: Duration::from_secs(600),
            retry: Retry::default(),
            sign_in_limit: Duration::from_secs(30),
            deadline: Duration::from_secs(120),
            connect_limit: Duration::from_secs(5),
            call_cap: 16 << 20,
            sign_in_cap: 1 << 20,
            heartbeat: None,
            renewal: Renewal::OnDemand,
            renewals: 12,
            seed: 0,
        }
    }
}
