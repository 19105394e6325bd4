//! Addresses: what an `apiEndPoint` or a `Location` may name, and what a path or a query may hold.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::LOCATION;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri};
use percent_encoding::percent_decode_str;
use serde_json::json;

use super::answers::name;
use super::canary::{self, SECRETS, is_discreet, shows_nothing, spellings};
use super::flows::{answer_to_a_sign_in, begin_sign_in, send, session, signed_in};
use super::input::Input;
use crate::account::Account;
use crate::call::{Call, Step};
use crate::environment::Environment;
use crate::error::Misuse;
use crate::lease::Lease;
use crate::settings::SignInWith;
use crate::sign_in::SignInEnded;
use crate::wire::v2;

/// An environment, and the origins to which its v2 calls may ever go.
const ENVIRONMENTS: [(&str, &[&str]); 5] = [
    ("sandbox", &["https://api-sandbox.bill.com", "https://api-stage.bill.com"]),
    ("stage", &["https://api-sandbox.bill.com", "https://api-stage.bill.com"]),
    ("production", &["https://api.bill.com"]),
    ("https://bill.example.com:8443", &["https://bill.example.com:8443"]),
    ("http://127.0.0.1:8025", &["http://127.0.0.1:8025"]),
];

/// Pieces of addresses, for bytes that stand for one each.
const PIECES: [&str; 32] = [
    "https://",
    "http://",
    "HTTPS://",
    "//",
    "api",
    "-stage",
    "-sandbox",
    ".bill.com",
    "bill.com",
    ".",
    "/api/v2",
    "/api/v3",
    "/",
    "\\",
    "@",
    ":",
    ":443",
    ":80",
    ":0",
    "?",
    "#",
    "%2f",
    "%2e",
    "..",
    ".evil.example",
    "127.0.0.1:8025",
    "bill.example.com:8443",
    "localhost",
    "[::1]",
    "\u{ff0e}",
    "API-STAGE.BILL.COM",
    "\t",
];

/// Any `apiEndPoint`, and any `Location` of a redirect, in any environment.
pub fn end_points(data: &[u8], now: Instant) {
    let mut input = Input::new(data);
    let (environment, origins) = input.pick(&ENVIRONMENTS);
    let Ok(environment) = environment.parse::<Environment>() else {
        unreachable!("{environment} is one")
    };
    let named = address(&mut input);
    let followed = environment.followed(&named).map(|base| base.to_string());
    // A slash at the end and BILL's own port are all that it may differ in.
    let plain = named.strip_suffix('/').unwrap_or(&named).replacen(".com:443/", ".com/", 1);
    let is_own = origins.iter().any(|origin| plain == format!("{origin}/api/v2"));
    assert_eq!(followed.is_some(), is_own, "{named} is followed, or is not");
    if let Some(followed) = &followed {
        assert!(plain.starts_with(followed.as_str()), "{named} is followed to {followed}");
    }
    let body = json!({
        "response_status": 0,
        "response_data": {"sessionId": "canary-session-id-2", "apiEndPoint": &*named},
    });
    let answer = Response::new(Bytes::from(body.to_string()));
    answer_to_a_sign_in(&answer, environment.clone(), SignInWith::V2, now);
    goes_nowhere_else(&environment, origins, answer, followed.is_some(), now);

    let mut redirect = Response::new(Bytes::new());
    *redirect.status_mut() = StatusCode::TEMPORARY_REDIRECT;
    if let Ok(location) = HeaderValue::from_str(&named) {
        redirect.headers_mut().insert(LOCATION, location);
    }
    answer_to_a_sign_in(&redirect, environment.clone(), SignInWith::V2, now);
    let account = canary::account_with_a_past(environment, SignInWith::V2, now);
    let verdict = v2::read::<()>(&redirect, &name, &account.held).verdict(&HeaderMap::new());
    assert_eq!(verdict, crate::Verdict::Unknown, "a redirect is no word of BILL's");
}

