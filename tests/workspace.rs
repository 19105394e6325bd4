//! The workspace keeps its shape: who depends on whom, what each dependency is for, one crypto
//! provider, thin adapters, one `rust-version`, and a core that is closed by lint.
//!
//! Each rule is a function from what it looks at to a list of complaints. Each is applied to the
//! workspace as it is, and to a sample that breaks it.

use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use xtask::code::{Code, Token};

const CORE: &str = "bill-session-core";
const HOST: &str = "bill-session-host";
const SANDBOX: &str = "bill-sandbox";
const ADAPTERS: [&str; 2] = ["bill-async", "bill-blocking"];

// The rules, on the workspace.

#[test]
fn one_crypto_provider_is_built_and_no_second_is_even_locked() {
    let workspace = Workspace::load().unwrap();
    assert_fine(&crypto_complaints(&workspace.graph.everything()));
    // The lock file also has what other systems and features that are off would build.
    let lock = fs::read_to_string(root().join("Cargo.lock")).unwrap();
    assert_fine(&crypto_complaints(&locked_packages(&lock)));
}

#[test]
fn the_sandbox_depends_on_none_of_our_crates() {
    assert_fine(&sandbox_complaints(&Workspace::load().unwrap().graph));
}

#[test]
fn the_core_depends_on_none_of_our_crates_and_the_adapters_on_the_core_and_the_clock() {
    let graph = Workspace::load().unwrap().graph;
    assert_fine(&core_complaints(&graph));
    for adapter in ADAPTERS {
        assert_fine(&adapter_complaints(&graph, adapter));
    }
}

#[test]
fn the_dependencies_that_the_project_is_meant_to_use_are_really_used() {
    let workspace = Workspace::load().unwrap();
    let complaints = MEANT.into_iter().flat_map(|(dependency, users)| {
        meant_complaints(dependency, users, &workspace.users(users).unwrap())
    });
    assert_fine(&complaints.collect::<Vec<_>>());
}

#[test]
fn neither_adapter_has_more_than_two_fifths_of_the_cores_code_lines() {
    let core = Code::of_folder(&source(CORE)).unwrap();
    for adapter in ADAPTERS {
        assert_fine(&size_complaints(adapter, &Code::of_folder(&source(adapter)).unwrap(), &core));
    }
}

#[test]
fn neither_adapter_names_a_code_a_field_or_a_number_of_minutes() {
    let mut complaints = Vec::new();
    for adapter in ADAPTERS {
        let files = Code::of_files(&source(adapter)).unwrap();
        let lines: usize = files.iter().map(|(_, code)| code.lines()).sum();
        assert!(lines > 0, "{adapter} has no code, so that this says nothing of it");
        for (path, code) in files {
            let path = path.strip_prefix(root()).unwrap_or(&path).display().to_string();
            complaints.extend(vocabulary_complaints(&path, &code));
        }
    }
    assert_fine(&complaints);
}

#[test]
fn every_package_inherits_version_edition_rust_version_and_lints() {
    let workspace = Workspace::load().unwrap();
    assert!(workspace.members.len() > 5, "only {} packages", workspace.members.len());
    for member in &workspace.members {
        let manifest = fs::read_to_string(&member.manifest_path).unwrap();
        assert_fine(&inheritance_complaints(&member.name, &manifest));
    }
}

#[test]
fn the_workspace_states_one_rust_version() {
    let versions: Vec<_> = Workspace::load().unwrap().members.into_iter().map(stated).collect();
    assert_fine(&rust_version_complaints(&versions));
}

#[test]
fn the_core_is_closed_by_lint() {
    let core = root().join("crates").join(CORE);
    assert_fine(&ban_complaints(&fs::read_to_string(core.join("clippy.toml")).unwrap()));
    let tour = fs::read_to_string(core.join("src/lib.rs")).unwrap();
    assert_fine(&forbid_complaints(&Code::of_text(&tour).unwrap()));
}

// The rules themselves.

