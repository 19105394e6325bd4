//! What can happen: the settings of a case and its actions.

use std::time::Duration;

/// One random history.
#[derive(Clone, Debug)]
pub struct Case {
    pub setup: Setup,
    /// What happens, and in which organisation.
    pub actions: Vec<(usize, Action)>,
}

/// What the sessions are made with.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    /// One, or two of one principal.
    pub organizations: usize,
    /// Whether organisations are told when another has found out about the principal.
    pub told: bool,
    pub slots: usize,
    pub limits: Limits,
    /// Whether a sign-in without a beat for 5 s counts as abandoned.
    pub heartbeat: bool,
    pub renewal: Renewing,
    pub token: bool,
    /// Whether sign-ins go to v3, which tells of trust.
    pub v3: bool,
    /// How often a call that only reads is sent again after its outcome was lost.
    pub tries: u8,
    /// For how many minutes a session can be idle.
    pub idle_minutes: u64,
    /// Whether the clocks of some callers are behind.
    pub lag: bool,
    pub seed: u64,
}

impl Setup {
    /// One organisation, as a program would have it that sets nothing.
    pub const PLAIN: Self = Self {
        organizations: 1,
        told: false,
        slots: 3,
        limits: Limits { sign_ins: 200, calls: 20_000 },
        heartbeat: false,
        renewal: Renewing::OnDemand,
        token: false,
        v3: false,
        tries: 0,
        idle_minutes: 34,
        lag: false,
        seed: 0,
    };
}

/// The hourly limits of the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    pub sign_ins: u32,
    pub calls: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renewing {
    OnDemand,
    Ahead,
    KeepAlive,
}

/// One thing that happens. A number picks among those that it can happen to.
#[derive(Clone, Copy, Debug)]
pub enum Action {
    /// A caller comes and takes its first step.
    Begin(What, Patience),
    /// Several calls come at once.
    Burst(u8),
    /// The renewal runs, if it is due.
    Renew,
    /// A waiting caller steps, whether it was woken or not.
    Step(u8),
    /// One of the woken callers steps.
    Attend(u8),
    /// All woken callers step, until none is left.
    AttendAll,
    /// All callers step whose wait is over.
    StepDue,
    /// A waiting caller is never polled again.
    Freeze(u8),
    /// A caller goes away, whatever it is doing.
    Depart(u8),
    /// A caller goes away that waits between others.
    DepartFromMiddle(u8),
    Pass(Time),
    /// An exchange is answered.
    Answer(u8, Reply),
    /// BILL has lost its sessions: every exchange in flight is answered with BDC_1109, and some of
    /// the answers come only after another sign-in.
    Amnesia {
        late: bool,
    },
    /// Others use up what BILL allows at once: so many times, every exchange in flight is answered
    /// with BDC_1322, and tried again a second later.
    Crowd(u8),
    /// The way to BILL is down: so many times, every exchange in flight is lost, and tried again
    /// two seconds later.
    Outage(u8, Reply),
    /// The session is made trusted: a challenge is asked for and answered.
    Trust {
        remember: bool,
    },
    /// The session is made trusted by a device that BILL remembers.
    TrustByDevice,
    /// So many times BILL accepts a sign-in, and calls its session invalid at once.
    AcceptAndRefuse(u8),
    /// A sign-in takes so many seconds, and beats at each.
    SlowSignIn(u8),
    /// So many times nothing happens until the session is to be renewed, and it is.
    AwaitRenewal(u8, Reply),
    /// An upload that can be sent once comes when the session has too little time left for it.
    LateUpload,
    /// Whoever ran an exchange never reports.
    Lose(u8),
    /// A caller goes away, and the answer to its exchange is heard all the same.
    Leave(u8),
    /// A sign-in is answered, in flight or stale.
    AnswerSignIn(u8, Reply),
    /// Every sign-in is answered well, and all woken callers step.
    Welcome,
    /// Whoever ran a sign-in never reports.
    LoseSignIn(u8),
    /// Whoever ran a sign-in goes away, perhaps one that is over.
    CancelSignIn(u8),
    Beat,
    /// A lease is given back with the verdict that this answer stands for.
    EndLease(u8, Reply),
    SignOut,
    /// Other credentials, and whether the session is told or has to notice.
    Replace {
        token: bool,
        told: bool,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    Call(Operation),
    Upload {
        once: bool,
    },
    Challenge,
    /// The answer to one of the challenges, and whether BILL is to remember the device.
    Validate {
        challenge: u8,
        remember: bool,
    },
    StepUp,
    ListOrgs,
    SignIn,
    /// A lease with so many minutes left.
    Lease(u8),
}

/// A call of v2's or v3's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    List,
    Create,
    Get,
    Post,
}

