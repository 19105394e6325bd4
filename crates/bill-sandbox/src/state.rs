//! Everything that the sandbox knows, behind one lock.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Instant;

use crate::accounts::Accounts;
use crate::clock::Clock;
use crate::fault::Faults;
use crate::hold::{Gate, LONGEST_WAIT, Stage, WaitTimeout};
use crate::journal::Journal;
use crate::seed::Seed;
use crate::sessions::Sessions;
use crate::stats::Stats;
use crate::store::Store;

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
    pub(crate) token_refuses: Vec<String>,
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

    /// The entities of an organisation.
    pub(crate) fn store(&mut self, organization: &str) -> &mut Store {
        let position = self.accounts.organizations().iter().position(|id| id == organization);
        let seed = Seed { organization: position.unwrap_or_default() + 1, vendors: self.vendors };
        self.stores.entry(organization.to_owned()).or_insert_with(|| Store::new(seed))
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

    pub(crate) fn leave(&mut self, key: Option<&str>) {
        self.counted.in_flight = self.counted.in_flight.saturating_sub(1);
        if let Some(now) = key.and_then(|key| self.in_flight_by_key.get_mut(key)) {
            *now = now.saturating_sub(1);
        }
    }
}