/// Implementations of cryptography that rustls, or a client in its place, could build upon.
const PROVIDERS: [&str; 15] = [
    "ring",
    "aws-lc-fips-sys",
    "aws-lc-rs",
    "aws-lc-sys",
    "boring",
    "boring-sys",
    "graviola",
    "native-tls",
    "openssl",
    "openssl-sys",
    "rustls-mbedcrypto-provider",
    "rustls-openssl",
    "rustls-rustcrypto",
    "rustls-symcrypt",
    "rustls-wolfcrypt-provider",
];

fn crypto_complaints(packages: &[String]) -> Vec<String> {
    let found: Vec<_> =
        packages.iter().map(String::as_str).filter(|name| PROVIDERS.contains(name)).collect();
    complain_unless(found == ["ring"], || {
        format!("the crypto providers are {found:?}, where ring once is meant")
    })
}

fn sandbox_complaints(graph: &Graph) -> Vec<String> {
    // Its tests count too: what they shared with the client, they could not find wrong in both.
    let ours = graph.ours_below(SANDBOX, &[Kind::Normal, Kind::Build, Kind::Dev]);
    complain_unless(ours.is_empty() && graph.has(SANDBOX), || {
        format!("{SANDBOX} is to depend on none of our crates, and depends on {ours:?}")
    })
}

fn core_complaints(graph: &Graph) -> Vec<String> {
    let ours = graph.ours_below(CORE, &[Kind::Normal, Kind::Build, Kind::Dev]);
    complain_unless(ours.is_empty() && graph.has(CORE), || {
        format!("{CORE} is to depend on none of our crates, and depends on {ours:?}")
    })
}

fn adapter_complaints(graph: &Graph, adapter: &str) -> Vec<String> {
    let ours = graph.ours_below(adapter, &[Kind::Normal, Kind::Build]);
    let mut complaints = complain_unless(ours == BTreeSet::from([CORE, HOST]), || {
        format!("{adapter} is to depend on {CORE} and {HOST} of our crates, not on {ours:?}")
    });
    // A package may be its own dev-dependency, to test with one more of its features.
    let allowed = BTreeSet::from([adapter, CORE, HOST, SANDBOX]);
    let tests = graph.ours_below(adapter, &[Kind::Dev]);
    complaints.extend(complain_unless(tests.is_subset(&allowed), || {
        format!("{adapter}'s tests are to use {allowed:?} at most of our crates, not {tests:?}")
    }));
    complaints
}

/// What the project is meant to be built with, and which of its packages would use it.
///
/// This test itself uses serde, so that not just any package will do.
const MEANT: [(&str, &[&str]); 7] = [
    ("http", &[CORE]),
    ("serde", &[CORE]),
    ("form_urlencoded", &[CORE]),
    ("reqwest", &["bill-async"]),
    ("tokio", &["bill-async"]),
    ("ureq", &["bill-blocking"]),
    ("proptest", &[CORE, "bill-conformance"]),
];

/// A package: what its manifest declares, and its code.
struct User {
    declares: BTreeSet<String>,
    code: Code,
}

fn meant_complaints(dependency: &str, meant_for: &[&str], users: &[User]) -> Vec<String> {
    let used = users
        .iter()
        .any(|user| user.declares.contains(dependency) && names_crate(&user.code, dependency));
    complain_unless(used, || {
        format!("{dependency} is to be a dependency of one of {meant_for:?} and used in its source")
    })
}

/// Whether code has a path that begins at a crate, or a `use` of the crate itself.
fn names_crate(code: &Code, dependency: &str) -> bool {
    let name = dependency.replace('-', "_");
    let tokens: Vec<_> = code.tokens().map(|(_, token)| token).collect();
    let is = |at: Option<usize>, sign: char| {
        at.and_then(|at| tokens.get(at)).is_some_and(|token| **token == Token::Punct(sign))
    };
    (0..tokens.len()).filter(|&at| *tokens[at] == Token::Ident(name.clone())).any(|at| {
        let begins_path = is(Some(at + 1), ':') && is(Some(at + 2), ':');
        let before = at.checked_sub(1);
        let is_used = before.is_some_and(|at| *tokens[at] == Token::Ident("use".into()));
        // `crate::http::Request` is a path through a module of that name.
        (begins_path || is_used) && !is(before, ':')
    })
}

/// No adapter has more of the core's code lines than this, in hundredths.
const MOST_OF_CORE: usize = 40;

