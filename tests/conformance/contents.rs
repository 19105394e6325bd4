//! What an upload carries is read as far as it goes, and no further; what cannot be is refused.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{self, Command};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use bill_conformance::{
    Adapter, Carried, MILLISECOND, Op, Pattern, SECOND, STUCK, Upload, World, eventually,
};
use bill_sandbox::{Fault, FaultKind, Upload as Kept};
use bill_session_core::{Code, Error};

const BILL: &str = "00n01000000000000001";
const DOCUMENTS: &str = "/v3/documents/bills/00n01000000000000001";
const V2: &str = "UploadAttachment";
const V3: &str = "v3/Upload/bills";

/// Some more than a piece of what is read at a time, and not a multiple of it.
const LENGTH: u64 = 300_001;

/// The same upload to either API, with its name in the journal.
fn to_both(carried: &Carried) -> [(&'static str, Op); 2] {
    let limited = |mut upload: Upload| {
        upload.deadline = Some(STUCK);
        Op::Upload(upload)
    };
    [
        (V2, limited(Upload::attachment(BILL, "scan.pdf", carried.clone()))),
        (V3, limited(Upload::document(DOCUMENTS, "scan.pdf", carried.clone()))),
    ]
}

/// A pipe with a name, that is gone with this; nobody writes into it.
struct Pipe(PathBuf);

impl Pipe {
    fn new() -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = env::temp_dir().join(format!("bill-pipe-{}-{number}", process::id()));
        assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
        Self(path)
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        // Somebody else may have tidied up.
        let _ = fs::remove_file(&self.0);
    }
}

pub(crate) fn what_is_no_regular_file_is_refused_at_once(adapter: Adapter) {
    let world = World::new(adapter);
    let pipe = Pipe::new();
    for path in [&*pipe.0, Path::new("/dev/null"), &*env::temp_dir()] {
        for (_, op) in to_both(&Carried::Path(path.to_owned())) {
            // On a thread of its own: to open a pipe would wait for a writer, for ever.
            let (tell, told) = mpsc::channel();
            let client = world.client().clone();
            thread::spawn(move || tell.send(client.run(&op)));
            let error = told.recv_timeout(STUCK / 2).unwrap().unwrap_err();
            assert!(matches!(error, Error::Content { .. }), "{error:?}");
            let source = std::error::Error::source(&error).unwrap().to_string();
            assert!(source.contains("no regular file"), "{source}");
        }
    }
    assert_eq!(world.sandbox.uploads().len(), 0);
    let operations = world.operations();
    assert!(!operations.iter().any(|name| name == V2 || name == V3), "{operations:?}");
    // The session is as good as before.
    world.call().unwrap();
    assert_eq!(world.sign_ins(), 1);
}

pub(crate) fn a_file_that_does_not_know_its_length_arrives_whole(adapter: Adapter) {
    let path = Path::new("/proc/version");
    let Ok(content) = fs::read(path) else {
        return;
    };
    assert!(fs::metadata(path).unwrap().len() == 0 && !content.is_empty());
    let world = World::new(adapter);
    for (name, op) in to_both(&Carried::Path(path.to_owned())) {
        world.run(&op).unwrap();
        let kept = world.sandbox.uploads().pop().unwrap();
        assert_eq!(kept.length, content.len() as u64, "{name}");
        assert_eq!(kept.checksum, Kept::checksum_of(&content), "{name}");
    }
}

pub(crate) fn a_reader_that_stays_open_is_read_no_further_than_was_told(adapter: Adapter) {
    for length in [0, 1_000, LENGTH] {
        let world = World::new(adapter);
        let open = Carried::Reader(Pattern::open_after(length), Some(length));
        for (name, op) in to_both(&open) {
            world.run(&op).unwrap();
            let kept = world.sandbox.uploads().pop().unwrap();
            assert_eq!(kept.length, length, "{name}");
            let whole = Kept::checksum_of(&Pattern::of(length).whole());
            assert_eq!(kept.checksum, whole, "{name}");
        }
    }
}

pub(crate) fn a_reader_that_is_interrupted_is_read_on(adapter: Adapter) {
    let world = World::new(adapter);
    for told in [Some(LENGTH), None] {
        for (name, op) in to_both(&Carried::Reader(Pattern::interrupted(LENGTH), told)) {
            world.run(&op).unwrap();
            let kept = world.sandbox.uploads().pop().unwrap();
            assert_eq!(kept.length, LENGTH, "{name}");
            let whole = Kept::checksum_of(&Pattern::of(LENGTH).whole());
            assert_eq!(kept.checksum, whole, "{name}");
        }
    }
}

pub(crate) fn bytes_that_met_three_calls_are_sent_twice_more_and_a_reader_never(adapter: Adapter) {
    let contended = |name| Fault::new(FaultKind::code("BDC_1322")).on(name).times(2);
    for (name, op) in to_both(&Carried::Bytes(Pattern::of(LENGTH).whole())) {
        let world = World::new(adapter);
        world.sign_in().unwrap();
        world.sandbox.fault(contended(name));
        let sending = world.start(1, &op);
        for refused in 1..=2 {
            eventually("it backs off", || {
                let now = world.client().status();
                (now.in_flight, now.waiting, world.rejected("BDC_1322")) == (0, 1, refused)
            });
            world.advance(SECOND);
        }
        sending.join_all_ok();
        let kept = world.sandbox.uploads();
        assert_eq!((kept.len(), kept[0].length), (1, LENGTH));
        assert_eq!(world.sessions_of(name), [1; 3]);
    }
    for (name, op) in to_both(&Carried::Reader(Pattern::of(LENGTH), Some(LENGTH))) {
        let world = World::new(adapter);
        world.sign_in().unwrap();
        world.sandbox.fault(contended(name));
        let error = world.run(&op).unwrap_err();
        assert_eq!(error.code().map(Code::as_str), Some("BDC_1322"));
        world.advance(MILLISECOND);
        assert_eq!((world.sandbox.uploads().len(), world.sessions_of(name)), (0, vec![1]));
    }
}
