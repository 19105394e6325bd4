//! Every figure in `docs/performance.md`: the programs that measure them, and the page that shows
//! them.
//!
//! `cargo run --release -p bill-bench` measures everything, writes `results.json`, and renders the
//! page and its plots from it.

pub mod growth;
pub mod herd;
pub mod measure;
pub mod page;
pub mod parse;
pub mod path;
pub mod plot;
pub mod price;
pub mod results;
pub mod rivals;
pub mod row;
pub mod signed_in;
pub mod soak;
pub mod vendors;
pub mod weight;

pub use row::Row;
