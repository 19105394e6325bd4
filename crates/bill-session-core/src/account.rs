//! What a client is for life: where it signs in, to which organisation, under which key, and as whom.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Method, Request};
use serde::Serialize;

use crate::call::{Call, Task, V2};
use crate::credentials::{
    ApiKey, Credentials, DevKey, OrgId, Principal, RememberedDevice, Secret, SessionId,
};
use crate::environment::Environment;
use crate::error::Misuse;
use crate::held::Held;
use crate::identity::Identity;
use crate::limits::KeyLimits;
use crate::list::List;
use crate::settings::SignInWith;
use crate::v3_request::V3Request;
use crate::wire::v2::{Operation, encode_data};
use crate::wire::v3::{KeyHeader, SessionHeaders};
use crate::wire::{Base, v2, v3};

/// Environment, organisation and developer key of a client, and the principal that signs in.
///
/// Only the principal can be replaced; another organisation, key or environment is another client,
/// so that no call can end up in an organisation that it was not begun for.
#[derive(Debug)]
pub struct Account {
    pub(crate) access: Arc<Access>,
    sign_in_with: SignInWith,
    pub(crate) org_id: Option<OrgId>,
    pub(crate) identity: Arc<Identity>,
    pub(crate) key: Arc<KeyLimits>,
    pub(crate) held: Arc<Held>,
}

/// Where the calls of a client go, whatever their organisation, and the key that they carry.
#[derive(Debug)]
pub(crate) struct Access {
    pub(crate) environment: Environment,
    pub(crate) base: Base,
    pub(crate) gateway: Base,
    pub(crate) api_key: ApiKey,
    /// Nothing when the key is none that a header can hold.
    pub(crate) key_header: Option<KeyHeader>,
}

impl Account {
    /// An account of `environment` with `credentials`, under the budgets of its developer key.
    ///
    /// It signs in with v2, unless the credentials are of a kind that only v3 has.
    pub fn new(environment: Environment, credentials: Credentials, key: Arc<KeyLimits>) -> Self {
        let Credentials { principal, org_id, api_key } = credentials;
        let held = Held::default();
        held.add_credential(api_key.secret());
        held.add_principal(&principal);
        Self {
            access: Arc::new(Access {
                base: environment.base(),
                gateway: environment.gateway(),
                environment,
                key_header: KeyHeader::new(&api_key),
                api_key,
            }),
            sign_in_with: SignInWith::default(),
            org_id,
            identity: Arc::new(Identity::new(principal)),
            key,
            held: Arc::new(held),
        }
    }

    /// The same, signing in with this API.
    #[must_use]
    pub fn sign_in_with(self, api: SignInWith) -> Self {
        Self { sign_in_with: api, ..self }
    }

    /// The same principal, key and budgets for another organisation.
    ///
    /// # Errors
    ///
    /// [`Misuse::Partner`] when it is a partner's account, which belongs to no organisation.
    pub fn for_organization(&self, org_id: OrgId) -> Result<Self, Misuse> {
        if self.access.api_key.is_app() {
            return Err(Misuse::Partner);
        }
        Ok(Self {
            access: Arc::clone(&self.access),
            sign_in_with: self.sign_in_with,
            org_id: Some(org_id),
            identity: Arc::clone(&self.identity),
            key: Arc::clone(&self.key),
            held: Arc::clone(&self.held),
        })
    }

    /// Where this account signs in.
    pub fn environment(&self) -> &Environment {
        &self.access.environment
    }

    /// The organisation that every call of this account goes to; a partner's goes to none.
    pub fn org_id(&self) -> Option<&OrgId> {
        self.org_id.as_ref()
    }

    /// The budgets of the developer key.
    pub fn key_limits(&self) -> &Arc<KeyLimits> {
        &self.key
    }

    /// The device that BILL remembers the principal by, sent with every sign-in.
    ///
    /// It is the principal's own, or the one of the last challenge that was answered so.
    pub fn remembered_device(&self) -> Option<Arc<RememberedDevice>> {
        self.identity.device()
    }

    /// Another user name and password, or token, from now on.
    ///
    /// Tell every [`Session`](crate::Session) of the account with
    /// [`credentials_replaced`](crate::Session::credentials_replaced); those that are not told
    /// notice at their next step.
    pub fn replace_principal(&self, principal: Principal) {
        self.held.add_principal(&principal);
        self.key.lift();
        self.identity.replace(principal);
    }

    /// Whether sessions of other organisations wait for what becomes of the principal, so that they
    /// are to be told to look again; asking forgets it.
    pub fn take_awaited(&self) -> bool {
        self.identity.take_awaited()
    }

