//! What the conformance tests share: one [`World`] for both adapters, so that a scenario is
//! written once and says nothing of async or blocking.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a harness fails its test by panicking"
)]

/// The README's programs, which have to compile.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;

mod client;
mod clock;
mod events;
mod herd;
mod mfa;
mod net;
mod upload;
mod world;

use std::thread;
use std::time::{Duration, Instant};

pub use client::{Adapter, Client, Lease, Op, V3};
pub use clock::WatchedClock;
pub use events::Events;
pub use herd::Herd;
pub use mfa::Challenge;
pub use net::{Received, Recorder, Relay, Silent, next_request, post, raw_exchange, read_request};
pub use upload::{Carried, Pattern, Target, Upload};
pub use world::{Setup, World};

/// One second.
pub const SECOND: Duration = Duration::from_secs(1);
/// One minute.
pub const MINUTE: Duration = Duration::from_secs(60);
/// One hour.
pub const HOUR: Duration = Duration::from_secs(3_600);
/// One day.
pub const DAY: Duration = Duration::from_secs(86_400);
/// One millisecond.
pub const MILLISECOND: Duration = Duration::from_millis(1);

/// Longer than anything takes on a busy machine: whoever waits that long is stuck.
pub const STUCK: Duration = Duration::from_secs(40);

/// Waits until something is so. No time is waited for: the pause is only that of a poll.
pub fn eventually(what: &str, mut there: impl FnMut() -> bool) {
    assert!(within(STUCK, &mut there), "waited in vain until {what}");
}

/// Whether something comes true before so much real time has passed.
pub fn within(limit: Duration, mut there: impl FnMut() -> bool) -> bool {
    let begun = Instant::now();
    while !there() {
        if begun.elapsed() >= limit {
            return false;
        }
        thread::park_timeout(MILLISECOND);
    }
    true
}
