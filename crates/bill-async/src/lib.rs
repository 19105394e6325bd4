//! Stay signed in to BILL from async Rust (reqwest, tokio).
