//! All histories within bounds.
#![allow(unreachable_pub, reason = "one test file uses all of this")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "the values of the model are right")]

mod action;
mod bill;
mod choices;
mod drain;
mod laws;
mod model;
mod pauses;
mod print;
mod same;
pub mod setups;
mod steps;
mod world;

pub use action::Setup;
pub use model::Exploration;
pub use same::{all_merged, all_within};