    /// A v2 call, such as `v2("List/Vendor", &data)`; nothing is sent yet.
    ///
    /// Data that serialises to JSON's `null`, such as `&()`, is left out: operations such as
    /// `GetSessionInfo` take none.
    ///
    /// # Errors
    ///
    /// [`Misuse`] when the path holds a query, a fragment, `..`, a secret of this client or a
    /// character that no path of BILL's has, when it has a method of its own, such as `Login`, when
    /// the data does not serialise, or when the account is a partner's.
    pub fn v2<D: Serialize + ?Sized>(&self, path: &str, data: &D) -> Result<Call, Misuse> {
        self.dev_key()?;
        let operation = Operation::new(path, &self.held)?;
        let data = encode_data(data)?;
        Ok(Call::new(Task::V2(Arc::new(V2 { operation, data }))))
    }

    /// A v3 call, such as `v3(Method::GET, "/v3/vendors")`; nothing is checked or sent yet.
    pub fn v3(&self, method: Method, path: &str) -> V3Request {
        V3Request::new(method, path)
    }

    /// A list of all entries of a kind, such as `list("Vendor")`, read page by page.
    pub fn list(&self, entity: &str) -> List {
        List::new(entity)
    }

    /// The organisations that the user belongs to, by v2's `ListOrgs`: it needs no session, and
    /// counts in the budget of sign-ins.
    ///
    /// # Errors
    ///
    /// [`Misuse::Partner`] when the account is a partner's, and [`Misuse::V3Only`] when a console's
    /// token signs in.
    pub fn list_orgs(&self) -> Result<Call, Misuse> {
        if self.identity.current().0.is_console() {
            return Err(Misuse::V3Only);
        }
        self.dev_key().map(|_| Call::new(Task::ListOrgs(None)))
    }

    pub(crate) fn dev_key(&self) -> Result<&DevKey, Misuse> {
        match &self.access.api_key {
            ApiKey::Dev(dev_key) => Ok(dev_key),
            ApiKey::App(_) => Err(Misuse::Partner),
        }
    }

    /// The API that a sign-in of this principal goes to.
    pub(crate) fn api_for(&self, principal: &Principal) -> Api {
        match self.sign_in_with {
            _ if self.access.api_key.is_app() => Api::V3,
            SignInWith::V2 if !principal.is_console() => Api::V2,
            _ => Api::V3,
        }
    }

    /// The sign-in of this principal.
    pub(crate) fn sign_in(
        &self,
        principal: &Principal,
        device: Option<&RememberedDevice>,
    ) -> Request<Bytes> {
        let Access { base, gateway, api_key, .. } = &*self.access;
        let dev_key = match api_key {
            ApiKey::Dev(dev_key) => dev_key,
            ApiKey::App(app_key) => return v3::partner_sign_in(gateway, principal, app_key),
        };
        // Only a partner has no organisation.
        let org_id = self.org_id.as_ref().map_or("", OrgId::as_str);
        match self.api_for(principal) {
            Api::V2 => v2::sign_in(base, principal, org_id, dev_key, device),
            Api::V3 => v3::sign_in(gateway, principal, org_id, dev_key, device),
        }
    }
}

/// The API that a session was made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Api {
    V2,
    V3,
}

/// A session, as a sign-in brought it, with all that is needed to use it.
#[derive(Debug)]
pub(crate) struct SignedIn {
    pub(crate) account: Arc<Account>,
    pub(crate) api: Api,
    /// That of the principal that it was made with.
    pub(crate) version: u64,
    pub(crate) session_id: SessionId,
    pub(crate) session_header: HeaderValue,
    /// v2's base, where the sign-in has moved it.
    pub(crate) moved_to: Option<Box<Base>>,
    pub(crate) user_id: Option<Box<str>>,
}

impl SignedIn {
    /// What a sign-in has brought; its id is held as long as this lives, and a while longer.
    pub(crate) fn new(
        account: Arc<Account>,
        api: Api,
        version: u64,
        session_id: SessionId,
        session_header: HeaderValue,
    ) -> Self {
        account.held.hold_session_id(&session_id.0);
        Self { account, api, version, session_id, session_header, moved_to: None, user_id: None }
    }

    /// What a call is sent with that needs no session.
    pub(crate) fn nobody(account: Arc<Account>) -> Self {
        Self {
            api: Api::V2,
            version: account.identity.version(),
            session_id: SessionId(Secret::new(String::new())),
            session_header: HeaderValue::from_static(""),
            moved_to: None,
            user_id: None,
            account,
        }
    }

    /// The origin of the v2 API.
    pub(crate) fn base(&self) -> &Base {
        self.moved_to.as_deref().unwrap_or(&self.account.access.base)
    }

    /// The origin of the v3 API.
    pub(crate) fn gateway(&self) -> &Base {
        &self.account.access.gateway
    }

    /// What a call of v3's carries.
    pub(crate) fn headers(&self) -> SessionHeaders<'_> {
        let key = self.account.access.key_header.as_ref();
        SessionHeaders { session_id: &self.session_header, key }
    }
}

impl Drop for SignedIn {
    fn drop(&mut self) {
        self.account.held.release_session_id(&self.session_id.0);
    }
}
