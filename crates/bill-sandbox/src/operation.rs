//! The operations of BILL's v2 API that the sandbox knows, and their paths.

use std::fmt;

/// The part of every v2 path before the operation.
const BASE: &str = "/api/v2/";

// Entities of BILL's documents: a path that differs from one only in case is a wrong case, while
// any other name makes a new entity.
const ENTITIES: [&str; 16] = [
    "ActgClass",
    "ApprovalPolicy",
    "BankAccount",
    "Bill",
    "BillCredit",
    "ChartOfAccount",
    "Customer",
    "CustomerContact",
    "Department",
    "Employee",
    "Invoice",
    "Item",
    "Location",
    "SentPay",
    "User",
    "Vendor",
];

/// What stands in the journal for a path that is none of BILL's.
pub(crate) const UNKNOWN: &str = "(unknown path)";

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Operation {
    Login,
    ListOrgs,
    /// The list of BILL's codes, which needs no session.
    Errors,
    InSession(Call),
}

/// An operation that needs a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Call {
    Logout,
    GetSessionInfo,
    CurrentTime,
    MfaChallenge,
    MfaAuthenticate,
    MfaStatus,
    PayBills,
    UploadAttachment,
    List(String),
    Crud(Verb, String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    Create,
    Read,
    Update,
    Delete,
    Undelete,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PathError {
    Unknown,
    WrongCase,
}

impl Operation {
    pub(crate) fn parse(path: &str) -> Result<Self, PathError> {
        if let Some(operation) = exact(path) {
            return Ok(operation);
        }
        let differs_in_case =
            Self::examples().any(|known| path.eq_ignore_ascii_case(&format!("{BASE}{known}.json")));
        Err(if differs_in_case { PathError::WrongCase } else { PathError::Unknown })
    }

    /// The form fields that must be there, and those that may.
    pub(crate) fn fields(&self) -> (&'static [&'static str], &'static [&'static str]) {
        match self {
            Self::Login => (&["userName", "password", "orgId", "devKey"], &["deviceId", "mfaId"]),
            Self::ListOrgs => (&["userName", "password", "devKey"], &[]),
            Self::Errors => (&["devKey"], &["sessionId"]),
            Self::InSession(Call::Logout | Call::GetSessionInfo) => (&["devKey", "sessionId"], &[]),
            Self::InSession(Call::CurrentTime | Call::MfaChallenge | Call::MfaStatus) => {
                (&["devKey", "sessionId"], &["data"])
            }
            Self::InSession(_) => (&["devKey", "sessionId", "data"], &[]),
        }
    }

    /// The content type of its requests.
    pub(crate) fn content_type(&self) -> &'static str {
        match self {
            Self::InSession(Call::UploadAttachment) => "multipart/form-data",
            _ => "application/x-www-form-urlencoded",
        }
    }

    fn examples() -> impl Iterator<Item = String> {
        let plain = [
            "Login",
            "Logout",
            "GetSessionInfo",
            "ListOrgs",
            "Errors",
            "CurrentTime",
            "MFAChallenge",
            "MFAAuthenticate",
            "MFAStatus",
            "PayBills",
            "UploadAttachment",
        ];
        let verbs = ["List", "Crud/Create", "Crud/Read", "Crud/Update", "Crud/Delete"];
        let of_entities = verbs
            .into_iter()
            .chain(["Crud/Undelete"])
            .flat_map(|verb| ENTITIES.into_iter().map(move |entity| format!("{verb}/{entity}")));
        plain.into_iter().map(str::to_owned).chain(of_entities)
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Login => f.write_str("Login"),
            Self::ListOrgs => f.write_str("ListOrgs"),
            Self::Errors => f.write_str("Errors"),
            Self::InSession(call) => call.fmt(f),
        }
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Logout => f.write_str("Logout"),
            Self::GetSessionInfo => f.write_str("GetSessionInfo"),
            Self::CurrentTime => f.write_str("CurrentTime"),
            Self::MfaChallenge => f.write_str("MFAChallenge"),
            Self::MfaAuthenticate => f.write_str("MFAAuthenticate"),
            Self::MfaStatus => f.write_str("MFAStatus"),
            Self::PayBills => f.write_str("PayBills"),
            Self::UploadAttachment => f.write_str("UploadAttachment"),
            Self::List(entity) => write!(f, "List/{entity}"),
            Self::Crud(verb, entity) => write!(f, "Crud/{verb:?}/{entity}"),
        }
    }
}

