//! How a rule fails: with the sentence that it stands for.

use std::fmt;

/// The sentence of a rule that did not hold.
#[derive(Debug)]
pub struct Broken(pub &'static str);

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// Whether a rule held.
pub fn rule(holds: bool, sentence: &'static str) -> Result<(), Broken> {
    if holds { Ok(()) } else { Err(Broken(sentence)) }
}

/// Fails unless `text` is free of every secret; all of them hold one word.
pub fn no_secret_in(text: &str) -> Result<(), Broken> {
    rule(!text.contains(CANARY), "no Debug or Display text holds a secret")
}

/// The word in every user name, password, key and session id of the model.
pub const CANARY: &str = "canary";
