//! Through a proxy goes a tunnel and nothing else: it sees `CONNECT`, and no secret.
//!
//! Nothing leaves the machine: the proxy answers in the place of BILL's hosts.

use std::env;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bill_conformance::{Adapter, Op};
use bill_session_core::Environment;

use crate::answers::{body_of, last_answer};
use crate::authority::Authority;
use crate::cell::{Cell, assert_all};
use crate::outcome::Outcome::{self, NotConnected, NotConnectedInTime, Served};
use crate::outcome::Step;
use crate::party::{Limits, Party, assert_no_secret, holds_secret};
use crate::server::{Front, Reply, Server, TUNNEL, Told, Way};
use crate::trusting::in_a_process_that_trusts;
use crate::wire::Handshake;

const BILL: &str = "api-stage.bill.com";
const GATEWAY: &str = "gateway.stage.bill.com";

/// The limit to connect where a proxy is silent.
const FOR_SILENCE: Duration = Duration::from_secs(2);

/// What a proxy may see of a request for a tunnel.
const HEADERS: [&str; 4] = ["host", "user-agent", "proxy-connection", "connection"];

fn bill(authority: &Authority) -> Handshake {
    Handshake::Tls(authority.good(&[BILL, GATEWAY]).served())
}

/// What a proxy can do with a request for a tunnel.
fn ways(authority: &Authority) -> Vec<(&'static str, Outcome, Way)> {
    let stranger = Authority::new("an authority that nobody knows");
    let tunnel = |shake| Way::Tunnel(TUNNEL, shake);
    let served_as =
        |authority: &Authority, host| tunnel(Handshake::Tls(authority.good(&[host]).served()));
    let late = Outcome::NotConnectedInTime;
    vec![
        ("a tunnel", Served, tunnel(bill(authority))),
        (
            "a tunnel of HTTP/1.0",
            Served,
            Way::Tunnel("HTTP/1.0 200 OK\r\nvia: a proxy\r\n\r\n", bill(authority)),
        ),
        ("somebody in the middle", NotConnected, served_as(&stranger, BILL)),
        ("another trusted host", NotConnected, served_as(authority, "127.0.0.1")),
        ("plain HTTP behind the tunnel", NotConnected, {
            tunnel(Handshake::Bytes(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()))
        }),
        ("the end behind the tunnel", NotConnected, tunnel(Handshake::Bytes(Vec::new()))),
        ("silence behind the tunnel", late.clone(), tunnel(Handshake::Silence)),
        ("silence", late, Way::Silence),
        ("the end", NotConnected, Way::Refusal("")),
        ("403", NotConnected, Way::Refusal("HTTP/1.1 403 Forbidden\r\n\r\n")),
        (
            "407",
            NotConnected,
            Way::Refusal("HTTP/1.1 407 Who\r\nproxy-authenticate: Basic realm=\"BILL\"\r\n\r\n"),
        ),
        (
            "502 and a page",
            NotConnected,
            Way::Refusal("HTTP/1.1 502 Bad Gateway\r\ncontent-length: 13\r\n\r\n<html></html>"),
        ),
        (
            "a redirect",
            NotConnected,
            Way::Refusal("HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\n\r\n"),
        ),
        (
            "a page in place of a tunnel",
            NotConnected,
            Way::Refusal("HTTP/1.1 200 OK\r\ncontent-length: 13\r\n\r\n<html></html>"),
        ),
        ("no HTTP", NotConnected, Way::Refusal("SSH-2.0-OpenSSH_9.9\r\n")),
        ("headers without end", NotConnected, Way::Flood("HTTP/1.1 200 OK\r\nx: flood\r\nx: ")),
    ]
}

pub(crate) fn cells(authority: &Authority) -> Vec<Cell> {
    let mut cells = Vec::new();
    for (name, expected, way) in ways(authority) {
        for step in Step::BOTH {
            let (expected, good) = (expected.clone(), Way::Tunnel(TUNNEL, bill(authority)));
            let ways = match step {
                Step::SignIn => vec![way.clone(), good],
                Step::Call => vec![good.clone(), way.clone(), good],
            };
            let name = format!("proxy / {name} / {}", step.name());
            cells.push(Cell::new(name, move |adapter| {
                tunnel(adapter, step, None, ways.clone(), &expected);
            }));
        }
    }
    let stranger = Authority::new("an authority that nobody knows");
    let tls = |authority: &Authority| Handshake::Tls(authority.good(&["127.0.0.1"]).served());
    for (name, expected, own) in [
        ("a tunnel", Served, tls(authority)),
        ("an unknown proxy", NotConnected, tls(&stranger)),
        ("silence", NotConnectedInTime, Handshake::Silence),
    ] {
        let ways = vec![Way::Tunnel(TUNNEL, bill(authority))];
        cells.push(Cell::new(format!("proxy / over TLS / {name}"), move |adapter| {
            tunnel(adapter, Step::SignIn, Some(own.clone()), ways.clone(), &expected);
        }));
    }
    let to_gateway = Arc::new(bill(authority));
    let by_environment = Arc::clone(&to_gateway);
    cells.push(Cell::new("proxy / a tunnel for v3 / call", move |adapter| {
        to_the_gateway(adapter, &to_gateway);
    }));
    cells.push(Cell::new("proxy / a tunnel by the environment / both", move |adapter| {
        of_the_environment(adapter, &by_environment);
    }));
    cells
}

