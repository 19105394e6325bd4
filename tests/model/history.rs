//! What was sent, answered and signed in, and what follows for the session of one organisation.

use std::rc::Rc;
use std::time::Duration;

use bill_session_core::Why;

use super::action::{Reply, Setup};
use super::facts::{Fact, Log, Stamp};
use super::shared::{Refusal, Shared};

/// A sign-in that was sent.
#[derive(Debug)]
pub struct SignIn {
    pub began: Duration,
    /// Which credentials it was sent with.
    pub version: usize,
    /// How many sign-outs there had been.
    pub epoch: usize,
    pub last_beat: Duration,
    /// It carried what BILL remembers a device by.
    pub with_device: bool,
    pub in_flight: bool,
    /// The sign-in after which the session is named that it brought, wanted or not; a server may
    /// bring the same one twice.
    pub brought: Option<usize>,
    /// Callers that waited while it was in flight.
    pub waiters: Vec<usize>,
}

/// A session that a sign-in brought; its number is the sign-in's.
#[derive(Debug)]
pub struct Session {
    pub sign_in: usize,
    pub stored: Stamp,
    /// It does not expire by itself.
    pub endless: bool,
    pub proven: bool,
    /// What BILL has said of its trust.
    pub trusted: Option<bool>,
    pub over: bool,
}

/// A request that left: a call's, a logout's, or one under a lease.
#[derive(Debug)]
pub struct Exchange {
    pub who: usize,
    /// The session that it left with; a list of organisations leaves without.
    pub session: Option<usize>,
    /// Which credentials were in use then.
    pub version: usize,
    /// It went to v3.
    pub v3: bool,
    pub sent: Duration,
    pub limit: Duration,
    pub reply: Option<Reply>,
    /// It holds a slot until it is answered, cancelled or 5 s past its limit.
    pub open: bool,
    pub purpose: Purpose,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    Call,
    KeepAlive,
    /// Counts in the hour's calls too, but goes out even if they are spent.
    Logout,
    /// A program's own request, which counts in no budget.
    Lease,
    /// Counts as a sign-in.
    ListOrgs,
}

#[derive(Debug)]
pub struct History {
    /// Which organisation it is the history of.
    organization: usize,
    shared: Rc<Shared>,
    /// For how long a session can be idle.
    idle: Duration,
    order: usize,
    /// Which credentials the organisation has noticed.
    pub version: usize,
    pub epoch: usize,
    pub sign_ins: Vec<SignIn>,
    pub sessions: Vec<Session>,
    pub exchanges: Vec<Exchange>,
    pub log: Log,
    /// BDC_1105 or BDC_1107, unless something has been accepted since.
    pub refusal: Option<Refusal>,
    /// What makes the next sign-in necessary, if the session does not just idle out.
    pub why: Why,
    /// Whether the last session of which BILL said anything was trusted.
    was_trusted: bool,
    /// How often the loss of trust was to be told.
    pub trust_lost: usize,
}

impl History {
    pub fn new(organization: usize, setup: &Setup, shared: Rc<Shared>) -> Self {
        let version = shared.principal().version;
        Self {
            organization,
            shared,
            idle: Duration::from_secs(60 * setup.idle_minutes),
            order: 0,
            version,
            epoch: 0,
            sign_ins: Vec::new(),
            sessions: Vec::new(),
            exchanges: Vec::new(),
            log: Log::default(),
            refusal: None,
            why: Why::First,
            was_trusted: false,
            trust_lost: 0,
        }
    }

    pub fn stamp(&mut self, at: Duration) -> Stamp {
        self.order += 1;
        Stamp { order: self.order, at }
    }

    /// The sign-in after which the session of this one is named.
    pub fn named_after(&self, sign_in: usize) -> usize {
        self.sign_ins[sign_in].brought.unwrap_or(sign_in)
    }

    /// The last session that a sign-in brought, by the sign-in that it is named after.
    pub fn last_brought(&self) -> Option<usize> {
        self.sign_ins.iter().rev().find_map(|sign_in| sign_in.brought)
    }

    /// The sign-in in flight: neither answered nor cancelled, void or overdue.
    pub fn sign_in_in_flight(&self) -> Option<usize> {
        self.sign_ins.iter().rposition(|sign_in| sign_in.in_flight)
    }

