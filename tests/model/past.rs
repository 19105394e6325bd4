//! The reference of `proptest_state_machine`: what those around the machine have done to it so far,
//! from which follows what can happen next.
//!
//! It knows no state of the machine's, and foretells none of its answers: whether they are right is
//! judged by the whole history, which is known only once they are given.

use proptest::prelude::*;
use proptest_state_machine::ReferenceStateMachine;

use super::action::{Action, Renewing, Setup, What};
use super::draw;

/// What has been done so far.
#[derive(Clone, Debug)]
pub struct Past {
    pub setup: Setup,
    organizations: [Done; 2],
}

/// What has been done in one organisation.
#[derive(Clone, Copy, Debug, Default)]
struct Done {
    /// Callers that came, whatever became of them.
    callers: usize,
    /// Whether any of them may have been given a lease.
    leases: bool,
    /// Whether a challenge was asked for.
    challenges: bool,
    /// Whether something may have been sent: a list, or anything after a sign-in that went well.
    exchanges: bool,
    /// Whether a sign-in may have been sent.
    sign_ins: bool,
}

/// What has to have happened before something can.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum After {
    Anything,
    Callers,
    ThreeCallers,
    SignIns,
    Exchanges,
    Leases,
    Challenges,
    /// Not a deed, but a setting.
    Heartbeat,
    Renewal,
}

impl After {
    /// What has to come before an action.
    pub fn of(action: &Action) -> Self {
        match action {
            Action::Begin(What::Validate { .. }, _) => Self::Challenges,
            Action::Begin(..)
            | Action::Burst(_)
            | Action::Pass(_)
            | Action::Trust { .. }
            | Action::TrustByDevice
            | Action::LateUpload
            | Action::SignOut
            | Action::Replace { .. } => Self::Anything,
            Action::Step(_)
            | Action::Attend(_)
            | Action::AttendAll
            | Action::StepDue
            | Action::Freeze(_)
            | Action::Depart(_) => Self::Callers,
            Action::DepartFromMiddle(_) => Self::ThreeCallers,
            Action::AnswerSignIn(..)
            | Action::Welcome
            | Action::LoseSignIn(_)
            | Action::CancelSignIn(_)
            | Action::AcceptAndRefuse(_) => Self::SignIns,
            Action::Answer(..)
            | Action::Amnesia { .. }
            | Action::Crowd(_)
            | Action::Outage(..)
            | Action::Lose(_)
            | Action::Leave(_) => Self::Exchanges,
            Action::EndLease(..) => Self::Leases,
            Action::Beat | Action::SlowSignIn(_) => Self::Heartbeat,
            Action::Renew | Action::AwaitRenewal(..) => Self::Renewal,
        }
    }
}

impl Past {
    pub fn new(setup: Setup) -> Self {
        Self { setup, organizations: [Done::default(); 2] }
    }

    /// Whether something can happen in an organisation.
    pub fn allows(&self, organization: usize, after: After) -> bool {
        let done = self.organizations[organization];
        organization < self.setup.organizations
            && match after {
                After::Anything => true,
                After::Callers => done.callers > 0,
                After::ThreeCallers => done.callers > 2,
                After::SignIns => done.sign_ins,
                After::Exchanges => done.exchanges,
                After::Leases => done.leases,
                After::Challenges => done.challenges,
                After::Heartbeat => done.sign_ins && self.setup.heartbeat,
                After::Renewal => done.exchanges && self.setup.renewal != Renewing::OnDemand,
            }
    }

    fn does(&mut self, organization: usize, action: Action) {
        let done = &mut self.organizations[organization];
        match action {
            Action::Begin(what, _) => {
                done.callers += 1;
                match what {
                    What::ListOrgs => done.exchanges = true,
                    What::SignIn | What::Lease(_) => {
                        done.leases = true;
                        done.sign_ins = true;
                    }
                    What::Challenge => {
                        done.challenges = true;
                        done.sign_ins = true;
                    }
                    _ => done.sign_ins = true,
                }
            }
            Action::Burst(callers) => {
                done.callers += usize::from(callers);
                done.sign_ins = true;
            }
            Action::LateUpload => {
                done.callers += 1;
                done.sign_ins = true;
            }
            Action::TrustByDevice => {
                done.callers += 1;
                done.sign_ins = true;
                done.exchanges = true;
            }
            Action::Trust { .. } => {
                done.callers += 2;
                done.sign_ins = true;
                done.challenges = true;
                done.exchanges = true;
            }
            Action::AnswerSignIn(_, reply) => done.exchanges |= reply.is_done(),
            Action::Welcome | Action::AcceptAndRefuse(_) | Action::SlowSignIn(_) => {
                done.exchanges = true;
            }
            // Whoever signs in to renew is given a lease.
            Action::Renew | Action::AwaitRenewal(..) => done.leases = true,
            _ => {}
        }
    }
}

/// Callers, BILL, the program and the clock.
#[derive(Debug)]
pub struct Surroundings;

impl ReferenceStateMachine for Surroundings {
    type State = Past;
    type Transition = (usize, Action);

    fn init_state() -> BoxedStrategy<Past> {
        draw::setup().prop_map(Past::new).boxed()
    }

    fn transitions(past: &Past) -> BoxedStrategy<(usize, Action)> {
        draw::transition(past)
    }

    fn apply(mut past: Past, (organization, action): &(usize, Action)) -> Past {
        past.does(*organization, *action);
        past
    }

    fn preconditions(past: &Past, (organization, action): &(usize, Action)) -> bool {
        past.allows(*organization, After::of(action))
    }
}
