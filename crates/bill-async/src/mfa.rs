//! MFA: how a session becomes trusted.

use std::sync::Arc;

use bill_session_core::{
    Call, Challenge as CoreChallenge, Error, Finished, MfaCode, MfaOutcome, Remember,
    RememberedDevice,
};
use serde::de::IgnoredAny;

use crate::client::Client;

/// MFA of the present session; see [`Client::mfa`].
#[derive(Clone, Debug)]
#[must_use]
pub struct Mfa {
    client: Client,
}

impl Mfa {
    pub(crate) fn new(client: Client) -> Self {
        Self { client }
    }

    /// Asks BILL to send the user a code, signing in first if need be.
    ///
    /// # Errors
    ///
    /// [`Error`] when there is no session or BILL refused.
    pub async fn challenge(&self) -> Result<Challenge, Error> {
        self.ask(false).await
    }

    /// The same by the backup way that the user has set up at BILL.
    ///
    /// # Errors
    ///
    /// As for [`challenge`](Self::challenge).
    pub async fn challenge_by_backup(&self) -> Result<Challenge, Error> {
        self.ask(true).await
    }

    /// Makes the present session trusted with a device that BILL remembers, and sends the device
    /// with every later sign-in.
    ///
    /// # Errors
    ///
    /// [`Error`] when there is no session or BILL refused.
    pub async fn step_up(&self, device: RememberedDevice) -> Result<(), Error> {
        run(&self.client, Call::step_up(device)).await.map(drop)
    }

    async fn ask(&self, backup: bool) -> Result<Challenge, Error> {
        let outcome = run(&self.client, Call::challenge(backup)).await?;
        let challenge = outcome.challenge()?;
        Ok(Challenge { client: self.client.clone(), challenge })
    }
}

/// A challenge: BILL has sent the user a code.
///
/// It belongs to the session that asked for it, and cannot be answered with another.
#[derive(Clone, Debug)]
#[must_use = "a challenge is answered by `validate`"]
pub struct Challenge {
    client: Client,
    challenge: CoreChallenge,
}

impl Challenge {
    /// Answers with the code that the user has received; the session is trusted then.
    ///
    /// When the device is to be remembered, it travels with every later sign-in, and is returned to
    /// be kept for the program's next start. After a mistyped code the same challenge can be
    /// answered again.
    ///
    /// # Errors
    ///
    /// [`Error::SessionChanged`] when the session is another one by now, [`Error::MfaCode`] when the
    /// code came too late or after too many others, [`Error::Api`] for another refusal.
    pub async fn validate(
        &self,
        code: MfaCode,
        remember: Remember,
    ) -> Result<Option<Arc<RememberedDevice>>, Error> {
        let call = Call::validate(self.challenge.clone(), code, remember);
        run(&self.client, call).await.map(MfaOutcome::device)
    }
}

async fn run(client: &Client, call: Call) -> Result<MfaOutcome, Error> {
    client.run::<IgnoredAny>(call).await.and_then(Finished::mfa)
}
