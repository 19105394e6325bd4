//! What is sent is what BILL's own examples show, byte by byte, in the core and on the wire.
//!
//! The files in `golden/` were typed by hand from those examples and are never generated. They hold
//! a request line with the whole URL, the headers, an empty line and the body, which the line
//! break at the end of the file is no part of. Where a body is a multipart form, its line breaks are
//! those of HTTP.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use std::sync::Arc;
use std::time::Instant;

use bill_conformance::{Received, Recorder, World, raw_exchange};
use bill_sandbox::{DEMO_DEV_KEY, DEMO_ORG, DEMO_PASSWORD, DEMO_USER, Sandbox, Upload};
use bill_session_core::{
    Account, Call, Credentials, DevKey, Environment, KeyLimits, OrgId, Principal, Repeatable,
    Session, Settings, SignInWith, Step,
};
use bytes::Bytes;
use http::{Method, Request, Response};
use serde_json::{Value, json};

const ODD_PASSWORD: &str = "p&a=s s+%é";
const SESSION: &str = "the-session-id";
const BILL: &str = "00n01000000000000001";
const CONTENT: &[u8] = b"%PDF-1.7 a page";

/// What each case signs in with, by which API, and the file that says how.
const SIGN_INS: [(&str, SignInWith, &str); 4] = [
    (DEMO_PASSWORD, SignInWith::V2, include_str!("golden/login.http")),
    (ODD_PASSWORD, SignInWith::V2, include_str!("golden/login-odd-password.http")),
    (DEMO_PASSWORD, SignInWith::V3, include_str!("golden/login-v3.http")),
    (ODD_PASSWORD, SignInWith::V3, include_str!("golden/login-v3-odd-password.http")),
];

const CREATE: &str = include_str!("golden/create-vendor-v3.http");
const LIST: &str = include_str!("golden/list-vendors-v3.http");
const UPLOAD: &str = include_str!("golden/upload-attachment.http");

/// A golden file, taken apart.
#[derive(Debug, PartialEq, Eq)]
struct Golden {
    method: String,
    url: String,
    /// With names in lower case, as HTTP does not care.
    headers: Vec<(String, String)>,
    body: String,
}

impl Golden {
    fn read(file: &str) -> Self {
        let (head, body) = file.split_once("\n\n").unwrap();
        let mut lines = head.lines();
        let (method, url) = lines.next().unwrap().split_once(' ').unwrap();
        let headers = lines.map(|line| {
            let (name, value) = line.split_once(": ").unwrap();
            (name.to_ascii_lowercase(), value.to_owned())
        });
        let golden = Self {
            method: method.to_owned(),
            url: url.to_owned(),
            headers: headers.collect(),
            body: body.strip_suffix('\n').unwrap().to_owned(),
        };
        let body = match golden.boundary() {
            // A multipart form ends with a line break of its own.
            Some(_) => format!("{}\r\n", golden.body.replace('\n', "\r\n")),
            None => golden.body.clone(),
        };
        Self { body, ..golden }
    }

    /// The path of its URL, with the query.
    fn path(&self) -> &str {
        let host = |host| self.url.strip_prefix(host);
        host("https://api-sandbox.bill.com").or(host("https://gateway.stage.bill.com")).unwrap()
    }

    fn boundary(&self) -> Option<&str> {
        boundary(&self.headers)
    }
}

fn boundary(headers: &[(String, String)]) -> Option<&str> {
    let (_, value) = headers.iter().find(|(name, _)| name == "content-type")?;
    value.split_once("boundary=").map(|(_, boundary)| boundary)
}

fn credentials(password: &str) -> Credentials {
    Credentials::new(
        Principal::password(DEMO_USER, password).unwrap(),
        OrgId::new(DEMO_ORG).unwrap(),
        DevKey::new(DEMO_DEV_KEY).unwrap(),
    )
}

fn account(password: &str, api: SignInWith) -> Account {
    let key = Arc::new(KeyLimits::new(Instant::now()));
    Account::new(Environment::Sandbox, credentials(password), key).sign_in_with(api)
}

/// A request as a golden file would show it.
fn shown(request: &Request<Bytes>, body: Vec<u8>) -> Golden {
    let headers = request.headers().iter();
    Golden {
        method: request.method().to_string(),
        url: request.uri().to_string(),
        headers: headers
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
            .collect(),
        body: String::from_utf8(body).unwrap(),
    }
}

#[test]
fn the_cores_sign_ins_are_the_golden_ones() {
    for (password, api, file) in SIGN_INS {
        let now = Instant::now();
        let account = account(password, api);
        let mut session = Session::new(Arc::new(account), Settings::default(), now);
        let (step, wake) = Call::sign_in().step(&mut session, || (), now);
        assert_eq!(wake.into_iter().count(), 0);
        let Step::SignIn(sign_in, _, _) = step else { panic!("{step:?}") };
        let request = sign_in.request();
        assert_eq!(shown(&request, request.body().to_vec()), Golden::read(file));
        assert_eq!(request.uri().query(), None);
    }
}

