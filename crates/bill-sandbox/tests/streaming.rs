//! A large file goes by without being kept in memory.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use bill_sandbox::{DEMO_DEV_KEY, DEMO_ORG, DEMO_PASSWORD, DEMO_USER, Sandbox};
use serde_json::{Value, json};

static PORTION: [u8; 64 * 1024] = [b'x'; 64 * 1024];
const PORTIONS: usize = 800;
const LENGTH: usize = 64 * 1024 * PORTIONS;

/// The most memory that this process has ever had, where the system tells.
fn peak() -> Option<usize> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<usize>().ok()? * 1_024)
}

/// Sends a head, then a large file between two texts, and gives the JSON of the answer.
fn exchange(sandbox: &Sandbox, head: &str, before: &str, file: usize, after: &str) -> Value {
    let mut stream = TcpStream::connect(sandbox.addr()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let length = before.len() + file * PORTION.len() + after.len();
    let head =
        format!("{head}host: localhost\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(before.as_bytes()).unwrap();
    for _ in 0..file {
        stream.write_all(&PORTION).unwrap();
    }
    stream.write_all(after.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
}

#[test]
fn fifty_mebibytes_go_by_in_either_generation_without_being_kept() {
    let sandbox = Sandbox::start().unwrap();
    let login = json!({
        "username": DEMO_USER,
        "password": DEMO_PASSWORD,
        "organizationId": DEMO_ORG,
        "devKey": DEMO_DEV_KEY,
    });
    let head = "POST /connect/v3/login HTTP/1.1\r\ncontent-type: application/json\r\n";
    let found = exchange(&sandbox, head, &login.to_string(), 0, "");
    let session = found["sessionId"].as_str().unwrap();
    let before = peak();

    let head = format!(
        "POST /connect/v3/documents/bills/00n01000000000000001?name=x.pdf HTTP/1.1\r\n\
         content-type: application/pdf\r\nsessionId: {session}\r\ndevKey: {DEMO_DEV_KEY}\r\n"
    );
    let found = exchange(&sandbox, &head, "", PORTIONS, "");
    assert!(found["uploadId"].is_string(), "{found}");

    let part = |name: &str| format!("--xyz\r\ncontent-disposition: form-data; name=\"{name}\"");
    let first = format!(
        "{}\r\n\r\n{DEMO_DEV_KEY}\r\n{}\r\n\r\n{session}\r\n{}; filename=\"x.pdf\"\r\n\r\n",
        part("devKey"),
        part("sessionId"),
        part("file")
    );
    let data = r#"{"id":"00n01000000000000001","fileName":"x.pdf"}"#;
    let last = format!("\r\n{}\r\n\r\n{data}\r\n--xyz--\r\n", part("data"));
    let head = "POST /api/v2/UploadAttachment.json HTTP/1.1\r\n\
        content-type: multipart/form-data; boundary=xyz\r\n";
    let found = exchange(&sandbox, head, &first, PORTIONS, &last);
    assert_eq!(found["response_status"], 0, "{found}");

    let uploads = sandbox.uploads();
    assert_eq!(uploads.len(), 2);
    assert!(uploads.iter().all(|upload| upload.length == LENGTH as u64));
    assert_eq!(uploads[0].checksum, uploads[1].checksum);
    if let (Some(before), Some(after)) = (before, peak()) {
        assert!(after - before < LENGTH / 4, "{} more bytes in memory", after - before);
    }
}
