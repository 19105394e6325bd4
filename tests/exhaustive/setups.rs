//! The explorations: each adds a few of the hazards, so that all of their orders can be tried.

use std::time::Duration;

use super::action::{Hazard, Kind, Reply, SETUP, Setup, Tick};

use Hazard::{Abandon, Call, Cancel, Freeze, FreezeSignIn, Redeploy, Replace, SignIn, SignOut};

/// An assignment that is not taken up lapses in this time.
const LAPSE: Tick = Tick::Millis(250);
/// A sign-in is overdue after this time; an exchange after twice as much.
const OVERDUE: Tick = Tick::Seconds(35);
const IDLE: Tick = Tick::Seconds(34 * 60);

pub static DEPARTURES: Setup = Setup {
    name: "callers leave or freeze",
    hazards: &[(Cancel, 2), (Freeze, 2)],
    most: 3,
    ticks: &[Tick::Next, LAPSE],
    most_ticks: 3,
    ..SETUP
};

pub static CANCELLED: Setup = Setup {
    name: "callers leave",
    hazards: &[(Cancel, 3)],
    most: 3,
    ticks: &[Tick::Next, LAPSE],
    most_ticks: 3,
    drains_in: Duration::ZERO,
    ..SETUP
};

pub static DEPARTURES_OF_TWO_SLOTS: Setup =
    Setup { name: "callers leave or freeze, two slots", slots: 2, most: 2, ..DEPARTURES };

pub static GLANCES: Setup = Setup {
    name: "callers look without a reason, and freeze",
    callers: &[(0, Kind::Read), (0, Kind::SignIn), (0, Kind::Read)],
    hazards: &[(Freeze, 1), (SignIn(Reply::Trouble), 1)],
    most: 1,
    ticks: &[Tick::Next, LAPSE],
    most_ticks: 2,
    glances: true,
    ..SETUP
};

pub static BLOCKING: Setup = Setup {
    name: "the caller runs its sign-in",
    hazards: &[(Freeze, 2), (SignIn(Reply::Trouble), 1), (SignIn(Reply::Lost), 1)],
    most: 2,
    ticks: &[LAPSE, OVERDUE],
    most_ticks: 2,
    blocking: true,
    ..SETUP
};

pub static FAILURES: Setup = Setup {
    name: "sign-ins fail",
    callers: &[(0, Kind::Read), (0, Kind::SignIn), (0, Kind::Read)],
    hazards: &[
        (SignIn(Reply::Trouble), 2),
        (SignIn(Reply::Contended), 2),
        (SignIn(Reply::Lost), 1),
        (SignIn(Reply::HourSpent), 1),
    ],
    most: 2,
    ticks: &[Tick::Next, OVERDUE],
    most_ticks: 2,
    drains_in: Duration::from_secs(3),
    ..SETUP
};

pub static REFUSALS: Setup = Setup {
    name: "sign-ins are refused for good",
    callers: &[(0, Kind::Read), (0, Kind::SignIn), (0, Kind::Read)],
    hazards: &[
        (SignIn(Reply::Refused), 1),
        (SignIn(Reply::Trouble), 1),
        (Abandon, 1),
        (Replace, 1),
    ],
    most: 2,
    ticks: &[Tick::Next],
    most_ticks: 1,
    drains_in: Duration::from_secs(1),
    ..SETUP
};

pub static ABANDONED: Setup = Setup {
    name: "sign-ins are abandoned",
    callers: &[(0, Kind::Read), (0, Kind::Read), (0, Kind::Lease)],
    hazards: &[(Abandon, 3), (FreezeSignIn, 1), (SignIn(Reply::Refused), 1)],
    most: 3,
    ticks: &[Tick::Next, OVERDUE],
    most_ticks: 2,
    ..SETUP
};

pub static HEARTBEAT: Setup = Setup {
    name: "sign-ins fall silent",
    hazards: &[(FreezeSignIn, 2), (Abandon, 1)],
    most: 2,
    ticks: &[Tick::Next, Tick::Seconds(5)],
    most_ticks: 2,
    heartbeat: true,
    drains_in: Duration::from_secs(6),
    ..SETUP
};

