//! Who signs in: the values that BILL asks for, in types that keep them out of sight.
//!
//! A value is checked once, when it is made. What the types hold is wiped when dropped, and no
//! `Debug` or `Display` of theirs ever shows it.

use std::error::Error as StdError;
use std::fmt;

use zeroize::{Zeroize, Zeroizing};

/// Everything that a sign-in needs: who, for which organisation, under which developer key.
///
/// ```
/// use bill_session_core::{Credentials, DevKey, OrgId, Principal};
///
/// let credentials = Credentials::new(
///     Principal::password("demo@example.com", "demo-password")?,
///     OrgId::new("00800000000000000001")?,
///     DevKey::new("demo-dev-key")?,
/// );
/// assert!(!format!("{credentials:?}").contains("demo-password"));
/// assert!(credentials.warnings().is_empty());
/// # Ok::<(), bill_session_core::InvalidField>(())
/// ```
#[derive(Clone, Debug)]
pub struct Credentials {
    pub(crate) principal: Principal,
    /// A partner signs in to no organisation.
    pub(crate) org_id: Option<OrgId>,
    pub(crate) api_key: ApiKey,
}

/// The key that a session belongs to, and that every later call carries beside it.
#[derive(Clone, Debug)]
pub(crate) enum ApiKey {
    Dev(DevKey),
    App(AppKey),
}

impl ApiKey {
    pub(crate) fn secret(&self) -> &Secret {
        match self {
            Self::Dev(DevKey(secret)) | Self::App(AppKey(secret)) => secret,
        }
    }

    pub(crate) fn is_app(&self) -> bool {
        matches!(self, Self::App(_))
    }
}

impl Credentials {
    /// Puts the checked values together.
    pub fn new(principal: Principal, org_id: OrgId, dev_key: DevKey) -> Self {
        Self { principal, org_id: Some(org_id), api_key: ApiKey::Dev(dev_key) }
    }

    /// Those of a partner of BILL's, who signs in by v3 to no organisation.
    ///
    /// The session serves v3's partner operations, and is idled out after 35 minutes like any
    /// other; operations within an organisation need a developer key, which a partner's session
    /// has not.
    pub fn partner(principal: Principal, app_key: AppKey) -> Self {
        Self { principal, org_id: None, api_key: ApiKey::App(app_key) }
    }

    /// The organisation that these credentials sign in to; a partner's sign in to none.
    pub fn org_id(&self) -> Option<&OrgId> {
        self.org_id.as_ref()
    }

    /// What looks wrong without being certainly wrong, such as an `orgId` of an unusual form.
    pub fn warnings(&self) -> Vec<CredentialsWarning> {
        let unusual = self.org_id().is_some_and(|org_id| !org_id.as_str().starts_with("008"));
        unusual.then_some(CredentialsWarning::UnusualOrgId).into_iter().collect()
    }
}

/// Something about [`Credentials`] that is worth a second look, though BILL may accept it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CredentialsWarning {
    /// BILL's organisation ids begin with `008`, and this one does not.
    UnusualOrgId,
}

impl fmt::Display for CredentialsWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnusualOrgId => f.write_str(
                "the orgId does not begin with 008, as BILL's do: check that it is not another id",
            ),
        }
    }
}

/// Who signs in: a user with a password, a user-generated token, or an accountant console's token.
///
/// This is the part of the [`Credentials`] that can be replaced while a client lives.
#[derive(Clone, Debug)]
pub struct Principal {
    pub(crate) name: Secret,
    pub(crate) proof: Secret,
    kind: PrincipalKind,
    pub(crate) device: Option<RememberedDevice>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PrincipalKind {
    Password,
    Token,
    Console,
}

impl Principal {
    /// A user name and its password; the session ends when it has been idle for 35 minutes.
    ///
    /// The password is sent byte for byte.
    ///
    /// # Errors
    ///
    /// [`InvalidField`] when a value is empty, when the user name holds control characters or is
    /// surrounded by white space, or when the password ends with a line break.
    pub fn password(
        user_name: impl Into<String>,
        password: impl Into<String>,
    ) -> Result<Self, InvalidField> {
        Ok(Self {
            name: checked_name(Field::UserName, user_name.into())?,
            proof: checked_proof(Field::Password, password.into())?,
            kind: PrincipalKind::Password,
            device: None,
        })
    }

