//! Files: streamed to either API, sent again when that is safe, and never twice when it is not.

use std::env;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{self, Command};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use bill_conformance::{
    Adapter, Carried, MILLISECOND, MINUTE, Op, Pattern, Recorder, STUCK, Target, Upload, World,
};
use bill_sandbox::{DEMO_ORG, Fault, FaultKind, Sandbox, Upload as Kept};
use bill_session_core::{Code, Error, Misuse, Retry, SignInWith};
use serde_json::json;

const BILL: &str = "00n01000000000000001";
const DOCUMENTS: &str = "/v3/documents/bills/00n01000000000000001";
const V2: &str = "UploadAttachment";
const V3: &str = "v3/Upload/bills";

/// Some more than a piece of what is read at a time, and not a multiple of it.
const LENGTH: u64 = 300_001;

/// A file that is gone with this.
struct Scratch(PathBuf);

impl Scratch {
    fn new(length: u64) -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = env::temp_dir().join(format!("bill-upload-{}-{number}", process::id()));
        let mut file = File::create_new(&path).unwrap();
        std::io::copy(&mut Pattern::of(length), &mut file).unwrap();
        Self(path)
    }

    fn path(&self) -> &Path {
        &self.0
    }

    fn carried(&self) -> Carried {
        Carried::Path(self.0.clone())
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Somebody else may have tidied up.
        let _ = fs::remove_file(&self.0);
    }
}

fn bytes() -> Carried {
    Carried::Bytes(Pattern::of(LENGTH).whole())
}

fn reader() -> Carried {
    Carried::Reader(Pattern::of(LENGTH), Some(LENGTH))
}

/// The same upload to either API, with its name in the journal; none is waited for longer than a
/// busy machine needs.
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

fn assert_kept(kept: &Kept, length: u64) {
    assert_eq!((kept.length, kept.name.as_str()), (length, "scan.pdf"));
    assert_eq!((kept.object.as_str(), kept.organization.as_str()), (BILL, DEMO_ORG));
    let checksum = Kept::checksum_of(&Pattern::of(length).whole());
    assert_eq!(kept.checksum, checksum, "the content is another");
}

fn code(error: &Error) -> Option<&str> {
    error.code().map(Code::as_str)
}

pub(crate) fn bytes_a_file_and_a_reader_arrive_whole_in_both_apis(adapter: Adapter) {
    let file = Scratch::new(LENGTH);
    let unknown = Carried::Reader(Pattern::of(LENGTH), None);
    for api in [SignInWith::V2, SignInWith::V3] {
        let world = World::with(adapter, |setup| setup.sign_in_with = api);
        let mut sent = 0;
        for carried in [bytes(), file.carried(), reader(), unknown.clone()] {
            for (name, op) in to_both(&carried) {
                let answer = world.run(&op).unwrap();
                sent += 1;
                let kept = world.sandbox.uploads();
                assert_eq!(kept.len(), sent);
                assert_kept(&kept[sent - 1], LENGTH);
                let id = if name == V2 { "documentUploadedId" } else { "uploadId" };
                assert_eq!(answer[id], kept[sent - 1].id);
            }
        }
        assert_eq!((world.sign_ins(), world.stats().uploads), (1, 8));
    }
}

pub(crate) fn nothing_at_all_can_be_uploaded_too(adapter: Adapter) {
    let empty = Scratch::new(0);
    let world = World::new(adapter);
    let all = [
        Carried::Bytes(Vec::new()),
        empty.carried(),
        Carried::Reader(Pattern::of(0), Some(0)),
        Carried::Reader(Pattern::of(0), None),
    ];
    for carried in all {
        for (name, op) in to_both(&carried) {
            world.run(&op).unwrap();
            let kept = world.sandbox.uploads().pop().unwrap();
            assert_eq!((kept.length, kept.object.as_str()), (0, BILL), "{name}: {carried:?}");
        }
    }
    assert_eq!(world.stats().uploads, 8);
}

pub(crate) fn a_reader_that_brings_more_than_was_told_is_cut_there(adapter: Adapter) {
    let world = World::new(adapter);
    for (_, op) in to_both(&Carried::Reader(Pattern::of(LENGTH), Some(1_000))) {
        world.run(&op).unwrap();
        assert_kept(&world.sandbox.uploads().pop().unwrap(), 1_000);
    }
}

