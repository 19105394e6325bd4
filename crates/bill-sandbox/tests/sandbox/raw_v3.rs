//! Requests in v3 typed as bytes onto a socket.

use bill_sandbox::{DEMO_DEV_KEY, DEMO_ORG, DEMO_PASSWORD, DEMO_USER, Sandbox};
use serde_json::{Value, json};

use crate::raw_http::{Reply, exchange};

impl Reply {
    /// The JSON of a success in v3.
    pub(crate) fn found(&self) -> Value {
        assert!((200..300).contains(&self.status), "{self:?}");
        assert_eq!(self.header("content-type"), Some("application/json"));
        self.json()
    }

    /// The HTTP status and the code of a refusal in v3, which is an array of one error.
    pub(crate) fn error(&self) -> (u16, String) {
        let json = self.json();
        let [error] = json.as_array().map(Vec::as_slice).unwrap_or_default() else {
            panic!("not an array of one error: {self:?}");
        };
        for name in ["timestamp", "severity", "category", "message"] {
            assert!(error[name].is_string(), "{error}");
        }
        (self.status, error["code"].as_str().unwrap().to_owned())
    }
}

/// A request to a path below `/connect/v3/`, on a connection of its own.
pub(crate) fn v3_request(method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> String {
    let mut head = format!(
        "{method} /connect/v3/{path} HTTP/1.1\r\nhost: localhost\r\naccept: application/json\r\n\
         connection: close\r\ncontent-length: {}\r\n",
        body.len()
    );
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    format!("{head}\r\n{body}")
}

/// A request in a session with the demo developer key.
pub(crate) fn in_session(session: &str, method: &str, path: &str, body: &str) -> String {
    let mut headers = vec![("sessionId", session), ("devKey", DEMO_DEV_KEY)];
    if !body.is_empty() {
        headers.push(("content-type", "application/json"));
    }
    v3_request(method, path, &headers, body)
}

pub(crate) fn ask(sandbox: &Sandbox, session: &str, method: &str, path: &str) -> Reply {
    exchange(sandbox, &in_session(session, method, path, ""))
}

pub(crate) fn tell(
    sandbox: &Sandbox,
    session: &str,
    method: &str,
    path: &str,
    body: &Value,
) -> Reply {
    exchange(sandbox, &in_session(session, method, path, &body.to_string()))
}

pub(crate) fn v3_login() -> Value {
    json!({
        "username": DEMO_USER,
        "password": DEMO_PASSWORD,
        "organizationId": DEMO_ORG,
        "devKey": DEMO_DEV_KEY,
    })
}

/// The demo login with some members set, or taken out where the value is null.
pub(crate) fn v3_login_with(changes: &Value) -> Value {
    let mut login = v3_login();
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => drop(login.as_object_mut().unwrap().remove(name)),
            value => login[name] = value.clone(),
        }
    }
    login
}

/// A sign-in as it is sent.
pub(crate) fn v3_login_request(login: &Value) -> String {
    let headers = [("content-type", "application/json")];
    v3_request("POST", "login", &headers, &login.to_string())
}

pub(crate) fn v3_post_login(sandbox: &Sandbox, login: &Value) -> Reply {
    exchange(sandbox, &v3_login_request(login))
}

/// Signs the demo user in and gives the session's id.
pub(crate) fn v3_sign_in(sandbox: &Sandbox) -> String {
    let reply = v3_post_login(sandbox, &v3_login());
    reply.found()["sessionId"].as_str().unwrap().to_owned()
}
