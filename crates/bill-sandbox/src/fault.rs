//! Faults on demand: what to do wrong, to which requests and how often.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::fault_kind::FaultKind;
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

    /// Applies only to an operation: `Login`, `List/Vendor`, or `List` for a list of any entity;
    /// in v3 `v3/Login`, `v3/List/vendors`, `v3/List`, or `v3` for everything there.
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
}
