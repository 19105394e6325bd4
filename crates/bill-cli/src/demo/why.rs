//! Why a client signed in, told from BILL's journal: no client is asked.

use std::time::Duration;

use bill_sandbox::Entry;

use super::words::span;

/// BILL's limit, and nobody's margin: a sign-in before it was not needed.
const IDLE_LIMIT: Duration = Duration::from_secs(2_100);

/// Whether a request was a sign-in, of either API.
pub(crate) fn is_sign_in(entry: &Entry) -> bool {
    matches!(entry.operation.as_str(), "Login" | "v3/Login")
}

/// One sign-in.
#[derive(Clone, Debug)]
pub(crate) struct SignIn {
    pub(crate) why: String,
    pub(crate) needed: bool,
}

/// What a client has done so far.
#[derive(Debug)]
pub(crate) struct Past {
    is_token: bool,
    signed_in: bool,
    last: Duration,
    lost: bool,
}

impl Past {
    pub(crate) fn new(is_token: bool) -> Self {
        Self { is_token, signed_in: false, last: Duration::ZERO, lost: false }
    }

    /// Takes in what the client did next, and explains the sign-ins in it.
    pub(crate) fn take_in(&mut self, entries: &[Entry]) -> Vec<SignIn> {
        let mut sign_ins = Vec::new();
        for entry in entries {
            if is_sign_in(entry) {
                sign_ins.push(self.explain(entry));
                self.signed_in = true;
                self.lost = false;
            } else {
                self.lost |= entry.outcome.as_deref() == Some("BDC_1109");
            }
            self.last = entry.at;
        }
        sign_ins
    }

    fn explain(&self, login: &Entry) -> SignIn {
        let idle = login.at.saturating_sub(self.last);
        let (needed, mut why) = if !self.signed_in {
            (true, "no session yet".to_owned())
        } else if self.lost {
            (true, "BILL had lost the session: BDC_1109".to_owned())
        } else if idle.is_zero() {
            (false, "not needed: one was under way".to_owned())
        } else if self.is_token {
            (false, "not needed: a token does not expire".to_owned())
        } else if idle >= IDLE_LIMIT {
            (true, format!("idle for {}; BILL's limit is 35", span(idle)))
        } else {
            let idle = span(idle);
            (false, format!("not needed: last call {idle} before"))
        };
        if let Some(refusal) = login.outcome.as_deref().filter(|outcome| *outcome != "ok") {
            let said = if needed { "BILL said " } else { "" };
            why = format!("{why}; {said}{refusal}");
        }
        SignIn { why, needed }
    }
}
