//! The second factor in v3.

use serde_json::json;

use super::Request;
use crate::answer::Answer;
use crate::caller::{self, Caller, Device};
use crate::state::State;

pub(crate) fn challenge(state: &mut State, caller: &Caller) -> Answer {
    Answer::bare(200, &json!({"challengeId": caller::challenge(state, caller)}))
}

pub(crate) fn validate(state: &mut State, caller: &Caller, request: Request<'_>) -> Answer {
    let given = request.given;
    let remembered = given.flag("rememberMe");
    let device = Some(given.text("device")).filter(|device| remembered && !device.is_empty());
    if remembered && device.is_none() {
        return request.dialect.bad_data("a device that is to be remembered has a name");
    }
    let (challenge, code) = (given.text("challengeId"), given.text("token"));
    match caller::validate(state, caller, challenge, code, device) {
        Ok(Some(id)) => Answer::bare(200, &json!({"rememberMeId": id})),
        Ok(None) => Answer::bare(200, &json!({})),
        Err(code) => request.dialect.refusal(code),
    }
}

pub(crate) fn step_up(state: &mut State, caller: &Caller, request: Request<'_>) -> Answer {
    let given = request.given;
    let device = Device { name: given.text("device"), id: given.text("rememberMeId") };
    Answer::bare(200, &json!({"trusted": caller::step_up(state, caller, device)}))
}
