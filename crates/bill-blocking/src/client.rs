//! The client: what a program holds, and the operations that it offers.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bill_session_core::{
    Account, Call, Credentials, Environment, Error, Finished, List as Listing, Misuse, NotFollowed,
    OrgId, Organization, Principal, Retry, SessionId, Status, V3Request, Verdict,
};
use bytes::Bytes;
use http::{Method, Request};
use serde::Serialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use crate::builder::ClientBuilder;
use crate::content::Content;
use crate::drive::{Shared, run, run_with};
use crate::events::Events;
use crate::group::Hold;
use crate::mfa::Mfa;
use crate::pages::{Pages, Place};
use crate::upload::Upload;

/// A client that is signed in to BILL whenever a call needs it.
///
/// Clones are cheap, share one session, and may be used from any number of threads. The thread that
/// happens to sign in does so for all who wait; a caller that panics leaves the session usable.
#[derive(Clone)]
pub struct Client {
    pub(crate) hold: Arc<Hold>,
}

impl Client {
    /// Begins a client for one organisation.
    pub fn builder(environment: Environment, credentials: Credentials) -> ClientBuilder {
        ClientBuilder::new(environment, credentials)
    }

    /// A call of the v2 API, such as `v2("List/Vendor", &data)`; ends in [`V2::send`].
    ///
    /// Operations that take no data, such as `GetSessionInfo`, are given `&()`.
    pub fn v2<D: Serialize + ?Sized>(&self, path: &str, data: &D) -> V2 {
        V2 { client: self.clone(), call: self.account().v2(path, data) }
    }

    /// All entries of a kind, such as `list("Vendor")`; ends in [`List::all`] or [`List::pages`].
    pub fn list(&self, entity: &str) -> List {
        List { client: self.clone(), listing: self.account().list(entity) }
    }

    /// A call of the v3 API, such as `v3(Method::GET, "/v3/vendors")`; ends in [`V3::send`], or in
    /// [`V3::all`] or [`V3::pages`] for a list.
    ///
    /// It uses the same session as calls of v2, whichever API that was made with; BILL documents
    /// that for neither direction.
    pub fn v3(&self, method: Method, path: &str) -> V3 {
        V3 { client: self.clone(), request: self.account().v3(method, path) }
    }

    /// Sends content to v2's `UploadAttachment`, for the object with this id and under this file
    /// name; ends in [`Upload::send`].
    pub fn upload_attachment(
        &self,
        id: &str,
        file_name: &str,
        content: impl Into<Content>,
    ) -> Upload {
        Upload::attachment(self.clone(), id, file_name, content.into())
    }

    /// Sends content to v3, such as to `/v3/documents/bills/{id}`; ends in [`Upload::send`].
    pub fn upload(&self, path: &str, content: impl Into<Content>) -> Upload {
        Upload::document(self.clone(), path, content.into())
    }

    /// MFA of the present session: what makes it trusted.
    pub fn mfa(&self) -> Mfa {
        Mfa::new(self.clone())
    }

    /// What happens to the session from now on.
    pub fn events(&self) -> Events {
        Events::new(&self.hold)
    }

    /// The client of another organisation, with the same credentials, key, budgets and HTTP
    /// connections, and with a session, slots and a line of its own.
    ///
    /// Asked for the same organisation again, it is the same client, with the same session, as long
    /// as any client of these credentials is left. Events and renewals of an organisation end with
    /// its own last client.
    ///
    /// # Errors
    ///
    /// [`Misuse::Partner`] for a partner, who belongs to no organisation.
    pub fn for_organization(&self, org_id: OrgId) -> Result<Self, Misuse> {
        let account = self.account().for_organization(org_id)?;
        Ok(Self { hold: self.hold.group.hold(account) })
    }

    /// The organisations that the user belongs to, by v2's `ListOrgs`.
    ///
    /// It needs no session, and counts as a sign-in in the hour's budget.
    ///
    /// # Errors
    ///
    /// [`Error`] with BILL's code when the credentials were refused.
    pub fn list_orgs(&self) -> Result<Vec<Organization>, Error> {
        self.run(self.account().list_orgs()?)?.answer()
    }

    /// Makes sure that there is a session, signing in if there is none.
    ///
    /// A call does this by itself; use it to find out early whether the credentials work. It makes,
    /// or shares, one attempt, in spite of a permanent refusal, and is told how that has ended.
    ///
    /// # Errors
    ///
    /// [`Error::NoSession`] with BILL's code when the sign-in was refused or did not succeed.
    pub fn sign_in(&self) -> Result<(), Error> {
        self.run::<IgnoredAny>(Call::sign_in())?.lease().map(drop)
    }

