//! The invariants by their names, and how one fails: with its name and the rule that did not hold.

use std::cell::Cell;
use std::fmt;

use base64::prelude::{BASE64_STANDARD, Engine as _};

macro_rules! invariants {
    ($($variant:ident: $name:literal,)*) => {
        /// What holds whatever happens; every rule of the model belongs to one of these.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Invariant {
            $(#[doc = $name] $variant,)*
        }

        impl Invariant {
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

invariants! {
    OneSignIn: "one sign-in in flight per session",
    NoDeadSession: "no request leaves with a session known dead",
    GenerationsApart: "a verdict on generation g never touches g+1",
    OneReplay: "at most one replay per call",
    SignInBudget: "never above the sign-in budget under any server",
    EveryoneEnds: "every caller of a healthy server ends",
    SlotsKept: "slots never above the limit nor leaked",
    SignOutIsFinal: "no call begun before a sign-out is sent after it",
    NoSecretShown: "no secret in any string that the core can produce",
    CallBudget: "no call leaves while the hour's calls are spent",
    SignInsWithReason: "nobody signs in without need, or for a call that could not be made",
    BackOffKept: "nobody signs in during a back-off",
    RefusalKept: "what was refused for good is not tried again by itself",
    OneTries: "one organisation at a time tries a principal",
    OwnCredentials: "a request carries what is of its own organisation and time",
    OnlyRepeatable: "only what may be repeated is sent again, and no oftener than it may be",
    DeadlinesKept: "nothing goes on past its deadline, and no wait is too long",
    FirstComeFirstServed: "first come, first served",
    NobodySleepsBeside: "nobody sleeps beside what it waits for",
    NoStorm: "callers do not wake each other without end",
    TruthTold: "everyone is told what became of it, and why",
    TimeLeft: "a session has as much time left as was asked for",
    TrustKept: "trust belongs to one session, and its loss is told once",
    RenewalsEnd: "a session is renewed as was asked, and not for ever",
    HistoryShows: "what a session looks like follows from its history",
}

thread_local! {
    /// How often each invariant was judged on this thread.
    static JUDGED: [Cell<u64>; Invariant::ALL.len()] =
        const { [const { Cell::new(0) }; Invariant::ALL.len()] };
}

/// How often each invariant was judged on this thread so far.
pub fn judged() -> [u64; Invariant::ALL.len()] {
    JUDGED.with(|judged| judged.each_ref().map(Cell::get))
}

/// An invariant that did not hold, and the rule in which that was seen.
#[derive(Debug)]
pub struct Broken(pub Invariant, pub &'static str);

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\": not so that {}", self.0.name(), self.1)
    }
}

/// Whether a rule of an invariant held.
pub fn rule(holds: bool, invariant: Invariant, sentence: &'static str) -> Result<(), Broken> {
    JUDGED.with(|judged| {
        let count = &judged[invariant as usize];
        count.set(count.get() + 1);
    });
    if holds { Ok(()) } else { Err(Broken(invariant, sentence)) }
}

/// Fails unless `text` is free of every secret; all of them hold one word.
pub fn no_secret_in(text: &str) -> Result<(), Broken> {
    rule(!shows_a_secret(text), Invariant::NoSecretShown, "no text of the core's holds a secret")
}

/// Whether a text holds the word as it is, in capitals, in hex, or in base64 wherever it begins.
pub fn shows_a_secret(text: &str) -> bool {
    thread_local! {
        static FORMS: Vec<String> = forms();
    }
    FORMS.with(|forms| forms.iter().any(|form| text.contains(form.as_str())))
}

fn forms() -> Vec<String> {
    let hex = CANARY.bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
    // The same bytes look different in base64 at each of three places; whole groups stay.
    let shifted = (0..3).map(|before| {
        let text = BASE64_STANDARD.encode(format!("{}{CANARY}", &"..."[..before]));
        let (from, to) = ([0, 2, 3][before], (before + CANARY.len()) * 8 / 6);
        text[from..to].to_owned()
    });
    [CANARY.to_owned(), CANARY.to_uppercase(), hex.to_uppercase(), hex]
        .into_iter()
        .chain(shifted)
        .collect()
}

/// The word in every user name, password, key and session id of the model.
pub const CANARY: &str = "canary";
