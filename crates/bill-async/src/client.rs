//! The client: what a program holds, and the operations that it offers.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bill_session_core::{
    Account, Call, Credentials, Environment, Error, Finished, List as Listing, Misuse, NotFollowed,
    OrgId, Phase, Principal, SessionId, Verdict,
};
use bytes::Bytes;
use http::Request;
use serde::Serialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use crate::builder::ClientBuilder;
use crate::drive::{Shared, on_a_runtime, run};

/// A client that is signed in to BILL whenever a call needs it.
///
/// Clones are cheap, and share one session. A future that is dropped cancels its call, and leaves
/// the session usable. Calls need a tokio runtime with I/O and time enabled; several runtimes may
/// use one client, each with connections of its own.
#[derive(Clone)]
pub struct Client {
    pub(crate) shared: Arc<Shared>,
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

    /// Makes sure that there is a session, signing in if there is none.
    ///
    /// A call does this by itself; use it to find out early whether the credentials work. It makes,
    /// or shares, one attempt, in spite of a permanent refusal, and is told how that has ended.
    ///
    /// # Errors
    ///
    /// [`Error::NoSession`] with BILL's code when the sign-in was refused or did not succeed.
    pub async fn sign_in(&self) -> Result<(), Error> {
        self.run::<IgnoredAny>(Call::sign_in()).await?.lease().map(drop)
    }

    /// Forgets the session, ends the calls that were begun before, and logs out at BILL.
    ///
    /// Signing out twice, or of a session that is invalid already, is a success. Dropping a client
    /// never signs out.
    ///
    /// # Errors
    ///
    /// [`Error`] when BILL could not be told; the session is forgotten all the same, as it is when
    /// the future is dropped. Only without a runtime, nothing is done at all.
    pub async fn sign_out(&self) -> Result<(), Error> {
        on_a_runtime()?;
        match self.shared.with(|session, now| session.sign_out(now)) {
            Some(call) => self.run::<IgnoredAny>(call).await?.answer().map(drop),
            None => Ok(()),
        }
    }

    /// Another user name and password, or token, from now on.
    ///
    /// Ends a refusal and every back-off, and wakes who waits. Calls in flight end on the old
    /// session; organisation, developer key and environment stay.
    pub fn replace_credentials(&self, principal: Principal) {
        self.account().replace_principal(principal);
        self.shared.with(|session, now| ((), session.credentials_replaced(now)));
    }

    /// The session, for requests that the program sends by itself.
    ///
    /// It takes none of the slots for calls in flight, and counts in no budget.
    ///
    /// # Errors
    ///
    /// [`Error`] when there is no session, and none could be made.
    pub async fn lease(&self) -> Result<Lease, Error> {
        self.lease_for(Duration::ZERO).await
    }

    /// The session with at least `min_left` of its idle time left; signs in first if it has less.
    ///
    /// That sign-in replaces the session for everyone: other calls wait for it, and share its failure.
    ///
    /// # Errors
    ///
    /// As for [`lease`](Self::lease), and [`Misuse::LeaseTooLong`] when no session lives that long.
    pub async fn lease_for(&self, min_left: Duration) -> Result<Lease, Error> {
        let lease = self.run::<IgnoredAny>(Call::lease(min_left)).await?.lease()?;
        Ok(Lease { client: self.clone(), lease })
    }

    /// What the session looks like now.
    pub fn session(&self) -> Phase {
        let now = self.shared.now();
        self.shared.lock().phase(now)
    }

    /// The user that BILL signed in, while there is a session and when BILL named one.
    pub fn user_id(&self) -> Option<String> {
        self.shared.lock().user_id().map(str::to_owned)
    }

    /// The URL of the API that calls go to, while there is a session.
    pub fn api(&self) -> Option<String> {
        self.shared.lock().api()
    }

    /// What the last sign-in's `apiEndPoint` named, when it was not followed.
    pub fn not_followed(&self) -> Option<NotFollowed> {
        self.shared.lock().not_followed().cloned()
    }

    /// Where this client signs in, to which organisation, and under which budgets.
    pub fn account(&self) -> &Account {
        &self.shared.account
    }

    async fn run<T: DeserializeOwned>(&self, call: Call) -> Result<Finished<T>, Error> {
        self.shared.renewer.ensure(&self.shared);
        run(&self.shared, call).await
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("environment", &format_args!("{}", self.account().environment()))
            .field("org_id", &format_args!("{}", self.account().org_id()))
            .field("session", &self.session())
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

    /// Sends the call, signing in first if need be, and reads `response_data` into `T`.
    ///
    /// When the data does not matter, [`IgnoredAny`] takes whatever comes.
    ///
    /// # Errors
    ///
    /// [`Error`] says what happened, to which call, with BILL's code.
    pub async fn send<T: DeserializeOwned>(self) -> Result<T, Error> {
        self.client.run(self.call?).await?.answer()
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
        Pages { list: self, entries: std::marker::PhantomData }
    }

    /// Reads everything.
    ///
    /// # Errors
    ///
    /// That of the first page that could not be read.
    pub async fn all<T: DeserializeOwned>(self) -> Result<Vec<T>, Error> {
        let mut all = Vec::new();
        let mut pages = self.pages();
        while let Some(page) = pages.next().await {
            all.append(&mut page?);
        }
        Ok(all)
    }
}

/// The pages of a [`List`].
#[derive(Debug)]
pub struct Pages<T> {
    list: List,
    entries: std::marker::PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned> Pages<T> {
    /// The next page, or nothing after the last; after an error there is nothing more.
    pub async fn next(&mut self) -> Option<Result<Vec<T>, Error>> {
        let Self { list: List { client, listing }, .. } = self;
        let page = match listing.next_page(client.account()) {
            Ok(Some(call)) => client.run::<Vec<T>>(call).await.and_then(|page| page.answer()),
            Ok(None) => return None,
            Err(misuse) => Err(misuse.into()),
        };
        let anything = match &page {
            Ok(entries) => listing.page_read(entries.len()),
            Err(_) => {
                listing.end();
                true
            }
        };
        anything.then_some(page)
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

    /// The organisation that it is signed in to.
    pub fn org_id(&self) -> &OrgId {
        self.lease.org_id()
    }

    /// The URL of the API that it belongs to, such as `https://api-stage.bill.com/api/v2`.
    pub fn api(&self) -> String {
        self.lease.api()
    }

    /// Puts `devKey` and `sessionId` in front of the form fields in the request's body.
    ///
    /// # Errors
    ///
    /// [`Misuse`] when the request goes anywhere but to [`api`](Self::api), or has a query.
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
        client.shared.with(|session, now| ((), session.lease_ended(lease, verdict, now)));
    }
}
