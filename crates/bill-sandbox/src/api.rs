//! What each operation of the v2 API does.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::accounts::{Identity, Kind};
use crate::answer::{
    Answer, INVALID_SESSION, LIMITED_ACCESS, UNKNOWN_PATH, WRONG_KEY, WRONG_LOGIN,
};
use crate::calendar::stamp;
use crate::form::Form;
use crate::list::Query;
use crate::operation::{Call, Operation, Verb, covers};
use crate::state::State;
use crate::strict::{Refusal, Violation};

/// The work that was done for a request.
#[derive(Debug)]
pub(crate) struct Work {
    pub(crate) answer: Answer,
    /// The id of the session that a sign-in made.
    pub(crate) opened: Option<String>,
}

/// Where and for whom an operation works, once its session was accepted.
struct Caller {
    users_id: String,
    organization: String,
    kind: Kind,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ById {
    id: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ByObject {
    obj: Map<String, Value>,
}

/// Does what was asked at `origin`, which is the sandbox's own unless the client spells it otherwise.
pub(crate) fn handle(
    state: &mut State,
    checked: &Result<(Operation, Form), Refusal>,
    origin: Option<&str>,
) -> Work {
    let answer = match checked {
        Ok((Operation::Login, form)) => return sign_in(state, form, origin),
        Ok((Operation::ListOrgs, form)) => list_orgs(state, form),
        Ok((Operation::InSession(call), form)) => in_session(state, call, form),
        Err(Refusal::UnknownPath) => Answer::refusal(404, UNKNOWN_PATH),
        Err(Refusal::Strict(violation)) => Answer::violation(*violation),
    };
    Work { answer, opened: None }
}

/// The label of the developer key and organisation under which a request is counted.
pub(crate) fn counted_as(state: &State, form: &Form) -> Option<String> {
    let ordinal = state.accounts.key_ordinal(form.value("devKey"))?;
    let organization = organization_of(state, form)?;
    Some(format!("key {ordinal} / {organization}"))
}

/// The organisation that a request is for, if it says so or its session does.
pub(crate) fn organization_of<'a>(state: &'a State, form: &'a Form) -> Option<&'a str> {
    let named = Some(form.value("orgId")).filter(|id| !id.is_empty());
    named.or_else(|| state.sessions.organization(form.value("sessionId")))
}

/// The strictness counter of a refused request.
pub(crate) fn violation(checked: &Result<(Operation, Form), Refusal>) -> Option<Violation> {
    match checked {
        Err(Refusal::Strict(violation)) => Some(*violation),
        _ => None,
    }
}

fn sign_in(state: &mut State, form: &Form, origin: Option<&str>) -> Work {
    let dev_key = form.value("devKey");
    let organization = form.value("orgId");
    let identity = match identify(state, form) {
        Ok(_) if !state.accounts.organizations().iter().any(|id| id == organization) => {
            return Work { answer: Answer::refusal(200, WRONG_LOGIN), opened: None };
        }
        Ok(identity) => identity,
        Err(answer) => {
            return Work { answer, opened: None };
        }
    };
    let users_id = identity.users_id.clone();
    let now = state.clock.now();
    let id = state.sessions.open(identity, dev_key, organization, now);
    state.counted.sign_ins_succeeded += 1;
    let answer = Answer::success(json!({
        "sessionId": id,
        "orgId": organization,
        "apiEndPoint": format!("{}/api/v2", origin.unwrap_or(&state.origin)),
        "usersId": users_id,
    }));
    Work { answer, opened: Some(id) }
}

fn list_orgs(state: &State, form: &Form) -> Answer {
    if let Err(answer) = identify(state, form) {
        return answer;
    }
    let organizations = state.accounts.organizations().iter().enumerate();
    let named = organizations.map(|(position, id)| {
        json!({"orgId": id, "orgName": format!("Example Organization {}", position + 1)})
    });
    Answer::success(named.collect::<Vec<_>>())
}

fn identify(state: &State, form: &Form) -> Result<Identity, Answer> {
    if state.accounts.key_ordinal(form.value("devKey")).is_none() {
        return Err(Answer::refusal(200, WRONG_KEY));
    }
    let found = state.accounts.sign_in(form.value("userName"), form.value("password"));
    found.ok_or_else(|| Answer::refusal(200, WRONG_LOGIN))
}

fn in_session(state: &mut State, call: &Call, form: &Form) -> Answer {
    let (id, dev_key) = (form.value("sessionId"), form.value("devKey"));
    if state.accounts.key_ordinal(dev_key).is_none() {
        return Answer::refusal(200, WRONG_KEY);
    }
    let Some(session) = state.sessions.touch(id, dev_key, state.clock.now()) else {
        return Answer::refusal(200, INVALID_SESSION);
    };
    let caller = Caller {
        users_id: session.identity.users_id.clone(),
        organization: session.organization.clone(),
        kind: session.identity.kind,
    };
    let name = call.to_string();
    let limited = state.token_refuses.iter().any(|pattern| covers(pattern, &name));
    if caller.kind == Kind::Token && limited {
        return Answer::refusal(200, LIMITED_ACCESS);
    }
    match call {
        Call::Logout => sign_out(state, id),
        Call::GetSessionInfo => Answer::success(json!({
            "orgId": caller.organization,
            "usersId": caller.users_id,
        })),
        Call::CurrentTime => Answer::success(json!({"currentTime": stamp(state.clock.wall())})),
        Call::List(entity) => list(state, &caller, entity, form.value("data")),
        Call::Crud(verb, entity) => crud(state, &caller, *verb, entity, form.value("data")),
    }
}

fn sign_out(state: &mut State, id: &str) -> Answer {
    state.sessions.close(id);
    state.counted.sign_outs += 1;
    Answer::success(json!({}))
}

fn list(state: &mut State, caller: &Caller, entity: &str, data: &str) -> Answer {
    match Query::parse(data) {
        Ok(query) => {
            let rows = state.store(&caller.organization).rows(entity);
            Answer::success(query.page(rows))
        }
        Err(reason) => Answer::bad_data(reason),
    }
}

fn crud(state: &mut State, caller: &Caller, verb: Verb, entity: &str, data: &str) -> Answer {
    let stamp = stamp(state.clock.wall());
    let store = state.store(&caller.organization);
    let by_id = || serde_json::from_str::<ById>(data);
    let by_object = || serde_json::from_str::<ByObject>(data);
    let done = match verb {
        Verb::Create | Verb::Update => match by_object() {
            Ok(ByObject { obj }) if verb == Verb::Create => store.create(entity, obj, &stamp),
            Ok(ByObject { obj }) => store.update(entity, obj, &stamp),
            Err(_) => return Answer::bad_data("data is a JSON document {\"obj\":{…}}"),
        },
        Verb::Read | Verb::Delete | Verb::Undelete => match by_id() {
            Ok(ById { id }) if verb == Verb::Read => store.read(entity, &id),
            Ok(ById { id }) => store.set_active(entity, &id, verb == Verb::Undelete, &stamp),
            Err(_) => return Answer::bad_data("data is a JSON document {\"id\":\"…\"}"),
        },
    };
    match done {
        Ok(object) => Answer::success(object),
        Err(unfit) => Answer::bad_data(unfit.0),
    }
}
