//! A BILL of a few lines, which says what a schedule has made it see.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bill_session_core::{Credentials, DevKey, Environment, OrgId, Principal};
use bytes::Bytes;
use http::{Request, Response};
use shuttle::thread;

use crate::builder::ClientBuilder;
use crate::client::Client;

/// What it has seen, and which sessions live.
#[derive(Clone, Default)]
pub(super) struct Bill(Arc<Mutex<Seen>>);

#[derive(Clone, Default)]
pub(super) struct Seen {
    pub(super) sign_ins: usize,
    /// The sessions that were neither lost nor logged out.
    pub(super) live: BTreeSet<usize>,
    pub(super) logouts: usize,
    /// Calls and sign-ins that are being answered.
    pub(super) in_flight: usize,
    pub(super) most_in_flight: usize,
    /// Calls that were answered well.
    pub(super) calls: usize,
    /// Refusals that left when a newer session was made already.
    pub(super) late_refusals: usize,
}

impl Bill {
    /// A client of this BILL, not built yet.
    pub(super) fn client(&self) -> ClientBuilder {
        let bill = self.clone();
        let principal = Principal::password("user@example.com", "a password").unwrap();
        let credentials = Credentials::new(
            principal,
            OrgId::new("00800000000000000001").unwrap(),
            DevKey::new("a key").unwrap(),
        );
        Client::builder(Environment::Production, credentials)
            .scripted(move |request| Ok(bill.answer(&request)))
    }

    pub(super) fn seen(&self) -> Seen {
        self.with(|seen| seen.clone())
    }

    /// Ends every session, as a redeployment does.
    pub(super) fn lose_sessions(&self) {
        self.with(|seen| seen.live.clear());
    }

    fn answer(&self, request: &Request<Bytes>) -> Response<Bytes> {
        // On its way, while it is worked on, and on its way back.
        self.with(Seen::arrives);
        pass();
        let (body, of) = self.with(|seen| seen.answer(request));
        pass();
        self.with(|seen| seen.leaves(of));
        Response::new(Bytes::from(body))
    }

    // Never held while others run: that would stop them for ever.
    fn with<R>(&self, change: impl FnOnce(&mut Seen) -> R) -> R {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Lets others run.
pub(super) fn pass() {
    thread::sleep(Duration::ZERO);
}

impl Seen {
    fn arrives(&mut self) {
        self.in_flight += 1;
        self.most_in_flight = self.most_in_flight.max(self.in_flight);
    }

    /// The answer, and the session that it refuses.
    fn answer(&mut self, request: &Request<Bytes>) -> (String, Option<usize>) {
        let path = request.uri().path();
        if path == "/api/v2/Login.json" {
            self.sign_ins += 1;
            self.live.insert(self.sign_ins);
            let data = format!(r#"{{"sessionId":"session-{}."}}"#, self.sign_ins);
            return (format!(r#"{{"response_status":0,"response_data":{data}}}"#), None);
        }
        let session = self.session(request);
        if !self.live.contains(&session) {
            let data = r#"{"error_code":"BDC_1109","error_message":"Session is invalid"}"#;
            let body = format!(r#"{{"response_status":1,"response_data":{data}}}"#);
            return (body, Some(session));
        }
        if path == "/api/v2/Logout.json" {
            self.logouts += 1;
            self.live.remove(&session);
        } else {
            self.calls += 1;
        }
        (r#"{"response_status":0,"response_data":{}}"#.to_owned(), None)
    }

    /// Which session a call is made with: nothing is sent without one.
    fn session(&self, request: &Request<Bytes>) -> usize {
        let body = std::str::from_utf8(request.body()).unwrap();
        let (_, from) = body.split_once("session-").expect("a call without a session");
        let number = from.split_once('.').unwrap().0.parse().unwrap();
        assert!((1..=self.sign_ins).contains(&number), "a session that never was");
        number
    }

    fn leaves(&mut self, refused: Option<usize>) {
        self.in_flight -= 1;
        let newest = self.sign_ins;
        self.late_refusals += usize::from(refused.is_some_and(|session| session < newest));
    }
}
