//! The sessions of one principal, one for each organisation that was asked for.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Deserialize;

use crate::credentials::OrgId;

/// An organisation that a user belongs to, as v2's `ListOrgs` names it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Organization {
    /// Its id, BILL's `orgId`.
    pub org_id: String,
    /// Its name.
    #[serde(default)]
    pub org_name: String,
}

/// One `S` for each organisation: whoever asks for the same again gets the same.
///
/// A program that asks for an organisation's client at each of its requests would otherwise sign in
/// at each of them.
pub struct Organizations<S>(Mutex<BTreeMap<OrgId, Arc<S>>>);

impl<S> Organizations<S> {
    /// None yet.
    pub fn new() -> Self {
        Self(Mutex::new(BTreeMap::new()))
    }

    /// That of this organisation, made if there is none yet.
    pub fn get_or_make(&self, org_id: &OrgId, make: impl FnOnce() -> Arc<S>) -> Arc<S> {
        Arc::clone(self.lock().entry(org_id.clone()).or_insert_with(make))
    }

    /// All that there are.
    pub fn all(&self) -> Vec<Arc<S>> {
        self.lock().values().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<OrgId, Arc<S>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S> Default for Organizations<S> {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> fmt::Debug for Organizations<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Organizations").field("known", &self.lock().len()).finish()
    }
}
