//! A server, callers, and the real sessions between them, at one instant of one history.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use bill_session_core::{Account, Call, CallId, InFlight, Retry, Session, Settings, SignIn, Wake};

use super::action::{Action, Hazard, Kind, Setup};
use super::bill;
use super::laws::{Broken, Law};
use super::pauses::Pauses;

/// Whom to wake.
pub type Token = u8;

/// A sign-in is waited for so long.
pub const SIGN_IN: Duration = Duration::from_secs(30 + 5);
/// An exchange may take so long, and is waited for by five seconds more.
pub const CALL: Duration = Duration::from_secs(60);
pub const GRACE: Duration = Duration::from_secs(5);
/// A logout is willing to wait so long.
pub const LOGOUT: Duration = Duration::from_secs(120);
/// A sign-in that is silent for so long is taken over.
pub const SILENCE: Duration = Duration::from_secs(5);
/// A session that was not used for so long is not used again.
pub const IDLE: Duration = Duration::from_secs(34 * 60);

const LOGOUTS: Token = 100;
/// Later ones are not sent: the program was closed.
const MOST_LOGOUTS: usize = 2;

pub struct World {
    pub setup: &'static Setup,
    pub now: Instant,
    pub accounts: Vec<Arc<Account>>,
    pub orgs: Vec<Org>,
    /// Those of the setup, and logouts behind them.
    pub callers: Vec<Caller>,
    /// From the oldest to the newest.
    pub sign_ins: Vec<Running>,
    /// How often the principal was replaced.
    pub version: u32,
    /// Whether the current principal was refused for good.
    pub refused: bool,
    pub broken: Broken,
    spent: [u8; 8],
    ticks: u8,
    logouts: Token,
    /// What was told and who was woken by the last action, where that is compared.
    pub seen: Option<Vec<String>>,
}

/// An organisation: its session, and what is known of it from outside.
pub struct Org {
    pub session: Session<Token>,
    /// How many sessions BILL has made for it.
    pub made: usize,
    /// Of these, BILL has forgotten so many.
    pub gone: usize,
    /// The one that may be used, and since when it is idle.
    pub current: Option<usize>,
    pub alive_at: Instant,
    pub epoch: u32,
    /// The principal that its last action was with.
    pub noticed: u32,
    pub untold: bool,
    pub pauses: Pauses,
}

pub struct Caller {
    pub org: usize,
    pub kind: Kind,
    pub token: Token,
    pub place: Place,
    pub frozen: bool,
    pub woken: bool,
    pub until: Instant,
    pub epoch: u32,
    pub patience: Duration,
    pub deadline: Instant,
    pub id: Option<CallId>,
    /// How often it was sent again after a refusal, after contention, after a loss.
    pub again: [u8; 3],
    /// Whether it has begun a sign-in.
    pub signed_in: bool,
}

/// Where a caller is.
pub enum Place {
    Unborn,
    Waits(Call),
    Flies {
        in_flight: InFlight,
        nth: usize,
        since: Instant,
        lapses: Instant,
    },
    /// Busy with a sign-in.
    Busy(Call),
    Gone,
}

/// A sign-in that somebody runs.
pub struct Running {
    pub sign_in: SignIn,
    pub org: usize,
    pub begun: Instant,
    pub beat: Instant,
    pub epoch: u32,
    pub version: u32,
    pub frozen: bool,
    /// The caller that is busy with it.
    pub runner: Option<Token>,
}

impl World {
    pub fn new(setup: &'static Setup) -> Self {
        static FIRST: OnceLock<Instant> = OnceLock::new();
        let now = *FIRST.get_or_init(Instant::now);
        let accounts = bill::accounts(setup, now);
        let mut settings = Settings::default();
        settings.max_in_flight = setup.slots;
        settings.retry = if setup.tries == 0 { Retry::NEVER } else { Retry::times(setup.tries) };
        settings.heartbeat = setup.heartbeat.then_some(SILENCE);
        let settings = Arc::new(settings);
        let org = |account: &Arc<Account>| Org {
            session: Session::new(Arc::clone(account), Arc::clone(&settings), now),
            made: 0,
            gone: 0,
            current: None,
            alive_at: now,
            epoch: 0,
            noticed: 0,
            untold: false,
            pauses: Pauses::none(now),
        };
        let callers = (0..).zip(setup.callers);
        Self {
            setup,
            now,
            orgs: accounts.iter().map(org).collect(),
            accounts,
            callers: callers
                .map(|(token, (org, kind))| {
                    let caller = Caller::new(*org, *kind, token, Place::Unborn, now);
                    Caller { patience: setup.patience, ..caller }
                })
                .collect(),
            sign_ins: Vec::new(),
            version: 0,
            refused: false,
            broken: Broken::default(),
            spent: [0; 8],
            ticks: 0,
            logouts: LOGOUTS,
            seen: None,
        }
    }