pub(crate) fn bytes_and_files_are_sent_once_more_with_a_new_session(adapter: Adapter) {
    let file = Scratch::new(LENGTH);
    for carried in [bytes(), file.carried()] {
        for (name, op) in to_both(&carried) {
            let world = World::new(adapter);
            world.sign_in().unwrap();
            world.sandbox.fault(Fault::new(FaultKind::LoseSession).on(name));
            world.run(&op).unwrap();
            // The refused one was not kept, and the second one is whole.
            let kept = world.sandbox.uploads();
            assert_eq!(kept.len(), 1);
            assert_kept(&kept[0], LENGTH);
            assert_eq!(world.sessions_of(name), [1, 2]);
            assert_eq!((world.sign_ins(), world.rejected("BDC_1109")), (2, 1));
        }
    }
}

pub(crate) fn a_reader_is_never_sent_again(adapter: Adapter) {
    for (name, op) in to_both(&reader()) {
        let world = World::with(adapter, |setup| setup.retry = Retry::times(5));
        world.sign_in().unwrap();
        world.sandbox.fault(Fault::new(FaultKind::LoseSession).on(name));
        let error = world.run(&op).unwrap_err();
        assert!(matches!(error, Error::Api(_)), "{error:?}");
        assert_eq!(code(&error), Some("BDC_1109"));
        assert_eq!(world.sessions_of(name), [1]);
        assert_eq!((world.sandbox.uploads().len(), world.sign_ins()), (0, 1));
        // The program can do it again, with a reader of its own.
        world.run(&op).unwrap();
        assert_eq!(world.sessions_of(name), [1, 2]);
        assert_kept(&world.sandbox.uploads()[0], LENGTH);
    }
}

pub(crate) fn an_upload_whose_outcome_is_lost_is_never_sent_again(adapter: Adapter) {
    let lost = [
        FaultKind::ResetBeforeAnswer,
        FaultKind::ResetMidAnswer,
        FaultKind::Html { status: 503 },
        FaultKind::TornJson,
    ];
    for carried in [bytes(), reader()] {
        for (name, op) in to_both(&carried) {
            for kind in &lost {
                let world = World::with(adapter, |setup| setup.retry = Retry::times(5));
                world.sandbox.fault(Fault::new(kind.clone()).on(name).handled());
                let error = world.run(&op).unwrap_err();
                assert!(
                    matches!(error, Error::NoAnswer { .. } | Error::NotBill { .. }),
                    "{kind:?}: {error:?}"
                );
                assert_eq!(world.sessions_of(name), [1]);
                assert_eq!(world.stats().uploads, 1);
            }
        }
    }
}

pub(crate) fn a_reader_gets_a_session_with_five_minutes_left(adapter: Adapter) {
    for (name, op) in to_both(&reader()) {
        let world = World::new(adapter);
        world.sign_in().unwrap();
        // A moment more than five minutes are left, and are enough.
        world.advance(29 * MINUTE - MILLISECOND);
        world.run(&op).unwrap();
        assert_eq!(world.sign_ins(), 1);
        world.advance(29 * MINUTE + MILLISECOND);
        world.run(&op).unwrap();
        assert_eq!(world.sessions_of(name), [1, 2]);
        // Bytes can be sent again, so that they need no such care.
        let (_, op) = to_both(&bytes()).into_iter().find(|(named, _)| *named == name).unwrap();
        world.advance(33 * MINUTE);
        world.run(&op).unwrap();
        assert_eq!((world.sign_ins(), world.rejected("BDC_1109")), (2, 0));
    }
}

pub(crate) fn a_file_that_is_not_there_is_told_and_nothing_is_sent(adapter: Adapter) {
    let world = World::new(adapter);
    let missing = env::temp_dir().join("bill-upload-that-never-was");
    for (name, op) in to_both(&Carried::Path(missing)) {
        let error = world.run(&op).unwrap_err();
        let Error::Content { call, .. } = &error else { panic!("{error:?}") };
        assert_eq!(
            &**call,
            if name == V2 { V2 } else { "POST /v3/documents/bills/00n01000000000000001" }
        );
        assert!(!error.to_string().contains("never-was"), "{error}");
        let source = std::error::Error::source(&error).unwrap().to_string();
        assert!(source.to_lowercase().contains("no such file"), "{source}");
    }
    // A directory is no file either.
    for (_, op) in to_both(&Carried::Path(env::temp_dir())) {
        let error = world.run(&op).unwrap_err();
        assert!(matches!(error, Error::Content { .. }), "{error:?}");
    }
    world.call().unwrap();
    assert_eq!(world.sandbox.uploads().len(), 0);
    let operations = world.operations();
    assert!(!operations.iter().any(|name| name == V2 || name == V3), "{operations:?}");
    assert_eq!(world.sign_ins(), 1);
}

