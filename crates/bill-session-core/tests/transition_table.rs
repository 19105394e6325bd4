//! The transition table in `docs/architecture.md` is what a session does, cell by cell.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on ends")]
#![allow(clippy::type_complexity, reason = "a table of functions, and no type aliases")]

mod support;

use std::time::Duration;

use bill_session_core::{Call, Lease, Phase, SignIn, SignInEnded, Step, Verdict};
use support::{World, page, password, refusal};

const DOCUMENT: &str = include_str!("../../../docs/architecture.md");
const BEGIN: &str = "<!-- transition table: begin -->";
const END: &str = "<!-- transition table: end -->";
const SECOND: Duration = Duration::from_secs(1);

/// A session in one of the table's states, with what the events are about.
struct Staged {
    world: World,
    /// The sign-in in flight; in the other states one that has had its day.
    sign_in: SignIn,
    /// A lease of the current session; in the other states one of an earlier session.
    lease: Lease,
}

impl Staged {
    /// The states, in the order of the table.
    const STATES: [(&str, fn() -> Self); 8] = [
        ("signed out", Self::signed_out),
        ("signing in", Self::signing_in),
        ("signing in, overdue", Self::overdue),
        ("signed in, unproven", Self::unproven),
        ("signed in, unproven again", Self::unproven_again),
        ("signed in, proven", Self::proven),
        ("idled out", Self::idled_out),
        ("failed, backing off", Self::failed),
    ];

    /// Signed out, after a session that proved itself and was called invalid.
    fn signed_out() -> Self {
        let mut world = World::new();
        let call = world.call();
        let (sign_in, call) = world.begin(call, 0);
        world.cancel_sign_in(sign_in.id());
        world.cancel(call.id().unwrap());
        world.sign_in();
        world.use_session();
        let lease = world.lease(Duration::ZERO);
        let also = world.lease(Duration::ZERO);
        invalid(&mut world, also);
        Self { world, sign_in, lease }
    }

    fn signing_in() -> Self {
        let Self { mut world, lease, .. } = Self::signed_out();
        let call = world.call();
        let (sign_in, call) = world.begin(call, 0);
        world.cancel(call.id().unwrap());
        Self { world, sign_in, lease }
    }

    fn overdue() -> Self {
        let mut staged = Self::signing_in();
        staged.world.pass(35 * SECOND);
        staged
    }

    fn unproven() -> Self {
        let Self { mut world, sign_in, .. } = Self::signed_out();
        world.sign_in();
        let lease = world.lease(Duration::ZERO);
        Self { world, sign_in, lease }
    }

    fn unproven_again() -> Self {
        let Self { mut world, sign_in, lease } = Self::unproven();
        invalid(&mut world, lease);
        world.sign_in();
        let lease = world.lease(Duration::ZERO);
        Self { world, sign_in, lease }
    }

    fn proven() -> Self {
        let mut staged = Self::unproven();
        staged.world.use_session();
        staged
    }

    fn idled_out() -> Self {
        let mut staged = Self::proven();
        staged.world.pass(34 * 60 * SECOND);
        staged
    }

    fn failed() -> Self {
        let Self { mut world, lease, .. } = Self::signed_out();
        let call = world.call();
        let (sign_in, call) = world.begin(call, 0);
        world.cancel(call.id().unwrap());
        let _failed = world.answer_sign_in(sign_in, Ok(page(503)));
        let sign_in = Self::signing_in().sign_in;
        Self { world, sign_in, lease }
    }