    /// The world after these actions.
    pub fn after(setup: &'static Setup, actions: &[Action]) -> Self {
        let mut world = Self::new(setup);
        for action in actions {
            world.act(*action);
        }
        world
    }

    /// Whether a hazard may happen once more.
    pub fn may(&self, hazard: Hazard) -> bool {
        self.setup
            .hazards
            .iter()
            .zip(self.left())
            .any(|((one, _), left)| *one == hazard && left > 0)
    }

    /// How often each hazard may still happen.
    pub fn left(&self) -> impl Iterator<Item = u8> {
        let in_all = self.setup.most - self.spent.iter().sum::<u8>();
        let each = self.setup.hazards.iter().zip(self.spent);
        each.map(move |((_, most), spent)| (most - spent).min(in_all))
    }

    pub fn ticks_left(&self) -> u8 {
        self.setup.most_ticks - self.ticks
    }

    fn spend(&mut self, hazard: Hazard) {
        let at = self.setup.hazards.iter().position(|(one, _)| *one == hazard);
        if let Some(at) = at.filter(|_| self.may(hazard)) {
            self.spent[at] += 1;
        }
    }

    /// When the first of those who are polled looks again by itself, if that is yet to come.
    pub fn next_look(&self) -> Option<Instant> {
        let waits = |caller: &&Caller| matches!(caller.place, Place::Waits(_)) && !caller.frozen;
        let looks = self.callers.iter().filter(waits).map(|caller| caller.until);
        looks.filter(|until| *until > self.now).min()
    }

    /// One thing happens.
    pub fn act(&mut self, action: Action) {
        match action {
            Action::Begin(who) | Action::Poll(who) => self.poll(usize::from(who)),
            Action::Answer(who, reply) => {
                self.spend(Hazard::Call(reply));
                self.answer(usize::from(who), reply);
            }
            Action::SignInEnds(number, reply) => {
                self.spend(Hazard::SignIn(reply));
                self.sign_in_ends(usize::from(number), reply);
            }
            Action::Cancel(who) => {
                self.spend(Hazard::Cancel);
                self.cancel(usize::from(who));
            }
            Action::Freeze(who) => {
                self.spend(Hazard::Freeze);
                let caller = &mut self.callers[usize::from(who)];
                caller.frozen = true;
                let token = Some(caller.token);
                for running in self.sign_ins.iter_mut().filter(|run| run.runner == token) {
                    running.frozen = true;
                }
            }
            Action::FreezeSignIn(number) => {
                self.spend(Hazard::FreezeSignIn);
                self.sign_ins[usize::from(number)].frozen = true;
            }
            Action::Abandon(number) => {
                self.spend(Hazard::Abandon);
                let running = self.sign_ins.remove(usize::from(number));
                self.abandons(&running);
                let Running { sign_in, org, .. } = running;
                let wake = self.orgs[org].session.cancel_sign_in(sign_in.id(), self.now);
                self.acted_on(org, wake);
            }
            Action::SignOut(org) => {
                self.spend(Hazard::SignOut);
                self.sign_out(usize::from(org));
            }
            Action::Replace => {
                self.spend(Hazard::Replace);
                self.replace();
            }
            Action::Tell(org) => self.tell(usize::from(org)),
            Action::Redeploy => {
                self.spend(Hazard::Redeploy);
                for org in &mut self.orgs {
                    org.gone = org.made;
                }
            }
            Action::Pass(number) => {
                self.ticks += 1;
                let tick = self.setup.ticks[usize::from(number)];
                let next = self.next_look().unwrap_or(self.now);
                self.pass(tick.length().unwrap_or(next.saturating_duration_since(self.now)));
            }
        }
    }

    /// Another principal signs in from now on; no organisation knows of it yet.
    pub fn replace(&mut self) {
        self.version += 1;
        self.refused = false;
        self.accounts[0].replace_principal(bill::principal(self.version));
        for org in &mut self.orgs {
            org.untold = true;
        }
    }

