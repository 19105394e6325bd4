//! What a BILL session takes from its machine: the clock that counts sleep.
//!
//! BILL ends a session after 35 idle minutes by BILL's own clock, which goes on while this machine
//! sleeps. [`Instant::now`](std::time::Instant::now) stands still then on Linux and macOS: a
//! laptop that is opened after lunch would take its session for fresh. [`SystemClock`] counts the
//! sleep, at the same price. [`ManualClock`] moves only when it is told to, so that a test or a
//! demonstration lets 35 minutes pass in no time.
//!
//! The core of the session reads no clock at all: each of its methods takes `now` from its caller.
//! A [`Clock`] is what an adapter asks for it.
//!
//! In scope: time, a seed for jitter, and how threads share a session. Out of scope: sleeping (each adapter does it in its own
//! way) and the wall clock, which nothing here reads.

#[cfg(feature = "clock")]
mod clock;
mod entropy;
mod lock;
#[cfg(feature = "clock")]
mod timeline;

#[cfg(feature = "clock")]
pub use clock::{Alarm, Clock, ManualClock, SystemClock};
pub use entropy::seed;
pub use lock::lock;
