//! Everything that the sandbox knows, behind one lock.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Instant;

use crate::accounts::Accounts;
use crate::answer::Generation;
use crate::claim::{Claim, Sort};
use crate::clock::Clock;
use crate::fault::Faults;
use crate::hold::{Gate, LONGEST_WAIT, Stage, WaitTimeout};
use crate::journal::Journal;
use crate::limits::{Limit, Limits, Place};
use crate::mfa::Mfa;
use crate::seed::Seed;
use crate::sessions::Sessions;
use crate::stats::Stats;
use crate::store::Store;
use crate::uploads::{Digest, Upload};
use crate::v3::Cursors;

/// The operations that make a session.
const SIGN_INS: [&str; 3] = ["Login", "v3/Login", "v3/PartnerLogin"];

// A sandbox that runs for weeks must not grow without bound.
const MOST_UPLOADS: usize = 10_000;

#[derive(Debug)]
pub(crate) struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) origin: String,
    pub(crate) clock: Clock,
    pub(crate) accounts: Accounts,
    pub(crate) sessions: Sessions,
    pub(crate) mfa: Mfa,
    pub(crate) limits: Limits,
    pub(crate) token_refuses: Vec<String>,
    pub(crate) untrusted_refuses: Vec<String>,
    /// Whether the answer to a sign-in in v3 says if the session is trusted.
    pub(crate) tells_trust: bool,
    pub(crate) largest_file: u64,
    pub(crate) uploads: VecDeque<Upload>,
    pub(crate) cursors: Cursors,
    pub(crate) vendors: usize,
    pub(crate) stores: BTreeMap<String, Store>,
    pub(crate) faults: Faults,
    pub(crate) gates: Vec<Arc<Gate>>,
    pub(crate) journal: Journal,
    pub(crate) counted: Stats,
    pub(crate) in_flight_by_key: BTreeMap<String, u64>,
}

impl Shared {
    pub(crate) fn new(state: State) -> Self {
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }

    pub(crate) fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        let done = work(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_all();
        done
    }

    pub(crate) fn wait_until(&self, there: impl Fn(&Stats) -> bool) -> Result<Stats, WaitTimeout> {
        let deadline = Instant::now() + LONGEST_WAIT;
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let stats = state.stats();
            if there(&stats) {
                return Ok(stats);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let awaited = "a condition on the stats".to_owned();
                return Err(WaitTimeout { awaited, seen: format!("{stats:?}") });
            }
            let waited = self.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl State {
    pub(crate) fn stats(&self) -> Stats {
        let sessions_alive = self.sessions.alive(self.clock.now());
        Stats { sessions_alive, ..self.counted.clone() }
    }

    /// Every value that must never be seen in a URL.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = &str> {
        self.accounts.secrets().chain(self.sessions.ids()).chain(self.mfa.secrets())
    }

    /// The organisation that a request is for, if it says so or its session does.
    pub(crate) fn organization<'a>(&'a self, claim: &'a Claim) -> Option<&'a str> {
        let of_session = || self.sessions.organization(claim.session.as_deref()?);
        claim.organization.as_deref().or_else(of_session)
    }

    /// Counts a request that has come.
    pub(crate) fn count(&mut self, operation: &str, generation: Generation) {
        let counted = &mut self.counted;
        let (all, of_v3) = if SIGN_INS.contains(&operation) {
            (&mut counted.sign_ins, &mut counted.sign_ins_v3)
        } else {
            (&mut counted.calls, &mut counted.calls_v3)
        };
        *all += 1;
        *of_v3 += u64::from(generation == Generation::V3);
    }

    /// Asks the limits whether a request with a known key may pass.
    pub(crate) fn admit(&mut self, claim: &Claim, key: &str) -> Result<Place, Limit> {
        // A session that is dead, or of another key, is refused as such, whatever else goes on.
        let session = claim.session.as_deref().zip(claim.key.as_ref());
        let now = self.clock.now();
        let alive = session.and_then(|(id, key)| self.sessions.look(id, key, now));
        let organization = match claim.sort {
            Sort::SignIn => claim.organization.as_deref(),
            Sort::Call => alive.map(|session| session.organization.as_str()),
        };
        let admitted = self.limits.admit(claim.sort, key, organization, self.clock.wall());
        match admitted {
            Err(Limit::Calls) => self.counted.limited_calls += 1,
            Err(Limit::SignIns) => self.counted.limited_sign_ins += 1,
            Err(Limit::Concurrent) => self.counted.limited_concurrent += 1,
            Ok(_) => {}
        }
        admitted
    }

    /// The entities of an organisation.
    pub(crate) fn store(&mut self, organization: &str) -> &mut Store {
        let position = self.accounts.organizations().iter().position(|id| id == organization);
        let seed = Seed { organization: position.unwrap_or_default() + 1, vendors: self.vendors };
        self.stores.entry(organization.to_owned()).or_insert_with(|| Store::new(seed))
    }

    /// Keeps what is known of a file, and gives its id.
    pub(crate) fn keep(
        &mut self,
        organization: &str,
        object: &str,
        name: &str,
        file: Digest,
    ) -> String {
        let id = self.store(organization).id("Document");
        if self.uploads.len() == MOST_UPLOADS {
            self.uploads.pop_front();
        }
        self.counted.uploads += 1;
        self.uploads.push_back(Upload {
            id: id.clone(),
            organization: organization.to_owned(),
            object: object.to_owned(),
            name: name.to_owned(),
            length: file.length,
            checksum: file.checksum,
        });
        id
    }

    /// The hold that stops a request at this stage, if there is one.
    pub(crate) fn gate(&mut self, operation: &str, stage: Stage) -> Option<Arc<Gate>> {
        self.gates.retain(|gate| !gate.is_open());
        self.gates.iter().find(|gate| gate.stops(operation, stage)).cloned()
    }

    pub(crate) fn reject(&mut self, name: &str) {
        *self.counted.rejected.entry(name.to_owned()).or_default() += 1;
    }

    pub(crate) fn enter(&mut self, key: Option<&str>) {
        self.counted.in_flight += 1;
        self.counted.max_in_flight = self.counted.max_in_flight.max(self.counted.in_flight);
        if let Some(key) = key {
            let now = self.in_flight_by_key.entry(key.to_owned()).or_default();
            *now += 1;
            let max = self.counted.max_in_flight_by_key.entry(key.to_owned()).or_default();
            *max = (*max).max(*now);
        }
    }

    pub(crate) fn leave(&mut self, key: Option<&str>, place: Option<Place>) {
        if let Some(place) = place {
            self.limits.leave(place);
        }
        self.counted.in_flight = self.counted.in_flight.saturating_sub(1);
        if let Some(now) = key.and_then(|key| self.in_flight_by_key.get_mut(key)) {
            *now = now.saturating_sub(1);
        }
    }
}
