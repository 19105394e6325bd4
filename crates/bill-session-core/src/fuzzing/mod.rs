//! What fuzzers drive: each target takes any bytes, and asserts what holds whatever they are.
//!
//! This is no part of the API. It is built with the feature `fuzzing` alone, which adds this module
//! and changes nothing else. `fuzz/` has one line for each target, and the seeds; a test of the
//! workspace runs every seed, and random bytes, through all of them.
//!
//! Time is an argument here too: `now` is any instant.

mod addresses;
mod answers;
mod canary;
mod configuration;
mod dates;
mod errors;
mod flows;
mod input;
mod machine;

use std::time::Instant;

pub use addresses::{end_points, paths};
pub use answers::{v2_answer, v3_answer};
pub use configuration::configuration;
pub use dates::dates;
pub use errors::error_bodies;
pub use machine::machine;

/// A function that holds for all bytes, and the name of its target in `fuzz/`.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Target {
    /// The name of its file in `fuzz/fuzz_targets/`, and of the folder of its seeds.
    pub name: &'static str,
    /// Panics when the client does what it must never do.
    pub run: fn(&[u8], Instant),
}

/// All targets.
pub const TARGETS: [Target; 8] = [
    Target { name: "v2_answer", run: v2_answer },
    Target { name: "v3_answer", run: v3_answer },
    Target { name: "error_bodies", run: error_bodies },
    Target { name: "dates", run: dates },
    Target { name: "end_points", run: end_points },
    Target { name: "paths", run: paths },
    Target { name: "configuration", run: configuration },
    Target { name: "machine", run: machine },
];
