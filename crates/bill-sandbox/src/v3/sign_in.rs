//! Signing in to v3, as a user or as a partner.

use serde_json::{Value, json};

use super::Request;
use crate::accounts::Identity;
use crate::answer::{Answer, WRONG_KEY, WRONG_LOGIN};
use crate::api::Work;
use crate::caller::{Device, open};
use crate::claim::Key;
use crate::state::State;

pub(crate) fn user(state: &mut State, request: Request<'_>) -> Result<Work, &'static str> {
    let key = key(state, request)?;
    let given = request.given;
    let name = given.text("username");
    let found = match given.text("consoleApiToken") {
        "" => state.accounts.sign_in(name, given.text("password")),
        token => state.accounts.sign_in_from_console(name, token),
    };
    let identity = found.ok_or(WRONG_LOGIN)?;
    let users_id = identity.users_id.clone();
    let device = Device { name: given.text("device"), id: given.text("rememberMeId") };
    let device = Some(device).filter(|device| !device.name.is_empty());
    let organization = given.text("organizationId");
    let opened = open(state, identity, key, organization, device)?;
    let mut answer = json!({
        "organizationId": organization,
        "sessionId": opened.session,
        "userId": users_id,
    });
    if state.tells_trust {
        answer["trusted"] = Value::Bool(opened.trusted);
    }
    Ok(Work { answer: Answer::bare(200, &answer), opened: Some(opened.session) })
}

pub(crate) fn partner(state: &mut State, request: Request<'_>) -> Result<Work, &'static str> {
    let key = key(state, request)?;
    let (name, password) = (request.given.text("username"), request.given.text("password"));
    let identity: Identity = state.accounts.sign_in_partner(name, password).ok_or(WRONG_LOGIN)?;
    // BILL does not say which organisation a partner's session is of.
    let first = state.accounts.organizations().first().cloned().unwrap_or_default();
    let opened = open(state, identity, key, &first, None)?;
    let answer = Answer::bare(200, &json!({"sessionId": opened.session}));
    Ok(Work { answer, opened: Some(opened.session) })
}

fn key<'a>(state: &State, request: Request<'a>) -> Result<&'a Key, &'static str> {
    let known = request.claim.key.as_ref().filter(|key| state.accounts.key_label(key).is_some());
    known.ok_or(WRONG_KEY)
}