/// Whatever a sign-in says, calls go to the environment's own addresses.
fn goes_nowhere_else(
    environment: &Environment,
    origins: &[&str],
    answer: Response<Bytes>,
    followed: bool,
    now: Instant,
) {
    let account = canary::account(environment.clone(), SignInWith::V2, now);
    let mut session = session(&account, now);
    let (sign_in, _) = begin_sign_in(&mut session, now);
    let (ended, _) = sign_in.read(Ok(answer)).settle(&mut session, now);
    let SignInEnded::Stored { not_followed } = ended else {
        unreachable!("an address alone fails no sign-in: {ended:?}")
    };
    assert_eq!(not_followed.is_none(), followed, "the program is told of what is not followed");
    let Ok(call) = account.v2("List/Vendor", &()) else { unreachable!("the path is a good one") };
    let request = send(call, &mut session, now).request();
    let uri = request.uri();
    let origin = format!("{}://{}", uri.scheme_str().unwrap_or(""), uri.host().unwrap_or(""));
    let port = uri.port_u16().map(|port| format!(":{port}")).unwrap_or_default();
    let origin = format!("{origin}{port}");
    assert!(origins.contains(&origin.as_str()), "a session is sent to {origin}");
    assert!(!uri.authority().is_some_and(|authority| authority.as_str().contains('@')));
    assert_eq!(uri.scheme_str() == Some("https"), !environment.is_loopback());
}

/// A text, in which a byte below 32 stands for a piece of an address.
fn address(input: &mut Input<'_>) -> String {
    let mut text = Vec::new();
    for byte in input.line() {
        match PIECES.get(usize::from(*byte)) {
            Some(piece) => text.extend_from_slice(piece.as_bytes()),
            None => text.push(*byte),
        }
    }
    String::from_utf8_lossy(&text).into_owned()
}

/// A text, in which a byte below 32 stands for a secret in one of its spellings.
fn text(line: &[u8]) -> String {
    let mut text = Vec::new();
    for byte in line {
        match *byte {
            byte @ ..32 => {
                let spellings = spellings(SECRETS[usize::from(byte) % SECRETS.len()]);
                let spelling = usize::from(byte) / SECRETS.len() % spellings.len();
                text.extend_from_slice(spellings[spelling].as_bytes());
            }
            byte => text.push(byte),
        }
    }
    String::from_utf8_lossy(&text).into_owned()
}

/// Any path and any query of a call of either API, and of a request that a lease is put on.
pub fn paths(data: &[u8], now: Instant) {
    let mut input = Input::new(data);
    let kind = input.pick(&['2', '3', 'l', 'p', 'u']);
    let method = [Method::GET, Method::POST, Method::DELETE, Method::HEAD];
    let method = &method[usize::from(input.byte()) % method.len()];
    let path = text(input.line());
    let mut query = Vec::new();
    while !input.is_empty() && query.len() < 8 {
        query.push((text(input.line()), text(input.line())));
    }
    let account = canary::account(Environment::Stage, SignInWith::V2, now);
    let mut session = signed_in(&account, SignInWith::V2, now);
    let call = match kind {
        '2' => account.v2(&path, &query),
        'p' => first_page(&account, &path),
        'u' => account.upload(&path, &query, crate::Repeatable::Once),
        'l' => {
            let (step, _) = Call::lease(Duration::ZERO).step(&mut session, || (), now);
            let Step::Ready(lease) = step else { unreachable!("there is a session: {step:?}") };
            return on_a_lease(&lease, &account, method, &path, &query);
        }
        _ => {
            let pairs = query.iter();
            let request = account.v3(method.clone(), &path);
            pairs.fold(request, |request, (key, value)| request.query(key, value)).call(&account)
        }
    };
    match call {
        Err(misuse) => is_discreet(&misuse),
        Ok(call) => {
            shows_nothing(&call.name());
            let request = send(call, &mut session, now).request();
            match kind {
                '2' | 'p' => is_a_v2_call(&request),
                _ => is_a_v3_call(&request, &path, &query),
            }
        }
    }
}

fn first_page(account: &Account, entity: &str) -> Result<Call, Misuse> {
    let page = account.list(entity).next_page(account)?;
    let Some(call) = page else { unreachable!("a list has a first page") };
    Ok(call)
}