/// Whether a pattern such as `Login`, `List` (of any entity) or `*` covers an operation.
pub(crate) fn covers(pattern: &str, operation: &str) -> bool {
    matches!(pattern, "" | "*")
        || operation
            .strip_prefix(pattern)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn exact(path: &str) -> Option<Operation> {
    let operation = path.strip_prefix(BASE)?.strip_suffix(".json")?;
    let parts: Vec<&str> = operation.split('/').collect();
    Some(Operation::InSession(match parts.as_slice() {
        ["Login"] => return Some(Operation::Login),
        ["ListOrgs"] => return Some(Operation::ListOrgs),
        ["Errors"] => return Some(Operation::Errors),
        ["Logout"] => Call::Logout,
        ["GetSessionInfo"] => Call::GetSessionInfo,
        ["CurrentTime"] => Call::CurrentTime,
        ["MFAChallenge"] => Call::MfaChallenge,
        ["MFAAuthenticate"] => Call::MfaAuthenticate,
        ["MFAStatus"] => Call::MfaStatus,
        ["PayBills"] => Call::PayBills,
        ["UploadAttachment"] => Call::UploadAttachment,
        ["List", name] => Call::List(entity(name)?),
        ["Crud", "Create", name] => Call::Crud(Verb::Create, entity(name)?),
        ["Crud", "Read", name] => Call::Crud(Verb::Read, entity(name)?),
        ["Crud", "Update", name] => Call::Crud(Verb::Update, entity(name)?),
        ["Crud", "Delete", name] => Call::Crud(Verb::Delete, entity(name)?),
        ["Crud", "Undelete", name] => Call::Crud(Verb::Undelete, entity(name)?),
        _ => return None,
    }))
}

fn entity(name: &str) -> Option<String> {
    let well_formed = name.starts_with(|first: char| first.is_ascii_uppercase())
        && name.chars().all(|other| other.is_ascii_alphanumeric());
    let in_another_case =
        ENTITIES.iter().any(|known| known.eq_ignore_ascii_case(name) && *known != name);
    (well_formed && !in_another_case).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::{Operation, PathError, covers};

    #[test]
    fn paths_are_case_sensitive_down_to_the_entity() {
        let parse = |path| Operation::parse(path).map(|operation| operation.to_string());
        assert_eq!(parse("/api/v2/List/Vendor.json").as_deref(), Ok("List/Vendor"));
        assert_eq!(parse("/api/v2/List/Gadget.json").as_deref(), Ok("List/Gadget"));
        assert_eq!(parse("/api/v2/List/vendor.json"), Err(PathError::WrongCase));
        assert_eq!(parse("/api/V2/Login.json"), Err(PathError::WrongCase));
        assert_eq!(parse("/api/v2/login.json"), Err(PathError::WrongCase));
        assert_eq!(parse("/api/v2/Login"), Err(PathError::Unknown));
        assert_eq!(parse("/api/v2//Login.json"), Err(PathError::Unknown));
        assert_eq!(parse("/api/v2/Logon.json"), Err(PathError::Unknown));
    }

    #[test]
    fn a_pattern_covers_whole_parts_of_an_operation() {
        assert!(covers("*", "Login") && covers("", "List/Vendor"));
        assert!(covers("List", "List/Vendor") && covers("List/Vendor", "List/Vendor"));
        assert!(!covers("List", "ListOrgs") && !covers("Login", "Logout"));
    }
}
