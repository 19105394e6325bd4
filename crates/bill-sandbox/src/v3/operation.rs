//! The operations of BILL's v3 API that the sandbox knows, and their methods and paths.

use std::fmt;

use axum::http::Method;

const BASE: &str = "/connect/v3/";

// What stands in the journal for a known path with another method.
const WRONG_METHOD: &str = "v3/(wrong method)";

// First parts of paths that are no resources.
const RESERVED: [&str; 5] = ["login", "logout", "partner", "mfa", "documents"];

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Operation {
    Login,
    PartnerLogin,
    InSession(Call),
}

/// An operation that needs a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Call {
    GetSession,
    ListOrganizations,
    Logout,
    MfaChallenge,
    MfaValidate,
    MfaStepUp,
    Resource(Verb, Resource),
    Upload {
        /// The id of the bill that a file is for.
        bill: String,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    List,
    Create,
    Read,
    Replace,
    Update,
    Delete,
}

/// The name of a resource, and the id of one object of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Resource {
    pub(crate) name: String,
    pub(crate) id: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PathError {
    Unknown,
    WrongCase,
    WrongMethod,
}

impl Operation {
    pub(crate) fn parse(method: &Method, path: &str) -> Result<Self, PathError> {
        let Some(rest) = path.strip_prefix(BASE) else {
            return Err(differs_in_case(path));
        };
        let parts: Vec<&str> = rest.split('/').collect();
        let methods = methods(&parts).ok_or_else(|| differs_in_case(path))?;
        let named = methods.into_iter().find(|(known, _)| known == method);
        named.map(|(_, operation)| operation).ok_or(PathError::WrongMethod)
    }

    pub(crate) fn is_upload(&self) -> bool {
        matches!(self, Self::InSession(Call::Upload { .. }))
    }
}

/// The name of the operation that a refused request was for; nothing for an unknown path.
pub(crate) fn name_of(method: &Method, path: &str) -> Option<String> {
    match Operation::parse(method, path) {
        Ok(operation) => Some(operation.to_string()),
        Err(PathError::WrongMethod) => Some(WRONG_METHOD.to_owned()),
        Err(PathError::Unknown | PathError::WrongCase) => None,
    }
}

/// The methods of a path below the base, each with what it asks for.
fn methods(parts: &[&str]) -> Option<Vec<(Method, Operation)>> {
    let call = |method, call| vec![(method, Operation::InSession(call))];
    Some(match parts {
        ["login"] => vec![(Method::POST, Operation::Login)],
        ["partner", "login"] => vec![(Method::POST, Operation::PartnerLogin)],
        ["login", "session"] => call(Method::GET, Call::GetSession),
        ["login", "organizations"] => call(Method::GET, Call::ListOrganizations),
        ["logout"] => call(Method::POST, Call::Logout),
        ["mfa", "challenge"] => call(Method::POST, Call::MfaChallenge),
        ["mfa", "challenge", "validate"] => call(Method::POST, Call::MfaValidate),
        ["mfa", "step-up"] => call(Method::POST, Call::MfaStepUp),
        ["documents", "bills", id] if is_id(id) => {
            call(Method::POST, Call::Upload { bill: (*id).to_owned() })
        }
        [name] if is_resource(name) => {
            of_resource(name, "", &[(Method::GET, Verb::List), (Method::POST, Verb::Create)])
        }
        [name, id] if is_resource(name) && is_id(id) => {
            let verbs = [
                (Method::GET, Verb::Read),
                (Method::PUT, Verb::Replace),
                (Method::PATCH, Verb::Update),
                (Method::DELETE, Verb::Delete),
            ];
            of_resource(name, id, &verbs)
        }
        _ => return None,
    })
}

fn of_resource(name: &str, id: &str, verbs: &[(Method, Verb)]) -> Vec<(Method, Operation)> {
    let of_verb = |(method, verb): &(Method, Verb)| {
        let resource = Resource { name: name.to_owned(), id: id.to_owned() };
        (method.clone(), Operation::InSession(Call::Resource(*verb, resource)))
    };
    verbs.iter().map(of_verb).collect()
}

