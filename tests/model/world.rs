//! The driver: the core under test, beside the history of what was done to it.

use std::time::{Duration, Instant};

use bill_session_core::{
    InFlight, Lease, Lifetime, Phase, Renewal, Session, Settings, SignIn, SignInId, Wake,
};

use super::action::{Renewing, Setup};
use super::answers::account;
use super::caller::{Caller, Task, Told};
use super::check::Broken;
use super::coverage::Seen;
use super::facts::Fact;
use super::history::History;
use super::order::Idle;

pub struct World {
    pub setup: Setup,
    pub session: Session<usize>,
    origin: Instant,
    pub now: Duration,
    pub history: History,
    pub callers: Vec<Caller>,
    pub in_flight: Vec<(InFlight, usize)>,
    pub sign_ins: Vec<(SignIn, usize)>,
    pub sign_in_ids: Vec<SignInId>,
    pub leases: Vec<(Lease, usize)>,
    /// The credentials are others, and the session has not noticed yet.
    pub unnoticed: bool,
    pub renewals: usize,
    pub acts: usize,
    /// The latest instant that the core was told.
    told: Duration,
    pub idle: Idle,
    pub seen: Seen,
    story: Option<Vec<String>>,
}

impl World {
    pub fn new(setup: Setup, tell: bool) -> Self {
        let origin = Instant::now();
        let mut settings = Settings::default();
        settings.max_in_flight = setup.slots;
        settings.heartbeat = setup.heartbeat.then_some(Duration::from_secs(5));
        settings.renewal = match setup.renewal {
            Renewing::OnDemand => Renewal::OnDemand,
            Renewing::Ahead => Renewal::Ahead,
            Renewing::KeepAlive => Renewal::KeepAlive,
        };
        settings.renewals = 2;
        settings.token_lifetime = Lifetime::ENDLESS;
        settings.seed = setup.seed;
        Self {
            session: Session::new(account(&setup, origin), settings, origin),
            origin,
            now: Duration::ZERO,
            history: History::new(setup.limits, setup.token),
            setup,
            callers: Vec::new(),
            in_flight: Vec::new(),
            sign_ins: Vec::new(),
            sign_in_ids: Vec::new(),
            leases: Vec::new(),
            unnoticed: false,
            renewals: 0,
            acts: 0,
            told: Duration::ZERO,
            idle: Idle::default(),
            seen: Seen::default(),
            story: tell.then(Vec::new),
        }
    }
    /// This instant.
    pub fn instant(&self) -> Instant {
        self.origin + self.now
    }

    /// The instant that the core is told: some callers' clocks are behind those of others, by whom
    /// it was told a later one.
    pub fn tell_time(&mut self) -> Instant {
        let lags = self.setup.lag && self.told == self.now && self.acts.is_multiple_of(2);
        self.told = self.now;
        let behind = Duration::from_secs(u64::from(lags));
        self.origin + self.now.saturating_sub(behind)
    }

    pub fn since_origin(&self, instant: Instant) -> Duration {
        instant.saturating_duration_since(self.origin)
    }

    pub fn note(&mut self, text: impl FnOnce(&Self) -> String) {
        if self.story.is_some() {
            let text = text(self);
            self.story.get_or_insert_default().push(text);
        }
    }

    pub fn story(&self) -> String {
        self.story.as_deref().unwrap_or_default().join("\n")
    }

    pub fn among(&self, which: impl Fn(&Caller) -> bool) -> Vec<usize> {
        let callers = self.callers.iter().enumerate();
        callers.filter(|(_, caller)| which(caller)).map(|(who, _)| who).collect()
    }

    pub fn woken(&self) -> Vec<usize> {
        self.among(|caller| caller.waits.is_some() && caller.woken.is_some() && !caller.frozen)
    }

    pub fn due(&self) -> Vec<usize> {
        let now = self.now;
        self.among(|caller| caller.waits.is_some() && !caller.frozen && caller.until <= now)
    }
    /// What has come to pass by now, which the core is to notice whatever is asked of it.
    pub fn pump_begins(&mut self) {
        let now = self.now;
        if std::mem::take(&mut self.unnoticed) {
            if let Some(at) = self.history.sign_in_in_flight() {
                self.history.sign_ins[at].in_flight = false;
            }
            self.history.end_session();
            self.history.log.push(now, Fact::Replaced);
            self.renewals = 0;
            for caller in &mut self.callers {
                caller.told = None;
            }
        }
        let Some(at) = self.history.sign_in_in_flight() else {
            return;
        };
        let sign_in = &mut self.history.sign_ins[at];
        let overdue_at = sign_in.began + Duration::from_secs(35);
        if now >= overdue_at {
            sign_in.in_flight = false;
            self.history.log.push(overdue_at, Fact::Overdue);
            self.seen.add(Seen::OVERDUE);
            self.tell(Told::Overdue, overdue_at);
        } else if self.setup.heartbeat && now >= sign_in.last_beat + Duration::from_secs(5) {
            sign_in.in_flight = false;
            self.history.log.push(now, Fact::Cancelled);
            self.seen.add(Seen::CANCELLED);
        }
    }

    /// Everyone who waited for a session before `until`, when an attempt failed, is to be told.
    pub fn tell(&mut self, told: Told, until: Duration) {
        for caller in &mut self.callers {
            let waited = caller.waits.is_some() && caller.joined < until;
            if waited && caller.task != Task::Logout {
                caller.told = Some(told);
            }
        }
    }

    /// The server said "later": calls go on waiting, explicit sign-ins and renewals are told.
    pub fn tell_explicit(&mut self, told: Told) {
        for caller in &mut self.callers {
            if caller.waits.is_some()
                && matches!(caller.task, Task::SignIn | Task::Renewal | Task::KeepAlive)
            {
                caller.told = Some(told);
            }
        }
    }

    /// When the pause after a failure ends, as the core says.
    pub fn retry_at(&self) -> Option<Duration> {
        match self.session.phase(self.instant()) {
            Phase::Failed { retry_in, .. } => Some(self.now + retry_in),
            _ => None,
        }
    }

    /// Callers are woken.
    pub fn heed(&mut self, wake: Wake<usize>) -> Result<(), Broken> {
        for who in wake {
            let stamp = self.history.stamp(self.now);
            self.note(|_| format!("    wakes {who}"));
            let usable = self.history.usable(self.now, Duration::ZERO).is_some();
            let caller = &mut self.callers[who];
            if caller.waits.is_some() {
                if caller.woken.is_none() {
                    caller.woken_for_session = usable;
                }
                self.idle = Idle::default();
                caller.woken.get_or_insert(stamp);
            }
        }
        Ok(())
    }

    /// Whether this is one of the moments for a closer look.
    pub fn is_time_for_a_closer_look(&self) -> bool {
        self.acts.is_multiple_of(16)
    }
}
