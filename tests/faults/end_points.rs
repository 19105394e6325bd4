//! What the answer to a sign-in names as its `apiEndPoint` is followed if it is the environment's
//! own, letter by letter, and nothing is ever sent to any other place.

use std::sync::Arc;

use bill_conformance::{Adapter, Silent};
use bill_session_core::{Environment, Event};
use rustls::ServerConfig;
use serde_json::json;

use crate::answers::{answer, body_of, login, success};
use crate::authority::Authority;
use crate::cell::{Cell, assert_all};
use crate::hostile::hostile;
use crate::outcome::Outcome::Served;
use crate::outcome::Step;
use crate::party::{Limits, Party};
use crate::server::{Front, Reply, Server, TUNNEL, Way};
use crate::trusting::in_a_process_that_trusts;
use crate::wire::Handshake;

const STAGE: &str = "api-stage.bill.com";

/// Where a client is, and where it must not go.
#[derive(Clone, Copy)]
struct Place<'a> {
    scheme: &'a str,
    host: &'a str,
    port: &'a str,
    other: &'a str,
}

impl Place<'_> {
    fn fill(self, template: &str) -> String {
        let Self { scheme, host, port, other } = self;
        let (other_host, other_port) = other.split_once(':').unwrap();
        let own = if port == "443" { host.to_owned() } else { format!("{host}:{port}") };
        template
            .replace("{scheme}", scheme)
            .replace("{SCHEME}", &scheme.to_uppercase())
            .replace("{other scheme}", if scheme == "http" { "https" } else { "http" })
            .replace("{host}", host)
            .replace("{HOST}", &host.to_uppercase())
            .replace("{port}", port)
            .replace("{own}", &own)
            .replace("{other}", other)
            .replace("{other host}", other_host)
            .replace("{other port}", other_port)
    }
}

/// What is followed, and where that leads, which shows that a tunnel elsewhere would be seen.
const FOLLOWED: [(&str, &str); 4] = [
    ("https://api-stage.bill.com/api/v2", STAGE),
    ("https://api-stage.bill.com/api/v2/", STAGE),
    ("https://api-stage.bill.com:443/api/v2", STAGE),
    ("https://api-sandbox.bill.com/api/v2", "api-sandbox.bill.com"),
];

/// Each string for a server on loopback, and each for BILL's test environment behind a proxy.
pub(crate) fn cells(authority: &Authority) -> Vec<Cell> {
    let good = authority.good(&[STAGE, "api-sandbox.bill.com"]).served();
    let mut cells = Vec::new();
    for (name, url, host) in hostile() {
        let (also_url, also_host, good) = (url.clone(), host.clone(), Arc::clone(&good));
        cells.push(Cell::new(format!("apiEndPoint / {name} / loopback"), move |adapter| {
            on_loopback(adapter, &url, host.as_deref());
        }));
        cells.push(Cell::new(format!("apiEndPoint / {name} / stage"), move |adapter| {
            at_stage(adapter, &also_url, also_host.as_deref(), &good);
        }));
    }
    for (url, host) in FOLLOWED {
        let good = Arc::clone(&good);
        cells.push(Cell::new(format!("apiEndPoint / {url} is followed / stage"), move |adapter| {
            followed_at_stage(adapter, url, host, &good);
        }));
    }
    cells
}

/// Answers as BILL does, with this as its `apiEndPoint`.
fn naming(url: String) -> impl FnMut(&str) -> Reply + Send + 'static {
    move |path| {
        let body = match path {
            "/api/v2/Login.json" => success(&login(&json!(url))),
            _ => body_of(path),
        };
        Reply::Bytes(answer(body))
    }
}

