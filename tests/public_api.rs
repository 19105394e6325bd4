//! The core's public API speaks of `http`, `bytes`, `serde` and the standard library alone.
//!
//! What else the core is built with can then be replaced without breaking a program. The source is
//! read, and not what a compiler makes of it, so that this holds on every toolchain: each file of
//! `src/` is taken apart into its public items, and every name in a signature that the file brings
//! in, or that begins a path, is followed to the crate that it is of.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod public_api {
    pub(crate) mod names;
    pub(crate) mod surface;
}

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use public_api::surface::{Surface, complaints, files_of};

/// The crates that a program sees through the core.
const SEEN: [&str; 6] = ["alloc", "bytes", "core", "http", "serde", "std"];

fn core() -> Surface {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/bill-session-core/src");
    Surface::of(&files_of(&folder).unwrap()).unwrap()
}

/// What is wrong with a file of this text, beside the core's own.
fn wrong_with(text: &str) -> Vec<String> {
    complaints(&Surface::of(&[("sample.rs".to_owned(), text.to_owned())]).unwrap(), &SEEN)
}

#[test]
fn the_public_api_of_the_core_names_http_bytes_serde_and_std_alone() {
    let core = core();
    let complaints = complaints(&core, &SEEN);
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
    // That it was read at all: these stand in signatures of the core.
    let named = core.crates();
    for name in ["bytes", "http", "serde", "std"] {
        assert!(named.contains(name), "{named:?}");
    }
    assert!(core.signatures() > 200, "{} signatures", core.signatures());
}

#[test]
fn whatever_the_core_depends_on_beside_them_is_noticed_in_a_public_signature() {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/bill-session-core");
    let manifest = fs::read_to_string(manifest.join("Cargo.toml")).unwrap();
    let (_, dependencies) = manifest.split_once("\n[dependencies]\n").unwrap();
    let dependencies: BTreeSet<String> = dependencies
        .lines()
        .take_while(|line| !line.starts_with('['))
        .filter_map(|line| line.split(['.', ' ', '=']).next())
        .filter(|name| !name.is_empty())
        .map(|name| name.replace('-', "_"))
        .collect();
    let hidden: Vec<_> =
        dependencies.iter().filter(|name| !SEEN.contains(&name.as_str())).collect();
    assert!(hidden.len() >= 5, "{hidden:?}");
    for name in hidden {
        let text = format!("pub fn leak() -> {name}::Anything {{ todo() }}");
        assert_eq!(wrong_with(&text).len(), 1, "{text}");
    }
}

#[test]
fn every_way_to_show_a_foreign_type_is_noticed() {
    for leak in [
        "pub fn f() -> serde_json::Value { g() }",
        "use serde_json::Value; pub fn f(value: &Value) {}",
        "use serde_json::{self as json, Value as Document}; pub fn f() -> Option<Document> { None }",
        "use serde_json as json; pub fn f() -> json::Map { g() }",
        "use zeroize::Zeroizing; pub struct S { pub secret: Zeroizing<String> }",
        "use zeroize::Zeroizing; pub struct S(pub Zeroizing<String>);",
        "use zeroize::Zeroizing; pub enum E { Secret(Zeroizing<String>) }",
        "use zeroize::Zeroizing; pub enum E { Secret { of: Zeroizing<String> } }",
        "use zeroize::Zeroizing; pub type Secret = Zeroizing<String>;",
        "use zeroize::Zeroizing; pub const SECRET: Option<Zeroizing<String>> = None;",
        "use zeroize::Zeroizing; pub struct S; impl From<Zeroizing<String>> for S {}",
        "use zeroize::Zeroize; pub struct S; impl Zeroize for S { fn zeroize(&mut self) {} }",
        "pub struct S; impl std::ops::Deref for S { type Target = serde_json::Value; }",
        "pub struct S; impl S { pub fn f<T: zeroize::Zeroize>(&self, t: T) {} }",
        "pub struct S; impl S { pub fn f<T>(&self, t: T) where T: zeroize::Zeroize {} }",
        "pub trait T { fn f(&self) -> httpdate::HttpDate; }",
        "pub trait T: zeroize::Zeroize {}",
        "pub use serde_json::Value;",
        "pub use serde_json::value::{self, RawValue};",
        "use serde_json::*; pub fn f() -> Value { g() }",
        "pub fn f() -> impl Iterator<Item = ::percent_encoding::AsciiSet> { g() }",
        "pub mod inner { use zeroize::Zeroizing; pub fn f() -> Zeroizing<String> { g() } }",
    ] {
        assert!(!wrong_with(leak).is_empty(), "{leak}");
    }
}

#[test]
fn what_nobody_outside_can_see_may_be_of_any_crate() {
    for hidden in [
        "use zeroize::Zeroizing; struct S { secret: Zeroizing<String> }",
        "use zeroize::Zeroizing; pub struct S { secret: Zeroizing<String> }",
        "use zeroize::Zeroizing; pub struct S(Zeroizing<String>);",
        "use zeroize::Zeroizing; pub(crate) fn f() -> Zeroizing<String> { g() }",
        "use zeroize::Zeroizing; pub struct S(pub(crate) Zeroizing<String>);",
        "pub fn f() { let value: serde_json::Value = g(); }",
        "pub struct S; impl S { fn f(&self) -> serde_json::Value { g() } }",
        "use std::fmt; pub struct S; impl fmt::Debug for S { fn fmt(&self) { zeroize::x() } }",
        "use zeroize::Zeroizing; struct S; impl From<Zeroizing<String>> for S {}",
        "pub fn f(request: http::Request<bytes::Bytes>) -> std::io::Result<()> { g() }",
        "#[cfg(test)] mod tests { pub fn f() -> serde_json::Value { g() } }",
        "#[cfg(feature = \"fuzzing\")] pub mod fuzzing { pub fn f() -> serde_json::Value { g() } }",
    ] {
        assert_eq!(wrong_with(hidden), [""; 0], "{hidden}");
    }
}
