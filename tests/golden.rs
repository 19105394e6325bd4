//! The sign-in's bytes are those of BILL's own example, in the core and on the wire.
//!
//! The files in `golden/` were typed by hand from that example and are never generated. They hold
//! a request line with the whole URL, the headers, an empty line and the body, which the line
//! break at the end of the file is no part of.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use std::io::Write;
use std::net::TcpListener;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use bill_conformance::{World, raw_exchange, read_request};
use bill_sandbox::{DEMO_DEV_KEY, DEMO_ORG, DEMO_PASSWORD, DEMO_USER, Sandbox};
use bill_session_core::{
    Account, Call, Credentials, DevKey, Environment, KeyLimits, OrgId, Principal, Session,
    Settings, Step,
};
use bytes::Bytes;
use http::Request;

const ODD_PASSWORD: &str = "p&a=s s+%é";

/// What each case signs in with, and the file that says how.
const CASES: [(&str, &str); 2] = [
    (DEMO_PASSWORD, include_str!("golden/login.http")),
    (ODD_PASSWORD, include_str!("golden/login-odd-password.http")),
];

/// A golden file, taken apart.
#[derive(Debug, PartialEq, Eq)]
struct Golden<'a> {
    method: &'a str,
    url: &'a str,
    headers: Vec<(&'a str, &'a str)>,
    body: &'a str,
}

impl<'a> Golden<'a> {
    fn read(file: &'a str) -> Self {
        let (head, body) = file.split_once("\n\n").unwrap();
        let mut lines = head.lines();
        let (method, url) = lines.next().unwrap().split_once(' ').unwrap();
        Self {
            method,
            url,
            headers: lines.map(|line| line.split_once(": ").unwrap()).collect(),
            body: body.strip_suffix('\n').unwrap(),
        }
    }

    /// The path of its URL.
    fn path(&self) -> &str {
        self.url.strip_prefix("https://api-sandbox.bill.com").unwrap()
    }
}

fn credentials(password: &str) -> Credentials {
    Credentials::new(
        Principal::password(DEMO_USER, password).unwrap(),
        OrgId::new(DEMO_ORG).unwrap(),
        DevKey::new(DEMO_DEV_KEY).unwrap(),
    )
}

/// The core's request, walked by hand.
fn of_core(password: &str) -> Request<Bytes> {
    let now = Instant::now();
    let key = Arc::new(KeyLimits::new(now));
    let account = Account::new(Environment::Sandbox, credentials(password), key);
    let mut session = Session::new(Arc::new(account), Settings::default(), now);
    let (step, wake) = Call::sign_in().step(&mut session, || (), now);
    assert_eq!(wake.into_iter().count(), 0);
    match step {
        Step::SignIn(sign_in, _, _) => sign_in.request(),
        step => panic!("{step:?}"),
    }
}

#[test]
fn the_cores_request_is_the_golden_one() {
    for (password, file) in CASES {
        let request = of_core(password);
        let headers = request.headers().iter();
        let seen = Golden {
            method: request.method().as_str(),
            url: &request.uri().to_string(),
            headers: headers
                .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
                .collect(),
            body: std::str::from_utf8(request.body()).unwrap(),
        };
        assert_eq!(seen, Golden::read(file));
        assert_eq!(request.uri().query(), None);
    }
}

/// A raw listener: takes one request, and answers that the password is wrong, so that the client
/// asks no more.
fn received(sign_in: impl FnOnce(Environment)) -> (String, String) {
    const ANSWER: &str = "{\"response_status\":1,\"response_data\":{\"error_code\":\"BDC_1101\"}}";
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let (head, body) = read_request(&mut stream);
        let length = ANSWER.len();
        let answer = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n\
             {ANSWER}"
        );
        stream.write_all(answer.as_bytes()).unwrap();
        (head, String::from_utf8(body).unwrap())
    });
    sign_in(Environment::custom(&origin).unwrap());
    server.join().unwrap()
}

/// Compares what came over the wire with the file. Host and length aside, `own` are the headers
/// that the HTTP client adds, as far as they are the same from release to release.
fn assert_golden((head, body): &(String, String), file: &str, own: &[&str]) {
    let golden = Golden::read(file);
    let mut lines = head.lines();
    let line = format!("{} {} HTTP/1.1", golden.method, golden.path());
    assert_eq!(lines.next(), Some(&*line));
    let (mut meant, mut added) = (Vec::new(), Vec::new());
    for line in lines {
        let (name, value) = line.split_once(':').unwrap();
        let (name, value) = (name.to_ascii_lowercase(), value.trim());
        if golden.headers.iter().any(|(golden, _)| *golden == name) {
            meant.push((name, value));
        } else if name == "content-length" {
            assert_eq!(value, golden.body.len().to_string());
        } else if name != "host" {
            added.push(format!("{name}: {value}"));
        }
    }
    meant.sort_unstable();
    let mut headers = golden.headers.clone();
    headers.sort_unstable();
    let meant: Vec<_> = meant.iter().map(|(name, value)| (&**name, *value)).collect();
    assert_eq!(meant, headers);
    added.sort_unstable();
    let as_listed = |(added, own): (&String, &&str)| added.starts_with(own);
    let all = added.len() == own.len() && added.iter().zip(own).all(as_listed);
    assert!(all, "the client adds {added:?}");
    assert_eq!(body, golden.body);
}

#[test]
fn the_bytes_of_the_async_adapter_are_the_golden_ones() {
    let runtime = World::new_runtime();
    for (password, file) in CASES {
        let request = received(|origin| {
            let client = bill_async::Client::builder(origin, credentials(password)).build();
            runtime.block_on(client.sign_in()).unwrap_err();
        });
        // reqwest adds none.
        assert_golden(&request, file, &[]);
    }
}

#[test]
fn the_bytes_of_the_blocking_adapter_are_the_golden_ones() {
    for (password, file) in CASES {
        let request = received(|origin| {
            let client = bill_blocking::Client::builder(origin, credentials(password)).build();
            client.sign_in().unwrap_err();
        });
        // The adapter asks for no compression, and ureq says who it is.
        let own = ["accept-encoding: identity", "user-agent: ureq/"];
        assert_golden(&request, file, &own);
    }
}

#[test]
fn the_golden_request_written_to_a_socket_signs_in_to_the_sandbox() {
    for (password, file) in CASES {
        let sandbox = Sandbox::builder().frozen_clock().start().unwrap();
        assert!(sandbox.set_password(DEMO_USER, password));
        let golden = Golden::read(file);
        let mut request = format!("{} {} HTTP/1.1\r\n", golden.method, golden.path());
        for (name, value) in &golden.headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        // What HTTP itself asks for.
        request.push_str(&format!(
            "host: {}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{}",
            sandbox.addr(),
            golden.body.len(),
            golden.body
        ));
        let answer = String::from_utf8(raw_exchange(sandbox.addr(), request.as_bytes())).unwrap();
        assert!(answer.contains(r#""response_status":0"#), "{answer}");
        assert!(answer.contains(r#""sessionId":""#), "{answer}");
        let stats = sandbox.stats();
        assert_eq!((stats.sign_ins_succeeded, stats.sessions_alive), (1, 1));
        assert!(stats.rejected.is_empty(), "{stats:?}");
    }
}
