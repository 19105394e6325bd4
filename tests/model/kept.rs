//! Histories that have gone wrong once, as they were shrunk.

use super::action::Action::{
    Amnesia, Answer, AnswerSignIn, Begin, Burst, Depart, DepartFromMiddle, Lose, Pass, Renew,
    Replace, SignOut, Step, Trust, Welcome,
};
use super::action::Reply::{Code, Done, HourSpent, Page503};
use super::action::Time::{Edge, Milliseconds, Minutes, Seconds};
use super::action::What::{Call, Lease, SignIn, StepUp};
use super::action::{Action, Case, Limits, Operation, Patience, Renewing, Setup};

const CALL: Action = Begin(Call(Operation::List), Patience(None));
const INVALID: Action = Answer(0, Code(1109, None));
const ONE_SLOT: Setup = Setup { slots: 1, ..Setup::PLAIN };

/// All of them.
pub fn kept() -> Vec<Case> {
    let once = |setup: Setup, actions: &[Action]| Case {
        setup,
        actions: actions.iter().map(|action| (0, *action)).collect(),
    };
    let wrong = AnswerSignIn(0, Code(1101, None));
    let explicit = Begin(SignIn, Patience(None));
    let lease = |patience| Begin(Lease(5), Patience(patience));
    vec![
        once(
            Setup { slots: 2, ..Setup::PLAIN },
            &[
                CALL,
                AnswerSignIn(0, Done),
                CALL,
                Step(0),
                INVALID,
                Step(0),
                Pass(Seconds(35)),
                INVALID,
                CALL,
                CALL,
            ],
        ),
        once(
            ONE_SLOT,
            &[CALL, wrong, explicit, SignOut, Answer(0, Done), CALL, CALL, CALL, CALL, CALL],
        ),
        once(
            ONE_SLOT,
            &[
                CALL,
                wrong,
                explicit,
                SignOut,
                CALL,
                CALL,
                CALL,
                Answer(0, Done),
                Answer(0, Done),
                CALL,
            ],
        ),
        once(
            ONE_SLOT,
            &[
                CALL,
                Welcome,
                Pass(Minutes(34)),
                CALL,
                Pass(Seconds(35)),
                Amnesia { late: false },
                CALL,
                DepartFromMiddle(0),
                CALL,
                CALL,
            ],
        ),
        once(
            Setup::PLAIN,
            &[
                Burst(6),
                Welcome,
                INVALID,
                Depart(0),
                Step(108),
                Pass(Seconds(35)),
                Amnesia { late: false },
                CALL,
                CALL,
                CALL,
            ],
        ),
        once(
            ONE_SLOT,
            &[CALL, Pass(Seconds(36)), CALL, CALL, wrong, CALL, CALL, SignOut, CALL, CALL],
        ),
        once(
            Setup { renewal: Renewing::KeepAlive, ..ONE_SLOT },
            &[
                CALL,
                AnswerSignIn(0, Done),
                Pass(Minutes(31)),
                CALL,
                AnswerSignIn(0, Done),
                Answer(0, HourSpent(Some(20))),
                Renew,
                lease(None),
                Answer(0, Done),
                AnswerSignIn(0, Page503(None)),
            ],
        ),
        once(
            ONE_SLOT,
            &[
                explicit,
                CALL,
                SignOut,
                CALL,
                Welcome,
                Burst(4),
                Pass(Milliseconds(250)),
                CALL,
                Welcome,
                Pass(Edge(6, -1)),
            ],
        ),
        once(
            Setup {
                limits: Limits { sign_ins: 200, calls: 6 },
                heartbeat: true,
                tries: 3,
                lag: true,
                ..ONE_SLOT
            },
            &[
                CALL,
                AnswerSignIn(0, Done),
                Burst(4),
                Step(5),
                Lose(0),
                CALL,
                Begin(StepUp, Patience(None)),
                CALL,
                CALL,
                Burst(4),
                Trust { remember: false },
                Burst(5),
                Burst(7),
                Trust { remember: false },
                Burst(2),
                Pass(Milliseconds(1)),
                Burst(5),
            ],
        ),
        once(
            Setup { slots: 2, tries: 1, idle_minutes: 4, lag: true, ..Setup::PLAIN },
            &[
                Replace { token: true, told: false },
                CALL,
                Lose(0),
                Lose(0),
                Lose(0),
                CALL,
                lease(Some(7_200)),
                Replace { token: false, told: false },
                CALL,
                CALL,
            ],
        ),
    ]
}
