//! Who may sign in: users, tokens, partners, their keys and organisations.

use std::fmt;

use crate::claim::Key;

/// The user name of the demo account.
pub const DEMO_USER: &str = "demo@example.com";
/// The password of the demo account.
pub const DEMO_PASSWORD: &str = "demo-password";
/// The name of the demo account's user-generated token.
pub const DEMO_TOKEN_NAME: &str = "demo-token";
/// The value of the demo account's user-generated token.
pub const DEMO_TOKEN_VALUE: &str = "demo-token-value";
/// A token of the accountant console, which the demo user may give in place of the password.
pub const DEMO_CONSOLE_API_TOKEN: &str = "demo-console-api-token";
/// The demo organisation.
pub const DEMO_ORG: &str = "00800000000000000001";
/// A second organisation that the demo account reaches.
pub const DEMO_OTHER_ORG: &str = "00800000000000000002";
/// The developer key of the demo account.
pub const DEMO_DEV_KEY: &str = "demo-dev-key";
/// The user name of the demo partner.
pub const DEMO_PARTNER: &str = "partner@example.com";
/// The password of the demo partner.
pub const DEMO_PARTNER_PASSWORD: &str = "demo-partner-password";
/// The application key of the demo partner.
pub const DEMO_APP_KEY: &str = "demo-app-key";

/// How a session was signed in, which decides how long it lives and what it may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Password,
    Token,
    Partner,
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
    /// User names, each with a token of the accountant console.
    console_tokens: Vec<(String, String)>,
    dev_keys: Vec<String>,
    app_keys: Vec<String>,
    organizations: Vec<String>,
}

impl Accounts {
    pub(crate) fn add_login(&mut self, name: String, secret: String, kind: Kind) {
        self.logins.push(Login { name, secret, kind });
    }

    pub(crate) fn add_console_token(&mut self, user: String, token: String) {
        self.console_tokens.push((user, token));
    }

    pub(crate) fn add_dev_key(&mut self, key: String) {
        self.dev_keys.push(key);
    }

    pub(crate) fn add_app_key(&mut self, key: String) {
        self.app_keys.push(key);
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

    /// Whom a user name and a password, or a token's name and value, belong to.
    pub(crate) fn sign_in(&self, name: &str, secret: &str) -> Option<Identity> {
        self.identity(|login| {
            login.kind != Kind::Partner && login.name == name && login.secret == secret
        })
    }

    /// Whom a partner's user name and password belong to.
    pub(crate) fn sign_in_partner(&self, name: &str, secret: &str) -> Option<Identity> {
        self.identity(|login| {
            login.kind == Kind::Partner && login.name == name && login.secret == secret
        })
    }

    /// The user who may give this token of the accountant console in place of a password.
    pub(crate) fn sign_in_from_console(&self, name: &str, token: &str) -> Option<Identity> {
        let mut tokens = self.console_tokens.iter();
        tokens.find(|(user, known)| user == name && known == token)?;
        self.identity(|login| login.kind == Kind::Password && login.name == name)
    }

    /// The id of the user, token or partner of this name.
    pub(crate) fn users_id(&self, name: &str) -> Option<String> {
        Some(self.identity(|login| login.name == name)?.users_id)
    }

    /// The name of a known key for counters and the journal, which does not show it.
    pub(crate) fn key_label(&self, key: &Key) -> Option<String> {
        let (known, word, key) = match key {
            Key::Dev(key) => (&self.dev_keys, "key", key),
            Key::App(key) => (&self.app_keys, "app key", key),
        };
        Some(format!("{word} {}", known.iter().position(|known| known == key)? + 1))
    }

    pub(crate) fn organizations(&self) -> &[String] {
        &self.organizations
    }

    /// Every value that must never be seen in a URL, sessions and remembered devices aside.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = &str> {
        let logins = self.logins.iter().flat_map(|login| [&login.name, &login.secret]);
        let tokens = self.console_tokens.iter().map(|(_, token)| token);
        logins.chain(tokens).chain(&self.dev_keys).chain(&self.app_keys).map(String::as_str)
    }

    fn identity(&self, fits: impl Fn(&Login) -> bool) -> Option<Identity> {
        let position = self.logins.iter().position(fits)?;
        let users_id = format!("00601000000000{:06}", position + 1);
        Some(Identity { kind: self.logins[position].kind, users_id })
    }
}

impl Default for Accounts {
    fn default() -> Self {
        let mut accounts = Self {
            logins: Vec::new(),
            console_tokens: Vec::new(),
            dev_keys: vec![DEMO_DEV_KEY.to_owned()],
            app_keys: vec![DEMO_APP_KEY.to_owned()],
            organizations: vec![DEMO_ORG.to_owned(), DEMO_OTHER_ORG.to_owned()],
        };
        for (name, secret, kind) in [
            (DEMO_USER, DEMO_PASSWORD, Kind::Password),
            (DEMO_TOKEN_NAME, DEMO_TOKEN_VALUE, Kind::Token),
            (DEMO_PARTNER, DEMO_PARTNER_PASSWORD, Kind::Partner),
        ] {
            accounts.add_login(name.to_owned(), secret.to_owned(), kind);
        }
        accounts.add_console_token(DEMO_USER.to_owned(), DEMO_CONSOLE_API_TOKEN.to_owned());
        accounts
    }
}

// A test may give the sandbox secrets of its own, and looks for them in every `Debug`.
impl fmt::Debug for Accounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Accounts")
            .field("logins", &self.logins.len())
            .field("dev_keys", &self.dev_keys.len())
            .field("app_keys", &self.app_keys.len())
            .field("organizations", &self.organizations)
            .finish_non_exhaustive()
    }
}
