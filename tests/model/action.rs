//! What can happen: the settings of a case and its actions, and how `proptest` draws them.

use std::time::Duration;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

/// One random history.
#[derive(Clone, Debug)]
pub struct Case {
    pub setup: Setup,
    pub actions: Vec<Action>,
}

/// What a session is made with.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    pub slots: usize,
    pub limits: Limits,
    /// Whether a sign-in without a beat for 5 s counts as abandoned.
    pub heartbeat: bool,
    pub renewal: Renewing,
    pub token: bool,
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
    Call,
    SignIn,
    /// A lease with so many minutes left.
    Lease(u8),
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
    /// A refusal in BILL's form, with a `Retry-After` in seconds.
    Code(u16, Option<u16>),
    /// BDC_1144, with what is left of the hour by the answer's `Date`.
    HourSpent(Option<u16>),
    /// A gateway's page, with a `Retry-After` in seconds.
    Page503(Option<u16>),
    Redirect,
    Torn,
    /// No answer: the transport reports an error.
    Lost,
}

impl Reply {
    /// Whether it is a complete answer in BILL's form that restarts the idle timer.
    pub fn restarts_the_timer(self) -> bool {
        match self {
            Self::Done => true,
            Self::Code(code, _) => !matches!(code, 1109 | 1322),
            _ => false,
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
            Self::Code(_, Some(seconds)) | Self::Page503(Some(seconds)) => {
                Duration::from_secs(u64::from(seconds.min(3_600)))
            }
            _ => Duration::ZERO,
        }
    }
}

/// All histories.
pub fn case() -> impl Strategy<Value = Case> {
    (setup(), vec(action(), 10..110)).prop_map(|(setup, actions)| Case { setup, actions })
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
    let token = prop::bool::weighted(0.1);
    (1..=3_usize, limits, any::<bool>(), renewal, (token, any::<bool>()), any::<u64>()).prop_map(
        |(slots, limits, heartbeat, renewal, (token, lag), seed)| Setup {
            slots,
            limits,
            heartbeat,
            renewal,
            token,
            lag,
            seed,
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
        8 => Just(What::Call),
        1 => Just(What::SignIn),
        1 => prop::sample::select(vec![0_u8, 5, 20, 33]).prop_map(What::Lease),
    ]
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
        10 => Just(Reply::Done),
        5 => Just(Reply::Code(1109, None)),
        2 => retry_after().prop_map(|after| Reply::Code(1322, after)),
        1 => hour_spent(),
        1 => Just(Reply::Code(1361, None)),
        1 => Just(Reply::Code(1121, None)),
        1 => retry_after().prop_map(Reply::Page503),
        1 => Just(Reply::Redirect),
        1 => Just(Reply::Torn),
        2 => Just(Reply::Lost),
    ]
}

fn sign_in_reply() -> impl Strategy<Value = Reply> {
    prop_oneof![
        16 => Just(Reply::Done),
        2 => Just(Reply::Code(1101, None)),
        1 => prop::sample::select(vec![1102_u16, 1105, 1107])
            .prop_map(|code| Reply::Code(code, None)),
        2 => retry_after().prop_map(|after| Reply::Code(1322, after)),
        1 => hour_spent(),
        1 => Just(Reply::Code(1361, None)),
        1 => retry_after().prop_map(Reply::Page503),
        1 => Just(Reply::Redirect),
        1 => Just(Reply::Torn),
        2 => Just(Reply::Lost),
    ]
}

fn hour_spent() -> impl Strategy<Value = Reply> {
    prop::sample::select(vec![Some(20_u16), Some(300), None]).prop_map(Reply::HourSpent)
}