pub(crate) fn a_reader_that_ends_early_is_told(adapter: Adapter) {
    for (name, op) in to_both(&Carried::Reader(Pattern::of(LENGTH), Some(LENGTH + 1))) {
        let world = World::with(adapter, |setup| setup.retry = Retry::times(5));
        let error = world.run(&op).unwrap_err();
        assert!(matches!(error, Error::Content { .. }), "{error:?}");
        assert!(world.sandbox.uploads().is_empty());
        assert!(world.operations().iter().filter(|known| *known == name).count() <= 1);
        // The session and its slot are as they were.
        world.call().unwrap();
        assert_eq!((world.sign_ins(), world.client().status().in_flight), (1, 0));
    }
}

pub(crate) fn a_reader_that_fails_is_told_with_its_own_words(adapter: Adapter) {
    for length in [None, Some(2 * LENGTH)] {
        for (_, op) in to_both(&Carried::Reader(Pattern::failing_after(LENGTH), length)) {
            let world = World::new(adapter);
            let error = world.run(&op).unwrap_err();
            assert!(matches!(error, Error::Content { .. }), "{error:?}");
            let source = std::error::Error::source(&error).unwrap().to_string();
            assert!(source.contains("the tape is torn"), "{source}");
            assert!(world.sandbox.uploads().is_empty());
            world.call().unwrap();
            assert_eq!(world.sign_ins(), 1);
        }
    }
}

/// A server that signs in, and then has its own way with the connection that an upload comes on,
/// of which it has read the head.
fn server(
    uploads: usize,
    mut treat: impl FnMut(std::net::TcpStream) + Send + 'static,
) -> (String, thread::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let serving = thread::spawn(move || {
        let mut left = uploads;
        while left > 0 {
            let (mut stream, _) = listener.accept().unwrap();
            stream.set_read_timeout(Some(STUCK)).unwrap();
            let head = read_head(&mut stream);
            if head.contains("/v3/login") {
                let body = json!({"organizationId": DEMO_ORG, "sessionId": "s"}).to_string();
                answer(&mut stream, "200 OK", &body);
            } else {
                left -= 1;
                treat(stream);
            }
        }
    });
    (origin, serving)
}

fn read_head(stream: &mut std::net::TcpStream) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        assert_eq!(stream.read(&mut byte).unwrap(), 1, "the head ends early");
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}

fn answer(stream: &mut std::net::TcpStream, status: &str, body: &str) {
    let length = body.len();
    let answer = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\nconnection: close\r\n\
         content-length: {length}\r\n\r\n{body}"
    );
    stream.write_all(answer.as_bytes()).unwrap();
}

fn at(adapter: Adapter, origin: &str) -> World {
    World::with(adapter, |setup| {
        setup.origin = Some(origin.to_owned());
        setup.sign_in_with = SignInWith::V3;
    })
}

/// More than the buffers of two sockets hold.
const LONG: u64 = 32 << 20;

pub(crate) fn a_file_that_shrinks_on_the_way_is_told(adapter: Adapter) {
    let files = [Scratch::new(LONG), Scratch::new(LONG)];
    let mut paths = files.iter().map(|file| file.path().to_owned()).collect::<Vec<_>>().into_iter();
    let (origin, serving) = server(2, move |mut stream| {
        let path = paths.next().unwrap();
        OpenOptions::new().write(true).open(path).unwrap().set_len(1_000).unwrap();
        // It takes whatever still comes, until the client hangs up.
        let _ = std::io::copy(&mut stream, &mut std::io::sink());
    });
    let world = at(adapter, &origin);
    let [first, second] = files.each_ref().map(Scratch::carried);
    let ([(_, v2), _], [_, (_, v3)]) = (to_both(&first), to_both(&second));
    for op in [v2, v3] {
        let error = world.run(&op).unwrap_err();
        assert!(matches!(error, Error::Content { .. }), "{error:?}");
    }
    serving.join().unwrap();
}

