//! A whole run in a process of its own, and what it leaves outside of that process's memory: events,
//! files, arguments, environment and what is printed.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{self, Command};

use bill_conformance::Adapter;
use bill_session_core::SignInWith;

use super::{
    Cage, exercise, exercise_all, exercise_mfa, exercise_partner, exercise_v3, partner_credentials,
    texts, user,
};
use crate::canary::Canaries;

const INSIDE: &str = "BILL_TEST_RUNS_BY_ITSELF";
const NAME: &str = "run::a_whole_run_leaves_no_secret_in_files_arguments_environment_or_output";

/// Planted in each channel, on purpose.
const PLANTED: &str = "a-planted-canary";

#[test]
#[expect(clippy::type_complexity, reason = "the house has no type aliases")]
fn no_event_of_a_whole_run_tells_a_secret() {
    let mut told = 0;
    for adapter in [Adapter::Async, Adapter::Blocking] {
        let runs: [(Cage, fn(&mut Cage)); 4] = [
            (Cage::new(adapter, user()), |cage| drop(exercise(cage))),
            (Cage::v3(adapter, user()), |cage| drop(exercise_v3(cage))),
            (Cage::v3(adapter, user()), |cage| {
                exercise_mfa(cage, ["v3/Login", "v3/MFAValidate"]);
            }),
            (Cage::with(adapter, partner_credentials(), SignInWith::V2), |cage| {
                exercise_partner(cage);
            }),
        ];
        let mut channel_told = false;
        for (mut cage, run) in runs {
            let mut events = cage.client.events();
            run(&mut cage);
            let heard = events.heard();
            told += heard.len();
            for text in heard.iter().flat_map(texts) {
                cage.canaries.assert_absent(&text);
                // The channel proves itself: what BILL says of a refusal does come through it.
                channel_told |= Canaries::new(["BDC_1101"]).found_in(&text);
            }
        }
        assert!(channel_told, "no refusal was told");
    }
    println!("events: {told}");
    assert!(told >= 20, "{told}");
}

/// Every file below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(self::files(&path)) } else { files.push(path) }
    }
    files
}

/// The files that this process has open.
fn open_files() -> Vec<PathBuf> {
    let entries = fs::read_dir("/proc/self/fd").unwrap().flatten();
    let targets = entries.filter_map(|entry| fs::read_link(entry.path()).ok());
    targets.filter(|path| path.is_file() && !path.starts_with("/proc")).collect()
}

fn text_of(path: impl AsRef<Path>) -> String {
    String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned()
}

#[test]
#[cfg(target_os = "linux")]
fn a_whole_run_leaves_no_secret_in_files_arguments_environment_or_output() {
    let planted = Canaries::new([PLANTED]);
    if env::var_os(INSIDE).is_some() {
        return inside(&planted);
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("run-{}", process::id()));
    fs::create_dir_all(&folder).unwrap();
    let output = Command::new(env::current_exe().unwrap())
        .args(["--exact", NAME, "--nocapture", "--skip", PLANTED])
        .current_dir(&folder)
        .envs([("HOME", &folder), ("TMPDIR", &folder), ("XDG_CACHE_HOME", &folder)])
        .envs([(INSIDE, "1"), ("PLANTED", PLANTED)])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    fs::remove_dir_all(&folder).unwrap();
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
    assert!(planted.found_in(&text));
    let [_, told] = text.split("and so is: ").collect::<Vec<_>>()[..] else { panic!("{text}") };
    println!("{}", told.lines().next().unwrap());
}

/// What the child does: the run, and a look at each channel.
fn inside(planted: &Canaries) {
    let folder = env::current_dir().unwrap();
    let file = folder.join("planted");
    fs::write(&file, [b"\0", PLANTED.as_bytes()].concat()).unwrap();
    let before = open_files();
    let mut canaries = Canaries::new([]);
    let mut opened = Vec::new();
    for adapter in [Adapter::Async, Adapter::Blocking] {
        exercise_all(adapter, |cage, _| {
            canaries.join(&cage.canaries);
            opened.extend(open_files());
        });
    }
    // Each channel proves itself, and holds nothing else.
    let written = files(&folder);
    assert!(planted.found_in(&text_of(&file)));
    assert_eq!(written, [file], "nothing is written");
    for channel in ["/proc/self/cmdline", "/proc/self/environ"] {
        let text = text_of(channel);
        assert!(planted.found_in(&text), "{channel}");
        canaries.assert_absent(&text);
    }
    opened.retain(|path| !before.contains(path));
    assert!(opened.is_empty(), "{opened:?}");
    println!("the output tells this: {PLANTED}, and so is: nothing written, nothing opened");
}
