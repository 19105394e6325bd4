//! The stage of the demo: a local BILL, a clock, and clients whose every request is noted.

use std::error::Error as StdError;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use bill_blocking::{Error, InvalidField, ManualClock, MfaCode, SignInWith};
use bill_sandbox::{Builder, DEMO_MFA_CODE, DEMO_ORG, DEMO_OTHER_ORG, Hold, Sandbox, WaitTimeout};
use tokio::runtime::Handle;

use super::broken::Breaker;
use super::client::{Account, Adapter, Answer, Ask, Asked, Client, Maker};
use super::leaks::Search;
use super::seen::{Counted, Seen};
use super::why::Past;

// Each differs from its own encoded forms, so that finding them in disguise is put to the test.
const USER: &str = "ada+demo@example.com";
const PASSWORD: &str = "correct \"horse\" & battery=é+%";
const WRONG_PASSWORD: &str = "wrong \"horse\" & battery=é+%";
const TOKEN_NAME: &str = "nightly+sync/7";
const TOKEN_VALUE: &str = "tv+9c4e&81\"d0=é";
const DEV_KEY: &str = "dk+51f0\"c2/&=%";

/// More than the sign-ins that a program should make to find out that a password is wrong.
pub(crate) const OTHER_ORGANIZATIONS: u64 = 100;

/// How long the demo waits, in real time, for an answer that should be on its way.
const PATIENCE: Duration = Duration::from_secs(2);
/// After that it lets a second pass on the clocks, so often, as for a client that backs off.
const SECONDS: u32 = 150;
const A_SECOND: Duration = Duration::from_secs(1);
const SHOWN_IN: Duration = Duration::from_millis(50);

/// Who signs in, by v2 unless it says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    User,
    UserByV3,
    WrongPassword,
    Token,
}

/// A client under test, and what it has done so far.
pub(crate) struct Subject {
    adapter: Adapter,
    client: Arc<dyn Client>,
    past: Past,
}

impl Subject {
    pub(crate) fn adapter(&self) -> Adapter {
        self.adapter
    }
}

/// Everything that the demo needs to have clients do something.
pub(crate) struct Stage {
    pub(crate) sandbox: Sandbox,
    pub(crate) search: Search,
    /// Every error and every `Debug` text that a program could have printed.
    pub(crate) shown: Vec<String>,
    clock: ManualClock,
    runtime: Handle,
    breaker: Option<Breaker>,
}

impl Stage {
    pub(crate) fn set_up(
        runtime: Handle,
        breaker: Option<Breaker>,
    ) -> Result<Self, Box<dyn StdError>> {
        let sandbox = Sandbox::builder()
            .frozen_clock()
            .user(USER, PASSWORD)
            .token(TOKEN_NAME, TOKEN_VALUE)
            .dev_key(DEV_KEY)
            // A client that signs in too often is to be found by that, and not locked out by it.
            .sign_ins_per_hour(None);
        let others = other_organizations();
        let sandbox = others.fold(sandbox, Builder::organization).start()?;
        let mut search = Search::default();
        for secret in
            [USER, PASSWORD, WRONG_PASSWORD, TOKEN_NAME, TOKEN_VALUE, DEV_KEY, DEMO_MFA_CODE]
        {
            search.add(secret);
        }
        Ok(Self { sandbox, search, shown: Vec::new(), clock: ManualClock::new(), runtime, breaker })
    }

    /// A new client of either kind.
    ///
    /// Each kind has an organisation of its own, since BILL's limit of three calls at once is one
    /// for all who use an organisation.
    pub(crate) fn clients(&mut self, who: Who) -> Result<[Subject; 2], Box<dyn StdError>> {
        let [one, other] = Adapter::BOTH;
        Ok([self.client(one, who)?, self.client(other, who)?])
    }

    fn client(&mut self, adapter: Adapter, who: Who) -> Result<Subject, Box<dyn StdError>> {
        let (name, proof) = match who {
            Who::User | Who::UserByV3 => (USER, PASSWORD),
            Who::WrongPassword => (USER, WRONG_PASSWORD),
            Who::Token => (TOKEN_NAME, TOKEN_VALUE),
        };
        let account = Account {
            environment: self.sandbox.origin().parse()?,
            name,
            proof,
            is_token: who == Who::Token,
            api: if who == Who::UserByV3 { SignInWith::V3 } else { SignInWith::V2 },
            org_id: organization(adapter),
            dev_key: DEV_KEY,
        };
        let credentials = account.credentials()?;
        self.shown.push(format!("{credentials:?}"));
        let maker = Maker {
            adapter,
            environment: account.environment.clone(),
            credentials,
            api: account.api,
            max_in_flight: None,
            clock: self.clock.clone(),
            runtime: self.runtime.clone(),
        };
        let client = match &self.breaker {
            None => maker.make(),
            Some(breaker) => breaker.make(maker, &account),
        };
        Ok(Subject { adapter, client, past: Past::new(account.is_token) })
    }

    /// The time since the demo began, on the sandbox's clock.
    pub(crate) fn now(&self) -> Duration {
        self.sandbox.now()
    }