pub(crate) fn an_answer_that_comes_before_the_upload_has_ended_counts(adapter: Adapter) {
    let refusal = json!([{"code": "BDC_1234", "message": "too large"}]).to_string();
    let (origin, serving) = server(1, move |mut stream| {
        answer(&mut stream, "413 Payload Too Large", &refusal);
        let _ = std::io::copy(&mut stream, &mut std::io::sink());
    });
    let world = at(adapter, &origin);
    let carried = Carried::Reader(Pattern::of(LONG), Some(LONG));
    let op = Op::Upload(Upload::document(DOCUMENTS, "scan.pdf", carried));
    let error = world.run(&op).unwrap_err();
    assert!(matches!(&error, Error::Api(error) if error.status() == 413), "{error:?}");
    assert_eq!(code(&error), Some("BDC_1234"));
    serving.join().unwrap();
}

pub(crate) fn a_server_that_hangs_up_on_an_upload_is_no_fault_of_the_content(adapter: Adapter) {
    let refusal = json!([{"code": "BDC_1234", "message": "too large"}]).to_string();
    let (origin, serving) = server(2, move |mut stream| {
        answer(&mut stream, "413 Payload Too Large", &refusal);
    });
    let world = at(adapter, &origin);
    for carried in
        [Carried::Reader(Pattern::of(LONG), Some(LONG)), Carried::Bytes(Pattern::of(LONG).whole())]
    {
        let op = Op::Upload(Upload::document(DOCUMENTS, "scan.pdf", carried));
        let error = world.run(&op).unwrap_err();
        // Its answer may be lost with the connection.
        assert!(matches!(error, Error::Api(_) | Error::NoAnswer { .. }), "{error:?}");
    }
    // It was asked twice, once for each: nothing was sent again.
    serving.join().unwrap();
}

pub(crate) fn a_name_with_quotes_and_the_like_arrives_as_it_is(adapter: Adapter) {
    let names = [
        r#"in"voice".pdf"#,
        r"back\slash.pdf",
        "semi;colon=1.pdf",
        "Rechnung Nr. 7 – März.pdf",
        "a&b+c%20d.pdf",
        "'; filename=\"x\".pdf",
        "请求.pdf",
    ];
    let world = World::new(adapter);
    for name in names {
        let carried = || Carried::Bytes(b"x".to_vec());
        for upload in [
            Upload::attachment(BILL, name, carried()),
            Upload::document(DOCUMENTS, name, carried()),
        ] {
            world.run(&Op::Upload(upload)).unwrap();
            let kept = world.sandbox.uploads().pop().unwrap();
            assert_eq!((kept.name.as_str(), kept.length), (name, 1));
        }
    }
    // On the wire no quote ends the name early, as browsers write it.
    let signed_in = json!({"organizationId": DEMO_ORG, "sessionId": "s"}).to_string();
    let done = json!({"response_status": 0, "response_data": {}}).to_string();
    let recorder = Recorder::start([(200, signed_in), (200, done)]);
    let upload = Upload::attachment(BILL, names[0], Carried::Bytes(b"x".to_vec()));
    at(adapter, &recorder.origin()).run(&Op::Upload(upload)).unwrap();
    let body = String::from_utf8(recorder.requests()[1].body.clone()).unwrap();
    assert!(body.contains("name=\"file\"; filename=\"in%22voice%22.pdf\"\r\n"), "{body}");
    for name in ["", "a\r\nb.pdf", "a\0.pdf"] {
        let upload = Upload::attachment(BILL, name, Carried::Bytes(b"x".to_vec()));
        let error = world.run(&Op::Upload(upload)).unwrap_err();
        assert!(matches!(error, Error::Misuse(Misuse::FileName)), "{error:?}");
    }
    assert_eq!(world.stats().uploads, 2 * names.len() as u64);
}

pub(crate) fn content_that_looks_like_a_boundary_is_content(adapter: Adapter) {
    let world = World::new(adapter);
    let odd =
        b"\r\n--bill-\r\n--\r\ncontent-disposition: form-data; name=\"devKey\"\r\n\r\nx\r\n----";
    for (_, op) in to_both(&Carried::Bytes(odd.to_vec())) {
        world.run(&op).unwrap();
        let kept = world.sandbox.uploads().pop().unwrap();
        assert_eq!(kept.checksum, Kept::checksum_of(odd));
    }
}

