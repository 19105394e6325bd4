//! Who calls, what for, and how far it has come.

use std::time::{Duration, Instant};

use http::Method;

use crate::account::Account;
use crate::call::Call;

use crate::error::Misuse;
use crate::exchange::InFlight;
use crate::line::CallId;
use crate::mfa::{Challenge, MfaCode, Remember};
use crate::pump::Session;
use crate::sign_in::SignIn;
use crate::upload::Repeatable;

/// What a caller wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    ReadV2,
    WriteV2,
    ReadV3,
    WriteV3,
    UploadOnce,
    Lease,
    SignIn,
    Renewal,
    ListOrgs,
    Challenge,
    Validate,
    /// Of a session that the program has signed out.
    Logout,
}

impl Kind {
    pub(crate) const ALL: [Self; 11] = [
        Self::ReadV2,
        Self::WriteV2,
        Self::ReadV3,
        Self::WriteV3,
        Self::UploadOnce,
        Self::Lease,
        Self::SignIn,
        Self::Renewal,
        Self::ListOrgs,
        Self::Challenge,
        Self::Validate,
    ];

    pub(crate) fn reads(self) -> bool {
        matches!(self, Self::ReadV2 | Self::ReadV3)
    }

    pub(crate) fn can_be_repeated(self) -> bool {
        let writes =
            matches!(self, Self::WriteV2 | Self::WriteV3 | Self::Challenge | Self::ListOrgs);
        self.reads() || writes
    }

    /// Whether it is sent with the current session.
    pub(crate) fn uses_the_session(self) -> bool {
        !matches!(self, Self::ListOrgs | Self::Logout)
    }

    /// The call; nothing when there is no challenge to answer.
    pub(crate) fn call(
        self,
        account: &Account,
        session: &Session<usize>,
        challenge: Option<&Challenge>,
        min_left: Duration,
    ) -> Option<Call> {
        let call: Result<Call, Misuse> = match self {
            Self::ReadV2 => account.v2("List/Vendor", &()),
            Self::WriteV2 => account.v2("Crud/Create/Bill", &()),
            Self::ReadV3 => account.v3(Method::GET, "/v3/vendors").call(account),
            Self::WriteV3 => account.v3(Method::POST, "/v3/bills").call(account),
            Self::UploadOnce => account.upload("/v3/documents/bills/1", &[], Repeatable::Once),
            Self::Lease => Ok(Call::lease(min_left)),
            Self::SignIn => Ok(Call::sign_in()),
            Self::Renewal => Ok(Call::renewal(session)),
            Self::ListOrgs => account.list_orgs(),
            Self::Challenge => Ok(Call::challenge(false)),
            Self::Validate => {
                let code = MfaCode::new("canary-code").ok()?;
                Ok(Call::validate(challenge?.clone(), code, Remember::device("a device")))
            }
            Self::Logout => return None,
        };
        let Ok(call) = call else { unreachable!("{self:?} is a good call") };
        Some(call)
    }
}

/// How far a caller has come.
#[derive(Debug)]
pub(crate) enum State {
    /// It has a call to step, and looks again at `look_at` unless it is woken before.
    Waits {
        call: Call,
        look_at: Instant,
        asleep: bool,
    },
    Sent(InFlight),
    /// It has what it wanted, or does not know what more it could do.
    Ended {
        well: bool,
    },
}

#[derive(Debug)]
pub(crate) struct Caller {
    pub(crate) org: usize,
    pub(crate) kind: Kind,
    pub(crate) state: State,
    /// How many sign-outs there were when it took its first step.
    pub(crate) begun_after: Option<u64>,
    pub(crate) id: Option<CallId>,
    /// Sent again after BDC_1109, after BDC_1322, and after the loss of an outcome.
    pub(crate) again: [u8; 3],
    /// It takes no step any more, and what it has sent is never answered.
    pub(crate) frozen: bool,
}

impl Caller {
    pub(crate) fn new(org: usize, kind: Kind, call: Call, now: Instant) -> Self {
        let state = State::Waits { call, look_at: now, asleep: false };
        Self { org, kind, state, begun_after: None, id: None, again: [0; 3], frozen: false }
    }

    pub(crate) fn has_ended(&self) -> bool {
        matches!(self.state, State::Ended { .. })
    }

    pub(crate) fn is_due(&self, now: Instant) -> bool {
        match &self.state {
            State::Waits { look_at, asleep, .. } => !*asleep || *look_at <= now,
            _ => false,
        }
    }
}

/// A sign-in that somebody runs.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) org: usize,
    pub(crate) sign_in: SignIn,
    pub(crate) begun: Instant,
    pub(crate) last_beat: Instant,
    pub(crate) version: u64,
    /// How many sign-outs there were.
    pub(crate) begun_after: u64,
    pub(crate) frozen: bool,
}