fn size_complaints(adapter: &str, code: &Code, core: &Code) -> Vec<String> {
    let (lines, most) = (code.lines(), core.lines() * MOST_OF_CORE / 100);
    complain_unless(lines <= most && lines > 0, || {
        format!("{adapter} has {lines} code lines, where 1 to {most} are meant")
    })
}

/// BILL's names of fields and keys that are words of no other language.
const NAMES: [&str; 26] = [
    "apiEndPoint",
    "apiToken",
    "appKey",
    "consoleApiToken",
    "createdTime",
    "devKey",
    "deviceId",
    "error_code",
    "error_message",
    "isActive",
    "machineName",
    "mfaId",
    "mfaStatus",
    "nextPage",
    "orgId",
    "organizationId",
    "rememberMe",
    "rememberMeId",
    "response_data",
    "response_message",
    "response_status",
    "sessionId",
    "updatedTime",
    "userId",
    "userName",
    "usersId",
];

/// BILL's names that are words of English too, so that only a literal of nothing else is one.
const WORDS: [&str; 9] =
    ["data", "entity", "filters", "max", "obj", "password", "sort", "start", "username"];

/// BDC codes with a meaning for the session, as numbers.
const CODES: [u64; 9] = [1101, 1102, 1105, 1107, 1109, 1121, 1144, 1322, 1361];

/// The idle limits of BILL in seconds and in milliseconds: 34 and 35 minutes.
const IDLE_LIMITS: [u64; 4] = [2_040, 2_100, 2_040_000, 2_100_000];

fn vocabulary_complaints(file: &str, code: &Code) -> Vec<String> {
    let tokens: Vec<_> = code.tokens().collect();
    let mut complaints = Vec::new();
    for (at, (line, token)) in tokens.iter().enumerate() {
        let before = at.checked_sub(1).map(|at| tokens[at].1);
        let after = tokens.get(at + 1).map(|(_, token)| *token);
        let told = match token {
            Token::Ident(name) => forbidden_name(name),
            Token::Literal(literal) => forbidden_literal(literal, before, after),
            _ => None,
        };
        complaints.extend(told.map(|told| format!("{file}:{line}: {told}")));
    }
    complaints
}

fn forbidden_name(name: &str) -> Option<String> {
    if name.contains("BDC_") {
        return Some(format!("`{name}` is a BDC code"));
    }
    match name {
        "from_mins" | "from_hours" => Some(format!("`{name}` makes a number of minutes")),
        // serde would spell BILL's keys from innocent names of ours.
        "rename_all" => Some("`rename_all` names keys of JSON".into()),
        _ => None,
    }
}

fn forbidden_literal(
    literal: &str,
    before: Option<&Token>,
    after: Option<&Token>,
) -> Option<String> {
    if let Some(text) = string(literal) {
        let mut words = text.split(|c: char| !c.is_alphanumeric() && c != '_');
        return if text.contains("BDC_") {
            Some(format!("{literal} names a BDC code"))
        } else if WORDS.contains(&text) || words.any(|word| NAMES.contains(&word)) {
            Some(format!("{literal} names a field or a key of BILL's"))
        } else {
            None
        };
    }
    let number = number(literal)?;
    let times = [before, after].contains(&Some(&Token::Punct('*')));
    let seconds = before == Some(&Token::Ident("from_secs".into()));
    if CODES.contains(&number) {
        Some(format!("{literal} is a BDC code"))
    } else if IDLE_LIMITS.contains(&number)
        || times && number == 60
        || seconds && number >= 60 && number.is_multiple_of(60)
    {
        Some(format!("{literal} is a number of minutes"))
    } else {
        None
    }
}

/// What is between a string literal's quotes.
fn string(literal: &str) -> Option<&str> {
    let (first, last) = (literal.find('"')?, literal.rfind('"')?);
    // The quote of `'"'` is a character, and is alone.
    literal.get(first + 1..last)
}

