//! Who may sign in: users, tokens, developer keys and organisations.

use std::fmt;

/// The user name of the demo account.
pub const DEMO_USER: &str = "demo@example.com";
/// The password of the demo account.
pub const DEMO_PASSWORD: &str = "demo-password";
/// The name of the demo account's user-generated token.
pub const DEMO_TOKEN_NAME: &str = "demo-token";
/// The value of the demo account's user-generated token.
pub const DEMO_TOKEN_VALUE: &str = "demo-token-value";
/// The demo organisation.
pub const DEMO_ORG: &str = "00800000000000000001";
/// A second organisation that the demo account reaches.
pub const DEMO_OTHER_ORG: &str = "00800000000000000002";
/// The developer key of the demo account.
pub const DEMO_DEV_KEY: &str = "demo-dev-key";

/// How a session was signed in, which decides how long it lives and what it may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Password,
    Token,
}

#[derive(Clone)]
struct Login {
    name: String,
    secret: String,
    kind: Kind,
}

/// A login that was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) kind: Kind,
    pub(crate) users_id: String,
}

#[derive(Clone)]
pub(crate) struct Accounts {
    logins: Vec<Login>,
    dev_keys: Vec<String>,
    organizations: Vec<String>,
}

impl Accounts {
    pub(crate) fn add_login(&mut self, name: String, secret: String, kind: Kind) {
        self.logins.push(Login { name, secret, kind });
    }

    pub(crate) fn add_dev_key(&mut self, key: String) {
        self.dev_keys.push(key);
    }

    pub(crate) fn add_organization(&mut self, id: String) {
        self.organizations.push(id);
    }

    pub(crate) fn set_secret(&mut self, name: &str, secret: &str) -> bool {
        let Some(login) = self.logins.iter_mut().find(|login| login.name == name) else {
            return false;
        };
        login.secret = secret.to_owned();
        true
    }

    pub(crate) fn sign_in(&self, name: &str, secret: &str) -> Option<Identity> {
        let position =
            self.logins.iter().position(|login| login.name == name && login.secret == secret)?;
        let users_id = format!("00601000000000{:06}", position + 1);
        Some(Identity { kind: self.logins[position].kind, users_id })
    }

    /// The position of a developer key, counted from 1: it names the key without showing it.
    pub(crate) fn key_ordinal(&self, key: &str) -> Option<usize> {
        Some(self.dev_keys.iter().position(|known| known == key)? + 1)
    }

    pub(crate) fn organizations(&self) -> &[String] {
        &self.organizations
    }

    /// Every value that must never be seen in a URL, sessions aside.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = &str> {
        let logins = self.logins.iter().flat_map(|login| [&login.name, &login.secret]);
        logins.chain(&self.dev_keys).map(String::as_str)
    }
}

impl Default for Accounts {
    fn default() -> Self {
        let mut accounts = Self {
            logins: Vec::new(),
            dev_keys: vec![DEMO_DEV_KEY.to_owned()],
            organizations: vec![DEMO_ORG.to_owned(), DEMO_OTHER_ORG.to_owned()],
        };
        accounts.add_login(DEMO_USER.to_owned(), DEMO_PASSWORD.to_owned(), Kind::Password);
        accounts.add_login(DEMO_TOKEN_NAME.to_owned(), DEMO_TOKEN_VALUE.to_owned(), Kind::Token);
        accounts
    }
}

// A test may give the sandbox secrets of its own, and looks for them in every `Debug`.
impl fmt::Debug for Accounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Accounts")
            .field("logins", &self.logins.len())
            .field("dev_keys", &self.dev_keys.len())
            .field("organizations", &self.organizations)
            .finish()
    }
}
