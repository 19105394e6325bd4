//! Who a request really comes from, and whether the session may do what it asks for.

use crate::accounts::{Identity, Kind};
use crate::answer::{INVALID_SESSION, LIMITED_ACCESS, UNTRUSTED, WRONG_KEY, WRONG_ORGANIZATION};
use crate::claim::{Claim, Key};
use crate::operation::covers;
use crate::state::State;

/// Where and for whom an operation works, once its session was accepted.
#[derive(Debug)]
pub(crate) struct Caller {
    pub(crate) session: String,
    pub(crate) users_id: String,
    pub(crate) organization: String,
    pub(crate) trusted: bool,
}

/// A session that a sign-in has opened.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) session: String,
    pub(crate) trusted: bool,
}

/// A device, and the id under which it says that it is remembered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Device<'a> {
    pub(crate) name: &'a str,
    pub(crate) id: &'a str,
}

/// Uses the session of a request, or gives the code that refuses it.
pub(crate) fn caller(
    state: &mut State,
    claim: &Claim,
    operation: &str,
) -> Result<Caller, &'static str> {
    let known = claim.key.as_ref().filter(|key| state.accounts.key_label(key).is_some());
    let key = known.ok_or(WRONG_KEY)?;
    let id = claim.session.as_deref().unwrap_or_default();
    let session = state.sessions.touch(id, key, state.clock.now()).ok_or(INVALID_SESSION)?;
    let refused = |patterns: &[String]| patterns.iter().any(|pattern| covers(pattern, operation));
    if session.identity.kind == Kind::Token && refused(&state.token_refuses) {
        return Err(LIMITED_ACCESS);
    }
    if !session.trusted && refused(&state.untrusted_refuses) {
        return Err(UNTRUSTED);
    }
    Ok(Caller {
        session: id.to_owned(),
        users_id: session.identity.users_id.clone(),
        organization: session.organization.clone(),
        trusted: session.trusted,
    })
}

/// Opens a session, unless the sandbox has no such organisation.
pub(crate) fn open(
    state: &mut State,
    identity: Identity,
    key: &Key,
    organization: &str,
    device: Option<Device<'_>>,
) -> Result<Opened, &'static str> {
    if !state.accounts.organizations().iter().any(|id| id == organization) {
        return Err(WRONG_ORGANIZATION);
    }
    let now = state.clock.now();
    // A token's session knows no second factor.
    let trusted = identity.kind != Kind::Token
        && device.is_some_and(|device| {
            state.mfa.remembers(&identity.users_id, device.name, device.id, now)
        });
    let session = state.sessions.open(identity, key, organization, trusted, now);
    state.counted.sign_ins_succeeded += 1;
    state.counted.sign_ins_trusted += u64::from(trusted);
    Ok(Opened { session, trusted })
}

/// Begins a challenge of the second factor and gives its id.
pub(crate) fn challenge(state: &mut State, caller: &Caller) -> String {
    state.counted.mfa_challenges += 1;
    state.mfa.challenge(&caller.session, state.clock.now())
}

/// Answers a challenge, after which the session is trusted; gives the id of a device that is to
/// be remembered, or the code that refuses it.
pub(crate) fn validate(
    state: &mut State,
    caller: &Caller,
    challenge: &str,
    code: &str,
    device: Option<&str>,
) -> Result<Option<String>, &'static str> {
    let now = state.clock.now();
    if let Err(failure) = state.mfa.validate(&caller.session, challenge, code, now) {
        state.counted.mfa_failed += 1;
        return Err(failure.code());
    }
    state.counted.mfa_passed += 1;
    state.sessions.trust(&caller.session);
    Ok(device.map(|device| state.mfa.remember(&caller.users_id, device, now)))
}

/// Raises the session with a remembered device, and tells whether the session is trusted now.
pub(crate) fn step_up(state: &mut State, caller: &Caller, device: Device<'_>) -> bool {
    let now = state.clock.now();
    let known = state.mfa.remembers(&caller.users_id, device.name, device.id, now);
    if known {
        state.counted.mfa_step_ups += 1;
        state.sessions.trust(&caller.session);
    }
    known || caller.trusted
}

/// Ends the session.
pub(crate) fn sign_out(state: &mut State, caller: &Caller) {
    state.sessions.close(&caller.session);
    state.counted.sign_outs += 1;
}