/// A whole number, its underscores and its suffix aside.
fn number(literal: &str) -> Option<u64> {
    let digits: String =
        literal.chars().filter(|c| *c != '_').take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

fn inheritance_complaints(package: &str, manifest: &str) -> Vec<String> {
    let lines: BTreeSet<_> = manifest_lines(manifest).collect();
    [
        ("package", "version.workspace = true"),
        ("package", "edition.workspace = true"),
        ("package", "rust-version.workspace = true"),
        ("lints", "workspace = true"),
    ]
    .into_iter()
    .filter(|line| !lines.contains(line))
    .map(|(section, line)| format!("{package} lacks `{line}` in its [{section}]"))
    .collect()
}

/// The settings of a manifest, each with its section.
fn manifest_lines(manifest: &str) -> impl Iterator<Item = (&str, &str)> {
    manifest.lines().map(str::trim).scan("", |section, line| {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            *section = name;
        }
        Some((*section, line))
    })
}

fn rust_version_complaints(stated: &[(String, Option<String>)]) -> Vec<String> {
    let versions: BTreeSet<_> = stated.iter().map(|(_, version)| version).collect();
    let one = versions.len() == 1 && versions.first().is_some_and(|version| version.is_some());
    complain_unless(one, || format!("one rust-version is meant, not {stated:?}"))
}

/// What a core without clock, environment, network, files, threads and sleep must not reach.
const BANS: [&str; 14] = [
    "std::env::var",
    "std::env::var_os",
    "std::fs::File",
    "std::fs::OpenOptions",
    "std::fs::read",
    "std::fs::read_to_string",
    "std::fs::write",
    "std::net::TcpListener",
    "std::net::TcpStream",
    "std::net::UdpSocket",
    "std::thread::sleep",
    "std::thread::spawn",
    "std::time::Instant::now",
    "std::time::SystemTime::now",
];

fn ban_complaints(clippy: &str) -> Vec<String> {
    let settings: Vec<_> =
        clippy.lines().map(str::trim).filter(|line| !line.starts_with('#')).collect();
    let banned = |path: &str| settings.iter().any(|line| line.contains(&format!("\"{path}\"")));
    BANS.into_iter()
        .filter(|path| !banned(path))
        .map(|path| format!("{CORE}'s clippy.toml does not ban {path}"))
        .collect()
}

fn forbid_complaints(tour: &Code) -> Vec<String> {
    let text: Vec<_> = tour
        .tokens()
        .map(|(_, token)| match token {
            Token::Ident(text) | Token::Literal(text) => text.clone(),
            Token::Punct(sign) => sign.to_string(),
            _ => String::new(),
        })
        .collect();
    let text = text.join(" ");
    // Brackets are no tokens, so that an attribute goes on to the next one.
    let forbidden: Vec<_> = text
        .split('#')
        .filter_map(|attribute| attribute.trim_start().strip_prefix("! forbid "))
        .collect();
    ["disallowed_methods", "disallowed_types"]
        .into_iter()
        .filter(|lint| {
            let lint = format!("clippy : : {lint}");
            !forbidden.iter().any(|lints| lints.contains(&lint))
        })
        .map(|lint| format!("{CORE} does not `#![forbid(clippy::{lint})]`"))
        .collect()
}

fn complain_unless(fine: bool, complaint: impl FnOnce() -> String) -> Vec<String> {
    if fine { Vec::new() } else { vec![complaint()] }
}

#[track_caller]
fn assert_fine(complaints: &[String]) {
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

// What they look at.

/// For what a package is depended upon.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Normal,
    Build,
    Dev,
}

/// What is built from what, by package id.
#[derive(Debug, Default)]
struct Graph {
    names: BTreeMap<String, String>,
    ours: BTreeSet<String>,
    dependencies: BTreeMap<String, Vec<(String, Kind)>>,
}

impl Graph {
    fn has(&self, package: &str) -> bool {
        self.names.values().any(|name| name == package)
    }

    /// The names of all packages that are built, one for each version.
    fn everything(&self) -> Vec<String> {
        let all = [Kind::Normal, Kind::Build, Kind::Dev];
        let mut built = self.ours.clone();
        for package in &self.ours {
            built.extend(self.below(package, &all).into_iter().cloned());
        }
        built.iter().filter_map(|id| self.names.get(id)).cloned().collect()
    }

