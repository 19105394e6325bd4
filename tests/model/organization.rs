//! One organisation: the core under test, beside the history of what was done to it.

use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bill_session_core::{
    Account, Cause, Challenge, Event, InFlight, Lease, Lifetime, Listener, Phase, Renewal, Retry,
    Session, Settings, SignIn, SignInId, Wake,
};

use super::action::{Renewing, Setup};
use super::caller::{Caller, Circumstances, FIVE_MINUTES, Told};
use super::check::{Broken, Invariant, no_secret_in, rule};
use super::coverage::Seen;
use super::facts::Fact;
use super::history::History;
use super::order::Idle;
use super::shared::Shared;
use super::situation::Situation;

pub struct Organization {
    pub number: usize,
    pub setup: Setup,
    pub session: Session<usize>,
    pub shared: Rc<Shared>,
    origin: Instant,
    pub history: History,
    pub callers: Vec<Caller>,
    pub in_flight: Vec<(InFlight, usize)>,
    pub sign_ins: Vec<(SignIn, usize)>,
    pub sign_in_ids: Vec<SignInId>,
    pub leases: Vec<(Lease, usize)>,
    /// The challenges that BILL has made, and for which session.
    pub challenges: Vec<(Challenge, usize)>,
    /// The credentials are others, and the session has not noticed yet.
    pub unnoticed: bool,
    pub renewals: usize,
    /// When the last of them began.
    pub renewed: Option<Duration>,
    pub acts: usize,
    /// The latest instant that the core was told.
    pub told: Duration,
    pub idle: Idle,
    pub seen: Seen,
    listener: Listener,
    /// How often the loss of trust was told.
    pub trust_lost: usize,
}

impl Organization {
    pub fn new(
        number: usize,
        setup: Setup,
        account: Arc<Account>,
        shared: Rc<Shared>,
        origin: Instant,
    ) -> Self {
        let mut session = Session::new(account, settings(&setup), origin + shared.now());
        let listener = session.listen();
        Self {
            number,
            setup,
            session,
            origin,
            history: History::new(number, &setup, Rc::clone(&shared)),
            shared,
            callers: Vec::new(),
            in_flight: Vec::new(),
            sign_ins: Vec::new(),
            sign_in_ids: Vec::new(),
            leases: Vec::new(),
            challenges: Vec::new(),
            unnoticed: false,
            renewals: 0,
            renewed: None,
            acts: 0,
            told: Duration::ZERO,
            idle: Idle::default(),
            seen: Seen::default(),
            listener,
            trust_lost: 0,
        }
    }

    /// This instant, since the beginning.
    pub fn now(&self) -> Duration {
        self.shared.now()
    }

    /// This instant.
    pub fn instant(&self) -> Instant {
        self.origin + self.now()
    }

    /// The instant that the core is told: some callers' clocks are behind those of others, by whom
    /// it was told a later one.
    pub fn tell_time(&mut self) -> Instant {
        let now = self.now();
        let lags = self.setup.lag && self.told == now && self.acts.is_multiple_of(2);
        self.told = now;
        let behind = Duration::from_secs(u64::from(lags));
        self.origin + now.saturating_sub(behind)
    }

    pub fn since_origin(&self, instant: Instant) -> Duration {
        instant.saturating_duration_since(self.origin)
    }

    pub fn note(&self, text: impl FnOnce(&Self) -> String) {
        self.shared.note(|| format!("    [{}] {}", self.number, text(self)));
    }

    pub fn among(&self, which: impl Fn(&Caller) -> bool) -> Vec<usize> {
        let callers = self.callers.iter().enumerate();
        callers.filter(|(_, caller)| which(caller)).map(|(who, _)| who).collect()
    }

    pub fn woken(&self) -> Vec<usize> {
        self.among(|caller| caller.waits.is_some() && caller.woken.is_some() && !caller.frozen)
    }

    pub fn due(&self) -> Vec<usize> {
        let now = self.now();
        self.among(|caller| caller.waits.is_some() && !caller.frozen && caller.until <= now)
    }

    /// What has come to pass by now, which the core is to notice whatever is asked of it.
    pub fn pump_begins(&mut self) {
        let now = self.now();
        if std::mem::take(&mut self.unnoticed) {
            self.history.replaced(now);
            self.renewals = 0;
            for caller in &mut self.callers {
                caller.told = None;
            }
        }
        let Some(at) = self.history.sign_in_in_flight() else {
            return;
        };
        let sign_in = &self.history.sign_ins[at];
        let overdue_at = sign_in.began + Duration::from_secs(35);
        let silent_at = sign_in.last_beat + Duration::from_secs(5);
        if now >= overdue_at {
            self.history.sign_in_is_over(at);
            self.history.log.push(overdue_at, Fact::Overdue);
            self.seen.add(Situation::Overdue);
            self.tell(Told::Overdue, overdue_at);
        } else if self.setup.heartbeat && now >= silent_at {
            self.history.sign_in_is_over(at);
            self.history.log.push(now, Fact::Cancelled);
            self.seen.add(Situation::Cancelled);
            self.seen.add(Situation::BeatMissed);
        }
    }

