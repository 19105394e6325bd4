//! A test that runs itself again in a child, whose memory is searched.
//!
//! The parent makes the secrets up, and everything that they could look like. The child is told all
//! that in a disguise, through its standard input: not by its arguments, not by its environment.

use std::collections::BTreeMap;
use std::env;
use std::io::{self, BufRead, Write};
use std::process::{Command, Stdio};
use std::sync::Arc;

use bytes::Bytes;
use zeroize::Zeroizing;

use crate::canary::forms;
use crate::needle::{Found, Masked, Needles};
use crate::own;

const INSIDE: &str = "BILL_TEST_SEARCHES_ITS_OWN_MEMORY";

/// The secrets, each with the letters that its encodings change. A session's id and a remembered
/// device's are BILL's to make, without letters that JSON escapes.
const SECRETS: [(&str, &str); 12] = [
    ("user", QUOTED),
    ("password", BEYOND_ASCII),
    ("key", QUOTED),
    ("session", PLAIN_IN_JSON),
    ("second session", PLAIN_IN_JSON),
    ("token name", QUOTED),
    ("token", BEYOND_ASCII),
    ("console token", BEYOND_ASCII),
    ("application key", QUOTED),
    ("code", BEYOND_ASCII),
    ("device", PLAIN_IN_JSON),
    ("planted", BEYOND_ASCII),
];

const PLAIN_IN_JSON: &str = "+/&=%";
// A piece has two of them: each form has a piece of its own, whichever piece is left.
const QUOTED: &str = "\"+\"/\"&\"=\"%";
const BEYOND_ASCII: &str = "\"é\"+\"/\"&\"=";

/// What the forms of a secret are called, in the order of [`forms`].
const FORMS: [&str; 17] = [
    "as it is", "percent", "percent", "percent", "percent", "JSON", "JSON", "escaped", "base64",
    "base64", "base64", "base64", "base64", "base64", "hex", "hex", "bytes",
];

const PLAIN: &[u8] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

/// The secrets of one run, in the clear: only a parent has them.
#[derive(Clone)]
pub(crate) struct Secrets(BTreeMap<&'static str, String>);

impl Secrets {
    fn from(mut seed: u64) -> Self {
        // An xorshift, by Marsaglia.
        let mut letter = move || {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            char::from(PLAIN[(seed >> 33) as usize % PLAIN.len()])
        };
        // In each piece stand two letters that some form changes, so that a piece of one form is no
        // piece of another.
        let mut text = |odd: &str| {
            let eighths = odd.chars().cycle().take(9).flat_map(|odd| {
                let plain = (0..7).map(|_| letter()).collect::<String>();
                (plain + &odd.to_string()).chars().collect::<Vec<_>>()
            });
            eighths.chain(['e', 'n', 'd']).collect()
        };
        Self(SECRETS.map(|(name, odd)| (name, text(odd))).into())
    }

    /// An answer with secrets in it: `~session~` stands for one.
    pub(crate) fn answer(&self, template: &str) -> String {
        let part = |part| self.0.get(part).map_or(part, String::as_str);
        template.split('~').map(part).collect()
    }
}

/// What a child knows.
pub(crate) struct Child {
    secrets: BTreeMap<String, Masked>,
    needles: Needles,
    /// Where the server of its parent is, if it has one.
    pub(crate) origin: String,
}

impl Child {
    fn from_input() -> Self {
        let mut child =
            Self { secrets: BTreeMap::new(), needles: Needles::default(), origin: String::new() };
        for line in io::stdin().lock().lines() {
            let line = line.unwrap();
            let fields: Vec<_> = line.split('\t').collect();
            match fields[..] {
                ["secret", name, hex] => {
                    child.secrets.insert(name.to_owned(), Masked::from_hex(hex));
                }
                ["needle", name, hex] => child.needles.add(name, &Masked::from_hex(hex)),
                ["origin", origin] => origin.clone_into(&mut child.origin),
                _ => panic!("{line}"),
            }
        }
        child
    }

    /// A secret as a program has it: whoever is given it must wipe it.
    pub(crate) fn secret(&self, name: &str) -> String {
        self.secrets[name].reveal()
    }

    /// An answer with secrets in it, wiped when it is dropped: `~session~` stands for one.
    pub(crate) fn answer(&self, template: &str) -> Bytes {
        struct Answer(Zeroizing<Vec<u8>>);
        impl AsRef<[u8]> for Answer {
            fn as_ref(&self) -> &[u8] {
                &self.0
            }
        }
        let mut body = Zeroizing::new(Vec::with_capacity(4 << 10));
        for part in template.split('~') {
            match self.secrets.get(part) {
                Some(secret) => body.extend_from_slice(Zeroizing::new(secret.reveal()).as_bytes()),
                None => body.extend_from_slice(part.as_bytes()),
            }
        }
        assert!(body.len() <= 4 << 10, "it would have left a part of it behind");
        Bytes::from_owner(Answer(body))
    }

    /// What of all secrets there is in this process, in whatever form.
    pub(crate) fn found(&self) -> Found {
        own::found(&self.needles)
    }
}

/// Runs `inside` as the test of this name in a process of its own; what it prints is shown.
///
/// `serve` is run by the parent, which is given the secrets; it gives the origin for the child.
pub(crate) fn in_a_child<S>(
    test: &str,
    serve: impl FnOnce(&Secrets) -> (String, S),
    variables: impl FnOnce(&S) -> Vec<(&'static str, String)>,
    inside: impl FnOnce(&Arc<Child>),
) {
    if env::var_os(INSIDE).is_some() {
        return inside(&Arc::new(Child::from_input()));
    }
    let seed = env::var("BILL_MEMORY_SEED").map(|seed| seed.parse().unwrap());
    let seed = seed.unwrap_or_else(|_| bill_session_host::seed());
    println!("{test}: seed {seed}");
    let secrets = Secrets::from(seed);
    let (origin, serving) = serve(&secrets);
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .envs(variables(&serving))
        .env(INSIDE, "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    writeln!(input, "origin\t{origin}").unwrap();
    for (name, text) in &secrets.0 {
        writeln!(input, "secret\t{name}\t{}", Masked::of(text.as_bytes()).to_hex()).unwrap();
        for (form, called) in forms(text).iter().zip(FORMS) {
            let form = Masked::of(form.trim_start_matches("[bytes]").as_bytes()).to_hex();
            writeln!(input, "needle\t{name}, {called}\t{form}").unwrap();
        }
    }
    drop(input);
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "seed {seed}\n{text}");
    assert!(text.contains("1 passed"), "{text}");
    // Behind the name of the test, if the test is the only one.
    for told in text.lines().filter_map(|line| line.find("memory: ").map(|at| &line[at..])) {
        println!("{told}");
    }
    drop(serving);
}
