//! A BILL of a few lines whose answers take a time by chance, and which says what it has seen.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use bill_async::{Alarm, Client, ClientBuilder, Clock};
use bill_session_core::{Credentials, DevKey, Environment, OrgId, Principal};
use bytes::Bytes;
use http::{Request, Response};
use tokio::time::sleep;

use crate::chance::Chance;

/// The runtime's own clock, which stands still and leaps from timer to timer.
#[derive(Debug)]
struct Paused;

impl Clock for Paused {
    fn now(&self) -> Instant {
        tokio::time::Instant::now().into_std()
    }

    // Its timers go with it.
    fn on_jump(&self, _: Weak<dyn Alarm>) {}
}

/// What it has seen, and which sessions live.
#[derive(Clone)]
pub(crate) struct Bill {
    seen: Arc<Mutex<Seen>>,
    chance: Chance,
}

#[derive(Clone, Default)]
pub(crate) struct Seen {
    pub(crate) sign_ins: usize,
    /// The sessions that were neither lost nor logged out.
    pub(crate) live: BTreeSet<usize>,
    pub(crate) logouts: usize,
    pub(crate) in_flight: usize,
    pub(crate) most_in_flight: usize,
    /// Calls that were answered well.
    pub(crate) calls: usize,
    /// Refusals that left when a newer session was made already.
    pub(crate) late_refusals: usize,
}

/// Counts an exchange, also one whose caller goes away.
struct InFlight(Bill);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.with(|seen| seen.in_flight -= 1);
    }
}

impl Bill {
    pub(crate) fn new(chance: &Chance) -> Self {
        Self { seen: Arc::default(), chance: chance.clone() }
    }

    /// A client of this BILL, not built yet.
    pub(crate) fn client(&self) -> ClientBuilder {
        let bill = self.clone();
        let principal = Principal::password("user@example.com", "a password").unwrap();
        let org_id = OrgId::new("00800000000000000001").unwrap();
        let credentials = Credentials::new(principal, org_id, DevKey::new("a key").unwrap());
        Client::builder(Environment::Production, credentials).clock(Paused).scripted(
            move |request| {
                let bill = bill.clone();
                async move { Ok(bill.answer(&request).await) }
            },
        )
    }

    pub(crate) fn seen(&self) -> Seen {
        self.with(|seen| seen.clone())
    }

    /// Ends every session, as a redeployment does.
    pub(crate) fn lose_sessions(&self) {
        self.with(|seen| seen.live.clear());
    }

    /// Up to 40 milliseconds, and often none.
    pub(crate) async fn pass(&self) {
        match self.chance.below(4) {
            0 => {}
            1 => tokio::task::yield_now().await,
            _ => sleep(Duration::from_millis(self.chance.below(40) as u64)).await,
        }
    }

    async fn answer(&self, request: &Request<Bytes>) -> Response<Bytes> {
        self.with(|seen| {
            seen.in_flight += 1;
            seen.most_in_flight = seen.most_in_flight.max(seen.in_flight);
        });
        let _in_flight = InFlight(self.clone());
        self.pass().await;
        let (body, of) = self.with(|seen| seen.answer(request));
        self.pass().await;
        self.with(|seen| {
            let late = of.is_some_and(|session| session < seen.sign_ins);
            seen.late_refusals += usize::from(late);
        });
        Response::new(Bytes::from(body))
    }

    fn with<R>(&self, change: impl FnOnce(&mut Seen) -> R) -> R {
        change(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Seen {
    /// The answer, and the session that it refuses.
    fn answer(&mut self, request: &Request<Bytes>) -> (String, Option<usize>) {
        let path = request.uri().path();
        if path == "/api/v2/Login.json" {
            self.sign_ins += 1;
            self.live.insert(self.sign_ins);
            let data = format!(r#"{{"sessionId":"session-{}."}}"#, self.sign_ins);
            return (format!(r#"{{"response_status":0,"response_data":{data}}}"#), None);
        }
        let body = std::str::from_utf8(request.body()).unwrap();
        let (_, from) = body.split_once("session-").expect("a call without a session");
        let session = from.split_once('.').unwrap().0.parse().unwrap();
        assert!((1..=self.sign_ins).contains(&session), "a session that never was");
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
}