    /// Lets time pass, for BILL and for the clients.
    pub(crate) fn pass(&self, time: Duration) {
        self.sandbox.advance(time);
        self.clock.advance(time);
    }

    /// Has all `asks` under way together, one client after the other, and waits for the answers.
    pub(crate) fn ask(
        &mut self,
        subjects: &mut [Subject; 2],
        asks: impl Fn(Adapter) -> Vec<Ask>,
    ) -> Result<[Seen; 2], Box<dyn StdError>> {
        let [one, other] = subjects;
        Ok([
            self.ask_one(one, asks(one.adapter), None)?,
            self.ask_one(other, asks(other.adapter), None)?,
        ])
    }

    /// The same, with BILL answering no call before so many are in flight.
    pub(crate) fn ask_in_a_crowd(
        &mut self,
        subjects: &mut [Subject; 2],
        asks: impl Fn(Adapter) -> Vec<Ask>,
        crowd: u64,
    ) -> Result<[Seen; 2], Box<dyn StdError>> {
        let [one, other] = subjects;
        Ok([
            self.ask_one(one, asks(one.adapter), Some(crowd))?,
            self.ask_one(other, asks(other.adapter), Some(crowd))?,
        ])
    }

    /// Has one client asked.
    pub(crate) fn ask_one(
        &mut self,
        subject: &mut Subject,
        asks: Vec<Ask>,
        crowd: Option<u64>,
    ) -> Result<Seen, Box<dyn StdError>> {
        let (before, counters) = (self.sandbox.journal().len(), self.sandbox.stats());
        // Nobody is answered before everybody has asked: they all want the same sign-in.
        let sign_in = (asks.len() > 1).then(|| self.sandbox.hold("Login"));
        let calls = crowd.map(|crowd| (self.sandbox.hold("Crud"), crowd));
        let asked: Vec<_> = asks.iter().map(|ask| subject.client.ask(ask.clone())).collect();
        if let Some(hold) = sign_in {
            release_late(&hold, 1)?;
        }
        if let Some((hold, crowd)) = calls {
            release_late(&hold, crowd)?;
        }
        let answers: Vec<_> = asked.iter().map(|asked| self.answer(asked)).collect();
        let entries = self.sandbox.journal().split_off(before);
        for answer in answers.iter().flatten() {
            match answer {
                Err(error) => self.show(error),
                Ok(Answer::Trusted(Some(device))) => {
                    self.search.add(device.expose_remember_me_id());
                    self.shown.push(format!("{device:?}"));
                }
                Ok(_) => {}
            }
        }
        let events = subject.client.events();
        self.shown.push(format!("{}{asks:?}{events:?}", subject.client.shown()));
        for id in subject.client.session_ids() {
            self.search.add(&id);
        }
        let sign_ins = subject.past.take_in(&entries);
        let counted = Counted::between(&counters, &self.sandbox.stats());
        Ok(Seen { asks, answers, entries, sign_ins, events, counted })
    }

    /// Waits for an answer, and lets time pass when a client waits for that.
    fn answer(&self, asked: &Asked) -> Option<Result<Answer, Error>> {
        let mut waits = 0..=SECONDS;
        asked.wait_while(|| match waits.next()? {
            0 => Some(PATIENCE),
            _ => {
                self.pass(A_SECOND);
                Some(SHOWN_IN)
            }
        })
    }

    /// The most requests that BILL had in flight at once from a client.
    pub(crate) fn most_in_flight(&self) -> [u64; 2] {
        let stats = self.sandbox.stats();
        Adapter::BOTH.map(|adapter| {
            let of_it = stats
                .max_in_flight_by_key
                .iter()
                .filter(|(key, _)| key.ends_with(organization(adapter)));
            of_it.map(|(_, most)| *most).max().unwrap_or_default()
        })
    }

    fn show(&mut self, error: &Error) {
        self.shown.push(format!("{error}\n{error:?}"));
        let mut source = error.source();
        while let Some(beneath) = source {
            self.shown.push(format!("{beneath}\n{beneath:?}"));
            source = beneath.source();
        }
    }
}

/// Lets the answers go once so many requests have come, and a client has had the time to send more
/// of them than it should.
fn release_late(hold: &Hold, requests: u64) -> Result<(), WaitTimeout> {
    hold.wait_for(requests)?;
    thread::sleep(Duration::from_millis(60));
    hold.release();
    Ok(())
}

/// The code that BILL sends to its users.
pub(crate) fn mfa_code() -> Result<MfaCode, InvalidField> {
    MfaCode::new(DEMO_MFA_CODE)
}

/// The organisations that the user belongs to besides the two that the scenes are set in.
pub(crate) fn other_organizations() -> impl Iterator<Item = String> {
    (1..=OTHER_ORGANIZATIONS).map(|number| format!("0081{number:016}"))
}

fn organization(adapter: Adapter) -> &'static str {
    match adapter {
        Adapter::Async => DEMO_ORG,
        Adapter::Blocking => DEMO_OTHER_ORG,
    }
}