pub(crate) fn a_refusal_of_an_upload_is_typed_and_restarts_the_timer(adapter: Adapter) {
    let world = World::new(adapter);
    world.sign_in().unwrap();
    let ops = [
        Upload::attachment("00n01000000000000999", "scan.pdf", bytes()),
        Upload::document("/v3/documents/bills/00n01000000000000999", "scan.pdf", bytes()),
    ];
    for upload in ops {
        world.advance(25 * MINUTE);
        let error = world.run(&Op::Upload(upload)).unwrap_err();
        assert!(matches!(error, Error::Api(_)), "{error:?}");
    }
    world.advance(25 * MINUTE);
    world.call().unwrap();
    assert_eq!((world.sign_ins(), world.stats().uploads), (1, 0));
}

pub(crate) fn the_query_and_path_of_an_upload_obey_the_rules_of_v3(adapter: Adapter) {
    let world = World::new(adapter);
    let upload = |path: &str, key: &str, value: &str| {
        let target = Target::Document {
            path: path.to_owned(),
            query: vec![(key.to_owned(), value.to_owned())],
        };
        let mut upload = Upload::document(path, "x", bytes());
        upload.target = target;
        world.run(&Op::Upload(upload)).unwrap_err()
    };
    let error = upload(DOCUMENTS, "sessionId", "x");
    assert!(matches!(error, Error::Misuse(Misuse::QuerySecret { .. })), "{error:?}");
    let error = upload(DOCUMENTS, "name", "demo-password");
    assert!(matches!(error, Error::Misuse(Misuse::QuerySecret { .. })), "{error:?}");
    let error = upload("/documents", "name", "x");
    assert!(matches!(error, Error::Misuse(Misuse::V3Path)), "{error:?}");
    let error = upload("/v3/login", "name", "x");
    assert!(matches!(error, Error::Misuse(Misuse::PathReserved)), "{error:?}");
    assert_eq!(world.operations(), [""; 0]);
}

pub(crate) fn an_upload_takes_one_of_the_slots(adapter: Adapter) {
    let world = World::new(adapter);
    world.sign_in().unwrap();
    let held = world.sandbox.hold(V3);
    let (_, op) = to_both(&bytes()).into_iter().next_back().unwrap();
    let uploads = world.start(5, &op);
    held.wait_for(3).unwrap();
    bill_conformance::eventually("two wait in line", || world.client().status().waiting == 2);
    assert_eq!(world.stats().in_flight, 3);
    held.release();
    uploads.join_all_ok();
    assert_eq!((world.stats().uploads, world.stats().max_in_flight), (5, 3));
}

/// What the process has had in memory at most, in bytes, where the system tells it.
fn most_memory() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kibibytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kibibytes << 10)
}

/// Fifty mebibytes, from a file and from a reader, to both APIs, by a process of its own whose
/// memory is watched; BILL stays in this one.
pub(crate) fn an_upload_of_50_mebibytes_is_never_in_memory_as_a_whole(adapter: Adapter) {
    const INSIDE: &str = "BILL_TEST_UPLOADS_TO";
    const BIG: u64 = 50 << 20;
    const MOST: u64 = 16 << 20;
    if let Some(origin) = env::var_os(INSIDE) {
        let world = at(adapter, origin.to_str().unwrap());
        for (_, op) in to_both(&bytes()) {
            world.run(&op).unwrap();
        }
        let file = Scratch::new(BIG);
        let before = most_memory();
        assert!(before.is_some() || cfg!(not(target_os = "linux")));
        for carried in [file.carried(), Carried::Reader(Pattern::of(BIG), Some(BIG))] {
            for (name, op) in to_both(&carried) {
                world.run(&op).unwrap();
                let grown = most_memory().zip(before).map_or(0, |(now, before)| now - before);
                assert!(grown < MOST, "{name} of {carried:?} has taken {grown} bytes");
            }
        }
        return;
    }
    let sandbox = Sandbox::builder().start().unwrap();
    let subject = match adapter {
        Adapter::Async => "over_async",
        Adapter::Blocking => "over_blocking",
    };
    let name = "uploads::an_upload_of_50_mebibytes_is_never_in_memory_as_a_whole";
    let output = Command::new(env::current_exe().unwrap())
        .args(["--exact", &format!("{subject}::{name}")])
        .env(INSIDE, sandbox.origin())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
    let kept = sandbox.uploads();
    assert_eq!(kept.len(), 6);
    let checksum = Kept::checksum_of(&Pattern::of(BIG).whole());
    for kept in &kept[2..] {
        assert_eq!((kept.length, kept.checksum), (BIG, checksum));
    }
    assert!(sandbox.stats().violations().is_empty());
}