    /// The names of our packages that one depends on.
    fn ours_below(&self, package: &str, kinds: &[Kind]) -> BTreeSet<&str> {
        let from = self.names.iter().filter(|(_, name)| *name == package);
        from.flat_map(|(id, _)| self.below(id, kinds))
            .filter(|id| self.ours.contains(*id))
            .filter_map(|id| self.names.get(id))
            .map(String::as_str)
            .collect()
    }

    /// What a package depends on: directly in one of some ways, and through that in any way that
    /// counts for what is built of others.
    fn below(&self, package: &str, kinds: &[Kind]) -> BTreeSet<&String> {
        let direct = |id: &str, kinds: &[Kind]| -> Vec<&String> {
            let all = self.dependencies.get(id).into_iter().flatten();
            all.filter(|(_, kind)| kinds.contains(kind)).map(|(id, _)| id).collect()
        };
        let mut found = BTreeSet::new();
        let mut open = direct(package, kinds);
        while let Some(id) = open.pop() {
            if found.insert(id) {
                open.extend(direct(id, &[Kind::Normal, Kind::Build]));
            }
        }
        found
    }
}

impl From<&Metadata> for Graph {
    fn from(metadata: &Metadata) -> Self {
        let mut graph = Self::default();
        for package in &metadata.packages {
            graph.names.insert(package.id.clone(), package.name.clone());
        }
        graph.ours.extend(metadata.workspace_members.iter().cloned());
        for node in &metadata.resolve.nodes {
            let edges = node.deps.iter().flat_map(|edge| {
                let kinds = edge.dep_kinds.iter().map(|of| of.kind.unwrap_or(Kind::Normal));
                kinds.map(|kind| (edge.pkg.clone(), kind))
            });
            graph.dependencies.insert(node.id.clone(), edges.collect());
        }
        graph
    }
}

/// The workspace as cargo sees it.
struct Workspace {
    graph: Graph,
    members: Vec<Package>,
}

impl Workspace {
    fn load() -> Result<Self, Box<dyn Error>> {
        let host = cargo(&["-vV"])?;
        let host = host.lines().find_map(|line| line.strip_prefix("host: "));
        // Only what this machine builds from, which is there already: no test is to download.
        let text = cargo(&[
            "metadata",
            "--format-version=1",
            "--locked",
            "--filter-platform",
            host.ok_or("cargo does not say what its host is")?,
        ])?;
        let mut metadata: Metadata = serde_json::from_str(&text)?;
        let graph = Graph::from(&metadata);
        metadata.packages.retain(|package| graph.ours.contains(&package.id));
        Ok(Self { graph, members: metadata.packages })
    }

    fn users(&self, names: &[&str]) -> Result<Vec<User>, Box<dyn Error>> {
        let members = self.members.iter().filter(|member| names.contains(&member.name.as_str()));
        members
            .map(|member| {
                let folder = member.manifest_path.parent().ok_or("a manifest is in no folder")?;
                let declares = member.dependencies.iter().map(|of| of.name.clone()).collect();
                Ok(User { declares, code: Code::of_folder(folder)? })
            })
            .collect()
    }
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    workspace_members: Vec<String>,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
    manifest_path: PathBuf,
    rust_version: Option<String>,
    dependencies: Vec<Declared>,
}

#[derive(Deserialize)]
struct Declared {
    name: String,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Edge>,
}

#[derive(Deserialize)]
struct Edge {
    pkg: String,
    dep_kinds: Vec<EdgeKind>,
}

#[derive(Deserialize)]
struct EdgeKind {
    kind: Option<Kind>,
}

fn stated(package: Package) -> (String, Option<String>) {
    (package.name, package.rust_version)
}

fn locked_packages(lock: &str) -> Vec<String> {
    let names = lock.lines().filter_map(|line| line.strip_prefix("name = \""));
    names.map(|name| name.trim_end_matches('"').to_owned()).collect()
}

fn source(package: &str) -> PathBuf {
    root().join("crates").join(package).join("src")
}

fn cargo(args: &[&str]) -> Result<String, Box<dyn Error>> {
    let output = Command::new(env!("CARGO")).args(args).current_dir(root()).output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    Ok(String::from_utf8(output.stdout)?)
}

fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here)
}

// The rules, on samples that break them.

#[cfg(test)]
mod broken {
    use super::*;

