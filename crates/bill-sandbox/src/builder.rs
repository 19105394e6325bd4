//! Settings of a sandbox, and the ways in which it can fail to start.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, SystemTime};

use thiserror::Error;

use crate::accounts::{Accounts, Kind};
use crate::clock::Clock;
use crate::fault::Faults;
use crate::journal::Journal;
use crate::limits::{self, Limits};
use crate::mfa::{self, Mfa};
use crate::sandbox::Sandbox;
use crate::sessions::Sessions;
use crate::state::State;
use crate::stats::Stats;
use crate::v3::Cursors;

// What BILL calls limited access: a token's session moves no money and knows no second factor.
const LIMITED: [&str; 13] = [
    "Crud/Create/SentPay",
    "Crud/Update/SentPay",
    "Crud/Delete/SentPay",
    "Crud/Create/BankAccount",
    "Crud/Update/BankAccount",
    "Crud/Delete/BankAccount",
    "PayBills",
    "MFAChallenge",
    "MFAAuthenticate",
    "v3/Create/payments",
    "v3/MFAChallenge",
    "v3/MFAValidate",
    "v3/MFAStepUp",
];

// What BILL asks a second factor for.
const TRUSTED: [&str; 2] = ["PayBills", "v3/Create/payments"];

const LARGEST_FILE: u64 = 64 * 1024 * 1024;

/// Why a sandbox did not start.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StartError {
    /// Another program listens on the address.
    #[error("{addr} is in use{}", suggestion(*free))]
    #[non_exhaustive]
    Busy {
        /// The address that was asked for.
        addr: SocketAddr,
        /// An address on the same host that was free a moment ago.
        free: Option<SocketAddr>,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The address can be reached from other machines.
    #[error("{addr} is no loopback address, and everyone knows the sandbox's passwords")]
    #[non_exhaustive]
    NotLoopback {
        /// The address that was asked for.
        addr: SocketAddr,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {addr}")]
    #[non_exhaustive]
    Listen {
        /// The address that was asked for.
        addr: SocketAddr,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The sandbox's thread cannot be made.
    #[error("cannot start the sandbox's thread")]
    #[non_exhaustive]
    Thread {
        /// The error of the operating system.
        source: io::Error,
    },
}

/// Settings of a sandbox, to be ended with [`Builder::start`].
#[derive(Debug, Clone)]
#[must_use]
pub struct Builder {
    pub(crate) addr: SocketAddr,
    pub(crate) any_address: bool,
    pub(crate) frozen: bool,
    pub(crate) vendors: usize,
    pub(crate) accounts: Accounts,
    pub(crate) token_idle_limit: Option<Duration>,
    pub(crate) token_refuses: Vec<String>,
    pub(crate) untrusted_refuses: Vec<String>,
    pub(crate) starts_at: Option<SystemTime>,
    pub(crate) limits: limits::Rules,
    pub(crate) mfa: mfa::Rules,
    pub(crate) tells_trust: bool,
    pub(crate) largest_file: u64,
}

impl Builder {
    pub(crate) fn new() -> Self {
        Self {
            addr: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            any_address: false,
            frozen: false,
            vendors: 2_500,
            accounts: Accounts::default(),
            token_idle_limit: None,
            token_refuses: LIMITED.map(str::to_owned).to_vec(),
            untrusted_refuses: TRUSTED.map(str::to_owned).to_vec(),
            starts_at: None,
            limits: limits::Rules::default(),
            mfa: mfa::Rules::default(),
            tells_trust: true,
            largest_file: LARGEST_FILE,
        }
    }

    /// Listens on this address instead of a free port of 127.0.0.1.
    pub fn listen(self, addr: SocketAddr) -> Self {
        Self { addr, ..self }
    }

    /// Accepts an address that other machines can reach.
    pub fn allow_any_address(self) -> Self {
        Self { any_address: true, ..self }
    }

    /// Makes the clock stand still except when it is advanced, for tests of exact moments.
    pub fn frozen_clock(self) -> Self {
        Self { frozen: true, ..self }
    }

    /// Starts the clock at this time of day instead of the machine's, so that a test knows when the
    /// clock hour of BILL's limits ends. A time before 1970 counts as the first moment of 1970.
    pub fn starts_at(self, wall: SystemTime) -> Self {
        Self { starts_at: Some(wall), ..self }
    }

    /// Gives every organisation so many vendors instead of 2,500.
    pub fn vendors(self, vendors: usize) -> Self {
        Self { vendors, ..self }
    }

    /// Adds a user to the demo accounts.
    pub fn user(mut self, name: impl Into<String>, password: impl Into<String>) -> Self {
        self.accounts.add_login(name.into(), password.into(), Kind::Password);
        self
    }

    /// Adds a user-generated token to the demo accounts.
    pub fn token(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.accounts.add_login(name.into(), value.into(), Kind::Token);
        self
    }

    /// Adds a token of the accountant console, which a user may give in place of the password.
    pub fn console_token(mut self, user: impl Into<String>, token: impl Into<String>) -> Self {
        self.accounts.add_console_token(user.into(), token.into());
        self
    }

    /// Adds a partner to the demo partner.
    pub fn partner(mut self, name: impl Into<String>, password: impl Into<String>) -> Self {
        self.accounts.add_login(name.into(), password.into(), Kind::Partner);
        self
    }

    /// Adds an application key to the demo partner's.
    pub fn app_key(mut self, key: impl Into<String>) -> Self {
        self.accounts.add_app_key(key.into());
        self
    }

    /// Adds a developer key to the demo key.
    pub fn dev_key(mut self, key: impl Into<String>) -> Self {
        self.accounts.add_dev_key(key.into());
        self
    }

    /// Adds an organisation to the two demo organisations.
    pub fn organization(mut self, id: impl Into<String>) -> Self {
        self.accounts.add_organization(id.into());
        self
    }

    /// Starts the sandbox; it may be called from async and from blocking code.
    ///
    /// # Errors
    ///
    /// The address is in use, not allowed or not one of this machine.
    pub fn start(self) -> Result<Sandbox, StartError> {
        Sandbox::launch(self)
    }

    pub(crate) fn state(self, addr: SocketAddr) -> State {
        State {
            origin: format!("http://{addr}"),
            clock: Clock::new(self.frozen, self.starts_at),
            accounts: self.accounts,
            sessions: Sessions::new(self.token_idle_limit),
            mfa: Mfa::new(self.mfa),
            limits: Limits::new(self.limits),
            token_refuses: self.token_refuses,
            untrusted_refuses: self.untrusted_refuses,
            tells_trust: self.tells_trust,
            largest_file: self.largest_file,
            uploads: VecDeque::new(),
            cursors: Cursors::default(),
            vendors: self.vendors,
            stores: BTreeMap::new(),
            faults: Faults::default(),
            gates: Vec::new(),
            journal: Journal::default(),
            counted: Stats::default(),
            in_flight_by_key: BTreeMap::new(),
        }
    }
}

fn suggestion(free: Option<SocketAddr>) -> String {
    free.map_or_else(String::new, |free| format!("; {free} is free"))
}