    /// What an event did: its word, and the phase afterwards if it is another.
    fn after(mut self, event: fn(Self) -> (World, &'static str)) -> String {
        let before = phase(&mut self.world);
        let (mut world, word) = event(self);
        let after = phase(&mut world);
        if before == after { word.to_owned() } else { format!("{word} → {after}") }
    }
}

/// The events, in the order of the table.
const EVENTS: [(&str, fn(Staged) -> (World, &'static str)); 8] = [
    ("a call asks", asks),
    ("sign-in succeeds", succeeds),
    ("sign-in fails", fails),
    ("sign-in is refused for good", is_refused),
    ("sign-in is abandoned", is_abandoned),
    ("its session is invalid", is_invalid),
    ("sign out", signs_out),
    ("credentials replaced", are_replaced),
];

fn asks(staged: Staged) -> (World, &'static str) {
    let mut world = staged.world;
    let call = world.call();
    let word = match world.step(call, 0) {
        Step::Exchange(_) => "send",
        Step::SignIn(..) => "sign in",
        Step::Wait(..) => "wait",
        other => panic!("no answer to a call: {other:?}"),
    };
    (world, word)
}

fn succeeds(staged: Staged) -> (World, &'static str) {
    let Staged { mut world, sign_in, .. } = staged;
    let word = match world.welcome(sign_in) {
        SignInEnded::Stored { .. } => "store",
        SignInEnded::Stale => "ignore",
        other => panic!("no end of a sign-in: {other:?}"),
    };
    (world, word)
}

fn fails(staged: Staged) -> (World, &'static str) {
    failing(staged, &|| page(503))
}

fn is_refused(staged: Staged) -> (World, &'static str) {
    failing(staged, &|| refusal("BDC_1101"))
}

fn failing(
    staged: Staged,
    answer: &dyn Fn() -> http::Response<bytes::Bytes>,
) -> (World, &'static str) {
    let Staged { mut world, sign_in, .. } = staged;
    let word = match world.answer_sign_in(sign_in, Ok(answer())) {
        SignInEnded::Failed => "tell",
        SignInEnded::Stale => "ignore",
        other => panic!("no end of a sign-in: {other:?}"),
    };
    (world, word)
}

fn is_abandoned(staged: Staged) -> (World, &'static str) {
    let Staged { mut world, sign_in, .. } = staged;
    let counted = world.session.in_flight();
    world.cancel_sign_in(sign_in.id());
    let word = if world.session.in_flight() < counted { "give up" } else { "ignore" };
    (world, word)
}

fn is_invalid(staged: Staged) -> (World, &'static str) {
    let Staged { mut world, lease, .. } = staged;
    let had_one = matches!(phase(&mut world), "signed in" | "idled out");
    invalid(&mut world, lease);
    let word = if had_one { "forget" } else { "ignore" };
    (world, word)
}

fn signs_out(staged: Staged) -> (World, &'static str) {
    let mut world = staged.world;
    let word = if world.sign_out().is_some() { "log out" } else { "nothing to log out" };
    (world, word)
}

fn are_replaced(staged: Staged) -> (World, &'static str) {
    let mut world = staged.world;
    let before = phase(&mut world);
    world.replace(password());
    let word = if phase(&mut world) == before { "keep" } else { "forget" };
    (world, word)
}

fn invalid(world: &mut World, lease: Lease) {
    let wake = world.session.lease_ended(lease, Verdict::Invalid, world.now);
    world.heed(wake);
}

fn phase(world: &mut World) -> &'static str {
    match world.session.phase(world.now) {
        Phase::SignedOut => "signed out",
        Phase::SigningIn { .. } => "signing in",
        Phase::SignedIn { .. } => "signed in",
        Phase::IdledOut { .. } => "idled out",
        Phase::Failed { .. } => "failed",
        Phase::Refused { .. } => "refused",
        other => panic!("a phase that the table does not know: {other:?}"),
    }
}

/// The table, as the session itself would write it.
fn observed() -> String {
    let mut table = String::from("| state |");
    for (event, _) in EVENTS {
        table += &format!(" {event} |");
    }
    table += &format!("\n|---|{}\n", "---|".repeat(EVENTS.len()));
    for (state, stage) in Staged::STATES {
        table += &format!("| **{state}** |");
        for (_, event) in EVENTS {
            table += &format!(" {} |", stage().after(event));
        }
        table += "\n";
    }
    table
}

/// The cells in which two tables differ.
fn differences(documented: &str, observed: &str) -> Vec<String> {
    let cells = |table: &str| -> Vec<Vec<String>> {
        let row = |line: &str| line.split('|').map(|cell| cell.trim().to_owned()).collect();
        table.trim().lines().map(row).collect()
    };
    let (documented, observed) = (cells(documented), cells(observed));
    if documented.len() != observed.len() {
        return vec![format!("{} rows instead of {}", documented.len(), observed.len())];
    }
    let mut found = Vec::new();
    for (row, (written, seen)) in documented.iter().zip(&observed).enumerate() {
        if written.len() != seen.len() {
            found.push(format!("row {row} has {} cells instead of {}", written.len(), seen.len()));
        }
        for (column, (written, seen)) in written.iter().zip(seen).enumerate() {
            if written != seen {
                found.push(format!("row {row}, column {column}: `{written}`, but `{seen}`"));
            }
        }
    }
    found
}

fn documented() -> &'static str {
    let (_, rest) = DOCUMENT.split_once(BEGIN).unwrap();
    rest.split_once(END).unwrap().0
}

#[test]
fn the_documented_table_is_what_a_session_does() {
    let observed = observed();
    let differences = differences(documented(), &observed);
    assert!(differences.is_empty(), "{differences:#?}\nA session does:\n{observed}");
}

#[test]
fn one_altered_cell_of_the_table_is_noticed() {
    let observed = observed();
    let cells = observed.matches(" sign in → signing in |").count();
    assert!(cells > 0);
    for altered in 0..cells {
        let mut parts: Vec<&str> = observed.split(" sign in → signing in |").collect();
        let rest = parts.split_off(altered + 1);
        let table = format!(
            "{} wait |{}",
            parts.join(" sign in → signing in |"),
            rest.join(" sign in → signing in |")
        );
        assert_eq!(differences(&table, &observed).len(), 1);
    }
}

#[test]
fn a_back_off_that_is_over_is_like_being_signed_out() {
    let mut staged = Staged::failed();
    staged.world.pass(2 * SECOND);
    assert_eq!(staged.after(asks), "sign in → signing in");
}

#[test]
fn a_call_that_asks_has_a_number_for_life() {
    let mut world = World::new();
    let call: Call = world.call();
    let (_sign_in, call) = world.begin(call, 0);
    let id = call.id();
    world.pass(SECOND);
    assert_eq!(world.wait(call, 0).id(), id);
}
