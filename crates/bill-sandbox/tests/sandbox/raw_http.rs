//! Requests typed as bytes onto a socket, and answers read from it.

use std::fmt::Write as _;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use bill_sandbox::{
    DEMO_DEV_KEY, DEMO_ORG, DEMO_PASSWORD, DEMO_TOKEN_NAME, DEMO_TOKEN_VALUE, DEMO_USER, Sandbox,
};
use serde_json::Value;

/// What came over the connection until its end.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
    /// How the connection ended, if not in an orderly way.
    pub(crate) broken: Option<ErrorKind>,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("not JSON: {self:?}"))
    }

    /// `response_data` of a success.
    pub(crate) fn data(&self) -> Value {
        let json = self.json();
        assert_eq!(json["response_status"], 0, "{json}");
        assert_eq!(json["response_message"], "Success");
        assert_eq!(self.status, 200);
        json["response_data"].clone()
    }

    /// The code of a failure in BILL's envelope.
    pub(crate) fn code(&self) -> String {
        let json = self.json();
        assert_eq!(json["response_status"], 1, "{json}");
        assert_eq!(json["response_message"], "Error");
        assert!(json["response_data"]["error_message"].is_string());
        json["response_data"]["error_code"].as_str().unwrap().to_owned()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

/// Sends bytes, without waiting for the answer.
pub(crate) fn send(sandbox: &Sandbox, request: &str) -> TcpStream {
    let mut stream = TcpStream::connect(sandbox.addr()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    stream
}

/// Reads what comes until the connection ends.
pub(crate) fn receive(mut stream: TcpStream) -> Reply {
    let mut bytes = Vec::new();
    let mut buffer = [0; 65_536];
    let broken = loop {
        match stream.read(&mut buffer) {
            Ok(0) => break None,
            Ok(read) => bytes.extend_from_slice(&buffer[..read]),
            Err(error) => break Some(error.kind()),
        }
    };
    let text = String::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_default();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    Reply { status, head: head.to_owned(), body: body.to_owned(), broken }
}

pub(crate) fn exchange(sandbox: &Sandbox, request: &str) -> Reply {
    receive(send(sandbox, request))
}

/// A request with a content type and a body, on a connection of its own.
pub(crate) fn request(method: &str, target: &str, content_type: &str, body: &str) -> String {
    format!(
        "{method} {target} HTTP/1.1\r\nhost: localhost\r\naccept: application/json\r\n\
         content-type: {content_type}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
}

pub(crate) fn form_request(operation: &str, fields: &[(&str, &str)]) -> String {
    let target = format!("/api/v2/{operation}.json");
    request("POST", &target, "application/x-www-form-urlencoded", &form(fields))
}

pub(crate) fn post(sandbox: &Sandbox, operation: &str, fields: &[(&str, &str)]) -> Reply {
    exchange(sandbox, &form_request(operation, fields))
}

pub(crate) fn form(fields: &[(&str, &str)]) -> String {
    let pairs = fields.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value)));
    pairs.collect::<Vec<_>>().join("&")
}

fn encode(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() {
            encoded.push(char::from(byte));
        } else {
            write!(encoded, "%{byte:02X}").unwrap();
        }
        encoded
    })
}

pub(crate) const DEMO_LOGIN: [(&str, &str); 4] = [
    ("userName", DEMO_USER),
    ("password", DEMO_PASSWORD),
    ("orgId", DEMO_ORG),
    ("devKey", DEMO_DEV_KEY),
];

pub(crate) const TOKEN_LOGIN: [(&str, &str); 4] = [
    ("userName", DEMO_TOKEN_NAME),
    ("password", DEMO_TOKEN_VALUE),
    ("orgId", DEMO_ORG),
    ("devKey", DEMO_DEV_KEY),
];

/// Signs in and gives the session's id.
pub(crate) fn sign_in(sandbox: &Sandbox, login: &[(&str, &str)]) -> String {
    post(sandbox, "Login", login).data()["sessionId"].as_str().unwrap().to_owned()
}

/// A call in a session, with the demo developer key.
pub(crate) fn call(sandbox: &Sandbox, session: &str, operation: &str, data: &str) -> Reply {
    exchange(sandbox, &call_request(session, operation, data))
}

pub(crate) fn call_request(session: &str, operation: &str, data: &str) -> String {
    let mut fields = vec![("devKey", DEMO_DEV_KEY), ("sessionId", session)];
    if !data.is_empty() {
        fields.push(("data", data));
    }
    form_request(operation, &fields)
}

/// The cheapest call of a session.
pub(crate) fn info(sandbox: &Sandbox, session: &str) -> Reply {
    call(sandbox, session, "GetSessionInfo", "")
}

pub(crate) const FIRST_TWO: &str = r#"{"start":0,"max":2}"#;
