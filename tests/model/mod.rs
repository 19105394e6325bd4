//! A model of the session machine that knows nothing but its history.
//!
//! The model keeps what was sent, answered, signed in and said, and when. What may happen next is
//! computed from these instants and from numbers written out in seconds; nothing of the core is
//! imported but the methods under test.
#![allow(unreachable_pub, reason = "one test file uses all of this")]

mod action;
mod acts;
mod answers;
mod caller;
mod check;
mod comings;
mod coverage;
mod drain;
mod draw;
mod facts;
mod heard;
mod history;
mod kept;
mod key;
mod laws;
mod machine;
mod order;
mod organization;
mod past;
mod principal;
mod refusals;
mod scenes;
mod shared;
mod signed_in;
mod situation;
mod steps;
mod verdicts;
mod waits;
mod world;

pub use action::{Action, Case, Limits, Operation, Patience, Reply, Setup, Time, What};
pub use check::{CANARY, shows_a_secret};
pub use kept::kept;
pub use machine::{Machine, finish_counting, start_counting};
pub use past::Surroundings;
pub use world::World;

/// Lives through a whole case, and tells what was seen in it.
pub fn live(case: &Case, tell: bool) -> (World, Result<(), check::Broken>) {
    let mut world = World::new(case.setup, tell);
    let lived = case
        .actions
        .iter()
        .try_for_each(|action| world.act(*action))
        .and_then(|()| drain::drain(&mut world));
    (world, lived)
}
