//! The arrival of a request: what it is, who sent it, and whether the limits let it pass.

use axum::http::header::HOST;
use axum::http::request::Parts;

use crate::answer::Generation;
use crate::asked::Asked;
use crate::body::Content;
use crate::limits::{Limit, Place};
use crate::state::State;
use crate::strict::{self, holds_one_of};
use crate::violation::{Refusal, Violation};

/// What is known of a request from its arrival on.
#[derive(Debug)]
pub(crate) struct Arrival {
    pub(crate) sequence: u64,
    pub(crate) operation: String,
    pub(crate) generation: Generation,
    /// The developer key and organisation under which it is counted.
    pub(crate) label: Option<String>,
    /// The limit that it is beyond.
    pub(crate) limit: Option<Limit>,
    pub(crate) place: Option<Place>,
    /// The origin as the client spells it, if not like the sandbox itself.
    pub(crate) spelled: Option<String>,
}

impl Arrival {
    /// Checks a request that has come, and counts it.
    pub(crate) fn note(
        state: &mut State,
        head: &Parts,
        content: Content,
    ) -> (Self, Result<Asked, Refusal>) {
        let checked = strict::check(head, content, |text| holds_one_of(text, state.secrets()));
        let operation = match &checked {
            Ok(asked) => asked.name(),
            Err(_) => strict::name_of(head),
        };
        let generation = Generation::of(head.uri.path());
        state.count(&operation, generation);
        if violation(&checked) == Some(Violation::SecretInUrl) {
            state.counted.secrets_in_url += 1;
        }
        let sequence = state.journal.write(state.clock.now(), operation.clone());
        let spelled = as_spelled(head, &state.origin);
        let (label, limit, place) = (None, None, None);
        let mut arrival = Self { sequence, operation, generation, label, limit, place, spelled };
        if let Ok(asked) = &checked {
            arrival.identify(state, asked);
        }
        state.enter(arrival.label.as_deref());
        (arrival, checked)
    }

    /// Notes who asks, and whether the limits let it pass.
    fn identify(&mut self, state: &mut State, asked: &Asked) {
        let claim = &asked.claim;
        let named = claim.session.as_deref();
        let organization = state.organization(claim).map(str::to_owned);
        if let Some(entry) = state.journal.entry(self.sequence) {
            entry.session = named.and_then(|id| state.sessions.ordinal(id));
            entry.organization.clone_from(&organization);
        }
        let Some(key) = claim.key.as_ref().and_then(|key| state.accounts.key_label(key)) else {
            return;
        };
        match state.admit(claim, &key) {
            Ok(place) => self.place = Some(place),
            Err(limit) => self.limit = Some(limit),
        }
        self.label = organization.map(|organization| format!("{key} / {organization}"));
    }
}

/// The strictness counter of a refused request.
pub(crate) fn violation(checked: &Result<Asked, Refusal>) -> Option<Violation> {
    match checked {
        Err(Refusal::Strict(violation)) => Some(*violation),
        _ => None,
    }
}

/// The sandbox's origin with `localhost` in it, when the client came to it by that name: its
/// `apiEndPoint` is to be recognised.
fn as_spelled(head: &Parts, origin: &str) -> Option<String> {
    let host = head.headers.get(HOST)?.to_str().ok()?;
    let port = origin.rsplit(':').next()?;
    (host.strip_prefix("localhost:")? == port).then(|| format!("http://{host}"))
}
