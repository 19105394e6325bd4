//! What each operation of the v2 API does.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::accounts::Identity;
use crate::answer::{Answer, CODES, Dialect, WRONG_KEY, WRONG_LOGIN};
use crate::calendar::stamp;
use crate::caller::{self, Caller, Device, caller};
use crate::claim::{Claim, Key};
use crate::form::Form;
use crate::list::Query;
use crate::operation::{Call, Operation, Verb};
use crate::state::State;
use crate::store::NO_SUCH_OBJECT;
use crate::uploads::Digest;

/// The work that was done for a request.
#[derive(Debug)]
pub(crate) struct Work {
    pub(crate) answer: Answer,
    /// The id of the session that a sign-in made.
    pub(crate) opened: Option<String>,
}

impl From<Answer> for Work {
    fn from(answer: Answer) -> Self {
        Self { answer, opened: None }
    }
}

/// A request in v2, and how to answer it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request<'a> {
    pub(crate) claim: &'a Claim,
    pub(crate) operation: &'a Operation,
    pub(crate) form: &'a Form,
    pub(crate) file: Option<Digest>,
    pub(crate) dialect: Dialect,
    /// The sandbox's origin as the client spells it, if not like the sandbox itself.
    pub(crate) origin: Option<&'a str>,
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

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Authentication {
    challenge_id: String,
    token: String,
    device_id: Option<String>,
    #[serde(rename = "machineName")]
    _machine_name: Option<String>,
    #[serde(default)]
    remember_me: Written,
}

