//! Strings that an `apiEndPoint` could be, and must not be followed.

use crate::answers::SESSION;

/// Strings that lead elsewhere, or seem to lead to BILL: with the client's own `{scheme}`,
/// `{host}` and `{port}`, and `{other}`, where somebody listens. And the host that is told of.
const HOSTILE: [(&str, &str, Option<&str>); 52] = [
    ("another host", "{scheme}://{other}/api/v2", Some("{other host}")),
    ("another name of this machine", "http://localhost:{other port}/api/v2", Some("localhost")),
    ("own host as user", "{scheme}://{own}@{other}/api/v2", Some("{other host}")),
    (
        "own host as user and password",
        "{scheme}://{host}:{port}@{other}/api/v2",
        Some("{other host}"),
    ),
    ("a user at the own host", "{scheme}://user@{own}/api/v2", Some("{host}")),
    ("two users", "{scheme}://a@{own}@{other}/api/v2", Some("{other host}")),
    ("a backslash before another host", "{scheme}://{own}\\@{other}/api/v2", None),
    ("backslashes for slashes", "{scheme}:\\\\{other}\\api\\v2", None),
    ("a backslash behind another host", "{scheme}://{other}\\.{own}/api/v2", None),
    (
        "own host as the beginning of another",
        "{scheme}://{host}.evil.example/api/v2",
        Some("{host}.evil.example"),
    ),
    (
        "BILL's host as the beginning of another",
        "https://bill.com.evil.example/api/v2",
        Some("bill.com.evil.example"),
    ),
    ("BILL's host as the end of another", "https://evil-bill.com/api/v2", Some("evil-bill.com")),
    ("a host below BILL's", "https://evil.bill.com/api/v2", Some("evil.bill.com")),
    ("BILL's real money", "https://api.bill.com/api/v2", Some("api.bill.com")),
    ("a Cyrillic letter", "https://\u{430}pi-stage.bill.com/api/v2", None),
    (
        "the same in punycode",
        "https://xn--pi-stage-t9g.bill.com/api/v2",
        Some("xn--pi-stage-t9g.bill.com"),
    ),
    ("full-width letters", "https://\u{ff41}pi-stage.bill.com/api/v2", None),
    ("ideographic full stops", "https://api-stage\u{3002}bill\u{3002}com/api/v2", None),
    ("a soft hyphen", "https://api-\u{ad}stage.bill.com/api/v2", None),
    ("a trailing dot", "{scheme}://{host}.:{port}/api/v2", Some("{host}.")),
    ("port 0", "{scheme}://{host}:0/api/v2", Some("{host}")),
    ("another port", "{scheme}://{host}:{other port}/api/v2", Some("{host}")),
    ("a port beyond all ports", "{scheme}://{host}:65536/api/v2", Some("{host}")),
    ("a port that is none", "{scheme}://{host}:/api/v2", Some("{host}")),
    ("a port that is a word", "{scheme}://{host}:https/api/v2", Some("{host}")),
    ("upper case", "{SCHEME}://{HOST}:{port}/API/V2", Some("{HOST}")),
    ("upper case in the scheme", "{SCHEME}://{own}/api/v2", Some("{host}")),
    ("upper case in the path", "{scheme}://{own}/API/v2", Some("{host}")),
    ("another scheme", "ftp://{own}/api/v2", Some("{host}")),
    ("a web socket", "wss://{own}/api/v2", Some("{host}")),
    ("TLS for plain HTTP, or the other way round", "{other scheme}://{own}/api/v2", Some("{host}")),
    ("a file", "file:///api/v2", None),
    ("a script", "javascript:alert(1)", Some("javascript")),
    ("no scheme", "//{other}/api/v2", None),
    ("a host alone", "{own}", Some("{host}")),
    ("no path", "{scheme}://{own}", Some("{host}")),
    ("another path", "{scheme}://{own}/evil/api/v2", Some("{host}")),
    ("a path that climbs", "{scheme}://{own}/api/v2/../../evil", Some("{host}")),
    (
        "a path that climbs in disguise",
        "{scheme}://{own}/api/v2/%2e%2e/%2e%2e/evil",
        Some("{host}"),
    ),
    ("empty parts of a path", "{scheme}://{own}//api//v2", Some("{host}")),
    ("a query", "{scheme}://{own}/api/v2?to={other}", Some("{host}")),
    ("a fragment", "{scheme}://{own}/api/v2#@{other}", Some("{host}")),
    ("IPv6", "http://[::1]:{other port}/api/v2", Some("[::1]")),
    ("IPv4 in IPv6", "http://[::ffff:127.0.0.1]:{other port}/api/v2", Some("[::ffff:127.0.0.1]")),
    ("an address as one number", "http://2130706433:{other port}/api/v2", Some("2130706433")),
    ("an address in hexadecimal", "http://0x7f.0.0.1:{other port}/api/v2", Some("0x7f.0.0.1")),
    ("a percent-encoded host", "{scheme}://%31%32%37.0.0.1:{other port}/api/v2", None),
    ("white space around", " {scheme}://{own}/api/v2 ", None),
    ("a line break behind", "{scheme}://{own}/api/v2\r\nhost: {other}\r\n\r\n", None),
    ("a tab within", "{scheme}://{own}/api/\tv2", None),
    ("a NUL", "{scheme}://{own}\0.{other}/api/v2", None),
    ("nothing", "", None),
];

/// Some that are no templates: named at length, and with what a client keeps secret.
fn others() -> Vec<(&'static str, String, Option<String>)> {
    let long = "a".repeat(60_000);
    vec![
        ("a very long host", format!("https://{long}.example/api/v2"), Some("a".repeat(300))),
        ("a very long path", format!("{{scheme}}://{{own}}/api/v2/{long}"), Some("{host}".into())),
        (
            "the session for a host",
            format!("https://{SESSION}.evil.example/api/v2"),
            Some("[redacted].evil.example".to_owned()),
        ),
    ]
}

/// All of them: a name, the template, and that of the host that is told.
pub(crate) fn hostile() -> Vec<(&'static str, String, Option<String>)> {
    let templates =
        HOSTILE.iter().map(|(name, url, host)| (*name, (*url).to_owned(), host.map(str::to_owned)));
    templates.chain(others()).collect()
}
