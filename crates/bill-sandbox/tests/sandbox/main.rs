//! The sandbox as a stranger's client sees it: raw HTTP over sockets, and no HTTP client.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail as tests do, by panicking"
)]

mod control;
mod faults;
mod holds;
mod independence;
mod objects;
mod raw_http;
mod server;
mod session_life;
mod sign_in;
mod strictness;
