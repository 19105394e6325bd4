//! Who a request says that it comes from, before anybody has looked whether that is true.

use std::fmt;

/// The key of the program that sent a request.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Key {
    /// A developer key.
    Dev(String),
    /// A partner's application key.
    App(String),
}

/// What a request is to the limits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Sort {
    /// It gives a password or a token: `Login`, `ListOrgs`, `v3/Login`, `v3/PartnerLogin`.
    SignIn,
    /// It gives a session.
    #[default]
    Call,
}

/// The key, the session and the organisation that a request names.
#[derive(Default)]
pub(crate) struct Claim {
    pub(crate) sort: Sort,
    pub(crate) key: Option<Key>,
    pub(crate) session: Option<String>,
    /// The organisation that a sign-in asks for.
    pub(crate) organization: Option<String>,
}

impl Claim {
    pub(crate) fn sign_in(key: Key, organization: Option<&str>) -> Self {
        let organization = organization.map(str::to_owned);
        Self { sort: Sort::SignIn, key: Some(key), session: None, organization }
    }

    pub(crate) fn call(key: Key, session: &str) -> Self {
        let session = Some(session.to_owned());
        Self { sort: Sort::Call, key: Some(key), session, organization: None }
    }
}

// The values are secrets.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dev(_) => "Dev(…)",
            Self::App(_) => "App(…)",
        })
    }
}

impl fmt::Debug for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claim")
            .field("sort", &self.sort)
            .field("key", &self.key)
            .field("organization", &self.organization)
            .finish_non_exhaustive()
    }
}
