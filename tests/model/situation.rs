//! What every run has to meet in at least one case of a hundred: every transition, every answer,
//! and the situations that the invariants are about.

use super::action::{Action, Reply, Time, What};

macro_rules! situations {
    ($($variant:ident: $name:literal,)*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Situation {
            $(#[doc = $name] $variant,)*
        }

        impl Situation {
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

situations! {
    // The session.
    IdleExpiry: "idle expiry",
    Replay: "1109 replayed",
    ReplayRefused: "1109 again, after the replay",
    LateInvalid: "late 1109 of an old generation",
    LateAnswer: "late answer of an old generation that says anything else",
    AfterTheSlot: "an answer after its slot had lapsed",
    AfterLeaving: "an answer after its caller had gone",
    EndedTwice: "an end that is told twice",
    SharedSignIn: "two or more waiters on one sign-in",
    AnsweredTwice: "a sign-in answered with a session that another had brought",
    StaleSession: "a session that comes too late",
    Cancelled: "a sign-in cancelled",
    Overdue: "an overdue sign-in",
    BeatKept: "a sign-in kept by its beats beyond five seconds",
    BeatMissed: "a sign-in without a beat taken over",
    Refused: "permanent refusal",
    LateRefusal: "a permanent refusal that comes late and counts",
    RefusalPassed: "an explicit sign-in in spite of a refusal",
    BackOff: "back-off",
    SessionsRefused: "two sessions in a row refused unproven",
    SignOutRace: "sign-out racing a sign-in",
    SignOutOfCalls: "sign-out while calls wait or are in flight",
    LoggedOut: "a session logged out",
    ReplacedMidSignIn: "credentials replaced in mid sign-in",
    ReplacedUnnoticed: "credentials replaced that a session has to notice by itself",
    V3SignIn: "a session of v3's",
    TokenSignIn: "a session of a token's",
    TokenOutlives: "a token's session used after a longer pause than a password's lives",
    // Leases, trust, renewals.
    Leased: "a lease",
    LeaseInvalid: "a lease that says 1109 of the current session",
    MoreTime: "a sign-in to have five minutes left",
    Trusted: "a session trusted",
    TrustLost: "trust lost",
    Remembered: "a sign-in with a remembered device",
    SessionChanged: "a challenge of an earlier session",
    SteppedUp: "a step-up that makes a session trusted",
    RenewedAhead: "a renewal ahead of time that signs in",
    KeptAlive: "a renewal that reads the session",
    RenewalsSpent: "renewals at their end",
    // The line.
    Lapsed: "an assigned slot that lapsed",
    LeftTheMiddle: "a waiter that left the middle of the line",
    FrozenWoken: "a frozen caller that was woken",
    SlotLost: "a slot whose caller never reports, lapsed",
    // What is sent again.
    ReadAgain: "a read sent again after a lost outcome",
    TriesSpent: "a read given up after its last try",
    WriteLost: "a write lost that a read would have survived",
    SentOnce: "an upload of once refused or lost",
    Contended: "a call sent again after 1322",
    ContendedThrice: "a call given up after its third 1322",
    AskedToWait: "Retry-After at a call that is sent again",
    AskedToWaitAtSignIn: "Retry-After at a sign-in",
    // Budgets.
    BudgetSpent: "the hour's sign-ins spent by this process's own count",
    HourClosed: "the hour's sign-ins closed by 1144",
    CallsSpent: "the hour's calls spent by this process's own count",
    CallsClosed: "the hour's calls closed by 1144",
    Listed: "organisations listed",
    ListRefused: "credentials refused to a list of organisations",
    ListHeldBack: "a list of organisations held back by the budget",
    // Two organisations of one principal.
    ComesLater: "an organisation that comes when BILL knows the principal, or refuses it",
    BothSignedIn: "two organisations signed in with the same credentials",
    TriedElsewhere: "waiting while another organisation signs in",
    TakenOver: "a silent organisation's try taken over by another",
    RefusedElsewhere: "refused by what another organisation was told",
    SettledAtOnce: "an answer settled without a look at the clock",
    // Transitions, when they find somebody to happen to.
    Calls: "a call comes",
    Uploads: "an upload comes",
    Challenges: "a challenge is asked for",
    Validates: "a challenge is answered",
    StepsUp: "a step-up comes",
    Lists: "a list of organisations is asked for",
    SignsIn: "an explicit sign-in comes",
    Leases: "a lease is asked for",
    Bursts: "several calls come at once",
    Renews: "a renewal is due",
    Steps: "a waiting caller steps unasked",
    Attends: "one of the woken callers steps",
    AttendsAll: "all woken callers step",
    StepsDue: "callers step whose wait is over",
    Freezes: "a caller freezes",
    Departs: "a caller gives up",
    Amnesia: "BILL has lost its sessions",
    AcceptsAndRefuses: "BILL accepts sign-ins and refuses their sessions",
    Crowds: "others use up what BILL allows at once",
    Outages: "the way to BILL is down",
    Loses: "nobody reports on an exchange",
    LosesSignIn: "nobody reports on a sign-in",
    Beats: "a sign-in beats",
    SignsOut: "a sign-out",
    Replaces: "credentials are replaced",
    Milliseconds: "milliseconds pass",
    Seconds: "seconds pass",
    Minutes: "minutes pass",
    Hours: "more than an hour passes at once",
    Edges: "an instant comes at which something lapses",
    // Answers to calls.
    CallDone: "a call is answered well",
    Call1101: "BDC_1101 to a call",
    Call1102: "BDC_1102 to a call",
    Call1105: "BDC_1105 to a call",
    Call1107: "BDC_1107 to a call",
    Call1109: "BDC_1109 to a call",
    Call1121: "BDC_1121 to a call",
    Call1144: "BDC_1144 to a call",
    Call1322: "BDC_1322 to a call",
    Call1356: "BDC_1356 to a call",
    Call1358: "BDC_1358 to a call",
    Call1361: "BDC_1361 to a call",
    CallUnheardOf: "an unheard-of code to a call",
    CallTrouble: "a 5xx in BILL's form to a call",
    CallPage: "a gateway's page to a call",
    CallRedirected: "a redirect to a call",
    CallTorn: "a torn answer to a call",
    CallTooLong: "an answer to a call that is too long",
    CallLost: "no answer to a call",
    // Answers to sign-ins.
    SignInDone: "a sign-in is answered well",
    SignIn1101: "BDC_1101 to a sign-in",
    SignIn1102: "BDC_1102 to a sign-in",
    SignIn1105: "BDC_1105 to a sign-in",
    SignIn1107: "BDC_1107 to a sign-in",
    SignIn1109: "BDC_1109 to a sign-in",
    SignIn1121: "BDC_1121 to a sign-in",
    SignIn1144: "BDC_1144 to a sign-in",
    SignIn1322: "BDC_1322 to a sign-in",
    SignIn1356: "BDC_1356 to a sign-in",
    SignIn1358: "BDC_1358 to a sign-in",
    SignIn1361: "BDC_1361 to a sign-in",
    SignInUnheardOf: "an unheard-of code to a sign-in",
    SignInTrouble: "a 5xx in BILL's form to a sign-in",
    SignInPage: "a gateway's page to a sign-in",
    SignInRedirected: "a redirect to a sign-in",
    SignInTorn: "a torn answer to a sign-in",
    SignInTooLong: "an answer to a sign-in that is too long",
    SignInLost: "no answer to a sign-in",
}

impl Situation {
    /// A caller comes for this.
    pub fn comes(what: What) -> Self {
        match what {
            What::Call(_) => Self::Calls,
            What::Upload { .. } => Self::Uploads,
            What::Challenge => Self::Challenges,
            What::Validate { .. } => Self::Validates,
            What::StepUp => Self::StepsUp,
            What::ListOrgs => Self::Lists,
            What::SignIn => Self::SignsIn,
            What::Lease(_) => Self::Leases,
        }
    }

    /// An action that finds somebody to happen to; what it leads to is told elsewhere.
    pub fn happens(action: Action) -> Option<Self> {
        Some(match action {
            Action::Burst(_) => Self::Bursts,
            Action::Step(_) => Self::Steps,
            Action::Attend(_) => Self::Attends,
            Action::AttendAll => Self::AttendsAll,
            Action::StepDue => Self::StepsDue,
            Action::Freeze(_) => Self::Freezes,
            Action::Depart(_) | Action::DepartFromMiddle(_) => Self::Departs,
            Action::Amnesia { .. } => Self::Amnesia,
            Action::Crowd(_) => Self::Crowds,
            Action::AcceptAndRefuse(_) => Self::AcceptsAndRefuses,
            Action::Outage(..) => Self::Outages,
            Action::Lose(_) => Self::Loses,
            Action::LoseSignIn(_) => Self::LosesSignIn,
            Action::Beat => Self::Beats,
            Action::SignOut => Self::SignsOut,
            Action::Replace { .. } => Self::Replaces,
            Action::Pass(time) => match time {
                Time::Milliseconds(_) => Self::Milliseconds,
                Time::Seconds(_) => Self::Seconds,
                Time::Minutes(..=60) => Self::Minutes,
                Time::Minutes(_) => Self::Hours,
                Time::Edge(..) => Self::Edges,
            },
            Action::Begin(..)
            | Action::Trust { .. }
            | Action::TrustByDevice
            | Action::SlowSignIn(_)
            | Action::AwaitRenewal(..)
            | Action::Renew
            | Action::LateUpload
            | Action::Answer(..)
            | Action::Leave(_)
            | Action::AnswerSignIn(..)
            | Action::Welcome
            | Action::CancelSignIn(_)
            | Action::EndLease(..) => return None,
        })
    }

    /// A call is answered so.
    pub fn answer_to_call(reply: Reply) -> Self {
        match reply {
            Reply::Done | Reply::Trusted(_) | Reply::Again => Self::CallDone,
            Reply::Code(1101, _) => Self::Call1101,
            Reply::Code(1102, _) => Self::Call1102,
            Reply::Code(1105, _) => Self::Call1105,
            Reply::Code(1107, _) => Self::Call1107,
            Reply::Code(1109, _) => Self::Call1109,
            Reply::Code(1121, _) => Self::Call1121,
            Reply::Code(1322, _) => Self::Call1322,
            Reply::Code(1356, _) => Self::Call1356,
            Reply::Code(1358, _) => Self::Call1358,
            Reply::Code(1361, _) => Self::Call1361,
            Reply::Code(..) => Self::CallUnheardOf,
            Reply::HourSpent(_) => Self::Call1144,
            Reply::Trouble(_) => Self::CallTrouble,
            Reply::Page503(_) => Self::CallPage,
            Reply::Redirect => Self::CallRedirected,
            Reply::Torn => Self::CallTorn,
            Reply::TooLong => Self::CallTooLong,
            Reply::Lost => Self::CallLost,
        }
    }

    /// A sign-in is answered so.
    pub fn answer_to_sign_in(reply: Reply) -> Self {
        match reply {
            Reply::Done | Reply::Trusted(_) | Reply::Again => Self::SignInDone,
            Reply::Code(1101, _) => Self::SignIn1101,
            Reply::Code(1102, _) => Self::SignIn1102,
            Reply::Code(1105, _) => Self::SignIn1105,
            Reply::Code(1107, _) => Self::SignIn1107,
            Reply::Code(1109, _) => Self::SignIn1109,
            Reply::Code(1121, _) => Self::SignIn1121,
            Reply::Code(1322, _) => Self::SignIn1322,
            Reply::Code(1356, _) => Self::SignIn1356,
            Reply::Code(1358, _) => Self::SignIn1358,
            Reply::Code(1361, _) => Self::SignIn1361,
            Reply::Code(..) => Self::SignInUnheardOf,
            Reply::HourSpent(_) => Self::SignIn1144,
            Reply::Trouble(_) => Self::SignInTrouble,
            Reply::Page503(_) => Self::SignInPage,
            Reply::Redirect => Self::SignInRedirected,
            Reply::Torn => Self::SignInTorn,
            Reply::TooLong => Self::SignInTooLong,
            Reply::Lost => Self::SignInLost,
        }
    }
}
