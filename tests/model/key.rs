//! The hour of the developer key: what counts in its budgets, whichever organisation it was for.

use std::time::Duration;

use super::action::Limits;
use super::history::Purpose;
use super::shared::Refusal;

#[derive(Debug)]
pub struct Key {
    limits: Limits,
    /// When sign-ins were sent, and lists of organisations, which count as such.
    sign_ins: Vec<Duration>,
    calls: Vec<(Duration, Purpose)>,
    sign_ins_closed_until: Duration,
    calls_closed_until: Duration,
    /// BDC_1102, unless something has been accepted since.
    pub refusal: Option<Refusal>,
    /// When BILL accepted it last.
    pub accepted: Option<Duration>,
}

impl Key {
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            sign_ins: Vec::new(),
            calls: Vec::new(),
            sign_ins_closed_until: Duration::ZERO,
            calls_closed_until: Duration::ZERO,
            refusal: None,
            accepted: None,
        }
    }

    /// BILL has accepted it.
    pub fn accept(&mut self, now: Duration) {
        self.refusal = None;
        self.accepted = Some(now);
    }

    pub fn count_sign_in(&mut self, now: Duration) {
        self.sign_ins.push(now);
    }

    pub fn count_call(&mut self, now: Duration, purpose: Purpose) {
        self.calls.push((now, purpose));
    }

    pub fn close_sign_ins(&mut self, until: Duration) {
        self.sign_ins_closed_until = self.sign_ins_closed_until.max(until);
    }

    pub fn close_calls(&mut self, until: Duration) {
        self.calls_closed_until = self.calls_closed_until.max(until);
    }

    /// Sign-ins sent in the hour before `now`.
    pub fn sign_ins_of_the_hour(&self, now: Duration) -> usize {
        let recent = |began: &&Duration| now < **began + Duration::from_secs(3_600);
        self.sign_ins.iter().filter(recent).count()
    }

    /// From when on BILL's own word allows a sign-in, and from when on the hour's budget does.
    pub fn sign_ins_open_at(&self, now: Duration) -> [Duration; 2] {
        let most = self.limits.sign_ins as usize;
        let spent = self.sign_ins_of_the_hour(now) >= most;
        let budget = match self.sign_ins.len().checked_sub(most) {
            Some(oldest) if spent => self.sign_ins[oldest] + Duration::from_secs(3_600),
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
        let counts = |purpose: Purpose| match purpose {
            Purpose::Call | Purpose::KeepAlive => true,
            Purpose::Logout => logouts,
            Purpose::Lease | Purpose::ListOrgs => false,
        };
        let recent = |call: &&(Duration, Purpose)| counts(call.1) && now < call.0 + span;
        self.calls.iter().filter(recent).count()
    }
}
