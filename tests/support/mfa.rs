//! An MFA challenge of either adapter.

use std::sync::Arc;

use bill_session_core::{Error, MfaCode, Remember, RememberedDevice};
use tokio::runtime::Handle;

/// A challenge of either adapter.
#[derive(Clone, Debug)]
#[must_use]
#[expect(clippy::exhaustive_enums, reason = "there are two")]
pub enum Challenge {
    /// Of `bill-async`, with the runtime that it is answered on.
    Async(bill_async::Challenge, Handle),
    /// Of `bill-blocking`.
    Blocking(bill_blocking::Challenge),
}

impl Challenge {
    /// Answers it.
    ///
    /// # Errors
    ///
    /// Those of the adapter.
    pub fn validate(
        &self,
        code: &str,
        remember: Remember,
    ) -> Result<Option<Arc<RememberedDevice>>, Error> {
        let code = MfaCode::new(code).expect("a code");
        match self {
            Self::Async(challenge, runtime) => runtime.block_on(challenge.validate(code, remember)),
            Self::Blocking(challenge) => challenge.validate(code, remember),
        }
    }
}
