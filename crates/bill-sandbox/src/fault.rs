//! Faults on demand: what to do wrong, to which requests and how often.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::answer::INVALID_SESSION;
use crate::operation::covers;

/// A misbehaviour of the sandbox, as a value that is given to [`Sandbox::fault`].
///
/// Its JSON is the body of `POST /_sandbox/fault`: `{"kind":"no_answer","on":"Login","times":2}`
/// or `{"kind":{"html":{"status":503}}}`.
///
/// [`Sandbox::fault`]: crate::Sandbox::fault
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[must_use]
pub struct Fault {
    kind: FaultKind,
    #[serde(default)]
    on: String,
    #[serde(default = "once")]
    times: Option<u64>,
    #[serde(default)]
    after: u64,
    #[serde(default)]
    handled: bool,
    #[serde(default)]
    headers: BTreeMap<String, String>,
}

/// What a [`Fault`] does to a request or to its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum FaultKind {
    /// The ordinary answer, for a fault that only sets headers.
    Normal,
    /// Accepts the request and says nothing for as long as the client waits.
    NoAnswer,
    /// Resets the connection before the first byte of the answer.
    ResetBeforeAnswer,
    /// Sends the head and a part of the body, then resets the connection.
    ResetMidAnswer,
    /// Sends the head and a part of the body, then closes the connection in an orderly way.
    CloseMidAnswer,
    /// Answers with an HTML page.
    Html {
        /// The HTTP status.
        status: u16,
    },
    /// Answers with an error in BILL's envelope.
    Envelope {
        /// The HTTP status.
        status: u16,
        /// BILL's code.
        code: String,
    },
    /// Answers with any body.
    Body {
        /// The HTTP status.
        status: u16,
        /// The content type.
        content_type: String,
        /// The body.
        body: String,
    },
    /// Sends complete HTTP with only the first half of the JSON.
    TornJson,
    /// Sends the ordinary answer a few bytes at a time.
    SlowBytes {
        /// How many bytes of the body at a time.
        bytes: usize,
        /// The pause between two portions, in real milliseconds.
        pause_ms: u64,
    },
    /// Redirects to another place.
    Redirect {
        /// The HTTP status.
        status: u16,
        /// The `location` header.
        location: String,
    },
    /// Ends the session that the request uses before the request is handled.
    LoseSession,
    /// Names another place as the `apiEndPoint` of a sign-in's answer.
    ForeignApiEndPoint {
        /// The value of `apiEndPoint`.
        url: String,
    },
}

impl Fault {
    /// A fault of the next request, whatever it asks for.
    pub fn new(kind: FaultKind) -> Self {
        Self {
            kind,
            on: String::new(),
            times: once(),
            after: 0,
            handled: false,
            headers: BTreeMap::new(),
        }
    }

    /// Applies only to an operation: `Login`, `List/Vendor`, or `List` for a list of any entity.
    pub fn on(self, operation: impl Into<String>) -> Self {
        Self { on: operation.into(), ..self }
    }

    /// Applies to so many requests instead of one.
    pub fn times(self, times: u64) -> Self {
        Self { times: Some(times), ..self }
    }

    /// Applies to every request from now on.
    pub fn always(self) -> Self {
        Self { times: None, ..self }
    }

    /// Lets so many requests of the operation pass first.
    pub fn after(self, requests: u64) -> Self {
        Self { after: requests, ..self }
    }

    /// Does what was asked before the answer goes wrong, as when an answer is lost on its way.
    ///
    /// Without it, a request whose answer is replaced or withheld changes nothing at all. Kinds
    /// that send the ordinary answer or a part of it are always handled.
    pub fn handled(self) -> Self {
        Self { handled: true, ..self }
    }

    /// Sets a header of the answer, or replaces it, such as `retry-after` or `date`.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.insert(name.into(), value.into());
        self
    }

    pub(crate) fn kind(&self) -> &FaultKind {
        &self.kind
    }

    pub(crate) fn headers(&self) -> &BTreeMap<String, String> {
        &self.headers
    }

    pub(crate) fn handles(&self) -> bool {
        self.handled || self.kind.needs_answer()
    }
}

impl FaultKind {
    /// An answer with one of BILL's codes and HTTP 200.
    pub fn code(code: impl Into<String>) -> Self {
        Self::Envelope { status: 200, code: code.into() }
    }

    /// The answer that a session is invalid, while it goes on living.
    pub fn invalid_session() -> Self {
        Self::code(INVALID_SESSION)
    }