    /// Packages and what they depend on; `dev:` before a dependency makes it one of tests.
    fn graph(packages: &[(&str, &[&str])]) -> Graph {
        let mut graph = Graph::default();
        for (package, dependencies) in packages {
            graph.ours.extend(package.starts_with("bill-").then(|| (*package).to_owned()));
            graph.names.insert((*package).into(), (*package).into());
            let edges = dependencies.iter().map(|name| match name.strip_prefix("dev:") {
                Some(name) => (name.to_owned(), Kind::Dev),
                None => ((*name).to_owned(), Kind::Normal),
            });
            graph.dependencies.insert((*package).into(), edges.collect());
        }
        graph
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn code(text: &str) -> Code {
        Code::of_text(text).unwrap()
    }

    #[track_caller]
    fn assert_complaint(complaints: &[String], about: &str) {
        assert!(complaints.iter().any(|told| told.contains(about)), "{about}: {complaints:?}");
    }

    #[test]
    fn a_second_provider_none_another_or_the_same_in_two_versions_is_seen() {
        assert_fine(&crypto_complaints(&names(&["rustls", "ring", "ring-buffer"])));
        for second in PROVIDERS {
            let complaints = crypto_complaints(&names(&["ring", "rustls", second]));
            assert_complaint(&complaints, second);
        }
        assert_complaint(&crypto_complaints(&names(&["rustls"])), "[]");
        assert_complaint(&crypto_complaints(&names(&["aws-lc-rs"])), "aws-lc-rs");
    }

    #[test]
    fn a_provider_that_only_tests_build_is_seen() {
        let graph = graph(&[
            ("bill-async", &["ring", "dev:tls-tester"]),
            ("ring", &[]),
            ("tls-tester", &["aws-lc-rs", "dev:graviola"]),
            ("aws-lc-rs", &[]),
            ("graviola", &[]),
        ]);
        let complaints = crypto_complaints(&graph.everything());
        assert_complaint(&complaints, "[\"aws-lc-rs\", \"ring\"]");
    }

    #[test]
    fn the_names_of_a_lock_file_are_read() {
        let lock = "version = 4\n\n[[package]]\nname = \"openssl-sys\"\nversion = \"1.0.0\"\n";
        assert_eq!(locked_packages(lock), ["openssl-sys"]);
    }

    #[test]
    fn cargos_metadata_is_read_with_the_kinds_of_its_edges() {
        let text = r#"{
            "packages": [
                {"id": "a#1", "name": "bill-sandbox", "manifest_path": "/a/Cargo.toml",
                 "rust_version": null, "dependencies": [{"name": "x"}]},
                {"id": "b#1", "name": "bill-session-core", "manifest_path": "/b/Cargo.toml",
                 "rust_version": "1.89", "dependencies": []},
                {"id": "x#1", "name": "x", "manifest_path": "/x/Cargo.toml",
                 "rust_version": null, "dependencies": []}
            ],
            "workspace_members": ["a#1", "b#1"],
            "resolve": {"nodes": [
                {"id": "a#1", "deps": [{"pkg": "x#1", "dep_kinds": [{"kind": "dev"}]}]},
                {"id": "x#1", "deps": [{"pkg": "b#1", "dep_kinds": [{"kind": null}]}]}
            ]}
        }"#;
        let graph = Graph::from(&serde_json::from_str::<Metadata>(text).unwrap());
        assert_complaint(&sandbox_complaints(&graph), CORE);
        assert!(graph.ours_below(SANDBOX, &[Kind::Normal]).is_empty());
    }

    #[test]
    fn a_sandbox_that_depends_on_ours_is_seen_directly_through_others_and_in_tests() {
        assert_fine(&sandbox_complaints(&graph(&[(SANDBOX, &["axum"]), ("axum", &[])])));
        let ways: [&[(&str, &[&str])]; 3] = [
            &[(SANDBOX, &[CORE]), (CORE, &[])],
            &[(SANDBOX, &["middle"]), ("middle", &[CORE]), (CORE, &[])],
            &[(SANDBOX, &["dev:bill-session-core"]), (CORE, &[])],
        ];
        for way in ways {
            assert_complaint(&sandbox_complaints(&graph(way)), CORE);
        }
        assert_complaint(&sandbox_complaints(&graph(&[])), SANDBOX);
    }

