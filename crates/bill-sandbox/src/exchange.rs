//! One request from its arrival to its answer.

use std::future::pending;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::request::Parts;
use axum::response::Response;

use crate::answer::{Answer, BUSY, Dialect, HOUR_SPENT, INVALID_SESSION, Outcome, UNKNOWN_PATH};
use crate::api::{self, Work};
use crate::arrival::{Arrival, violation};
use crate::asked::{Asked, What};
use crate::body::{self, Broken, Content};
use crate::delivery::{self, Manner};
use crate::fault::Fault;
use crate::fault_kind::FaultKind;
use crate::hold::{Gate, Stage};
use crate::state::{self, Shared};
use crate::uploads::Digest;
use crate::v3;
use crate::violation::{Refusal, Violation};
use crate::wire::Wire;

// BILL refuses these before a call counts as a use of its session.
const NO_USE: [&str; 3] = [INVALID_SESSION, HOUR_SPENT, BUSY];

/// A request that is counted as in flight until this is dropped.
#[derive(Debug)]
pub(crate) struct Exchange {
    shared: Arc<Shared>,
    arrival: Arrival,
}

pub(crate) async fn serve(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let wire = head.extensions.get::<ConnectInfo<Wire>>().map(|info| info.0.clone());
    let wire = wire.unwrap_or_default();
    let Ok((exchange, checked)) = receive(shared, &head, body).await else {
        // The client left in the middle of its request.
        wire.reset();
        return Response::new(Body::empty());
    };
    exchange.wait_at(Stage::Request).await;
    let (answer, fault) = exchange.work(&checked);
    exchange.wait_at(Stage::Answer).await;
    let manner = Manner::of(fault.as_ref());
    match answer {
        Some(answer) => delivery::deliver(answer, manner, fault.as_ref(), exchange, wire),
        None if manner == Manner::Reset => {
            exchange.answered("reset_before_answer");
            wire.reset();
            Response::new(Body::empty())
        }
        // The exchange stays in flight until the client has had enough.
        None => pending().await,
    }
}

/// Takes a request in. One with a file has arrived before the file has gone by; any other has
/// arrived only when the whole of it is there.
async fn receive(
    shared: Arc<Shared>,
    head: &Parts,
    body: Body,
) -> Result<(Exchange, Result<Asked, Refusal>), Broken> {
    let largest = shared.with(|state| state.largest_file);
    if !body::is_file(head) {
        let content = body::read(head, body, largest).await?;
        return Ok(Exchange::arrive(shared, head, content));
    }
    let (exchange, checked) = Exchange::arrive(shared, head, Content::Awaited);
    match body::read_file(body).await {
        Ok(file) => Ok((exchange, with_file(checked, file, largest))),
        Err(broken) => {
            exchange.answered("broken_request");
            Err(broken)
        }
    }
}

fn with_file(
    checked: Result<Asked, Refusal>,
    file: Digest,
    largest: u64,
) -> Result<Asked, Refusal> {
    let asked = checked?;
    if file.length > largest {
        return Err(Refusal::Strict(Violation::BodyTooLarge));
    }
    Ok(Asked { file: Some(file), ..asked })
}

impl Exchange {
    /// Notes in the journal how the request ended, and that it is no longer in flight.
    pub(crate) fn answered(self, outcome: &str) {
        self.shared.with(|state| {
            if let Some(entry) = state.journal.entry(self.arrival.sequence) {
                entry.outcome = Some(outcome.to_owned());
            }
        });
    }

    fn arrive(
        shared: Arc<Shared>,
        head: &Parts,
        content: Content,
    ) -> (Self, Result<Asked, Refusal>) {
        let (arrival, checked) = shared.with(|state| Arrival::note(state, head, content));
        (Self { shared, arrival }, checked)
    }

    async fn wait_at(&self, stage: Stage) {
        // What is beyond a limit is refused at once, so that a test can hold those before it.
        if self.arrival.limit.is_some() {
            return;
        }
        let gate: Option<Arc<Gate>> =
            self.shared.with(|state| state.gate(&self.arrival.operation, stage));
        if let Some(gate) = gate {
            gate.pass().await;
        }
    }

    /// Does what was asked, as far as a fault lets it. Without an answer there will be none.
    fn work(&self, checked: &Result<Asked, Refusal>) -> (Option<Answer>, Option<Fault>) {
        self.shared.with(|state| {
            let fault = state.faults.take(&self.arrival.operation);
            if let Some(fault) = &fault {
                state.counted.faults_applied += 1;
                if let Some(entry) = state.journal.entry(self.arrival.sequence) {
                    entry.fault = Some(fault.kind().name().to_owned());
                }
            }
            let answer = self.answer(state, checked, fault.as_ref());
            // A fault may hide from the client that it broke a rule, but not from the counters.
            let violation = violation(checked).map(Violation::name);
            if let Some(name) = violation {
                state.reject(name);
            }
            if let Some(Outcome::Refused(name)) = answer.as_ref().map(|answer| &answer.outcome)
                && violation != Some(name.as_str())
            {
                state.reject(name);
            }
            (answer, fault)
        })
    }

    fn answer(
        &self,
        state: &mut state::State,
        checked: &Result<Asked, Refusal>,
        fault: Option<&Fault>,
    ) -> Option<Answer> {
        let dialect = Dialect { generation: self.arrival.generation, at: state.clock.wall() };
        let claim = checked.as_ref().ok().map(|asked| &asked.claim);
        let session = claim.and_then(|claim| claim.session.as_deref());
        if let (Some(FaultKind::LoseSession), Some(id)) = (fault.map(Fault::kind), session) {
            state.sessions.close(id);
        }
        let mut worked = None;
        if fault.is_none_or(Fault::handles) {
            let work = self.handle(state, checked, dialect, fault.map(Fault::kind));
            if let (Some(id), Some(entry)) =
                (&work.opened, state.journal.entry(self.arrival.sequence))
            {
                entry.session = state.sessions.ordinal(id);
            }
            worked = Some(work.answer);
        }
        let Some(fault) = fault else {
            return worked;
        };
        let codes = fault.kind().codes();
        if let (Some(id), Some(key)) = (session, claim.and_then(|claim| claim.key.as_ref()))
            && fault.kind().is_of_bills_form()
            && !codes.iter().any(|code| NO_USE.contains(code))
        {
            state.sessions.touch(id, key, state.clock.now());
        }
        delivery::altered(worked, fault, dialect)
    }

    fn handle(
        &self,
        state: &mut state::State,
        checked: &Result<Asked, Refusal>,
        dialect: Dialect,
        fault: Option<&FaultKind>,
    ) -> Work {
        let asked = match checked {
            Ok(asked) => asked,
            Err(Refusal::UnknownPath) => return dialect.refusal(UNKNOWN_PATH).into(),
            Err(Refusal::Strict(violation)) => return dialect.violation(*violation).into(),
        };
        if let Some(limit) = self.arrival.limit {
            let status = state.limits.status(self.arrival.generation);
            return dialect.refusal_with(status, limit.code()).into();
        }
        let (claim, file) = (&asked.claim, asked.file);
        match &asked.what {
            What::V2(operation, form) => {
                let origin = self.arrival.spelled.as_deref();
                let request = api::Request { claim, operation, form, file, dialect, origin };
                api::handle(state, request)
            }
            What::V3(operation, given) => {
                let request = v3::Request { claim, operation, given, file, dialect, fault };
                v3::handle(state, request)
            }
        }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let (label, place) = (self.arrival.label.take(), self.arrival.place.take());
        self.shared.with(|state| state.leave(label.as_deref(), place));
    }
}
