//! What a client holds is kept out of messages and paths, however much it is, and for how long.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on ends"
)]

mod support;

use std::sync::Arc;
use std::time::Duration;

use bill_session_core::{Account, Call, Misuse, OrgId, Principal, SignInEnded};
use http::Method;
use serde_json::json;
use support::{
    World, account, first_instant, refusal, refusal_with, settings, token, welcome_with,
};

const OTHER: &str = "00800000000000000002";

/// Two organisations of one token, whose sessions do not idle out.
fn two_worlds() -> [World; 2] {
    let now = first_instant();
    let first = account(token(), now);
    let second = Arc::new(first.for_organization(OrgId::new(OTHER).unwrap()).unwrap());
    [first, second].map(|account| World::of(account, settings(|_| ()), now))
}

fn sign_in(world: &mut World, id: &str) {
    let org = world.session.account().org_id().unwrap().to_string();
    let (sign_in, call) = world.begin(Call::sign_in(), 0);
    let welcome = welcome_with(&json!({"sessionId": id, "orgId": org}));
    let ended = world.answer_sign_in(sign_in, Ok(welcome));
    assert!(matches!(ended, SignInEnded::Stored { .. }), "{ended:?}");
    let _ready = world.step(call, 0);
}

/// Signs in so many times, each session being lost at once.
fn lose_sessions(world: &mut World, sessions: usize) {
    for session in 0..sessions {
        sign_in(world, &format!("another-session-{session}"));
        world.lose_session();
        world.pass(Duration::from_secs(20));
    }
}

/// What an error shows of a message of BILL's.
fn shown(world: &mut World, message: &str) -> String {
    let call = world.call();
    world.error_of(call, Ok(refusal_with("BDC_9999", message))).to_string()
}

fn is_refused(account: &Account, text: &str) -> bool {
    let path = account.v2(&format!("List/{text}"), &()).err();
    let query = account.v3(Method::GET, "/v3/vendors").query("q", text).call(account).err();
    assert_eq!(path.is_some(), query.is_some(), "{path:?}, but {query:?}");
    assert!(path.as_ref().is_none_or(|misuse| *misuse == Misuse::PathSecret), "{path:?}");
    path.is_some()
}

mod the_id_of_a_session {
    use super::*;

    #[test]
    fn is_held_as_long_as_the_session_lives_however_many_others_there_were() {
        let [mut world, mut other] = two_worlds();
        sign_in(&mut world, "the-living-session");
        lose_sessions(&mut other, 1_100);
        world.now = other.now;
        let text = shown(&mut world, "not with the-living-session, no");
        assert!(text.contains("not with [redacted], no"), "{text}");
        assert!(is_refused(other.session.account(), "the-living-session"));
    }

    #[test]
    fn is_held_for_a_while_after_its_end_and_then_forgotten() {
        let [mut world, mut other] = two_worlds();
        sign_in(&mut world, "the-dead-session");
        world.lose_session();
        lose_sessions(&mut other, 60);
        other.now = other.now.max(world.now);
        sign_in(&mut other, "the-living-session");
        let text = shown(&mut other, "not with the-dead-session");
        assert!(text.contains("not with [redacted]"), "{text}");
        other.lose_session();
        lose_sessions(&mut other, 10);
        assert!(!is_refused(other.session.account(), "the-dead-session"));
        assert!(is_refused(other.session.account(), "another-session-9"));
    }

    #[test]
    fn that_two_sessions_share_is_held_until_both_have_gone() {
        let [mut world, mut other] = two_worlds();
        sign_in(&mut world, "the-shared-session");
        sign_in(&mut other, "the-shared-session");
        other.lose_session();
        lose_sessions(&mut other, 100);
        assert!(is_refused(other.session.account(), "the-shared-session"));
    }

    #[test]
    fn is_found_within_whatever_stands_around_it() {
        let [mut world, mut other] = two_worlds();
        sign_in(&mut world, "the-first-session");
        sign_in(&mut other, "a-second");
        for text in ["the-first-session", "xthe-first-sessiony", "a-seconda-secon", "aa-second"] {
            assert!(is_refused(world.session.account(), text), "{text}");
        }
        for text in ["the-first-sessiom", "he-first-session", "a-secon", "Vendor"] {
            assert!(!is_refused(world.session.account(), text), "{text}");
        }
        let text = shown(&mut world, "é-the-first-session+a-seconda-second.é");
        assert!(text.contains("(é-[redacted]+[redacted][redacted].é)"), "{text}");
    }

    #[test]
    fn is_held_before_anything_else_of_its_welcome_is_shown() {
        let mut world = World::new();
        let mut listener = world.session.listen();
        let (sign_in, _call) = world.begin(Call::sign_in(), 0);
        let id = "abcdef0123456789";
        let answer = welcome_with(&json!({
            "sessionId": id,
            "usersId": id,
            "apiEndPoint": format!("https://{id}.example.com/api/v2"),
        }));
        let ended = world.answer_sign_in(sign_in, Ok(answer));
        let SignInEnded::Stored { not_followed: Some(warning) } = &ended else { panic!() };
        assert!(warning.to_string().contains(".example.com"), "{warning}");
        let events = world.heard(&mut listener);
        let shown = format!("{warning} {ended:?} {events:?} {:?}", world.session.user_id());
        assert!(!shown.contains(id), "{shown}");
    }

