//! The credentials, from four environment variables; everything wrong with them is told at once.

use std::ffi::OsString;

use bill_blocking::{Credentials, DevKey, InvalidField, OrgId, Principal};

const USERNAME: &str = "BILL_USERNAME";
const PASSWORD: &str = "BILL_PASSWORD";
const ORG_ID: &str = "BILL_ORG_ID";
const DEV_KEY: &str = "BILL_DEV_KEY";

/// Reads the variables by `read`, or names each one that cannot be used, and why; never a value.
pub(crate) fn credentials(
    read: impl Fn(&str) -> Option<OsString>,
) -> Result<Credentials, Vec<String>> {
    let text = |name: &str| {
        let value = read(name).ok_or_else(|| format!("{name} is not set"))?;
        value.into_string().map_err(|_| format!("{name} is not UTF-8"))
    };
    let user_name = text(USERNAME).and_then(|value| {
        // A principal is checked as a whole, and would hide the second mistake behind the first.
        let checked = Principal::password(value.as_str(), "stands in for the real one");
        checked.map(|_| value).map_err(named(USERNAME))
    });
    let password = text(PASSWORD).and_then(|value| {
        let checked = Principal::password("stands in for the real one", value.as_str());
        checked.map(|_| value).map_err(named(PASSWORD))
    });
    let org_id = text(ORG_ID).and_then(|value| OrgId::new(value).map_err(named(ORG_ID)));
    let dev_key = text(DEV_KEY).and_then(|value| DevKey::new(value).map_err(named(DEV_KEY)));
    match (user_name, password, org_id, dev_key) {
        (Ok(user_name), Ok(password), Ok(org_id), Ok(dev_key)) => {
            let principal = Principal::password(user_name, password)
                .map_err(|invalid| vec![named(USERNAME)(invalid)])?;
            Ok(Credentials::new(principal, org_id, dev_key))
        }
        (user_name, password, org_id, dev_key) => {
            Err([user_name.err(), password.err(), org_id.err(), dev_key.err()]
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

    use super::credentials;

    fn problems(values: [Option<&str>; 4]) -> Vec<String> {
        let read = |name: &str| {
            let names = ["BILL_USERNAME", "BILL_PASSWORD", "BILL_ORG_ID", "BILL_DEV_KEY"];
            let position = names.iter().position(|known| *known == name)?;
            values[position].map(OsString::from)
        };
        credentials(read).err().unwrap_or_default()
    }

    #[test]
    fn everything_wrong_is_told_at_once_and_no_value_is_repeated() {
        assert_eq!(
            problems([None, None, None, None]),
            [
                "BILL_USERNAME is not set",
                "BILL_PASSWORD is not set",
                "BILL_ORG_ID is not set",
                "BILL_DEV_KEY is not set",
            ]
        );
        assert_eq!(
            problems([Some(" mary"), Some("secret\n"), Some(""), Some("a\tb")]),
            [
                "BILL_USERNAME has white space before or behind it",
                "BILL_PASSWORD ends with a line break",
                "BILL_ORG_ID is empty",
                "BILL_DEV_KEY holds a control character",
            ]
        );
        let whole = [Some("mary"), Some(" any password "), Some("008"), Some("k")];
        assert_eq!(problems(whole), Vec::<String>::new());
    }
}
