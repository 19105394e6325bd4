//! What the sandbox counted.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::violation::Violation;

/// The sandbox's counters at one moment; the JSON of `GET /_sandbox/stats`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Stats {
    /// Sign-ins of either generation, whether they were answered or not; `ListOrgs` is a call.
    pub sign_ins: u64,
    /// Those of them that came in v3, partners included.
    pub sign_ins_v3: u64,
    /// Sign-ins that made a session.
    pub sign_ins_succeeded: u64,
    /// Those of them whose session was trusted from its beginning.
    pub sign_ins_trusted: u64,
    /// Sign-outs that ended a session.
    pub sign_outs: u64,
    /// Sessions that would be accepted now.
    pub sessions_alive: u64,
    /// All other requests, unknown paths included, the control endpoints aside.
    pub calls: u64,
    /// Those of them that came in v3.
    pub calls_v3: u64,
    /// Requests that have been read and not yet been answered, and files that are on their way to
    /// v3.
    pub in_flight: u64,
    /// The largest number of requests in flight at one moment.
    pub max_in_flight: u64,
    /// The same for each developer key and organisation, such as `key 1 / 00800000000000000001`.
    ///
    /// The number is the key's position among those that the sandbox knows, so that the key
    /// itself is not shown.
    pub max_in_flight_by_key: BTreeMap<String, u64>,
    /// Refused requests, by BILL's code or by the name of a strictness counter.
    pub rejected: BTreeMap<String, u64>,
    /// Requests beyond the limit of calls in an hour.
    pub limited_calls: u64,
    /// Requests beyond the limit of sign-ins in an hour.
    pub limited_sign_ins: u64,
    /// Requests beyond the limit of calls at once.
    pub limited_concurrent: u64,
    /// Challenges of a second factor that were begun.
    pub mfa_challenges: u64,
    /// Challenges that were passed.
    pub mfa_passed: u64,
    /// Answers to a challenge that were refused.
    pub mfa_failed: u64,
    /// Sessions that a remembered device has raised.
    pub mfa_step_ups: u64,
    /// Files that were uploaded.
    pub uploads: u64,
    /// Requests whose URL held a credential or a session.
    pub secrets_in_url: u64,
    /// Requests that a fault was applied to.
    pub faults_applied: u64,
}

impl Stats {
    /// The strictness counters that are not zero; empty for a client that keeps to the protocol.
    ///
    /// BILL's own codes do not count: a client may well be told that its session is invalid.
    pub fn violations(&self) -> BTreeMap<String, u64> {
        let strict = self.rejected.iter().filter(|(name, _)| Violation::is_name(name));
        strict.map(|(name, count)| (name.clone(), *count)).collect()
    }
}
