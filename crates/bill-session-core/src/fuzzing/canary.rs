//! Secrets that are recognised wherever they turn up.

use std::fmt::{Debug, Display};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::account::Account;
use crate::credentials::{
    Credentials, DevKey, InvalidField, OrgId, Principal, RememberedDevice, Secret,
};
use crate::environment::Environment;
use crate::limits::KeyLimits;
use crate::settings::SignInWith;

pub(crate) const USER: &str = "canary-user@example.com";
pub(crate) const PASSWORD: &str = "canary pass+w\u{f6}rd/%\"&=";
pub(crate) const DEV_KEY: &str = "CANARYKEY0123456";
pub(crate) const DEVICE_ID: &str = "canary-remembered-7f";
pub(crate) const SESSION_ID: &str = "canary-session-id-1";
pub(crate) const ORG_ID: &str = "00800000000000000001";

/// All of them; the organisation's id is none.
pub(crate) const SECRETS: [&str; 5] = [USER, PASSWORD, DEV_KEY, DEVICE_ID, SESSION_ID];

pub(crate) fn principal() -> Result<Principal, InvalidField> {
    let device = RememberedDevice::new(DEVICE_ID, "a device")?;
    Ok(Principal::password(USER, PASSWORD)?.remembered(device))
}

/// An account that holds them all but the session's id, which a sign-in brings.
pub(crate) fn account(environment: Environment, api: SignInWith, now: Instant) -> Arc<Account> {
    let credentials = || {
        Ok::<_, InvalidField>(Credentials::new(
            principal()?,
            OrgId::new(ORG_ID)?,
            DevKey::new(DEV_KEY)?,
        ))
    };
    let Ok(credentials) = credentials() else { unreachable!("the canaries are good values") };
    let key = Arc::new(KeyLimits::new(now));
    Arc::new(Account::new(environment, credentials, key).sign_in_with(api))
}

/// The same, of which a session has lived before, so that its id is held too.
pub(crate) fn account_with_a_past(
    environment: Environment,
    api: SignInWith,
    now: Instant,
) -> Arc<Account> {
    let account = account(environment, api, now);
    account.held.hold_session_id(&Secret::new(SESSION_ID.to_owned()));
    account
}

/// What is encoded in a URL: all but RFC 3986's unreserved characters.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// How a secret may be spelled.
pub(crate) fn spellings(secret: &str) -> [String; 4] {
    let json = serde_json::to_string(secret).unwrap_or_default();
    [
        secret.to_owned(),
        form_urlencoded::byte_serialize(secret.as_bytes()).collect(),
        utf8_percent_encode(secret, RESERVED).to_string(),
        json.trim_matches('"').to_owned(),
    ]
}

/// Every spelling of every secret, once.
pub(crate) fn all_spellings() -> &'static [String] {
    static ALL: OnceLock<Vec<String>> = OnceLock::new();
    ALL.get_or_init(|| {
        let mut all: Vec<String> = SECRETS.into_iter().flat_map(spellings).collect();
        all.sort();
        all.dedup();
        all
    })
}

#[track_caller]
pub(crate) fn shows_nothing(text: &str) {
    for secret in all_spellings() {
        assert!(!text.contains(secret.as_str()), "`{secret}` is shown in: {text}");
    }
}

/// Neither for people nor for programmers is there a secret in it.
#[track_caller]
pub(crate) fn is_discreet(value: &(impl Debug + Display)) {
    let text = value.to_string();
    shows_nothing(&text);
    shows_nothing(&format!("{value:?} {value:#?}"));
    assert!(!text.chars().any(char::is_control), "a control character is shown: {text:?}");
}

#[track_caller]
pub(crate) fn is_discreet_within(value: &impl Debug) {
    shows_nothing(&format!("{value:?}"));
}
