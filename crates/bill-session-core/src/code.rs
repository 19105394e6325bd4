//! BILL's error codes, and what each means to a session.

use std::fmt;
use std::sync::Arc;

/// An error code of BILL's, such as `BDC_1109`.
///
/// ```
/// use bill_session_core::Code;
///
/// let code = Code::new("BDC_1101").unwrap();
/// assert_eq!(code.number(), Some(1101));
/// assert!(code.advice().unwrap().contains("password"));
/// assert!(Code::new("<script>").is_none());
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Code(Arc<str>);

impl Code {
    /// Takes a code from an answer; nothing unless it is 1 to 32 letters, digits or underscores.
    pub fn new(text: &str) -> Option<Self> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let fits = (1..=32).contains(&text.len()) && text.bytes().all(plain);
        fits.then(|| Self(text.into()))
    }

    /// The code as BILL spells it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The number of a `BDC_` code.
    pub fn number(&self) -> Option<u32> {
        self.0.strip_prefix("BDC_")?.parse().ok()
    }

    /// What the program, or the person, can do about it; nothing for codes outside the session.
    pub fn advice(&self) -> Option<&'static str> {
        Some(match self.meaning() {
            Meaning::SessionInvalid => "the session is gone: sign in again",
            Meaning::WrongPassword => {
                "check the user name and the password (or the token's name and value), and that \
                 they belong to this environment; nothing is tried again until they are replaced"
            }
            Meaning::WrongKey => {
                "check the developer key: it may be mistyped, belong to another environment, not \
                 be enabled for this version of the API, or have white space around it"
            }
            Meaning::AccessOff => "ask the organisation's administrator to allow API access",
            Meaning::Locked => "the organisation is locked: ask BILL or its administrator",
            Meaning::Untrusted => {
                "this call needs a session trusted by MFA: answer a challenge, or sign in with a \
                 remembered device; signing in again would not help"
            }
            Meaning::CodeExpired => "ask for another challenge, and answer it with its own code",
            Meaning::TooManyTries => "wait before asking for another challenge",
            Meaning::HourSpent => {
                "the developer key's hourly limit is spent: wait for the next clock hour"
            }
            Meaning::Contended => {
                "three calls of this organisation are already running: wait for one to end"
            }
            Meaning::UnknownPath => "check the path: it is case-sensitive",
            Meaning::Other => return None,
        })
    }

    /// BDC_1144, as BILL said it to another call of the same key.
    pub(crate) fn hour_spent() -> Option<Self> {
        Self::new("BDC_1144")
    }

    /// Whether it says something that other codes beside it do not outweigh.
    pub(crate) fn concerns_the_session(&self) -> bool {
        !matches!(self.meaning(), Meaning::Other | Meaning::UnknownPath)
    }

    pub(crate) fn meaning(&self) -> Meaning {
        match self.number() {
            Some(1109) => Meaning::SessionInvalid,
            Some(1101) => Meaning::WrongPassword,
            Some(1102) => Meaning::WrongKey,
            Some(1105) => Meaning::AccessOff,
            Some(1107) => Meaning::Locked,
            Some(1361) => Meaning::Untrusted,
            Some(1356) => Meaning::CodeExpired,
            Some(1358) => Meaning::TooManyTries,
            Some(1144) => Meaning::HourSpent,
            Some(1322) => Meaning::Contended,
            Some(1121) => Meaning::UnknownPath,
            _ => Meaning::Other,
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a code says of the session, the credentials or the limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    SessionInvalid,
    WrongPassword,
    WrongKey,
    AccessOff,
    Locked,
    Untrusted,
    CodeExpired,
    TooManyTries,
    HourSpent,
    Contended,
    UnknownPath,
    Other,
}

impl Meaning {
    /// Whether a sign-in that was answered so is not to be tried again with the same credentials.
    pub(crate) fn is_permanent_refusal(self) -> bool {
        matches!(self, Self::WrongPassword | Self::WrongKey | Self::AccessOff | Self::Locked)
    }
}
