//! What was sent, answered and signed in, and what follows for the session.

use std::time::Duration;

use super::action::{Limits, Reply};
use super::facts::{Fact, Log, Stamp};

/// A sign-in that was sent.
#[derive(Debug)]
pub struct SignIn {
    pub began: Duration,
    /// Which credentials it was sent with.
    pub version: usize,
    /// How many sign-outs there had been.
    pub epoch: usize,
    pub last_beat: Duration,
    pub in_flight: bool,
    /// It brought a session, wanted or not.
    pub brought: bool,
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
    pub over: bool,
}

/// A request that left with a session: a call's, a logout's, or one under a lease.
#[derive(Debug)]
pub struct Exchange {
    pub who: Option<usize>,
    pub session: usize,
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
}

#[derive(Debug)]
pub struct History {
    limits: Limits,
    order: usize,
    pub version: usize,
    pub token: bool,
    pub epoch: usize,
    pub sign_ins: Vec<SignIn>,
    pub sessions: Vec<Session>,
    pub exchanges: Vec<Exchange>,
    pub log: Log,
    sign_ins_closed_until: Duration,
    calls_closed_until: Duration,
}

impl History {
    pub fn new(limits: Limits, token: bool) -> Self {
        Self {
            limits,
            order: 0,
            version: 0,
            token,
            epoch: 0,
            sign_ins: Vec::new(),
            sessions: Vec::new(),
            exchanges: Vec::new(),
            log: Log::default(),
            sign_ins_closed_until: Duration::ZERO,
            calls_closed_until: Duration::ZERO,
        }
    }

    pub fn stamp(&mut self, at: Duration) -> Stamp {
        self.order += 1;
        Stamp { order: self.order, at }
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
            exchange.session == session.sign_in
                && exchange.reply.is_some_and(Reply::restarts_the_timer)
        };
        let sent = self.exchanges.iter().filter(answered).map(|exchange| exchange.sent);
        sent.fold(self.sign_ins[session.sign_in].began, Duration::max)
    }

    /// The session that can be used, if there is one with more than `left` of its 34 idle minutes.
    pub fn usable(&self, now: Duration, left: Duration) -> Option<&Session> {
        let fresh = |session: &&Session| {
            session.endless || now + left < self.alive_at(session) + Duration::from_secs(2_040)
        };
        self.current().filter(fresh)
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

    /// Sign-ins sent in the hour before `now`.
    pub fn sign_ins_of_the_hour(&self, now: Duration) -> usize {
        let recent = |sign_in: &&SignIn| now < sign_in.began + Duration::from_secs(3_600);
        self.sign_ins.iter().filter(recent).count()
    }

    /// From when on BILL's own word allows a sign-in, and from when on the hour's budget does.
    pub fn sign_ins_open_at(&self, now: Duration) -> [Duration; 2] {
        let most = self.limits.sign_ins as usize;
        let spent = self.sign_ins_of_the_hour(now) >= most;
        let budget = match self.sign_ins.len().checked_sub(most) {
            Some(oldest) if spent => self.sign_ins[oldest].began + Duration::from_secs(3_600),
            _ => now,
        };
        [self.sign_ins_closed_until.max(now), budget]
    }

    /// Whether the hour's calls are certainly open, as far as both BILL and the budget go.
    pub fn calls_are_open(&self, now: Duration) -> bool {
        // The budget counts by minutes, so that the oldest may count for a minute too long.
        let recent = self.calls_within(now, Duration::from_secs(3_660), true);
        now >= self.calls_closed_until && recent < self.limits.calls as usize
    }

    /// Whether the hour's calls are certainly closed.
    pub fn calls_are_closed(&self, now: Duration) -> bool {
        let recent = self.calls_within(now, Duration::from_secs(3_600), false);
        now < self.calls_closed_until || recent >= self.limits.calls as usize
    }

    fn calls_within(&self, now: Duration, span: Duration, logouts: bool) -> usize {
        let counts = |exchange: &Exchange| match exchange.purpose {
            Purpose::Call | Purpose::KeepAlive => true,
            Purpose::Logout => logouts,
            Purpose::Lease => false,
        };
        let recent = |exchange: &&Exchange| counts(exchange) && now < exchange.sent + span;
        self.exchanges.iter().filter(recent).count()
    }

    pub fn close_sign_ins(&mut self, until: Duration) {
        self.sign_ins_closed_until = self.sign_ins_closed_until.max(until);
    }

    /// What an answer to a request with a session says of that session.
    ///
    /// Returns whether it ended the current one for want of proof, for the second time in a row.
    pub fn hear(&mut self, exchange: usize, reply: Reply, now: Duration) -> bool {
        self.exchanges[exchange].reply = Some(reply);
        self.exchanges[exchange].open = false;
        if let Reply::HourSpent(left) = reply {
            let left = Duration::from_secs(left.map_or(3_600, u64::from));
            self.calls_closed_until = self.calls_closed_until.max(now + left);
        }
        let about = self.exchanges[exchange].session;
        let Some(session) = self.sessions.last_mut() else {
            return false;
        };
        if session.over || session.sign_in != about {
            return false;
        }
        if reply.restarts_the_timer() && !session.proven {
            session.proven = true;
            self.log.push(now, Fact::Proved);
        } else if matches!(reply, Reply::Code(1109, _)) {
            session.over = true;
            let proven = session.proven;
            self.log.push(now, Fact::Invalid { proven });
            return !proven && self.log.unproven() > 1;
        }
        false
    }

    /// A sign-in leaves; whatever session there was is not used any more.
    pub fn begin_sign_in(&mut self, now: Duration) -> usize {
        self.end_session();
        self.log.push(now, Fact::Began);
        self.sign_ins.push(SignIn {
            began: now,
            version: self.version,
            epoch: self.epoch,
            last_beat: now,
            in_flight: true,
            brought: false,
            waiters: Vec::new(),
        });
        self.sign_ins.len() - 1
    }

    /// The sign-in in flight brought a session.
    pub fn store(&mut self, sign_in: usize, now: Duration) {
        self.log.push(now, Fact::Stored);
        let stored = self.stamp(now);
        self.sessions.push(Session {
            sign_in,
            stored,
            endless: self.token,
            proven: false,
            over: false,
        });
    }

    pub fn end_session(&mut self) {
        if let Some(session) = self.sessions.last_mut() {
            session.over = true;
        }
    }
}