impl Operation {
    /// Whether doing it twice does no more than doing it once.
    pub fn only_reads(self) -> bool {
        matches!(self, Self::List | Self::Get)
    }
}

/// The total deadline of a caller, in seconds; the core's default when there is none.
#[derive(Clone, Copy, Debug)]
pub struct Patience(pub Option<u16>);

#[derive(Clone, Copy, Debug)]
pub enum Time {
    Milliseconds(u64),
    Seconds(u64),
    Minutes(u64),
    /// To an instant at which something lapses, so many milliseconds off.
    Edge(u8, i8),
}

/// What is heard of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    Done,
    /// Done, and told whether the session is trusted, where an answer of v3's tells that.
    Trusted(bool),
    /// The answer of before once more: a sign-in brings a session that another had brought.
    Again,
    /// A refusal in BILL's form, with a `Retry-After` in seconds.
    Code(u16, Option<u16>),
    /// BDC_1144, with what is left of the hour by the answer's `Date`.
    HourSpent(Option<u16>),
    /// BILL's own form, but of a server in trouble; with a `Retry-After` in seconds.
    Trouble(Option<u16>),
    /// A gateway's page, with a `Retry-After` in seconds.
    Page503(Option<u16>),
    Redirect,
    Torn,
    /// More than the transport reads of an answer.
    TooLong,
    /// No answer: the transport reports an error.
    Lost,
}

impl Reply {
    /// Whether what was asked for was done.
    pub fn is_done(self) -> bool {
        matches!(self, Self::Done | Self::Trusted(_) | Self::Again)
    }

    /// Whether nobody knows what was done, and another try may tell.
    pub fn is_lost(self) -> bool {
        matches!(self, Self::Trouble(_) | Self::Page503(_) | Self::Torn | Self::Lost)
    }

    /// Whether it is a complete answer in BILL's form that restarts the idle timer.
    pub fn restarts_the_timer(self) -> bool {
        match self {
            Self::Done | Self::Trusted(_) | Self::Again => true,
            Self::Code(code, _) => !matches!(code, 1109 | 1322),
            _ => false,
        }
    }

    /// What is left of an hour that is spent.
    pub fn hour_left(self) -> Option<Duration> {
        match self {
            Self::HourSpent(left) => Some(Duration::from_secs(left.map_or(3_600, u64::from))),
            _ => None,
        }
    }

    pub fn is(self, code: u16) -> bool {
        matches!(self, Self::Code(said, _) if said == code)
    }

    /// Whether a sign-in that is answered so is not to be tried again with the same credentials.
    pub fn is_permanent(self) -> bool {
        matches!(self, Self::Code(1101 | 1102 | 1105 | 1107, _))
    }

    /// The wait that it asks for: at most an hour.
    pub fn retry_after(self) -> Duration {
        match self {
            Self::Code(_, Some(seconds))
            | Self::Trouble(Some(seconds))
            | Self::Page503(Some(seconds)) => Duration::from_secs(u64::from(seconds.min(3_600))),
            _ => Duration::ZERO,
        }
    }
}
