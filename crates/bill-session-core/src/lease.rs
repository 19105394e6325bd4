//! A session on loan, for requests that a program sends by itself.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::Request;
use http::header::CONTENT_TYPE;

use crate::account::SignedIn;
use crate::credentials::{OrgId, SessionId};
use crate::error::Misuse;
use crate::line::Wake;
use crate::pump::Session;
use crate::session::Generation;
use crate::wire::v3::Target;
use crate::wire::{Verdict, v2, v3};

/// The session, for requests that a program sends by itself.
///
/// It takes no slot and counts in no budget. Give it back with
/// [`Session::lease_ended`] and what the answer said.
#[must_use]
pub struct Lease {
    pub(crate) session: Arc<SignedIn>,
    pub(crate) generation: Generation,
    pub(crate) sent_at: Instant,
}

impl Lease {
    /// The session's id.
    pub fn session_id(&self) -> &SessionId {
        &self.session.session_id
    }

    /// The organisation that it is signed in to; a partner's session is in none.
    pub fn org_id(&self) -> Option<&OrgId> {
        self.session.account.org_id()
    }

    /// The URL of the v2 API that it belongs to, such as `https://api-stage.bill.com/api/v2`.
    pub fn api(&self) -> String {
        format!("{}/api/v2", self.session.base())
    }

    /// The URL of the v3 API that it belongs to, such as `https://gateway.stage.bill.com/connect`.
    pub fn v3_api(&self) -> String {
        format!("{}{}", self.session.gateway(), v3::ROOT)
    }

    /// Puts the session on a request: in front of the form fields in the body of one to v2, into
    /// the headers of one to v3.
    ///
    /// # Errors
    ///
    /// [`Misuse::ForeignRequest`] when the request goes anywhere but to [`api`](Self::api) or
    /// [`v3_api`](Self::v3_api), and the path's own kinds of [`Misuse`] when its path or query is
    /// one that a call could not have.
    pub fn sign(&self, request: &mut Request<Bytes>) -> Result<(), Misuse> {
        let SignedIn { account, session_id, .. } = &*self.session;
        let (base, gateway) = (self.session.base(), self.session.gateway());
        let uri = request.uri();
        let v3_path = uri.path().strip_prefix(v3::ROOT).filter(|_| gateway.is_of(uri));
        if let Some(path) = v3_path.filter(|path| path.starts_with("/v3/")) {
            let query = uri.query().unwrap_or_default();
            let query = form_urlencoded::parse(query.as_bytes()).into_owned().collect::<Vec<_>>();
            Target::new(request.method(), path, &query, &account.held)?;
            self.session.headers().put(request.headers_mut());
            return Ok(());
        }
        let path = uri.path().strip_prefix("/api/v2/").filter(|_| base.is_of(uri));
        v2::checked_path(path.ok_or(Misuse::ForeignRequest)?, &account.held)?;
        if uri.query().is_some() {
            return Err(Misuse::PathQuery);
        }
        let rest = request.body();
        std::str::from_utf8(rest).map_err(|_| Misuse::Data)?;
        *request.body_mut() = v2::signed_body(account.dev_key()?, session_id, rest);
        request.headers_mut().insert(CONTENT_TYPE, v2::FORM);
        Ok(())
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease").field("generation", &self.generation).finish_non_exhaustive()
    }
}

impl<W> Session<W> {
    /// A lease is over; the verdict says what the answer to its request said.
    pub fn lease_ended(&mut self, lease: Lease, verdict: Verdict, now: Instant) -> Wake<W> {
        let mut wake = Wake::nobody();
        let now = self.clamp(now);
        self.notice(now, &mut wake);
        if matches!(verdict, Verdict::Alive | Verdict::Untrusted) {
            self.renewals = 0;
        }
        self.heed(verdict, lease.generation, lease.sent_at, now, &mut wake);
        self.pump(now, &mut wake);
        wake
    }
}
