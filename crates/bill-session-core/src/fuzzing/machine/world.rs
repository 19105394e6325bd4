//! The world that the bytes move: what was sent, answered, given up and said no to.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::answers::Reply;
use super::caller::{Caller, Kind, Running, State};
use super::laws::is_discreet;
use crate::account::Account;
use crate::call::Step;
use crate::credentials::{Credentials, DevKey, InvalidField, OrgId, Principal, RememberedDevice};
use crate::environment::Environment;
use crate::events::Listener;
use crate::exchange::{InFlight, Outcome};
use crate::fuzzing::input::Input;
use crate::lease::Lease;
use crate::limits::KeyLimits;
use crate::line::Wake;
use crate::mfa::{Challenge, MfaOutcome};
use crate::pump::Session;
use crate::settings::{Renewal, Settings, SignInWith};

/// No more callers than this at once.
const MOST_CALLERS: usize = 12;

pub(crate) struct Org {
    pub(crate) account: Arc<Account>,
    pub(crate) session: Session<usize>,
    pub(crate) slots: usize,
    pub(crate) listener: Listener,
    pub(crate) sign_outs: u64,
    /// The ids that sign-ins brought, and when each was last known to live.
    pub(crate) alive: BTreeMap<String, Instant>,
    /// Those that BILL called invalid, or that the program is done with.
    pub(crate) dead: BTreeSet<String>,
    challenge: Option<Challenge>,
}

pub(crate) struct World {
    pub(crate) now: Instant,
    pub(crate) orgs: Vec<Org>,
    pub(crate) callers: Vec<Caller>,
    pub(crate) running: Vec<Running>,
    pub(crate) leases: Vec<(usize, Lease)>,
    pub(crate) heartbeat: Option<Duration>,
    pub(crate) is_token: bool,
    /// Sign-ins and calls that may be made in an hour.
    pub(crate) limits: (u32, u32),
    sign_ins: Vec<Instant>,
    calls: Vec<Instant>,
    /// Until when BILL has closed the hour, for sign-ins and for calls.
    closed: [Option<Instant>; 2],
    names: u32,
}

pub(crate) fn principal(nth: u32, is_token: bool) -> Result<Principal, InvalidField> {
    let (name, proof) = (format!("canary-user-{nth}-end"), format!("canary-proof-{nth}-end"));
    if is_token { Principal::token(name, proof) } else { Principal::password(name, proof) }
}

fn accounts(
    (orgs, is_token, api): (usize, bool, SignInWith),
    limits: KeyLimits,
) -> Result<Vec<Arc<Account>>, InvalidField> {
    let device = RememberedDevice::new("canary-device-0-end", "a device")?;
    let principal = principal(0, is_token)?.remembered(device);
    let org_id = OrgId::new("00800000000000000001")?;
    let credentials = Credentials::new(principal, org_id, DevKey::new("CANARYKEY0123456")?);
    let first = Account::new(Environment::Stage, credentials, Arc::new(limits)).sign_in_with(api);
    let other = first.for_organization(OrgId::new("00800000000000000002")?).ok();
    Ok([Some(first), other].into_iter().flatten().take(orgs).map(Arc::new).collect())
}

impl World {
    pub(crate) fn new(input: &mut Input<'_>, now: Instant) -> Self {
        let settings = input.byte();
        let is_token = settings & 2 != 0;
        let api = if settings & 4 != 0 { SignInWith::V3 } else { SignInWith::V2 };
        let orgs = if settings & 1 != 0 { 2 } else { 1 };
        let heartbeat = (settings & 8 != 0).then_some(Duration::from_secs(5));
        let slots = input.pick(&[3, 1, 2]);
        let renewal = input.pick(&[Renewal::OnDemand, Renewal::Ahead, Renewal::KeepAlive]);
        let limits = input.pick(&[(200, 20_000), (6, 12), (12, 40)]);
        let key = KeyLimits::with(limits.0, limits.1, now);
        let Ok(accounts) = accounts((orgs, is_token, api), key) else {
            unreachable!("the canaries are good values")
        };
        let settings = Settings {
            max_in_flight: slots,
            heartbeat,
            renewal,
            seed: input.number(1),
            ..Settings::default()
        };
        let settings = Arc::new(settings);
        let org = |account: Arc<Account>| {
            let mut session = Session::new(Arc::clone(&account), Arc::clone(&settings), now);
            let listener = session.listen();
            let (alive, dead) = (BTreeMap::new(), BTreeSet::new());
            Org { account, session, slots, listener, sign_outs: 0, alive, dead, challenge: None }
        };
        Self {
            now,
            orgs: accounts.into_iter().map(org).collect(),
            callers: Vec::new(),
            running: Vec::new(),
            leases: Vec::new(),
            heartbeat,
            is_token,
            limits,
            sign_ins: Vec::new(),
            calls: Vec::new(),
            closed: [None; 2],
            names: 0,
        }
    }