    /// A user-generated token: its name and its value; the session does not expire by itself.
    ///
    /// BILL limits what such a session may do: no payments and no MFA operations. The value is
    /// sent byte for byte.
    ///
    /// # Errors
    ///
    /// [`InvalidField`], as for [`Principal::password`].
    pub fn token(name: impl Into<String>, value: impl Into<String>) -> Result<Self, InvalidField> {
        Ok(Self {
            name: checked_name(Field::TokenName, name.into())?,
            proof: checked_proof(Field::TokenValue, value.into())?,
            kind: PrincipalKind::Token,
            device: None,
        })
    }

    /// A user name and an accountant console's API token, BILL's `consoleApiToken`.
    ///
    /// It signs in by v3, whatever a client is told to sign in with: v2 has no field for it.
    ///
    /// # Errors
    ///
    /// [`InvalidField`], as for [`Principal::password`].
    pub fn console(
        user_name: impl Into<String>,
        token: impl Into<String>,
    ) -> Result<Self, InvalidField> {
        Ok(Self {
            name: checked_name(Field::UserName, user_name.into())?,
            proof: checked_proof(Field::ConsoleApiToken, token.into())?,
            kind: PrincipalKind::Console,
            device: None,
        })
    }

    /// The device that BILL remembers this user by, sent with every sign-in so that its session is
    /// trusted.
    #[must_use]
    pub fn remembered(mut self, device: RememberedDevice) -> Self {
        self.device = Some(device);
        self
    }

    /// Whether this is a user-generated token.
    pub fn is_token(&self) -> bool {
        self.kind == PrincipalKind::Token
    }

    pub(crate) fn is_console(&self) -> bool {
        self.kind == PrincipalKind::Console
    }
}

/// A device that BILL has been told to remember after an MFA challenge, for 30 days.
///
/// v3 calls the two values `rememberMeId` and `device`, v2 `mfaId` and `deviceId`. A program that
/// keeps them signs in trusted the next time.
#[derive(Clone, Debug)]
pub struct RememberedDevice {
    pub(crate) id: Secret,
    pub(crate) device: String,
}

impl RememberedDevice {
    /// What BILL gave (`rememberMeId` or `mfaId`), and the name of the device that it was given for.
    ///
    /// # Errors
    ///
    /// [`InvalidField`] when a value is empty, holds control characters or is surrounded by white
    /// space.
    pub fn new(
        remember_me_id: impl Into<String>,
        device: impl Into<String>,
    ) -> Result<Self, InvalidField> {
        let device = device.into();
        check_name(Field::Device, &device)?;
        Ok(Self { id: checked_name(Field::RememberMeId, remember_me_id.into())?, device })
    }

    /// BILL's `rememberMeId` (v2's `mfaId`), to be stored where passwords are stored.
    pub fn expose_remember_me_id(&self) -> &str {
        self.id.expose()
    }

    /// The name of the device, BILL's `device` (v2's `deviceId`); not a secret.
    pub fn device(&self) -> &str {
        &self.device
    }
}

/// The organisation that a session belongs to, BILL's `orgId`; not a secret.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrgId(String);

impl OrgId {
    /// Checks an organisation id.
    ///
    /// # Errors
    ///
    /// [`InvalidField`] when it is empty, holds control characters or is surrounded by white space.
    pub fn new(org_id: impl Into<String>) -> Result<Self, InvalidField> {
        let org_id = org_id.into();
        check_name(Field::OrgId, &org_id)?;
        Ok(Self(org_id))
    }

