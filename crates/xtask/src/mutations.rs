//! Bugs made by hand: what each changes in the sources, and which tests must fail by it.
//!
//! The list is `tests/mutations.toml`. It is checked against the sources at every test run;
//! `cargo xtask mutations` puts each of the bugs into a copy, and looks whether it is caught.

pub mod copy;
pub mod verdict;

use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::path::{Path, PathBuf};
use std::{fs, io};

/// Where the list is, from the root of the workspace.
pub const LIST: &str = "tests/mutations.toml";

/// The package of the scenarios, which lies beside the crates.
const SCENARIOS: &str = "bill-conformance";

/// The modules in which each scenario is run over one of the adapters.
const ADAPTERS: [&str; 2] = ["over_async", "over_blocking"];

/// How many bugs of other clients are known.
const BUGS: usize = 15;

/// How many rules the session machine has.
const RULES: usize = 14;

/// A file of a test target, and what it holds.
type Source = (PathBuf, String);

/// All bugs made by hand.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Mutations {
    /// The bugs of other clients, in the order of their numbers.
    pub bugs: Vec<String>,
    /// The rules of the session machine, in the order of their numbers.
    pub rules: Vec<String>,
    /// What is done to the sources.
    #[serde(rename = "mutation")]
    pub all: Vec<Mutation>,
}

/// A bug made by hand.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Mutation {
    /// What is wrong with it.
    pub name: String,
    /// The number of the other clients' bug that it is.
    pub bug: Option<usize>,
    /// The number of the rule that it breaks.
    pub rule: Option<usize>,
    /// The file that it is in, from the root of the workspace.
    pub file: PathBuf,
    /// What stands there, exactly once.
    pub search: String,
    /// What takes its place.
    pub replace: String,
    /// The package of the tests.
    pub package: String,
    /// The test target, as of `cargo test --test`.
    pub target: String,
    /// The tests that must fail, each with its modules.
    pub tests: Vec<String>,
}

impl Mutations {
    /// The list of this workspace.
    ///
    /// # Errors
    ///
    /// When there is none, or not in this form.
    pub fn read(root: &Path) -> Result<Self, Box<dyn Error>> {
        Self::of_text(&fs::read_to_string(root.join(LIST))?)
    }

    /// The list in a text.
    ///
    /// # Errors
    ///
    /// When it is not in this form.
    pub fn of_text(text: &str) -> Result<Self, Box<dyn Error>> {
        Ok(toml::from_str(text)?)
    }

    /// What is wrong with the list, by the sources; nothing is as it should be.
    #[must_use]
    pub fn faults(&self, root: &Path) -> Vec<String> {
        let mut faults = Vec::new();
        let counts = [("bug", self.bugs.len(), BUGS), ("rule", self.rules.len(), RULES)];
        for (what, count, due) in counts {
            if count != due {
                faults.push(format!("{count} {what}s have a name, instead of {due}"));
            }
        }
        let (mut names, mut sources) = (BTreeSet::new(), BTreeMap::new());
        for mutation in &self.all {
            let label = mutation.label();
            if !names.insert(&mutation.name) {
                faults.push(format!("{label}: the name comes twice"));
            }
            let target = (&mutation.package, &mutation.target);
            // Many have the same.
            let sources = sources.entry(target).or_insert_with(|| mutation.read_own_sources(root));
            let own = mutation.faults(root, sources).into_iter();
            faults.extend(own.map(|fault| format!("{label}: {fault}")));
        }
        let bugs: BTreeSet<_> = self.all.iter().filter_map(|mutation| mutation.bug).collect();
        let rules: BTreeSet<_> = self.all.iter().filter_map(|mutation| mutation.rule).collect();
        let missing = |what, there: &BTreeSet<usize>, count| {
            let missing = (1..=count).filter(|number| !there.contains(number));
            missing.map(|number| format!("{what} {number} is nowhere")).collect::<Vec<_>>()
        };
        faults.extend(missing("bug", &bugs, BUGS));
        faults.extend(missing("rule", &rules, RULES));
        faults
    }
}

impl Mutation {
    /// What to call it in a line for people.
    #[must_use]
    pub fn label(&self) -> String {
        let name = &self.name;
        match (self.bug, self.rule) {
            (Some(bug), _) => format!("bug {bug}: {name}"),
            (None, Some(rule)) => format!("rule {rule}: {name}"),
            (None, None) => name.clone(),
        }
    }