    pub(crate) fn org(&self, input: &mut Input<'_>) -> usize {
        usize::from(input.byte()) % self.orgs.len()
    }

    /// One of those for whom `is_meant` holds.
    pub(crate) fn caller(
        &self,
        input: &mut Input<'_>,
        is_meant: fn(&Caller) -> bool,
    ) -> Option<usize> {
        let meant: Vec<usize> =
            (0..self.callers.len()).filter(|at| is_meant(&self.callers[*at])).collect();
        meant.get(usize::from(input.byte()) % meant.len().max(1)).copied()
    }

    pub(crate) fn running(&self, input: &mut Input<'_>) -> Option<usize> {
        let at = usize::from(input.byte());
        (!self.running.is_empty()).then(|| at % self.running.len())
    }

    /// An action on an organisation is over: who is woken is, and the rules hold.
    pub(crate) fn done(&mut self, org: usize, wake: Wake<usize>) {
        for woken in wake {
            if let State::Waits { asleep, .. } = &mut self.callers[woken].state {
                *asleep = false;
            }
        }
        self.check(org);
    }

    /// The same after what grants whatever can be granted.
    pub(crate) fn granted(&mut self, org: usize, wake: Wake<usize>) {
        self.done(org, wake);
        self.all_that_can_be_granted_is(org);
    }

    /// As adapters do it after each answer: whoever waits for what becomes of the principal looks
    /// again.
    pub(crate) fn tell_others(&mut self) {
        if self.orgs[0].account.take_awaited() {
            for org in 0..self.orgs.len() {
                self.wake_all_of(org);
            }
        }
    }

    pub(crate) fn wake_all_of(&mut self, org: usize) {
        let wake = self.orgs[org].session.wake_all();
        self.done(org, wake);
    }

    pub(crate) fn begins(&mut self, input: &mut Input<'_>) {
        let (kind, org) = (input.pick(&Kind::ALL), self.org(input));
        let min_left = input.pick(&[0, 60, 20 * 60, 32 * 60, 34 * 60]);
        if self.callers.iter().filter(|caller| !caller.has_ended()).count() < MOST_CALLERS {
            self.begin(kind, org, Duration::from_secs(min_left));
        }
    }

    pub(crate) fn begin(&mut self, kind: Kind, org: usize, min_left: Duration) {
        let Org { account, session, challenge, .. } = &self.orgs[org];
        if let Some(call) = kind.call(account, session, challenge.as_ref(), min_left) {
            self.callers.push(Caller::new(org, kind, call, self.now));
            self.step(self.callers.len() - 1);
        }
    }

    pub(crate) fn steps(&mut self, input: &mut Input<'_>) {
        let waits = |caller: &Caller| matches!(caller.state, State::Waits { .. });
        if let Some(at) = self.caller(input, waits).filter(|at| !self.callers[*at].frozen) {
            self.step(at);
        }
    }

    pub(crate) fn all_due_step(&mut self) {
        for at in 0..self.callers.len() {
            if self.callers[at].is_due(self.now) && !self.callers[at].frozen {
                self.step(at);
            }
        }
    }