    /// The id as BILL spells it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for OrgId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A developer key, BILL's `devKey`.
#[derive(Clone, Debug)]
pub struct DevKey(pub(crate) Secret);

impl DevKey {
    /// Checks a developer key.
    ///
    /// # Errors
    ///
    /// [`InvalidField`] when it is empty, holds control characters or is surrounded by white space.
    pub fn new(dev_key: impl Into<String>) -> Result<Self, InvalidField> {
        Ok(Self(checked_name(Field::DevKey, dev_key.into())?))
    }
}

/// A partner's application key, BILL's `appKey`.
#[derive(Clone, Debug)]
pub struct AppKey(pub(crate) Secret);

impl AppKey {
    /// Checks an application key.
    ///
    /// # Errors
    ///
    /// [`InvalidField`], as for [`DevKey::new`].
    pub fn new(app_key: impl Into<String>) -> Result<Self, InvalidField> {
        Ok(Self(checked_name(Field::AppKey, app_key.into())?))
    }
}

/// The id of a session, BILL's `sessionId`: whoever has it, and the key, acts as the user.
#[derive(Clone, Debug)]
pub struct SessionId(pub(crate) Secret);

impl SessionId {
    /// The id itself, to be put into a request's body or a sensitive header and nowhere else.
    pub fn expose_secret(&self) -> &str {
        self.0.expose()
    }
}

/// A value given by the program that cannot be right; it says which field and why, never the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InvalidField {
    /// Which value.
    pub field: Field,
    /// What is wrong with it.
    pub reason: InvalidReason,
}

impl fmt::Display for InvalidField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.field, self.reason)
    }
}

impl StdError for InvalidField {}

/// The values that a sign-in is made of, under BILL's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Field {
    /// `userName`.
    UserName,
    /// `password`.
    Password,
    /// A token's name, sent as `userName`.
    TokenName,
    /// A token's value, sent as `password`.
    TokenValue,
    /// `orgId`.
    OrgId,
    /// `devKey`.
    DevKey,
    /// `consoleApiToken`.
    ConsoleApiToken,
    /// `appKey`.
    AppKey,
    /// `rememberMeId`, or v2's `mfaId`.
    RememberMeId,
    /// `device`, or v2's `deviceId`.
    Device,
    /// The `token` that answers an MFA challenge.
    MfaCode,
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UserName => "userName",
            Self::Password => "password",
            Self::TokenName => "token name",
            Self::TokenValue => "token value",
            Self::OrgId => "orgId",
            Self::DevKey => "devKey",
            Self::ConsoleApiToken => "consoleApiToken",
            Self::AppKey => "appKey",
            Self::RememberMeId => "rememberMeId",
            Self::Device => "device",
            Self::MfaCode => "the MFA code",
        })
    }
}

/// Why a value was refused before anything was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidReason {
    /// Nothing in it.
    Empty,
    /// A control character in it, such as a tab or a line break.
    ControlCharacter,
    /// White space before or behind it, as from a careless paste.
    SurroundingWhiteSpace,
    /// A line break at its end, as from a file read whole.
    TrailingLineBreak,
}

impl fmt::Display for InvalidReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "is empty",
            Self::ControlCharacter => "holds a control character",
            Self::SurroundingWhiteSpace => "has white space before or behind it",
            Self::TrailingLineBreak => "ends with a line break",
        })
    }
}

/// A string that is wiped when dropped and never shown.
#[derive(Clone)]
pub(crate) struct Secret(Zeroizing<Box<str>>);

impl Secret {
    pub(crate) fn new(mut value: String) -> Self {
        // Shrinking the string in place could move it and leave the old bytes behind unwiped.
        let exact: Box<str> = value.as_str().into();
        value.zeroize();
        Self(Zeroizing::new(exact))
    }

    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

pub(crate) fn checked_name(field: Field, value: String) -> Result<Secret, InvalidField> {
    let checked = check_name(field, &value);
    let secret = Secret::new(value);
    checked.map(|()| secret)
}

fn check_name(field: Field, value: &str) -> Result<(), InvalidField> {
    let reason = if value.is_empty() {
        InvalidReason::Empty
    } else if value.trim() != value {
        InvalidReason::SurroundingWhiteSpace
    } else if value.chars().any(char::is_control) {
        InvalidReason::ControlCharacter
    } else {
        return Ok(());
    };
    Err(InvalidField { field, reason })
}

fn checked_proof(field: Field, value: String) -> Result<Secret, InvalidField> {
    let reason = if value.is_empty() {
        Some(InvalidReason::Empty)
    } else if value.ends_with(['\n', '\r']) {
        Some(InvalidReason::TrailingLineBreak)
    } else {
        None
    };
    let secret = Secret::new(value);
    match reason {
        Some(reason) => Err(InvalidField { field, reason }),
        None => Ok(secret),
    }
}