pub static LOST_SESSIONS: Setup = Setup {
    name: "sessions are lost",
    callers: &[(0, Kind::Read), (0, Kind::Write), (0, Kind::Read)],
    slots: 2,
    hazards: &[(Redeploy, 2), (Cancel, 1)],
    most: 2,
    ticks: &[Tick::Next],
    most_ticks: 1,
    drains_in: Duration::from_secs(1),
    ..SETUP
};

pub static LOST_ANSWERS: Setup = Setup {
    name: "answers are lost",
    callers: &[(0, Kind::Read), (0, Kind::Write)],
    slots: 2,
    hazards: &[(Call(Reply::Trouble), 1), (Call(Reply::Lost), 2), (Redeploy, 1)],
    most: 3,
    ticks: &[Tick::Next],
    most_ticks: 2,
    tries: 1,
    drains_in: Duration::from_millis(500),
    ..SETUP
};

pub static CONTENTION: Setup = Setup {
    name: "calls contend",
    callers: &[(0, Kind::Read), (0, Kind::Write)],
    hazards: &[(Call(Reply::Contended), 3), (Freeze, 1), (Redeploy, 1)],
    most: 3,
    ticks: &[Tick::Next, LAPSE],
    most_ticks: 2,
    ..SETUP
};

pub static SILENT_CALLS: Setup = Setup {
    name: "exchanges are never reported on",
    slots: 2,
    hazards: &[(Freeze, 2), (Call(Reply::Lost), 1)],
    most: 2,
    ticks: &[Tick::Next, OVERDUE],
    most_ticks: 3,
    patience: Duration::from_secs(90),
    ..SETUP
};

pub static SIGN_OUTS: Setup = Setup {
    name: "sign-outs",
    hazards: &[(SignOut, 2)],
    most: 2,
    ticks: &[Tick::Next],
    most_ticks: 1,
    drains_in: Duration::ZERO,
    ..SETUP
};

pub static LATE_SIGN_INS: Setup = Setup {
    name: "sign-ins end after a sign-out",
    callers: &[(0, Kind::Read), (0, Kind::SignIn)],
    hazards: &[(SignOut, 2), (Abandon, 1), (SignIn(Reply::Refused), 1)],
    most: 2,
    ticks: &[Tick::Next, OVERDUE],
    most_ticks: 2,
    drains_in: Duration::from_secs(1),
    ..SETUP
};

pub static REPLACED: Setup = Setup {
    name: "credentials are replaced",
    hazards: &[(Replace, 2), (SignIn(Reply::Refused), 1), (Freeze, 1)],
    most: 2,
    ticks: &[Tick::Next, OVERDUE],
    most_ticks: 1,
    ..SETUP
};

pub static IDLE_SESSIONS: Setup = Setup {
    name: "sessions idle out",
    callers: &[(0, Kind::Read), (0, Kind::Lease), (0, Kind::Read)],
    hazards: &[(Call(Reply::Lost), 1), (Redeploy, 1)],
    most: 1,
    ticks: &[Tick::Seconds(17 * 60), IDLE],
    most_ticks: 2,
    patience: Duration::from_secs(3 * 3600),
    drains_in: Duration::ZERO,
    ..SETUP
};

pub static SPENT_BUDGET: Setup = Setup {
    name: "the hour's sign-ins are spent",
    callers: &[(0, Kind::Read), (0, Kind::SignIn), (0, Kind::Read)],
    hazards: &[(Redeploy, 2), (SignIn(Reply::Trouble), 1), (Cancel, 1)],
    most: 2,
    ticks: &[Tick::Next, IDLE],
    most_ticks: 2,
    sign_ins: 2,
    drains_in: Duration::from_secs(3),
    ..SETUP
};

