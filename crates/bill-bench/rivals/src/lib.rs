//! The credential caches that people use in Rust, measured in the way that ours is, offline.
//!
//! ```text
//! bill-bench-rivals [--quick] [path] [herd]
//! ```
//!
//! measures both sections, or those that are named, and prints a [`bill_bench::Row`] a line as JSON.
//! Whatever else is to be said goes to the standard error. `--quick` only shows that all of it runs.
//!
//! The rivals are real, in their newest versions and with their default features; only what they
//! sign in to is a fake. What is measured of each is told at the head of its module.

pub mod allocations;
mod aws;
mod azure;
mod endpoint;
mod floors;
mod gcp;
mod google;
pub mod herd;
pub mod path;
mod provider;
mod rival;
mod subject;