    #[test]
    fn of_more_than_a_kibibyte_is_not_used() {
        for (length, is_used) in [(1024, true), (1025, false), (1_000_000, false)] {
            let mut world = World::new();
            let (sign_in, _call) = world.begin(Call::sign_in(), 0);
            let answer = welcome_with(&json!({"sessionId": "s".repeat(length)}));
            let ended = world.answer_sign_in(sign_in, Ok(answer));
            assert_eq!(matches!(ended, SignInEnded::Stored { .. }), is_used, "{length}");
        }
    }
}

mod a_token {
    use super::*;

    #[test]
    fn may_be_called_as_people_call_things() {
        for name in ["Vendor", "Bill", "vendors", "v3"] {
            let account =
                account(Principal::token(name, "demo-token-value").unwrap(), first_instant());
            for path in ["List/Vendor", "Crud/Read/Bill"] {
                assert!(account.v2(path, &()).is_ok(), "{path} under a token called {name}");
            }
            let vendors = account.v3(Method::GET, "/v3/vendors");
            assert!(vendors.query("kind", name).call(&account).is_ok(), "a token called {name}");
        }
    }

    #[test]
    fn has_a_name_that_is_kept_out_of_messages_and_out_of_paths_if_it_is_no_word() {
        let token = |name: &str, value: &str| {
            account(Principal::token(name, value).unwrap(), first_instant())
        };
        assert!(is_refused(&token("bill-of-acme", "demo-token-value"), "bill-of-acme"));
        assert!(is_refused(&token("name", "Vendor"), "Vendor"), "a value is always kept out");
        let mut world =
            World::of(token("Vendor", "demo-token-value"), settings(|_| ()), first_instant());
        world.sign_in();
        let text = shown(&mut world, "no such name: Vendor");
        assert!(text.contains("no such name: [redacted]"), "{text}");
    }

    #[test]
    fn whose_value_was_a_tokens_name_before_is_kept_out_of_paths() {
        let account =
            account(Principal::token("Vendor", "demo-token-value").unwrap(), first_instant());
        account.replace_principal(Principal::password("demo@example.com", "Vendor").unwrap());
        assert!(is_refused(&account, "Vendor"));
    }
}

mod a_message {
    use super::*;

    #[test]
    fn shows_nothing_of_a_secret_that_begins_within_another() {
        let principal = Principal::token("alpha-beta", "beta-gamma").unwrap();
        let mut world =
            World::of(account(principal, first_instant()), settings(|_| ()), first_instant());
        world.sign_in();
        let text = shown(&mut world, "it is alpha-beta-gamma.");
        assert!(text.contains("(it is [redacted].)"), "{text}");
    }

    #[test]
    fn shows_nothing_of_a_secret_within_which_another_stands() {
        let now = first_instant();
        let principal = Principal::token("beta-beta", "alpha-beta-beta-gamma").unwrap();
        let mut world = World::of(account(principal, now), settings(|_| ()), now);
        world.sign_in();
        let text = shown(&mut world, "it is alpha-beta-beta-gamma.");
        assert!(text.contains("(it is [redacted].)"), "{text}");
    }

    #[test]
    fn is_read_to_two_kibibytes_and_shows_no_secret_that_is_cut_there() {
        let [mut world, _other] = two_worlds();
        sign_in(&mut world, "the-living-session");
        for hidden in 1_900..2_200 {
            let message = format!("{}the-living-session", "\u{1}".repeat(hidden));
            let text = shown(&mut world, &(message + &"\u{1}".repeat(4_000)));
            assert!(!text.contains("the-"), "after {hidden}: {text}");
        }
        let text = shown(&mut world, &"a word ".repeat(1_000));
        assert!(text.contains(&"a word ".repeat(42)), "{text}");
    }

    #[test]
    fn of_sixteen_mebibytes_costs_no_more_than_its_beginning() {
        let [mut world, _other] = two_worlds();
        sign_in(&mut world, "the-living-session");
        let text = shown(&mut world, &"the-living-session ".repeat(850_000));
        assert!(text.contains("[redacted] [redacted]"), "{text}");
        assert!(text.len() < 1_000, "{text}");
    }

    #[test]
    fn about_a_session_that_was_refused_shows_no_id() {
        let [mut world, _other] = two_worlds();
        sign_in(&mut world, "the-living-session");
        world.use_session();
        let call = world.call();
        let in_flight = world.send(call);
        let call = world.call();
        let late = world.send(call);
        let _again = world.again(in_flight, refusal("BDC_1109"));
        let error = world.fails(late, Ok(refusal_with("BDC_9999", "the-living-session is gone")));
        assert!(error.to_string().contains("([redacted] is gone)"), "{error}");
    }
}
