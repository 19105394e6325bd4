//! What can happen: the settings of a case and its actions, and how `proptest` draws them.

use std::time::Duration;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

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
    /// An upload that can be sent once comes when the session has too little time left for it.
    LateUpload,
    /// Whoever ran an exchange never reports.
    Lose(u8),
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
        matches!(self, Self::Done | Self::Trusted(_))
    }

    /// Whether nobody knows what was done, and another try may tell.
    pub fn is_lost(self) -> bool {
        matches!(self, Self::Trouble(_) | Self::Page503(_) | Self::Torn | Self::Lost)
    }

    /// Whether it is a complete answer in BILL's form that restarts the idle timer.
    pub fn restarts_the_timer(self) -> bool {
        match self {
            Self::Done | Self::Trusted(_) => true,
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

/// All histories.
pub fn case() -> impl Strategy<Value = Case> {
    setup().prop_flat_map(|setup| {
        let actions = vec((0..setup.organizations, action()), 10..110);
        actions.prop_map(move |actions| Case { setup, actions })
    })
}

fn setup() -> impl Strategy<Value = Setup> {
    let limits = prop_oneof![
        6 => Just(Limits { sign_ins: 200, calls: 20_000 }),
        2 => Just(Limits { sign_ins: 5, calls: 20_000 }),
        1 => Just(Limits { sign_ins: 2, calls: 20_000 }),
        1 => Just(Limits { sign_ins: 200, calls: 6 }),
    ];
    let renewal = prop_oneof![
        4 => Just(Renewing::OnDemand),
        1 => Just(Renewing::Ahead),
        1 => Just(Renewing::KeepAlive),
    ];
    let organizations = (1..=2_usize, any::<bool>());
    let session = (limits, any::<bool>(), renewal, prop::bool::weighted(0.1), any::<bool>());
    let calls = (1..=3_usize, 0..=3_u8, prop_oneof![9 => Just(34_u64), 1 => Just(4)]);
    (organizations, session, calls, any::<bool>(), any::<u64>()).prop_map(
        |((organizations, told), session, (slots, tries, idle_minutes), lag, seed)| {
            let (limits, heartbeat, renewal, token, v3) = session;
            Setup {
                organizations,
                told,
                slots,
                limits,
                heartbeat,
                renewal,
                token,
                v3,
                tries,
                idle_minutes,
                lag,
                seed,
            }
        },
    )
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        14 => (what(), patience()).prop_map(|(what, patience)| Action::Begin(what, patience)),
        5 => (2..9_u8).prop_map(Action::Burst),
        2 => Just(Action::Renew),
        5 => any::<u8>().prop_map(Action::Step),
        6 => any::<u8>().prop_map(Action::Attend),
        12 => Just(Action::AttendAll),
        4 => Just(Action::StepDue),
        1 => any::<u8>().prop_map(Action::Freeze),
        3 => any::<u8>().prop_map(Action::Depart),
        1 => any::<u8>().prop_map(Action::DepartFromMiddle),
        16 => time().prop_map(Action::Pass),
        18 => (any::<u8>(), reply()).prop_map(|(at, reply)| Action::Answer(at, reply)),
        3 => any::<bool>().prop_map(|late| Action::Amnesia { late }),
        2 => (1..5_u8).prop_map(Action::Crowd),
        1 => (1..5_u8, loss()).prop_map(|(times, reply)| Action::Outage(times, reply)),
        1 => Just(Action::LateUpload),
        2 => any::<bool>().prop_map(|remember| Action::Trust { remember }),
        1 => any::<u8>().prop_map(Action::Lose),
        12 => (any::<u8>(), sign_in_reply()).prop_map(|(at, reply)| Action::AnswerSignIn(at, reply)),
        8 => Just(Action::Welcome),
        1 => any::<u8>().prop_map(Action::LoseSignIn),
        2 => any::<u8>().prop_map(Action::CancelSignIn),
        3 => Just(Action::Beat),
        2 => (any::<u8>(), reply()).prop_map(|(at, reply)| Action::EndLease(at, reply)),
        1 => Just(Action::SignOut),
        1 => (prop::bool::weighted(0.1), prop::bool::weighted(0.7))
            .prop_map(|(token, told)| Action::Replace { token, told }),
    ]
}

fn what() -> impl Strategy<Value = What> {
    prop_oneof![
        16 => operation().prop_map(What::Call),
        3 => prop::bool::weighted(0.7).prop_map(|once| What::Upload { once }),
        1 => Just(What::Challenge),
        3 => (any::<u8>(), any::<bool>())
            .prop_map(|(challenge, remember)| What::Validate { challenge, remember }),
        1 => Just(What::StepUp),
        2 => Just(What::ListOrgs),
        2 => Just(What::SignIn),
        2 => prop::sample::select(vec![0_u8, 5, 20, 33, 60]).prop_map(What::Lease),
    ]
}

fn operation() -> impl Strategy<Value = Operation> {
    use Operation::{Create, Get, List, Post};

    prop_oneof![4 => Just(List), 2 => Just(Create), 1 => Just(Get), 1 => Just(Post)]
}

fn patience() -> impl Strategy<Value = Patience> {
    prop_oneof![
        5 => Just(Patience(None)),
        3 => prop::sample::select(vec![1_u16, 3, 10, 40, 600, 7_200])
            .prop_map(|seconds| Patience(Some(seconds))),
    ]
}

fn time() -> impl Strategy<Value = Time> {
    prop_oneof![
        6 => (1..400_u64).prop_map(Time::Milliseconds),
        6 => (1..8_u64).prop_map(Time::Seconds),
        3 => (8..130_u64).prop_map(Time::Seconds),
        2 => (30..37_u64).prop_map(Time::Minutes),
        1 => (37..181_u64).prop_map(Time::Minutes),
        6 => (any::<u8>(), -1..=1_i8).prop_map(|(at, off)| Time::Edge(at, off)),
    ]
}

fn retry_after() -> impl Strategy<Value = Option<u16>> {
    option::weighted(0.2, prop::sample::select(vec![3_u16, 100, 7_200]))
}

fn reply() -> impl Strategy<Value = Reply> {
    prop_oneof![
        12 => Just(Reply::Done),
        4 => any::<bool>().prop_map(Reply::Trusted),
        6 => Just(Reply::Code(1109, None)),
        3 => retry_after().prop_map(|after| Reply::Code(1322, after)),
        1 => hour_spent(),
        2 => Just(Reply::Code(1361, None)),
        4 => prop::sample::select(vec![1101_u16, 1101, 1101, 1102, 1121, 1356])
            .prop_map(|code| Reply::Code(code, None)),
        1 => retry_after().prop_map(Reply::Trouble),
        1 => retry_after().prop_map(Reply::Page503),
        1 => Just(Reply::Redirect),
        1 => Just(Reply::Torn),
        1 => Just(Reply::TooLong),
        2 => Just(Reply::Lost),
    ]
}

fn loss() -> impl Strategy<Value = Reply> {
    prop_oneof![
        1 => Just(Reply::Trouble(None)),
        1 => Just(Reply::Page503(None)),
        1 => Just(Reply::Torn),
        2 => Just(Reply::Lost),
    ]
}

fn sign_in_reply() -> impl Strategy<Value = Reply> {
    prop_oneof![
        12 => Just(Reply::Done),
        6 => any::<bool>().prop_map(Reply::Trusted),
        2 => Just(Reply::Code(1101, None)),
        1 => prop::sample::select(vec![1102_u16, 1105, 1107])
            .prop_map(|code| Reply::Code(code, None)),
        2 => retry_after().prop_map(|after| Reply::Code(1322, after)),
        1 => hour_spent(),
        1 => Just(Reply::Code(1361, None)),
        1 => retry_after().prop_map(Reply::Trouble),
        1 => retry_after().prop_map(Reply::Page503),
        1 => Just(Reply::Redirect),
        1 => Just(Reply::Torn),
        2 => Just(Reply::Lost),
    ]
}

fn hour_spent() -> impl Strategy<Value = Reply> {
    prop::sample::select(vec![Some(20_u16), Some(300), None]).prop_map(Reply::HourSpent)
}
