//! A file for a bill, as the raw body of a request.

use serde_json::json;

use super::Request;
use crate::answer::Answer;
use crate::caller::Caller;
use crate::state::State;
use crate::store::NO_SUCH_OBJECT;

pub(crate) fn upload(
    state: &mut State,
    caller: &Caller,
    bill: &str,
    request: Request<'_>,
) -> Answer {
    let name = request.given.query.value("name").unwrap_or_default();
    if name.is_empty() {
        return request.dialect.bad_data("name is required");
    }
    if state.store(&caller.organization).read("Bill", bill).is_err() {
        return request.dialect.bad_data_with(404, NO_SUCH_OBJECT);
    }
    let file = request.file.unwrap_or_default();
    let id = state.keep(&caller.organization, bill, name, file);
    Answer::bare(200, &json!({"uploadId": id}))
}