    /// Everyone who waited for a session before `until`, when an attempt failed, is to be told.
    pub fn tell(&mut self, told: Told, until: Duration) {
        for caller in &mut self.callers {
            let waited = caller.waits.is_some() && caller.joined < until;
            if waited && caller.task.needs_session() {
                caller.told = Some(told);
            }
        }
    }

    /// The server said "later": calls go on waiting, explicit sign-ins and renewals are told.
    pub fn tell_explicit(&mut self, told: Told) {
        for caller in &mut self.callers {
            if caller.waits.is_some() && caller.task.is_explicit() {
                caller.told = Some(told);
            }
        }
    }

    /// When the pause after a failure ends, as the core says.
    pub fn retry_at(&self) -> Option<Duration> {
        match self.session.phase(self.instant()) {
            Phase::Failed { retry_in, .. } => Some(self.now() + retry_in),
            _ => None,
        }
    }

    /// Whether another organisation is finding out whether BILL accepts the principal.
    pub fn is_tried_elsewhere(&self) -> bool {
        self.shared.principal().is_tried_elsewhere(self.number, self.now())
    }

    pub fn circumstances(&self) -> Circumstances {
        let now = self.now();
        Circumstances {
            signed_in: self.history.usable(now, Duration::ZERO).is_some(),
            refused: self.history.is_refused(),
            calls_are_open: self.shared.key().calls_are_open(now),
        }
    }

    /// Callers are woken, and whoever listens hears what has happened.
    pub fn heed(&mut self, wake: Wake<usize>) -> Result<(), Broken> {
        for who in wake {
            let stamp = self.history.stamp(self.now());
            self.note(|_| format!("wakes {who}"));
            let amid = self.circumstances();
            let with_time = self.history.usable(self.now(), FIVE_MINUTES).is_some();
            let caller = &mut self.callers[who];
            self.seen.add_if(caller.frozen && caller.waits.is_some(), Situation::FrozenWoken);
            if caller.waits.is_some() {
                if caller.woken.is_none() {
                    caller.woken_amid = amid;
                    caller.woken_with_time = with_time;
                }
                self.idle = Idle::default();
                caller.woken.get_or_insert(stamp);
            }
        }
        while let Some(event) = self.session.try_hear(&mut self.listener) {
            let shown = format!("{event:?}");
            self.note(|_| format!("tells {shown}"));
            no_secret_in(&shown)?;
            match event {
                Event::TrustLost => self.trust_lost += 1,
                Event::SignedIn { why, .. } => rule(
                    why == self.history.why,
                    Invariant::TruthTold,
                    "whoever listens is told what made a sign-in necessary",
                )?,
                Event::Waiting { cause, retry_in }
                    if matches!(*cause, Cause::BudgetSpent | Cause::HourClosed) =>
                {
                    let counted = matches!(*cause, Cause::BudgetSpent);
                    self.seen.add_if(counted, Situation::BudgetSpent);
                    self.notice_a_spent_budget(retry_in)?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The key's budget has kept a caller from signing in: nobody tries before it opens.
    fn notice_a_spent_budget(&mut self, wait: Duration) -> Result<(), Broken> {
        let now = self.now();
        let open_at = self.shared.key().sign_ins_open_at(now);
        rule(
            !wait.is_zero() && open_at.contains(&(now + wait)),
            Invariant::TruthTold,
            "the hour's sign-ins are called spent when they are",
        )?;
        self.history.log.push(now, Fact::Spent(wait));
        self.history.give_up_session();
        Ok(())
    }

    /// Whether this is one of the moments for a closer look.
    pub fn is_time_for_a_closer_look(&self) -> bool {
        self.acts.is_multiple_of(16)
    }
}

fn settings(setup: &Setup) -> Settings {
    let mut settings = Settings::default();
    settings.max_in_flight = setup.slots;
    settings.heartbeat = setup.heartbeat.then_some(Duration::from_secs(5));
    settings.renewal = match setup.renewal {
        Renewing::OnDemand => Renewal::OnDemand,
        Renewing::Ahead => Renewal::Ahead,
        Renewing::KeepAlive => Renewal::KeepAlive,
    };
    settings.renewals = 2;
    settings.retry = Retry::times(setup.tries);
    settings.idle_margin = Duration::from_secs(60 * (35 - setup.idle_minutes));
    settings.token_lifetime = Lifetime::ENDLESS;
    settings.seed = setup.seed;
    settings
}