    /// Its name in JSON.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::NoAnswer => "no_answer",
            Self::ResetBeforeAnswer => "reset_before_answer",
            Self::ResetMidAnswer => "reset_mid_answer",
            Self::CloseMidAnswer => "close_mid_answer",
            Self::Html { .. } => "html",
            Self::Envelope { .. } => "envelope",
            Self::Body { .. } => "body",
            Self::TornJson => "torn_json",
            Self::SlowBytes { .. } => "slow_bytes",
            Self::Redirect { .. } => "redirect",
            Self::LoseSession => "lose_session",
            Self::ForeignApiEndPoint { .. } => "foreign_api_end_point",
        }
    }

    fn needs_answer(&self) -> bool {
        !matches!(
            self,
            Self::NoAnswer
                | Self::ResetBeforeAnswer
                | Self::Html { .. }
                | Self::Envelope { .. }
                | Self::Body { .. }
                | Self::Redirect { .. }
        )
    }
}

/// The faults that wait for a request.
#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<Fault>);

impl Faults {
    pub(crate) fn add(&mut self, fault: Fault) {
        self.0.push(fault);
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// The fault for a request: the oldest that covers it. Every other that covers it and still
    /// lets requests pass has let this one pass.
    pub(crate) fn take(&mut self, operation: &str) -> Option<Fault> {
        let mut taken = None;
        for fault in self.0.iter_mut().filter(|fault| covers(&fault.on, operation)) {
            if fault.after > 0 {
                fault.after -= 1;
            } else if taken.is_none() && fault.times != Some(0) {
                fault.times = fault.times.map(|left| left - 1);
                taken = Some(fault.clone());
            }
        }
        self.0.retain(|fault| fault.times != Some(0));
        taken
    }
}

// Serde asks for this type: `null` in JSON means without end.
#[expect(clippy::unnecessary_wraps, reason = "the field's type, as serde's default")]
fn once() -> Option<u64> {
    Some(1)
}

#[cfg(test)]
mod tests {
    use super::{Fault, FaultKind, Faults};

    #[test]
    fn faults_are_used_up_in_the_order_in_which_they_came() {
        let mut faults = Faults::default();
        faults.add(Fault::new(FaultKind::NoAnswer).on("Login").times(2));
        faults.add(Fault::new(FaultKind::TornJson));
        let mut take = |operation| faults.take(operation).map(|fault| fault.kind);
        assert_eq!(take("Login"), Some(FaultKind::NoAnswer));
        assert_eq!(take("List/Vendor"), Some(FaultKind::TornJson));
        assert_eq!(take("List/Vendor"), None);
        assert_eq!(take("Login"), Some(FaultKind::NoAnswer));
        assert_eq!(take("Login"), None);
    }

    #[test]
    fn a_fault_can_let_requests_pass_first() {
        let mut faults = Faults::default();
        faults.add(Fault::new(FaultKind::LoseSession).on("List").after(2));
        let hits: Vec<_> = ["List/Vendor", "Login", "List/Bill", "List/Vendor", "List/Vendor"]
            .map(|operation| faults.take(operation).is_some())
            .into();
        assert_eq!(hits, [false, false, false, true, false]);
    }

    #[test]
    fn the_json_of_a_fault_is_what_the_documents_say() {
        let json = r#"{"kind":{"html":{"status":503}},"on":"Login","times":null,
            "after":1,"handled":true,"headers":{"retry-after":"7"}}"#;
        let expected = Fault::new(FaultKind::Html { status: 503 })
            .on("Login")
            .always()
            .after(1)
            .handled()
            .header("retry-after", "7");
        assert_eq!(serde_json::from_str::<Fault>(json).unwrap(), expected);
        let shortest: Fault = serde_json::from_str(r#"{"kind":"no_answer"}"#).unwrap();
        assert_eq!(shortest, Fault::new(FaultKind::NoAnswer));
        assert!(serde_json::from_str::<Fault>(r#"{"kind":"no_answer","onn":"x"}"#).is_err());
    }

    #[test]
    fn every_kind_names_itself_as_its_json_does() {
        let text = String::new;
        let kinds = [
            FaultKind::Normal,
            FaultKind::NoAnswer,
            FaultKind::ResetBeforeAnswer,
            FaultKind::ResetMidAnswer,
            FaultKind::CloseMidAnswer,
            FaultKind::Html { status: 500 },
            FaultKind::code("BDC_1144"),
            FaultKind::Body { status: 200, content_type: text(), body: text() },
            FaultKind::TornJson,
            FaultKind::SlowBytes { bytes: 1, pause_ms: 1 },
            FaultKind::Redirect { status: 307, location: text() },
            FaultKind::LoseSession,
            FaultKind::ForeignApiEndPoint { url: text() },
        ];
        for kind in kinds {
            let json = serde_json::to_value(&kind).unwrap();
            let name = json.as_str().or_else(|| Some(json.as_object()?.keys().next()?.as_str()));
            assert_eq!(name, Some(kind.name()));
        }
    }
}
