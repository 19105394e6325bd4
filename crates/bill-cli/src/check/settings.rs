//! The credentials, from environment variables; everything wrong with them is told at once.

use std::ffi::OsString;

use bill_blocking::{Credentials, DevKey, InvalidField, OrgId, Principal};

const USERNAME: &str = "BILL_USERNAME";
const PASSWORD: &str = "BILL_PASSWORD";
const TOKEN_NAME: &str = "BILL_TOKEN_NAME";
const TOKEN_VALUE: &str = "BILL_TOKEN_VALUE";
const ORG_ID: &str = "BILL_ORG_ID";
const DEV_KEY: &str = "BILL_DEV_KEY";

/// Who signs in.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) credentials: Credentials,
    /// Whether it is a user-generated token that does.
    pub(crate) is_token: bool,
}

/// Reads the variables by `read`, or names each one that cannot be used, and why; never a value.
///
/// A token that is set is meant, though a user may be set beside it, as by what `bill sandbox` has
/// printed to be pasted.
pub(crate) fn read(read: impl Fn(&str) -> Option<OsString>) -> Result<Settings, Vec<String>> {
    let is_set = |name: &str| read(name).is_some();
    let is_token = is_set(TOKEN_NAME) || is_set(TOKEN_VALUE);
    let text = |name: &str| {
        let value = read(name).ok_or_else(|| format!("{name} is not set"))?;
        value.into_string().map_err(|_| format!("{name} is not UTF-8"))
    };
    let (name, proof) = if is_token { (TOKEN_NAME, TOKEN_VALUE) } else { (USERNAME, PASSWORD) };
    let principal: fn(String, String) -> Result<Principal, InvalidField> =
        if is_token { Principal::token } else { Principal::password };
    // A principal is checked as a whole, and would hide the second mistake behind the first.
    let stand_in = || "stands in for the real one".to_owned();
    let user = text(name)
        .and_then(|value| principal(value.clone(), stand_in()).map(|_| value).map_err(named(name)));
    let secret = text(proof).and_then(|value| {
        principal(stand_in(), value.clone()).map(|_| value).map_err(named(proof))
    });
    let org_id = text(ORG_ID).and_then(|value| OrgId::new(value).map_err(named(ORG_ID)));
    let dev_key = text(DEV_KEY).and_then(|value| DevKey::new(value).map_err(named(DEV_KEY)));
    match (user, secret, org_id, dev_key) {
        (Ok(user), Ok(secret), Ok(org_id), Ok(dev_key)) => {
            let principal =
                principal(user, secret).map_err(|invalid| vec![named(name)(invalid)])?;
            Ok(Settings { credentials: Credentials::new(principal, org_id, dev_key), is_token })
        }
        (user, secret, org_id, dev_key) => {
            Err([user.err(), secret.err(), org_id.err(), dev_key.err()]
                .into_iter()
                .flatten()
                .collect())
        }
    }
}

fn named(variable: &str) -> impl Fn(InvalidField) -> String {
    move |invalid| format!("{variable} {}", invalid.reason)
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::read;

    /// What is wrong with the variables that are given, the others being unset.
    fn problems(values: &[(&str, &str)]) -> Vec<String> {
        let known = |name: &str| {
            let (_, value) = values.iter().find(|(known, _)| *known == name)?;
            Some(OsString::from(value))
        };
        read(known).err().unwrap_or_default()
    }

    #[test]
    fn everything_wrong_is_told_at_once_and_no_value_is_repeated() {
        assert_eq!(
            problems(&[]),
            [
                "BILL_USERNAME is not set",
                "BILL_PASSWORD is not set",
                "BILL_ORG_ID is not set",
                "BILL_DEV_KEY is not set",
            ]
        );
        assert_eq!(
            problems(&[
                ("BILL_USERNAME", " mary"),
                ("BILL_PASSWORD", "secret\n"),
                ("BILL_ORG_ID", ""),
                ("BILL_DEV_KEY", "a\tb"),
            ]),
            [
                "BILL_USERNAME has white space before or behind it",
                "BILL_PASSWORD ends with a line break",
                "BILL_ORG_ID is empty",
                "BILL_DEV_KEY holds a control character",
            ]
        );
        let whole = [
            ("BILL_USERNAME", "mary"),
            ("BILL_PASSWORD", " any password "),
            ("BILL_ORG_ID", "008"),
            ("BILL_DEV_KEY", "k"),
        ];
        assert_eq!(problems(&whole), Vec::<String>::new());
    }

    #[test]
    fn a_token_takes_the_place_of_the_user_even_of_one_beside_it() {
        let rest = [("BILL_ORG_ID", "008"), ("BILL_DEV_KEY", "k")];
        let with = |more: &[(&'static str, &'static str)]| {
            problems(&rest.into_iter().chain(more.iter().copied()).collect::<Vec<_>>())
        };
        let (name, value) = (("BILL_TOKEN_NAME", "nightly"), ("BILL_TOKEN_VALUE", "t\n"));
        assert_eq!(with(&[name]), ["BILL_TOKEN_VALUE is not set"]);
        assert_eq!(with(&[name, value]), ["BILL_TOKEN_VALUE ends with a line break"]);
        assert_eq!(with(&[name, ("BILL_TOKEN_VALUE", "t")]), Vec::<String>::new());
        let user = [("BILL_USERNAME", " mary"), ("BILL_PASSWORD", "")];
        assert_eq!(with(&[name, user[0], user[1]]), ["BILL_TOKEN_VALUE is not set"]);
    }
}
