//! MFA: how a session becomes trusted, and stays so from sign-in to sign-in.
//!
//! Trust belongs to a session. A challenge belongs to the session that asked for it, so the answer
//! is bound to that session's generation: it is never sent with another, and no sign-in is made for
//! it. The code is the user's to enter, and never asked for by this client.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::Request;
use serde::Deserialize;

use crate::account::{Api, SignedIn};
use crate::call::{Call, Task};
use crate::credentials::{Field, InvalidField, RememberedDevice, Secret, checked_name};
use crate::error::{DecodeError, Error};
use crate::session::Generation;
use crate::wire::{v2, v3};

/// An MFA challenge: BILL has sent its user a code.
#[derive(Clone)]
pub struct Challenge {
    id: Arc<str>,
    pub(crate) generation: Generation,
}

impl fmt::Debug for Challenge {
    /// Without its id, which is whatever a server has sent.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Challenge").field("generation", &self.generation).finish_non_exhaustive()
    }
}

/// The code of an MFA challenge, as its user has read it; a secret.
#[derive(Clone, Debug)]
pub struct MfaCode(pub(crate) Secret);

impl MfaCode {
    /// Checks a code.
    ///
    /// # Errors
    ///
    /// [`InvalidField`] when it is empty, holds control characters or is surrounded by white space.
    pub fn new(code: impl Into<String>) -> Result<Self, InvalidField> {
        checked_name(Field::MfaCode, code.into()).map(Self)
    }
}

/// Whether BILL is to remember the device that answers a challenge.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_enums, reason = "BILL's `rememberMe` is true or false")]
pub enum Remember {
    /// It is not: the trust ends with the session.
    No,
    /// It is, for 30 days, under this name: later sign-ins come back trusted.
    Device {
        /// BILL's `device` (v2's `deviceId`): the same at every sign-in.
        device: String,
        /// BILL's `machineName`: for people to recognise it by.
        machine_name: String,
    },
}

impl Remember {
    /// Remember it under this name, for machines and people alike.
    pub fn device(name: impl Into<String>) -> Self {
        let device = name.into();
        Self::Device { machine_name: device.clone(), device }
    }
}

/// What has become of an MFA call.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_enums, reason = "a new end must break an adapter")]
pub enum MfaOutcome {
    /// BILL has sent a code, to be answered with [`Call::validate`].
    Challenged(Challenge),
    /// The session is trusted; with what BILL remembers the device by, if it was to.
    Trusted(Option<Arc<RememberedDevice>>),
}

impl MfaOutcome {
    /// The challenge, when that was asked for.
    ///
    /// # Errors
    ///
    /// [`Error::Decode`] when it was not.
    pub fn challenge(self) -> Result<Challenge, Error> {
        match self {
            Self::Challenged(challenge) => Ok(challenge),
            Self::Trusted(_) => Err(unasked()),
        }
    }

    /// What BILL remembers the device by, if it was to.
    pub fn device(self) -> Option<Arc<RememberedDevice>> {
        match self {
            Self::Challenged(_) => None,
            Self::Trusted(device) => device,
        }
    }
}

/// An end that does not belong to what was begun.
pub(crate) fn unasked() -> Error {
    let error = DecodeError::new("it is no answer of this kind".to_owned());
    Error::Decode { call: "the MFA call".into(), error }
}

pub(crate) enum Mfa {
    Challenge { backup: bool },
    Validate { challenge: Challenge, code: MfaCode, remember: Remember },
    StepUp(Arc<RememberedDevice>),
}

impl Call {
    /// Asks BILL to send its user a code, by the backup way if `backup` is set.
    pub fn challenge(backup: bool) -> Self {
        Self::new(Task::Mfa(Arc::new(Mfa::Challenge { backup })))
    }

    /// Answers a challenge with the code that its user has received.
    ///
    /// It is sent once, with the session that the challenge was made for, or not at all
    /// ([`Error::SessionChanged`](crate::Error::SessionChanged)).
    pub fn validate(challenge: Challenge, code: MfaCode, remember: Remember) -> Self {
        Self::new(Task::Mfa(Arc::new(Mfa::Validate { challenge, code, remember })))
    }

    /// Makes the present session trusted with a device that BILL remembers.
    ///
    /// It goes to v3, which alone has it, whichever API the session was made with.
    pub fn step_up(device: RememberedDevice) -> Self {
        Self::new(Task::Mfa(Arc::new(Mfa::StepUp(Arc::new(device)))))
    }
}

