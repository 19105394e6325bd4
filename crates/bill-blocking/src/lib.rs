//! Stay signed in to BILL from synchronous Rust (ureq).