pub static ORGANIZATIONS: Setup = Setup {
    name: "two organisations of one principal",
    callers: &[(0, Kind::Read), (1, Kind::Read), (1, Kind::Read)],
    organizations: 2,
    hazards: &[(SignIn(Reply::Refused), 1), (SignIn(Reply::Trouble), 1), (FreezeSignIn, 1)],
    most: 2,
    ticks: &[Tick::Next],
    most_ticks: 2,
    drains_in: Duration::from_secs(36),
    ..SETUP
};

pub static CHANGES_IN_TWO: Setup = Setup {
    name: "two organisations, whose principal is replaced",
    callers: &[(0, Kind::Read), (1, Kind::Read)],
    organizations: 2,
    hazards: &[(SignIn(Reply::Refused), 1), (FreezeSignIn, 1), (Replace, 1)],
    most: 2,
    ticks: &[Tick::Next, OVERDUE],
    most_ticks: 1,
    drains_in: Duration::from_secs(37),
    ..SETUP
};

pub static EVERYTHING: Setup = Setup {
    name: "two callers, everything",
    callers: &[(0, Kind::Read), (0, Kind::SignIn)],
    hazards: &[
        (Cancel, 1),
        (Freeze, 1),
        (Redeploy, 1),
        (SignOut, 1),
        (Replace, 1),
        (SignIn(Reply::Refused), 1),
        (SignIn(Reply::Trouble), 1),
        (Call(Reply::Contended), 1),
    ],
    most: 2,
    ticks: &[Tick::Next, OVERDUE],
    most_ticks: 1,
    ..SETUP
};

/// Small enough to compare histories instead of states.
pub static FEW: Setup = Setup {
    name: "two callers, a few things",
    callers: &[(0, Kind::Read), (0, Kind::SignIn)],
    hazards: &[
        (Cancel, 1),
        (Freeze, 1),
        (Redeploy, 1),
        (SignIn(Reply::Refused), 1),
        (SignIn(Reply::Trouble), 1),
        (Call(Reply::Contended), 1),
        (Abandon, 1),
    ],
    most: 1,
    ticks: &[Tick::Next, OVERDUE],
    most_ticks: 2,
    ..SETUP
};

pub static FEW_CHANGES: Setup = Setup {
    name: "two callers, a few changes",
    callers: &[(0, Kind::Read), (0, Kind::Lease)],
    hazards: &[(SignOut, 1), (Replace, 1), (Freeze, 1), (Redeploy, 1)],
    most: 1,
    ticks: &[LAPSE],
    most_ticks: 1,
    ..SETUP
};

pub static FEW_IN_TWO: Setup = Setup {
    name: "two organisations, a few things",
    callers: &[(0, Kind::Read), (1, Kind::Read)],
    organizations: 2,
    hazards: &[(SignIn(Reply::Refused), 1), (FreezeSignIn, 1), (Replace, 1), (SignOut, 1)],
    most: 1,
    ticks: &[OVERDUE],
    most_ticks: 1,
    ..SETUP
};

pub static MORE_CHANGES: Setup =
    Setup { name: "two callers, more changes", most: 2, ..FEW_CHANGES };

pub static MORE_IN_TWO: Setup =
    Setup { name: "two organisations, more", ticks: &[Tick::Next, OVERDUE], ..FEW_IN_TWO };

/// As [`EVERYTHING`], with one thing more that goes wrong.
pub static MORE_OF_EVERYTHING: Setup =
    Setup { name: "two callers, more of everything", most: 3, ..EVERYTHING };

pub static EVERYTHING_FOR_THREE: Setup = Setup {
    name: "three callers, everything",
    callers: &[(0, Kind::Read), (0, Kind::Write), (0, Kind::SignIn)],
    slots: 2,
    most_ticks: 0,
    ..EVERYTHING
};

pub static CHANGES_FOR_THREE: Setup = Setup {
    name: "three callers, sign-outs and replacements",
    hazards: &[(SignOut, 1), (Replace, 1), (Freeze, 1), (SignIn(Reply::Trouble), 1)],
    most: 2,
    ticks: &[Tick::Next, OVERDUE],
    most_ticks: 1,
    ..SETUP
};