fn is_resource(name: &str) -> bool {
    let letter = |character: char| character.is_ascii_lowercase() || character == '-';
    name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.chars().all(letter)
        && !RESERVED.contains(&name)
}

fn is_id(id: &str) -> bool {
    !id.is_empty() && id.chars().all(|character| character.is_ascii_alphanumeric())
}

/// Whether a path that is not known would be in lower case.
fn differs_in_case(path: &str) -> PathError {
    let lower = path.to_ascii_lowercase();
    let rest = lower.strip_prefix(BASE).filter(|_| lower != path);
    let known = rest.is_some_and(|rest| methods(&rest.split('/').collect::<Vec<_>>()).is_some());
    if known { PathError::WrongCase } else { PathError::Unknown }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Login => f.write_str("v3/Login"),
            Self::PartnerLogin => f.write_str("v3/PartnerLogin"),
            Self::InSession(call) => call.fmt(f),
        }
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::GetSession => f.write_str("v3/GetSession"),
            Self::ListOrganizations => f.write_str("v3/ListOrganizations"),
            Self::Logout => f.write_str("v3/Logout"),
            Self::MfaChallenge => f.write_str("v3/MFAChallenge"),
            Self::MfaValidate => f.write_str("v3/MFAValidate"),
            Self::MfaStepUp => f.write_str("v3/MFAStepUp"),
            Self::Resource(verb, resource) => write!(f, "v3/{verb:?}/{}", resource.name),
            Self::Upload { .. } => f.write_str("v3/Upload/bills"),
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Method;

    use super::{Operation, PathError};

    fn parse(method: &Method, path: &str) -> Result<String, PathError> {
        Operation::parse(method, path).map(|operation| operation.to_string())
    }

    #[test]
    fn every_path_has_a_name_for_each_of_its_methods() {
        for (method, path, name) in [
            (Method::POST, "login", "v3/Login"),
            (Method::POST, "partner/login", "v3/PartnerLogin"),
            (Method::GET, "login/session", "v3/GetSession"),
            (Method::GET, "login/organizations", "v3/ListOrganizations"),
            (Method::POST, "logout", "v3/Logout"),
            (Method::POST, "mfa/challenge", "v3/MFAChallenge"),
            (Method::POST, "mfa/challenge/validate", "v3/MFAValidate"),
            (Method::POST, "mfa/step-up", "v3/MFAStepUp"),
            (Method::GET, "vendors", "v3/List/vendors"),
            (Method::POST, "vendors", "v3/Create/vendors"),
            (Method::GET, "vendors/009Ab", "v3/Read/vendors"),
            (Method::PUT, "vendors/009Ab", "v3/Replace/vendors"),
            (Method::PATCH, "vendors/009Ab", "v3/Update/vendors"),
            (Method::DELETE, "recurring-bills/1", "v3/Delete/recurring-bills"),
            (Method::POST, "documents/bills/00n", "v3/Upload/bills"),
        ] {
            assert_eq!(parse(&method, &format!("/connect/v3/{path}")).as_deref(), Ok(name));
        }
    }

    #[test]
    fn a_path_in_another_case_or_with_another_method_is_told_from_one_that_is_unknown() {
        for (method, path, error) in [
            (Method::GET, "/connect/v3/login", PathError::WrongMethod),
            (Method::POST, "/connect/v3/vendors/1", PathError::WrongMethod),
            (Method::POST, "/connect/v3/Login", PathError::WrongCase),
            (Method::POST, "/connect/V3/login", PathError::WrongCase),
            (Method::GET, "/connect/v3/Vendors/009Ab", PathError::WrongCase),
            (Method::POST, "/connect/v3/mfa", PathError::Unknown),
            (Method::POST, "/connect/v3/vendors/", PathError::Unknown),
            (Method::POST, "/connect/v3//vendors", PathError::Unknown),
            (Method::POST, "/connect/v2/Login.json", PathError::Unknown),
            (Method::POST, "/connect", PathError::Unknown),
        ] {
            assert_eq!(parse(&method, path), Err(error), "{path}");
        }
    }
}