    /// Forgets the session, ends the calls that were begun before, and logs out at BILL.
    ///
    /// Signing out twice, or of a session that is invalid already, is a success. Dropping a client
    /// never signs out.
    ///
    /// # Errors
    ///
    /// [`Error`] when BILL could not be told; the session is forgotten all the same.
    pub fn sign_out(&self) -> Result<(), Error> {
        match self.shared().with(|session, now| session.sign_out(now)) {
            Some(call) => self.run::<IgnoredAny>(call)?.answer().map(drop),
            None => Ok(()),
        }
    }

    /// Another user name and password, or token, from now on.
    ///
    /// It holds for every organisation's client that shares them. Ends a refusal and every back-off,
    /// and wakes who waits. Calls in flight end on the old session; organisation, developer key and environment stay.
    pub fn replace_credentials(&self, principal: Principal) {
        self.account().replace_principal(principal);
        for shared in self.hold.group.sessions() {
            shared.with(|session, now| ((), session.credentials_replaced(now)));
        }
    }

    /// The session, for requests that the program sends by itself.
    ///
    /// It takes none of the slots for calls in flight, and counts in no budget.
    ///
    /// # Errors
    ///
    /// [`Error`] when there is no session, and none could be made.
    pub fn lease(&self) -> Result<Lease, Error> {
        self.lease_for(Duration::ZERO)
    }

    /// The session with at least `min_left` of its idle time left; signs in first if it has less.
    ///
    /// That sign-in replaces the session for everyone: other calls wait for it, and share its failure.
    ///
    /// # Errors
    ///
    /// As for [`lease`](Self::lease), and [`Misuse::LeaseTooLong`] when no session lives that long.
    pub fn lease_for(&self, min_left: Duration) -> Result<Lease, Error> {
        let lease = self.run::<IgnoredAny>(Call::lease(min_left))?.lease()?;
        Ok(Lease { client: self.clone(), lease })
    }

    /// What the session looks like now, with its slots and the key's budgets.
    pub fn session(&self) -> Status {
        let now = self.shared().now();
        self.shared().lock().status(now)
    }

    /// The user that BILL signed in, while there is a session and when BILL named one.
    pub fn user_id(&self) -> Option<String> {
        self.shared().lock().user_id().map(str::to_owned)
    }

    /// The URL of the v2 API that calls go to, while there is a session.
    pub fn api(&self) -> Option<String> {
        self.shared().lock().api()
    }

    /// What the last sign-in's `apiEndPoint` named, when it was not followed.
    pub fn not_followed(&self) -> Option<NotFollowed> {
        self.shared().lock().not_followed().cloned()
    }

    /// Where this client signs in, to which organisation, and under which budgets.
    pub fn account(&self) -> &Account {
        &self.shared().account
    }

    fn shared(&self) -> &Arc<Shared> {
        &self.hold.shared
    }

    pub(crate) fn run<T: DeserializeOwned>(&self, call: Call) -> Result<Finished<T>, Error> {
        self.hold.renew();
        run(self.shared(), call)
    }

    pub(crate) fn run_with<T: DeserializeOwned>(
        &self,
        call: Call,
        content: Content,
    ) -> Result<Finished<T>, Error> {
        self.hold.renew();
        run_with(self.shared(), call, Some(content))
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("environment", &format_args!("{}", self.account().environment()))
            .field("org_id", &self.account().org_id())
            .field("session", &self.session().phase)
            .finish_non_exhaustive()
    }
}

/// A call of the v2 API, not sent yet.
#[derive(Debug)]
#[must_use = "a call is sent by `send`"]
pub struct V2 {
    client: Client,
    call: Result<Call, Misuse>,
}

impl V2 {
    /// Another limit for the call in all, waiting and replays included; two minutes by default.
    pub fn deadline(self, total: Duration) -> Self {
        Self { call: self.call.map(|call| call.deadline(total)), ..self }
    }

    /// How often it is sent again after its outcome was lost, if it only reads.
    pub fn retry(self, retry: Retry) -> Self {
        Self { call: self.call.map(|call| call.retry(retry)), ..self }
    }

    /// Sends the call, signing in first if need be, and reads `response_data` into `T`.
    ///
    /// When the data does not matter, [`IgnoredAny`] takes whatever comes.
    ///
    /// # Errors
    ///
    /// [`Error`] says what happened, to which call, with BILL's code.
    pub fn send<T: DeserializeOwned>(self) -> Result<T, Error> {
        self.client.run(self.call?)?.answer()
    }
}

/// A call of the v3 API, not sent yet.
#[derive(Clone, Debug)]
#[must_use = "a call is sent by `send`, `all` or `pages`"]
pub struct V3 {
    client: Client,
    request: V3Request,
}

impl V3 {
    /// One more pair of the query, such as `query("max", 50)`.
    ///
    /// A pair that has the name of a secret, or holds one, is refused before anything is sent.
    pub fn query(self, key: &str, value: impl fmt::Display) -> Self {
        Self { request: self.request.query(key, value), ..self }
    }