    pub(crate) fn step(&mut self, at: usize) {
        let Caller { org, kind, .. } = self.callers[at];
        let end = State::Ended { well: false };
        let state = std::mem::replace(&mut self.callers[at].state, end);
        let State::Waits { call, .. } = state else { unreachable!("only who waits takes steps") };
        let sign_outs = self.orgs[org].sign_outs;
        let begun_after = *self.callers[at].begun_after.get_or_insert(sign_outs);
        let (step, wake) = call.step(&mut self.orgs[org].session, || at, self.now);
        is_discreet(&format!("{step:?}"));
        let state = match step {
            Step::Exchange(in_flight) => {
                assert!(
                    begun_after == sign_outs || !kind.uses_the_session(),
                    "{kind:?} was begun before a sign-out, and is sent after it"
                );
                self.is_sent(at, &in_flight);
                State::Sent(in_flight)
            }
            Step::SignIn(sign_in, call, until) => {
                self.waits_for_a_second_at_most(until);
                self.signs_in();
                let version = self.orgs[org].account.identity.version();
                let (begun, last_beat) = (self.now, self.now);
                let known = self.orgs[org].account.identity.refusal().is_some();
                assert!(!known || kind == Kind::SignIn, "{kind:?} tries what BILL refused");
                let (begun_after, frozen) = (sign_outs, false);
                let running =
                    Running { org, sign_in, begun, last_beat, version, begun_after, frozen };
                self.running.push(running);
                State::Waits { call, look_at: until, asleep: true }
            }
            Step::Wait(call, until) => {
                self.waits_for_a_second_at_most(until);
                State::Waits { call, look_at: until, asleep: true }
            }
            Step::Ready(lease) => {
                assert_eq!(begun_after, sign_outs, "{kind:?} was begun before a sign-out");
                self.session_is_used(org, lease.session_id().expose_secret());
                self.leases.push((org, lease));
                State::Ended { well: true }
            }
            Step::Done => {
                assert_eq!(kind, Kind::Renewal, "there was something to do");
                State::Ended { well: true }
            }
            Step::Refuse(error) => {
                self.is_told(&error);
                State::Ended { well: false }
            }
        };
        let caller = &mut self.callers[at];
        // What ends before it has a number leaves everything as it is.
        let is_nothing = caller.id.is_none() && matches!(state, State::Ended { .. });
        caller.id = match &state {
            State::Waits { call, .. } => call.id(),
            State::Sent(in_flight) => Some(in_flight.id()),
            State::Ended { .. } => None,
        };
        caller.state = state;
        if is_nothing { self.done(org, wake) } else { self.granted(org, wake) }
    }

    fn signs_in(&mut self) {
        self.sign_ins.push(self.now);
        Self::budget_is_kept(&self.sign_ins, self.limits.0, self.now);
        assert!(self.closed[0].is_none_or(|until| until <= self.now), "the hour is closed");
    }

    fn is_sent(&mut self, at: usize, in_flight: &InFlight) {
        let Caller { org, kind, .. } = self.callers[at];
        let id = in_flight.session.session_id.expose_secret().to_owned();
        match kind {
            Kind::ListOrgs => self.signs_in(),
            // It goes out in any case.
            Kind::Logout => {}
            _ => {
                self.session_is_used(org, &id);
                self.calls.push(self.now);
                Self::budget_is_kept(&self.calls, self.limits.1, self.now);
                assert!(self.closed[1].is_none_or(|until| until <= self.now), "it is closed");
            }
        }
        let request = in_flight.request();
        let uri = request.uri();
        is_discreet(&format!("{uri} {:?}", request.headers()));
        assert_eq!(uri.scheme_str(), Some("https"));
        let host = uri.host().unwrap_or_default();
        assert!(["api-stage.bill.com", "gateway.stage.bill.com"].contains(&host), "{host}");
        let header = request.headers().get("sessionid").map(|value| value.as_bytes());
        let field = || {
            form_urlencoded::parse(request.body())
                .any(|(name, value)| name == "sessionId" && value == id.as_str())
        };
        assert!(kind == Kind::ListOrgs || header == Some(id.as_bytes()) || field());
    }

