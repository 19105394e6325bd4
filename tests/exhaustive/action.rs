//! What can happen next, and how often at most.

use std::time::Duration;

/// One thing that happens; callers are counted, logouts behind them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// A caller comes.
    Begin(u8),
    /// A caller that was woken, or whose time has come, looks again.
    Poll(u8),
    /// A caller's exchange ends.
    Answer(u8, Reply),
    /// A sign-in, counted from the oldest, ends.
    SignInEnds(u8, Reply),
    /// A caller goes away.
    Cancel(u8),
    /// A caller is never polled again.
    Freeze(u8),
    /// Nobody runs a sign-in any more, nor says so.
    FreezeSignIn(u8),
    /// A sign-in is dropped.
    Abandon(u8),
    SignOut(u8),
    /// Another principal signs in from now on.
    Replace,
    /// An organisation is told of the new principal.
    Tell(u8),
    /// BILL forgets all sessions.
    Redeploy,
    /// Time passes: one of the setup's steps.
    Pass(u8),
}

/// How an exchange or a sign-in ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reply {
    Done,
    /// BDC_1109.
    Invalid,
    /// BDC_1101.
    Refused,
    /// BDC_1322.
    Contended,
    /// BDC_1144.
    HourSpent,
    /// A gateway's 503.
    Trouble,
    /// No answer.
    Lost,
}

/// What does not happen by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hazard {
    Cancel,
    Freeze,
    FreezeSignIn,
    Abandon,
    SignOut,
    Replace,
    Redeploy,
    /// A call's exchange ends so.
    Call(Reply),
    /// A sign-in ends so.
    SignIn(Reply),
}

/// A step of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tick {
    /// Until the first caller looks again by itself.
    Next,
    Millis(u64),
    Seconds(u64),
}

impl Tick {
    /// Its length, if that is a matter of the step alone.
    pub fn length(self) -> Option<Duration> {
        match self {
            Self::Next => None,
            Self::Millis(millis) => Some(Duration::from_millis(millis)),
            Self::Seconds(seconds) => Some(Duration::from_secs(seconds)),
        }
    }
}

/// What a caller comes for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A call that merely reads.
    Read,
    /// A call that may change something.
    Write,
    SignIn,
    Lease,
    /// What a sign-out leaves to be done; it comes by itself.
    Logout,
}

/// One bounded exploration.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    pub name: &'static str,
    /// Which organisation each caller belongs to, and what it wants.
    pub callers: &'static [(usize, Kind)],
    pub organizations: usize,
    pub slots: usize,
    /// What may go wrong, and how often each.
    pub hazards: &'static [(Hazard, u8)],
    /// How much may go wrong in all.
    pub most: u8,
    pub ticks: &'static [Tick],
    pub most_ticks: u8,
    /// The caller that signs in is busy with that; otherwise somebody else runs the sign-in.
    pub blocking: bool,
    /// A sign-in that nobody runs is taken over after five seconds.
    pub heartbeat: bool,
    /// Callers also look again without a reason.
    pub glances: bool,
    /// How often a call that reads goes out again after a lost answer.
    pub tries: u8,
    /// The sign-ins of an hour.
    pub sign_ins: u32,
    /// How long a caller is willing to wait.
    pub patience: Duration,
    /// The longest that a healthy server takes to serve whoever is polled.
    pub drains_in: Duration,
}

/// One caller of one organisation, and nothing goes wrong.
pub const SETUP: Setup = Setup {
    name: "",
    callers: &[(0, Kind::Read); 3],
    organizations: 1,
    slots: 1,
    hazards: &[],
    most: 0,
    ticks: &[Tick::Next],
    most_ticks: 0,
    blocking: false,
    heartbeat: false,
    glances: false,
    tries: 0,
    sign_ins: 200,
    patience: Duration::from_secs(120),
    drains_in: Duration::from_secs(66),
};
