//! The fake that every rival signs in to: it answers after a while, and counts who asks.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// How a provider answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// With a token that outlives every benchmark.
    Token,
    /// With a refusal, as for a wrong password: no answer that asks for another attempt.
    Refusal,
    /// With a fault of its own, which may pass.
    Fault,
}

/// Where tokens come from, and how often somebody asked.
#[derive(Debug)]
pub(crate) struct Provider {
    answer: Answer,
    after: Duration,
    asked: AtomicUsize,
    answered: AtomicUsize,
}

impl Provider {
    pub(crate) fn new(answer: Answer, after: Duration) -> Self {
        Self { answer, after, asked: AtomicUsize::new(0), answered: AtomicUsize::new(0) }
    }

    /// One sign-in.
    pub(crate) async fn sign_in(&self) -> Answer {
        self.asked.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(self.after).await;
        self.answered.fetch_add(1, Ordering::Relaxed);
        self.answer
    }

    /// The sign-ins that were begun until now.
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }

    /// Those of them that were waited for until they were answered.
    pub(crate) fn answered(&self) -> usize {
        self.answered.load(Ordering::Relaxed)
    }
}

/// As long as one of BILL's session ids. Tokens of the rivals' own clouds are longer, and two of
/// the rivals copy theirs for each call: this favours them.
pub(crate) const TOKEN: &str = "fake-token-of-36-characters-in-total";

/// How long a token is good for: beyond what any rival renews in the background meanwhile.
pub(crate) const LIFETIME: Duration = Duration::from_secs(24 * 3_600);

/// The token and the refusal as a token endpoint writes them, for those who parse one.
impl Answer {
    pub(crate) fn status(self) -> u16 {
        match self {
            Self::Token => 200,
            Self::Refusal => 401,
            Self::Fault => 500,
        }
    }

    pub(crate) fn body(self) -> String {
        match self {
            Self::Token => format!(
                r#"{{"access_token":"{TOKEN}","token_type":"Bearer","expires_in":{}}}"#,
                LIFETIME.as_secs()
            ),
            Self::Refusal | Self::Fault => String::from(
                r#"{"error":"failed","error_description":"as it should","error_codes":[7000215]}"#,
            ),
        }
    }
}
