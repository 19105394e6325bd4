//! What a client is for life: where it signs in, to which organisation, under which key, and as whom.

use std::sync::Arc;

use serde::Serialize;

use crate::call::{Call, Task, V2};
use crate::credentials::{Credentials, DevKey, OrgId, Principal, SessionId};
use crate::environment::Environment;
use crate::error::Misuse;
use crate::identity::{Held, Identity};
use crate::limits::KeyLimits;
use crate::list::List;
use crate::wire::Base;
use crate::wire::v2::{Operation, encode_data};

/// Environment, organisation and developer key of a client, and the principal that signs in.
///
/// Only the principal can be replaced; another organisation, key or environment is another client,
/// so that no call can end up in an organisation that it was not begun for.
#[derive(Debug)]
pub struct Account {
    pub(crate) environment: Environment,
    pub(crate) org_id: OrgId,
    pub(crate) dev_key: DevKey,
    pub(crate) identity: Arc<Identity>,
    pub(crate) key: Arc<KeyLimits>,
    pub(crate) held: Arc<Held>,
}

impl Account {
    /// An account of `environment` with `credentials`, under the budgets of its developer key.
    pub fn new(environment: Environment, credentials: Credentials, key: Arc<KeyLimits>) -> Self {
        let Credentials { principal, org_id, dev_key } = credentials;
        let held = Held::default();
        held.add_credential(&dev_key.0);
        held.add_credential(&principal.name);
        held.add_credential(&principal.proof);
        Self {
            environment,
            org_id,
            dev_key,
            identity: Arc::new(Identity::new(principal)),
            key,
            held: Arc::new(held),
        }
    }

    /// The same principal, key and budgets for another organisation.
    #[must_use]
    pub fn for_organization(&self, org_id: OrgId) -> Self {
        Self {
            environment: self.environment.clone(),
            org_id,
            dev_key: self.dev_key.clone(),
            identity: Arc::clone(&self.identity),
            key: Arc::clone(&self.key),
            held: Arc::clone(&self.held),
        }
    }

    /// Where this account signs in.
    pub fn environment(&self) -> &Environment {
        &self.environment
    }

    /// The organisation that every call of this account goes to.
    pub fn org_id(&self) -> &OrgId {
        &self.org_id
    }

    /// The budgets of the developer key.
    pub fn key_limits(&self) -> &KeyLimits {
        &self.key
    }

    /// Another user name and password, or token, from now on.
    ///
    /// Tell every [`Session`](crate::Session) of the account with
    /// [`credentials_replaced`](crate::Session::credentials_replaced); those that are not told
    /// notice at their next step.
    pub fn replace_principal(&self, principal: Principal) {
        self.held.add_credential(&principal.name);
        self.held.add_credential(&principal.proof);
        self.key.lift();
        self.identity.replace(principal);
    }

    /// A v2 call, such as `v2("List/Vendor", &data)`; nothing is sent yet.
    ///
    /// Data that serialises to JSON's `null`, such as `&()`, is left out: operations such as
    /// `GetSessionInfo` take none.
    ///
    /// # Errors
    ///
    /// [`Misuse`] when the path holds a query, a fragment, `..`, a secret of this client or a
    /// character that no path of BILL's has, when it is `Login` or `Logout`, or when the data does
    /// not serialise.
    pub fn v2<D: Serialize + ?Sized>(&self, path: &str, data: &D) -> Result<Call, Misuse> {
        let operation = Operation::new(path, &self.held)?;
        let json = serde_json::to_string(data).map_err(|_| Misuse::Data)?;
        let data = if json == "null" { String::new() } else { encode_data(&json) };
        Ok(Call::new(Task::V2(Arc::new(V2 { operation, data }))))
    }

    /// A list of all entries of a kind, such as `list("Vendor")`, read page by page.
    pub fn list(&self, entity: &str) -> List {
        List::new(entity)
    }
}

/// A session, as a sign-in brought it, with all that is needed to use it.
#[derive(Debug)]
pub(crate) struct SignedIn {
    pub(crate) account: Arc<Account>,
    pub(crate) session_id: SessionId,
    pub(crate) base: Base,
    pub(crate) user_id: Option<String>,
}
