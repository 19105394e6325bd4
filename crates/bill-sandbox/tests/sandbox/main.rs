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
mod limits;
mod mfa;
mod objects;
mod raw_http;
mod raw_v3;
mod server;
mod session_life;
mod sign_in;
mod strictness;
mod uploads;
mod v3_faults;
mod v3_golden;
mod v3_lists;
mod v3_objects;
mod v3_sign_in;
mod v3_strictness;