    #[test]
    fn a_core_that_depends_on_ours_is_seen() {
        assert_fine(&core_complaints(&graph(&[(CORE, &["http"]), ("http", &[]), (HOST, &[])])));
        assert_complaint(&core_complaints(&graph(&[(CORE, &[HOST]), (HOST, &[])])), HOST);
        let tests = graph(&[(CORE, &["dev:bill-sandbox"]), (SANDBOX, &[])]);
        assert_complaint(&core_complaints(&tests), SANDBOX);
    }

    #[test]
    fn an_adapter_that_depends_on_more_or_less_than_core_and_clock_is_seen() {
        let rest: [(&str, &[&str]); 4] =
            [(CORE, &[]), (HOST, &[]), (SANDBOX, &[]), ("bill-cli", &[])];
        let adapter = |dependencies: &[&str]| {
            let mut packages = rest.to_vec();
            packages.push(("bill-async", dependencies));
            adapter_complaints(&graph(&packages), "bill-async")
        };
        assert_fine(&adapter(&[CORE, HOST]));
        assert_fine(&adapter(&[CORE, HOST, "dev:bill-sandbox", "dev:bill-async"]));
        assert_complaint(&adapter(&[CORE]), "not on {\"bill-session-core\"}");
        assert_complaint(&adapter(&[CORE, HOST, SANDBOX]), SANDBOX);
        assert_complaint(&adapter(&[CORE, HOST, "dev:bill-cli"]), "bill-cli");
    }

    #[test]
    fn a_dependency_undeclared_or_unused_is_seen() {
        let user = |declares: &[&str], text: &str| User {
            declares: names(declares).into_iter().collect(),
            code: code(text),
        };
        let complaints = |users: &[User]| meant_complaints("http", &[CORE], users);
        for used in ["use http::Request;", "type A = http::Uri;", "use http as h;", "use http;"] {
            assert_fine(&complaints(&[user(&["http"], used)]));
        }
        for unused in [
            "",
            "// use http::Request;",
            "/// http::Request\nstruct A;",
            "const A: &str = \"http::Request\";",
            "use crate::http::Request;",
            "fn http() {}",
            "#[cfg(test)] use http::Request;",
        ] {
            assert_complaint(&complaints(&[user(&["http"], unused)]), "http");
        }
        assert_complaint(&complaints(&[user(&[], "use http::Request;")]), "http");
        let apart = [user(&["http"], ""), user(&[], "use http::Request;")];
        assert_complaint(&complaints(&apart), "http");
        assert_complaint(&complaints(&[]), "http");
    }

    #[test]
    fn an_adapter_of_more_than_two_fifths_of_the_core_is_seen_and_so_is_an_empty_one() {
        let lines = |count: usize| code(&"fn f() {}\n".repeat(count));
        let complaints = |adapter| size_complaints("bill-async", &lines(adapter), &lines(10));
        assert_fine(&complaints(4));
        assert_complaint(&complaints(5), "has 5 code lines");
        assert_complaint(&complaints(0), "has 0 code lines");
    }

    #[test]
    fn an_adapter_that_names_what_only_the_core_should_know_is_seen() {
        for (text, about) in [
            ("const A: &str = \"BDC_1109\";", "BDC code"),
            ("const A: u8 = BDC_1109;", "BDC code"),
            ("fn f(code: u16) -> bool { code == 1109 }", "BDC code"),
            ("const A: &str = \"sessionId\";", "field"),
            ("const A: &[u8] = b\"devKey=\";", "field"),
            ("const A: &str = r#\"{\"orgId\": 1}\"#;", "field"),
            ("fn f() { format!(\"userName={u}&x\") }", "field"),
            ("fn f() { g(\"password\") }", "field"),
            ("struct A { #[serde(rename = \"response_status\")] a: u8 }", "field"),
            ("#[serde(rename_all = \"camelCase\")] struct A;", "rename_all"),
            ("const A: Duration = Duration::from_mins(35);", "minutes"),
            ("const A: u64 = 35 * 60;", "minutes"),
            ("const A: u64 = 60u64 * X;", "minutes"),
            ("const A: u64 = 2_040;", "minutes"),
            ("const A: u64 = 2100u64;", "minutes"),
            ("const A: Duration = Duration::from_secs(1_800);", "minutes"),
        ] {
            assert_complaint(&vocabulary_complaints("loop.rs", &code(text)), about);
        }
    }

