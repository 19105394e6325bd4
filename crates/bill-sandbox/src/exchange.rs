//! One request from its arrival to its answer.

use std::future::{pending, poll_fn};
use std::pin::Pin;
use std::sync::Arc;

use axum::body::{Body, HttpBody};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::HOST;
use axum::http::request::Parts;
use axum::response::Response;

use crate::answer::{Answer, INVALID_SESSION, Outcome};
use crate::api::{self, counted_as, organization_of};
use crate::delivery::{self, Manner};
use crate::fault::{Fault, FaultKind};
use crate::form::Form;
use crate::hold::{Gate, Stage};
use crate::operation::{Operation, UNKNOWN};
use crate::state::{self, Shared};
use crate::strict::{self, Refusal, Violation, holds_one_of};
use crate::wire::Wire;

const LARGEST_BODY: usize = 8 * 1024 * 1024;

// BILL refuses these before a call counts as a use of its session.
const NO_USE: [&str; 3] = [INVALID_SESSION, "BDC_1144", "BDC_1322"];

/// A request that is counted as in flight until this is dropped.
#[derive(Debug)]
pub(crate) struct Exchange {
    shared: Arc<Shared>,
    sequence: u64,
    operation: String,
    key: Option<String>,
    /// The origin as the client spells it, if not like the sandbox itself.
    spelled: Option<String>,
}

/// The sandbox's origin with `localhost` in it, when the client came to it by that name: its
/// `apiEndPoint` is to be recognised.
fn as_spelled(head: &Parts, origin: &str) -> Option<String> {
    let host = head.headers.get(HOST)?.to_str().ok()?;
    let port = origin.rsplit(':').next()?;
    (host.strip_prefix("localhost:")? == port).then(|| format!("http://{host}"))
}

/// The request's body, if it is not too large.
enum Read {
    Whole(Vec<u8>),
    TooLarge,
    Broken,
}

pub(crate) async fn serve(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let wire = head.extensions.get::<ConnectInfo<Wire>>().map(|info| info.0.clone());
    let wire = wire.unwrap_or_default();
    let body = match read(body).await {
        Read::Whole(body) => Some(body),
        Read::TooLarge => None,
        Read::Broken => {
            // The client left in the middle of its request, so nothing was asked.
            wire.reset();
            return Response::new(Body::empty());
        }
    };
    let (exchange, checked) = Exchange::arrive(shared, &head, body.as_deref());
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

impl Exchange {
    /// Notes in the journal how the request ended, and that it is no longer in flight.
    pub(crate) fn answered(self, outcome: &str) {
        self.shared.with(|state| {
            if let Some(entry) = state.journal.entry(self.sequence) {
                entry.outcome = Some(outcome.to_owned());
            }
        });
    }

    fn arrive(
        shared: Arc<Shared>,
        head: &Parts,
        body: Option<&[u8]>,
    ) -> (Self, Result<(Operation, Form), Refusal>) {
        let (sequence, operation, key, spelled, checked) = shared.with(|state| {
            let secrets = || state.accounts.secrets().chain(state.sessions.ids());
            let checked = strict::check(head, body, |text| holds_one_of(text, secrets()));
            // A refused request may still be one to a known path, but an unknown path is not
            // written down: it may hold anything.
            let named = match &checked {
                Ok((operation, _)) => Ok(operation.clone()),
                Err(_) => Operation::parse(head.uri.path()),
            };
            let operation = named.map_or_else(|_| UNKNOWN.to_owned(), |known| known.to_string());
            if operation == "Login" {
                state.counted.sign_ins += 1;
            } else {
                state.counted.calls += 1;
            }
            if api::violation(&checked) == Some(Violation::SecretInUrl) {
                state.counted.secrets_in_url += 1;
            }
            let form = checked.as_ref().ok().map(|(_, form)| form);
            let key = form.and_then(|form| counted_as(state, form));
            let organization =
                form.and_then(|form| organization_of(state, form)).map(str::to_owned);
            let session = form.and_then(|form| state.sessions.ordinal(form.value("sessionId")));
            let sequence = state.journal.write(state.clock.now(), operation.clone());
            if let Some(entry) = state.journal.entry(sequence) {
                entry.organization = organization;
                entry.session = session;
            }
            state.enter(key.as_deref());
            let spelled = as_spelled(head, &state.origin);
            (sequence, operation, key, spelled, checked)
        });
        (Self { shared, sequence, operation, key, spelled }, checked)
    }

    async fn wait_at(&self, stage: Stage) {
        let gate: Option<Arc<Gate>> = self.shared.with(|state| state.gate(&self.operation, stage));
        if let Some(gate) = gate {
            gate.pass().await;
        }
    }

    /// Does what was asked, as far as a fault lets it. Without an answer there will be none.
    fn work(
        &self,
        checked: &Result<(Operation, Form), Refusal>,
    ) -> (Option<Answer>, Option<Fault>) {
        self.shared.with(|state| {
            let fault = state.faults.take(&self.operation);
            if let Some(fault) = &fault {
                state.counted.faults_applied += 1;
                if let Some(entry) = state.journal.entry(self.sequence) {
                    entry.fault = Some(fault.kind().name().to_owned());
                }
            }
            let form = checked.as_ref().ok().map(|(_, form)| form);
            let answer = self.answer(state, checked, form, fault.as_ref());
            // A fault may hide from the client that it broke a rule, but not from the counters.
            let violation = api::violation(checked).map(Violation::name);
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
        checked: &Result<(Operation, Form), Refusal>,
        form: Option<&Form>,
        fault: Option<&Fault>,
    ) -> Option<Answer> {
        if let (Some(FaultKind::LoseSession), Some(form)) = (fault.map(Fault::kind), form) {
            state.sessions.close(form.value("sessionId"));
        }
        let mut worked = None;
        if fault.is_none_or(Fault::handles) {
            let work = api::handle(state, checked, self.spelled.as_deref());
            if let (Some(id), Some(entry)) = (&work.opened, state.journal.entry(self.sequence)) {
                entry.session = state.sessions.ordinal(id);
            }
            worked = Some(work.answer);
        }
        let Some(fault) = fault else {
            return worked;
        };
        if let (FaultKind::Envelope { code, .. }, Some(form)) = (fault.kind(), form)
            && !NO_USE.contains(&code.as_str())
        {
            let (id, dev_key) = (form.value("sessionId"), form.value("devKey"));
            state.sessions.touch(id, dev_key, state.clock.now());
        }
        delivery::altered(worked, fault)
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.shared.with(|state| state.leave(self.key.as_deref()));
    }
}

async fn read(mut body: Body) -> Read {
    let mut whole = Vec::new();
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        match frame {
            Ok(frame) => whole.extend(frame.into_data().unwrap_or_default()),
            Err(_) => return Read::Broken,
        }
        if whole.len() > LARGEST_BODY {
            return Read::TooLarge;
        }
    }
    Read::Whole(whole)
}
