//! What an error of `bill check` means to a person, and to a script.

use std::error::Error as StdError;

use bill_blocking::{Cause, Code, Environment, Error, SignInWith, TransportError};

use super::Tried;

/// The exit code for settings that are missing or invalid.
pub(crate) const USAGE: u8 = 2;
const FAILED: u8 = 1;
const REFUSED: u8 = 4;
const LIMITED: u8 = 5;
const NETWORK: u8 = 6;

/// The exit code that an error ends with.
pub(crate) fn exit_code(error: &Error) -> u8 {
    let number = error.code().and_then(Code::number);
    match (number, error) {
        (Some(1101 | 1102 | 1105 | 1107), _) => REFUSED,
        (Some(1144 | 1322), _) | (_, Error::Limited { .. }) => LIMITED,
        _ if transport(error).is_some() || is_overdue(error) => NETWORK,
        _ => FAILED,
    }
}

/// The error, told of the sign-in itself where it is about the sign-in.
pub(crate) fn in_words(error: &Error) -> String {
    cause(error).map_or_else(|| error.to_string(), ToString::to_string)
}

/// What can be done about it, and what is known beyond the error itself.
pub(crate) fn hints(tried: &Tried<'_>, error: &Error) -> Vec<String> {
    match transport(error) {
        Some(transport) => of_the_network(tried, transport),
        None => of_bill(tried, error).map(str::to_owned).into_iter().collect(),
    }
}

/// Advice beyond the code's own, for what only this command knows.
fn of_bill(tried: &Tried<'_>, error: &Error) -> Option<&'static str> {
    let number = error.code().and_then(Code::number);
    match (number, tried.api) {
        (Some(1101), _) if tried.is_token => {
            Some("a token belongs to the environment that it was made in, and can be revoked there")
        }
        (Some(1102), SignInWith::V3) => {
            Some("if the key is known to work with v2, try without --v3: BILL enables each")
        }
        (Some(1107), _) => {
            Some("check BILL_ORG_ID too: it may be the id of an organisation elsewhere")
        }
        (Some(1144), _) => {
            Some("everyone who uses the key shares its 200 sign-ins an hour; this was one more")
        }
        _ => None,
    }
}

fn of_the_network(tried: &Tried<'_>, transport: &TransportError) -> Vec<String> {
    let (environment, base) = (tried.environment, tried.base);
    let moved = *environment == Environment::Sandbox && tried.api == SignInWith::V2;
    let advice = if transport.is_lookup() && moved {
        "BILL has moved its test environment: api-sandbox.bill.com is its old address.\n  \
         try: bill check --environment stage"
            .to_owned()
    } else if transport.is_lookup() {
        format!("check the network, and the name of the host in {base}")
    } else if transport.is_timeout() {
        format!("{base} is slow or silent: check a proxy or a firewall, and try again later")
    } else if transport.is_connect() && environment.is_loopback() {
        format!("nothing listens there: start `bill sandbox`, or check the port in {base}")
    } else if transport.is_connect() {
        format!("check the network, a proxy or a firewall on the way to {base}")
    } else {
        return chain(transport);
    };
    let mut hints = chain(transport);
    hints.push(advice);
    hints
}

/// What the HTTP library says, which names the failing part.
fn chain(error: &TransportError) -> Vec<String> {
    let mut chain = Vec::new();
    let mut source = error.source();
    while let Some(beneath) = source {
        chain.push(format!("because: {beneath}"));
        source = beneath.source();
    }
    chain
}

fn cause(error: &Error) -> Option<&Cause> {
    match error {
        Error::NoSession { cause, .. } => Some(cause),
        Error::Deadline { cause: Some(cause), .. } => Some(cause),
        _ => None,
    }
}

fn transport(error: &Error) -> Option<&TransportError> {
    match (cause(error), error) {
        (Some(Cause::NoAnswer(error)), _) | (None, Error::NoAnswer { error, .. }) => Some(error),
        _ => None,
    }
}

fn is_overdue(error: &Error) -> bool {
    matches!(cause(error), Some(Cause::Overdue))
        || matches!(error, Error::Deadline { cause: None, .. })
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Arc;

    use bill_blocking::{Cause, Environment, Error, SignInWith, TransportError};

    use super::super::Tried;
    use super::{NETWORK, exit_code, hints, in_words};

    fn tried(environment: &Environment) -> Tried<'_> {
        let (base, api) = (environment.v2_base(), SignInWith::V2);
        Tried { environment, base, api, is_token: false }
    }

    fn tried_v3(environment: &Environment) -> Tried<'_> {
        Tried { base: environment.v3_base(), api: SignInWith::V3, ..tried(environment) }
    }

    fn unanswered(error: TransportError) -> Error {
        Error::NoSession {
            call: "the sign-in".into(),
            cause: Arc::new(Cause::NoAnswer(error)),
            retry_after: None,
        }
    }

    fn not_found() -> Error {
        unanswered(TransportError::lookup(io::Error::other("no such host")))
    }

    #[test]
    fn a_failed_look_up_of_the_old_sandbox_says_that_it_moved_and_names_stage() {
        let hints = hints(&tried(&Environment::Sandbox), &not_found()).join("\n");
        assert!(hints.contains("no such host"), "{hints}");
        assert!(hints.contains("BILL has moved its test environment"), "{hints}");
        assert!(hints.contains("--environment stage"), "{hints}");
        assert_eq!(exit_code(&not_found()), NETWORK);
        assert!(in_words(&not_found()).contains("name was not found"));
    }

    #[test]
    fn a_failed_look_up_of_another_host_does_not_speak_of_moving() {
        for environment in [Environment::Stage, Environment::Production] {
            let hints = hints(&tried(&environment), &not_found()).join("\n");
            assert!(!hints.contains("moved"), "{hints}");
            assert!(hints.contains(environment.v2_base()), "{hints}");
        }
    }

    #[test]
    fn the_v3_of_the_old_sandbox_has_not_moved_and_is_named() {
        let hints = hints(&tried_v3(&Environment::Sandbox), &not_found()).join("\n");
        assert!(!hints.contains("moved"), "{hints}");
        assert!(hints.contains("gateway.stage.bill.com"), "{hints}");
    }

    #[test]
    fn the_old_sandbox_refusing_a_connection_has_not_moved() {
        let refused = unanswered(TransportError::connect(io::Error::other("refused")));
        let hints = hints(&tried(&Environment::Sandbox), &refused).join("\n");
        assert!(!hints.contains("moved"), "{hints}");
    }

    #[test]
    fn a_time_out_is_told_as_one() {
        let silent = unanswered(TransportError::timeout(io::Error::other("global")));
        let hints = hints(&tried(&Environment::Stage), &silent).join("\n");
        assert!(hints.contains("slow or silent"), "{hints}");
        assert_eq!(exit_code(&silent), NETWORK);
    }
}
