//! BILL's v3 API, below `/connect/v3/`.

mod cursor;
mod given;
mod mfa;
mod operation;
mod query;
mod resources;
mod sign_in;
mod uploads;

pub(crate) use cursor::Cursors;
pub(crate) use given::{Given, check};
pub(crate) use operation::{Operation, name_of};

use serde_json::json;

use crate::answer::{Answer, Dialect};
use crate::api::{Work, organization_name};
use crate::caller::{self, Caller, caller};
use crate::claim::Claim;
use crate::fault_kind::FaultKind;
use crate::state::State;
use crate::uploads::Digest;
use cursor::Place;
use operation::Call;

/// A request in v3, and how to answer it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request<'a> {
    pub(crate) claim: &'a Claim,
    pub(crate) operation: &'a Operation,
    pub(crate) given: &'a Given,
    pub(crate) file: Option<Digest>,
    pub(crate) dialect: Dialect,
    /// A fault that concerns the pages of a list.
    pub(crate) fault: Option<&'a FaultKind>,
}

/// Does what was asked.
pub(crate) fn handle(state: &mut State, request: Request<'_>) -> Work {
    let signed_in = match request.operation {
        Operation::Login => sign_in::user(state, request),
        Operation::PartnerLogin => sign_in::partner(state, request),
        Operation::InSession(call) => return in_session(state, call, request).into(),
    };
    signed_in.unwrap_or_else(|code| request.dialect.refusal(code).into())
}

fn in_session(state: &mut State, call: &Call, request: Request<'_>) -> Answer {
    let caller = match caller(state, request.claim, &call.to_string()) {
        Ok(caller) => caller,
        Err(code) => return request.dialect.refusal(code),
    };
    match call {
        Call::GetSession => Answer::bare(
            200,
            &json!({
                "organizationId": caller.organization,
                "userId": caller.users_id,
                "mfaStatus": if caller.trusted { "COMPLETE" } else { "CHALLENGE" },
                "mfaBypass": false,
            }),
        ),
        Call::ListOrganizations => organizations(state, &caller, request),
        Call::Logout => {
            caller::sign_out(state, &caller);
            Answer::empty()
        }
        Call::MfaChallenge => mfa::challenge(state, &caller),
        Call::MfaValidate => mfa::validate(state, &caller, request),
        Call::MfaStepUp => mfa::step_up(state, &caller, request),
        Call::Resource(verb, resource) => {
            resources::handle(state, &caller, *verb, resource, request)
        }
        Call::Upload { bill } => uploads::upload(state, &caller, bill, request),
    }
}

fn organizations(state: &State, caller: &Caller, request: Request<'_>) -> Answer {
    let place = Place { organization: &caller.organization, resource: "login/organizations" };
    let page = match state.cursors.page(&request.given.query, place) {
        Ok(page) => page,
        Err(reason) => return request.dialect.bad_data(reason),
    };
    // A cursor leads to what stands behind an id, so the ids are in order.
    let mut all: Vec<_> = state.accounts.organizations().iter().enumerate().collect();
    all.sort_unstable_by_key(|(_, id)| *id);
    let named = all.into_iter().map(|(position, id)| {
        (id.as_str(), json!({"id": id, "name": organization_name(position)}))
    });
    page.answer(&state.cursors, named, request.fault)
}