    /// The text with the bug in it, if what it searches for is there exactly once.
    #[must_use]
    pub fn applied_to(&self, text: &str) -> Option<String> {
        let mut found = text.match_indices(&self.search);
        let (at, _) = found.next()?;
        if found.next().is_some() || self.search.is_empty() {
            return None;
        }
        let (before, behind) = (&text[..at], &text[at + self.search.len()..]);
        Some([before, &self.replace, behind].concat())
    }

    /// The files in which its tests state what they expect, from the root of the workspace.
    ///
    /// What scenarios share is not among them: that is a library, which also looks after time-outs.
    ///
    /// # Errors
    ///
    /// When a folder cannot be read.
    pub fn own_sources(&self, root: &Path) -> io::Result<Vec<PathBuf>> {
        let tests = match self.package.as_str() {
            SCENARIOS => PathBuf::from("tests"),
            package => Path::new("crates").join(package).join("tests"),
        };
        let file = tests.join(&self.target).with_extension("rs");
        let mut found = Vec::new();
        if root.join(&file).is_file() {
            found.push(file);
        }
        let shared = (self.package != SCENARIOS).then(|| tests.join("support"));
        for folder in [Some(tests.join(&self.target)), shared].into_iter().flatten() {
            if root.join(&folder).is_dir() {
                rust_files(root, &folder, &mut found)?;
            }
        }
        Ok(found)
    }

    fn read_own_sources(&self, root: &Path) -> Vec<Source> {
        let files = self.own_sources(root).unwrap_or_default().into_iter();
        let read = |file: PathBuf| fs::read_to_string(root.join(&file)).ok().map(|it| (file, it));
        files.filter_map(read).collect()
    }

    fn faults(&self, root: &Path, sources: &[Source]) -> Vec<String> {
        let mut faults = Vec::new();
        match (self.bug, self.rule) {
            (Some(bug), None) if (1..=BUGS).contains(&bug) => faults.extend(self.no_scenario(bug)),
            (None, Some(rule)) if (1..=RULES).contains(&rule) => {}
            _ => faults.push("it is not one of the bugs or one of the rules".to_owned()),
        }
        let file = self.file.display();
        match fs::read_to_string(root.join(&self.file)) {
            Err(error) => faults.push(format!("{file} cannot be read: {error}")),
            Ok(text) => match self.applied_to(&text) {
                None => {
                    let times = text.matches(&self.search).count();
                    faults.push(format!("{file} has what it searches for {times} times"));
                }
                Some(changed) if changed == text => faults.push("it changes nothing".to_owned()),
                Some(_) => {}
            },
        }
        if self.tests.is_empty() {
            faults.push("it names no test".to_owned());
        }
        let missing = self.tests.iter().filter(|test| !self.has(test, sources));
        let target = &self.target;
        faults.extend(missing.map(|test| format!("there is no test {test} in {target}")));
        faults
    }

    /// A bug of other clients is shown by its own scenario, over both adapters.
    fn no_scenario(&self, bug: usize) -> Option<String> {
        let adapters = ["over_async", "over_blocking"];
        let begins =
            |name: &String, adapter| name.starts_with(&format!("{adapter}::bugs::bug_{bug:02}_"));
        let is_its_own = self.tests.len() == adapters.len()
            && self.tests.iter().zip(adapters).all(|(name, adapter)| begins(name, adapter));
        let fault = || format!("its tests are not the scenario of bug {bug} over both adapters");
        (!is_its_own).then(fault)
    }

    /// Whether its target has this test, by the sources: in a module of the file, or in a file that
    /// is a module.
    fn has(&self, test: &str, sources: &[Source]) -> bool {
        let bare =
            ADAPTERS.iter().find_map(|adapter| test.strip_prefix(adapter)?.strip_prefix("::"));
        let mut modules: Vec<_> = bare.unwrap_or(test).split("::").collect();
        let Some(name) = modules.pop() else { return false };
        sources.iter().any(|(file, text)| {
            let stem = file.file_stem().unwrap_or_default();
            let within = match modules.split_first() {
                _ if stem == self.target.as_str() => modules.as_slice(),
                Some((first, within)) if stem == *first => within,
                _ => return false,
            };
            let found = text.split_once(&format!("fn {name}("));
            found.is_some_and(|(before, _)| {
                let line = before.rsplit('\n').next().unwrap_or_default();
                let indented = line.len() - line.trim_start().len() == 4 * within.len();
                indented && within.iter().all(|it| before.contains(&format!("mod {it} {{")))
            })
        })
    }
}