    /// The session that has not ended in any other way than by being idle.
    pub fn current(&self) -> Option<&Session> {
        self.sessions.last().filter(|session| !session.over)
    }

    /// The last instant that restarted the session's idle timer: that of its own sign-in, or of a
    /// request with it that was answered in BILL's form.
    pub fn alive_at(&self, session: &Session) -> Duration {
        let answered = |exchange: &&Exchange| {
            exchange.session == Some(session.sign_in)
                && exchange.reply.is_some_and(Reply::restarts_the_timer)
        };
        let sent = self.exchanges.iter().filter(answered).map(|exchange| exchange.sent);
        sent.fold(self.sign_ins[session.sign_in].began, Duration::max)
    }

    /// When the session has been idle for too long.
    pub fn idles_out_at(&self, session: &Session) -> Duration {
        self.alive_at(session) + self.idle
    }

    /// The session that can be used, if there is one with more than `left` of its idle time.
    pub fn usable(&self, now: Duration, left: Duration) -> Option<&Session> {
        let fresh = |session: &&Session| session.endless || now + left < self.idles_out_at(session);
        self.current().filter(fresh)
    }

    /// Whether BILL has called the session invalid that this sign-in brought.
    pub fn is_called_invalid(&self, session: usize) -> bool {
        let said = |exchange: &Exchange| {
            exchange.session == Some(session) && exchange.reply.is_some_and(|said| said.is(1109))
        };
        self.exchanges.iter().any(said)
    }

    /// Exchanges and sign-ins that hold a slot.
    pub fn slots_in_use(&self, now: Duration) -> usize {
        let holds = |exchange: &&Exchange| {
            exchange.open && now < exchange.sent + exchange.limit + Duration::from_secs(5)
        };
        let exchanges = self.exchanges.iter().filter(holds).count();
        exchanges + usize::from(self.sign_in_in_flight().is_some())
    }

    /// The instants at which something lapses.
    pub fn lapses(&self) -> impl Iterator<Item = Duration> {
        let open = |exchange: &&Exchange| exchange.open;
        let sign_in = self.sign_in_in_flight().map(|at| self.sign_ins[at].began);
        let exchanges = self.exchanges.iter().filter(open);
        exchanges
            .map(|exchange| exchange.sent + exchange.limit + Duration::from_secs(5))
            .chain(sign_in.map(|began| began + Duration::from_secs(35)))
    }

    /// Refusals for good, of the principal, the key and the organisation, that nothing has lifted.
    pub fn refusals(&self) -> impl Iterator<Item = Refusal> {
        let (principal, key) = (self.shared.principal().refusal, self.shared.key().refusal);
        [self.refusal, principal, key].into_iter().flatten()
    }

    pub fn is_refused(&self) -> bool {
        self.refusals().next().is_some()
    }

    /// BILL refused for good, with this code.
    pub fn refuse(&mut self, code: u16) {
        self.order += 1;
        let refusal = Refusal { organization: self.organization, order: self.order };
        match code {
            1101 => self.shared.principal().refuse(refusal),
            1102 => self.shared.key().refusal = Some(refusal),
            _ => self.refusal = Some(refusal),
        }
    }

    /// BILL has accepted the credentials at a sign-in.
    pub fn accept(&mut self) {
        self.shared.principal().accept(self.shared.now());
        self.shared.key().accept(self.shared.now());
        self.refusal = None;
    }

    /// Whether BILL has accepted since `began` what it refuses with this code.
    pub fn accepted_since(&self, code: u16, began: Duration) -> bool {
        let accepted = match code {
            1101 => self.shared.principal().accepted,
            1102 => self.shared.key().accepted,
            _ => None,
        };
        accepted.is_some_and(|accepted| accepted > began)
    }

    /// The sign-in in flight is over, in whatever way.
    pub fn sign_in_is_over(&mut self, number: usize) {
        if std::mem::take(&mut self.sign_ins[number].in_flight) {
            self.shared.principal().is_not_tried_any_more(self.organization);
        }
    }

