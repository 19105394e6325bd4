//! The client of a cell, over either adapter.

use std::sync::LazyLock;
use std::time::Duration;

use bill_conformance::{Adapter, Client, MILLISECOND, Op, SECOND, World};
use bill_sandbox::{DEMO_DEV_KEY, DEMO_PASSWORD, DEMO_USER};
use bill_session_core::{Environment, Error, Retry};
use bill_session_host::ManualClock;
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::answers::SESSION;
use crate::canary::Canaries;
use crate::outcome::{Outcome, Step};

/// The longest answer that a client takes.
pub(crate) const CAP: usize = 100_000;

/// The limit of what is to be late.
pub(crate) const SHORT: Duration = Duration::from_millis(400);

/// The limit of what is not.
pub(crate) const LONG: Duration = Duration::from_secs(15);

static RUNTIME: LazyLock<Runtime> = LazyLock::new(World::new_runtime);

static SECRETS: LazyLock<Canaries> =
    LazyLock::new(|| Canaries::new([DEMO_USER, DEMO_PASSWORD, DEMO_DEV_KEY, SESSION]));

/// The limits of a client.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) connect: Duration,
    pub(crate) sign_in: Duration,
    pub(crate) call: Duration,
}

impl Limits {
    pub(crate) const LONG: Self = Self { connect: LONG, sign_in: LONG, call: LONG };

    /// A short one for the exchange that is to be late, so that no other is.
    pub(crate) fn short_for(step: Step) -> Self {
        match step {
            Step::SignIn => Self { sign_in: SHORT, ..Self::LONG },
            Step::Call => Self { call: SHORT, ..Self::LONG },
        }
    }
}

/// Applies the same settings to the builder of either adapter.
macro_rules! built {
    ($builder:expr, $limits:expr, $clock:expr) => {
        $builder
            .retry(Retry::NEVER)
            .connect_limit($limits.connect)
            .sign_in_limit($limits.sign_in)
            .call_limit($limits.call)
            .sign_in_cap(CAP)
            .call_cap(CAP)
            .clock($clock)
            .build()
    };
}

/// A client, and the clock that its back-offs run on.
pub(crate) struct Party {
    pub(crate) client: Client,
    clock: ManualClock,
}

impl Party {
    /// A client of BILL at this origin.
    pub(crate) fn new(adapter: Adapter, origin: &str, limits: Limits) -> Self {
        Self::of(adapter, Environment::custom(origin).unwrap(), limits, None)
    }

    /// A client of an environment, through a proxy if there is one.
    pub(crate) fn of(
        adapter: Adapter,
        environment: Environment,
        limits: Limits,
        proxy: Option<String>,
    ) -> Self {
        use bill_async::reqwest::Proxy as OfReqwest;
        use bill_blocking::ureq::Proxy as OfUreq;

        let (clock, credentials) = (ManualClock::new(), World::credentials());
        let client = match adapter {
            Adapter::Async => {
                let builder = bill_async::Client::builder(environment, credentials);
                let builder = builder.reqwest(move |builder| match &proxy {
                    Some(proxy) => builder.proxy(OfReqwest::all(proxy).unwrap()),
                    None => builder,
                });
                let client = built!(builder, limits, clock.clone());
                Client::Async(client, RUNTIME.handle().clone())
            }
            Adapter::Blocking => {
                let builder = bill_blocking::Client::builder(environment, credentials);
                let builder = builder.ureq(move |builder| match &proxy {
                    Some(proxy) => builder.proxy(Some(OfUreq::new(proxy).unwrap())),
                    None => builder,
                });
                Client::Blocking(built!(builder, limits, clock.clone()))
            }
        };
        Self { client, clock }
    }

    /// Does one step, and tells how it ended; no error says a secret.
    pub(crate) fn does(&self, step: Step) -> Outcome {
        self.does_and_tells(step).0
    }

    /// The same, with all that an error says.
    pub(crate) fn does_and_tells(&self, step: Step) -> (Outcome, String) {
        let result = match step {
            Step::SignIn => self.run(&Op::SignIn),
            Step::Call => self.run(&Op::read()),
        };
        (Outcome::of(step, &result), format!("{result:?}"))
    }

    /// Runs an operation; no error says a secret.
    pub(crate) fn run(&self, op: &Op) -> Result<Value, Error> {
        let result = self.client.run(op);
        if let Err(error) = &result {
            SECRETS.assert_absent(&format!("{error} {error:?} {error:#?}"));
        }
        result
    }

    /// Moves the clock beyond the first back-off.
    pub(crate) fn wait(&self) {
        self.clock.advance(2 * SECOND + MILLISECOND);
    }
}

/// Nothing of these bytes is one of the secrets, in whatever spelling.
pub(crate) fn assert_no_secret(bytes: &[u8]) {
    SECRETS.assert_absent(&String::from_utf8_lossy(bytes));
}

/// Whether any of these bytes is one of the secrets.
pub(crate) fn holds_secret(bytes: &[u8]) -> bool {
    SECRETS.found_in(&String::from_utf8_lossy(bytes))
}