// v2 writes booleans as strings in some places and bare in others.
#[derive(Default, PartialEq, Deserialize)]
#[serde(untagged)]
enum Written {
    Plain(bool),
    Text(String),
    #[default]
    Absent,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Attachment {
    id: String,
    file_name: String,
}

/// Does what was asked.
pub(crate) fn handle(state: &mut State, request: Request<'_>) -> Work {
    match request.operation {
        Operation::Login => {
            sign_in(state, request).unwrap_or_else(|code| request.dialect.refusal(code).into())
        }
        Operation::ListOrgs => list_orgs(state, request).into(),
        Operation::Errors => errors(state, request).into(),
        Operation::InSession(call) => in_session(state, call, request).into(),
    }
}

fn sign_in(state: &mut State, request: Request<'_>) -> Result<Work, &'static str> {
    let (key, identity) = identify(state, request)?;
    let users_id = identity.users_id.clone();
    let value = |name| Some(request.form.value(name)).filter(|value| !value.is_empty());
    let device = value("deviceId").zip(value("mfaId")).map(|(name, id)| Device { name, id });
    let organization = request.form.value("orgId");
    let opened = caller::open(state, identity, key, organization, device)?;
    let answer = Answer::success(json!({
        "sessionId": opened.session,
        "orgId": organization,
        "apiEndPoint": format!("{}/api/v2", request.origin.unwrap_or(&state.origin)),
        "usersId": users_id,
    }));
    Ok(Work { answer, opened: Some(opened.session) })
}

fn list_orgs(state: &State, request: Request<'_>) -> Answer {
    if let Err(code) = identify(state, request) {
        return request.dialect.refusal(code);
    }
    let organizations = state.accounts.organizations().iter().enumerate();
    let named = organizations
        .map(|(position, id)| json!({"orgId": id, "orgName": organization_name(position)}));
    Answer::success(named.collect::<Vec<_>>())
}

/// The list of codes; a session that comes with the request is in use, and need not be alive.
fn errors(state: &mut State, request: Request<'_>) -> Answer {
    if let Err(WRONG_KEY) = caller(state, request.claim, "Errors") {
        return request.dialect.refusal(WRONG_KEY);
    }
    let codes = CODES.iter().map(|(code, _, message)| json!({"code": code, "message": message}));
    Answer::success(codes.collect::<Vec<_>>())
}

/// The name of the organisation at a position.
pub(crate) fn organization_name(position: usize) -> String {
    format!("Example Organization {}", position + 1)
}

fn identify<'a>(state: &State, request: Request<'a>) -> Result<(&'a Key, Identity), &'static str> {
    let known = request.claim.key.as_ref().filter(|key| state.accounts.key_label(key).is_some());
    let key = known.ok_or(WRONG_KEY)?;
    let (name, secret) = (request.form.value("userName"), request.form.value("password"));
    Ok((key, state.accounts.sign_in(name, secret).ok_or(WRONG_LOGIN)?))
}

fn in_session(state: &mut State, call: &Call, request: Request<'_>) -> Answer {
    let caller = match caller(state, request.claim, &call.to_string()) {
        Ok(caller) => caller,
        Err(code) => return request.dialect.refusal(code),
    };
    let data = request.form.value("data");
    match call {
        Call::Logout => {
            caller::sign_out(state, &caller);
            Answer::success(json!({}))
        }
        Call::GetSessionInfo => Answer::success(json!({
            "orgId": caller.organization,
            "usersId": caller.users_id,
        })),
        Call::CurrentTime => Answer::success(json!({"currentTime": stamp(state.clock.wall())})),
        Call::MfaChallenge => {
            Answer::success(json!({"challengeId": caller::challenge(state, &caller)}))
        }
        Call::MfaAuthenticate => authenticate(state, &caller, data, request.dialect),
        Call::MfaStatus => Answer::success(json!({"isTrusted": caller.trusted})),
        Call::PayBills => pay(state, &caller, data, request.dialect),
        Call::UploadAttachment => attach(state, &caller, request),
        Call::List(entity) => list(state, &caller, entity, request),
        Call::Crud(verb, entity) => crud(state, &caller, *verb, entity, request),
    }
}

fn authenticate(state: &mut State, caller: &Caller, data: &str, dialect: Dialect) -> Answer {
    let Ok(given) = serde_json::from_str::<Authentication>(data) else {
        return dialect.bad_data(
            "data is a JSON document of challengeId, token, deviceId, machineName, rememberMe",
        );
    };
    let remembered = match given.remember_me {
        Written::Plain(remember) => remember,
        Written::Text(text) => text == "true",
        Written::Absent => false,
    };
    let device = given.device_id.as_deref().filter(|_| remembered);
    if remembered && device.is_none() {
        return dialect.bad_data("a device that is to be remembered has a deviceId");
    }
    match caller::validate(state, caller, &given.challenge_id, &given.token, device) {
        Ok(Some(id)) => Answer::success(json!({"mfaId": id})),
        Ok(None) => Answer::success(json!({})),
        Err(code) => dialect.refusal(code),
    }
}

fn pay(state: &mut State, caller: &Caller, data: &str, dialect: Dialect) -> Answer {
    let Ok(Value::Object(mut payment)) = serde_json::from_str(data) else {
        return dialect.bad_data("data is a JSON document of a payment");
    };
    payment.insert("entity".to_owned(), "SentPay".into());
    let stamp = stamp(state.clock.wall());
    match state.store(&caller.organization).create("SentPay", payment, &stamp) {
        Ok(object) => Answer::success(object),
        Err(unfit) => dialect.bad_data(unfit.0),
    }
}

fn attach(state: &mut State, caller: &Caller, request: Request<'_>) -> Answer {
    let Ok(given) = serde_json::from_str::<Attachment>(request.form.value("data")) else {
        return request
            .dialect
            .bad_data("data is a JSON document {\"id\":\"…\",\"fileName\":\"…\"}");
    };
    if !state.store(&caller.organization).holds(&given.id) {
        return request.dialect.bad_data(NO_SUCH_OBJECT);
    }
    let file = request.file.unwrap_or_default();
    let id = state.keep(&caller.organization, &given.id, &given.file_name, file);
    Answer::success(json!({"documentUploadedId": id}))
}

fn list(state: &mut State, caller: &Caller, entity: &str, request: Request<'_>) -> Answer {
    match Query::parse(request.form.value("data")) {
        Ok(query) => {
            let rows = state.store(&caller.organization).rows(entity);
            Answer::success(query.page(rows))
        }
        Err(reason) => request.dialect.bad_data(reason),
    }
}

fn crud(
    state: &mut State,
    caller: &Caller,
    verb: Verb,
    entity: &str,
    request: Request<'_>,
) -> Answer {
    let (data, dialect) = (request.form.value("data"), request.dialect);
    let stamp = stamp(state.clock.wall());
    let store = state.store(&caller.organization);
    let by_id = || serde_json::from_str::<ById>(data);
    let by_object = || serde_json::from_str::<ByObject>(data);
    let done = match verb {
        Verb::Create | Verb::Update => match by_object() {
            Ok(ByObject { obj }) if verb == Verb::Create => store.create(entity, obj, &stamp),
            Ok(ByObject { obj }) => store.update(entity, obj, &stamp),
            Err(_) => return dialect.bad_data("data is a JSON document {\"obj\":{…}}"),
        },
        Verb::Read | Verb::Delete | Verb::Undelete => match by_id() {
            Ok(ById { id }) if verb == Verb::Read => store.read(entity, &id),
            Ok(ById { id }) => store.set_active(entity, &id, verb == Verb::Undelete, &stamp),
            Err(_) => return dialect.bad_data("data is a JSON document {\"id\":\"…\"}"),
        },
    };
    match done {
        Ok(object) => Answer::success(object),
        Err(unfit) => dialect.bad_data(unfit.0),
    }
}