fn is_a_v2_call(request: &Request<Bytes>) {
    let uri = request.uri();
    assert_eq!(uri.host(), Some("api-stage.bill.com"));
    assert_eq!(uri.query(), None, "v2 has no query");
    let path = uri.path();
    let name = path.strip_prefix("/api/v2/").and_then(|path| path.strip_suffix(".json"));
    let Some(name) = name else { unreachable!("{path} is no path of v2's") };
    is_plain(name);
    let own =
        ["Login", "Logout", "ListOrgs", "MFAChallenge", "MFAAuthenticate", "UploadAttachment"];
    assert!(!own.contains(&name), "{name} has a method of its own");
    let session_ids = form_urlencoded::parse(request.body()).filter(|(key, _)| key == "sessionId");
    assert_eq!(session_ids.count(), 1, "one session is sent");
}

/// It climbs nowhere, and there is nothing in it to decode.
fn is_plain(path: &str) {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-.~:/".contains(c);
    assert!(path.chars().all(plain), "{path}");
    assert!(path.split('/').all(|part| !matches!(part, "" | "." | "..")), "{path} climbs");
}

fn is_a_v3_call(request: &Request<Bytes>, path: &str, query: &[(String, String)]) {
    let uri = request.uri();
    assert_eq!(uri.host(), Some("gateway.stage.bill.com"));
    assert_eq!(uri.path(), format!("/connect{path}"));
    is_plain(path.trim_start_matches('/'));
    assert!(path.starts_with("/v3/"));
    if request.method() == Method::POST {
        let own = ["/v3/login", "/v3/logout", "/v3/partner/login", "/v3/mfa/step-up"];
        assert!(!own.contains(&path), "{path} has a method of its own");
    }
    let sent = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    let sent: Vec<(String, String)> = sent.into_owned().collect();
    assert_eq!(sent, query, "the query arrives as it was given");
    shows_no_secret_decoded(uri.query().unwrap_or_default());
    for (key, _) in &sent {
        let named = ["password", "sessionid", "devkey", "username", "token", "appkey"];
        assert!(!named.contains(&key.to_ascii_lowercase().as_str()), "{key} is a secret's name");
    }
}

/// Neither as it stands nor decoded as often as servers on its way might.
fn shows_no_secret_decoded(text: &str) {
    let mut text = text.to_owned();
    for _ in 0..3 {
        shows_nothing(&text);
        text = percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
    }
}

/// A session is put on a request to its own API, and on no other; one that it is not put on stays
/// as it was.
fn on_a_lease(
    lease: &Lease,
    account: &Account,
    method: &Method,
    target: &str,
    pairs: &[(String, String)],
) {
    let Ok(uri) = target.parse::<Uri>() else { return };
    let mut body = form_urlencoded::Serializer::new(String::new());
    body.extend_pairs(pairs);
    let mut request = Request::new(Bytes::from(body.finish()));
    *request.method_mut() = method.clone();
    *request.uri_mut() = uri.clone();
    let before = request.body().clone();
    let carries = |request: &Request<Bytes>| {
        let in_headers = request.headers().contains_key("sessionid");
        in_headers || *request.body() != before
    };
    match lease.sign(&mut request) {
        Ok(()) => {
            assert!(carries(&request));
            let scheme = uri.scheme_str();
            assert_eq!(scheme, Some("https"), "a session is put on {uri}");
            let of_v2 = uri.authority().is_some_and(|at| at == "api-stage.bill.com");
            let of_v3 = uri.authority().is_some_and(|at| at == "gateway.stage.bill.com");
            assert!(of_v2 && uri.path().starts_with("/api/v2/") || of_v3, "{uri}");
            assert!(!of_v2 || uri.query().is_none(), "v2 has no query: {uri}");
            shows_no_secret_decoded(&uri.to_string());
        }
        Err(misuse) => {
            assert!(!carries(&request), "a session is left on what was refused");
            is_discreet(&misuse);
        }
    }
    assert_eq!(lease.org_id(), account.org_id());
}