    /// What an answer to a request with a session says of that session.
    ///
    /// Returns whether it ended the current one for want of proof, for the second time in a row.
    pub fn hear(&mut self, exchange: usize, reply: Reply, now: Duration) -> bool {
        self.exchanges[exchange].reply = Some(reply);
        self.exchanges[exchange].open = false;
        if let Some(left) = reply.hour_left() {
            self.shared.key().close_calls(now + left);
        }
        let about = self.exchanges[exchange].session;
        let Some(session) = self.sessions.last_mut() else {
            return false;
        };
        if session.over || Some(session.sign_in) != about {
            return false;
        }
        if reply.restarts_the_timer() && !session.proven {
            session.proven = true;
            self.log.push(now, Fact::Proved);
        } else if reply.is(1109) {
            session.over = true;
            self.why = Why::Invalid;
            let proven = session.proven;
            self.log.push(now, Fact::Invalid { proven });
            return !proven && self.log.unproven() > 1;
        }
        false
    }

    /// What an answer to a list of organisations says of the credentials that it was asked with.
    pub fn hear_of_organizations(&mut self, exchange: usize, reply: Reply, now: Duration) {
        let Exchange { version, .. } = self.exchanges[exchange];
        self.exchanges[exchange].reply = Some(reply);
        self.exchanges[exchange].open = false;
        if let Some(left) = reply.hour_left() {
            self.shared.key().close_sign_ins(now + left);
        }
        let current = version == self.version;
        match reply {
            _ if reply.is_done() => {
                if current {
                    self.shared.principal().accept(now);
                }
                self.shared.key().accept(now);
            }
            Reply::Code(1101, _) if current => self.refuse(1101),
            Reply::Code(1102, _) => self.refuse(1102),
            _ => {}
        }
    }

    /// BILL said whether a session is trusted, or it goes without saying.
    pub fn say_trusted(&mut self, about: usize, trusted: bool) {
        let Some(session) = self.sessions.last_mut() else {
            return;
        };
        if session.over || session.sign_in != about {
            return;
        }
        session.trusted = Some(trusted);
        let was_trusted = std::mem::replace(&mut self.was_trusted, trusted);
        self.trust_lost += usize::from(was_trusted && !trusted);
    }

    /// The session is of no use any more, and another cannot be made yet.
    pub fn give_up_session(&mut self) {
        if self.current().is_some() {
            self.why = Why::IdledOut;
        }
        self.end_session();
    }

    /// A sign-in leaves; whatever session there was is not used any more.
    pub fn begin_sign_in(&mut self, now: Duration) -> usize {
        if self.current().is_some() {
            let usable = self.usable(now, Duration::ZERO).is_some();
            self.why = if usable { Why::MoreTime } else { Why::IdledOut };
        }
        self.end_session();
        self.log.push(now, Fact::Began);
        self.shared.key().count_sign_in(now);
        self.shared.principal().is_tried(self.organization, now);
        let device = self.shared.principal().device;
        self.sign_ins.push(SignIn {
            began: now,
            version: self.version,
            epoch: self.epoch,
            last_beat: now,
            with_device: device.is_some(),
            in_flight: true,
            brought: None,
            waiters: Vec::new(),
        });
        self.sign_ins.len() - 1
    }

    /// The sign-in in flight brought a session.
    pub fn store(&mut self, sign_in: usize, trusted: Option<bool>, now: Duration) {
        self.log.push(now, Fact::Stored);
        self.accept();
        let endless = self.shared.principal().token;
        let stored = self.stamp(now);
        self.sessions.push(Session {
            sign_in,
            stored,
            endless,
            proven: false,
            trusted: None,
            over: false,
        });
        // Without a device no session comes back trusted.
        let lost = self.was_trusted && !self.sign_ins[sign_in].with_device;
        if let Some(trusted) = trusted.or(lost.then_some(false)) {
            self.say_trusted(sign_in, trusted);
        }
    }

    /// The program signed out.
    pub fn sign_out(&mut self) {
        self.epoch += 1;
        if self.current().is_some() {
            self.why = Why::SignedOut;
        }
        self.was_trusted = false;
        self.end_session();
    }

    /// Other credentials are in use.
    pub fn replaced(&mut self, now: Duration) {
        if let Some(at) = self.sign_in_in_flight() {
            self.sign_in_is_over(at);
        }
        self.version = self.shared.principal().version;
        self.why = Why::CredentialsReplaced;
        self.was_trusted = false;
        self.refusal = None;
        self.end_session();
        self.log.push(now, Fact::Replaced);
    }

    pub fn end_session(&mut self) {
        if let Some(session) = self.sessions.last_mut() {
            session.over = true;
        }
    }
}
