//! Bad input is refused when it is given, with its field and the reason and never the value.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on ends"
)]

mod support;

use std::fmt::Debug;

use bill_session_core::{
    Call, Credentials, CredentialsWarning, DevKey, Environment, Field, InvalidEnvironment,
    InvalidField, InvalidReason, OrgId, Principal,
};
use support::{World, field, settings};

fn org(id: &str) -> Result<OrgId, InvalidField> {
    OrgId::new(id)
}

/// Checks what a value is refused for, and that its error does not show it.
fn refused<T: Debug>(made: Result<T, InvalidField>, field: Field, reason: InvalidReason) {
    let error = made.unwrap_err();
    assert_eq!((error.field, error.reason), (field, reason));
    let shown = format!("{error} {error:?}");
    assert!(!shown.contains("Hunter"), "{shown}");
}

/// A value that is a name, and how it is made from a text.
struct Name {
    field: Field,
    make: fn(&str) -> Result<(), InvalidField>,
}

const NAMES: [Name; 4] = [
    Name { field: Field::UserName, make: |text| Principal::password(text, "Hunter2").map(drop) },
    Name { field: Field::TokenName, make: |text| Principal::token(text, "Hunter2").map(drop) },
    Name { field: Field::OrgId, make: |text| OrgId::new(text).map(drop) },
    Name { field: Field::DevKey, make: |text| DevKey::new(text).map(drop) },
];

#[test]
fn an_empty_value_is_refused() {
    for Name { field, make } in NAMES {
        refused(make(""), field, InvalidReason::Empty);
    }
    refused(Principal::password("me", ""), Field::Password, InvalidReason::Empty);
    refused(Principal::token("me", ""), Field::TokenValue, InvalidReason::Empty);
}

#[test]
fn white_space_around_a_name_is_refused_and_not_trimmed() {
    for Name { field, make } in NAMES {
        for text in [" Hunter", "Hunter ", "\tHunter", "Hunter\n", "Hunter\u{a0}", "\u{3000}Hunter"]
        {
            refused(make(text), field, InvalidReason::SurroundingWhiteSpace);
        }
        refused(make(" "), field, InvalidReason::SurroundingWhiteSpace);
    }
}

#[test]
fn a_control_character_in_a_name_is_refused() {
    for Name { field, make } in NAMES {
        for text in ["Hun\nter", "Hun\0ter", "Hun\u{7f}ter", "Hun\u{85}ter", "\u{1b}[31mHunter"] {
            refused(make(text), field, InvalidReason::ControlCharacter);
        }
    }
}

#[test]
fn what_is_unusual_but_possible_in_a_name_is_taken() {
    for Name { make, .. } in NAMES {
        for text in ["a b", "a+b@example.com", "naïve", "名前", "x"] {
            make(text).unwrap();
        }
    }
}

#[test]
fn a_line_break_behind_a_password_is_refused_and_nothing_else_is() {
    for text in ["Hunter2\n", "Hunter2\r", "Hunter2\r\n", "\n"] {
        refused(Principal::password("me", text), Field::Password, InvalidReason::TrailingLineBreak);
        refused(Principal::token("me", text), Field::TokenValue, InvalidReason::TrailingLineBreak);
    }
}

#[test]
fn a_password_is_sent_byte_for_byte() {
    for text in [" a ", "a\tb", "p&a=s s+%é", "a\nb", "%20", "+", "\u{feff}x", "😀", "a\0b"] {
        for principal in [Principal::password("me", text), Principal::token("me", text)] {
            #[allow(clippy::disallowed_methods, reason = "a test needs a first instant")]
            let now = std::time::Instant::now();
            let account = support::account(principal.unwrap(), now);
            let mut world = World::of(account, settings(|_| ()), now);
            let (sign_in, _call) = world.begin(Call::sign_in(), 0);
            assert_eq!(field(&sign_in.request(), "password").unwrap(), text);
        }
    }
}

#[test]
fn an_error_reads_as_a_fragment_that_names_the_field() {
    for (made, text) in [
        (Principal::password("", "x").map(drop), "userName is empty"),
        (Principal::password("x", "").map(drop), "password is empty"),
        (Principal::password("x", "x\n").map(drop), "password ends with a line break"),
        (Principal::token(" x", "x").map(drop), "token name has white space before or behind it"),
        (Principal::token("x", "x\n").map(drop), "token value ends with a line break"),
        (OrgId::new("a\u{7}b").map(drop), "orgId holds a control character"),
        (DevKey::new("x ").map(drop), "devKey has white space before or behind it"),
    ] {
        assert_eq!(made.unwrap_err().to_string(), text);
    }
}

#[test]
fn an_org_id_that_does_not_begin_with_008_is_a_warning() {
    let credentials = |id| {
        let principal = Principal::password("me", "Hunter2").unwrap();
        Credentials::new(principal, org(id).unwrap(), DevKey::new("key").unwrap())
    };
    assert_eq!(credentials("00800000000000000001").warnings(), []);
    let warnings = credentials("00900000000000000001").warnings();
    assert_eq!(warnings, [CredentialsWarning::UnusualOrgId]);
    assert!(warnings[0].to_string().contains("008"));
    assert!(!warnings[0].to_string().contains("009"));
}

#[test]
fn a_token_is_known_as_one() {
    assert!(Principal::token("name", "value").unwrap().is_token());
    assert!(!Principal::password("name", "value").unwrap().is_token());
}

#[test]
fn the_environments_are_bills_three_or_an_origin() {
    for (name, base) in [
        ("sandbox", "https://api-sandbox.bill.com/api/v2"),
        ("stage", "https://api-stage.bill.com/api/v2"),
        ("production", "https://api.bill.com/api/v2"),
        ("http://127.0.0.1:8025", "http://127.0.0.1:8025/api/v2"),
        ("http://127.0.0.1:8025/", "http://127.0.0.1:8025/api/v2"),
        ("http://[::1]:8025", "http://[::1]:8025/api/v2"),
        ("http://localhost", "http://localhost/api/v2"),
        ("https://bill.example:8443", "https://bill.example:8443/api/v2"),
    ] {
        let environment: Environment = name.parse().unwrap();
        assert_eq!(environment.v2_base(), base);
        assert_eq!(environment.is_https(), base.starts_with("https:"));
    }
}

#[test]
fn plain_http_is_for_loopback_only_and_an_origin_is_no_more_than_one() {
    for (name, error) in [
        ("http://example.com", InvalidEnvironment::PlainHttp),
        ("http://127.0.0.1.example.com", InvalidEnvironment::PlainHttp),
        ("http://localhost.example.com:80", InvalidEnvironment::PlainHttp),
        ("http://10.0.0.1", InvalidEnvironment::PlainHttp),
        ("ftp://localhost", InvalidEnvironment::NotAnOrigin),
        ("https://me:secret@example.com", InvalidEnvironment::NotAnOrigin),
        ("http://localhost@example.com", InvalidEnvironment::NotAnOrigin),
        ("https://example.com/api/v2", InvalidEnvironment::NotAnOrigin),
        ("https://example.com?x=1", InvalidEnvironment::NotAnOrigin),
        ("https://example.com#x", InvalidEnvironment::NotAnOrigin),
        ("https://", InvalidEnvironment::NotAnOrigin),
        ("Stage", InvalidEnvironment::UnknownName),
        ("gateway.bill.com", InvalidEnvironment::UnknownName),
        ("", InvalidEnvironment::UnknownName),
    ] {
        assert_eq!(name.parse::<Environment>().unwrap_err(), error, "{name}");
    }
}