    pub fn tell(&mut self, org: usize) {
        self.orgs[org].untold = false;
        let wake = self.orgs[org].session.credentials_replaced(self.now);
        self.acted_on(org, wake);
    }

    /// Time passes; whoever runs a sign-in says so once a second.
    pub fn pass(&mut self, time: Duration) {
        const BEAT: Duration = Duration::from_secs(1);
        let then = self.now + time;
        if self.setup.heartbeat {
            while self.now < then {
                self.now = then.min(self.now + BEAT);
                for running in self.sign_ins.iter_mut().filter(|running| !running.frozen) {
                    running.beat = self.now;
                    self.orgs[running.org].session.beat(running.sign_in.id(), self.now);
                }
            }
        }
        self.now = then;
    }

    fn cancel(&mut self, who: usize) {
        let caller = &mut self.callers[who];
        caller.place = Place::Gone;
        let org = caller.org;
        if let Some(id) = caller.id {
            let wake = self.orgs[org].session.cancel(id, self.now);
            self.acted_on(org, wake);
        }
    }

    fn sign_out(&mut self, org: usize) {
        let (logout, wake) = self.orgs[org].session.sign_out(self.now);
        self.orgs[org].epoch += 1;
        self.orgs[org].current = None;
        if let Some(logout) = logout {
            self.log_out(org, logout, LOGOUT);
        }
        self.acted_on(org, wake);
    }

    /// A logout comes, and steps as soon as it is polled.
    pub fn log_out(&mut self, org: usize, logout: Call, patience: Duration) {
        self.callers
            .retain(|caller| caller.kind != Kind::Logout || !matches!(caller.place, Place::Gone));
        if self.callers.len() >= self.setup.callers.len() + MOST_LOGOUTS {
            return;
        }
        let place = Place::Waits(logout);
        let mut caller = Caller::new(org, Kind::Logout, self.logouts, place, self.now);
        caller.woken = true;
        caller.patience = patience;
        self.logouts += 1;
        self.callers.push(caller);
    }

    /// Something was done to an organisation's session.
    pub fn acted_on(&mut self, org: usize, wake: Wake<Token>) {
        self.notices(org);
        self.wake(wake);
        let in_flight = self.in_flight(org);
        self.broken.unless(self.orgs[org].session.in_flight() == in_flight, Law::SlotsCounted);
    }

    pub fn wake(&mut self, wake: Wake<Token>) {
        for token in wake {
            if let Some(who) = self.callers.iter().position(|caller| caller.token == token) {
                self.callers[who].woken = true;
                self.note(|| format!("{who} is woken"));
            }
        }
    }

    pub fn note(&mut self, text: impl FnOnce() -> String) {
        if let Some(seen) = &mut self.seen {
            seen.push(text());
        }
    }

    /// Whatever is done to a session, it notices that the principal was replaced.
    pub fn notices(&mut self, org: usize) {
        let org = &mut self.orgs[org];
        if org.noticed != self.version {
            org.noticed = self.version;
            org.current = None;
            org.pauses = Pauses::none(self.now);
        }
    }

    /// What is in flight of an organisation, as far as anybody waits for it.
    pub fn in_flight(&self, org: usize) -> usize {
        let flies = |caller: &&Caller| match caller.place {
            Place::Flies { lapses, .. } => caller.org == org && self.now < lapses,
            _ => false,
        };
        let exchanges = self.callers.iter().filter(flies).count();
        exchanges + self.sign_ins_in_flight(org)
    }

    pub fn sign_ins_in_flight(&self, org: usize) -> usize {
        self.sign_ins.iter().filter(|run| run.org == org && self.is_awaited(run)).count()
    }

    /// Whether a sign-in is one that others wait for.
    pub fn is_awaited(&self, running: &Running) -> bool {
        let silent = self.setup.heartbeat && self.now >= running.beat + SILENCE;
        running.version == self.orgs[running.org].noticed
            && self.now < running.begun + SIGN_IN
            && !silent
    }
}

impl Caller {
    pub fn is_here(&self) -> bool {
        !matches!(self.place, Place::Unborn | Place::Gone)
    }

    pub fn new(org: usize, kind: Kind, token: Token, place: Place, now: Instant) -> Self {
        Self {
            org,
            kind,
            token,
            place,
            frozen: false,
            woken: false,
            until: now,
            epoch: 0,
            patience: LOGOUT,
            deadline: now,
            id: None,
            again: [0; 3],
            signed_in: false,
        }
    }
}