/// What answers to MFA calls, and to a look at a session, say of trust.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct MfaData {
    challenge_id: Option<String>,
    remember_me_id: Option<String>,
    mfa_id: Option<String>,
    trusted: Option<bool>,
    mfa_status: Option<String>,
}

impl fmt::Debug for MfaData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MfaData").field("trusted", &self.trusted).finish_non_exhaustive()
    }
}

impl MfaData {
    /// What a look at a session tells of its trust.
    pub(crate) fn trusted_by_status(&self) -> Option<bool> {
        match self.mfa_status.as_deref()? {
            "COMPLETE" => Some(true),
            "DISABLED" | "SETUP" | "CHALLENGE" => Some(false),
            _ => None,
        }
    }
}

impl Mfa {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Challenge { .. } => "the MFA challenge",
            Self::Validate { .. } => "the answer to the MFA challenge",
            Self::StepUp(_) => "the MFA step-up",
        }
    }

    /// The generation of the only session that it may be sent with.
    pub(crate) fn bound_to(&self) -> Option<Generation> {
        match self {
            Self::Validate { challenge, .. } => Some(challenge.generation),
            Self::Challenge { .. } | Self::StepUp(_) => None,
        }
    }

    /// The API that it goes to with a session that was made with `api`.
    pub(crate) fn api(&self, api: Api) -> Api {
        if matches!(self, Self::StepUp(_)) { Api::V3 } else { api }
    }

    pub(crate) fn request(&self, session: &SignedIn) -> Request<Bytes> {
        let SignedIn { account, session_id, .. } = session;
        let (base, gateway, headers) = (session.base(), session.gateway(), session.headers());
        // A session of v2's has a developer key.
        let dev_key = account.dev_key().ok().filter(|_| self.api(session.api) == Api::V2);
        match (self, dev_key) {
            (Self::Challenge { backup }, Some(dev_key)) => {
                v2::challenge(base, dev_key, session_id, *backup)
            }
            (Self::Challenge { backup }, None) => v3::challenge(gateway, headers, *backup),
            (Self::Validate { challenge, code: MfaCode(code), remember }, dev_key) => {
                let answer = (&*challenge.id, code);
                let (device, remember) = match remember {
                    Remember::No => ((UNNAMED, UNNAMED), false),
                    Remember::Device { device, machine_name } => {
                        ((device.as_str(), machine_name.as_str()), true)
                    }
                };
                match dev_key {
                    Some(dev_key) => {
                        v2::authenticate(base, dev_key, session_id, answer, device, remember)
                    }
                    None => v3::validate(gateway, headers, answer, device, remember),
                }
            }
            (Self::StepUp(device), _) => v3::step_up(gateway, headers, device),
        }
    }

    /// What an answer that BILL gave means; nothing when it lacks what it should hold.
    pub(crate) fn outcome(&self, data: MfaData, generation: Generation) -> Option<MfaOutcome> {
        match self {
            Self::Challenge { .. } => {
                let id = data.challenge_id.filter(|id| !id.is_empty())?.into();
                Some(MfaOutcome::Challenged(Challenge { id, generation }))
            }
            Self::Validate { remember: Remember::No, .. } => Some(MfaOutcome::Trusted(None)),
            Self::Validate { remember: Remember::Device { device, .. }, .. } => {
                let id = data.remember_me_id.or(data.mfa_id);
                // The session is trusted whether or not the device can be remembered.
                let device = id.and_then(|id| RememberedDevice::new(id, device).ok());
                Some(MfaOutcome::Trusted(device.map(Arc::new)))
            }
            Self::StepUp(device) => {
                let trusted = data.trusted.unwrap_or_default();
                trusted.then(|| MfaOutcome::Trusted(Some(Arc::clone(device))))
            }
        }
    }

    /// The secret that an answer might repeat.
    pub(crate) fn secret(&self) -> Option<&Secret> {
        match self {
            Self::Validate { code: MfaCode(code), .. } => Some(code),
            Self::StepUp(device) => Some(&device.id),
            Self::Challenge { .. } => None,
        }
    }
}

/// The name of a device that BILL is not to remember; it asks for one all the same.
const UNNAMED: &str = "bill-session";

impl fmt::Debug for Mfa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