    #[test]
    fn an_adapter_is_free_to_use_its_own_words_and_to_explain_and_test_them() {
        assert_fine(&vocabulary_complaints(
            "loop.rs",
            &code(
                r#"
                /// After a BDC_1109, or 35 * 60 seconds, `sessionId` is void.
                fn session_id(&self) -> &str { self.session_id("no password was given", '"') }
                const CONNECT: Duration = Duration::from_secs(5);
                const TICK: Duration = Duration::from_millis(250 * 2);
                #[cfg(test)]
                mod tests { const A: &str = "BDC_1109"; const B: u64 = 2_100; }
                "#,
            ),
        ));
    }

    #[test]
    fn a_package_that_states_its_own_version_edition_rust_version_or_lints_is_seen() {
        let good = "[package]\nname = \"a\"\nversion.workspace = true\nedition.workspace = true\n\
                    rust-version.workspace = true\n\n[lints]\nworkspace = true\n";
        assert_fine(&inheritance_complaints("a", good));
        for (from, to) in [
            ("\nversion.workspace = true", "\nversion = \"0.1.0\""),
            ("edition.workspace = true", "edition = \"2021\""),
            ("rust-version.workspace = true", "rust-version = \"1.85\""),
            ("[lints]\nworkspace = true", "[lints.rust]\nmissing_docs = \"warn\""),
            ("[lints]\nworkspace = true", "[dependencies]\nworkspace = true"),
        ] {
            let complaints = inheritance_complaints("a", &good.replace(from, to));
            assert_eq!(complaints.len(), 1, "{complaints:?}");
        }
    }

    #[test]
    fn two_rust_versions_and_none_are_seen() {
        let of = |version: Option<&str>| ("a".to_owned(), version.map(str::to_owned));
        assert_fine(&rust_version_complaints(&[of(Some("1.89")), of(Some("1.89"))]));
        for stated in [[of(Some("1.89")), of(Some("1.90"))], [of(Some("1.89")), of(None)]] {
            assert_complaint(&rust_version_complaints(&stated), "1.89");
        }
        assert_complaint(&rust_version_complaints(&[of(None), of(None)]), "None");
    }

    #[test]
    fn a_core_with_a_ban_missing_or_commented_out_is_seen() {
        let all: String = BANS.iter().map(|path| format!("  {{ path = \"{path}\" }},\n")).collect();
        assert_fine(&ban_complaints(&all));
        for path in BANS {
            let ban = format!("  {{ path = \"{path}\" }},\n");
            assert_complaint(&ban_complaints(&all.replace(&ban, "")), path);
            assert_complaint(&ban_complaints(&all.replace(&ban, &format!("#{ban}"))), path);
        }
    }

    #[test]
    fn a_core_that_does_not_forbid_both_lints_is_seen() {
        let fine = "#![forbid(clippy::disallowed_methods, clippy::disallowed_types)]\nmod a;";
        assert_fine(&forbid_complaints(&code(fine)));
        for (text, lint) in [
            ("mod a;", "disallowed_types"),
            ("#![forbid(clippy::disallowed_methods)]\nmod a;", "disallowed_types"),
            ("#![deny(clippy::disallowed_methods, clippy::disallowed_types)]", "disallowed_types"),
            ("#![forbid(clippy::disallowed_types)]\nmod a;", "disallowed_methods"),
            (
                "// #![forbid(clippy::disallowed_methods)]\n#![forbid(unsafe_code)]",
                "disallowed_methods",
            ),
            (
                "#[forbid(clippy::disallowed_methods, clippy::disallowed_types)]\nmod a;",
                "disallowed_methods",
            ),
            ("#![forbid(unsafe_code)]\n#![warn(clippy::disallowed_methods)]", "disallowed_methods"),
        ] {
            assert_complaint(&forbid_complaints(&code(text)), lint);
        }
    }
}