/// What the core sends for a call, once it is signed in, with this content if it is an upload.
fn of_core(call: impl FnOnce(&Account) -> Call, content: &[u8]) -> Golden {
    let now = Instant::now();
    let account = Arc::new(account(DEMO_PASSWORD, SignInWith::V3));
    let call = call(&account);
    let mut session = Session::new(account, Settings::default(), now);
    let (step, _) = call.step(&mut session, || (), now);
    let Step::SignIn(sign_in, call, _) = step else { panic!("{step:?}") };
    let _ = sign_in.read(Ok(Response::new(signed_in().into()))).settle(&mut session, now);
    let (step, _) = call.step(&mut session, || (), now);
    let Step::Exchange(exchange) = step else { panic!("{step:?}") };
    let request = exchange.request();
    let after = exchange.after_content().unwrap_or_default();
    shown(&request, [request.body(), content, &after].concat())
}

fn signed_in() -> String {
    json!({"organizationId": DEMO_ORG, "sessionId": SESSION, "userId": "006"}).to_string()
}

fn vendor() -> Value {
    json!({"name": "Happy Music Supplies"})
}

#[test]
fn the_cores_calls_are_the_golden_ones() {
    let create = |account: &Account| {
        account.v3(Method::POST, "/v3/vendors").json(&vendor()).call(account).unwrap()
    };
    // HTTP does not care for the order of headers.
    let sorted = |mut golden: Golden| {
        golden.headers.sort_unstable();
        golden
    };
    assert_eq!(sorted(of_core(create, b"")), sorted(Golden::read(CREATE)));
    let list = |account: &Account| {
        let request = account.v3(Method::GET, "/v3/vendors");
        request.query("max", 50).query("page", "a+b=").call(account).unwrap()
    };
    assert_eq!(sorted(of_core(list, b"")), sorted(Golden::read(LIST)));
    let upload = |account: &Account| {
        account.upload_attachment(BILL, "invoice.pdf", Repeatable::Yes, 0x2a).unwrap()
    };
    assert_eq!(sorted(of_core(upload, CONTENT)), sorted(Golden::read(UPLOAD)));
}

