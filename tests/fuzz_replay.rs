//! The fuzz targets of the core on a stable toolchain: every seed, and random bytes.
//!
//! What a target asserts is in `crates/bill-session-core/src/fuzzing/`. Here each of them runs over
//! all the seeds in `fuzz/seeds/`, and over inputs made of them by chance. `BILL_FUZZ_SEED` repeats
//! a run, and `BILL_FUZZ_INPUTS` makes it longer.
//!
//! The feature `fuzzing` is asked for by this package's tests alone: what is shipped is built
//! without it, and a test holds it to adding one module and changing nothing else.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that cannot go on ends, and says what it was at"
)]

use std::collections::BTreeSet;
use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::path::{Path, PathBuf};
use std::time::Instant;

use bill_session_core::fuzzing::{TARGETS, Target};

/// Inputs made by chance for each target, unless `BILL_FUZZ_INPUTS` says otherwise.
const INPUTS: u64 = 4_000;

fn core() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/bill-session-core")
}

fn names_in(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let names = entries.map(|path| path.file_stem().unwrap().to_string_lossy().into_owned());
    names.collect()
}

/// The seeds of a target, in order.
fn seeds(target: &Target) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = core().join("fuzz/seeds").join(target.name);
    let mut paths: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let read = |path: PathBuf| {
        let bytes = fs::read(&path).unwrap();
        (path, bytes)
    };
    paths.into_iter().map(read).collect()
}

/// Says which input it was, when a target panics.
struct Told<'a> {
    target: &'a Target,
    input: &'a [u8],
    from: String,
}

impl Drop for Told<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let Self { target, input, from } = self;
            println!("{} panicked over {from}: b\"{}\"", target.name, input.escape_ascii());
        }
    }
}

fn run(target: &Target, input: &[u8], from: String, now: Instant) {
    let told = Told { target, input, from };
    (target.run)(input, now);
    drop(told);
}

/// SplitMix64.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(end.max(1)).unwrap()).unwrap()
    }

    fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[0]
    }

    /// Random bytes, or a seed in which a few places are changed, cut, doubled or grafted.
    fn input(&mut self, seeds: &[(PathBuf, Vec<u8>)]) -> Vec<u8> {
        if self.below(4) == 0 {
            let length = self.below(256);
            return (0..length).map(|_| self.byte()).collect();
        }
        let mut input = seeds[self.below(seeds.len())].1.clone();
        for _ in 0..=self.below(6) {
            let at = self.below(input.len());
            match self.below(5) {
                0 => input.truncate(at),
                1 => input.insert(at, self.byte()),
                2 => {
                    let end = (at + self.below(32)).min(input.len());
                    let again = input[at..end].to_vec();
                    input.splice(at..at, again);
                }
                3 => {
                    let other = &seeds[self.below(seeds.len())].1;
                    let from = self.below(other.len());
                    input.truncate(at);
                    input.extend_from_slice(&other[from..]);
                }
                _ => {
                    let byte = self.byte();
                    if let Some(changed) = input.get_mut(at) {
                        *changed = byte;
                    }
                }
            }
        }
        input
    }
}

fn from_environment(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn every_seed_of_every_fuzz_target_holds_what_the_target_asserts() {
    let now = Instant::now();
    let mut count = 0;
    for target in &TARGETS {
        for (path, seed) in seeds(target) {
            run(target, &seed, path.display().to_string(), now);
            count += 1;
        }
    }
    println!("{count} seeds of {} targets", TARGETS.len());
}

#[test]
fn inputs_made_by_chance_hold_what_every_fuzz_target_asserts() {
    let now = Instant::now();
    let seed = from_environment("BILL_FUZZ_SEED");
    let seed = seed.unwrap_or_else(|| RandomState::new().hash_one(0));
    let inputs = from_environment("BILL_FUZZ_INPUTS").unwrap_or(INPUTS);
    println!("BILL_FUZZ_SEED={seed} BILL_FUZZ_INPUTS={inputs}");
    let mut chance = Chance(seed);
    for target in &TARGETS {
        let seeds = seeds(target);
        for nth in 0..inputs {
            let input = chance.input(&seeds);
            run(target, &input, format!("input {nth} of seed {seed}"), now);
        }
    }
}

#[test]
fn every_fuzz_target_has_a_file_that_cargo_fuzz_builds_and_seeds_to_begin_with() {
    let targets: BTreeSet<_> = TARGETS.iter().map(|target| target.name.to_owned()).collect();
    assert!(targets.len() >= 7, "{targets:?}");
    assert_eq!(names_in(&core().join("fuzz/fuzz_targets")), targets);
    assert_eq!(names_in(&core().join("fuzz/seeds")), targets);
    let manifest = fs::read_to_string(core().join("fuzz/Cargo.toml")).unwrap();
    for target in &TARGETS {
        let name = target.name;
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name} is not in the manifest");
        let file = core().join(format!("fuzz/fuzz_targets/{name}.rs"));
        let text = fs::read_to_string(file).unwrap();
        assert!(text.contains(&format!("fuzzing::{name}(data")), "{text}");
        assert!(seeds(target).len() >= 3, "{name} has too few seeds");
    }
}

/// Where a feature is asked for in the source of the core, its attributes and macros included.
fn mentions_of_feature(source: &str, feature: &str) -> usize {
    source.matches(&format!("feature = \"{feature}\"")).count()
}

#[test]
fn the_feature_for_fuzzing_adds_one_module_to_the_core_and_changes_nothing_else() {
    let mut folders = vec![core().join("src")];
    let (mut files, mut mentions) = (0, 0);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files += 1;
                mentions += mentions_of_feature(&fs::read_to_string(path).unwrap(), "fuzzing");
            }
        }
    }
    assert!(files > 30, "{files}");
    assert_eq!(mentions, 1, "the module's own declaration is the only place");
    let tour = fs::read_to_string(core().join("src/lib.rs")).unwrap();
    assert!(tour.contains("#[cfg(feature = \"fuzzing\")]\n#[doc(hidden)]\npub mod fuzzing;\n"));
    let manifest = fs::read_to_string(core().join("Cargo.toml")).unwrap();
    assert!(manifest.contains("\nfuzzing = []\n"), "it brings no dependency");
    assert!(!manifest.contains("default = ["), "no feature is on unless it is asked for");
}
