//! Verdicts on sessions: those of leases, and that none touches another session than its own.

use std::time::Duration;

use bill_session_core::{Phase, Verdict};

use super::action::Reply;
use super::check::{Broken, Invariant, no_secret_in, rule};
use super::laws::laws;
use super::organization::Organization;
use super::situation::Situation;

/// How long a session is idle, how old it is, how long it can stay so, and whether it is trusted;
/// nothing when there is none.
pub type Face = Option<(Duration, Duration, Option<Duration>, Option<bool>)>;

impl Organization {
    /// A lease is given back.
    pub fn end_lease(&mut self, at: usize, reply: Reply) -> Result<(), Broken> {
        let (lease, exchange) = self.leases.remove(at);
        no_secret_in(&format!("{lease:?}"))?;
        let verdict = match reply {
            Reply::Code(1109, _) => Verdict::Invalid,
            Reply::Code(1322, _) => Verdict::Contended { retry_after: None },
            Reply::Code(1361, _) => Verdict::Untrusted,
            Reply::HourSpent(left) => {
                Verdict::HourSpent { left: Duration::from_secs(left.map_or(3_600, u64::from)) }
            }
            alive if alive.restarts_the_timer() => Verdict::Alive,
            _ => Verdict::Unknown,
        };
        if matches!(verdict, Verdict::Alive | Verdict::Untrusted) {
            // A program's own request is a use of the session like any caller's call.
            self.renewals = 0;
        }
        self.pump_begins();
        let about = self.history.exchanges[exchange].session;
        let current = self.history.current().map(|current| current.sign_in);
        self.seen.add_if(about == current && reply.is(1109), Situation::LeaseInvalid);
        let spared = self.spared_by(exchange);
        let now = self.tell_time();
        let wake = self.session.lease_ended(lease, verdict, now);
        self.is_as_before(spared)?;
        self.hear(exchange, reply);
        self.heed(wake)?;
        laws(self)
    }

    /// What the session looks like, if the answer to this exchange is about another than the one
    /// that is usable or on its way.
    pub fn spared_by(&self, exchange: usize) -> Option<Face> {
        let about = self.history.exchanges[exchange].session;
        let usable = self.history.usable(self.now(), Duration::ZERO);
        let is_another = match usable {
            Some(usable) => about != Some(usable.sign_in),
            None => self.history.sign_in_in_flight().is_some(),
        };
        is_another.then(|| self.face())
    }

    fn face(&self) -> Face {
        match self.session.phase(self.instant()) {
            Phase::SignedIn { left, idle, age, trusted, .. } => Some((idle, age, left, trusted)),
            Phase::SigningIn { since } => Some((Duration::MAX, since, None, None)),
            _ => None,
        }
    }

    /// Whether an answer about another session has left this one as it was.
    pub fn is_as_before(&self, spared: Option<Face>) -> Result<(), Broken> {
        rule(
            spared.is_none_or(|face| face.is_some() && face == self.face()),
            Invariant::GenerationsApart,
            "an answer changes no other session than the one that it was given to",
        )
    }
}