/// A proxy in front of BILL, with a connection of its own for each request.
fn proxy(listener: TcpListener, own: Option<Handshake>, ways: Vec<Way>) -> Server {
    Server::listen(listener, Front::Proxy { own, ways }, |_, path| {
        let body = body_of(path);
        Reply::Script(Box::new(move |wire| {
            wire.send(last_answer(body));
        }))
    })
}

fn any_port() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").unwrap()
}

fn through(adapter: Adapter, proxy: Option<String>, limits: Limits) -> Party {
    Party::of(adapter, Environment::Stage, limits, proxy)
}

fn tunnel(
    adapter: Adapter,
    step: Step,
    own: Option<Handshake>,
    ways: Vec<Way>,
    expected: &Outcome,
) {
    let scheme = if own.is_some() { "https" } else { "http" };
    let proxy = proxy(any_port(), own.clone(), ways);
    let limits = match expected {
        NotConnectedInTime => Limits { connect: FOR_SILENCE, ..Limits::LONG },
        _ => Limits::LONG,
    };
    let party = through(adapter, Some(format!("{scheme}://{}", proxy.addr())), limits);
    if step == Step::Call {
        assert_eq!(party.does(Step::SignIn), Served, "the first sign-in");
    }
    let before = proxy.told();
    assert_eq!(party.does(step), *expected);
    let told = proxy.told();
    assert_eq!(told.connections - before.connections, 1, "connections");
    let served = usize::from(*expected == Served);
    assert_eq!(told.requests.len() - before.requests.len(), served, "requests");
    if own.is_none() {
        party.wait();
        assert_eq!(party.does(Step::Call), Served, "afterwards");
    }
    assert_saw_connect_alone(&proxy.told(), BILL);
}

/// All that the proxy saw are requests for tunnels to this host, and what nobody can read.
fn assert_saw_connect_alone(told: &Told, host: &str) {
    assert_no_secret(&told.raw);
    // What went through was what must not be seen.
    assert_eq!(holds_secret(&told.bodies), !told.requests.is_empty());
    for head in &told.tunnels {
        let mut lines = head.lines();
        assert_eq!(lines.next(), Some(&*format!("CONNECT {host}:443 HTTP/1.1")));
        for line in lines {
            let name = line.split(':').next().unwrap_or_default().to_ascii_lowercase();
            assert!(HEADERS.contains(&&*name), "{line}");
        }
    }
}

fn to_the_gateway(adapter: Adapter, bill: &Handshake) {
    let ways = vec![Way::Tunnel(TUNNEL, bill.clone())];
    let proxy = proxy(any_port(), None, ways);
    let party = through(adapter, Some(format!("http://{}", proxy.addr())), Limits::LONG);
    party.run(&Op::get("/v3/vendors")).unwrap();
    let mut told = proxy.told();
    let to_gateway = told.tunnels.split_off(1);
    assert_saw_connect_alone(&told, BILL);
    told.tunnels = to_gateway;
    assert_eq!(told.tunnels.len(), 1);
    assert_saw_connect_alone(&told, GATEWAY);
    assert_eq!(told.sent_to("/connect/v3/vendors"), 1);
}

/// The environment names one proxy, which is therefore for one client at a time.
static ENVIRONMENT: Mutex<()> = Mutex::new(());

fn of_the_environment(adapter: Adapter, bill: &Handshake) {
    let _alone = ENVIRONMENT.lock().unwrap_or_else(PoisonError::into_inner);
    let named = env::var("HTTPS_PROXY").unwrap();
    let addr: SocketAddr = named.trim_start_matches("http://").parse().unwrap();
    let ways = vec![Way::Tunnel(TUNNEL, bill.clone())];
    let proxy = proxy(TcpListener::bind(addr).unwrap(), None, ways);
    let party = through(adapter, None, Limits::LONG);
    assert_eq!(party.does(Step::SignIn), Served);
    assert_eq!(party.does(Step::Call), Served);
    let told = proxy.told();
    assert_eq!((told.tunnels.len(), told.requests.len()), (2, 2));
    assert_saw_connect_alone(&told, BILL);
}

#[test]
fn a_proxy_sees_nothing_but_requests_for_a_tunnel() {
    let name = "proxies::a_proxy_sees_nothing_but_requests_for_a_tunnel";
    // An address of its own, so that no other server of this test gets the port.
    let free = TcpListener::bind("127.0.0.3:0").unwrap().local_addr().unwrap();
    let proxy = format!("http://{free}");
    let variables = [("HTTPS_PROXY", &*proxy)];
    in_a_process_that_trusts(name, &variables, |authority| assert_all(&cells(authority)));
}
