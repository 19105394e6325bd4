//! Objects in v3: the same ones as in v2, where v2 has them, in another dress.

use serde_json::{Map, Value};

use super::Request;
use super::cursor::Place;
use super::operation::{Resource, Verb};
use crate::answer::Answer;
use crate::calendar::stamp;
use crate::caller::Caller;
use crate::state::State;
use crate::store::{NO_SUCH_OBJECT, Unfit};

// Resources that v2 has as well, each with the entity that it is there.
const SHARED: [(&str, &str); 6] = [
    ("vendors", "Vendor"),
    ("bills", "Bill"),
    ("customers", "Customer"),
    ("invoices", "Invoice"),
    ("users", "User"),
    ("payments", "SentPay"),
];

pub(crate) fn handle(
    state: &mut State,
    caller: &Caller,
    verb: Verb,
    resource: &Resource,
    request: Request<'_>,
) -> Answer {
    let entity = entity(&resource.name);
    if verb == Verb::List {
        return list(state, caller, resource, entity, request);
    }
    let stamp = stamp(state.clock.wall());
    let store = state.store(&caller.organization);
    let (id, object) = (resource.id.as_str(), || stored(&request.given.body, entity));
    let done = match verb {
        Verb::List | Verb::Read => store.read(entity, id).map(shown),
        Verb::Create => store.create(entity, object(), &stamp).map(shown),
        Verb::Replace => store.replace(entity, id, object(), &stamp).map(shown),
        Verb::Update => {
            let mut changes = object();
            changes.insert("id".to_owned(), id.into());
            store.update(entity, changes, &stamp).map(shown)
        }
        Verb::Delete => store.remove(entity, id).map(|row| shown(&row)),
    };
    match done {
        Ok(object) => Answer::bare(if verb == Verb::Create { 201 } else { 200 }, &object),
        Err(Unfit(NO_SUCH_OBJECT)) => request.dialect.bad_data_with(404, NO_SUCH_OBJECT),
        Err(Unfit(reason)) => request.dialect.bad_data(reason),
    }
}

fn list(
    state: &mut State,
    caller: &Caller,
    resource: &Resource,
    entity: &str,
    request: Request<'_>,
) -> Answer {
    // Makes the organisation's store, if this is the first call for it.
    state.store(&caller.organization);
    let place = Place { organization: &caller.organization, resource: &resource.name };
    let page = match state.cursors.page(&request.given.query, place) {
        Ok(page) => page,
        Err(reason) => return request.dialect.bad_data(reason),
    };
    let (cursors, stores) = (&state.cursors, &mut state.stores);
    let Some(store) = stores.get_mut(&caller.organization) else {
        return page.answer(cursors, std::iter::empty(), request.fault);
    };
    let rows = store.rows(entity).map(|row| {
        let id = row.get("id").and_then(Value::as_str).unwrap_or_default();
        (id, Value::Object(shown(row)))
    });
    page.answer(cursors, rows, request.fault)
}

fn entity(resource: &str) -> &str {
    SHARED.iter().find(|(name, _)| *name == resource).map_or(resource, |(_, entity)| entity)
}

/// An object as v3 shows it: `archived` in place of v2's `isActive`, and no name of its entity.
fn shown(row: &Map<String, Value>) -> Map<String, Value> {
    let mut object = row.clone();
    object.remove("entity");
    let active = object.remove("isActive");
    object.insert("archived".to_owned(), Value::Bool(active.is_some_and(|active| active == "2")));
    object
}

/// The same the other way round.
fn stored(object: &Map<String, Value>, entity: &str) -> Map<String, Value> {
    let mut row = object.clone();
    row.insert("entity".to_owned(), entity.into());
    if let Some(archived) = row.remove("archived") {
        row.insert("isActive".to_owned(), if archived == true { "2" } else { "1" }.into());
    }
    row
}