fn on_loopback(adapter: Adapter, url: &str, host: Option<&str>) {
    let elsewhere = Silent::start();
    let other = elsewhere.origin().replace("http://", "");
    // Its own port is known only once it listens.
    let url = url.to_owned();
    let template = (url.clone(), other.clone());
    let server = Server::start_knowing_itself(Front::Plain, move |own, path| {
        let port = own.rsplit(':').next().unwrap();
        let place = Place { scheme: "http", host: "127.0.0.1", port, other: &template.1 };
        naming(place.fill(&template.0))(path)
    });
    let party = Party::new(adapter, &server.origin(), Limits::LONG);
    let port = server.addr().port().to_string();
    let place = Place { scheme: "http", host: "127.0.0.1", port: &port, other: &other };
    let host = host.map(|host| place.fill(host));
    assert_not_followed(&party, &server, &format!("{}/api/v2", server.origin()), host.as_deref());
    assert_eq!(elsewhere.connections(), 0, "connections elsewhere");
}

fn at_stage(adapter: Adapter, url: &str, host: Option<&str>, good: &Arc<ServerConfig>) {
    let elsewhere = Silent::start();
    let other = elsewhere.origin().replace("http://", "");
    let place = Place { scheme: "https", host: STAGE, port: "443", other: &other };
    let server = behind_a_proxy(place.fill(url), good);
    let party = stage(adapter, &server);
    let host = host.map(|host| place.fill(host));
    assert_not_followed(&party, &server, "https://api-stage.bill.com/api/v2", host.as_deref());
    for tunnel in server.told().tunnels {
        assert!(tunnel.starts_with("CONNECT api-stage.bill.com:443 HTTP/1.1\r\n"), "{tunnel}");
    }
    assert_eq!(elsewhere.connections(), 0, "connections elsewhere");
}

fn followed_at_stage(adapter: Adapter, url: &str, host: &str, good: &Arc<ServerConfig>) {
    let server = behind_a_proxy(url.to_owned(), good);
    let party = stage(adapter, &server);
    let mut events = party.client.events();
    assert_eq!(party.does(Step::Call), Served);
    assert_eq!(events.kinds(), ["SignedIn"]);
    assert_eq!(party.client.api(), Some(format!("https://{host}/api/v2")));
    let tunnels = server.told().tunnels;
    let last = tunnels.last().unwrap();
    assert!(last.starts_with(&format!("CONNECT {host}:443 HTTP/1.1\r\n")), "{last}");
}

fn behind_a_proxy(url: String, good: &Arc<ServerConfig>) -> Server {
    let way = Way::Tunnel(TUNNEL, Handshake::Tls(Arc::clone(good)));
    Server::start(Front::Proxy { own: None, ways: vec![way] }, naming(url))
}

fn stage(adapter: Adapter, proxy: &Server) -> Party {
    let proxy = format!("http://{}", proxy.addr());
    Party::of(adapter, Environment::Stage, Limits::LONG, Some(proxy))
}

/// Signed in, told of it, and at home.
fn assert_not_followed(party: &Party, server: &Server, api: &str, host: Option<&str>) {
    let mut events = party.client.events();
    assert_eq!(party.does(Step::SignIn), Served, "the sign-in");
    let told: Vec<_> = events
        .heard()
        .into_iter()
        .filter_map(|event| match event {
            Event::NotFollowed(named) => Some(named.host),
            _ => None,
        })
        .collect();
    assert_eq!(told, [host.map(str::to_owned)], "what the program is told");
    assert_eq!(party.client.not_followed().as_deref(), host);
    assert_eq!(party.client.api().as_deref(), Some(api));
    assert_eq!(party.does(Step::Call), Served, "the call");
    let requests = server.told().requests;
    let paths: Vec<_> = requests.iter().filter_map(|line| line.split(' ').nth(1)).collect();
    assert_eq!(paths, [Step::SignIn.path(), Step::Call.path()]);
}

#[test]
fn no_api_end_point_leads_anywhere_but_home() {
    let name = "end_points::no_api_end_point_leads_anywhere_but_home";
    in_a_process_that_trusts(name, &[], |authority| assert_all(&cells(authority)));
}