fn rust_files(root: &Path, folder: &Path, found: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(root.join(folder))? {
        let entry = entry?;
        let path = folder.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            rust_files(root, &path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Mutation, Mutations};
    use std::path::Path;

    fn root() -> &'static Path {
        Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap()
    }

    fn list() -> Mutations {
        Mutations::read(root()).unwrap()
    }

    /// The faults of the list with its first entry changed.
    fn faults_with(change: impl FnOnce(&mut Mutation)) -> String {
        let mut list = list();
        change(&mut list.all[0]);
        list.faults(root()).join("\n")
    }

    #[test]
    fn every_bug_made_by_hand_fits_the_sources_and_all_bugs_and_rules_have_one() {
        let faults = list().faults(root());
        assert!(faults.is_empty(), "{}", faults.join("\n"));
    }

    #[test]
    fn what_is_searched_for_must_be_there_exactly_once() {
        assert!(faults_with(|it| it.search = "no such code".to_owned()).contains("0 times"));
        let twice = faults_with(|it| it.search = "fn ".to_owned());
        assert!(twice.contains("has what it searches for"), "{twice}");
        assert!(faults_with(|it| it.search.clear()).contains("has what it searches for"));
        let nothing = faults_with(|it| it.replace.clone_from(&it.search));
        assert!(nothing.contains("it changes nothing"), "{nothing}");
        assert!(faults_with(|it| it.file = "no/such.rs".into()).contains("cannot be read"));
    }

    #[test]
    fn the_tests_that_are_named_must_be_there() {
        let faults = faults_with(|it| it.tests = vec!["module::no_such_test".to_owned()]);
        assert!(faults.contains("there is no test module::no_such_test"), "{faults}");
        let bare = faults_with(|it| it.tests[0] = it.tests[0].replace("bugs::", ""));
        assert!(bare.contains("there is no test over_async::bug_01_"), "{bare}");
        assert!(faults_with(|it| it.tests.clear()).contains("it names no test"));
        let nowhere = faults_with(|it| it.target = "no_such_target".to_owned());
        assert!(nowhere.contains("in no_such_target"), "{nowhere}");
    }

    #[test]
    fn every_bug_and_every_rule_must_have_one() {
        let mut list = list();
        list.all.retain(|mutation| mutation.bug != Some(7) && mutation.rule != Some(13));
        let faults = list.faults(root());
        assert_eq!(faults, ["bug 7 is nowhere", "rule 13 is nowhere"]);
        list.bugs.pop();
        assert_eq!(list.faults(root())[0], "14 bugs have a name, instead of 15");
    }

    #[test]
    fn an_entry_is_one_bug_or_one_rule_and_has_a_name_of_its_own() {
        let neither = faults_with(|it| (it.bug, it.rule) = (None, None));
        assert!(neither.contains("not one of the bugs or one of the rules"), "{neither}");
        let both = faults_with(|it| (it.bug, it.rule) = (Some(1), Some(1)));
        assert!(both.contains("not one of the bugs or one of the rules"), "{both}");
        let beyond = faults_with(|it| (it.bug, it.rule) = (None, Some(15)));
        assert!(beyond.contains("not one of the bugs or one of the rules"), "{beyond}");
        let mut list = list();
        list.all[1].name = list.all[0].name.clone();
        assert!(list.faults(root()).join("\n").contains("the name comes twice"));
    }

    #[test]
    fn a_bug_of_other_clients_is_shown_by_its_own_scenario_over_both_adapters() {
        let one = faults_with(|it| it.tests.truncate(1));
        assert!(one.contains("not the scenario of bug 1 over both adapters"), "{one}");
        let other = faults_with(|it| it.tests[1] = it.tests[0].clone());
        assert!(other.contains("not the scenario of bug 1 over both adapters"), "{other}");
    }
}