    pub(crate) fn is_answered(&mut self, input: &mut Input<'_>) {
        let sent = |caller: &Caller| matches!(caller.state, State::Sent(_)) && !caller.frozen;
        let (at, reply) = (self.caller(input, sent), input.pick(&Reply::ALL));
        if let Some(at) = at {
            self.answer(at, reply);
        }
    }

    pub(crate) fn answer(&mut self, at: usize, reply: Reply) {
        let Caller { org, kind, .. } = self.callers[at];
        let end = State::Ended { well: false };
        let state = std::mem::replace(&mut self.callers[at].state, end);
        let State::Sent(in_flight) = state else { unreachable!("only what is sent is answered") };
        let id = in_flight.session.session_id.expose_secret().to_owned();
        let sent_at = in_flight.sent_at;
        let device = format!("canary-device-{}-end", self.name());
        let answer = reply.answer(&in_flight.request(), &id, &device);
        let heard = in_flight.read::<Value>(answer);
        let shown = format!("{heard:?}");
        self.says(org, kind, reply, &id, sent_at);
        let (outcome, wake) = heard.settle(&mut self.orgs[org].session, self.now);
        if !matches!(outcome, Outcome::Done(_)) {
            is_discreet(&shown);
            is_discreet(&format!("{outcome:?}"));
        }
        self.callers[at].state = match outcome {
            Outcome::Again(call) => {
                self.is_sent_again(at, reply);
                State::Waits { call, look_at: self.now, asleep: false }
            }
            Outcome::Done(_) => State::Ended { well: true },
            Outcome::Mfa(outcome) => {
                if let MfaOutcome::Challenged(challenge) = outcome {
                    self.orgs[org].challenge = Some(challenge);
                }
                State::Ended { well: true }
            }
            Outcome::Failed(error) => {
                self.is_told(&error);
                State::Ended { well: false }
            }
        };
        self.granted(org, wake);
        self.tell_others();
    }

    /// What an answer says of the session and of the hour.
    fn says(&mut self, org: usize, kind: Kind, reply: Reply, id: &str, sent_at: Instant) {
        let code = match reply {
            Reply::Code(code) | Reply::Mixed(code) => code,
            Reply::Healthy | Reply::OtherForm | Reply::WrongOrganization | Reply::Elsewhere => 0,
            _ => return,
        };
        match code {
            1144 => self.hour_ends(if kind == Kind::ListOrgs { 0 } else { 1 }),
            1109 if kind.uses_the_session() => {
                self.orgs[org].dead.insert(id.to_owned());
            }
            1322 | 1109 => {}
            _ if kind.uses_the_session() => {
                if let Some(alive) = self.orgs[org].alive.get_mut(id) {
                    *alive = (*alive).max(sent_at);
                }
            }
            _ => {}
        }
    }

    /// BILL has said that the hour is spent, for sign-ins or for calls.
    pub(crate) fn hour_ends(&mut self, which: usize) {
        // The date of every answer is 8:49:37.
        let until = self.now + Duration::from_secs(10 * 60 + 23);
        self.closed[which] = self.closed[which].max(Some(until));
    }

    fn is_sent_again(&mut self, at: usize, reply: Reply) {
        let Caller { kind, again, .. } = &mut self.callers[at];
        assert!(kind.can_be_repeated(), "{kind:?} is sent again");
        let refused = [1109, 1322].map(|code| reply.refuses_all(code));
        let (which, most) = match (refused, reply) {
            ([true, _], _) => (0, 1),
            ([_, true], _) => (1, 2),
            (_, Reply::Mixed(1109)) if kind.reads() => (0, 1),
            (_, Reply::Mixed(1322)) if kind.reads() => (1, 2),
            _ => {
                assert!(kind.reads(), "{kind:?} is sent again after {reply:?}");
                assert!(reply.loses_the_outcome(), "it is sent again after {reply:?}");
                (2, 2)
            }
        };
        again[which] += 1;
        assert!(again[which] <= most, "{kind:?} is sent again too often: {again:?}");
    }

    pub(crate) fn name(&mut self) -> u32 {
        self.names += 1;
        self.names
    }
}