    /// The JSON document to send.
    pub fn json<D: Serialize + ?Sized>(self, data: &D) -> Self {
        Self { request: self.request.json(data), ..self }
    }

    /// Another limit for the call, or each page, in all; two minutes by default.
    pub fn deadline(self, total: Duration) -> Self {
        Self { request: self.request.deadline(total), ..self }
    }

    /// How often it is sent again after its outcome was lost, if it is a GET.
    pub fn retry(self, retry: Retry) -> Self {
        Self { request: self.request.retry(retry), ..self }
    }

    /// Sends the call, signing in first if need be, and reads the answer into `T`.
    ///
    /// An empty answer fits `()` and [`IgnoredAny`].
    ///
    /// # Errors
    ///
    /// [`Error`] says what happened, to which call, with BILL's code.
    pub fn send<T: DeserializeOwned>(self) -> Result<T, Error> {
        let call = self.request.call(self.client.account())?;
        self.client.run(call)?.answer()
    }

    /// Reads a list page by page, following its cursors; each page uses the session of its own time.
    pub fn pages<T: DeserializeOwned>(self) -> Pages<T> {
        Pages::new(self.client, Place::V3(self.request.pages()))
    }

    /// Reads a whole list, following its cursors.
    ///
    /// # Errors
    ///
    /// That of the first page that could not be read.
    pub fn all<T: DeserializeOwned>(self) -> Result<Vec<T>, Error> {
        self.pages().all()
    }
}

/// A list of all entries of a kind, not read yet.
#[derive(Clone, Debug)]
#[must_use = "a list is read by `all` or `pages`"]
pub struct List {
    client: Client,
    listing: Listing,
}

impl List {
    /// Only entries whose `field` stands in relation `op` (such as `=`) to `value`.
    pub fn filter(self, field: &str, op: &str, value: &str) -> Self {
        Self { listing: self.listing.filter(field, op, value), ..self }
    }

    /// In the order of `field`, rising or falling; by `createdTime`, rising, by default.
    pub fn sort(self, field: &str, ascending: bool) -> Self {
        Self { listing: self.listing.sort(field, ascending), ..self }
    }

    /// How many entries a page holds: 1 to 999, which is the default.
    pub fn page_size(self, entries: usize) -> Self {
        Self { listing: self.listing.page_size(entries), ..self }
    }

    /// Another limit for each page in all; two minutes by default.
    pub fn deadline(self, total: Duration) -> Self {
        Self { listing: self.listing.deadline(total), ..self }
    }

    /// Reads page by page; each page uses the session of its own time.
    pub fn pages<T: DeserializeOwned>(self) -> Pages<T> {
        Pages::new(self.client, Place::V2(self.listing))
    }

    /// Reads everything.
    ///
    /// # Errors
    ///
    /// That of the first page that could not be read.
    pub fn all<T: DeserializeOwned>(self) -> Result<Vec<T>, Error> {
        self.pages().all()
    }
}

/// A session on loan, for requests that the program sends by itself.
///
/// Say what became of the request with [`accepted`](Self::accepted) or [`invalid`](Self::invalid);
/// dropped without either, nothing is known of it, and the idle timer is not restarted.
#[derive(Debug)]
#[must_use]
pub struct Lease {
    client: Client,
    lease: bill_session_core::Lease,
}

impl Lease {
    /// The session's id.
    pub fn session_id(&self) -> &SessionId {
        self.lease.session_id()
    }

    /// The organisation that it is signed in to; a partner's session is in none.
    pub fn org_id(&self) -> Option<&OrgId> {
        self.lease.org_id()
    }

    /// The URL of the v2 API that it belongs to, such as `https://api-stage.bill.com/api/v2`.
    pub fn api(&self) -> String {
        self.lease.api()
    }

    /// The URL of the v3 API that it belongs to, such as `https://gateway.stage.bill.com/connect`.
    pub fn v3_api(&self) -> String {
        self.lease.v3_api()
    }

    /// Puts the session on a request: in front of the form fields in the body of one to v2, into
    /// the headers of one to v3.
    ///
    /// # Errors
    ///
    /// [`Misuse`] when the request goes anywhere but to [`api`](Self::api) or
    /// [`v3_api`](Self::v3_api), or has a path or a query that a call could not have.
    pub fn sign(&self, request: &mut Request<Bytes>) -> Result<(), Misuse> {
        self.lease.sign(request)
    }

    /// BILL answered the request in its own form, errors included: the idle timer restarts.
    pub fn accepted(self) {
        self.ended(Verdict::Alive);
    }

    /// BILL called the session invalid (BDC_1109): the next call signs in.
    pub fn invalid(self) {
        self.ended(Verdict::Invalid);
    }

    fn ended(self, verdict: Verdict) {
        let Self { client, lease } = self;
        client.shared().with(|session, now| ((), session.lease_ended(lease, verdict, now)));
    }
}