/// What a raw listener receives as the last of a client's requests: it signs in whoever asks, and
/// answers any call with an object.
fn received(requests: usize, send: impl FnOnce(Environment)) -> Received {
    let answers = if requests == 1 {
        // The password is wrong, so that the client asks no more; in the form of either API.
        vec![(401, r#"[{"code":"BDC_1101","message":"no"}]"#.to_owned())]
    } else {
        let data = json!({"response_status": 0, "response_data": {}});
        vec![(200, signed_in()), (200, data.to_string())]
    };
    let recorder = Recorder::start(answers);
    send(Environment::custom(&recorder.origin()).unwrap());
    let mut all = recorder.requests();
    assert_eq!(all.len(), requests);
    all.pop().unwrap()
}

/// Compares what came over the wire with the file. Host and length aside, `own` are the headers
/// that the HTTP client adds, as far as they are the same from release to release.
fn assert_golden(received: &Received, file: &str, own: &[&str]) {
    let golden = Golden::read(file);
    assert_eq!(received.line, format!("{} {} HTTP/1.1", golden.method, golden.path()));
    // A boundary is drawn for each upload: here it is the file's.
    let drawn = boundary(&received.headers).zip(golden.boundary());
    let as_drawn = |text: &str| match drawn {
        Some((drawn, golden)) => text.replace(drawn, golden),
        None => text.to_owned(),
    };
    let (mut meant, mut added) = (Vec::new(), Vec::new());
    for (name, value) in &received.headers {
        if golden.headers.iter().any(|(golden, _)| golden == name) {
            meant.push((name.clone(), as_drawn(value)));
        } else if name == "content-length" {
            assert_eq!(*value, golden.body.len().to_string());
        } else if name != "host" {
            added.push(format!("{name}: {value}"));
        }
    }
    meant.sort_unstable();
    let mut headers = golden.headers.clone();
    headers.sort_unstable();
    assert_eq!(meant, headers);
    added.sort_unstable();
    let as_listed = |(added, own): (&String, &&str)| added.starts_with(own);
    let all = added.len() == own.len() && added.iter().zip(own).all(as_listed);
    assert!(all, "the client adds {added:?}");
    assert_eq!(as_drawn(std::str::from_utf8(&received.body).unwrap()), golden.body);
}

#[test]
fn the_bytes_of_the_async_adapter_are_the_golden_ones() {
    // reqwest adds none.
    const OWN: &[&str] = &[];
    let runtime = World::new_runtime();
    for (password, api, file) in SIGN_INS {
        let request = received(1, |origin| {
            let builder = bill_async::Client::builder(origin, credentials(password));
            let client = builder.sign_in_with(api).build();
            runtime.block_on(client.sign_in()).unwrap_err();
        });
        assert_golden(&request, file, OWN);
    }
    let sent = |send: &dyn Fn(bill_async::Client)| {
        received(2, |origin| {
            let builder = bill_async::Client::builder(origin, credentials(DEMO_PASSWORD));
            send(builder.sign_in_with(SignInWith::V3).build());
        })
    };
    let create = sent(&|client| {
        let call = client.v3(Method::POST, "/v3/vendors").json(&vendor());
        runtime.block_on(call.send::<Value>()).unwrap();
    });
    assert_golden(&create, CREATE, OWN);
    let list = sent(&|client| {
        let call = client.v3(Method::GET, "/v3/vendors").query("max", 50).query("page", "a+b=");
        runtime.block_on(call.send::<Value>()).unwrap();
    });
    assert_golden(&list, LIST, OWN);
    let upload = sent(&|client| {
        let upload = client.upload_attachment(BILL, "invoice.pdf", CONTENT.to_vec());
        runtime.block_on(upload.send::<Value>()).unwrap();
    });
    assert_golden(&upload, UPLOAD, OWN);
}

#[test]
fn the_bytes_of_the_blocking_adapter_are_the_golden_ones() {
    // The adapter asks for no compression, and ureq says who it is.
    const OWN: &[&str] = &["accept-encoding: identity", "user-agent: ureq/"];
    for (password, api, file) in SIGN_INS {
        let request = received(1, |origin| {
            let builder = bill_blocking::Client::builder(origin, credentials(password));
            let client = builder.sign_in_with(api).build();
            client.sign_in().unwrap_err();
        });
        assert_golden(&request, file, OWN);
    }
    let sent = |send: &dyn Fn(bill_blocking::Client)| {
        received(2, |origin| {
            let builder = bill_blocking::Client::builder(origin, credentials(DEMO_PASSWORD));
            send(builder.sign_in_with(SignInWith::V3).build());
        })
    };
    let create = sent(&|client| {
        let call = client.v3(Method::POST, "/v3/vendors").json(&vendor());
        call.send::<Value>().unwrap();
    });
    assert_golden(&create, CREATE, OWN);
    let list = sent(&|client| {
        let call = client.v3(Method::GET, "/v3/vendors").query("max", 50).query("page", "a+b=");
        call.send::<Value>().unwrap();
    });
    assert_golden(&list, LIST, OWN);
    let upload = sent(&|client| {
        let upload = client.upload_attachment(BILL, "invoice.pdf", CONTENT.to_vec());
        upload.send::<Value>().unwrap();
    });
    assert_golden(&upload, UPLOAD, OWN);
}

/// Writes a golden request to a socket of the sandbox's, with what HTTP itself asks for, and gives
/// the answer.
fn written(sandbox: &Sandbox, golden: &Golden, session: &str) -> String {
    let mut request = format!("{} {} HTTP/1.1\r\n", golden.method, golden.path());
    let body = golden.body.replace(SESSION, session);
    for (name, value) in &golden.headers {
        request.push_str(&format!("{name}: {}\r\n", value.replace(SESSION, session)));
    }
    request.push_str(&format!("host: {}\r\nconnection: close\r\n", sandbox.addr()));
    if golden.method == "POST" {
        request.push_str(&format!("content-length: {}\r\n", body.len()));
    }
    request.push_str(&format!("\r\n{body}"));
    String::from_utf8(raw_exchange(sandbox.addr(), request.as_bytes())).unwrap()
}

fn session_of(answer: &str) -> &str {
    let (_, rest) = answer.split_once(r#""sessionId":""#).unwrap();
    rest.split_once('"').unwrap().0
}

#[test]
fn the_golden_requests_written_to_a_socket_are_what_the_sandbox_takes() {
    for (password, _, file) in SIGN_INS {
        let sandbox = Sandbox::builder().frozen_clock().start().unwrap();
        assert!(sandbox.set_password(DEMO_USER, password));
        let answer = written(&sandbox, &Golden::read(file), "");
        let session = session_of(&answer);
        let stats = sandbox.stats();
        assert_eq!((stats.sign_ins_succeeded, stats.sessions_alive), (1, 1));
        let answer = written(&sandbox, &Golden::read(CREATE), session);
        assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
        let mut list = Golden::read(LIST);
        // That cursor was typed by hand, and leads nowhere.
        list.url.truncate(list.url.find("&page").unwrap());
        let answer = written(&sandbox, &list, session);
        assert!(answer.contains(r#""results":["#), "{answer}");
        let answer = written(&sandbox, &Golden::read(UPLOAD), session);
        assert!(answer.contains(r#""response_status":0"#), "{answer}");
        let kept = sandbox.uploads();
        assert_eq!((kept[0].name.as_str(), kept[0].object.as_str()), ("invoice.pdf", BILL));
        assert_eq!(kept[0].checksum, Upload::checksum_of(CONTENT));
        assert!(sandbox.stats().rejected.is_empty(), "{:?}", sandbox.stats());
    }
}
